/*
 * register-echo: one 1 KiB ECHO, one 4-byte access at a time
 *
 * What the library's block moves are to be compared with. Leaves values in the
 * registers that a guest can write, which the device has to keep when its
 * machine is saved.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "raw-bar.h"

#define WORDS (VGPU_STUB_BUF_SIZE / 4)
#define HEADER_WORDS (sizeof(struct vgpu_stub_request) / 4)
#define TIMEOUT_US 20000000
#define REQUEST_ID 0x1D1D1D1D
#define SCRATCH 0x5C5C5C5C

static volatile uint32_t *bar;

static void put(unsigned offset, uint32_t value)
{
    bar[offset / 4] = value;
}

static uint32_t get(unsigned offset)
{
    return bar[offset / 4];
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void fill(uint32_t request[WORDS])
{
    const struct vgpu_stub_request header = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(header),
        .data_length = VGPU_STUB_BUF_SIZE - sizeof(header),
    };

    memcpy(request, &header, sizeof(header));
    for (unsigned i = HEADER_WORDS; i < WORDS; i++) {
        request[i] = i * 0x01010101u;
    }
}

/* Returns the STATUS that the request ended with. */
static uint32_t call(const uint32_t request[WORDS], uint32_t response[WORDS])
{
    int64_t deadline = now_us() + TIMEOUT_US;
    uint32_t status;

    for (unsigned i = 0; i < WORDS; i++) {
        put(VGPU_STUB_REQUEST_BUF + 4 * i, request[i]);
    }
    put(VGPU_STUB_REG_REQUEST_ID, REQUEST_ID);
    put(VGPU_STUB_REG_REQUEST_LEN, VGPU_STUB_BUF_SIZE);
    put(VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_SUBMIT);
    do {
        status = get(VGPU_STUB_REG_STATUS);
    } while (status == VGPU_STUB_STATUS_BUSY && now_us() < deadline);
    for (unsigned i = 0; i < WORDS; i++) {
        response[i] = get(VGPU_STUB_RESPONSE_BUF + 4 * i);
    }
    return status;
}

int main(void)
{
    uint32_t request[WORDS], response[WORDS];
    char bdf[VGPU_STUB_BDF_SIZE];
    struct vgpu_stub *dev;
    uint32_t status;
    int64_t begin, end;

    first_device(bdf);
    if (vgpu_stub_open(bdf, &dev) < 0) {    /* turns memory decoding on */
        errx(EXIT_FAILURE, "cannot open %s", bdf);
    }
    bar = map_raw_bar(bdf);

    put(VGPU_STUB_REG_SCRATCH, SCRATCH);
    fill(request);
    begin = now_us();
    status = call(request, response);
    end = now_us();
    if (status != VGPU_STUB_STATUS_DONE) {
        errx(EXIT_FAILURE, "STATUS is %u, ERROR_CODE 0x%02x", status,
             get(VGPU_STUB_REG_ERROR_CODE));
    }
    if (memcmp(request + HEADER_WORDS, response + HEADER_WORDS,
               (WORDS - HEADER_WORDS) * 4) != 0) {
        errx(EXIT_FAILURE, "the response does not carry the data");
    }
    printf("register-echo: %u data bytes identical, %lld us\n",
           (unsigned)(WORDS - HEADER_WORDS) * 4, (long long)(end - begin));
    vgpu_stub_close(dev);
    return EXIT_SUCCESS;
}
