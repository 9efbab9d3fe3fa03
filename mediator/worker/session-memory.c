/*
 * A session's operations on memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

bool session_memory_alloc(Session *session, const SessionRequest *request,
                          GError **error)
{
    const uint64_t size = call_param64(request->call, 0);
    const Memory *memory;

    if (size == 0) {
        return backend_refuse(error, "bytes: 0");
    }
    memory = memory_alloc(session->memory, size, error);
    if (memory == NULL) {
        return false;
    }
    session_append64(request->reply, memory->handle);
    return true;
}

bool session_memory_free(Session *session, const SessionRequest *request,
                         GError **error)
{
    return memory_free(session->memory, call_param64(request->call, 0),
                       error);
}

bool session_memory_free_all(Session *session, const SessionRequest *request,
                             GError **error G_GNUC_UNUSED)
{
    session_append64(request->reply, memory_free_all(session->memory));
    return true;
}

/* Memory of the context's, and a range inside it */
typedef struct Range {
    const Memory *memory;
    uint64_t offset;
} Range;

/* The range of @length bytes whose handle and offset begin at param @index */
static bool find_range(Session *session, const SessionRequest *request,
                       unsigned index, uint32_t length, Range *range,
                       GError **error)
{
    const Call *call = request->call;

    range->offset = call_param64(call, index + 2);
    range->memory = memory_find(session->memory, call_param64(call, index),
                                error);
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

/* The bulk that comes with @request is all that it copies. */
static bool check_bulk(const SessionRequest *request, uint32_t length,
                       GError **error)
{
    if (request->call->data_length > 0) {
        return backend_refuse(error, "data_length: not 0, with bulk");
    }
    return request->bulk->length == length ||
           backend_refuse(error, "length: not that of the bulk");
}

static bool copy_to(Session *session, const SessionRequest *request,
                    uint32_t length, GError **error)
{
    const Call *call = request->call;
    const bool bulk = request->flags & VGPU_STUB_SUBMIT_BULK_FROM_GUEST;
    Range to;

    if (bulk && !check_bulk(request, length, error)) {
        return false;
    }
    if (!bulk && call->data_length != length) {
        return backend_refuse(error, "length: not that of the data");
    }
    if (!find_range(session, request, 2, length, &to, error) ||
        !session->class->copy_to(session->backend, to.memory->memory,
                                 to.offset,
                                 bulk ? request->bulk->bytes : call->data,
                                 length, error)) {
        return false;
    }
    if (bulk) {
        request->bulk->moved = length;
    }
    return true;
}

static bool copy_from_by_bulk(Session *session, const SessionRequest *request,
                              uint32_t length, GError **error)
{
    Range from;

    if (!check_bulk(request, length, error) ||
        !find_range(session, request, 2, length, &from, error) ||
        !session->class->copy_from(session->backend, request->bulk->bytes,
                                   from.memory->memory, from.offset, length,
                                   error)) {
        return false;
    }
    request->bulk->moved = length;
    return true;
}

static bool copy_from(Session *session, const SessionRequest *request,
                      uint32_t length, GError **error)
{
    uint8_t bytes[sizeof(request->reply->body)];
    Range from;

    if (request->flags & VGPU_STUB_SUBMIT_BULK_TO_GUEST) {
        return copy_from_by_bulk(session, request, length, error);
    }
    if (length > request->reply->room) {
        return backend_refuse(error, "length: more than the %zu bytes that "
                              "the response holds", request->reply->room);
    }
    if (!find_range(session, request, 2, length, &from, error) ||
        !session->class->copy_from(session->backend, bytes,
                                   from.memory->memory, from.offset, length,
                                   error)) {
        return false;
    }
    reply_append_data(request->reply, bytes, length);
    return true;
}

static bool copy_within(Session *session, const SessionRequest *request,
                        uint32_t length, GError **error)
{
    Range to, from;

    if (!find_range(session, request, 2, length, &to, error) ||
        !find_range(session, request, 6, length, &from, error)) {
        return false;
    }
    if (overlap(&to, &from, length)) {
        return backend_refuse(error, "offsets: the two ranges overlap");
    }
    return session->class->copy_within(session->backend, to.memory->memory,
                                       to.offset, from.memory->memory,
                                       from.offset, length, error);
}

bool session_memory_copy(Session *session, const SessionRequest *request,
                         GError **error)
{
    static const struct {
        uint32_t params;
        bool data;
        uint32_t bulk;          /* a submission's flag for it; 0: takes none */
        bool (*copy)(Session *session, const SessionRequest *request,
                     uint32_t length, GError **error);
    } directions[] = {
        [VGPU_STUB_COPY_TO_DEVICE] = {
            6, true, VGPU_STUB_SUBMIT_BULK_FROM_GUEST, copy_to,
        },
        [VGPU_STUB_COPY_FROM_DEVICE] = {
            6, false, VGPU_STUB_SUBMIT_BULK_TO_GUEST, copy_from,
        },
        [VGPU_STUB_COPY_WITHIN_DEVICE] = { 10, false, 0, copy_within },
    };
    const Call *call = request->call;
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
    if ((request->flags & ~directions[direction].bulk) != 0) {
        return backend_refuse(error, "flags: not the bulk of this direction");
    }
    if (length == 0) {
        return backend_refuse(error, "length: 0");
    }
    return directions[direction].copy(session, request, length, error);
}
