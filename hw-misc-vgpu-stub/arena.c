/*
 * vgpu-stub: an arena, memory shared with the mediator and a worker
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/memfd.h"
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include "arena.h"
#include "dma.h"

#define ARENA_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * A store into memory that shrank would end QEMU, and so would one into huge
 * pages that nobody reserved: only a sealed memfd of the usual kind will do.
 */
static const char *arena_check_memory(int fd, uint64_t bytes)
{
    struct statfs fs;
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0) {
        return "descriptor of ARENA is no memfd";
    }
    if ((seals & ARENA_SEALS) != ARENA_SEALS) {
        return "memfd of ARENA is not sealed";
    }
    if (fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC) {
        return "memfd of ARENA is of huge pages";
    }
    if (fstat(fd, &st) || (uint64_t)st.st_size != bytes) {
        return "size of ARENA's memfd";
    }
    return NULL;
}

static const char *arena_check(int fd, const struct vgpu_stub_wire_arena *wire)
{
    if (wire->small > VGPU_STUB_ARENA_PLACES_MAX || wire->large < 1 ||
        wire->large > VGPU_STUB_ARENA_PLACES_MAX) {
        return "places in ARENA";
    }
    if (wire->bytes != VGPU_STUB_ARENA_BYTES(wire->small, wire->large)) {
        return "bytes in ARENA";
    }
    return arena_check_memory(fd, wire->bytes);
}

const char *vgpu_stub_arena_open(VgpuStubArena *arena, int fd,
                                 const struct vgpu_stub_wire_arena *wire)
{
    const char *wrong = arena_check(fd, wire);
    void *base = MAP_FAILED;

    if (!wrong) {
        base = mmap(NULL, wire->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                    0);
        if (base == MAP_FAILED && errno != ENOMEM) {
            wrong = "memfd of ARENA cannot be mapped";
        }
    }
    if (base == MAP_FAILED) {
        close(fd);
        return wrong;
    }
    *arena = (VgpuStubArena) {
        .base = base,
        .fd = fd,
        .bytes = wire->bytes,
        .small = wire->small,
        .large = wire->large,
    };
    return NULL;
}

void vgpu_stub_arena_close(VgpuStubArena *arena)
{
    if (arena->base) {
        munmap(arena->base, arena->bytes);
        close(arena->fd);
        arena->base = NULL;
    }
}

int vgpu_stub_arena_take(VgpuStubArena *arena, bool large)
{
    unsigned long begin = large ? arena->small : 0;
    unsigned long end = arena->small + (large ? arena->large : 0);
    unsigned long place = find_next_zero_bit(arena->used, end, begin);

    if (place >= end) {
        return -1;
    }
    set_bit(place, arena->used);
    set_bit(place, arena->filled);
    set_bit(place, arena->recent);
    return place;
}

void vgpu_stub_arena_give(VgpuStubArena *arena, uint32_t place)
{
    clear_bit(place, arena->used);
}

static uint8_t *arena_at(const VgpuStubArena *arena, uint32_t place,
                         size_t in_small, size_t in_large)
{
    return arena->base + VGPU_STUB_ARENA_OFFSET(place, arena->small) +
           (place < arena->small ? in_small : in_large);
}

uint8_t *vgpu_stub_arena_request(const VgpuStubArena *arena, uint32_t place)
{
    return arena_at(arena, place, 0, 0);
}

uint8_t *vgpu_stub_arena_response(const VgpuStubArena *arena, uint32_t place)
{
    return arena_at(arena, place, VGPU_STUB_ARENA_SMALL_REQUEST,
                    VGPU_STUB_ARENA_LARGE_REQUEST);
}

uint8_t *vgpu_stub_arena_bulk(const VgpuStubArena *arena, uint32_t place)
{
    assert(place >= arena->small);
    return arena_at(arena, place, 0, VGPU_STUB_ARENA_LARGE_REQUEST +
                                     VGPU_STUB_ARENA_LARGE_RESPONSE);
}

/* Where the memory of the places [@begin, @end) goes back, there are holes. */
static void arena_punch(VgpuStubArena *arena, unsigned long begin,
                        unsigned long end)
{
    uint64_t from = VGPU_STUB_ARENA_OFFSET(begin, arena->small);
    uint64_t to = VGPU_STUB_ARENA_OFFSET(end, arena->small);

    /* If that fails it stays what it is, memory, until it is used again. */
    (void)!fallocate(arena->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     from, to - from);
    bitmap_clear(arena->filled, begin, end - begin);
}

bool vgpu_stub_arena_trim(VgpuStubArena *arena, int64_t deadline)
{
    DECLARE_BITMAP(idle, VGPU_STUB_ARENA_PLACES_ALL);
    unsigned long places = arena->small + arena->large;
    unsigned long begin, end;

    if (!arena->base) {
        return true;
    }
    bitmap_andnot(idle, arena->filled, arena->used, places);
    bitmap_andnot(idle, idle, arena->recent, places);
    for (begin = find_first_bit(idle, places); begin < places;
         begin = find_next_bit(idle, places, end)) {
        end = begin < arena->small
              ? find_next_zero_bit(idle, arena->small, begin) : begin + 1;
        arena_punch(arena, begin, end);
        if (vgpu_stub_expired(deadline)) {
            return false;
        }
    }
    return true;
}

bool vgpu_stub_arena_age(VgpuStubArena *arena)
{
    unsigned long places = arena->small + arena->large;

    if (!arena->base) {
        return false;
    }
    bitmap_copy(arena->recent, arena->used, places);
    return !bitmap_empty(arena->filled, places);
}
