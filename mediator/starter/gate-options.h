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
#include <string.h>

/* The program, as launchers are told to run it */
#define GATE_NAME "vgpu-gate"

/* Bytes of a label, which says for whom a worker is */
#define GATE_LABEL_MAX 64

/* Whether @label, without --label=, is one: nothing in it means anything to a
 * shell. */
static inline bool gate_label_allowed(const char *label)
{
    const size_t length = strspn(label, "abcdefghijklmnopqrstuvwxyz"
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789.-_");

    return length >= 1 && length <= GATE_LABEL_MAX && label[length] == '\0';
}

/*
 * Whether each of @options, NULL-terminated, is one of --backend=NAME,
 * --device=NUMBER, --memory-mib=NUMBER, --label=LABEL, --closed and --probe,
 * spelled so.
 */
bool gate_options_allowed(const char *const *options);

#endif /* STARTER_GATE_OPTIONS_H */
