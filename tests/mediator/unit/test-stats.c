/*
 * Counters and histograms
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/stats.h"

static void test_histogram(void)
{
    Histogram histogram = { 0 };
    gint64 sum = 0;

    /* A bucket's end belongs to it. */
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram_add(&histogram, histogram_bounds[i]);
        histogram_add(&histogram, histogram_bounds[i] + 1);
        sum += 2 * histogram_bounds[i] + 1;
        if (i > 0) {
            g_assert_cmpint(histogram_bounds[i], >, histogram_bounds[i - 1]);
        }
    }
    g_assert_cmpuint(histogram.counts[0], ==, 1);
    for (int i = 1; i < HISTOGRAM_BUCKETS; i++) {
        g_assert_cmpuint(histogram.counts[i], ==, 2);
    }
    g_assert_cmpuint(histogram.counts[HISTOGRAM_BUCKETS], ==, 1);
    g_assert_cmpint(histogram.sum, ==, sum);
    histogram_add(&histogram, 0);
    g_assert_cmpuint(histogram.counts[0], ==, 2);
}

static void test_ends(void)
{
    static const struct {
        uint32_t status;
        OutcomeKind kind;
        bool failed;
    } ends[] = {
        { VGPU_STUB_ERR_NONE, OUTCOME_DONE, false },
        { VGPU_STUB_ERR_CANCELLED, OUTCOME_CANCELLED, false },
        { VGPU_STUB_ERR_TIMEOUT, OUTCOME_TIMEOUT, true },
        { VGPU_STUB_ERR_QUEUE_FULL, OUTCOME_QUEUE_FULL, true },
        { VGPU_STUB_ERR_OUT_OF_MEMORY, OUTCOME_OUT_OF_MEMORY, true },
        { VGPU_STUB_ERR_BACKEND_LAST, OUTCOME_OTHER, true },
        { G_MAXUINT32, OUTCOME_OTHER, true },
    };
    ClassStats stats = { 0 };
    VmStats vm = { 0 };
    unsigned failed = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        const guint64 before = stats.ended[ends[i].kind];

        stats_count_end(&stats, &vm, ends[i].status);
        failed += ends[i].failed;
        g_assert_cmpuint(stats.ended[ends[i].kind], ==, before + 1);
        g_assert_cmpuint(vm.ended, ==, i + 1);
        g_assert_cmpuint(vm.failed, ==, failed);
    }
}

static void test_every_kind_has_a_name(void)
{
    for (int kind = 0; kind < OUTCOME_KINDS; kind++) {
        g_assert_nonnull(outcome_names[kind]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/stats/histogram", test_histogram);
    g_test_add_func("/stats/ends", test_ends);
    g_test_add_func("/stats/every-kind-has-a-name",
                    test_every_kind_has_a_name);
    return g_test_run();
}
