/*
 * How much of the host's memory a worker may take for itself
 *
 * RLIMIT_DATA counts what is private and can be written, from Linux 4.7 on.
 * RLIMIT_AS would not do: drivers of GPUs reserve addresses by the terabyte.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "own-memory.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static bool fail(const char *what, GError **error)
{
    const int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

/* Bytes that count; false when nobody knows. */
static bool read_used(uint64_t *bytes, GError **error)
{
    g_autofree char *text = NULL;
    unsigned long pages;

    if (!g_file_get_contents("/proc/self/statm", &text, NULL, error)) {
        return false;
    }
    if (sscanf(text, "%*u %*u %*u %*u %*u %lu", &pages) != 1) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                            "/proc/self/statm: not as Linux has it");
        return false;
    }
    *bytes = (uint64_t)pages * sysconf(_SC_PAGESIZE);
    return true;
}

bool own_memory_limit(unsigned mib, GError **error)
{
    struct rlimit limit;
    uint64_t used;

    if (!read_used(&used, error)) {
        return false;
    }
    if (getrlimit(RLIMIT_DATA, &limit) < 0) {
        return fail("RLIMIT_DATA", error);
    }
    limit.rlim_max = MIN(limit.rlim_max, used + mib * MIB);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_DATA, &limit) == 0 ||
           fail("RLIMIT_DATA", error);
}
