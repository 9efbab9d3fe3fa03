/*
 * What a guest's program does with OpenCL: batch by batch
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "private.h"

typedef cl_int (*Run)(ClSession *session, const ClCommand *command);

#define RUN(name, opcode, structure, tail, payload) [opcode] = run_##name,

static const Run runs[] = { VGPU_STUB_CL_COMMANDS(RUN) };

ClSession *cl_session_new(Backend *backend, MemoryTable *memory,
                          Output *output)
{
    ClSession *session = g_new0(ClSession, 1);

    session->backend = backend;
    session->memory = memory;
    session->output = output;
    session->printed = g_byte_array_new();
    session->objects = cl_objects_new();
    session->timeline = cl_timeline_new(backend);
    return session;
}

void cl_session_free(ClSession *session)
{
    cl_objects_free(session->objects);
    cl_timeline_free(session->timeline);
    g_byte_array_unref(session->printed);
    g_free(session);
}

size_t cl_session_take_text(ClSession *session, size_t size)
{
    const size_t taken = MIN(size, VGPU_STUB_CL_TEXT_MAX - session->text);

    session->text += taken;
    return taken;
}

/*
 * A sampler may be what a kernel under way was given, and not all drivers keep
 * it for that; another batch sees the kernel's end.
 */
static bool must_wait(const ClSession *session, uint32_t id)
{
    return cl_objects_find(session->objects, id, CL_KIND_SAMPLER) != NULL &&
           !cl_timeline_is_empty(session->timeline);
}

cl_int run_RELEASE(ClSession *session, const ClCommand *command)
{
    const uint32_t id = command->body.object.id;

    if (must_wait(session, id)) {
        return CL_NO_ROOM;
    }
    return cl_objects_remove(session->objects, id) ? CL_SUCCESS
                                                   : CL_INVALID_VALUE;
}

/* Does it say more when it has failed? What compilers do has a log. */
static bool tells_failure(uint16_t opcode)
{
    return opcode == VGPU_STUB_CL_PROGRAM_BUILD ||
           opcode == VGPU_STUB_CL_PROGRAM_COMPILE ||
           opcode == VGPU_STUB_CL_PROGRAM_LINK;
}

/* Execute the next command; false when that has to wait for another batch. */
static bool run_command(ClSession *session, const ClCommand *command)
{
    ClResult *result = cl_answer_add(&session->answer, command,
                                     session->next);
    cl_int status;

    if (result == NULL) {
        return false;
    }
    session->result = result;
    status = runs[command->opcode](session, command);
    if (status == CL_NO_ROOM) {
        cl_answer_drop(&session->answer);
        return false;
    }
    result->status = status;
    if (status != CL_SUCCESS && !tells_failure(command->opcode)) {
        result->length = 0;
    }
    session->next++;
    return true;
}

/* Execute commands of @batch, until its turn ends. */
static bool run_batch(ClSession *session, const ClBatch *batch,
                      GError **error)
{
    cl_timeline_begin(session->timeline);
    for (unsigned i = 0; i < batch->count; i++) {
        if (i > 0 && cl_timeline_is_full(session->timeline)) {
            break;
        }
        if (!run_command(session, &batch->commands[i])) {
            break;
        }
        if (cl_timeline_is_unknown(session->timeline) &&
            !cl_timeline_finish(session->timeline, error)) {
            return false;
        }
    }
    return cl_timeline_finish(session->timeline, error);
}

/* What kernels have printed, when the guest has all that they did before */
static void read_output(ClSession *session)
{
    if (session->output != NULL && session->printed->len == 0) {
        g_byte_array_set_size(session->printed, OUTPUT_SIZE);
        g_byte_array_set_size(session->printed,
                              output_read(session->output,
                                          session->printed->data));
    }
}

static void answer(ClSession *session, Reply *reply)
{
    size_t printed;

    read_output(session);
    printed = session->printed->len;
    cl_answer_encode(&session->answer, session->next, session->printed->data,
                     &printed, reply);
    g_byte_array_remove_range(session->printed, 0, printed);
}

/* Bulk of which something may not be there is not said to have moved. */
static void say_bulk(const ClSession *session, const ClBatch *batch,
                     const ClRequest *request)
{
    const unsigned done = session->answer.count;

    if (request->bulk.length > 0 && done == batch->count &&
        session->answer.results[done - 1].status == CL_SUCCESS) {
        *request->bulk_moved = request->bulk.length;
    }
}

bool cl_session_execute(ClSession *session, const ClRequest *request,
                        GError **error)
{
    ClBatch batch;
    bool done;

    if (!cl_batch_decode(&batch, request->bytes, request->length,
                         &request->bulk, error)) {
        return false;
    }
    if (!cl_answer_init(&session->answer, request->reply->room)) {
        g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_INVALID_LENGTH,
                            "the response has no room for an answer");
        return false;
    }
    if (batch.first != session->next) {
        answer(session, request->reply);
        return true;
    }
    done = run_batch(session, &batch, error);
    *request->exec_us += cl_timeline_exec_us(session->timeline);
    if (!done) {
        return false;
    }
    if (session->answer.count == 0) {
        g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_INVALID_LENGTH,
                            "the response has no room for the result of the "
                            "first command");
        return false;
    }
    say_bulk(session, &batch, request);
    answer(session, request->reply);
    return true;
}
