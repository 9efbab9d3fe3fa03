/*
 * What the parts of OpenCL's session have in common; for this folder alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_PRIVATE_H
#define WORKER_OPENCL_PRIVATE_H

#include "answer.h"
#include "objects.h"
#include "session.h"
#include "timeline.h"
#include "worker/opencl-driver.h"

/* A command's status beside OpenCL's, which are 0 or below: not executed */
#define CL_NO_ROOM 1

struct ClSession {
    Backend *backend;
    MemoryTable *memory;
    Output *output;             /* NULL: none */
    GByteArray *printed;        /* what the guest has not got yet of it */
    ClObjects *objects;
    uint64_t next;              /* number of the next command */
    size_t text;                /* bytes, of VGPU_STUB_CL_TEXT_MAX */
    ClTimeline *timeline;       /* what is under way */
    ClResult *result;           /* that of the command that is executed */
    ClAnswer answer;
};

/*
 * Execute a command: run_BUFFER_CREATE() and so on. Returns its status, or
 * CL_NO_ROOM when its payload has no room, or it has to wait for the device,
 * and nothing has been done.
 */
#define CL_DECLARE_RUN(name, opcode, structure, tail, payload) \
    cl_int run_##name(ClSession *session, const ClCommand *command);
VGPU_STUB_CL_COMMANDS(CL_DECLARE_RUN)

/*
 * Count @size bytes of text, as far as there is room: returns for how many
 * there was. With `session->text -= size` they go.
 */
size_t cl_session_take_text(ClSession *session, size_t size);

#endif /* WORKER_OPENCL_PRIVATE_H */
