/*
 * as-user: run a program as an ordinary user, uid 1000, in group 105 (render)
 *
 * Usage: as-user PROGRAM [ARGUMENT...]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2 || setgroups(0, NULL) < 0 || setgid(105) < 0 ||
        setuid(1000) < 0) {
        perror("as-user");
        return 1;
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
