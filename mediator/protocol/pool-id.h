/*
 * Which of the pools: a number here, a letter to everybody else
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_POOL_ID_H
#define MEDIATOR_POOL_ID_H

#include <stdbool.h>

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

/* Whether @letter is one of a pool */
static inline bool pool_is_letter(uint8_t letter)
{
    return letter >= VGPU_STUB_POOL_A && letter <= VGPU_STUB_POOL_B;
}

/* @letter is one of a pool. */
static inline PoolId pool_of_letter(uint8_t letter)
{
    return letter - VGPU_STUB_POOL_A;
}

/*
 * A choice of pools, as a setting has it: POOL_CHOICE_ANY, or one of them. Of
 * @choice, which is not any:
 */
#define POOL_CHOICE_ANY 0
#define POOL_CHOICES (POOLS + 1)

static inline PoolId pool_of_choice(unsigned choice)
{
    return choice - 1;
}

#endif /* MEDIATOR_POOL_ID_H */
