/*
 * OpenCL in the guest: reading, writing, copying and filling buffers
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "enqueue.h"
#include "host-access.h"

struct transfer {
    struct work work;
    bool read;
    cl_mem mem;
    size_t offset;
    size_t size;
    void *bytes;
};

static void issue_transfer(cl_event event, struct work *work)
{
    const struct transfer *transfer = (struct transfer *)work;

    bulk_put(event, transfer->read, transfer->mem->id, transfer->offset,
             transfer->size, transfer->bytes);
}

static cl_int enqueue_transfer(struct enqueue *call, bool read, cl_mem mem,
                               size_t offset, size_t size, void *bytes)
{
    struct transfer *transfer = NULL;
    cl_int status = enqueue_begin(call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(call, mem);
    }
    if (status == CL_SUCCESS && (!bytes || !mem_has(mem, offset, size))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        status = host_access_check(mem, read);
    }
    if (status == CL_SUCCESS) {
        transfer = work_new(sizeof(*transfer), issue_transfer);
        work_use(transfer, mem);
    }
    if (transfer) {
        transfer->read = read;
        transfer->mem = mem;
        transfer->offset = offset;
        transfer->size = size;
        transfer->bytes = bytes;
    }
    return enqueue_end(call, status, transfer);
}

cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue, cl_mem mem,
                                       cl_bool blocking, size_t offset,
                                       size_t size, void *bytes, cl_uint count,
                                       const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_READ_BUFFER, blocking, count,
                            list, event, false, false };

    return enqueue_transfer(&call, true, mem, offset, size, bytes);
}

cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem mem,
                                        cl_bool blocking, size_t offset,
                                        size_t size, const void *bytes,
                                        cl_uint count, const cl_event *list,
                                        cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_WRITE_BUFFER, blocking, count,
                            list, event, false, false };

    return enqueue_transfer(&call, false, mem, offset, size, (void *)bytes);
}

/* --- Copying --- */

struct copy {
    struct work work;
    struct vgpu_stub_cl_copy copy;
};

static void issue_copy(cl_event event, struct work *work)
{
    const struct copy *copy = (struct copy *)work;

    event_put(event, HOST_COMMAND(BUFFER_COPY, &copy->copy), NULL, true);
}

static bool parts_overlap(cl_mem source, size_t source_offset, cl_mem target,
                          size_t target_offset, size_t size)
{
    const cl_mem source_root = source->parent ? source->parent : source;
    const cl_mem target_root = target->parent ? target->parent : target;
    const size_t from = source->origin + source_offset;
    const size_t to = target->origin + target_offset;

    return source_root == target_root && from < to + size && to < from + size;
}

cl_int CL_API_CALL clEnqueueCopyBuffer(cl_command_queue queue, cl_mem source,
                                       cl_mem target, size_t source_offset,
                                       size_t target_offset, size_t size,
                                       cl_uint count, const cl_event *list,
                                       cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_COPY_BUFFER, false, count, list,
                            event, false, false };
    struct copy *copy = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(&call, source);
    }
    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(&call, target);
    }
    if (status == CL_SUCCESS && (!mem_has(source, source_offset, size) ||
                                 !mem_has(target, target_offset, size))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS && parts_overlap(source, source_offset, target,
                                              target_offset, size)) {
        status = CL_MEM_COPY_OVERLAP;
    }
    if (status == CL_SUCCESS) {
        copy = work_new(sizeof(*copy), issue_copy);
        work_use(copy, source);
        work_use(copy, target);
    }
    if (copy) {
        copy->copy = (struct vgpu_stub_cl_copy) {
            .source = source->id,
            .target = target->id,
            .source_offset = source_offset,
            .target_offset = target_offset,
            .size = size,
        };
    }
    return enqueue_end(&call, status, copy);
}

/* --- Filling --- */

struct fill {
    struct work work;
    struct vgpu_stub_cl_range range;
    size_t pattern_size;
    uint8_t pattern[VGPU_STUB_CL_PATTERN_MAX];
};

static void issue_fill(cl_event event, struct work *work)
{
    const struct fill *fill = (struct fill *)work;

    event_put(event, HOST_COMMAND_TAIL(BUFFER_FILL, &fill->range, fill->pattern,
                                       fill->pattern_size), NULL, true);
}

static bool pattern_is_valid(const void *pattern, size_t size)
{
    return pattern && size > 0 && size <= VGPU_STUB_CL_PATTERN_MAX &&
           (size & (size - 1)) == 0;
}

cl_int CL_API_CALL clEnqueueFillBuffer(cl_command_queue queue, cl_mem mem,
                                       const void *pattern,
                                       size_t pattern_size, size_t offset,
                                       size_t size, cl_uint count,
                                       const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_FILL_BUFFER, false, count, list,
                            event, false, false };
    struct fill *fill = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(&call, mem);
    }
    if (status == CL_SUCCESS &&
        (!pattern_is_valid(pattern, pattern_size) ||
         !mem_has(mem, offset, size) || offset % pattern_size ||
         size % pattern_size)) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        fill = work_new(sizeof(*fill), issue_fill);
        work_use(fill, mem);
    }
    if (fill) {
        fill->range = (struct vgpu_stub_cl_range) {
            .object = mem->id, .offset = offset, .size = size,
        };
        fill->pattern_size = pattern_size;
        memcpy(fill->pattern, pattern, pattern_size);
    }
    return enqueue_end(&call, status, fill);
}
