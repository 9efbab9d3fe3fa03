/*
 * What a worker does for its VM: memory, kernels, and an accelerator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session.h"

#include <string.h>

#include "backend.h"
#include "catalogue.h"
#include "launch.h"
#include "memory.h"
#include "programs.h"

/* Bytes of the accelerator's name in GET_DEVICE_INFO, at most */
#define NAME_MAX_SIZE 255

struct Session {
    const BackendClass *class;
    Backend *backend;
    BackendDevice device;
    char *name;                 /* the device's */
    bool guest_kernels;
    bool warned;                /* of a program that does not compile */
    bool lost;                  /* the driver does nothing more for us */
    uint64_t quota;
    Catalogue *catalogue;
    MemoryTable *memory;
    Programs *programs;
};

/* One execution of a call */
typedef struct Execution {
    uint64_t context;
    const Call *call;
    Reply *reply;
    gint64 *exec_us;
} Execution;

/* Its error is one of BACKEND_ERROR. */
typedef bool (*Operation)(Session *session, const Execution *execution,
                          GError **error);

static void append64(Reply *reply, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    reply_append_results(reply, &value, 2);
}

static void append32(Reply *reply, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    reply_append_results(reply, &value, 1);
}

static uint32_t opcodes(void);

static bool get_device_info(Session *session, const Execution *execution,
                            GError **error G_GNUC_UNUSED)
{
    Reply *reply = execution->reply;

    append32(reply, 1);
    append32(reply, opcodes());
    append32(reply, session->class->number);
    append64(reply, session->quota);
    append64(reply, memory_table_used(session->memory));
    append32(reply, session->device.compute_units);
    reply_append_data(reply, session->name, strlen(session->name));
    return true;
}

static bool memory_alloc_operation(Session *session,
                                   const Execution *execution, GError **error)
{
    const uint64_t size = call_param64(execution->call, 0);
    const Memory *memory;

    if (size == 0) {
        return backend_refuse(error, "bytes: 0");
    }
    memory = memory_alloc(session->memory, execution->context, size, error);
    if (memory == NULL) {
        return false;
    }
    append64(execution->reply, memory->handle);
    return true;
}

static bool memory_free_operation(Session *session,
                                  const Execution *execution, GError **error)
{
    return memory_free(session->memory, execution->context,
                       call_param64(execution->call, 0), error);
}

static bool memory_free_all_operation(Session *session,
                                      const Execution *execution,
                                      GError **error G_GNUC_UNUSED)
{
    append64(execution->reply, memory_free_all(session->memory,
                                               execution->context));
    return true;
}

/* Memory of the VM's, and a range inside it */
typedef struct Range {
    const Memory *memory;
    uint64_t offset;
} Range;

/* The range of @length bytes whose handle and offset begin at param @index */
static bool find_range(Session *session, const Execution *execution,
                       unsigned index, uint32_t length, Range *range,
                       GError **error)
{
    const Call *call = execution->call;

    range->offset = call_param64(call, index + 2);
    range->memory = memory_find(session->memory, execution->context,
                                call_param64(call, index), error);
    if (range->memory == NULL) {
        return false;
    }
    if (range->offset > range->memory->size ||
        length > range->memory->size - range->offset) {
        return backend_refuse(error, "offset, length: they leave the "
                              "memory's %" G_GUINT64_FORMAT " bytes",
                              range->memory->size);
    }
    return true;
}

static bool overlap(const Range *a, const Range *b, uint32_t length)
{
    uint64_t distance = a->offset > b->offset ? a->offset - b->offset
                                              : b->offset - a->offset;

    return a->memory == b->memory && distance < length;
}

static bool copy_to(Session *session, const Execution *execution,
                    uint32_t length, GError **error)
{
    const Call *call = execution->call;
    Range to;

    if (call->data_length != length) {
        return backend_refuse(error, "length: not that of the data");
    }
    return find_range(session, execution, 2, length, &to, error) &&
           session->class->copy_to(session->backend, to.memory->memory,
                                   to.offset, call->data, length, error);
}

static bool copy_from(Session *session, const Execution *execution,
                      uint32_t length, GError **error)
{
    uint8_t bytes[sizeof(execution->reply->body)];
    Range from;

    if (length > sizeof(bytes)) {
        return backend_refuse(error, "length: more than the %zu bytes that a "
                              "response holds", sizeof(bytes));
    }
    if (!find_range(session, execution, 2, length, &from, error) ||
        !session->class->copy_from(session->backend, bytes,
                                   from.memory->memory, from.offset, length,
                                   error)) {
        return false;
    }
    reply_append_data(execution->reply, bytes, length);
    return true;
}

static bool copy_within(Session *session, const Execution *execution,
                        uint32_t length, GError **error)
{
    Range to, from;

    if (!find_range(session, execution, 2, length, &to, error) ||
        !find_range(session, execution, 6, length, &from, error)) {
        return false;
    }
    if (overlap(&to, &from, length)) {
        return backend_refuse(error, "offsets: the two ranges overlap");
    }
    return session->class->copy_within(session->backend, to.memory->memory,
                                       to.offset, from.memory->memory,
                                       from.offset, length, error);
}

static bool memory_copy(Session *session, const Execution *execution,
                        GError **error)
{
    static const struct {
        uint32_t params;
        bool data;
        bool (*copy)(Session *session, const Execution *execution,
                     uint32_t length, GError **error);
    } directions[] = {
        [VGPU_STUB_COPY_TO_DEVICE] = { 6, true, copy_to },
        [VGPU_STUB_COPY_FROM_DEVICE] = { 6, false, copy_from },
        [VGPU_STUB_COPY_WITHIN_DEVICE] = { 10, false, copy_within },
    };
    const Call *call = execution->call;
    uint32_t direction, length;

    if (call->param_count < 2) {
        return backend_refuse(error, "param_count: not 6 or 10");
    }
    direction = call_param(call, 0);
    length = call_param(call, 1);
    if (direction >= G_N_ELEMENTS(directions)) {
        return backend_refuse(error, "direction: not 0, 1 or 2");
    }
    if (call->param_count != directions[direction].params) {
        return backend_refuse(error, "param_count: not %u",
                              directions[direction].params);
    }
    if (!directions[direction].data && call->data_length > 0) {
        return backend_refuse(error, "data_length: this direction takes no "
                              "data");
    }
    if (length == 0) {
        return backend_refuse(error, "length: 0");
    }
    return directions[direction].copy(session, execution, length, error);
}

/* The guest's own program, as its memory is now */
static BackendProgram *guest_program(Session *session, uint64_t context,
                                     const Launch *launch, GError **error)
{
    const Memory *memory;
    g_autofree char *text = NULL;

    if (!session->guest_kernels || session->class->build == NULL) {
        g_set_error(error, BACKEND_ERROR,
                    VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                    "this VM may not bring programs of its own");
        return NULL;
    }
    memory = memory_find(session->memory, context, launch->program, error);
    if (memory == NULL) {
        return NULL;
    }
    if (launch->program_length > memory->size) {
        backend_refuse(error, "program: longer than its memory");
        return NULL;
    }
    text = g_malloc(launch->program_length + 1);
    if (!session->class->copy_from(session->backend, text, memory->memory, 0,
                                   launch->program_length, error)) {
        return NULL;
    }
    text[launch->program_length] = '\0';
    if (!session->class->vet(text, error)) {
        return NULL;
    }
    return programs_get(session->programs, text, error);
}

/*
 * A program of the catalogue that does not compile is no fault of a guest,
 * who can ask for it again and again: the host's log has it once.
 */
static BackendProgram *catalogue_program(Session *session,
                                         const CatalogueKernel *kernel,
                                         const char *name, GError **error)
{
    const char *text = catalogue_kernel_program(kernel);
    g_autoptr(GError) why = NULL;
    BackendProgram *program;

    if (text == NULL) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL,
                    "the catalogue has no %s for the backend %s", name,
                    session->class->name);
        return NULL;
    }
    program = programs_get(session->programs, text, &why);
    if (program == NULL) {
        if (!session->warned) {
            g_warning("the catalogue's %s%s: %s", name,
                      session->class->suffix, why->message);
            session->warned = true;
        }
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                    "the catalogue's %s does not compile on the host", name);
    }
    return program;
}

/* Look up the buffers among the arguments, and their sizes in bytes. */
static bool find_arguments(Session *session, uint64_t context,
                           const Launch *launch, KernelArgument *arguments,
                           uint64_t *sizes, GError **error)
{
    for (unsigned i = 0; i < launch->count; i++) {
        const struct vgpu_stub_kernel_arg *raw = &launch->arguments[i];
        const Memory *memory;

        arguments[i] = (KernelArgument) { .type = raw->type };
        switch (raw->type) {
        case VGPU_STUB_ARG_BUFFER:
            memory = memory_find(session->memory, context, raw->value, error);
            if (memory == NULL) {
                return false;
            }
            arguments[i].memory = memory->memory;
            sizes[i] = memory->size;
            break;
        case VGPU_STUB_ARG_U32:
        case VGPU_STUB_ARG_F32:
            arguments[i].u32 = raw->value;
            break;
        default:
            arguments[i].u64 = raw->value;
            break;
        }
    }
    return true;
}

static bool run(Session *session, BackendProgram *program,
                const Launch *launch, const KernelArgument *arguments,
                gint64 *exec_us, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (session->class->run(session->backend, program, launch->kernel,
                            &launch->range, arguments, launch->count, exec_us,
                            &why)) {
        return true;
    }
    session->lost = why->code == VGPU_STUB_ERR_BACKEND_ERROR;
    g_propagate_error(error, g_steal_pointer(&why));
    return false;
}

static bool kernel(Session *session, const Execution *execution,
                   GError **error)
{
    Launch launch;
    KernelArgument arguments[KERNEL_MAX_ARGUMENTS];
    uint64_t sizes[KERNEL_MAX_ARGUMENTS];
    BackendProgram *program = NULL;

    if (!launch_decode(&launch, execution->call, session->device.max_group,
                       error) ||
        !find_arguments(session, execution->context, &launch, arguments,
                        sizes, error)) {
        return false;
    }
    if (launch.program != 0) {
        program = guest_program(session, execution->context, &launch, error);
        if (program == NULL) {
            return false;
        }
    } else {
        const CatalogueKernel *entry = catalogue_find(
            session->catalogue, launch.kernel, error);

        if (entry == NULL ||
            !catalogue_kernel_check(entry, &launch, sizes, error)) {
            return false;
        }
        if (session->class->suffix != NULL) {
            program = catalogue_program(session, entry, launch.kernel, error);
            if (program == NULL) {
                return false;
            }
        }
    }
    return run(session, program, &launch, arguments, execution->exec_us,
               error);
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
    { VGPU_STUB_OP_KERNEL, LAUNCH_PARAMS, true, false, kernel },
    { VGPU_STUB_OP_MEMORY_ALLOC, 2, false, true, memory_alloc_operation },
    { VGPU_STUB_OP_MEMORY_FREE, 2, false, true, memory_free_operation },
    { VGPU_STUB_OP_MEMORY_COPY, ANY_PARAMS, true, true, memory_copy },
    { VGPU_STUB_OP_GET_DEVICE_INFO, 0, false, true, get_device_info },
    { VGPU_STUB_OP_SYNCHRONIZE, 0, false, true, synchronize },
    { VGPU_STUB_OP_MEMORY_FREE_ALL, 0, false, true,
      memory_free_all_operation },
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

void session_execute(Session *session, uint64_t context, const Call *call,
                     Reply *reply, gint64 *exec_us)
{
    const Execution execution = { context, call, reply, exec_us };
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
        .guest_kernels = options->guest_kernels,
        .quota = options->memory,
        .catalogue = catalogue,
        .memory = memory_table_new(class, backend, options->memory),
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
