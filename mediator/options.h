/*
 * vgpu-mediatord's command line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_OPTIONS_H
#define MEDIATOR_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

typedef struct Options {
    char *socket_dir;           /* NULL for none */
    char **connect;             /* NULL-terminated; NULL for none */
    char *config;               /* NULL for the defaults */
    char *admin_socket;         /* NULL for none */
    char *metrics_socket;       /* NULL for none */
    char *rrdd_file;            /* NULL for none */
    char *state_dir;            /* NULL for none */
    char *user;                 /* NULL: who it is already */
    char *starter;
    char *launcher_socket;      /* NULL: launchers are run by the starter */
    char *worker;
    char *scratch_dir;          /* NULL for none */
    char *kernels;
    gboolean version;
} Options;

/*
 * Take @options, zero so far, from the command line, with defaults where it
 * says nothing. Returns false with @error set when it is wrong; cleared in any
 * case with options_clear().
 */
bool options_parse(Options *options, int *argc, char ***argv, GError **error);
void options_clear(Options *options);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

#endif /* MEDIATOR_OPTIONS_H */
