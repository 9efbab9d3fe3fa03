/*
 * Tries the accelerator, as its first request would
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

#include <string.h>

#define COUNT 1024

static bool wrong(const char *what, GError **error)
{
    g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                "the accelerator does not work: %s", what);
    return false;
}

/* Has the memory what it was given, plus @more each? */
static bool compare(Session *session, BackendMemory *memory, uint32_t more,
                    const char *what, GError **error)
{
    uint32_t numbers[COUNT];

    if (!session->class->copy_from(session->backend, numbers, memory, 0,
                                   sizeof(numbers), error)) {
        return false;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        if (numbers[i] != i + more) {
            return wrong(what, error);
        }
    }
    return true;
}

static bool try_memory(Session *session, BackendMemory *memory,
                       GError **error)
{
    uint32_t numbers[COUNT];

    for (uint32_t i = 0; i < COUNT; i++) {
        numbers[i] = i;
    }
    return session->class->copy_to(session->backend, memory, 0, numbers,
                                   sizeof(numbers), error) &&
           compare(session, memory, 0, "memory does not keep what is written",
                   error);
}

static bool try_program(Session *session, BackendMemory *memory,
                        GError **error)
{
    const NdRange range = { .dimensions = 1, .global = { COUNT, 1, 1 } };
    const KernelArgument argument = {
        .type = VGPU_STUB_ARG_BUFFER, .memory = memory,
    };
    gint64 exec_us = 0;
    BackendProgram *program;
    bool good;

    if (session->class->trial == NULL) {
        return true;
    }
    program = session->class->build(session->backend, session->class->trial,
                                    error);
    if (program == NULL) {
        return false;
    }
    good = session->class->run(session->backend, program, "trial", &range,
                               &argument, 1, &exec_us, error) &&
           compare(session, memory, 1, "a program's result is wrong", error);
    session->class->unbuild(session->backend, program);
    return good;
}

bool session_try(Session *session, GError **error)
{
    BackendMemory *memory = session->class->alloc(
        session->backend, COUNT * sizeof(uint32_t), error);
    bool good;

    if (memory == NULL) {
        return false;
    }
    good = try_memory(session, memory, error) &&
           try_program(session, memory, error);
    session->class->free(session->backend, memory);
    return good;
}
