/*
 * The answer to a batch in the making
 *
 * Results are kept apart until all are known: whether a command has failed may
 * be seen only when the device is done with it. So there is always room for a
 * result of each command that was begun.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_ANSWER_H
#define WORKER_OPENCL_ANSWER_H

#include "batch.h"
#include "protocol/call.h"

/* What is to be said of a command */
typedef struct ClResult {
    uint64_t number;
    int32_t status;             /* CL_… */
    bool wanted;                /* also if it has succeeded */
    struct vgpu_stub_cl_times *times;   /* in the payload; NULL: none wanted */
    uint8_t *payload;           /* multiple of 8 */
    uint32_t length;            /* bytes of it */
} ClResult;

typedef struct ClAnswer {
    size_t room;                /* bytes that are left of the response's */
    unsigned count;
    ClResult results[VGPU_STUB_CL_BATCH_MAX];
    size_t used;                /* bytes of the payloads */
    uint8_t payloads[VGPU_STUB_QUEUE_RESPONSE_MAX]
        __attribute__((aligned(8)));
} ClAnswer;

/* Begin one of at most @room bytes; false when that is too little for any. */
bool cl_answer_init(ClAnswer *answer, size_t room);

/*
 * Begin the result of @command, which has @number; NULL when there is no room.
 * It is valid until cl_answer_init(), or cl_answer_drop().
 */
ClResult *cl_answer_add(ClAnswer *answer, const ClCommand *command,
                        uint64_t number);

/* The last command has not been executed. */
void cl_answer_drop(ClAnswer *answer);

/*
 * Give the last result @size bytes of payload more, which are to be filled; NULL
 * when there is no room.
 */
void *cl_answer_payload(ClAnswer *answer, size_t size);

/*
 * Write it out. @next is the number of the first command that was not executed;
 * of the *@printed bytes of @output it takes as many as there is room for, and
 * says how many those were.
 */
void cl_answer_encode(const ClAnswer *answer, uint64_t next,
                      const uint8_t *output, size_t *printed, Reply *reply);

#endif /* WORKER_OPENCL_ANSWER_H */
