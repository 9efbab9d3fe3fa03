/*
 * What a VM may take, what the priority classes are sure of, what the pools
 * execute with, and what is logged
 *
 * The one place where settings have names, ranges and defaults.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_SETTINGS_H
#define MEDIATOR_SETTINGS_H

#include <glib.h>
#include <stdbool.h>

#include "protocol/pool-id.h"
#include "vgpu-stub-regs.h"

#define PRIORITY_CLASSES (VGPU_STUB_PRIORITY_HIGH + 1)

/* By VGPU_STUB_PRIORITY_… */
extern const char *const priority_names[PRIORITY_CLASSES];

/* By POOL_CHOICE_ANY or another choice */
extern const char *const pool_choice_names[POOL_CHOICES];

/* So long a request that is to be stopped may take to end by itself. */
#define EXECUTION_GRACE_MS 1000

/* The longest quarantine that has an end */
#define QUARANTINE_MAX_S (7 * 24 * 60 * 60)

#define VM_WEIGHT_MAX 10000

typedef struct VmLimits {
    unsigned pool;              /* a choice; any: what the device says */
    unsigned priority;          /* VGPU_STUB_PRIORITY_…: the highest it gets */
    unsigned weight;            /* of its device time among its class's VMs */
    unsigned queue;             /* requests that wait */
    unsigned in_flight;         /* requests at workers at the same time */
    unsigned rate;              /* requests per second in the long run … */
    unsigned burst;             /* … and at once after a pause */
    unsigned deadline_ms;       /* from a request's arrival to its end */
    unsigned faults;            /* within fault_window_s: quarantine */
    unsigned fault_window_s;
    unsigned quarantine_s;
    unsigned memory_mib;        /* of an accelerator, in each pool */
    unsigned guest_kernels;     /* 0 or 1: it may bring its own programs */
    unsigned contexts;          /* of its programs in each pool, by a queue */
} VmLimits;

/*
 * Percent of a pool's device time that a class gets even when the classes
 * above it want all of it. The highest needs none.
 */
typedef struct ClassShares {
    unsigned percent[PRIORITY_CLASSES];     /* by VGPU_STUB_PRIORITY_… */
} ClassShares;

/* What is logged; all zero is the default. */
typedef struct LogSettings {
    unsigned requests;          /* all of them, not only those that failed */
} LogSettings;

/* Of all workers together */
typedef struct WorkerSettings {
    unsigned drain_ms;          /* what runs may take at the daemon's end */
} WorkerSettings;

/* Of the memory that devices' queues share with workers */
typedef struct QueueSettings {
    unsigned arena_small;       /* places of each context … */
    unsigned arena_large;       /* … of both sizes, vgpu-stub-wire.h */
    unsigned arena_mib;         /* that all contexts together may have */
} QueueSettings;

/* By VGPU_STUB_BACKEND_… */
extern const char *const backend_names[VGPU_STUB_BACKEND_CUDA + 1];

typedef struct PoolSettings {
    unsigned backend;           /* VGPU_STUB_BACKEND_… */
    unsigned device;            /* index among the backend's devices */
    unsigned running;           /* executions at the same time */
    unsigned workers;           /* processes, … */
    unsigned spares;            /* … and beside them, those that are ready */
    unsigned idle_s;            /* until a worker is retired */
    unsigned worker_memory_mib; /* of the host's, that each has for itself */
} PoolSettings;

extern const VmLimits limits_default;
extern const ClassShares shares_default;
extern const PoolSettings pool_default;
extern const WorkerSettings workers_default;
extern const QueueSettings queue_default;

#define LIMITS_ERROR limits_error_quark()
GQuark limits_error_quark(void);

typedef enum LimitsError {
    LIMITS_ERROR_UNKNOWN,       /* no limit has this name */
    LIMITS_ERROR_VALUE,         /* not a number or word, or out of range */
} LimitsError;

/*
 * Set the limit @name to @value, a decimal number or a word, both spelled as
 * in mediatord.conf. Returns false with @limits untouched and a LIMITS_ERROR
 * that says what is allowed.
 */
bool limits_set(VmLimits *limits, const char *name, const char *value,
                GError **error);

/* The same for @settings. */
bool log_settings_set(LogSettings *settings, const char *name,
                      const char *value, GError **error);

/* The same for @shares, for @pool, for @workers and for @queue. */
bool shares_set(ClassShares *shares, const char *name, const char *value,
                GError **error);
bool pool_set(PoolSettings *pool, const char *name, const char *value,
              GError **error);
bool workers_set(WorkerSettings *workers, const char *name,
                 const char *value, GError **error);
bool queue_set(QueueSettings *queue, const char *name, const char *value,
               GError **error);

#endif /* MEDIATOR_SETTINGS_H */
