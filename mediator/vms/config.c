/*
 * What the operator has written into mediatord.conf
 *
 * The format is that of GLib's key files, but read here: GKeyFile knows no
 * line numbers and takes the last of two values without a word.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "config.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

#include "identity.h"
#include "vgpu-stub-wire.h"

#define GROUP_CLASSES "classes"
#define GROUP_WORKERS "workers"
#define GROUP_QUEUE "queue"
#define GROUP_POOL "pool "      /* and its letter */
#define GROUP_EVERY_VM "vm"
#define GROUP_LOG "log"
#define GROUP_ONE_VM "vm "      /* and its name */

/*
 * Outside of what users, services, containers and the domains of a host have.
 * All the workers that two pools may have, some more, and the keeper
 */
static const UidRange uids_default = { 1900000000, 1900004095 };

/* More than that vgpu-starter does not take. */
#define UIDS_MAX 65536

struct Config {
    ClassShares shares;
    PoolSettings pools[POOLS];
    char *launchers[POOLS];     /* or NULL */
    WorkerSettings workers;
    QueueSettings queue;
    char *kernels;              /* or NULL */
    UidRange uids;
    char *groups;               /* or NULL */
    VmLimits limits;            /* of VMs that have no group of their own */
    LogSettings log;
    GHashTable *vms;            /* name → VmLimits */
    GHashTable *lines;          /* as Reader.seen; NULL for the defaults */
};

/* A line with a value; the strings are parts of the text. */
typedef struct Entry {
    unsigned line;
    const char *group;
    const char *key;
    const char *value;
} Entry;

/* What has been read of a file */
typedef struct Reader {
    const char *path;
    const char *group;          /* the current one; NULL before the first */
    GHashTable *seen;           /* "[group]" or "[group] key" → its line */
    GArray *entries;            /* Entry */
} Reader;

G_DEFINE_QUARK(config-error-quark, config_error)

static bool G_GNUC_PRINTF(4, 5)
fail(GError **error, const char *path, unsigned line, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID, "%s:%u: %s", path,
                line, what);
    return false;
}

/* --- Lines --- */

/* Check that what @name, which is taken over, names is there only once. */
static bool reader_see(Reader *reader, char *name, unsigned line,
                       GError **error)
{
    gpointer before = g_hash_table_lookup(reader->seen, name);

    if (before != NULL) {
        fail(error, reader->path, line, "%s is in line %u already", name,
             GPOINTER_TO_UINT(before));
        g_free(name);
        return false;
    }
    g_hash_table_insert(reader->seen, name, GUINT_TO_POINTER(line));
    return true;
}

/* The pool that the group @name is about, or POOLS */
static PoolId group_pool(const char *name)
{
    const char *letter = name + strlen(GROUP_POOL);

    return g_str_has_prefix(name, GROUP_POOL) && pool_is_letter(letter[0]) &&
           letter[1] == '\0' ? pool_of_letter(letter[0]) : POOLS;
}

static bool is_group(const char *name)
{
    return strcmp(name, GROUP_CLASSES) == 0 ||
           strcmp(name, GROUP_LOG) == 0 ||
           strcmp(name, GROUP_WORKERS) == 0 ||
           strcmp(name, GROUP_QUEUE) == 0 ||
           group_pool(name) != POOLS ||
           strcmp(name, GROUP_EVERY_VM) == 0 ||
           (g_str_has_prefix(name, GROUP_ONE_VM) &&
            name[strlen(GROUP_ONE_VM)] != '\0');
}

/* Whether [@name] can name somebody, if it is to name one VM */
static bool reader_check_vm(const Reader *reader, const char *name,
                            unsigned line, GError **error)
{
    const char *mistake = g_str_has_prefix(name, GROUP_ONE_VM)
                          ? identity_name_mistake(name + strlen(GROUP_ONE_VM))
                          : NULL;

    return mistake == NULL ||
           fail(error, reader->path, line, "[%s] names no VM: %s", name,
                mistake);
}

/* A UUID is the same in capitals; @text is "[…]". */
static void text_normalise(char *text)
{
    static const char start[] = "[" GROUP_ONE_VM;
    char *name = text + strlen(start);

    if (g_str_has_prefix(text, start)) {
        g_autofree char *vm = g_strndup(name, strlen(name) - 1);

        for (char *at = name; identity_is_uuid(vm) && *at != '\0'; at++) {
            *at = g_ascii_tolower(*at);
        }
    }
}

/* @text is "[…]". */
static bool reader_group(Reader *reader, char *text, unsigned line,
                         GError **error)
{
    char *name = text + 1;

    text_normalise(text);
    if (!reader_see(reader, g_strdup(text), line, error)) {
        return false;
    }
    name[strlen(name) - 1] = '\0';
    if (!is_group(name)) {
        return fail(error, reader->path, line, "[%s] is not known, there are "
                    "[classes], [log], [workers], [queue], [pool A], [pool B], "
                    "[vm] and [vm NAME]", name);
    }
    reader->group = name;
    return reader_check_vm(reader, name, line, error);
}

static bool reader_value(Reader *reader, char *key, char *value,
                         unsigned line, GError **error)
{
    const Entry entry = {
        .line = line,
        .group = reader->group,
        .key = g_strstrip(key),
        .value = g_strstrip(value),
    };

    if (reader->group == NULL) {
        return fail(error, reader->path, line,
                    "'%s' stands before the first [group]", entry.key);
    }
    g_array_append_val(reader->entries, entry);
    return reader_see(reader, g_strdup_printf("[%s] %s", entry.group,
                                              entry.key), line, error);
}

static bool reader_line(Reader *reader, char *text, unsigned line,
                        GError **error)
{
    char *equals;

    if (!g_utf8_validate(text, -1, NULL)) {
        return fail(error, reader->path, line, "not UTF-8");
    }
    g_strstrip(text);
    if (text[0] == '\0' || text[0] == '#') {
        return true;
    }
    if (text[0] == '[' && g_str_has_suffix(text, "]")) {
        return reader_group(reader, text, line, error);
    }
    equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        return fail(error, reader->path, line,
                    "'%s' is not a [group], a key=value or a # comment",
                    text);
    }
    *equals = '\0';
    return reader_value(reader, text, equals + 1, line, error);
}

/* @text has @length bytes and a NUL after them; it is cut into lines. */
static bool reader_lines(Reader *reader, char *text, gsize length,
                         GError **error)
{
    const char *end = text + length;
    unsigned line = 1;
    char *next;

    for (char *start = text; start != NULL; start = next, line++) {
        next = memchr(start, '\n', end - start);
        if (next != NULL) {
            *next++ = '\0';
        }
        if (start + strlen(start) != (next != NULL ? next - 1 : end)) {
            return fail(error, reader->path, line, "a NUL byte");
        }
        if (!reader_line(reader, start, line, error)) {
            return false;
        }
    }
    return true;
}

/* --- What they say --- */

/* The limits of @vm alone; those of every VM at first. */
static VmLimits *config_own_limits(Config *config, const char *vm)
{
    VmLimits *limits = g_hash_table_lookup(config->vms, vm);

    if (limits == NULL) {
        limits = g_new(VmLimits, 1);
        *limits = config->limits;
        g_hash_table_insert(config->vms, g_strdup(vm), limits);
    }
    return limits;
}

/* The limits that the group named @group is about; NULL when about none. */
static VmLimits *config_group_limits(Config *config, const char *group)
{
    if (strcmp(group, GROUP_EVERY_VM) == 0) {
        return &config->limits;
    }
    if (g_str_has_prefix(group, GROUP_ONE_VM)) {
        return config_own_limits(config, group + strlen(GROUP_ONE_VM));
    }
    return NULL;
}

/* What vgpu-starter takes: starter/launchers.h */
#define LAUNCHER_LENGTH_MAX 1023
#define LAUNCHER_WORDS_MAX 64

static bool config_set_launcher(Config *config, PoolId pool,
                                const char *value, GError **error)
{
    unsigned words = 0;

    for (const char *at = value; *at != '\0'; at++) {
        words += *at != ' ' && (at == value || at[-1] == ' ');
        if (g_ascii_iscntrl(*at)) {
            words = LAUNCHER_WORDS_MAX + 1;
            break;
        }
    }
    if (words > LAUNCHER_WORDS_MAX || strlen(value) > LAUNCHER_LENGTH_MAX) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                    "launcher is a program and its arguments, up to %d words "
                    "with blanks between them and %d bytes, without control "
                    "characters", LAUNCHER_WORDS_MAX, LAUNCHER_LENGTH_MAX);
        return false;
    }
    g_free(config->launchers[pool]);
    config->launchers[pool] = words > 0 ? g_strdup(value) : NULL;
    return true;
}

/* A setting of [pool …] */
static bool config_set_pool(Config *config, PoolId pool, const char *name,
                            const char *value, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (strcmp(name, "launcher") == 0) {
        return config_set_launcher(config, pool, value, error);
    }
    if (pool_set(&config->pools[pool], name, value, &reason)) {
        return true;
    }
    g_set_error(error, reason->domain, reason->code, "%s%s", reason->message,
                g_error_matches(reason, LIMITS_ERROR, LIMITS_ERROR_UNKNOWN)
                ? ", launcher" : "");
    return false;
}

static bool config_set_kernels(Config *config, const char *value,
                               GError **error)
{
    if (!g_path_is_absolute(value)) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                    "kernels is '%s', a path that begins with / is allowed",
                    value);
        return false;
    }
    g_free(config->kernels);
    config->kernels = g_strdup(value);
    return true;
}

static bool config_set_uids(Config *config, const char *value,
                            GError **error)
{
    g_auto(GStrv) ends = g_strsplit(value, "-", 0);
    guint64 first, last;

    if (g_strv_length(ends) != 2 ||
        !g_ascii_string_to_unsigned(ends[0], 10, 1, G_MAXUINT32 - 1, &first,
                                    NULL) ||
        !g_ascii_string_to_unsigned(ends[1], 10, 1, G_MAXUINT32 - 1, &last,
                                    NULL) ||
        last <= first || last - first >= UIDS_MAX) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                    "uids is '%s', FIRST-LAST is allowed, 2 to %d uids from "
                    "1 to %u", value, UIDS_MAX, G_MAXUINT32 - 1);
        return false;
    }
    config->uids = (UidRange) { .first = first, .last = last };
    return true;
}

/* A setting of [workers] */
static bool config_set_workers(Config *config, const char *name,
                               const char *value, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (strcmp(name, "kernels") == 0) {
        return config_set_kernels(config, value, error);
    }
    if (strcmp(name, "uids") == 0) {
        return config_set_uids(config, value, error);
    }
    if (strcmp(name, "groups") == 0) {
        g_free(config->groups);
        config->groups = value[0] != '\0' ? g_strdup(value) : NULL;
        return true;
    }
    if (workers_set(&config->workers, name, value, &reason)) {
        return true;
    }
    g_set_error(error, reason->domain, reason->code, "%s%s", reason->message,
                g_error_matches(reason, LIMITS_ERROR, LIMITS_ERROR_UNKNOWN)
                ? ", groups, kernels, uids" : "");
    return false;
}

static bool config_set_setting(Config *config, const Entry *entry,
                               GError **error)
{
    VmLimits *limits = config_group_limits(config, entry->group);
    const PoolId pool = group_pool(entry->group);

    if (limits != NULL) {
        return limits_set(limits, entry->key, entry->value, error);
    }
    if (pool != POOLS) {
        return config_set_pool(config, pool, entry->key, entry->value,
                               error);
    }
    if (strcmp(entry->group, GROUP_LOG) == 0) {
        return log_settings_set(&config->log, entry->key, entry->value,
                                error);
    }
    if (strcmp(entry->group, GROUP_WORKERS) == 0) {
        return config_set_workers(config, entry->key, entry->value, error);
    }
    if (strcmp(entry->group, GROUP_QUEUE) == 0) {
        return queue_set(&config->queue, entry->key, entry->value, error);
    }
    return shares_set(&config->shares, entry->key, entry->value, error);
}

static bool config_set(Config *config, const Entry *entry, const char *path,
                       GError **error)
{
    g_autoptr(GError) reason = NULL;

    return config_set_setting(config, entry, &reason) ||
           fail(error, path, entry->line, "[%s] %s", entry->group,
                reason->message);
}

/* Wherever they are, groups of one VM come after the one of all. */
static bool config_set_all(Config *config, GArray *entries, const char *path,
                           GError **error)
{
    for (int one = false; one <= true; one++) {
        for (guint i = 0; i < entries->len; i++) {
            const Entry *entry = &g_array_index(entries, Entry, i);

            if (g_str_has_prefix(entry->group, GROUP_ONE_VM) == one &&
                !config_set(config, entry, path, error)) {
                return false;
            }
        }
    }
    return true;
}

/* One arena has to fit into what all of them may take. */
static bool config_check_queue(const Config *config, const char *path,
                               GError **error)
{
    const QueueSettings *queue = &config->queue;
    const uint64_t bytes = VGPU_STUB_ARENA_BYTES(queue->arena_small,
                                                 queue->arena_large);
    const char *keys[] = { "arena-mib", "arena-large", "arena-small" };
    unsigned line = 0;

    if (bytes <= (uint64_t)queue->arena_mib << 20) {
        return true;
    }
    for (size_t i = 0; line == 0 && i < G_N_ELEMENTS(keys); i++) {
        line = config_line(config, GROUP_QUEUE, keys[i]);
    }
    return fail(error, path, line, "[queue] arena-mib=%u is less than the "
                "%" G_GUINT64_FORMAT " KiB of one arena with arena-small=%u "
                "and arena-large=%u", queue->arena_mib, (guint64)bytes >> 10,
                queue->arena_small, queue->arena_large);
}

Config *config_parse(const char *text, gsize length, const char *path,
                     GError **error)
{
    g_autofree char *copy = g_malloc(length + 1);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
                                                       g_str_equal, g_free,
                                                       NULL);
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    Reader reader = { .path = path, .seen = seen, .entries = entries };
    Config *config;

    memcpy(copy, text, length);
    copy[length] = '\0';
    if (!reader_lines(&reader, copy, length, error)) {
        return NULL;
    }
    config = config_new();
    config->lines = g_hash_table_ref(seen);
    if (!config_set_all(config, entries, path, error) ||
        !config_check_queue(config, path, error)) {
        g_clear_pointer(&config, config_free);
    }
    return config;
}

Config *config_load(const char *path, GError **error)
{
    g_autofree char *text = g_malloc(CONFIG_MAX_SIZE + 1);
    FILE *file = fopen(path, "re");
    int code = errno;
    size_t length = 0;

    if (file != NULL) {
        length = fread(text, 1, CONFIG_MAX_SIZE + 1, file);
        code = ferror(file) ? errno : 0;
        fclose(file);
        if (code == 0 && length > CONFIG_MAX_SIZE) {
            code = EFBIG;
        }
    }
    if (code != 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                    path, g_strerror(code));
        return NULL;
    }
    return config_parse(text, length, path, error);
}

/* --- The result --- */

Config *config_new(void)
{
    Config *config = g_new0(Config, 1);

    config->shares = shares_default;
    for (int i = 0; i < POOLS; i++) {
        config->pools[i] = pool_default;
    }
    config->workers = workers_default;
    config->queue = queue_default;
    config->limits = limits_default;
    config->uids = uids_default;
    config->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        g_free);
    return config;
}

void config_free(Config *config)
{
    g_hash_table_unref(config->vms);
    g_clear_pointer(&config->lines, g_hash_table_unref);
    for (int i = 0; i < POOLS; i++) {
        g_free(config->launchers[i]);
    }
    g_free(config->kernels);
    g_free(config->groups);
    g_free(config);
}

bool config_set_limit(Config *config, const char *vm, const char *name,
                      const char *value, GError **error)
{
    VmLimits limits = *config_limits(config, vm);

    if (!limits_set(&limits, name, value, error)) {
        return false;
    }
    *config_own_limits(config, vm) = limits;
    return true;
}

void config_forget_limits(Config *config, const char *vm)
{
    g_hash_table_remove(config->vms, vm);
}

bool config_log_requests(const Config *config)
{
    return config->log.requests;
}

const ClassShares *config_shares(const Config *config)
{
    return &config->shares;
}

const PoolSettings *config_pool(const Config *config, PoolId pool)
{
    return &config->pools[pool];
}

const char *config_launcher(const Config *config, PoolId pool)
{
    return config->launchers[pool];
}

const WorkerSettings *config_workers(const Config *config)
{
    return &config->workers;
}

const QueueSettings *config_queue(const Config *config)
{
    return &config->queue;
}

const UidRange *config_uids(const Config *config)
{
    return &config->uids;
}

const char *config_groups(const Config *config)
{
    return config->groups;
}

const char *config_kernels(const Config *config)
{
    return config->kernels;
}

const VmLimits *config_limits(const Config *config, const char *vm)
{
    const VmLimits *limits = g_hash_table_lookup(config->vms, vm);

    return limits != NULL ? limits : &config->limits;
}

void config_vms_foreach(const Config *config,
                        void (*function)(const char *vm,
                                         const VmLimits *limits,
                                         gpointer opaque),
                        gpointer opaque)
{
    GHashTableIter iter;
    gpointer vm, limits;

    g_hash_table_iter_init(&iter, config->vms);
    while (g_hash_table_iter_next(&iter, &vm, &limits)) {
        function(vm, limits, opaque);
    }
}

unsigned config_line(const Config *config, const char *group,
                     const char *key)
{
    g_autofree char *name = g_strdup_printf("[%s] %s", group, key);

    return config->lines == NULL ? 0 :
           GPOINTER_TO_UINT(g_hash_table_lookup(config->lines, name));
}
