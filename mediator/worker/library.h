/*
 * A library that may be there when the worker runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_LIBRARY_H
#define WORKER_LIBRARY_H

#include <glib.h>
#include <stdbool.h>

/* One function of it, and where its address goes */
typedef struct LibrarySymbol {
    const char *name;
    void *address;              /* of a pointer to a function */
} LibrarySymbol;

/*
 * Load the library with that soname and find @count of its functions. It is
 * never unloaded: drivers leave threads and exit handlers behind.
 *
 * Errors: BACKEND_ERROR when the library or one of the functions is missing.
 */
bool library_load(const char *soname, const LibrarySymbol *symbols,
                  size_t count, GError **error);

/* As well, of one that is loaded: NULL becomes of a function that it lacks. */
void library_try(const char *soname, const LibrarySymbol *symbol);

#endif /* WORKER_LIBRARY_H */
