/*
 * The messages between vgpu-mediatord and vgpu-starter
 *
 * They are packets on a socket pair (SOCK_SEQPACKET) that is the starter's
 * stdin. Both ends are of one machine: numbers have its byte order. Each type
 * has one size. The daemon chooses the id of a worker; it may choose it again
 * after FAILED or GONE.
 *
 *   HELLO    from the starter, once, first: a is STARTER_VERSION, b are
 *            STARTER_… flags
 *   START    to the starter: start a worker. a is how many bytes of the
 *            arguments are used: strings, each with its NUL. Three descriptors
 *            come with it: what shall be the worker's stdin, stdout and stderr.
 *            Answered with STARTED and later GONE, or with FAILED. Of a starter
 *            of launchers the first argument is a launcher, as the configuration
 *            has it, and the others are options for vgpu-gate.
 *   KILL     to the starter: kill a worker and all that it has started. The
 *            answer is GONE; an id that is of no worker (any more) is none.
 *   STARTED  a is the worker's pid, b its uid
 *   FAILED   a is an errno, b a StarterStep: it has not been started
 *   GONE     a is its wait status. The worker and all that it has started are
 *            no more.
 *
 * What is not used is 0. A starter that gets anything else kills all workers
 * and ends, as it does at the end of the stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_PROTOCOL_H
#define STARTER_PROTOCOL_H

#include <stdint.h>

#define STARTER_VERSION 2

/* Flags of HELLO: each worker has a uid of its own */
#define STARTER_OWN_UIDS (1u << 0)
/* Workers may chroot until they have entered their sandbox. */
#define STARTER_CHROOT (1u << 1)

#define STARTER_MAX_ARGUMENTS 16
#define STARTER_ARGUMENTS_SIZE 8192     /* bytes, NULs included */

/* Descriptors of a START, in this order */
#define STARTER_FD_STDIN 0
#define STARTER_FD_STDOUT 1
#define STARTER_FD_STDERR 2
#define STARTER_FDS 3

typedef enum StarterType {
    STARTER_HELLO = 1,
    STARTER_START,
    STARTER_KILL,
    STARTER_STARTED,
    STARTER_FAILED,
    STARTER_GONE,
} StarterType;

/* What did not work */
typedef enum StarterStep {
    STARTER_STEP_UID = 1,       /* none is free */
    STARTER_STEP_SCRATCH,       /* the worker's folder */
    STARTER_STEP_FORK,
    STARTER_STEP_LAUNCHER,      /* it is not as the configuration says */
} StarterStep;

typedef struct StarterMessage {
    uint32_t type;
    uint32_t id;
    uint32_t a;
    uint32_t b;
} StarterMessage;

typedef struct StarterStart {
    StarterMessage head;
    char arguments[STARTER_ARGUMENTS_SIZE];
} StarterStart;

_Static_assert(sizeof(StarterMessage) == 16, "no padding");
_Static_assert(sizeof(StarterStart) == 16 + STARTER_ARGUMENTS_SIZE,
               "no padding");

#endif /* STARTER_PROTOCOL_H */
