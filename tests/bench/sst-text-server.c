/*
 * sst-text-server SOCKET PAIRS
 *
 * The simulator's side of sst/firmware/uart-text.c: waits on the socket for
 * QEMU's UART, answers that many pairs of a write and a read of one register,
 * and prints how many seconds they took.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "sst-text-server: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int wait_for_qemu(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        die(path);
    }
    strcpy(address.sun_path, path);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1) < 0) {
        die(path);
    }
    fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        die(path);
    }
    close(listener);
    return fd;
}

int main(int argc, char **argv)
{
    uint32_t data_in = 0;
    long pairs;
    long lines = 0;
    double begin, end;
    char line[64];
    FILE *in;
    int fd;

    if (argc != 3) {
        fprintf(stderr, "usage: sst-text-server SOCKET PAIRS\n");
        return 2;
    }
    pairs = atol(argv[2]);
    fd = wait_for_qemu(argv[1]);
    in = fdopen(fd, "r");
    dprintf(fd, "%ld\n", pairs);
    begin = now();
    while (lines < 2 * pairs && fgets(line, sizeof(line), in)) {
        uint32_t address;

        if (sscanf(line, "SST:WRITE:%" SCNx32 ":%" SCNx32, &address,
                   &data_in) == 2 ||
            sscanf(line, "SST:READ:%" SCNx32, &address) == 1) {
            dprintf(fd, "SST:OK:%08" PRIx32 "\n", data_in);
        } else {
            dprintf(fd, "SST:ERR:0002\n");
        }
        lines++;
    }
    end = now();
    if (lines < 2 * pairs) {
        fprintf(stderr, "sst-text-server: QEMU ended early\n");
        return EXIT_FAILURE;
    }
    /* QEMU drops what the UART has not taken when the socket is closed. */
    while (fgets(line, sizeof(line), in)) {
    }
    printf("%f\n", end - begin);
    return EXIT_SUCCESS;
}
