/*
 * What is made of programs: builds, compilations and links
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "programs.h"

#include <string.h>

#include "build-options.h"
#include "descriptions.h"
#include "origins.h"

/* What the compiler says, or as much of it as there is room for */
static void take_log(ClProgram *program)
{
    const cl_device_id device = program->session->backend->device;
    GByteArray *log = program->texts[VGPU_STUB_CL_READ_LOG];
    g_autofree char *text = NULL;
    size_t size = 0;

    if (cl.clGetProgramBuildInfo(program->program, device,
                                 CL_PROGRAM_BUILD_LOG, 0, NULL,
                                 &size) != CL_SUCCESS || size == 0) {
        return;
    }
    text = g_try_malloc0(size);
    if (text == NULL ||
        cl.clGetProgramBuildInfo(program->program, device,
                                 CL_PROGRAM_BUILD_LOG, size, text,
                                 NULL) != CL_SUCCESS) {
        return;
    }
    size = strnlen(text, size);
    size = cl_session_take_text(program->session, size);
    g_byte_array_append(log, (const guint8 *)text, size);
}

/*
 * Something of @type was made, or, by @status, was not. The options, which this
 * takes over, are kept only with what they have made: by them it is found out
 * later what its kernels take.
 */
static cl_int finish(ClProgram *program, cl_program_binary_type type,
                     char *options, cl_int status)
{
    if (program->program != NULL) {
        take_log(program);
    }
    if (status == CL_SUCCESS && type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE) {
        status = cl_descriptions_take(program);
    }
    if (status == CL_SUCCESS) {
        program->type = type;
        program->options = options;
    } else {
        g_free(options);
    }
    return status;
}

static cl_build_status build_status(const ClProgram *program)
{
    cl_build_status status = CL_BUILD_ERROR;

    if (program->program != NULL) {
        cl.clGetProgramBuildInfo(program->program,
                                 program->session->backend->device,
                                 CL_PROGRAM_BUILD_STATUS, sizeof(status),
                                 &status, NULL);
    }
    return status;
}

static void describe(const ClProgram *program,
                     struct vgpu_stub_cl_build *payload)
{
    *payload = (struct vgpu_stub_cl_build) {
        .status = build_status(program),
        .log = program->texts[VGPU_STUB_CL_READ_LOG]->len,
        .kernels = program->texts[VGPU_STUB_CL_READ_KERNELS]->len,
    };
}

/* --- Of a source --- */

/*
 * The driver has a copy of the source from now on. What is made anew is another
 * program to it: PoCL has files of all that was made of one, as long as there
 * is that one.
 */
static cl_int give_source(ClProgram *program)
{
    const char *source = program->source;
    cl_int status;
    const cl_program made = cl.clCreateProgramWithSource(
        program->session->backend->context, 1, &source, &program->length,
        &status);

    if (made == NULL) {
        return status;
    }
    cl_program_forget(program);
    if (program->program != NULL) {
        cl.clReleaseProgram(program->program);
    }
    program->program = made;
    return CL_SUCCESS;
}

/*
 * Can something else be made of it? A kernel that was released may still run,
 * and another batch sees whether it does not.
 */
static cl_int check_source(const ClProgram *program)
{
    if (program->origins != NULL) {
        return CL_INVALID_OPERATION;
    }
    if (program->kernels == 0) {
        return CL_SUCCESS;
    }
    return cl_timeline_is_empty(program->session->timeline)
           ? CL_INVALID_OPERATION : CL_NO_ROOM;
}

/* Takes over @options. */
static cl_int make(ClProgram *program, cl_program_binary_type type,
                   char *options)
{
    const cl_device_id *device = &program->session->backend->device;
    cl_int status;

    if (type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE) {
        status = cl.clBuildProgram(program->program, 1, device, options, NULL,
                                   NULL);
    } else {
        status = cl.clCompileProgram(program->program, 1, device, options, 0,
                                     NULL, NULL, NULL, NULL);
    }
    return finish(program, type, options, status);
}

/* @refused: the error of options that are not allowed */
static cl_int make_of_source(ClSession *session, const ClCommand *command,
                             cl_program_binary_type type, cl_int refused)
{
    ClProgram *program = cl_program_find(session, command->body.object.id);
    g_autofree char *options = cl_options_make(command->data,
                                               command->length);
    struct vgpu_stub_cl_build *payload;
    cl_int status;

    if (program == NULL || options == NULL) {
        return program == NULL ? CL_INVALID_PROGRAM : refused;
    }
    status = check_source(program);
    if (status != CL_SUCCESS) {
        return status;
    }
    payload = cl_answer_payload(&session->answer, sizeof(*payload));
    if (payload == NULL) {
        return CL_NO_ROOM;
    }
    status = give_source(program);
    if (status == CL_SUCCESS) {
        status = make(program, type, g_steal_pointer(&options));
    }
    describe(program, payload);
    return status;
}

cl_int run_PROGRAM_BUILD(ClSession *session, const ClCommand *command)
{
    return make_of_source(session, command, CL_PROGRAM_BINARY_TYPE_EXECUTABLE,
                          CL_INVALID_BUILD_OPTIONS);
}

cl_int run_PROGRAM_COMPILE(ClSession *session, const ClCommand *command)
{
    return make_of_source(session, command,
                          CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT,
                          CL_INVALID_COMPILER_OPTIONS);
}

/* --- Of other programs --- */

typedef struct Link {
    ClProgram *programs[VGPU_STUB_CL_LINK_MAX];
    cl_program inputs[VGPU_STUB_CL_LINK_MAX];
    cl_uint count;
    char *options;
    cl_program_binary_type type;
} Link;

/* Which programs, and with which options? To be freed: link->options */
static cl_int read_link(ClSession *session, const ClCommand *command,
                        Link *link)
{
    const uint8_t *at = command->data;
    bool is_library;

    link->count = command->body.program_link.inputs;
    for (cl_uint i = 0; i < link->count; i++) {
        uint32_t id;

        memcpy(&id, at, sizeof(id));
        at += sizeof(id);
        link->programs[i] = cl_program_find(session, id);
        if (link->programs[i] == NULL) {
            return CL_INVALID_PROGRAM;
        }
        if (link->programs[i]->type != CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT &&
            link->programs[i]->type != CL_PROGRAM_BINARY_TYPE_LIBRARY) {
            return CL_INVALID_OPERATION;
        }
        link->inputs[i] = link->programs[i]->program;
    }
    link->options = cl_link_options_make(at, command->data + command->length -
                                         at, &is_library);
    if (link->options == NULL) {
        return CL_INVALID_LINKER_OPTIONS;
    }
    link->type = is_library ? CL_PROGRAM_BINARY_TYPE_LIBRARY
                            : CL_PROGRAM_BINARY_TYPE_EXECUTABLE;
    return CL_SUCCESS;
}

static cl_program call_linker(const ClSession *session, const Link *link,
                              const char *options, cl_int *status)
{
    return cl.clLinkProgram(session->backend->context, 1,
                            &session->backend->device, options, link->count,
                            link->inputs, NULL, NULL, status);
}

/* NULL also where the linker has only failed. */
static cl_program run_linker(const ClSession *session, const Link *link,
                             cl_int *status)
{
    cl_program program = call_linker(session, link, link->options, status);

    if (program == NULL && *status == CL_INVALID_LINKER_OPTIONS) {
        program = call_linker(session, link, cl_link_options_own(link->options),
                              status);
    }
    return program;
}

/* Link it; without the driver's program, nothing may be known of it. */
static cl_int link_program(ClProgram *program, const Link *link)
{
    cl_int status;

    program->program = run_linker(program->session, link, &status);
    return finish(program, link->type, g_strdup(link->options), status);
}

/* What was linked is a program with @id, also if only the linker has failed. */
static cl_int add_linked(ClSession *session, uint32_t id, const Link *link)
{
    ClProgram *program = cl_program_add(session, id);
    struct vgpu_stub_cl_build *payload;
    cl_int status = CL_OUT_OF_RESOURCES;

    if (program == NULL) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    program->origins = cl_origins_new(link->programs, link->count);
    if (program->origins != NULL) {
        payload = cl_answer_payload(&session->answer, sizeof(*payload));
        status = CL_NO_ROOM;
        if (payload != NULL) {
            status = link_program(program, link);
            describe(program, payload);
        }
    }
    if (status != CL_SUCCESS && status != CL_LINK_PROGRAM_FAILURE) {
        cl_objects_remove(session->objects, id);
    }
    return status;
}

cl_int run_PROGRAM_LINK(ClSession *session, const ClCommand *command)
{
    const uint32_t id = command->body.program_link.id;
    Link link = { .count = 0 };
    cl_int status;

    if (!cl_objects_is_free(session->objects, id)) {
        return CL_INVALID_VALUE;
    }
    status = read_link(session, command, &link);
    if (status == CL_SUCCESS) {
        status = add_linked(session, id, &link);
    }
    g_free(link.options);
    return status;
}
