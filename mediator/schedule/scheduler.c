/*
 * Which request runs next, and which don't run at all
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scheduler.h"

#include "vms/token-bucket.h"

/* Where tasks run: each pool, and the mediator itself */
#define LOCAL POOLS
#define PLACES (POOLS + 1)

typedef struct VmTasks VmTasks;

/* A VM in a pool, or in the mediator */
typedef struct Share {
    Claimant claimant;          /* waits where a lane is ready */
    VmTasks *owner;
    unsigned index;             /* of the pool, or LOCAL */
    unsigned running;           /* tasks */
    GQueue boosted[PRIORITY_CLASSES];   /* Lane that is ready */
    GQueue plain[PRIORITY_CLASSES];     /* Lane that is ready */
} Share;

/*
 * What a context has in a pool: its tasks, which start in the order in which
 * they came. Also those that are local wait in their pool's lane.
 */
struct Lane {
    VmTasks *owner;
    PoolId pool;
    uint64_t context;
    bool place;
    bool told;                  /* the latest wish: to have a place */
    bool ended;                 /* the context has: it goes with its tasks */
    GList wish;                 /* in Scheduler.wishes if it is another now */
    GQueue tasks;               /* Task that waits */
    unsigned wishing;           /* of them, those that need a place */
    unsigned used;              /* tasks that are not idle */
    /* What its first task waits for, once that may start */
    Share *share;               /* NULL: it is not ready */
    unsigned priority;
    GQueue *ready;              /* the share's that has … */
    GList link;                 /* … this */
};

/* What is kept of a VM, as its vm_data() */
struct VmTasks {
    Vm *vm;
    Scheduler *scheduler;
    GList link;                 /* in Scheduler.vms */
    TokenBucket bucket;
    unsigned waiting;           /* tasks */
    unsigned running;
    gint64 used;                /* µs */
    Share shares[PLACES];
    GHashTable *lanes[POOLS];   /* Lane.context → Lane */
};

typedef struct PlaceQueue {
    PoolQueue queue;
    unsigned slots;
    unsigned vm_slots;          /* of one VM */
    unsigned running;
    ClassReport classes[PRIORITY_CLASSES];
} PlaceQueue;

struct Scheduler {
    ClassShares shares;
    PlaceQueue places[PLACES];
    GQueue vms;                 /* VmTasks */
    GSequence *deadlines;       /* Task, the earliest deadline first */
    GQueue expelled;            /* Task, out of queues that were emptied */
    GQueue wishes;              /* Lane, whose wish has changed */
};

static unsigned task_place(const Task *task)
{
    return task->local ? LOCAL : task->pool;
}

static VmTasks *task_owner(const Task *task)
{
    return vm_data(task->vm);
}

/* What is reported of it, which is by the pool that it was sent to */
static ClassReport *task_class(Scheduler *scheduler, const Task *task)
{
    return &scheduler->places[task->pool].classes[task->priority];
}

static Share *task_share(const Task *task)
{
    return &task_owner(task)->shares[task_place(task)];
}

/* --- VMs --- */

static void lane_free(gpointer opaque)
{
    Lane *lane = opaque;

    g_assert(lane->used == 0);
    if (lane->wish.data != NULL) {
        g_queue_unlink(&lane->owner->scheduler->wishes, &lane->wish);
    }
    g_free(lane);
}

static void vm_tasks_free(gpointer opaque)
{
    VmTasks *tasks = opaque;

    for (PoolId pool = 0; pool < POOLS; pool++) {
        g_hash_table_unref(tasks->lanes[pool]);
    }
    g_queue_unlink(&tasks->scheduler->vms, &tasks->link);
    g_free(tasks);
}

static VmTasks *vm_tasks_new(Scheduler *scheduler, Vm *vm)
{
    VmTasks *tasks = g_new0(VmTasks, 1);

    tasks->vm = vm;
    tasks->scheduler = scheduler;
    tasks->bucket = TOKEN_BUCKET_FULL;
    for (int i = 0; i < PLACES; i++) {
        Share *share = &tasks->shares[i];

        share->owner = tasks;
        share->index = i;
        claimant_init(&share->claimant, &scheduler->places[i].queue, share);
    }
    for (PoolId pool = 0; pool < POOLS; pool++) {
        tasks->lanes[pool] = g_hash_table_new_full(g_int64_hash,
                                                   g_int64_equal, NULL,
                                                   lane_free);
    }
    tasks->link.data = tasks;
    g_queue_push_tail_link(&scheduler->vms, &tasks->link);
    return tasks;
}

static VmTasks *vm_tasks(Scheduler *scheduler, Vm *vm)
{
    VmTasks *tasks = vm_data(vm);

    if (tasks == NULL) {
        tasks = vm_tasks_new(scheduler, vm);
        vm_set_data(vm, tasks, vm_tasks_free);
    }
    return tasks;
}

/* --- Lanes --- */

static Lane *lane_find(Scheduler *scheduler, Vm *vm, PoolId pool,
                       uint64_t context)
{
    return g_hash_table_lookup(vm_tasks(scheduler, vm)->lanes[pool], &context);
}

/* The same, made if there is none */
static Lane *lane_of(Scheduler *scheduler, Vm *vm, PoolId pool,
                     uint64_t context)
{
    Lane *lane = lane_find(scheduler, vm, pool, context);

    if (lane == NULL) {
        lane = g_new0(Lane, 1);
        lane->owner = vm_tasks(scheduler, vm);
        lane->pool = pool;
        lane->context = context;
        g_hash_table_insert(lane->owner->lanes[pool], &lane->context, lane);
    }
    return lane;
}

/* Its claimant waits where a lane is ready. */
static void share_claim(Share *share, unsigned priority)
{
    const bool waits = share->boosted[priority].length +
                       share->plain[priority].length > 0;

    if (waits && !claimant_waits(&share->claimant, priority)) {
        claimant_join(&share->claimant, priority);
    } else if (!waits && claimant_waits(&share->claimant, priority)) {
        claimant_leave(&share->claimant, priority);
    }
}

static void lane_unready(Lane *lane)
{
    Share *share = lane->share;

    if (share != NULL) {
        g_queue_unlink(lane->ready, &lane->link);
        lane->share = NULL;
        lane->ready = NULL;
        share_claim(share, lane->priority);
    }
}

/* It is ready where its first task may start. */
static void lane_settle(Lane *lane)
{
    const Task *task = g_queue_peek_head(&lane->tasks);
    GQueue *ready = NULL;
    Share *share = NULL;

    if (task != NULL && (task->local || lane->place)) {
        share = task_share(task);
        ready = &(task->boost ? share->boosted
                              : share->plain)[task->priority];
    }
    if (ready == lane->ready) {
        return;
    }
    lane_unready(lane);
    if (ready != NULL) {
        lane->share = share;
        lane->priority = task->priority;
        lane->ready = ready;
        lane->link = (GList) { .data = lane };
        g_queue_push_tail_link(ready, &lane->link);
        share_claim(share, lane->priority);
    }
}

/* Other lanes of its VM have their turn before it has another. */
static void lane_rotate(Lane *lane)
{
    if (lane->ready != NULL) {
        g_queue_unlink(lane->ready, &lane->link);
        g_queue_push_tail_link(lane->ready, &lane->link);
    }
}

/* @lane may wish another thing than it did; somebody has to be told. */
static void lane_wish(Lane *lane)
{
    GQueue *wishes = &lane->owner->scheduler->wishes;
    const bool changed = lane->told != (lane->wishing > 0);
    const bool queued = lane->wish.data != NULL;

    if (changed && !queued) {
        lane->wish.data = lane;
        g_queue_push_tail_link(wishes, &lane->wish);
    } else if (queued && !changed) {
        g_queue_unlink(wishes, &lane->wish);
        lane->wish.data = NULL;
    }
}

static void lane_set_place(Lane *lane, bool place)
{
    lane->place = place;
    lane_settle(lane);
    if (!place) {
        lane->told = false;
    }
    lane_wish(lane);
}

/* @lane goes if nothing needs it any more. */
static void lane_unuse(Lane *lane)
{
    if (lane->ended && lane->used == 0) {
        g_hash_table_remove(lane->owner->lanes[lane->pool], &lane->context);
    }
}

void scheduler_set_place(Scheduler *scheduler, Vm *vm, PoolId pool,
                         uint64_t context, bool place)
{
    lane_set_place(lane_of(scheduler, vm, pool, context), place);
}

void scheduler_context_end(Scheduler *scheduler, Vm *vm, uint64_t context)
{
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Lane *lane = lane_find(scheduler, vm, pool, context);

        if (lane != NULL) {
            lane->ended = true;
            lane_unuse(lane);
        }
    }
}

bool scheduler_next_wish(Scheduler *scheduler, Wish *wish)
{
    const GList *link = g_queue_peek_head_link(&scheduler->wishes);
    Lane *lane;

    if (link == NULL) {
        return false;
    }
    lane = link->data;
    lane->told = !lane->told;
    lane_wish(lane);
    *wish = (Wish) {
        .vm = lane->owner->vm,
        .pool = lane->pool,
        .context = lane->context,
        .place = lane->told,
    };
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

static void task_forget_deadline(Task *task)
{
    if (task->in_deadlines != NULL) {
        g_sequence_remove(task->in_deadlines);
        task->in_deadlines = NULL;
    }
}

static void task_enqueue(Scheduler *scheduler, Task *task)
{
    Lane *lane = lane_of(scheduler, task->vm, task->pool, task->context);

    task->state = TASK_WAITING;
    task->lane = lane;
    task->link = (GList) { .data = task };
    g_queue_push_tail_link(&lane->tasks, &task->link);
    lane->used++;
    lane->wishing += !task->local;
    lane->owner->waiting++;
    task_class(scheduler, task)->waiting++;
    lane_settle(lane);
    lane_wish(lane);
}

/* Take a task out of its lane, for whatever comes next. */
static void task_dequeue(Scheduler *scheduler, Task *task)
{
    Lane *lane = task->lane;

    g_queue_unlink(&lane->tasks, &task->link);
    lane->wishing -= !task->local;
    lane->owner->waiting--;
    task_class(scheduler, task)->waiting--;
    lane_settle(lane);
    lane_wish(lane);
}

/* Hand a task back to its owner. */
static void task_release(Task *task)
{
    task_forget_deadline(task);
    task->state = TASK_IDLE;
    task->lane->used--;
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
    if (scheduler->places[task->pool].slots == 0) {
        return VGPU_STUB_ERR_INVALID_POOL;
    }
    if (!token_bucket_take(&tasks->bucket, limits->rate, limits->burst,
                           now)) {
        return VGPU_STUB_ERR_RATE_LIMITED;
    }
    if (tasks->waiting >= limits->queue) {
        return VGPU_STUB_ERR_QUEUE_FULL;
    }
    vm_ref(task->vm);
    task->deadline = now + limits->deadline_ms * G_TIME_SPAN_MILLISECOND;
    task->in_deadlines = g_sequence_insert_sorted(scheduler->deadlines, task,
                                             compare_deadlines, NULL);
    task_enqueue(scheduler, task);
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

/* --- What runs --- */

static bool share_eligible(gconstpointer opaque)
{
    const Share *share = opaque;
    const VmTasks *tasks = share->owner;

    return share->index == LOCAL ||
           (tasks->running < vm_limits(tasks->vm)->in_flight &&
            share->running < tasks->scheduler->places[share->index].vm_slots);
}

/* Start the task whose turn it is in a pool, or here; NULL for none. */
static Task *place_start(Scheduler *scheduler, PlaceQueue *place)
{
    Share *share;
    Lane *lane;
    Task *task;
    Turn turn;

    if (place->running >= place->slots ||
        !pool_queue_next(&place->queue, &turn)) {
        return NULL;
    }
    share = turn.claimant->owner;
    lane = g_queue_peek_head(share->boosted[turn.priority].length > 0
                             ? &share->boosted[turn.priority]
                             : &share->plain[turn.priority]);
    task = g_queue_peek_head(&lane->tasks);
    turn_start(&turn, vm_limits(share->owner->vm)->weight);
    task->turn = turn;
    lane_rotate(lane);
    task_dequeue(scheduler, task);
    task->state = TASK_RUNNING;
    task_class(scheduler, task)->running++;
    place->running++;
    share->owner->running++;
    share->running++;
    return task;
}

Task *scheduler_start(Scheduler *scheduler, PoolId pool)
{
    return place_start(scheduler, &scheduler->places[pool]);
}

Task *scheduler_start_local(Scheduler *scheduler)
{
    return place_start(scheduler, &scheduler->places[LOCAL]);
}

void scheduler_finish(Scheduler *scheduler, Task *task, gint64 used)
{
    ClassReport *class = task_class(scheduler, task);
    Share *share = task_share(task);
    VmTasks *tasks = share->owner;

    g_assert(task->state == TASK_RUNNING);
    used = MAX(used, 1);        /* what costs nothing could run for ever */
    turn_finish(&task->turn, vm_limits(task->vm)->weight, used,
                &scheduler->shares);
    if (!share_eligible(share)) {
        /* A VM at its limit was passed over, that is a pause. */
        for (PoolId pool = 0; pool < POOLS; pool++) {
            claimant_catch_up(&tasks->shares[pool].claimant);
        }
    }
    if (share->index != LOCAL) {
        class->used += used;
        tasks->used += used;
    }
    class->running--;
    tasks->running--;
    share->running--;
    scheduler->places[share->index].running--;
    task_release(task);
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

/* End the tasks of @lane with @verdict, all or those that need a place. */
static void lane_expel(Lane *lane, uint32_t verdict, bool all)
{
    GList *link = lane->tasks.head;

    while (link != NULL) {
        Task *task = link->data;

        link = link->next;
        if (all || !task->local) {
            task_expel(lane->owner->scheduler, task, verdict);
        }
    }
}

/* The same of all lanes that @tasks has in @pool */
static void pool_expel(VmTasks *tasks, PoolId pool, uint32_t verdict,
                       bool all)
{
    GHashTableIter lanes;
    gpointer lane;

    g_hash_table_iter_init(&lanes, tasks->lanes[pool]);
    while (g_hash_table_iter_next(&lanes, NULL, &lane)) {
        lane_expel(lane, verdict, all);
    }
}

void scheduler_refuse(Scheduler *scheduler, Vm *vm, PoolId pool,
                      uint64_t context, uint32_t verdict)
{
    Lane *lane = lane_of(scheduler, vm, pool, context);

    lane_expel(lane, verdict, false);
    lane_set_place(lane, false);
}

void scheduler_vm_expel(Vm *vm, uint32_t verdict)
{
    VmTasks *tasks = vm_data(vm);

    for (PoolId pool = 0; tasks != NULL && pool < POOLS; pool++) {
        pool_expel(tasks, pool, verdict, true);
    }
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
    if (scheduler_next_event(scheduler) > now) {
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
    GSequenceIter *first = g_sequence_get_begin_iter(scheduler->deadlines);

    if (scheduler->expelled.length > 0) {
        return G_MININT64;
    }
    return g_sequence_iter_is_end(first)
           ? G_MAXINT64 : ((Task *)g_sequence_get(first))->deadline;
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
    return scheduler->places[pool].classes[priority];
}

Scheduler *scheduler_new(void)
{
    Scheduler *scheduler = g_new0(Scheduler, 1);

    scheduler->shares = shares_default;
    for (int i = 0; i < PLACES; i++) {
        scheduler->places[i].queue.eligible = share_eligible;
        scheduler->places[i].vm_slots = G_MAXUINT;
    }
    scheduler->places[LOCAL].slots = 1;
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
    scheduler->places[pool].slots = slots;
    for (GList *link = scheduler->vms.head; slots == 0 && link != NULL;
         link = link->next) {
        VmTasks *tasks = link->data;

        pool_expel(tasks, pool, VGPU_STUB_ERR_INVALID_POOL, false);
    }
}

void scheduler_set_vm_slots(Scheduler *scheduler, PoolId pool,
                            unsigned slots)
{
    scheduler->places[pool].vm_slots = slots;
}

void scheduler_set_shares(Scheduler *scheduler, const ClassShares *shares)
{
    scheduler->shares = *shares;
}
