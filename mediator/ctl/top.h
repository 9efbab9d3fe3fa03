/*
 * What VMs do right now, again and again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include <glib.h>
#include <stdbool.h>

#define TOP_MAX_INTERVAL_S 3600

typedef struct Top {
    const char *path;           /* the daemon's admin socket */
    unsigned interval_s;        /* 1 to TOP_MAX_INTERVAL_S */
    unsigned count;             /* of tables; 0: no end */
    bool json;
} Top;

/*
 * On a terminal, show a table and refresh it until q is pressed; elsewhere, or
 * as JSON, print one after the other. Returns false with an error of ask()
 * when the daemon does not answer.
 */
bool top_run(const Top *top, GError **error);

#endif /* CTL_TOP_H */
