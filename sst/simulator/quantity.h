/*
 * Numbers with units, as people write them into a configuration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_QUANTITY_H
#define SST_SIM_QUANTITY_H

#include <glib.h>
#include <stdbool.h>

/*
 * Each function returns false, and leaves the result alone, when @text is not
 * exactly a whole number, in decimal or with 0x in hexadecimal, that @min and
 * @max allow, followed by a unit where the function knows units.
 */

bool quantity_number(const char *text, guint64 min, guint64 max,
                     guint64 *number);

/* Units: Hz, kHz, MHz, GHz; 1 Hz to CLOCK_MAX_HZ */
bool quantity_frequency(const char *text, guint64 *hz);

/* Units: ps, ns, us, ms, s; up to an hour */
bool quantity_time(const char *text, guint64 *ps);

#endif /* SST_SIM_QUANTITY_H */
