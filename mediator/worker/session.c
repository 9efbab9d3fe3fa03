/*
 * What a worker does for its context: memory, kernels, and an accelerator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

#include <string.h>

#include "protocol/operations.h"

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

/* Results of GET_DEVICE_INFO with a bit for each opcode: docs/operations.md */
#define OPCODE_WORDS 9

#define FITS(name, function, params, data, traits) \
    G_STATIC_ASSERT(VGPU_STUB_OP_##name < OPCODE_WORDS * 32);

OPERATIONS_OF_MEDIATOR(FITS)
OPERATIONS_OF_WORKER(FITS)

#define BIT(name, function, params, data, traits) \
    words[VGPU_STUB_OP_##name / 32] |= 1u << VGPU_STUB_OP_##name % 32;

/* Bit n: opcode n is answered, here or by the mediator itself. */
static void find_opcodes(const Session *session, const SessionLimits *limits,
                         uint32_t words[OPCODE_WORDS])
{
    memset(words, 0, OPCODE_WORDS * sizeof(words[0]));
    OPERATIONS_OF_MEDIATOR(BIT)
    OPERATIONS_OF_WORKER(BIT)
    if (!session_has_opencl(session, limits, NULL)) {
        words[VGPU_STUB_OP_OPENCL / 32] &= ~(1u << VGPU_STUB_OP_OPENCL % 32);
    }
}

static bool session_get_device_info(Session *session,
                                    const SessionRequest *request,
                                    GError **error G_GNUC_UNUSED)
{
    Reply *reply = request->reply;
    uint32_t opcodes[OPCODE_WORDS];

    find_opcodes(session, request->limits, opcodes);
    session_append32(reply, 1);
    session_append32(reply, opcodes[0]);
    session_append32(reply, session->class->number);
    session_append64(reply, request->limits->memory);
    session_append64(reply, request->limits->others +
                            memory_table_used(session->memory));
    session_append32(reply, session->device.compute_units);
    for (size_t i = 1; i < OPCODE_WORDS; i++) {
        session_append32(reply, opcodes[i]);
    }
    reply_append_data(reply, session->name, strlen(session->name));
    return true;
}

/* Nothing runs behind the back of a request. */
static bool session_synchronize(Session *session G_GNUC_UNUSED,
                                const SessionRequest *request G_GNUC_UNUSED,
                                GError **error G_GNUC_UNUSED)
{
    return true;
}

#define HERE(name, function, params, data, traits) \
    { VGPU_STUB_OP_##name, params, data, traits, session_##function },

typedef struct OperationHere {
    uint32_t opcode;
    uint32_t params;
    bool data;                  /* may there be some? */
    uint32_t traits;            /* OPERATION_… */
    Operation execute;
} OperationHere;

static const OperationHere operations[] = {
    OPERATIONS_OF_WORKER(HERE)
};

/* NULL: there is none with that opcode */
static const OperationHere *find_operation(uint32_t opcode)
{
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (operations[i].opcode == opcode) {
            return &operations[i];
        }
    }
    return NULL;
}

bool session_takes_long(uint32_t opcode)
{
    const OperationHere *operation = find_operation(opcode);

    return operation != NULL && (operation->traits & OPERATION_LONG);
}

/* Whether @request has what @operation takes */
static bool check_request(const OperationHere *operation,
                          const SessionRequest *request, GError **error)
{
    const Call *call = request->call;
    const char *why = operation_refusal(operation->traits, request->flags);

    if ((operation->traits & OPERATION_QUEUE) && request->bulk == NULL) {
        g_set_error_literal(error, BACKEND_ERROR,
                            VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                            "the operation is one of the queue's alone");
        return false;
    }
    if (why != NULL) {
        return backend_refuse(error, "%s", why);
    }
    if (operation->params != OPERATION_ANY_PARAMS &&
        operation->params != call->param_count) {
        return backend_refuse(error, "param_count: not %u",
                              operation->params);
    }
    if (!operation->data && call->data_length > 0) {
        return backend_refuse(error, "data_length: the operation takes "
                              "no data");
    }
    return true;
}

static bool execute(Session *session, const SessionRequest *request,
                    GError **error)
{
    const OperationHere *operation = find_operation(request->call->opcode);
    const gint64 start = g_get_monotonic_time();
    bool done;

    if (operation == NULL) {
        g_set_error(error, BACKEND_ERROR,
                    VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                    "the operation is not supported");
        return false;
    }
    if (!check_request(operation, request, error)) {
        return false;
    }
    done = operation->execute(session, request, error);
    /* What runs kernels counts what they take itself. */
    if (operation->opcode != VGPU_STUB_OP_KERNEL &&
        operation->opcode != VGPU_STUB_OP_OPENCL) {
        *request->exec_us = g_get_monotonic_time() - start;
    }
    return done;
}

/* The error for the guest, as far as it fits; a compiler may say anything. */
static void reply_failure(Reply *reply, const GError *error)
{
    g_autofree char *text = g_utf8_make_valid(error->message, -1);
    g_autofree char *ascii = g_str_to_ascii(text, "C");
    g_autofree char *start = g_strndup(ascii, reply->room);

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

void session_execute(Session *session, const SessionLimits *limits,
                     const Call *call, uint32_t flags, SessionBulk *bulk,
                     Reply *reply, gint64 *exec_us)
{
    const SessionRequest request = {
        limits, call, flags, bulk, reply, exec_us,
    };
    g_autoptr(GError) error = NULL;

    *exec_us = 0;
    if (!execute(session, &request, &error)) {
        reply_failure(reply, error);
    }
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
        .rows = session_kernel_rows(class, catalogue),
        .memory = memory_table_new(class, backend, options->grant,
                                   options->opaque),
        .programs = programs_new(class, backend),
    };
    return session;
}

void session_free(Session *session)
{
    g_clear_pointer(&session->opencl, cl_session_free);
    programs_free(session->programs);
    memory_table_free(session->memory);
    g_array_unref(session->rows);
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

uint64_t session_memory(const Session *session)
{
    return memory_table_used(session->memory);
}
