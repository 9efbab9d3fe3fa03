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
#include <unistd.h>

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

const char *open_error(const char *device, int error)
{
    switch (error) {
    case -EINVAL:
        return "not a PCI address, which looks like 0000:00:1e.0";
    case -ENODEV:
        return device ? "no vgpu-stub device has this address; "
                        "'vgpu-stub list' shows those that exist"
                      : "no vgpu-stub device in this machine; the host has "
                        "to attach one";
    case -EACCES:
    case -EPERM:
        return geteuid() == 0 ? "the kernel does not let root map devices: it "
                                "is locked down (secure boot)"
                              : "permission denied; run as root";
    case -EBUSY:
        return "in use by another process; try again when that has ended";
    case -EIO:
        return "memory decoding is off and cannot be turned on; see the "
               "kernel's log";
    case -EPROTONOSUPPORT:
        return "the device speaks another version of the protocol; use the "
               "tools that belong to it";
    default:
        return strerror(-error);
    }
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
        return EXIT_PERMISSION;
    case -EBUSY:
        return EXIT_BUSY;
    default:
        return EXIT_FAILED;
    }
}

int open_device(const struct options *options, struct vgpu_stub **dev)
{
    int rc;

    rc = vgpu_stub_open(options->device, dev);
    if (rc < 0) {
        fail(options->device ? options->device : "first device", "%s",
             open_error(options->device, rc));
    }
    return open_status(rc);
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
    putchar('"');
    for (; *text; text++) {
        unsigned char c = *text;

        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}
