/*
 * The files that a driver needs after it is open, as a small root
 *
 * PoCL compiles with headers and a library of bitcode of its own, and links the
 * outcome with the host's ld, against C library, libm and libgcc_s. That and
 * the libraries of ld itself is all: 90 MB, nothing of the host's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* dl_iterate_phdr() */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0444
#define PROGRAM_MODE 0555
/* While it is filled, and then */
#define FOLDER_MODE 0755
#define FINAL_MODE 0555

#define LOCK_NAME ".lock"
#define LOCK_MODE 0600

/* So many links on the way to a file, at most */
#define MAX_LINKS 40

static bool fail(const char *path, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                path, g_strerror(code));
    return false;
}

/* --- Copies at the same paths --- */

/* Is @to the copy of @from as it is now? */
static bool is_copied(const char *from, const char *to)
{
    struct stat source, copy;

    return stat(from, &source) == 0 && stat(to, &copy) == 0 &&
           source.st_size == copy.st_size &&
           source.st_mtime == copy.st_mtime;
}

/* Replaces an older one at once, since workers may be using it. */
static bool copy_file(const char *from, const char *to, GError **error)
{
    g_autoptr(GFile) source = g_file_new_for_path(from);
    g_autofree char *part = g_strconcat(to, ".part", NULL);
    g_autoptr(GFile) target = g_file_new_for_path(part);
    const bool program = access(from, X_OK) == 0;

    if (is_copied(from, to)) {
        return true;
    }
    /* What one that was killed has left there cannot be written to. */
    unlink(part);
    return g_file_copy(source, target, G_FILE_COPY_NONE, NULL, NULL, NULL,
                       error) &&
           ((chmod(part, program ? PROGRAM_MODE : FILE_MODE) == 0 &&
             rename(part, to) == 0) || fail(to, errno, error));
}

/* A folder that may be filled; there may be one. */
static bool make_folder(const char *path, GError **error)
{
    return ((mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST) &&
            chmod(path, FOLDER_MODE) == 0) || fail(path, errno, error);
}

static bool copy_tree(const char *from, const char *to, GError **error)
{
    g_autoptr(GDir) names = g_dir_open(from, 0, error);
    const char *name;

    if (names == NULL || !make_folder(to, error)) {
        return false;
    }
    while ((name = g_dir_read_name(names)) != NULL) {
        g_autofree char *source = g_build_filename(from, name, NULL);
        g_autofree char *target = g_build_filename(to, name, NULL);
        const bool folder = g_file_test(source, G_FILE_TEST_IS_DIR);

        if (!(folder ? copy_tree : copy_file)(source, target, error)) {
            return false;
        }
    }
    return true;
}

/* The same link in the root, unless it is there */
static bool copy_link(const char *from, const char *to, char **target,
                      GError **error)
{
    *target = g_file_read_link(from, error);
    return *target != NULL &&
           (symlink(*target, to) == 0 || errno == EEXIST ||
            fail(to, errno, error));
}

/*
 * Copy the file or the folder at @path, which is absolute, and the links and
 * folders on the way to it, so that the same path leads to it in @root.
 */
static bool add(const char *root, const char *path, GError **error)
{
    /* What is still to go, and how far we are, without links */
    g_autofree char *rest = g_strdup(path);
    g_autofree char *here = g_strdup("");
    unsigned links = 0;

    for (;;) {
        char *name = rest + strspn(rest, "/");
        char *end = name + strcspn(name, "/");
        g_autofree char *component = g_strndup(name, end - name);
        g_autofree char *from = g_strdup_printf("%s/%s", here, component);
        g_autofree char *to = g_build_filename(root, from, NULL);
        g_autofree char *after = g_strdup(end);

        if (g_str_equal(component, "..")) {
            *(strrchr(here, '/') != NULL ? strrchr(here, '/') : here) = '\0';
        } else if (g_file_test(from, G_FILE_TEST_IS_SYMLINK)) {
            g_autofree char *target = NULL;

            if (++links > MAX_LINKS) {
                return fail(path, ELOOP, error);
            }
            if (!copy_link(from, to, &target, error)) {
                return false;
            }
            if (g_path_is_absolute(target)) {
                *here = '\0';
            }
            g_free(rest);
            rest = g_strconcat(target, after, NULL);
            continue;
        } else if (after[strspn(after, "/")] == '\0') {
            return g_file_test(from, G_FILE_TEST_IS_DIR)
                   ? copy_tree(from, to, error) : copy_file(from, to, error);
        } else if (!make_folder(to, error)) {
            return false;
        } else {
            g_free(here);
            here = g_steal_pointer(&from);
        }
        g_free(rest);
        rest = g_steal_pointer(&after);
    }
}

/* --- What PoCL needs --- */

/* A library that is loaded, looked for by the beginning of its file's name */
typedef struct Library {
    const char *prefix;
    char *path;                 /* absolute, as it was loaded; NULL: none */
} Library;

static int find_library(struct dl_phdr_info *info, size_t size G_GNUC_UNUSED,
                        void *opaque)
{
    Library *library = opaque;
    const char *slash = strrchr(info->dlpi_name, '/');

    if (slash == NULL || !g_str_has_prefix(slash + 1, library->prefix)) {
        return 0;
    }
    library->path = g_strdup(info->dlpi_name);
    return 1;
}

/* The path of the library, to be freed with g_free() */
static char *loaded_library(const char *prefix, GError **error)
{
    Library library = { .prefix = prefix };

    if (dl_iterate_phdr(find_library, &library) == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "the driver has no %s", prefix);
    }
    return library.path;
}

/* Headers and bitcode, where PoCL looks for them: from its own library on */
static bool add_pocl(const char *root, GError **error)
{
    static const char *const places[] = {
        "../../share/pocl", "../share/pocl",
    };
    g_autofree char *library = loaded_library("libpocl", NULL);
    g_autofree char *folder = NULL;

    if (library == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "the driver is not PoCL, and which files of the host "
                    "another one opens is not known");
        return false;
    }
    folder = g_path_get_dirname(library);
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(folder, places[i], NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
            return add(root, path, error);
        }
    }
    return fail("share/pocl", ENOENT, error);
}

/* The program and its libraries, as the dynamic linker lists them */
static bool add_program(const char *root, const char *name, GError **error)
{
    g_auto(GStrv) environment = g_environ_setenv(
        g_get_environ(), "LD_TRACE_LOADED_OBJECTS", "1", TRUE);
    g_autofree char *path = g_find_program_in_path(name);
    char *argv[] = { path, NULL };
    g_autofree char *output = NULL;
    g_auto(GStrv) words = NULL;

    if (path == NULL) {
        return fail(name, ENOENT, error);
    }
    if (!add(root, path, error) ||
        !g_spawn_sync(NULL, argv, environment, G_SPAWN_DEFAULT, NULL, NULL,
                      &output, NULL, NULL, error)) {
        return false;
    }
    words = g_strsplit_set(output, " \t\n", -1);
    for (char **word = words; *word != NULL; word++) {
        if (g_path_is_absolute(*word) && !add(root, *word, error)) {
            return false;
        }
    }
    return true;
}

/*
 * What -lm and the like find: a line that names the library which is loaded.
 * What developers have there is not needed then.
 */
static bool add_link_names(const char *root, GError **error)
{
    static const struct {
        const char *name, *library;
    } names[] = {
        { "libc.so", "libc.so." }, { "libm.so", "libm.so." },
        { "libgcc.so", "libgcc_s.so." }, { "libgcc_s.so", "libgcc_s.so." },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *library = loaded_library(names[i].library, error);
        g_autofree char *path = g_build_filename(root, "usr/lib",
                                                 names[i].name, NULL);
        g_autofree char *script = g_strdup_printf("INPUT(%s)\n", library);

        if (library == NULL || !add(root, library, error) ||
            !g_file_set_contents(path, script, -1, error)) {
            return false;
        }
        if (chmod(path, FILE_MODE) < 0) {
            return fail(path, errno, error);
        }
    }
    return true;
}

/* Workers of the same user must not change it either. */
static bool seal(const char *folder, GError **error)
{
    g_autoptr(GDir) names = g_dir_open(folder, 0, error);
    const char *name;

    if (names == NULL) {
        return false;
    }
    while ((name = g_dir_read_name(names)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR) &&
            !g_file_test(path, G_FILE_TEST_IS_SYMLINK) &&
            !seal(path, error)) {
            return false;
        }
    }
    return chmod(folder, FINAL_MODE) == 0 || fail(folder, errno, error);
}

static bool fill(const char *folder, GError **error)
{
    static const char *const folders[] = { "", "usr", "usr/lib" };

    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(folder, folders[i], NULL);

        if (!make_folder(path, error)) {
            return false;
        }
    }
    return add_pocl(folder, error) && add_program(folder, "ld", error) &&
           add_link_names(folder, error) && seal(folder, error);
}

/*
 * There may be another process that fills it for another pool. The file is none
 * that workers can open: they could lock it for good.
 */
static int lock(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, LOCK_NAME, NULL);
    const int fd = chmod(folder, FOLDER_MODE) == 0
                   ? open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                          LOCK_MODE) : -1;

    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        fail(path, errno, error);
    }
    return fd;
}

bool root_make(const char *folder, GError **error)
{
    GError *failure = NULL;
    const int fd = lock(folder, &failure);
    const bool good = failure == NULL && fill(folder, &failure);

    if (fd >= 0) {
        close(fd);
    }
    if (!good) {
        g_propagate_error(error, failure);
    }
    return good;
}
