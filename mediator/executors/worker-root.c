/*
 * The folder in which workers are closed in
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-root.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES "files"
#define WORK "work"

struct WorkerRoot {
    char *worker;               /* a program */
    char *path, *files, *work;
    char *cache;                /* what the driver writes in fill(), or NULL */
    bool temporary;
};

static bool fail(const char *path, GError **error)
{
    const int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s", path,
                g_strerror(code));
    return false;
}

/*
 * Unless it is there, then perhaps another user's. What the umask says does not
 * matter.
 */
static bool make_folder(const char *path, mode_t mode, GError **error)
{
    return (mkdir(path, mode) == 0 ? chmod(path, mode) == 0
                                   : errno == EEXIST) || fail(path, error);
}

static bool make_link(const char *target, const char *path, GError **error)
{
    return symlink(target, path) == 0 || errno == EEXIST || fail(path, error);
}

/* The folders of the host in which a driver may look for its files */
static bool make_links(const WorkerRoot *root, GError **error)
{
    static const char *const names[] = {
        "bin", "etc", "lib", "lib64", "opt", "sbin", "usr",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(root->path, names[i], NULL);
        g_autofree char *target = g_build_filename(FILES, names[i], NULL);

        if (!make_link(target, path, error)) {
            return false;
        }
    }
    return true;
}

/* So that the paths that a worker knew before are good in there, too */
static bool make_way(const WorkerRoot *root, GError **error)
{
    g_autofree char *link = g_build_filename(root->path, root->path, NULL);
    g_auto(GStrv) names = g_strsplit(root->path + 1, "/", -1);
    g_autofree char *here = g_strdup(root->path);

    for (size_t i = 0; names[i] != NULL && names[i + 1] != NULL; i++) {
        char *next = g_build_filename(here, names[i], NULL);

        g_free(here);
        here = next;
        if (!make_folder(here, 0755, error)) {
            return false;
        }
    }
    return make_link("/", link, error);
}

static bool make_all(const WorkerRoot *root, uid_t user, gid_t group,
                     GError **error)
{
    return (chmod(root->path, 0755) == 0 || fail(root->path, error)) &&
           make_folder(root->files, 0755, error) &&
           (chown(root->files, user, group) == 0 ||
            fail(root->files, error)) &&
           make_folder(root->work, 0711, error) && make_links(root, error) &&
           make_way(root, error) &&
           /* Workers of this user must not change it either. */
           (chmod(root->path, 0555) == 0 || fail(root->path, error));
}

WorkerRoot *worker_root_open(const char *path, const char *worker)
{
    WorkerRoot *root = g_new0(WorkerRoot, 1);

    root->worker = g_strdup(worker);
    root->path = g_strdup(path);
    root->files = g_build_filename(root->path, FILES, NULL);
    root->work = g_build_filename(root->path, WORK, NULL);
    return root;
}

WorkerRoot *worker_root_new(const char *path, const char *worker, uid_t user,
                            gid_t group, GError **error)
{
    g_autofree char *temporary = path == NULL
        ? g_dir_make_tmp("vgpu-workers-XXXXXX", error) : NULL;
    WorkerRoot *root;

    if (path == NULL && temporary == NULL) {
        return NULL;
    }
    root = worker_root_open(path != NULL ? path : temporary, worker);
    root->temporary = temporary != NULL;
    if (!make_all(root, user, group, error)) {
        worker_root_free(root);
        return NULL;
    }
    return root;
}

/* By another process, as there may be much in it. */
static void remove_folder(char *path)
{
    char *argv[] = {
        (char *)"sh", (char *)"-c",
        (char *)"chmod -R u+w \"$0\"; rm -rf \"$0\"", path, NULL,
    };

    g_spawn_async(NULL, argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                  NULL, NULL);
}

void worker_root_free(WorkerRoot *root)
{
    if (root->temporary) {
        remove_folder(root->path);
    }
    if (root->cache != NULL) {
        remove_folder(root->cache);
    }
    g_free(root->cache);
    g_free(root->worker);
    g_free(root->path);
    g_free(root->files);
    g_free(root->work);
    g_free(root);
}

const char *worker_root_path(const WorkerRoot *root)
{
    return root->path;
}

const char *worker_root_work(const WorkerRoot *root)
{
    return root->work;
}

GSubprocess *worker_root_fill(WorkerRoot *root, const char *const *argv,
                              int output_fd, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

    g_subprocess_launcher_take_stderr_fd(launcher, output_fd);
    if (root->cache == NULL) {
        root->cache = g_dir_make_tmp("vgpu-driver-XXXXXX", NULL);
    }
    if (root->cache != NULL) {
        /* PoCL does not open without; this user may have no home. */
        g_subprocess_launcher_setenv(launcher, "POCL_CACHE_DIR", root->cache,
                                     TRUE);
    }
    g_ptr_array_add(all, g_strdup(root->worker));
    for (; *argv != NULL; argv++) {
        g_ptr_array_add(all, g_strdup(*argv));
    }
    g_ptr_array_add(all, g_strdup_printf("--make-root=%s", root->files));
    g_ptr_array_add(all, NULL);
    return g_subprocess_launcher_spawnv(
        launcher, (const char *const *)all->pdata, error);
}
