/*
 * OpenCL in the guest: having the host make programs
 *
 * SPDX-License-Identifier: MIT
 */
#include "make.h"

#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "program.h"

/* --- What comes of it --- */

/* What can be read of the program, with a NUL behind it */
static cl_int read_part(struct host *host, uint32_t id, uint32_t what,
                        uint64_t size, uint8_t **bytes)
{
    struct vgpu_stub_cl_program_read part = { .program = id, .what = what };
    cl_int status = CL_SUCCESS;

    *bytes = NULL;
    if (size > VGPU_STUB_CL_TEXT_MAX) {
        return CL_OUT_OF_RESOURCES;
    }
    *bytes = malloc(size + 1);
    if (!*bytes) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    (*bytes)[size] = '\0';
    while (status == CL_SUCCESS && part.offset < size) {
        size_t length;

        part.size = size - part.offset < VGPU_STUB_CL_PAYLOAD_MAX
                    ? size - part.offset : VGPU_STUB_CL_PAYLOAD_MAX;
        status = host_call(host, HOST_COMMAND(PROGRAM_READ, &part),
                           *bytes + part.offset, part.size, &length);
        if (status == CL_SUCCESS && length != part.size) {
            status = CL_OUT_OF_RESOURCES;
        }
        part.offset += part.size;
    }
    return status;
}

static cl_int read_results(struct host *host, struct made *made,
                           const struct vgpu_stub_cl_build *result)
{
    uint8_t *log = NULL;
    cl_int status = read_part(host, made->id, VGPU_STUB_CL_READ_LOG,
                              result->log, &log);

    made->log = (char *)log;
    made->status = result->status;
    if (status == CL_SUCCESS && result->status == CL_BUILD_SUCCESS) {
        status = read_part(host, made->id, VGPU_STUB_CL_READ_KERNELS,
                           result->kernels, &made->kernels);
        made->kernels_size = result->kernels;
    }
    if (status == CL_SUCCESS &&
        !program_check_kernels(made->kernels, made->kernels_size,
                               &made->num_kernels)) {
        status = CL_OUT_OF_RESOURCES;
    }
    return status;
}

/* The command that makes it has ended with @status. */
static cl_int finish(struct host *host, struct made *made, cl_int status,
                     const struct vgpu_stub_cl_build *result)
{
    cl_int read;

    if (status != CL_SUCCESS && status != CL_BUILD_PROGRAM_FAILURE &&
        status != CL_COMPILE_PROGRAM_FAILURE &&
        status != CL_LINK_PROGRAM_FAILURE) {
        return status;
    }
    read = read_results(host, made, result);
    return read == CL_SUCCESS ? status : read;
}

static cl_int take_id(struct host *host, struct made *made)
{
    opencl_lock();
    made->id = host_id_take(host);
    opencl_unlock();
    return made->id ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

/* The host has nothing with it. */
static void give_id(struct host *host, struct made *made)
{
    opencl_lock();
    host_id_give(host, made->id);
    opencl_unlock();
    made->id = 0;
}

void made_clear(struct host *host, struct made *made)
{
    if (made->id) {
        opencl_lock();
        host_object_release(host, made->id);
        opencl_unlock();
    }
    free(made->log);
    free(made->kernels);
    *made = (struct made) { .status = CL_BUILD_ERROR };
}

/* --- Of a source --- */

static cl_int upload(struct host *host, const struct recipe *recipe,
                     struct made *made)
{
    /* A source is never empty there. */
    const bool empty = recipe->length == 0;
    const struct vgpu_stub_cl_program_create create = {
        .id = made->id, .length = empty ? 1 : recipe->length,
    };
    cl_int status = host_call(host, HOST_COMMAND(PROGRAM_CREATE, &create),
                              NULL, 0, NULL);

    if (status != CL_SUCCESS) {
        give_id(host, made);
        return status;
    }
    return bulk_upload(host, VGPU_STUB_CL_PROGRAM_SOURCE, made->id,
                       empty ? "\n" : recipe->text, create.length);
}

static struct remote_command *compiler_command(const struct recipe *recipe,
                                               uint32_t id)
{
    const struct vgpu_stub_cl_object object = { .id = id };
    const uint16_t opcode = recipe->type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE
                            ? VGPU_STUB_CL_PROGRAM_BUILD
                            : VGPU_STUB_CL_PROGRAM_COMPILE;

    return remote_command_new(opcode, 0, &object, sizeof(object),
                              recipe->options, strlen(recipe->options));
}

static cl_int make_of_source(struct host *host, const struct recipe *recipe,
                             struct made *made)
{
    struct vgpu_stub_cl_build result = { .status = CL_BUILD_ERROR };
    cl_int status = take_id(host, made);

    if (status == CL_SUCCESS) {
        status = upload(host, recipe, made);
    }
    if (status != CL_SUCCESS) {
        return status;
    }
    status = host_call(host, compiler_command(recipe, made->id), &result,
                       sizeof(result), NULL);
    return finish(host, made, status, &result);
}

/* --- Of others --- */

static struct remote_command *linker_command(const struct recipe *recipe,
                                             const uint32_t *ids, uint32_t id)
{
    const struct vgpu_stub_cl_program_link link = {
        .id = id, .inputs = recipe->num_inputs,
    };
    const size_t size = recipe->num_inputs * sizeof(*ids);
    const size_t options = strlen(recipe->options);
    uint8_t *tail = malloc(size + options + 1);
    struct remote_command *command;

    if (!tail) {
        return NULL;
    }
    memcpy(tail, ids, size);
    memcpy(tail + size, recipe->options, options);
    command = HOST_COMMAND_TAIL(PROGRAM_LINK, &link, tail, size + options);
    free(tail);
    return command;
}

/* All inputs have ids. */
static cl_int link_inputs(struct host *host, const struct recipe *recipe,
                          const uint32_t *ids, struct made *made)
{
    struct vgpu_stub_cl_build result = { .status = CL_BUILD_ERROR };
    cl_int status = take_id(host, made);

    if (status != CL_SUCCESS) {
        return status;
    }
    status = host_call(host, linker_command(recipe, ids, made->id), &result,
                       sizeof(result), NULL);
    if (status != CL_SUCCESS && status != CL_LINK_PROGRAM_FAILURE) {
        give_id(host, made);
        return status;
    }
    return finish(host, made, status, &result);
}

cl_int make_linked(struct host *host, const struct recipe *recipe,
                   const uint32_t *ids, struct made *made)
{
    struct made inputs[VGPU_STUB_CL_LINK_MAX];
    uint32_t all[VGPU_STUB_CL_LINK_MAX];
    cl_int status = CL_SUCCESS;
    size_t count = 0;

    *made = (struct made) { .status = CL_BUILD_ERROR };
    for (; status == CL_SUCCESS && count < recipe->num_inputs; count++) {
        inputs[count] = (struct made) { .status = CL_BUILD_NONE };
        if (!ids || !ids[count]) {
            status = make(host, recipe->inputs[count], &inputs[count]);
        }
        all[count] = ids && ids[count] ? ids[count] : inputs[count].id;
    }
    if (status == CL_SUCCESS) {
        status = link_inputs(host, recipe, all, made);
    } else {
        made->log = inputs[count - 1].log;
        inputs[count - 1].log = NULL;
    }
    while (count-- > 0) {
        made_clear(host, &inputs[count]);
    }
    return status;
}

cl_int make(struct host *host, const struct recipe *recipe, struct made *made)
{
    *made = (struct made) { .status = CL_BUILD_ERROR };
    return recipe->text ? make_of_source(host, recipe, made)
                        : make_linked(host, recipe, NULL, made);
}
