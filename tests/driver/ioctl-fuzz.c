/*
 * ioctl-fuzz: calls of the driver with anything in them
 *
 * Values are those that are likely to matter, or random. Most calls are refused;
 * what is accepted is taken from time to time.
 *
 * Usage: ioctl-fuzz CALLS SEED
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/mman.h>

#include "calls.h"

#define BATCH 8
#define ARENA (4 << 20)

static uint64_t state;
static uint8_t *arena;      /* memory that addresses may hit */
static int fds[4];

static uint64_t any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static bool one_in(unsigned n)
{
    return any() % n == 0;
}

static uint64_t any_of(const uint64_t *values, unsigned count)
{
    return one_in(count + 1) ? any() >> any() % 64 : values[any() % count];
}

#define ANY_OF(...)                                                         \
    any_of((const uint64_t []) { __VA_ARGS__ },                             \
           sizeof((const uint64_t []) { __VA_ARGS__ }) / sizeof(uint64_t))

static uint64_t any_address(void)
{
    return ANY_OF(address(arena + any() % ARENA),
                  address(arena + any() % 4096),
                  address(arena + ARENA - any() % 4096),
                  address(&any_address), 0, 4096, 1ull << 28, 3ull << 28,
                  UINT64_MAX, 1ull << 47);
}

static uint32_t any_length(void)
{
    return ANY_OF(0, 1, 31, 32, 100, 1024, 1025, 4096, 65536, 65537, 1 << 20,
                  (1 << 20) + 1, UINT32_MAX);
}

static struct vgpu_stub_io_submission any_submission(void)
{
    struct vgpu_stub_io_submission submission = {
        .user_data = any() % 16,
        .request = any_address(),
        .response = any_address(),
        .request_length = one_in(3) ? any_length() : 32 + any() % 1000,
        .response_capacity = one_in(3) ? any_length() : 32 + any() % 1000,
        .flags = ANY_OF(0, 0, 1, 2, 5, 6, 3, 8, 16),
        .order = any() % 4,
    };

    if (submission.flags & 7) {
        submission.bulk = any_address();
        submission.bulk_length = any_length();
    }
    if (submission.flags == VGPU_STUB_IO_CANCEL && !one_in(4)) {
        submission = (struct vgpu_stub_io_submission) {
            .request = any() % 16, .flags = VGPU_STUB_IO_CANCEL,
        };
    }
    submission.reserved[any() % 3] = one_in(20);
    return submission;
}

static void enter(int fd)
{
    struct vgpu_stub_io_submission submissions[BATCH];
    struct vgpu_stub_io_completion completions[BATCH];
    struct vgpu_stub_io_enter enter = {
        .size = one_in(20) ? any_length() : sizeof(enter),
        .flags = one_in(20),
        .submissions = one_in(20) ? any_address() : address(submissions),
        .completions = one_in(20) ? any_address() : address(completions),
        .deadline_ns = one_in(10) ? now_ns() + 1000000 : 0,
        .submit_count = one_in(20) ? any() : any() % (BATCH + 1),
        .complete_max = BATCH,
        .complete_min = any() % (BATCH + 2),
    };

    for (int i = 0; i < BATCH; i++) {
        submissions[i] = any_submission();
    }
    if (enter.completions != address(completions)) {
        enter.complete_max = any() % BATCH;
    }
    call(fd, VGPU_STUB_IO_ENTER, &enter);
}

static void buffers(int fd)
{
    struct vgpu_stub_io_buffer buffer = {
        .size = one_in(20) ? any_length() : sizeof(buffer),
        .flags = one_in(20),
        .bytes = ANY_OF(0, 1, 4096, 8192, 1 << 18, 5000, UINT64_MAX),
        .offset = one_in(3) ? (any() % 8) << 28 : 0,
    };
    int rc = call(fd, one_in(3) ? VGPU_STUB_IO_BUFFER_DESTROY
                                : VGPU_STUB_IO_BUFFER_CREATE, &buffer);
    size_t length = 4096 << any() % 3;
    void *map;

    if (rc == 0 && one_in(2)) {
        map = mmap(NULL, length, PROT_READ | PROT_WRITE,
                   one_in(9) ? MAP_PRIVATE : MAP_SHARED, fd,
                   buffer.offset + 4096 * one_in(9));
        if (map != MAP_FAILED) {
            munmap(map, length);
        }
    }
}

static void one(void)
{
    unsigned which = any() % 4;
    int fd = fds[which];

    switch (any() % 100) {
    case 0:
        close(fd);
        fds[which] = device_open(O_NONBLOCK);
        break;
    case 1:
        call(fd, any(), (void *)any_address());
        break;
    case 2 ... 5:
        call(fd, VGPU_STUB_IO_INFO, (void *)any_address());
        break;
    case 6 ... 15:
        buffers(fd);
        break;
    case 16:
        /* Pages that a request may be using */
        madvise(arena + (any() % 1024) * 4096, 4096 << any() % 6,
                MADV_DONTNEED);
        break;
    default:
        enter(fd);
    }
}

int main(int argc, char **argv)
{
    long calls = argc > 1 ? atol(argv[1]) : 1000;

    state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++) {
        fds[i] = device_open(O_NONBLOCK);
    }
    for (long i = 0; i < calls; i++) {
        one();
    }
    printf("ioctl-fuzz: %ld calls\n", calls);
    return EXIT_SUCCESS;
}
