/*
 * libvgpu-stub: a device's registers, and one request through them
 *
 * A request takes two block moves, one to submit and one to collect, and a
 * short one for every look whether it has ended: on Xen each is one exit. The
 * memory side of the blocks is an image of the register map for each
 * direction.
 *
 * SPDX-License-Identifier: MIT
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "block.h"
#include "clock.h"
#include "limit.h"
#include "sysfs.h"
#include "waiter.h"

#define PAGE_SIZE 4096

/* What a look reads: all registers that say how a request has ended */
#define LOOK_SIZE (VGPU_STUB_REG_RESPONSE_LEN + 4)

/* A device obeys an abort at once; what is longer is broken */
#define ABORT_TIMEOUT_MS 1000

#define VERSION_MAJOR(version) ((version) >> 16)

/*
 * Both in one page, so that no block crosses one. Xen 4.17 takes a word less
 * than a descending block has if the block's last word is its page's first:
 * that one must not be ours.
 */
struct images {
    uint64_t unused;
    union {                 /* what the next submission writes */
        uint32_t reg[VGPU_STUB_RESPONSE_BUF / 4];
        uint8_t byte[VGPU_STUB_RESPONSE_BUF];
    } out;
    union {                 /* what the last block reads found */
        uint32_t reg[VGPU_STUB_RESERVED / 4];
        uint8_t byte[VGPU_STUB_RESERVED];
    } in;
};

VGPU_STUB_ASSERT(sizeof(struct images) <= PAGE_SIZE);
VGPU_STUB_ASSERT(LOOK_SIZE % 8 == 0);

struct device {
    char bdf[VGPU_STUB_BDF_SIZE];
    int fd;                 /* resource0; holds the lock */
    volatile uint32_t *bar;
    struct images *images;
    struct waiter waiter;
    bool settled;           /* no request runs, no outcome waits */
};

static uint32_t get(const struct device *device, unsigned offset)
{
    return device->images->in.reg[offset / 4];
}

static void put(struct device *device, unsigned offset, uint32_t value)
{
    device->images->out.reg[offset / 4] = value;
}

static uint32_t read_register(const struct device *device, unsigned offset)
{
    return device->bar[offset / 4];
}

static void write_register(struct device *device, unsigned offset,
                           uint32_t value)
{
    device->bar[offset / 4] = value;
}

/* Read @size bytes of the BAR, from @offset on; both are multiples of 8. */
static void read_block(struct device *device, unsigned offset, size_t size)
{
    block_read(device->images->in.byte + offset,
               (volatile uint8_t *)device->bar + offset, size / 8);
}

/*
 * Where no device is any more, a read returns zeros or ones, which depends on
 * the hypervisor.
 */
static bool is_pool(uint32_t value)
{
    return value == VGPU_STUB_POOL_A || value == VGPU_STUB_POOL_B;
}

/* Read the registers of an outcome; returns STATUS, or -ENODEV. */
static int look(struct device *device)
{
    read_block(device, 0, LOOK_SIZE);
    return is_pool(get(device, VGPU_STUB_REG_POOL_ID))
           ? (int)get(device, VGPU_STUB_REG_STATUS) : -ENODEV;
}

/* Look until the request has ended; returns STATUS, -ENODEV or the limit's. */
static int wait_for_outcome(struct device *device, const struct limit *limit)
{
    struct wait wait;
    int status, rc;

    waiter_begin(&device->waiter, &wait);
    while ((status = look(device)) == VGPU_STUB_STATUS_BUSY) {
        rc = waiter_wait(&device->waiter, &wait, device->bar, limit);
        if (rc < 0) {
            return rc;
        }
    }
    waiter_end(&device->waiter, &wait);
    return status;
}

/* Read the whole map; this collects an outcome that waits. */
static int read_all(struct device *device)
{
    read_block(device, 0, VGPU_STUB_RESERVED);
    return is_pool(get(device, VGPU_STUB_REG_POOL_ID)) ? 0 : -ENODEV;
}

/* Abort what runs and collect what waits, whoever left it there. */
static int settle(struct device *device)
{
    struct limit limit;
    int rc;

    rc = read_all(device);
    if (rc < 0) {
        return rc;
    }
    if (get(device, VGPU_STUB_REG_STATUS) == VGPU_STUB_STATUS_BUSY) {
        limit_init(&limit, clock_deadline(ABORT_TIMEOUT_MS));
        write_register(device, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
        rc = wait_for_outcome(device, &limit);
        if (rc < 0) {
            return rc == -ENODEV ? rc : -EPROTO;
        }
        rc = read_all(device);
        if (rc < 0) {
            return rc;
        }
    }
    for (unsigned reg = 0; reg < VGPU_STUB_REQUEST_BUF; reg += 4) {
        put(device, reg, 0);
    }
    put(device, VGPU_STUB_REG_SCRATCH, get(device, VGPU_STUB_REG_SCRATCH));
    put(device, VGPU_STUB_REG_REQUEST_ID,
        get(device, VGPU_STUB_REG_REQUEST_ID));
    if (waiter_has_interrupt(&device->waiter)) {
        /* Each request begins with no interrupt that is wanted or there */
        put(device, VGPU_STUB_REG_INTERRUPT_STATUS,
            VGPU_STUB_INTERRUPT_COMPLETION);
    } else {
        put(device, VGPU_STUB_REG_INTERRUPT_CTRL,
            get(device, VGPU_STUB_REG_INTERRUPT_CTRL));
    }
    device->settled = true;
    return 0;
}

/*
 * One block, from the end of the request down to DOORBELL. On its way it
 * writes every register: those that are not meant keep their value, the
 * read-only ones ignore it, and a 0 has no effect on INTERRUPT_STATUS.
 */
static void submit(struct device *device, const void *request, size_t length)
{
    uint8_t *buffer = device->images->out.byte + VGPU_STUB_REQUEST_BUF;
    uint32_t *id =
        &device->images->out.reg[VGPU_STUB_REG_REQUEST_ID / 4];
    size_t padded = (length + 7) / 8 * 8;

    memcpy(buffer, request, length);
    memset(buffer + length, 0, padded - length);
    ++*id;
    put(device, VGPU_STUB_REG_REQUEST_LEN, length);
    put(device, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_SUBMIT);

    device->settled = false;
    block_write_down(device->bar, device->images->out.reg,
                     (VGPU_STUB_REQUEST_BUF + padded) / 8);
}

/* Collect the response that goes with the @status that was seen last. */
static int collect(struct device *device, uint32_t status,
                   struct vgpu_stub_outcome *outcome)
{
    uint32_t error_code = get(device, VGPU_STUB_REG_ERROR_CODE);
    uint32_t length = get(device, VGPU_STUB_REG_RESPONSE_LEN);
    bool done = status == VGPU_STUB_STATUS_DONE;

    if (status == VGPU_STUB_STATUS_IDLE) {
        return -ECONNRESET;
    }
    if ((!done && status != VGPU_STUB_STATUS_ERROR) ||
        length > VGPU_STUB_BUF_SIZE ||
        done != (error_code == VGPU_STUB_ERR_NONE)) {
        return -EPROTO;
    }
    if (length > 0) {
        read_block(device, VGPU_STUB_RESPONSE_BUF, (length + 7) / 8 * 8);
    }
    device->settled = true;

    outcome->error_code = error_code;
    outcome->length = length;
    memcpy(outcome->data, device->images->in.byte + VGPU_STUB_RESPONSE_BUF,
           length);
    memset(outcome->data + length, 0, VGPU_STUB_BUF_SIZE - length);
    return done ? 0 : -EREMOTEIO;
}

int device_execute(struct device *device, const void *request, size_t length,
                   const struct limit *limit,
                   struct vgpu_stub_outcome *outcome)
{
    int rc, status;

    if (!device->settled) {
        rc = settle(device);
        if (rc < 0) {
            return rc;
        }
    }
    submit(device, request, length);
    status = wait_for_outcome(device, limit);
    if (status == -ETIMEDOUT || status == -ECANCELED) {
        rc = settle(device);
        return rc < 0 ? rc : status;
    }
    return status < 0 ? status : collect(device, status, outcome);
}

int device_pause(struct device *device, int64_t us, const struct limit *limit)
{
    return waiter_pause(&device->waiter, us, limit);
}

void device_wake(struct device *device)
{
    waiter_wake(&device->waiter);
}

uint32_t device_request_timeout_ms(const struct device *device)
{
    return read_register(device, VGPU_STUB_REG_REQUEST_TIMEOUT_MS);
}

int device_get_info(const struct device *device, struct vgpu_stub_info *info)
{
    uint32_t pool = read_register(device, VGPU_STUB_REG_POOL_ID);
    uint32_t priority = read_register(device, VGPU_STUB_REG_PRIORITY);

    if (pool == 0 || pool == UINT32_MAX) {
        return -ENODEV;
    }
    if (!is_pool(pool) || priority > VGPU_STUB_PRIORITY_HIGH) {
        return -EPROTO;
    }
    *info = (struct vgpu_stub_info) {
        .pool = pool,
        .priority = priority,
        .vm_id = read_register(device, VGPU_STUB_REG_VM_ID),
        .protocol_version = read_register(device,
                                          VGPU_STUB_REG_PROTOCOL_VER),
        .capabilities = read_register(device, VGPU_STUB_REG_CAPABILITIES),
        .request_timeout_ms = device_request_timeout_ms(device),
        .link_up = read_register(device, VGPU_STUB_REG_LINK) &
                   VGPU_STUB_LINK_UP,
        .interrupts = waiter_has_interrupt(&device->waiter),
    };
    strcpy(info->bdf, device->bdf);
    return 0;
}

int device_read_map(struct device *device, void *map)
{
    int rc;

    rc = read_all(device);
    if (rc < 0) {
        return rc;
    }
    memcpy(map, device->images->in.byte, VGPU_STUB_RESERVED);
    return 0;
}

static int map_device(struct device *device)
{
    void *bar, *images;

    bar = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
               device->fd, 0);
    if (bar == MAP_FAILED) {
        return -errno;
    }
    device->bar = bar;

    images = mmap(NULL, sizeof(struct images), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    if (images == MAP_FAILED) {
        return -errno;
    }
    device->images = images;
    return 0;
}

static int check_version(struct device *device)
{
    uint32_t version = read_register(device, VGPU_STUB_REG_PROTOCOL_VER);

    if (version == 0 || version == UINT32_MAX) {
        return -ENODEV;
    }
    return VERSION_MAJOR(version) == VERSION_MAJOR(VGPU_STUB_PROTOCOL_VERSION)
           ? 0 : -EPROTONOSUPPORT;
}

int device_open(const char *bdf, struct device **device)
{
    struct device *d;
    int rc;

    d = calloc(1, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    d->fd = -1;
    waiter_init(&d->waiter);

    rc = sysfs_find(bdf, d->bdf);
    if (rc < 0) {
        goto fail;
    }
    rc = sysfs_open_bar(d->bdf);
    if (rc < 0) {
        goto fail;
    }
    d->fd = rc;
    rc = sysfs_lock_bar(d->fd);
    if (rc < 0) {
        goto fail;
    }
    rc = map_device(d);
    if (rc < 0) {
        goto fail;
    }
    rc = check_version(d);
    if (rc < 0) {
        goto fail;
    }
    rc = waiter_open(&d->waiter, d->bdf);
    if (rc < 0) {
        goto fail;
    }
    *device = d;
    return 0;

fail:
    device_close(d);
    return rc;
}

void device_close(struct device *device)
{
    if (!device) {
        return;
    }
    if (waiter_has_interrupt(&device->waiter)) {
        write_register(device, VGPU_STUB_REG_INTERRUPT_CTRL, 0);
    }
    waiter_close(&device->waiter);
    if (device->images) {
        munmap(device->images, sizeof(struct images));
    }
    if (device->bar) {
        munmap((void *)device->bar, VGPU_STUB_BAR_SIZE);
    }
    if (device->fd >= 0) {
        close(device->fd);
    }
    free(device);
}
