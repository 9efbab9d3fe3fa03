/*
 * The rights that the daemon gives up for good
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* setresuid() */
#include "privileges.h"

#include <errno.h>
#include <gio/gio.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool fail(const char *what, GError **error)
{
    const int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

static bool still(const char *what, GError **error)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                "after the drop the daemon still has %s", what);
    return false;
}

/* None in any set, also for programs that it would execute */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    const struct __user_cap_data_struct none[2] = { { 0 } };

    return syscall(SYS_capset, &header, none) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2];

    return syscall(SYS_capget, &header, data) != 0 ||
           (data[0].effective | data[0].permitted | data[0].inheritable |
            data[1].effective | data[1].permitted | data[1].inheritable) != 0;
}

/* Only groups that @user is a member of; group 0 is no other's. */
static bool has_other_groups(const struct passwd *user)
{
    gid_t groups[NGROUPS_MAX];
    const int count = getgroups(G_N_ELEMENTS(groups), groups);

    for (int i = 0; i < count; i++) {
        if (groups[i] == 0 && user->pw_gid != 0) {
            return true;
        }
    }
    return count < 0;
}

static bool check(const struct passwd *user, GError **error)
{
    uid_t uids[3];
    gid_t gids[3];

    getresuid(&uids[0], &uids[1], &uids[2]);
    getresgid(&gids[0], &gids[1], &gids[2]);
    for (int i = 0; i < 3; i++) {
        if (uids[i] != user->pw_uid || gids[i] != user->pw_gid) {
            return still("another user or group", error);
        }
    }
    if (has_other_groups(user)) {
        return still("root's group", error);
    }
    if (has_capabilities()) {
        return still("a capability", error);
    }
    if (setuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0) {
        return still("the right to be root", error);
    }
    return true;
}

bool privileges_find(const char *name, uid_t *user, gid_t *group,
                     GError **error)
{
    const struct passwd *entry;

    errno = ENOENT;
    entry = getpwnam(name);
    if (entry == NULL) {
        return fail("no such user", error);
    }
    *user = entry->pw_uid;
    *group = entry->pw_gid;
    return true;
}

bool privileges_drop(const char *name, GError **error)
{
    const struct passwd *user;

    if (geteuid() != 0) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                            "only root can be another user");
        return false;
    }
    errno = ENOENT;
    user = getpwnam(name);
    if (user == NULL) {
        return fail("no such user", error);
    }
    if (user->pw_uid == 0) {
        return still("uid 0, which is this user's", error);
    }
    if (initgroups(name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0 ||
        !drop_capabilities()) {
        return fail("drop", error);
    }
    return check(user, error);
}
