/*
 * What a VM may take, what the priority classes are sure of, what the pools
 * execute with, and what is logged
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "settings.h"

#include <string.h>

#include "vgpu-stub-wire.h"

#define ARENA_SMALL 64
#define ARENA_LARGE 2
#define ARENA_MIB 512
#define WORKERS 64

const VmLimits limits_default = {
    .priority = VGPU_STUB_PRIORITY_HIGH,
    .weight = 100,
    .queue = 256,
    .in_flight = 32,
    .rate = 20000,
    .burst = 2000,
    .deadline_ms = 30000,
    .faults = 5,
    .fault_window_s = 600,
    .quarantine_s = 300,
    .memory_mib = 256,
    .guest_kernels = false,
    .contexts = 8,
};

const ClassShares shares_default = {
    .percent = {
        [VGPU_STUB_PRIORITY_LOW] = 5,
        [VGPU_STUB_PRIORITY_MEDIUM] = 10,
    },
};

const PoolSettings pool_default = {
    .backend = VGPU_STUB_BACKEND_CPU,
    .device = 0,
    .running = 1,
    .workers = WORKERS,
    .spares = 1,
    .idle_s = 60,
    .worker_memory_mib = 2048,
};

const WorkerSettings workers_default = {
    .drain_ms = 5000,
};

const QueueSettings queue_default = {
    .arena_small = ARENA_SMALL,
    .arena_large = ARENA_LARGE,
    .arena_mib = ARENA_MIB,
};

/* Where there is a worker for the first context of a VM, there is an arena. */
G_STATIC_ASSERT(POOLS * WORKERS *
                VGPU_STUB_ARENA_BYTES(ARENA_SMALL, ARENA_LARGE) <=
                (uint64_t)ARENA_MIB << 20);

typedef struct Setting {
    const char *name;
    size_t offset;              /* of an unsigned in the structure */
    unsigned minimum;
    unsigned maximum;
    const char *const *words;   /* for 0 to maximum; NULL: it is a number */
} Setting;

const char *const priority_names[PRIORITY_CLASSES] = {
    [VGPU_STUB_PRIORITY_LOW] = "low",
    [VGPU_STUB_PRIORITY_MEDIUM] = "medium",
    [VGPU_STUB_PRIORITY_HIGH] = "high",
};

const char *const pool_choice_names[POOL_CHOICES] = { "any", "A", "B" };

const char *const backend_names[VGPU_STUB_BACKEND_CUDA + 1] = {
    [VGPU_STUB_BACKEND_NONE] = "none",
    [VGPU_STUB_BACKEND_CPU] = "cpu",
    [VGPU_STUB_BACKEND_OPENCL] = "opencl",
    [VGPU_STUB_BACKEND_CUDA] = "cuda",
};

static const char *const no_yes[] = { "no", "yes" };

#define LIMIT(name, field, minimum, maximum) \
    { name, offsetof(VmLimits, field), minimum, maximum, NULL }
#define SHARE(name, priority, minimum, maximum) \
    { name, offsetof(ClassShares, percent[priority]), minimum, maximum, NULL }
#define POOL(name, field, minimum, maximum) \
    { name, offsetof(PoolSettings, field), minimum, maximum, NULL }

static const Setting limit_settings[] = {
    { "pool", offsetof(VmLimits, pool), 0, POOL_CHOICES - 1,
      pool_choice_names },
    { "priority", offsetof(VmLimits, priority), 0, VGPU_STUB_PRIORITY_HIGH,
      priority_names },
    LIMIT("weight", weight, 1, VM_WEIGHT_MAX),
    LIMIT("queue", queue, 1, 4096),
    LIMIT("in-flight", in_flight, 1, 64),
    LIMIT("rate", rate, 1, 1000000),
    LIMIT("burst", burst, 1, 1000000),
    LIMIT("deadline-ms", deadline_ms, 1, 86400000),
    LIMIT("faults", faults, 1, 1000),
    LIMIT("fault-window-s", fault_window_s, 1, 86400),
    LIMIT("quarantine-s", quarantine_s, 1, QUARANTINE_MAX_S),
    LIMIT("memory-mib", memory_mib, 1, 1048576),
    { "guest-kernels", offsetof(VmLimits, guest_kernels), 0, 1, no_yes },
    LIMIT("contexts", contexts, 1, VGPU_STUB_QUEUE_CONTEXTS_MAX),
};

static const Setting share_settings[] = {
    SHARE("medium-minimum", VGPU_STUB_PRIORITY_MEDIUM, 1, 40),
    SHARE("low-minimum", VGPU_STUB_PRIORITY_LOW, 1, 40),
};

static const Setting log_settings[] = {
    { "log-requests", offsetof(LogSettings, requests), 0, 1, no_yes },
};

static const Setting pool_settings[] = {
    { "backend", offsetof(PoolSettings, backend), 0, VGPU_STUB_BACKEND_CUDA,
      backend_names },
    POOL("device", device, 0, 255),
    POOL("running", running, 1, 64),
    POOL("workers", workers, 1, 1024),
    POOL("spares", spares, 0, 64),
    POOL("idle-s", idle_s, 1, 86400),
    POOL("worker-memory-mib", worker_memory_mib, 64, 1048576),
};

/* The unit's TimeoutStopSec is for all of it. */
static const Setting worker_settings[] = {
    { "drain-ms", offsetof(WorkerSettings, drain_ms), 0, 45000, NULL },
};

#define QUEUE(name, field, minimum, maximum) \
    { name, offsetof(QueueSettings, field), minimum, maximum, NULL }

static const Setting queue_settings[] = {
    QUEUE("arena-small", arena_small, 0, VGPU_STUB_ARENA_PLACES_MAX),
    QUEUE("arena-large", arena_large, 1, VGPU_STUB_ARENA_PLACES_MAX),
    QUEUE("arena-mib", arena_mib, 1, 1048576),
};

G_DEFINE_QUARK(limits-error-quark, limits_error)

/* The setting called @name, or NULL and @error with all that there are. */
static const Setting *settings_find(const Setting *settings, size_t count,
                                    const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return &settings[i];
        }
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "",
                               settings[i].name);
    }
    g_set_error(error, LIMITS_ERROR, LIMITS_ERROR_UNKNOWN,
                "'%s' is not known, there are %s", name, known->str);
    return NULL;
}

/* Understand the word @value; false and @error when it is none of them. */
static bool setting_word(const Setting *setting, const char *value,
                         guint64 *number, GError **error)
{
    g_autoptr(GString) words = g_string_new(NULL);

    for (unsigned i = 0; i <= setting->maximum; i++) {
        if (strcmp(setting->words[i], value) == 0) {
            *number = i;
            return true;
        }
        g_string_append_printf(words, "%s%s", i > 0 ? ", " : "",
                               setting->words[i]);
    }
    g_set_error(error, LIMITS_ERROR, LIMITS_ERROR_VALUE,
                "%s is '%s', allowed are %s", setting->name, value,
                words->str);
    return false;
}

static bool setting_number(const Setting *setting, const char *value,
                           guint64 *number, GError **error)
{
    if (g_ascii_string_to_unsigned(value, 10, setting->minimum,
                                   setting->maximum, number, NULL)) {
        return true;
    }
    g_set_error(error, LIMITS_ERROR, LIMITS_ERROR_VALUE,
                "%s is '%s', %u to %u is allowed", setting->name, value,
                setting->minimum, setting->maximum);
    return false;
}

static bool settings_set(const Setting *settings, size_t count,
                         gpointer structure, const char *name,
                         const char *value, GError **error)
{
    const Setting *setting = settings_find(settings, count, name, error);
    guint64 number;

    if (setting == NULL) {
        return false;
    }
    if (!(setting->words != NULL
          ? setting_word(setting, value, &number, error)
          : setting_number(setting, value, &number, error))) {
        return false;
    }
    *(unsigned *)((char *)structure + setting->offset) = number;
    return true;
}

bool limits_set(VmLimits *limits, const char *name, const char *value,
                GError **error)
{
    return settings_set(limit_settings, G_N_ELEMENTS(limit_settings), limits,
                        name, value, error);
}

bool shares_set(ClassShares *shares, const char *name, const char *value,
                GError **error)
{
    return settings_set(share_settings, G_N_ELEMENTS(share_settings), shares,
                        name, value, error);
}

bool log_settings_set(LogSettings *settings, const char *name,
                      const char *value, GError **error)
{
    return settings_set(log_settings, G_N_ELEMENTS(log_settings), settings,
                        name, value, error);
}

bool pool_set(PoolSettings *pool, const char *name, const char *value,
              GError **error)
{
    return settings_set(pool_settings, G_N_ELEMENTS(pool_settings), pool,
                        name, value, error);
}

bool workers_set(WorkerSettings *workers, const char *name,
                 const char *value, GError **error)
{
    return settings_set(worker_settings, G_N_ELEMENTS(worker_settings),
                        workers, name, value, error);
}

bool queue_set(QueueSettings *queue, const char *name, const char *value,
               GError **error)
{
    return settings_set(queue_settings, G_N_ELEMENTS(queue_settings), queue,
                        name, value, error);
}
