/*
 * What firmware uses of the virt machine of QEMU: UART, clock, interrupts, and
 * the end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_FIRMWARE_BOARD_H
#define SST_FIRMWARE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define BOARD_MTIME_HZ 10000000

/* End QEMU with this exit status; 0 is success, at most 127. */
void board_exit(int status) __attribute__((noreturn));

/* Is there something at @address? Loads a byte from there. */
bool board_probe(uintptr_t address);

/* Ticks of BOARD_MTIME_HZ since the machine began */
uint64_t board_time(void);

/* Executed instructions, or cycles: what QEMU makes of them */
uint32_t board_cycles(void);

/* Let the interrupt with this number at the PLIC end waits. */
void board_enable_interrupt(unsigned number);

/* Sleep until an enabled interrupt is there, take it, and return its number. */
unsigned board_wait_interrupt(void);

/* The same, but 0 when none is there. */
unsigned board_take_interrupt(void);

void uart_putc(char c);

/* The next character that comes in; waits for it. */
char uart_getc(void);

/*
 * Print, knowing %s, %c, %u (uint32_t), %x (uint32_t, 8 digits) and %%.
 */
void uart_printf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif /* SST_FIRMWARE_BOARD_H */
