/*
 * OpenCL in the guest: calling the program back
 *
 * SPDX-License-Identifier: MIT
 */
#include "callback.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* With the lock */
static struct callback *first;
static struct callback **end = &first;
static bool has_thread;

static void *run(void *opaque)
{
    (void)opaque;
    opencl_lock();
    for (;;) {
        struct callback *callback = first;

        if (!callback) {
            opencl_wait();
            continue;
        }
        first = callback->next;
        if (!first) {
            end = &first;
        }
        opencl_unlock();
        callback->call(callback);
        opencl_lock();
        if (callback->object) {
            callback->leave(callback->object);
        }
        free(callback);
    }
    return NULL;
}

/* Signals are for the threads of the program. */
static void start_thread(void)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    has_thread = pthread_create(&thread, &attributes, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

struct callback *callback_new(void (*call)(struct callback *callback),
                              void *function, void *user_data)
{
    struct callback *callback = calloc(1, sizeof(*callback));

    if (callback) {
        callback->call = call;
        callback->function = function;
        callback->user_data = user_data;
    }
    return callback;
}

cl_int callback_push(struct callback **list,
                     void (*call)(struct callback *callback), void *function,
                     void *user_data)
{
    struct callback *callback;

    if (!function) {
        return CL_INVALID_VALUE;
    }
    callback = callback_new(call, function, user_data);
    if (!callback) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    opencl_lock();
    callback->next = *list;
    *list = callback;
    opencl_unlock();
    return CL_SUCCESS;
}

/* Without a thread it waits until one can be started for a later one. */
void callback_put(struct callback *callback)
{
    callback->next = NULL;
    *end = callback;
    end = &callback->next;
    if (!has_thread) {
        start_thread();
    }
    opencl_wake();
}

void callback_put_all(struct callback **list, void *object)
{
    while (*list) {
        struct callback *callback = *list;

        *list = callback->next;
        callback->object = object;
        callback->leave = object_unwatch;
        object_watch(object);
        callback_put(callback);
    }
}

void callback_forget(void)
{
    has_thread = false;
    first = NULL;
    end = &first;
}
