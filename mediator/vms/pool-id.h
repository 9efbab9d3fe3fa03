/*
 * Which of the pools: a number here, a letter to everybody else
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_POOL_ID_H
#define MEDIATOR_POOL_ID_H

#include "vgpu-stub-regs.h"

typedef enum PoolId {
    POOL_A,
    POOL_B,
    POOLS,                      /* so many there are */
} PoolId;

/* VGPU_STUB_POOL_… */
static inline char pool_letter(PoolId pool)
{
    return VGPU_STUB_POOL_A + pool;
}

#endif /* MEDIATOR_POOL_ID_H */
