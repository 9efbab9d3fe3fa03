/*
 * As which Xen domains VMs run
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "domains.h"

typedef struct Domain {
    Vm *vm;
    guint32 domid;
    unsigned devices;
} Domain;

struct Domains {
    GQueue all;                 /* Domain, in the order of their coming */
};

static GList *find_link(Domains *domains, const Vm *vm, guint32 domid)
{
    for (GList *link = domains->all.head; link != NULL; link = link->next) {
        const Domain *domain = link->data;

        if (domain->vm == vm && domain->domid == domid) {
            return link;
        }
    }
    return NULL;
}

Domains *domains_new(void)
{
    return g_new0(Domains, 1);
}

void domains_free(Domains *domains)
{
    g_assert(domains->all.length == 0);
    g_free(domains);
}

void domains_add(Domains *domains, Vm *vm, guint32 domid)
{
    GList *link = find_link(domains, vm, domid);
    Domain *domain = link != NULL ? link->data : g_new0(Domain, 1);

    if (link == NULL) {
        domain->vm = vm;
        domain->domid = domid;
        g_queue_push_tail(&domains->all, domain);
    }
    domain->devices++;
}

void domains_remove(Domains *domains, const Vm *vm, guint32 domid)
{
    GList *link = find_link(domains, vm, domid);
    Domain *domain = link->data;

    if (--domain->devices == 0) {
        g_queue_delete_link(&domains->all, link);
        g_free(domain);
    }
}

Vm *domains_find(const Domains *domains, guint32 domid)
{
    for (GList *link = domains->all.tail; link != NULL; link = link->prev) {
        const Domain *domain = link->data;

        if (domain->domid == domid) {
            return domain->vm;
        }
    }
    return NULL;
}

char *domains_of_vm(const Domains *domains, const Vm *vm)
{
    GString *text = g_string_new(NULL);

    for (GList *link = domains->all.head; link != NULL; link = link->next) {
        const Domain *domain = link->data;

        if (domain->vm == vm) {
            g_string_append_printf(text, "%s%u", text->len > 0 ? "," : "",
                                   domain->domid);
        }
    }
    return g_string_free(text, FALSE);
}
