/*
 * Any batches of OpenCL's commands, of a program of the guest's
 *
 * Most are well-formed, with plausible ids and numbers, and some of their
 * commands do what they are for: all must have, of those in
 * VGPU_STUB_CL_COMMANDS. For speed, the driver is one that computes nothing:
 * opencl/driver.h says what it insists on.
 *
 * An input is BATCHES batches to one session. Which entries have succeeded is
 * found out before the first one, with inputs of the fuzzer's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl/batch.h"
#include "opencl/driver.h"
#include "worker/opencl/session.h"

#define BATCHES 16
#define OWN_INPUTS 4000
#define QUOTA (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

typedef struct Guest {
    ClSession *session;
    uint64_t next;              /* number of its next command */
    bool is_lost;               /* the device does nothing more */
} Guest;

static Backend *backend;
static Output *output;
static uint64_t batches;
static uint64_t succeeded[G_MAXUINT16 + 1];        /* by opcode */

static bool grant(gpointer opaque G_GNUC_UNUSED, uint64_t held,
                  uint64_t wanted, GError **error)
{
    if (wanted <= QUOTA && held <= QUOTA - wanted) {
        return true;
    }
    g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_OUT_OF_MEMORY,
                        "no more");
    return false;
}

/* --- Answers --- */

/* The status of each of @count commands from @first on; 0: it has no result */
static size_t read_results(const uint8_t *bytes, size_t size, uint64_t first,
                           uint64_t count, int32_t *statuses)
{
    struct vgpu_stub_cl_answer header;
    size_t at = sizeof(header);
    uint64_t least = first;

    g_assert_cmpuint(size, >=, sizeof(header));
    memcpy(&header, bytes, sizeof(header));
    for (uint32_t i = 0; i < header.results; i++) {
        struct vgpu_stub_cl_result result;

        g_assert_cmpuint(size - at, >=, sizeof(result));
        memcpy(&result, bytes + at, sizeof(result));
        at += sizeof(result);
        g_assert_cmpuint(result.number, >=, least);
        g_assert_cmpuint(result.number, <, first + count);
        g_assert_cmpint(result.status, <=, 0);
        g_assert_cmpuint(result.length, <=, size - at);
        least = result.number + 1;
        statuses[result.number - first] = result.status;
        at += (result.length + 7) & ~7u;
        g_assert_cmpuint(at, <=, size);
    }
    g_assert_cmpuint(size - at, ==, header.output);
    return header.next;
}

static void take_answer(Guest *guest, const Reply *reply, uint64_t first,
                        uint32_t count, const uint16_t *opcodes)
{
    int32_t statuses[VGPU_STUB_CL_BATCH_MAX] = { 0 };
    uint64_t next;

    g_assert_cmpuint(reply->data_length, <=, reply->room);
    next = read_results(reply->body, reply->data_length, first, count,
                        statuses);
    if (first != guest->next) {
        g_assert_cmpuint(next, ==, guest->next);
        return;
    }
    g_assert_true(next > first && next <= first + count);
    for (uint64_t i = 0; i < next - first; i++) {
        succeeded[opcodes[i]] += statuses[i] == CL_SUCCESS;
    }
    guest->next = next;
}

/* --- Batches --- */

/* Its commands' opcodes, which may have been spoilt; returns their number. */
static uint32_t read_count(const GByteArray *bytes, uint16_t *opcodes)
{
    struct vgpu_stub_cl_batch header;
    size_t at = sizeof(header);

    memcpy(&header, bytes->data, sizeof(header));
    for (uint32_t i = 0; i < header.count &&
                         at + sizeof(struct vgpu_stub_cl_command) <=
                         bytes->len; i++) {
        struct vgpu_stub_cl_command command;

        memcpy(&command, bytes->data + at, sizeof(command));
        opcodes[i] = command.opcode;
        at += (command.length + 7) & ~7u;
    }
    return header.count;
}

/* The first one mostly makes objects, which those after it use and release. */
static void make_batch(MadeBatch *batch, Choices *choices, uint64_t next)
{
    const uint32_t count = 1 + choose(choices, 8);
    const uint64_t first = choose(choices, 16) != 0 ? next
                           : next + choose(choices, 256) - 128;

    batch_init(batch, first);
    if (next == 0 && choose(choices, 4) != 0) {
        batch_furnish(batch);
        return;
    }
    for (uint32_t i = 0; i < count && batch->bulk_length == 0; i++) {
        batch_add(batch, choices);
    }
}

static void execute(Guest *guest, const MadeBatch *batch, Choices *choices)
{
    g_autofree uint8_t *bytes = g_memdup(batch->bytes->data,
                                         batch->bytes->len);
    g_autofree uint8_t *bulk = g_malloc0(MAX(batch->bulk_length, 1));
    uint16_t opcodes[VGPU_STUB_CL_BATCH_MAX];
    const uint32_t count = read_count(batch->bytes, opcodes);
    const uint64_t first = ((struct vgpu_stub_cl_batch *)bytes)->first;
    g_autoptr(GError) error = NULL;
    uint32_t moved = 0;
    gint64 exec_us = 0;
    Reply reply;
    const ClRequest request = {
        .bytes = bytes,
        .length = batch->bytes->len,
        .bulk = { bulk, batch->bulk_length, batch->bulk_flags },
        .reply = &reply,
        .bulk_moved = &moved,
        .exec_us = &exec_us,
    };

    reply_init(&reply, choose(choices, 8) == 0
                       ? sizeof(struct vgpu_stub_response) +
                         choose(choices, 256)
                       : VGPU_STUB_QUEUE_RESPONSE_MAX);
    batches++;
    if (cl_session_execute(guest->session, &request, &error)) {
        g_assert_true(moved == 0 || moved == batch->bulk_length);
        take_answer(guest, &reply, first, count, opcodes);
    } else {
        g_assert_cmpuint(moved, ==, 0);
        guest->is_lost = error->code != VGPU_STUB_ERR_INVALID_REQUEST &&
                         error->code != VGPU_STUB_ERR_INVALID_LENGTH;
    }
    g_assert_cmpint(exec_us, >=, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    MemoryTable *memory = memory_table_new(&backend_opencl, backend, grant,
                                           NULL);
    Guest guest = { .session = cl_session_new(backend, memory, output) };
    Choices choices;

    choices_init(&choices, bytes, size);
    fake_driver_seed(choices.state);
    for (int i = 0; i < BATCHES && !guest.is_lost; i++) {
        MadeBatch batch;

        make_batch(&batch, &choices, guest.next);
        execute(&guest, &batch, &choices);
        g_byte_array_unref(batch.bytes);
    }
    cl_session_free(guest.session);
    g_assert_cmpuint(memory_table_used(memory), ==, 0);
    g_assert_cmpuint(fake_driver_objects(), ==, 0);
    memory_table_free(memory);
    return 0;
}

/* --- All entries --- */

static void say_batches(void)
{
    fprintf(stderr, "fuzz-opencl: %" G_GUINT64_FORMAT " batches\n", batches);
}

#define CHECK(name, opcode, structure, tail, payload) \
    if (succeeded[opcode] == 0) { \
        fprintf(stderr, "fuzz-opencl: " #name " never succeeds\n"); \
        abort(); \
    }

int LLVMFuzzerInitialize(int *argc G_GNUC_UNUSED, char ***argv G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    backend = fake_driver_install();
    output = output_new(&error);
    g_assert_no_error(error);
    for (uint32_t i = 0; i < OWN_INPUTS; i++) {
        LLVMFuzzerTestOneInput((const uint8_t *)&i, sizeof(i));
    }
    VGPU_STUB_CL_COMMANDS(CHECK)
    atexit(say_batches);
    return 0;
}
