/*
 * The starter's children: workers, and those that clean up after them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lifeline.h"
#include "rights.h"
#include "scratch.h"

/*
 * Processes and threads that a worker may have. PoCL has a thread for each CPU,
 * drivers of GPUs have some dozens.
 */
#define MAX_PROCESSES 1024

/*
 * Bytes of a stack, also of each thread's. PoCL has what is private to all work
 * items of a group on one.
 */
#define STACK (UINT64_C(64) << 20)

/* Bytes that a file may have which a worker writes */
#define MAX_FILE (UINT64_C(256) << 20)

static void limit(int resource, rlim_t value)
{
    struct rlimit old, new = { .rlim_cur = value, .rlim_max = value };

    /* Only root could raise it. */
    if (getrlimit(resource, &old) == 0 && old.rlim_max >= value) {
        setrlimit(resource, &new);
    }
}

/*
 * Memory of a VM may be memory of the host. Should that run out, a worker is
 * to go before the host's own programs; so it is best effort.
 */
static void offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (write(fd, "500", 3) < 0) {
            /* It stays as likely as others. */
        }
        close(fd);
    }
}

/* Signals as a program expects them, whatever the daemon was started with */
static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        /* Fails for those that are not ours to handle. */
        signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What everything is refused that comes after it; false with errno set. */
static bool become_worker(const WorkersOptions *options, uid_t uid)
{
    const int lifeline = lifeline_take();

    return lifeline >= 0 &&
           rights_become_worker(uid, options->groups, options->group_count,
                                options->may_chroot) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           lifeline_hold(lifeline);
}

static bool take_fds(const int *fds)
{
    return dup2(fds[STARTER_FD_STDOUT], STDOUT_FILENO) >= 0 &&
           dup2(fds[STARTER_FD_STDERR], STDERR_FILENO) >= 0 &&
           dup2(fds[STARTER_FD_STDIN], STDIN_FILENO) >= 0;
}

static void run_worker(const WorkersOptions *options, unsigned number,
                       uid_t uid, const char *const *arguments,
                       const int *fds)
{
    const char *step = "descriptors";

    setsid();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, MAX_FILE);
    limit(RLIMIT_STACK, STACK);
    if (uid != 0) {
        limit(RLIMIT_NPROC, MAX_PROCESSES);
    }
    offer_to_oom_killer();
    umask(077);
    scratch_announce(number);
    if (take_fds(fds)) {
        step = "becoming its user";
        if (become_worker(options, uid)) {
            step = options->program;
            reset_signals();
            execv(options->program, (char *const *)arguments);
        }
    }
    fprintf(stderr, "vgpu-starter: %s: %s\n", step, strerror(errno));
}

pid_t child_start_worker(const WorkersOptions *options, unsigned number,
                         uid_t uid, const char *const *arguments,
                         const int *fds)
{
    pid_t child = fork();

    if (child == 0) {
        run_worker(options, number, uid, arguments, fds);
        _exit(CHILD_NOT_EXECUTED);
    }
    return child;
}

static void run_launcher(const char *const *argv, const int *fds,
                         pid_t starter)
{
    setsid();
    limit(RLIMIT_CORE, 0);
    umask(077);
    /* What it becomes the parent of dies with it, or is a stray. */
    if (take_fds(fds) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0 &&
        getppid() == starter) {
        reset_signals();
        execvp(argv[0], (char *const *)argv);
    }
    fprintf(stderr, "vgpu-starter: %s: %s\n", argv[0], strerror(errno));
}

pid_t child_start_launcher(const char *const *argv, const int *fds)
{
    const pid_t starter = getpid();
    pid_t child = fork();

    if (child == 0) {
        run_launcher(argv, fds, starter);
        _exit(CHILD_NOT_EXECUTED);
    }
    return child;
}

pid_t child_start_remover(unsigned number, uid_t uid)
{
    pid_t child = fork();

    if (child == 0) {
        _exit(!((uid == 0 || rights_become(uid, NULL, 0)) &&
                scratch_clear(number)));
    }
    return child;
}
