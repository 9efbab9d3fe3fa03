/*
 * libvgpu-stub: the device's interrupt, where uio_pci_generic is bound to it
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_INTERRUPT_H
#define VGPU_STUB_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

struct interrupt {
    int uio;                /* becomes readable with an interrupt; -1: none */
    int config;             /* the device's configuration space */
    uint8_t command_high;   /* the upper byte of its command register */
};

#define INTERRUPT_NONE ((struct interrupt) { .uio = -1, .config = -1 })

/*
 * Find the interrupt of the device at @bdf. Without the driver, or if that
 * cannot be used, there is none, which is no error.
 */
void interrupt_open(struct interrupt *interrupt, const char *bdf);

void interrupt_close(struct interrupt *interrupt);

/*
 * Let the next interrupt through: the kernel masks each one that arrives. The
 * device must not be asking for one now, or that would be the next.
 */
void interrupt_unmask(const struct interrupt *interrupt);

/*
 * Forget the interrupts that made @uio readable. Returns false when there will
 * be none any more, because the driver does not have the device now.
 */
bool interrupt_clear(const struct interrupt *interrupt);

#endif /* VGPU_STUB_INTERRUPT_H */
