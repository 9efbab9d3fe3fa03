/*
 * What a batch of OpenCL's commands says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "batch.h"

#include <string.h>

#include "vgpu-stub-ring.h"
#include "worker/backend.h"

/* Where commands begin, from the begin of the data */
#define ALIGNMENT 8

#define BULK_FLAGS (VGPU_STUB_SUBMIT_BULK_FROM_GUEST | \
                    VGPU_STUB_SUBMIT_BULK_TO_GUEST)

/* Which way the bulk of a command with @opcode goes; 0: it has none */
static uint32_t bulk_way(uint16_t opcode)
{
    switch (opcode) {
    case VGPU_STUB_CL_BUFFER_WRITE:
    case VGPU_STUB_CL_BUFFER_WRITE_RECT:
    case VGPU_STUB_CL_PROGRAM_SOURCE:
    case VGPU_STUB_CL_IMAGE_WRITE:
        return VGPU_STUB_SUBMIT_BULK_FROM_GUEST;
    case VGPU_STUB_CL_BUFFER_READ:
    case VGPU_STUB_CL_BUFFER_READ_RECT:
    case VGPU_STUB_CL_IMAGE_READ:
        return VGPU_STUB_SUBMIT_BULK_TO_GUEST;
    }
    return 0;
}

/* Does it go through the device's queue, and so has times? */
static bool has_times(uint16_t opcode)
{
    switch (opcode) {
    case VGPU_STUB_CL_BUFFER_WRITE:
    case VGPU_STUB_CL_BUFFER_READ:
    case VGPU_STUB_CL_BUFFER_WRITE_RECT:
    case VGPU_STUB_CL_BUFFER_READ_RECT:
    case VGPU_STUB_CL_BUFFER_COPY:
    case VGPU_STUB_CL_BUFFER_COPY_RECT:
    case VGPU_STUB_CL_BUFFER_FILL:
    case VGPU_STUB_CL_KERNEL_LAUNCH:
    case VGPU_STUB_CL_MARKER:
    case VGPU_STUB_CL_IMAGE_WRITE:
    case VGPU_STUB_CL_IMAGE_READ:
    case VGPU_STUB_CL_IMAGE_FILL:
    case VGPU_STUB_CL_IMAGE_COPY:
    case VGPU_STUB_CL_IMAGE_TO_BUFFER:
    case VGPU_STUB_CL_BUFFER_TO_IMAGE:
        return true;
    }
    return false;
}

/* --- The fields of each structure --- */

/* @size bytes are what comes with the command, or what it answers with. */
static bool check_data(const ClCommand *command, uint64_t size, GError **error)
{
    const bool reads = bulk_way(command->opcode) ==
                       VGPU_STUB_SUBMIT_BULK_TO_GUEST;

    if (reads && command->bulk == NULL) {
        return size <= VGPU_STUB_CL_PAYLOAD_MAX ||
               backend_refuse(error, "it reads more than %u bytes without "
                              "bulk", VGPU_STUB_CL_PAYLOAD_MAX);
    }
    return size == command->length ||
           backend_refuse(error, "its size is not that of its data");
}

static bool check_reserved(uint64_t reserved, GError **error)
{
    return reserved == 0 || backend_refuse(error, "reserved is not 0");
}

static bool check_query(const ClCommand *command, GError **error)
{
    return command->opcode != VGPU_STUB_CL_DEVICE_INFO ||
           check_reserved(command->body.query.object, error);
}

static bool check_object(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_object *object = &command->body.object;

    return check_reserved(object->reserved, error) &&
           (command->opcode != VGPU_STUB_CL_MARKER ||
            check_reserved(object->id, error));
}

static bool check_buffer_create(const ClCommand *command, GError **error)
{
    return check_reserved(command->body.buffer_create.reserved, error);
}

static bool check_sub_buffer_create(const ClCommand *command G_GNUC_UNUSED,
                                    GError **error G_GNUC_UNUSED)
{
    return true;
}

static bool check_range(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_range *range = &command->body.range;

    return check_reserved(range->reserved, error) &&
           /* Its data are a pattern. */
           (command->opcode == VGPU_STUB_CL_BUFFER_FILL ||
            check_data(command, range->size, error));
}

static bool check_rect(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_rect *rect = &command->body.rect;
    uint64_t size;

    if (__builtin_mul_overflow(rect->region[0], rect->region[1], &size) ||
        __builtin_mul_overflow(size, rect->region[2], &size)) {
        return backend_refuse(error, "its region has more bytes than there "
                              "are");
    }
    return check_reserved(rect->reserved, error) &&
           check_data(command, size, error);
}

static bool check_copy(const ClCommand *command G_GNUC_UNUSED,
                       GError **error G_GNUC_UNUSED)
{
    return true;
}

static bool check_copy_rect(const ClCommand *command G_GNUC_UNUSED,
                            GError **error G_GNUC_UNUSED)
{
    return true;
}

static bool check_program_create(const ClCommand *command, GError **error)
{
    return check_reserved(command->body.program_create.reserved, error);
}

static bool check_program_link(const ClCommand *command, GError **error)
{
    const uint32_t inputs = command->body.program_link.inputs;

    if (inputs < 1 || inputs > VGPU_STUB_CL_LINK_MAX) {
        return backend_refuse(error, "it does not link 1 to %u programs",
                              VGPU_STUB_CL_LINK_MAX);
    }
    return command->length >= inputs * sizeof(inputs) ||
           backend_refuse(error, "its programs' ids are not there");
}

static bool check_program_read(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_program_read *read =
        &command->body.program_read;

    if (read->what > VGPU_STUB_CL_READ_KERNELS) {
        return backend_refuse(error, "a program has no text %u", read->what);
    }
    return read->size <= VGPU_STUB_CL_PAYLOAD_MAX ||
           backend_refuse(error, "it reads more than %u bytes",
                          VGPU_STUB_CL_PAYLOAD_MAX);
}

static bool check_kernel_create(const ClCommand *command G_GNUC_UNUSED,
                                GError **error G_GNUC_UNUSED)
{
    return true;
}

static bool check_kernel_arg(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_kernel_arg *arg = &command->body.kernel_arg;

    if (arg->kind > VGPU_STUB_CL_ARG_OBJECT) {
        return backend_refuse(error, "there is no kind %u of argument",
                              arg->kind);
    }
    if ((arg->kind != VGPU_STUB_CL_ARG_VALUE && command->length != 0) ||
        (arg->kind != VGPU_STUB_CL_ARG_LOCAL && arg->local != 0) ||
        (arg->kind != VGPU_STUB_CL_ARG_OBJECT && arg->object != 0)) {
        return backend_refuse(error, "it has what its kind of argument does "
                              "not have");
    }
    return true;
}

static bool check_kernel_launch(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_kernel_launch *launch =
        &command->body.kernel_launch;

    if (launch->dimensions < 1 || launch->dimensions > 3) {
        return backend_refuse(error, "its dimensions are not 1 to 3");
    }
    for (unsigned i = launch->dimensions; i < 3; i++) {
        if (!check_reserved(launch->offset[i] | launch->global[i] |
                            launch->local[i], error)) {
            return false;
        }
    }
    return true;
}

static bool check_image_formats(const ClCommand *command, GError **error)
{
    return check_reserved(command->body.image_formats.reserved, error);
}

static bool check_image_create(const ClCommand *command, GError **error)
{
    return check_reserved(command->body.image_create.reserved, error);
}

/* What its region has is known of the image alone. */
static bool check_image_part(const ClCommand *command, GError **error)
{
    const struct vgpu_stub_cl_image_part *part = &command->body.image_part;

    return check_reserved(part->reserved, error) &&
           check_data(command, part->size, error);
}

static bool check_image_fill(const ClCommand *command, GError **error)
{
    return check_reserved(command->body.image_fill.reserved, error);
}

static bool check_image_copy(const ClCommand *command G_GNUC_UNUSED,
                             GError **error G_GNUC_UNUSED)
{
    return true;
}

static bool check_image_buffer(const ClCommand *command G_GNUC_UNUSED,
                               GError **error G_GNUC_UNUSED)
{
    return true;
}

static bool check_sampler_create(const ClCommand *command G_GNUC_UNUSED,
                                 GError **error G_GNUC_UNUSED)
{
    return true;
}

/* --- A command --- */

typedef struct Format {
    size_t size;                /* of its structure; 0: no such command */
    size_t tail;                /* bytes at most */
    bool (*check)(const ClCommand *command, GError **error);
} Format;

#define FORMAT(name, opcode, structure, tail, payload) \
    [opcode] = { sizeof(struct vgpu_stub_cl_##structure), tail, \
                 check_##structure },

static const Format formats[] = { VGPU_STUB_CL_COMMANDS(FORMAT) };

static const Format *find_format(uint16_t opcode, GError **error)
{
    if (opcode >= G_N_ELEMENTS(formats) || formats[opcode].size == 0) {
        backend_refuse(error, "there is no opcode %u", opcode);
        return NULL;
    }
    return &formats[opcode];
}

static bool check_flags(uint16_t opcode, uint16_t flags, GError **error)
{
    const uint16_t known =
        (has_times(opcode) ? VGPU_STUB_CL_FLAG_TIMES : 0) |
        (bulk_way(opcode) != 0 ? VGPU_STUB_CL_FLAG_BULK : 0);

    return (flags & ~known) == 0 ||
           backend_refuse(error, "it has a flag that it cannot have");
}

/* The command takes the @bulk of its submission in the tail's stead. */
static bool take_bulk(ClCommand *command, const ClBulk *bulk, GError **error)
{
    if (command->length != 0) {
        return backend_refuse(error, "it has data beside its bulk");
    }
    if (bulk->length == 0 ||
        (bulk->flags & BULK_FLAGS) != bulk_way(command->opcode)) {
        return backend_refuse(error, "its bulk did not come with it");
    }
    command->data = bulk->bytes;
    command->length = bulk->length;
    command->bulk = bulk->bytes;
    return true;
}

/* The command at @bytes, of @size bytes with its header, which are there */
static bool decode_command(ClCommand *command,
                           const struct vgpu_stub_cl_command *header,
                           const uint8_t *bytes, const ClBulk *bulk,
                           GError **error)
{
    const Format *format = find_format(header->opcode, error);
    size_t fixed;

    if (format == NULL || !check_flags(header->opcode, header->flags, error)) {
        return false;
    }
    fixed = sizeof(*header) + format->size;
    if (header->length < fixed || header->length > fixed + format->tail) {
        return backend_refuse(error, "its length is not %zu to %zu bytes",
                              fixed, fixed + format->tail);
    }
    *command = (ClCommand) {
        .opcode = header->opcode,
        .flags = header->flags,
        .data = bytes + fixed,
        .length = header->length - fixed,
    };
    memcpy(&command->body, bytes + sizeof(*header), format->size);
    if ((header->flags & VGPU_STUB_CL_FLAG_BULK) &&
        !take_bulk(command, bulk, error)) {
        return false;
    }
    return format->check(command, error);
}

/* --- All of them --- */

static bool decode_commands(ClBatch *batch, const uint8_t *bytes,
                            size_t length, const ClBulk *bulk, GError **error)
{
    size_t at = sizeof(struct vgpu_stub_cl_batch);

    for (unsigned i = 0; i < batch->count; i++) {
        struct vgpu_stub_cl_command header;

        at += (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
        if (at > length || length - at < sizeof(header)) {
            return backend_refuse(error, "command %u: it is not there", i);
        }
        memcpy(&header, bytes + at, sizeof(header));
        if (header.length > length - at) {
            return backend_refuse(error, "command %u: it leaves the data", i);
        }
        if (!decode_command(&batch->commands[i], &header, bytes + at, bulk,
                            error)) {
            g_prefix_error(error, "command %u: ", i);
            return false;
        }
        at += header.length;
    }
    /* The last one may be filled up as the others are. */
    return length - at < ALIGNMENT ||
           backend_refuse(error, "there are data after the last command");
}

/* Bulk belongs to the last command, and to no other. */
static bool check_bulk(const ClBatch *batch, const ClBulk *bulk,
                       GError **error)
{
    const ClCommand *last = &batch->commands[batch->count - 1];

    for (const ClCommand *command = batch->commands; command < last;
         command++) {
        if (command->bulk != NULL) {
            return backend_refuse(error, "a command with bulk is not the "
                                  "last one");
        }
    }
    return bulk->length == 0 || last->bulk != NULL ||
           backend_refuse(error, "the last command does not take the bulk");
}

bool cl_batch_decode(ClBatch *batch, const uint8_t *bytes, size_t length,
                     const ClBulk *bulk, GError **error)
{
    struct vgpu_stub_cl_batch header;

    if (length < sizeof(header)) {
        return backend_refuse(error, "the batch is shorter than its header");
    }
    memcpy(&header, bytes, sizeof(header));
    if (header.count < 1 || header.count > VGPU_STUB_CL_BATCH_MAX) {
        return backend_refuse(error, "a batch has 1 to %u commands",
                              VGPU_STUB_CL_BATCH_MAX);
    }
    if (!check_reserved(header.reserved, error)) {
        return false;
    }
    batch->first = header.first;
    batch->count = header.count;
    return decode_commands(batch, bytes, length, bulk, error) &&
           check_bulk(batch, bulk, error);
}
