/*
 * vgpu-stub: the differences between the QEMU series that it is built in
 *
 * One source serves QEMU 4.2, 7.2 and 10.0. Whatever one of them names or
 * types in its own way is told here, and nowhere else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_COMPAT_H
#define VGPU_STUB_COMPAT_H

#include "chardev/char-fe.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"

#if QEMU_VERSION_MAJOR >= 10

#include "hw/pci/pci_device.h"
#include "hw/qdev-properties-system.h"
#include "system/runstate.h"
#include "system/system.h"
#include "trace/trace-hw_misc_vgpu_stub.h"

/* A property list is constant and ends where its array ends. */
typedef const Property VgpuStubProperty;
#define DEFINE_PROP_END_OF_LIST()

typedef QEMUChrEvent VgpuStubChrEvent;
typedef void VgpuStubWatchSource;
typedef bool VgpuStubRunning;

#else /* before 10 */

#include "sysemu/runstate.h"
#include "sysemu/sysemu.h"

typedef Property VgpuStubProperty;

static inline void device_class_set_legacy_reset(DeviceClass *dc,
                                                 DeviceReset reset)
{
    dc->reset = reset;
}

#if QEMU_VERSION_MAJOR >= 7

#include "hw/qdev-properties-system.h"
#include "trace/trace-hw_misc_vgpu_stub.h"

typedef QEMUChrEvent VgpuStubChrEvent;
typedef void VgpuStubWatchSource;
typedef bool VgpuStubRunning;

#else /* 4.2 */

#include "trace.h"

#define qatomic_read(word) atomic_read(word)
#define qatomic_set(word, value) atomic_set(word, value)

typedef int VgpuStubChrEvent;
typedef GIOChannel VgpuStubWatchSource;
typedef int VgpuStubRunning;

static inline void device_class_set_props(DeviceClass *dc, Property *props)
{
    dc->props = props;
}

#endif /* 4.2 */
#endif /* before 10 */

/* For `-device vgpu-stub,help`; 4.2 has no place for it. */
#if QEMU_VERSION_MAJOR >= 7
#define vgpu_stub_describe(obj, property, text) \
    object_property_set_description(obj, property, text)
#else
#define vgpu_stub_describe(obj, property, text)
#endif

#endif /* VGPU_STUB_COMPAT_H */
