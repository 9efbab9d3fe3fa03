/*
 * Calls of the driver, for programs that test it in a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CALLS_H
#define CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vgpu-stub-ioctl.h"
#include "vgpu-stub-regs.h"

#define DEVICE "/dev/vgpu-stub0"
#define PAYLOAD_MAX VGPU_STUB_QUEUE_REQUEST_MAX

/* Returns a descriptor or ends the program. */
static inline int device_open(int flags)
{
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC | flags);

    if (fd < 0) {
        perror(DEVICE);
        exit(EXIT_FAILURE);
    }
    return fd;
}

static inline int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* As ioctl(), with a negative errno */
static inline int call(int fd, unsigned long command, void *args)
{
    return ioctl(fd, command, args) < 0 ? -errno : 0;
}

static inline uint64_t address(const void *pointer)
{
    return (uintptr_t)pointer;
}

static inline struct vgpu_stub_io_info device_info(int fd)
{
    struct vgpu_stub_io_info info = { .size = sizeof(info) };
    int rc = call(fd, VGPU_STUB_IO_INFO, &info);

    if (rc < 0) {
        fprintf(stderr, "INFO: %s\n", strerror(-rc));
        exit(EXIT_FAILURE);
    }
    return info;
}

/* A request of an operation, with room for its response */
struct message {
    struct vgpu_stub_io_submission submission;
    struct vgpu_stub_io_completion completion;
    uint8_t request[PAYLOAD_MAX];
    uint8_t response[PAYLOAD_MAX];
};

/* Fill @message with a request; its room is @capacity bytes. */
static inline void message_make(struct message *message, uint32_t opcode,
                                const uint32_t *params, uint32_t param_count,
                                const void *data, uint32_t data_length,
                                uint32_t capacity)
{
    struct vgpu_stub_request *request = (void *)message->request;
    uint32_t offset = sizeof(*request) + param_count * 4;

    *request = (struct vgpu_stub_request) {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = opcode,
        .param_count = param_count,
        .data_offset = data_length ? offset : 0,
        .data_length = data_length,
    };
    memcpy(request + 1, params, param_count * 4);
    memcpy(message->request + offset, data, data_length);
    message->submission = (struct vgpu_stub_io_submission) {
        .user_data = address(message),
        .request = address(message->request),
        .response = address(message->response),
        .request_length = offset + data_length,
        .response_capacity = capacity,
    };
}

static inline const struct vgpu_stub_response *
message_response(const struct message *message)
{
    return (const void *)message->response;
}

static inline const uint32_t *message_results(const struct message *message)
{
    return (const uint32_t *)(message_response(message) + 1);
}

static inline const uint8_t *message_data(const struct message *message)
{
    return message->response + message_response(message)->data_offset;
}

/*
 * Submit it and wait for its end. Returns the completion's status, or a
 * negative errno.
 */
static inline int message_do(int fd, struct message *message)
{
    struct vgpu_stub_io_enter enter = {
        .size = sizeof(enter),
        .submissions = address(&message->submission),
        .completions = address(&message->completion),
        .deadline_ns = -1,
        .submit_count = 1,
        .complete_max = 1,
        .complete_min = 1,
    };
    int rc = call(fd, VGPU_STUB_IO_ENTER, &enter);

    if (rc < 0) {
        return rc;
    }
    if (enter.submit_count != 1 || enter.complete_count != 1) {
        return -EAGAIN;
    }
    return message->completion.status;
}

/* Submit @count of them; returns how many were, or a negative errno. */
static inline int submit_many(int fd,
                              const struct vgpu_stub_io_submission *submissions,
                              unsigned count)
{
    struct vgpu_stub_io_enter enter = {
        .size = sizeof(enter),
        .submissions = address(submissions),
        .submit_count = count,
        .deadline_ns = -1,
    };
    int rc = call(fd, VGPU_STUB_IO_ENTER, &enter);

    return rc < 0 ? rc : (int)enter.submit_count;
}

/* Take @least to @most completions; returns how many, or a negative errno. */
static inline int take_many(int fd, struct vgpu_stub_io_completion *completions,
                            unsigned least, unsigned most, int64_t deadline_ns)
{
    struct vgpu_stub_io_enter enter = {
        .size = sizeof(enter),
        .completions = address(completions),
        .deadline_ns = deadline_ns,
        .complete_max = most,
        .complete_min = least,
    };
    int rc = call(fd, VGPU_STUB_IO_ENTER, &enter);

    return rc < 0 ? rc : (int)enter.complete_count;
}

static inline void message_echo(struct message *message, const void *data,
                                uint32_t length, uint32_t capacity)
{
    message_make(message, VGPU_STUB_OP_ECHO, NULL, 0, data, length, capacity);
}

#endif /* CALLS_H */
