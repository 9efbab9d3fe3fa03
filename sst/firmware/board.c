/*
 * What firmware uses of the virt machine of QEMU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "board.h"

#include <stdarg.h>

/* sifive_test: ends QEMU */
#define TEST_DEVICE         0x00100000
#define TEST_PASS           0x5555
#define TEST_FAIL           0x3333      /* the status is above it */

#define MTIME               0x0200BFF8

/* The PLIC, as the first processor's machine mode has it */
#define PLIC_PRIORITY       0x0C000000  /* a word for each interrupt */
#define PLIC_ENABLE         0x0C002000  /* a bit */
#define PLIC_CLAIM          0x0C200004

#define MIE_EXTERNAL        0x800

/* ns16550 */
#define UART                0x10000000
#define UART_DATA           0
#define UART_LSR            5
#define UART_LSR_DATA_READY 0x01
#define UART_LSR_THR_EMPTY  0x20

#define EXIT_TRAP 100

static volatile uint32_t *word(uintptr_t address)
{
    return (volatile uint32_t *)address;
}

static volatile uint8_t *byte(uintptr_t address)
{
    return (volatile uint8_t *)address;
}

void board_exit(int status)
{
    *word(TEST_DEVICE) = status == 0 ? TEST_PASS
                                     : (uint32_t)status << 16 | TEST_FAIL;
    for (;;) {
    }
}

/* crt0.S comes here when the processor traps. */
void board_trap(uint32_t cause, uint32_t pc, uint32_t value)
    __attribute__((noreturn));

void board_trap(uint32_t cause, uint32_t pc, uint32_t value)
{
    uart_printf("trap: mcause %x, mepc %x, mtval %x\n", (unsigned)cause,
                (unsigned)pc, (unsigned)value);
    board_exit(EXIT_TRAP);
}

uint64_t board_time(void)
{
    uint32_t low, high;

    do {
        high = *word(MTIME + 4);
        low = *word(MTIME);
    } while (high != *word(MTIME + 4));
    return (uint64_t)high << 32 | low;
}

uint32_t board_cycles(void)
{
    uint32_t cycles;

    __asm__ volatile("csrr %0, mcycle" : "=r"(cycles));
    return cycles;
}

void board_enable_interrupt(unsigned number)
{
    *word(PLIC_PRIORITY + 4 * number) = 1;
    *word(PLIC_ENABLE + number / 32 * 4) |= 1u << number % 32;
    __asm__ volatile("csrs mie, %0" : : "r"(MIE_EXTERNAL));
}

unsigned board_take_interrupt(void)
{
    unsigned number = *word(PLIC_CLAIM);

    if (number != 0) {
        *word(PLIC_CLAIM) = number;
    }
    return number;
}

/* mstatus.MIE is not set: an interrupt ends wfi, and does not trap. */
unsigned board_wait_interrupt(void)
{
    unsigned number;

    do {
        __asm__ volatile("wfi" : : : "memory");
        number = board_take_interrupt();
    } while (number == 0);
    return number;
}

void uart_putc(char c)
{
    while (!(*byte(UART + UART_LSR) & UART_LSR_THR_EMPTY)) {
    }
    *byte(UART + UART_DATA) = c;
}

char uart_getc(void)
{
    while (!(*byte(UART + UART_LSR) & UART_LSR_DATA_READY)) {
    }
    return *byte(UART + UART_DATA);
}

static void put_string(const char *text)
{
    while (*text != '\0') {
        uart_putc(*text++);
    }
}

static void put_decimal(uint32_t value)
{
    if (value >= 10) {
        put_decimal(value / 10);
    }
    uart_putc('0' + value % 10);
}

static void put_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        uart_putc("0123456789abcdef"[value >> shift & 15]);
    }
}

void uart_printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            uart_putc(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            put_string(va_arg(args, const char *));
            break;
        case 'c':
            uart_putc(va_arg(args, int));
            break;
        case 'u':
            put_decimal(va_arg(args, uint32_t));
            break;
        case 'x':
            put_hex(va_arg(args, uint32_t));
            break;
        default:
            uart_putc(*format);
            break;
        }
    }
    va_end(args);
}
