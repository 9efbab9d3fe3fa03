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
    gint64 now;                 /* µs */
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

static Task *start(Fixture *f, PoolId pool)
{
    return scheduler_start(f->scheduler, pool, f->now);
}

/* @task ends after so many µs more. */
static gint64 finish(Fixture *f, Task *task, gint64 after)
{
    f->now += after;
    return scheduler_finish(f->scheduler, task, f->now);
}

/* As the scheduler's owner does */
static void changed(Vm *vm, gpointer opaque)
{
    Fixture *f = opaque;

    if (vm_quarantined_until(vm) != G_MININT64) {
        scheduler_vm_expel(f->scheduler, vm, VGPU_STUB_ERR_VM_QUARANTINED);
    }
}

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->vms = vms_new();
    vms_on_change(f->vms, changed, f);
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
            finish(f, task, 0);
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
    g_assert_true(start(f, A) == task);
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

/* Tasks from @first on are patient ones of @context. */
static void make_patient(Fixture *f, int first, int count, uint64_t context)
{
    for (int i = first; i < first + count; i++) {
        f->tasks[i].patient = true;
        f->tasks[i].context = context;
    }
}

/* In the pool or here */
static Task *start_any(Fixture *f)
{
    Task *task = start(f, A);

    return task != NULL ? task : scheduler_start_local(f->scheduler, f->now);
}

static void check_no_wish_of(Fixture *f, uint64_t context)
{
    Wish wish;

    while (scheduler_next_wish(f->scheduler, &wish)) {
        g_assert_cmpuint(wish.context, !=, context);
    }
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
        finish(f, &f->tasks[i], 1);
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
        finish(f, &f->tasks[order[i]], 1);
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
        finish(f, &f->tasks[priority], 1);
    }
}

static void test_pools_are_apart(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    f->tasks[1].pool = f->tasks[2].pool = B;
    f->tasks[2].vm = other;
    check_submit(f, &f->tasks[1], 0, VGPU_STUB_ERR_INVALID_POOL);
    scheduler_set_slots(f->scheduler, B, 2);
    for (int i = 0; i < 4; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, NULL);
    g_assert_true(start(f, B) == &f->tasks[1]);
    g_assert_true(start(f, B) == &f->tasks[2]);
    g_assert_null(start(f, B));
    vm_unref(other);
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
    g_assert_nonnull(start(f, A));
    submit(f, &f->tasks[17], 0);
}

static unsigned count_admitted_of(Fixture *f, Task *task, unsigned attempts,
                                  gint64 now)
{
    unsigned admitted = 0;

    for (unsigned i = 0; i < attempts; i++) {
        uint32_t status = scheduler_submit(f->scheduler, task, now);

        if (status == VGPU_STUB_ERR_NONE) {
            admitted++;
            scheduler_withdraw(f->scheduler, task);
        } else {
            g_assert_cmphex(status, ==, VGPU_STUB_ERR_RATE_LIMITED);
        }
    }
    return admitted;
}

static unsigned count_admitted(Fixture *f, unsigned attempts, gint64 now)
{
    return count_admitted_of(f, &f->tasks[0], attempts, now);
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

/* In both pools together, and whatever its turn is worth */
static void test_in_flight(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    scheduler_set_slots(f->scheduler, A, 10);
    scheduler_set_slots(f->scheduler, B, 10);
    f->limits.in_flight = 2;
    vm_set_limits(f->vm, &f->limits);
    make_patient(f, 0, 2, 7);
    f->tasks[2].pool = B;
    f->tasks[2].priority = HIGH;
    f->tasks[3].vm = other;
    f->tasks[3].priority = LOW;
    for (int i = 0; i < 4; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    g_assert_true(start(f, B) == &f->tasks[2]);
    /* The VM has its fill, the slots are free for another. */
    g_assert_null(start(f, B));
    check_start(f, &f->tasks[3]);
    check_start(f, NULL);
    finish(f, &f->tasks[2], 1);
    check_start(f, &f->tasks[1]);
    check_start(f, NULL);
    vm_unref(other);
}

/* A VM has one turn at a time in a pool, whatever it has waiting. */
static void test_one_turn_for_a_vm(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    scheduler_set_slots(f->scheduler, A, 10);
    scheduler_set_slots(f->scheduler, B, 10);
    f->tasks[1].priority = HIGH;
    f->tasks[2].vm = other;
    f->tasks[3].pool = B;
    for (int i = 0; i < 4; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[1]);
    check_start(f, &f->tasks[2]);
    check_start(f, NULL);
    g_assert_true(start(f, B) == &f->tasks[3]);
    finish(f, &f->tasks[1], 1);
    check_start(f, &f->tasks[0]);
    vm_unref(other);
}

/* --- Patient tasks --- */

/* A rate beyond which they wait, and half of the burst is for others */
static void test_rate_delays(Fixture *f, gconstpointer data)
{
    const unsigned burst = 10;

    (void)data;
    f->limits.rate = 100;
    f->limits.burst = burst;
    vm_set_limits(f->vm, &f->limits);
    make_patient(f, 0, 20, 7);
    for (int i = 0; i < 20; i++) {
        f->tasks[i].local = i % 2;
        submit(f, &f->tasks[i], 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        if (i >= burst / 2) {
            const gint64 next = scheduler_next_event(f->scheduler);

            g_assert_null(start_any(f));
            g_assert_cmpint(scheduler_next_event(f->scheduler), ==,
                            (i - burst / 2 + 1) * 10 * MS);
            g_assert_cmpint(next, >=, f->now);
            f->now = scheduler_next_event(f->scheduler) - 1;
            check_nothing_ended(f, f->now);
            g_assert_null(start_any(f));
            f->now++;
        }
        g_assert_true(start_any(f) == &f->tasks[i]);
        finish(f, &f->tasks[i], 0);
    }
    g_assert_null(start_any(f));
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, G_MAXINT64);
    f->tasks[20].context = 20;
    g_assert_cmpuint(count_admitted_of(f, &f->tasks[20], 50, f->now), ==,
                     burst / 2);
}

/* Others that take every token get no more than half of them. */
static void test_rate_is_shared(Fixture *f, gconstpointer data)
{
    static const unsigned rates[] = { 1, 2, 100, 5000, 20000 };

    (void)data;
    f->tasks[0].patient = true;
    f->tasks[1].local = true;
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        const gint64 begin = f->now;
        unsigned started = 0, admitted = 0;

        f->limits.rate = rates[i];
        f->limits.burst = 10;
        vm_set_limits(f->vm, &f->limits);
        submit(f, &f->tasks[0], f->now);
        while (f->now < begin + 10 * SECOND) {
            if (start(f, A) != NULL) {
                finish(f, &f->tasks[0], 0);
                submit(f, &f->tasks[0], f->now);
                started++;
            }
            if (scheduler_submit(f->scheduler, &f->tasks[1], f->now) ==
                VGPU_STUB_ERR_NONE) {
                scheduler_start_local(f->scheduler, f->now);
                finish(f, &f->tasks[1], 0);
                admitted++;
            }
            f->now += 20;
        }
        scheduler_withdraw(f->scheduler, &f->tasks[0]);
        g_assert_cmpuint(started, >=, 4 * rates[i]);
        g_assert_cmpuint(started + admitted, <=, 10 * rates[i] + 12);
        if (rates[i] > 1) {
            g_assert_cmpuint(admitted, >=, 4 * rates[i]);
        }
    }
}

/* Who waits for so many tokens looks no more often than once in a ms. */
static void test_rate_wakes_seldom(Fixture *f, gconstpointer data)
{
    unsigned started = 0, wakes = 0;

    (void)data;
    f->limits.rate = 20000;
    f->limits.burst = 1000;
    vm_set_limits(f->vm, &f->limits);
    f->tasks[0].patient = true;
    submit(f, &f->tasks[0], 0);
    while (f->now < SECOND) {
        while (start(f, A) != NULL) {
            started++;
            finish(f, &f->tasks[0], 1);
            submit(f, &f->tasks[0], f->now);
        }
        wakes++;
        f->now = scheduler_next_event(f->scheduler);
    }
    g_assert_cmpuint(started, >=, f->limits.rate - 20);
    g_assert_cmpuint(started, <=, f->limits.rate + f->limits.burst / 2);
    g_assert_cmpuint(wakes, <=, 1001);
}

static void test_depth_delays(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.queue = 2;
    vm_set_limits(f->vm, &f->limits);
    make_patient(f, 0, 200, 7);
    for (int i = 0; i < 202; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_submit(f, &f->tasks[202], 0, VGPU_STUB_ERR_QUEUE_FULL);
    g_assert_cmpuint(scheduler_vm_report(f->vm).waiting, ==, 202);
}

static void travels(Fixture *f, int task, bool travels)
{
    scheduler_travels(f->scheduler, &f->tasks[task], travels, f->now);
}

/* Whose bytes are on their way has no slot, and uses no device time. */
static void test_travels(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 1; i < 3; i++) {
        f->tasks[i].vm = placed_vm(f->vms, f->scheduler, i == 1 ? "8" : "9");
    }
    for (int i = 0; i < 3; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, NULL);
    travels(f, 0, true);
    check_start(f, &f->tasks[1]);
    check_start(f, NULL);
    f->now += 100;
    travels(f, 0, false);
    g_assert_cmpint(finish(f, &f->tasks[1], 50), ==, 125);
    check_start(f, NULL);
    f->now += 25;
    travels(f, 0, true);
    check_start(f, &f->tasks[2]);
    g_assert_cmpint(finish(f, &f->tasks[2], 1000), ==, 1000);
    g_assert_cmpint(finish(f, &f->tasks[0], 0), ==, 50);
    vm_unref(f->tasks[1].vm);
    vm_unref(f->tasks[2].vm);
}

/* There are only so many of them. */
static void test_travels_within_bounds(Fixture *f, gconstpointer data)
{
    Vm *vms[20];
    int started = 0;

    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(vms); i++) {
        g_autofree char *name = g_strdup_printf("far-%zu", i);

        f->tasks[i].vm = vms[i] = placed_vm(f->vms, f->scheduler, name);
        submit(f, &f->tasks[i], 0);
    }
    while (start(f, A) != NULL) {
        travels(f, started++, true);
    }
    g_assert_cmpint(started, ==, 9);
    finish(f, &f->tasks[3], 100);
    check_start(f, &f->tasks[9]);
    check_start(f, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(vms); i++) {
        vm_unref(vms[i]);
    }
}

/* What a context sends behind its bytes is on its way, too. */
static void test_travels_in_a_row(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    make_patient(f, 0, 2, 7);
    submit(f, &f->tasks[0], 0);
    submit(f, &f->tasks[1], 0);
    for (int i = 0; i < 2; i++) {
        check_start(f, &f->tasks[i]);
        travels(f, i, true);
    }
    f->tasks[2].vm = other;
    submit(f, &f->tasks[2], 0);
    travels(f, 0, false);
    check_start(f, &f->tasks[2]);
    f->now += 100;
    travels(f, 1, false);
    g_assert_cmpint(finish(f, &f->tasks[0], 100), ==, 100);
    g_assert_cmpint(finish(f, &f->tasks[2], 0), ==, 100);
    g_assert_cmpint(finish(f, &f->tasks[1], 30), ==, 30);
    vm_unref(other);
}

/* It starts when a task is at the head of its worker. */
static void test_deadline_of_patient(Fixture *f, gconstpointer data)
{
    const gint64 limit = f->limits.deadline_ms * MS;

    (void)data;
    make_patient(f, 0, 3, 7);
    for (int i = 0; i < 3; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, &f->tasks[1]);
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, G_MAXINT64);
    f->now = 10 * limit;
    scheduler_begun(f->scheduler, &f->tasks[0], f->now);
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, 11 * limit);
    check_nothing_ended(f, 11 * limit - 1);
    check_ended(f, 11 * limit, &f->tasks[0], VGPU_STUB_ERR_TIMEOUT);
    g_assert_true(f->tasks[0].state == TASK_RUNNING);
    finish(f, &f->tasks[0], limit);
    scheduler_begun(f->scheduler, &f->tasks[1], f->now);
    finish(f, &f->tasks[1], limit);
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, G_MAXINT64);
}

static void test_boost_of_patient(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 3; i++) {
        f->tasks[i].patient = true;
        f->tasks[i].boost = i == 2;
        submit(f, &f->tasks[i], 0);
    }
    for (int i = 0; i < 3; i++) {
        check_start(f, &f->tasks[i]);
        finish(f, &f->tasks[i], 1);
    }
}

/* What needs no accelerator, too, has its place in its context's order. */
static void test_local_in_order(Fixture *f, gconstpointer data)
{
    (void)data;
    make_patient(f, 0, 4, 7);
    make_patient(f, 4, 2, 8);
    f->tasks[1].local = f->tasks[4].local = true;
    for (int i = 0; i < 5; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, NULL);
    g_assert_true(scheduler_start_local(f->scheduler, 0) == &f->tasks[4]);
    finish(f, &f->tasks[4], 0);
    g_assert_null(scheduler_start_local(f->scheduler, 0));
    finish(f, &f->tasks[0], 1);
    check_start(f, NULL);
    g_assert_true(scheduler_start_local(f->scheduler, f->now) ==
                  &f->tasks[1]);
    finish(f, &f->tasks[1], 0);
    check_start(f, &f->tasks[2]);
    check_start(f, &f->tasks[3]);
}

static void make_order(Fixture *f, int first, int count, uint32_t order)
{
    make_patient(f, first, count, 7);
    for (int i = first; i < first + count; i++) {
        f->tasks[i].order = order;
    }
}

/* What of one order waits for those before it holds up nothing of another. */
static void test_orders_wait_for_no_other(Fixture *f, gconstpointer data)
{
    (void)data;
    make_order(f, 0, 3, 1);
    make_order(f, 3, 3, 2);
    f->tasks[1].local = f->tasks[4].local = true;
    for (int i = 0; i < 6; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, &f->tasks[3]);
    check_start(f, NULL);
    finish(f, &f->tasks[3], 1);
    check_start(f, NULL);
    g_assert_true(start_any(f) == &f->tasks[4]);
    check_start(f, &f->tasks[5]);
    finish(f, &f->tasks[4], 0);
    g_assert_null(start_any(f));
    finish(f, &f->tasks[0], 1);
    g_assert_true(start_any(f) == &f->tasks[1]);
}

static void test_orders_take_turns(Fixture *f, gconstpointer data)
{
    static const int expected[] = { 0, 98, 99, 1, 2, 3 };

    (void)data;
    make_order(f, 0, 98, 1);
    make_order(f, 98, 1, UINT32_MAX);
    make_order(f, 99, 1, 0);
    for (int i = 0; i < 100; i++) {
        submit(f, &f->tasks[i], 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        check_start(f, &f->tasks[expected[i]]);
        finish(f, &f->tasks[expected[i]], 1);
    }
}

/* A context gets no more by having many of them. */
static void test_orders_are_one_context(Fixture *f, gconstpointer data)
{
    int starts[2] = { 0, 0 };

    (void)data;
    for (int i = 0; i < 200; i++) {
        make_order(f, i, 1, i);
    }
    make_patient(f, 200, 100, 8);
    for (int i = 0; i < 300; i++) {
        submit(f, &f->tasks[i], 0);
    }
    for (int i = 0; i < 150; i++) {
        Task *task = start(f, A);

        g_assert_nonnull(task);
        starts[task->context == 8]++;
        finish(f, task, MS);
    }
    g_assert_cmpint(ABS(starts[0] - starts[1]), <=, 2);
}

/* An expelled or withdrawn order goes, and those beside it stay. */
static void test_orders_of_a_lost_context(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 100; i++) {
        make_order(f, i, 1, i % 10);
        submit(f, &f->tasks[i], 0);
    }
    for (int i = 0; i < 100; i += 10) {
        scheduler_withdraw(f->scheduler, &f->tasks[i]);
    }
    check_start(f, &f->tasks[1]);
    scheduler_refuse(f->scheduler, f->vm, A, 7, VGPU_STUB_ERR_CONTEXT_LOST);
    for (int i = 0; i < 100; i++) {
        uint32_t status;

        if (i % 10 != 0 && i != 1) {
            g_assert_nonnull(scheduler_next_ended(f->scheduler, 0, &status));
        }
    }
    check_nothing_ended(f, 0);
    g_assert_true(f->tasks[1].state == TASK_RUNNING);
}

/* Whatever is submitted, and whenever it ends */
static void test_orders_at_random(Fixture *f, gconstpointer data)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    unsigned next = 0, ended = 0, latest[5] = { 0 }, running[5] = { 0 };
    GQueue started = G_QUEUE_INIT;

    (void)data;
    for (int i = 0; i < TASKS; i++) {
        make_order(f, i, 1, g_rand_int_range(rand, 0, 5));
        f->tasks[i].local = g_rand_int_range(rand, 0, 4) == 0;
    }
    while (ended < TASKS) {
        Task *task;

        if (next < TASKS && g_rand_boolean(rand)) {
            submit(f, &f->tasks[next++], f->now);
        }
        while ((task = start_any(f)) != NULL) {
            unsigned number = task - f->tasks + 1;

            g_assert_cmpuint(number, >, latest[task->order]);
            latest[task->order] = number;
            if (task->local) {
                g_assert_cmpuint(running[task->order], ==, 0);
                finish(f, task, 0);
                ended++;
            } else {
                running[task->order]++;
                g_queue_push_tail(&started, task);
            }
        }
        task = g_rand_boolean(rand) ? g_queue_pop_head(&started) : NULL;
        if (task != NULL) {
            running[task->order]--;
            finish(f, task, g_rand_int_range(rand, 0, 100));
            ended++;
        }
    }
}

/* One that is lost loses all that waits, and nothing that is at a worker. */
static void test_lost_context(Fixture *f, gconstpointer data)
{
    (void)data;
    make_patient(f, 0, 4, 7);
    f->tasks[2].local = true;
    for (int i = 0; i < 5; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_no_wish_of(f, 7);
    check_start(f, &f->tasks[0]);
    scheduler_refuse(f->scheduler, f->vm, A, 7, VGPU_STUB_ERR_CONTEXT_LOST);
    for (int i = 1; i < 4; i++) {
        check_ended(f, 0, &f->tasks[i], VGPU_STUB_ERR_CONTEXT_LOST);
    }
    check_nothing_ended(f, 0);
    g_assert_true(f->tasks[0].state == TASK_RUNNING);
    scheduler_context_end(f->scheduler, f->vm, 7);
    finish(f, &f->tasks[0], 1);
    check_start(f, &f->tasks[4]);
}

/* --- Windows --- */

/* So many start now; returns the number of the next. */
static int check_window(Fixture *f, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        check_start(f, &f->tasks[i]);
    }
    check_start(f, NULL);
    return first + count;
}

/* Let the scheduler learn that tasks of @kind take @length µs, or longer. */
static void teach(Fixture *f, Vm *vm, uint8_t kind, gint64 length)
{
    for (int i = 0; i < 100; i++) {
        Task task = { .vm = vm, .pool = A, .priority = MEDIUM,
                      .context = 250, .kind = kind, .patient = true };

        submit(f, &task, f->now);
        check_start(f, &task);
        finish(f, &task, length);
    }
}

static void test_window(Fixture *f, gconstpointer data)
{
    int next;

    (void)data;
    f->limits.in_flight = 16;
    vm_set_limits(f->vm, &f->limits);
    make_patient(f, 0, 100, 7);
    for (int i = 0; i < 100; i++) {
        f->tasks[i].kind = 1;
        submit(f, &f->tasks[i], 0);
    }
    /* Nothing is known: so many that its program can keep the worker busy. */
    check_window(f, 0, 4);
    finish(f, &f->tasks[0], 100);
    check_window(f, 4, 1);
    for (int i = 1; i < 40; i++) {
        while (start(f, A) != NULL) {
        }
        finish(f, &f->tasks[i], 100);
    }
    /* A millisecond of them */
    for (next = 40; f->tasks[next].state != TASK_WAITING; next++) {
    }
    g_assert_cmpint(next, ==, 49);
    next = check_window(f, next, 1);
    /* But no more than the VM may have */
    for (int i = 40; i < 80; i++) {
        finish(f, &f->tasks[i], 10);
        while (start(f, A) != NULL) {
        }
    }
    g_assert_cmpuint(scheduler_vm_report(f->vm).running, ==, 16);
}

/* Four, if they are no longer than that; the longest are alone. */
static void test_window_of_long_ones(Fixture *f, gconstpointer data)
{
    (void)data;
    teach(f, f->vm, 2, 2 * MS);
    teach(f, f->vm, 3, 50 * MS);
    teach(f, f->vm, 4, 6 * MS);
    make_patient(f, 6, 6, 7);
    for (int i = 6; i < 12; i++) {
        f->tasks[i].kind = 2;
        submit(f, &f->tasks[i], 0);
    }
    check_window(f, 6, 4);
    for (int i = 6; i < 12; i++) {
        finish(f, &f->tasks[i], 2 * MS);
        start(f, A);
    }
    make_patient(f, 0, 6, 7);
    for (int i = 0; i < 6; i++) {
        f->tasks[i].kind = i < 3 ? 4 : 3;
        submit(f, &f->tasks[i], 0);
    }
    check_window(f, 0, 2);
    finish(f, &f->tasks[0], 6 * MS);
    check_window(f, 2, 1);
    finish(f, &f->tasks[1], 6 * MS);
    check_window(f, 3, 1);
    finish(f, &f->tasks[2], 6 * MS);
    check_window(f, 4, 0);
    finish(f, &f->tasks[3], 50 * MS);
    check_window(f, 4, 1);
}

/* One worker is at work in a turn, and the context's turn is short. */
static void test_window_is_a_contexts(Fixture *f, gconstpointer data)
{
    (void)data;
    teach(f, f->vm, 1, 200);
    make_patient(f, 0, 20, 7);
    make_patient(f, 20, 20, 8);
    for (int i = 0; i < 40; i++) {
        f->tasks[i].kind = 1;
        submit(f, &f->tasks[i], 0);
    }
    check_window(f, 0, 5);
    for (int i = 0; i < 5; i++) {
        check_start(f, NULL);
        finish(f, &f->tasks[i], 200);
    }
    check_window(f, 20, 5);
    for (int i = 20; i < 25; i++) {
        check_start(f, NULL);
        finish(f, &f->tasks[i], 200);
    }
    check_window(f, 5, 5);
    /* Who is more urgent waits for no more than what is at the worker. */
    finish(f, &f->tasks[5], 200);
    f->tasks[40].priority = HIGH;
    submit(f, &f->tasks[40], 0);
    for (int i = 6; i < 10; i++) {
        check_start(f, NULL);
        finish(f, &f->tasks[i], 200);
    }
    check_start(f, &f->tasks[40]);
    check_start(f, NULL);
}

/* A turn ends when another VM has waited for a while, but not before. */
static void test_turn_ends(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");
    int next;

    (void)data;
    teach(f, f->vm, 1, 100);
    teach(f, other, 1, 100);
    make_patient(f, 0, 100, 7);
    make_patient(f, 100, 10, 8);
    for (int i = 0; i < 110; i++) {
        f->tasks[i].kind = 1;
        f->tasks[i].vm = i < 100 ? f->vm : other;
    }
    for (int i = 0; i < 100; i++) {
        submit(f, &f->tasks[i], 0);
    }
    next = check_window(f, 0, 10);
    /* It goes on while it is alone. */
    for (int i = 0; i < 20; i++) {
        finish(f, &f->tasks[i], 100);
        next = check_window(f, next, 1);
    }
    submit(f, &f->tasks[100], 0);
    for (int i = 20; f->tasks[100].state == TASK_WAITING; i++) {
        g_assert_cmpint(i, <=, 20 + 16);
        finish(f, &f->tasks[i], 100);
        while (start(f, A) != NULL) {
        }
    }
    check_start(f, NULL);
    vm_unref(other);
}

/*
 * What is at a worker and takes far longer than it used to holds up others for
 * no longer than one request does.
 */
static void test_overrun(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    teach(f, f->vm, 1, 100);
    make_patient(f, 0, 20, 7);
    for (int i = 0; i < 20; i++) {
        f->tasks[i].kind = 1;
        submit(f, &f->tasks[i], 0);
    }
    check_window(f, 0, 10);
    f->tasks[20].vm = other;
    submit(f, &f->tasks[20], 0);
    finish(f, &f->tasks[0], SECOND);
    check_start(f, &f->tasks[20]);
    check_start(f, NULL);
    finish(f, &f->tasks[20], 100);
    /* It has no other turn before that has ended. */
    for (int i = 1; i < 10; i++) {
        check_start(f, NULL);
        finish(f, &f->tasks[i], 100);
    }
    check_start(f, &f->tasks[10]);
    check_start(f, NULL);
    vm_unref(other);
}

/* A mailbox has one request at a time at its worker. */
static void test_no_window_for_a_mailbox(Fixture *f, gconstpointer data)
{
    (void)data;
    f->tasks[1].context = 0;
    f->tasks[2].context = 0;
    f->tasks[2].local = true;
    for (int i = 0; i < 3; i++) {
        submit(f, &f->tasks[i], 0);
    }
    check_start(f, &f->tasks[0]);
    check_start(f, NULL);
    finish(f, &f->tasks[0], 1);
    check_start(f, &f->tasks[1]);
    g_assert_true(scheduler_start_local(f->scheduler, f->now) ==
                  &f->tasks[2]);
}

/* --- What there is no more --- */

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
    g_assert_true(start(f, B) == &f->tasks[2]);
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
    finish(f, &f->tasks[0], 1);
    check_start(f, &f->tasks[1]);
    finish(f, &f->tasks[1], 1);
    g_assert_cmpint(scheduler_next_event(f->scheduler), ==, G_MAXINT64);
}

static void fail_once(Fixture *f, Task *task, gint64 now)
{
    submit(f, task, now);
    check_start(f, task);
    finish(f, task, 1);
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
    finish(f, &f->tasks[0], 1);
    g_assert_true(vm_fault(f->vm, SECOND));
    g_assert_true(vm_quarantined(f->vm, SECOND));

    /* Its tasks end, also one that is withdrawn first; others' do not. */
    g_assert_cmpint(scheduler_next_event(f->scheduler), <=, SECOND);
    scheduler_withdraw(f->scheduler, &f->tasks[1]);
    check_ended(f, SECOND, &f->tasks[2], VGPU_STUB_ERR_VM_QUARANTINED);
    check_ended(f, SECOND, &f->tasks[4], VGPU_STUB_ERR_VM_QUARANTINED);
    check_nothing_ended(f, SECOND);
    check_start(f, &f->tasks[3]);
    finish(f, &f->tasks[3], 1);

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
        finish(f, &f->tasks[0], run);
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
    finish(f, &f->tasks[0], 1);
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
    finish(f, &f->tasks[0], 1);
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
    finish(f, &f->tasks[2], 1);
    check_start(f, &f->tasks[3]);
    check_wish(f, f->vm, 2, false);
    finish(f, &f->tasks[3], 1);
    check_start(f, NULL);
    /* Also those that wait for one have a deadline. */
    check_ended(f, limit, &f->tasks[0], VGPU_STUB_ERR_TIMEOUT);
    check_nothing_ended(f, limit);
    check_no_wish(f);
    scheduler_set_place(f->scheduler, f->vm, A, 7, true);
    check_start(f, &f->tasks[1]);
    check_wish(f, f->vm, 7, false);
    finish(f, &f->tasks[1], 1);
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
    scheduler_vm_expel(f->scheduler, f->vm, VGPU_STUB_ERR_VM_QUARANTINED);
    scheduler_context_end(f->scheduler, f->vm, 0);
    scheduler_context_end(f->scheduler, f->vm, 12345);
    finish(f, &f->tasks[0], 1);
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
        finish(f, &f->tasks[i], 1);
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
        finish(f, &f->tasks[order[i]], 1);
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
        g_assert_true(scheduler_start_local(f->scheduler, f->now) == &f->tasks[i]);
        g_assert_null(scheduler_start_local(f->scheduler, f->now));
        finish(f, &f->tasks[i], 10);
    }
    g_assert_null(scheduler_start_local(f->scheduler, f->now));
    g_assert_cmpint(scheduler_vm_report(f->vm).used, ==, 0);
    g_assert_cmpint(scheduler_class_report(f->scheduler, A, MEDIUM).used, ==,
                    0);
    f->tasks[3].local = true;
    submit(f, &f->tasks[3], 0);
    vm_quarantine(f->vm, SECOND, NULL);
    check_ended(f, 0, &f->tasks[3], VGPU_STUB_ERR_VM_QUARANTINED);
}

/* One that ends while another of its context is at the worker is over. */
static void test_local_beside_the_pool(Fixture *f, gconstpointer data)
{
    (void)data;
    f->tasks[1].context = 0;
    f->tasks[1].local = f->tasks[2].local = true;
    submit(f, &f->tasks[0], 0);
    check_start(f, &f->tasks[0]);
    submit(f, &f->tasks[1], 0);
    submit(f, &f->tasks[2], 0);
    for (int i = 1; i <= 2; i++) {
        g_assert_true(scheduler_start_local(f->scheduler, f->now) ==
                      &f->tasks[i]);
        finish(f, &f->tasks[i], 10);
    }
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
        Task *task = start(f, A);

        g_assert_cmpint(i, <, 100000);
        if (task != &f->tasks[2]) {
            /* There is always another one waiting. */
            submit(f, &f->tasks[i % 2], 0);
            finish(f, task, 0);
        }
    }
}

/* --- Turns that wait for their VM --- */

/*
 * The VM has computed for 80 ms and is idle for 1 ms, in which task 10 begins, which
 * is of another and lasts for 20. Then the VM has 1 ms, while task 10 waits again.
 */
static void begin_pause(Fixture *f, Vm *other)
{
    f->limits.weight = 1000;
    vm_set_limits(f->vm, &f->limits);
    f->tasks[10].vm = other;
    submit(f, &f->tasks[0], f->now);
    check_start(f, &f->tasks[0]);
    finish(f, &f->tasks[0], 80 * MS);
    f->now += MS;
    submit(f, &f->tasks[10], f->now);
    check_start(f, &f->tasks[10]);
    submit(f, &f->tasks[0], f->now);
    finish(f, &f->tasks[10], 20 * MS);
    submit(f, &f->tasks[10], f->now);
    check_start(f, &f->tasks[0]);
    finish(f, &f->tasks[0], MS);
}

static void check_pause(Fixture *f)
{
    check_start(f, NULL);
    g_assert_cmpint(scheduler_next_event(f->scheduler), >, f->now);
    g_assert_cmpint(scheduler_next_event(f->scheduler), <, f->now + 11 * MS);
}

static void test_pause(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    begin_pause(f, other);
    check_pause(f);
    f->now += MS;
    submit(f, &f->tasks[0], f->now);
    check_start(f, &f->tasks[0]);
    check_start(f, NULL);
    finish(f, &f->tasks[0], MS);
    /* Nothing comes any more. */
    check_pause(f);
    f->now = scheduler_next_event(f->scheduler);
    check_start(f, &f->tasks[10]);
    /* Who comes too late waits. */
    submit(f, &f->tasks[0], f->now);
    check_start(f, NULL);
    finish(f, &f->tasks[10], MS);
    check_start(f, &f->tasks[0]);
    vm_unref(other);
}

static void test_pause_is_for_its_class(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");
    Vm *third = placed_vm(f->vms, f->scheduler, "9");

    (void)data;
    f->tasks[20].vm = third;
    begin_pause(f, other);
    check_pause(f);
    f->tasks[20].priority = HIGH;
    submit(f, &f->tasks[20], f->now);
    check_start(f, &f->tasks[20]);
    finish(f, &f->tasks[20], MS);
    check_start(f, &f->tasks[10]);
    vm_unref(other);
    vm_unref(third);
}

static void test_pause_of_a_vm_that_goes(Fixture *f, gconstpointer data)
{
    Vm *other = placed_vm(f->vms, f->scheduler, "8");

    (void)data;
    begin_pause(f, other);
    check_pause(f);
    vm_unref(f->vm);
    f->vm = other;
    check_start(f, &f->tasks[10]);
}

#define VMS 4

/* One of the first two tasks for each VM */
static Task *any_task(Fixture *f, GRand *rand, TaskState state)
{
    const int begin = g_rand_int_range(rand, 0, 2 * VMS);

    for (int i = begin; i < begin + 2 * VMS; i++) {
        if (f->tasks[i % (2 * VMS)].state == state) {
            return &f->tasks[i % (2 * VMS)];
        }
    }
    return NULL;
}

/*
 * What may start does. What waits then waits for what runs, or for the end of a
 * pause. Returns whether it is a pause.
 */
static bool start_all(Fixture *f)
{
    unsigned waiting = 0, running = 0;

    while (start(f, A) != NULL) {
    }
    for (int i = 0; i < 2 * VMS; i++) {
        waiting += f->tasks[i].state == TASK_WAITING;
        running += f->tasks[i].state == TASK_RUNNING;
    }
    if (waiting == 0 || running > 0) {
        return false;
    }
    g_assert_cmpint(scheduler_next_event(f->scheduler), >, f->now);
    g_assert_cmpint(scheduler_next_event(f->scheduler), <=, f->now + 100 * MS);
    return true;
}

/* A VM for two tasks, from @i on */
static void give_vm(Fixture *f, int i)
{
    g_autofree char *name = g_strdup_printf("%d", 10 + i);

    f->tasks[i].vm = f->tasks[i + 1].vm =
        placed_vm(f->vms, f->scheduler, name);
    vm_set_limits(f->tasks[i].vm, &f->limits);
}

/* Nobody waits for nothing, whatever VMs do, and when they go. */
static void test_pauses_at_random(Fixture *f, gconstpointer data)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    unsigned pauses = 0;

    (void)data;
    f->limits.deadline_ms = 86400000;
    for (int i = 0; i < VMS; i++) {
        give_vm(f, 2 * i);
    }
    for (int i = 0; i < 2 * VMS; i++) {
        f->tasks[i].priority = i == 7 ? HIGH : MEDIUM;
        make_patient(f, i, i & 1, i & 1);
    }
    for (int turn = 0; turn < 20000; turn++) {
        Task *task = any_task(f, rand, g_rand_int_range(rand, 0, 3));
        const int vm = 2 * g_rand_int_range(rand, 0, VMS);

        if (f->tasks[vm].state == TASK_IDLE &&
            f->tasks[vm + 1].state == TASK_IDLE && turn % 16 == 0) {
            vm_unref(f->tasks[vm].vm);
            give_vm(f, vm);
        } else if (task == NULL) {
            f->now += MS;
        } else if (task->state == TASK_IDLE) {
            submit(f, task, f->now);
        } else if (task->state == TASK_RUNNING) {
            finish(f, task, 1 << g_rand_int_range(rand, 4, 18));
        } else if (g_rand_int_range(rand, 0, 10) == 0) {
            scheduler_withdraw(f->scheduler, task);
        }
        f->now += 1 << g_rand_int_range(rand, 0, 10);
        pauses += start_all(f);
    }
    g_assert_cmpuint(pauses, >, 10);
    for (int i = 0; i < VMS; i++) {
        vm_unref(f->tasks[2 * i].vm);
    }
}

/* --- Many tasks, simulated --- */

#define MAX_GUESTS 64
#define MAX_SLOTS 4

#define SHORT 300               /* µs */

typedef struct Guest Guest;

typedef struct Job {
    Task task;
    Guest *guest;
    gint64 arrival;
    gint64 size;                /* µs that it will take */
    gint64 end;                 /* while it is at the head of its worker */
} Job;

/* What a VM's context does, and what it got */
struct Guest {
    bool patient;               /* it is a queue's, not a mailbox's */
    unsigned depth;             /* tasks that it always has submitted … */
    gint64 think;               /* … but for so long after one has ended; … */
    gint64 period;              /* … or one after each such time */
    gint64 size_min;
    gint64 size_max;
    unsigned short_ones;        /* of SHORT, between two of those */
    uint8_t priority;
    unsigned weight;            /* 0: the default */
    const Guest *same_vm;       /* as this one; NULL: it is another */

    Vm *vm;
    unsigned pending;
    unsigned submitted;
    gint64 next;
    gint64 used;
    GArray *waits;              /* gint64: until they were executed */
    GQueue worker;              /* Job; the first is executed */
};

typedef struct Simulation {
    Vms *vms;
    Scheduler *scheduler;
    GRand *random;
    gint64 now;
    Guest guests[MAX_GUESTS];
    unsigned n_guests;
    unsigned slots;
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
    limits.deadline_ms = 86400000;
    limits.weight = guest->weight ? guest->weight : limits.weight;
    vm_set_limits(guest->vm, &limits);
    return guest;
}

static void sim_submit(Simulation *sim, Guest *guest)
{
    Job *job = g_new0(Job, 1);

    job->task = (Task) {
        .vm = guest->vm, .pool = A, .priority = guest->priority,
        .context = guest - sim->guests, .patient = guest->patient,
    };
    job->guest = guest;
    job->arrival = sim->now;
    job->size = guest->submitted++ % (guest->short_ones + 1) > 0 ? SHORT :
                guest->size_min == guest->size_max ? guest->size_min :
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

        while (guest->pending < guest->depth && guest->next <= sim->now) {
            sim_submit(sim, guest);
        }
        if (guest->period > 0 && guest->next <= sim->now) {
            sim_submit(sim, guest);
            guest->next = sim->now + guest->period / 2 +
                          g_rand_int_range(sim->random, 0, guest->period);
        }
    }
}

/* The first job of a worker is executed, if there is one. */
static void sim_execute(Simulation *sim, Guest *guest)
{
    Job *job = g_queue_peek_head(&guest->worker);
    gint64 wait;

    if (job != NULL) {
        wait = sim->now - job->arrival;
        g_array_append_val(guest->waits, wait);
        job->end = sim->now + job->size;
        if (guest->patient) {
            scheduler_begun(sim->scheduler, &job->task, sim->now);
        }
    }
}

static void sim_starts(Simulation *sim)
{
    Job *job;

    while ((job = (Job *)scheduler_start(sim->scheduler, A, sim->now))) {
        g_queue_push_tail(&job->guest->worker, job);
        if (job->guest->worker.length == 1) {
            sim_execute(sim, job->guest);
        }
    }
}

/* The first job of a worker has ended. */
static void sim_end(Simulation *sim, Guest *guest)
{
    Job *job = g_queue_pop_head(&guest->worker);

    guest->pending--;
    guest->next = guest->think > 0 ? sim->now + guest->think : guest->next;
    guest->used += scheduler_finish(sim->scheduler, &job->task, sim->now);
    g_free(job);
    sim_execute(sim, guest);
}

static void sim_ends(Simulation *sim)
{
    for (unsigned i = 0; i < sim->n_guests; i++) {
        Guest *guest = &sim->guests[i];
        const Job *job = g_queue_peek_head(&guest->worker);

        if (job != NULL && job->end <= sim->now) {
            sim_end(sim, guest);
        }
    }
}

static gint64 sim_next_event(const Simulation *sim)
{
    gint64 next = scheduler_next_event(sim->scheduler);

    for (unsigned i = 0; i < sim->n_guests; i++) {
        const Guest *guest = &sim->guests[i];

        if (guest->worker.length > 0) {
            next = MIN(next, ((Job *)guest->worker.head->data)->end);
        }
        if (guest->period > 0 || guest->pending < guest->depth) {
            next = MIN(next, guest->next);
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
    for (sim_starts(sim); sim_next_event(sim) != G_MAXINT64;
         sim_starts(sim)) {
        sim->now += SECOND;
        for (unsigned i = 0; i < sim->n_guests; i++) {
            Guest *guest = &sim->guests[i];

            guest->period = guest->depth = 0;
            while (guest->worker.length > 0) {
                sim_end(sim, guest);
            }
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

static gint64 used_by_all(const Simulation *sim)
{
    gint64 total = 0;

    for (unsigned i = 0; i < sim->n_guests; i++) {
        total += sim->guests[i].used;
    }
    return total;
}

/* Of the device time of all: 0 to 1 */
static double share(const Simulation *sim, const Guest *guest)
{
    return (double)guest->used / used_by_all(sim);
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

/* How far the worst off of VMs whose weights are theirs is from its share */
static double share_error(const Simulation *sim)
{
    double error = 0, weights = 0;

    for (unsigned i = 0; i < sim->n_guests; i++) {
        weights += sim->guests[i].weight;
    }
    for (unsigned i = 0; i < sim->n_guests; i++) {
        const Guest *guest = &sim->guests[i];
        const double wanted = guest->weight / weights;

        error = MAX(error, ABS(share(sim, guest) / wanted - 1));
    }
    return error;
}

/* So many VMs of each weight that none is due more than a slot */
static void test_weights(gconstpointer slots)
{
    static const gint64 sizes[][2] = {
        { 5000, 5000 }, { 100, 10000 }, { 300, 300 },
    };
    Simulation sim;

    sim_init(&sim, GPOINTER_TO_UINT(slots));
    for (unsigned i = 0; i < 3 * sim.slots; i++) {
        sim_add(&sim, (Guest) {
            .depth = 16, .size_min = sizes[i % 3][0],
            .size_max = sizes[i % 3][1], .priority = MEDIUM,
            .weight = 100 << i % 3,
        });
    }
    sim_run(&sim, 30 * SECOND);
    g_test_message("error of the worst share: %.4f", share_error(&sim));
    g_assert_cmpfloat(share_error(&sim), <=, sim.slots == 1 ? 0.01 : 0.05);
    sim_clear(&sim);
}

/* Programs that wait for each result, and then think */
typedef struct Thinkers {
    gint64 size_min;            /* µs */
    gint64 size_max;
    gint64 think;
    unsigned short_ones;
    unsigned weights[4];
} Thinkers;

static const Thinkers thinkers[] = {
    { 10000, 10000, 500, 0, { 100, 300 } },
    { 100000, 100000, 5000, 0, { 100, 300 } },
    { 1000, 100000, 1000, 0, { 100, 300 } },
    { 20000, 20000, 1000, 0, { 100, 200, 400, 800 } },
    { 50000, 150000, 1000, 5, { 100, 300 } },
};

static void sim_add_thinkers(Simulation *sim, const Thinkers *of)
{
    for (int i = 0; i < 4 && of->weights[i] > 0; i++) {
        sim_add(sim, (Guest) {
            .depth = 1, .think = of->think,
            .size_min = of->size_min, .size_max = of->size_max,
            .short_ones = of->short_ones,
            .priority = MEDIUM, .weight = of->weights[i],
        });
    }
}

#define THINKERS_US (600 * SECOND)

/* Runs; returns how much of the time the device worked: 0 to 1. */
static double sim_think(Simulation *sim, const Thinkers *of)
{
    sim_init(sim, 1);
    sim_add_thinkers(sim, of);
    sim_run(sim, THINKERS_US);
    return (double)used_by_all(sim) / THINKERS_US;
}

static void test_thinkers(gconstpointer data)
{
    Simulation sim;
    const double used = sim_think(&sim, data);

    g_test_message("error of the worst share: %.4f, %.3f of the time used",
                   share_error(&sim), used);
    g_assert_cmpfloat(share_error(&sim), <=, 0.05);
    g_assert_cmpfloat(used, >=, 8 / 9.);
    sim_clear(&sim);
}

/* Who thinks for long keeps the device for no more than its part. */
static void test_long_thinkers(void)
{
    static const Thinkers long_ones = {
        10000, 10000, 15000, 0, { 100, 200, 400, 800 },
    };
    Simulation sim;

    g_assert_cmpfloat(sim_think(&sim, &long_ones), >=, 8 / 9.);
    sim_clear(&sim);
}

/* --- Windows --- */

/* What VMs with queues do, each in its own way */
typedef struct Habit {
    unsigned contexts;
    unsigned depth;             /* of each */
    gint64 size_min;            /* µs */
    gint64 size_max;
} Habit;

/* One with few requests, one with bulk of 1 MiB, many programs, and so on */
static const Habit habits[] = {
    { 1, 2, 20, 200 }, { 1, 64, 250, 350 }, { 8, 64, 20, 60 },
    { 1, 1, 2000, 2000 }, { 3, 16, 50, 10000 }, { 8, 1, 300, 300 },
    { 1, 64, 30, 30 }, { 2, 4, 5000, 20000 }, { 5, 32, 100, 1000 },
};

/* A VM with @habit; returns its first context. */
static Guest *sim_add_habit(Simulation *sim, const Habit *habit,
                            unsigned weight, uint8_t priority)
{
    Guest *first = NULL;

    for (unsigned i = 0; i < habit->contexts; i++) {
        Guest *guest = sim_add(sim, (Guest) {
            .patient = true, .depth = habit->depth,
            .size_min = habit->size_min, .size_max = habit->size_max,
            .priority = priority, .weight = weight, .same_vm = first,
        });

        first = first != NULL ? first : guest;
    }
    return first;
}

/* The device time of a VM whose contexts begin at @guest, in µs */
static gint64 habit_used(const Guest *guest, const Habit *habit)
{
    gint64 used = 0;

    for (unsigned i = 0; i < habit->contexts; i++) {
        used += guest[i].used;
    }
    return used;
}

/* Windows, contexts, sizes and bulk: nothing of that gets anybody more. */
static void test_habits(gconstpointer weighted)
{
    const unsigned count = G_N_ELEMENTS(habits);
    const gint64 length = 15 * SECOND;
    const Guest *vms[G_N_ELEMENTS(habits)];
    double weights = 0, sum = 0, squares = 0, error = 0;
    Simulation sim;

    sim_init(&sim, 1);
    for (unsigned i = 0; i < count; i++) {
        const unsigned weight = weighted ? 100 << i % 3 : 100;

        vms[i] = sim_add_habit(&sim, &habits[i], weight, MEDIUM);
        weights += weight;
    }
    sim_run(&sim, length);
    for (unsigned i = 0; i < count; i++) {
        const double used = habit_used(vms[i], &habits[i]);
        const double due = vms[i]->weight / weights * length;

        g_test_message("%u contexts, %u deep: %.4f of its share",
                       habits[i].contexts, habits[i].depth, used / due);
        error = MAX(error, ABS(used / due - 1));
        sum += used / due;
        squares += used / due * (used / due);
    }
    g_assert_cmpfloat(error, <=, 0.01);
    g_assert_cmpfloat(sum * sum / (count * squares), >=, 0.99);
    /* And the device was never idle. */
    g_assert_cmpint(scheduler_class_report(sim.scheduler, A, MEDIUM).used, >=,
                    length - 60 * MS);
    sim_clear(&sim);
}

/* Contexts of a VM take turns: a deep one is before none. */
static void test_contexts_of_a_vm(void)
{
    Simulation sim;
    Guest *deep, *shallow;

    sim_init(&sim, 1);
    deep = sim_add(&sim, (Guest) { .patient = true, .depth = 256,
                                   .size_min = 100, .size_max = 100,
                                   .priority = MEDIUM });
    shallow = sim_add(&sim, (Guest) { .patient = true, .depth = 16,
                                      .size_min = 100, .size_max = 100,
                                      .priority = MEDIUM, .same_vm = deep });
    sim_add_habit(&sim, &habits[1], 100, MEDIUM);
    sim_run(&sim, 10 * SECOND);
    check_near(share(&sim, deep), 0.25, 0.02);
    check_near(share(&sim, shallow), 0.25, 0.02);
    sim_clear(&sim);
}

/*
 * A VM of high priority waits for what is at a worker, and for nothing else:
 * a window, or one request if that is longer.
 */
static void test_high_against_windows(gconstpointer data)
{
    const Habit *habit = data;
    Simulation sim;
    Guest *high;
    gint64 wait;

    sim_init(&sim, 1);
    high = sim_add(&sim, (Guest) { .patient = true, .period = 5 * MS,
                                   .size_min = 200, .size_max = 200,
                                   .priority = HIGH });
    for (int i = 0; i < 3; i++) {
        sim_add_habit(&sim, habit, 100, LOW);
    }
    sim_run(&sim, 6 * SECOND);
    wait = p99_wait(high);
    g_test_message("p99 wait: %.3f ms", wait / 1e3);
    g_assert_cmpint(wait, <=, MAX(2000, 2 * habit->size_max));
    sim_clear(&sim);
}

/* The low class's sure share, with windows on both sides */
static void test_low_against_windows(void)
{
    Simulation sim;
    Guest *low;

    sim_init(&sim, 1);
    low = sim_add(&sim, (Guest) { .patient = true, .depth = 2,
                                  .size_min = 100, .size_max = 100,
                                  .priority = LOW });
    sim_add_habit(&sim, &habits[1], 100, HIGH);
    sim_add_habit(&sim, &habits[2], 100, HIGH);
    sim_run(&sim, 10 * SECOND);
    check_near(share(&sim, low), 0.05, 0.001);
    sim_clear(&sim);
}

/*
 * Requests that would never end: each is killed at its deadline, with what was
 * behind it at its worker. Others have what they are due all the same.
 */
static void test_endless_with_windows(void)
{
    Simulation sim;
    Guest *endless, *other;

    sim_init(&sim, 1);
    endless = sim_add(&sim, (Guest) { .patient = true, .depth = 64,
                                      .size_min = SECOND,
                                      .size_max = SECOND,
                                      .priority = MEDIUM });
    other = sim_add_habit(&sim, &habits[1], 100, MEDIUM);
    sim_run(&sim, 60 * SECOND);
    check_near(share(&sim, endless), 0.5, 0.02);
    check_near(share(&sim, other), 0.5, 0.02);
    sim_clear(&sim);
}

/* Who used to be short, and is endless then, holds up others but once. */
static void test_surprise(void)
{
    Simulation sim;
    Guest *liar, *high;

    sim_init(&sim, 1);
    liar = sim_add(&sim, (Guest) { .patient = true, .depth = 64,
                                   .size_min = 20, .size_max = 20,
                                   .priority = MEDIUM });
    high = sim_add(&sim, (Guest) { .patient = true, .period = 10 * MS,
                                   .size_min = 200, .size_max = 200,
                                   .priority = HIGH });
    sim_run(&sim, SECOND);
    liar->size_min = liar->size_max = SECOND;
    sim_run(&sim, 20 * SECOND);
    g_array_sort(high->waits, compare_waits);
    g_assert_cmpint(g_array_index(high->waits, gint64, high->waits->len - 1),
                    <=, SECOND + 2 * MS);
    sim_clear(&sim);
}

/* --- What is used, and what is not --- */

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

/* Nor does one that could have used two slots, but has no more than one. */
static void test_one_turn_saves_no_credit(void)
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
    vm_set_limits(limited->vm, &limits);
    sim_run(&sim, 50 * SECOND);
    check_near(share(&sim, limited), 0.5, 0.01);
    scheduler_set_slots(sim.scheduler, A, 1);
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
    ADD("one-turn-for-a-vm", test_one_turn_for_a_vm);
    ADD("patient/rate-delays", test_rate_delays);
    ADD("patient/rate-is-shared", test_rate_is_shared);
    ADD("patient/rate-wakes-seldom", test_rate_wakes_seldom);
    ADD("patient/depth-delays", test_depth_delays);
    ADD("patient/deadline", test_deadline_of_patient);
    ADD("travels", test_travels);
    ADD("travels/within-bounds", test_travels_within_bounds);
    ADD("travels/in-a-row", test_travels_in_a_row);
    ADD("patient/boost", test_boost_of_patient);
    ADD("patient/local-in-order", test_local_in_order);
    ADD("patient/orders-wait-for-no-other", test_orders_wait_for_no_other);
    ADD("patient/orders-take-turns", test_orders_take_turns);
    ADD("patient/orders-are-one-context", test_orders_are_one_context);
    ADD("patient/orders-of-a-lost-context", test_orders_of_a_lost_context);
    ADD("patient/orders-at-random", test_orders_at_random);
    ADD("patient/lost-context", test_lost_context);
    ADD("window/of-a-millisecond", test_window);
    ADD("window/of-long-ones", test_window_of_long_ones);
    ADD("window/is-a-contexts", test_window_is_a_contexts);
    ADD("window/turn-ends", test_turn_ends);
    ADD("window/overrun", test_overrun);
    ADD("window/not-for-a-mailbox", test_no_window_for_a_mailbox);
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
    ADD("local-beside-the-pool", test_local_beside_the_pool);
    ADD("no-time-is-some-time", test_no_time_is_some_time);

    ADD("pause", test_pause);
    ADD("pause/is-for-its-class", test_pause_is_for_its_class);
    ADD("pause/of-a-vm-that-goes", test_pause_of_a_vm_that_goes);
    ADD("pause/at-random", test_pauses_at_random);

    for (unsigned slots = 1; slots <= MAX_SLOTS; slots += 3) {
        g_autofree char *equal =
            g_strdup_printf("/fairness/equal-vms/%u-slots", slots);
        g_autofree char *weights =
            g_strdup_printf("/fairness/weights/%u-slots", slots);

        g_test_add_data_func(equal, GUINT_TO_POINTER(slots), test_equal_vms);
        g_test_add_data_func(weights, GUINT_TO_POINTER(slots), test_weights);
    }
    for (unsigned weighted = 0; weighted < 2; weighted++) {
        g_test_add_data_func(weighted ? "/windows/habits/1-2-4"
                                      : "/windows/habits/equal",
                             GUINT_TO_POINTER(weighted), test_habits);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(habits); i++) {
        g_autofree char *path = g_strdup_printf("/windows/high/%zu", i);

        g_test_add_data_func(path, &habits[i], test_high_against_windows);
    }
    g_test_add_func("/windows/contexts-of-a-vm", test_contexts_of_a_vm);
    g_test_add_func("/windows/low", test_low_against_windows);
    g_test_add_func("/windows/endless", test_endless_with_windows);
    g_test_add_func("/windows/surprise", test_surprise);
    for (size_t i = 0; i < G_N_ELEMENTS(thinkers); i++) {
        g_autofree char *path = g_strdup_printf("/fairness/thinkers/%zu", i);

        g_test_add_data_func(path, &thinkers[i], test_thinkers);
    }
    g_test_add_func("/fairness/long-thinkers", test_long_thinkers);
    g_test_add_func("/fairness/one-against-many", test_one_against_many);
    g_test_add_func("/fairness/idle-saves-no-credit",
                    test_idle_saves_no_credit);
    g_test_add_func("/fairness/one-turn-saves-no-credit",
                    test_one_turn_saves_no_credit);
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
