/*
 * A stand-in of the kernel's driver, its device and the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include "fake-driver.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "clock.h"
#include "cond.h"
#include "devfile.h"
#include "vgpu-stub-regs.h"
#include "vgpu-stub-ring.h"

#define FILES_MAX 16
#define MEMORIES_MAX 64

struct work {
    struct file *file;              /* NULL: it was closed meanwhile */
    struct vgpu_stub_io_submission submission;
    uint8_t request[VGPU_STUB_QUEUE_REQUEST_MAX];
    uint8_t response[VGPU_STUB_QUEUE_RESPONSE_MAX];
    uint32_t status, response_length;
    uint64_t bulk_moved;
    bool executing, cancelled;
    TAILQ_ENTRY(work) entry;
};

TAILQ_HEAD(works, work);

struct file {
    int fd;                         /* an eventfd; 0: the entry is free */
    struct works taken;             /* by the host, in their order */
    struct works done;
    unsigned in_flight, events;
    bool used, lost, refused;
    uint64_t memories[MEMORIES_MAX];    /* bytes; 0: none; the handle is i + 1 */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct file files[FILES_MAX];
    unsigned room;
    bool gone, refuses;
    int held;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .held = -1 };

int __real_close(int fd);
int __real_ppoll(struct pollfd *fds, nfds_t count,
                 const struct timespec *timeout, const sigset_t *mask);

/* --- With the lock held --- */

static struct file *find(int fd)
{
    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (fake.files[i].fd == fd && fd > 0) {
            return &fake.files[i];
        }
    }
    return NULL;
}

static int file_state(const struct file *file)
{
    return fake.gone ? -ENODEV : file->lost ? -ESTALE : 0;
}

/* poll() sees a file by its eventfd. */
static void show(struct file *file)
{
    eventfd_t count;

    file->events++;
    eventfd_read(file->fd, &count);
    if (!TAILQ_EMPTY(&file->done) || file_state(file) < 0) {
        eventfd_write(file->fd, 1);
    }
    pthread_cond_broadcast(&fake.changed);
}

static void finish(struct work *work, uint32_t status)
{
    struct file *file = work->file;

    if (!file) {
        free(work);
        return;
    }
    TAILQ_REMOVE(&file->taken, work, entry);
    TAILQ_INSERT_TAIL(&file->done, work, entry);
    file->in_flight--;
    work->status = status;
    if (status != VGPU_STUB_ERR_NONE) {
        work->response_length = 0;
    }
    show(file);
}

/* All that is not executed ends; what is, ends by itself. */
static void end_all(struct file *file, uint32_t status)
{
    struct work *work, *next;

    for (work = TAILQ_FIRST(&file->taken); work; work = next) {
        next = TAILQ_NEXT(work, entry);
        if (!work->executing) {
            finish(work, status);
        }
    }
    memset(file->memories, 0, sizeof(file->memories));
    show(file);
}

/* --- What the host does --- */

static uint64_t word(const struct work *work, unsigned param)
{
    uint64_t value;

    memcpy(&value, work->request + sizeof(struct vgpu_stub_request) +
           param * sizeof(uint32_t), sizeof(value));
    return value;
}

static void respond(struct work *work, const void *data, uint32_t length,
                    uint32_t results)
{
    const struct vgpu_stub_response response = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .result_count = results,
        .data_offset = sizeof(response),
        .data_length = results ? 0 : length,
    };

    memcpy(work->response, &response, sizeof(response));
    if (length > 0) {
        memcpy(work->response + sizeof(response), data, length);
    }
    work->response_length = sizeof(response) + length;
}

/* As much as there is room for */
static uint32_t give_much(struct work *work)
{
    static uint8_t much[VGPU_STUB_QUEUE_RESPONSE_MAX];

    memset(much, 0x5a, sizeof(much));
    respond(work, much, work->submission.response_capacity -
            sizeof(struct vgpu_stub_response), 0);
    return VGPU_STUB_ERR_NONE;
}

/* With the lock held; returns a status. */
static uint32_t execute(struct work *work)
{
    const struct vgpu_stub_request *header = (const void *)work->request;
    uint64_t *memories = work->file->memories;
    uint64_t handle = 0;

    switch (header->opcode) {
    case VGPU_STUB_OP_ECHO:
        if (work->submission.response_capacity <
            sizeof(struct vgpu_stub_response) + header->data_length) {
            return VGPU_STUB_ERR_INVALID_LENGTH;
        }
        respond(work, work->request + header->data_offset,
                header->data_length, 0);
        return VGPU_STUB_ERR_NONE;
    case VGPU_STUB_OP_MEMORY_ALLOC:
        while (handle < MEMORIES_MAX && memories[handle]) {
            handle++;
        }
        if (handle == MEMORIES_MAX) {
            return VGPU_STUB_ERR_OUT_OF_MEMORY;
        }
        memories[handle++] = word(work, 0);
        respond(work, &handle, sizeof(handle), 2);
        return VGPU_STUB_ERR_NONE;
    case VGPU_STUB_OP_MEMORY_FREE:
        handle = word(work, 0);
        if (handle == 0 || handle > MEMORIES_MAX || !memories[handle - 1]) {
            return VGPU_STUB_ERR_INVALID_HANDLE;
        }
        memories[handle - 1] = 0;
        respond(work, NULL, 0, 0);
        return VGPU_STUB_ERR_NONE;
    case VGPU_STUB_OP_LIST_KERNELS:
        return give_much(work);
    case VGPU_STUB_OP_MEMORY_COPY:
        respond(work, NULL, 0, 0);
        return VGPU_STUB_ERR_NONE;
    default:
        return VGPU_STUB_ERR_UNSUPPORTED_OPERATION;
    }
}

/* Without the lock: a piece that is read has the number of its first byte. */
static void move_bulk(struct work *work)
{
    static uint8_t taken[VGPU_STUB_QUEUE_TRANSFER_MAX];
    void *bulk = (void *)(uintptr_t)work->submission.bulk;
    const uint32_t length = work->submission.bulk_length;

    if (work->submission.flags & VGPU_STUB_IO_BULK_TO_DEVICE) {
        memcpy(taken, bulk, length);
    } else if (length > 0) {
        memset(bulk, word(work, 4) >> 20, length);
    }
    work->bulk_moved = length;
}

static bool is_first(const struct work *work)
{
    const struct work *other;

    TAILQ_FOREACH(other, &work->file->taken, entry) {
        if (other->submission.order == work->submission.order) {
            return other == work;
        }
    }
    return false;
}

/* Any that may be executed now, or NULL */
static struct work *choose_work(void)
{
    struct work *chosen = NULL, *work;
    unsigned count = 0;

    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (!fake.files[i].fd) {
            continue;
        }
        TAILQ_FOREACH(work, &fake.files[i].taken, entry) {
            const struct vgpu_stub_request *header = (void *)work->request;

            if ((int)header->opcode != fake.held && is_first(work) &&
                rand() % ++count == 0) {
                chosen = work;
            }
        }
    }
    return chosen;
}

static void *be_host(void *opaque)
{
    pthread_mutex_lock(&fake.lock);
    for (;;) {
        struct work *work = choose_work();
        uint32_t status;

        if (!work) {
            pthread_cond_wait(&fake.changed, &fake.lock);
            continue;
        }
        work->executing = true;
        pthread_mutex_unlock(&fake.lock);
        usleep(rand() % 50);
        move_bulk(work);
        pthread_mutex_lock(&fake.lock);
        if (!work->file || fake.gone) {
            status = VGPU_STUB_ERR_CANCELLED;
        } else if (work->file->lost) {
            status = VGPU_STUB_ERR_CONTEXT_LOST;
        } else {
            status = execute(work);
        }
        finish(work, status);
    }
    return opaque;
}

/* --- The driver's calls --- */

static int check(const struct vgpu_stub_io_submission *submission)
{
    const uint32_t ways = submission->flags & (VGPU_STUB_IO_BULK_TO_DEVICE |
                                               VGPU_STUB_IO_BULK_FROM_DEVICE);

    if ((submission->flags & ~ways) || submission->reserved[0] ||
        submission->reserved[1] || submission->reserved[2] ||
        (submission->bulk_length > 0) !=
        (ways == VGPU_STUB_IO_BULK_TO_DEVICE ||
         ways == VGPU_STUB_IO_BULK_FROM_DEVICE) ||
        (submission->bulk_length == 0 && submission->bulk)) {
        return -EINVAL;
    }
    return submission->request_length == 0 ||
           submission->request_length > VGPU_STUB_QUEUE_REQUEST_MAX ||
           submission->response_capacity < sizeof(struct vgpu_stub_response) ||
           submission->response_capacity > VGPU_STUB_QUEUE_RESPONSE_MAX ||
           submission->bulk_length > VGPU_STUB_QUEUE_TRANSFER_MAX
           ? -EMSGSIZE : 0;
}

static void cancel(struct file *file, uint64_t target)
{
    struct work *work, *next;

    for (work = TAILQ_FIRST(&file->taken); work; work = next) {
        next = TAILQ_NEXT(work, entry);
        if (work->submission.user_data == target && !work->executing) {
            finish(work, VGPU_STUB_ERR_CANCELLED);
        }
    }
}

static int submit_one(struct file *file,
                      const struct vgpu_stub_io_submission *submission)
{
    struct work *work;
    int rc = file_state(file);

    if (rc == 0 && submission->flags == VGPU_STUB_IO_CANCEL) {
        cancel(file, submission->request);
        return 0;
    }
    if (rc == 0 && file->in_flight == fake.room) {
        rc = -EAGAIN;
    }
    rc = rc ? rc : check(submission);
    if (rc < 0) {
        return rc;
    }
    if (!file->used) {
        file->used = true;
        file->refused = fake.refuses;
    }
    work = calloc(1, sizeof(*work));
    work->file = file;
    work->submission = *submission;
    memcpy(work->request, (void *)(uintptr_t)submission->request,
           submission->request_length);
    TAILQ_INSERT_TAIL(&file->taken, work, entry);
    file->in_flight++;
    if (file->refused) {
        finish(work, VGPU_STUB_ERR_QUEUE_FULL);
    }
    pthread_cond_broadcast(&fake.changed);
    return 0;
}

static int submit(struct file *file, const struct vgpu_stub_io_enter *call,
                  uint32_t *submitted)
{
    const struct vgpu_stub_io_submission *submissions =
        (void *)(uintptr_t)call->submissions;
    int rc = 0;

    while (rc == 0 && *submitted < call->submit_count) {
        rc = submit_one(file, &submissions[*submitted]);
        *submitted += rc == 0;
    }
    return rc;
}

static void collect(struct file *file, const struct vgpu_stub_io_enter *call,
                    uint32_t *taken)
{
    struct vgpu_stub_io_completion *completions =
        (void *)(uintptr_t)call->completions;
    struct work *work;

    while (*taken < call->complete_max && (work = TAILQ_FIRST(&file->done))) {
        TAILQ_REMOVE(&file->done, work, entry);
        memcpy((void *)(uintptr_t)work->submission.response, work->response,
               work->response_length);
        completions[(*taken)++] = (struct vgpu_stub_io_completion) {
            .user_data = work->submission.user_data,
            .bulk_moved = work->bulk_moved,
            .status = work->status,
            .response_length = work->response_length,
        };
        free(work);
    }
    show(file);
}

/* As vgpu_enter() of the driver, with the lock held */
static int enter(struct file *file, struct vgpu_stub_io_enter *call,
                 uint32_t *submitted, uint32_t *taken)
{
    const int64_t until_us = call->deadline_ns < 0 ? CLOCK_NEVER
                                                   : call->deadline_ns / 1000;

    for (;;) {
        unsigned seen;
        int rc = submit(file, call, submitted);

        if (rc < 0 && rc != -EAGAIN && *submitted == 0) {
            return rc;
        }
        collect(file, call, taken);
        seen = file->events;
        if (*taken == 0 && file->in_flight == 0 && file_state(file) < 0) {
            return file_state(file);
        }
        if ((*submitted == call->submit_count &&
             *taken >= call->complete_min) ||
            (*submitted < call->submit_count && (*submitted || *taken))) {
            return 0;
        }
        while (file->events == seen) {
            if (clock_us() >= until_us) {
                return -EAGAIN;
            }
            cond_wait(&fake.changed, &fake.lock, until_us);
        }
    }
}

int devfile_enter(int fd, struct vgpu_stub_io_enter *call)
{
    uint32_t submitted = 0, taken = 0;
    struct file *file;
    int rc;

    pthread_mutex_lock(&fake.lock);
    file = find(fd);
    rc = file ? enter(file, call, &submitted, &taken) : -EBADF;
    pthread_mutex_unlock(&fake.lock);
    call->submit_count = submitted;
    call->complete_count = taken;
    return submitted || taken ? 0 : rc;
}

int devfile_cancel(int fd, uint64_t user_data)
{
    const struct vgpu_stub_io_submission submission = {
        .request = user_data,
        .flags = VGPU_STUB_IO_CANCEL,
    };
    struct vgpu_stub_io_enter call = {
        .submissions = (uintptr_t)&submission,
        .submit_count = 1,
    };

    return devfile_enter(fd, &call);
}

int devfile_info(int fd, struct vgpu_stub_io_info *info)
{
    *info = (struct vgpu_stub_io_info) {
        .size = sizeof(*info),
        .flags = VGPU_STUB_IO_INFO_QUEUE,
        .pool = VGPU_STUB_POOL_A,
        .protocol_version = VGPU_STUB_PROTOCOL_VERSION,
        .link = VGPU_STUB_LINK_UP,
        .request_timeout_ms = 200,
        .request_max = VGPU_STUB_QUEUE_REQUEST_MAX,
        .response_max = VGPU_STUB_QUEUE_RESPONSE_MAX,
        .bulk_max = VGPU_STUB_QUEUE_TRANSFER_MAX,
    };
    return fd < 0 ? -EBADF : 0;
}

int devfile_open(const char *bdf, struct vgpu_stub_io_info *info)
{
    int fd = -ENODEV;

    pthread_mutex_lock(&fake.lock);
    for (unsigned i = 0; bdf && i < FILES_MAX && !fake.gone && fd < 0; i++) {
        struct file *file = &fake.files[i];

        if (file->fd == 0) {
            fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            *file = (struct file) { .fd = fd };
            TAILQ_INIT(&file->taken);
            TAILQ_INIT(&file->done);
            devfile_info(fd, info);
        }
    }
    pthread_mutex_unlock(&fake.lock);
    return fd;
}

int __wrap_close(int fd)
{
    struct work *work;
    struct file *file;
    int rc;

    pthread_mutex_lock(&fake.lock);
    file = find(fd);
    while (file && (work = TAILQ_FIRST(&file->taken))) {
        TAILQ_REMOVE(&file->taken, work, entry);
        work->file = NULL;
        if (!work->executing) {
            free(work);
        }
    }
    while (file && (work = TAILQ_FIRST(&file->done))) {
        TAILQ_REMOVE(&file->done, work, entry);
        free(work);
    }
    if (file) {
        file->fd = 0;
        pthread_cond_broadcast(&fake.changed);
    }
    rc = __real_close(fd);
    pthread_mutex_unlock(&fake.lock);
    return rc;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count,
                 const struct timespec *timeout, const sigset_t *mask)
{
    int rc = __real_ppoll(fds, count, timeout, mask);

    pthread_mutex_lock(&fake.lock);
    for (nfds_t i = 0; rc > 0 && i < count; i++) {
        const struct file *file = fds[i].revents ? find(fds[i].fd) : NULL;

        if (file) {
            fds[i].revents = (TAILQ_EMPTY(&file->done) ? 0 : POLLIN) |
                             (file_state(file) < 0 ? POLLERR : 0);
        }
    }
    pthread_mutex_unlock(&fake.lock);
    return rc;
}

/* --- What tests say --- */

static void lock(void)
{
    pthread_mutex_lock(&fake.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&fake.lock);
}

void fake_start(unsigned room)
{
    pthread_t host;

    pthread_atfork(lock, unlock, unlock);
    fake.room = room;
    cond_init(&fake.changed);
    pthread_create(&host, NULL, be_host, NULL);
    pthread_detach(host);
}

static void tell_all(void (*tell)(struct file *file))
{
    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (fake.files[i].fd) {
            tell(&fake.files[i]);
        }
    }
    pthread_cond_broadcast(&fake.changed);
}

static void lose_file(struct file *file)
{
    file->lost = true;
    end_all(file, VGPU_STUB_ERR_CONTEXT_LOST);
}

static void remove_file(struct file *file)
{
    file->lost = true;
    end_all(file, VGPU_STUB_ERR_CANCELLED);
}

void fake_lose(void)
{
    pthread_mutex_lock(&fake.lock);
    tell_all(lose_file);
    pthread_mutex_unlock(&fake.lock);
}

void fake_remove(bool gone)
{
    pthread_mutex_lock(&fake.lock);
    fake.gone = gone;
    tell_all(gone ? remove_file : show);
    pthread_mutex_unlock(&fake.lock);
}

void fake_refuse(bool refuses)
{
    pthread_mutex_lock(&fake.lock);
    fake.refuses = refuses;
    pthread_mutex_unlock(&fake.lock);
}

void fake_hold(int opcode)
{
    pthread_mutex_lock(&fake.lock);
    fake.held = opcode;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

static unsigned in_flight(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FILES_MAX; i++) {
        count += fake.files[i].fd ? fake.files[i].in_flight : 0;
    }
    return count;
}

void fake_wait_for(unsigned requests)
{
    pthread_mutex_lock(&fake.lock);
    while (in_flight() != requests) {
        pthread_cond_wait(&fake.changed, &fake.lock);
    }
    pthread_mutex_unlock(&fake.lock);
}

uint64_t fake_memory(void)
{
    uint64_t bytes = 0;

    pthread_mutex_lock(&fake.lock);
    for (unsigned i = 0; i < FILES_MAX; i++) {
        for (unsigned j = 0; fake.files[i].fd && j < MEMORIES_MAX; j++) {
            bytes += fake.files[i].memories[j];
        }
    }
    pthread_mutex_unlock(&fake.lock);
    return bytes;
}

unsigned fake_files(void)
{
    unsigned count = 0;

    pthread_mutex_lock(&fake.lock);
    for (unsigned i = 0; i < FILES_MAX; i++) {
        count += fake.files[i].fd != 0;
    }
    pthread_mutex_unlock(&fake.lock);
    return count;
}
