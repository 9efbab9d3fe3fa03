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

/* A VM in a pool, or in the mediator */
typedef struct Share {
    Claimant claimant;          /* waits where a task does, if it has a place */
    Vm *vm;
    unsigned index;             /* of the pool, or LOCAL */
    bool place;
    bool told;                  /* the latest wish: to have a place */
    GList link;                 /* in Scheduler.wishes if it is another now */
    unsigned waiting;           /* tasks */
    unsigned running;
    GQueue boosted[PRIORITY_CLASSES];   /* Task */
    GQueue plain[PRIORITY_CLASSES];     /* Task */
} Share;

struct Vm {
    char *name;
    gpointer data;              /* the owner's */
    unsigned references;
    VmLimits limits;
    TokenBucket bucket;
    Scheduler *scheduler;
    unsigned waiting;           /* tasks */
    unsigned running;
    gint64 used;                /* µs */
    unsigned faults;            /* since `faults_since` */
    gint64 faults_since;
    gint64 quarantined_until;
    Share shares[PLACES];
};

typedef struct Pool {
    PoolQueue queue;
    unsigned slots;
    unsigned vm_slots;          /* of one VM */
    unsigned running;
    ClassReport classes[PRIORITY_CLASSES];
} Pool;

struct Scheduler {
    ClassShares shares;
    Pool pools[PLACES];
    GHashTable *vms;            /* name → Vm */
    GSequence *deadlines;       /* Task, the earliest deadline first */
    GQueue expelled;            /* Task, out of queues that were emptied */
    GQueue wishes;              /* Share, whose wish has changed */
};

static unsigned task_place(const Task *task)
{
    return task->local ? LOCAL : task->pool - VGPU_STUB_POOL_A;
}

static Pool *task_pool(Scheduler *scheduler, const Task *task)
{
    return &scheduler->pools[task_place(task)];
}

/* What is reported of it, which is by the pool that it was sent to */
static ClassReport *task_class(Scheduler *scheduler, const Task *task)
{
    return &scheduler->pools[task->pool - VGPU_STUB_POOL_A]
                .classes[task->priority];
}

static Share *task_share(const Task *task)
{
    return &task->vm->shares[task_place(task)];
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

    for (int i = 0; i < PLACES; i++) {
        if (vm->shares[i].link.data != NULL) {
            g_queue_unlink(&vm->scheduler->wishes, &vm->shares[i].link);
        }
    }
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
    for (int i = 0; i < PLACES; i++) {
        Share *share = &vm->shares[i];

        share->vm = vm;
        share->index = i;
        share->place = i == LOCAL;
        claimant_init(&share->claimant, &scheduler->pools[i].queue, share);
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

/* --- Places --- */

/* @share may wish another thing than it did; somebody has to be told. */
static void share_wish(Share *share)
{
    GQueue *wishes = &share->vm->scheduler->wishes;
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

void scheduler_vm_set_place(Vm *vm, uint8_t pool, bool place)
{
    Share *share = &vm->shares[pool - VGPU_STUB_POOL_A];

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
        .vm = share->vm,
        .pool = VGPU_STUB_POOL_A + share->index,
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
    task->vm->waiting++;
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
    task->vm->waiting--;
    share->waiting--;
    task_class(scheduler, task)->waiting--;
    share_claim(share, task->priority);
    share_wish(share);
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
    if (scheduler->pools[task->pool - VGPU_STUB_POOL_A].slots == 0) {
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

    return share->index == LOCAL ||
           (vm->running < vm->limits.in_flight &&
            share->running < vm->scheduler->pools[share->index].vm_slots);
}

/* Start the task whose turn it is in a pool, or here; NULL for none. */
static Task *pool_start(Scheduler *scheduler, Pool *pool)
{
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

Task *scheduler_start(Scheduler *scheduler, uint8_t pool)
{
    return pool_start(scheduler, &scheduler->pools[pool - VGPU_STUB_POOL_A]);
}

Task *scheduler_start_local(Scheduler *scheduler)
{
    return pool_start(scheduler, &scheduler->pools[LOCAL]);
}

/* Returns whether it was one too many. */
static bool vm_count_fault(Vm *vm, gint64 now)
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
    scheduler_vm_quarantine(vm, MAX(vm->quarantined_until, until));
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
    if (share->index != LOCAL) {
        class->used += used;
        vm->used += used;
    }
    class->running--;
    vm->running--;
    share->running--;
    task_pool(scheduler, task)->running--;
    quarantined = fault && vm_count_fault(vm, now);
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

static void share_expel(Share *share, uint32_t verdict)
{
    Scheduler *scheduler = share->vm->scheduler;

    for (int priority = 0; priority < PRIORITY_CLASSES; priority++) {
        queue_expel(scheduler, &share->boosted[priority], verdict);
        queue_expel(scheduler, &share->plain[priority], verdict);
    }
}

void scheduler_vm_refuse(Vm *vm, uint8_t pool, uint32_t verdict)
{
    share_expel(&vm->shares[pool - VGPU_STUB_POOL_A], verdict);
    scheduler_vm_set_place(vm, pool, false);
}

void scheduler_vm_quarantine(Vm *vm, gint64 until)
{
    vm->quarantined_until = until;
    for (int i = 0; i < PLACES; i++) {
        share_expel(&vm->shares[i], VGPU_STUB_ERR_VM_QUARANTINED);
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
        .faults = vm->faults,
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
    for (int i = 0; i < PLACES; i++) {
        scheduler->pools[i].queue.eligible = share_eligible;
        scheduler->pools[i].vm_slots = G_MAXUINT;
    }
    scheduler->pools[LOCAL].slots = 1;
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
            share_expel(&((Vm *)vm)->shares[pool - VGPU_STUB_POOL_A],
                        VGPU_STUB_ERR_INVALID_POOL);
        }
    }
}

void scheduler_set_vm_slots(Scheduler *scheduler, uint8_t pool,
                            unsigned slots)
{
    scheduler->pools[pool - VGPU_STUB_POOL_A].vm_slots = slots;
}

void scheduler_set_shares(Scheduler *scheduler, const ClassShares *shares)
{
    scheduler->shares = *shares;
}
