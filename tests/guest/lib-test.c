/*
 * lib-test: libvgpu-stub against a real device and its mediator
 *
 * To be run as root in a guest whose first device has a mediator that answers
 * ECHO. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "raw-bar.h"
#include "tap.h"

#define TIMEOUT_MS 10000

static char bdf[VGPU_STUB_BDF_SIZE];

static struct vgpu_stub *open_or_die(void)
{
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(bdf, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot open %s: %s", bdf, strerror(-rc));
    }
    return dev;
}

static int open_and_close(const char *address)
{
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(address, &dev);

    if (rc == 0) {
        vgpu_stub_close(dev);
    }
    return rc;
}

/* An echo whose data depends on @seed. */
static int echo(struct vgpu_stub *dev, size_t length, unsigned seed)
{
    uint8_t data[VGPU_STUB_ECHO_MAX];
    struct vgpu_stub_outcome outcome;

    for (size_t i = 0; i < length; i++) {
        data[i] = seed + i * 7;
    }
    return vgpu_stub_echo(dev, data, length, TIMEOUT_MS, &outcome);
}

static void test_open(void)
{
    struct vgpu_stub *dev = open_or_die();
    int status;
    pid_t child;

    tap_equal(open_and_close(bdf), -EBUSY, "a second open is refused");
    child = fork();
    if (child == 0) {
        _exit(open_and_close(bdf) == -EBUSY ? 0 : 1);
    }
    waitpid(child, &status, 0);
    tap_equal(status, 0, "an open by another process is refused");
    vgpu_stub_close(dev);

    tap_equal(open_and_close(NULL), 0, "open the first device");
    tap_equal(open_and_close(strchr(bdf, ':') + 1), 0,
              "open by a short address");
    tap_equal(open_and_close("0000:00:00.0"), -ENODEV,
              "another kind of device is refused");
    tap_equal(open_and_close("0000:ff:1f.7"), -ENODEV,
              "an address without a device is refused");
}

static void test_bad_addresses(void)
{
    static const char *const addresses[] = {
        "", "gpu0", "1e.0", "0:1e.0", "00:1e", "00:1e.0x", " 00:1e.0",
        "00:1e.0/..", "00:0x1e.0", "0000:00:1e.00", "00000000000000:00:1e.0",
    };

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        tap_equal(open_and_close(addresses[i]), -EINVAL,
                  "not an address: '%s'", addresses[i]);
    }
}

static void test_info(void)
{
    struct vgpu_stub *dev = open_or_die();
    uint32_t map[VGPU_STUB_RESERVED / 4];
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };

    tap_equal(vgpu_stub_get_info(dev, &info), 0, "get the properties");
    tap_ok(strcmp(info.bdf, bdf) == 0, "they have the device's address");
    tap_ok(info.link_up, "the link is up");
    tap_equal(vgpu_stub_read_map(dev, map), 0, "read the map");
    tap_equal(map[VGPU_STUB_REG_POOL_ID / 4], info.pool, "pool");
    tap_equal(map[VGPU_STUB_REG_PRIORITY / 4], info.priority, "priority");
    tap_equal(map[VGPU_STUB_REG_VM_ID / 4], info.vm_id, "VM id");
    tap_equal(map[VGPU_STUB_REG_REQUEST_TIMEOUT_MS / 4],
              info.request_timeout_ms, "request timeout");
    vgpu_stub_close(dev);
}

static void test_echo(void)
{
    struct vgpu_stub *dev = open_or_die();
    size_t length;

    for (length = 0; length <= VGPU_STUB_ECHO_MAX; length++) {
        if (echo(dev, length, length) != 0) {
            break;
        }
    }
    tap_equal(length, VGPU_STUB_ECHO_MAX + 1, "echo of every length");
    tap_equal(echo(dev, 1, 3), 0, "a short echo after a long one");
    vgpu_stub_close(dev);
}

static void test_refused_requests(void)
{
    struct vgpu_stub *dev = open_or_die();
    struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = 0x0fff,       /* reserved */
        .data_offset = sizeof(request),
    };
    uint8_t large[VGPU_STUB_BUF_SIZE + 1] = { 0 };
    struct vgpu_stub_outcome outcome;

    tap_equal(vgpu_stub_call(dev, &request, sizeof(request), TIMEOUT_MS,
                             &outcome),
              -EREMOTEIO, "an unknown operation ends in an error");
    tap_equal(outcome.error_code, VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
              "which is UNSUPPORTED_OPERATION");
    tap_equal(vgpu_stub_call(dev, large, 0, TIMEOUT_MS, &outcome), -EINVAL,
              "an empty request is refused");
    tap_equal(vgpu_stub_call(dev, large, sizeof(large), TIMEOUT_MS, &outcome),
              -EMSGSIZE, "a request of 1025 bytes is refused");
    tap_equal(vgpu_stub_echo(dev, large, VGPU_STUB_ECHO_MAX + 1, TIMEOUT_MS,
                             &outcome),
              -EMSGSIZE, "an echo of 993 bytes is refused");
    tap_equal(echo(dev, 100, 1), 0, "echo after the errors");
    vgpu_stub_close(dev);
}

/* Whether it is in time or not, nothing of a request may be left over. */
static void test_timeout(void)
{
    struct vgpu_stub *dev = open_or_die();
    struct vgpu_stub_outcome outcome;
    uint8_t data[4] = "gone";
    bool clean = true;
    int rc;

    for (unsigned i = 0; i < 20 && clean; i++) {
        rc = vgpu_stub_echo(dev, data, sizeof(data), 0, &outcome);
        clean = (rc == 0 || rc == -ETIMEDOUT) && echo(dev, 500, i) == 0;
    }
    tap_ok(clean, "echo after requests that are not waited for");
    vgpu_stub_close(dev);
}

/* Do what a process does that dies in the middle of a request. */
static void submit_and_forget(volatile uint32_t *bar, uint32_t length)
{
    struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(request),
    };
    uint32_t words[sizeof(request) / 4];

    memcpy(words, &request, sizeof(request));
    for (size_t i = 0; i < sizeof(request) / 4; i++) {
        bar[VGPU_STUB_REQUEST_BUF / 4 + i] = words[i];
    }
    bar[VGPU_STUB_REG_REQUEST_LEN / 4] = length;
    bar[VGPU_STUB_REG_DOORBELL / 4] = VGPU_STUB_DOORBELL_SUBMIT;
}

static void wait_not_busy(volatile uint32_t *bar)
{
    for (int ms = 0; ms < TIMEOUT_MS; ms++) {
        if (bar[VGPU_STUB_REG_STATUS / 4] != VGPU_STUB_STATUS_BUSY) {
            return;
        }
        usleep(1000);
    }
    errx(EXIT_FAILURE, "the device is BUSY after %d ms", TIMEOUT_MS);
}

static void test_left_over(volatile uint32_t *bar)
{
    struct vgpu_stub *dev;

    submit_and_forget(bar, sizeof(struct vgpu_stub_request));
    dev = open_or_die();
    tap_equal(echo(dev, 300, 1), 0, "echo after a request left running");
    vgpu_stub_close(dev);

    submit_and_forget(bar, sizeof(struct vgpu_stub_request));
    wait_not_busy(bar);
    dev = open_or_die();
    tap_equal(echo(dev, 300, 2), 0, "echo after a response left uncollected");
    vgpu_stub_close(dev);

    submit_and_forget(bar, 0);
    dev = open_or_die();
    tap_equal(echo(dev, 300, 3), 0, "echo after an error left unread");
    vgpu_stub_close(dev);
}

static void test_registers_kept(volatile uint32_t *bar)
{
    struct vgpu_stub *dev;
    uint32_t id;

    bar[VGPU_STUB_REG_SCRATCH / 4] = 0xc0ffee11;
    bar[VGPU_STUB_REG_INTERRUPT_CTRL / 4] = VGPU_STUB_INTERRUPT_COMPLETION;
    dev = open_or_die();
    tap_equal(echo(dev, 10, 1), 0, "echo with SCRATCH and an interrupt set");
    id = bar[VGPU_STUB_REG_REQUEST_ID / 4];
    tap_equal(echo(dev, 10, 2), 0, "and another one");
    vgpu_stub_close(dev);

    tap_equal(bar[VGPU_STUB_REG_SCRATCH / 4], 0xc0ffee11, "SCRATCH is kept");
    tap_equal(bar[VGPU_STUB_REG_INTERRUPT_CTRL / 4],
              VGPU_STUB_INTERRUPT_COMPLETION, "INTERRUPT_CTRL is kept");
    tap_equal(bar[VGPU_STUB_REG_INTERRUPT_STATUS / 4],
              VGPU_STUB_INTERRUPT_COMPLETION, "INTERRUPT_STATUS is kept");
    tap_equal(bar[VGPU_STUB_REG_REQUEST_ID / 4], id + 1,
              "REQUEST_ID counts the requests");
    tap_equal(bar[VGPU_STUB_REG_STATUS / 4], VGPU_STUB_STATUS_IDLE,
              "the device is left IDLE");

    bar[VGPU_STUB_REG_INTERRUPT_CTRL / 4] = 0;
    bar[VGPU_STUB_REG_INTERRUPT_STATUS / 4] = VGPU_STUB_INTERRUPT_COMPLETION;
}

int main(void)
{
    volatile uint32_t *bar;

    first_device(bdf);
    test_open();        /* first: it turns memory decoding on */
    bar = map_raw_bar(bdf);
    test_bad_addresses();
    test_info();
    test_echo();
    test_refused_requests();
    test_timeout();
    test_left_over(bar);
    test_registers_kept(bar);
    return tap_done();
}
