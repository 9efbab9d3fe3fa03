/*
 * Which VM the operator means
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vm-select.h"

#include <string.h>

/* Xen's are below 32752. */
#define DOMID_DIGITS 5

G_DEFINE_QUARK(select-error-quark, select_error)

/* What VMs have been found so far */
typedef struct Search {
    const char *word;
    bool exact;                 /* one is called that */
    GPtrArray *begin;           /* the names of those that begin so */
} Search;

static bool begins_so(const char *name, const char *word)
{
    return identity_is_uuid(name) && word[0] != '\0' &&
           g_ascii_strncasecmp(name, word, strlen(word)) == 0;
}

static void look_at_name(const char *name, gpointer opaque)
{
    Search *search = opaque;

    if (strcmp(name, search->word) == 0) {
        search->exact = true;
    }
    if (begins_so(name, search->word)) {
        g_ptr_array_add(search->begin, g_strdup(name));
    }
}

static void look_at_vm(Vm *vm, gpointer search)
{
    look_at_name(vm_name(vm), search);
}

/* A VM that is there may be quarantined, too. */
static void look_at_absent(const char *name, gpointer opaque)
{
    Search *search = opaque;

    for (guint i = 0; i < search->begin->len; i++) {
        if (strcmp(g_ptr_array_index(search->begin, i), name) == 0) {
            return;
        }
    }
    look_at_name(name, search);
}

/* The VM that runs as a domain; NULL and @error when @word is no such domid. */
static char *select_domain(const Vms *vms, const char *word,
                           GError **error)
{
    guint32 domid;
    Vm *vm = identity_parse_domid(word, &domid)
             ? vms_of_domain(vms, domid) : NULL;

    if (vm == NULL) {
        g_set_error(error, SELECT_ERROR, SELECT_ERROR_NONE,
                    "no VM runs as domain %s; `vms` lists all", word);
        return NULL;
    }
    return g_strdup(vm_name(vm));
}

static char *select_name(const Vms *vms, const char *word, bool absent,
                         GError **error)
{
    g_autoptr(GPtrArray) begin = g_ptr_array_new_with_free_func(g_free);
    Search search = { .word = word, .begin = begin };
    const size_t length = strlen(word);

    vms_foreach(vms, look_at_vm, &search);
    if (absent) {
        quarantines_foreach(vms_quarantines(vms), look_at_absent, &search);
    }
    if (search.exact) {
        return g_strdup(word);
    }
    if (length > 0 && length <= DOMID_DIGITS &&
        strspn(word, "0123456789") == length) {
        return select_domain(vms, word, error);
    }
    if (begin->len == 1) {
        return g_strdup(g_ptr_array_index(begin, 0));
    }
    if (begin->len > 1) {
        g_set_error(error, SELECT_ERROR, SELECT_ERROR_SEVERAL,
                    "the UUIDs of %u VMs begin with '%s'; give more of it",
                    begin->len, word);
        return NULL;
    }
    g_set_error(error, SELECT_ERROR, SELECT_ERROR_NONE,
                "no VM is called '%s'; `vms` lists all", word);
    return NULL;
}

Vm *vm_select(const Vms *vms, const char *word, GError **error)
{
    g_autofree char *name = select_name(vms, word, false, error);

    return name != NULL ? vms_find(vms, name) : NULL;
}

char *vm_select_name(const Vms *vms, const char *word, GError **error)
{
    return select_name(vms, word, true, error);
}
