/*
 * Time that passes while software waits for an interrupt
 *
 * Otherwise only accesses let time pass. When every connected QEMU says that
 * its processors wait, what is due happens, until it interrupts one of them or
 * the time is over that they said.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_IDLE_H
#define SST_SIM_IDLE_H

#include "event-queue.h"
#include "server.h"

typedef struct Idle Idle;

/* @queue and @servers, of Server, have to outlive it. */
Idle *idle_new(EventQueue *queue, GPtrArray *servers);
void idle_free(Idle *idle);

#endif /* SST_SIM_IDLE_H */
