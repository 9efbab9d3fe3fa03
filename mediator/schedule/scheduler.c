/*
 * Which request runs next, and which don't run at all
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scheduler.h"

#include "turns.h"
#include "vm-lanes.h"

typedef struct PoolWork {
    Turns turns;
    ClassReport classes[PRIORITY_CLASSES];
} PoolWork;

struct Scheduler {
    ClassShares shares;
    PoolWork pools[POOLS];
    GQueue round;               /* Share with local tasks that may start */
    const Task *local;          /* the one that runs, or NULL */
    GQueue vms;                 /* VmTasks */
    GSequence *deadlines;       /* Task, the earliest deadline first */
    GQueue expelled;            /* Task, out of queues that were emptied */
    GQueue wishes;              /* Lane, whose wish has changed */
    gint64 delayed;             /* µs: when the first of the VMs that have no
                                 * token may have one; G_MAXINT64 for none */
};

/* What is reported of it, which is by the pool that it was sent to */
static ClassReport *task_class(Scheduler *scheduler, const Task *task)
{
    return &scheduler->pools[task->pool].classes[task->priority];
}

static VmTasks *vm_tasks(Scheduler *scheduler, Vm *vm)
{
    VmTasks *tasks = vm_data(vm);

    if (tasks == NULL) {
        PoolQueue *queues[POOLS];

        for (PoolId pool = 0; pool < POOLS; pool++) {
            queues[pool] = &scheduler->pools[pool].turns.queue;
        }
        tasks = vm_tasks_new(vm, queues, &scheduler->round, &scheduler->vms,
                             &scheduler->wishes);
        vm_set_data(vm, tasks, vm_tasks_free);
    }
    return tasks;
}

/* --- Places --- */

void scheduler_set_place(Scheduler *scheduler, Vm *vm, PoolId pool,
                         uint64_t context, bool place)
{
    lane_set_place(lane_of(vm_tasks(scheduler, vm), pool, context), place);
}

void scheduler_context_end(Scheduler *scheduler, Vm *vm, uint64_t context)
{
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Lane *lane = lane_find(vm_tasks(scheduler, vm), pool, context);

        if (lane != NULL) {
            lane_end(lane);
        }
    }
}

bool scheduler_next_wish(Scheduler *scheduler, Wish *wish)
{
    const GList *link = g_queue_peek_head_link(&scheduler->wishes);

    if (link == NULL) {
        return false;
    }
    *wish = lane_tell_wish(link->data);
    return true;
}

/* --- What waits --- */

static int compare_deadlines(gconstpointer a, gconstpointer b,
                             gpointer opaque G_GNUC_UNUSED)
{
    const Task *one = a, *other = b;

    return one->deadline < other->deadline ? -1 :
           one->deadline > other->deadline;
}

static void task_set_deadline(Scheduler *scheduler, Task *task, gint64 now)
{
    task->deadline = now + vm_limits(task->vm)->deadline_ms *
                           G_TIME_SPAN_MILLISECOND;
    task->in_deadlines = g_sequence_insert_sorted(scheduler->deadlines, task,
                                                  compare_deadlines, NULL);
}

static void task_forget_deadline(Task *task)
{
    if (task->in_deadlines != NULL) {
        g_sequence_remove(task->in_deadlines);
        task->in_deadlines = NULL;
    }
}

/* Take a task out of its lane, for whatever comes next. */
static void task_dequeue(Scheduler *scheduler, Task *task)
{
    lane_remove(task);
    task_class(scheduler, task)->waiting--;
}

/* Hand a task back to its owner. */
static void task_release(Task *task)
{
    task_forget_deadline(task);
    task->state = TASK_IDLE;
    lane_unuse(task->lane);
    vm_unref(task->vm);
}

uint32_t scheduler_submit(Scheduler *scheduler, Task *task, gint64 now)
{
    VmTasks *tasks = vm_tasks(scheduler, task->vm);
    const VmLimits *limits = vm_limits(task->vm);

    g_assert(task->state == TASK_IDLE);
    if (vm_quarantined(task->vm, now)) {
        return VGPU_STUB_ERR_VM_QUARANTINED;
    }
    if (scheduler->pools[task->pool].turns.slots == 0) {
        return VGPU_STUB_ERR_INVALID_POOL;
    }
    if (!task->patient && !token_bucket_take(&tasks->bucket, limits->rate,
                                             limits->burst, 0, now)) {
        return VGPU_STUB_ERR_RATE_LIMITED;
    }
    if (!task->patient && tasks->waiting - tasks->patient >= limits->queue) {
        return VGPU_STUB_ERR_QUEUE_FULL;
    }
    vm_ref(task->vm);
    if (!task->patient && !task->local) {
        task_set_deadline(scheduler, task, now);
    }
    task->state = TASK_WAITING;
    task_class(scheduler, task)->waiting++;
    if (!task->local) {
        turns_arrive(&tasks->shares[task->pool], now);
    }
    lane_add(lane_of(tasks, task->pool, task->context), task);
    return VGPU_STUB_ERR_NONE;
}

void scheduler_withdraw(Scheduler *scheduler, Task *task)
{
    if (task->state == TASK_EXPELLED) {
        g_queue_unlink(&scheduler->expelled, &task->link);
    } else {
        g_assert(task->state == TASK_WAITING);
        task_dequeue(scheduler, task);
    }
    task_release(task);
}

/* --- What has to wait for a token --- */

/* As many as come in a millisecond: nobody has to wake up for each. */
static unsigned vm_tokens(const VmLimits *limits, unsigned most)
{
    return CLAMP(limits->rate / 1000, 1, most);
}

/* What patient tasks get of the rate when others would use it up: half of it */
static unsigned vm_due_rate(const VmLimits *limits)
{
    return MAX(limits->rate / 2, 1);
}

/*
 * Take one for a patient task, which leaves half of them to others: those fail
 * if there is none. But they could take all that come.
 */
static bool vm_take_token(VmTasks *tasks, gint64 now)
{
    const VmLimits *limits = vm_limits(tasks->vm);

    if (token_bucket_take(&tasks->bucket, limits->rate, limits->burst,
                          limits->burst / 2, now)) {
        token_bucket_empty(&tasks->due, now);
        return true;
    }
    if (token_bucket_take(&tasks->due, vm_due_rate(limits),
                          vm_tokens(limits, G_MAXUINT), 0, now)) {
        token_bucket_borrow(&tasks->bucket);
        return true;
    }
    return false;
}

/* The VM's patient tasks wait until there is a token, or some. */
static void scheduler_delay(Scheduler *scheduler, VmTasks *tasks)
{
    const VmLimits *limits = vm_limits(tasks->vm);
    const unsigned keep = limits->burst / 2;
    const unsigned tokens = vm_tokens(limits, limits->burst - keep);

    vm_tasks_delay(tasks, MIN(
        token_bucket_when(&tasks->bucket, limits->rate, keep + tokens),
        token_bucket_when(&tasks->due, vm_due_rate(limits), tokens)));
    scheduler->delayed = MIN(scheduler->delayed, tasks->delayed);
}

/* Those whose time has come wait no more. */
static void scheduler_end_delays(Scheduler *scheduler, gint64 now)
{
    if (now < scheduler->delayed) {
        return;
    }
    scheduler->delayed = G_MAXINT64;
    for (GList *link = scheduler->vms.head; link != NULL; link = link->next) {
        VmTasks *tasks = link->data;

        if (tasks->delayed != 0 && tasks->delayed <= now) {
            vm_tasks_delay(tasks, 0);
        } else if (tasks->delayed != 0) {
            scheduler->delayed = MIN(scheduler->delayed, tasks->delayed);
        }
    }
}

/* --- What runs --- */

/* Whether @task has the token that it needs, or its VM's have to wait for one */
static bool task_take_token(Scheduler *scheduler, const Task *task, gint64 now)
{
    VmTasks *tasks = task->lane->owner;

    if (!task->patient || vm_take_token(tasks, now)) {
        return true;
    }
    scheduler_delay(scheduler, tasks);
    return false;
}

static Task *task_start(Scheduler *scheduler, Task *task)
{
    ClassReport *class = task_class(scheduler, task);

    task->state = TASK_RUNNING;
    class->waiting--;
    class->running++;
    return task;
}

Task *scheduler_start(Scheduler *scheduler, PoolId pool, gint64 now)
{
    Turns *turns = &scheduler->pools[pool].turns;
    Task *task;
    Use use;

    scheduler_end_delays(scheduler, now);
    turns_end_pauses(turns, now);
    while ((task = turns_next(turns, &use)) != NULL) {
        if (task_take_token(scheduler, task, now)) {
            turns_start(turns, task, &use, now);
            return task_start(scheduler, task);
        }
    }
    return NULL;
}

Task *scheduler_start_local(Scheduler *scheduler, gint64 now)
{
    scheduler_end_delays(scheduler, now);
    while (scheduler->local == NULL && scheduler->round.length > 0) {
        Task *task = share_go_on(scheduler->round.head->data);

        if (task_take_token(scheduler, task, now)) {
            scheduler->local = task;
            lane_start(task, 0);
            return task_start(scheduler, task);
        }
    }
    return NULL;
}

void scheduler_begun(Scheduler *scheduler, Task *task, gint64 now)
{
    g_assert(task->state == TASK_RUNNING && task->patient &&
             task->in_deadlines == NULL);
    task_set_deadline(scheduler, task, now);
}

void scheduler_travels(Scheduler *scheduler, Task *task, bool travels,
                       gint64 now)
{
    g_assert(task->state == TASK_RUNNING && !task->local);
    turns_travel(&scheduler->pools[task->pool].turns, task, travels, now);
}

/* One that runs in a pool has ended. */
static gint64 pool_finish(Scheduler *scheduler, Task *task, gint64 now)
{
    VmTasks *tasks = task->lane->owner;
    gint64 used;

    if (tasks->running >= vm_limits(task->vm)->in_flight) {
        /* A VM at its limit was passed over, that is a pause. */
        for (PoolId pool = 0; pool < POOLS; pool++) {
            claimant_catch_up(&tasks->shares[pool].claimant);
        }
    }
    used = turns_finish(&scheduler->pools[task->pool].turns, task,
                        &scheduler->shares, now);
    task_class(scheduler, task)->used += used;
    tasks->used += used;
    return used;
}

gint64 scheduler_finish(Scheduler *scheduler, Task *task, gint64 now)
{
    gint64 used = 0;

    g_assert(task->state == TASK_RUNNING);
    task_class(scheduler, task)->running--;
    if (task->local) {
        scheduler->local = NULL;
        lane_finish(task, 0);
    } else {
        used = pool_finish(scheduler, task, now);
    }
    task_release(task);
    return used;
}

/* --- What has to end --- */

static void task_expel(Scheduler *scheduler, Task *task, uint32_t verdict)
{
    task_dequeue(scheduler, task);
    task_forget_deadline(task);
    task->state = TASK_EXPELLED;
    task->verdict = verdict;
    g_queue_push_tail_link(&scheduler->expelled, &task->link);
}

typedef struct Expulsion {
    Scheduler *scheduler;
    uint32_t verdict;
    bool all;                   /* or only what needs a place, or waits for it */
} Expulsion;

static void expel(gpointer data, gpointer opaque)
{
    const Expulsion *expulsion = opaque;
    Task *task = data;

    if (expulsion->all || !task->local || task->patient) {
        task_expel(expulsion->scheduler, task, expulsion->verdict);
    }
}

/*
 * End the tasks of @lane with @verdict, all or those that need a place, or wait
 * for one that does.
 */
static void lane_expel(Scheduler *scheduler, Lane *lane, uint32_t verdict,
                       bool all)
{
    lane_foreach(lane, expel, &(Expulsion) {
        .scheduler = scheduler, .verdict = verdict, .all = all,
    });
}

/* The same of all lanes that @tasks has in @pool */
static void pool_expel(Scheduler *scheduler, VmTasks *tasks, PoolId pool,
                       uint32_t verdict, bool all)
{
    GHashTableIter lanes;
    gpointer lane;

    g_hash_table_iter_init(&lanes, tasks->lanes[pool]);
    while (g_hash_table_iter_next(&lanes, NULL, &lane)) {
        lane_expel(scheduler, lane, verdict, all);
    }
}

void scheduler_refuse(Scheduler *scheduler, Vm *vm, PoolId pool,
                      uint64_t context, uint32_t verdict)
{
    Lane *lane = lane_of(vm_tasks(scheduler, vm), pool, context);

    lane_expel(scheduler, lane, verdict, false);
    lane_set_place(lane, false);
}

void scheduler_vm_expel(Scheduler *scheduler, Vm *vm, uint32_t verdict)
{
    VmTasks *tasks = vm_data(vm);

    for (PoolId pool = 0; tasks != NULL && pool < POOLS; pool++) {
        pool_expel(scheduler, tasks, pool, verdict, true);
    }
}

/* When the first deadline passes */
static gint64 scheduler_next_deadline(const Scheduler *scheduler)
{
    GSequenceIter *first = g_sequence_get_begin_iter(scheduler->deadlines);

    return g_sequence_iter_is_end(first)
           ? G_MAXINT64 : ((Task *)g_sequence_get(first))->deadline;
}

Task *scheduler_next_ended(Scheduler *scheduler, gint64 now, uint32_t *status)
{
    GList *expelled = g_queue_pop_head_link(&scheduler->expelled);
    Task *task;

    if (expelled != NULL) {
        task = expelled->data;
        *status = task->verdict;
        task_release(task);
        return task;
    }
    if (scheduler_next_deadline(scheduler) > now) {
        return NULL;
    }
    task = g_sequence_get(g_sequence_get_begin_iter(scheduler->deadlines));
    *status = VGPU_STUB_ERR_TIMEOUT;
    if (task->state == TASK_WAITING) {
        scheduler_withdraw(scheduler, task);
    } else {
        task_forget_deadline(task);
    }
    return task;
}

gint64 scheduler_next_event(const Scheduler *scheduler)
{
    gint64 when = MIN(scheduler_next_deadline(scheduler), scheduler->delayed);

    for (PoolId pool = 0; pool < POOLS; pool++) {
        when = MIN(when, turns_next_event(&scheduler->pools[pool].turns));
    }
    return scheduler->expelled.length > 0 ? G_MININT64 : when;
}

/* --- The whole --- */

VmReport scheduler_vm_report(const Vm *vm)
{
    const VmTasks *tasks = vm_data(vm);

    if (tasks == NULL) {
        return (VmReport) { 0 };
    }
    return (VmReport) {
        .waiting = tasks->waiting,
        .running = tasks->running,
        .used = tasks->used,
    };
}

ClassReport scheduler_class_report(const Scheduler *scheduler, PoolId pool,
                                   uint8_t priority)
{
    return scheduler->pools[pool].classes[priority];
}

Scheduler *scheduler_new(void)
{
    Scheduler *scheduler = g_new0(Scheduler, 1);

    scheduler->shares = shares_default;
    for (PoolId pool = 0; pool < POOLS; pool++) {
        turns_init(&scheduler->pools[pool].turns);
    }
    scheduler->delayed = G_MAXINT64;
    scheduler->deadlines = g_sequence_new(NULL);
    return scheduler;
}

void scheduler_free(Scheduler *scheduler)
{
    g_assert(scheduler->vms.length == 0);
    g_sequence_free(scheduler->deadlines);
    g_free(scheduler);
}

void scheduler_set_slots(Scheduler *scheduler, PoolId pool, unsigned slots)
{
    scheduler->pools[pool].turns.slots = slots;
    for (GList *link = scheduler->vms.head; slots == 0 && link != NULL;
         link = link->next) {
        VmTasks *tasks = link->data;

        pool_expel(scheduler, tasks, pool, VGPU_STUB_ERR_INVALID_POOL, false);
    }
}

void scheduler_set_shares(Scheduler *scheduler, const ClassShares *shares)
{
    scheduler->shares = *shares;
}
