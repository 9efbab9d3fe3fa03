/*
 * A library that may be there when the worker runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "library.h"

#include <dlfcn.h>
#include <string.h>

#include "backend.h"

/* ISO C has no cast from an object's to a function's pointer. */
static void set(const LibrarySymbol *symbol, void *value)
{
    memcpy(symbol->address, &value, sizeof(value));
}

bool library_load(const char *soname, const LibrarySymbol *symbols,
                  size_t count, GError **error)
{
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                    "cannot load the driver's library: %s", dlerror());
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        void *symbol = dlsym(library, symbols[i].name);

        if (symbol == NULL) {
            g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                        "%s is too old: it has no %s", soname,
                        symbols[i].name);
            return false;
        }
        set(&symbols[i], symbol);
    }
    return true;
}

void library_try(const char *soname, const LibrarySymbol *symbol)
{
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);

    set(symbol, library == NULL ? NULL : dlsym(library, symbol->name));
}
