/*
 * Executes requests in workers, and what needs no accelerator right here
 *
 * A worker is a process that executes the requests of one VM in one pool
 * (worker-process.h): a driver that crashes or a kernel that never ends takes
 * nothing away but from its own VM. The requests of a worker are executed one
 * after the other.
 *
 *   - A worker is started when a VM has requests in the pool, and killed when
 *     the VM has no device any more. Until it takes requests it holds up
 *     nobody: the VM has no place yet (executor.h). One that has had nothing
 *     to do for the pool's idle-s and has no memory of the VM is retired: it
 *     is told to exit, and killed if it does not within WORKER_GRACE_MS.
 *   - A pool has at most as many worker processes as its limit says. When a
 *     VM needs one more, an idle one without memory is retired for it, once
 *     that has been there for a moment; if there is none, the VM waits. The
 *     longest waiting VM is first.
 *   - When a worker fails before it takes requests, what its VM has waiting
 *     ends as BACKEND_ERROR. When that happens again and again, so does all
 *     that would need another start, until a pause is over (start-pauses.h).
 *   - Memory belongs to a context of the VM, and is freed when that ends.
 *   - A request that is to be stopped may still end within
 *     EXECUTION_GRACE_MS. Then its worker is killed.
 *   - What was at a worker that dies ends as BACKEND_ERROR and is a fault of
 *     its VM. The VM's next request has a new worker; memory is lost.
 *   - A worker has run its VM's code and is not trusted: one that says
 *     anything but the answer to its request is killed.
 *   - What a worker prints is logged, within limits.
 *
 * Before a pool has its first worker, and after a reload that changes it, the
 * pool's backend is tried (pool-health.h). A pool whose backend is `none` has
 * no slots. Nor has one whose backend does not work, but as long as there are
 * workers with memory, which were started when it did: their VMs are served
 * on, others refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_EXECUTOR_H
#define MEDIATOR_WORKER_EXECUTOR_H

#include <sys/types.h>

#include "pool-health.h"
#include "schedule/executor.h"
#include "starter-client.h"

#define WORKER_GRACE_MS 1000

typedef struct WorkerExecutor WorkerExecutor;

typedef enum WorkerState {
    WORKER_WAITING,             /* for a place in its pool; has no process */
    WORKER_STARTING,
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_LEAVING,             /* retired, killed or dead; not yet gone */
} WorkerState;

/* By WorkerState */
extern const char *const worker_state_names[WORKER_LEAVING + 1];

typedef struct WorkerReport {
    const char *vm;             /* the VM's name; valid during the call */
    uint8_t pool;               /* VGPU_STUB_POOL_A or B */
    pid_t pid;                  /* 0: it has no process */
    WorkerState state;
    bool holds_memory;          /* of the VM, which would be lost with it */
    gint64 since;               /* monotonic, µs: when it was made */
} WorkerReport;

/* Since the daemon was started; probes do not count. */
typedef struct WorkerCounters {
    guint64 starts;             /* processes */
    guint64 deaths;             /* of them, those that were not told to go */
} WorkerCounters;

/*
 * The workers will be processes that @starter starts, and have the kernels in
 * the folder @kernels unless the configuration names another.
 */
WorkerExecutor *worker_executor_new(Starter *starter, WorkerRoot *root,
                                    const char *kernels);

/*
 * Ends what is executed and kills all workers; none is left on return. For
 * those who have an Executor, that is the end of it.
 */
void worker_executor_free(WorkerExecutor *executor);

/* As an Executor */
Executor *worker_executor_base(WorkerExecutor *executor);

/* Call @function for each worker; it must not start or stop executions. */
void worker_executor_foreach(const WorkerExecutor *executor,
                             void (*function)(const WorkerReport *report,
                                              gpointer opaque),
                             gpointer opaque);

/*
 * The state of @pool, VGPU_STUB_POOL_…; @reason becomes why it has failed, NULL
 * when it has not. It lives until the main loop runs.
 */
PoolState worker_executor_pool_state(const WorkerExecutor *executor,
                                     uint8_t pool, const char **reason);

/* Whether each worker has a uid of its own, or all have the daemon's. */
bool worker_executor_has_own_uids(const WorkerExecutor *executor);

WorkerCounters worker_executor_counters(const WorkerExecutor *executor);

#endif /* MEDIATOR_WORKER_EXECUTOR_H */
