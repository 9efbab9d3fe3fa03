/*
 * Arenas: their places, and memory that is none
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* memfd_create() */
#include "protocol/arena.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/wire.h"

#define SMALL 3u
#define LARGE 16u       /* 18 MiB, which is a number of huge pages, too */
#define BYTES VGPU_STUB_ARENA_BYTES(0, LARGE)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

static Arena *new_arena(void)
{
    g_autoptr(GError) error = NULL;
    Arena *arena = arena_new(SMALL, LARGE, &error);

    g_assert_no_error(error);
    return arena;
}

static void test_places(void)
{
    Arena *arena = new_arena();
    uint8_t *end = arena_request(arena, 0);

    g_assert_cmpuint(arena_small(arena), ==, SMALL);
    g_assert_cmpuint(arena_large(arena), ==, LARGE);
    g_assert_cmpuint(arena_bytes(arena), ==,
                     SMALL * 0x2000 + LARGE * 0x120000);
    for (uint32_t place = 0; place < SMALL + LARGE; place++) {
        const bool is_small = place < SMALL;

        g_assert_true(arena_request(arena, place) == end);
        end += is_small ? 0x1000 : 0x10000;
        g_assert_true(arena_response(arena, place) == end);
        end += is_small ? 0x1000 : 0x10000;
        g_assert_true(arena_bulk(arena, place) == (is_small ? NULL : end));
        end += is_small ? 0 : 0x100000;
    }
    g_assert_cmpuint(end - arena_request(arena, 0), ==, arena_bytes(arena));
    end[-1] = 1;
    arena_unref(arena);
}

/* What the one writes the other sees, also when the one has gone. */
static void test_shared(void)
{
    Arena *arena = arena_ref(new_arena());
    g_autoptr(GError) error = NULL;
    Arena *other = arena_map(arena_open(arena), SMALL, LARGE, &error);

    g_assert_no_error(error);
    arena_unref(arena);
    strcpy((char *)arena_bulk(arena, SMALL + 1), "it is here");
    arena_unref(arena);
    g_assert_cmpstr((char *)arena_bulk(other, SMALL + 1), ==, "it is here");
    arena_unref(other);
}

static void test_numbers_of_places(void)
{
    static const unsigned wrong[][2] = {
        { 0, 0 }, { 257, 1 }, { 1, 257 }, { G_MAXUINT, 1 }, { 1, G_MAXUINT },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(arena_new(wrong[i][0], wrong[i][1], &error));
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    }
    arena_unref(arena_new(256, 256, NULL));
    arena_unref(arena_new(0, 1, NULL));
}

/* --- Memory that somebody else has made --- */

static int make(unsigned flags, uint64_t bytes, unsigned seals)
{
    int fd = memfd_create("test", flags | MFD_ALLOW_SEALING | MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, bytes), ==, 0);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, seals), ==, 0);
    return fd;
}

/* @fd is refused because of @why, and closed. */
static void refused(int fd, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(arena_map(fd, 0, LARGE, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, why));
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);
}

static void test_is_memory(void)
{
    int pipes[2];
    int file;
    g_autofree char *path = NULL;

    g_assert_cmpint(pipe(pipes), ==, 0);
    refused(pipes[0], "no tmpfs");
    close(pipes[1]);
    file = g_file_open_tmp(NULL, &path, NULL);
    g_assert_cmpint(ftruncate(file, BYTES), ==, 0);
    refused(file, "");
    unlink(path);
    refused(open("/dev/null", O_RDWR), "");
    refused(open("/dev/zero", O_PATH), "");
    /* On most hosts the one file of a tmpfs that every user can make */
    file = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    if (file >= 0) {
        g_assert_cmpint(ftruncate(file, BYTES), ==, 0);
        refused(file, "is not sealed");
    }
}

static void test_seals(void)
{
    for (unsigned left_out = 1; left_out <= F_SEAL_GROW; left_out <<= 1) {
        refused(make(0, BYTES, SEALS & ~left_out), "is not sealed");
    }
    refused(make(0, BYTES, 0), "is not sealed");
    /* It could not be written into. */
    refused(make(0, BYTES, SEALS | F_SEAL_WRITE), "mmap");
}

static void test_size(void)
{
    refused(make(0, BYTES - 1, SEALS), "has 18874367 bytes, not 18874368");
    refused(make(0, BYTES + 1, SEALS), "has 18874369 bytes, not 18874368");
    refused(make(0, 0, SEALS), "has 0 bytes");
}

static void test_huge_pages(void)
{
    int fd = memfd_create("test", MFD_HUGETLB | MFD_ALLOW_SEALING);

    if (fd < 0) {
        g_test_skip("this host has no huge pages");
        return;
    }
    g_assert_cmpint(ftruncate(fd, BYTES), ==, 0);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, SEALS), ==, 0);
    refused(fd, "no tmpfs");
}

static void test_own_cannot_change(void)
{
    Arena *arena = new_arena();
    const int fd = arena_open(arena);

    g_assert_cmpint(ftruncate(fd, 0), ==, -1);
    g_assert_cmpint(ftruncate(fd, arena_bytes(arena) + 1), ==, -1);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
    close(fd);
    arena_unref(arena);
}

/* --- Who has it --- */

static blkcnt_t blocks(int fd)
{
    struct stat found;

    g_assert_cmpint(fstat(fd, &found), ==, 0);
    g_assert_cmpint(found.st_mode & ACCESSPERMS, ==, 0600);
    return found.st_blocks;
}

static void *map(int fd)
{
    void *memory = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);

    g_assert_true(memory != MAP_FAILED);
    return memory;
}

/* In whichever way somebody else has it, it is not given back. */
static void test_release(void)
{
    Arena *arena = new_arena();
    int fd = arena_open(arena), other;
    void *memory = map(fd);

    memset(arena_bulk(arena, SMALL), 1, 4096);
    g_assert_false(arena_release(arena));
    other = dup(fd);
    close(fd);
    g_assert_false(arena_release(arena));
    munmap(memory, BYTES);
    g_assert_false(arena_release(arena));
    memory = map(other);
    g_assert_cmpint(blocks(other), >, 0);
    close(other);
    g_assert_false(arena_release(arena));
    munmap(memory, BYTES);
    g_assert_true(arena_release(arena));
    g_assert_cmpint(*arena_bulk(arena, SMALL), ==, 0);
    arena_unref(arena);
}

/* What cannot be opened again is no way to it: the memory is given back. */
static void test_release_of_a_name(void)
{
    Arena *arena = new_arena();
    const int fd = arena_open(arena);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    const int name = open(path, O_PATH | O_CLOEXEC);

    memset(arena_bulk(arena, SMALL), 1, 4096);
    g_assert_cmpint(name, >=, 0);
    g_assert_cmpint(blocks(name), >, 0);
    close(fd);
    g_assert_true(arena_release(arena));
    arena_unref(arena);
    g_assert_cmpint(blocks(name), ==, 0);
    close(name);
}

/* --- What a device says of a place --- */

static void test_requests(void)
{
    static const struct {
        struct vgpu_stub_wire_qrequest request;
        const char *why;        /* NULL: it fits */
    } cases[] = {
        { { 0, 0, 0, 1, 32, 0, 0 }, NULL },
        { { 0, 0, 2, 4096, 4096, 0, 0 }, NULL },
        { { 0, 0, 3, 65536, 65536, 1048576, 1 }, NULL },
        { { 0, 9, 18, 1, 32, 1, 2 }, NULL },
        { { 0, 0, 0, 32, 32, 0, 16 }, NULL },
        { { 0, 0, 19, 32, 32, 0, 0 }, "place 19 of an arena that has 19" },
        { { 0, 0, G_MAXUINT32, 32, 32, 0, 0 }, "place 4294967295 of" },
        { { 0, 0, 0, 0, 32, 0, 0 }, "a request of 0 bytes, 1 to 4096" },
        { { 0, 0, 2, 4097, 32, 0, 0 }, "a request of 4097 bytes" },
        { { 0, 0, 3, 65537, 32, 0, 0 }, "of 65537 bytes, 1 to 65536" },
        { { 0, 0, 0, 32, 31, 0, 0 }, "a response of 31 bytes, 32 to 4096" },
        { { 0, 0, 0, 32, 4097, 0, 0 }, "a response of 4097 bytes" },
        { { 0, 0, 3, 32, 65537, 0, 0 }, "a response of 65537 bytes" },
        { { 0, 0, 0, 32, 32, 1, 1 }, "bulk of 1 bytes, 0 to 0" },
        { { 0, 0, 3, 32, 32, 1048577, 1 }, "bulk of 1048577 bytes" },
        { { 0, 0, 3, 32, 32, 1, 3 }, "flags 0x3 with 1 bytes of bulk" },
        { { 0, 0, 3, 32, 32, 1, 0 }, "flags 0x0 with 1 bytes of bulk" },
        { { 0, 0, 3, 32, 32, 0, 1 }, "flags 0x1 with 0 bytes of bulk" },
        { { 0, 0, 3, 32, 32, 1, 17 }, "flags 0x11 with 1 bytes of bulk" },
        { { 0, 0, 0, 32, 32, 0, 4 }, "flags 0x4 with" },
        { { 0, 0, 0, 32, 32, 0, 0x80000000 }, "flags 0x80000000 with" },
    };
    Arena *arena = new_arena();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_true(arena_check(arena, &cases[i].request, &error) ==
                      (cases[i].why == NULL));
        if (cases[i].why != NULL) {
            g_assert_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION);
            g_assert_nonnull(strstr(error->message, cases[i].why));
        }
    }
    arena_unref(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arena/places", test_places);
    g_test_add_func("/arena/shared", test_shared);
    g_test_add_func("/arena/numbers-of-places", test_numbers_of_places);
    g_test_add_func("/arena/is-memory", test_is_memory);
    g_test_add_func("/arena/seals", test_seals);
    g_test_add_func("/arena/size", test_size);
    g_test_add_func("/arena/huge-pages", test_huge_pages);
    g_test_add_func("/arena/own-cannot-change", test_own_cannot_change);
    g_test_add_func("/arena/release", test_release);
    g_test_add_func("/arena/release-of-a-name", test_release_of_a_name);
    g_test_add_func("/arena/requests", test_requests);
    return g_test_run();
}
