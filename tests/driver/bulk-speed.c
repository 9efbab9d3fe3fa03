/*
 * bulk-speed: how fast megabytes go to the accelerator's memory and back
 *
 * In requests of 1 MiB, 4 in flight; or, beside it, to and from a block device,
 * without its cache. Prints: first MIB/S write MIB/S read MIB/S; the first is a
 * write, too, from memory that the device has not seen before.
 *
 * Usage: bulk-speed MEBIBYTES [BLOCK-DEVICE]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <sys/mman.h>

#include "calls.h"

#define MIB (UINT32_C(1) << 20)
#define LANES 4

#define WORDS(value) (uint32_t)(value), (uint32_t)((value) >> 32)

static struct message messages[LANES];
static uint64_t handles[LANES];
static uint8_t *memory;                 /* LANES of 1 MiB */
static int mebibytes, fd;
static bool writing;

static uint64_t allocate(void)
{
    uint32_t params[] = { MIB, 0 };
    struct message *message = &messages[0];
    const uint32_t *results = message_results(message);
    int rc;

    message_make(message, VGPU_STUB_OP_MEMORY_ALLOC, params, 2, NULL, 0, 1024);
    rc = message_do(fd, message);
    if (rc) {
        errx(EXIT_FAILURE, "MEMORY_ALLOC: %d", rc);
    }
    return results[0] | (uint64_t)results[1] << 32;
}

static struct vgpu_stub_io_submission *make_copy(unsigned lane)
{
    uint32_t params[] = {
        writing ? VGPU_STUB_COPY_TO_DEVICE : VGPU_STUB_COPY_FROM_DEVICE, MIB,
        WORDS(handles[lane]), 0, 0,
    };
    struct message *message = &messages[lane];

    message_make(message, VGPU_STUB_OP_MEMORY_COPY, params, 6, NULL, 0, 1024);
    message->submission.user_data = lane;
    message->submission.order = lane;
    message->submission.bulk = address(memory + (size_t)lane * MIB);
    message->submission.bulk_length = MIB;
    message->submission.flags = writing ? VGPU_STUB_IO_BULK_TO_DEVICE
                                        : VGPU_STUB_IO_BULK_FROM_DEVICE;
    return &message->submission;
}

/* Wait for one to end; returns whose it was. */
static unsigned take_one(void)
{
    struct vgpu_stub_io_completion completion;
    int rc = take_many(fd, &completion, 1, 1, -1);

    if (rc != 1 || completion.status || completion.bulk_moved != MIB) {
        errx(EXIT_FAILURE, "MEMORY_COPY: %d, %#x", rc, completion.status);
    }
    return completion.user_data;
}

static void move_to_accelerator(void)
{
    for (int i = 0; i < mebibytes + LANES; i++) {
        unsigned lane = i < LANES ? (unsigned)i : take_one();
        int rc;

        if (i >= mebibytes) {
            continue;
        }
        rc = submit_many(fd, make_copy(lane), 1);
        if (rc != 1) {
            errx(EXIT_FAILURE, "ENTER: %d", rc);
        }
    }
}

static void *move_lane(void *arg)
{
    uint8_t *lane = arg;

    for (off_t i = (lane - memory) / MIB; i < mebibytes; i += LANES) {
        ssize_t moved = writing ? pwrite(fd, lane, MIB, i * MIB)
                                : pread(fd, lane, MIB, i * MIB);

        if (moved != MIB) {
            err(EXIT_FAILURE, "block device");
        }
    }
    return NULL;
}

static void move_to_block_device(void)
{
    pthread_t threads[LANES];

    for (unsigned i = 0; i < LANES; i++) {
        if (pthread_create(&threads[i], NULL, move_lane,
                           memory + (size_t)i * MIB) != 0) {
            errx(EXIT_FAILURE, "no thread");
        }
    }
    for (unsigned i = 0; i < LANES; i++) {
        pthread_join(threads[i], NULL);
    }
}

static double measure(void (*move)(void), bool to_device)
{
    int64_t begin = now_ns();

    writing = to_device;
    move();
    return mebibytes / ((now_ns() - begin) / 1e9);
}

int main(int argc, char **argv)
{
    void (*move)(void) = argc > 2 ? move_to_block_device : move_to_accelerator;
    double first, written;

    mebibytes = argc > 1 ? atoi(argv[1]) : 0;
    if (mebibytes < LANES) {
        errx(EXIT_FAILURE, "usage: bulk-speed MEBIBYTES [BLOCK-DEVICE]");
    }
    memory = mmap(NULL, (size_t)LANES * MIB, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fd = argc > 2 ? open(argv[2], O_RDWR | O_DIRECT) : device_open(0);
    if (memory == MAP_FAILED || fd < 0) {
        err(EXIT_FAILURE, "memory or device");
    }
    memset(memory, 'm', (size_t)LANES * MIB);
    for (int i = 0; argc == 2 && i < LANES; i++) {
        handles[i] = allocate();
    }
    first = measure(move, true);
    written = measure(move, true);
    printf("first %.1f write %.1f read %.1f\n", first, written,
           measure(move, false));
    return EXIT_SUCCESS;
}
