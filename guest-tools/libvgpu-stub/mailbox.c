/*
 * libvgpu-stub: one request through a device's registers
 *
 * A request takes two block moves, one to submit and one to collect, and a
 * short one for every look whether it has ended: on Xen each is one exit.
 *
 * The device is ours alone, or so the lock says. But that is in a sysfs, of
 * which each network namespace has its own, and a program that goes around the
 * library does not know it. So every request has a tag in REQUEST_ID, and an
 * outcome is believed only if, after all of it was read, the registers still
 * show that request, byte for byte: then it is the one that was executed
 * (docs/registers.md, "The life of a request").
 *
 * SPDX-License-Identifier: MIT
 */
#include "mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"

/* What a look reads: how a request has ended, when, and which */
#define LOOK_SIZE (VGPU_STUB_REG_TIMESTAMP_LO + 4)

/* A device obeys an abort at once; what is longer is broken */
#define ABORT_TIMEOUT_MS 1000

VGPU_STUB_ASSERT(LOOK_SIZE % 8 == 0);

/* Where tags begin: two users of a device must not have the same ones. */
static uint32_t random_id(void)
{
    uint32_t id;

    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id)) {
        /* A machine that has just booted has no other source */
        id = clock_us() * UINT32_C(2654435761) + getpid();
    }
    return id;
}

void mailbox_init(struct mailbox *mailbox)
{
    *mailbox = (struct mailbox) { .id = random_id() };
    waiter_init(&mailbox->waiter);
}

static uint32_t get(const struct mailbox *mailbox, unsigned offset)
{
    return bar_get(&mailbox->bar, offset);
}

static void put(struct mailbox *mailbox, unsigned offset, uint32_t value)
{
    bar_put(&mailbox->bar, offset, value);
}

static size_t round_up(size_t length)
{
    return (length + 7) / 8 * 8;
}

/*
 * Where no device is any more, a read returns zeros or ones, which depends on
 * the hypervisor.
 */
static bool is_pool(uint32_t value)
{
    return value == VGPU_STUB_POOL_A || value == VGPU_STUB_POOL_B;
}

static int check_presence(const struct mailbox *mailbox)
{
    return is_pool(get(mailbox, VGPU_STUB_REG_POOL_ID)) ? 0 : -ENODEV;
}

/* Whether the last request is what the last block read has found. */
static bool shows_our_request(const struct mailbox *mailbox)
{
    const struct images *images = mailbox->bar.images;
    const uint32_t length =
        images->out.reg[VGPU_STUB_REG_REQUEST_LEN / 4];

    return mailbox->begun &&
           get(mailbox, VGPU_STUB_REG_REQUEST_ID) == mailbox->id &&
           get(mailbox, VGPU_STUB_REG_REQUEST_LEN) == length &&
           memcmp(images->in.byte + VGPU_STUB_REQUEST_BUF,
                  images->out.byte + VGPU_STUB_REQUEST_BUF, length) == 0;
}

/* Whether a reset has cleared what was there. */
static bool shows_nothing(const struct mailbox *mailbox)
{
    return get(mailbox, VGPU_STUB_REG_REQUEST_ID) == 0 &&
           get(mailbox, VGPU_STUB_REG_REQUEST_LEN) == 0;
}

/*
 * Read the registers of an outcome; returns STATUS, or -ENODEV, or -EBUSY or
 * -ECONNRESET when they are not those of the request @id.
 */
static int look(struct mailbox *mailbox, uint32_t id)
{
    int rc;

    bar_read_up(&mailbox->bar, LOOK_SIZE);
    rc = check_presence(mailbox);
    if (rc < 0) {
        return rc;
    }
    if (get(mailbox, VGPU_STUB_REG_REQUEST_ID) != id) {
        return shows_nothing(mailbox) ? -ECONNRESET : -EBUSY;
    }
    return get(mailbox, VGPU_STUB_REG_STATUS);
}

/* Look until the request @id has ended; returns as look(), or the limit's. */
static int wait_for_outcome(struct mailbox *mailbox, uint32_t id,
                            struct limit *limit)
{
    struct wait wait;
    int status, rc;

    waiter_begin(&mailbox->waiter, &wait);
    while ((status = look(mailbox, id)) == VGPU_STUB_STATUS_BUSY) {
        rc = waiter_wait(&mailbox->waiter, &wait, mailbox->bar.reg, limit);
        if (rc < 0) {
            return rc;
        }
    }
    waiter_end(&mailbox->waiter, &wait);
    return status;
}

int mailbox_read_all(struct mailbox *mailbox)
{
    bar_read_up(&mailbox->bar, VGPU_STUB_RESERVED);
    return check_presence(mailbox);
}

/* End the request that runs. */
static int abort_request(struct mailbox *mailbox)
{
    struct limit limit;
    int status;

    limit_init(&limit, clock_deadline(ABORT_TIMEOUT_MS));
    bar_write(&mailbox->bar, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
    status = wait_for_outcome(mailbox, get(mailbox, VGPU_STUB_REG_REQUEST_ID),
                              &limit);
    return status == -ETIMEDOUT ? -EPROTO : status < 0 ? status : 0;
}

/* What a submission writes to the registers that are not of the request */
static void prepare_registers(struct mailbox *mailbox)
{
    for (unsigned reg = 0; reg < VGPU_STUB_REQUEST_BUF; reg += 4) {
        put(mailbox, reg, 0);
    }
    put(mailbox, VGPU_STUB_REG_SCRATCH, get(mailbox, VGPU_STUB_REG_SCRATCH));
    if (waiter_has_interrupt(&mailbox->waiter)) {
        /* Each request begins with no interrupt that is wanted or there */
        put(mailbox, VGPU_STUB_REG_INTERRUPT_STATUS,
            VGPU_STUB_INTERRUPT_COMPLETION);
    } else {
        put(mailbox, VGPU_STUB_REG_INTERRUPT_CTRL,
            get(mailbox, VGPU_STUB_REG_INTERRUPT_CTRL));
    }
}

/*
 * Abort what runs and collect what waits: our own, or what an earlier user has
 * left. What another one has begun since our first request is let alone.
 */
static int settle(struct mailbox *mailbox)
{
    int rc;

    rc = mailbox_read_all(mailbox);
    if (rc < 0) {
        return rc;
    }
    if (get(mailbox, VGPU_STUB_REG_STATUS) == VGPU_STUB_STATUS_BUSY) {
        if (mailbox->begun && !shows_our_request(mailbox)) {
            return -EBUSY;
        }
        rc = abort_request(mailbox);
        if (rc == 0) {
            rc = mailbox_read_all(mailbox);
        }
        if (rc < 0) {
            return rc;
        }
    }
    prepare_registers(mailbox);
    mailbox->settled = true;
    return 0;
}

/*
 * One block, from the end of the request down to DOORBELL. On its way it
 * writes every register: those that are not meant keep their value, the
 * read-only ones ignore it, and a 0 has no effect on INTERRUPT_STATUS.
 */
static void submit(struct mailbox *mailbox, const void *request, size_t length)
{
    uint8_t *buffer =
        mailbox->bar.images->out.byte + VGPU_STUB_REQUEST_BUF;
    size_t padded = round_up(length);

    memcpy(buffer, request, length);
    memset(buffer + length, 0, padded - length);
    if (++mailbox->id == 0) {
        mailbox->id = 1;         /* 0 is what a reset leaves */
    }
    put(mailbox, VGPU_STUB_REG_REQUEST_ID, mailbox->id);
    put(mailbox, VGPU_STUB_REG_REQUEST_LEN, length);
    put(mailbox, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_SUBMIT);

    mailbox->begun = true;
    mailbox->settled = false;
    bar_write_down(&mailbox->bar, VGPU_STUB_REQUEST_BUF + padded);
}

/* How an outcome stands in the registers, but for its bytes */
struct ending {
    uint32_t error_code, length, time;
};

static struct ending get_ending(const struct mailbox *mailbox)
{
    return (struct ending) {
        .error_code = get(mailbox, VGPU_STUB_REG_ERROR_CODE),
        .length = get(mailbox, VGPU_STUB_REG_RESPONSE_LEN),
        .time = get(mailbox, VGPU_STUB_REG_TIMESTAMP_LO),
    };
}

/*
 * Whether @status is that of an outcome which @ending describes. Who observes
 * the device may have acknowledged it: then it is IDLE, and all is there.
 */
static bool is_outcome(uint32_t status, const struct ending *ending)
{
    switch (status) {
    case VGPU_STUB_STATUS_DONE:
        return ending->error_code == VGPU_STUB_ERR_NONE;
    case VGPU_STUB_STATUS_ERROR:
        return ending->error_code != VGPU_STUB_ERR_NONE;
    default:
        return status == VGPU_STUB_STATUS_IDLE;
    }
}

/*
 * Collect the response that goes with the @status that was seen last. It is
 * read first and the request's bytes and registers after it, in one block.
 */
static int collect(struct mailbox *mailbox, uint32_t status,
                   struct vgpu_stub_outcome *outcome)
{
    const struct ending ending = get_ending(mailbox);
    struct ending after;
    int rc;

    if (!is_outcome(status, &ending) || ending.length > VGPU_STUB_BUF_SIZE) {
        return -EPROTO;
    }
    bar_read_down(&mailbox->bar,
                  VGPU_STUB_RESPONSE_BUF + round_up(ending.length));
    rc = check_presence(mailbox);
    if (rc < 0) {
        return rc;
    }
    after = get_ending(mailbox);
    if (get(mailbox, VGPU_STUB_REG_STATUS) == VGPU_STUB_STATUS_BUSY ||
        !shows_our_request(mailbox) ||
        memcmp(&after, &ending, sizeof(after)) != 0) {
        return shows_nothing(mailbox) ? -ECONNRESET : -EBUSY;
    }
    mailbox->settled = true;

    outcome->error_code = ending.error_code;
    outcome->length = ending.length;
    memcpy(outcome->data,
           mailbox->bar.images->in.byte + VGPU_STUB_RESPONSE_BUF,
           ending.length);
    memset(outcome->data + ending.length, 0,
           VGPU_STUB_BUF_SIZE - ending.length);
    return ending.error_code == VGPU_STUB_ERR_NONE ? 0 : -EREMOTEIO;
}

/* Whether @rc is that of a limit. */
static bool is_over(int rc)
{
    return rc == -ETIMEDOUT || rc == -ECANCELED || rc == -EINTR;
}

int mailbox_execute(struct mailbox *mailbox, const void *request, size_t length,
                    struct limit *limit, struct vgpu_stub_outcome *outcome)
{
    int rc, status;

    if (!mailbox->settled) {
        rc = settle(mailbox);
        if (rc < 0) {
            return rc;
        }
    }
    submit(mailbox, request, length);
    status = wait_for_outcome(mailbox, mailbox->id, limit);
    if (is_over(status)) {
        rc = settle(mailbox);
        return rc < 0 && rc != -EBUSY ? rc : status;
    }
    return status < 0 ? status : collect(mailbox, status, outcome);
}
