/*
 * As which Xen domains VMs run
 *
 * A VM has one domain, or two while it moves to the same host, each of them
 * with its devices. The operator may name a VM by one of them as long as it
 * lives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_DOMAINS_H
#define MEDIATOR_DOMAINS_H

#include "vms.h"

typedef struct Domains Domains;

Domains *domains_new(void);

/* All that was added has been removed by then. */
void domains_free(Domains *domains);

/* A device of @vm, in the domain @domid, is there, or not any more. */
void domains_add(Domains *domains, Vm *vm, guint32 domid);
void domains_remove(Domains *domains, const Vm *vm, guint32 domid);

/* The VM that runs as @domid; NULL when none does. */
Vm *domains_find(const Domains *domains, guint32 domid);

/* The domids of @vm, as in "7" or "7,9", to be freed with g_free() */
char *domains_of_vm(const Domains *domains, const Vm *vm);

#endif /* MEDIATOR_DOMAINS_H */
