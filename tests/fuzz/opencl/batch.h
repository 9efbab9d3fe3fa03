/*
 * Batches of OpenCL's commands, most of which mean something
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FUZZ_OPENCL_BATCH_H
#define FUZZ_OPENCL_BATCH_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "vgpu-stub-opencl.h"
#include "vgpu-stub-ring.h"

/* What is to be done: the fuzzer's bytes, and when those end what they seed */
typedef struct Choices {
    const uint8_t *bytes;
    size_t size;
    uint64_t state;             /* not 0 */
} Choices;

void choices_init(Choices *choices, const uint8_t *bytes, size_t size);

/* A number below @below, which is not 0 */
uint32_t choose(Choices *choices, uint32_t below);

/* Bytes of bulk that come with a batch, at most */
#define BULK_MAX 64

typedef struct MadeBatch {
    GByteArray *bytes;
    uint32_t bulk_length;       /* 0: it has none */
    uint32_t bulk_flags;        /* VGPU_STUB_SUBMIT_… */
} MadeBatch;

/* Begin one; @batch->bytes is the caller's to free. */
void batch_init(MadeBatch *batch, uint64_t first);

/* Put commands behind the others that make objects of each kind. */
void batch_furnish(MadeBatch *batch);

/* Put a command behind the others, which is any. */
void batch_add(MadeBatch *batch, Choices *choices);

#endif /* FUZZ_OPENCL_BATCH_H */
