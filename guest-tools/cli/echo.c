/*
 * vgpu-stub echo: one request through the device and back
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct result {
    int rc;                     /* of vgpu_stub_echo() */
    int request_bytes;
    int data_bytes;
    long microseconds;
    struct vgpu_stub_outcome outcome;
};

static long microseconds_between(const struct timespec *from,
                                 const struct timespec *to)
{
    return (to->tv_sec - from->tv_sec) * 1000000 +
           (to->tv_nsec - from->tv_nsec) / 1000;
}

static void run(struct vgpu_stub *dev, const struct options *options,
                struct result *result)
{
    uint8_t data[VGPU_STUB_ECHO_MAX];
    struct timespec before, after;

    result->request_bytes = options->size;
    result->data_bytes = options->size - sizeof(struct vgpu_stub_request);

    /* 251 is prime: the pattern does not repeat with any power of two */
    for (int i = 0; i < result->data_bytes; i++) {
        data[i] = i % 251;
    }
    clock_gettime(CLOCK_MONOTONIC, &before);
    result->rc = vgpu_stub_echo(dev, data, result->data_bytes,
                                options->timeout_ms, &result->outcome);
    clock_gettime(CLOCK_MONOTONIC, &after);
    result->microseconds = microseconds_between(&before, &after);
}

static void print_text(const struct result *result)
{
    printf("echo: %d-byte request, %u-byte response, %d data bytes identical, "
           "%ld us\n", result->request_bytes, result->outcome.length,
           result->data_bytes, result->microseconds);
}

static void print_json(const struct result *result)
{
    printf("{\"request_bytes\": %d, \"response_bytes\": %u, "
           "\"data_bytes\": %d, \"identical\": %s, \"microseconds\": %ld, "
           "\"error_code\": %u, \"error\": \"%s\"}\n",
           result->request_bytes, result->outcome.length, result->data_bytes,
           result->rc == 0 ? "true" : "false", result->microseconds,
           result->outcome.error_code,
           vgpu_stub_error_name(result->outcome.error_code));
}

int command_echo(const struct options *options)
{
    struct result result;
    struct vgpu_stub *dev;
    int rc;

    rc = open_device(options, &dev);
    if (rc != EXIT_OK) {
        return rc;
    }
    run(dev, options, &result);
    vgpu_stub_close(dev);

    if (options->json &&
        (result.rc == 0 || result.rc == -EREMOTEIO ||
         result.rc == -EBADMSG)) {
        print_json(&result);
    }
    switch (result.rc) {
    case 0:
        if (!options->json) {
            print_text(&result);
        }
        return EXIT_OK;
    case -EREMOTEIO:
        return fail("echo", "request failed: %s (0x%02x): %s",
                    vgpu_stub_error_name(result.outcome.error_code),
                    result.outcome.error_code,
                    vgpu_stub_error_text(result.outcome.error_code));
    case -EBADMSG:
        return fail("echo", "the %u-byte response does not carry the %d data "
                    "bytes that were sent", result.outcome.length,
                    result.data_bytes);
    case -ETIMEDOUT:
        return fail("echo", "no answer within %d ms; the request was aborted",
                    options->timeout_ms);
    default:
        return fail("echo", "%s", strerror(-result.rc));
    }
}
