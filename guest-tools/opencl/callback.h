/*
 * OpenCL in the guest: calling the program back
 *
 * One thread does, without a lock, in the order in which it is to be.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_CALLBACK_H
#define OPENCL_CALLBACK_H

#include "objects.h"

struct callback {
    struct callback *next;      /* for whose list it is in */
    void (*call)(struct callback *callback);
    void *function;             /* the program's */
    void *user_data;
    void *object;               /* that it is about, or NULL */
    void (*leave)(void *object);        /* afterwards: object_un…() */
    cl_int status;              /* an event's */
    char text[160];             /* a context's error */
};

/* With memory for it; NULL: none. */
struct callback *callback_new(void (*call)(struct callback *callback),
                              void *function, void *user_data);

/*
 * What a program sets to be called at an object's end: put it before those of
 * *@list. Without the lock. CL_INVALID_VALUE: no function;
 * CL_OUT_OF_HOST_MEMORY.
 */
cl_int callback_push(struct callback **list,
                     void (*call)(struct callback *callback), void *function,
                     void *user_data);

/* With the lock: call it soon. Takes over @callback. */
void callback_put(struct callback *callback);

/* The child of a fork has no such thread. */
void callback_forget(void);

/*
 * The functions of an object that ends, the one that came last first: for a
 * list that begins at *@list.
 */
void callback_put_all(struct callback **list, void *object);

#endif /* OPENCL_CALLBACK_H */
