/*
 * OpenCL in the guest: the program's worker on the host
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_HOST_H
#define OPENCL_HOST_H

#include "objects.h"
#include "session.h"

struct host {
    struct session *session;
    uint64_t memory;            /* bytes that the VM may have there */
    uint32_t *free_ids;         /* with the lock: those that can be had … */
    uint32_t free_count;        /* … and how many of them there are */
};

/*
 * Open the first device of the machine whose worker takes OpenCL's commands;
 * NULL when there is none. Waits, without the lock.
 */
struct host *host_open(void);

/* A command, as remote_command_new() makes it; NULL: no memory. */
#define HOST_COMMAND(name, structure) \
    remote_command_new(VGPU_STUB_CL_##name, 0, structure, \
                       sizeof(*(structure)), NULL, 0)
#define HOST_COMMAND_TAIL(name, structure, tail, size) \
    remote_command_new(VGPU_STUB_CL_##name, 0, structure, \
                       sizeof(*(structure)), tail, size)

/* What the caller of a command waits for */
struct host_call {
    cl_int status;
    void *payload;              /* room for it … */
    size_t size;                /* … bytes */
    size_t length;              /* bytes of it that came */
    uint64_t number;            /* for host_call_wait() */
};

/*
 * Put a command whose end is waited for. The call, with the room for its
 * payload, stays where it is until then. @command may be NULL: no memory.
 */
void host_call_put(struct host *host, struct host_call *call,
                   struct remote_command *command);

/* Wait, without the lock; returns the command's status. */
cl_int host_call_wait(struct host *host, struct host_call *call);

/* Both, without the lock; *@length: bytes of the payload that came, or NULL */
cl_int host_call(struct host *host, struct remote_command *command,
                 void *payload, size_t size, size_t *length);

/* An id for an object there, with the lock; 0: there are too many objects. */
uint32_t host_id_take(struct host *host);

/*
 * With the lock: the object is not needed any more, after all commands so far;
 * or it has not come to be.
 */
void host_object_release(struct host *host, uint32_t id);
void host_id_give(struct host *host, uint32_t id);

/* Without the lock: an id for a new object; 0: there are too many objects. */
uint32_t host_object_id(struct host *host);

/*
 * Without the lock: have the object with @id made by @command, and wait. Where
 * that succeeds *@place becomes @id, else that is free again. An @id of 0 is
 * CL_OUT_OF_RESOURCES. The payload is as host_call() has it.
 */
cl_int host_object_make(struct host *host, uint32_t *place, uint32_t id,
                        struct remote_command *command, void *payload,
                        size_t size);

#endif /* OPENCL_HOST_H */
