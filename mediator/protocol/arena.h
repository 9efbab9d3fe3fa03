/*
 * The memory that a device, the mediator and one worker share
 *
 * What requests of a queue's context carry is there, in places; the layout is
 * in include/vgpu-stub-wire.h. The others may write into it at any time: copy
 * what is there, then check the copy, then use it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ARENA_H
#define MEDIATOR_ARENA_H

#include <glib.h>
#include <stdbool.h>

#include "vgpu-stub-wire.h"

typedef struct Arena Arena;

/*
 * New memory of @small places, 0 to VGPU_STUB_ARENA_PLACES_MAX, and @large
 * ones, 1 to that: a memfd whose size can never change. It takes none of the
 * host's until somebody writes into it. NULL and a G_FILE_ERROR when there is
 * none to be had.
 */
Arena *arena_new(unsigned small, unsigned large, GError **error);

/*
 * What somebody else has made so: takes over @fd, also when it fails. NULL and a
 * G_FILE_ERROR when it is no such memory, or could be cut off while it is used.
 */
Arena *arena_map(int fd, unsigned small, unsigned large, GError **error);

Arena *arena_ref(Arena *arena);
void arena_unref(Arena *arena);

/*
 * A descriptor of the memory for another process, of an arena that was made here;
 * -1 and `errno` when there is none. Who has it can open the memory no further
 * time, unless his user is this process's or root.
 */
int arena_open(const Arena *arena);

/*
 * Whether nobody but this process has or can get at the memory of an arena that
 * was made here. What was in it is gone then, and the host has the memory back.
 */
bool arena_release(const Arena *arena);

/* Places, and the size of all in bytes */
unsigned arena_small(const Arena *arena);
unsigned arena_large(const Arena *arena);
uint64_t arena_bytes(const Arena *arena);

/*
 * Whether @request, in host byte order, is one that this arena has a place for:
 * the place, the lengths and the flags. If not, a WIRE_ERROR_VIOLATION.
 */
bool arena_check(const Arena *arena,
                 const struct vgpu_stub_wire_qrequest *request,
                 GError **error);

/*
 * Whether an answer of @length bytes, with @moved ones of bulk, is one to
 * @request. If not, a WIRE_ERROR_VIOLATION.
 */
bool arena_check_answer(const struct vgpu_stub_wire_qrequest *request,
                        size_t length, uint32_t moved, GError **error);

/*
 * The parts of @place, which is one of this arena. A small place has no bulk:
 * NULL.
 */
uint8_t *arena_request(const Arena *arena, uint32_t place);
uint8_t *arena_response(const Arena *arena, uint32_t place);
uint8_t *arena_bulk(const Arena *arena, uint32_t place);

#endif /* MEDIATOR_ARENA_H */
