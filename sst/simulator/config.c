/*
 * The configuration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "config.h"

#include <string.h>

#include "key-file.h"
#include "quantity.h"

#define GROUP_SIMULATOR "simulator"
#define PREFIX_CLOCK "clock "
#define PREFIX_DEVICE "device "
#define PREFIX_LINK "link "

#define MAX_NAME 31
/* QEMU maps devices in whole ones. */
#define PAGE 4096

#define MAX_LATENCY 1000000000
#define MAX_INTERRUPT 1023
#define MAX_DEVICE_SIZE (64 * 1024 * 1024)

/* What is being read: a group of the file */
typedef struct Group {
    GKeyFile *file;
    const char *name;
    const char *item;           /* the part of the name after the prefix */
    GPtrArray *taken;           /* keys that somebody has asked for */
} Group;

typedef struct Loader {
    Simulation *simulation;
    const char *socket_dir;
    WireFormat format;
} Loader;

typedef bool (*GroupFunc)(Loader *loader, Group *group, GError **error);

G_DEFINE_QUARK(sst-config-error-quark, config_error)

static bool G_GNUC_PRINTF(3, 4)
fail(GError **error, const Group *group, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID, "[%s] %s",
                group->name, what);
    return false;
}

/* --- Values --- */

/* NULL when the group does not have @key; to be freed with g_free(). */
static char *take(Group *group, const char *key)
{
    char *value = g_key_file_get_value(group->file, group->name, key, NULL);

    if (!g_ptr_array_find_with_equal_func(group->taken, key, g_str_equal,
                                          NULL)) {
        g_ptr_array_add(group->taken, (gpointer)key);
    }
    return value != NULL ? g_strchomp(value) : NULL;
}

/* The same, but the key has to be there. */
static char *need(Group *group, const char *key, const char *allowed,
                  GError **error)
{
    char *value = take(group, key);

    if (value == NULL) {
        fail(error, group, "%s= is missing: %s", key, allowed);
    }
    return value;
}

static bool wrong(Group *group, const char *key, const char *value,
                  const char *allowed, GError **error)
{
    return fail(error, group, "%s=%s: this has to be %s", key, value,
                allowed);
}

/* A number that keeps its value where the key is not there */
static bool take_number(Group *group, const char *key, guint64 min,
                        guint64 max, guint64 *number, GError **error)
{
    g_autofree char *text = take(group, key);
    g_autofree char *allowed = NULL;

    if (text == NULL || quantity_number(text, min, max, number)) {
        return true;
    }
    allowed = g_strdup_printf("a whole number from %" G_GUINT64_FORMAT
                              " to %" G_GUINT64_FORMAT, min, max);
    return wrong(group, key, text, allowed, error);
}

/* The names of the things in @array, each of which begins with its name; to be
 * freed with g_free(). */
static char *names(GPtrArray *array)
{
    GString *list = g_string_new(array->len == 0 ? "none" : NULL);

    for (guint i = 0; i < array->len; i++) {
        char *const *thing = g_ptr_array_index(array, i);

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", *thing);
    }
    return g_string_free(list, FALSE);
}

/* --- Groups --- */

static bool load_simulator(Loader *loader, Group *group, GError **error)
{
    g_autofree char *format = take(group, "format");
    g_autofree char *allowed = NULL;

    if (format == NULL) {
        return true;
    }
    for (int i = 0; wire_format_names[i] != NULL; i++) {
        if (strcmp(wire_format_names[i], format) == 0) {
            loader->format = i;
            return true;
        }
    }
    allowed = g_strjoinv(" or ", (char **)wire_format_names);
    return wrong(group, "format", format, allowed, error);
}

static bool load_clock(Loader *loader, Group *group, GError **error)
{
    static const char allowed[] =
        "a whole number of Hz, kHz, MHz or GHz, up to 1000GHz";
    g_autofree char *frequency = need(group, "frequency", allowed, error);
    guint64 hz;

    if (frequency == NULL) {
        return false;
    }
    if (!quantity_frequency(frequency, &hz)) {
        return wrong(group, "frequency", frequency, allowed, error);
    }
    g_ptr_array_add(loader->simulation->clocks,
                    clock_domain_new(group->item, hz));
    return true;
}

static const Model *load_model(Group *group, GError **error)
{
    g_autofree char *all = model_names();
    g_autofree char *allowed = g_strdup_printf("one of: %s", all);
    g_autofree char *name = need(group, "model", allowed, error);
    const Model *model = NULL;

    if (name != NULL) {
        model = model_find(name);
        if (model == NULL) {
            wrong(group, "model", name, allowed, error);
        }
    }
    return model;
}

static const ClockDomain *load_device_clock(Loader *loader, Group *group,
                                            GError **error)
{
    g_autofree char *all = names(loader->simulation->clocks);
    g_autofree char *allowed = g_strdup_printf(
        "the name of a [clock NAME]; there are: %s", all);
    g_autofree char *name = need(group, "clock", allowed, error);
    const ClockDomain *clock = NULL;

    if (name != NULL) {
        clock = simulation_clock(loader->simulation, name);
        if (clock == NULL) {
            wrong(group, "clock", name, allowed, error);
        }
    }
    return clock;
}

static bool load_range(Group *group, guint64 *base, guint64 *size,
                       GError **error)
{
    static const char allowed[] =
        "where the device lies on the bus, 0x10200000 for example";
    g_autofree char *there = need(group, "base", allowed, error);

    *size = SST_DEVICE_SIZE;
    if (there == NULL ||
        !take_number(group, "base", 0, G_MAXUINT64 - MAX_DEVICE_SIZE, base,
                     error) ||
        !take_number(group, "size", PAGE, MAX_DEVICE_SIZE, size, error)) {
        return false;
    }
    if (*base % PAGE != 0 || *size % PAGE != 0) {
        return fail(error, group, "base= and size= have to be multiples of %d",
                    PAGE);
    }
    return true;
}

static bool load_keys(Group *group, Device *device, GError **error)
{
    const ModelKey *key = device->model->keys;
    guint64 number = device->latency;

    if (!take_number(group, "latency", 1, MAX_LATENCY, &number, error)) {
        return false;
    }
    device->latency = number;
    for (; key != NULL && key->name != NULL; key++) {
        number = key->preset;
        if (!take_number(group, key->name, key->min, key->max, &number,
                         error)) {
            return false;
        }
        G_STRUCT_MEMBER(guint32, device->state, key->offset) = number;
    }
    return true;
}

static bool load_interrupt(Loader *loader, Group *group, Device *device,
                           GError **error)
{
    guint64 number = 0;

    if (!take_number(group, "interrupt", 0, MAX_INTERRUPT, &number, error)) {
        return false;
    }
    if (number != 0 && !wire_has_interrupts(loader->format)) {
        return fail(error, group, "interrupt= is not possible with [simulator] "
                    "format=%s", wire_format_names[loader->format]);
    }
    for (guint i = 0; number != 0 && i < loader->simulation->devices->len;
         i++) {
        const Device *other = g_ptr_array_index(loader->simulation->devices,
                                                i);

        if (other->interrupt == number) {
            return fail(error, group, "interrupt= is that of [device %s]",
                        other->name);
        }
    }
    device->interrupt = number;
    return true;
}

static bool load_bus(Loader *loader, Group *group, Device *device,
                     GError **error)
{
    g_autofree char *name = need(group, "socket",
                                 "the path of a Unix socket", error);
    g_autofree char *path = NULL;
    const Device *other;
    Bus *bus;

    if (name == NULL) {
        return false;
    }
    if (name[0] == '\0') {
        return wrong(group, "socket", name, "the path of a Unix socket",
                     error);
    }
    path = g_path_is_absolute(name)
         ? g_strdup(name) : g_build_filename(loader->socket_dir, name, NULL);
    bus = simulation_bus(loader->simulation, path);
    if (bus == NULL) {
        bus = bus_new(path, loader->format, loader->simulation->queue);
        g_ptr_array_add(loader->simulation->buses, bus);
    }
    other = bus_add(bus, device);
    if (other != NULL) {
        return fail(error, group, "base= and size= overlap with those of "
                    "[device %s] on the same socket", other->name);
    }
    return true;
}

static bool load_device(Loader *loader, Group *group, GError **error)
{
    const Model *model = load_model(group, error);
    const ClockDomain *clock = NULL;
    guint64 base, size;
    Device *device;

    if (model != NULL) {
        clock = load_device_clock(loader, group, error);
    }
    if (clock == NULL || !load_range(group, &base, &size, error)) {
        return false;
    }
    device = device_new(group->item, model, base, size, clock,
                        loader->simulation->queue);
    g_ptr_array_add(loader->simulation->devices, device);
    if (!load_keys(group, device, error) ||
        !load_interrupt(loader, group, device, error) ||
        !load_bus(loader, group, device, error)) {
        return false;
    }
    device_start(device);
    return true;
}

static Device *load_end(Loader *loader, Group *group, const char *key,
                        GError **error)
{
    g_autofree char *all = names(loader->simulation->devices);
    g_autofree char *allowed = g_strdup_printf(
        "the name of a [device NAME]; there are: %s", all);
    g_autofree char *name = need(group, key, allowed, error);
    Device *device = NULL;

    if (name != NULL) {
        device = simulation_device(loader->simulation, name);
        if (device == NULL) {
            wrong(group, key, name, allowed, error);
        }
    }
    return device;
}

static bool load_link(Loader *loader, Group *group, GError **error)
{
    static const char allowed[] =
        "a whole number of ps, ns, us, ms or s, up to an hour";
    Device *from = load_end(loader, group, "from", error);
    Device *to = from != NULL ? load_end(loader, group, "to", error) : NULL;
    g_autofree char *latency = NULL;
    guint64 ps;

    if (to == NULL) {
        return false;
    }
    if (to->model->receive == NULL) {
        return fail(error, group, "to=%s: model %s takes no messages",
                    to->name, to->model->name);
    }
    latency = need(group, "latency", allowed, error);
    if (latency == NULL) {
        return false;
    }
    if (!quantity_time(latency, &ps)) {
        return wrong(group, "latency", latency, allowed, error);
    }
    device_link(from, to, ps);
    return true;
}

/* --- The file --- */

/* In the order in which they need each other, wherever they are in the file */
static const struct {
    const char *prefix;
    bool named;
    GroupFunc load;
} kinds[] = {
    { GROUP_SIMULATOR, false, load_simulator },
    { PREFIX_CLOCK, true, load_clock },
    { PREFIX_DEVICE, true, load_device },
    { PREFIX_LINK, true, load_link },
};

static bool is_kind(const char *name, size_t kind)
{
    return kinds[kind].named ? g_str_has_prefix(name, kinds[kind].prefix)
                             : strcmp(name, kinds[kind].prefix) == 0;
}

static bool is_name(const char *name)
{
    size_t length = strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
                                 "_.-");

    return g_ascii_isalpha(name[0]) && name[length] == '\0' &&
           length <= MAX_NAME;
}

static bool check_group(GKeyFile *file, const char *name, GError **error)
{
    const Group group = { .file = file, .name = name };

    for (size_t kind = 0; kind < G_N_ELEMENTS(kinds); kind++) {
        if (is_kind(name, kind)) {
            if (kinds[kind].named && !is_name(name +
                                              strlen(kinds[kind].prefix))) {
                return fail(error, &group, "a name has up to %d letters, "
                            "digits, '_', '.' and '-', the first of them a "
                            "letter", MAX_NAME);
            }
            return true;
        }
    }
    return fail(error, &group, "is not known, there are [simulator], "
                "[clock NAME], [device NAME] and [link NAME]");
}

static bool check_keys(const Group *group, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(group->file, group->name, NULL,
                                             NULL);

    for (char **key = keys; *key != NULL; key++) {
        if (!g_ptr_array_find_with_equal_func(group->taken, *key, g_str_equal,
                                              NULL)) {
            g_autofree char *known = NULL;

            g_ptr_array_add(group->taken, NULL);
            known = g_strjoinv(", ", (char **)group->taken->pdata);
            return fail(error, group, "%s is not known here, there are: %s",
                        *key, known);
        }
    }
    return true;
}

static bool load_groups(Loader *loader, GKeyFile *file, size_t kind,
                        GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

    for (char **name = groups; *name != NULL; name++) {
        g_autoptr(GPtrArray) taken = g_ptr_array_new();
        Group group = {
            .file = file,
            .name = *name,
            .item = *name + strlen(kinds[kind].prefix),
            .taken = taken,
        };

        if (is_kind(*name, kind) &&
            !(kinds[kind].load(loader, &group, error) &&
              check_keys(&group, error))) {
            return false;
        }
    }
    return true;
}

static bool load_all(Loader *loader, GKeyFile *file, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

    for (char **name = groups; *name != NULL; name++) {
        if (!check_group(file, *name, error)) {
            return false;
        }
    }
    for (size_t kind = 0; kind < G_N_ELEMENTS(kinds); kind++) {
        if (!load_groups(loader, file, kind, error)) {
            return false;
        }
    }
    if (loader->simulation->devices->len == 0) {
        g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "there is no [device NAME]");
        return false;
    }
    return true;
}

Simulation *config_load(const char *path, const char *socket_dir,
                        GError **error)
{
    g_autoptr(GKeyFile) file = key_file_load(path, error);
    Loader loader = { .socket_dir = socket_dir, .format = WIRE_GUIDE };

    if (file == NULL) {
        return NULL;
    }
    loader.simulation = simulation_new();
    if (!load_all(&loader, file, error)) {
        g_prefix_error(error, "%s: ", path);
        g_clear_pointer(&loader.simulation, simulation_free);
    }
    return loader.simulation;
}
