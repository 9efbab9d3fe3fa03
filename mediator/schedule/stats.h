/*
 * What has happened so far: counters and histograms
 *
 * No I/O and no clock. What is zero has counted nothing yet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_STATS_H
#define MEDIATOR_STATS_H

#include "protocol/outcome.h"
#include "vms/vms.h"

#define HISTOGRAM_BUCKETS 18

/* The upper ends of the buckets in µs, inclusive; another one has no end. */
extern const gint64 histogram_bounds[HISTOGRAM_BUCKETS];

typedef struct Histogram {
    guint64 counts[HISTOGRAM_BUCKETS + 1];
    gint64 sum;                 /* µs */
} Histogram;

/* A priority class of a pool */
typedef struct ClassStats {
    guint64 ended[OUTCOME_KINDS];   /* requests */
    Histogram wait;             /* from a request's arrival to its start */
    Histogram execution;        /* device time of those that were started */
} ClassStats;

typedef struct Stats {
    ClassStats classes[POOLS][PRIORITY_CLASSES];   /* VGPU_STUB_PRIORITY_… */
    guint64 quarantines;        /* for too many faults */
} Stats;

/* A request has ended with @status, a VGPU_STUB_ERR_…. */
void stats_count_end(ClassStats *stats, VmStats *vm, uint32_t status);

/* Count a duration of @us µs. */
void histogram_add(Histogram *histogram, gint64 us);

#endif /* MEDIATOR_STATS_H */
