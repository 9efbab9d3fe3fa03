/*
 * The figures for Prometheus, in its text format 0.0.4
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "metrics.h"

#include <string.h>

static void append_head(GString *text, const char *name, const char *type,
                        const char *help)
{
    g_string_append_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help,
                           name, type);
}

/* In seconds, as Prometheus wants all times */
static void append_seconds(GString *text, gint64 us)
{
    g_string_append_printf(text, "%" G_GINT64_FORMAT ".%06d",
                           us / G_TIME_SPAN_SECOND,
                           (int)(us % G_TIME_SPAN_SECOND));
}

/* --- Of pools and priority classes --- */

typedef void (*AppendClass)(GString *text, const char *name,
                            const char *labels, const ClassStats *stats,
                            const ClassReport *report);

static void append_ended(GString *text, const char *name, const char *labels,
                         const ClassStats *stats,
                         const ClassReport *report G_GNUC_UNUSED)
{
    for (int kind = 0; kind < OUTCOME_KINDS; kind++) {
        g_string_append_printf(
            text, "%s{%s,outcome=\"%s\"} %" G_GUINT64_FORMAT "\n", name,
            labels, outcome_names[kind], stats->ended[kind]);
    }
}

static void append_histogram(GString *text, const char *name,
                             const char *labels, const Histogram *histogram)
{
    guint64 count = 0;

    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        char bound[G_ASCII_DTOSTR_BUF_SIZE];

        count += histogram->counts[i];
        g_ascii_formatd(bound, sizeof(bound), "%g",
                        histogram_bounds[i] / (double)G_TIME_SPAN_SECOND);
        g_string_append_printf(
            text, "%s_bucket{%s,le=\"%s\"} %" G_GUINT64_FORMAT "\n", name,
            labels, bound, count);
    }
    count += histogram->counts[HISTOGRAM_BUCKETS];
    g_string_append_printf(
        text, "%s_bucket{%s,le=\"+Inf\"} %" G_GUINT64_FORMAT "\n%s_sum{%s} ",
        name, labels, count, name, labels);
    append_seconds(text, histogram->sum);
    g_string_append_printf(text, "\n%s_count{%s} %" G_GUINT64_FORMAT "\n",
                           name, labels, count);
}

static void append_wait(GString *text, const char *name, const char *labels,
                        const ClassStats *stats,
                        const ClassReport *report G_GNUC_UNUSED)
{
    append_histogram(text, name, labels, &stats->wait);
}

static void append_execution(GString *text, const char *name,
                             const char *labels, const ClassStats *stats,
                             const ClassReport *report G_GNUC_UNUSED)
{
    append_histogram(text, name, labels, &stats->execution);
}

static void append_waiting(GString *text, const char *name,
                           const char *labels,
                           const ClassStats *stats G_GNUC_UNUSED,
                           const ClassReport *report)
{
    g_string_append_printf(text, "%s{%s} %u\n", name, labels,
                           report->waiting);
}

static void append_running(GString *text, const char *name,
                           const char *labels,
                           const ClassStats *stats G_GNUC_UNUSED,
                           const ClassReport *report)
{
    g_string_append_printf(text, "%s{%s} %u\n", name, labels,
                           report->running);
}

static const struct {
    const char *name, *type, *help;
    AppendClass append;
} class_metrics[] = {
    { "vgpu_requests_total", "counter", "Requests that have ended.",
      append_ended },
    { "vgpu_request_wait_seconds", "histogram",
      "Time that executed requests had to wait.", append_wait },
    { "vgpu_request_execution_seconds", "histogram",
      "Device time of requests that were started.", append_execution },
    { "vgpu_requests_waiting", "gauge", "Requests in the queue.",
      append_waiting },
    { "vgpu_requests_running", "gauge", "Requests that are executed.",
      append_running },
};

static void append_classes(GString *text, Dispatch *dispatch, size_t metric)
{
    append_head(text, class_metrics[metric].name, class_metrics[metric].type,
                class_metrics[metric].help);
    for (PoolId pool = 0; pool < POOLS; pool++) {
        for (int i = 0; i < PRIORITY_CLASSES; i++) {
            const ClassReport report = dispatch_class_report(dispatch, pool,
                                                             i);
            g_autofree char *labels =
                g_strdup_printf("pool=\"%c\",priority=\"%s\"",
                                pool_letter(pool), priority_names[i]);

            class_metrics[metric].append(
                text, class_metrics[metric].name, labels,
                &dispatch_stats(dispatch)->classes[pool][i],
                &report);
        }
    }
}

/* --- Of VMs --- */

static void append_vm_requests(GString *text, Vm *vm)
{
    g_string_append_printf(text, "%" G_GUINT64_FORMAT,
                           vm_stats(vm)->ended);
}

static void append_vm_failures(GString *text, Vm *vm)
{
    g_string_append_printf(text, "%" G_GUINT64_FORMAT,
                           vm_stats(vm)->failed);
}

static void append_vm_device_time(GString *text, Vm *vm)
{
    append_seconds(text, scheduler_vm_report(vm).used);
}

static void append_vm_waiting(GString *text, Vm *vm)
{
    g_string_append_printf(text, "%u", scheduler_vm_report(vm).waiting);
}

static void append_vm_running(GString *text, Vm *vm)
{
    g_string_append_printf(text, "%u", scheduler_vm_report(vm).running);
}

static void append_vm_quarantined(GString *text, Vm *vm)
{
    g_string_append_printf(
        text, "%d", vm_quarantined(vm, g_get_monotonic_time()));
}

typedef struct VmMetric {
    const char *name, *type, *help;
    void (*append)(GString *text, Vm *vm);
} VmMetric;

static const VmMetric vm_metrics[] = {
    { "vgpu_vm_requests_total", "counter",
      "Requests of the VM that have ended.", append_vm_requests },
    { "vgpu_vm_requests_failed_total", "counter",
      "Those that were neither done nor cancelled.", append_vm_failures },
    { "vgpu_vm_device_seconds_total", "counter",
      "Device time that the VM has used.", append_vm_device_time },
    { "vgpu_vm_requests_waiting", "gauge", "Requests of the VM in queues.",
      append_vm_waiting },
    { "vgpu_vm_requests_running", "gauge",
      "Requests of the VM that are executed.", append_vm_running },
    { "vgpu_vm_quarantined", "gauge", "1 while the VM is quarantined.",
      append_vm_quarantined },
};

/* What is to be said of each VM */
typedef struct VmAppender {
    GString *text;
    const VmMetric *metric;
} VmAppender;

/* @value can be anything, a socket's file is named by it. */
static char *escape_label(const char *value)
{
    g_autofree char *utf8 = g_utf8_make_valid(value, -1);
    GString *escaped = g_string_new(NULL);

    for (const char *at = utf8; *at != '\0'; at++) {
        if (*at == '\n') {
            g_string_append(escaped, "\\n");
        } else {
            g_string_append_printf(escaped, "%s%c",
                                   *at == '"' || *at == '\\' ? "\\" : "",
                                   *at);
        }
    }
    return g_string_free(escaped, FALSE);
}

static void append_vm(Vm *vm, gpointer opaque)
{
    const VmAppender *appender = opaque;
    g_autofree char *name = escape_label(vm_name(vm));

    g_string_append_printf(appender->text, "%s{vm=\"%s\"} ",
                           appender->metric->name, name);
    appender->metric->append(appender->text, vm);
    g_string_append_c(appender->text, '\n');
}

/* --- Of workers --- */

/* How many workers of a pool there are */
typedef struct WorkerCounts {
    unsigned of[WORKER_LEAVING + 1];
} WorkerCounts;

static void count_worker(const WorkerReport *report, gpointer opaque)
{
    WorkerCounts *counts = opaque;

    counts->of[report->state]++;
}

static void append_pools(GString *text, Executor *const *executors)
{
    static const char name[] = "vgpu_pool_works";
    const char *reason;

    append_head(text, name, "gauge",
                "1 when the accelerator works of a pool that is to be served.");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        const PoolState state = executors[pool]->state(executors[pool],
                                                       &reason);

        if (state != POOL_CLOSED) {
            g_string_append_printf(text, "%s{pool=\"%c\"} %d\n", name,
                                   pool_letter(pool), state == POOL_WORKS);
        }
    }
}

static void append_workers(GString *text, Executor *const *executors)
{
    static const char name[] = "vgpu_workers";

    append_head(text, name, "gauge", "Workers, by what they do.");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        WorkerCounts counts = { 0 };

        executors[pool]->foreach(executors[pool], count_worker, &counts);
        for (size_t i = 0; i < G_N_ELEMENTS(worker_state_names); i++) {
            g_string_append_printf(
                text, "%s{pool=\"%c\",state=\"%s\"} %u\n", name,
                pool_letter(pool), worker_state_names[i], counts.of[i]);
        }
    }
}

/* --- Of workers on other hosts --- */

static void count_place(const WorkerReport *report, gpointer places)
{
    if (report->place[0] != '\0') {
        const guint count = GPOINTER_TO_UINT(
            g_hash_table_lookup(places, report->place));

        g_hash_table_insert(places, g_strdup(report->place),
                            GUINT_TO_POINTER(count + 1));
    }
}

static void append_places(GString *text, Executor *const *executors)
{
    static const char name[] = "vgpu_worker_places";

    append_head(text, name, "gauge", "Workers on other hosts, by the host.");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        g_autoptr(GHashTable) places = g_hash_table_new_full(
            g_str_hash, g_str_equal, g_free, NULL);
        GHashTableIter iter;
        gpointer place, count;

        executors[pool]->foreach(executors[pool], count_place, places);
        g_hash_table_iter_init(&iter, places);
        while (g_hash_table_iter_next(&iter, &place, &count)) {
            g_autofree char *escaped = g_strescape(place, NULL);

            g_string_append_printf(text, "%s{pool=\"%c\",place=\"%s\"} %u\n",
                                   name, pool_letter(pool), escaped,
                                   GPOINTER_TO_UINT(count));
        }
    }
}

/* Of all pools */
static WorkerCounters sum_counters(Executor *const *executors)
{
    WorkerCounters sum = { 0 };

    for (PoolId pool = 0; pool < POOLS; pool++) {
        sum.starts += executors[pool]->counters.starts;
        sum.deaths += executors[pool]->counters.deaths;
    }
    return sum;
}

/* --- Of contexts --- */

/* How many contexts there are */
typedef struct ContextCounts {
    unsigned of[POOLS][G_N_ELEMENTS(context_state_names)];
} ContextCounts;

static void count_context(const ContextReport *report, gpointer counts)
{
    ((ContextCounts *)counts)->of[report->pool][report->state]++;
}

static void append_contexts(GString *text, const Contexts *contexts)
{
    static const char name[] = "vgpu_contexts";
    ContextCounts counts = { 0 };

    contexts_foreach(contexts, count_context, &counts);
    append_head(text, name, "gauge", "Contexts of queues, by their state.");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        for (size_t i = 0; i < G_N_ELEMENTS(context_state_names); i++) {
            g_string_append_printf(text, "%s{pool=\"%c\",state=\"%s\"} %u\n",
                                   name, pool_letter(pool),
                                   context_state_names[i],
                                   counts.of[pool][i]);
        }
    }
    append_head(text, "vgpu_arena_bytes", "gauge",
                "Memory that queues share with workers, if all is used.");
    g_string_append_printf(text, "vgpu_arena_bytes %" G_GUINT64_FORMAT "\n",
                           (guint64)contexts_arena_bytes(contexts));
}

/* --- The whole --- */

static void append_counter(GString *text, const char *name, guint64 value,
                           const char *help)
{
    append_head(text, name, "counter", help);
    g_string_append_printf(text, "%s %" G_GUINT64_FORMAT "\n", name, value);
}

void metrics_append(const Metrics *metrics, GString *text)
{
    const WorkerCounters workers = sum_counters(metrics->executors);

    for (size_t i = 0; i < G_N_ELEMENTS(class_metrics); i++) {
        append_classes(text, metrics->dispatch, i);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(vm_metrics); i++) {
        VmAppender appender = { .text = text, .metric = &vm_metrics[i] };

        append_head(text, vm_metrics[i].name, vm_metrics[i].type,
                    vm_metrics[i].help);
        vms_foreach(metrics->vms, append_vm, &appender);
    }
    append_pools(text, metrics->executors);
    append_workers(text, metrics->executors);
    append_places(text, metrics->executors);
    append_contexts(text, dispatch_contexts(metrics->dispatch));
    append_counter(text, "vgpu_worker_starts_total", workers.starts,
                   "Workers that were started.");
    append_counter(text, "vgpu_worker_deaths_total", workers.deaths,
                   "Workers that ended without being told to.");
    append_counter(text, "vgpu_quarantines_total",
                   dispatch_stats(metrics->dispatch)->quarantines,
                   "VMs quarantined because their requests failed too often.");
}

static void append_answer(GString *answer, const char *status,
                          const GString *body, bool with_body)
{
    g_string_append_printf(
        answer,
        "HTTP/1.0 %s\r\n"
        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        "Content-Length: %" G_GSIZE_FORMAT "\r\n"
        "Connection: close\r\n"
        "%s\r\n",
        status, body->len,
        g_str_has_prefix(status, "405") ? "Allow: GET, HEAD\r\n" : "");
    if (with_body) {
        g_string_append_len(answer, body->str, body->len);
    }
}

/*
 * The path of a request's target, /path?query or http://authority/path?query,
 * to be freed with g_free(); NULL when it is none.
 */
static char *target_path(const char *target)
{
    static const char *const schemes[] = { "http://", "https://" };
    g_autofree char *path = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        const size_t length = strlen(schemes[i]);

        if (g_ascii_strncasecmp(target, schemes[i], length) == 0) {
            target += length;
            target += strcspn(target, "/?");
            break;
        }
    }
    path = g_strndup(target, strcspn(target, "?"));
    return g_uri_unescape_string(path, NULL);
}

void metrics_http(gpointer opaque, const char *request, GString *answer)
{
    g_autofree char *line = g_strndup(request, strcspn(request, "\r\n"));
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_autoptr(GString) body = g_string_new(NULL);
    g_autofree char *path = NULL;
    const char *status = "200 OK";

    if (g_strv_length(words) != 3 || !g_str_has_prefix(words[2], "HTTP/")) {
        status = "400 Bad Request";
    } else if (strcmp(words[0], "GET") != 0 &&
               strcmp(words[0], "HEAD") != 0) {
        status = "405 Method Not Allowed";
    } else {
        path = target_path(words[1]);
        status = g_strcmp0(path, "/metrics") == 0 ? status : "404 Not Found";
    }
    if (g_str_has_prefix(status, "200")) {
        metrics_append(opaque, body);
    } else {
        g_string_append_printf(body, "%s; GET /metrics is what there is\n",
                               status);
    }
    append_answer(answer, status, body, !g_str_has_prefix(line, "HEAD "));
}
