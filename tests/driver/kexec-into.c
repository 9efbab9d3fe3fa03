/*
 * kexec-into: end this kernel as it is and begin another one
 *
 * Usage: kexec-into KERNEL INITRD COMMAND-LINE
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int kernel, initrd;

    if (argc != 4) {
        fputs("usage: kexec-into KERNEL INITRD COMMAND-LINE\n", stderr);
        return 2;
    }
    kernel = open(argv[1], O_RDONLY);
    initrd = open(argv[2], O_RDONLY);
    if (kernel < 0 || initrd < 0 ||
        syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1,
                argv[3], 0) < 0) {
        perror("kexec-into");
        return 1;
    }
    reboot(LINUX_REBOOT_CMD_KEXEC);
    perror("kexec-into");
    return 1;
}
