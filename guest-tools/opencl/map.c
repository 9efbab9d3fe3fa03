/*
 * OpenCL in the guest: mapping buffers
 *
 * What a program maps is memory of its own, which all parts of a buffer share.
 * It is read from the device when it is mapped, and what was mapped to be
 * written goes back when it is unmapped.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "bulk.h"
#include "enqueue.h"
#include "host-access.h"
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

/* Work that moves, or does nothing but to come after what was before */
static struct map *map_new(cl_mem mem, bool moves, bool read, size_t offset,
                           size_t size, void *address)
{
    struct map *map = work_new(sizeof(*map),
                               moves ? issue_map : marker_issue);

    work_use(map, mem);
    if (map) {
        map->read = read;
        map->mem = mem;
        map->offset = offset;
        map->size = size;
        map->address = address;
    }
    return map;
}

static cl_int check_map(cl_mem mem, cl_map_flags flags, size_t offset,
                        size_t size)
{
    const cl_map_flags plain = CL_MAP_READ | CL_MAP_WRITE;
    cl_int status = CL_SUCCESS;

    if ((flags & ~(plain | CL_MAP_WRITE_INVALIDATE_REGION)) ||
        ((flags & plain) && (flags & CL_MAP_WRITE_INVALIDATE_REGION)) ||
        !mem_has(mem, offset, size)) {
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
                                   size_t offset, size_t size)
{
    char *shadow = mem_shadow(mem);
    struct mapping *mapping = shadow ? calloc(1, sizeof(*mapping)) : NULL;

    if (mapping) {
        mapping->address = shadow + offset;
        mapping->offset = offset;
        mapping->size = size;
        mapping->writes = flags & (CL_MAP_WRITE |
                                   CL_MAP_WRITE_INVALIDATE_REGION);
        mapping->next = mem->mappings;
        mem->mappings = mapping;
        mem->map_count++;
    }
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

void *CL_API_CALL clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem,
                                     cl_bool blocking, cl_map_flags flags,
                                     size_t offset, size_t size, cl_uint count,
                                     const cl_event *list, cl_event *event,
                                     cl_int *errcode_ret)
{
    struct enqueue call = { queue, CL_COMMAND_MAP_BUFFER, blocking, count,
                            list, event, false, false };
    struct mapping *mapping = NULL;
    void *address = NULL;
    struct map *map = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_mem(&call, mem);
    }
    if (status == CL_SUCCESS) {
        status = check_map(mem, flags, offset, size);
    }
    if (status == CL_SUCCESS) {
        mapping = add_mapping(mem, flags, offset, size);
        status = mapping ? CL_SUCCESS : CL_MAP_FAILURE;
    }
    if (mapping) {
        address = mapping->address;
        map = map_new(mem, !(flags & CL_MAP_WRITE_INVALIDATE_REGION), true,
                      offset, size, address);
        if (!map) {
            remove_mapping(mem, &mem->mappings);
        }
    }
    status = enqueue_end(&call, status, map);
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return status == CL_SUCCESS ? address : NULL;
}

cl_int CL_API_CALL clEnqueueUnmapMemObject(cl_command_queue queue, cl_mem mem,
                                           void *address, cl_uint count,
                                           const cl_event *list,
                                           cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_UNMAP_MEM_OBJECT, false, count,
                            list, event, false, false };
    struct mapping **mapping = NULL;
    struct map *map = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_mem(&call, mem);
    }
    if (status == CL_SUCCESS) {
        mapping = address ? find_mapping(mem, address) : NULL;
        status = mapping ? CL_SUCCESS : CL_INVALID_VALUE;
    }
    if (mapping) {
        map = map_new(mem, (*mapping)->writes, false, (*mapping)->offset,
                      (*mapping)->size, address);
    }
    if (map) {
        remove_mapping(mem, mapping);
    }
    return enqueue_end(&call, status, map);
}
