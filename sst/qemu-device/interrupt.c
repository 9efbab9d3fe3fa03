/*
 * sst-device: the input of the board's interrupt controller that a device has
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/qdev-core.h"
#include "qapi/error.h"
#include "interrupt.h"

#define TYPE_PLIC "riscv.sifive.plic"

qemu_irq sst_interrupt_find(uint32_t number, Error **errp)
{
    Object *plic = object_resolve_path_type("", TYPE_PLIC, NULL);
    uint64_t sources;

    if (!plic) {
        error_setg(errp, "sst-device: interrupt is %" PRIu32 ", but the "
                   "machine does not have one " TYPE_PLIC, number);
        return NULL;
    }
    sources = object_property_get_uint(plic, "num-sources", &error_abort);
    if (number >= sources) {
        error_setg(errp, "sst-device: interrupt is %" PRIu32 ", must be less "
                   "than %" PRIu64, number, sources);
        return NULL;
    }
    return qdev_get_gpio_in(DEVICE(plic), number);
}
