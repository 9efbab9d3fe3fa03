/*
 * libvgpu-stub: an open device and the requests on it
 *
 * A request takes two block moves, one to submit and one to collect, and a
 * read of STATUS for every look whether it has ended. The memory side of the
 * blocks is an image of the register map for each direction.
 *
 * SPDX-License-Identifier: MIT
 */
#include "vgpu-stub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "sysfs.h"

#define PAGE_SIZE 4096

/* A look at STATUS costs an exit; a sleep costs the time that it overshoots */
#define POLLS_BEFORE_SLEEP 8
#define SLEEP_MIN_US 10
#define SLEEP_MAX_US 1000

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
    union {                 /* what the last block read found */
        uint32_t reg[VGPU_STUB_RESERVED / 4];
        uint8_t byte[VGPU_STUB_RESERVED];
    } in;
};

VGPU_STUB_ASSERT(sizeof(struct images) <= PAGE_SIZE);

struct vgpu_stub {
    char bdf[VGPU_STUB_BDF_SIZE];
    int fd;                 /* resource0; holds the lock */
    volatile uint32_t *bar;
    struct images *images;
    bool settled;           /* no request runs, no outcome waits */
};

static uint32_t get(const struct vgpu_stub *dev, unsigned offset)
{
    return dev->images->in.reg[offset / 4];
}

static void put(struct vgpu_stub *dev, unsigned offset, uint32_t value)
{
    dev->images->out.reg[offset / 4] = value;
}

static uint32_t read_register(struct vgpu_stub *dev, unsigned offset)
{
    return dev->bar[offset / 4];
}

static void write_register(struct vgpu_stub *dev, unsigned offset,
                           uint32_t value)
{
    dev->bar[offset / 4] = value;
}

/*
 * Read the whole map; this collects an outcome that waits. Where no device is
 * any more, a read returns zeros or ones, which depends on the hypervisor.
 */
static int collect(struct vgpu_stub *dev)
{
    block_read(dev->images->in.reg, dev->bar, VGPU_STUB_RESERVED / 8);
    return VERSION_MAJOR(get(dev, VGPU_STUB_REG_PROTOCOL_VER)) ==
           VERSION_MAJOR(VGPU_STUB_PROTOCOL_VERSION) ? 0 : -ENODEV;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    struct timespec duration = { .tv_nsec = us * 1000 };

    nanosleep(&duration, NULL);
}

/* Wait until the device is not BUSY; a negative timeout is none. */
static int wait_not_busy(struct vgpu_stub *dev, int timeout_ms)
{
    int64_t deadline = now_us() + timeout_ms * INT64_C(1000);
    int64_t pause = SLEEP_MIN_US;

    for (unsigned polls = 1; ; polls++) {
        if (read_register(dev, VGPU_STUB_REG_STATUS) !=
            VGPU_STUB_STATUS_BUSY) {
            return 0;
        }
        if (timeout_ms >= 0 && now_us() >= deadline) {
            return -ETIMEDOUT;
        }
        if (polls >= POLLS_BEFORE_SLEEP) {
            sleep_us(pause);
            pause = pause * 2 < SLEEP_MAX_US ? pause * 2 : SLEEP_MAX_US;
        }
    }
}

/* Abort what runs and collect what waits, whoever left it there. */
static int settle(struct vgpu_stub *dev)
{
    int rc;

    rc = collect(dev);
    if (rc < 0) {
        return rc;
    }
    if (get(dev, VGPU_STUB_REG_STATUS) == VGPU_STUB_STATUS_BUSY) {
        write_register(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
        rc = wait_not_busy(dev, ABORT_TIMEOUT_MS);
        if (rc < 0) {
            return -EPROTO;
        }
        rc = collect(dev);
        if (rc < 0) {
            return rc;
        }
    }
    dev->settled = true;
    return 0;
}

/*
 * One block, from the end of the request down to DOORBELL. On its way it
 * writes every register: those that are not meant keep their value, the
 * read-only ones ignore it, and a 0 has no effect on INTERRUPT_STATUS.
 */
static void submit(struct vgpu_stub *dev, const void *request, size_t length)
{
    uint8_t *buffer = dev->images->out.byte + VGPU_STUB_REQUEST_BUF;
    size_t padded = (length + 7) / 8 * 8;

    memcpy(buffer, request, length);
    memset(buffer + length, 0, padded - length);
    put(dev, VGPU_STUB_REG_SCRATCH, get(dev, VGPU_STUB_REG_SCRATCH));
    put(dev, VGPU_STUB_REG_REQUEST_ID, get(dev, VGPU_STUB_REG_REQUEST_ID) + 1);
    put(dev, VGPU_STUB_REG_INTERRUPT_CTRL,
        get(dev, VGPU_STUB_REG_INTERRUPT_CTRL));
    put(dev, VGPU_STUB_REG_REQUEST_LEN, length);
    put(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_SUBMIT);

    dev->settled = false;
    block_write_down(dev->bar, dev->images->out.reg,
                     (VGPU_STUB_REQUEST_BUF + padded) / 8);
}

/* Check what collect() found and hand it over. */
static int get_outcome(struct vgpu_stub *dev,
                       struct vgpu_stub_outcome *outcome)
{
    uint32_t status = get(dev, VGPU_STUB_REG_STATUS);
    uint32_t error_code = get(dev, VGPU_STUB_REG_ERROR_CODE);
    uint32_t length = get(dev, VGPU_STUB_REG_RESPONSE_LEN);
    int rc;

    if (status == VGPU_STUB_STATUS_IDLE) {
        return -ECANCELED;
    } else if (status == VGPU_STUB_STATUS_DONE) {
        rc = 0;
    } else if (status == VGPU_STUB_STATUS_ERROR) {
        rc = -EREMOTEIO;
    } else {
        return -EPROTO;
    }
    if (length > VGPU_STUB_BUF_SIZE ||
        (rc == 0) != (error_code == VGPU_STUB_ERR_NONE)) {
        return -EPROTO;
    }

    outcome->error_code = error_code;
    outcome->length = length;
    memcpy(outcome->data, dev->images->in.byte + VGPU_STUB_RESPONSE_BUF,
           VGPU_STUB_BUF_SIZE);
    return rc;
}

int vgpu_stub_call(struct vgpu_stub *dev, const void *request, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome)
{
    int rc;

    if (length == 0) {
        return -EINVAL;
    }
    if (length > VGPU_STUB_BUF_SIZE) {
        return -EMSGSIZE;
    }
    if (!dev->settled) {
        rc = settle(dev);
        if (rc < 0) {
            return rc;
        }
    }

    submit(dev, request, length);
    if (wait_not_busy(dev, timeout_ms) < 0) {
        rc = settle(dev);
        return rc < 0 ? rc : -ETIMEDOUT;
    }
    rc = collect(dev);
    if (rc < 0) {
        return rc;
    }
    dev->settled = true;
    return get_outcome(dev, outcome);
}

int vgpu_stub_get_info(struct vgpu_stub *dev, struct vgpu_stub_info *info)
{
    uint32_t pool, priority;
    int rc;

    rc = collect(dev);
    if (rc < 0) {
        return rc;
    }
    pool = get(dev, VGPU_STUB_REG_POOL_ID);
    priority = get(dev, VGPU_STUB_REG_PRIORITY);
    if ((pool != VGPU_STUB_POOL_A && pool != VGPU_STUB_POOL_B) ||
        priority > VGPU_STUB_PRIORITY_HIGH) {
        return -EPROTO;
    }

    *info = (struct vgpu_stub_info) {
        .pool = pool,
        .priority = priority,
        .vm_id = get(dev, VGPU_STUB_REG_VM_ID),
        .protocol_version = get(dev, VGPU_STUB_REG_PROTOCOL_VER),
        .capabilities = get(dev, VGPU_STUB_REG_CAPABILITIES),
        .request_timeout_ms = get(dev, VGPU_STUB_REG_REQUEST_TIMEOUT_MS),
        .link_up = get(dev, VGPU_STUB_REG_LINK) & VGPU_STUB_LINK_UP,
    };
    strcpy(info->bdf, dev->bdf);
    return 0;
}

int vgpu_stub_read_map(struct vgpu_stub *dev, void *map)
{
    int rc;

    rc = collect(dev);
    if (rc < 0) {
        return rc;
    }
    memcpy(map, dev->images->in.byte, VGPU_STUB_RESERVED);
    return 0;
}

static int map_device(struct vgpu_stub *dev)
{
    void *bar, *images;

    bar = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
               dev->fd, 0);
    if (bar == MAP_FAILED) {
        return -errno;
    }
    dev->bar = bar;

    images = mmap(NULL, sizeof(struct images), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    if (images == MAP_FAILED) {
        return -errno;
    }
    dev->images = images;
    return 0;
}

static int check_version(struct vgpu_stub *dev)
{
    uint32_t version = read_register(dev, VGPU_STUB_REG_PROTOCOL_VER);

    if (version == 0 || version == UINT32_MAX) {
        return -ENODEV;
    }
    return VERSION_MAJOR(version) == VERSION_MAJOR(VGPU_STUB_PROTOCOL_VERSION)
           ? 0 : -EPROTONOSUPPORT;
}

int vgpu_stub_open(const char *bdf, struct vgpu_stub **dev)
{
    struct vgpu_stub *d;
    int rc;

    d = calloc(1, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    d->fd = -1;

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
    *dev = d;
    return 0;

fail:
    vgpu_stub_close(d);
    return rc;
}

void vgpu_stub_close(struct vgpu_stub *dev)
{
    if (!dev) {
        return;
    }
    if (dev->images) {
        munmap(dev->images, sizeof(struct images));
    }
    if (dev->bar) {
        munmap((void *)dev->bar, VGPU_STUB_BAR_SIZE);
    }
    if (dev->fd >= 0) {
        close(dev->fd);
    }
    free(dev);
}
