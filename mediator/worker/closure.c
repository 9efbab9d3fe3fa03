/*
 * Closes the file system: a folder becomes all that there is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* CLONE_NEWUSER, dup3() */
#include "closure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Capabilities belong to a thread, root and current folder to the process: so
 * this thread alone keeps what chroot() takes, and drivers' threads, which are
 * started by others, never have it.
 */
struct Closure {
    int folder;                 /* a descriptor */
    GThread *thread;
    int order[2];               /* a pipe: a byte is the order to close */
    int code;                   /* errno of the thread, 0 for none */
};

static bool fail(const char *what, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code),
                "the file system cannot be closed: %s: %s", what,
                g_strerror(code));
    return false;
}

/* The process's own, all three sets; 64 bits in two words */
static bool get_capabilities(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };

    return syscall(SYS_capget, &header, data) == 0;
}

bool closure_drop_capabilities(GError **error)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    const struct __user_cap_data_struct none[2] = { { 0 } };

    return syscall(SYS_capset, &header, none) == 0 ||
           fail("capabilities", errno, error);
}

static bool get_right(GError **error)
{
    struct __user_cap_data_struct data[2] = { { 0 } };

    if (get_capabilities(data) &&
        data[CAP_TO_INDEX(CAP_SYS_CHROOT)].effective &
        CAP_TO_MASK(CAP_SYS_CHROOT)) {
        return true;
    }
    return unshare(CLONE_NEWUSER) == 0 ||
           fail("neither CAP_SYS_CHROOT nor a user namespace", errno, error);
}

static gpointer wait_and_close(gpointer opaque)
{
    Closure *closure = opaque;
    char order;

    if (read(closure->order[0], &order, 1) != 1) {
        closure->code = ECANCELED;
    } else if (fchdir(closure->folder) < 0 || chroot(".") < 0) {
        closure->code = errno;
    }
    return NULL;
}

Closure *closure_new(const char *folder, GError **error)
{
    Closure *closure = g_new0(Closure, 1);

    closure->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (closure->folder < 0 || pipe2(closure->order, O_CLOEXEC) < 0) {
        fail(folder, errno, error);
        g_free(closure);
        return NULL;
    }
    if (!get_right(error)) {
        close(closure->folder);
        close(closure->order[0]);
        close(closure->order[1]);
        g_free(closure);
        return NULL;
    }
    closure->thread = g_thread_new("closure", wait_and_close, closure);
    return closure;
}

/*
 * What is open of another folder leads out of the root. Drivers may want to
 * look things up in theirs, and find the root then.
 */
static bool replace_folders(int root, GError **error)
{
    DIR *descriptors = opendir("/proc/self/fd");
    const struct dirent *entry;
    bool good = true;

    if (descriptors == NULL) {
        return fail("/proc/self/fd", errno, error);
    }
    while (good && (entry = readdir(descriptors)) != NULL) {
        const int fd = atoi(entry->d_name);
        struct stat status;

        if (entry->d_name[0] != '.' && fd != root &&
            fd != dirfd(descriptors) && fstat(fd, &status) == 0 &&
            S_ISDIR(status.st_mode)) {
            good = dup3(root, fd, O_CLOEXEC) == fd ||
                   fail("a folder that is open", errno, error);
        }
    }
    closedir(descriptors);
    return good;
}

bool closure_close(Closure *closure, GError **error)
{
    bool good = replace_folders(closure->folder, error);

    if (good && write(closure->order[1], "", 1) != 1) {
        good = fail("order", errno, error);
    }
    close(closure->order[1]);
    g_thread_join(closure->thread);
    close(closure->order[0]);
    close(closure->folder);
    if (good && closure->code != 0) {
        good = fail("chroot", closure->code, error);
    }
    g_free(closure);
    return good;
}
