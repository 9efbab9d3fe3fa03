/*
 * echo-server DIR
 *
 * Connects to the sockets in DIR as a mediator would and sends back what comes:
 * the least that any mediator has to do for a request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void G_GNUC_NORETURN die(const char *what)
{
    fprintf(stderr, "echo-server: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void connect_to(const char *path, int epoll)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct epoll_event event = { .events = EPOLLIN };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    event.data.fd = fd;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        die(path);
    }
}

int main(int argc, char **argv)
{
    g_autoptr(GDir) dir = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    int epoll = epoll_create1(0);
    struct epoll_event events[64];
    const char *name;

    if (dir == NULL) {
        die("which folder?");
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);

        connect_to(path, epoll);
    }
    for (;;) {
        int ready = epoll_wait(epoll, events, G_N_ELEMENTS(events), -1);

        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            char bytes[4096];
            ssize_t received = recv(fd, bytes, sizeof(bytes), 0);

            if (received <= 0) {
                close(fd);
            } else if (send(fd, bytes, received, MSG_NOSIGNAL) != received) {
                die("send");
            }
        }
    }
}
