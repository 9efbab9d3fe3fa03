/*
 * libvgpu-stub: how requests travel
 *
 * What is above knows requests and outcomes, and nothing of how they travel.
 * There are two ways: serial.c has one request at a time in the mailbox of the
 * device's BAR, which root maps; flights.c has many on their way through the
 * kernel's driver.
 *
 * For any number of threads.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_TRANSPORT_H
#define VGPU_STUB_TRANSPORT_H

#include "request.h"
#include "vgpu-stub.h"

struct transport {
    const struct transport_ops *ops;
    uint32_t bulk_max;          /* bytes beside a request; 0: none */
};

struct transport_ops {
    /* See vgpu_stub_get_info(), vgpu_stub_read_map(), vgpu_stub_fd(). */
    int (*get_info)(struct transport *transport, struct vgpu_stub_info *info);
    int (*read_map)(struct transport *transport, struct request *request);
    int (*fd)(struct transport *transport);

    /*
     * Bring a request, which may begin now. Errors, then it has not been
     * brought: -EAGAIN no thread can be started.
     */
    int (*begin)(struct transport *transport, struct request *request);

    /*
     * Wait until a request has ended, or until @until_us: then -EAGAIN. Else
     * returns its result.
     */
    int (*wait)(struct transport *transport, struct request *request,
                int64_t until_us);

    /* Both in one; meanwhile its limit is asked. */
    int (*run)(struct transport *transport, struct request *request);

    /* End a request soon, as -ECANCELED, if it has not ended. */
    void (*cancel)(struct transport *transport, struct request *request);

    /* End all requests, and those that come later at once; be closed. */
    void (*close)(struct transport *transport);

    /* Instead, in a child of fork(): free what the child has of it. */
    void (*abandon)(struct transport *transport);

    /* After close(), when nobody uses it any more. */
    void (*destroy)(struct transport *transport);
};

/* Errors: those of vgpu_stub_open(). */
int transport_open(const char *bdf, struct transport **transport);
int serial_open(const char *bdf, struct transport **transport);
int flights_open(const char *bdf, struct transport **transport);

#endif /* VGPU_STUB_TRANSPORT_H */
