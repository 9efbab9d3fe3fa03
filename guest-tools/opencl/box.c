/*
 * OpenCL in the guest: moving what has rows and slices
 *
 * SPDX-License-Identifier: MIT
 */
#include "box.h"

#include <stdlib.h>
#include <string.h>

struct upload;

/* A box on its way */
struct moving {
    struct piece piece;
    const struct box_transfer *transfer;        /* as long as the event is */
    struct box box;
    struct upload *upload;      /* of box_upload() */
    char packed[];              /* its bytes, unless they are direct */
};

size_t box_size(const struct box *box)
{
    return box->region[0] * box->region[1] * box->region[2];
}

/* Where the program has a row of the box */
static char *row_of(const struct box_transfer *transfer, const struct box *box,
                    size_t y, size_t z)
{
    return transfer->bytes + rect_offset(&transfer->here, box->origin[0],
                                         box->origin[1] + y,
                                         box->origin[2] + z);
}

/* Move between the program's memory and the box's bytes, packed. */
static void move_rows(const struct box_transfer *transfer,
                      const struct box *box, char *packed, bool pack)
{
    for (size_t z = 0; z < box->region[2]; z++) {
        for (size_t y = 0; y < box->region[1]; y++) {
            char *row = row_of(transfer, box, y, z);

            memcpy(pack ? packed : row, pack ? row : packed, box->region[0]);
            packed += box->region[0];
        }
    }
}

static void unpack(struct piece *piece, const void *bytes, size_t length)
{
    struct moving *moving = (struct moving *)piece;
    const size_t size = box_size(&moving->box);

    if (bulk_is_inline(size)) {
        memcpy(moving->packed, bytes, length < size ? length : size);
    }
    move_rows(moving->transfer, &moving->box, moving->packed, false);
}

/* Are the box's bytes one piece of the program's memory? */
static bool is_direct(const struct box_transfer *transfer,
                      const struct box *box)
{
    const size_t row = box->region[0];

    return (box->region[1] == 1 || transfer->here.row_pitch == row) &&
           (box->region[2] == 1 ||
            transfer->here.slice_pitch == row * box->region[1]);
}

/* A box, with memory for it unless it is direct; NULL: no memory */
static struct moving *moving_new(const struct box_transfer *transfer,
                                 const struct box *box, bool direct)
{
    struct moving *moving = malloc(sizeof(*moving) +
                                   (direct ? 0 : box_size(box)));

    if (moving) {
        *moving = (struct moving) { .transfer = transfer, .box = *box };
    }
    return moving;
}

static struct remote_command *write_command(const struct moving *moving,
                                            const struct box_command *command,
                                            bool direct)
{
    const struct box_transfer *transfer = moving->transfer;
    char *packed = (char *)moving->packed;

    if (direct) {
        packed = row_of(transfer, &moving->box, 0, 0);
    } else {
        move_rows(transfer, &moving->box, packed, true);
    }
    return bulk_write(command->opcode, &command->structure, command->size,
                      packed, box_size(&moving->box));
}

static struct remote_command *read_command(struct moving *moving,
                                           const struct box_command *command,
                                           bool direct)
{
    char *target = moving->packed;

    if (direct) {
        target = row_of(moving->transfer, &moving->box, 0, 0);
    } else {
        moving->piece.arrived = unpack;
    }
    return bulk_read(command->opcode, &command->structure, command->size,
                     target, box_size(&moving->box));
}

static void put_box(void *opaque, const struct box_transfer *transfer,
                    const struct box *box)
{
    cl_event event = opaque;
    const bool direct = is_direct(transfer, box) &&
                        !(transfer->read && bulk_is_inline(box_size(box)));
    struct moving *moving = moving_new(transfer, box, direct);
    struct box_command command;

    if (!moving) {
        event_fail(event, CL_OUT_OF_HOST_MEMORY);
        return;
    }
    transfer->describe(transfer, box, &command);
    event_put(event, transfer->read ? read_command(moving, &command, direct)
                                    : write_command(moving, &command, direct),
              &moving->piece, true);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void for_each_box(const struct box_transfer *transfer,
                         void (*put)(void *opaque,
                                     const struct box_transfer *transfer,
                                     const struct box *box),
                         void *opaque)
{
    const size_t *region = transfer->region;
    const size_t most = VGPU_STUB_QUEUE_TRANSFER_MAX -
                        VGPU_STUB_QUEUE_TRANSFER_MAX % transfer->unit;
    const size_t x_step = least(region[0], most);
    const size_t y_step = least(region[1], most / x_step);
    const size_t z_step = x_step == region[0] && y_step == region[1]
                          ? least(region[2], most / (x_step * y_step)) : 1;

    for (size_t z = 0; z < region[2]; z += z_step) {
        for (size_t y = 0; y < region[1]; y += y_step) {
            for (size_t x = 0; x < region[0]; x += x_step) {
                const struct box box = {
                    .origin = { x, y, z },
                    .region = { least(x_step, region[0] - x),
                                least(y_step, region[1] - y),
                                least(z_step, region[2] - z) },
                };

                put(opaque, transfer, &box);
            }
        }
    }
}

void box_issue(cl_event event, struct work *work)
{
    for_each_box((const struct box_transfer *)work, put_box, event);
}

/* --- Without an event --- */

struct upload {
    struct host *host;
    cl_int status;              /* the first error */
    uint64_t last;              /* number of the last command */
};

static void upload_done(struct remote_command *command,
                        const struct remote_result *result)
{
    struct moving *moving = command->opaque;

    if (moving->upload->status == CL_SUCCESS) {
        moving->upload->status = result->status;
    }
    free(moving);
    free(command);
}

static void upload_box(void *opaque, const struct box_transfer *transfer,
                       const struct box *box)
{
    struct upload *upload = opaque;
    const bool direct = is_direct(transfer, box);
    struct moving *moving = moving_new(transfer, box, direct);
    struct remote_command *command = NULL;
    struct box_command described;

    if (moving) {
        moving->upload = upload;
        transfer->describe(transfer, box, &described);
        command = write_command(moving, &described, direct);
    }
    if (!command) {
        free(moving);
        upload->status = CL_OUT_OF_HOST_MEMORY;
        return;
    }
    command->done = upload_done;
    command->opaque = moving;
    upload->last = session_put(upload->host->session, command);
}

cl_int box_upload(struct host *host, const struct box_transfer *transfer)
{
    struct upload upload = { .host = host, .status = CL_SUCCESS };

    for_each_box(transfer, upload_box, &upload);
    if (upload.last > 0) {
        session_wait(host->session, upload.last);
    }
    return upload.status;
}
