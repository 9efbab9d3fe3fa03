/*
 * The daemon's life between its start and its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "service.h"

#include <glib-unix.h>

#include "links/link.h"
#include "notify.h"
#include "vms/host-memory.h"
#include "vms/quarantine-reach.h"

/* How often a draining service looks whether it is done */
#define DRAIN_LOOK_MS 20

/* How often the service manager hears of the service if it wants no more */
#define STATUS_S 10

G_DEFINE_QUARK(service-error-quark, service_error)

struct Service {
    Dispatch *dispatch;
    const char *config;
    GMainLoop *loop;
    GPtrArray *links;           /* those of service_run() */
    SocketDir *dir;
    guint drain_timer;          /* 0: it does not drain */
    gint64 drain_since;         /* monotonic, µs */
    bool closing;               /* connections take nothing new */
    guint signals[3];           /* sources */
    const char *failure;        /* NULL: it has not failed */
};

static gboolean service_tell(gpointer opaque)
{
    const Service *service = opaque;
    const DispatchReport report = dispatch_report(service->dispatch);

    notify("WATCHDOG=1\nSTATUS=%s: %u VMs, %u of them quarantined; "
           "%u requests wait, %u run\n",
           service_draining(service) ? "Draining" : "Serving", report.vms,
           report.quarantined, report.waiting, report.running);
    return G_SOURCE_CONTINUE;
}

/* --- Reload --- */

void service_check_config(const Config *config, const char *path)
{
    g_autofree char *warning = host_memory_warning(config, path,
                                                   host_memory_mib());
    g_auto(GStrv) quarantines = quarantine_warnings(config, path);

    if (warning != NULL) {
        g_warning("%s", warning);
    }
    for (char **line = quarantines; *line != NULL; line++) {
        g_warning("%s", *line);
    }
}

bool service_reload(Service *service, GError **error)
{
    Config *config;

    if (service->config == NULL) {
        g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "nothing to reload: there is no --config");
        return false;
    }
    notify("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT "\n",
           g_get_monotonic_time());
    config = config_load(service->config, error);
    if (config != NULL) {
        service_check_config(config, service->config);
        dispatch_configure(service->dispatch, config);
        g_message("%s: loaded", service->config);
    } else {
        g_prefix_error(error, "the configuration stays as it was: ");
    }
    notify("READY=1\n");
    return config != NULL;
}

static gboolean reload_on_signal(gpointer service)
{
    g_autoptr(GError) error = NULL;

    if (!service_reload(service, &error)) {
        g_warning("%s", error->message);
    }
    return G_SOURCE_CONTINUE;
}

/* --- The end --- */

static gboolean quit(gpointer opaque)
{
    Service *service = opaque;

    notify("STOPPING=1\n");
    g_main_loop_quit(service->loop);
    return G_SOURCE_CONTINUE;
}

static void drain_link(gpointer link, gpointer opaque G_GNUC_UNUSED)
{
    link_drain(link);
}

/* Have connections take what was sent and nothing more. */
static void drain_close(Service *service)
{
    service->closing = true;
    if (service->dir != NULL) {
        socket_dir_drain(service->dir);
    }
    g_ptr_array_foreach(service->links, drain_link, NULL);
}

static bool drain_closed(const Service *service)
{
    bool closed = service->dir == NULL || socket_dir_drained(service->dir);

    for (guint i = 0; i < service->links->len; i++) {
        closed = link_drained(g_ptr_array_index(service->links, i)) && closed;
    }
    return closed;
}

/*
 * A device that has nothing to wait for is cut off for as short a time as can
 * be: its connection is ended when all that was there before has ended.
 */
static gboolean drain_look(gpointer opaque)
{
    Service *service = opaque;
    const gint64 now = g_get_monotonic_time();
    const bool over =
        now - service->drain_since >=
        dispatch_drain_ms(service->dispatch) * G_TIME_SPAN_MILLISECOND;

    if (over) {
        dispatch_end_all(service->dispatch,
                         service->closing ? now : service->drain_since);
    }
    if (!service->closing &&
        !dispatch_pending(service->dispatch, service->drain_since)) {
        drain_close(service);
    }
    if (service->closing && drain_closed(service)) {
        g_message("drained");
        g_main_loop_quit(service->loop);
    }
    return G_SOURCE_CONTINUE;
}

void service_drain(Service *service)
{
    if (service_draining(service)) {
        return;
    }
    g_message("draining");
    notify("STOPPING=1\n");
    service->drain_since = g_get_monotonic_time();
    service->drain_timer = g_timeout_add(DRAIN_LOOK_MS, drain_look, service);
}

bool service_draining(const Service *service)
{
    return service->drain_timer != 0;
}

/* --- The whole --- */

void service_fail(Service *service, const char *why)
{
    service->failure = why;
    g_main_loop_quit(service->loop);
}

bool service_run(Service *service, GPtrArray *links, SocketDir *dir,
                 GError **error)
{
    guint period = notify_watchdog_ms() / 3;
    guint timer = g_timeout_add(period > 0 ? MIN(period, STATUS_S * 1000)
                                           : STATUS_S * 1000,
                                service_tell, service);

    service->links = links;
    service->dir = dir;
    notify("READY=1\n");
    service_tell(service);
    g_main_loop_run(service->loop);

    if (service_draining(service)) {
        g_source_remove(service->drain_timer);
    }
    g_source_remove(timer);
    if (service->failure != NULL) {
        g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
                            service->failure);
    }
    return service->failure == NULL;
}

Service *service_new(Dispatch *dispatch, const char *config)
{
    Service *service = g_new0(Service, 1);

    service->dispatch = dispatch;
    service->config = config;
    service->loop = g_main_loop_new(NULL, FALSE);
    service->signals[0] = g_unix_signal_add(SIGTERM, quit, service);
    service->signals[1] = g_unix_signal_add(SIGINT, quit, service);
    service->signals[2] = g_unix_signal_add(SIGHUP, reload_on_signal, service);
    return service;
}

void service_free(Service *service)
{
    for (size_t i = 0; i < G_N_ELEMENTS(service->signals); i++) {
        g_source_remove(service->signals[i]);
    }
    g_main_loop_unref(service->loop);
    g_free(service);
}
