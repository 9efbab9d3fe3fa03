/*
 * sst-device: the input of the board's interrupt controller that a device has
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_DEVICE_INTERRUPT_H
#define SST_DEVICE_INTERRUPT_H

#include "hw/irq.h"

/*
 * Input @number of the machine's PLIC. NULL with @errp set when there is no
 * such input. Whether a device of the board's drives it too cannot be told.
 */
qemu_irq sst_interrupt_find(uint32_t number, Error **errp);

#endif /* SST_DEVICE_INTERRUPT_H */
