/*
 * The directory where devices have their sockets
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "socket-dir.h"

#include <gio/gio.h>

#include "link.h"

/*
 * Seconds. New sockets are seen at once as long as the monitor works; a look
 * at the whole directory finds what it misses, and what is gone.
 */
#define SOCKET_DIR_SCAN_S 5

struct SocketDir {
    char *path;
    Vms *vms;
    Dispatch *dispatch;
    GFileMonitor *monitor;      /* NULL where there is none to be had */
    guint timer;
    bool complained;            /* that the directory cannot be read */
    GHashTable *links;          /* file name → Link, or NULL for a file that
                                 * cannot have one */
    GPtrArray *former;          /* Link, of files that others replaced */
};

static bool is_socket_name(const char *name)
{
    return name[0] != '.' && g_str_has_suffix(name, ".sock");
}

static void socket_dir_add(SocketDir *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir->path, name, NULL);
    g_autoptr(GError) error = NULL;
    Link *link = link_new(path, false, dir->vms, dir->dispatch, &error);

    if (link == NULL) {
        g_warning("%s", error->message);
    }
    g_hash_table_insert(dir->links, g_strdup(name), link);
}

/* The names of the directory's sockets; none while it cannot be read. */
static GHashTable *socket_dir_list(SocketDir *dir)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal,
                                              g_free, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) listing = g_dir_open(dir->path, 0, &error);
    const char *name;

    if (listing == NULL) {
        if (!dir->complained) {
            g_warning("%s; will go on trying", error->message);
        }
        dir->complained = true;
        return names;
    }
    dir->complained = false;
    while ((name = g_dir_read_name(listing)) != NULL) {
        if (is_socket_name(name)) {
            g_hash_table_add(names, g_strdup(name));
        }
    }
    return names;
}

static gboolean is_over(gpointer name, gpointer link, gpointer present)
{
    if (g_hash_table_contains(present, name) ||
        (link != NULL && link_connected(link))) {
        return false;
    }
    if (link != NULL) {
        link_lost(link);
    }
    return true;
}

static void socket_dir_forget_former(SocketDir *dir)
{
    for (guint i = dir->former->len; i > 0; i--) {
        Link *link = g_ptr_array_index(dir->former, i - 1);

        if (!link_connected(link)) {
            link_lost(link);
            g_ptr_array_remove_index(dir->former, i - 1);
        }
    }
}

/*
 * There is another socket at the path of @name's connection, as when a VM moves
 * to this host from itself. It is the other's now.
 */
static void socket_dir_replace(SocketDir *dir, const char *name)
{
    gpointer key, link;

    g_hash_table_lookup_extended(dir->links, name, &key, &link);
    g_hash_table_steal(dir->links, name);
    g_free(key);
    link_detach(link);
    g_ptr_array_add(dir->former, link);
    socket_dir_add(dir, name);
}

static gboolean socket_dir_scan(gpointer opaque)
{
    SocketDir *dir = opaque;
    g_autoptr(GHashTable) present = socket_dir_list(dir);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, present);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!g_hash_table_contains(dir->links, name)) {
            socket_dir_add(dir, name);
        }
    }
    g_hash_table_foreach_remove(dir->links, is_over, present);
    socket_dir_forget_former(dir);
    return G_SOURCE_CONTINUE;
}

static void socket_dir_changed(GFileMonitor *monitor G_GNUC_UNUSED,
                               GFile *file, GFile *other G_GNUC_UNUSED,
                               GFileMonitorEvent event, gpointer opaque)
{
    SocketDir *dir = opaque;
    g_autofree char *name = g_file_get_basename(file);
    Link *link;

    if (event != G_FILE_MONITOR_EVENT_CREATED || !is_socket_name(name)) {
        return;
    }
    link = g_hash_table_lookup(dir->links, name);
    if (link != NULL && link_connected(link)) {
        socket_dir_replace(dir, name);
    } else if (link != NULL) {
        link_retry(link);
    } else if (!g_hash_table_contains(dir->links, name)) {
        socket_dir_add(dir, name);
    }
}

static void free_link(gpointer link)
{
    if (link != NULL) {
        link_free(link);
    }
}

SocketDir *socket_dir_new(const char *path, Vms *vms, Dispatch *dispatch)
{
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GError) error = NULL;
    SocketDir *dir = g_new0(SocketDir, 1);

    dir->path = g_strdup(path);
    dir->vms = vms;
    dir->dispatch = dispatch;
    dir->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       free_link);
    dir->former = g_ptr_array_new_with_free_func(free_link);
    dir->monitor = g_file_monitor_directory(file, G_FILE_MONITOR_NONE, NULL,
                                            &error);
    if (dir->monitor != NULL) {
        g_signal_connect(dir->monitor, "changed",
                         G_CALLBACK(socket_dir_changed), dir);
    } else {
        g_warning("%s; new sockets are found within %d s", error->message,
                  SOCKET_DIR_SCAN_S);
    }
    dir->timer = g_timeout_add_seconds(SOCKET_DIR_SCAN_S, socket_dir_scan,
                                       dir);
    socket_dir_scan(dir);
    return dir;
}

static void drain_former(gpointer link, gpointer opaque G_GNUC_UNUSED)
{
    link_drain(link);
}

void socket_dir_drain(SocketDir *dir)
{
    GHashTableIter iter;
    gpointer link;

    g_clear_object(&dir->monitor);
    g_source_remove(dir->timer);
    dir->timer = 0;
    g_hash_table_iter_init(&iter, dir->links);
    while (g_hash_table_iter_next(&iter, NULL, &link)) {
        if (link != NULL) {
            link_drain(link);
        }
    }
    g_ptr_array_foreach(dir->former, drain_former, NULL);
}

bool socket_dir_drained(SocketDir *dir)
{
    bool drained = true;
    GHashTableIter iter;
    gpointer link;

    g_hash_table_iter_init(&iter, dir->links);
    while (g_hash_table_iter_next(&iter, NULL, &link)) {
        drained = (link == NULL || link_drained(link)) && drained;
    }
    for (guint i = 0; i < dir->former->len; i++) {
        drained = link_drained(g_ptr_array_index(dir->former, i)) && drained;
    }
    return drained;
}

void socket_dir_free(SocketDir *dir)
{
    if (dir->timer != 0) {
        g_source_remove(dir->timer);
    }
    g_clear_object(&dir->monitor);
    g_hash_table_unref(dir->links);
    g_ptr_array_unref(dir->former);
    g_free(dir->path);
    g_free(dir);
}
