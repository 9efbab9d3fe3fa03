/*
 * What has happened so far: counters and histograms
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stats.h"

const gint64 histogram_bounds[HISTOGRAM_BUCKETS] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    500000, 1000000, 2500000, 5000000, 10000000, 30000000,
};

void stats_count_end(ClassStats *stats, VmStats *vm, uint32_t status)
{
    const OutcomeKind kind = outcome_kind(status);

    stats->ended[kind]++;
    vm->ended++;
    vm->failed += outcome_failed(kind);
}

void histogram_add(Histogram *histogram, gint64 us)
{
    size_t bucket = 0;

    while (bucket < HISTOGRAM_BUCKETS && us > histogram_bounds[bucket]) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->sum += us;
}
