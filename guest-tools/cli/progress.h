/*
 * vgpu-stub: a progress bar, for people who look at a terminal
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_PROGRESS_H
#define VGPU_STUB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool visible;
    uint64_t done, total;
    int percent;                /* what the bar shows */
};

/* Begin with nothing done; the bar is drawn if stderr is a terminal. */
void progress_begin(struct progress *progress, uint64_t total);

/* @amount more is done. */
void progress_add(struct progress *progress, uint64_t amount);

/* Take the bar away. */
void progress_end(const struct progress *progress);

#endif /* VGPU_STUB_PROGRESS_H */
