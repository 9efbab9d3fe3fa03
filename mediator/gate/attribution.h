/*
 * Whom a worker is for, in this host's log (syslog: the journal)
 *
 * It is the mediator's word, for people who ask who has used this host; nothing
 * is decided by it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GATE_ATTRIBUTION_H
#define GATE_ATTRIBUTION_H

#include <glib.h>
#include <sys/types.h>

/*
 * The context @context of the VM whose name are the @length bytes at @name, as a
 * text to be freed: what is not printable ASCII is "?".
 */
char *attribution_describe(const char *name, gsize length, guint64 context);

/* The worker @pid is for @owner from now on. */
void attribution_log_begin(const char *owner, pid_t pid);

/* That is over, after @answered requests. */
void attribution_log_end(const char *owner, unsigned answered);

#endif /* GATE_ATTRIBUTION_H */
