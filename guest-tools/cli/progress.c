/*
 * vgpu-stub: a progress bar, for people who look at a terminal
 *
 * SPDX-License-Identifier: MIT
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define WIDTH 50

static void draw(const struct progress *progress)
{
    static const char bar[WIDTH + 1] =
        "##################################################";

    fprintf(stderr, "\r[%-*.*s] %3d %%", WIDTH,
            progress->percent * WIDTH / 100, bar, progress->percent);
}

void progress_begin(struct progress *progress, uint64_t total)
{
    *progress = (struct progress) {
        .visible = isatty(STDERR_FILENO) && total > 0,
        .total = total,
    };
    if (progress->visible) {
        draw(progress);
    }
}

void progress_add(struct progress *progress, uint64_t amount)
{
    int percent;

    progress->done += amount;
    percent = progress->done * 100.0 / progress->total;
    if (progress->visible && percent != progress->percent) {
        progress->percent = percent;
        draw(progress);
    }
}

void progress_end(const struct progress *progress)
{
    if (progress->visible) {
        fputs("\r\033[K", stderr);      /* erase the line */
    }
}
