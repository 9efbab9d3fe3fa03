/*
 * vgpu-stub: the interrupt, by MSI or by INTx
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "interrupt.h"
#include "compat.h"

static uint32_t interrupt_pending(const VgpuStubInterrupt *interrupt)
{
    return interrupt->status & interrupt->ctrl;
}

static void interrupt_update_intx(VgpuStubInterrupt *interrupt)
{
    PCIDevice *pci_dev = interrupt->pci_dev;

    if (pci_dev && !msi_enabled(pci_dev)) {
        pci_set_irq(pci_dev, interrupt_pending(interrupt) != 0);
    }
}

static void interrupt_put(void *opaque)
{
    object_unref(OBJECT(opaque));
}

/*
 * The guest says where an MSI writes: into this device, or into what unplugs
 * it. Then it is kept until all that led here has returned.
 */
static void interrupt_send_msi(VgpuStubInterrupt *interrupt)
{
    PCIDevice *pci_dev = interrupt->pci_dev;

    object_ref(OBJECT(pci_dev));
    interrupt->sending = true;
    msi_notify(pci_dev, 0);
    interrupt->sending = false;
    if (interrupt->pci_dev) {
        object_unref(OBJECT(pci_dev));
    } else {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), interrupt_put,
                                pci_dev);
    }
}

/*
 * These bits are to be told if they are pending: MSI is an event, one message
 * each; INTx is a level, of all bits.
 */
static void interrupt_tell(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    PCIDevice *pci_dev = interrupt->pci_dev;

    if (pci_dev && msi_enabled(pci_dev) &&
        (interrupt_pending(interrupt) & bits)) {
        interrupt_send_msi(interrupt);
    }
    interrupt_update_intx(interrupt);
}

void vgpu_stub_interrupt_notify(VgpuStubInterrupt *interrupt)
{
    interrupt_tell(interrupt, UINT32_MAX);
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
    interrupt->pci_dev = NULL;
}

void vgpu_stub_interrupt_raise(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    interrupt->status |= bits;
    interrupt_tell(interrupt, bits);
}

void vgpu_stub_interrupt_clear(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    interrupt->status &= ~bits;
    interrupt_update_intx(interrupt);
}

void vgpu_stub_interrupt_enable(VgpuStubInterrupt *interrupt, uint32_t bits)
{
    uint32_t added = bits & ~interrupt->ctrl;

    interrupt->ctrl = bits;
    interrupt_tell(interrupt, added);
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
