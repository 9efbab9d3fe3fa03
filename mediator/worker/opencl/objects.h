/*
 * The objects of a guest's program: buffers, images, samplers, programs and
 * kernels, by the ids that it has chosen
 *
 * An object lives as long as it has an id, or somebody has a reference to it: as
 * in OpenCL, what others still need lives on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_OBJECTS_H
#define WORKER_OPENCL_OBJECTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum ClKind {
    CL_KIND_BUFFER,
    CL_KIND_PROGRAM,
    CL_KIND_KERNEL,
    CL_KIND_IMAGE,
    CL_KIND_SAMPLER,
} ClKind;

typedef struct ClObject ClObject;

/* To be embedded first */
struct ClObject {
    ClKind kind;
    unsigned references;
    uint64_t serial;            /* no other one that has had an id has it */
    void (*free)(ClObject *object);     /* when there are none left */
};

/* With one reference, the caller's; @free also frees the memory it is in. */
void cl_object_init(ClObject *object, ClKind kind,
                    void (*free)(ClObject *object));
void cl_object_ref(ClObject *object);
void cl_object_unref(ClObject *object);

typedef struct ClObjects ClObjects;

ClObjects *cl_objects_new(void);

/* Takes their ids from all objects, whose order does not matter. */
void cl_objects_free(ClObjects *objects);

/* Could an object have @id, which no other has now? */
bool cl_objects_is_free(const ClObjects *objects, uint32_t id);

/* Takes over the reference; @id is free. */
void cl_objects_add(ClObjects *objects, uint32_t id, ClObject *object);

/* The one of that kind with @id, which has the reference; or NULL */
ClObject *cl_objects_find(const ClObjects *objects, uint32_t id, ClKind kind);

/* The one with @id, whatever it is; or NULL */
ClObject *cl_objects_at(const ClObjects *objects, uint32_t id);

/* @id is free again; false if it was. */
bool cl_objects_remove(ClObjects *objects, uint32_t id);

#endif /* WORKER_OPENCL_OBJECTS_H */
