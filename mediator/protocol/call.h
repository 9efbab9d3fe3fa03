/*
 * What requests and responses carry, as bytes
 *
 * Pure functions: no I/O and no state. The specification is
 * docs/operations.md, the layouts are in include/vgpu-stub-regs.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_CALL_H
#define MEDIATOR_CALL_H

#include <glib.h>
#include <stdbool.h>

#include "vgpu-stub-regs.h"

/* A request that has been checked; points into its bytes. */
typedef struct Call {
    uint32_t opcode;            /* VGPU_STUB_OP_…, or one that we don't know */
    uint32_t flags;             /* VGPU_STUB_REQUEST_… */
    uint32_t param_count;
    uint32_t data_length;       /* bytes */
    const uint8_t *params;      /* param_count times u32, little-endian */
    const uint8_t *data;
} Call;

/* A response in the making; to begin with reply_init() */
typedef struct Reply {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    uint32_t result_count;
    uint32_t data_length;       /* bytes */
    size_t room;                /* bytes of the body that can be answered */
    /* The results in wire byte order, then the data */
    uint8_t body[VGPU_STUB_QUEUE_RESPONSE_MAX -
                 sizeof(struct vgpu_stub_response)];
} Reply;

/*
 * Check the @length bytes of a request and find its parts. On failure
 * returns false and makes @reply, as reply_init() leaves it, the answer to it.
 */
bool call_decode(Call *call, const uint8_t *bytes, size_t length,
                 Reply *reply);

/* The param with that index, and the 64-bit one of which it is the low half */
uint32_t call_param(const Call *call, unsigned index);
uint64_t call_param64(const Call *call, unsigned index);

/*
 * Begin an empty @reply without an error, for a response of @capacity bytes at
 * most, which are sizeof(struct vgpu_stub_response) to
 * VGPU_STUB_QUEUE_RESPONSE_MAX.
 */
void reply_init(Reply *reply, size_t capacity);

/*
 * Make @reply an error, with a sentence for the guest as its data, or what there
 * is room for of it.
 */
void reply_error(Reply *reply, uint32_t status, const char *why);

/*
 * Append @count results, in wire byte order, and then @length bytes of data
 * to a @reply without an error. All of it has to fit into the body; what there
 * is no room for is up to reply_encode().
 */
void reply_append_results(Reply *reply, const void *results, uint32_t count);
void reply_append_data(Reply *reply, const void *data, uint32_t length);

/*
 * Write @reply out, which becomes an error without results or data when there
 * is no room for them: INVALID_LENGTH. Returns its size in bytes.
 */
size_t reply_encode(Reply *reply, uint32_t exec_time_us, uint8_t *bytes);

#endif /* MEDIATOR_CALL_H */
