/*
 * The folder in which workers are closed in
 *
 * A worker whose driver's compiler reads files that a guest's program names has
 * this folder as its root, mediator/worker/closure.h. In it are
 *
 *   files/           what the driver needs, which workers cannot write to
 *   usr, lib, …      links to files/usr and so on
 *   work/            the folders of the workers, one for each
 *   its own path     a link to itself: paths into it are the same inside
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_ROOT_H
#define MEDIATOR_WORKER_ROOT_H

#include <gio/gio.h>
#include <sys/types.h>

typedef struct WorkerRoot WorkerRoot;

/*
 * Make it in the folder @path, which is this user's, or a new one among the
 * temporary files with NULL; what is there already is used. @worker is the
 * program that knows what drivers need; @user and @group are those of the
 * daemon, which files/ belongs to. NULL and a G_IO_ERROR when it cannot be.
 */
WorkerRoot *worker_root_new(const char *path, const char *worker, uid_t user,
                            gid_t group, GError **error);

/* The same for one that was made so before, by root. */
WorkerRoot *worker_root_open(const char *path, const char *worker);

/* Removes it if it was a new one. Workers are no more. */
void worker_root_free(WorkerRoot *root);

/* The paths of it and of work/; valid as long as @root is */
const char *worker_root_path(const WorkerRoot *root);
const char *worker_root_work(const WorkerRoot *root);

/*
 * Have a process bring files/ up to date for the driver that a worker with the
 * options @argv, NULL-terminated, has. What it prints goes to @output_fd, which
 * is taken over. NULL and an error when it cannot be started.
 */
GSubprocess *worker_root_fill(WorkerRoot *root, const char *const *argv,
                              int output_fd, GError **error);

#endif /* MEDIATOR_WORKER_ROOT_H */
