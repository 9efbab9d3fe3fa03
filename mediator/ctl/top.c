/*
 * What VMs do right now, again and again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "top.h"

#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "screen.h"

/* What the daemon has said at one moment */
typedef struct Sample {
    gint64 at;                  /* monotonic, µs */
    Table *status;
    Table *vms;
} Sample;

/* A VM, by its line in Sample.vms */
typedef struct Row {
    const char *name;
    guint line;
    double requests;            /* per second */
    double failures;
    double device;              /* percent of an accelerator's time */
} Row;

static void sample_clear(Sample *sample)
{
    g_clear_pointer(&sample->status, g_ptr_array_unref);
    g_clear_pointer(&sample->vms, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sample, sample_clear)

static bool sample_take(const Top *top, Sample *sample, GError **error)
{
    char *status[] = { (char *)"status", NULL };
    char *vms[] = { (char *)"vms", NULL };

    sample->status = ask(top->path, status, error);
    sample->vms = sample->status != NULL ? ask(top->path, vms, error) : NULL;
    sample->at = g_get_monotonic_time();
    return sample->vms != NULL;
}

static guint64 number(const Table *table, guint line, const char *name)
{
    return g_ascii_strtoull(table_field(table, line, name), NULL, 10);
}

/* What has been added per second to a count, 0 if it has started anew. */
static double rate(const Sample *now, guint line, const Sample *then,
                   guint line_then, const char *name)
{
    const guint64 after = number(now->vms, line, name);
    const guint64 before = number(then->vms, line_then, name);

    return after < before || now->at <= then->at ? 0 :
           (double)(after - before) * G_TIME_SPAN_SECOND /
           (now->at - then->at);
}

/* Name → line, 1 and more */
static GHashTable *index_vms(const Table *vms)
{
    GHashTable *lines = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint line = 1; line < vms->len; line++) {
        g_hash_table_insert(lines, (gpointer)table_field(vms, line, "vm"),
                            GUINT_TO_POINTER(line));
    }
    return lines;
}

/* Those that use most come first. */
static int compare_rows(gconstpointer a, gconstpointer b)
{
    const Row *one = a, *other = b;

    if (one->device != other->device) {
        return one->device > other->device ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

/* A Row of each VM */
static GArray *compare_samples(const Sample *now, const Sample *then)
{
    g_autoptr(GHashTable) lines = index_vms(then->vms);
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(Row));

    for (guint line = 1; line < now->vms->len; line++) {
        Row row = { .name = table_field(now->vms, line, "vm"), .line = line };
        guint before = GPOINTER_TO_UINT(g_hash_table_lookup(lines, row.name));

        if (before != 0) {
            row.requests = rate(now, line, then, before, "ended");
            row.failures = rate(now, line, then, before, "failed");
            row.device = rate(now, line, then, before, "device_us") * 100 /
                         G_TIME_SPAN_SECOND;
        }
        g_array_append_val(rows, row);
    }
    g_array_sort(rows, compare_rows);
    return rows;
}

static Table *make_table(const Sample *now, const Sample *then)
{
    static const char *const copied[] = { "waiting", "running",
                                          "quarantined_s" };
    g_autoptr(GArray) rows = compare_samples(now, then);
    Table *table = table_new();

    table_add(table, "vm\trequests/s#\tfailed/s#\tdevice%#\t"
                     "waiting#\trunning#\tquarantined_s#");
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = &g_array_index(rows, Row, i);
        g_autoptr(GString) line = g_string_new(row->name);

        g_string_append_printf(line, "\t%.1f\t%.1f\t%.1f", row->requests,
                               row->failures, row->device);
        for (size_t j = 0; j < G_N_ELEMENTS(copied); j++) {
            g_string_append_printf(line, "\t%s",
                                   table_field(now->vms, row->line,
                                               copied[j]));
        }
        table_add(table, line->str);
    }
    return table;
}

static void show(const Top *top, const Sample *now, const Sample *then)
{
    g_autoptr(GPtrArray) table = make_table(now, then);
    g_autofree char *text = top->json ? table_to_json(table)
                                      : table_to_text(table);

    if (!top->json && screen_is_there()) {
        g_autofree char *status = table_to_text(now->status);
        g_autofree char *screen = g_strdup_printf(
            "%s\n%s\nq quits; every %u s", status, text, top->interval_s);

        screen_show(screen);
    } else {
        printf("%s%s", text, top->json ? "" : "\n");
        fflush(stdout);
    }
}

/* Returns false when the user wants to quit. */
static bool wait_for_next(const Top *top, bool on_screen)
{
    if (on_screen) {
        return screen_wait(top->interval_s * 1000);
    }
    g_usleep(top->interval_s * G_TIME_SPAN_SECOND);
    return true;
}

bool top_run(const Top *top, GError **error)
{
    const bool on_screen = !top->json && screen_is_there();
    g_auto(Sample) then = { 0 };

    if (!sample_take(top, &then, error)) {
        return false;
    }
    if (on_screen) {
        screen_open();
        show(top, &then, &then);
    }
    for (unsigned i = 0; top->count == 0 || i < top->count; i++) {
        Sample now = { 0 };

        if (!wait_for_next(top, on_screen)) {
            break;
        }
        if (!sample_take(top, &now, error)) {
            sample_clear(&now);
            screen_close();
            return false;
        }
        show(top, &now, &then);
        sample_clear(&then);
        then = now;
    }
    screen_close();
    return true;
}
