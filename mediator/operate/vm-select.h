/*
 * Which VM the operator means
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_VM_SELECT_H
#define MEDIATOR_VM_SELECT_H

#include "vms/vms.h"

#define SELECT_ERROR select_error_quark()
GQuark select_error_quark(void);

typedef enum SelectError {
    SELECT_ERROR_NONE,          /* there is no such VM */
    SELECT_ERROR_SEVERAL,       /* there is more than one */
} SelectError;

/*
 * The VM that @word means, of those that are there: its name, in whatever case
 * if that is a UUID, the domid as which it runs, or how its UUID begins if no
 * other's does so. Up to five digits are a domid, never a beginning. NULL and a
 * SELECT_ERROR when it means none.
 */
Vm *vm_select(const Vms *vms, const char *word, GError **error);

/*
 * The name of such a VM, or of one that is not there, but quarantined; to be
 * freed with g_free().
 */
char *vm_select_name(const Vms *vms, const char *word, GError **error);

#endif /* MEDIATOR_VM_SELECT_H */
