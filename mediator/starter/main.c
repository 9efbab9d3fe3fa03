/*
 * vgpu-starter: starts and ends workers on vgpu-mediatord's word
 *
 * It is the part that keeps the few rights which it takes to give each worker a
 * uid of its own. What it runs and with which uids it knows from its command
 * line, which is root's: the daemon, should it be taken over, gets nothing from
 * it but workers. protocol.h is all that can be said to it.
 *
 * With --shared there may be others with the same uids and folders, as for gates of
 * several mediators.
 *
 * With --launchers it starts what the configuration has to start workers on other
 * hosts: another process, without any rights, and with a network.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* MSG_CMSG_CLOEXEC */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lifeline.h"
#include "rights.h"
#include "scratch.h"
#include "workers.h"

#define NAME "vgpu-starter"

#define DAEMON_FD STDIN_FILENO

#define EXIT_USAGE 2

static bool daemon_gone;

static void __attribute__((format(printf, 1, 2)))
complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, NAME ": ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
}

/*
 * The daemon reads what it is told. While it does not, nothing else it could
 * want is done for it.
 */
static void tell(StarterType type, uint32_t id, uint32_t a, uint32_t b)
{
    const StarterMessage message = { .type = type, .id = id, .a = a, .b = b };

    while (!daemon_gone && send(DAEMON_FD, &message, sizeof(message),
                                MSG_NOSIGNAL) < 0) {
        daemon_gone = errno != EINTR;
    }
}

/* --- What the daemon says --- */

/*
 * Cut the arguments of @start into @arguments, leaving the first place free
 * for the program's name. False when they are not as protocol.h says.
 */
static bool cut_arguments(const StarterStart *start, const char **arguments)
{
    const uint32_t length = start->head.a;
    uint32_t at = 0;
    unsigned count = 1;

    if (length > sizeof(start->arguments) ||
        (length > 0 && start->arguments[length - 1] != '\0')) {
        return false;
    }
    while (at < length) {
        if (count > STARTER_MAX_ARGUMENTS) {
            return false;
        }
        arguments[count++] = start->arguments + at;
        at += strlen(start->arguments + at) + 1;
    }
    arguments[count] = NULL;
    return true;
}

/* False when the message is not as protocol.h says. */
static bool handle(const StarterStart *message, size_t size, const int *fds,
                   unsigned fd_count)
{
    const char *arguments[STARTER_MAX_ARGUMENTS + 2];

    if (size < sizeof(message->head) || message->head.b != 0) {
        return false;
    }
    switch (message->head.type) {
    case STARTER_START:
        if (size != sizeof(*message) || fd_count != STARTER_FDS ||
            workers_have(message->head.id) ||
            !cut_arguments(message, arguments)) {
            return false;
        }
        workers_start(message->head.id, arguments, fds);
        return true;
    case STARTER_KILL:
        if (size != sizeof(message->head) || fd_count != 0 ||
            message->head.a != 0) {
            return false;
        }
        workers_kill(message->head.id);
        return true;
    default:
        return false;
    }
}

/* The descriptors that came with @message; returns how many, all of them. */
static unsigned take_fds(struct msghdr *message, int *fds)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    unsigned count;

    if (control == NULL || control->cmsg_level != SOL_SOCKET ||
        control->cmsg_type != SCM_RIGHTS) {
        return 0;
    }
    count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(control), count * sizeof(int));
    return count;
}

/* Returns false at the end, and when what came makes no sense. */
static bool receive(void)
{
    /* Room for one more than any message has, so that too much is seen. */
    union {
        char bytes[CMSG_SPACE((STARTER_FDS + 1) * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    static StarterStart start;
    struct iovec bytes = { .iov_base = &start, .iov_len = sizeof(start) };
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    int fds[sizeof(control) / sizeof(int)];
    ssize_t size = recvmsg(DAEMON_FD, &message,
                           MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    unsigned fd_count;
    bool good;

    if (size < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    fd_count = take_fds(&message, fds);
    good = !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
           handle(&start, size, fds, fd_count);
    for (unsigned i = 0; i < fd_count; i++) {
        close(fds[i]);
    }
    if (!good && size > 0) {
        complain("the daemon sent a message of %zd bytes that makes no sense",
                 size);
    }
    return good;
}

/* --- From the start to the end --- */

/* Returns when nothing is left. */
static void serve(int signal_fd)
{
    struct pollfd ready[] = {
        { .fd = DAEMON_FD, .events = POLLIN },
        { .fd = signal_fd, .events = POLLIN },
    };
    unsigned ending = workers_look(false);
    bool again = false;

    while (!daemon_gone || workers_count() > 0) {
        struct signalfd_siginfo child;

        again = poll(ready, 2, ending > 0 ? WORKERS_LOOK_MS : -1) == 0;
        if (ready[1].revents != 0 &&
            read(signal_fd, &child, sizeof(child)) < 0) {
            complain("signals: %s", strerror(errno));
        }
        if (ready[0].revents != 0 && !receive()) {
            daemon_gone = true;
        }
        if (daemon_gone && ready[0].fd >= 0) {
            /* The daemon shall see it, should it live. */
            shutdown(DAEMON_FD, SHUT_RDWR);
            ready[0].fd = -1;
            workers_kill_all();
        }
        ending = workers_look(again);
    }
}

static bool parse_number(const char *text, char **end, uint32_t *number)
{
    unsigned long value;

    errno = 0;
    value = strtoul(text, end, 10);
    *number = value;
    return *text >= '0' && *text <= '9' && errno == 0 && value < UINT32_MAX;
}

/* FIRST-LAST: at least one for a worker, and the last for the keeper */
static bool parse_uids(const char *text, WorkersOptions *options)
{
    char *end;

    return parse_number(text, &end, &options->first_uid) && *end == '-' &&
           parse_number(end + 1, &end, &options->last_uid) && *end == '\0' &&
           options->first_uid > 0 && options->last_uid > options->first_uid &&
           options->last_uid - options->first_uid <= WORKERS_MAX;
}

/* GID,… */
static bool parse_groups(const char *text, WorkersOptions *options)
{
    char *end = NULL;

    do {
        if (options->group_count == WORKERS_MAX_GROUPS ||
            !parse_number(end != NULL ? end + 1 : text, &end,
                          &options->groups[options->group_count++])) {
            return false;
        }
    } while (*end == ',');
    return *end == '\0';
}

static bool parse_options(int argc, char **argv, WorkersOptions *options,
                          const char **scratch)
{
    static const struct option known[] = {
        { "worker", required_argument, NULL, 'w' },
        { "scratch", required_argument, NULL, 's' },
        { "uids", required_argument, NULL, 'u' },
        { "groups", required_argument, NULL, 'g' },
        { "shared", no_argument, NULL, 'o' },
        { "launchers", required_argument, NULL, 'l' },
        { 0 }
    };
    bool good = true;
    int option;

    while (good && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'w':
            options->program = optarg;
            break;
        case 's':
            *scratch = optarg;
            break;
        case 'u':
            good = parse_uids(optarg, options);
            break;
        case 'g':
            good = parse_groups(optarg, options);
            break;
        case 'o':
            options->shared = true;
            break;
        case 'l':
            options->config = optarg;
            break;
        default:
            good = false;
        }
    }
    return good && optind == argc &&
           (options->config == NULL
            ? options->program != NULL && *scratch != NULL
            : options->program == NULL && *scratch == NULL &&
              options->first_uid == 0);
}

/* Children tell by a descriptor; what ends the daemon is no signal for us. */
static int take_signals(void)
{
    static const int unwanted[] = { SIGHUP, SIGINT, SIGTERM };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
        sigaddset(&set, unwanted[i]);
    }
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the daemon's own parent may have left open */
static void close_others(void)
{
    DIR *stream = opendir("/proc/self/fd");
    struct dirent *entry;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        const int fd = atoi(entry->d_name);

        if (fd > STDERR_FILENO && fd != dirfd(stream)) {
            close(fd);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}

int main(int argc, char **argv)
{
    WorkersOptions options = { 0 };
    const char *scratch = NULL;
    int signal_fd;

    if (!parse_options(argc, argv, &options, &scratch)) {
        fprintf(stderr, "usage: " NAME " --worker=PATH --scratch=DIR "
                "[--uids=FIRST-LAST] [--groups=GID,...]\n"
                "                    [--shared]\n"
                "       " NAME " --launchers=FILE\n"
                NAME " is vgpu-mediatord's part that starts workers; it is "
                "started by it.\n");
        return EXIT_USAGE;
    }
    close_others();
    if (options.first_uid != 0) {
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        if (!rights_keep_needed()) {
            complain("rights: %s", strerror(errno));
            return EXIT_FAILURE;
        }
    }
    /* What has lost its parents becomes a child of ours. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        complain("subreaper: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    signal_fd = take_signals();
    options.may_chroot = rights_may_chroot();
    if (scratch != NULL && !scratch_open(scratch)) {
        complain("%s: %s", scratch, strerror(errno));
        return EXIT_FAILURE;
    }
    if (signal_fd < 0 || !lifeline_make() ||
        !workers_init(&options, tell)) {
        complain("start: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    tell(STARTER_HELLO, 0, STARTER_VERSION,
         (options.first_uid != 0 ? STARTER_OWN_UIDS : 0) |
         (options.may_chroot ? STARTER_CHROOT : 0));
    serve(signal_fd);
    return EXIT_SUCCESS;
}
