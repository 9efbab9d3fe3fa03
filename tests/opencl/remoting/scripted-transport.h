/*
 * A worker by a script, behind the interface of a transport, for tests
 *
 * Both are stand-ins: the driver takes no more than it has room for and hands
 * out what ends in the order of the submission, and the worker executes batches
 * as docs/opencl.md says. The commands are the test's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCRIPTED_TRANSPORT_H
#define SCRIPTED_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Commands; each has a struct scripted_command and a tail */
enum {
    SCRIPTED_NOTHING = 1,
    SCRIPTED_SILENT,            /* succeeds without a result */
    SCRIPTED_ECHO,              /* its payload is the tail */
    SCRIPTED_FAIL,              /* its status is -value */
    SCRIPTED_PRINT,             /* prints the value and a newline */
    SCRIPTED_WRITE,             /* its bulk has to be bytes of the value */
    SCRIPTED_READ,              /* its bulk becomes bytes of the value */
    SCRIPTED_COMMANDS,
};

struct scripted_command {
    uint64_t value;
};

/* Status of a WRITE with other bytes */
#define SCRIPTED_WRONG_BYTES 1

/* Bulk that begins here cannot be read or written. */
#define SCRIPTED_NO_MEMORY ((void *)0x1000)

struct script {
    /* One of so many, by chance; 0: none */
    unsigned refused;           /* submissions: -EAGAIN */
    unsigned short_of_memory;   /* submissions, while others go on: -ENOMEM */
    unsigned interrupted;       /* waits: -EINTR */
    unsigned cut;               /* batches: executed in part */
    unsigned garbled;           /* answers: some of their bytes are others */
    void (*before_answer)(void);        /* NULL: nothing */
    /* After so many batches; 0: never */
    unsigned gone_after;        /* the worker is gone: -ESTALE */
    unsigned error_after;       /* the request ends with an error … */
    const char *error;          /* … and this text */
};

/* For the transport that is opened next, of which there is one at a time */
void scripted_begin(const struct script *script, unsigned seed);

#endif /* SCRIPTED_TRANSPORT_H */
