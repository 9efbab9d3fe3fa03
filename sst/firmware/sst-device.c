/*
 * Accesses to a device behind sst-device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "sst-device.h"

#include "board.h"

#define MAX_POLLS 100000

SstDevice sst_device(unsigned index)
{
    return (SstDevice) {
        .base = SST_DEVICE_BASE + index * SST_DEVICE_STRIDE,
    };
}

bool sst_probe(SstDevice *device)
{
    if (!board_probe(device->base)) {
        return false;
    }
    device->reads++;
    device->bytes++;
    return true;
}

static uint64_t load8(uintptr_t address)
{
    uint64_t value;

    __asm__ volatile(".option push\n"
                     ".option arch, +d\n"
                     "fld ft0, 0(%1)\n"
                     "fsd ft0, %0\n"
                     ".option pop"
                     : "=m"(value) : "r"(address) : "memory");
    return value;
}

static void store8(uintptr_t address, uint64_t value)
{
    __asm__ volatile(".option push\n"
                     ".option arch, +d\n"
                     "fld ft0, %1\n"
                     "fsd ft0, 0(%0)\n"
                     ".option pop"
                     : : "r"(address), "m"(value) : "memory");
}

uint64_t sst_read(SstDevice *device, uint32_t offset, unsigned size)
{
    uintptr_t address = device->base + offset;

    device->reads++;
    device->bytes += size;
    switch (size) {
    case 1:
        return *(volatile uint8_t *)address;
    case 2:
        return *(volatile uint16_t *)address;
    case 4:
        return *(volatile uint32_t *)address;
    default:
        return load8(address);
    }
}

void sst_write(SstDevice *device, uint32_t offset, unsigned size,
               uint64_t value)
{
    uintptr_t address = device->base + offset;

    device->writes++;
    device->bytes += size;
    switch (size) {
    case 1:
        *(volatile uint8_t *)address = value;
        break;
    case 2:
        *(volatile uint16_t *)address = value;
        break;
    case 4:
        *(volatile uint32_t *)address = value;
        break;
    default:
        store8(address, value);
        break;
    }
}

bool sst_wait(SstDevice *device)
{
    for (unsigned polls = 0; polls < MAX_POLLS; polls++) {
        if (!(sst_get(device, SST_DEVICE_REG_STATUS) &
              SST_DEVICE_STATUS_BUSY)) {
            return true;
        }
    }
    return false;
}
