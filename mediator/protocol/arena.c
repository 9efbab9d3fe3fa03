/*
 * The memory that a device, the mediator and one worker share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* F_ADD_SEALS, F_SETLEASE, fallocate() */
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "wire.h"

/* glibc has had them only since 2.27. */
#ifndef F_ADD_SEALS
#define F_ADD_SEALS     1033
#define F_GET_SEALS     1034
#define F_SEAL_SEAL     1
#define F_SEAL_SHRINK   2
#define F_SEAL_GROW     4
#endif

/* With less, it could be cut off: who looks behind its end gets a SIGBUS. */
#define ARENA_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

#define BULK_FLAGS \
    (VGPU_STUB_SUBMIT_BULK_FROM_GUEST | VGPU_STUB_SUBMIT_BULK_TO_GUEST)
#define KNOWN_FLAGS (BULK_FLAGS | VGPU_STUB_SUBMIT_WAITS)

struct Arena {
    unsigned references;
    int fd;
    unsigned small;
    unsigned large;
    uint8_t *memory;
};

static bool arena_fail(const char *what, int code, GError **error)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                "%s: %s", what, g_strerror(code));
    return false;
}

static bool arena_refuse(const char *what, GError **error)
{
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, what);
    return false;
}

/* --- Making and taking --- */

/* Open the memory of @fd once more; -1 and `errno` when that cannot be. */
static int open_again(int fd)
{
    char path[32];

    g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDWR | O_CLOEXEC);
}

/*
 * What memfd_create() has opened the kernel does not count among the file's
 * users, see arena_release(); and it would let everybody open it again who has
 * a descriptor.
 */
static bool arena_prepare(Arena *arena, int fd, GError **error)
{
    if (ftruncate(fd, arena_bytes(arena)) < 0) {
        return arena_fail("ftruncate", errno, error);
    }
    if (fcntl(fd, F_ADD_SEALS, ARENA_SEALS) < 0) {
        return arena_fail("F_ADD_SEALS", errno, error);
    }
    if (fchmod(fd, S_IRUSR | S_IWUSR) < 0) {
        return arena_fail("fchmod", errno, error);
    }
    arena->fd = open_again(fd);
    if (arena->fd < 0) {
        return arena_fail("the memory of an arena: open", errno, error);
    }
    return true;
}

static bool arena_make(Arena *arena, GError **error)
{
    /* glibc has had a function for it only since 2.27. */
    const int fd = syscall(SYS_memfd_create, "vgpu-arena",
                           MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool made;

    if (fd < 0) {
        return arena_fail("memfd_create", errno, error);
    }
    made = arena_prepare(arena, fd, error);
    close(fd);
    return made;
}

static bool arena_inspect(const Arena *arena, GError **error)
{
    struct statfs system;
    off_t size;
    int seals;

    /* Huge pages of a memfd can be gone although it is sealed. */
    if (fstatfs(arena->fd, &system) < 0) {
        return arena_fail("fstatfs", errno, error);
    }
    if (system.f_type != TMPFS_MAGIC) {
        return arena_refuse("the memory of an arena is no tmpfs", error);
    }
    seals = fcntl(arena->fd, F_GET_SEALS);
    if (seals < 0) {
        return arena_fail("the memory of an arena: F_GET_SEALS", errno,
                          error);
    }
    if ((seals & ARENA_SEALS) != ARENA_SEALS) {
        return arena_refuse("the memory of an arena is not sealed", error);
    }
    /* A worker's sandbox has no fstat(), which can name other files, too. */
    size = lseek(arena->fd, 0, SEEK_END);
    if (size < 0) {
        return arena_fail("the memory of an arena: lseek", errno, error);
    }
    if ((uint64_t)size != arena_bytes(arena)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "the memory of an arena has %" G_GINT64_FORMAT " bytes, "
                    "not %" G_GUINT64_FORMAT, (gint64)size,
                    (guint64)arena_bytes(arena));
        return false;
    }
    return true;
}

static bool arena_attach(Arena *arena, GError **error)
{
    void *memory = mmap(NULL, arena_bytes(arena), PROT_READ | PROT_WRITE,
                        MAP_SHARED, arena->fd, 0);

    if (memory == MAP_FAILED) {
        return arena_fail("mmap", errno, error);
    }
    arena->memory = memory;
    return true;
}

static Arena *arena_alloc(int fd, unsigned small, unsigned large)
{
    Arena *arena = g_new0(Arena, 1);

    arena->references = 1;
    arena->fd = fd;
    arena->small = small;
    arena->large = large;
    return arena;
}

static bool check_places(unsigned small, unsigned large, GError **error)
{
    if (small > VGPU_STUB_ARENA_PLACES_MAX || large < 1 ||
        large > VGPU_STUB_ARENA_PLACES_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "an arena of %u small and %u large places, 0 to %u and "
                    "1 to %u are allowed", small, large,
                    VGPU_STUB_ARENA_PLACES_MAX, VGPU_STUB_ARENA_PLACES_MAX);
        return false;
    }
    return true;
}

Arena *arena_new(unsigned small, unsigned large, GError **error)
{
    Arena *arena = arena_alloc(-1, small, large);

    if (!check_places(small, large, error) || !arena_make(arena, error) ||
        !arena_attach(arena, error)) {
        g_clear_pointer(&arena, arena_unref);
    }
    return arena;
}

Arena *arena_map(int fd, unsigned small, unsigned large, GError **error)
{
    Arena *arena = arena_alloc(fd, small, large);

    if (!check_places(small, large, error) || !arena_inspect(arena, error) ||
        !arena_attach(arena, error)) {
        g_clear_pointer(&arena, arena_unref);
        return NULL;
    }
    /* Whoever takes over this process can do no more with it than store. */
    close(arena->fd);
    arena->fd = -1;
    return arena;
}

Arena *arena_ref(Arena *arena)
{
    arena->references++;
    return arena;
}

void arena_unref(Arena *arena)
{
    if (--arena->references > 0) {
        return;
    }
    if (arena->memory != NULL) {
        munmap(arena->memory, arena_bytes(arena));
    }
    if (arena->fd >= 0) {
        close(arena->fd);
    }
    g_free(arena);
}

/*
 * The kernel gives a lease for writing to whoever is the only one that has a
 * file open or mapped; the descriptor that asks counts once, wherever it has been
 * duplicated to.
 */
static bool arena_is_alone(const Arena *arena)
{
    return fcntl(arena->fd, F_SETLEASE, F_WRLCK) == 0 &&
           fcntl(arena->fd, F_SETLEASE, F_UNLCK) == 0;
}

bool arena_release(const Arena *arena)
{
    return arena_is_alone(arena) &&
           fallocate(arena->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                     arena_bytes(arena)) == 0;
}

/* --- What it is --- */

int arena_open(const Arena *arena)
{
    return open_again(arena->fd);
}

unsigned arena_small(const Arena *arena)
{
    return arena->small;
}

unsigned arena_large(const Arena *arena)
{
    return arena->large;
}

uint64_t arena_bytes(const Arena *arena)
{
    return VGPU_STUB_ARENA_BYTES(arena->small, arena->large);
}

/* --- Its places --- */

static bool check_length(const char *what, uint32_t length, uint32_t minimum,
                         uint32_t maximum, GError **error)
{
    if (length < minimum || length > maximum) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "%s of %u bytes, %u to %u are allowed in its place", what,
                    length, minimum, maximum);
        return false;
    }
    return true;
}

static bool check_flags(const struct vgpu_stub_wire_qrequest *request,
                        GError **error)
{
    const uint32_t bulk = request->flags & BULK_FLAGS;

    if ((request->flags & ~KNOWN_FLAGS) != 0 || bulk == BULK_FLAGS ||
        (bulk != 0) != (request->bulk_length != 0) ||
        (bulk != 0 && (request->flags & VGPU_STUB_SUBMIT_WAITS))) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "flags 0x%x with %u bytes of bulk: 0x%x or 0x%x is "
                    "allowed with bulk, 0x%x without", request->flags,
                    request->bulk_length, VGPU_STUB_SUBMIT_BULK_FROM_GUEST,
                    VGPU_STUB_SUBMIT_BULK_TO_GUEST, VGPU_STUB_SUBMIT_WAITS);
        return false;
    }
    return true;
}

bool arena_check(const Arena *arena,
                 const struct vgpu_stub_wire_qrequest *request,
                 GError **error)
{
    const bool is_small = request->place < arena->small;

    if (request->place >= arena->small + arena->large) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "place %u of an arena that has %u", request->place,
                    arena->small + arena->large);
        return false;
    }
    return check_length("a request", request->request_length, 1,
                        is_small ? VGPU_STUB_ARENA_SMALL_REQUEST
                                 : VGPU_STUB_ARENA_LARGE_REQUEST, error) &&
           check_length("room for a response", request->response_capacity,
                        sizeof(struct vgpu_stub_response),
                        is_small ? VGPU_STUB_ARENA_SMALL_RESPONSE
                                 : VGPU_STUB_ARENA_LARGE_RESPONSE, error) &&
           check_length("bulk", request->bulk_length, 0,
                        is_small ? 0 : VGPU_STUB_ARENA_LARGE_BULK, error) &&
           check_flags(request, error);
}

bool arena_check_answer(const struct vgpu_stub_wire_qrequest *request,
                        size_t length, uint32_t moved, GError **error)
{
    if (length < sizeof(struct vgpu_stub_response) ||
        length > request->response_capacity || moved > request->bulk_length) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "an answer of %zu bytes, with %u of bulk; up to %u and %u "
                    "are allowed", length, moved, request->response_capacity,
                    request->bulk_length);
        return false;
    }
    return true;
}

uint8_t *arena_request(const Arena *arena, uint32_t place)
{
    return arena->memory + VGPU_STUB_ARENA_OFFSET(place, arena->small);
}

uint8_t *arena_response(const Arena *arena, uint32_t place)
{
    return arena_request(arena, place) +
           (place < arena->small ? VGPU_STUB_ARENA_SMALL_REQUEST
                                 : VGPU_STUB_ARENA_LARGE_REQUEST);
}

uint8_t *arena_bulk(const Arena *arena, uint32_t place)
{
    return place < arena->small
           ? NULL
           : arena_response(arena, place) + VGPU_STUB_ARENA_LARGE_RESPONSE;
}
