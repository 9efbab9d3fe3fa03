/*
 * OpenCL in the guest: moving data between the program's memory and the host
 *
 * SPDX-License-Identifier: MIT
 */
#include "bulk.h"

#include <stdlib.h>
#include <string.h>

#define INLINE_MAX 4095

size_t bulk_piece(uint64_t size)
{
    return size < VGPU_STUB_QUEUE_TRANSFER_MAX ? size
                                               : VGPU_STUB_QUEUE_TRANSFER_MAX;
}

bool bulk_is_inline(size_t size)
{
    return size <= INLINE_MAX;
}

static void set_bulk(struct remote_command *command, void *bytes, size_t size,
                     enum remote_bulk kind)
{
    if (command) {
        command->bulk = bytes;
        command->bulk_length = size;
        command->bulk_kind = kind;
    }
}

struct remote_command *bulk_write(uint16_t opcode, const void *structure,
                                  size_t structure_size, const void *bytes,
                                  size_t size)
{
    const bool is_inline = bulk_is_inline(size);
    struct remote_command *command;

    command = remote_command_new(opcode, 0, structure, structure_size, bytes,
                                 is_inline ? size : 0);
    if (!is_inline) {
        set_bulk(command, (void *)bytes, size, REMOTE_BULK_TO_DEVICE);
    }
    return command;
}

struct remote_command *bulk_read(uint16_t opcode, const void *structure,
                                 size_t structure_size, void *bytes,
                                 size_t size)
{
    struct remote_command *command;

    command = remote_command_new(opcode, 0, structure, structure_size, NULL, 0);
    if (!bulk_is_inline(size)) {
        set_bulk(command, bytes, size, REMOTE_BULK_FROM_DEVICE);
    } else if (command) {
        command->payload_max = size;
    }
    return command;
}

/* Commands whose first error counts */
struct upload {
    cl_int status;
};

static void upload_done(struct remote_command *command,
                        const struct remote_result *result)
{
    struct upload *upload = command->opaque;

    if (upload->status == CL_SUCCESS) {
        upload->status = result->status;
    }
    free(command);
}

cl_int bulk_upload(struct host *host, uint16_t opcode, uint32_t object,
                   const void *bytes, uint64_t size)
{
    struct upload upload = { .status = CL_SUCCESS };
    struct vgpu_stub_cl_range range = { .object = object };
    struct remote_command *command = NULL;
    uint64_t last = 0;

    for (; range.offset < size; range.offset += range.size) {
        range.size = bulk_piece(size - range.offset);
        command = bulk_write(opcode, &range, sizeof(range),
                             (const char *)bytes + range.offset, range.size);
        if (!command) {
            break;
        }
        command->done = upload_done;
        command->opaque = &upload;
        last = session_put(host->session, command);
    }
    if (last > 0) {
        session_wait(host->session, last);
    }
    return range.offset < size ? CL_OUT_OF_HOST_MEMORY : upload.status;
}

/* A piece that comes in a result */
struct arrival {
    struct piece piece;
    void *to;
    size_t size;
};

static void arrived(struct piece *piece, const void *bytes, size_t length)
{
    struct arrival *arrival = (struct arrival *)piece;

    memcpy(arrival->to, bytes, length < arrival->size ? length
                                                      : arrival->size);
}

static struct piece *arrival_new(void *to, size_t size)
{
    struct arrival *arrival = calloc(1, sizeof(*arrival));

    if (!arrival) {
        return NULL;
    }
    arrival->piece.arrived = arrived;
    arrival->to = to;
    arrival->size = size;
    return &arrival->piece;
}

static void put_read(cl_event event, const struct vgpu_stub_cl_range *range,
                     char *bytes)
{
    struct piece *piece = NULL;

    if (bulk_is_inline(range->size)) {
        piece = arrival_new(bytes, range->size);
        if (!piece) {
            event_fail(event, CL_OUT_OF_HOST_MEMORY);
            return;
        }
    }
    event_put(event, bulk_read(VGPU_STUB_CL_BUFFER_READ, range, sizeof(*range),
                               bytes, range->size), piece, true);
}

void bulk_put(cl_event event, bool read, uint32_t buffer, uint64_t offset,
              uint64_t size, void *bytes)
{
    for (uint64_t done = 0; done < size; done += bulk_piece(size - done)) {
        const struct vgpu_stub_cl_range range = {
            .object = buffer,
            .offset = offset + done,
            .size = bulk_piece(size - done),
        };

        if (read) {
            put_read(event, &range, (char *)bytes + done);
        } else {
            event_put(event, bulk_write(VGPU_STUB_CL_BUFFER_WRITE, &range,
                                        sizeof(range), (char *)bytes + done,
                                        range.size), NULL, true);
        }
    }
}
