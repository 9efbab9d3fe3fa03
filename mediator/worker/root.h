/*
 * The files that a driver needs after it is open, as a small root
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_ROOT_H
#define WORKER_ROOT_H

#include <glib.h>
#include <stdbool.h>

/*
 * Fill @folder with copies of what this process's OpenCL driver needs to
 * compile and run programs, at the paths of the originals, or bring those that
 * are there up to date. Nobody may write to them. The driver is open; it has to
 * be PoCL: what another reads late is not known.
 *
 * Errors: G_IO_ERROR or G_SPAWN_ERROR; there may be something in @folder then.
 */
bool root_make(const char *folder, GError **error);

#endif /* WORKER_ROOT_H */
