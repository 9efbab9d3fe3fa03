/*
 * What the parts of a worker's process have in common; for worker-process*.c
 * alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROCESS_PRIVATE_H
#define MEDIATOR_WORKER_PROCESS_PRIVATE_H

#include "protocol/carrier.h"
#include "worker-output.h"
#include "worker-process.h"

struct WorkerProcess {
    StarterChild *child;
    WorkerOutput *output;
    pid_t pid;                  /* 0 until it is known */
    char *place;                /* NULL: here */
    char *last;                 /* of what a launcher has said; NULL: nothing */
    Carrier *carrier;           /* of what it shares, if not here */
    gint64 heard;               /* monotonic, µs: what it said last */
    guint heartbeat;            /* source, or 0: it is ready, and elsewhere */
    bool blamed;
    Channel *channel;           /* NULL once it is closed */
    const WorkerProcessHandlers *handlers;
    gpointer opaque;
    bool ready;
    bool shares;                /* an arena: it is asked by that */
    bool limited;               /* it knows `limits` */
    struct worker_limits limits;
    uint32_t asked;             /* requests that were sent … */
    uint32_t came;              /* … are there, … */
    uint32_t computed;          /* … were executed … */
    uint32_t answered;          /* … and answered; they wrap around */
    bool over;                  /* only `gone` is to come */
    bool told;                  /* to exit */
    char *why;                  /* what was wrong; NULL for nothing so far */
};

/* --- worker-process.c --- */

/* Have it killed, unless it is gone already. */
void worker_process_end(WorkerProcess *process);

/* It will say nothing more. */
void worker_process_fail(WorkerProcess *process);

/* Nothing is sent any more, nor received. Not within the channel's `message`. */
void worker_process_close(WorkerProcess *process);

/* --- worker-process-far.c --- */

/* It is at the place that its HELLO says. */
bool worker_process_greet(WorkerProcess *process, const WireHeader *header,
                          const uint8_t *payload, GError **error);

/* What only a gate says */
bool worker_process_gate_says(WorkerProcess *process,
                              const WireHeader *header,
                              const uint8_t *payload, GError **error);

#endif /* MEDIATOR_WORKER_PROCESS_PRIVATE_H */
