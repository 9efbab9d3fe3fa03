/*
 * uart-text: accesses as lines of text on the UART, without sst-device
 *
 * The way of the first generation of such bridges, to compare with: a request
 * is SST:READ:ADDRESS:00000000 or SST:WRITE:ADDRESS:DATA, its answer
 * SST:OK:DATA or SST:ERR:CODE; numbers have 8 hexadecimal digits. The server
 * says in a line how many accesses it wants, before anything else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "board.h"
#include "sst-mmio-wire.h"

#define ANSWER "SST:OK:"

static uint32_t get_decimal_line(void)
{
    uint32_t value = 0;
    char c;

    while ((c = uart_getc()) != '\n') {
        value = value * 10 + (c - '0');
    }
    return value;
}

/* False when the answer is another than SST:OK:DATA. */
static bool get_answer(uint32_t *data)
{
    const char *expected = ANSWER;
    bool ok = true;
    char c;

    *data = 0;
    while ((c = uart_getc()) != '\n') {
        if (*expected != '\0') {
            ok = ok && c == *expected++;
        } else {
            *data = *data << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
        }
    }
    return ok && *expected == '\0';
}

int main(void)
{
    uint32_t address = SST_DEVICE_BASE + SST_DEVICE_REG_DATA_IN;
    uint32_t accesses = get_decimal_line();

    for (uint32_t i = 0; i < accesses; i++) {
        uint32_t data;

        uart_printf("SST:WRITE:%x:%x\n", (unsigned)address, (unsigned)i);
        if (!get_answer(&data)) {
            return 1;
        }
        uart_printf("SST:READ:%x:%x\n", (unsigned)address, 0u);
        if (!get_answer(&data) || data != i) {
            return 1;
        }
    }
    return 0;
}
