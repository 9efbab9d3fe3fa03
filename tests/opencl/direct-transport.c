/*
 * remoting: the way to a worker without a guest, for tests
 *
 * Starts the worker that VGPU_STUB_TEST_WORKER names, with the arguments of
 * VGPU_STUB_TEST_ARGUMENTS, and talks to it as the mediator does. What stands
 * in is the way: there are no driver, device and mediator, and so no schedule,
 * limit or deadline; a worker that goes on when its program has ended is ended a
 * while later. The worker writes in VGPU_STUB_TEST_FOLDER; its quota is
 * VGPU_STUB_TEST_MEMORY; without VGPU_STUB_TEST_KERNELS=yes the VM may bring no
 * kernels. Its own loader has VGPU_STUB_TEST_VENDORS for OCL_ICD_VENDORS.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* memfd_create(), close_range() */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport.h"
#include "vgpu-stub-ring.h"
#include "vgpu-stub-wire.h"

/* As mediator/protocol/worker-protocol.h has them */
#define WORKER_MSG_LIMITS 0x100
#define WORKER_MSG_MEMORY 0x101
#define WORKER_MSG_GRANT 0x102

struct limits {
    uint64_t memory;
    uint64_t others;
    uint32_t flags;
    uint32_t reserved;
};

struct numbers {
    uint64_t first;
    uint64_t second;
};

#define SMALL 8
#define LARGE 8
#define PLACES (SMALL + LARGE)
#define BYTES VGPU_STUB_ARENA_BYTES(SMALL, LARGE)

struct request {
    bool used;
    struct vgpu_stub_io_submission submission;
};

struct transport {
    int socket;
    uint64_t quota;
    uint8_t *arena;
    pthread_mutex_t sending;    /* for the two that follow, and what is sent */
    struct request requests[PLACES];
    uint64_t held;              /* bytes of memory */
};

static bool send_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, (const char *)bytes + done, size - done,
                            MSG_NOSIGNAL);

        if (sent < 0) {
            return false;
        }
        done += sent;
    }
    return true;
}

static bool send_message(struct transport *transport, uint16_t type,
                         uint32_t id, uint32_t status, const void *payload,
                         uint32_t size)
{
    struct {
        struct vgpu_stub_wire_header header;
        uint8_t payload[64];
    } message = {
        .header = {
            .magic = VGPU_STUB_WIRE_MAGIC,
            .version = VGPU_STUB_WIRE_VERSION,
            .type = type,
            .length = size,
            .request_id = id,
            .status = status,
        },
    };

    memcpy(message.payload, payload, size);
    return send_all(transport->socket, &message,
                    sizeof(message.header) + size);
}

static bool receive_message(struct transport *transport,
                            struct vgpu_stub_wire_header *header,
                            uint8_t payload[64])
{
    return recv(transport->socket, header, sizeof(*header), MSG_WAITALL) ==
               sizeof(*header) && header->length <= 64 &&
           (header->length == 0 ||
            recv(transport->socket, payload, header->length, MSG_WAITALL) ==
            (ssize_t)header->length);
}

/* --- Starting it --- */

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value ? value : otherwise;
}

static void run_worker(const char *path, int fd)
{
    char *arguments = strdup(setting("VGPU_STUB_TEST_ARGUMENTS", ""));
    const char *const folders[] = {
        "TMPDIR", "HOME", "XDG_CACHE_HOME", "POCL_CACHE_DIR",
    };
    char *argv[32] = { (char *)path };
    int count = 1;

    for (char *word = strtok(arguments, " "); word && count < 31;
         word = strtok(NULL, " ")) {
        argv[count++] = word;
    }
    /* What the program loads is not for the worker, which has a folder. */
    unsetenv("LD_PRELOAD");
    unsetenv("OCL_ICD_VENDORS");
    if (getenv("VGPU_STUB_TEST_VENDORS")) {
        setenv("OCL_ICD_VENDORS", getenv("VGPU_STUB_TEST_VENDORS"), 1);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        setenv(folders[i], setting("VGPU_STUB_TEST_FOLDER", "/tmp"), 1);
    }
    dup2(fd, STDIN_FILENO);
    execv(path, argv);
    _exit(127);
}

#define GRACE_MS 10000

/*
 * Ends the worker @worker, a pidfd, when the program has ended, which has the other
 * end of the pipe @life: it may be in a kernel that never ends.
 */
static void guard_worker(int worker, int life)
{
    struct pollfd ends[] = { { worker, POLLIN, 0 }, { life, POLLIN, 0 } };

    if (poll(ends, 2, -1) > 0 && ends[0].revents == 0 &&
        poll(ends, 1, GRACE_MS) == 0) {
        pidfd_send_signal(worker, SIGKILL, NULL, 0);
    }
}

/* In the worker's process: a guard that is no child of it or of the program. */
static void start_guard(int life)
{
    const int worker = pidfd_open(getpid(), 0);

    if (fork() == 0) {
        if (fork() == 0) {
            /* Of what the program has open, it has nothing else. */
            dup2(life, STDIN_FILENO);
            dup2(worker, STDERR_FILENO + 1);
            close_range(STDERR_FILENO + 2, ~0U, 0);
            guard_worker(STDERR_FILENO + 1, STDIN_FILENO);
        }
        _exit(0);
    }
    wait(NULL);
    close(worker);
}

/* Start it, with @fd for its socket. */
static bool start_worker(const char *path, int fd)
{
    int life[2];                /* The program never closes its end. */

    if (pipe2(life, O_CLOEXEC) < 0) {
        return false;
    }
    if (fork() == 0) {
        close(life[1]);
        start_guard(life[0]);
        run_worker(path, fd);
    }
    close(life[0]);
    return true;
}

static bool send_arena(struct transport *transport, int memory)
{
    struct {
        struct vgpu_stub_wire_header header;
        struct vgpu_stub_wire_arena arena;
    } message = {
        .header = {
            .magic = VGPU_STUB_WIRE_MAGIC,
            .version = VGPU_STUB_WIRE_VERSION,
            .type = VGPU_STUB_MSG_ARENA,
            .length = sizeof(message.arena),
        },
        .arena = {
            .context = 1, .bytes = BYTES, .small = SMALL, .large = LARGE,
        },
    };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = {
            .cmsg_len = CMSG_LEN(sizeof(int)),
            .cmsg_level = SOL_SOCKET,
            .cmsg_type = SCM_RIGHTS,
        },
    };
    struct iovec part = { &message, sizeof(message) };
    struct msghdr whole = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };

    memcpy(CMSG_DATA(&control.header), &memory, sizeof(memory));
    return sendmsg(transport->socket, &whole, MSG_NOSIGNAL) ==
           sizeof(message);
}

static bool greet(struct transport *transport)
{
    const bool kernels = strcmp(setting("VGPU_STUB_TEST_KERNELS", "no"),
                                "yes") == 0;
    const struct limits limits = {
        .memory = transport->quota, .flags = kernels,
    };
    struct vgpu_stub_wire_header header;
    uint8_t payload[64];
    int memory = memfd_create("arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = false;

    if (memory >= 0 && ftruncate(memory, BYTES) == 0 &&
        fcntl(memory, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        transport->arena = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
                                MAP_SHARED, memory, 0);
        good = transport->arena != MAP_FAILED &&
               receive_message(transport, &header, payload) &&
               header.type == VGPU_STUB_MSG_HELLO &&
               send_message(transport, WORKER_MSG_LIMITS, 0, 0, &limits,
                            sizeof(limits)) &&
               send_arena(transport, memory);
    }
    close(memory);
    return good;
}

int transport_open(unsigned number, struct transport **result)
{
    const char *path = getenv("VGPU_STUB_TEST_WORKER");
    struct transport *transport;
    int ends[2];
    bool good;

    if (number > 0 || !path) {
        return -ENOENT;
    }
    transport = calloc(1, sizeof(*transport));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        free(transport);
        return -errno;
    }
    transport->socket = ends[0];
    transport->quota = strtoull(setting("VGPU_STUB_TEST_MEMORY", "1073741824"),
                                NULL, 0);
    pthread_mutex_init(&transport->sending, NULL);
    good = start_worker(path, ends[1]);
    close(ends[1]);
    if (!good || !greet(transport)) {
        close(transport->socket);
        free(transport);
        return -EIO;
    }
    *result = transport;
    return 0;
}

void transport_close(struct transport *transport)
{
    close(transport->socket);
    munmap(transport->arena, BYTES);
    free(transport);
}

/* --- Requests --- */

static uint8_t *place_at(struct transport *transport, unsigned place)
{
    return transport->arena + VGPU_STUB_ARENA_OFFSET(place, SMALL);
}

static uint8_t *response_at(struct transport *transport, unsigned place)
{
    return place_at(transport, place) +
           (place < SMALL ? VGPU_STUB_ARENA_SMALL_REQUEST
                          : VGPU_STUB_ARENA_LARGE_REQUEST);
}

static uint8_t *bulk_at(struct transport *transport, unsigned place)
{
    return place_at(transport, place) + VGPU_STUB_ARENA_LARGE_REQUEST +
           VGPU_STUB_ARENA_LARGE_RESPONSE;
}

/* Locked; -1: there is none */
static int find_place(const struct transport *transport,
                      const struct vgpu_stub_io_submission *submission)
{
    const bool small =
        submission->request_length <= VGPU_STUB_ARENA_SMALL_REQUEST &&
        submission->response_capacity <= VGPU_STUB_ARENA_SMALL_RESPONSE &&
        submission->bulk_length == 0;

    for (unsigned i = small ? 0 : SMALL; i < PLACES; i++) {
        if (!transport->requests[i].used) {
            return i;
        }
    }
    return -1;
}

/* Can that memory be read, or written? As the driver, not by a signal. */
static bool try_memory(void *here, uint64_t there, size_t size, bool write)
{
    struct iovec local = { here, size };
    struct iovec remote = { (void *)(uintptr_t)there, size };
    ssize_t moved = write
        ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
        : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

    return moved == (ssize_t)size;
}

/* Locked */
static int submit(struct transport *transport,
                  const struct vgpu_stub_io_submission *submission)
{
    int place = find_place(transport, submission);
    const bool reads = submission->flags & VGPU_STUB_IO_BULK_TO_DEVICE;
    struct vgpu_stub_wire_qrequest wire = {
        .context = 1,
        .order = submission->order,
        .place = place,
        .request_length = submission->request_length,
        .response_capacity = submission->response_capacity,
        .bulk_length = submission->bulk_length,
        .flags = submission->bulk_length == 0 ? 0
                 : reads ? VGPU_STUB_SUBMIT_BULK_FROM_GUEST
                         : VGPU_STUB_SUBMIT_BULK_TO_GUEST,
    };

    if (place < 0) {
        return -EAGAIN;
    }
    memcpy(place_at(transport, place), (void *)(uintptr_t)submission->request,
           submission->request_length);
    if (submission->bulk_length > 0 &&
        !try_memory(bulk_at(transport, place), submission->bulk,
                    reads ? submission->bulk_length : 1, false)) {
        return -EFAULT;
    }
    transport->requests[place] = (struct request) { true, *submission };
    return send_message(transport, VGPU_STUB_MSG_QREQUEST, place + 1, 0, &wire,
                        sizeof(wire)) ? 0 : -ESTALE;
}

/* Locked */
static int complete(struct transport *transport,
                    const struct vgpu_stub_wire_header *header,
                    const uint8_t *payload,
                    struct vgpu_stub_io_completion *completion)
{
    const unsigned place = header->request_id - 1;
    struct vgpu_stub_wire_qresponse wire;
    struct request *request;

    memcpy(&wire, payload, sizeof(wire));
    if (place >= PLACES || !transport->requests[place].used) {
        return -EPROTO;
    }
    request = &transport->requests[place];
    *completion = (struct vgpu_stub_io_completion) {
        .user_data = request->submission.user_data,
        .bulk_moved = wire.bulk_moved,
        .status = header->status,
        .response_length = wire.response_length,
    };
    memcpy((void *)(uintptr_t)request->submission.response,
           response_at(transport, place), wire.response_length);
    if (request->submission.flags & VGPU_STUB_IO_BULK_FROM_DEVICE) {
        try_memory(bulk_at(transport, place), request->submission.bulk,
                   wire.bulk_moved, true);
    }
    request->used = false;
    return 0;
}

/* Locked: what the mediator's account says of the VM's memory */
static bool grant(struct transport *transport, const uint8_t *payload)
{
    struct numbers memory, answer;
    bool granted;

    memcpy(&memory, payload, sizeof(memory));
    answer = (struct numbers) {
        transport->quota - memory.first, transport->quota,
    };
    granted = memory.second <= answer.first;
    transport->held = memory.first + (granted ? memory.second : 0);
    return memory.second == 0 ||
           send_message(transport, WORKER_MSG_GRANT, 0,
                        granted ? 0 : VGPU_STUB_ERR_OUT_OF_MEMORY, &answer,
                        sizeof(answer));
}

/* Returns 1 when a request has ended, 0 when something else has come. */
static int receive(struct transport *transport,
                   struct vgpu_stub_io_completion *completion)
{
    struct vgpu_stub_wire_header header;
    uint8_t payload[64];
    int rc = -ESTALE;

    if (!receive_message(transport, &header, payload)) {
        return rc;
    }
    pthread_mutex_lock(&transport->sending);
    if (header.type == VGPU_STUB_MSG_QRESPONSE) {
        rc = complete(transport, &header, payload, completion);
        rc = rc < 0 ? rc : 1;
    } else if (header.type == WORKER_MSG_MEMORY) {
        rc = grant(transport, payload) ? 0 : -ESTALE;
    }
    pthread_mutex_unlock(&transport->sending);
    return rc;
}

/* One thread at a time takes completions, as the session does it. */
int transport_enter(struct transport *transport,
                    struct vgpu_stub_io_enter *enter)
{
    const struct vgpu_stub_io_submission *submissions =
        (void *)(uintptr_t)enter->submissions;
    struct vgpu_stub_io_completion *completions =
        (void *)(uintptr_t)enter->completions;
    uint32_t submitted = 0;
    int rc = 0;

    pthread_mutex_lock(&transport->sending);
    while (rc == 0 && submitted < enter->submit_count) {
        rc = submit(transport, &submissions[submitted]);
        submitted += rc == 0;
    }
    pthread_mutex_unlock(&transport->sending);
    if (rc < 0 && submitted == 0) {
        return rc;
    }
    enter->submit_count = submitted;
    enter->complete_count = 0;
    while (enter->complete_count < enter->complete_min) {
        rc = receive(transport, &completions[enter->complete_count]);
        if (rc < 0) {
            return rc;
        }
        enter->complete_count += rc;
    }
    return 0;
}
