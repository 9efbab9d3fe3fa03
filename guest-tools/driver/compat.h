/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vgpu-stub: what kernels from 5.10 on call differently
 */
#ifndef VGPU_STUB_COMPAT_H
#define VGPU_STUB_COMPAT_H

#include <linux/pci.h>

/* Since 6.8 */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX	PCI_IRQ_LEGACY
#endif

#endif /* VGPU_STUB_COMPAT_H */
