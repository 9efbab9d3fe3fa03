/*
 * kill-test: a program that is killed while requests write into its memory
 *
 * Its pages go to somebody else then, who sees whether they are still written.
 * Another program's requests go on. Expects a mediator that knows HOLD.
 *
 * Usage: kill-test ROUNDS SEED
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "calls.h"

#define HOLD 0x1001         /* answered after as many ms as its param says */
#define REQUESTS 12
#define BULK (512 << 10)
#define OTHERS (24 << 20)   /* memory that the killed one's pages may go to */

static struct message messages[REQUESTS];

static void fail(const char *what, int rc)
{
    fprintf(stderr, "kill-test: %s: %d\n", what, rc);
    exit(EXIT_FAILURE);
}

static uint8_t *memory(size_t bytes)
{
    uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED) {
        fail("mmap", -errno);
    }
    return map;
}

/* Have requests write into memory until it is killed. */
static void victim(bool queue)
{
    uint8_t *target = memory(REQUESTS * BULK);
    struct vgpu_stub_io_completion completions[REQUESTS];
    struct vgpu_stub_io_submission list[REQUESTS];
    int fd = device_open(0);

    for (;;) {
        for (uint32_t i = 0; i < REQUESTS; i++) {
            uint32_t delay = i * 3;
            struct vgpu_stub_io_submission *s = &messages[i].submission;

            message_make(&messages[i], HOLD, &delay, 1, NULL, 0, 1024);
            s->order = i;
            if (queue) {
                s->bulk = address(target + i * BULK);
                s->bulk_length = BULK;
                s->flags = VGPU_STUB_IO_BULK_FROM_DEVICE;
            }
            list[i] = *s;
        }
        if (submit_many(fd, list, REQUESTS) < 0 ||
            take_many(fd, completions, 1, REQUESTS, -1) < 0) {
            _exit(EXIT_FAILURE);
        }
    }
}

static void check_pages(void)
{
    uint8_t *pages = memory(OTHERS);

    memset(pages, 0x5a, OTHERS);
    usleep(10000);
    for (size_t i = 0; i < OTHERS; i++) {
        if (pages[i] != 0x5a) {
            fail("somebody's page was written", pages[i]);
        }
    }
    munmap(pages, OTHERS);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 10, fd = device_open(0);
    bool queue = device_info(fd).flags & VGPU_STUB_IO_INFO_QUEUE;
    static struct message echo;

    srandom(argc > 2 ? atoi(argv[2]) : 1);
    for (int i = 0; i < rounds; i++) {
        pid_t child = fork();
        int rc, status;

        if (child == 0) {
            close(fd);
            victim(queue);
        }
        usleep(random() % 60000);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        if (!WIFSIGNALED(status)) {
            fail("it ended by itself", status);
        }
        check_pages();
        message_echo(&echo, "on", 2, 1024);
        rc = message_do(fd, &echo);
        if (rc != 0) {
            fail("another program's request", rc);
        }
    }
    printf("kill-test: %d killed\n", rounds);
    return EXIT_SUCCESS;
}
