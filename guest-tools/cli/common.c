/*
 * vgpu-stub: names, failures, opening the device
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cause.h"
#include "text.h"

static const char *lookup(const char *const *names, size_t count,
                          uint32_t value)
{
    return value < count ? names[value] : "unknown";
}

const char *priority_name(uint32_t priority)
{
    static const char *const names[] = { "low", "medium", "high" };

    return lookup(names, sizeof(names) / sizeof(names[0]), priority);
}

const char *status_name(uint32_t status)
{
    static const char *const names[] = { "IDLE", "BUSY", "DONE", "ERROR" };

    return lookup(names, sizeof(names) / sizeof(names[0]), status);
}

int fail(const char *where, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "vgpu-stub: %s: ", where);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return status;
    }
    fail("standard output", "cannot be written");
    return status == EXIT_OK ? EXIT_FAILED : status;
}

int open_status(int error)
{
    switch (error) {
    case 0:
        return EXIT_OK;
    case -EINVAL:
        return EXIT_USAGE;
    case -ENODEV:
        return EXIT_NO_DEVICE;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return EXIT_PERMISSION;
    case -EBUSY:
    case -EADDRINUSE:
        return EXIT_BUSY;
    default:
        return EXIT_FAILED;
    }
}

int open_device(const struct options *options, struct vgpu_stub **dev)
{
    int rc = vgpu_stub_open(options->device, dev);

    return rc < 0 ? fail_open(options->device, rc) : EXIT_OK;
}

int fail_open(const char *device, int error)
{
    struct cause cause;

    find_cause(device, error, &cause);
    fail(device ? device : "any device", "%s", cause.text);
    return open_status(error);
}

int error_status(uint32_t error_code)
{
    switch (error_code) {
    case VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE:
    case VGPU_STUB_ERR_TIMEOUT:
    case VGPU_STUB_ERR_INVALID_POOL:
    case VGPU_STUB_ERR_QUEUE_FULL:
    case VGPU_STUB_ERR_RATE_LIMITED:
    case VGPU_STUB_ERR_VM_QUARANTINED:
        return EXIT_NOT_SERVED;
    default:
        return EXIT_FAILED;
    }
}

int fail_request(const char *where, int rc,
                 const struct vgpu_stub_outcome *outcome,
                 const struct options *options)
{
    char message[VGPU_STUB_BUF_SIZE];

    switch (rc) {
    case -EREMOTEIO:
        vgpu_stub_message(outcome, message, sizeof(message));
        fail(where, "request failed: %s (0x%02x): %s",
             vgpu_stub_error_name(outcome->error_code), outcome->error_code,
             message);
        return error_status(outcome->error_code);
    case -EBADMSG:
        return fail(where, "the %u-byte response is not what was asked for",
                    outcome->length);
    case -ECONNRESET:
        return fail(where, "the device was reset meanwhile");
    case -EBUSY:
        fail(where, "another program, of another network namespace, uses the "
             "device at the same time; vgpu-stub(1), \"Exit status\"");
        return EXIT_BUSY;
    case -ETIMEDOUT:
        fail(where, "no answer within %d ms; the request was aborted",
             options->timeout_ms);
        return EXIT_NOT_SERVED;
    default:
        return fail(where, "%s", strerror(-rc));
    }
}

void print_json_string(const char *text)
{
    size_t left = strlen(text);

    putchar('"');
    while (left > 0) {
        uint32_t point;
        size_t count = text_decode(text, left, &point);

        if (count == 0) {
            fputs("\\ufffd", stdout);
            count = 1;
        } else if (point == '"' || point == '\\') {
            printf("\\%c", (char)point);
        } else if (point < 0x20) {
            printf("\\u%04x", point);
        } else {
            fwrite(text, 1, count, stdout);
        }
        text += count;
        left -= count;
    }
    putchar('"');
}
