/*
 * libvgpu-stub: calls that pthread_cancel() does not end in their middle
 *
 * A thread that ended there would leave locks held and files open.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CANCEL_H
#define VGPU_STUB_CANCEL_H

#include <pthread.h>

/* Returns what cancel_restore() is to be given. */
static inline int cancel_defer(void)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void cancel_restore(int before)
{
    pthread_setcancelstate(before, NULL);
}

#endif /* VGPU_STUB_CANCEL_H */
