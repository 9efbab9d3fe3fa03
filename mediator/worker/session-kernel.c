/*
 * A session's kernels: of the catalogue, and of the guest's own programs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

#include "launch.h"

bool session_check_programs(const Session *session,
                            const SessionLimits *limits, GError **error)
{
    const char *why = NULL;

    if (!limits->guest_kernels || session->class->build == NULL) {
        why = "this VM may not bring programs of its own";
    } else if (session->class->reads_files && !session->closed) {
        why = "no VM's own programs run here: the host cannot keep its files "
              "from them, and its log says why";
    }
    if (why != NULL) {
        g_set_error_literal(error, BACKEND_ERROR,
                            VGPU_STUB_ERR_UNSUPPORTED_OPERATION, why);
    }
    return why == NULL;
}

/* The guest's own program, as its memory is now */
static BackendProgram *guest_program(Session *session,
                                     const SessionRequest *request,
                                     const Launch *launch, GError **error)
{
    const Memory *memory;
    g_autofree char *text = NULL;

    if (!session_check_programs(session, request->limits, error)) {
        return NULL;
    }
    memory = memory_find(session->memory, launch->program, error);
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
    if (session->class->vet != NULL && !session->class->vet(text, error)) {
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
static bool find_arguments(Session *session, const Launch *launch,
                           KernelArgument *arguments, uint64_t *sizes,
                           GError **error)
{
    for (unsigned i = 0; i < launch->count; i++) {
        const struct vgpu_stub_kernel_arg *raw = &launch->arguments[i];
        const Memory *memory;

        arguments[i] = (KernelArgument) { .type = raw->type };
        switch (raw->type) {
        case VGPU_STUB_ARG_BUFFER:
            memory = memory_find(session->memory, raw->value, error);
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

/* What was printed before, and whoever's it was, is not this kernel's. */
static void forget_output(const Session *session)
{
    uint8_t bytes[OUTPUT_SIZE];

    if (session->output != NULL) {
        output_read(session->output, bytes);
    }
}

/* Answer with what the kernel has printed, as far as it fits. */
static void reply_output(const Session *session, Reply *reply)
{
    uint8_t bytes[OUTPUT_SIZE];
    size_t size;

    if (session->output == NULL) {
        return;
    }
    size = output_read(session->output, bytes);
    if (size > reply->room) {
        const size_t room = MAX(reply->room, sizeof(uint32_t)) -
                            sizeof(uint32_t);

        session_append32(reply, size - room);
        size = room;
    }
    reply_append_data(reply, bytes, size);
}

static bool run(Session *session, BackendProgram *program,
                const Launch *launch, const KernelArgument *arguments,
                const SessionRequest *request, GError **error)
{
    g_autoptr(GError) why = NULL;

    forget_output(session);
    if (session->class->run(session->backend, program, launch->kernel,
                            &launch->range, arguments, launch->count,
                            request->exec_us, &why)) {
        reply_output(session, request->reply);
        return true;
    }
    session->lost = why->code == VGPU_STUB_ERR_BACKEND_ERROR;
    g_propagate_error(error, g_steal_pointer(&why));
    return false;
}

bool session_kernel(Session *session, const SessionRequest *request,
                    GError **error)
{
    Launch launch;
    KernelArgument arguments[KERNEL_MAX_ARGUMENTS];
    uint64_t sizes[KERNEL_MAX_ARGUMENTS];
    BackendProgram *program = NULL;

    if (!launch_decode(&launch, request->call, session->device.max_group,
                       error) ||
        !find_arguments(session, &launch, arguments, sizes, error)) {
        return false;
    }
    if (launch.program != 0) {
        program = guest_program(session, request, &launch, error);
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
    return run(session, program, &launch, arguments, request, error);
}
