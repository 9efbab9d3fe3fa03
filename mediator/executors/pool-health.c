/*
 * Whether a pool's accelerator works
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pool-health.h"

#include <stdbool.h>

#include "worker-probe.h"

struct PoolHealth {
    PoolId id;
    Starter *starter;
    LauncherHost *launchers;
    WorkerRoot *root;
    void (*changed)(gpointer opaque);
    gpointer opaque;
    PoolState state;
    char *name;
    char **argv;                /* NULL: closed */
    bool far;                   /* by a launcher */
    bool confine;               /* to the root, if that works */
    bool confined;              /* it does */
    char *reason;               /* as pool_health_reason() */
    WorkerProbe *probe;         /* NULL while none runs */
    unsigned attempts;          /* that have failed in a row */
    guint timer;                /* to the next attempt, or 0 */
};

static void pool_health_start(PoolHealth *health);

static gboolean pool_health_again(gpointer opaque)
{
    PoolHealth *health = opaque;

    health->timer = 0;
    pool_health_start(health);
    return G_SOURCE_REMOVE;
}

static void pool_health_failed(PoolHealth *health, const char *reason)
{
    const unsigned pause = MIN(
        (guint64)POOL_HEALTH_PAUSE_MIN_S << MIN(health->attempts, 31),
        POOL_HEALTH_PAUSE_MAX_S);

    health->attempts++;
    health->timer = g_timeout_add_seconds(pause, pool_health_again, health);
    if (g_strcmp0(reason, health->reason) != 0) {
        g_warning("pool %c: %s does not work, nothing serves the pool: %s",
                  pool_letter(health->id), health->name, reason);
        g_free(health->reason);
        health->reason = g_strdup(reason);
    }
    health->state = POOL_FAILED;
}

static void pool_health_succeeded(PoolHealth *health)
{
    if (health->attempts > 0) {
        g_message("pool %c: %s works, after %u attempts that failed",
                  pool_letter(health->id), health->name, health->attempts);
    }
    health->attempts = 0;
    g_clear_pointer(&health->reason, g_free);
    health->state = POOL_WORKS;
}

/* It works, but its workers are not confined, although they should be. */
static void pool_health_warn(PoolHealth *health, const char *reason)
{
    health->reason = g_strdup_printf(
        "programs of VMs are refused, since the host cannot keep its files "
        "from them: %s", reason);
    g_warning("pool %c: %s", pool_letter(health->id),
              health->reason);
}

static void pool_health_probed(gpointer opaque,
                               const WorkerProbeResult *result)
{
    PoolHealth *health = opaque;

    health->probe = NULL;
    if (result->reason != NULL) {
        pool_health_failed(health, result->reason);
    } else {
        health->confined = result->confined;
        pool_health_succeeded(health);
        if (result->open_reason != NULL) {
            pool_health_warn(health, result->open_reason);
        }
    }
    health->changed(health->opaque);
}

static void pool_health_start(PoolHealth *health)
{
    g_autoptr(GError) error = NULL;

    Starter *starter = health->far
                       ? launcher_host_starter(health->launchers, &error)
                       : health->starter;

    health->probe = starter == NULL ? NULL
                    : worker_probe_new(&(WorkerProbeOptions) {
        .argv = (const char *const *)health->argv,
        .starter = starter,
        .root = health->root,
        .far = health->far,
        .confine = health->confine,
    }, pool_health_probed, health, &error);
    if (health->probe == NULL) {
        pool_health_probed(health, &(WorkerProbeResult) {
            .reason = error->message,
        });
    }
}

/* Stop trying. */
static void pool_health_stop(PoolHealth *health)
{
    g_clear_pointer(&health->probe, worker_probe_free);
    if (health->timer != 0) {
        g_source_remove(health->timer);
        health->timer = 0;
    }
}

void pool_health_close(PoolHealth *health)
{
    pool_health_stop(health);
    g_clear_pointer(&health->argv, g_strfreev);
    g_clear_pointer(&health->name, g_free);
    g_clear_pointer(&health->reason, g_free);
    health->attempts = 0;
    health->confined = false;
    health->state = POOL_CLOSED;
}

static bool is_the_same(const PoolHealth *health, const char *const *argv)
{
    char **old = health->argv;
    size_t i = 0;

    while (old != NULL && old[i] != NULL && g_strcmp0(old[i], argv[i]) == 0) {
        i++;
    }
    return old != NULL && old[i] == NULL && argv[i] == NULL;
}

void pool_health_try(PoolHealth *health, const char *name,
                     const char *const *argv, bool far, bool confine)
{
    if (!is_the_same(health, argv)) {
        pool_health_close(health);
        health->name = g_strdup(name);
        health->argv = g_strdupv((char **)argv);
        health->far = far;
        health->confine = confine;
        health->state = POOL_TRYING;
    }
    if (health->state != POOL_WORKS && health->probe == NULL) {
        /* Whoever asks for it does not want to wait for the pause's end. */
        pool_health_stop(health);
        pool_health_start(health);
    }
}

PoolState pool_health_state(const PoolHealth *health)
{
    return health->state;
}

const char *pool_health_reason(const PoolHealth *health)
{
    return health->reason;
}

bool pool_health_confined(const PoolHealth *health)
{
    return health->confined;
}

PoolHealth *pool_health_new(PoolId id, Starter *starter,
                            LauncherHost *launchers, WorkerRoot *root,
                            void (*changed)(gpointer opaque), gpointer opaque)
{
    PoolHealth *health = g_new0(PoolHealth, 1);

    health->id = id;
    health->root = root;
    health->starter = starter;
    health->launchers = launchers;
    health->changed = changed;
    health->opaque = opaque;
    return health;
}

void pool_health_free(PoolHealth *health)
{
    pool_health_close(health);
    g_free(health);
}
