/*
 * OpenCL in the guest: mapping buffers and images
 *
 * What a program maps is memory of its own, which all parts of a buffer share,
 * and the images that show it.
 * It is read from the device when it is mapped, and what was mapped to be
 * written goes back when it is unmapped.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "enqueue.h"
#include "host-access.h"
#include "image.h"
#include "marker.h"

struct map {
    struct work work;
    bool read;
    cl_mem mem;
    size_t offset;
    size_t size;
    void *address;
};

static void issue_map(cl_event event, struct work *work)
{
    const struct map *map = (struct map *)work;

    bulk_put(event, map->read, map->mem->id, map->offset, map->size,
             map->address);
}

/* Work of a buffer; @moves: false, it only comes after what was before. */
static void *map_buffer_new(cl_mem mem, bool moves, bool read,
                            const struct mapping *mapping)
{
    struct map *map = work_new(sizeof(*map), moves ? issue_map : marker_issue);

    work_use(map, mem);
    if (map) {
        map->read = read;
        map->mem = mem;
        map->offset = mapping->origin[0];
        map->size = mapping->region[0];
        map->address = mapping->address;
    }
    return map;
}

/* How an image lies in the memory that is mapped, from that place on */
static struct rect mapped_layout(cl_mem image, const size_t origin[3])
{
    struct rect here = image_layout(image, image->image.row_pitch,
                                    image->image.slice_pitch);

    here.origin[0] = origin[0] * image->image.pixel;
    here.origin[1] = origin[1];
    here.origin[2] = origin[2];
    return here;
}

/* Work that moves what is mapped, or nothing; NULL: no memory */
static void *map_new(cl_mem mem, bool moves, bool read,
                     const struct mapping *mapping)
{
    struct rect here;

    if (!moves || mem->type == CL_MEM_OBJECT_BUFFER) {
        return map_buffer_new(mem, moves, read, mapping);
    }
    here = mapped_layout(mem, mapping->origin);
    return image_transfer_new(mem, read, mapping->origin, mapping->region,
                              &here, mem_shadow(mem));
}

static cl_int check_flags(cl_mem mem, cl_map_flags flags)
{
    const cl_map_flags plain = CL_MAP_READ | CL_MAP_WRITE;
    cl_int status = CL_SUCCESS;

    if ((flags & ~(plain | CL_MAP_WRITE_INVALIDATE_REGION)) ||
        ((flags & plain) && (flags & CL_MAP_WRITE_INVALIDATE_REGION))) {
        return CL_INVALID_VALUE;
    }
    if (flags & CL_MAP_READ) {
        status = host_access_check(mem, true);
    }
    if (status == CL_SUCCESS && (flags & ~CL_MAP_READ)) {
        status = host_access_check(mem, false);
    }
    return status;
}

/* Returns the new mapping, or NULL: no memory. */
static struct mapping *add_mapping(cl_mem mem, cl_map_flags flags,
                                   const size_t origin[3],
                                   const size_t region[3])
{
    char *shadow = mem_shadow(mem);
    struct mapping *mapping = shadow ? calloc(1, sizeof(*mapping)) : NULL;
    size_t offset = origin[0];

    if (!mapping) {
        return NULL;
    }
    if (mem->type != CL_MEM_OBJECT_BUFFER) {
        const struct rect here = mapped_layout(mem, origin);

        offset = rect_offset(&here, 0, 0, 0);
    }
    mapping->address = shadow + offset;
    memcpy(mapping->origin, origin, sizeof(mapping->origin));
    memcpy(mapping->region, region, sizeof(mapping->region));
    mapping->writes = flags & (CL_MAP_WRITE | CL_MAP_WRITE_INVALIDATE_REGION);
    mapping->next = mem->mappings;
    mem->mappings = mapping;
    mem->map_count++;
    return mapping;
}

/* The one at that address, or NULL */
static struct mapping **find_mapping(cl_mem mem, const void *address)
{
    struct mapping **link = &mem->mappings;

    while (*link && (*link)->address != address) {
        link = &(*link)->next;
    }
    return *link ? link : NULL;
}

static void remove_mapping(cl_mem mem, struct mapping **link)
{
    struct mapping *mapping = *link;

    *link = mapping->next;
    mem->map_count--;
    free(mapping);
}

/* The end of both functions that map; the lock is held, and given up. */
static void *enqueue_map(struct enqueue *call, cl_int status, cl_mem mem,
                         cl_map_flags flags, const size_t origin[3],
                         const size_t region[3], cl_int *errcode_ret)
{
    struct mapping *mapping = NULL;
    void *address = NULL;
    void *work = NULL;

    if (status == CL_SUCCESS) {
        status = check_flags(mem, flags);
    }
    if (status == CL_SUCCESS) {
        mapping = add_mapping(mem, flags, origin, region);
        status = mapping ? CL_SUCCESS : CL_MAP_FAILURE;
    }
    if (mapping) {
        address = mapping->address;
        work = map_new(mem, !(flags & CL_MAP_WRITE_INVALIDATE_REGION), true,
                       mapping);
        if (!work) {
            remove_mapping(mem, &mem->mappings);
        }
    }
    status = enqueue_end(call, status, work);
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return status == CL_SUCCESS ? address : NULL;
}

void *CL_API_CALL clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem,
                                     cl_bool blocking, cl_map_flags flags,
                                     size_t offset, size_t size, cl_uint count,
                                     const cl_event *list, cl_event *event,
                                     cl_int *errcode_ret)
{
    struct enqueue call = { queue, CL_COMMAND_MAP_BUFFER, blocking, count,
                            list, event, false, false };
    const size_t origin[3] = { offset, 0, 0 }, region[3] = { size, 1, 1 };
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(&call, mem);
    }
    if (status == CL_SUCCESS && !mem_has(mem, offset, size)) {
        status = CL_INVALID_VALUE;
    }
    return enqueue_map(&call, status, mem, flags, origin, region, errcode_ret);
}

void *CL_API_CALL clEnqueueMapImage(cl_command_queue queue, cl_mem image,
                                    cl_bool blocking, cl_map_flags flags,
                                    const size_t *origin, const size_t *region,
                                    size_t *row_pitch, size_t *slice_pitch,
                                    cl_uint count, const cl_event *list,
                                    cl_event *event, cl_int *errcode_ret)
{
    struct enqueue call = { queue, CL_COMMAND_MAP_IMAGE, blocking, count, list,
                            event, false, false };
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_image(&call, image);
    }
    if (status == CL_SUCCESS &&
        (!image_has(image, origin, region) || !row_pitch ||
         (!slice_pitch && image->image.slice_pitch))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        *row_pitch = image->image.row_pitch;
    }
    if (status == CL_SUCCESS && slice_pitch) {
        *slice_pitch = image->image.slice_pitch;
    }
    return enqueue_map(&call, status, image, flags, origin, region,
                       errcode_ret);
}

cl_int CL_API_CALL clEnqueueUnmapMemObject(cl_command_queue queue, cl_mem mem,
                                           void *address, cl_uint count,
                                           const cl_event *list,
                                           cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_UNMAP_MEM_OBJECT, false, count,
                            list, event, false, false };
    struct mapping **mapping = NULL;
    void *work = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_mem(&call, mem);
    }
    if (status == CL_SUCCESS) {
        mapping = address ? find_mapping(mem, address) : NULL;
        status = mapping ? CL_SUCCESS : CL_INVALID_VALUE;
    }
    if (mapping) {
        work = map_new(mem, (*mapping)->writes, false, *mapping);
    }
    if (work) {
        remove_mapping(mem, mapping);
    }
    return enqueue_end(&call, status, work);
}
