/*
 * What may be asked of vgpu-gate, which has a worker started on another host
 *
 * It is checked on both sides of whatever carries it: a daemon that was taken
 * over cannot have anything else run there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_GATE_OPTIONS_H
#define STARTER_GATE_OPTIONS_H

#include <stdbool.h>

/* The program, as launchers are told to run it */
#define GATE_NAME "vgpu-gate"

/*
 * Whether each of @options, NULL-terminated, is one of --backend=NAME,
 * --device=NUMBER, --closed and --probe, spelled so.
 */
bool gate_options_allowed(const char *const *options);

#endif /* STARTER_GATE_OPTIONS_H */
