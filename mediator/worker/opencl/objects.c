/*
 * The objects of a guest's program, by the ids that it has chosen
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "objects.h"

#include "vgpu-stub-opencl.h"

struct ClObjects {
    GHashTable *by_id;          /* ClObject */
    uint64_t serials;           /* so far */
};

void cl_object_init(ClObject *object, ClKind kind,
                    void (*free)(ClObject *object))
{
    *object = (ClObject) { .kind = kind, .references = 1, .free = free };
}

void cl_object_ref(ClObject *object)
{
    object->references++;
}

void cl_object_unref(ClObject *object)
{
    if (--object->references == 0) {
        object->free(object);
    }
}

static void unref(gpointer object)
{
    cl_object_unref(object);
}

ClObjects *cl_objects_new(void)
{
    ClObjects *objects = g_new0(ClObjects, 1);

    objects->by_id = g_hash_table_new_full(NULL, NULL, NULL, unref);
    return objects;
}

void cl_objects_free(ClObjects *objects)
{
    g_hash_table_unref(objects->by_id);
    g_free(objects);
}

bool cl_objects_is_free(const ClObjects *objects, uint32_t id)
{
    return id >= 1 && id <= VGPU_STUB_CL_ID_MAX &&
           !g_hash_table_contains(objects->by_id, GUINT_TO_POINTER(id));
}

void cl_objects_add(ClObjects *objects, uint32_t id, ClObject *object)
{
    g_assert(cl_objects_is_free(objects, id));
    object->serial = ++objects->serials;
    g_hash_table_insert(objects->by_id, GUINT_TO_POINTER(id), object);
}

ClObject *cl_objects_at(const ClObjects *objects, uint32_t id)
{
    return g_hash_table_lookup(objects->by_id, GUINT_TO_POINTER(id));
}

ClObject *cl_objects_find(const ClObjects *objects, uint32_t id, ClKind kind)
{
    ClObject *object = cl_objects_at(objects, id);

    return object != NULL && object->kind == kind ? object : NULL;
}

bool cl_objects_remove(ClObjects *objects, uint32_t id)
{
    return g_hash_table_remove(objects->by_id, GUINT_TO_POINTER(id));
}
