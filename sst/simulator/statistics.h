/*
 * What is counted of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_STATISTICS_H
#define SST_SIM_STATISTICS_H

#include <glib.h>
#include <stdbool.h>

#include "model.h"

/* Accesses that were errors are in reads, writes, bytes and cycles too. */
typedef struct Statistics {
    guint64 reads;
    guint64 writes;
    guint64 bytes;
    guint64 errors;
    guint64 cycles;             /* the latencies, added up */
    guint64 sent;               /* messages */
    guint64 received;
} Statistics;

void statistics_count(Statistics *statistics, const Access *access, bool ok);

/* The first line of the CSV file, and the one of something that is counted. */
void statistics_append_header(GString *csv);
void statistics_append(GString *csv, const char *device, const char *model,
                       const Statistics *statistics);

#endif /* SST_SIM_STATISTICS_H */
