/*
 * Contexts of queues, with an executor that does what the test says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/dispatch.h"

#include <string.h>

#include "log.h"

#define CONTEXTS 40
#define PLACES 8
#define STEPS 20000

/* The VM whose contexts they are */
static const Identity seven = {
    .vm = (char *)"7", .has_domid = true, .domid = 7,
};

typedef struct Fixture Fixture;

/* A request, which is in the place of its number */
typedef struct Asked {
    Request *request;           /* until it is answered or abandoned */
    Execution *execution;       /* while it is executed */
    uint32_t status;            /* of the latest answer */
    unsigned answers;           /* that are missing: 0 or 1 */
} Asked;

typedef struct Program {
    Fixture *f;
    Context *context;           /* NULL: it has none */
    uint64_t number;            /* the executor's; 0: it has not opened it */
    Arena *arena;               /* once it is served */
    uint32_t refused;           /* with a VGPU_STUB_ERR_… */
    bool closing;
    bool abandoned;
    bool released;              /* the executor has heard that … */
    bool lost;                  /* … or said so */
    Asked asked[PLACES];
    GQueue executions;          /* Execution, as they were started */
    uint64_t sequence;          /* of the latest that was started */
} Program;

struct Fixture {
    Executor executors[POOLS];
    Vms *vms;
    Dispatch *dispatch;
    Vm *vm;
    Program programs[CONTEXTS];
    Program *opening;           /* while it is announced */
    uint64_t sequence;
    unsigned answered;
};

/* --- The executor --- */

static Program *find(Fixture *f, uint64_t number)
{
    for (unsigned i = 0; i < CONTEXTS; i++) {
        if (f->programs[i].number == number) {
            return &f->programs[i];
        }
    }
    g_assert_not_reached();
}

static Fixture *fixture_of(Executor *executor)
{
    return (Fixture *)((char *)(executor - executor->pool) -
                       offsetof(Fixture, executors));
}

static void open_context(Executor *executor, const char *vm, uint64_t number,
                         Arena *arena)
{
    Program *program = fixture_of(executor)->opening;

    g_assert_cmpstr(vm, ==, "7");
    g_assert_cmpuint(program->number, ==, 0);
    g_assert_nonnull(arena);
    program->number = number;
}

static void start(Executor *executor, Execution *execution)
{
    Program *program = find(fixture_of(executor), execution->context);
    const WireQrequest *queued = execution->queued;
    Asked *asked = &program->asked[queued->place];

    g_assert_true(!program->released && !program->lost);
    g_assert_null(asked->execution);
    /* As they came, or those that were answered unstarted were between. */
    g_assert_cmpuint(execution->request_id, >, program->sequence);
    program->sequence = execution->request_id;
    asked->execution = execution;
    g_queue_push_tail(&program->executions, execution);
}

static void stop(Executor *executor G_GNUC_UNUSED,
                 Execution *execution G_GNUC_UNUSED)
{
}

/* The program's first execution ends. */
static void end_first(Program *program, uint32_t status)
{
    Execution *execution = g_queue_pop_head(&program->executions);
    const ExecutionEnd end = {
        .status = status, .length = sizeof(struct vgpu_stub_response),
    };

    program->asked[execution->queued->place].execution = NULL;
    if (execution->begun != NULL) {
        execution->begun(execution);
    }
    execution->done(execution, &end);
}

static void end_all(Program *program, uint32_t status)
{
    while (!g_queue_is_empty(&program->executions)) {
        end_first(program, status);
    }
}

static void release(Executor *executor, const char *vm, uint64_t number)
{
    Program *program = find(fixture_of(executor), number);

    g_assert_cmpstr(vm, ==, "7");
    g_assert_false(program->released);
    program->released = true;
}

static void gone(Program *program)
{
    Executor *executor = &program->f->executors[POOL_A];
    const uint64_t number = program->number;

    end_all(program, VGPU_STUB_ERR_CANCELLED);
    program->number = 0;
    program->released = program->lost = false;
    if (program->abandoned) {
        program->abandoned = false;
        program->context = NULL;
    }
    executor->context_gone(executor, number);
}

static void no_vm(Executor *executor G_GNUC_UNUSED,
                  const char *vm G_GNUC_UNUSED)
{
}

static void configure(Executor *executor, const Config *config G_GNUC_UNUSED)
{
    executor->slots_changed(executor);
}

/* --- Whose contexts they are --- */

static void served(gpointer opaque, Arena *arena)
{
    Program *program = opaque;

    g_assert_true(program->arena == NULL && program->refused == 0);
    g_assert_false(program->closing);
    program->arena = arena;
}

static void refused(gpointer opaque, uint32_t status)
{
    Program *program = opaque;

    g_assert_cmphex(program->refused, ==, VGPU_STUB_ERR_NONE);
    g_assert_false(program->closing);
    program->refused = status;
}

static void program_reset(Program *program)
{
    program->context = NULL;
    program->arena = NULL;
    program->refused = VGPU_STUB_ERR_NONE;
    program->closing = false;
    program->sequence = 0;
}

static void closed(gpointer opaque)
{
    Program *program = opaque;

    g_assert_true(program->closing && program->number == 0);
    for (unsigned i = 0; i < PLACES; i++) {
        g_assert_cmpuint(program->asked[i].answers, ==, 0);
    }
    program_reset(program);
}

static void answer(gpointer opaque, const WireHeader *header, uint32_t status,
                   const void *payload G_GNUC_UNUSED, size_t length)
{
    Program *program = opaque;
    Asked *asked = &program->asked[header->sequence % PLACES];

    g_assert_cmpuint(asked->answers, ==, 1);
    g_assert_cmpuint(length, ==, sizeof(struct vgpu_stub_wire_qresponse));
    asked->answers = 0;
    asked->request = NULL;
    asked->status = status;
    program->f->answered++;
}

static void program_open(Program *program)
{
    static const ContextHandlers handlers = { served, refused, closed };
    Fixture *f = program->f;
    Context *context;

    f->opening = program;
    context = dispatch_context_open(f->dispatch, f->vm, VGPU_STUB_POOL_A,
                                    &handlers, program);
    program->context = context;
    f->opening = NULL;
}

/* A request in the place, which is free, for the worker or for the mediator */
static void ask(Program *program, unsigned place, uint32_t opcode)
{
    Fixture *f = program->f;
    const struct vgpu_stub_request bytes = {
        .version = GUINT32_TO_LE(VGPU_STUB_PROTOCOL_VERSION),
        .opcode = GUINT32_TO_LE(opcode),
    };
    const WireQrequest queued = {
        .place = place,
        .request_length = sizeof(bytes),
        .response_capacity = 4096,
    };
    const WireHeader header = {
        .sequence = place, .request_id = ++f->sequence,
    };
    Asked *asked = &program->asked[place];

    memcpy(arena_request(program->arena, place), &bytes, sizeof(bytes));
    g_assert_cmpuint(asked->answers, ==, 0);
    asked->answers = 1;
    asked->request = request_new_queued(&header, program->arena, &queued,
                                        answer, program);
    context_add(program->context, VGPU_STUB_PRIORITY_MEDIUM, asked->request);
}

static void program_close(Program *program)
{
    program->closing = true;
    context_close(program->context);
}

/* As at the end of a connection */
static void program_abandon(Program *program)
{
    Context *context = program->context;

    for (unsigned i = 0; i < PLACES; i++) {
        Asked *asked = &program->asked[i];

        asked->answers = 0;
        if (asked->request != NULL) {
            request_abandon(g_steal_pointer(&asked->request));
        }
    }
    program_reset(program);
    program->abandoned = program->number != 0;
    context_abandon(context);
}

/* --- The tests --- */

static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char text[] = "[vm]\ncontexts=" G_STRINGIFY(CONTEXTS) "\n";
    Config *config = config_parse(text, strlen(text), "test", NULL);
    Executor *executors[POOLS];

    g_assert_nonnull(config);
    memset(f, 0, sizeof(*f));
    for (PoolId pool = 0; pool < POOLS; pool++) {
        f->executors[pool] = (Executor) {
            .pool = pool, .slots = 1, .configure = configure,
            .attach = no_vm, .vm_gone = no_vm, .open = open_context,
            .start = start, .stop = stop, .release = release,
        };
        executors[pool] = &f->executors[pool];
    }
    for (unsigned i = 0; i < CONTEXTS; i++) {
        f->programs[i].f = f;
    }
    f->vms = vms_new();
    f->dispatch = dispatch_new(f->vms, executors, config);
    f->vm = vms_device_there(f->vms, &seven);
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    vm_device_gone(f->vm, &seven);
    vms_free(f->vms);
    dispatch_free(f->dispatch);
}

static void place(Program *program)
{
    Executor *executor = &program->f->executors[POOL_A];

    executor->place_changed(executor, program->number, true);
}

static void lose(Program *program)
{
    Executor *executor = &program->f->executors[POOL_A];

    program->lost = true;
    executor->context_lost(executor, program->number);
}

static void test_one(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Program *program = &f->programs[0];

    program_open(program);
    g_assert_null(program->arena);
    place(program);
    g_assert_nonnull(program->arena);
    ask(program, 0, VGPU_STUB_OP_SYNCHRONIZE);
    ask(program, 1, VGPU_STUB_OP_NOP);
    settle();
    g_assert_nonnull(program->asked[0].execution);
    /* What the mediator executes waits for it. */
    g_assert_cmpuint(f->answered, ==, 0);
    end_all(program, VGPU_STUB_ERR_NONE);
    settle();
    g_assert_cmpuint(f->answered, ==, 2);
    program_close(program);
    g_assert_true(program->released && program->closing);
    gone(program);
    g_assert_null(program->context);
}

static void test_lost(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Program *program = &f->programs[0];

    program_open(program);
    place(program);
    ask(program, 0, VGPU_STUB_OP_SYNCHRONIZE);
    settle();
    ask(program, 1, VGPU_STUB_OP_NOP);
    lose(program);
    g_assert_cmphex(program->refused, ==, VGPU_STUB_ERR_CONTEXT_LOST);
    g_assert_cmphex(program->asked[1].status, ==, VGPU_STUB_ERR_CONTEXT_LOST);
    ask(program, 2, VGPU_STUB_OP_NOP);
    g_assert_cmphex(program->asked[2].status, ==, VGPU_STUB_ERR_CONTEXT_LOST);
    end_all(program, VGPU_STUB_ERR_BACKEND_ERROR);
    g_assert_cmphex(program->asked[0].status, ==,
                    VGPU_STUB_ERR_BACKEND_ERROR);
    program_close(program);
    gone(program);
    g_assert_null(program->context);
}

/* The worker is gone before its executions are done. */
static void test_closed_comes_last(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Program *program = &f->programs[0];
    Executor *executor = &f->executors[POOL_A];
    uint64_t number;

    program_open(program);
    place(program);
    ask(program, 0, VGPU_STUB_OP_SYNCHRONIZE);
    settle();
    program_close(program);
    number = program->number;
    program->number = 0;
    executor->context_gone(executor, number);
    g_assert_true(program->closing);
    end_all(program, VGPU_STUB_ERR_CANCELLED);
    g_assert_null(program->context);
    program->released = false;
}

static void test_refused(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Program *program = &f->programs[0];
    Executor *executor = &f->executors[POOL_A];

    program_open(program);
    executor->place_refused(executor, program->number,
                            VGPU_STUB_ERR_QUEUE_FULL);
    g_assert_cmphex(program->refused, ==, VGPU_STUB_ERR_QUEUE_FULL);
    program_close(program);
    gone(program);
    g_assert_null(program->context);
}

static void step(Fixture *f, GRand *random)
{
    Program *program = &f->programs[g_rand_int_range(random, 0, CONTEXTS)];
    const unsigned number = g_rand_int_range(random, 0, PLACES);
    Asked *asked = &program->asked[number];
    const bool open = program->context != NULL && !program->closing &&
                      !program->abandoned;

    switch (g_rand_int_range(random, 0, 12)) {
    case 0:
        if (program->context == NULL && program->number == 0) {
            program_open(program);
        }
        break;
    case 1:
        if (open && program->number != 0 && program->arena == NULL) {
            place(program);
        }
        break;
    case 2: case 3: case 4:
        if (open && program->arena != NULL && asked->answers == 0 &&
            asked->execution == NULL) {
            ask(program, number, g_rand_boolean(random)
                ? VGPU_STUB_OP_NOP : VGPU_STUB_OP_SYNCHRONIZE);
        }
        break;
    case 5:
        if (asked->request != NULL) {
            request_cancel(asked->request);
        }
        break;
    case 6: case 7:
        if (!g_queue_is_empty(&program->executions)) {
            end_first(program, VGPU_STUB_ERR_NONE);
        }
        break;
    case 8:
        if (open && g_rand_int_range(random, 0, 4) == 0) {
            program_close(program);
        }
        break;
    case 9:
        if (open && g_rand_int_range(random, 0, 8) == 0) {
            program_abandon(program);
        }
        break;
    case 10:
        if (open && program->arena != NULL && !program->lost &&
            g_rand_int_range(random, 0, 8) == 0) {
            lose(program);
        } else if (program->released) {
            gone(program);
        }
        break;
    case 11:
        settle();
        break;
    }
}

/* Whatever happens in whatever order, each request and context ends once. */
static void test_anything(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);

    for (unsigned i = 0; i < STEPS; i++) {
        step(f, random);
    }
    for (unsigned i = 0; i < CONTEXTS; i++) {
        Program *program = &f->programs[i];

        if (program->context != NULL && !program->closing) {
            program_close(program);
        }
        if (program->released) {
            gone(program);
        }
        g_assert_null(program->context);
    }
    settle();
    g_assert_cmpuint(f->answered, >, STEPS / 20);
    g_assert_cmpuint(dispatch_report(f->dispatch).contexts, ==, 0);
    g_assert_cmpuint(dispatch_report(f->dispatch).arena_bytes, ==, 0);
}

#define ADD(name, function) \
    g_test_add("/contexts/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_init();
    ADD("one", test_one);
    ADD("lost", test_lost);
    ADD("closed-comes-last", test_closed_comes_last);
    ADD("refused", test_refused);
    ADD("anything", test_anything);
    return g_test_run();
}
