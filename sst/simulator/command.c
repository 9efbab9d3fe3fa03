/*
 * A QEMU that the simulator starts itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command.h"

#include <gio/gio.h>
#include <signal.h>

struct Command {
    GSubprocess *process;
    GCancellable *cancellable;
    CommandEnded ended;
    gpointer opaque;
};

/* In an option of QEMU's, a comma in a value is written twice. */
static char *escape_commas(const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);

    return g_strjoinv(",,", parts);
}

static void append_device(GPtrArray *options, const Bus *bus,
                          const Device *device)
{
    g_autofree char *path = escape_commas(bus->path);

    g_ptr_array_add(options, g_strdup("-chardev"));
    g_ptr_array_add(options, g_strdup_printf(
        "socket,id=sst-%s,path=%s,reconnect=1", device->name, path));
    g_ptr_array_add(options, g_strdup("-device"));
    g_ptr_array_add(options, g_strdup_printf(
        "sst-device,id=%s,chardev=sst-%s,base=0x%" G_GINT64_MODIFIER "x,"
        "size=%" G_GUINT64_FORMAT ",format=%s", device->name, device->name,
        device->base, device->size, wire_format_names[bus->format]));
}

char **command_qemu_options(const Simulation *simulation)
{
    GPtrArray *options = g_ptr_array_new();

    for (guint i = 0; i < simulation->buses->len; i++) {
        const Bus *bus = g_ptr_array_index(simulation->buses, i);

        for (guint j = 0; j < bus->devices->len; j++) {
            append_device(options, bus, g_ptr_array_index(bus->devices, j));
        }
    }
    g_ptr_array_add(options, NULL);
    return (char **)g_ptr_array_free(options, FALSE);
}

static void command_ended(GObject *source, GAsyncResult *result,
                          gpointer opaque)
{
    GSubprocess *process = G_SUBPROCESS(source);
    Command *command = opaque;

    if (!g_subprocess_wait_finish(process, result, NULL)) {
        return;                 /* cancelled: the command is freed */
    }
    command->ended(g_subprocess_get_if_exited(process)
                   ? g_subprocess_get_exit_status(process)
                   : 128 + g_subprocess_get_term_sig(process),
                   command->opaque);
}

Command *command_start(char **argv, const Simulation *simulation,
                       CommandEnded ended, gpointer opaque, GError **error)
{
    g_auto(GStrv) options = command_qemu_options(simulation);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GSubprocess *process;
    Command *command;

    for (char **arg = argv; *arg != NULL; arg++) {
        g_ptr_array_add(all, *arg);
    }
    for (char **option = options; *option != NULL; option++) {
        g_ptr_array_add(all, *option);
    }
    g_ptr_array_add(all, NULL);
    process = g_subprocess_newv((const char *const *)all->pdata,
                                G_SUBPROCESS_FLAGS_STDIN_INHERIT, error);
    if (process == NULL) {
        return NULL;
    }
    command = g_new(Command, 1);
    *command = (Command) {
        .process = process,
        .cancellable = g_cancellable_new(),
        .ended = ended,
        .opaque = opaque,
    };
    g_subprocess_wait_async(process, command->cancellable, command_ended,
                            command);
    return command;
}

void command_stop(Command *command)
{
    g_subprocess_send_signal(command->process, SIGTERM);
}

void command_free(Command *command)
{
    g_cancellable_cancel(command->cancellable);
    g_object_unref(command->cancellable);
    g_object_unref(command->process);
    g_free(command);
}
