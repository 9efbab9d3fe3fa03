/*
 * hole-test: the queue with its ring, and what is submitted, in memory that the
 * guest has given back
 *
 * Prints TAP. The machine is a guest of Xen that has ballooned, the driver is
 * not loaded, and the user is root: the ring is driven from here. Where a page
 * is not there, Xen's QEMU has no mapping for it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "raw-ring.h"
#include "tap.h"

#define TIMEOUT_MS 20000

/* Linux's include/uapi/linux/kernel-page-flags.h: ballooned out */
#define KPF_OFFLINE 23

static uint64_t hole;           /* an address for the device, of a page */

/* The address of a page that is not there, or 0 */
static uint64_t find_hole(void)
{
    int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
    uint64_t flags[512], number = 0;
    ssize_t size;

    if (fd < 0) {
        err(EXIT_FAILURE, "/proc/kpageflags");
    }
    while ((size = read(fd, flags, sizeof(flags))) > 0) {
        for (size_t i = 0; i < size / sizeof(flags[0]); i++, number++) {
            if (flags[i] >> KPF_OFFLINE & 1) {
                close(fd);
                return number * PAGE;
            }
        }
    }
    close(fd);
    return 0;
}

/*
 * Submit a request that is there with its response here, and wait. Returns the
 * completion's status, or -1 when none comes.
 */
static int submit_echo(uint64_t request, uint64_t response, uint64_t segments)
{
    const struct vgpu_stub_request echo = {
        .version = VGPU_STUB_PROTOCOL_VERSION, .opcode = VGPU_STUB_OP_ECHO,
    };
    const struct vgpu_stub_submission submission = {
        .user_data = 1,
        .request = request,
        .response = response,
        .segments = segments,
        .request_length = sizeof(echo),
        .response_capacity = VGPU_STUB_BUF_SIZE,
        .segment_count = segments != 0,
        .flags = segments != 0 ? VGPU_STUB_SUBMIT_BULK_FROM_GUEST : 0,
        .context = 1,
    };

    memcpy(page + REQUEST, &echo, sizeof(echo));
    submit(&submission);
    for (int ms = 0; ms < TIMEOUT_MS && *cq_tail() != *sq_tail(); ms++) {
        usleep(1000);
    }
    return *cq_tail() == *sq_tail() ? (int)last_status() : -1;
}

static void test_ring(void)
{
    enable(hole);
    put(VGPU_STUB_REG_QUEUE_DOORBELL, 0);
    tap_equal(get(VGPU_STUB_REG_QUEUE_STATE), VGPU_STUB_QUEUE_BROKEN,
              "a ring that is not there breaks the queue");
    tap_equal(get(VGPU_STUB_REG_QUEUE_ERROR), VGPU_STUB_QUEUE_ERROR_RING,
              "… and says why");
}

static void test_buffers(void)
{
    const uint64_t request = page_address + REQUEST;
    const uint64_t response = page_address + RESPONSE;

    enable(page_address);
    tap_equal(get(VGPU_STUB_REG_QUEUE_STATE), VGPU_STUB_QUEUE_ON,
              "a ring that is there is taken after it");
    tap_equal(submit_echo(request, response, 0), VGPU_STUB_ERR_NONE, "an echo");
    tap_equal(submit_echo(hole, response, 0), VGPU_STUB_ERR_INVALID_REQUEST,
              "a request that is not there");
    tap_equal(submit_echo(request, response, hole), VGPU_STUB_ERR_INVALID_REQUEST,
              "segments that are not there");
    tap_equal(submit_echo(request, hole, 0), VGPU_STUB_ERR_INVALID_REQUEST,
              "a response without a place");
    tap_equal(submit_echo(request, response, 0), VGPU_STUB_ERR_NONE,
              "the queue lives on");
    put(VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_DISABLE);
    tap_equal(get(VGPU_STUB_REG_QUEUE_STATE), VGPU_STUB_QUEUE_OFF,
              "and can be switched off");
}

int main(void)
{
    char bdf[VGPU_STUB_BDF_SIZE];

    first_device(bdf);
    switch_on(bdf);
    bar = map_raw_bar(bdf);
    take_page();
    hole = find_hole();
    tap_ok(hole != 0, "there is memory that the guest has given back");
    if (hole != 0) {
        test_ring();
        test_buffers();
    }
    return tap_done();
}
