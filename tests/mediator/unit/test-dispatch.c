/*
 * Dispatch, with an executor that does what the test says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

#define REQUESTS 600
#define UNANSWERED G_MAXUINT32

/* One request of the test; the fixture knows it by its sequence. */
typedef struct Asked {
    Request *request;           /* until it is answered or cancelled */
    Execution *execution;       /* while it runs */
    gint64 started;             /* monotonic, µs */
    unsigned stops;
    uint32_t status;            /* of the answer */
    char why[80];               /* the answer's data */
} Asked;

/* The VM whose requests they are */
static const Identity seven = {
    .vm = (char *)"7", .has_domid = true, .domid = 7,
};

typedef struct Fixture {
    Executor executors[POOLS];
    Vms *vms;
    Dispatch *dispatch;
    Vm *vm;
    VmLimits limits;            /* the VM's */
    Asked asked[REQUESTS];
    unsigned running;
    unsigned started;
    unsigned answered;
    unsigned gone;              /* times that an executor heard of it */
    uint64_t context;           /* of what is asked */
    uint64_t released;          /* the latest context that was */
    bool places;                /* there is one for each VM */
    bool wishes[POOLS];         /* the VM's */
} Fixture;

static Fixture *fixture_of(Executor *executor)
{
    return (Fixture *)((char *)(executor - executor->pool) -
                       offsetof(Fixture, executors));
}

/* The first param of a request is its number. */
static Asked *asked_of(Fixture *f, const Execution *execution)
{
    uint32_t number;

    g_assert_cmpuint(execution->length, >=, sizeof(struct vgpu_stub_request) +
                                            sizeof(number));
    memcpy(&number, execution->request + sizeof(struct vgpu_stub_request),
           sizeof(number));
    return &f->asked[GUINT32_FROM_LE(number)];
}

static void start(Executor *executor, Execution *execution)
{
    Fixture *f = fixture_of(executor);
    Asked *asked = asked_of(f, execution);

    g_assert_null(asked->execution);
    g_assert_cmpstr(execution->vm, ==, "7");
    g_assert_cmpuint(execution->context, ==, f->context);
    asked->execution = execution;
    asked->started = g_get_monotonic_time();
    f->running++;
    f->started++;
}

static void stop(Executor *executor, Execution *execution)
{
    asked_of(fixture_of(executor), execution)->stops++;
}

static void configure(Executor *executor, const Config *config)
{
    g_assert_nonnull(config);
    executor->slots_changed(executor);
}

static void release(Executor *executor, const char *vm, uint64_t context)
{
    g_assert_cmpstr(vm, ==, "7");
    fixture_of(executor)->released = context;
}

static void wish(Executor *executor, const char *vm, uint64_t context,
                 bool place)
{
    Fixture *f = fixture_of(executor);

    g_assert_cmpstr(vm, ==, "7");
    f->wishes[executor->pool] = place;
    if (place && f->places) {
        executor->place_changed(executor, context, true);
    }
}

static void vm_gone(Executor *executor, const char *vm)
{
    g_assert_cmpstr(vm, ==, "7");
    fixture_of(executor)->gone++;
}

static void answer(gpointer opaque, const WireHeader *header, uint32_t status,
                   const void *payload, size_t length)
{
    Fixture *f = opaque;
    Asked *asked = &f->asked[header->sequence];
    const struct vgpu_stub_response *response = payload;

    g_assert_cmphex(asked->status, ==, UNANSWERED);
    g_assert_cmpuint(length, >=, sizeof(*response));
    g_assert_cmphex(GUINT32_FROM_LE(response->status), ==, status);
    g_assert_cmpuint(length - sizeof(*response), <, sizeof(asked->why));
    memcpy(asked->why, response + 1, length - sizeof(*response));
    asked->status = status;
    asked->request = NULL;
    f->answered++;
}

/* The execution of request @number ends, well if there is no @status. */
static void done(Fixture *f, unsigned number, uint32_t status, bool fault)
{
    const struct vgpu_stub_response response = {
        .status = GUINT32_TO_LE(status),
    };
    const ExecutionEnd end = {
        .status = status,
        .response = &response,
        .length = sizeof(response),
        .broke = fault,
    };
    Execution *execution = f->asked[number].execution;

    g_assert_nonnull(execution);
    f->asked[number].execution = NULL;
    f->running--;
    execution->done(execution, &end);
}

static void ask_with(Fixture *f, unsigned number, uint32_t version)
{
    const struct {
        struct vgpu_stub_request header;
        uint32_t number;
    } bytes = {
        .header.version = GUINT32_TO_LE(version),
        .header.opcode = GUINT32_TO_LE(VGPU_STUB_OP_KERNEL),
        .header.param_count = GUINT32_TO_LE(1),
        .number = GUINT32_TO_LE(number),
    };
    const WireHeader header = {
        .sequence = number, .length = sizeof(bytes),
    };

    f->asked[number].request = request_new(&header, (const uint8_t *)&bytes,
                                           answer, f);
    dispatch_request(f->dispatch, f->vm, f->context, VGPU_STUB_POOL_A,
                     VGPU_STUB_PRIORITY_MEDIUM, f->asked[number].request);
}

static void ask(Fixture *f, unsigned number)
{
    ask_with(f, number, VGPU_STUB_PROTOCOL_VERSION);
}

static void cancel(Fixture *f, unsigned number)
{
    Request *request = f->asked[number].request;

    f->asked[number].request = NULL;
    request_abandon(request);
}

/* Let the main loop do what there is to do now. */
static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void check_answer(Fixture *f, unsigned number, uint32_t status,
                         const char *why)
{
    g_assert_cmphex(f->asked[number].status, ==, status);
    g_assert_cmpstr(f->asked[number].why, ==, why);
}

static void new_dispatch(Fixture *f)
{
    Executor *executors[POOLS];

    for (PoolId pool = 0; pool < POOLS; pool++) {
        executors[pool] = &f->executors[pool];
    }
    f->vms = vms_new();
    f->dispatch = dispatch_new(f->vms, executors, config_new());
}

/* The VM, with a device */
static void new_vm(Fixture *f)
{
    f->vm = vms_device_there(f->vms, &seven);
    f->context = dispatch_context_new(f->dispatch, f->vm);
}

static void free_dispatch(Fixture *f)
{
    vms_free(f->vms);
    dispatch_free(f->dispatch);
}

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    *f = (Fixture) { .limits = limits_default, .places = true };
    for (PoolId pool = 0; pool < POOLS; pool++) {
        f->executors[pool] = (Executor) {
            .pool = pool,
            .slots = 1,
            .configure = configure,
            .wish = wish,
            .start = start,
            .stop = stop,
            .release = release,
            .vm_gone = vm_gone,
        };
    }
    for (int i = 0; i < REQUESTS; i++) {
        f->asked[i].status = UNANSWERED;
    }
    new_dispatch(f);
    new_vm(f);
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (int i = 0; i < REQUESTS; i++) {
        if (f->asked[i].request != NULL) {
            cancel(f, i);
        }
        if (f->asked[i].execution != NULL) {
            done(f, i, VGPU_STUB_ERR_NONE, false);
        }
    }
    vm_device_gone(f->vm, &seven);
    free_dispatch(f);
}

static void test_one_after_the_other(Fixture *f, gconstpointer data)
{
    (void)data;
    ask(f, 0);
    ask(f, 1);
    g_assert_cmpuint(f->started, ==, 0);
    settle();
    g_assert_nonnull(f->asked[0].execution);
    g_assert_cmpuint(f->started, ==, 1);
    done(f, 0, VGPU_STUB_ERR_NONE, false);
    check_answer(f, 0, VGPU_STUB_ERR_NONE, "");
    settle();
    done(f, 1, VGPU_STUB_ERR_BACKEND_ERROR, false);
    check_answer(f, 1, VGPU_STUB_ERR_BACKEND_ERROR, "");
}

static void test_cancel_before_it_runs(Fixture *f, gconstpointer data)
{
    (void)data;
    ask(f, 0);
    ask(f, 1);
    settle();
    cancel(f, 1);
    done(f, 0, VGPU_STUB_ERR_NONE, false);
    settle();
    g_assert_cmpuint(f->started, ==, 1);
    g_assert_cmpuint(f->answered, ==, 1);
}

static void test_cancel_while_it_runs(Fixture *f, gconstpointer data)
{
    (void)data;
    ask(f, 0);
    ask(f, 1);
    settle();
    cancel(f, 0);
    g_assert_cmpuint(f->asked[0].stops, ==, 1);
    settle();
    /* Its slot is taken until it has stopped. */
    g_assert_cmpuint(f->started, ==, 1);
    done(f, 0, VGPU_STUB_ERR_NONE, false);
    settle();
    g_assert_nonnull(f->asked[1].execution);
    g_assert_cmpuint(f->answered, ==, 0);
}

static void test_deadlines(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.deadline_ms = 1000;
    vm_set_limits(f->vm, &f->limits);
    ask(f, 0);
    settle();
    ask(f, 1);
    while (f->answered == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    check_answer(f, 1, VGPU_STUB_ERR_TIMEOUT, "the request's time is up");
    /* The one that ran is stopped, and answered when it has stopped. */
    g_assert_cmpuint(f->asked[0].stops, ==, 1);
    check_answer(f, 0, UNANSWERED, "");
    done(f, 0, VGPU_STUB_ERR_NONE, false);
    check_answer(f, 0, VGPU_STUB_ERR_TIMEOUT, "the request's time is up");
}

static void test_cancel_of_what_is_being_stopped(Fixture *f,
                                                 gconstpointer data)
{
    (void)data;
    f->limits.deadline_ms = 1000;
    f->limits.faults = 1;
    vm_set_limits(f->vm, &f->limits);
    ask(f, 0);
    settle();
    while (f->asked[0].stops == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    cancel(f, 0);
    g_assert_cmpuint(f->asked[0].stops, ==, 1);
    done(f, 0, VGPU_STUB_ERR_NONE, false);
    g_assert_cmpuint(f->answered, ==, 0);
    /* It ran for all of its time, that is a fault. */
    ask(f, 1);
    check_answer(f, 1, VGPU_STUB_ERR_VM_QUARANTINED,
                 "this VM is quarantined");
}

static void test_quarantine(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.faults = 2;
    vm_set_limits(f->vm, &f->limits);
    for (int i = 0; i < 4; i++) {
        ask(f, i);
    }
    settle();
    done(f, 0, VGPU_STUB_ERR_BACKEND_ERROR, true);
    settle();
    done(f, 1, VGPU_STUB_ERR_BACKEND_ERROR, true);
    cancel(f, 2);
    settle();
    check_answer(f, 1, VGPU_STUB_ERR_BACKEND_ERROR, "");
    check_answer(f, 3, VGPU_STUB_ERR_VM_QUARANTINED,
                 "this VM is quarantined");
    g_assert_cmpuint(f->started, ==, 2);
    g_assert_cmpuint(f->answered, ==, 3);
}

static void test_quarantine_is_kept(Fixture *f, gconstpointer data)
{
    g_autofree char *folder = g_dir_make_tmp(NULL, NULL);
    g_autofree char *path = g_build_filename(folder, "quarantines", NULL);

    (void)data;
    for (int again = false; again <= true; again++) {
        vm_device_gone(f->vm, &seven);
        free_dispatch(f);
        new_dispatch(f);
        vms_keep_quarantines(f->vms, path);
        new_vm(f);
        if (!again) {
            f->limits.faults = 1;
            vm_set_limits(f->vm, &f->limits);
            ask(f, 0);
            settle();
            done(f, 0, VGPU_STUB_ERR_BACKEND_ERROR, true);
        }
        ask(f, 1 + again);
        check_answer(f, 1 + again, VGPU_STUB_ERR_VM_QUARANTINED,
                     "this VM is quarantined");
    }
    remove(path);
    remove(folder);
}

static void test_queue_full(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.queue = 2;
    vm_set_limits(f->vm, &f->limits);
    for (int i = 0; i < 3; i++) {
        ask(f, i);
    }
    check_answer(f, 2, VGPU_STUB_ERR_QUEUE_FULL,
                 "too many requests of this VM wait");
    /* What is wrong needs no place in the queue. */
    ask_with(f, 3, 0);
    check_answer(f, 3, VGPU_STUB_ERR_INVALID_REQUEST,
                 "version: its major part is not 1");
    cancel(f, 0);
    ask(f, 4);
    settle();
    g_assert_nonnull(f->asked[1].execution);
    g_assert_cmpuint(f->answered, ==, 2);
}

/* Who has no place is not started, and its time passes all the same. */
static void test_no_place(Fixture *f, gconstpointer data)
{
    (void)data;
    f->places = false;
    f->limits.deadline_ms = 100;
    vm_set_limits(f->vm, &f->limits);
    ask(f, 0);
    settle();
    g_assert_true(f->wishes[POOL_A] && !f->wishes[POOL_B]);
    while (f->answered == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    check_answer(f, 0, VGPU_STUB_ERR_TIMEOUT, "the request's time is up");
    settle();
    g_assert_false(f->wishes[POOL_A]);
    f->limits.deadline_ms = 100000;
    vm_set_limits(f->vm, &f->limits);
    ask(f, 1);
    settle();
    g_assert_true(f->wishes[POOL_A]);
    f->executors[POOL_A].place_refused(&f->executors[POOL_A], f->context,
                                       VGPU_STUB_ERR_BACKEND_ERROR);
    settle();
    check_answer(f, 1, VGPU_STUB_ERR_BACKEND_ERROR,
                 "the accelerator could not be opened");
    /* It is asked for anew, and there is one after all. */
    ask(f, 2);
    settle();
    g_assert_cmpuint(f->started, ==, 0);
    f->executors[POOL_A].place_changed(&f->executors[POOL_A], f->context,
                                         true);
    settle();
    g_assert_nonnull(f->asked[2].execution);
    /* Nobody is told of a VM that is gone. */
    f->executors[POOL_A].place_changed(&f->executors[POOL_A],
                                         f->context + 1, false);
}

static void test_rate_limit(Fixture *f, gconstpointer data)
{
    (void)data;
    f->limits.rate = 1;
    f->limits.burst = 2;
    vm_set_limits(f->vm, &f->limits);
    for (int i = 0; i < 10; i++) {
        ask(f, i);
    }
    check_answer(f, 9, VGPU_STUB_ERR_RATE_LIMITED,
                 "too many requests of this VM in too short a time");
    check_answer(f, 0, UNANSWERED, "");
}

static void test_pool_without_slots(Fixture *f, gconstpointer data)
{
    (void)data;
    vm_device_gone(f->vm, &seven);
    free_dispatch(f);
    f->executors[POOL_A].slots = 0;
    new_dispatch(f);
    new_vm(f);
    ask(f, 0);
    check_answer(f, 0, VGPU_STUB_ERR_INVALID_POOL, "nothing serves the pool");
}

static void test_slots_come_and_go(Fixture *f, gconstpointer data)
{
    (void)data;
    ask(f, 0);
    ask(f, 1);
    settle();
    f->executors[POOL_A].slots = 0;
    f->executors[POOL_A].slots_changed(&f->executors[POOL_A]);
    settle();
    check_answer(f, 0, UNANSWERED, "");
    check_answer(f, 1, VGPU_STUB_ERR_INVALID_POOL, "nothing serves the pool");
    done(f, 0, VGPU_STUB_ERR_NONE, false);
    check_answer(f, 0, VGPU_STUB_ERR_NONE, "");
    f->executors[POOL_A].slots = 1;
    f->executors[POOL_A].slots_changed(&f->executors[POOL_A]);
    ask(f, 2);
    settle();
    g_assert_nonnull(f->asked[2].execution);
}

/* It goes with the last of its connections. */
static void test_vm_gone(Fixture *f, gconstpointer data)
{
    (void)data;
    for (unsigned i = 1; i <= 2; i++) {
        vm_connected(f->vm);
        vm_connected(f->vm);
        dispatch_vm_disconnected(f->dispatch, f->vm);
        g_assert_cmpuint(f->gone, ==, POOLS * (i - 1));
        dispatch_vm_disconnected(f->dispatch, f->vm);
        g_assert_cmpuint(f->gone, ==, POOLS * i);
    }
}

static void test_contexts(Fixture *f, gconstpointer data)
{
    const uint64_t first = dispatch_context_new(f->dispatch, f->vm);
    const uint64_t second = dispatch_context_new(f->dispatch, f->vm);

    (void)data;
    g_assert_cmpuint(first, !=, second);
    f->context = second;
    ask(f, 0);
    settle();
    g_assert_nonnull(f->asked[0].execution);
    dispatch_context_end(f->dispatch, first);
    g_assert_cmpuint(f->released, ==, first);
    g_assert_cmpuint(dispatch_context_new(f->dispatch, f->vm), >, second);
    done(f, 0, VGPU_STUB_ERR_NONE, false);
}

/* Whatever happens in whatever order, each request ends exactly once. */
static void test_every_request_ends_once(Fixture *f, gconstpointer data)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    unsigned asked = 0, cancelled = 0;

    (void)data;
    f->limits.in_flight = 1;
    f->limits.faults = 20;
    f->limits.queue = 20;
    vm_set_limits(f->vm, &f->limits);
    while (asked < REQUESTS || f->answered + cancelled < REQUESTS) {
        unsigned number = g_rand_int_range(random, 0, REQUESTS);

        switch (g_rand_int_range(random, 0, 6)) {
        case 0:
        case 1:
            if (asked < REQUESTS) {
                ask(f, asked++);
            }
            break;
        case 2:
            if (f->asked[number].request != NULL) {
                cancel(f, number);
                cancelled++;
            }
            break;
        case 3:
            vms_release(f->vms, "7", NULL);
            break;
        case 4:
            for (unsigned i = 0; i < REQUESTS; i++) {
                if (f->asked[i].execution != NULL) {
                    done(f, i, VGPU_STUB_ERR_NONE, i % 3 == 0);
                }
            }
            break;
        case 5:
            settle();
            break;
        }
    }
    /* Also those that were cancelled give back their slots. */
    while (f->running > 0) {
        for (unsigned i = 0; i < REQUESTS; i++) {
            if (f->asked[i].execution != NULL) {
                done(f, i, VGPU_STUB_ERR_NONE, false);
            }
        }
        settle();
    }
    g_assert_cmpuint(f->answered + cancelled, ==, REQUESTS);
    for (unsigned i = 0; i < REQUESTS; i++) {
        g_assert_null(f->asked[i].request);
        g_assert_cmpuint(f->asked[i].stops, <=, 1);
    }
}

#define ADD(name, function) \
    g_test_add("/dispatch/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_init();

    ADD("one-after-the-other", test_one_after_the_other);
    ADD("cancel-before-it-runs", test_cancel_before_it_runs);
    ADD("cancel-while-it-runs", test_cancel_while_it_runs);
    ADD("deadlines", test_deadlines);
    ADD("cancel-of-what-is-being-stopped",
        test_cancel_of_what_is_being_stopped);
    ADD("quarantine", test_quarantine);
    ADD("quarantine-is-kept", test_quarantine_is_kept);
    ADD("queue-full", test_queue_full);
    ADD("no-place", test_no_place);
    ADD("rate-limit", test_rate_limit);
    ADD("pool-without-slots", test_pool_without_slots);
    ADD("slots-come-and-go", test_slots_come_and_go);
    ADD("vm-gone", test_vm_gone);
    ADD("contexts", test_contexts);
    ADD("every-request-ends-once", test_every_request_ends_once);
    return g_test_run();
}
