/*
 * A worker by a script, behind the interface of a transport, for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scripted-transport.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport.h"
#include "vgpu-stub-opencl.h"

/* Requests that the driver has room for */
#define ROOM 6

#define ALIGN8(size) (((size) + 7) & ~(size_t)7)

struct pending {
    struct vgpu_stub_io_submission submission;
    uint8_t request[VGPU_STUB_QUEUE_REQUEST_MAX];
};

struct transport {
    struct script script;
    unsigned seed;
    pthread_mutex_t lock;       /* for all that follows */
    struct pending pending[ROOM];       /* the oldest first */
    unsigned count;
    unsigned batches;           /* that were answered */
    uint64_t next;              /* command */
    char *printed;              /* what no answer has carried yet */
    size_t printed_length;
};

/* What an answer is written to */
struct writer {
    uint8_t *begin;             /* of the data */
    size_t room;                /* bytes */
    size_t at;
    uint32_t results;
};

static struct script next_script;
static unsigned next_seed;

void scripted_begin(const struct script *script, unsigned seed)
{
    next_script = *script;
    next_seed = seed;
}

int transport_open(unsigned number, struct transport **result)
{
    struct transport *transport = calloc(1, sizeof(*transport));

    assert(number == 0 && transport);
    transport->script = next_script;
    transport->seed = next_seed;
    pthread_mutex_init(&transport->lock, NULL);
    *result = transport;
    return 0;
}

void transport_close(struct transport *transport)
{
    pthread_mutex_destroy(&transport->lock);
    free(transport->printed);
    free(transport);
}

static bool by_chance(struct transport *transport, unsigned one_of)
{
    return one_of > 0 && rand_r(&transport->seed) % one_of == 0;
}

static bool is_gone(const struct transport *transport)
{
    return transport->script.gone_after > 0 &&
           transport->batches >= transport->script.gone_after;
}

/* --- The driver --- */

static int submit(struct transport *transport,
                  const struct vgpu_stub_io_submission *submission)
{
    struct pending *pending = &transport->pending[transport->count];

    if (is_gone(transport)) {
        return -ESTALE;
    }
    if (transport->count == ROOM ||
        by_chance(transport, transport->script.refused)) {
        return -EAGAIN;
    }
    if (transport->count > 0 &&
        by_chance(transport, transport->script.short_of_memory)) {
        return -ENOMEM;
    }
    if (submission->bulk == (uintptr_t)SCRIPTED_NO_MEMORY) {
        return -EFAULT;
    }
    assert(submission->request_length <= sizeof(pending->request));
    assert(submission->response_capacity <= VGPU_STUB_QUEUE_RESPONSE_MAX);
    pending->submission = *submission;
    memcpy(pending->request, (void *)(uintptr_t)submission->request,
           submission->request_length);
    transport->count++;
    return 0;
}

/* --- The worker --- */

static bool has_room(const struct writer *writer, size_t payload)
{
    return ALIGN8(writer->at) + sizeof(struct vgpu_stub_cl_result) + payload <=
           writer->room;
}

static void write_result(struct writer *writer, uint64_t number,
                         int32_t status, const void *payload, uint32_t length)
{
    const struct vgpu_stub_cl_result result = {
        .number = number, .status = status, .length = length,
    };

    memset(writer->begin + writer->at, 0, ALIGN8(writer->at) - writer->at);
    writer->at = ALIGN8(writer->at);
    memcpy(writer->begin + writer->at, &result, sizeof(result));
    writer->at += sizeof(result);
    /* A payload begins at a multiple of 8 as well. */
    assert(writer->at % 8 == 0);
    if (length > 0) {
        memcpy(writer->begin + writer->at, payload, length);
    }
    writer->at += length;
    writer->results++;
}

static void print(struct transport *transport, uint64_t value)
{
    char line[24];
    const int length = snprintf(line, sizeof(line), "%llu\n",
                                (unsigned long long)value);

    transport->printed = realloc(transport->printed,
                                 transport->printed_length + length);
    memcpy(transport->printed + transport->printed_length, line, length);
    transport->printed_length += length;
}

static bool bulk_is(const struct vgpu_stub_io_submission *submission,
                    uint8_t value)
{
    const uint8_t *bulk = (void *)(uintptr_t)submission->bulk;

    for (uint32_t i = 0; i < submission->bulk_length; i++) {
        if (bulk[i] != value) {
            return false;
        }
    }
    return true;
}

static void execute(struct transport *transport, const struct pending *pending,
                    const struct vgpu_stub_cl_command *header,
                    const uint8_t *body, struct writer *writer)
{
    const struct vgpu_stub_io_submission *submission = &pending->submission;
    const uint64_t number = transport->next;
    struct scripted_command command;
    const uint8_t *tail = body + sizeof(command);
    const uint32_t length = header->length - sizeof(*header) - sizeof(command);
    const bool bulk = header->flags & VGPU_STUB_CL_FLAG_BULK;

    memcpy(&command, body, sizeof(command));
    assert(bulk == (header->opcode == SCRIPTED_WRITE ||
                    header->opcode == SCRIPTED_READ));
    switch (header->opcode) {
    case SCRIPTED_ECHO:
        write_result(writer, number, 0, tail, length);
        break;
    case SCRIPTED_FAIL:
        write_result(writer, number, -(int32_t)command.value, NULL, 0);
        break;
    case SCRIPTED_PRINT:
        print(transport, command.value);
        break;
    case SCRIPTED_WRITE:
        assert(submission->flags == VGPU_STUB_IO_BULK_TO_DEVICE);
        if (!bulk_is(submission, command.value)) {
            write_result(writer, number, SCRIPTED_WRONG_BYTES, NULL, 0);
        }
        break;
    case SCRIPTED_READ:
        assert(submission->flags == VGPU_STUB_IO_BULK_FROM_DEVICE);
        memset((void *)(uintptr_t)submission->bulk, command.value,
               submission->bulk_length);
        break;
    default:
        assert(header->opcode == SCRIPTED_NOTHING ||
               header->opcode == SCRIPTED_SILENT);
    }
}

/* Execute a batch, or as much of it as the script has it. */
static void execute_batch(struct transport *transport,
                          const struct pending *pending,
                          struct writer *writer)
{
    struct vgpu_stub_request request;
    struct vgpu_stub_cl_batch batch;
    size_t at;
    uint32_t most;

    memcpy(&request, pending->request, sizeof(request));
    at = request.data_offset;
    assert(at + request.data_length == pending->submission.request_length);
    memcpy(&batch, pending->request + at, sizeof(batch));
    at += sizeof(batch);
    assert(batch.count > 0 && batch.count <= VGPU_STUB_CL_BATCH_MAX);
    if (batch.first != transport->next) {
        return;
    }
    most = by_chance(transport, transport->script.cut)
           ? 1 + rand_r(&transport->seed) % batch.count : batch.count;
    for (uint32_t i = 0; i < most; i++) {
        struct vgpu_stub_cl_command header;

        at = ALIGN8(at);
        memcpy(&header, pending->request + at, sizeof(header));
        assert(at + header.length <= pending->submission.request_length);
        if (!has_room(writer, header.length)) {
            assert(i > 0);
            return;
        }
        execute(transport, pending, &header,
                pending->request + at + sizeof(header), writer);
        at += header.length;
        transport->next++;
    }
}

/* As much of what is printed as there is room for, behind the results */
static uint32_t write_printed(struct transport *transport,
                              struct writer *writer)
{
    size_t length = transport->printed_length;

    if (length > writer->room - writer->at) {
        length = writer->room - writer->at;
    }
    if (length == 0) {
        return 0;
    }
    memcpy(writer->begin + writer->at, transport->printed, length);
    writer->at += length;
    transport->printed_length -= length;
    memmove(transport->printed, transport->printed + length,
            transport->printed_length);
    return length;
}

static uint32_t answer(struct transport *transport,
                       const struct pending *pending)
{
    uint8_t *bytes = (void *)(uintptr_t)pending->submission.response;
    struct vgpu_stub_response response = { .data_offset = sizeof(response) };
    struct vgpu_stub_cl_answer answer = { .next = 0 };
    struct writer writer = {
        .begin = bytes + sizeof(response),
        .room = pending->submission.response_capacity - sizeof(response),
        .at = sizeof(answer),
    };

    execute_batch(transport, pending, &writer);
    answer.next = transport->next;
    answer.results = writer.results;
    answer.output = write_printed(transport, &writer);
    response.data_length = writer.at;
    memcpy(writer.begin, &answer, sizeof(answer));
    memcpy(bytes, &response, sizeof(response));
    return sizeof(response) + writer.at;
}

static uint32_t answer_error(const struct pending *pending, const char *text)
{
    uint8_t *bytes = (void *)(uintptr_t)pending->submission.response;
    const struct vgpu_stub_response response = {
        .data_offset = sizeof(response), .data_length = strlen(text),
    };

    memcpy(bytes, &response, sizeof(response));
    memcpy(bytes + sizeof(response), text, response.data_length);
    return sizeof(response) + response.data_length;
}

static void garble(struct transport *transport, const struct pending *pending,
                   uint32_t *length)
{
    uint8_t *bytes = (void *)(uintptr_t)pending->submission.response;

    for (int i = 0; i < 3; i++) {
        bytes[rand_r(&transport->seed) % *length] = rand_r(&transport->seed);
    }
    *length -= rand_r(&transport->seed) % (*length + 1);
}

static struct vgpu_stub_io_completion complete(struct transport *transport)
{
    const struct script *script = &transport->script;
    struct pending *pending = &transport->pending[0];
    struct vgpu_stub_io_completion completion = {
        .user_data = pending->submission.user_data,
    };

    transport->batches++;
    if (script->error_after > 0 &&
        transport->batches >= script->error_after) {
        completion.status = VGPU_STUB_ERR_TIMEOUT;
        completion.response_length = answer_error(pending, script->error);
    } else {
        completion.response_length = answer(transport, pending);
    }
    if (by_chance(transport, script->garbled)) {
        garble(transport, pending, &completion.response_length);
    }
    transport->count--;
    memmove(pending, pending + 1, transport->count * sizeof(*pending));
    return completion;
}

/* --- Both --- */

static int wait_for_some(struct transport *transport,
                         struct vgpu_stub_io_enter *enter)
{
    struct vgpu_stub_io_completion *completions =
        (void *)(uintptr_t)enter->completions;

    if (by_chance(transport, transport->script.interrupted)) {
        return -EINTR;
    }
    if (transport->script.before_answer) {
        transport->script.before_answer();
    }
    do {
        if (is_gone(transport)) {
            return enter->complete_count > 0 ? 0 : -ESTALE;
        }
        assert(transport->count > 0);
        completions[enter->complete_count++] = complete(transport);
    } while (enter->complete_count < enter->complete_max &&
             transport->count > 0 && rand_r(&transport->seed) % 2 == 0);
    return 0;
}

int transport_enter(struct transport *transport,
                    struct vgpu_stub_io_enter *enter)
{
    const struct vgpu_stub_io_submission *submission =
        (void *)(uintptr_t)enter->submissions;
    int rc = 0;

    assert(enter->submit_count <= 1 &&
           enter->complete_min <= enter->complete_max);
    pthread_mutex_lock(&transport->lock);
    enter->complete_count = 0;
    if (enter->submit_count > 0) {
        rc = submit(transport, submission);
    }
    if (rc == 0 && enter->complete_min > 0) {
        rc = wait_for_some(transport, enter);
    }
    pthread_mutex_unlock(&transport->lock);
    return rc;
}
