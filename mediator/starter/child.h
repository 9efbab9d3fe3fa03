/*
 * The starter's children: workers, and those that clean up after them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_CHILD_H
#define STARTER_CHILD_H

#include "workers.h"

/*
 * A new process that will execute the program with @arguments, the first of
 * which is the program's name. What does not work it says on its output, and
 * exits with CHILD_NOT_EXECUTED. Returns its pid, or -1 with errno set.
 */
#define CHILD_NOT_EXECUTED 127
pid_t child_start_worker(const WorkersOptions *options, unsigned number,
                         uid_t uid, const char *const *arguments,
                         const int *fds);

/* The same, with @argv, whose first one is looked for in PATH. */
pid_t child_start_launcher(const char *const *argv, const int *fds);

/*
 * A process that empties the folder of worker @number. Returns its pid, or -1
 * with errno set.
 */
pid_t child_start_remover(unsigned number, uid_t uid);

#endif /* STARTER_CHILD_H */
