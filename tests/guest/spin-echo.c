/*
 * spin-echo: 1 KiB echoes by the queue, one at a time, by a waiter that spins
 *
 * usage: spin-echo MILLISECONDS
 *
 * Prints "p50" and the median, in µs. The driver is not loaded, and the user is root: this
 * is what the device and the mediator alone take, without interrupts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <time.h>

#include "raw-ring.h"

#define MOST 100000

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int by_size(const void *one, const void *other)
{
    const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

    return (a > b) - (a < b);
}

static void write_request(void)
{
    const struct vgpu_stub_request echo = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(echo),
        .data_length = VGPU_STUB_BUF_SIZE - sizeof(echo),
    };

    memcpy(page + REQUEST, &echo, sizeof(echo));
}

static int64_t one_echo(void)
{
    const struct vgpu_stub_submission submission = {
        .user_data = 1,
        .request = page_address + REQUEST,
        .response = page_address + RESPONSE,
        .request_length = VGPU_STUB_BUF_SIZE,
        .response_capacity = VGPU_STUB_BUF_SIZE,
        .context = 1,
    };
    const int64_t begin = now_ns();

    submit(&submission);
    while (*cq_tail() != *sq_tail()) {
    }
    if (last_status() != VGPU_STUB_ERR_NONE) {
        errx(EXIT_FAILURE, "an echo ended with %#x", last_status());
    }
    return now_ns() - begin;
}

int main(int argc, char **argv)
{
    const int64_t length = argc == 2 ? atoi(argv[1]) * INT64_C(1000000) : 0;
    static int64_t took[MOST];
    char bdf[VGPU_STUB_BDF_SIZE];
    int64_t end;
    size_t count = 0;

    if (length <= 0) {
        errx(2, "usage: spin-echo MILLISECONDS");
    }
    first_device(bdf);
    switch_on(bdf);
    bar = map_raw_bar(bdf);
    take_page();
    enable(page_address);
    write_request();
    end = now_ns() + length;
    while (count < MOST && now_ns() < end) {
        took[count++] = one_echo();
    }
    put(VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_DISABLE);
    qsort(took, count, sizeof(took[0]), by_size);
    printf("p50 %.1f\n", took[count / 2] / 1000.0);
    return EXIT_SUCCESS;
}
