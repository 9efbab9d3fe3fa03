/*
 * Programs, from their sources to what their kernels take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "programs.h"

#include <string.h>

#include "descriptions.h"
#include "build-options.h"

/*
 * What a program counts for in the VM's memory, in bytes, whatever its source:
 * a compiler keeps much of its own for each.
 */
#define PROGRAM_COST 65536

ClProgram *cl_program_find(const ClSession *session, uint32_t id)
{
    return (ClProgram *)cl_objects_find(session->objects, id,
                                        CL_KIND_PROGRAM);
}

static void forget_texts(ClProgram *program)
{
    for (size_t i = 0; i < G_N_ELEMENTS(program->texts); i++) {
        program->session->text -= program->texts[i]->len;
        /* An array that becomes shorter keeps its memory. */
        g_byte_array_unref(program->texts[i]);
        program->texts[i] = g_byte_array_new();
    }
}

static void program_free(ClObject *object)
{
    ClProgram *program = (ClProgram *)object;

    if (program->program != NULL) {
        cl.clReleaseProgram(program->program);
    }
    forget_texts(program);
    for (size_t i = 0; i < G_N_ELEMENTS(program->texts); i++) {
        g_byte_array_unref(program->texts[i]);
    }
    program->session->text -= program->length;
    memory_discharge(program->session->memory, PROGRAM_COST);
    g_free(program->options);
    g_free(program->source);
    g_free(program);
}

/* Takes over @source, of @length bytes that are counted. */
static void program_add(ClSession *session, uint32_t id, char *source,
                        size_t length)
{
    ClProgram *program = g_new(ClProgram, 1);

    *program = (ClProgram) {
        .session = session,
        .length = length,
        .source = source,
        .texts = { g_byte_array_new(), g_byte_array_new() },
    };
    cl_object_init(&program->base, CL_KIND_PROGRAM, program_free);
    cl_objects_add(session->objects, id, &program->base);
}

cl_int run_PROGRAM_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_program_create *wanted =
        &command->body.program_create;
    char *source;

    if (!cl_objects_is_free(session->objects, wanted->id) ||
        wanted->length == 0 || wanted->length > VGPU_STUB_CL_SOURCE_MAX) {
        return CL_INVALID_VALUE;
    }
    if (wanted->length > CL_TEXT_MAX - session->text ||
        !memory_charge(session->memory, PROGRAM_COST, NULL)) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    source = g_try_malloc0(wanted->length);
    if (source == NULL) {
        memory_discharge(session->memory, PROGRAM_COST);
        return CL_OUT_OF_HOST_MEMORY;
    }
    cl_session_take_text(session, wanted->length);
    program_add(session, wanted->id, source, wanted->length);
    return CL_SUCCESS;
}

cl_int run_PROGRAM_SOURCE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_range *range = &command->body.range;
    ClProgram *program = cl_program_find(session, range->object);

    if (program == NULL) {
        return CL_INVALID_PROGRAM;
    }
    if (program->source == NULL) {
        return CL_INVALID_OPERATION;
    }
    if (range->offset > program->length ||
        range->size > program->length - range->offset) {
        return CL_INVALID_VALUE;
    }
    memcpy(program->source + range->offset, command->data, range->size);
    return CL_SUCCESS;
}

/* --- Builds --- */

/* The driver has a copy of the source from now on. */
static cl_int give_source(ClProgram *program)
{
    const char *source = program->source;
    cl_int status;

    if (program->program != NULL) {
        return CL_SUCCESS;
    }
    program->program = cl.clCreateProgramWithSource(
        program->session->backend->context, 1, &source, &program->length,
        &status);
    if (program->program != NULL) {
        g_clear_pointer(&program->source, g_free);
    }
    return program->program != NULL ? CL_SUCCESS : status;
}

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
 * Takes over @options. They are kept only with what they have made: by them it
 * is found out later what its kernels take.
 */
static cl_int build(ClProgram *program, char *options)
{
    cl_int status;

    g_clear_pointer(&program->options, g_free);
    forget_texts(program);
    status = cl.clBuildProgram(program->program, 1,
                               &program->session->backend->device, options,
                               NULL, NULL);
    take_log(program);
    if (status == CL_SUCCESS) {
        status = cl_descriptions_take(program);
    }
    if (status == CL_SUCCESS) {
        program->options = options;
    } else {
        g_free(options);
    }
    return status;
}

/*
 * All who have a reference beside its id are kernels; one that was released may
 * still run, and another batch sees whether it does not.
 */
static cl_int check_kernels(const ClProgram *program)
{
    if (program->base.references == 1) {
        return CL_SUCCESS;
    }
    return cl_timeline_is_empty(program->session->timeline)
           ? CL_INVALID_OPERATION : CL_NO_ROOM;
}

static cl_build_status build_status(const ClProgram *program)
{
    cl_build_status status = CL_BUILD_ERROR;

    cl.clGetProgramBuildInfo(program->program,
                             program->session->backend->device,
                             CL_PROGRAM_BUILD_STATUS, sizeof(status), &status,
                             NULL);
    return status;
}

cl_int run_PROGRAM_BUILD(ClSession *session, const ClCommand *command)
{
    ClProgram *program = cl_program_find(session, command->body.object.id);
    char *options = cl_options_make(command->data, command->length);
    struct vgpu_stub_cl_build *payload;
    cl_int status;

    if (program == NULL || options == NULL) {
        g_free(options);
        return program == NULL ? CL_INVALID_PROGRAM
                               : CL_INVALID_BUILD_OPTIONS;
    }
    status = check_kernels(program);
    if (status == CL_SUCCESS) {
        status = give_source(program);
    }
    if (status != CL_SUCCESS) {
        g_free(options);
        return status;
    }
    payload = cl_answer_payload(&session->answer, sizeof(*payload));
    if (payload == NULL) {
        g_free(options);
        return CL_NO_ROOM;
    }
    status = build(program, options);
    *payload = (struct vgpu_stub_cl_build) {
        .status = build_status(program),
        .log = program->texts[VGPU_STUB_CL_READ_LOG]->len,
        .kernels = program->texts[VGPU_STUB_CL_READ_KERNELS]->len,
    };
    return status;
}

cl_int run_PROGRAM_READ(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_program_read *read =
        &command->body.program_read;
    const ClProgram *program = cl_program_find(session, read->program);
    const GByteArray *text;
    void *payload;

    if (program == NULL) {
        return CL_INVALID_PROGRAM;
    }
    text = program->texts[read->what];
    if (read->offset > text->len || read->size > text->len - read->offset) {
        return CL_INVALID_VALUE;
    }
    payload = cl_answer_payload(&session->answer, read->size);
    if (payload == NULL) {
        return CL_NO_ROOM;
    }
    if (read->size > 0) {
        memcpy(payload, text->data + read->offset, read->size);
    }
    return CL_SUCCESS;
}
