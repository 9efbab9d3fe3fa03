/*
 * OpenCL in the guest: memory objects
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_MEMORY_H
#define OPENCL_MEMORY_H

#include "context.h"

/* A part that the program has mapped */
struct mapping {
    struct mapping *next;
    void *address;
    /* Bytes, and 0 and 1, of a buffer; of an image as in image.h */
    size_t origin[3];
    size_t region[3];
    bool writes;                /* it goes back when it is unmapped */
};

/* What an image has beside; sizes that its type does not have are 0. */
struct image {
    cl_image_format format;
    size_t pixel;               /* bytes of one */
    size_t width;
    size_t height;
    size_t depth;
    size_t layers;              /* of an array */
    size_t row_pitch;           /* bytes, in the program's memory */
    size_t slice_pitch;         /* 0: its type has none */
};

struct _cl_mem {
    struct object object;
    cl_context context;
    cl_mem_object_type type;
    cl_mem_flags flags;
    size_t size;                /* bytes, of an image with its pitches */
    struct image image;         /* unless it is a buffer */
    void *host_ptr;             /* as given, with CL_MEM_USE_HOST_PTR */
    cl_mem parent;              /* NULL: it is no part of another one */
    size_t origin;              /* bytes, in the parent */
    cl_mem_properties *properties;      /* as they were given … */
    size_t properties_size;     /* … bytes, with the end; 0: none were */
    uint32_t id;                /* on the host */
    char *shadow;               /* where it is mapped; NULL: it was not yet, or
                                 * it has a parent */
    struct mapping *mappings;
    cl_uint map_count;
    struct callback *destructors;
};

/* With the lock: is that a part of it? A size of 0 is none. */
static inline bool mem_has(const struct _cl_mem *mem, size_t offset,
                           size_t size)
{
    return size > 0 && offset <= mem->size && size <= mem->size - offset;
}

/* CL_MISALIGNED_SUB_BUFFER_OFFSET, or CL_SUCCESS; waits the first time. */
cl_int mem_check_alignment(const struct _cl_mem *mem);

/* With the lock: where the program sees it; NULL: no memory. */
char *mem_shadow(cl_mem mem);

#endif /* OPENCL_MEMORY_H */
