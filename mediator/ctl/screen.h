/*
 * A terminal that shows something that changes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdbool.h>

/* Whether standard input and output are a terminal */
bool screen_is_there(void);

/* Take the terminal, until screen_close(). */
void screen_open(void);

/* Give it back as it was. Does nothing when it was not taken. */
void screen_close(void);

/* Show @text in place of what was there, as much of it as there is room for. */
void screen_show(const char *text);

/*
 * Wait for @ms milliseconds. Returns false at once when the user wants to
 * quit: q, Ctrl-C, or a signal that ends programs.
 */
bool screen_wait(int ms);

#endif /* CTL_SCREEN_H */
