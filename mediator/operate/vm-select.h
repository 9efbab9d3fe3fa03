/*
 * Which VM the operator means
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_VM_SELECT_H
#define MEDIATOR_VM_SELECT_H

#include "schedule/dispatch.h"

#define SELECT_ERROR select_error_quark()
GQuark select_error_quark(void);

typedef enum SelectError {
    SELECT_ERROR_NONE,          /* there is no such VM */
    SELECT_ERROR_SEVERAL,       /* there is more than one */
} SelectError;

/*
 * The name of the VM that @word means: its name, in whatever case if that is a
 * UUID, the domid as which it runs, or how its UUID begins if no other's does
 * so. Up to five digits are a domid, never a beginning. VMs are those that are
 * there, and with @absent those that are quarantined, too.
 *
 * To be freed with g_free(); NULL and a SELECT_ERROR when it means none.
 */
char *vm_select(const Dispatch *dispatch, const char *word, bool absent,
                GError **error);

#endif /* MEDIATOR_VM_SELECT_H */
