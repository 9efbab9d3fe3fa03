/*
 * libvgpu-stub: send requests through a vgpu-stub device
 *
 * For programs in a guest. Where the kernel's driver has the device
 * (/dev/vgpu-stub0), a program needs no more than the right to open that: it is
 * for members of the group render. Without the driver, root can use the device
 * through its BAR, which sysfs lets root map. The functions are the same; where
 * they differ, they say so.
 *
 * Results. Functions return 0 (or a count) when they succeed and a negative
 * errno when they do not. What the device or the host says about a request is
 * apart from that: a function that sends one returns -EREMOTEIO, and the
 * outcome has the error code, VGPU_STUB_ERR_… of vgpu-stub-regs.h, with what
 * came along. "The errors of a request" are those of vgpu_stub_call().
 *
 * Threads. Any number of threads may use an open device. By the driver, many
 * requests are under way at once, ordered as VGPU_STUB_ORDER() says. By the BAR
 * the device executes one at a time; the library has them wait in a queue and
 * sends them in the order in which they were given to it.
 *
 * Life. Every request ends exactly once, also when its device is closed: see
 * vgpu_stub_close().
 *
 * By the driver, any number of programs use a device, each in a context of its
 * own on the host: nobody sees what another one has, and all of it is freed
 * when the device is closed or its process ends. A context can be lost: when
 * its worker on the host dies or is stopped, the link to the host ends, or the
 * machine slept or was migrated. Then every request that was given to the
 * library before that was known ends in an error, CONTEXT_LOST if it has no
 * other. What is given to it afterwards is executed in a new context, in which
 * all handles of the old one are INVALID_HANDLE.
 *
 * By the BAR, an open device is locked: nobody else opens it, in this process
 * or another, until it is closed or its process ends. Each network namespace
 * has a sysfs, and so a lock, of its own: two of them can open one device. Each
 * sees when the other has been at it while its own request ran: that ends as
 * -EBUSY, and an outcome that is returned is always that of the request that it
 * is returned for.
 *
 * fork(). An open device is its process's own. In a child vgpu_stub_close() and
 * vgpu_stub_job_free() free what the child has of it and do nothing else, the
 * other functions return -ECANCELED. By the driver, what the process had on
 * the accelerator is freed when such children have closed it or ended, too.
 *
 * Cancellation. No function is a cancellation point: pthread_cancel() takes
 * effect after it. What may take long is ended by vgpu_stub_cancel(), by
 * vgpu_stub_set_stop() or by vgpu_stub_close().
 *
 * Structures with a member struct_size may grow. Set that to sizeof() before
 * such a structure is given to a function, as in
 *
 *     struct vgpu_stub_info info = { .struct_size = sizeof(info) };
 *
 * else the function returns -EINVAL. A program that was compiled with an older
 * header gets what that one had. vgpu_stub_outcome and vgpu_stub_reply are as
 * the protocol has them.
 *
 * Waiting. By the driver, a thread sleeps until the device interrupts. By the
 * BAR it does so if the driver uio_pci_generic is bound; else it looks at the
 * device again and again, and more and more seldom. Where an access takes long,
 * it sleeps at once.
 *
 * Any function that takes an open device returns -ENODEV when that does not
 * answer any more, because it was unplugged.
 *
 * docs/registers.md specifies the device, docs/operations.md the requests.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_H
#define VGPU_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vgpu-stub-regs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header */
#define VGPU_STUB_LIBRARY_VERSION "0.1.0"

/* The version of the library that the program runs with. Not to be freed. */
const char *vgpu_stub_version(void);

/* A PCI address, such as "0000:00:1e.0", with its NUL */
#define VGPU_STUB_BDF_SIZE 17

/* An open device */
struct vgpu_stub;

/* A request that was submitted, until vgpu_stub_job_free() */
struct vgpu_stub_job;

/* What a device is; docs/registers.md, "Registers" */
struct vgpu_stub_info {
    size_t struct_size;             /* sizeof(struct vgpu_stub_info) */
    char bdf[VGPU_STUB_BDF_SIZE];
    char pool;                      /* 'A' or 'B' */
    uint32_t priority;              /* VGPU_STUB_PRIORITY_… */
    uint32_t vm_id;
    uint32_t protocol_version;      /* major << 16 | minor */
    uint32_t capabilities;          /* VGPU_STUB_CAP_… */
    uint32_t request_timeout_ms;    /* the device's own limit; 0 is none */
    uint32_t access_ns;             /* one access to the BAR, measured when it
                                       was opened; by the driver 0 */
    bool link_up;                   /* a mediator has accepted the device */
    bool interrupts;                /* the library waits by interrupt */
    bool driver;                    /* it is used through the kernel's driver */
    bool queue;                     /* which has requests travel by the queue */
    uint32_t bulk_max;              /* bytes that a request moves; 0: none */
};

/* How a request ended */
struct vgpu_stub_outcome {
    uint32_t error_code;                /* VGPU_STUB_ERR_… */
    uint32_t length;                    /* bytes of the response, may be 0 */
    uint8_t data[VGPU_STUB_BUF_SIZE];   /* the response, then zeros */
};

/* --- Devices --- */

/*
 * List the devices of this machine, in the order of their addresses. Needs no
 * privilege.
 *
 * @bdf: receives the addresses of the first @max devices
 *
 * Returns the number of devices, which may be more than @max or 0.
 */
int vgpu_stub_list(char bdf[][VGPU_STUB_BDF_SIZE], int max);

/*
 * Open a device: through the kernel's driver if that has it, else through its
 * BAR. The latter turns its memory decoding on, where it is off. It does not
 * disturb what an earlier user has left in the device; the first request clears
 * that.
 *
 * @bdf: its address, "0000:00:1e.0" or "00:1e.0"; NULL is the first device that
 *       can be opened, those whose link is up before the others
 * @dev: receives the open device, to be closed with vgpu_stub_close()
 *
 * Errors: -EINVAL @bdf is not a PCI address; -ENODEV no such device, or it is
 * not a vgpu-stub, or the driver's file for it is not in /dev; -EACCES or
 * -EPERM no right to open that file, or there is no driver and this is not
 * root, or root of a user namespace, or the kernel is locked down; -EPROTONOSUPPORT
 * it speaks another major version of the protocol. By the BAR also: -EROFS
 * sysfs is mounted read-only; -EBUSY the device is open already; -EADDRINUSE
 * the kernel keeps the BAR for another driver; -EIO its memory decoding stays
 * off. Of NULL it is the first device's.
 */
int vgpu_stub_open(const char *bdf, struct vgpu_stub **dev);

/*
 * Close @dev. NULL is allowed.
 *
 * Requests that have not ended end as -ECANCELED, those of other threads too;
 * what the device executes is aborted. By the driver, all that the program has
 * on the accelerator is freed; by the BAR, the device is free for others on
 * return. Other threads must not begin a call with @dev any more; jobs
 * stay valid until vgpu_stub_job_free().
 */
void vgpu_stub_close(struct vgpu_stub *dev);

/*
 * Have calls ask @stop, about ten times a second and when a signal interrupts
 * their sleep, whether they are to end early. When it returns true, the call's
 * request is aborted and the call returns -EINTR. It is not asked for requests
 * that were submitted.
 *
 * @stop: called by whichever thread is in a call; it must not use @dev. NULL:
 *        do not ask
 *
 * Not while other threads are in a call.
 */
void vgpu_stub_set_stop(struct vgpu_stub *dev, bool (*stop)(void *opaque),
                        void *opaque);

/*
 * Read the properties and the state of the link. Does not wait for requests.
 *
 * Errors: -EINVAL a wrong struct_size; -EPROTO the device has values that the
 * specification does not know; -ECANCELED @dev was closed.
 */
int vgpu_stub_get_info(struct vgpu_stub *dev, struct vgpu_stub_info *info);

/*
 * Read the whole register map at once, buffers included, for diagnosis. By the
 * driver, the registers that say what the device is and LINK are read, and the
 * others are 0. By the BAR this waits for its turn like a request, and is a read like any other: it
 * acknowledges an outcome that an earlier user has left in the device
 * (docs/registers.md, "The life of a request").
 *
 * @map: receives VGPU_STUB_RESERVED bytes; a register is the little-endian
 *       32-bit word at its offset
 *
 * Errors: -ECANCELED @dev was closed; -EINTR as of a request.
 */
int vgpu_stub_read_map(struct vgpu_stub *dev, void *map);

/* What can be seen of a device that another process has open */
struct vgpu_stub_state {
    size_t struct_size;             /* sizeof(struct vgpu_stub_state) */
    char bdf[VGPU_STUB_BDF_SIZE];
    bool link_up;                   /* a mediator has accepted the device */
    uint32_t status;                /* VGPU_STUB_STATUS_… */
    uint32_t request_id;            /* this library counts requests with it,
                                       from a random number at its open on */
    int user_pid;                   /* who has it open; 0: nobody */
    char user_name[17];             /* of that process, or ""; printable UTF-8 */
    bool driver;                    /* it is the kernel's driver's: then status
                                       and request_id are unknown, and 0 */
    uint32_t users;                 /* processes that have it open, of those
                                       that may be seen; user_pid is one */
};

/*
 * Look at a device without opening it. Nothing is locked and nobody is
 * disturbed: an outcome that is acknowledged by two programs' looking at once
 * is still there for the library that waits for it.
 *
 * @bdf: as for vgpu_stub_open()
 *
 * By the driver this needs no privilege. Errors: as vgpu_stub_open() has,
 * without -EBUSY and -EPROTONOSUPPORT; also -EINVAL a wrong struct_size.
 */
int vgpu_stub_observe(const char *bdf, struct vgpu_stub_state *state);

/* --- Requests --- */

/*
 * Send a request and wait for its outcome.
 *
 * @request: @length bytes, 1 to VGPU_STUB_BUF_SIZE, sent as they are; a
 *           mediator expects a struct vgpu_stub_request to begin them
 * @timeout_ms: how long it may take from now on, the time in the queue
 *              included; negative is as long as the device itself allows once
 *              it has the request (request_timeout_ms), and by the driver's
 *              queue, the host
 * @outcome: filled when 0 or -EREMOTEIO is returned; may be NULL
 *
 * Returns 0 when the request is done. Errors: -EREMOTEIO it ended in an
 * error, @outcome has the code and what response came with it; -EINVAL
 * @length is 0; -EMSGSIZE @length is too large; -ETIMEDOUT no outcome in
 * time, the request has been aborted, though it may have been executed, or, by
 * the driver's queue, may still be;
 * -ECANCELED @dev was closed; -EINTR see vgpu_stub_set_stop(); -ECONNRESET the
 * device was reset meanwhile; -EBUSY another program uses the device at the
 * same time, the request was not executed, or was, or was mixed with one of
 * that program's; -EPROTO the device does not follow its specification; by the
 * driver also -EUSERS the device has as many programs as it can; -EFAULT memory
 * that cannot be moved; -ENOMEM.
 */
int vgpu_stub_call(struct vgpu_stub *dev, const void *request, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome);

/*
 * A flag of requests: executing it twice does no harm. Such a request is sent
 * again when a reset or a migration of the VM ended it, or the mediator was
 * not there or went away (-ECONNRESET, CANCELLED, CONTEXT_LOST,
 * MEDIATOR_UNAVAILABLE), until its time is over; without a @timeout_ms that is
 * request_timeout_ms. Then it ends as the last attempt did. By the BAR requests
 * behind it wait; by the driver they do not.
 *
 * Without the flag no request is ever sent twice.
 */
#define VGPU_STUB_IDEMPOTENT (1u << 0)

/*
 * A flag of requests that are submitted: another one follows. It need not be
 * sent before the next one without the flag is, or before somebody waits; so
 * the driver gets many in one call. None is left unsent for longer than some
 * milliseconds.
 */
#define VGPU_STUB_MORE (1u << 1)

/*
 * A flag of requests that are submitted: the response may be longer than
 * VGPU_STUB_BUF_SIZE bytes, and vgpu_stub_wait_answer() has all of it. By the
 * driver's queue there is room for VGPU_STUB_QUEUE_RESPONSE_MAX bytes then,
 * memory that such a request costs while it is under way; else the flag has no
 * effect.
 */
#define VGPU_STUB_LARGE (1u << 2)

/*
 * Beside the flags, a request may have an order, a number of 24 bits; without
 * it, 0. Requests of one order are executed, and end, in the order in which
 * they were given to the library, those of different ones as it comes. By the
 * BAR all requests are of one order.
 */
#define VGPU_STUB_ORDER(number) ((number) % (1u << 24) * (1u << 8))

/*
 * Send a request and do not wait. A thread of the library, which the first
 * such request starts, sees to it.
 *
 * @request, @length, @timeout_ms: as in vgpu_stub_call(); the bytes are copied
 * @flags: 0, or what of VGPU_STUB_IDEMPOTENT, VGPU_STUB_MORE, VGPU_STUB_LARGE
 *         and VGPU_STUB_ORDER() is wanted
 * @job: receives what to wait for, to be freed with vgpu_stub_job_free()
 *
 * Errors: -EINVAL @length is 0, or unknown @flags; -EMSGSIZE @length is too
 * large; -EAGAIN no thread could be started; -ENOMEM.
 */
int vgpu_stub_submit(struct vgpu_stub *dev, const void *request,
                     size_t length, int timeout_ms, unsigned flags,
                     struct vgpu_stub_job **job);

/*
 * Wait until a job has ended. Several threads may wait, and more than once.
 *
 * @timeout_ms: how long to wait; 0 only looks, negative is without limit
 * @outcome: as in vgpu_stub_call()
 *
 * Returns -EAGAIN when it has not ended in that time; else what
 * vgpu_stub_call() would have returned, which is -ECANCELED also for a job
 * that was cancelled.
 */
int vgpu_stub_wait(struct vgpu_stub_job *job, int timeout_ms,
                   struct vgpu_stub_outcome *outcome);

/* How a job ended, with a response of any length */
struct vgpu_stub_answer {
    size_t struct_size;         /* sizeof(struct vgpu_stub_answer) */
    uint32_t error_code;        /* VGPU_STUB_ERR_… */
    uint32_t length;            /* bytes of the response, may be 0 */
    const uint8_t *data;        /* the job's, until vgpu_stub_job_free() */
};

/*
 * As vgpu_stub_wait(), which returns -EMSGSIZE of a response that is too long
 * for an outcome; of an error it has as much of the text as fits.
 *
 * Errors: also -EINVAL, a wrong struct_size.
 */
int vgpu_stub_wait_answer(struct vgpu_stub_job *job, int timeout_ms,
                          struct vgpu_stub_answer *answer);

/*
 * End a job as -ECANCELED, soon, unless it has ended before. What the device
 * executes is aborted, and may have been executed all the same.
 */
void vgpu_stub_cancel(struct vgpu_stub_job *job);

/*
 * A descriptor for poll(), select() and their like: it is readable while there
 * are jobs of @dev that have ended and for which vgpu_stub_wait() has not
 * returned that yet. It is the library's, to be neither read nor closed, and
 * the same for all jobs, until vgpu_stub_close().
 *
 * Returns the descriptor. Errors: those of eventfd(); -ECANCELED @dev is the
 * parent's.
 */
int vgpu_stub_fd(struct vgpu_stub *dev);

/*
 * Free a job; if it has not ended, it is cancelled first. Nobody may wait for
 * it any more. NULL is allowed.
 */
void vgpu_stub_job_free(struct vgpu_stub_job *job);

/* --- Responses --- */

/* What a response consists of; the pointers lead into its outcome. */
struct vgpu_stub_reply {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    uint32_t exec_time_us;      /* execution alone */
    uint32_t result_count;
    uint32_t data_length;       /* bytes */
    const uint32_t *results;
    const uint8_t *data;
};

/*
 * Take a response apart.
 *
 * Errors: -EBADMSG it is not a struct vgpu_stub_response with what that
 * announces.
 */
int vgpu_stub_parse(const struct vgpu_stub_outcome *outcome,
                    struct vgpu_stub_reply *reply);

/* The same for an answer; the pointers lead into its job. */
int vgpu_stub_parse_answer(const struct vgpu_stub_answer *answer,
                           struct vgpu_stub_reply *reply);

/*
 * The name ("QUEUE_FULL") and an explanation ("too many requests wait") of a
 * device's error code. Never NULL, not to be freed.
 */
const char *vgpu_stub_error_name(uint32_t error_code);
const char *vgpu_stub_error_text(uint32_t error_code);

/*
 * Say in words how a request failed: the sentence that came with the outcome,
 * or vgpu_stub_error_text() if none did.
 *
 * @text: receives printable ASCII and a NUL, cut off at @size bytes;
 *        VGPU_STUB_BUF_SIZE is enough for any
 */
void vgpu_stub_message(const struct vgpu_stub_outcome *outcome,
                       char *text, size_t size);

/* --- Operations --- */

/*
 * The functions below send one request or several, and fail with the errors
 * of a request; also
 *
 *   -EBADMSG   the response is not what the operation returns
 *
 * @timeout_ms is for all requests of a call together. @flags are those of
 * each of them. @outcome, which may be NULL, is that of the last one, filled
 * also when -EBADMSG is returned.
 */

/* The most data that an echo can carry, in bytes */
#define VGPU_STUB_ECHO_MAX \
    (VGPU_STUB_BUF_SIZE - sizeof(struct vgpu_stub_request))

/*
 * Send an ECHO request with @length bytes of @data, 0 to VGPU_STUB_ECHO_MAX,
 * and compare what comes back; -EBADMSG when that is not the same.
 */
int vgpu_stub_echo(struct vgpu_stub *dev, const void *data, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome);

/* What executes the requests on the host; docs/operations.md */
struct vgpu_stub_accelerator {
    size_t struct_size;         /* sizeof(struct vgpu_stub_accelerator) */
    bool present;               /* there is one for this VM in this pool */
    uint32_t opcodes;           /* bit n: opcode n is executed */
    uint32_t backend;           /* VGPU_STUB_BACKEND_… */
    uint32_t compute_units;
    uint64_t memory_quota;      /* bytes that the VM may allocate */
    uint64_t memory_used;       /* bytes of them that are allocated */
    char name[256];             /* printable UTF-8; "" where there is none */
    bool opencl;                /* programs of this VM may use it by OpenCL */
};

/* Ask for it (GET_DEVICE_INFO). Errors: also -EINVAL, a wrong struct_size. */
int vgpu_stub_get_accelerator(struct vgpu_stub *dev,
                              struct vgpu_stub_accelerator *accelerator,
                              int timeout_ms, unsigned flags,
                              struct vgpu_stub_outcome *outcome);

/*
 * Allocate @bytes, at least 1, of the accelerator's memory, zeroed. By the
 * driver it is the program's until it is freed, @dev is closed, or the context
 * is lost. An allocation that ends too late for @timeout_ms is freed with one
 * of the next requests, by the BAR by the host.
 *
 * By the BAR, and by a driver without a queue, it belongs to the device until
 * it is freed, the device is reset or loses its link, or the host's worker for
 * the VM ends; it is not freed when @dev is closed.
 *
 * @handle: receives what other requests call it by, never 0
 */
int vgpu_stub_mem_alloc(struct vgpu_stub *dev, uint64_t bytes,
                        uint64_t *handle, int timeout_ms,
                        struct vgpu_stub_outcome *outcome);

int vgpu_stub_mem_free(struct vgpu_stub *dev, uint64_t handle, int timeout_ms,
                       struct vgpu_stub_outcome *outcome);

/*
 * Free all memory that the program has. By the BAR, and by a driver without a
 * queue, that is all which was allocated through the device, also what programs
 * that died have left, and that of programs that still use the device.
 *
 * @bytes: receives how many that were; may be NULL
 *
 * Errors: a mediator that is too old answers UNSUPPORTED_OPERATION.
 */
int vgpu_stub_mem_free_all(struct vgpu_stub *dev, uint64_t *bytes,
                           int timeout_ms, struct vgpu_stub_outcome *outcome);

/*
 * Copy @length bytes to the accelerator's memory or from it, in as many
 * requests as that takes; 0 bytes take none, and @outcome is then that of one
 * that is done. When one fails, those before it have been done: vgpu_stub_transfer()
 * tells how many.
 *
 * By the driver's queue a request moves up to bulk_max bytes, directly from and
 * to the program's memory, and some are under way at a time. The memory is the
 * program's again when the function returns: so one that is ended early, as by
 * @timeout_ms, returns when what was being moved has ended.
 *
 * Else a request carries VGPU_STUB_WRITE_STEP or VGPU_STUB_READ_STEP bytes. Who
 * wants to show progress copies piece by piece: a piece of any size costs no
 * more than it would cost within the whole, if it is a multiple of that, and
 * large.
 *
 * @offset: where in @handle, in bytes
 */
int vgpu_stub_mem_write(struct vgpu_stub *dev, uint64_t handle,
                        uint64_t offset, const void *data, size_t length,
                        int timeout_ms, unsigned flags,
                        struct vgpu_stub_outcome *outcome);
int vgpu_stub_mem_read(struct vgpu_stub *dev, uint64_t handle,
                       uint64_t offset, void *data, size_t length,
                       int timeout_ms, unsigned flags,
                       struct vgpu_stub_outcome *outcome);

/* Bytes that one request carries to the accelerator, and from it, without bulk */
#define VGPU_STUB_WRITE_STEP \
    (VGPU_STUB_BUF_SIZE - sizeof(struct vgpu_stub_request) - 6 * 4)
#define VGPU_STUB_READ_STEP \
    (VGPU_STUB_BUF_SIZE - sizeof(struct vgpu_stub_response))

/*
 * Copy @length bytes within the accelerator's memory, 0 or more. Ranges of one
 * handle must not overlap.
 */
int vgpu_stub_mem_copy(struct vgpu_stub *dev,
                       uint64_t to, uint64_t to_offset,
                       uint64_t from, uint64_t from_offset, uint64_t length,
                       int timeout_ms, unsigned flags,
                       struct vgpu_stub_outcome *outcome);

/* What to copy */
struct vgpu_stub_copy {
    size_t struct_size;         /* sizeof(struct vgpu_stub_copy) */
    uint32_t direction;         /* VGPU_STUB_COPY_… */
    uint64_t handle, offset;    /* in the accelerator's memory */
    uint64_t source, source_offset;     /* VGPU_STUB_COPY_WITHIN_DEVICE alone:
                                           from there to @handle */
    void *data;                 /* else: the program's memory; it is written
                                   only by VGPU_STUB_COPY_FROM_DEVICE */
    uint64_t length;            /* bytes */
    uint64_t done;              /* receives how many were copied, from the
                                   first on, also when the call fails */
};

/*
 * Copy as the three functions above do. When it fails, @copy says how far it
 * got; bytes behind that may have been copied or not.
 *
 * Errors: also -EINVAL, a wrong struct_size or direction.
 */
int vgpu_stub_transfer(struct vgpu_stub *dev, struct vgpu_stub_copy *copy,
                   int timeout_ms, unsigned flags,
                   struct vgpu_stub_outcome *outcome);

/* What to run, on what */
struct vgpu_stub_kernel {
    size_t struct_size;             /* sizeof(struct vgpu_stub_kernel) */
    const char *name;               /* up to VGPU_STUB_KERNEL_NAME_SIZE - 1 */
    uint32_t dimensions;            /* 1 to 3 */
    uint32_t global_size[3];        /* work items; 1 where not a dimension */
    uint32_t local_size[3];         /* of a work group; all 0: any */
    const struct vgpu_stub_kernel_arg *args;
    size_t arg_count;               /* up to VGPU_STUB_KERNEL_ARGS_MAX */
    uint64_t program;               /* handle of a program; 0: catalogue */
    uint32_t program_length;        /* bytes of it */
};

/* The most arguments that fit into a request */
#define VGPU_STUB_KERNEL_ARGS_MAX \
    ((VGPU_STUB_BUF_SIZE - sizeof(struct vgpu_stub_request) - 10 * 4 - \
      VGPU_STUB_KERNEL_NAME_SIZE) / sizeof(struct vgpu_stub_kernel_arg))

/*
 * Run a kernel: vgpu_stub_launch() returns when it has run,
 * vgpu_stub_submit_launch() at once, as vgpu_stub_submit() does.
 *
 * A kernel is idempotent if it does not read what it writes.
 *
 * What it prints is the data of the reply: bytes as they are, without a NUL
 * behind them, VGPU_STUB_READ_STEP at most, or with VGPU_STUB_LARGE as many as
 * the response has room for. Where that is not all, the reply
 * has a result: how many bytes are missing, at least. See vgpu_stub_parse().
 *
 * Errors: also -EINVAL, a wrong struct_size, or a member of a later version;
 * the name is NULL, too long or empty, or there are more dimensions or
 * arguments than there can be, or @args is NULL.
 */
int vgpu_stub_launch(struct vgpu_stub *dev,
                     const struct vgpu_stub_kernel *kernel,
                     int timeout_ms, unsigned flags,
                     struct vgpu_stub_outcome *outcome);
int vgpu_stub_submit_launch(struct vgpu_stub *dev,
                            const struct vgpu_stub_kernel *kernel,
                            int timeout_ms, unsigned flags,
                            struct vgpu_stub_job **job);

/*
 * List the kernels of the host's catalogue: a row for each, in the order of
 * their names, and behind it one for each of its arguments.
 *
 * @rows: receives the first @max rows, whose names have a NUL
 *
 * Returns the number of rows, which may be more than @max or 0. Errors: a
 * mediator that is too old answers UNSUPPORTED_OPERATION.
 */
int vgpu_stub_list_kernels(struct vgpu_stub *dev,
                           struct vgpu_stub_kernel_row *rows, int max,
                           int timeout_ms, unsigned flags,
                           struct vgpu_stub_outcome *outcome);

/*
 * Wait until the host has executed everything that was sent before: by the
 * driver, by this program in the order of @flags, else by this device.
 */
int vgpu_stub_synchronize(struct vgpu_stub *dev, int timeout_ms,
                          unsigned flags, struct vgpu_stub_outcome *outcome);

/* --- Arguments of kernels --- */

static inline struct vgpu_stub_kernel_arg
vgpu_stub_arg(uint32_t type, const void *value, size_t size)
{
    struct vgpu_stub_kernel_arg arg = { type, 0, 0 };

    memcpy(&arg.value, value, size);
    return arg;
}

static inline struct vgpu_stub_kernel_arg
vgpu_stub_arg_buffer(uint64_t handle)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_BUFFER, &handle, sizeof(handle));
}

static inline struct vgpu_stub_kernel_arg vgpu_stub_arg_u32(uint32_t value)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_U32, &value, sizeof(value));
}

static inline struct vgpu_stub_kernel_arg vgpu_stub_arg_i32(int32_t value)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_U32, &value, sizeof(value));
}

static inline struct vgpu_stub_kernel_arg vgpu_stub_arg_f32(float value)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_F32, &value, sizeof(value));
}

static inline struct vgpu_stub_kernel_arg vgpu_stub_arg_u64(uint64_t value)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_U64, &value, sizeof(value));
}

static inline struct vgpu_stub_kernel_arg vgpu_stub_arg_i64(int64_t value)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_U64, &value, sizeof(value));
}

static inline struct vgpu_stub_kernel_arg vgpu_stub_arg_f64(double value)
{
    return vgpu_stub_arg(VGPU_STUB_ARG_F64, &value, sizeof(value));
}

#ifdef __cplusplus
}
#endif

#endif /* VGPU_STUB_H */
