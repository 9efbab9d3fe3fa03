/*
 * fault-test: each allocation of a call fails once. Prints TAP.
 *
 * A call is made again and again: first the first allocation in it fails, then
 * the second, and so on until none has failed. Each time it has to work or to
 * say that there is no memory, and to work right afterwards. The kernel has to
 * have fault injection, the mediator has to be queue_server.py.
 *
 * Usage: fault-test [probe]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <sys/mman.h>

#include "../guest/tap.h"
#include "calls.h"

#define BYTES (64 << 10)    /* bulk of a copy */
#define BUFFER_BYTES (300 << 10)
#define MANY 8
#define HOLD 0x1001         /* of queue_server.py */
#define POINTS_MAX 5000
#define DRIVER "/sys/bus/pci/drivers/vgpu-stub/"
#define ADDRESS "0000:00:1e.0"
#define ENABLE "/sys/bus/pci/devices/" ADDRESS "/enable"
#define WORDS(value) (uint32_t)(value), (uint32_t)((value) >> 32)

static struct message messages[MANY];
static int nth_fd, fd;
static uint64_t handle;
static uint8_t *own;        /* BYTES of this program */

/* --- Failures --- */

/* The @nth allocation from now on fails; 0: none does. */
static void fail_nth(unsigned nth)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%u", nth);

    if (pwrite(nth_fd, text, length, 0) != length) {
        perror("fail-nth");
        exit(EXIT_FAILURE);
    }
}

/* Has it failed? No other will. */
static bool has_failed(void)
{
    char text[16] = "";

    if (pread(nth_fd, text, sizeof(text) - 1, 0) < 0) {
        perror("fail-nth");
        exit(EXIT_FAILURE);
    }
    fail_nth(0);
    return atoi(text) == 0;
}

/* @use returns 0 or a negative errno. */
static void fail_each(const char *name, int (*use)(void))
{
    bool failed = true;
    unsigned nth = 0;
    int rc = 0, after = 0;

    while (failed && (rc == 0 || rc == -ENOMEM) && after == 0 &&
           nth < POINTS_MAX) {
        fail_nth(++nth);
        rc = use();
        failed = has_failed();
        after = use();
    }
    tap_equal(after, 0, "%s: works after its point %u has failed", name, nth);
    tap_equal(rc, 0, "%s: %u points", name, nth - 1);
    tap_ok(!failed, "%s: to the last one", name);
}

/* --- What is called --- */

static int open_and_close(void)
{
    int other = open(DEVICE, O_RDWR | O_CLOEXEC);

    if (other < 0) {
        return -errno;
    }
    close(other);
    return 0;
}

static int first_use(void)
{
    int other = open(DEVICE, O_RDWR | O_CLOEXEC);
    int rc;

    if (other < 0) {
        return -errno;
    }
    message_echo(&messages[0], "abc", 3, 1024);
    rc = message_do(other, &messages[0]);
    close(other);
    return rc;
}

static int large_echo(void)
{
    static uint8_t data[PAYLOAD_MAX - 32];

    message_echo(&messages[0], data, sizeof(data), PAYLOAD_MAX);
    return message_do(fd, &messages[0]);
}

static int copy_from_device(uint64_t bulk, uint32_t flags)
{
    uint32_t params[] = {
        VGPU_STUB_COPY_FROM_DEVICE, BYTES, WORDS(handle), 0, 0,
    };

    message_make(&messages[0], VGPU_STUB_OP_MEMORY_COPY, params, 6, NULL, 0,
                 1024);
    messages[0].submission.bulk = bulk;
    messages[0].submission.bulk_length = BYTES;
    messages[0].submission.flags = VGPU_STUB_IO_BULK_FROM_DEVICE | flags;
    return message_do(fd, &messages[0]);
}

/* Pages that come into being as they are pinned */
static int copy_to_own(void)
{
    madvise(own, BYTES, MADV_DONTNEED);
    return copy_from_device(address(own), 0);
}

static int use_buffer(const struct vgpu_stub_io_buffer *buffer)
{
    uint8_t *map = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                        fd, buffer->offset);
    int rc;

    if (map == MAP_FAILED) {
        return -errno;
    }
    map[BYTES - 1] = 1;
    rc = copy_from_device(buffer->offset, VGPU_STUB_IO_BULK_BUFFER);
    if (rc == 0 && map[BYTES - 1] != 0) {
        rc = -EIO;
    }
    munmap(map, BUFFER_BYTES);
    return rc;
}

static int copy_to_buffer(void)
{
    struct vgpu_stub_io_buffer buffer = {
        .size = sizeof(buffer), .bytes = BUFFER_BYTES,
    };
    int rc = call(fd, VGPU_STUB_IO_BUFFER_CREATE, &buffer);

    if (rc < 0) {
        return rc;
    }
    rc = use_buffer(&buffer);
    buffer.bytes = 0;
    if (call(fd, VGPU_STUB_IO_BUFFER_DESTROY, &buffer) < 0) {
        return -EIO;
    }
    return rc;
}

/* Of a list, what comes before a failure is submitted. */
static int many(void)
{
    struct vgpu_stub_io_submission submissions[MANY];
    struct vgpu_stub_io_completion completions[MANY];
    int submitted, rc;

    for (int i = 0; i < MANY; i++) {
        message_echo(&messages[i], &i, sizeof(i), 1024);
        submissions[i] = messages[i].submission;
    }
    submitted = submit_many(fd, submissions, MANY);
    if (submitted < 0) {
        return submitted;
    }
    for (int taken = 0; taken < submitted; taken += rc) {
        rc = take_many(fd, completions, submitted - taken, MANY, -1);
        if (rc < 0) {
            return rc;
        }
    }
    return submitted == MANY ? 0 : -ENOMEM;
}

static int hold_and_cancel(void)
{
    struct vgpu_stub_io_submission cancel = {
        .request = address(&messages[0]), .flags = VGPU_STUB_IO_CANCEL,
    };
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    uint32_t milliseconds = 600000;
    int rc;

    message_make(&messages[0], HOLD, &milliseconds, 1, NULL, 0, 1024);
    rc = submit_many(fd, &messages[0].submission, 1);
    if (rc != 1) {
        return rc;
    }
    /* A cancel that fails is none. */
    while (submit_many(fd, &cancel, 1) != 1) {
        continue;
    }
    while (poll(&poll_fd, 1, -1) != 1) {
        continue;
    }
    rc = take_many(fd, &messages[0].completion, 1, 1, -1);
    if (rc != 1) {
        return rc;
    }
    return messages[0].completion.status == VGPU_STUB_ERR_CANCELLED ? 0 : -EIO;
}

/* Returns 0 or a negative errno. */
static int write_to(const char *path, const char *text)
{
    int file = open(path, O_WRONLY);
    int rc;

    if (file < 0) {
        return -errno;
    }
    rc = write(file, text, strlen(text)) < 0 ? -errno : 0;
    close(file);
    return rc;
}

/*
 * The device comes and goes; each time is also the proof that the one before
 * has left nothing. It stays enabled meanwhile: how that is done is ACPI's
 * business, with thousands of points. For want of memory pci_request_region()
 * says -EBUSY.
 */
static void test_probe(void)
{
    bool failed = true;
    unsigned nth = 0;
    int rc = 0;

    tap_equal(write_to(DRIVER "unbind", ADDRESS), 0, "unbound");
    tap_equal(write_to(ENABLE, "1"), 0, "enabled");
    while (failed && (rc == 0 || rc == -ENOMEM || rc == -EBUSY) &&
           nth < POINTS_MAX) {
        fail_nth(++nth);
        rc = write_to(DRIVER "bind", ADDRESS);
        failed = has_failed();
        if (rc == 0 && write_to(DRIVER "unbind", ADDRESS) < 0) {
            rc = -EIO;
        }
    }
    tap_equal(rc, 0, "probe: %u points", nth - 1);
    tap_ok(!failed, "probe: to the last one");
    tap_equal(write_to(ENABLE, "0"), 0, "disabled");
    tap_equal(write_to(DRIVER "bind", ADDRESS), 0, "bound");
}

static void allocate(void)
{
    uint32_t bytes[] = { BYTES, 0 };

    message_make(&messages[0], VGPU_STUB_OP_MEMORY_ALLOC, bytes, 2, NULL, 0,
                 1024);
    tap_equal(message_do(fd, &messages[0]), 0, "memory");
    handle = message_results(&messages[0])[0] |
             (uint64_t)message_results(&messages[0])[1] << 32;
}

int main(int argc, char **argv)
{
    nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
    if (nth_fd < 0) {
        perror("fail-nth");
        return EXIT_FAILURE;
    }
    if (argc > 1 && strcmp(argv[1], "probe") == 0) {
        test_probe();
        return tap_done();
    }
    fd = device_open(0);
    own = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
    allocate();
    fail_each("open", open_and_close);
    fail_each("the first use", first_use);
    fail_each("an echo of 64 KiB", large_echo);
    fail_each("bulk from a program", copy_to_own);
    fail_each("bulk from a buffer", copy_to_buffer);
    fail_each("many requests", many);
    fail_each("a request that is cancelled", hold_and_cancel);
    return tap_done();
}
