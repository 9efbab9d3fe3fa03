/*
 * What a worker may still do once its accelerator is open
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <glib.h>
#include <stdbool.h>

/* Give up what a worker with @backend does not need. */
bool sandbox_enter(const char *backend, GError **error);

#endif /* WORKER_SANDBOX_H */
