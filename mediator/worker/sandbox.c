/*
 * What a worker may still do once it serves a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* CLONE_NEW… */
#include "sandbox.h"

#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef SCMP_ACT_KILL_PROCESS   /* libseccomp 2.3, of XCP-ng 8.3 */
#define SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL
#endif

/* Descriptors that a worker may have open */
#define CPU_FILES 16
#define DRIVER_FILES 1024

static const unsigned namespaces[] = {
    CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
    CLONE_NEWPID, CLONE_NEWNET,
};

/*
 * Names that this libseccomp does not know are of system calls newer than it.
 */
static const char *const cpu_allowed[] = {
    /* The descriptors that are open */
    "read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto",
    "sendmsg", "poll", "ppoll", "close",
    /* To look at the memory of an arena, which comes later */
    "lseek", "fstatfs",
    /* Memory, without what needs a look at the arguments */
    "brk", "munmap", "mremap", "madvise", "futex", "sched_yield",
    /* Time, which is not everywhere to be had without a system call */
    "clock_gettime", "gettimeofday", "time", "clock_nanosleep", "nanosleep",
    "getrandom",
    /* Signals, of this process */
    "rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "sigaltstack",
    "restart_syscall", "getpid", "gettid", "exit", "exit_group",
};

/*
 * Commands of fcntl() and ioctl() that have others signalled, or let a pipe
 * hold more: the one that kernels print to is emptied at once (output.h).
 */
static const unsigned fcntl_denied[] = {
    F_SETOWN, F_SETOWN_EX, F_SETSIG, F_SETPIPE_SZ,
};
/* What a worker asks of an arena, 1034 where the headers don't know it */
#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#endif
static const unsigned fcntl_allowed[] = { F_GET_SEALS };
static const unsigned ioctl_denied[] = { FIOSETOWN, SIOCSPGRP };

/* A process of its own; PoCL alone needs that. */
static const char *const child_denied[] = { "fork", "vfork" };

static const char *const driver_denied[] = {
    /* Network, and the sockets of other services: one of a pair reaches them */
    "socket", "socketpair", "connect", "bind", "listen",
    /* What goes by numbers and names of the host, and outlives a process */
    "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl",
    "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink",
    /* Other processes, not least those of the same user */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
    "kcmp", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "setpriority",
    "ioprio_set", "sched_setparam", "sched_setscheduler", "sched_setattr",
    "migrate_pages", "move_pages", "setsid", "setpgid",
    /* The system */
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot",
    "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "name_to_handle_at", "open_by_handle_at", "swapon",
    "swapoff", "quotactl", "acct", "reboot", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "sethostname",
    "setdomainname", "settimeofday", "clock_settime", "clock_adjtime",
    "adjtimex", "iopl", "ioperm", "modify_ldt", "syslog", "vhangup",
    "lookup_dcookie", "personality",
    /* Files in the root that workers have in common */
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown",
    "fchownat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
    /* What has been the way out of many a sandbox */
    "add_key", "request_key", "keyctl", "bpf", "perf_event_open",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
};

static bool entered;

static bool sandbox_fail(const char *what, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code),
                "sandbox: %s: %s", what, g_strerror(code));
    return false;
}

static bool sandbox_limit(int resource, const char *name, rlim_t value,
                          GError **error)
{
    const struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

    return setrlimit(resource, &limit) == 0 ||
           sandbox_fail(name, errno, error);
}

/* --- The filter --- */

typedef struct Filter {
    scmp_filter_ctx context;
    int result;                 /* 0, or the first error's negative errno */
} Filter;

/* Of the calls named @name, those that @argument describes; NULL for all. */
static void filter_add(Filter *filter, uint32_t action, const char *name,
                       const struct scmp_arg_cmp *argument)
{
    const int number = seccomp_syscall_resolve_name(name);

    if (filter->result == 0 && number != __NR_SCMP_ERROR) {
        filter->result = seccomp_rule_add_array(filter->context, action,
                                                number, argument != NULL,
                                                argument);
    }
}

static void filter_add_all(Filter *filter, uint32_t action,
                           const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        filter_add(filter, action, names[i], NULL);
    }
}

/* Calls of @name whose second argument is one of @commands */
static void filter_commands(Filter *filter, uint32_t action, const char *name,
                            const unsigned *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* The kernel looks at 32 bits, whatever is in the others. */
        const struct scmp_arg_cmp command = {
            .arg = 1, .op = SCMP_CMP_MASKED_EQ,
            .datum_a = G_MAXUINT32, .datum_b = commands[i],
        };

        filter_add(filter, action, name, &command);
    }
}

static void filter_cpu(Filter *filter)
{
    const struct scmp_arg_cmp not_executable = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0,
    };
    const struct scmp_arg_cmp itself = {
        .arg = 0, .op = SCMP_CMP_EQ, .datum_a = getpid(),
    };

    filter_add_all(filter, SCMP_ACT_ALLOW, cpu_allowed,
                   G_N_ELEMENTS(cpu_allowed));
    filter_add(filter, SCMP_ACT_ALLOW, "mmap", &not_executable);
    filter_add(filter, SCMP_ACT_ALLOW, "mprotect", &not_executable);
    /* abort() */
    filter_add(filter, SCMP_ACT_ALLOW, "tgkill", &itself);
    filter_commands(filter, SCMP_ACT_ALLOW, "fcntl", fcntl_allowed,
                    G_N_ELEMENTS(fcntl_allowed));
}

/* No process, not even one of the same program */
static void filter_children(Filter *filter, uint32_t action)
{
    const struct scmp_arg_cmp no_thread = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ,
        .datum_a = CLONE_THREAD, .datum_b = 0,
    };

    filter_add_all(filter, action, child_denied, G_N_ELEMENTS(child_denied));
    filter_add(filter, action, "clone", &no_thread);
    filter_add(filter, action, "execve", NULL);
    filter_add(filter, action, "execveat", NULL);
}

static void filter_driver(Filter *filter, bool programs)
{
    const uint32_t deny = SCMP_ACT_ERRNO(EPERM);
    const struct scmp_arg_cmp another = {
        .arg = 0, .op = SCMP_CMP_NE, .datum_a = getpid(),
    };
    /* 0 is the process itself. */
    const struct scmp_arg_cmp not_itself = {
        .arg = 0, .op = SCMP_CMP_NE, .datum_a = 0,
    };

    filter_add_all(filter, deny, driver_denied, G_N_ELEMENTS(driver_denied));
    filter_add(filter, deny, "tgkill", &another);
    /* It is setrlimit(), too. */
    filter_add(filter, deny, "prlimit64", &not_itself);
    filter_add(filter, deny, "sched_setaffinity", &not_itself);
    filter_commands(filter, deny, "fcntl", fcntl_denied,
                    G_N_ELEMENTS(fcntl_denied));
    filter_commands(filter, deny, "ioctl", ioctl_denied,
                    G_N_ELEMENTS(ioctl_denied));
    if (!programs) {
        filter_children(filter, deny);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++) {
        const struct scmp_arg_cmp flag = {
            .arg = 0, .op = SCMP_CMP_MASKED_EQ,
            .datum_a = namespaces[i], .datum_b = namespaces[i],
        };

        filter_add(filter, deny, "clone", &flag);
    }
    /* Its flags are out of sight; the C library has clone() instead. */
    filter_add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL);
}

static bool filter_load(const char *backend, GError **error)
{
    const bool cpu = strcmp(backend, "cpu") == 0;
    Filter filter = {
        .context = seccomp_init(cpu ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW),
    };

    if (filter.context == NULL) {
        return sandbox_fail("filter", ENOMEM, error);
    }
    if (cpu) {
        filter_cpu(&filter);
    } else {
        filter_driver(&filter, strcmp(backend, "opencl") == 0);
    }
    if (filter.result == 0) {
        /* A driver has threads by now. */
        filter.result = seccomp_attr_set(filter.context,
                                         SCMP_FLTATR_CTL_TSYNC, 1);
    }
    if (filter.result == 0) {
        filter.result = seccomp_load(filter.context);
    }
    seccomp_release(filter.context);
    return filter.result == 0 || sandbox_fail("filter", -filter.result, error);
}

bool sandbox_enter(const char *backend, Closure *closure, GError **error)
{
    const bool cpu = strcmp(backend, "cpu") == 0;

    if (closure != NULL && !closure_close(closure, error)) {
        return false;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return sandbox_fail("no new privileges", errno, error);
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return sandbox_fail("not dumpable", errno, error);
    }
    entered = true;
    return sandbox_limit(RLIMIT_CORE, "core files", 0, error) &&
           sandbox_limit(RLIMIT_NOFILE, "open files",
                         cpu ? CPU_FILES : DRIVER_FILES, error) &&
           filter_load(backend, error);
}

#ifdef __SANITIZE_ADDRESS__
/*
 * At the end the leak checker stops the process from a thread that debugs it,
 * which the sandbox does not allow. Called by the checker.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return entered;
}
#endif
