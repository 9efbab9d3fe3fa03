/*
 * OpenCL in the guest: the program's worker on the host
 *
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callback.h"
#include "device.h"
#include "macros.h"
#include "preprocess.h"

/* More devices than a machine has */
#define DEVICES_MAX 32

/* Words of GET_DEVICE_INFO's results */
#define INFO_BACKEND 2
#define INFO_MEMORY 3
#define INFO_WORDS 5

static void print(const void *bytes, size_t length)
{
    fwrite(bytes, 1, length, stdout);
    fflush(stdout);
}

static const struct session_interface interface = {
    .operation = VGPU_STUB_OP_OPENCL,
    .nothing = VGPU_STUB_CL_MARKER,
    .nothing_size = sizeof(struct vgpu_stub_cl_object),
    .lost = CL_DEVICE_NOT_AVAILABLE,
    .fault = CL_OUT_OF_RESOURCES,
    .print = print,
};

static struct session *forkable;        /* what fork handlers see */

static void before_fork(void)
{
    opencl_lock();
    if (forkable) {
        session_fork_prepare(forkable);
    }
}

static void after_fork(void)
{
    if (forkable) {
        session_fork_parent(forkable);
    }
    opencl_unlock();
}

static void after_fork_in_child(void)
{
    if (forkable) {
        session_fork_child(forkable);
        forkable = NULL;
    }
    opencl_lock_renew();
    callback_forget();
    device_forget();
    macros_renew();
    preprocess_renew();
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* Does this device's worker take OpenCL's commands? */
static bool try_device(struct host *host)
{
    const struct vgpu_stub_cl_query query = { .param = CL_DEVICE_VERSION };
    uint32_t results[INFO_WORDS] = { 0 };
    char version[128];

    if (session_operation(host->session, VGPU_STUB_OP_GET_DEVICE_INFO, results,
                          INFO_WORDS) != VGPU_STUB_ERR_NONE ||
        results[INFO_BACKEND] != VGPU_STUB_BACKEND_OPENCL) {
        return false;
    }
    host->memory = results[INFO_MEMORY] |
                   (uint64_t)results[INFO_MEMORY + 1] << 32;
    return host_call(host, HOST_COMMAND(DEVICE_INFO, &query), version,
                     sizeof(version), NULL) == CL_SUCCESS;
}

static bool fill_ids(struct host *host)
{
    host->free_ids = calloc(VGPU_STUB_CL_ID_MAX, sizeof(*host->free_ids));
    if (!host->free_ids) {
        return false;
    }
    for (uint32_t id = VGPU_STUB_CL_ID_MAX; id > 0; id--) {
        host->free_ids[host->free_count++] = id;
    }
    return true;
}

struct host *host_open(void)
{
    static pthread_once_t forks = PTHREAD_ONCE_INIT;
    struct host *host = calloc(1, sizeof(*host));
    int rc = 0;

    if (!host || !fill_ids(host)) {
        free(host);
        return NULL;
    }
    pthread_once(&forks, watch_forks);
    for (unsigned i = 0; i < DEVICES_MAX && rc != -ENOENT; i++) {
        rc = session_open(i, &interface, &host->session);
        if (rc == 0 && try_device(host)) {
            forkable = host->session;
            return host;
        }
        if (rc == 0) {
            session_close(host->session);
        }
    }
    free(host->free_ids);
    free(host);
    return NULL;
}

static void call_done(struct remote_command *command,
                      const struct remote_result *result)
{
    struct host_call *call = command->opaque;

    call->status = result->status;
    call->length = result->length < call->size ? result->length : call->size;
    if (call->length > 0) {
        memcpy(call->payload, result->payload, call->length);
    }
    free(command);
}

void host_call_put(struct host *host, struct host_call *call,
                   struct remote_command *command)
{
    call->status = CL_OUT_OF_HOST_MEMORY;
    call->number = 0;
    call->length = 0;
    if (command) {
        command->done = call_done;
        command->opaque = call;
        command->payload_max = call->size < VGPU_STUB_CL_PAYLOAD_MAX
                               ? call->size : VGPU_STUB_CL_PAYLOAD_MAX;
        call->number = session_put(host->session, command);
    }
}

cl_int host_call_wait(struct host *host, struct host_call *call)
{
    session_wait(host->session, call->number);
    return call->status;
}

cl_int host_call(struct host *host, struct remote_command *command,
                 void *payload, size_t size, size_t *length)
{
    struct host_call call = { .payload = payload, .size = size };

    if (!command) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    host_call_put(host, &call, command);
    host_call_wait(host, &call);
    if (length) {
        *length = call.length;
    }
    return call.status;
}

uint32_t host_id_take(struct host *host)
{
    return host->free_count > 0 ? host->free_ids[--host->free_count] : 0;
}

void host_id_give(struct host *host, uint32_t id)
{
    host->free_ids[host->free_count++] = id;
}

uint32_t host_object_id(struct host *host)
{
    uint32_t id;

    opencl_lock();
    id = host_id_take(host);
    opencl_unlock();
    return id;
}

cl_int host_object_make(struct host *host, uint32_t *place, uint32_t id,
                        struct remote_command *command, void *payload,
                        size_t size)
{
    const cl_int status = id ? host_call(host, command, payload, size, NULL)
                             : CL_OUT_OF_RESOURCES;

    if (!id) {
        free(command);
    }
    opencl_lock();
    if (status == CL_SUCCESS) {
        *place = id;
    } else if (id) {
        host_id_give(host, id);
    }
    opencl_unlock();
    return status;
}

static void release_done(struct remote_command *command,
                         const struct remote_result *result)
{
    (void)result;
    free(command);
}

void host_object_release(struct host *host, uint32_t id)
{
    const struct vgpu_stub_cl_object object = { .id = id };
    struct remote_command *command = HOST_COMMAND(RELEASE, &object);

    /* Without memory for that, the object and its id stay until the end. */
    if (command) {
        command->done = release_done;
        session_put(host->session, command);
        session_flush(host->session);
        host_id_give(host, id);
    }
}
