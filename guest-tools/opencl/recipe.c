/*
 * OpenCL in the guest: what the host makes a program from
 *
 * SPDX-License-Identifier: MIT
 */
#include "recipe.h"

#include <stdlib.h>

static void clear(struct recipe *recipe)
{
    for (size_t i = 0; recipe->inputs && i < recipe->num_inputs; i++) {
        recipe_unuse(recipe->inputs[i]);
    }
    free(recipe->inputs);
    free(recipe->options);
    free(recipe->text);
}

/* Takes over what @made has, which is complete or not. */
static struct recipe *keep(struct recipe *made, bool complete)
{
    struct recipe *recipe = complete ? malloc(sizeof(*recipe)) : NULL;

    if (recipe) {
        *recipe = *made;
    } else {
        clear(made);
    }
    return recipe;
}

struct recipe *recipe_of_source(cl_program_binary_type type, char *options,
                                char *text, size_t length)
{
    struct recipe made = {
        .uses = 1, .depth = 1, .sources = 1, .type = type, .options = options,
        .text = text, .length = length,
    };

    return keep(&made, options && text);
}

struct recipe *recipe_of_link(cl_program_binary_type type, char *options,
                              struct recipe **inputs, size_t num_inputs)
{
    struct recipe made = {
        .uses = 1, .depth = 1, .type = type, .options = options,
        .inputs = inputs, .num_inputs = num_inputs,
    };
    bool complete = options && inputs;

    for (size_t i = 0; inputs && i < num_inputs; i++) {
        if (!inputs[i]) {
            complete = false;
            continue;
        }
        made.sources += inputs[i]->sources;
        if (inputs[i]->depth >= made.depth) {
            made.depth = inputs[i]->depth + 1;
        }
    }
    return keep(&made, complete && made.depth <= RECIPE_DEPTH_MAX);
}

struct recipe *recipe_use(struct recipe *recipe)
{
    if (recipe) {
        __atomic_add_fetch(&recipe->uses, 1, __ATOMIC_RELAXED);
    }
    return recipe;
}

void recipe_unuse(struct recipe *recipe)
{
    if (recipe &&
        __atomic_sub_fetch(&recipe->uses, 1, __ATOMIC_ACQ_REL) == 0) {
        clear(recipe);
        free(recipe);
    }
}
