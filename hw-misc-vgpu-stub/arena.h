/*
 * vgpu-stub: an arena, memory shared with the mediator and a worker
 *
 * docs/wire-protocol.md is the specification. A request and its answer have a
 * place in it, from the request's copy to the answer's. Whatever is in there
 * may change at any time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_ARENA_H
#define VGPU_STUB_ARENA_H

#include "qemu/bitmap.h"
#include "vgpu-stub-wire.h"

#define VGPU_STUB_ARENA_PLACES_ALL (2 * VGPU_STUB_ARENA_PLACES_MAX)

typedef struct VgpuStubArena {
    uint8_t *base;              /* NULL: there is none */
    int fd;
    uint64_t bytes;
    uint32_t small, large;      /* places */
    DECLARE_BITMAP(used, VGPU_STUB_ARENA_PLACES_ALL);
    DECLARE_BITMAP(filled, VGPU_STUB_ARENA_PLACES_ALL); /* may have memory */
    DECLARE_BITMAP(recent, VGPU_STUB_ARENA_PLACES_ALL); /* since age() */
} VgpuStubArena;

/*
 * Map what the mediator announced, host byte order. Takes over @fd. Returns
 * NULL, or what is wrong with it; then there is no arena, and neither is there
 * one when this process has no room for it.
 */
const char *vgpu_stub_arena_open(VgpuStubArena *arena, int fd,
                                 const struct vgpu_stub_wire_arena *wire);

/* Nothing if there is none. */
void vgpu_stub_arena_close(VgpuStubArena *arena);

/* A free place, or -1. */
int vgpu_stub_arena_take(VgpuStubArena *arena, bool large);
void vgpu_stub_arena_give(VgpuStubArena *arena, uint32_t place);

/* The parts of a place; only a large one has room for bulk. */
uint8_t *vgpu_stub_arena_request(const VgpuStubArena *arena, uint32_t place);
uint8_t *vgpu_stub_arena_response(const VgpuStubArena *arena, uint32_t place);
uint8_t *vgpu_stub_arena_bulk(const VgpuStubArena *arena, uint32_t place);

/*
 * Give the memory back of places that were not used since the last age().
 * Returns false when the time was up: go on later.
 */
bool vgpu_stub_arena_trim(VgpuStubArena *arena, int64_t deadline);

/* All that is to go back has. Returns whether there is more that may later. */
bool vgpu_stub_arena_age(VgpuStubArena *arena);

#endif /* VGPU_STUB_ARENA_H */
