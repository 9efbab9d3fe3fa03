/*
 * The scheduler, by a virtual clock
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/scheduler.h"

#define A POOL_A
#define B POOL_B
#define LOW VGPU_STUB_PRIORITY_LOW
#define MEDIUM VGPU_STUB_PRIORITY_MEDIUM
#define HIGH VGPU_STUB_PRIORITY_HIGH

#define MS G_TIME_SPAN_MILLISECOND
#define SECOND G_TIME_SPAN_SECOND

#define TASKS 300

/* --- One task at a time --- */

typedef struct Fixture {
    Vms *vms;
    Scheduler *scheduler;
    Vm *vm;
    VmLimits limits;            /* the VM's */
    Task tasks[TASKS];          /* each of its own context, from 0 */
} Fixture;

/* A VM whose contexts have places wherever they may need one */
static Vm *placed_vm(Vms *vms, Scheduler *scheduler, const char *name)
{
    Vm *vm = vms_ref(vms, name);

    for (uint64_t context = 0; context < TASKS; context++) {
        scheduler_set_place(scheduler, vm, A, context, true);
        scheduler_set_place(scheduler, vm, B, context, true);
    }
    return vm;
}

/* As the scheduler's owner does */
static void changed(Vm *vm, gpointer opaque G_GNUC_UNUSED)
{
    if (vm_quarantined_until(vm) != G_MININT64) {
        scheduler_vm_expel(vm, VGPU_STUB_ERR_VM_QUARANTINED);
    }
}

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->vms = vms_new();
    vms_on_change(f->vms, changed, NULL);
    f->scheduler = scheduler_new();
    scheduler_set_slots(f->scheduler, A, 1);
    f->vm = placed_vm(f->vms, f->scheduler, "7");
    f->limits = limits_default;
    for (size_t i = 0; i < G_N_ELEMENTS(f->tasks); i++) {
        f->tasks[i] = (Task) {
            .vm = f->vm, .pool = A, .priority = MEDIUM, .context = i,
        };
    }
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (size_t i = 0; i < G_N_ELEMENTS(f->tasks); i++) {
        Task *task = &f->tasks[i];

        if (task->state == TASK_RUNNING) {
            scheduler_finish(f->scheduler, task, 0);
        } else if (task->state != TASK_IDLE) {
            scheduler_withdraw(f->scheduler, task);
        }
    }
    vm_unref(f->vm);
    vms_free(f->vms);
    scheduler_free(f->scheduler);
}

static void check_submit(Fixture *f, Task *task, gint64 now, uint32_t status)
{
    g_assert_cmphex(scheduler_submit(f->scheduler, task, now), ==, status);
}

static void submit(Fixture *f, Task *task, gint64 now)
{
    check_submit(f, task, now, VGPU_STUB_ERR_NONE);
}

static void check_start(Fixture *f, Task *task)
{
    g_assert_true(scheduler_start(f->scheduler, A) == task);
}

static void check_ended(Fixture *f, gint64 now, Task *task, uint32_t expected)
{
    uint32_t status = VGPU_STUB_ERR_NONE;

    g_assert_true(scheduler_next_ended(f->scheduler, now, &status) == task);
    g_assert_cmphex(status, ==, expected);
}

static void check_nothing_ended(Fixture *f, gint64 now)
{
    check_ended(f, now, NULL, VGPU_STUB_ERR_NONE);
}

static void test_first_come_first_served(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 3; i++) {
        submit(f, &f->tasks[i], i);
    }
    for (int i = 0; i < 3; i++) {
        check_start(f, &f->tasks[i]);
        g_assert_true(f->tasks[i].state == TASK_RUNNING);
        check_start(f, NULL);
        scheduler_finish(f->scheduler, &f->tasks[i], 1);
        g_assert_true(f->tasks[i].state == TASK_IDLE);
    }
    check_start(f, NULL);
}

static void test_boost_is_within_the_vm(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");
    const int order[] = { 0, 3, 4, 1, 2 };

    (void)data;
    f->tasks[0].vm = other;
    f->tasks[3].boost = f->tasks[4].boost = true;
    for (int i = 0; i < 5; i++) {
        submit(f, &f->tasks[i], 0);
    }
    for (int i = 0; i < 5; i++) {
        check_start(f, &f->tasks[order[i]]);
        scheduler_finish(f->scheduler, &f->tasks[order[i]], 1);
    }
    vm_unref(other);
}

static void test_classes_in_order(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int priority = LOW; priority <= HIGH; priority++) {
        f->tasks[priority].priority = priority;
        submit(f, &f->tasks[priority], 0);
    }
    for (int priority = HIGH; priority >= LOW; priority--) {
        check_start(f, &f->tasks[priority]);
        scheduler_finish(f->scheduler, &f->tasks[priority], 1);
    }
}

static void test_pools_are_apart(Fixture *f, gconstpointer data)
{
    (void)data;
    f->tasks[1].pool = f->tasks[2].pool = B;
    check_submit(f, &f->tasks[1], 0, VGPU_STUB_ERR_INVALID_POOL);
    scheduler_set_slots(f->scheduler, B, 2);
    for (int i = 0; i < 4; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, NULL);
    g_assert_true(scheduler_start(f->scheduler, B) == &f->tasks[1]);
    g_assert_true(scheduler_start(f->scheduler, B) == &f->tasks[2]);
    g_assert_null(scheduler_start(f->scheduler, B));
}

static void test_queue_full(Fixture *f, gconstpointer data)
{
    const unsigned full = f->limits.queue;

    (void)data;
    for (unsigned i = 0; i < full; i++) {
        f->tasks[i].priority = i % PRIORITY_CLASSES;
        submit(f, &f->tasks[i], 0);
    }
    check_submit(f, &f->tasks[full], 0, VGPU_STUB_ERR_QUEUE_FULL);
    g_assert_true(f->tasks[full].state == TASK_IDLE);
    scheduler_withdraw(f->scheduler, &f->tasks[17]);
    submit(f, &f->tasks[full], 0);
    check_submit(f, &f->tasks[17], 0, VGPU_STUB_ERR_QUEUE_FULL);
    g_assert_nonnull(scheduler_start(f->scheduler, A));
    submit(f, &f->tasks[17], 0);
}

static unsigned count_admitted(Fixture *f, unsigned attempts, gint64 now)
{
    unsigned admitted = 0;

    for (unsigned i = 0; i < attempts; i++) {
        uint32_t status = scheduler_submit(f->scheduler, &f->tasks[0], now);

        if (status == VGPU_STUB_ERR_NONE) {
            admitted++;
            scheduler_withdraw(f->scheduler, &f->tasks[0]);
        } else {
            g_assert_cmphex(status, ==, VGPU_STUB_ERR_RATE_LIMITED);
        }
    }
    return admitted;
}

static void test_rate_limit(Fixture *f, gconstpointer data)
{
    const gint64 year = 365 * G_TIME_SPAN_DAY;
    gint64 now = 12345678;

    (void)data;
    f->limits.rate = 100;
    f->limits.burst = 10;
    vm_set_limits(f->vm, &f->limits);
    g_assert_cmpuint(count_admitted(f, 50, now), ==, 10);
    g_assert_cmpuint(count_admitted(f, 1, now + 10 * MS - 1), ==, 0);
    g_assert_cmpuint(count_admitted(f, 2, now + 10 * MS), ==, 1);
    now += SECOND;
    g_assert_cmpuint(count_admitted(f, 50, now), ==, 10);
    g_assert_cmpuint(count_admitted(f, 50, now + 10000 * year), ==, 10);
    now += 20000 * year;
    count_admitted(f, 50, now);
    for (int i = 1; i <= 1000; i++) {
        g_assert_cmpuint(count_admitted(f, 2, now + i * 10 * MS), ==, 1);
    }
}

static void test_rate_is_per_vm(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    f->limits.burst = 1;
    vm_set_limits(f->vm, &f->limits);
    f->tasks[2].vm = other;
    submit(f, &f->tasks[0], 0);
    check_submit(f, &f->tasks[1], 0, VGPU_STUB_ERR_RATE_LIMITED);
    submit(f, &f->tasks[2], 0);
    vm_unref(other);
}

static void test_in_flight(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    scheduler_set_slots(f->scheduler, A, 10);
    f->limits.in_flight = 2;
    vm_set_limits(f->vm, &f->limits);
    f->tasks[2].priority = HIGH;
    f->tasks[4].vm = other;
    f->tasks[4].priority = LOW;
    for (int i = 0; i < 5; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[2]);
    check_start(f, &f->tasks[0]);
    /* The VM has its fill, the slots are free for another. */
    check_start(f, &f->tasks[4]);
    check_start(f, NULL);
    scheduler_finish(f->scheduler, &f->tasks[2], 1);
    check_start(f, &f->tasks[1]);
    check_start(f, NULL);
    vm_unref(other);
}

static void test_slots_of_a_vm(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    scheduler_set_slots(f->scheduler, A, 10);
    scheduler_set_slots(f->scheduler, B, 10);
    scheduler_set_vm_slots(f->scheduler, A, 1);
    scheduler_set_vm_slots(f->scheduler, B, 1);
    f->tasks[1].priority = HIGH;
    f->tasks[2].vm = other;
    f->tasks[3].pool = B;
    for (int i = 0; i < 4; i++) {
        submit(f, &f->tasks[i], 0);
    }
    /* One at a time in this pool, whatever its priority */
    check_start(f, &f->tasks[1]);
    check_start(f, &f->tasks[2]);
    check_start(f, NULL);
    g_assert_true(scheduler_start(f->scheduler, B) == &f->tasks[3]);
    scheduler_finish(f->scheduler, &f->tasks[1], 1);
    check_start(f, &f->tasks[0]);
    vm_unref(other);
}

static void test_no_slots_any_more(Fixture *f, gconstpointer data)
{
    (void)data;
    scheduler_set_slots(f->scheduler, B, 1);
    f->tasks[2].pool = B;
    for (int i = 0; i < 3; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    scheduler_set_slots(f->scheduler, A, 0);
    check_ended(f, 0, &f->tasks[1], VGPU_STUB_ERR_INVALID_POOL);
    check_nothing_ended(f, 0);
    g_assert_true(f->tasks[0].state == TASK_RUNNING);
    g_assert_true(scheduler_start(f->scheduler, B) == &f->tasks[2]);
}

static void test_deadlines(Fixture *f, gconstpointer data)
{
    const gint64 limit = f->limits.deadline_ms * MS;

    (void)data;
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, G_MAXINT64);
    submit(f, &f->tasks[0], 100);
    submit(f, &f->tasks[1], 200);
    f->limits.deadline_ms = 1;
    vm_set_limits(f->vm, &f->limits);
    submit(f, &f->tasks[2], 300);
    check_start(f, &f->tasks[0]);

    /* One that waits is the owner's again. */
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, 300 + MS);
    check_nothing_ended(f, 300 + MS - 1);
    check_ended(f, 300 + MS, &f->tasks[2], VGPU_STUB_ERR_TIMEOUT);
    g_assert_true(f->tasks[2].state == TASK_IDLE);
    check_nothing_ended(f, 300 + MS);

    /* One that runs is named once and has its slot until it has ended. */
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, 100 + limit);
    check_ended(f, 199 + limit, &f->tasks[0], VGPU_STUB_ERR_TIMEOUT);
    g_assert_true(f->tasks[0].state == TASK_RUNNING);
    check_nothing_ended(f, 199 + limit);
    check_start(f, NULL);
    scheduler_finish(f->scheduler, &f->tasks[0], 1);
    check_start(f, &f->tasks[1]);
    scheduler_finish(f->scheduler, &f->tasks[1], 1);
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, G_MAXINT64);
}

static void fail_once(Fixture *f, Task *task, gint64 now)
{
    submit(f, task, now);
    check_start(f, task);
    scheduler_finish(f->scheduler, task, 1);
    vm_fault(f->vm, now);
}

static void test_quarantine(Fixture *f, gconstpointer data)
{
    const gint64 lifted = SECOND + f->limits.quarantine_s * SECOND;
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    for (unsigned i = 1; i < f->limits.faults; i++) {
        fail_once(f, &f->tasks[0], SECOND);
        g_assert_false(vm_quarantined(f->vm, SECOND));
    }
    submit(f, &f->tasks[0], SECOND);
    submit(f, &f->tasks[1], SECOND);
    submit(f, &f->tasks[2], SECOND);
    f->tasks[3].vm = other;
    submit(f, &f->tasks[3], SECOND);
    f->tasks[4].priority = LOW;
    f->tasks[4].context = f->tasks[2].context;
    submit(f, &f->tasks[4], SECOND);
    check_start(f, &f->tasks[0]);
    scheduler_finish(f->scheduler, &f->tasks[0], 1);
    g_assert_true(vm_fault(f->vm, SECOND));
    g_assert_true(vm_quarantined(f->vm, SECOND));

    /* Its tasks end, also one that is withdrawn first; others' do not. */
    g_assert_cmpint(scheduler_next_event(f->scheduler), <=, SECOND);
    scheduler_withdraw(f->scheduler, &f->tasks[1]);
    check_ended(f, SECOND, &f->tasks[2], VGPU_STUB_ERR_VM_QUARANTINED);
    check_ended(f, SECOND, &f->tasks[4], VGPU_STUB_ERR_VM_QUARANTINED);
    check_nothing_ended(f, SECOND);
    check_start(f, &f->tasks[3]);
    scheduler_finish(f->scheduler, &f->tasks[3], 1);

    check_submit(f, &f->tasks[0], lifted - 1, VGPU_STUB_ERR_VM_QUARANTINED);
    submit(f, &f->tasks[0], lifted);
    vm_unref(other);
}

/*
 * With the defaults: a request that never ends is stopped at its deadline and
 * killed a second later, the next one has a new worker.
 */
static void test_endless_by_default(Fixture *f, gconstpointer data)
{
    const gint64 run = (f->limits.deadline_ms + EXECUTION_GRACE_MS) * MS;
    gint64 now = 0;

    (void)data;
    for (unsigned i = 1; i <= f->limits.faults; i++) {
        submit(f, &f->tasks[0], now);
        check_start(f, &f->tasks[0]);
        now += run;
        scheduler_finish(f->scheduler, &f->tasks[0], run);
        g_assert_true(vm_fault(f->vm, now) == (i == f->limits.faults));
        now += SECOND;
    }
    g_assert_true(vm_quarantined(f->vm, now));
}

static void test_faults_far_apart(Fixture *f, gconstpointer data)
{
    const gint64 apart = f->limits.fault_window_s * SECOND / 2 + 1;

    (void)data;
    for (int i = 0; i < 100; i++) {
        fail_once(f, &f->tasks[0], i * apart);
    }
    g_assert_false(vm_quarantined(f->vm, 100 * apart));
}

static void test_quarantine_by_the_operator(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.faults = 1;
    vm_set_limits(f->vm, &f->limits);
    submit(f, &f->tasks[0], 0);
    submit(f, &f->tasks[1], 0);
    check_start(f, &f->tasks[0]);
    vm_quarantine(f->vm, G_MAXINT64, NULL);
    check_ended(f, 0, &f->tasks[1], VGPU_STUB_ERR_VM_QUARANTINED);
    check_nothing_ended(f, 0);
    /* What still runs may earn the VM another one, but no shorter one. */
    scheduler_finish(f->scheduler, &f->tasks[0], 1);
    vm_fault(f->vm, 0);
    check_submit(f, &f->tasks[0], G_MAXINT64 / 2,
                 VGPU_STUB_ERR_VM_QUARANTINED);
    vms_release(f->vms, "7", NULL);
    submit(f, &f->tasks[0], 0);
}

static void test_release_forgets_the_faults(Fixture *f, gconstpointer data)
{
    (void)data;
    for (unsigned i = 1; i < f->limits.faults; i++) {
        fail_once(f, &f->tasks[0], 0);
    }
    vms_release(f->vms, "7", NULL);
    fail_once(f, &f->tasks[0], 0);
    g_assert_false(vm_quarantined(f->vm, 0));
}

static void test_a_vm_is_its_name(Fixture *f, gconstpointer data)
{
    Vm *again = vms_ref(f->vms, "7");

    (void)data;
    g_assert_true(again == f->vm);
    vm_unref(again);
    /* A task alone keeps its VM. */
    submit(f, &f->tasks[0], 0);
    vm_unref(f->vm);
    check_start(f, &f->tasks[0]);
    g_assert_true(vms_ref(f->vms, "7") == f->vm);
    scheduler_finish(f->scheduler, &f->tasks[0], 1);
}

static void check_wish(Fixture *f, Vm *vm, uint64_t context, bool place)
{
    Wish wish;

    g_assert_true(scheduler_next_wish(f->scheduler, &wish));
    g_assert_true(wish.vm == vm);
    g_assert_cmpint(wish.pool, ==, A);
    g_assert_cmpuint(wish.context, ==, context);
    g_assert_cmpint(wish.place, ==, place);
}

static void check_no_wish(Fixture *f)
{
    Wish wish;

    g_assert_false(scheduler_next_wish(f->scheduler, &wish));
}

/* Slots are for contexts that have a place. */
static void test_places(Fixture *f, gconstpointer data)
{
    const gint64 limit = f->limits.deadline_ms * MS;

    (void)data;
    scheduler_set_place(f->scheduler, f->vm, A, 7, false);
    f->tasks[0].context = f->tasks[1].context = 7;
    f->tasks[0].priority = HIGH;
    f->tasks[3].context = 2;
    for (int i = 0; i < 4; i++) {
        submit(f, &f->tasks[i], i);
    }
    check_wish(f, f->vm, 7, true);
    check_wish(f, f->vm, 2, true);
    check_no_wish(f);
    check_start(f, &f->tasks[2]);
    check_start(f, NULL);
    scheduler_finish(f->scheduler, &f->tasks[2], 1);
    check_start(f, &f->tasks[3]);
    check_wish(f, f->vm, 2, false);
    scheduler_finish(f->scheduler, &f->tasks[3], 1);
    check_start(f, NULL);
    /* Also those that wait for one have a deadline. */
    check_ended(f, limit, &f->tasks[0], VGPU_STUB_ERR_TIMEOUT);
    check_nothing_ended(f, limit);
    check_no_wish(f);
    scheduler_set_place(f->scheduler, f->vm, A, 7, true);
    check_start(f, &f->tasks[1]);
    check_wish(f, f->vm, 7, false);
    scheduler_finish(f->scheduler, &f->tasks[1], 1);
    /* A place that is lost can be wished for anew. */
    submit(f, &f->tasks[0], limit);
    check_wish(f, f->vm, 7, true);
    scheduler_set_place(f->scheduler, f->vm, A, 7, false);
    check_wish(f, f->vm, 7, true);
    check_start(f, NULL);
    /* What comes and goes between two looks is no wish. */
    scheduler_withdraw(f->scheduler, &f->tasks[0]);
    check_wish(f, f->vm, 7, false);
    submit(f, &f->tasks[0], limit);
    scheduler_withdraw(f->scheduler, &f->tasks[0]);
    check_no_wish(f);
}

static void test_place_refused(Fixture *f, gconstpointer data)
{
    (void)data;
    scheduler_set_place(f->scheduler, f->vm, A, 0, false);
    f->tasks[1].local = true;
    f->tasks[1].context = 0;
    submit(f, &f->tasks[0], 0);
    submit(f, &f->tasks[1], 0);
    submit(f, &f->tasks[2], 0);
    check_wish(f, f->vm, 0, true);
    check_wish(f, f->vm, 2, true);
    scheduler_refuse(f->scheduler, f->vm, A, 0, VGPU_STUB_ERR_BACKEND_ERROR);
    check_ended(f, 0, &f->tasks[0], VGPU_STUB_ERR_BACKEND_ERROR);
    check_nothing_ended(f, 0);
    check_no_wish(f);
    check_start(f, &f->tasks[2]);
    submit(f, &f->tasks[0], 0);
    check_wish(f, f->vm, 2, false);
    check_wish(f, f->vm, 0, true);
}

/* It goes while a wish of it has not been told. */
static void test_wish_of_a_vm_that_goes(Fixture *f, gconstpointer data)
{
    Vm *other = vms_ref(f->vms, "8");

    (void)data;
    f->tasks[0].vm = other;
    submit(f, &f->tasks[0], 0);
    check_wish(f, other, 0, true);
    vm_unref(other);
    scheduler_withdraw(f->scheduler, &f->tasks[0]);
    check_no_wish(f);
}

/* A context that has ended is forgotten, but not before its tasks. */
static void test_context_end(Fixture *f, gconstpointer data)
{
    (void)data;
    f->tasks[1].context = f->tasks[2].context = 0;
    submit(f, &f->tasks[0], 0);
    submit(f, &f->tasks[1], 0);
    submit(f, &f->tasks[2], 0);
    check_start(f, &f->tasks[0]);
    check_wish(f, f->vm, 0, true);
    scheduler_withdraw(f->scheduler, &f->tasks[1]);
    scheduler_vm_expel(f->vm, VGPU_STUB_ERR_VM_QUARANTINED);
    scheduler_context_end(f->scheduler, f->vm, 0);
    scheduler_context_end(f->scheduler, f->vm, 12345);
    scheduler_finish(f->scheduler, &f->tasks[0], 1);
    check_ended(f, 0, &f->tasks[2], VGPU_STUB_ERR_VM_QUARANTINED);
    check_no_wish(f);
    /* It would be another one, without a place. */
    submit(f, &f->tasks[0], 0);
    check_wish(f, f->vm, 0, true);
    check_start(f, NULL);
}

/* Within a context the order of coming counts, and nothing else. */
static void test_order_within_a_context(Fixture *f, gconstpointer data)
{
    (void)data;
    f->tasks[2].boost = true;
    f->tasks[3].priority = LOW;
    f->tasks[4].priority = HIGH;
    for (int i = 0; i < 5; i++) {
        f->tasks[i].context = 7;
        submit(f, &f->tasks[i], 0);
    }
    for (int i = 0; i < 5; i++) {
        check_start(f, &f->tasks[i]);
        scheduler_finish(f->scheduler, &f->tasks[i], 1);
    }
}

static void test_contexts_take_turns(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 100; i++) {
        f->tasks[i].context = i < 97 ? 7 : i;
        submit(f, &f->tasks[i], 0);
    }
    for (int i = 0; i < 5; i++) {
        static const int order[] = { 0, 97, 98, 99, 1 };

        check_start(f, &f->tasks[order[i]]);
        scheduler_finish(f->scheduler, &f->tasks[order[i]], 1);
    }
}

/* They need neither place nor slot, and are no device time. */
static void test_local_tasks(Fixture *f, gconstpointer data)
{
    (void)data;
    submit(f, &f->tasks[0], 0);
    check_start(f, &f->tasks[0]);
    scheduler_set_place(f->scheduler, f->vm, A, 0, false);
    f->limits.in_flight = 1;
    vm_set_limits(f->vm, &f->limits);
    f->tasks[1].local = f->tasks[2].local = true;
    f->tasks[2].boost = true;
    submit(f, &f->tasks[1], 0);
    submit(f, &f->tasks[2], 0);
    check_no_wish(f);
    check_start(f, NULL);
    for (int i = 2; i >= 1; i--) {
        g_assert_true(scheduler_start_local(f->scheduler) == &f->tasks[i]);
        g_assert_null(scheduler_start_local(f->scheduler));
        scheduler_finish(f->scheduler, &f->tasks[i], 10);
    }
    g_assert_null(scheduler_start_local(f->scheduler));
    g_assert_cmpint(scheduler_vm_report(f->vm).used, ==, 0);
    g_assert_cmpint(scheduler_class_report(f->scheduler, A, MEDIUM).used, ==,
                    0);
    f->tasks[3].local = true;
    submit(f, &f->tasks[3], 0);
    vm_quarantine(f->vm, SECOND, NULL);
    check_ended(f, 0, &f->tasks[3], VGPU_STUB_ERR_VM_QUARANTINED);
}

/* Tasks too short to be measured are not for free. */
static void test_no_time_is_some_time(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.burst = 1000000;
    vm_set_limits(f->vm, &f->limits);
    f->tasks[0].priority = HIGH;
    f->tasks[1].priority = HIGH;
    f->tasks[2].priority = LOW;
    submit(f, &f->tasks[0], 0);
    submit(f, &f->tasks[2], 0);
    for (int i = 1; f->tasks[2].state != TASK_RUNNING; i++) {
        Task *task = scheduler_start(f->scheduler, A);

        g_assert_cmpint(i, <, 100000);
        if (task != &f->tasks[2]) {
            /* There is always another one waiting. */
            submit(f, &f->tasks[i % 2], 0);
            scheduler_finish(f->scheduler, task, 0);
        }
    }
}

/* --- Many tasks, simulated --- */

#define MAX_GUESTS 64
#define MAX_SLOTS 4

typedef struct Guest Guest;

typedef struct Job {
    Task task;
    Guest *guest;
    gint64 arrival;
    gint64 size;                /* µs that it will take */
    gint64 end;                 /* while it runs */
} Job;

/* What a VM does, and what it got */
struct Guest {
    unsigned depth;             /* tasks that it always has submitted … */
    gint64 period;              /* … or one after each such time */
    gint64 size_min;
    gint64 size_max;
    uint8_t priority;
    unsigned weight;            /* 0: the default */
    const Guest *same_vm;       /* as this one; NULL: it is another */

    Vm *vm;
    unsigned pending;
    gint64 next;
    gint64 used;
    GArray *waits;              /* gint64 */
};

typedef struct Simulation {
    Vms *vms;
    Scheduler *scheduler;
    GRand *random;
    gint64 now;
    Guest guests[MAX_GUESTS];
    unsigned n_guests;
    unsigned slots;
    Job *running[MAX_SLOTS];
} Simulation;

static void sim_init(Simulation *sim, unsigned slots)
{
    *sim = (Simulation) {
        .vms = vms_new(),
        .scheduler = scheduler_new(),
        .random = g_rand_new_with_seed(1),
        .slots = slots,
    };
    scheduler_set_slots(sim->scheduler, A, slots);
}

static Guest *sim_add(Simulation *sim, Guest description)
{
    Guest *guest = &sim->guests[sim->n_guests++];
    g_autofree char *name =
        description.same_vm != NULL
        ? g_strdup(vm_name(description.same_vm->vm))
        : g_strdup_printf("%u", sim->n_guests);
    VmLimits limits = limits_default;

    *guest = description;
    guest->vm = placed_vm(sim->vms, sim->scheduler, name);
    guest->waits = g_array_new(false, false, sizeof(gint64));
    limits.rate = limits.burst = 1000000;
    limits.queue = 4096;
    limits.in_flight = MAX_SLOTS;
    limits.weight = guest->weight ? guest->weight : limits.weight;
    vm_set_limits(guest->vm, &limits);
    return guest;
}

static void sim_submit(Simulation *sim, Guest *guest)
{
    Job *job = g_new0(Job, 1);

    job->task = (Task) {
        .vm = guest->vm, .pool = A, .priority = guest->priority,
        .context = guest - sim->guests,
    };
    job->guest = guest;
    job->arrival = sim->now;
    job->size = guest->size_min == guest->size_max ? guest->size_min :
                g_rand_int_range(sim->random, guest->size_min,
                                 guest->size_max);
    g_assert_cmphex(scheduler_submit(sim->scheduler, &job->task, sim->now),
                    ==, VGPU_STUB_ERR_NONE);
    guest->pending++;
}

static void sim_arrivals(Simulation *sim)
{
    for (unsigned i = 0; i < sim->n_guests; i++) {
        Guest *guest = &sim->guests[i];

        while (guest->pending < guest->depth) {
            sim_submit(sim, guest);
        }
        if (guest->period > 0 && guest->next <= sim->now) {
            sim_submit(sim, guest);
            guest->next = sim->now + guest->period / 2 +
                          g_rand_int_range(sim->random, 0, guest->period);
        }
    }
}

static void sim_starts(Simulation *sim)
{
    for (unsigned i = 0; i < sim->slots; i++) {
        if (sim->running[i] == NULL) {
            Job *job = (Job *)scheduler_start(sim->scheduler, A);
            gint64 wait;

            if (job == NULL) {
                return;
            }
            wait = sim->now - job->arrival;
            g_array_append_val(job->guest->waits, wait);
            job->end = sim->now + job->size;
            sim->running[i] = job;
        }
    }
}

static void sim_ends(Simulation *sim)
{
    for (unsigned i = 0; i < sim->slots; i++) {
        Job *job = sim->running[i];

        if (job != NULL && job->end <= sim->now) {
            job->guest->used += job->size;
            job->guest->pending--;
            scheduler_finish(sim->scheduler, &job->task, job->size);
            sim->running[i] = NULL;
            g_free(job);
        }
    }
}

static gint64 sim_next_event(const Simulation *sim)
{
    gint64 next = G_MAXINT64;

    for (unsigned i = 0; i < sim->slots; i++) {
        if (sim->running[i] != NULL) {
            next = MIN(next, sim->running[i]->end);
        }
    }
    for (unsigned i = 0; i < sim->n_guests; i++) {
        if (sim->guests[i].period > 0) {
            next = MIN(next, sim->guests[i].next);
        }
    }
    return next;
}

/* Go on for @duration µs; `used` and `waits` are of this time alone. */
static void sim_run(Simulation *sim, gint64 duration)
{
    const gint64 end = sim->now + duration;

    for (unsigned i = 0; i < sim->n_guests; i++) {
        sim->guests[i].used = 0;
        g_array_set_size(sim->guests[i].waits, 0);
    }
    while (sim->now < end) {
        sim_arrivals(sim);
        sim_starts(sim);
        sim->now = MIN(sim_next_event(sim), end);
        sim_ends(sim);
    }
}

static void sim_clear(Simulation *sim)
{
    /* What waits runs in no time; nothing new comes. */
    for (;;) {
        for (unsigned i = 0; i < sim->slots; i++) {
            if (sim->running[i] != NULL) {
                sim->running[i]->end = sim->now;
            }
        }
        sim_ends(sim);
        sim_starts(sim);
        if (sim->running[0] == NULL) {
            break;
        }
    }
    for (unsigned i = 0; i < sim->n_guests; i++) {
        vm_unref(sim->guests[i].vm);
        g_array_unref(sim->guests[i].waits);
    }
    g_rand_free(sim->random);
    vms_free(sim->vms);
    scheduler_free(sim->scheduler);
}

/* Of the device time of all: 0 to 1 */
static double share(const Simulation *sim, const Guest *guest)
{
    gint64 total = 0;

    for (unsigned i = 0; i < sim->n_guests; i++) {
        total += sim->guests[i].used;
    }
    return (double)guest->used / total;
}

static void check_near(double is, double wanted, double tolerance)
{
    g_assert_cmpfloat(is, >=, wanted - tolerance);
    g_assert_cmpfloat(is, <=, wanted + tolerance);
}

/* 1 when all have the same, 1/n when one has all */
static double jain(const Simulation *sim)
{
    double sum = 0, squares = 0;

    for (unsigned i = 0; i < sim->n_guests; i++) {
        double used = sim->guests[i].used;

        sum += used;
        squares += used * used;
    }
    return sum * sum / (sim->n_guests * squares);
}

static int compare_waits(gconstpointer a, gconstpointer b)
{
    const gint64 one = *(const gint64 *)a, other = *(const gint64 *)b;

    return one < other ? -1 : one > other;
}

static gint64 p99_wait(const Guest *guest)
{
    GArray *waits = guest->waits;

    g_assert_cmpuint(waits->len, >=, 1000);
    g_array_sort(waits, compare_waits);
    return g_array_index(waits, gint64, waits->len * 99 / 100);
}

static void test_equal_vms(gconstpointer slots)
{
    static const unsigned depths[] = { 1, 2, 8, 256 };
    static const gint64 sizes[][2] = {
        { 100, 100 }, { 1000, 1000 }, { 50000, 50000 }, { 50, 20000 },
    };
    Simulation sim;

    sim_init(&sim, GPOINTER_TO_UINT(slots));
    for (size_t i = 0; i < 16; i++) {
        sim_add(&sim, (Guest) {
            .depth = depths[i % 4] * sim.slots,
            .size_min = sizes[i / 4][0], .size_max = sizes[i / 4][1],
            .priority = MEDIUM,
        });
    }
    sim_run(&sim, 30 * SECOND);
    g_test_message("jain's index: %.5f", jain(&sim));
    g_assert_cmpfloat(jain(&sim), >=, 0.99);
    sim_clear(&sim);
}

/* As deep as it gets, and with requests as short as it gets */
static void test_one_against_many(void)
{
    Simulation sim;
    Guest *one;

    sim_init(&sim, 1);
    one = sim_add(&sim, (Guest) { .depth = 1, .size_min = 2 * MS,
                                  .size_max = 2 * MS, .priority = HIGH });
    for (int i = 0; i < 3; i++) {
        sim_add(&sim, (Guest) { .depth = 256, .size_min = 20,
                                .size_max = 20, .priority = HIGH });
    }
    sim_run(&sim, 4 * SECOND);
    check_near(share(&sim, one), 0.25, 0.0025);
    sim_clear(&sim);
}

static void test_weights(gconstpointer slots)
{
    static const gint64 sizes[][2] = {
        { 5000, 5000 }, { 100, 10000 }, { 300, 300 },
    };
    Simulation sim;

    sim_init(&sim, GPOINTER_TO_UINT(slots));
    for (int i = 0; i < 3; i++) {
        sim_add(&sim, (Guest) {
            .depth = 16, .size_min = sizes[i][0], .size_max = sizes[i][1],
            .priority = MEDIUM, .weight = 100 << i,
        });
    }
    sim_run(&sim, 30 * SECOND);
    for (int i = 0; i < 3; i++) {
        double wanted = (1 << i) / 7.0;
        double is = share(&sim, &sim.guests[i]);

        g_test_message("weight %d: share %.4f, wanted %.4f", 1 << i, is,
                       wanted);
        check_near(is, wanted, 0.05 * wanted);
    }
    sim_clear(&sim);
}

static void test_idle_saves_no_credit(void)
{
    const Guest busy = {
        .depth = 8, .size_min = MS, .size_max = MS, .priority = MEDIUM,
    };
    Simulation sim;
    Guest *late;

    sim_init(&sim, 1);
    sim_add(&sim, busy);
    sim_add(&sim, busy);
    late = sim_add(&sim, busy);
    late->depth = 0;
    sim_run(&sim, 50 * SECOND);
    g_assert_cmpint(late->used, ==, 0);
    late->depth = busy.depth;
    sim_run(&sim, 300 * MS);
    check_near(share(&sim, late), 1 / 3.0, 0.01);
    sim_clear(&sim);
}

/* Nor does one that may not run more at a time. */
static void test_in_flight_limit_saves_no_credit(void)
{
    const Guest busy = {
        .depth = 8, .size_min = MS, .size_max = MS, .priority = MEDIUM,
    };
    Simulation sim;
    Guest *limited;
    VmLimits limits;

    sim_init(&sim, 2);
    sim_add(&sim, busy);
    limited = sim_add(&sim, busy);
    limits = *vm_limits(limited->vm);
    limits.weight = 300;
    limits.in_flight = 1;
    vm_set_limits(limited->vm, &limits);
    sim_run(&sim, 50 * SECOND);
    check_near(share(&sim, limited), 0.5, 0.01);
    limits.in_flight = 2;
    vm_set_limits(limited->vm, &limits);
    sim_run(&sim, 300 * MS);
    check_near(share(&sim, limited), 0.75, 0.01);
    sim_clear(&sim);
}

/* Having used a device that nobody else wanted is no debt either. */
static void test_no_debt_for_leftovers(void)
{
    const Guest busy = {
        .depth = 8, .size_min = MS, .size_max = MS, .priority = MEDIUM,
    };
    Simulation sim;
    Guest *first;

    sim_init(&sim, 1);
    first = sim_add(&sim, busy);
    sim_run(&sim, 50 * SECOND);
    sim_add(&sim, busy);
    sim_run(&sim, 300 * MS);
    check_near(share(&sim, first), 0.5, 0.01);
    sim_clear(&sim);
}

/* The scheduler's guess is wrong for each and every request. */
static void test_wrong_estimates_gain_nothing(void)
{
    Simulation sim;
    Guest *liar;

    sim_init(&sim, 1);
    liar = sim_add(&sim, (Guest) { .depth = 16, .priority = MEDIUM });
    sim_add(&sim, (Guest) { .depth = 16, .size_min = MS, .size_max = MS,
                            .priority = MEDIUM });
    for (int i = 0; i < 200; i++) {
        liar->size_min = liar->size_max = i % 2 ? 100 : 20000;
        sim_run(&sim, 50 * MS);
    }
    liar->size_min = 1;
    liar->size_max = 40000;
    sim_run(&sim, 30 * SECOND);
    check_near(share(&sim, liar), 0.5, 0.005);
    sim_clear(&sim);
}

typedef struct Flood {
    uint8_t priority;
    gint64 size;
} Flood;

/* The p99 wait of a VM among three others that behave as it does */
static gint64 measure_wait(const Flood *flood)
{
    Simulation sim;
    gint64 wait;

    sim_init(&sim, 1);
    for (int i = 0; i < 4; i++) {
        sim_add(&sim, (Guest) {
            .period = 10 * MS, .size_min = 500, .size_max = 1500,
            .priority = MEDIUM,
        });
    }
    if (flood != NULL) {
        sim_add(&sim, (Guest) {
            .depth = 256, .size_min = flood->size, .size_max = flood->size,
            .priority = flood->priority,
        });
    }
    sim_run(&sim, 30 * SECOND);
    wait = p99_wait(&sim.guests[0]);
    sim_clear(&sim);
    return wait;
}

static void test_flood(gconstpointer data)
{
    const Flood *flood = data;
    gint64 before = measure_wait(NULL);
    gint64 during = measure_wait(flood);

    g_test_message("p99 wait: %.3f ms, with requests of %.3f ms flooding "
                   "%.3f ms", before / 1e3, flood->size / 1e3, during / 1e3);
    g_assert_cmpint(during, >, before);
    g_assert_cmpint(during, <=, before + flood->size);
}

static void test_minimum_shares(gconstpointer data)
{
    const gint64 *sizes = data;
    Simulation sim;
    double shares[PRIORITY_CLASSES] = { 0 };

    sim_init(&sim, 1);
    for (int i = 0; i < 2 * PRIORITY_CLASSES; i++) {
        uint8_t priority = i % PRIORITY_CLASSES;

        sim_add(&sim, (Guest) {
            .depth = 8, .size_min = sizes[priority],
            .size_max = sizes[priority], .priority = priority,
        });
    }
    sim_run(&sim, 10 * SECOND);
    for (unsigned i = 0; i < sim.n_guests; i++) {
        shares[sim.guests[i].priority] += share(&sim, &sim.guests[i]);
    }
    g_test_message("low %.4f, medium %.4f, high %.4f", shares[LOW],
                   shares[MEDIUM], shares[HIGH]);
    for (int i = LOW; i < HIGH; i++) {
        double wanted = shares_default.percent[i] / 100.0;

        check_near(shares[i], wanted, 0.02 * wanted);
    }
    sim_clear(&sim);
}

/* As much as they can: so many run at the same time as is the default. */
static void test_weight_and_priority_by_default(void)
{
    Simulation sim;
    Guest *high, *low;

    sim_init(&sim, pool_default.running);
    high = sim_add(&sim, (Guest) { .depth = 8, .size_min = MS,
                                   .size_max = MS, .priority = HIGH,
                                   .weight = 10000 });
    low = sim_add(&sim, (Guest) { .depth = 8, .size_min = MS,
                                  .size_max = MS, .priority = LOW,
                                  .weight = 1 });
    scheduler_set_vm_slots(sim.scheduler, A, 1);
    scheduler_set_vm_slots(sim.scheduler, B, 1);
    sim_run(&sim, 10 * SECOND);
    check_near(share(&sim, high), 0.95, 0.005);
    check_near(share(&sim, low), 0.05, 0.005);
    sim_clear(&sim);
}

/* What low had while nobody else wanted it does not count. */
static void test_minimum_share_after_leftovers(void)
{
    Simulation sim;
    Guest *low, *high;

    sim_init(&sim, 1);
    low = sim_add(&sim, (Guest) { .depth = 8, .size_min = MS,
                                  .size_max = MS, .priority = LOW });
    high = sim_add(&sim, (Guest) { .size_min = MS, .size_max = MS,
                                   .priority = HIGH });
    sim_run(&sim, 30 * SECOND);
    high->depth = 8;
    sim_run(&sim, SECOND);
    check_near(share(&sim, low), 0.05, 0.003);
    sim_clear(&sim);
}

/* Nor does a class that had nothing to do get more later. */
static void test_idle_class_saves_no_credit(void)
{
    Simulation sim;
    Guest *low;

    sim_init(&sim, 1);
    sim_add(&sim, (Guest) { .depth = 8, .size_min = MS, .size_max = MS,
                            .priority = HIGH });
    low = sim_add(&sim, (Guest) { .size_min = MS, .size_max = MS,
                                  .priority = LOW });
    sim_run(&sim, 50 * SECOND);
    low->depth = 8;
    sim_run(&sim, SECOND);
    check_near(share(&sim, low), 0.05, 0.003);
    sim_clear(&sim);
}

/* A VM with a device in each class, among others; returns the high one. */
static Guest *sim_add_in_each_class(Simulation *sim, unsigned depth)
{
    Guest *high = NULL;

    for (int priority = HIGH; priority >= LOW; priority--) {
        Guest *guest = sim_add(sim, (Guest) {
            .depth = depth, .size_min = 500, .size_max = 1500,
            .priority = priority, .same_vm = high,
        });

        high = high != NULL ? high : guest;
    }
    return high;
}

/* The share of a VM with one device in each class, which begin at @guest */
static double share_in_each_class(const Simulation *sim, const Guest *guest)
{
    return share(sim, guest) + share(sim, guest + 1) + share(sim, guest + 2);
}

static void test_a_device_in_each_class(gconstpointer depth)
{
    Simulation sim;
    Guest *greedy;

    sim_init(&sim, 1);
    greedy = sim_add_in_each_class(&sim, GPOINTER_TO_UINT(depth));
    for (int i = 0; i < 19; i++) {
        sim_add(&sim, (Guest) { .depth = 1 + i % 4, .size_min = 100,
                                .size_max = 4000, .priority = HIGH });
    }
    sim_run(&sim, 60 * SECOND);
    g_test_message("share %.4f: high %.4f, medium %.4f, low %.4f",
                   share_in_each_class(&sim, greedy), share(&sim, greedy),
                   share(&sim, greedy + 1), share(&sim, greedy + 2));
    check_near(share_in_each_class(&sim, greedy), 0.05, 0.001);
    sim_clear(&sim);
}

/* It takes nothing from those that have the guaranteed shares alone. */
static void test_guaranteed_shares_are_for_others(void)
{
    Simulation sim;
    Guest *greedy, *medium, *low;

    sim_init(&sim, 1);
    greedy = sim_add_in_each_class(&sim, 4);
    medium = sim_add(&sim, (Guest) { .depth = 2, .size_min = MS,
                                     .size_max = MS, .priority = MEDIUM });
    low = sim_add(&sim, (Guest) { .depth = 2, .size_min = MS,
                                  .size_max = MS, .priority = LOW });
    for (int i = 0; i < 16; i++) {
        sim_add(&sim, (Guest) { .depth = 2, .size_min = MS,
                                .size_max = MS, .priority = HIGH });
    }
    sim_run(&sim, 60 * SECOND);
    check_near(share(&sim, medium), 0.10, 0.002);
    check_near(share(&sim, low), 0.05, 0.001);
    check_near(share_in_each_class(&sim, greedy), 0.85 / 17, 0.001);
    sim_clear(&sim);
}

/* What a VM has in a higher class, it has not to get in a lower one. */
static void test_use_follows_into_lower_classes(void)
{
    Simulation sim;
    Guest *high, *medium, *other;

    sim_init(&sim, 1);
    high = sim_add(&sim, (Guest) { .period = 10 * MS, .size_min = 3 * MS,
                                   .size_max = 3 * MS, .priority = HIGH });
    medium = sim_add(&sim, (Guest) { .depth = 4, .size_min = MS,
                                     .size_max = MS, .priority = MEDIUM,
                                     .same_vm = high });
    other = sim_add(&sim, (Guest) { .depth = 4, .size_min = MS,
                                    .size_max = MS, .priority = MEDIUM });
    sim_run(&sim, 30 * SECOND);
    check_near(share(&sim, high) + share(&sim, medium), 0.5, 0.005);
    /* But not for ever, when it needs nothing there any more. */
    high->period = 0;
    high->depth = 4;
    sim_run(&sim, 30 * SECOND);
    high->depth = 0;
    sim_run(&sim, 30 * SECOND);
    g_test_message("share %.4f", share(&sim, other));
    check_near(share(&sim, other), 0.5, 0.02);
    sim_clear(&sim);
}

/* And a guaranteed share that a VM has had is no debt in a higher class. */
static void test_guaranteed_share_is_no_debt(void)
{
    const Guest busy = {
        .depth = 4, .size_min = MS, .size_max = MS, .priority = HIGH,
    };
    Simulation sim;
    Guest *low, *high;

    sim_init(&sim, 1);
    low = sim_add(&sim, (Guest) { .depth = 4, .size_min = MS, .size_max = MS,
                                  .priority = LOW });
    high = sim_add(&sim, (Guest) { .size_min = MS, .size_max = MS,
                                   .priority = HIGH, .same_vm = low });
    for (int i = 0; i < 39; i++) {
        sim_add(&sim, busy);
    }
    sim_run(&sim, 30 * SECOND);
    check_near(share(&sim, low), 0.05, 0.001);
    high->depth = 4;
    low->depth = 0;
    sim_run(&sim, 4 * SECOND);
    check_near(share(&sim, high), 1 / 40.0, 0.002);
    sim_clear(&sim);
}

/* A VM alone has all, in whatever class. */
static void test_alone_in_each_class(void)
{
    Simulation sim;
    Guest *alone;

    sim_init(&sim, 1);
    alone = sim_add_in_each_class(&sim, 2);
    sim_run(&sim, 10 * SECOND);
    check_near(share(&sim, alone + 1), 0.10, 0.005);
    check_near(share(&sim, alone + 2), 0.05, 0.005);
    sim_clear(&sim);
}

#define ADD(name, function) \
    g_test_add("/scheduler/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    static const Flood floods[] = {
        { MEDIUM, 100 }, { MEDIUM, 1000 }, { MEDIUM, 5000 },
        { MEDIUM, 20000 }, { LOW, 1000 }, { LOW, 20000 },
    };
    static const gint64 sizes[][PRIORITY_CLASSES] = {
        { 1000, 1000, 1000 }, { 1, 50, 20000 }, { 50000, 1000, 100 },
    };

    g_test_init(&argc, &argv, NULL);

    ADD("first-come-first-served", test_first_come_first_served);
    ADD("boost-is-within-the-vm", test_boost_is_within_the_vm);
    ADD("classes-in-order", test_classes_in_order);
    ADD("pools-are-apart", test_pools_are_apart);
    ADD("queue-full", test_queue_full);
    ADD("rate-limit", test_rate_limit);
    ADD("rate-is-per-vm", test_rate_is_per_vm);
    ADD("in-flight", test_in_flight);
    ADD("slots-of-a-vm", test_slots_of_a_vm);
    ADD("no-slots-any-more", test_no_slots_any_more);
    ADD("deadlines", test_deadlines);
    ADD("quarantine", test_quarantine);
    ADD("endless-by-default", test_endless_by_default);
    ADD("faults-far-apart", test_faults_far_apart);
    ADD("quarantine-by-the-operator", test_quarantine_by_the_operator);
    ADD("release-forgets-the-faults", test_release_forgets_the_faults);
    ADD("a-vm-is-its-name", test_a_vm_is_its_name);
    ADD("places", test_places);
    ADD("place-refused", test_place_refused);
    ADD("wish-of-a-vm-that-goes", test_wish_of_a_vm_that_goes);
    ADD("context-end", test_context_end);
    ADD("order-within-a-context", test_order_within_a_context);
    ADD("contexts-take-turns", test_contexts_take_turns);
    ADD("local-tasks", test_local_tasks);
    ADD("no-time-is-some-time", test_no_time_is_some_time);

    for (unsigned slots = 1; slots <= MAX_SLOTS; slots += 3) {
        g_autofree char *equal =
            g_strdup_printf("/fairness/equal-vms/%u-slots", slots);
        g_autofree char *weights =
            g_strdup_printf("/fairness/weights/%u-slots", slots);

        g_test_add_data_func(equal, GUINT_TO_POINTER(slots), test_equal_vms);
        g_test_add_data_func(weights, GUINT_TO_POINTER(slots), test_weights);
    }
    g_test_add_func("/fairness/one-against-many", test_one_against_many);
    g_test_add_func("/fairness/idle-saves-no-credit",
                    test_idle_saves_no_credit);
    g_test_add_func("/fairness/in-flight-limit-saves-no-credit",
                    test_in_flight_limit_saves_no_credit);
    g_test_add_func("/fairness/no-debt-for-leftovers",
                    test_no_debt_for_leftovers);
    g_test_add_func("/fairness/wrong-estimates-gain-nothing",
                    test_wrong_estimates_gain_nothing);
    for (size_t i = 0; i < G_N_ELEMENTS(floods); i++) {
        g_autofree char *path = g_strdup_printf(
            "/fairness/flood/priority-%u-%" G_GINT64_FORMAT "-us",
            floods[i].priority, floods[i].size);

        g_test_add_data_func(path, &floods[i], test_flood);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *path = g_strdup_printf(
            "/fairness/minimum-shares/%zu", i);

        g_test_add_data_func(path, sizes[i], test_minimum_shares);
    }
    g_test_add_func("/fairness/weight-and-priority-by-default",
                    test_weight_and_priority_by_default);
    g_test_add_func("/fairness/minimum-share-after-leftovers",
                    test_minimum_share_after_leftovers);
    g_test_add_func("/fairness/idle-class-saves-no-credit",
                    test_idle_class_saves_no_credit);
    for (unsigned depth = 1; depth <= 8; depth *= 8) {
        g_autofree char *path = g_strdup_printf(
            "/fairness/a-device-in-each-class/%u-deep", depth);

        g_test_add_data_func(path, GUINT_TO_POINTER(depth),
                             test_a_device_in_each_class);
    }
    g_test_add_func("/fairness/guaranteed-shares-are-for-others",
                    test_guaranteed_shares_are_for_others);
    g_test_add_func("/fairness/use-follows-into-lower-classes",
                    test_use_follows_into_lower_classes);
    g_test_add_func("/fairness/guaranteed-share-is-no-debt",
                    test_guaranteed_share_is_no_debt);
    g_test_add_func("/fairness/alone-in-each-class",
                    test_alone_in_each_class);
    return g_test_run();
}
