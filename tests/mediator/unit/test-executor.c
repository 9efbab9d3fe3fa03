/*
 * Contexts of queues and their workers, which are real
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "executors/worker-executor.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "executors/pool-vm.h"
#include "log.h"
#include "protocol/arena.h"
#include "protocol/wire.h"

#define PROGRAMS "build/mediator-sanitizers/"
#define SMALL 8
#define LARGE 4
#define MIB (1u << 20)

/* What an executor has said of a context */
typedef struct Context {
    uint64_t number;
    Arena *arena;
    bool place;
    bool lost;
    bool gone;
    uint32_t refused;           /* VGPU_STUB_ERR_… */
} Context;

typedef struct Fixture {
    Starter *starter;
    LauncherHost *launchers;
    WorkerRoot *root;
    WorkerExecutors *executors;
    Executor *executor;         /* of pool A */
    Config *config;
    Context contexts[64];
    unsigned count;             /* of them */
    unsigned ended;             /* executions */
} Fixture;

/* An execution, in the large place @place of its context */
typedef struct Task {
    Fixture *f;
    Context *context;
    Execution execution;
    WireQrequest queued;
    unsigned begun;             /* the fixture's `ended` then, plus 1 */
    unsigned done;              /* the same */
    ExecutionEnd end;
} Task;

/* --- What the executor says --- */

static Context *find(Executor *executor, uint64_t number)
{
    Fixture *f = executor->opaque;

    g_assert_cmpuint(number, >=, 1);
    g_assert_cmpuint(number, <=, f->count);
    return &f->contexts[number - 1];
}

static void slots_changed(Executor *executor)
{
    (void)executor;
}

static void place_changed(Executor *executor, uint64_t number, bool place)
{
    g_assert_false(find(executor, number)->gone);
    find(executor, number)->place = place;
}

static void place_refused(Executor *executor, uint64_t number,
                          uint32_t status)
{
    find(executor, number)->refused = status;
}

static void context_lost(Executor *executor, uint64_t number)
{
    g_assert_true(find(executor, number)->place);
    g_assert_false(find(executor, number)->lost);
    find(executor, number)->lost = true;
}

static void context_gone(Executor *executor, uint64_t number)
{
    g_assert_false(find(executor, number)->gone);
    find(executor, number)->gone = true;
}

static void wait_for(const bool *condition)
{
    while (!*condition) {
        g_main_context_iteration(NULL, TRUE);
    }
}

/* --- The fixture --- */

static void begin(Fixture *f, const char *text)
{
    static const char *const argv[] = {
        PROGRAMS "vgpu-starter", "--worker=" PROGRAMS "vgpu-worker", NULL,
        NULL,
    };
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    *f = (Fixture) { .count = 0 };
    f->root = worker_root_new(NULL, PROGRAMS "vgpu-worker", geteuid(),
                              getegid(), &error);
    g_assert_no_error(error);
    g_ptr_array_add(all, g_strdup(argv[0]));
    g_ptr_array_add(all, g_strdup(argv[1]));
    g_ptr_array_add(all, g_strdup_printf("--scratch=%s",
                                         worker_root_work(f->root)));
    g_ptr_array_add(all, NULL);
    f->starter = starter_new((const char *const *)all->pdata, &error);
    g_assert_no_error(error);
    f->launchers = launcher_host_new(NULL, "/bin/false", NULL);
    f->executors = worker_executors_new(f->starter, f->launchers, f->root,
                                        "build/kernels");
    f->executor = worker_executors_of(f->executors, POOL_A);
    f->executor->slots_changed = slots_changed;
    f->executor->place_changed = place_changed;
    f->executor->place_refused = place_refused;
    f->executor->context_lost = context_lost;
    f->executor->context_gone = context_gone;
    f->executor->opaque = f;
    f->config = config_parse(text, strlen(text), "test", &error);
    g_assert_no_error(error);
    f->executor->configure(f->executor, f->config);
}

static void end(Fixture *f)
{
    worker_executors_free(f->executors);
    launcher_host_free(f->launchers);
    starter_free(f->starter);
    worker_root_free(f->root);
    config_free(f->config);
    for (unsigned i = 0; i < f->count; i++) {
        arena_unref(f->contexts[i].arena);
    }
}

/* Of @vm; there is a place for it, or it was refused, when @settled. */
static Context *open_context(Fixture *f, const char *vm, bool settled)
{
    Context *context = &f->contexts[f->count++];

    g_assert_cmpuint(f->count, <=, G_N_ELEMENTS(f->contexts));
    context->number = f->count;
    context->arena = arena_new(SMALL, LARGE, NULL);
    g_assert_nonnull(context->arena);
    f->executor->open(f->executor, vm, context->number, context->arena);
    while (settled && !context->place && context->refused == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    return context;
}

static void close_context(Fixture *f, const char *vm, Context *context)
{
    f->executor->release(f->executor, vm, context->number);
    wait_for(&context->gone);
}

/* --- Executions --- */

static void begun(Execution *execution)
{
    Task *task = (Task *)((char *)execution - offsetof(Task, execution));

    g_assert_cmpuint(task->begun, ==, 0);
    task->begun = task->f->ended + 1;
}

static void done(Execution *execution, const ExecutionEnd *how)
{
    Task *task = (Task *)((char *)execution - offsetof(Task, execution));

    g_assert_cmpuint(task->done, ==, 0);
    task->done = ++task->f->ended;
    task->end = *how;
    if (how->response == NULL) {
        g_assert_cmpuint(how->length, <=, task->queued.response_capacity);
    }
}

/* Put a request into the place SMALL + @place, and have it executed. */
static void start(Fixture *f, Context *context, Task *task, unsigned place,
                  uint32_t opcode, const uint32_t *params, unsigned count,
                  const void *data, uint32_t length, uint32_t flags,
                  uint32_t bulk)
{
    const uint32_t size = sizeof(struct vgpu_stub_request) + 4 * count;
    const struct vgpu_stub_request header = {
        .version = GUINT32_TO_LE(VGPU_STUB_PROTOCOL_VERSION),
        .opcode = GUINT32_TO_LE(opcode),
        .param_count = GUINT32_TO_LE(count),
        .data_offset = GUINT32_TO_LE(length > 0 ? size : 0),
        .data_length = GUINT32_TO_LE(length),
    };
    uint8_t *request = arena_request(context->arena, SMALL + place);

    memcpy(request, &header, sizeof(header));
    if (count > 0) {
        memcpy(request + sizeof(header), params, 4 * count);
    }
    if (length > 0) {
        memcpy(request + size, data, length);
    }
    *task = (Task) {
        .f = f,
        .context = context,
        .queued = {
            .context = context->number,
            .place = SMALL + place,
            .request_length = size + length,
            .response_capacity = VGPU_STUB_ARENA_LARGE_RESPONSE,
            .bulk_length = bulk,
            .flags = flags,
        },
        .execution = {
            .vm = "vm", .context = context->number,
            .begun = begun, .done = done,
        },
    };
    task->execution.queued = &task->queued;
    g_assert_true(arena_check(context->arena, &task->queued, NULL));
    f->executor->start(f->executor, &task->execution);
}

static void wait_done(Task *task)
{
    while (task->done == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
}

/* Its status, as the response in the arena says it, too */
static uint32_t finish(Task *task)
{
    struct vgpu_stub_response response;

    wait_done(task);
    memcpy(&response, task->end.response != NULL
           ? task->end.response
           : arena_response(task->context->arena, task->queued.place),
           sizeof(response));
    if (task->end.response == NULL) {
        g_assert_cmphex(GUINT32_FROM_LE(response.status), ==,
                        task->end.status);
    }
    return task->end.status;
}

static uint32_t alloc(Fixture *f, Context *context, uint64_t size,
                      uint32_t handle[2])
{
    const uint32_t params[] = { size, size >> 32 };
    Task task;

    start(f, context, &task, 0, VGPU_STUB_OP_MEMORY_ALLOC, params, 2, NULL, 0,
          0, 0);
    if (finish(&task) == VGPU_STUB_ERR_NONE) {
        memcpy(handle, arena_response(context->arena, SMALL) +
               sizeof(struct vgpu_stub_response), 8);
    }
    return task.end.status;
}

static void start_copy(Fixture *f, Context *context, Task *task,
                       unsigned place, uint32_t direction, uint32_t length,
                       const uint32_t handle[2], const void *data)
{
    const uint32_t params[] = {
        direction, length, handle[0], handle[1], 0, 0,
    };
    const bool bulk = data == NULL;

    start(f, context, task, place, VGPU_STUB_OP_MEMORY_COPY, params, 6, data,
          bulk ? 0 : length,
          !bulk ? 0 : direction == VGPU_STUB_COPY_TO_DEVICE
          ? VGPU_STUB_SUBMIT_BULK_FROM_GUEST : VGPU_STUB_SUBMIT_BULK_TO_GUEST,
          bulk ? length : 0);
}

static void synchronize(Fixture *f, Context *context, Task *task,
                        unsigned place)
{
    start(f, context, task, place, VGPU_STUB_OP_SYNCHRONIZE, NULL, 0, NULL, 0,
          0, 0);
}

/* A kernel that does not end within any test's time, at @place */
static void start_endless(Fixture *f, Context *context, Task *task,
                          unsigned place)
{
    enum { N = 2048 };
    const uint32_t params[] = { 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 };
    struct {
        char name[VGPU_STUB_KERNEL_NAME_SIZE];
        struct vgpu_stub_kernel_arg arguments[8];
    } data = { .name = "sgemm" };
    uint32_t handle[2];

    g_assert_cmphex(alloc(f, context, 4 * N * N, handle), ==, 0);
    for (int i = 0; i < 8; i++) {
        data.arguments[i].type = i < 3 ? VGPU_STUB_ARG_BUFFER :
                                 i < 6 ? VGPU_STUB_ARG_U32 :
                                 VGPU_STUB_ARG_F32;
        data.arguments[i].value = i < 6 ? N : 0;
    }
    memcpy(&data.arguments[0].value, handle, 8);
    memcpy(&data.arguments[1].value, handle, 8);
    g_assert_cmphex(alloc(f, context, 4 * N * N, handle), ==, 0);
    memcpy(&data.arguments[2].value, handle, 8);
    start(f, context, task, place, VGPU_STUB_OP_KERNEL, params, 10, &data,
          sizeof(data), 0, 0);
}

static void find_pid(const WorkerReport *report, gpointer pid)
{
    if (report->state != WORKER_LEAVING && report->context != 0) {
        *(pid_t *)pid = report->pid;
    }
}

static void count_spares(const WorkerReport *report, gpointer count)
{
    *(unsigned *)count += report->state == WORKER_SPARE;
}

/* --- The tests --- */

static void test_bulk(void)
{
    Fixture f;
    Context *context;
    uint32_t handle[2];
    Task task;

    begin(&f, "");
    context = open_context(&f, "vm", true);
    g_assert_cmphex(alloc(&f, context, MIB, handle), ==, 0);
    for (unsigned i = 0; i < MIB; i++) {
        arena_bulk(context->arena, SMALL + 1)[i] = i * 7 + i / 256;
    }
    start_copy(&f, context, &task, 1, VGPU_STUB_COPY_TO_DEVICE, MIB, handle,
               NULL);
    g_assert_cmphex(finish(&task), ==, 0);
    g_assert_cmpuint(task.end.bulk_moved, ==, MIB);
    start_copy(&f, context, &task, 2, VGPU_STUB_COPY_FROM_DEVICE, MIB, handle,
               NULL);
    g_assert_cmphex(finish(&task), ==, 0);
    g_assert_cmpuint(task.end.bulk_moved, ==, MIB);
    g_assert_cmpuint(task.end.length, ==, sizeof(struct vgpu_stub_response));
    g_assert_cmpmem(arena_bulk(context->arena, SMALL + 1), MIB,
                    arena_bulk(context->arena, SMALL + 2), MIB);
    close_context(&f, "vm", context);
    end(&f);
}

static void test_large_requests(void)
{
    enum { SIZE = 65536 - 32 - 24 };
    g_autofree uint8_t *data = g_malloc(SIZE);
    Fixture f;
    Context *context;
    uint32_t handle[2];
    Task task;

    memset(data, 0x5a, SIZE);
    begin(&f, "");
    context = open_context(&f, "vm", true);
    g_assert_cmphex(alloc(&f, context, MIB, handle), ==, 0);
    start_copy(&f, context, &task, 0, VGPU_STUB_COPY_TO_DEVICE, SIZE, handle,
               data);
    g_assert_cmphex(finish(&task), ==, 0);
    {
        const uint32_t params[] = {
            VGPU_STUB_COPY_FROM_DEVICE, SIZE, handle[0], handle[1], 0, 0,
        };

        start(&f, context, &task, 0, VGPU_STUB_OP_MEMORY_COPY, params, 6,
              NULL, 0, 0, 0);
    }
    g_assert_cmphex(finish(&task), ==, 0);
    g_assert_cmpuint(task.end.length, ==, 32 + SIZE);
    g_assert_cmpmem(arena_response(context->arena, SMALL) + 32, SIZE, data,
                    SIZE);
    end(&f);
}

static void test_several_in_order(void)
{
    Fixture f;
    Context *context;
    Task tasks[LARGE];

    begin(&f, "");
    context = open_context(&f, "vm", true);
    for (int round = 0; round < 100; round++) {
        const unsigned before = f.ended;

        for (unsigned i = 0; i < LARGE; i++) {
            synchronize(&f, context, &tasks[i], i);
        }
        for (unsigned i = 0; i < LARGE; i++) {
            g_assert_cmphex(finish(&tasks[i]), ==, 0);
            g_assert_cmpuint(tasks[i].begun, ==, before + i + 1);
            g_assert_cmpuint(tasks[i].done, ==, before + i + 1);
        }
    }
    end(&f);
}

/* It harms nobody but its own program. */
static void test_garbage_in_the_arena(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    Fixture f;
    Context *context, *other;
    const uint8_t data[512] = { 0 };
    uint32_t handle[2];
    Task task, theirs;

    begin(&f, "");
    context = open_context(&f, "vm", true);
    other = open_context(&f, "other", true);
    g_assert_cmphex(alloc(&f, context, MIB, handle), ==, 0);
    for (int round = 0; round < 2000; round++) {
        uint8_t *request = arena_request(context->arena, SMALL);

        start_copy(&f, context, &task, 0, VGPU_STUB_COPY_TO_DEVICE,
                   sizeof(data), handle, data);
        for (int i = 0; i < 40; i++) {
            request[g_rand_int_range(random, 0, 64)] =
                g_rand_int_range(random, 0, 4);
        }
        wait_done(&task);
        g_assert_null(task.end.response);
    }
    synchronize(&f, other, &theirs, 0);
    g_assert_cmphex(finish(&theirs), ==, 0);
    g_assert_false(context->lost);
    end(&f);
}

/* What waits behind it had no part in it. */
static void test_a_kernel_is_stopped(void)
{
    Fixture f;
    Context *context;
    Task endless, waits[2];

    begin(&f, "");
    context = open_context(&f, "vm", true);
    start_endless(&f, context, &endless, 1);
    synchronize(&f, context, &waits[0], 2);
    synchronize(&f, context, &waits[1], 3);
    g_assert_cmpuint(endless.begun, >, 0);
    f.executor->stop(f.executor, &endless.execution);
    g_assert_cmphex(finish(&endless), ==, VGPU_STUB_ERR_BACKEND_ERROR);
    g_assert_true(endless.end.killed && endless.end.lost);
    for (int i = 0; i < 2; i++) {
        g_assert_cmphex(finish(&waits[i]), ==, VGPU_STUB_ERR_CONTEXT_LOST);
        g_assert_true(!waits[i].end.killed && !waits[i].end.broke &&
                      waits[i].end.lost);
        g_assert_cmpuint(waits[i].begun, ==, 0);
    }
    g_assert_true(context->lost);
    g_assert_false(context->gone);
    close_context(&f, "vm", context);
    end(&f);
}

static void test_a_worker_dies(void)
{
    Fixture f;
    Context *context;
    Task endless, waits;
    pid_t pid = 0;

    begin(&f, "");
    context = open_context(&f, "vm", true);
    start_endless(&f, context, &endless, 1);
    synchronize(&f, context, &waits, 2);
    f.executor->foreach(f.executor, find_pid, &pid);
    kill(pid, SIGKILL);
    g_assert_cmphex(finish(&endless), ==, VGPU_STUB_ERR_BACKEND_ERROR);
    g_assert_true(endless.end.broke && endless.end.lost);
    g_assert_cmphex(finish(&waits), ==, VGPU_STUB_ERR_CONTEXT_LOST);
    g_assert_true(!waits.end.broke && context->lost);
    close_context(&f, "vm", context);
    end(&f);
}

static void test_a_context_is_closed(void)
{
    Fixture f;
    Context *context;
    Task endless, waits;

    begin(&f, "");
    context = open_context(&f, "vm", true);
    start_endless(&f, context, &endless, 1);
    synchronize(&f, context, &waits, 2);
    f.executor->release(f.executor, "vm", context->number);
    g_assert_cmphex(finish(&endless), ==, VGPU_STUB_ERR_CANCELLED);
    g_assert_cmphex(finish(&waits), ==, VGPU_STUB_ERR_CANCELLED);
    g_assert_true(!endless.end.broke && !waits.end.killed);
    wait_for(&context->gone);
    g_assert_false(context->lost);
    end(&f);
}

/* One sum for all contexts of a VM, exact at its limit */
static void test_memory_of_several(void)
{
    enum { CONTEXTS = 4, PIECE = 64 * 1024, PIECES = 2 * MIB / PIECE };
    Fixture f;
    Context *contexts[CONTEXTS];
    Task tasks[CONTEXTS];
    uint32_t handle[2], params[2] = { PIECE, 0 };
    unsigned granted = 0;
    pid_t pid = 0;

    begin(&f, "[vm]\nmemory-mib=2\n");
    for (int i = 0; i < CONTEXTS; i++) {
        contexts[i] = open_context(&f, "vm", true);
    }
    for (int round = 0; round < PIECES; round++) {
        for (int i = 0; i < CONTEXTS; i++) {
            start(&f, contexts[i], &tasks[i], 0, VGPU_STUB_OP_MEMORY_ALLOC,
                  params, 2, NULL, 0, 0, 0);
        }
        for (int i = 0; i < CONTEXTS; i++) {
            const uint32_t status = finish(&tasks[i]);

            g_assert_true(status == VGPU_STUB_ERR_NONE ||
                          status == VGPU_STUB_ERR_OUT_OF_MEMORY);
            granted += status == VGPU_STUB_ERR_NONE;
        }
    }
    g_assert_cmpuint(granted, ==, PIECES);
    /* Another VM has its own. */
    g_assert_cmphex(alloc(&f, open_context(&f, "other", true), 2 * MIB,
                          handle), ==, 0);
    /* What a worker had is there again when that is gone: who asks waits. */
    f.executor->release(f.executor, "vm", contexts[0]->number);
    g_assert_cmphex(alloc(&f, contexts[1], PIECES / CONTEXTS * PIECE, handle),
                    ==, 0);
    g_assert_cmphex(alloc(&f, contexts[1], 1, handle), ==,
                    VGPU_STUB_ERR_OUT_OF_MEMORY);
    close_context(&f, "other", &f.contexts[CONTEXTS]);
    f.executor->foreach(f.executor, find_pid, &pid);
    kill(pid, SIGKILL);
    wait_for(&contexts[CONTEXTS - 1]->lost);
    g_assert_cmphex(alloc(&f, contexts[1], PIECES / CONTEXTS * PIECE, handle),
                    ==, 0);
    end(&f);
}

static void test_who_is_refused(void)
{
    Fixture f;
    Context *first, *second, *of_other;

    begin(&f, "[pool A]\nworkers=3\nspares=0\n[vm one]\ncontexts=2\n");
    f.executor->attach(f.executor, "one");
    f.executor->attach(f.executor, "other");
    first = open_context(&f, "one", true);
    second = open_context(&f, "one", true);
    g_assert_true(first->place && second->place);
    /* Its limit, and then that of the pool */
    g_assert_cmphex(open_context(&f, "one", true)->refused, ==,
                    VGPU_STUB_ERR_QUEUE_FULL);
    g_assert_cmphex(open_context(&f, "third", true)->refused, ==,
                    VGPU_STUB_ERR_QUEUE_FULL);
    /* Its place was kept. */
    of_other = open_context(&f, "other", true);
    g_assert_true(of_other->place);
    g_assert_cmphex(open_context(&f, "other", true)->refused, ==,
                    VGPU_STUB_ERR_QUEUE_FULL);
    /* It counts until it is gone. */
    f.executor->release(f.executor, "one", second->number);
    g_assert_cmphex(open_context(&f, "one", true)->refused, ==,
                    VGPU_STUB_ERR_QUEUE_FULL);
    wait_for(&second->gone);
    g_assert_true(open_context(&f, "one", true)->place);
    end(&f);
}

/* Who opens and closes without end has no more started than so many. */
static void test_starts_are_bounded(void)
{
    enum { ROUNDS = 40 };
    const gint64 began = g_get_monotonic_time();
    Fixture f;
    gint64 took;

    begin(&f, "[pool A]\nspares=0\n");
    for (int i = 0; i < ROUNDS; i++) {
        Context *context = open_context(&f, "vm", true);

        g_assert_true(context->place);
        close_context(&f, "vm", context);
    }
    took = g_get_monotonic_time() - began;
    g_assert_cmpuint(f.executor->counters.starts, ==, ROUNDS);
    g_assert_cmpint(took, >=, (ROUNDS - POOL_VM_STARTS_BURST - 1) *
                              G_TIME_SPAN_SECOND / POOL_VM_STARTS);
    end(&f);
}

static void wait_spare(Fixture *f)
{
    unsigned spares = 0;

    while (spares == 0) {
        g_main_context_iteration(NULL, TRUE);
        f->executor->foreach(f->executor, count_spares, &spares);
    }
}

static void test_spares(void)
{
    Fixture f;
    Context *context;
    unsigned spares = 0;
    Task task;

    begin(&f, "[pool A]\nspares=1\n");
    f.executor->attach(f.executor, "vm");
    wait_spare(&f);
    g_assert_cmpuint(f.executor->counters.starts, ==, 1);
    context = open_context(&f, "vm", false);
    g_assert_true(context->place);
    synchronize(&f, context, &task, 0);
    g_assert_cmphex(finish(&task), ==, 0);
    wait_spare(&f);
    g_assert_cmpuint(f.executor->counters.starts, ==, 2);
    close_context(&f, "vm", context);
    f.executor->vm_gone(f.executor, "vm");
    f.executor->foreach(f.executor, count_spares, &spares);
    g_assert_cmpuint(spares, ==, 0);
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_init();
    g_test_add_func("/executor/bulk", test_bulk);
    g_test_add_func("/executor/large-requests", test_large_requests);
    g_test_add_func("/executor/several-in-order", test_several_in_order);
    g_test_add_func("/executor/garbage-in-the-arena",
                    test_garbage_in_the_arena);
    g_test_add_func("/executor/a-kernel-is-stopped",
                    test_a_kernel_is_stopped);
    g_test_add_func("/executor/a-worker-dies", test_a_worker_dies);
    g_test_add_func("/executor/a-context-is-closed",
                    test_a_context_is_closed);
    g_test_add_func("/executor/memory-of-several", test_memory_of_several);
    g_test_add_func("/executor/who-is-refused", test_who_is_refused);
    g_test_add_func("/executor/starts-are-bounded",
                    test_starts_are_bounded);
    g_test_add_func("/executor/spares", test_spares);
    return g_test_run();
}
