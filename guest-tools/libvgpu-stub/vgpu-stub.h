/*
 * libvgpu-stub: send requests through a vgpu-stub device
 *
 * For programs in a guest. No kernel driver is needed, but root is: the
 * device is used through its BAR, which sysfs lets root map.
 *
 * Functions return 0 (or a count) when they succeed and a negative errno when
 * they do not. What the device itself says about a request is apart from
 * that: an error code, VGPU_STUB_ERR_… of vgpu-stub-regs.h.
 *
 * One handle serves one thread at a time. An open device is locked: nobody
 * else opens it, in this process or another, until the handle is closed or
 * its process ends.
 *
 * Any function that takes a handle returns -ENODEV when the device does not
 * answer any more, because it was unplugged.
 *
 * The specification of the device is docs/registers.md.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_H
#define VGPU_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu-stub-regs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VGPU_STUB_LIBRARY_VERSION "0.1.0"

/* A PCI address, such as "0000:00:1e.0", with its NUL */
#define VGPU_STUB_BDF_SIZE 17

/* An open device */
struct vgpu_stub;

/* What a device is; docs/registers.md, "Registers" */
struct vgpu_stub_info {
    char bdf[VGPU_STUB_BDF_SIZE];
    char pool;                      /* 'A' or 'B' */
    uint32_t priority;              /* VGPU_STUB_PRIORITY_… */
    uint32_t vm_id;
    uint32_t protocol_version;      /* major << 16 | minor */
    uint32_t capabilities;          /* VGPU_STUB_CAP_… */
    uint32_t request_timeout_ms;    /* the device's own limit; 0 is none */
    bool link_up;                   /* a mediator has accepted the device */
};

/* How a request ended */
struct vgpu_stub_outcome {
    uint32_t error_code;                /* VGPU_STUB_ERR_… */
    uint32_t length;                    /* bytes of the response, may be 0 */
    uint8_t data[VGPU_STUB_BUF_SIZE];   /* the response, then zeros */
};

/*
 * List the devices of this machine, in the order of their addresses. Needs no
 * privilege.
 *
 * @bdf: receives the addresses of the first @max devices
 *
 * Returns the number of devices, which may be more than @max or 0.
 */
int vgpu_stub_list(char bdf[][VGPU_STUB_BDF_SIZE], int max);

/*
 * Open a device. This turns its memory decoding on, where it is off. It does
 * not disturb what an earlier user has left in the device; the first
 * vgpu_stub_call() clears that.
 *
 * @bdf: its address, "0000:00:1e.0" or "00:1e.0"; NULL is the first device
 * @dev: receives the handle, to be closed with vgpu_stub_close()
 *
 * Errors: -EINVAL @bdf is not a PCI address; -ENODEV no such device, or it is
 * not a vgpu-stub; -EACCES or -EPERM not root, or the kernel is locked down;
 * -EBUSY the device is open already; -EIO its memory decoding stays off;
 * -EPROTONOSUPPORT it speaks another major version of the protocol.
 */
int vgpu_stub_open(const char *bdf, struct vgpu_stub **dev);

/* Close @dev and free the handle. NULL is allowed. */
void vgpu_stub_close(struct vgpu_stub *dev);

/*
 * Read the properties and the state of the link.
 *
 * Errors: -EPROTO the device has values that the specification does not know.
 */
int vgpu_stub_get_info(struct vgpu_stub *dev, struct vgpu_stub_info *info);

/*
 * Read the whole register map at once, buffers included, for diagnosis. This
 * is a read like any other: it acknowledges an outcome that waits in the
 * device (docs/registers.md, "State machine").
 *
 * @map: receives VGPU_STUB_RESERVED bytes; a register is the little-endian
 *       32-bit word at its offset
 */
int vgpu_stub_read_map(struct vgpu_stub *dev, void *map);

/* What can be seen of a device that another process has open */
struct vgpu_stub_state {
    char bdf[VGPU_STUB_BDF_SIZE];
    bool link_up;                   /* a mediator has accepted the device */
    uint32_t status;                /* VGPU_STUB_STATUS_… */
    uint32_t request_id;            /* this library counts requests with it */
    int user_pid;                   /* who has it open; 0: nobody */
    char user_name[17];             /* of that process, or "" */
};

/*
 * Look at a device without opening it. It makes no difference to who has it
 * open; nothing is locked.
 *
 * @bdf: as for vgpu_stub_open()
 *
 * Errors: as vgpu_stub_open() has, without -EBUSY and -EPROTONOSUPPORT.
 */
int vgpu_stub_observe(const char *bdf, struct vgpu_stub_state *state);

/*
 * Send a request and wait for its outcome.
 *
 * @request: @length bytes, 1 to VGPU_STUB_BUF_SIZE, sent as they are; a
 *           mediator expects a struct vgpu_stub_request to begin them
 * @timeout_ms: how long to wait; negative is as long as the device itself
 *              waits (request_timeout_ms)
 * @outcome: filled when 0 or -EREMOTEIO is returned
 *
 * Returns 0 when the request is done. Errors: -EREMOTEIO it ended in an
 * error, @outcome has the code and what response came with it; -EINVAL
 * @length is 0; -EMSGSIZE @length is too large; -ETIMEDOUT no outcome in
 * time, the request has been aborted; -ECANCELED the device was reset
 * meanwhile; -EPROTO the device does not follow its specification.
 */
int vgpu_stub_call(struct vgpu_stub *dev, const void *request, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome);

/* The most data that an echo can carry, in bytes */
#define VGPU_STUB_ECHO_MAX \
    (VGPU_STUB_BUF_SIZE - sizeof(struct vgpu_stub_request))

/*
 * Send an ECHO request with @length bytes of @data, 0 to VGPU_STUB_ECHO_MAX,
 * and compare what comes back.
 *
 * Returns and fails as vgpu_stub_call(); -EBADMSG when the response does not
 * carry exactly the same data (@outcome is filled then, too).
 */
int vgpu_stub_echo(struct vgpu_stub *dev, const void *data, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome);

/*
 * The name ("QUEUE_FULL") and an explanation ("too many requests wait") of a
 * device's error code. Never NULL, not to be freed.
 */
const char *vgpu_stub_error_name(uint32_t error_code);
const char *vgpu_stub_error_text(uint32_t error_code);

#ifdef __cplusplus
}
#endif

#endif /* VGPU_STUB_H */
