/*
 * sst-device: requests and answers as bytes, in either format
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_DEVICE_WIRE_H
#define SST_DEVICE_WIRE_H

#include "sst-mmio-wire.h"

/* As much as a request or an answer takes in any format. */
#define SST_WIRE_MAX_SIZE   sizeof(struct sst_mmio_guide_request)

typedef struct SstRequest {
    bool write;
    unsigned size;          /* 1, 2, 4 or 8 */
    uint64_t address;       /* on the bus */
    uint64_t data;          /* of a write */
} SstRequest;

typedef struct SstAnswer {
    bool ok;                /* false: the simulator refused the access */
    uint64_t data;          /* of a read, not yet cut to the access' size */
    uint32_t latency;       /* simulated cycles; 0 where the format has none */
} SstAnswer;

/* The interrupt line of the device that @address lies in */
typedef struct SstInterrupt {
    uint64_t address;       /* what requests call it */
    bool level;
} SstInterrupt;

/* All processors wait for an interrupt. */
typedef struct SstIdle {
    uint64_t ns;            /* until a timer of ours; SST_MMIO_IDLE_NEVER */
    uint64_t interrupts;    /* messages had on this connection */
} SstIdle;

typedef struct SstFormat {
    const char *name;
    size_t request_size;    /* bytes, <= SST_WIRE_MAX_SIZE */
    size_t answer_size;     /* the same */
    void (*encode)(const SstRequest *request, uint8_t *bytes);
    /*
     * NULL, or what is wrong with an answer that breaks the format: the caller
     * frees it, and *@answer is not set.
     */
    char *(*decode)(const uint8_t *bytes, SstAnswer *answer);

    /* NULL in a format that has no other messages than requests and answers */

    /* True when it is an interrupt that came in the place of an answer. */
    bool (*decode_interrupt)(const uint8_t *bytes, SstInterrupt *interrupt);
    /* As large as a request, and not answered. */
    void (*encode_idle)(const SstIdle *idle, uint8_t *bytes);
} SstFormat;

/* The format of this name; NULL when there is none. */
const SstFormat *sst_format_find(const char *name);

#endif /* SST_DEVICE_WIRE_H */
