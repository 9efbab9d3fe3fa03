/*
 * vgpu-stub bench: what the machine runs on
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_HYPERVISOR_H
#define VGPU_STUB_HYPERVISOR_H

#define HYPERVISOR_SIZE 128

/*
 * Write its name, and of Xen its version, to @text, or "unknown". What dom0 is
 * like, a guest is not told.
 */
void find_hypervisor(char text[HYPERVISOR_SIZE]);

#endif /* VGPU_STUB_HYPERVISOR_H */
