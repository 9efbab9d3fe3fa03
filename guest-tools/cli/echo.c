/*
 * vgpu-stub echo: one request through the device and back
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

int send_echo(struct vgpu_stub *dev, const struct options *options,
              int64_t *us, struct vgpu_stub_outcome *outcome)
{
    uint8_t data[VGPU_STUB_ECHO_MAX];
    int length = options->size - sizeof(struct vgpu_stub_request);
    int64_t start;
    int rc;

    /* 251 is prime: the pattern does not repeat with any power of two */
    for (int i = 0; i < length; i++) {
        data[i] = i % 251;
    }
    *outcome = (struct vgpu_stub_outcome) { .error_code = 0 };
    start = now_us();
    rc = vgpu_stub_echo(dev, data, length, options->timeout_ms, outcome);
    *us = now_us() - start;
    return rc;
}

static void print_text(const struct options *options,
                       const struct vgpu_stub_outcome *outcome, int64_t us)
{
    printf("echo: %d-byte request, %u-byte response, %zu data bytes "
           "identical, %lld us\n", options->size, outcome->length,
           options->size - sizeof(struct vgpu_stub_request), (long long)us);
}

static void print_json(const struct options *options, const char *bdf, int rc,
                       const struct vgpu_stub_outcome *outcome, int64_t us)
{
    printf("{\"device\": \"%s\", \"request_bytes\": %d, "
           "\"response_bytes\": %u, \"data_bytes\": %zu, \"identical\": %s, "
           "\"microseconds\": %lld, \"error_code\": %u, \"error\": \"%s\"}\n",
           bdf, options->size, outcome->length,
           options->size - sizeof(struct vgpu_stub_request),
           rc == 0 ? "true" : "false", (long long)us, outcome->error_code,
           vgpu_stub_error_name(outcome->error_code));
}

static int run(const struct options *options)
{
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub *dev;
    bool has_info;
    int64_t us;
    int rc;

    rc = open_device(options, &dev);
    if (rc != EXIT_OK) {
        return rc;
    }
    rc = send_echo(dev, options, &us, &outcome);
    has_info = options->json && vgpu_stub_get_info(dev, &info) == 0;
    vgpu_stub_close(dev);

    if (has_info && (rc == 0 || rc == -EREMOTEIO || rc == -EBADMSG)) {
        print_json(options, info.bdf, rc, &outcome, us);
    }
    if (rc < 0) {
        return fail_request("echo", rc, &outcome, options);
    }
    if (!options->json) {
        print_text(options, &outcome, us);
    }
    return EXIT_OK;
}

const struct command command_echo = {
    .name = "echo",
    .summary = "send a request to the host, compare what comes back",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(SIZE) | TAKES(TIMEOUT) |
               TAKES(HELP),
    .timeout_ms = TIMEOUT_MS,
    .run = run,
};
