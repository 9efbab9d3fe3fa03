/*
 * What is taken of what a worker prints, and when
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "executors/worker-output.h"

/* What a pipe holds */
#define PIPE_SIZE 65536

static void count_line(gpointer opaque, const char *text G_GNUC_UNUSED)
{
    (*(unsigned *)opaque)++;
}

static void print(int fd, const char *line, size_t length)
{
    g_autoptr(GString) text = g_string_sized_new(PIPE_SIZE);

    while (text->len + length <= PIPE_SIZE) {
        g_string_append_len(text, line, length);
    }
    g_assert_cmpint(write(fd, text->str, text->len), ==, text->len);
}

/* However much is there, others are served soon; and nothing is lost. */
static void test_little_at_a_time(void)
{
    unsigned lines = 0;
    int fd;
    WorkerOutput *output = worker_output_new(&fd, count_line, &lines, NULL);

    print(fd, "x\n", 2);
    g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(lines, >, 0);
    g_assert_cmpuint(lines, <=, PIPE_SIZE / 2 / 16);
    worker_output_free(output);
    g_assert_cmpuint(lines, ==, PIPE_SIZE / 2);
    close(fd);
}

static void check_line(gpointer opaque, const char *text)
{
    g_assert_cmpstr(text, ==, *(const char **)opaque);
    *(const char **)opaque = NULL;
}

static void test_escapes(void)
{
    const char line[] = "\0\x01\x7f\x80\xff\xc3\xa4\\\t\n";
    const char *expected = "\\x00\\x01\\x7f\\x80\\xff\xc3\xa4\\\\\\t";
    int fd;
    WorkerOutput *output = worker_output_new(&fd, check_line, &expected,
                                             NULL);

    g_assert_cmpint(write(fd, line, sizeof(line) - 1), ==, sizeof(line) - 1);
    g_main_context_iteration(NULL, TRUE);
    g_assert_null(expected);
    worker_output_free(output);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/worker-output/little-at-a-time", test_little_at_a_time);
    g_test_add_func("/worker-output/escapes", test_escapes);
    return g_test_run();
}
