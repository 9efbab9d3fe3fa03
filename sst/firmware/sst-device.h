/*
 * Accesses to a device behind sst-device, by the names of its registers in
 * sst-mmio-wire.h
 *
 * Every access is one of exactly its size, and is counted, so that the counts
 * can be compared with those of QEMU and of the simulator.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_FIRMWARE_SST_DEVICE_H
#define SST_FIRMWARE_SST_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "sst-mmio-wire.h"

typedef struct SstDevice {
    uintptr_t base;
    uint32_t reads;
    uint32_t writes;
    uint32_t bytes;
} SstDevice;

/* Device number @index, where the simulator's example configuration has it */
SstDevice sst_device(unsigned index);

/* Is the device there? Reads a byte of it. */
bool sst_probe(SstDevice *device);

/*
 * @offset is a multiple of @size; @size is 1, 2, 4 or 8. RV32 has no integer
 * load or store of 8 bytes: those are fld and fsd, of the D extension.
 */
uint64_t sst_read(SstDevice *device, uint32_t offset, unsigned size);
void sst_write(SstDevice *device, uint32_t offset, unsigned size,
               uint64_t value);

/* Registers have 4 bytes. */
static inline uint32_t sst_get(SstDevice *device, uint32_t reg)
{
    return sst_read(device, reg, 4);
}

static inline void sst_set(SstDevice *device, uint32_t reg, uint32_t value)
{
    sst_write(device, reg, 4, value);
}

/* Poll until the device is not BUSY; false: it still is after many polls. */
bool sst_wait(SstDevice *device);

#endif /* SST_FIRMWARE_SST_DEVICE_H */
