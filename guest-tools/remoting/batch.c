/*
 * remoting: the commands of a session on their way, and their results
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session-private.h"

#define ALIGN8(size) (((size) + 7) & ~(size_t)7)

/* What precedes the commands, and the results */
#define COMMANDS (sizeof(struct vgpu_stub_request) + \
                  sizeof(struct vgpu_stub_cl_batch))
#define RESULTS (sizeof(struct vgpu_stub_response) + \
                 sizeof(struct vgpu_stub_cl_answer))

/* Bytes of a response for what is printed: a rest comes by another command. */
#define PRINT_ROOM 512

/* So many batches are executed to their end before the next may be longer. */
#define WHOLE_BATCHES 64

/* An answer with less room left may have left out what was printed. */
#define ROOM_LEFT 64

_Static_assert(COMMANDS + sizeof(struct vgpu_stub_cl_command) +
               REMOTE_COMMAND_MAX <= VGPU_STUB_QUEUE_REQUEST_MAX,
               "a batch has room for any command");

struct remote_command *remote_command_new(uint16_t opcode, uint16_t flags,
                                          const void *structure, size_t size,
                                          const void *tail, size_t tail_size)
{
    struct remote_command *command = NULL;

    if (size + tail_size <= REMOTE_COMMAND_MAX &&
        tail_size <= REMOTE_COMMAND_MAX) {
        command = calloc(1, sizeof(*command) + size + tail_size);
    }
    if (!command) {
        return NULL;
    }
    command->opcode = opcode;
    command->flags = flags;
    command->length = size + tail_size;
    memcpy(command->body, structure, size);
    if (tail_size > 0) {
        memcpy(command->body + size, tail, tail_size);
    }
    return command;
}

static size_t command_size(const struct remote_command *command)
{
    return sizeof(struct vgpu_stub_cl_command) + command->length;
}

/* The most bytes that the command's result has */
static size_t result_size(const struct remote_command *command)
{
    const size_t times = command->flags & VGPU_STUB_CL_FLAG_TIMES
                         ? sizeof(struct vgpu_stub_cl_times) : 0;

    return ALIGN8(sizeof(struct vgpu_stub_cl_result) + times +
                  command->payload_max);
}

static void append_command(struct batch *batch,
                           const struct remote_command *command)
{
    const struct vgpu_stub_cl_command header = {
        .opcode = command->opcode,
        .flags = command->flags |
                 (command->bulk_kind ? VGPU_STUB_CL_FLAG_BULK : 0),
        .length = command_size(command),
    };
    uint8_t *at = batch->request + ALIGN8(batch->request_length);

    /* Nothing of an older batch goes along between two commands. */
    memset(batch->request + batch->request_length, 0,
           at - (batch->request + batch->request_length));
    memcpy(at, &header, sizeof(header));
    memcpy(at + sizeof(header), command->body, command->length);
    batch->request_length = at - batch->request + header.length;
    batch->count++;
}

static void write_headers(const struct session *session, struct batch *batch)
{
    const struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = session->interface->operation,
        .data_offset = sizeof(request),
        .data_length = batch->request_length - sizeof(request),
    };
    const struct vgpu_stub_cl_batch header = {
        .first = batch->first, .count = batch->count,
    };

    memcpy(batch->request, &request, sizeof(request));
    memcpy(batch->request + sizeof(request), &header, sizeof(header));
}

void batch_fill(struct session *session, struct batch *batch)
{
    const struct remote_command *command = session->unsent;
    size_t response = RESULTS + PRINT_ROOM;

    batch->first = command->number;
    batch->count = 0;
    batch->stale = false;
    batch->bulk = NULL;
    batch->request_length = COMMANDS;
    do {
        response += result_size(command);
        append_command(batch, command);
        if (command->bulk_kind) {
            batch->bulk = command;
        }
        command = command->next;
    } while (command && !batch->bulk && batch->count < session->batch_limit &&
             ALIGN8(batch->request_length) + command_size(command) <=
             sizeof(batch->request) &&
             response + result_size(command) <= sizeof(batch->response));
    write_headers(session, batch);
    /* No more than that: the driver clears it all before. */
    batch->response_capacity = response < sizeof(batch->response)
                               ? response : sizeof(batch->response);
}

/* What an answer is read from */
struct reader {
    const uint8_t *begin;       /* of the data */
    size_t length;              /* bytes */
    size_t at;
};

/* The next @size bytes, at a multiple of 8, or NULL */
static const void *read_next(struct reader *reader, size_t size)
{
    const size_t at = ALIGN8(reader->at);

    if (at > reader->length || reader->length - at < size) {
        return NULL;
    }
    reader->at = at + size;
    return reader->begin + at;
}

/* The data of a response; false when they are not where it says. */
static bool read_response(const struct batch *batch, uint32_t length,
                          struct reader *reader)
{
    struct vgpu_stub_response response;

    if (length < sizeof(response) || length > batch->response_capacity) {
        return false;
    }
    memcpy(&response, batch->response, sizeof(response));
    if (response.data_offset > length ||
        response.data_length > length - response.data_offset) {
        return false;
    }
    *reader = (struct reader) {
        .begin = batch->response + response.data_offset,
        .length = response.data_length,
    };
    return true;
}

/*
 * The result of the command with this number, if the next one is. False when
 * what comes next makes no sense.
 */
static bool read_result(struct reader *reader, uint32_t *left, uint64_t number,
                        struct remote_result *result)
{
    struct vgpu_stub_cl_result raw;
    struct reader ahead = *reader;
    const void *bytes;

    *result = (struct remote_result) { .status = 0 };
    if (*left == 0) {
        return true;
    }
    bytes = read_next(&ahead, sizeof(raw));
    if (!bytes) {
        return false;
    }
    memcpy(&raw, bytes, sizeof(raw));
    if (raw.number != number) {
        return raw.number > number;
    }
    result->status = raw.status;
    result->length = raw.length;
    result->payload = read_next(&ahead, raw.length);
    *reader = ahead;
    --*left;
    return result->payload != NULL;
}

struct remote_command *batch_pop(struct session *session)
{
    struct remote_command *command = session->first;

    session->first = command->next;
    if (!session->first) {
        session->end = &session->first;
    }
    if (session->unsent == command) {
        session->unsent = command->next;
    }
    return command;
}

/* End the commands before the number @next, without the lock meanwhile. */
static bool end_commands(struct session *session, struct reader *reader,
                         uint32_t results, uint64_t next)
{
    struct remote_result result;
    bool good = true;

    while (good && session->ended < next) {
        good = read_result(reader, &results, session->ended, &result);
        if (good) {
            struct remote_command *command = batch_pop(session);

            if (command->faulty) {
                result.status = session->interface->fault;
            }
            pthread_mutex_unlock(&session->lock);
            command->done(command, &result);
            pthread_mutex_lock(&session->lock);
            session->ended++;
        }
    }
    return good && results == 0;
}

/* Locked: the batch was not executed from the command @next on. */
static void go_back(struct session *session, struct batch *batch,
                    uint64_t next)
{
    unsigned limit = 1;

    /* A power of two, so that doubling it ends at the most there may be */
    while (limit * 2 <= next - batch->first) {
        limit *= 2;
    }
    session->batch_limit = limit;
    session->whole = 0;
    session->unsent = session->first;
    for (unsigned i = 0; i < SESSION_WINDOW; i++) {
        session->batches[i].stale = session->batches[i].in_flight;
    }
}

static void forget(struct remote_command *command,
                   const struct remote_result *result)
{
    (void)result;
    free(command);
}

/* Locked: let a command that does nothing bring the rest of what is printed. */
static void drain(struct session *session)
{
    const struct session_interface *interface = session->interface;
    const uint8_t zeros[64] = { 0 };
    struct remote_command *command;

    command = remote_command_new(interface->nothing, 0, zeros,
                                 interface->nothing_size, NULL, 0);
    if (command) {
        command->done = forget;
        command->payload_max = VGPU_STUB_CL_PAYLOAD_MAX;
        session->drain = session_append(session, command) + 1;
    }
}

void batch_lose(struct session *session, const struct batch *batch,
                uint32_t status, uint32_t length)
{
    char why[sizeof(session->lost)];
    struct reader reader;

    if (read_response(batch, length, &reader) && reader.length > 0) {
        snprintf(why, sizeof(why), "%.*s", (int)reader.length, reader.begin);
    } else {
        snprintf(why, sizeof(why), "the worker's error %#x", status);
    }
    session_lose(session, why);
}

/* Without the lock meanwhile */
static void print(struct session *session, const struct batch *batch,
                  const void *bytes, size_t length)
{
    if (length > 0) {
        pthread_mutex_unlock(&session->lock);
        session->interface->print(bytes, length);
        pthread_mutex_lock(&session->lock);
    }
    if (batch->response + batch->response_capacity <
        (const uint8_t *)bytes + length + ROOM_LEFT) {
        drain(session);
    }
}

/* End the commands that were executed. False: that makes no sense. */
static bool end_executed(struct session *session, struct batch *batch,
                         const struct vgpu_stub_cl_answer *answer,
                         struct reader *reader)
{
    const uint64_t behind = batch->first + batch->count;

    if (answer->next <= batch->first || answer->next > behind ||
        !end_commands(session, reader, answer->results, answer->next)) {
        return false;
    }
    if (answer->next < behind) {
        go_back(session, batch, answer->next);
    } else if (++session->whole % WHOLE_BATCHES == 0 &&
               session->batch_limit < VGPU_STUB_CL_BATCH_MAX) {
        session->batch_limit *= 2;
    }
    return true;
}

void batch_end(struct session *session, struct batch *batch, uint32_t length)
{
    struct vgpu_stub_cl_answer answer;
    struct reader reader;
    const void *bytes;
    bool good;

    bytes = read_response(batch, length, &reader)
            ? read_next(&reader, sizeof(answer)) : NULL;
    good = bytes != NULL;
    if (good) {
        memcpy(&answer, bytes, sizeof(answer));
        good = answer.output <= reader.length - reader.at;
    }
    if (good) {
        reader.length -= answer.output;
        /* First: who waits for a command's end has what it has printed. */
        print(session, batch, reader.begin + reader.length, answer.output);
        good = batch->stale || end_executed(session, batch, &answer, &reader);
    }
    if (!good) {
        session_lose(session, "the worker's answer makes no sense");
    }
}
