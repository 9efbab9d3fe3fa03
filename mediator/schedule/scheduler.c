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
    Claimant claimant;          /* waits where a task does, if it has a place */
    VmTasks *owner;
    unsigned index;             /* of the pool, or LOCAL */
    bool place;
    bool told;                  /* the latest wish: to have a place */
    GList link;                 /* in Scheduler.wishes if it is another now */
    unsigned waiting;           /* tasks */
    unsigned running;
    GQueue boosted[PRIORITY_CLASSES];   /* Task */
    GQueue plain[PRIORITY_CLASSES];     /* Task */
} Share;

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
    GQueue wishes;              /* Share, whose wish has changed */
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

static GQueue *task_queue(const Task *task)
{
    Share *share = task_share(task);

    return &(task->boost ? share->boosted : share->plain)[task->priority];
}

/* --- VMs --- */

static void vm_tasks_free(gpointer opaque)
{
    VmTasks *tasks = opaque;

    for (int i = 0; i < PLACES; i++) {
        if (tasks->shares[i].link.data != NULL) {
            g_queue_unlink(&tasks->scheduler->wishes, &tasks->shares[i].link);
        }
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
        share->place = i == LOCAL;
        claimant_init(&share->claimant, &scheduler->places[i].queue, share);
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

/* --- Places --- */

/* @share may wish another thing than it did; somebody has to be told. */
static void share_wish(Share *share)
{
    GQueue *wishes = &share->owner->scheduler->wishes;
    const bool changed = share->index != LOCAL &&
                         share->told != (share->waiting > 0);
    const bool queued = share->link.data != NULL;

    if (changed && !queued) {
        share->link.data = share;
        g_queue_push_tail_link(wishes, &share->link);
    } else if (queued && !changed) {
        g_queue_unlink(wishes, &share->link);
        share->link.data = NULL;
    }
}

/* Its claimant waits where a task does. */
static void share_claim(Share *share, unsigned priority)
{
    const bool waits = share->place &&
                       share->boosted[priority].length +
                       share->plain[priority].length > 0;

    if (waits && !claimant_waits(&share->claimant, priority)) {
        claimant_join(&share->claimant, priority);
    } else if (!waits && claimant_waits(&share->claimant, priority)) {
        claimant_leave(&share->claimant, priority);
    }
}

void scheduler_vm_set_place(Scheduler *scheduler, Vm *vm, PoolId pool,
                            bool place)
{
    Share *share = &vm_tasks(scheduler, vm)->shares[pool];

    share->place = place;
    for (int priority = 0; priority < PRIORITY_CLASSES; priority++) {
        share_claim(share, priority);
    }
    if (!place) {
        share->told = false;
    }
    share_wish(share);
}

bool scheduler_next_wish(Scheduler *scheduler, Wish *wish)
{
    const GList *link = g_queue_peek_head_link(&scheduler->wishes);
    Share *share;

    if (link == NULL) {
        return false;
    }
    share = link->data;
    share->told = !share->told;
    share_wish(share);
    *wish = (Wish) {
        .vm = share->owner->vm,
        .pool = share->index,
        .place = share->told,
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
    Share *share = task_share(task);

    task->state = TASK_WAITING;
    task->link = (GList) { .data = task };
    g_queue_push_tail_link(task_queue(task), &task->link);
    share->owner->waiting++;
    share->waiting++;
    task_class(scheduler, task)->waiting++;
    share_claim(share, task->priority);
    share_wish(share);
}

/* Take a task out of its queue, for whatever comes next. */
static void task_dequeue(Scheduler *scheduler, Task *task)
{
    Share *share = task_share(task);

    g_queue_unlink(task_queue(task), &task->link);
    share->owner->waiting--;
    share->waiting--;
    task_class(scheduler, task)->waiting--;
    share_claim(share, task->priority);
    share_wish(share);
}

/* Hand a task back to its owner. */
static void task_release(Task *task)
{
    task_forget_deadline(task);
    task->state = TASK_IDLE;
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
    Task *task;
    Turn turn;

    if (place->running >= place->slots ||
        !pool_queue_next(&place->queue, &turn)) {
        return NULL;
    }
    share = turn.claimant->owner;
    task = g_queue_peek_head(share->boosted[turn.priority].length > 0
                             ? &share->boosted[turn.priority]
                             : &share->plain[turn.priority]);
    turn_start(&turn, vm_limits(share->owner->vm)->weight);
    task->turn = turn;
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

/* End the tasks of @queue with @verdict. */
static void queue_expel(Scheduler *scheduler, GQueue *queue, uint32_t verdict)
{
    Task *task;

    while ((task = g_queue_peek_head(queue)) != NULL) {
        task_dequeue(scheduler, task);
        task_forget_deadline(task);
        task->state = TASK_EXPELLED;
        task->verdict = verdict;
        g_queue_push_tail_link(&scheduler->expelled, &task->link);
    }
}

static void share_expel(Share *share, uint32_t verdict)
{
    Scheduler *scheduler = share->owner->scheduler;

    for (int priority = 0; priority < PRIORITY_CLASSES; priority++) {
        queue_expel(scheduler, &share->boosted[priority], verdict);
        queue_expel(scheduler, &share->plain[priority], verdict);
    }
}

void scheduler_vm_refuse(Scheduler *scheduler, Vm *vm, PoolId pool,
                         uint32_t verdict)
{
    share_expel(&vm_tasks(scheduler, vm)->shares[pool], verdict);
    scheduler_vm_set_place(scheduler, vm, pool, false);
}

void scheduler_vm_expel(Vm *vm, uint32_t verdict)
{
    VmTasks *tasks = vm_data(vm);

    for (int i = 0; tasks != NULL && i < PLACES; i++) {
        share_expel(&tasks->shares[i], verdict);
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

        share_expel(&tasks->shares[pool], VGPU_STUB_ERR_INVALID_POOL);
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
