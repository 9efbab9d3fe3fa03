/*
 * A clock of the simulated machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "clock-domain.h"

#include "event-queue.h"

#define PS_PER_SECOND G_GUINT64_CONSTANT(1000000000000)

ClockDomain *clock_domain_new(const char *name, guint64 hz)
{
    ClockDomain *clock = g_new(ClockDomain, 1);

    *clock = (ClockDomain) { .name = g_strdup(name), .hz = hz };
    return clock;
}

void clock_domain_free(ClockDomain *clock)
{
    g_free(clock->name);
    g_free(clock);
}

guint64 clock_domain_edge(const ClockDomain *clock, guint64 cycle)
{
    unsigned __int128 product = (unsigned __int128)cycle * PS_PER_SECOND;
    unsigned __int128 edge = product / clock->hz +
                             (product % clock->hz != 0);

    return edge < EVENT_NEVER ? (guint64)edge : EVENT_NEVER;
}

guint64 clock_domain_cycle(const ClockDomain *clock, guint64 when)
{
    guint64 cycle = (unsigned __int128)when * clock->hz / PS_PER_SECOND;

    return clock_domain_edge(clock, cycle) < when ? cycle + 1 : cycle;
}

guint64 clock_domain_after(const ClockDomain *clock, guint64 when,
                           guint32 cycles)
{
    guint64 from = clock_domain_cycle(clock, when);

    if (from > G_MAXUINT64 - cycles) {
        return EVENT_NEVER;
    }
    return clock_domain_edge(clock, from + cycles);
}
