/*
 * The device models that there are
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "model.h"

#include <string.h>

static const Model *const models[] = {
    &model_compute,
    &model_echo,
    &model_memory,
};

const Model *model_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        if (strcmp(models[i]->name, name) == 0) {
            return models[i];
        }
    }
    return NULL;
}

char *model_names(void)
{
    const char *names[G_N_ELEMENTS(models) + 1] = { NULL };

    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        names[i] = models[i]->name;
    }
    return g_strjoinv(", ", (char **)names);
}
