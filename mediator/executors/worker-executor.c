/*
 * Executes the requests of pools in workers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-executor.h"

#include "worker-pool.h"

/* Lines in the log that workers of a VM, and of all, have in a period */
#define WORKER_LINES_VM 30
#define WORKER_LINES_ALL 300

struct WorkerExecutors {
    WorkerHost host;
    const Config *config;       /* the latest */
    UidRange uids;              /* of the first one */
    WorkerPool pools[POOLS];
};

static WorkerPool *pool_of(Executor *base)
{
    return (WorkerPool *)((char *)base - offsetof(WorkerPool, base));
}

static WorkerExecutors *executors_of(const WorkerPool *pool)
{
    return (WorkerExecutors *)((char *)pool->host -
                               offsetof(WorkerExecutors, host));
}

static const WorkerPool *pool_to_read(const Executor *base)
{
    return (const WorkerPool *)((const char *)base -
                                offsetof(WorkerPool, base));
}

/* The starter has got its uids from who started it, and takes no others. */
static void executors_check_uids(WorkerExecutors *executors,
                                 const Config *config)
{
    const UidRange *uids = config_uids(config);

    if (executors->config == NULL) {
        executors->uids = *uids;
    }
    executors->config = config;
    if (executors->uids.first != uids->first ||
        executors->uids.last != uids->last) {
        g_warning("[workers] uids=%u-%u comes into effect when the daemon is "
                  "started anew", uids->first, uids->last);
    }
}

/* That a pool may be refused workers that it is to have is better said now. */
static void executors_compare_uids(const WorkerExecutors *executors,
                                   const Config *config)
{
    const UidRange *uids = &executors->uids;
    /* The last one is for what ends the others. */
    const unsigned there = uids->last - uids->first;
    unsigned wanted = 0;

    for (PoolId id = 0; id < POOLS; id++) {
        const PoolSettings *pool = config_pool(config, id);

        if (pool->backend != VGPU_STUB_BACKEND_NONE &&
            config_launcher(config, id) == NULL) {
            wanted += pool->workers + pool->spares;
        }
    }
    if ((starter_flags(executors->host.starter) & STARTER_OWN_UIDS) &&
        there < wanted) {
        g_warning("[workers] uids=%u-%u are for %u workers, workers= and "
                  "spares= of the pools allow %u", uids->first, uids->last,
                  there, wanted);
    }
}

static void executor_configure(Executor *base, const Config *config)
{
    WorkerExecutors *executors = executors_of(pool_of(base));

    /* It comes once for each pool. */
    if (config != executors->config) {
        executors_check_uids(executors, config);
        executors_compare_uids(executors, config);
    }
    worker_pool_configure(pool_of(base), config);
}

static void executor_attach(Executor *base, const char *vm)
{
    worker_pool_attach(pool_of(base), vm);
}

static void executor_vm_gone(Executor *base, const char *vm)
{
    worker_pool_detach(pool_of(base), vm);
}

static void executor_wish(Executor *base, const char *vm, uint64_t context,
                          bool place)
{
    worker_pool_wish(pool_of(base), vm, context, place);
}

static void executor_open(Executor *base, const char *vm, uint64_t context,
                          Arena *arena)
{
    worker_pool_open(pool_of(base), vm, context, arena);
}

static void executor_release(Executor *base, const char *vm G_GNUC_UNUSED,
                             uint64_t context)
{
    worker_pool_release(pool_of(base), context);
}

static void executor_start(Executor *base, Execution *execution)
{
    worker_execute(worker_pool_find(pool_of(base), execution->context),
                   execution);
}

static void executor_stop(Executor *base, Execution *execution)
{
    Worker *worker = worker_pool_find(pool_of(base), execution->context);

    /* What is at one that has gone is about to end. */
    if (worker != NULL) {
        worker_stop(worker, execution);
    }
}

static PoolState executor_state(const Executor *base, const char **reason)
{
    const PoolHealth *health = pool_to_read(base)->health;

    *reason = pool_health_reason(health);
    return pool_health_state(health);
}

static void executor_foreach(const Executor *base, WorkerVisitor visitor,
                             gpointer opaque)
{
    for (const GList *link = pool_to_read(base)->workers.head; link != NULL;
         link = link->next) {
        const WorkerReport report = worker_report(link->data);

        visitor(&report, opaque);
    }
}

static void said_left_out(const char *vm, guint64 left_out)
{
    g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "VGPU_VM", vm,
                     "MESSAGE", "vm %s: its workers said %" G_GUINT64_FORMAT
                     " more lines in %d s", vm, left_out, LOG_LIMIT_PERIOD_S);
}

WorkerExecutors *worker_executors_new(Starter *starter,
                                      LauncherHost *launchers,
                                      WorkerRoot *root, const char *kernels)
{
    WorkerExecutors *executors = g_new0(WorkerExecutors, 1);

    executors->host = (WorkerHost) {
        .starter = starter,
        .launchers = launchers,
        .root = root,
        .said = log_limit_new(WORKER_LINES_VM, WORKER_LINES_ALL,
                              said_left_out),
        .kernels = g_strdup(kernels),
    };
    for (PoolId id = 0; id < POOLS; id++) {
        WorkerPool *pool = &executors->pools[id];

        pool->base = (Executor) {
            .pool = id,
            .configure = executor_configure,
            .attach = executor_attach,
            .vm_gone = executor_vm_gone,
            .wish = executor_wish,
            .open = executor_open,
            .release = executor_release,
            .start = executor_start,
            .stop = executor_stop,
            .state = executor_state,
            .foreach = executor_foreach,
        };
        worker_pool_init(pool, id, &executors->host);
    }
    return executors;
}

void worker_executors_free(WorkerExecutors *executors)
{
    for (PoolId id = 0; id < POOLS; id++) {
        WorkerPool *pool = &executors->pools[id];

        worker_pool_end(pool);
        while (pool->workers.length > 0) {
            g_main_context_iteration(NULL, TRUE);
        }
        worker_pool_clear(pool);
    }
    log_limit_free(executors->host.said);
    g_free(executors->host.kernels);
    g_free(executors);
}

Executor *worker_executors_of(WorkerExecutors *executors, PoolId pool)
{
    return &executors->pools[pool].base;
}
