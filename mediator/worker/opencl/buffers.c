/*
 * Buffers, and parts of buffers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "buffers.h"

ClBuffer *cl_buffer_find(const ClSession *session, uint32_t id)
{
    return (ClBuffer *)cl_objects_find(session->objects, id, CL_KIND_BUFFER);
}

cl_mem cl_buffer_whole(const ClBuffer *buffer, size_t *offset)
{
    *offset += buffer->origin;
    return buffer->whole != NULL ? buffer->whole->memory : buffer->memory;
}

static void buffer_free(ClObject *object)
{
    ClBuffer *buffer = (ClBuffer *)object;

    cl.clReleaseMemObject(buffer->memory);
    if (buffer->whole != NULL) {
        cl_object_unref(&buffer->whole->base);
    } else {
        memory_discharge(buffer->session->memory, buffer->size);
    }
    g_free(buffer);
}

/* Takes over its memory and, of a part, a reference to the whole. */
static void buffer_add(ClSession *session, uint32_t id, ClBuffer made)
{
    ClBuffer *buffer = g_new(ClBuffer, 1);

    *buffer = made;
    buffer->session = session;
    cl_object_init(&buffer->base, CL_KIND_BUFFER, buffer_free);
    cl_objects_add(session->objects, id, &buffer->base);
}

/* What others have left in it is not for this guest. */
static cl_int zero(ClSession *session, cl_mem memory, size_t size)
{
    const ClWork work = {
        .result = session->result, .units = size, .vital = true,
    };
    const cl_uchar nothing = 0;
    cl_event event;
    cl_int status = cl.clEnqueueFillBuffer(session->backend->queue, memory,
                                           &nothing, sizeof(nothing), 0, size,
                                           0, NULL, &event);

    if (status == CL_SUCCESS) {
        cl_timeline_add(session->timeline, event, &work);
    }
    return status;
}

static cl_int create(ClSession *session, cl_mem_flags flags, size_t size,
                     cl_mem *memory)
{
    cl_int status;

    *memory = cl.clCreateBuffer(session->backend->context, flags, size, NULL,
                                &status);
    if (*memory == NULL) {
        return status;
    }
    status = zero(session, *memory, size);
    if (status != CL_SUCCESS) {
        cl.clReleaseMemObject(*memory);
    }
    return status;
}

cl_int run_BUFFER_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_buffer_create *wanted =
        &command->body.buffer_create;
    cl_mem memory;
    cl_int status;

    if (!cl_objects_is_free(session->objects, wanted->id) ||
        (wanted->flags & ~(uint64_t)CL_GUEST_FLAGS) != 0) {
        return CL_INVALID_VALUE;
    }
    if (wanted->size == 0) {
        return CL_INVALID_BUFFER_SIZE;
    }
    if (!memory_charge(session->memory, wanted->size, NULL)) {
        return CL_MEM_OBJECT_ALLOCATION_FAILURE;
    }
    status = create(session, wanted->flags, wanted->size, &memory);
    if (status != CL_SUCCESS) {
        memory_discharge(session->memory, wanted->size);
        return status;
    }
    buffer_add(session, wanted->id,
               (ClBuffer) { .memory = memory, .size = wanted->size });
    return CL_SUCCESS;
}

cl_int run_SUB_BUFFER_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_sub_buffer_create *wanted =
        &command->body.sub_buffer_create;
    const cl_buffer_region region = { wanted->origin, wanted->size };
    ClBuffer *whole = cl_buffer_find(session, wanted->buffer);
    cl_mem memory;
    cl_int status;

    if (whole == NULL || whole->whole != NULL) {
        return CL_INVALID_MEM_OBJECT;
    }
    if (!cl_objects_is_free(session->objects, wanted->id) ||
        (wanted->flags & ~(uint64_t)CL_GUEST_FLAGS) != 0 ||
        wanted->origin > whole->size ||
        wanted->size > whole->size - wanted->origin) {
        return CL_INVALID_VALUE;
    }
    if (wanted->size == 0) {
        return CL_INVALID_BUFFER_SIZE;
    }
    memory = cl.clCreateSubBuffer(whole->memory, wanted->flags,
                                  CL_BUFFER_CREATE_TYPE_REGION, &region,
                                  &status);
    if (memory == NULL) {
        return status;
    }
    cl_object_ref(&whole->base);
    buffer_add(session, wanted->id, (ClBuffer) {
        .memory = memory,
        .size = wanted->size,
        .whole = whole,
        .origin = wanted->origin,
    });
    return CL_SUCCESS;
}
