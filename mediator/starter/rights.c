/*
 * Which user the starter's children are, and what they may
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* setresuid() */
#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_CAP_AMBIENT          /* headers older than the kernel, 4.3 */
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#endif

#define BIT(capability) (UINT64_C(1) << (capability))
#define CHROOT_BIT BIT(CAP_SYS_CHROOT)

/* Exactly @capabilities, all three sets of them */
static bool set_capabilities(uint64_t capabilities)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2];

    for (int i = 0; i < 2; i++) {
        data[i].effective = data[i].permitted = data[i].inheritable =
            capabilities >> (32 * i);
    }
    return syscall(SYS_capset, &header, data) == 0;
}

/* Those in the effective or permitted set */
static uint64_t get_capabilities(void)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) != 0) {
        return UINT64_MAX;
    }
    return data[0].effective | data[0].permitted |
           (uint64_t)(data[1].effective | data[1].permitted) << 32;
}

/*
 * Have the capability to chroot, and no other. It is ambient so that a program
 * which is executed by another user than root keeps it; for root it is the
 * bounding set that counts.
 */
static bool keep_chroot(void)
{
    for (int capability = 0;
         prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        /* Without the right to do so one is not root, or in the service. */
        if (capability != CAP_SYS_CHROOT) {
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
    }
    return set_capabilities(CHROOT_BIT) &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0,
                 0) == 0;
}

static bool set_ids(uid_t uid, const gid_t *groups, size_t count)
{
    return setgroups(count, groups) == 0 && setresgid(uid, uid, uid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}

bool rights_become(uid_t uid, const gid_t *groups, size_t count)
{
    return set_ids(uid, groups, count) && set_capabilities(0) &&
           get_capabilities() == 0;
}

bool rights_become_worker(uid_t uid, const gid_t *groups, size_t count,
                          bool may_chroot)
{
    if (uid != 0 && (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
                     !set_ids(uid, groups, count))) {
        return false;
    }
    return may_chroot ? keep_chroot() : set_capabilities(0);
}

void rights_kill_all(uid_t keeper, uid_t uid)
{
    uid_t real, effective, saved;

    /*
     * The saved uid is the way back. With the capability to kill, kill(-1)
     * would be for the whole host.
     */
    if (setresuid(keeper, uid, 0) == 0 &&
        getresuid(&real, &effective, &saved) == 0 && real == keeper &&
        effective == uid && !(get_capabilities() & BIT(CAP_KILL))) {
        kill(-1, SIGKILL);
    }
    if (setresuid(0, 0, 0) != 0) {
        abort();
    }
}

bool rights_keep_needed(void)
{
    /*
     * Workers' users and groups, and their folders. None to signal others: who
     * does that has the uid of those whom it is about.
     */
    const uint64_t needed = BIT(CAP_SETUID) | BIT(CAP_SETGID) |
                            BIT(CAP_CHOWN);

    return set_capabilities(needed | (get_capabilities() & CHROOT_BIT)) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool rights_may_chroot(void)
{
    return (get_capabilities() & CHROOT_BIT) != 0;
}
