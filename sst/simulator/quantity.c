/*
 * Numbers with units
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "quantity.h"

#include <errno.h>
#include <string.h>

#include "clock-domain.h"

#define MAX_TIME (G_GUINT64_CONSTANT(3600) * 1000000000000)

typedef struct Unit {
    const char *name;
    guint64 factor;
} Unit;

/* The number at the beginning of @text; @rest becomes what follows. */
static bool leading_number(const char *text, guint64 *number,
                           const char **rest)
{
    bool hex = g_str_has_prefix(text, "0x");
    const char *digits = hex ? text + 2 : text;
    char *end;

    /* strtoull would take spaces and signs. */
    if (hex ? !g_ascii_isxdigit(digits[0]) : !g_ascii_isdigit(digits[0])) {
        return false;
    }
    errno = 0;
    *number = g_ascii_strtoull(digits, &end, hex ? 16 : 10);
    *rest = end;
    return errno == 0;
}

bool quantity_number(const char *text, guint64 min, guint64 max,
                     guint64 *number)
{
    const char *rest;
    guint64 value;

    if (!leading_number(text, &value, &rest) || *rest != '\0' ||
        value < min || value > max) {
        return false;
    }
    *number = value;
    return true;
}

static bool with_unit(const char *text, const Unit *units, guint64 max,
                      guint64 *result)
{
    const char *rest;
    guint64 value;

    if (!leading_number(text, &value, &rest)) {
        return false;
    }
    for (const Unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(rest, unit->name) == 0) {
            return g_uint64_checked_mul(result, value, unit->factor) &&
                   *result <= max;
        }
    }
    return false;
}

bool quantity_frequency(const char *text, guint64 *hz)
{
    static const Unit units[] = {
        { "Hz", 1 }, { "kHz", 1000 }, { "MHz", 1000000 },
        { "GHz", 1000000000 }, { NULL, 0 }
    };
    guint64 value;

    if (!with_unit(text, units, CLOCK_MAX_HZ, &value) || value == 0) {
        return false;
    }
    *hz = value;
    return true;
}

bool quantity_time(const char *text, guint64 *ps)
{
    static const Unit units[] = {
        { "ps", 1 }, { "ns", 1000 }, { "us", 1000000 },
        { "ms", 1000000000 }, { "s", G_GUINT64_CONSTANT(1000000000000) },
        { NULL, 0 }
    };
    guint64 value;

    if (!with_unit(text, units, MAX_TIME, &value)) {
        return false;
    }
    *ps = value;
    return true;
}
