/*
 * vgpu-stub: the interrupt, by MSI or by INTx
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "interrupt.h"
#include "compat.h"

static bool interrupt_pending(const VgpuStubInterrupt *interrupt)
{
    return interrupt->status & interrupt->ctrl;
}

static void interrupt_update_intx(VgpuStubInterrupt *interrupt)
{
    if (!msi_enabled(interrupt->pci_dev)) {
        pci_set_irq(interrupt->pci_dev, interrupt_pending(interrupt));
    }
}

/* Something to tell: MSI is an event, one message each; INTx is a level. */
void vgpu_stub_interrupt_notify(VgpuStubInterrupt *interrupt)
{
    if (msi_enabled(interrupt->pci_dev) && interrupt_pending(interrupt)) {
        interrupt->sending = true;
        msi_notify(interrupt->pci_dev, 0);
        interrupt->sending = false;
    }
    interrupt_update_intx(interrupt);
}

static void interrupt_redeliver(void *opaque)
{
    vgpu_stub_interrupt_notify(opaque);
}

void vgpu_stub_interrupt_init(VgpuStubInterrupt *interrupt, PCIDevice *pci_dev)
{
    interrupt->pci_dev = pci_dev;
    timer_init_ms(&interrupt->redeliver, QEMU_CLOCK_VIRTUAL,
                  interrupt_redeliver, interrupt);
}

void vgpu_stub_interrupt_exit(VgpuStubInterrupt *interrupt)
{
    timer_del(&interrupt->redeliver);
}

void vgpu_stub_interrupt_raise(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    interrupt->status |= bits;
    vgpu_stub_interrupt_notify(interrupt);
}

void vgpu_stub_interrupt_clear(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    interrupt->status &= ~bits;
    interrupt_update_intx(interrupt);
}

void vgpu_stub_interrupt_enable(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    if (bits != interrupt->ctrl) {
        interrupt->ctrl = bits;
        vgpu_stub_interrupt_notify(interrupt);
    }
}

void vgpu_stub_interrupt_reset(VgpuStubInterrupt *interrupt)
{
    timer_del(&interrupt->redeliver);
    interrupt->ctrl = 0;
    interrupt->status = 0;
    interrupt_update_intx(interrupt);
}

/*
 * The interrupt controllers may still be waiting for their own state, so an
 * interrupt is delivered when the virtual clock runs, with the guest.
 * Delivering one again that the guest knows of does no harm.
 */
void vgpu_stub_interrupt_loaded(VgpuStubInterrupt *interrupt)
{
    if (interrupt_pending(interrupt)) {
        timer_mod(&interrupt->redeliver, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL));
    }
}
