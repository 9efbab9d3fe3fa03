/*
 * Any requests of a guest's to a worker of the backend cpu, one after another
 *
 * The input is requests, each after its length in 14 bits and the flags of its
 * bulk in two. A guest knows its
 * handles, which are random: where one belongs and the input has a number below
 * HANDLES, it becomes the handle of that buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "session.h"

/* Small, so that no kernel takes long */
#define QUOTA 4096
#define HANDLES 8
#define BULK 64

typedef struct Guest {
    Session *session;
    uint64_t handles[HANDLES];  /* 0 is none */
} Guest;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const SessionLimits limits = { .memory = QUOTA };

static bool grant(gpointer opaque, uint64_t held, uint64_t wanted,
                  GError **error)
{
    (void)opaque;
    if (wanted <= QUOTA && held <= QUOTA - wanted) {
        return true;
    }
    g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_OUT_OF_MEMORY,
                        "no more");
    return false;
}

static Session *open_session(void)
{
    const SessionOptions options = {
        .backend = "cpu", .kernels = "build/kernels", .grant = grant,
    };
    g_autoptr(GError) error = NULL;
    Session *session = session_new(&options, &error);

    g_assert_no_error(error);
    return session;
}

/* Replace a number at @at in the @size bytes of @bytes by a handle. */
static void name_handle(const Guest *guest, uint8_t *bytes, size_t size,
                        size_t at)
{
    uint64_t number;

    if (at <= size && size - at >= sizeof(number)) {
        memcpy(&number, bytes + at, sizeof(number));
        if (number < HANDLES) {
            memcpy(bytes + at, &guest->handles[number], sizeof(number));
        }
    }
}

static void name_handles(const Guest *guest, uint8_t *bytes, size_t size,
                         const Call *call)
{
    const size_t params = call->params - bytes;
    const size_t arguments = call->data - bytes + VGPU_STUB_KERNEL_NAME_SIZE;
    const size_t step = sizeof(struct vgpu_stub_kernel_arg);

    switch (call->opcode) {
    case VGPU_STUB_OP_MEMORY_FREE:
        name_handle(guest, bytes, size, params);
        break;
    case VGPU_STUB_OP_MEMORY_COPY:
        name_handle(guest, bytes, size, params + 8);
        name_handle(guest, bytes, size, params + 24);
        break;
    case VGPU_STUB_OP_KERNEL:
        for (size_t at = arguments; at + step <= size; at += step) {
            if (bytes[at] == VGPU_STUB_ARG_BUFFER) {
                name_handle(guest, bytes, size, at + 8);
            }
        }
        break;
    default:
        break;
    }
}

static void release(Session *session, uint64_t handle)
{
    const uint64_t param = GUINT64_TO_LE(handle);
    const Call call = {
        .opcode = VGPU_STUB_OP_MEMORY_FREE,
        .param_count = 2,
        .params = (const uint8_t *)&param,
        .data = (const uint8_t *)&param,
    };
    SessionBulk bulk = { .length = 0 };
    gint64 exec_us;
    Reply reply;

    reply_init(&reply, VGPU_STUB_MAX_RESPONSE);
    session_execute(session, &limits, &call, 0, &bulk, &reply, &exec_us);
}

static void remember_handle(Guest *guest, uint64_t handle)
{
    for (unsigned i = 0; i < HANDLES; i++) {
        if (guest->handles[i] == 0) {
            guest->handles[i] = handle;
            return;
        }
    }
    release(guest->session, handle);
}

/* With @flags, two bits of a submission's */
static void send_request(Guest *guest, const uint8_t *bytes, size_t size,
                         uint32_t flags)
{
    uint8_t bulk_bytes[BULK] = { 0 };
    SessionBulk bulk = {
        .bytes = bulk_bytes, .length = flags != 0 ? BULK : 0,
    };
    g_autofree uint8_t *request = g_malloc(MAX(size, 1));
    uint8_t response[VGPU_STUB_MAX_RESPONSE];
    gint64 exec_us = 0;
    Reply reply;
    Call call;

    memcpy(request, bytes, size);
    reply_init(&reply, sizeof(response));
    if (!call_decode(&call, request, size, &reply)) {
        return;
    }
    name_handles(guest, request, size, &call);
    session_execute(guest->session, &limits, &call, flags, &bulk, &reply,
                    &exec_us);
    g_assert_true(bulk.moved == 0 || bulk.moved == bulk.length);
    g_assert_cmpuint(reply_encode(&reply, 0, response), <=, sizeof(response));
    g_assert_cmpint(exec_us, >=, 0);
    if (call.opcode == VGPU_STUB_OP_MEMORY_ALLOC &&
        reply.status == VGPU_STUB_ERR_NONE) {
        uint64_t handle;

        memcpy(&handle, reply.body, sizeof(handle));
        remember_handle(guest, GUINT64_FROM_LE(handle));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    /* To read the catalogue takes much longer than to serve a request. */
    static Session *session;
    Guest guest = { 0 };

    if (session == NULL) {
        session = open_session();
    }
    guest.session = session;
    while (size >= sizeof(uint16_t)) {
        const size_t wanted = bytes[0] | (bytes[1] & 0x3f) << 8;
        const uint32_t flags = bytes[1] >> 6;
        size_t length;

        bytes += sizeof(uint16_t);
        size -= sizeof(uint16_t);
        length = MIN(wanted, size);
        send_request(&guest, bytes, length, flags);
        bytes += length;
        size -= length;
    }
    for (unsigned i = 0; i < HANDLES; i++) {
        release(session, guest.handles[i]);
    }
    g_assert_cmpuint(session_memory(session), ==, 0);
    return 0;
}
