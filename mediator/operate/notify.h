/*
 * What the service manager is told: sd_notify(3), without its library
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_NOTIFY_H
#define MEDIATOR_NOTIFY_H

#include <glib.h>

/*
 * Look whether somebody wants to be told. Takes the variables out of the
 * environment, they are not for other processes.
 */
void notify_init(void);

/* Send lines of VARIABLE=VALUE, if somebody wants them. */
void G_GNUC_PRINTF(1, 2) notify(const char *format, ...);

/* Milliseconds within which WATCHDOG=1 is wanted again and again; 0: not */
guint notify_watchdog_ms(void);

#endif /* MEDIATOR_NOTIFY_H */
