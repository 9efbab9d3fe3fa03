/*
 * A clock of the simulated machine
 *
 * Edge n is n / frequency seconds after the beginning, rounded up to a
 * picosecond: the error never adds up, whatever the frequency.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_CLOCK_DOMAIN_H
#define SST_SIM_CLOCK_DOMAIN_H

#include <glib.h>

#define CLOCK_MAX_HZ G_GUINT64_CONSTANT(1000000000000)

typedef struct ClockDomain {
    char *name;
    guint64 hz;                 /* 1 to CLOCK_MAX_HZ */
} ClockDomain;

ClockDomain *clock_domain_new(const char *name, guint64 hz);
void clock_domain_free(ClockDomain *clock);

/* The number of the first edge at or after the time @when, in ps. */
guint64 clock_domain_cycle(const ClockDomain *clock, guint64 when);

/* When edge @cycle is, in ps; EVENT_NEVER if that is past the end of time. */
guint64 clock_domain_edge(const ClockDomain *clock, guint64 cycle);

/* When @cycles have passed after the first edge at or after @when. */
guint64 clock_domain_after(const ClockDomain *clock, guint64 when,
                           guint32 cycles);

#endif /* SST_SIM_CLOCK_DOMAIN_H */
