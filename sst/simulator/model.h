/*
 * What a kind of device is: the interface that a device model fills in
 *
 * A new model is one file with a `const Model`, and one line in models.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_MODEL_H
#define SST_SIM_MODEL_H

#include <glib.h>
#include <stdbool.h>

typedef struct Device Device;

/* A load or store of the software that runs in QEMU */
typedef struct Access {
    bool write;
    unsigned size;              /* bytes: 1, 2, 4 or 8 */
    guint64 offset;             /* in the device, a multiple of size; the
                                 * access ends within the device */
    guint64 data;               /* what is written; a read's answer */
    guint32 cycles;             /* how long it takes: the device's latency=,
                                 * if the model does not change it */
} Access;

/* A number that the configuration may give for devices of a model */
typedef struct ModelKey {
    const char *name;
    size_t offset;              /* of its guint32 in the state */
    guint32 preset;
    guint32 min;
    guint32 max;
} ModelKey;

typedef struct Model {
    const char *name;
    size_t state_size;          /* of what device->state points to */
    const ModelKey *keys;       /* until one without a name; may be NULL */

    /* @device->state is zeroes and what the keys say. May be NULL. */
    void (*init)(Device *device);

    /* Free what init() made. May be NULL. */
    void (*clear)(Device *device);

    /* Returns false when the access is an error: the software reads all-ones,
     * or its write is lost. */
    bool (*access)(Device *device, Access *access);

    /* Take a message that came through a link. NULL: takes none. */
    void (*receive)(Device *device, guint64 message);
} Model;

extern const Model model_compute;
extern const Model model_echo;
extern const Model model_memory;

/* NULL when there is none of that name. */
const Model *model_find(const char *name);

/* The names of all, for messages; to be freed with g_free(). */
char *model_names(void);

#endif /* SST_SIM_MODEL_H */
