/*
 * What runs before main() on the virt machine of QEMU, and when a trap comes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
    .section .text.start, "ax"
    .global _start
_start:
    .option push
    .option norelax             /* gp is what relaxation relies on */
    la gp, __global_pointer$
    .option pop
    la sp, __stack_top
    la t0, trap_entry
    csrw mtvec, t0

    /* The floating-point registers, for accesses of 8 bytes */
    li t0, 0x2000               /* mstatus.FS = initial */
    csrs mstatus, t0

    la t0, __data_load
    la t1, __data_start
    la t2, __data_end
1:  bgeu t1, t2, 2f
    lw t3, 0(t0)
    sw t3, 0(t1)
    addi t0, t0, 4
    addi t1, t1, 4
    j 1b

2:  la t1, __bss_start
    la t2, __bss_end
3:  bgeu t1, t2, 4f
    sw zero, 0(t1)
    addi t1, t1, 4
    j 3b

4:  call main
    tail board_exit             /* with main's result */

    /* No test expects a trap: say what it was, and give up. The stack may be
     * what is broken, so it begins anew. */
    .balign 4
trap_entry:
    la sp, __stack_top
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    tail board_trap

    /* bool board_probe(uintptr_t address): does a load there not trap? */
    .text
    .global board_probe
board_probe:
    la t0, 1f
    csrrw t0, mtvec, t0
    lbu t1, 0(a0)
    csrw mtvec, t0
    li a0, 1
    ret
    .balign 4
1:  csrw mtvec, t0
    li a0, 0
    ret
