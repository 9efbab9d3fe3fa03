/*
 * Programs, from their sources to what their kernels take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "programs.h"

#include <string.h>

#include "origins.h"

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

void cl_program_forget(ClProgram *program)
{
    program->type = CL_PROGRAM_BINARY_TYPE_NONE;
    g_clear_pointer(&program->options, g_free);
    g_hash_table_remove_all(program->types);
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
    cl_program_forget(program);
    for (size_t i = 0; i < G_N_ELEMENTS(program->texts); i++) {
        g_byte_array_unref(program->texts[i]);
    }
    g_hash_table_unref(program->types);
    if (program->origins != NULL) {
        g_ptr_array_unref(program->origins);
    }
    program->session->text -= program->length;
    memory_discharge(program->session->memory, PROGRAM_COST);
    g_free(program->source);
    g_free(program);
}

ClProgram *cl_program_add(ClSession *session, uint32_t id)
{
    ClProgram *program;

    if (!memory_charge(session->memory, PROGRAM_COST, NULL)) {
        return NULL;
    }
    program = g_new(ClProgram, 1);
    *program = (ClProgram) {
        .session = session,
        .types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .texts = { g_byte_array_new(), g_byte_array_new() },
    };
    cl_object_init(&program->base, CL_KIND_PROGRAM, program_free);
    cl_objects_add(session->objects, id, &program->base);
    return program;
}

cl_int run_PROGRAM_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_program_create *wanted =
        &command->body.program_create;
    ClProgram *program;
    char *source;

    if (!cl_objects_is_free(session->objects, wanted->id) ||
        wanted->length == 0 || wanted->length > VGPU_STUB_CL_SOURCE_MAX) {
        return CL_INVALID_VALUE;
    }
    if (wanted->length > VGPU_STUB_CL_TEXT_MAX - session->text) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    source = g_try_malloc0(wanted->length);
    program = source == NULL ? NULL : cl_program_add(session, wanted->id);
    if (program == NULL) {
        g_free(source);
        return CL_OUT_OF_HOST_MEMORY;
    }
    program->source = source;
    program->length = cl_session_take_text(session, wanted->length);
    return CL_SUCCESS;
}

cl_int run_PROGRAM_SOURCE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_range *range = &command->body.range;
    ClProgram *program = cl_program_find(session, range->object);

    if (program == NULL) {
        return CL_INVALID_PROGRAM;
    }
    if (program->source == NULL || program->program != NULL) {
        return CL_INVALID_OPERATION;
    }
    if (range->offset > program->length ||
        range->size > program->length - range->offset) {
        return CL_INVALID_VALUE;
    }
    memcpy(program->source + range->offset, command->data, range->size);
    return CL_SUCCESS;
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
