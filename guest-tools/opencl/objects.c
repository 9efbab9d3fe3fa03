/*
 * OpenCL in the guest: the objects that a program has
 *
 * SPDX-License-Identifier: MIT
 */
#include "objects.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void opencl_lock(void)
{
    pthread_mutex_lock(&lock);
}

void opencl_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void opencl_wait(void)
{
    pthread_cond_wait(&changed, &lock);
}

void opencl_wake(void)
{
    pthread_cond_broadcast(&changed);
}

void opencl_lock_renew(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&changed, NULL);
}

void *object_new(enum object_kind kind, size_t size, void (*end)(void *))
{
    struct object *object = calloc(1, size);

    if (object) {
        object->dispatch = &opencl_dispatch;
        object->kind = kind;
        object->refs = 1;
        object->end = end;
    }
    return object;
}

bool object_is(const void *handle, enum object_kind kind)
{
    const struct object *object = handle;

    return object && object->dispatch == &opencl_dispatch &&
           object->kind == kind && !object->gone;
}

static void free_unwatched(struct object *object)
{
    if (object->gone && object->watchers == 0) {
        object->dispatch = NULL;
        free(object);
    }
}

/* End it when nobody has it any more. */
static void check_end(struct object *object)
{
    if (object->refs == 0 && object->uses == 0 && !object->gone) {
        object->gone = true;
        object->watchers++;     /* until its end has ended */
        object->end(object);
        object_unwatch(object);
    }
}

void object_use(void *object)
{
    ((struct object *)object)->uses++;
}

void object_unuse(void *object)
{
    ((struct object *)object)->uses--;
    check_end(object);
}

void object_watch(void *object)
{
    ((struct object *)object)->watchers++;
}

void object_unwatch(void *object)
{
    ((struct object *)object)->watchers--;
    free_unwatched(object);
}

cl_int object_retain(void *handle, enum object_kind kind, cl_int error)
{
    struct object *object = handle;

    opencl_lock();
    if (object_is(handle, kind) && object->refs > 0) {
        object->refs++;
        error = CL_SUCCESS;
    }
    opencl_unlock();
    return error;
}

cl_int object_release(void *handle, enum object_kind kind, cl_int error)
{
    struct object *object = handle;

    opencl_lock();
    if (object_is(handle, kind) && object->refs > 0) {
        object->refs--;
        check_end(object);
        error = CL_SUCCESS;
    }
    opencl_unlock();
    return error;
}
