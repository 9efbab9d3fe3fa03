/*
 * Which request runs next, and which don't run at all
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scheduler.h"

#include "token-bucket.h"

/* A VM in a pool */
typedef struct Share {
    Claimant claimant;          /* waits where a task does */
    Vm *vm;
    unsigned running;           /* tasks */
    GQueue boosted[PRIORITY_CLASSES];   /* Task */
    GQueue plain[PRIORITY_CLASSES];     /* Task */
} Share;

struct Vm {
    char *name;
    gpointer data;              /* the owner's */
    unsigned references;
    VmLimits limits;
    TokenBucket bucket;
    const Scheduler *scheduler;
    unsigned waiting;           /* tasks */
    unsigned running;
    gint64 used;                /* µs */
    unsigned faults;            /* since `faults_since` */
    gint64 faults_since;
    gint64 quarantined_until;
    Share shares[POOLS];
};

typedef struct Pool {
    PoolQueue queue;
    unsigned slots;
    unsigned running;
    ClassReport classes[PRIORITY_CLASSES];
} Pool;

struct Scheduler {
    ClassShares shares;
    Pool pools[POOLS];
    GHashTable *vms;            /* name → Vm */
    GSequence *deadlines;       /* Task, the earliest deadline first */
    GQueue expelled;            /* Task, out of queues that were emptied */
    unsigned vm_slots;          /* of each pool */
};

static Pool *task_pool(Scheduler *scheduler, const Task *task)
{
    return &scheduler->pools[task->pool - VGPU_STUB_POOL_A];
}

static ClassReport *task_class(Scheduler *scheduler, const Task *task)
{
    return &task_pool(scheduler, task)->classes[task->priority];
}

static Share *task_share(const Task *task)
{
    return &task->vm->shares[task->pool - VGPU_STUB_POOL_A];
}

static GQueue *task_queue(const Task *task)
{
    Share *share = task_share(task);

    return &(task->boost ? share->boosted : share->plain)[task->priority];
}

/* --- VMs --- */

static void vm_free(gpointer opaque)
{
    Vm *vm = opaque;

    g_free(vm->name);
    g_free(vm->data);
    g_free(vm);
}

static Vm *vm_new(Scheduler *scheduler, const char *name)
{
    Vm *vm = g_new0(Vm, 1);

    vm->name = g_strdup(name);
    vm->scheduler = scheduler;
    vm->limits = limits_default;
    vm->bucket = TOKEN_BUCKET_FULL;
    vm->quarantined_until = G_MININT64;
    for (int pool = 0; pool < POOLS; pool++) {
        Share *share = &vm->shares[pool];

        share->vm = vm;
        claimant_init(&share->claimant, &scheduler->pools[pool].queue, share);
    }
    return vm;
}

Vm *scheduler_vm_ref(Scheduler *scheduler, const char *name)
{
    Vm *vm = g_hash_table_lookup(scheduler->vms, name);

    if (vm == NULL) {
        vm = vm_new(scheduler, name);
        g_hash_table_insert(scheduler->vms, vm->name, vm);
    }
    vm->references++;
    return vm;
}

void scheduler_vm_unref(Scheduler *scheduler, Vm *vm)
{
    if (--vm->references == 0) {
        g_hash_table_remove(scheduler->vms, vm->name);
    }
}

Vm *scheduler_vm_find(const Scheduler *scheduler, const char *name)
{
    return g_hash_table_lookup(scheduler->vms, name);
}

void scheduler_vm_foreach(Scheduler *scheduler,
                          void (*function)(Vm *vm, gpointer opaque),
                          gpointer opaque)
{
    GHashTableIter iter;
    gpointer vm;

    g_hash_table_iter_init(&iter, scheduler->vms);
    while (g_hash_table_iter_next(&iter, NULL, &vm)) {
        function(vm, opaque);
    }
}

const char *scheduler_vm_name(const Vm *vm)
{
    return vm->name;
}

gpointer scheduler_vm_data(const Vm *vm)
{
    return vm->data;
}

void scheduler_vm_set_data(Vm *vm, gpointer data)
{
    vm->data = data;
}

const VmLimits *scheduler_vm_limits(const Vm *vm)
{
    return &vm->limits;
}

void scheduler_vm_set_limits(Vm *vm, const VmLimits *limits)
{
    vm->limits = *limits;
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
    task->vm->waiting++;
    task_class(scheduler, task)->waiting++;
    if (!claimant_waits(&share->claimant, task->priority)) {
        claimant_join(&share->claimant, task->priority);
    }
}

/* Take a task out of its queue, for whatever comes next. */
static void task_dequeue(Scheduler *scheduler, Task *task)
{
    Share *share = task_share(task);

    g_queue_unlink(task_queue(task), &task->link);
    task->vm->waiting--;
    task_class(scheduler, task)->waiting--;
    if (share->boosted[task->priority].length == 0 &&
        share->plain[task->priority].length == 0) {
        claimant_leave(&share->claimant, task->priority);
    }
}

/* Hand a task back to its owner. */
static void task_release(Scheduler *scheduler, Task *task)
{
    task_forget_deadline(task);
    task->state = TASK_IDLE;
    scheduler_vm_unref(scheduler, task->vm);
}

uint32_t scheduler_submit(Scheduler *scheduler, Task *task, gint64 now)
{
    Vm *vm = task->vm;

    g_assert(task->state == TASK_IDLE);
    if (scheduler_vm_quarantined(vm, now)) {
        return VGPU_STUB_ERR_VM_QUARANTINED;
    }
    if (task_pool(scheduler, task)->slots == 0) {
        return VGPU_STUB_ERR_INVALID_POOL;
    }
    if (!token_bucket_take(&vm->bucket, vm->limits.rate, vm->limits.burst,
                           now)) {
        return VGPU_STUB_ERR_RATE_LIMITED;
    }
    if (vm->waiting >= vm->limits.queue) {
        return VGPU_STUB_ERR_QUEUE_FULL;
    }
    vm->references++;
    task->deadline = now + vm->limits.deadline_ms * G_TIME_SPAN_MILLISECOND;
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
    task_release(scheduler, task);
}

/* --- What runs --- */

static bool share_eligible(gconstpointer opaque)
{
    const Share *share = opaque;
    const Vm *vm = share->vm;

    return vm->running < vm->limits.in_flight &&
           share->running < vm->scheduler->vm_slots;
}

Task *scheduler_start(Scheduler *scheduler, uint8_t pool_id)
{
    Pool *pool = &scheduler->pools[pool_id - VGPU_STUB_POOL_A];
    Share *share;
    Task *task;
    Turn turn;

    if (pool->running >= pool->slots ||
        !pool_queue_next(&pool->queue, &turn)) {
        return NULL;
    }
    share = turn.claimant->owner;
    task = g_queue_peek_head(share->boosted[turn.priority].length > 0
                             ? &share->boosted[turn.priority]
                             : &share->plain[turn.priority]);
    turn_start(&turn, share->vm->limits.weight);
    task->turn = turn;
    task_dequeue(scheduler, task);
    task->state = TASK_RUNNING;
    task_class(scheduler, task)->running++;
    pool->running++;
    share->vm->running++;
    share->running++;
    return task;
}

/* Returns whether it was one too many. */
static bool vm_count_fault(Scheduler *scheduler, Vm *vm, gint64 now)
{
    const VmLimits *limits = &vm->limits;
    const gint64 until = now + limits->quarantine_s * G_TIME_SPAN_SECOND;

    if (now - vm->faults_since > limits->fault_window_s * G_TIME_SPAN_SECOND) {
        vm->faults_since = now;
        vm->faults = 0;
    }
    if (++vm->faults < limits->faults) {
        return false;
    }
    vm->faults = 0;
    /* The operator may have decided on more. */
    scheduler_vm_quarantine(scheduler, vm, MAX(vm->quarantined_until, until));
    return true;
}

bool scheduler_finish(Scheduler *scheduler, Task *task, gint64 used,
                      bool fault, gint64 now)
{
    ClassReport *class = task_class(scheduler, task);
    Share *share = task_share(task);
    Vm *vm = task->vm;
    bool quarantined;

    g_assert(task->state == TASK_RUNNING);
    used = MAX(used, 1);        /* what costs nothing could run for ever */
    turn_finish(&task->turn, vm->limits.weight, used, &scheduler->shares);
    if (!share_eligible(share)) {
        /* A VM at its limit was passed over, that is a pause. */
        for (int pool = 0; pool < POOLS; pool++) {
            claimant_catch_up(&vm->shares[pool].claimant);
        }
    }
    class->used += used;
    class->running--;
    vm->used += used;
    vm->running--;
    share->running--;
    task_pool(scheduler, task)->running--;
    quarantined = fault && vm_count_fault(scheduler, vm, now);
    task_release(scheduler, task);
    return quarantined;
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

static void vm_expel(Scheduler *scheduler, Vm *vm, int pool, uint32_t verdict)
{
    for (int priority = 0; priority < PRIORITY_CLASSES; priority++) {
        queue_expel(scheduler, &vm->shares[pool].boosted[priority], verdict);
        queue_expel(scheduler, &vm->shares[pool].plain[priority], verdict);
    }
}

void scheduler_vm_quarantine(Scheduler *scheduler, Vm *vm, gint64 until)
{
    vm->quarantined_until = until;
    for (int pool = 0; pool < POOLS; pool++) {
        vm_expel(scheduler, vm, pool, VGPU_STUB_ERR_VM_QUARANTINED);
    }
}

void scheduler_vm_release(Vm *vm)
{
    vm->quarantined_until = G_MININT64;
    vm->faults = 0;
}

bool scheduler_vm_quarantined(const Vm *vm, gint64 now)
{
    return now < vm->quarantined_until;
}

Task *scheduler_next_ended(Scheduler *scheduler, gint64 now, uint32_t *status)
{
    GList *expelled = g_queue_pop_head_link(&scheduler->expelled);
    Task *task;

    if (expelled != NULL) {
        task = expelled->data;
        *status = task->verdict;
        task_release(scheduler, task);
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
    return (VmReport) {
        .waiting = vm->waiting,
        .running = vm->running,
        .used = vm->used,
        .quarantined_until = vm->quarantined_until,
    };
}

ClassReport scheduler_class_report(const Scheduler *scheduler, uint8_t pool,
                                   uint8_t priority)
{
    return scheduler->pools[pool - VGPU_STUB_POOL_A].classes[priority];
}

Scheduler *scheduler_new(void)
{
    Scheduler *scheduler = g_new0(Scheduler, 1);

    scheduler->shares = shares_default;
    scheduler->vm_slots = G_MAXUINT;
    for (int pool = 0; pool < POOLS; pool++) {
        scheduler->pools[pool].queue.eligible = share_eligible;
    }
    scheduler->vms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                           vm_free);
    scheduler->deadlines = g_sequence_new(NULL);
    return scheduler;
}

void scheduler_free(Scheduler *scheduler)
{
    g_assert(g_hash_table_size(scheduler->vms) == 0);
    g_hash_table_unref(scheduler->vms);
    g_sequence_free(scheduler->deadlines);
    g_free(scheduler);
}

void scheduler_set_slots(Scheduler *scheduler, uint8_t pool, unsigned slots)
{
    GHashTableIter iter;
    gpointer vm;

    scheduler->pools[pool - VGPU_STUB_POOL_A].slots = slots;
    if (slots == 0) {
        g_hash_table_iter_init(&iter, scheduler->vms);
        while (g_hash_table_iter_next(&iter, NULL, &vm)) {
            vm_expel(scheduler, vm, pool - VGPU_STUB_POOL_A,
                     VGPU_STUB_ERR_INVALID_POOL);
        }
    }
}

void scheduler_set_vm_slots(Scheduler *scheduler, unsigned slots)
{
    scheduler->vm_slots = slots;
}

void scheduler_set_shares(Scheduler *scheduler, const ClassShares *shares)
{
    scheduler->shares = *shares;
}
