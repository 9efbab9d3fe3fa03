/*
 * The log: journal entries with fields, or lines on stderr
 *
 * Messages are written with g_log_structured() and what builds on it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_LOG_H
#define MEDIATOR_LOG_H

/* Send what is logged from now on to where stderr leads. */
void log_init(void);

#endif /* MEDIATOR_LOG_H */
