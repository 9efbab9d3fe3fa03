/*
 * Arenas for contexts, within what all of them together may take
 *
 * What an arena counts is its full size, although it takes less until all of its
 * places have been used, and it counts until the kernel says that nobody else has
 * its memory: a device may keep what it was given. For the first one of each VM that has a queue the
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

/* The context has ended, nobody uses its arena any more, or is to use it. */
void arenas_give_back(Arenas *arenas, const char *vm, Arena *arena);

/* How many arenas of @vm were given back whose memory somebody has still */
unsigned arenas_held(Arenas *arenas, const char *vm);

/* Bytes of all that there are, at their full sizes */
uint64_t arenas_bytes(Arenas *arenas);

#endif /* MEDIATOR_ARENAS_H */
