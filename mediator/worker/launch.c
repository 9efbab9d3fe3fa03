/*
 * What a KERNEL request says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "launch.h"

#include <string.h>

/* Indices of params */
enum {
    DIMENSIONS = 0,
    GLOBAL = 1,                 /* to 3 */
    LOCAL = 4,                  /* to 6 */
    PROGRAM = 7,                /* and 8 */
    PROGRAM_LENGTH = 9,
};

/* A guest's program, in bytes */
#define PROGRAM_MAX (1024 * 1024)

/* The sizes of work groups are all 0, or each divides its global size. */
static bool decode_groups(NdRange *range, uint32_t max_group, GError **error)
{
    uint64_t items = 1;

    if (range->local[0] == 0 && range->local[1] == 0 &&
        range->local[2] == 0) {
        return true;
    }
    for (int i = 0; i < 3; i++) {
        if (range->local[i] == 0) {
            return backend_refuse(error, "work-group size: 0 in %c and not in "
                                  "all", 'x' + i);
        }
        if (range->global[i] % range->local[i] != 0) {
            return backend_refuse(error, "work-group size: in %c it does not "
                                  "divide the global size", 'x' + i);
        }
        /* Each time a product of two values below 2^32. */
        items *= range->local[i];
        if (items > max_group) {
            return backend_refuse(error, "work-group size: above %u work "
                                  "items", max_group);
        }
    }
    return true;
}

static bool decode_range(NdRange *range, const Call *call,
                         uint32_t max_group, GError **error)
{
    uint64_t items = 1;

    range->dimensions = call_param(call, DIMENSIONS);
    if (range->dimensions < 1 || range->dimensions > 3) {
        return backend_refuse(error, "dimensions: not 1 to 3");
    }
    for (unsigned i = 0; i < 3; i++) {
        range->global[i] = call_param(call, GLOBAL + i);
        range->local[i] = call_param(call, LOCAL + i);
        if (range->global[i] == 0) {
            return backend_refuse(error, "global size: 0 in %c", 'x' + i);
        }
        if (i >= range->dimensions && range->global[i] != 1) {
            return backend_refuse(error, "global size: not 1 in %c, which is "
                                  "no dimension", 'x' + i);
        }
        /* Each time a product of two values below 2^32. */
        items *= range->global[i];
        if (items > G_MAXUINT32) {
            return backend_refuse(error, "global size: 2^32 work items or "
                                  "more");
        }
    }
    return decode_groups(range, max_group, error);
}

static bool decode_program(Launch *launch, const Call *call, GError **error)
{
    launch->program = call_param64(call, PROGRAM);
    launch->program_length = call_param(call, PROGRAM_LENGTH);
    if (launch->program == 0) {
        return launch->program_length == 0 ||
               backend_refuse(error, "program: a length without a handle");
    }
    if (launch->program_length == 0 || launch->program_length > PROGRAM_MAX) {
        return backend_refuse(error, "program: its length is not 1 to %d "
                              "bytes", PROGRAM_MAX);
    }
    return true;
}

static bool decode_argument(struct vgpu_stub_kernel_arg *argument,
                            const uint8_t *bytes, unsigned index,
                            GError **error)
{
    struct vgpu_stub_kernel_arg raw;

    memcpy(&raw, bytes, sizeof(raw));
    *argument = (struct vgpu_stub_kernel_arg) {
        .type = GUINT32_FROM_LE(raw.type),
        .value = GUINT64_FROM_LE(raw.value),
    };
    if (raw.reserved != 0) {
        return backend_refuse(error, "argument %u: reserved is not 0", index);
    }
    switch (argument->type) {
    case VGPU_STUB_ARG_BUFFER:
    case VGPU_STUB_ARG_U64:
    case VGPU_STUB_ARG_F64:
        return true;
    case VGPU_STUB_ARG_U32:
    case VGPU_STUB_ARG_F32:
        return argument->value <= G_MAXUINT32 ||
               backend_refuse(error, "argument %u: the high bits of the value "
                              "are not 0", index);
    }
    return backend_refuse(error, "argument %u: there is no type %u", index,
                          argument->type);
}

static bool decode_name(char name[VGPU_STUB_KERNEL_NAME_SIZE],
                        const uint8_t *bytes, GError **error)
{
    const uint8_t *end = memchr(bytes, 0, VGPU_STUB_KERNEL_NAME_SIZE);

    if (end == NULL) {
        return backend_refuse(error, "name: no NUL within %d bytes",
                              VGPU_STUB_KERNEL_NAME_SIZE);
    }
    for (const uint8_t *c = bytes; c < end; c++) {
        if (!g_ascii_isalnum(*c) && *c != '_') {
            return backend_refuse(error, "name: other than letters, digits "
                                  "and _");
        }
    }
    for (const uint8_t *c = end; c < bytes + VGPU_STUB_KERNEL_NAME_SIZE;
         c++) {
        if (*c != 0) {
            return backend_refuse(error, "name: not padded with NULs");
        }
    }
    if (end == bytes) {
        return backend_refuse(error, "name: empty");
    }
    memcpy(name, bytes, VGPU_STUB_KERNEL_NAME_SIZE);
    return true;
}

bool launch_decode(Launch *launch, const Call *call, uint32_t max_group,
                   GError **error)
{
    const size_t size = sizeof(launch->arguments[0]);
    const uint8_t *arguments = call->data + VGPU_STUB_KERNEL_NAME_SIZE;

    if (!decode_range(&launch->range, call, max_group, error) ||
        !decode_program(launch, call, error)) {
        return false;
    }
    if (call->data_length < VGPU_STUB_KERNEL_NAME_SIZE) {
        return backend_refuse(error, "data: shorter than the kernel's name, "
                              "which has %d bytes",
                              VGPU_STUB_KERNEL_NAME_SIZE);
    }
    if ((call->data_length - VGPU_STUB_KERNEL_NAME_SIZE) % size != 0) {
        return backend_refuse(error, "data: the arguments are not %zu bytes "
                              "each", size);
    }
    launch->count = (call->data_length - VGPU_STUB_KERNEL_NAME_SIZE) / size;
    if (launch->count > KERNEL_MAX_ARGUMENTS) {
        return backend_refuse(error, "data: more than %d arguments",
                              KERNEL_MAX_ARGUMENTS);
    }
    if (!decode_name(launch->kernel, call->data, error)) {
        return false;
    }
    for (unsigned i = 0; i < launch->count; i++) {
        if (!decode_argument(&launch->arguments[i], arguments + i * size, i,
                             error)) {
            return false;
        }
    }
    return true;
}
