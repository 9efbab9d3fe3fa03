/*
 * Tests of the worker's sandbox: what a child that has entered it may do
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protocol/arena.h"
#include "sandbox.h"

/* What a child tries. Returns 0, or the errno that it got. */
typedef int (*Attempt)(void);

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

/* The wait status of a child that enters @backend's sandbox and tries. */
static int status_of(const char *backend, Attempt attempt)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (!sandbox_enter(backend, NULL, NULL)) {
            _exit(255);
        }
        _exit(attempt());
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    return status;
}

/* --- What a worker needs --- */

static int use_memory(void)
{
    const size_t size = 64 << 20;
    char *small = malloc(100), *large = malloc(size);

    memset(large, 1, size);
    large = realloc(large, 2 * size);
    free(large);
    free(small);
    return 0;
}

static int use_descriptors(void)
{
    struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };

    return poll(&ready, 1, 0) == 1 &&
           write(STDERR_FILENO, "", 0) == 0 ? 0 : errno;
}

static int use_time_and_chance(void)
{
    const struct timespec pause = { .tv_nsec = 1 };
    struct timespec now;
    char bytes[8];

    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
           clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL) == 0 &&
           getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes) ? 0 : errno;
}

static int arena_fd_to_try;     /* a descriptor of an arena of one place */

static int use_arena(void)
{
    Arena *arena = arena_map(arena_fd_to_try, 0, 1, NULL);

    if (arena == NULL) {
        return 1;
    }
    memset(arena_bulk(arena, 0), 1, VGPU_STUB_ARENA_LARGE_BULK);
    arena_unref(arena);
    return 0;
}

/* --- What it does not --- */

static int shrink_arena(void)
{
    return outcome(ftruncate(arena_fd_to_try, 0));
}

static int grow_arena(void)
{
    return outcome(ftruncate(arena_fd_to_try, VGPU_STUB_ARENA_LARGE + 1));
}

static int fill_behind_arena(void)
{
    return outcome(fallocate(arena_fd_to_try, 0, 0,
                             VGPU_STUB_ARENA_LARGE + 1));
}

static int execute_arena(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED,
                        arena_fd_to_try, 0);

    return memory == MAP_FAILED ? errno : 0;
}

static int make_socket(void)
{
    return outcome(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int make_internet_socket(void)
{
    return outcome(socket(AF_INET, SOCK_STREAM, 0));
}

/* It can send to any socket that has a name. */
static int make_socket_pair(void)
{
    int fds[2];

    return outcome(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

/* These outlive who has made them, and the next user of the uid owns them. */
static int make_shared_memory(void)
{
    const int id = shmget(IPC_PRIVATE, 4096, 0600);

    return outcome(id < 0 ? id : shmctl(id, IPC_RMID, NULL));
}

static int make_semaphores(void)
{
    const int id = semget(IPC_PRIVATE, 1, 0600);

    return outcome(id < 0 ? id : semctl(id, 0, IPC_RMID));
}

static int make_message_queue(void)
{
    const int id = msgget(IPC_PRIVATE, 0600);

    return outcome(id < 0 ? id : msgctl(id, IPC_RMID, NULL));
}

static int make_posix_queue(void)
{
    const char name[] = "/vgpu-test-sandbox";

    return outcome(mq_open(name, O_RDWR | O_CREAT, 0600, NULL)) == 0
           ? outcome(mq_unlink(name)) : errno;
}

/* What others have made goes by numbers that can be guessed. */
static int use_shared_memory(void)
{
    return outcome((intptr_t)shmat(0, NULL, SHM_RDONLY));
}

static int use_semaphores(void)
{
    return outcome(semctl(0, 0, GETVAL));
}

static int use_message_queue(void)
{
    struct msqid_ds status;

    return outcome(msgctl(0, IPC_STAT, &status));
}

static int debug_another(void)
{
    return outcome(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_another(void)
{
    return outcome(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0,
                           0));
}

static int kill_another(void)
{
    return outcome(kill(getppid(), 0));
}

static int kill_another_thread(void)
{
    return outcome(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int limit_another(void)
{
    const struct rlimit limit = { 0, 0 };

    return outcome(prlimit(getppid(), RLIMIT_CORE, &limit, NULL));
}

static int own_signals(void)
{
    return outcome(fcntl(STDIN_FILENO, F_SETOWN, getppid()));
}

static int own_signals_ex(void)
{
    const struct f_owner_ex owner = { F_OWNER_PID, getppid() };

    return outcome(fcntl(STDIN_FILENO, F_SETOWN_EX, &owner));
}

static int choose_signal(void)
{
    return outcome(fcntl(STDIN_FILENO, F_SETSIG, SIGKILL));
}

static int enlarge_pipe(void)
{
    int fds[2];

    return pipe(fds) < 0 ? errno : outcome(fcntl(fds[0], F_SETPIPE_SZ, 131072));
}

static int own_by_ioctl(void)
{
    const int owner = getppid();

    return outcome(ioctl(STDIN_FILENO, FIOSETOWN, &owner));
}

static int own_by_group(void)
{
    const int owner = getppid();

    return outcome(ioctl(STDIN_FILENO, SIOCSPGRP, &owner));
}

/* The kernel takes the low half of the command. */
static int own_with_high_bits(void)
{
    return outcome(syscall(SYS_fcntl, STDIN_FILENO,
                           G_GUINT64_CONSTANT(0x100000000) | F_SETOWN,
                           getppid()));
}

static int pin_another(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    return outcome(sched_setaffinity(getppid(), sizeof(set), &set));
}

static int renice_another(void)
{
    return outcome(setpriority(PRIO_PROCESS, getppid(), 19));
}

static int schedule_another(void)
{
    const struct sched_param param = { 0 };

    return outcome(sched_setscheduler(getppid(), SCHED_IDLE, &param));
}

static int new_session(void)
{
    return outcome(setsid());
}

static int new_group(void)
{
    return outcome(setpgid(0, 0));
}

static int leave_namespace(void)
{
    return outcome(unshare(CLONE_NEWUSER));
}

static int clone_namespace(void)
{
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

    if (child == 0) {
        _exit(0);
    }
    return outcome(child);
}

static int load_bpf(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int use_keys(void)
{
    return outcome(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int run_program(void)
{
    char *argv[] = { (char *)"true", NULL };

    return outcome(execv("/bin/true", argv));
}

static int open_file(void)
{
    return outcome(open("/etc/passwd", O_RDONLY));
}

static int have_a_child(void)
{
    return outcome(syscall(SYS_fork));
}

static int clone_child(void)
{
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (child == 0) {
        _exit(0);
    }
    return outcome(child);
}

static int vfork_child(void)
{
    pid_t child = vfork();

    if (child == 0) {
        _exit(0);
    }
    return outcome(child);
}

static gpointer do_nothing(gpointer unused)
{
    return unused;
}

static int have_a_thread(void)
{
    g_autoptr(GThread) thread = g_thread_try_new("test", do_nothing, NULL,
                                                 NULL);

    return thread != NULL ? 0 : EAGAIN;
}

static int map_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0) == MAP_FAILED ? errno : 0;
}

static int make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);

    return outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int gain_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

static int dump(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0 &&
           prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : EPERM;
}

/* What the sandbox makes of it: an exit status, or KILLED */
#define KILLED -1

static const struct {
    const char *what;
    Attempt attempt;
    int cpu, opencl, cuda;
} cases[] = {
    { "memory", use_memory, 0, 0, 0 },
    { "descriptors", use_descriptors, 0, 0, 0 },
    { "time and chance", use_time_and_chance, 0, 0, 0 },
    { "a local socket", make_socket, KILLED, EPERM, EPERM },
    { "an internet socket", make_internet_socket, KILLED, EPERM, EPERM },
    { "a pair of sockets", make_socket_pair, KILLED, EPERM, EPERM },
    { "shared memory", make_shared_memory, KILLED, EPERM, EPERM },
    { "semaphores", make_semaphores, KILLED, EPERM, EPERM },
    { "a message queue", make_message_queue, KILLED, EPERM, EPERM },
    { "a queue with a name", make_posix_queue, KILLED, EPERM, EPERM },
    { "others' shared memory", use_shared_memory, KILLED, EPERM, EPERM },
    { "others' semaphores", use_semaphores, KILLED, EPERM, EPERM },
    { "others' messages", use_message_queue, KILLED, EPERM, EPERM },
    { "debugging", debug_another, KILLED, EPERM, EPERM },
    { "another's memory", read_another, KILLED, EPERM, EPERM },
    { "a signal", kill_another, KILLED, EPERM, EPERM },
    { "a thread's signal", kill_another_thread, KILLED, EPERM, EPERM },
    { "another's limits", limit_another, KILLED, EPERM, EPERM },
    { "unshare", leave_namespace, KILLED, EPERM, EPERM },
    { "clone", clone_namespace, KILLED, EPERM, EPERM },
    { "an arena", use_arena, 0, 0, 0 },
    { "a shorter arena", shrink_arena, KILLED, EPERM, EPERM },
    { "a longer arena", grow_arena, KILLED, EPERM, EPERM },
    { "more than an arena", fill_behind_arena, KILLED, EPERM, EPERM },
    { "code in an arena", execute_arena, KILLED, 0, 0 },
    { "bpf", load_bpf, KILLED, EPERM, EPERM },
    { "keys", use_keys, KILLED, EPERM, EPERM },
    { "a program", run_program, KILLED, 0, EPERM },
    { "a file", open_file, KILLED, 0, 0 },
    { "a child", have_a_child, KILLED, 0, EPERM },
    { "a child by clone", clone_child, KILLED, 0, EPERM },
    { "a child by vfork", vfork_child, KILLED, 0, EPERM },
    { "a thread", have_a_thread, KILLED, 0, 0 },
    { "an owner", own_signals, KILLED, EPERM, EPERM },
    { "an owner of a kind", own_signals_ex, KILLED, EPERM, EPERM },
    { "another signal", choose_signal, KILLED, EPERM, EPERM },
    { "a larger pipe", enlarge_pipe, KILLED, EPERM, EPERM },
    { "an owner by ioctl", own_by_ioctl, KILLED, EPERM, EPERM },
    { "a group by ioctl", own_by_group, KILLED, EPERM, EPERM },
    { "an owner, high bits", own_with_high_bits, KILLED, EPERM, EPERM },
    { "another's processor", pin_another, KILLED, EPERM, EPERM },
    { "another's priority", renice_another, KILLED, EPERM, EPERM },
    { "another's scheduler", schedule_another, KILLED, EPERM, EPERM },
    { "a session", new_session, KILLED, EPERM, EPERM },
    { "a process group", new_group, KILLED, EPERM, EPERM },
    { "executable memory", map_executable, KILLED, 0, 0 },
    { "memory made executable", make_executable, KILLED, 0, 0 },
    { "no new privileges", gain_privileges, KILLED, 0, 0 },
    { "no core file", dump, KILLED, 0, 0 },
};

static void check(const char *backend, size_t i, int expected)
{
    const int status = status_of(backend, cases[i].attempt);
    const bool good = expected == KILLED
        ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
        : WIFEXITED(status) && WEXITSTATUS(status) == expected;

    if (!good) {
        g_error("%s, %s: wait status 0x%x", backend, cases[i].what, status);
    }
}

static void test_cpu(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        check("cpu", i, cases[i].cpu);
    }
}

static void test_opencl(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        check("opencl", i, cases[i].opencl);
    }
}

static void test_cuda(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        check("cuda", i, cases[i].cuda);
    }
}

/* abort() is how a worker with a bug ends, and says so. */
static int die(void)
{
    abort();
}

static void test_abort(void)
{
    const char *const backends[] = { "cpu", "opencl", "cuda" };

    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        const int status = status_of(backends[i], die);

        g_assert_true(WIFSIGNALED(status));
        g_assert_cmpint(WTERMSIG(status), ==, SIGABRT);
    }
}

/* A driver's thread that was there before is in the sandbox, too. */
static int pipe_fds[2];

static gpointer thread_that_waits(gpointer unused G_GNUC_UNUSED)
{
    char byte;

    if (read(pipe_fds[0], &byte, 1) != 1) {
        return GINT_TO_POINTER(-1);
    }
    return GINT_TO_POINTER(make_socket());
}

static void test_threads(void)
{
    pid_t child;
    int status;

    g_assert_cmpint(pipe(pipe_fds), ==, 0);
    child = fork();
    if (child == 0) {
        GThread *thread = g_thread_new("driver", thread_that_waits, NULL);

        if (!sandbox_enter("cuda", NULL, NULL) || write(pipe_fds[1], "", 1) != 1) {
            _exit(255);
        }
        _exit(GPOINTER_TO_INT(g_thread_join(thread)));
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, EPERM);
}

int main(int argc, char **argv)
{
    Arena *arena = arena_new(0, 1, NULL);
    int result;

    g_test_init(&argc, &argv, NULL);
    g_assert_nonnull(arena);
    arena_fd_to_try = arena_open(arena);
    g_assert_cmpint(arena_fd_to_try, >=, 0);
    g_test_add_func("/sandbox/cpu", test_cpu);
    g_test_add_func("/sandbox/opencl", test_opencl);
    g_test_add_func("/sandbox/cuda", test_cuda);
    g_test_add_func("/sandbox/abort", test_abort);
    g_test_add_func("/sandbox/threads", test_threads);
    result = g_test_run();
    arena_unref(arena);
    return result;
}
