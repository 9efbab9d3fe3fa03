/*
 * What a worker prints, line by line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* pipe2() */
#include "worker-output.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/*
 * Bytes of one look, and how long it is until the next one: a worker that
 * prints as fast as it can has little of the daemon's time.
 */
#define LOOK_SIZE 4096
#define LOOK_MS 20

/* Bytes at the end: what a pipe holds. Nobody writes then, as a rule. */
#define LAST_SIZE (16 * LOOK_SIZE)

struct WorkerOutput {
    int fd;
    WorkerOutputLine line;
    gpointer opaque;
    GString *text;              /* the line so far, WORKER_OUTPUT_LINE bytes */
    bool cut;                   /* and there was more of it */
    guint source;               /* 0 at the end */
};

static void append_hex(GString *text, guchar byte)
{
    static const char digits[] = "0123456789abcdef";
    const char escaped[] = {
        '\\', 'x', digits[byte >> 4], digits[byte & 15],
    };

    g_string_append_len(text, escaped, sizeof(escaped));
}

static char *escape(const char *text, size_t length, bool cut)
{
    GString *escaped = g_string_sized_new(length);
    const char *end = text + length;

    while (text < end) {
        const gunichar c = g_utf8_get_char_validated(text, end - text);

        if (c == '\\') {
            g_string_append(escaped, "\\\\");
            text++;
        } else if (c == '\t') {
            g_string_append(escaped, "\\t");
            text++;
        } else if ((c & 0x80000000) == 0 && g_unichar_isprint(c)) {
            g_string_append_unichar(escaped, c);
            text = g_utf8_next_char(text);
        } else {
            append_hex(escaped, *text++);
        }
    }
    if (cut) {
        g_string_append(escaped, " ...");
    }
    return g_string_free(escaped, FALSE);
}

static void output_end_line(WorkerOutput *output)
{
    GString *text = output->text;

    /* As ssh ends its lines */
    if (text->len > 0 && text->str[text->len - 1] == '\r') {
        g_string_truncate(text, text->len - 1);
    }
    if (text->len > 0) {
        g_autofree char *escaped = escape(text->str, text->len, output->cut);

        output->line(output->opaque, escaped);
    }
    g_string_truncate(text, 0);
    output->cut = false;
}

/* @length bytes of the current line */
static void output_append(WorkerOutput *output, const char *bytes,
                          size_t length)
{
    const size_t room = WORKER_OUTPUT_LINE - output->text->len;

    g_string_append_len(output->text, bytes, MIN(length, room));
    output->cut = output->cut || length > room;
}

static void output_take(WorkerOutput *output, const char *bytes,
                        size_t length)
{
    const char *end = bytes + length, *newline;

    while ((newline = memchr(bytes, '\n', end - bytes)) != NULL) {
        output_append(output, bytes, newline - bytes);
        output_end_line(output);
        bytes = newline + 1;
    }
    output_append(output, bytes, end - bytes);
}

/* Returns how many bytes were there; 0 at the end, -1 for none now. */
static ssize_t output_look(WorkerOutput *output)
{
    char bytes[LOOK_SIZE];
    ssize_t size = read(output->fd, bytes, sizeof(bytes));

    if (size > 0) {
        output_take(output, bytes, size);
    } else if (size < 0 && errno != EAGAIN && errno != EINTR) {
        size = 0;
    }
    return size;
}

static void output_watch(WorkerOutput *output);

static gboolean output_go_on(gpointer opaque)
{
    output_watch(opaque);
    return G_SOURCE_REMOVE;
}

static gboolean output_readable(gint fd G_GNUC_UNUSED,
                                GIOCondition condition G_GNUC_UNUSED,
                                gpointer opaque)
{
    WorkerOutput *output = opaque;
    const ssize_t size = output_look(output);

    if (size >= 0) {
        /* What comes meanwhile is taken at once then. */
        output->source = size == 0 ? 0 : g_timeout_add(LOOK_MS, output_go_on,
                                                       output);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void output_watch(WorkerOutput *output)
{
    output->source = g_unix_fd_add(output->fd, G_IO_IN, output_readable,
                                   output);
}

WorkerOutput *worker_output_new(int *fd, WorkerOutputLine line,
                                gpointer opaque, GError **error)
{
    WorkerOutput *output;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "pipe: %s", g_strerror(errno));
        return NULL;
    }
    g_unix_set_fd_nonblocking(fds[0], TRUE, NULL);
    output = g_new0(WorkerOutput, 1);
    output->fd = fds[0];
    output->line = line;
    output->opaque = opaque;
    output->text = g_string_sized_new(WORKER_OUTPUT_LINE);
    output_watch(output);
    *fd = fds[1];
    return output;
}

void worker_output_free(WorkerOutput *output)
{
    for (size_t taken = 0; taken < LAST_SIZE; taken += LOOK_SIZE) {
        if (output_look(output) <= 0) {
            break;
        }
    }
    output_end_line(output);
    if (output->source != 0) {
        g_source_remove(output->source);
    }
    close(output->fd);
    g_string_free(output->text, TRUE);
    g_free(output);
}
