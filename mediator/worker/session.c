/*
 * What a worker does for its VM: memory, kernels, and an accelerator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

#include <string.h>

#include "launch.h"

/* Bytes of the accelerator's name in GET_DEVICE_INFO, at most */
#define NAME_MAX_SIZE 255

void session_append64(Reply *reply, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    reply_append_results(reply, &value, 2);
}

void session_append32(Reply *reply, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    reply_append_results(reply, &value, 1);
}

static uint32_t opcodes(void);

static bool get_device_info(Session *session, const Execution *execution,
                            GError **error G_GNUC_UNUSED)
{
    Reply *reply = execution->reply;

    session_append32(reply, 1);
    session_append32(reply, opcodes());
    session_append32(reply, session->class->number);
    session_append64(reply, execution->limits->memory);
    session_append64(reply, memory_table_used(session->memory));
    session_append32(reply, session->device.compute_units);
    reply_append_data(reply, session->name, strlen(session->name));
    return true;
}

/* Nothing runs behind the back of a request. */
static bool synchronize(Session *session G_GNUC_UNUSED,
                        const Execution *execution G_GNUC_UNUSED,
                        GError **error G_GNUC_UNUSED)
{
    return true;
}

/* A MEMORY_COPY looks at its params and data itself. */
#define ANY_PARAMS G_MAXUINT32

static const struct {
    uint32_t opcode;
    uint32_t params;
    bool data;                  /* may there be some? */
    bool timed;                 /* else it counts its exec_us itself */
    Operation execute;
} operations[] = {
    { VGPU_STUB_OP_KERNEL, LAUNCH_PARAMS, true, false, session_kernel },
    { VGPU_STUB_OP_MEMORY_ALLOC, 2, false, true, session_memory_alloc },
    { VGPU_STUB_OP_MEMORY_FREE, 2, false, true, session_memory_free },
    { VGPU_STUB_OP_MEMORY_COPY, ANY_PARAMS, true, true, session_memory_copy },
    { VGPU_STUB_OP_GET_DEVICE_INFO, 0, false, true, get_device_info },
    { VGPU_STUB_OP_SYNCHRONIZE, 0, false, true, synchronize },
    { VGPU_STUB_OP_MEMORY_FREE_ALL, 0, false, true,
      session_memory_free_all },
};

/* Bit n: opcode n is answered, here or by the mediator itself. */
static uint32_t opcodes(void)
{
    uint32_t bits = 1u << VGPU_STUB_OP_NOP | 1u << VGPU_STUB_OP_ECHO;

    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        bits |= 1u << operations[i].opcode;
    }
    return bits;
}

static bool execute(Session *session, const Execution *execution,
                    GError **error)
{
    const Call *call = execution->call;

    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        gint64 start = g_get_monotonic_time();
        bool done;

        if (operations[i].opcode != call->opcode) {
            continue;
        }
        if (operations[i].params != ANY_PARAMS &&
            operations[i].params != call->param_count) {
            return backend_refuse(error, "param_count: not %u",
                                  operations[i].params);
        }
        if (!operations[i].data && call->data_length > 0) {
            return backend_refuse(error, "data_length: the operation takes "
                                  "no data");
        }
        done = operations[i].execute(session, execution, error);
        if (operations[i].timed) {
            *execution->exec_us = g_get_monotonic_time() - start;
        }
        return done;
    }
    g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                "the operation is not supported");
    return false;
}

/* The error for the guest, as far as it fits; a compiler may say anything. */
static void reply_failure(Reply *reply, const GError *error)
{
    g_autofree char *text = g_utf8_make_valid(error->message, -1);
    g_autofree char *ascii = g_str_to_ascii(text, "C");
    g_autofree char *start = g_strndup(ascii, sizeof(reply->body));

    reply_error(reply, error->code, start);
}

/* @name as valid UTF-8 of at most NAME_MAX_SIZE bytes */
static char *device_name(const char *name)
{
    char *valid = g_utf8_make_valid(name, -1);

    if (strlen(valid) > NAME_MAX_SIZE) {
        *g_utf8_find_prev_char(valid, valid + NAME_MAX_SIZE + 1) = '\0';
    }
    return valid;
}

void session_execute(Session *session, uint64_t context,
                     const SessionLimits *limits, const Call *call,
                     Reply *reply, gint64 *exec_us)
{
    const Execution execution = { context, limits, call, reply, exec_us };
    g_autoptr(GError) error = NULL;

    *reply = (Reply) { .status = VGPU_STUB_ERR_NONE };
    *exec_us = 0;
    if (!execute(session, &execution, &error)) {
        reply_failure(reply, error);
    }
}

void session_release(Session *session, uint64_t context)
{
    memory_free_all(session->memory, context);
}

Session *session_new(const SessionOptions *options, GError **error)
{
    const BackendClass *class = backend_find(options->backend);
    Session *session;
    Catalogue *catalogue;
    BackendDevice device;
    Backend *backend;

    if (class == NULL) {
        backend_refuse(error, "there is no backend '%s', only cpu, opencl "
                       "and cuda", options->backend);
        return NULL;
    }
    catalogue = catalogue_load(options->kernels, class->suffix, error);
    if (catalogue == NULL) {
        return NULL;
    }
    backend = class->open(options->device, &device, error);
    if (backend == NULL) {
        catalogue_free(catalogue);
        return NULL;
    }
    session = g_new(Session, 1);
    *session = (Session) {
        .class = class,
        .backend = backend,
        .device = device,
        .name = device_name(device.name),
        .closed = options->closed,
        .output = options->output,
        .catalogue = catalogue,
        .memory = memory_table_new(class, backend),
        .programs = programs_new(class, backend),
    };
    return session;
}

void session_free(Session *session)
{
    programs_free(session->programs);
    memory_table_free(session->memory);
    catalogue_free(session->catalogue);
    session->class->close(session->backend);
    g_free(session->name);
    g_free(session);
}

const char *session_device_name(const Session *session)
{
    return session->name;
}

bool session_is_lost(const Session *session)
{
    return session->lost;
}

bool session_holds_memory(const Session *session)
{
    return memory_table_used(session->memory) > 0;
}
