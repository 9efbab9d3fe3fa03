/*
 * Arenas for contexts, within what all of them together may take
 *
 * What an arena counts is its full size, although it takes less until all of its
 * places have been used. For the first one of each VM that has a queue the
 * memory is kept; further ones have what is left.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ARENAS_H
#define MEDIATOR_ARENAS_H

#include "protocol/arena.h"
#include "vms/settings.h"

typedef struct Arenas Arenas;

Arenas *arenas_new(void);
void arenas_free(Arenas *arenas);

/* From now on new ones are as @settings say. Those that there are stay. */
void arenas_configure(Arenas *arenas, const QueueSettings *settings);

/*
 * The VM called @vm has a device with a queue, or not any more; saying so again
 * changes nothing.
 */
void arenas_attach(Arenas *arenas, const char *vm);
void arenas_detach(Arenas *arenas, const char *vm);

/*
 * An arena for a context of @vm, to be given back with arenas_give_back(). NULL
 * and @error when there is none: a G_FILE_ERROR, which is G_FILE_ERROR_NOSPC
 * when that is because of the bound.
 */
Arena *arenas_take(Arenas *arenas, const char *vm, GError **error);

/* The context has ended, nobody uses its arena any more. */
void arenas_give_back(Arenas *arenas, const char *vm, Arena *arena);

/* Bytes of all that there are, at their full sizes */
uint64_t arenas_bytes(const Arenas *arenas);

#endif /* MEDIATOR_ARENAS_H */
