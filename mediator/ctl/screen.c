/*
 * A terminal that shows something that changes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "screen.h"

#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3
#define CTRL_D 4

static struct termios before;
static bool taken;
static volatile sig_atomic_t ended;

static void end(int signal_number G_GNUC_UNUSED)
{
    ended = 1;
}

bool screen_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

void screen_open(void)
{
    /* Without SA_RESTART: poll() is to return. */
    const struct sigaction action = { .sa_handler = end };
    struct termios raw;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    tcgetattr(STDIN_FILENO, &before);
    raw = before;
    raw.c_lflag &= ~(ICANON | ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    /* The other screen, so that this one is as before in the end; no cursor */
    printf("\033[?1049h\033[?25l");
    taken = true;
}

void screen_close(void)
{
    if (taken) {
        printf("\033[?25h\033[?1049l");
        fflush(stdout);
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        taken = false;
    }
}

void screen_show(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    struct winsize size;

    /* A serial line does not know. */
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 ||
        size.ws_col == 0) {
        size = (struct winsize) { .ws_row = 24, .ws_col = 80 };
    }
    printf("\033[H");
    for (int i = 0; lines[i] != NULL && i + 1 < size.ws_row; i++) {
        printf("%.*s\033[K\r\n", size.ws_col, lines[i]);
    }
    printf("\033[J");
    fflush(stdout);
}

bool screen_wait(int ms)
{
    const gint64 until = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
    gint64 left;

    while (!ended && (left = until - g_get_monotonic_time()) > 0) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        char key;

        if (poll(&input, 1, left / G_TIME_SPAN_MILLISECOND + 1) <= 0) {
            continue;
        }
        if (read(STDIN_FILENO, &key, 1) != 1 ||
            strchr((const char[]) { 'q', 'Q', CTRL_C, CTRL_D, '\0' }, key)) {
            return false;
        }
    }
    return !ended;
}
