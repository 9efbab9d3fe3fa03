/*
 * vgpu-stub: the interrupt, by MSI or by INTx
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_INTERRUPT_H
#define VGPU_STUB_INTERRUPT_H

#include "hw/pci/pci.h"
#include "qemu/timer.h"

typedef struct VgpuStubInterrupt {
    PCIDevice *pci_dev;         /* NULL once it is unplugged */
    uint32_t ctrl;              /* the bits that the guest wants to be told */
    uint32_t status;            /* what has happened, until it clears them */
    QEMUTimer redeliver;        /* tells the guest after a load */
    bool sending;               /* an MSI, which may be aimed at the device */
} VgpuStubInterrupt;

void vgpu_stub_interrupt_init(VgpuStubInterrupt *interrupt,
                              PCIDevice *pci_dev);

/* Nothing is delivered any more. */
void vgpu_stub_interrupt_exit(VgpuStubInterrupt *interrupt);

/* These bits have happened. */
void vgpu_stub_interrupt_raise(VgpuStubInterrupt *interrupt, uint32_t bits);

/* The guest has taken note of these bits. */
void vgpu_stub_interrupt_clear(VgpuStubInterrupt *interrupt, uint32_t bits);

/* The guest wants to be told of these bits from now on. */
void vgpu_stub_interrupt_enable(VgpuStubInterrupt *interrupt, uint32_t bits);

/* What is pending is told in the way that holds now, MSI or INTx. */
void vgpu_stub_interrupt_notify(VgpuStubInterrupt *interrupt);

void vgpu_stub_interrupt_reset(VgpuStubInterrupt *interrupt);

/* Its fields were loaded: what is pending is told when the guest runs. */
void vgpu_stub_interrupt_loaded(VgpuStubInterrupt *interrupt);

#endif /* VGPU_STUB_INTERRUPT_H */
