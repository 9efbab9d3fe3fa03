/*
 * sst-device: requests and answers as bytes, in either format
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "wire.h"

static uint32_t wire_type(const SstRequest *request)
{
    return request->write ? SST_MMIO_WRITE : SST_MMIO_READ;
}

static void guide_encode(const SstRequest *request, uint8_t *bytes)
{
    struct sst_mmio_guide_request wire = {
        .magic = cpu_to_le32(SST_MMIO_REQUEST_MAGIC),
        .type = cpu_to_le32(wire_type(request)),
        .address = cpu_to_le64(request->address),
        .size = cpu_to_le32(request->size),
        .data = cpu_to_le64(request->data),
    };

    memcpy(bytes, &wire, sizeof(wire));
}

static char *guide_decode(const uint8_t *bytes, SstAnswer *answer)
{
    struct sst_mmio_guide_response wire;
    uint32_t magic;

    memcpy(&wire, bytes, sizeof(wire));
    magic = le32_to_cpu(wire.magic);
    if (magic != SST_MMIO_RESPONSE_MAGIC) {
        return g_strdup_printf("an answer has the magic 0x%08" PRIx32
                               ", not 0x%08x", magic, SST_MMIO_RESPONSE_MAGIC);
    }
    answer->ok = le32_to_cpu(wire.status) == SST_MMIO_STATUS_OK;
    answer->data = le64_to_cpu(wire.data);
    answer->latency = le32_to_cpu(wire.latency);
    return NULL;
}

static bool guide_decode_interrupt(const uint8_t *bytes,
                                   SstInterrupt *interrupt)
{
    struct sst_mmio_guide_interrupt wire;

    memcpy(&wire, bytes, sizeof(wire));
    interrupt->address = le64_to_cpu(wire.address);
    interrupt->level = wire.level != 0;
    return le32_to_cpu(wire.magic) == SST_MMIO_INTERRUPT_MAGIC;
}

static void guide_encode_idle(const SstIdle *idle, uint8_t *bytes)
{
    struct sst_mmio_guide_request wire = {
        .magic = cpu_to_le32(SST_MMIO_REQUEST_MAGIC),
        .type = cpu_to_le32(SST_MMIO_IDLE),
        .address = cpu_to_le64(idle->ns),
        .data = cpu_to_le64(idle->interrupts),
    };

    memcpy(bytes, &wire, sizeof(wire));
}

static void acalsim_encode(const SstRequest *request, uint8_t *bytes)
{
    struct sst_mmio_acalsim_request wire = {
        .type = wire_type(request),
        .size = request->size,
        .address = cpu_to_le64(request->address),
        .data = cpu_to_le64(request->data),
    };

    memcpy(bytes, &wire, sizeof(wire));
}

/* There is no magic: what has to be 0 is all that can show a wrong answer. */
static char *acalsim_decode(const uint8_t *bytes, SstAnswer *answer)
{
    static const uint8_t zero[7];
    struct sst_mmio_acalsim_response wire;

    memcpy(&wire, bytes, sizeof(wire));
    QEMU_BUILD_BUG_ON(sizeof(wire.reserved) != sizeof(zero));
    if (memcmp(wire.reserved, zero, sizeof(zero))) {
        return g_strdup("an answer has reserved bytes that are not 0");
    }
    answer->ok = wire.success == SST_MMIO_SUCCESS;
    answer->data = le64_to_cpu(wire.data);
    answer->latency = 0;
    return NULL;
}

static const SstFormat formats[] = {
    {
        .name = "guide",
        .request_size = sizeof(struct sst_mmio_guide_request),
        .answer_size = sizeof(struct sst_mmio_guide_response),
        .encode = guide_encode,
        .decode = guide_decode,
        .decode_interrupt = guide_decode_interrupt,
        .encode_idle = guide_encode_idle,
    },
    {
        .name = "acalsim",
        .request_size = sizeof(struct sst_mmio_acalsim_request),
        .answer_size = sizeof(struct sst_mmio_acalsim_response),
        .encode = acalsim_encode,
        .decode = acalsim_decode,
    },
};

const SstFormat *sst_format_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (!strcmp(formats[i].name, name)) {
            return &formats[i];
        }
    }
    return NULL;
}
