/*
 * Software that is up before its simulator: reads the device's first register
 * at once. When that is 0x600d, it ends QEMU with status 0, when it is 0x1d1e, it
 * does nothing more, else it ends QEMU with status 1.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define DEVICE      0x10200000
#define TEST_DEVICE 0x100000        /* of the machine: ends it */
#define PASS        0x5555
#define FAIL        0x13333         /* with status 1 */

    .globl _start
_start:
    li      a0, DEVICE
    lw      a1, 0(a0)
    li      a2, 0x600d
    li      a3, PASS
    beq     a1, a2, 1f
    li      a2, 0x1d1e
    beq     a1, a2, 2f
    li      a3, FAIL
1:  li      a0, TEST_DEVICE
    sw      a3, 0(a0)
2:  j       2b
