/*
 * The link to one device: a socket path that is connected over and over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "link-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Log a line about the connection of a device that is known. */
static void link_log_device(const Link *link, GLogLevelFlags level,
                            const char *what)
{
    const char *path = link->address.sun_path;
    const WireHello *hello = &link->hello;
    const char pool[] = { hello->pool, '\0' };
    const char *priority = priority_names[hello->priority];
    g_autofree char *vm_id = g_strdup_printf("%u", hello->vm_id);
    g_autofree char *id = g_strndup(hello->device_id,
                                    sizeof(hello->device_id));
    /* The peer chose it: no line breaks or escape sequences in the log. */
    g_autofree char *device = g_strescape(id, NULL);

    g_log_structured(G_LOG_DOMAIN, level, "VGPU_SOCKET", path,
                     "VGPU_VM", link->identity->vm, "VGPU_VM_ID", vm_id,
                     "VGPU_POOL", pool, "VGPU_PRIORITY", priority,
                     "VGPU_DEVICE", device,
                     "MESSAGE", "%s: vm %s, pool %s, priority %s, "
                     "device \"%s\": %s", path, vm_id, pool, priority,
                     device, what);
}

void link_log(const Link *link, GLogLevelFlags level, const char *what)
{
    const char *path = link->address.sun_path;

    if (link->greeted) {
        link_log_device(link, level, what);
    } else {
        g_log_structured(G_LOG_DOMAIN, level, "VGPU_SOCKET", path,
                         "VGPU_VM", link->identity->vm,
                         "MESSAGE", "%s: %s", path, what);
    }
}

void link_clear_timer(Link *link)
{
    if (link->timer != 0) {
        g_source_remove(link->timer);
        link->timer = 0;
    }
}

static void link_connect(Link *link);

static gboolean link_next_attempt(gpointer opaque)
{
    Link *link = opaque;

    link->timer = 0;
    link_connect(link);
    return G_SOURCE_REMOVE;
}

/*
 * Schedule the next attempt, if there is to be one; returns the delay until then
 * in ms.
 */
static guint link_connect_later(Link *link)
{
    guint delay = MIN(LINK_RETRY_MIN_MS << link->attempts,
                      LINK_RETRY_MAX_MS);

    if (link->final) {
        return 0;
    }
    if (delay < LINK_RETRY_MAX_MS) {
        link->attempts++;
    }
    link->timer = g_timeout_add(delay, link_next_attempt, link);
    return delay;
}

void link_disconnect(Link *link)
{
    g_clear_pointer(&link->channel, channel_free);
    g_hash_table_remove_all(link->running);
    g_clear_pointer(&link->queue, link_queue_free);
    if (link->greeted) {
        dispatch_context_end(link->dispatch, link->context);
        dispatch_vm_disconnected(link->dispatch, link->vm);
    }
    link->greeted = false;
}

static void link_closed(gpointer opaque, const GError *error)
{
    Link *link = opaque;
    g_autofree char *what = NULL;
    GLogLevelFlags level = G_LOG_LEVEL_WARNING;

    if (g_error_matches(error, WIRE_ERROR, WIRE_ERROR_VIOLATION)) {
        what = g_strdup_printf("closed, protocol violation: %s",
                               error->message);
    } else if (g_error_matches(error, WIRE_ERROR, WIRE_ERROR_REJECTED)) {
        what = g_strdup_printf("rejected: %s", error->message);
    } else {
        what = g_strdup_printf("disconnected: %s", error->message);
        level = G_LOG_LEVEL_MESSAGE;
    }
    /* A device that stays as it is is no news each time that it is tried. */
    if (link->greeted || g_strcmp0(what, link->refusal) != 0) {
        link_log(link, level, what);
    }
    g_free(link->refusal);
    link->refusal = link->greeted ? NULL : g_steal_pointer(&what);

    link_disconnect(link);
    link_clear_timer(link);

    if (g_get_monotonic_time() - link->connected_at >=
        LINK_RETRY_MAX_MS * G_TIME_SPAN_MILLISECOND) {
        link->attempts = 0;
    }
    link_connect_later(link);
}

static gboolean link_hello_overdue(gpointer opaque)
{
    Link *link = opaque;
    g_autoptr(GError) error =
        g_error_new(WIRE_ERROR, WIRE_ERROR_VIOLATION, "no HELLO within %d s",
                    LINK_HELLO_TIMEOUT_MS / 1000);

    link->timer = 0;
    link_closed(link, error);
    return G_SOURCE_REMOVE;
}

/* Somebody listens at the socket: the VM is there. */
static void link_take_vm(Link *link)
{
    if (link->vm == NULL) {
        link->vm = vms_device_there(link->vms, link->identity);
    }
}

static void link_connect_failed(Link *link, int code)
{
    g_autofree char *what =
        g_strdup_printf("cannot connect: %s; will go on trying",
                        g_strerror(code));
    /* A QEMU that was killed leaves the socket's file. */
    const bool nobody = code == ECONNREFUSED || code == ENOENT;
    guint delay = link_connect_later(link);

    if (nobody) {
        link_lost(link);
    } else {
        link_take_vm(link);
    }
    /* Short troubles are a VM's normal start and end. */
    if (delay == LINK_RETRY_MAX_MS && !link->complained &&
        (!nobody || link->expected)) {
        link_log(link, G_LOG_LEVEL_WARNING, what);
        link->complained = true;
    }
}

static void link_connect(Link *link)
{
    static const ChannelHandlers handlers = {
        .message = link_message,
        .closed = link_closed,
    };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        link_connect_failed(link, errno);
        return;
    }
    if (connect(fd, (const struct sockaddr *)&link->address,
                sizeof(link->address)) < 0) {
        link_connect_failed(link, errno);
        close(fd);
        return;
    }
    link_take_vm(link);
    link->complained = false;
    link->connected_at = g_get_monotonic_time();
    link->channel = channel_new(fd, &handlers, link);
    link->timer = g_timeout_add(LINK_HELLO_TIMEOUT_MS, link_hello_overdue,
                                link);
}

Link *link_new(const char *path, bool expected, Vms *vms,
               Dispatch *dispatch, GError **error)
{
    size_t length = strlen(path);
    Link *link;

    if (length == 0 || length >= sizeof(link->address.sun_path)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                    "socket path '%s' has %zu bytes, 1 to %zu are allowed",
                    path, length, sizeof(link->address.sun_path) - 1);
        return NULL;
    }
    link = g_new0(Link, 1);
    link->address.sun_family = AF_UNIX;
    memcpy(link->address.sun_path, path, length);
    link->vms = vms;
    link->dispatch = dispatch;
    link->identity = identity_of_socket(path);
    link->expected = expected;
    link->running = g_hash_table_new_full(
        g_int64_hash, g_int64_equal, NULL,
        (GDestroyNotify)request_abandon);
    link_connect(link);
    return link;
}

void link_free(Link *link)
{
    link_clear_timer(link);
    link_disconnect(link);
    g_hash_table_unref(link->running);
    if (link->vm != NULL) {
        vm_device_gone(link->vm, link->identity);
    }
    identity_free(link->identity);
    g_free(link->refusal);
    g_free(link);
}

void link_lost(Link *link)
{
    if (link->vm != NULL) {
        vm_device_lost(link->vm, link->identity);
        link->vm = NULL;
    }
}

void link_detach(Link *link)
{
    link_log(link, G_LOG_LEVEL_WARNING, "another QEMU listens at this path "
             "now, and the one before will remove it when it ends; no "
             "connection can be made there then");
    link->final = true;
}

bool link_connected(const Link *link)
{
    return link->channel != NULL;
}

void link_retry(Link *link)
{
    link->attempts = 0;
    if (!link_connected(link) && !link->final) {
        link_clear_timer(link);
        link_connect(link);
    }
}
