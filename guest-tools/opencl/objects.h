/*
 * OpenCL in the guest: the objects that a program has
 *
 * One lock, opencl_lock(), is for all of them. Functions here are called with
 * it held, if nothing else is said; nobody waits for the device with it, nor
 * calls the program back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_OBJECTS_H
#define OPENCL_OBJECTS_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_0_APIS
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_USE_DEPRECATED_OPENCL_2_0_APIS
#define CL_USE_DEPRECATED_OPENCL_2_1_APIS
#define CL_USE_DEPRECATED_OPENCL_2_2_APIS
#include <CL/cl.h>
#include <CL/cl_icd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu-stub-opencl.h"

enum object_kind {
    OBJECT_PLATFORM = 0x636c0001,
    OBJECT_DEVICE,
    OBJECT_CONTEXT,
    OBJECT_QUEUE,
    OBJECT_MEM,
    OBJECT_PROGRAM,
    OBJECT_KERNEL,
    OBJECT_EVENT,
    OBJECT_SAMPLER,
};

/* What each object begins with */
struct object {
    const cl_icd_dispatch *dispatch;    /* the loader's; always the first */
    enum object_kind kind;
    cl_uint refs;               /* the program's; clRetain…() */
    unsigned uses;              /* by commands and other objects */
    unsigned watchers;          /* those who only look whether it is there */
    bool gone;                  /* it has neither references nor uses */
    void (*end)(void *object);  /* frees what it has, but for itself */
};

extern const cl_icd_dispatch opencl_dispatch;

/* The lock, and the condition that an event's or a queue's state changed */
void opencl_lock(void);
void opencl_unlock(void);
void opencl_wait(void);         /* for opencl_wake() */
void opencl_wake(void);

/* In the child of a fork */
void opencl_lock_renew(void);

/* A zeroed object of @size bytes with one reference, or NULL. */
void *object_new(enum object_kind kind, size_t size, void (*end)(void *));

/* Is that a living object of this kind? @handle may be anything. */
bool object_is(const void *handle, enum object_kind kind);

void object_use(void *object);
void object_unuse(void *object);
void object_watch(void *object);
void object_unwatch(void *object);

/* clRetain…(), clRelease…(); they take the lock. @error: of what is none */
cl_int object_retain(void *handle, enum object_kind kind, cl_int error);
cl_int object_release(void *handle, enum object_kind kind, cl_int error);

#endif /* OPENCL_OBJECTS_H */
