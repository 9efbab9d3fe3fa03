/*
 * The operator's orders
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "admin.h"

#include "vm-select.h"

#include <string.h>

G_DEFINE_QUARK(admin-error-quark, admin_error)

/* Seconds that are left, begun ones too; -1 for no end, 0 for none */
static gint64 seconds_until(gint64 until, gint64 now)
{
    if (until == G_MAXINT64) {
        return -1;
    }
    return until > now
           ? (until - now + G_TIME_SPAN_SECOND - 1) / G_TIME_SPAN_SECOND : 0;
}

/* A field with the state of @executor's pool, and why it is so */
static void append_pool(GString *answer, const Executor *executor)
{
    const char *reason;
    const PoolState state = executor->state(executor, &reason);
    g_autofree char *escaped = g_strescape(reason != NULL ? reason : "", NULL);

    g_string_append_printf(answer, "\t%s%s%s", pool_state_names[state],
                           reason != NULL ? ": " : "", escaped);
}

static bool order_status(Admin *admin, char **fields G_GNUC_UNUSED,
                         GString *answer, GError **error G_GNUC_UNUSED)
{
    const DispatchReport report = dispatch_report(admin->dispatch);

    g_string_append_printf(answer, "state\tvms#\tquarantined#\twaiting#\t"
                           "running#\tcontexts#\tarena_mib#\tworker_uids\t"
                           "pool_A\tpool_B\n"
                           "%s\t%u\t%u\t%u\t%u\t%u\t%u\t%s",
                           service_draining(admin->service) ? "draining"
                                                            : "serving",
                           report.vms, report.quarantined, report.waiting,
                           report.running, report.contexts,
                           (unsigned)(report.arena_bytes >> 20),
                           admin->own_uids ? "own" : "shared");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        append_pool(answer, admin->executors[pool]);
    }
    g_string_append_c(answer, '\n');
    return true;
}

static void append_vm(Vm *vm, gpointer answer)
{
    const VmReport report = scheduler_vm_report(vm);
    const VmLimits *limits = vm_limits(vm);
    const VmStats *stats = vm_stats(vm);
    g_autofree char *name = g_strescape(vm_name(vm), NULL);
    g_autofree char *domids = vm_domids(vm);

    g_string_append_printf(
        answer, "%s\t%s\t%s\t%s\t%u\t%u\t%u\t%" G_GUINT64_FORMAT "\t%"
        G_GUINT64_FORMAT "\t%" G_GINT64_FORMAT "\t%" G_GINT64_FORMAT "\n",
        name, domids, pool_choice_names[limits->pool],
        priority_names[limits->priority], limits->weight, report.waiting,
        report.running, stats->ended, stats->failed, report.used,
        seconds_until(vm_quarantined_until(vm), g_get_monotonic_time()));
}

static bool order_vms(Admin *admin, char **fields G_GNUC_UNUSED,
                      GString *answer, GError **error G_GNUC_UNUSED)
{
    g_string_append(answer, "vm\tdomid\tpool\tpriority\tweight#\twaiting#\t"
                            "running#\tended#\tfailed#\tdevice_us#\t"
                            "quarantined_s#\n");
    vms_foreach(admin->vms, append_vm, answer);
    return true;
}

static void append_worker(const WorkerReport *report, gpointer answer)
{
    g_autofree char *name = report->vm[0] != '\0'
                            ? g_strescape(report->vm, NULL) : g_strdup("-");
    g_autofree char *place = g_strescape(report->place[0] != '\0'
                                         ? report->place : "-", NULL);
    g_autofree char *request = report->state == WORKER_BUSY
                               ? g_strdup_printf("%u", report->request_id)
                               : g_strdup("-");

    g_string_append_printf(
        answer, "%s\t%" G_GUINT64_FORMAT "\t%c\t%s\t%d\t%s\t%s\t%s\t%"
        G_GINT64_FORMAT "\n", name, (guint64)report->context,
        pool_letter(report->pool), place, report->pid,
        worker_state_names[report->state], request,
        report->memory > 0 ? "yes" : "no",
        (g_get_monotonic_time() - report->since) / G_TIME_SPAN_SECOND);
}

static bool order_workers(Admin *admin, char **fields G_GNUC_UNUSED,
                          GString *answer, GError **error G_GNUC_UNUSED)
{
    g_string_append(answer, "vm\tcontext#\tpool\tplace\tpid#\tstate\trequest\t"
                            "memory\tage_s#\n");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        const Executor *executor = admin->executors[pool];

        executor->foreach(executor, append_worker, answer);
    }
    return true;
}

static void append_context(const ContextReport *report, gpointer answer)
{
    g_autofree char *name = g_strescape(report->vm, NULL);

    g_string_append_printf(answer, "%s\t%" G_GUINT64_FORMAT "\t%c\t%s\t%u\t%"
                           G_GUINT64_FORMAT "\n", name,
                           (guint64)report->number, pool_letter(report->pool),
                           context_state_names[report->state],
                           report->requests, (guint64)report->arena >> 10);
}

static bool order_contexts(Admin *admin, char **fields G_GNUC_UNUSED,
                           GString *answer, GError **error G_GNUC_UNUSED)
{
    g_string_append(answer,
                    "vm\tcontext#\tpool\tstate\trequests#\tarena_kib#\n");
    contexts_foreach(dispatch_contexts(admin->dispatch), append_context,
                     answer);
    return true;
}

static bool order_queues(Admin *admin, char **fields G_GNUC_UNUSED,
                         GString *answer, GError **error G_GNUC_UNUSED)
{
    g_string_append(answer,
                    "pool\tpriority\twaiting#\trunning#\tdevice_us#\n");
    for (PoolId pool = 0; pool < POOLS; pool++) {
        for (int i = VGPU_STUB_PRIORITY_HIGH; i >= 0; i--) {
            const ClassReport report =
                dispatch_class_report(admin->dispatch, pool, i);

            g_string_append_printf(answer, "%c\t%s\t%u\t%u\t%"
                                   G_GINT64_FORMAT "\n", pool_letter(pool),
                                   priority_names[i], report.waiting,
                                   report.running, report.used);
        }
    }
    return true;
}

static bool order_set(Admin *admin, char **fields,
                      GString *answer G_GNUC_UNUSED, GError **error)
{
    Vm *vm = vm_select(admin->vms, fields[1], error);

    return vm != NULL && vm_set_limit(vm, fields[2], fields[3], error);
}

/* What was to be done was, but not all of it. */
static bool done_but(GError **error)
{
    g_warning("%s", (*error)->message);
    g_prefix_error(error, "it was done, but ");
    return false;
}

static bool order_quarantine(Admin *admin, char **fields,
                             GString *answer G_GNUC_UNUSED, GError **error)
{
    Vm *vm = vm_select(admin->vms, fields[1], error);
    gint64 until = G_MAXINT64;
    guint64 seconds;

    if (vm == NULL) {
        return false;
    }
    if (fields[2] != NULL) {
        if (!g_ascii_string_to_unsigned(fields[2], 10, 1, QUARANTINE_MAX_S,
                                        &seconds, NULL)) {
            g_set_error(error, ADMIN_ERROR, ADMIN_ERROR_ORDER,
                        "SECONDS is '%s', 1 to %d is allowed", fields[2],
                        QUARANTINE_MAX_S);
            return false;
        }
        until = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
    }
    g_message("vm %s: quarantined by the operator", vm_name(vm));
    return vm_quarantine(vm, until, error) ||
           done_but(error);
}

static bool order_release(Admin *admin, char **fields,
                          GString *answer G_GNUC_UNUSED, GError **error)
{
    g_autofree char *vm = vm_select_name(admin->vms, fields[1], error);

    if (vm == NULL) {
        return false;
    }
    g_message("vm %s: released by the operator", vm);
    return vms_release(admin->vms, vm, error) ||
           done_but(error);
}

static bool order_reload(Admin *admin, char **fields G_GNUC_UNUSED,
                         GString *answer G_GNUC_UNUSED, GError **error)
{
    return service_reload(admin->service, error);
}

static bool order_drain(Admin *admin, char **fields G_GNUC_UNUSED,
                        GString *answer G_GNUC_UNUSED,
                        GError **error G_GNUC_UNUSED)
{
    service_drain(admin->service);
    return true;
}

static const struct {
    const char *name;
    const char *params;
    unsigned params_min, params_max;
    bool (*execute)(Admin *admin, char **fields, GString *answer,
                    GError **error);
} orders[] = {
    { "status", "", 0, 0, order_status },
    { "vms", "", 0, 0, order_vms },
    { "workers", "", 0, 0, order_workers },
    { "contexts", "", 0, 0, order_contexts },
    { "queues", "", 0, 0, order_queues },
    { "set", " VM LIMIT VALUE", 3, 3, order_set },
    { "quarantine", " VM [SECONDS]", 1, 2, order_quarantine },
    { "release", " VM", 1, 1, order_release },
    { "reload", "", 0, 0, order_reload },
    { "drain", "", 0, 0, order_drain },
};

static bool execute(Admin *admin, char **fields, GString *answer,
                    GError **error)
{
    const char *name = fields[0] != NULL ? fields[0] : "";
    const unsigned params = g_strv_length(fields) - (fields[0] != NULL);
    g_autoptr(GString) known = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        if (strcmp(orders[i].name, name) != 0) {
            g_string_append_printf(known, "%s%s", i > 0 ? ", " : "",
                                   orders[i].name);
            continue;
        }
        if (params < orders[i].params_min || params > orders[i].params_max) {
            g_set_error(error, ADMIN_ERROR, ADMIN_ERROR_ORDER,
                        "it has to be: %s%s", name, orders[i].params);
            return false;
        }
        return orders[i].execute(admin, fields, answer, error);
    }
    g_set_error(error, ADMIN_ERROR, ADMIN_ERROR_ORDER,
                "'%s' is not known, there are %s", name, known->str);
    return false;
}

void admin_order(gpointer opaque, const char *order, GString *answer)
{
    g_auto(GStrv) fields = g_strsplit(order, "\t", -1);
    g_autoptr(GError) error = NULL;

    for (char **field = fields; *field != NULL; field++) {
        char *escaped = *field;

        *field = g_strcompress(escaped);
        g_free(escaped);
    }
    if (execute(opaque, fields, answer, &error)) {
        g_string_append(answer, "ok\n");
    } else {
        g_autofree char *reason = g_strescape(error->message, NULL);

        g_string_append_printf(answer, "error\t%s\n", reason);
    }
}
