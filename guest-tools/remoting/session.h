/*
 * remoting: a program's session with its worker on the host
 *
 * A library that carries an interface (OpenCL, CUDA) to the host puts commands
 * into a session. They are executed in the order in which they were put; the
 * session sends them in batches, several at a time, and tells of each one's
 * end. What travels is in vgpu-stub-opencl.h, and docs/opencl.md says what it
 * means.
 *
 * Any thread may call any function. Commands end one after the other, in
 * their order, in a thread that waits for one, or in the session's own when
 * nobody does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REMOTING_SESSION_H
#define REMOTING_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu-stub-regs.h"

struct session;

/* What a command was answered */
struct remote_result {
    int32_t status;             /* the interface's error, 0: none */
    uint32_t length;            /* bytes of the payload; 0: none */
    const void *payload;        /* valid in the call that tells it */
};

enum remote_bulk {
    REMOTE_BULK_NONE,
    REMOTE_BULK_TO_DEVICE,
    REMOTE_BULK_FROM_DEVICE,
};

struct remote_command {
    /*
     * Called once, at its end, without a lock of the session; the command is
     * the callee's then. It must not wait for other commands.
     */
    void (*done)(struct remote_command *command,
                 const struct remote_result *result);
    void *opaque;               /* the caller's */

    /* Memory of the program that is moved; it stays as it is until the end. */
    void *bulk;
    uint32_t bulk_length;       /* bytes, to VGPU_STUB_QUEUE_TRANSFER_MAX */
    enum remote_bulk bulk_kind;

    uint32_t payload_max;       /* bytes of the payload of its result */

    /* The session's */
    struct remote_command *next;
    uint64_t number;
    bool faulty;                /* its bulk cannot be moved */
    uint16_t opcode;
    uint16_t flags;
    uint32_t length;            /* bytes of the body */
    uint8_t body[];             /* the structure and the tail */
};

/* Bytes of a command's structure and its tail, at most */
#define REMOTE_COMMAND_MAX (VGPU_STUB_QUEUE_REQUEST_MAX - 64)

/*
 * A command's structure, of @size bytes, with the tail; NULL: no memory, or
 * both have more than REMOTE_COMMAND_MAX.
 */
struct remote_command *remote_command_new(uint16_t opcode, uint16_t flags,
                                          const void *structure, size_t size,
                                          const void *tail, size_t tail_size);

/* The interface that a session is for */
struct session_interface {
    uint32_t operation;         /* VGPU_STUB_OP_… */
    uint16_t nothing;           /* the opcode that does nothing … */
    uint32_t nothing_size;      /* … and the bytes of its structure, zeros */
    int32_t lost;               /* status of what a lost session has */
    int32_t fault;              /* … where memory of bulk cannot be moved */
    void (*print)(const void *bytes, size_t length);    /* of kernels */
};

/*
 * Open a session on the device with this number. Errors: those of
 * transport_open(); -ENOMEM; -EAGAIN no thread can be started.
 */
int session_open(unsigned device, const struct session_interface *interface,
                 struct session **session);

/* End it, when all of its commands have ended and nobody else uses it. */
void session_close(struct session *session);

/*
 * An operation without data that does not belong to the interface, before
 * anything is put; its first @count results. Returns 0, an ERROR_CODE, or a
 * negative errno.
 */
int session_operation(struct session *session, uint32_t opcode,
                      uint32_t *results, unsigned count);

/*
 * Append a command, which is the session's from now on. Returns its number:
 * more than that of those before it. It need not be sent before session_flush()
 * or a wait.
 */
uint64_t session_put(struct session *session, struct remote_command *command);

/* Have what was put so far executed soon. */
void session_flush(struct session *session);

/*
 * Wait for the end of the command with this number, of those before it, and for
 * what they have printed.
 */
void session_wait(struct session *session, uint64_t number);

/*
 * What the worker had is gone, and every command ends with the interface's
 * status for that. Returns why, or NULL when it is there. The text stays.
 */
const char *session_lost(struct session *session);

/*
 * For pthread_atfork(), in this order: before a fork; after it in the parent;
 * or in the child, where the session is lost.
 */
void session_fork_prepare(struct session *session);
void session_fork_parent(struct session *session);
void session_fork_child(struct session *session);

#endif /* REMOTING_SESSION_H */
