/*
 * compute: echo, memory and a sum of vectors, through the driver
 *
 * Says "compute: ready" after the first round and "compute: ok" at the end; with
 * a time, it goes on until that is over. With "hoard" it takes memory and waits
 * to be killed; with "used" it says how much of it the VM has.
 *
 * Usage: compute [SECONDS | hoard | used]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "calls.h"

#define N 200
#define HOARD (8 << 20)
#define BYTES (N * sizeof(float))

#define WORDS(value) (uint32_t)(value), (uint32_t)((value) >> 32)

static struct message message;
static int fd;
static bool queue;

static void check(int rc, const char *what)
{
    const struct vgpu_stub_response *response = message_response(&message);

    if (rc == 0) {
        return;
    }
    if (rc < 0) {
        fprintf(stderr, "compute: %s: %s\n", what, strerror(-rc));
    } else {
        fprintf(stderr, "compute: %s: error %#x: %.*s\n", what, rc,
                (int)response->data_length, (char *)message_data(&message));
    }
    exit(EXIT_FAILURE);
}

static void require(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "compute: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static uint64_t allocate(uint64_t bytes)
{
    uint32_t params[] = { WORDS(bytes) };

    message_make(&message, VGPU_STUB_OP_MEMORY_ALLOC, params, 2, NULL, 0, 1024);
    check(message_do(fd, &message), "MEMORY_ALLOC");
    return message_results(&message)[0] |
           (uint64_t)message_results(&message)[1] << 32;
}

static void release(uint64_t handle)
{
    uint32_t params[] = { WORDS(handle) };

    message_make(&message, VGPU_STUB_OP_MEMORY_FREE, params, 2, NULL, 0, 1024);
    check(message_do(fd, &message), "MEMORY_FREE");
}

/* Both ways: as bulk where there is a queue, else in the request */
static void copy(uint64_t handle, uint32_t direction, void *data)
{
    uint32_t params[] = { direction, BYTES, WORDS(handle), WORDS(UINT64_C(0)) };
    bool to_device = direction == VGPU_STUB_COPY_TO_DEVICE;
    bool in_request = to_device && !queue;

    message_make(&message, VGPU_STUB_OP_MEMORY_COPY, params, 6,
                 in_request ? data : NULL, in_request ? BYTES : 0, 1024);
    if (queue) {
        message.submission.bulk = address(data);
        message.submission.bulk_length = BYTES;
        message.submission.flags = to_device ? VGPU_STUB_IO_BULK_TO_DEVICE
                                             : VGPU_STUB_IO_BULK_FROM_DEVICE;
    }
    check(message_do(fd, &message), "MEMORY_COPY");
    if (queue) {
        require(message.completion.bulk_moved == BYTES, "not all was moved");
    } else if (!to_device) {
        require(message_response(&message)->data_length == BYTES,
                "not all was returned");
        memcpy(data, message_data(&message), BYTES);
    }
}

static void run_kernel(uint64_t a, uint64_t b, uint64_t c)
{
    uint32_t params[10] = { 1, N, 1, 1 };
    struct {
        char name[VGPU_STUB_KERNEL_NAME_SIZE];
        struct vgpu_stub_kernel_arg args[4];
    } data = {
        .name = "vector_add",
        .args = { { VGPU_STUB_ARG_BUFFER, 0, a },
                  { VGPU_STUB_ARG_BUFFER, 0, b },
                  { VGPU_STUB_ARG_BUFFER, 0, c },
                  { VGPU_STUB_ARG_U32, 0, N } },
    };

    message_make(&message, VGPU_STUB_OP_KERNEL, params, 10, &data, sizeof(data),
                 1024);
    check(message_do(fd, &message), "KERNEL");
}

static void echo(void)
{
    char text[] = "there and back";

    message_echo(&message, text, sizeof(text), 1024);
    check(message_do(fd, &message), "ECHO");
    require(message_response(&message)->data_length == sizeof(text) &&
            memcmp(message_data(&message), text, sizeof(text)) == 0,
            "an echo is another one's");
}

static void compute(float seed)
{
    float a[N], b[N], c[N];
    uint64_t handles[3];

    for (int i = 0; i < N; i++) {
        a[i] = seed + i;
        b[i] = 2 * i;
    }
    for (int i = 0; i < 3; i++) {
        handles[i] = allocate(BYTES);
    }
    copy(handles[0], VGPU_STUB_COPY_TO_DEVICE, a);
    copy(handles[1], VGPU_STUB_COPY_TO_DEVICE, b);
    run_kernel(handles[0], handles[1], handles[2]);
    copy(handles[2], VGPU_STUB_COPY_FROM_DEVICE, c);
    for (int i = 0; i < N; i++) {
        require(c[i] == a[i] + b[i], "a sum is wrong");
    }
    for (int i = 0; i < 3; i++) {
        release(handles[i]);
    }
}

static void hoard(void)
{
    allocate(HOARD);
    puts("compute: hoarding");
    fflush(stdout);
    for (;;) {
        pause();
    }
}

static uint64_t used(void)
{
    const uint32_t *results = message_results(&message);

    message_make(&message, VGPU_STUB_OP_GET_DEVICE_INFO, NULL, 0, NULL, 0,
                 1024);
    check(message_do(fd, &message), "GET_DEVICE_INFO");
    return results[5] | (uint64_t)results[6] << 32;
}

int main(int argc, char **argv)
{
    int64_t end = now_ns() + (argc > 1 ? atoll(argv[1]) : 0) * 1000000000;
    int rounds = 0;

    fd = device_open(0);
    queue = device_info(fd).flags & VGPU_STUB_IO_INFO_QUEUE;
    if (argc > 1 && strcmp(argv[1], "hoard") == 0) {
        hoard();
    }
    if (argc > 1 && strcmp(argv[1], "used") == 0) {
        printf("%llu\n", (unsigned long long)used());
        return EXIT_SUCCESS;
    }
    do {
        echo();
        compute(getpid() % 1000 + rounds % 100);
        if (rounds++ == 0) {
            puts("compute: ready");
            fflush(stdout);
        }
    } while (now_ns() < end);
    printf("compute: ok, %s\n", queue ? "by the queue" : "by the mailbox");
    return EXIT_SUCCESS;
}
