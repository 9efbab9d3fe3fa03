/*
 * stream: copies to the accelerator and back, many in flight, all compared
 *
 * It goes on for a time, or until it has begun anew so many TIMES; not before
 * something was done. What ends because the device went away, slept or lost its
 * link begins anew. Each time that it works it says so. Without a queue it sends
 * echoes.
 *
 * Usage: stream SECONDS [DEPTH [TIMES]]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <limits.h>
#include <sys/mman.h>

#include "calls.h"

#define BYTES 100000        /* bulk of a copy; not a number of pages */
#define DEPTH_MAX 64
#define ANEW_NS INT64_C(30000000000)

#define WORDS(value) (uint32_t)(value), (uint32_t)((value) >> 32)

/* What is done one after the other, again and again */
enum step { ALLOCATE, COPY_TO, COPY_FROM, FREE, ECHO };

struct lane {
    struct message message;
    enum step step;
    uint64_t handle;
    uint32_t number;            /* what its data are made of */
    uint8_t *out, *in;
};

static struct lane *lanes;
static unsigned depth = 8, in_flight;
static bool queue;
static int fd = -1;

static void fail(const char *what, int rc)
{
    fprintf(stderr, "stream: %s: %d\n", what, rc);
    exit(EXIT_FAILURE);
}

static void fill(struct lane *lane)
{
    uint32_t value = lane->number * 2654435761u;

    for (unsigned i = 0; i < BYTES; i++) {
        value = value * 1664525 + 1013904223;
        lane->out[i] = value >> 24;
    }
}

static void make_copy(struct lane *lane, uint32_t direction, uint8_t *data)
{
    uint32_t params[] = { direction, BYTES, WORDS(lane->handle), 0, 0 };

    message_make(&lane->message, VGPU_STUB_OP_MEMORY_COPY, params, 6, NULL, 0,
                 1024);
    lane->message.submission.bulk = address(data);
    lane->message.submission.bulk_length = BYTES;
    lane->message.submission.flags = direction == VGPU_STUB_COPY_TO_DEVICE
                                     ? VGPU_STUB_IO_BULK_TO_DEVICE
                                     : VGPU_STUB_IO_BULK_FROM_DEVICE;
}

static void make(struct lane *lane)
{
    uint32_t bytes[] = { BYTES, 0 };
    uint32_t handle[] = { WORDS(lane->handle) };

    switch (lane->step) {
    case ALLOCATE:
        message_make(&lane->message, VGPU_STUB_OP_MEMORY_ALLOC, bytes, 2, NULL,
                     0, 1024);
        break;
    case COPY_TO:
        lane->number++;
        fill(lane);
        make_copy(lane, VGPU_STUB_COPY_TO_DEVICE, lane->out);
        break;
    case COPY_FROM:
        make_copy(lane, VGPU_STUB_COPY_FROM_DEVICE, lane->in);
        break;
    case FREE:
        message_make(&lane->message, VGPU_STUB_OP_MEMORY_FREE, handle, 2, NULL,
                     0, 1024);
        break;
    case ECHO:
        lane->number++;
        message_echo(&lane->message, &lane->number, sizeof(lane->number), 1024);
        break;
    }
    lane->message.submission.order = lane - lanes;
}

/* Look at what came back, and go to the next step. */
static void advance(struct lane *lane)
{
    switch (lane->step) {
    case ALLOCATE:
        lane->handle = message_results(&lane->message)[0] |
                       (uint64_t)message_results(&lane->message)[1] << 32;
        lane->step = COPY_TO;
        break;
    case COPY_TO:
        memset(lane->in, 0, BYTES);
        lane->step = COPY_FROM;
        break;
    case COPY_FROM:
        if (memcmp(lane->in, lane->out, BYTES) != 0) {
            fail("what came back is something else", lane->number);
        }
        lane->step = lane->number % 8 ? COPY_TO : FREE;
        break;
    case FREE:
        lane->step = ALLOCATE;
        break;
    case ECHO:
        if (memcmp(message_data(&lane->message), &lane->number, 4) != 0) {
            fail("an echo is another one's", lane->number);
        }
        break;
    }
}

/* A device that comes back is root's until it is given to its group. */
static bool is_loss(int status)
{
    return status == VGPU_STUB_ERR_CANCELLED ||
           status == VGPU_STUB_ERR_CONTEXT_LOST ||
           status == VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE ||
           status == -ESTALE || status == -ENODEV || status == -ENXIO ||
           status == -ENOENT || status == -EACCES;
}

/* Submit what every lane does next; returns 0 or what went wrong. */
static int submit(const struct vgpu_stub_io_submission *list, unsigned count)
{
    while (count > 0) {
        int rc = submit_many(fd, list, count);

        if (rc == -EAGAIN) {
            continue;
        }
        if (rc < 0) {
            return rc;
        }
        in_flight += rc;
        list += rc;
        count -= rc;
    }
    return 0;
}

/* Take what has ended and submit what follows; 0 or what went wrong. */
static int turn(void)
{
    struct vgpu_stub_io_completion completions[DEPTH_MAX];
    struct vgpu_stub_io_submission next[DEPTH_MAX];
    int count = take_many(fd, completions, 1, depth, -1), loss = 0;

    if (count < 0) {
        return count;
    }
    in_flight -= count;
    for (int i = 0; i < count; i++) {
        struct message *message = (void *)(uintptr_t)completions[i].user_data;
        struct lane *lane = (struct lane *)message;

        if (completions[i].status != 0) {
            loss = completions[i].status;
            continue;
        }
        advance(lane);
        make(lane);
        next[i] = lane->message.submission;
    }
    return loss ? loss : submit(next, count);
}

/* Errors: those of open() */
static int begin(void)
{
    struct vgpu_stub_io_info info = { .size = sizeof(info) };
    struct vgpu_stub_io_submission first[DEPTH_MAX];
    int rc;

    if (fd >= 0) {
        close(fd);
    }
    in_flight = 0;
    fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    rc = call(fd, VGPU_STUB_IO_INFO, &info);
    if (rc < 0) {
        return rc;
    }
    queue = info.flags & VGPU_STUB_IO_INFO_QUEUE;
    for (unsigned i = 0; i < depth; i++) {
        lanes[i].step = queue ? ALLOCATE : ECHO;
        make(&lanes[i]);
        first[i] = lanes[i].message.submission;
    }
    return submit(first, depth);
}

static uint8_t *memory(size_t bytes)
{
    uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED) {
        fail("mmap", -errno);
    }
    return map;
}

int main(int argc, char **argv)
{
    unsigned long times = argc > 3 ? strtoul(argv[3], NULL, 0) : ULONG_MAX;
    unsigned long begun = 0;    /* so often it has worked, with losses between */
    bool works = false;
    int64_t end, since;
    int rc;

    if (argc > 2) {
        depth = atoi(argv[2]);
    }
    lanes = (void *)memory(depth * sizeof(*lanes));
    for (unsigned i = 0; i < depth; i++) {
        lanes[i].out = memory(2 * BYTES) + i * 13 + 1;
        lanes[i].in = lanes[i].out + BYTES;
    }
    since = now_ns();
    end = since + (argc > 1 ? atoll(argv[1]) : 1) * 1000000000;
    rc = begin();
    while (begun == 0 || (now_ns() < end && begun <= times)) {
        if (rc == 0) {
            since = now_ns();
            rc = turn();
            if (rc == 0 && !works) {
                begun++;
                puts("stream: works");
                fflush(stdout);
            }
            works = rc == 0;
            continue;
        }
        if (!is_loss(rc) || now_ns() > since + ANEW_NS) {
            fail("it ended as", rc);
        }
        usleep(1000);
        rc = begin();
    }
    printf("stream: ok, begun anew: %lu\n", begun - 1);
    return EXIT_SUCCESS;
}
