/*
 * Compiled programs: each is compiled once, whoever brings it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_PROGRAMS_H
#define WORKER_PROGRAMS_H

#include "backend.h"

typedef struct Programs Programs;

/* @backend has to outlive what is returned. */
Programs *programs_new(const BackendClass *class, Backend *backend);
void programs_free(Programs *programs);

/*
 * The program that @text is, which @programs owns; valid until the next call.
 * Fails as BackendClass.build does.
 */
BackendProgram *programs_get(Programs *programs, const char *text,
                             GError **error);

#endif /* WORKER_PROGRAMS_H */
