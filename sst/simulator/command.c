/*
 * A QEMU that the simulator starts itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command.h"

#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

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
                          const Device *device, bool report_idle)
{
    g_autofree char *path = escape_commas(bus->path);
    GString *properties = g_string_new(NULL);

    g_string_append_printf(
        properties, "sst-device,id=%s,socket=%s,base=0x%" G_GINT64_MODIFIER
        "x,size=%" G_GUINT64_FORMAT ",format=%s", device->name, path,
        device->base, device->size, wire_format_names[bus->format]);
    if (device->interrupt != 0) {
        g_string_append_printf(properties, ",interrupt=%u", device->interrupt);
    }
    if (report_idle) {
        g_string_append(properties, ",report-idle=on");
    }
    g_ptr_array_add(options, g_strdup("-device"));
    g_ptr_array_add(options, g_string_free(properties, FALSE));
}

/* Only an interrupt ends a wait: without any, nobody has to know of one. */
static bool has_interrupts(const Simulation *simulation)
{
    for (guint i = 0; i < simulation->devices->len; i++) {
        const Device *device = g_ptr_array_index(simulation->devices, i);

        if (device->interrupt != 0) {
            return true;
        }
    }
    return false;
}

char **command_qemu_options(const Simulation *simulation)
{
    GPtrArray *options = g_ptr_array_new();
    bool report_idle = has_interrupts(simulation);

    for (guint i = 0; i < simulation->buses->len; i++) {
        const Bus *bus = g_ptr_array_index(simulation->buses, i);

        for (guint j = 0; j < bus->devices->len; j++) {
            append_device(options, bus, g_ptr_array_index(bus->devices, j),
                          report_idle);
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

/* In the new process: it does not outlive the simulator, however that ends. */
static void die_with_parent(gpointer parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != GPOINTER_TO_INT(parent)) {
        _exit(EXIT_FAILURE);
    }
}

static GSubprocess *spawn(const char *const *argv, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_INHERIT);

    g_subprocess_launcher_set_child_setup(launcher, die_with_parent,
                                          GINT_TO_POINTER(getpid()), NULL);
    return g_subprocess_launcher_spawnv(launcher, argv, error);
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
    process = spawn((const char *const *)all->pdata, error);
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
