/*
 * The contexts that there are: what programs of guests have on accelerators
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "contexts.h"

#include <string.h>

#include "protocol/log-limit.h"

const char *const context_state_names[CONTEXT_CLOSING + 1] = {
    [CONTEXT_OPENING] = "opening",
    [CONTEXT_SERVED] = "served",
    [CONTEXT_LOST] = "lost",
    [CONTEXT_REFUSED] = "refused",
    [CONTEXT_CLOSING] = "closing",
};

struct Contexts {
    Jobs *jobs;
    Arenas *arenas;
    uint64_t latest;            /* number */
    GHashTable *all;            /* Context, by their numbers */
    LogLimit *limit;
};

struct Context {
    Contexts *contexts;
    uint64_t number;
    Vm *vm;                     /* a queue's has a reference until it is closed */
    bool queued;                /* it is a queue's, which has what follows */
    char *name;                 /* the VM's */
    PoolId pool;
    Arena *arena;               /* or NULL */
    JobGroup group;
    const ContextHandlers *handlers;    /* NULL: nobody wants to hear */
    gpointer opaque;
    bool opened;                /* the executor knows it, until it is gone */
    bool served;
    bool closed;
};

static void tell_left_out(const char *vm, guint64 left_out)
{
    g_message("vm %s: %" G_GUINT64_FORMAT " more contexts were refused in "
              "%d s", vm, left_out, LOG_LIMIT_PERIOD_S);
}

Contexts *contexts_new(Jobs *jobs)
{
    Contexts *contexts = g_new0(Contexts, 1);

    contexts->jobs = jobs;
    contexts->arenas = arenas_new();
    contexts->all = g_hash_table_new(g_int64_hash, g_int64_equal);
    contexts->limit = log_limit_new(CONTEXTS_LINES_VM, CONTEXTS_LINES_ALL,
                                    tell_left_out);
    return contexts;
}

static Context *contexts_find(const Contexts *contexts, uint64_t number)
{
    return g_hash_table_lookup(contexts->all, &number);
}

static Context *contexts_add(Contexts *contexts, Vm *vm)
{
    Context *context = g_new0(Context, 1);

    context->contexts = contexts;
    context->number = ++contexts->latest;
    context->vm = vm;
    g_hash_table_insert(contexts->all, &context->number, context);
    return context;
}

/* Nobody uses its arena any more, if it has one. */
static void context_give_back(Context *context)
{
    if (context->arena != NULL) {
        arenas_give_back(context->contexts->arenas, context->name,
                         g_steal_pointer(&context->arena));
    }
}

static void context_free(Context *context)
{
    context_give_back(context);
    g_hash_table_remove(context->contexts->all, &context->number);
    g_free(context->name);
    g_free(context);
}

void contexts_free(Contexts *contexts)
{
    GHashTableIter iter;
    gpointer context;

    g_hash_table_iter_init(&iter, contexts->all);
    while (g_hash_table_iter_next(&iter, NULL, &context)) {
        context_free(context);
        g_hash_table_iter_init(&iter, contexts->all);
    }
    g_hash_table_unref(contexts->all);
    arenas_free(contexts->arenas);
    log_limit_free(contexts->limit);
    g_free(contexts);
}

void contexts_configure(Contexts *contexts, const Config *config)
{
    arenas_configure(contexts->arenas, config_queue(config));
}

static Executor *context_executor(const Context *context)
{
    return context->contexts->jobs->executors[context->pool];
}

/* --- How a queue's goes on --- */

/* It is closed, and nothing may be left of it. */
static void context_check_end(Context *context)
{
    const ContextHandlers *handlers = context->handlers;
    const gpointer opaque = context->opaque;

    if (!context->closed || context->opened ||
        !g_queue_is_empty(&context->group.jobs)) {
        return;
    }
    context_free(context);
    if (handlers != NULL) {
        handlers->closed(opaque);
    }
}

static void context_empty(JobGroup *group)
{
    context_check_end((Context *)((char *)group - offsetof(Context, group)));
}

static void context_serve(Context *context)
{
    if (!context->closed && !context->served) {
        context->served = true;
        context->handlers->served(context->opaque, context->arena);
    }
}

/* It ends with @status, unless it has already. */
static void context_refuse(Context *context, uint32_t status)
{
    if (context->closed || context->group.verdict != VGPU_STUB_ERR_NONE) {
        return;
    }
    job_group_end(&context->group, status);
    if (!context->served) {
        context_give_back(context);
    }
    context->handlers->refused(context->opaque, status);
}

/* --- What executors say --- */

static void contexts_slots_changed(Executor *executor)
{
    Jobs *jobs = ((Contexts *)executor->opaque)->jobs;

    scheduler_set_slots(jobs->scheduler, executor->pool, executor->slots);
    jobs->wake(jobs);
}

static void contexts_place_changed(Executor *executor, uint64_t number,
                                   bool place)
{
    Contexts *contexts = executor->opaque;
    Context *context = contexts_find(contexts, number);

    if (context == NULL || context->closed) {
        return;
    }
    scheduler_set_place(contexts->jobs->scheduler, context->vm,
                        executor->pool, number, place);
    contexts->jobs->wake(contexts->jobs);
    if (context->queued && place) {
        context_serve(context);
    }
}

static void contexts_place_refused(Executor *executor, uint64_t number,
                                   uint32_t status)
{
    Contexts *contexts = executor->opaque;
    Context *context = contexts_find(contexts, number);

    if (context == NULL) {
        return;
    }
    if (context->queued) {
        context_refuse(context, status);
        return;
    }
    scheduler_refuse(contexts->jobs->scheduler, context->vm, executor->pool,
                     number, status);
    contexts->jobs->wake(contexts->jobs);
}

static void contexts_lost(Executor *executor, uint64_t number)
{
    Contexts *contexts = executor->opaque;
    Context *context = contexts_find(contexts, number);

    /* A mailbox goes on with another worker. */
    if (context != NULL && context->queued) {
        context_refuse(context, VGPU_STUB_ERR_CONTEXT_LOST);
        contexts->jobs->wake(contexts->jobs);
    }
}

static void contexts_gone(Executor *executor, uint64_t number)
{
    Context *context = contexts_find(executor->opaque, number);

    /* Nobody waits for the end of a mailbox's. */
    if (context != NULL && context->queued) {
        context->opened = false;
        context_check_end(context);
    }
}

void contexts_take_executor(Contexts *contexts, Executor *executor)
{
    executor->slots_changed = contexts_slots_changed;
    executor->place_changed = contexts_place_changed;
    executor->place_refused = contexts_place_refused;
    executor->context_lost = contexts_lost;
    executor->context_gone = contexts_gone;
    executor->opaque = contexts;
}

/* --- A mailbox's --- */

void contexts_wish(const Contexts *contexts, const Wish *wish)
{
    const Context *context = contexts_find(contexts, wish->context);
    Executor *executor = contexts->jobs->executors[wish->pool];

    if (context != NULL && !context->queued) {
        executor->wish(executor, vm_name(wish->vm), wish->context,
                       wish->place);
    }
}

uint64_t contexts_begin(Contexts *contexts, Vm *vm)
{
    return contexts_add(contexts, vm)->number;
}

void contexts_end(Contexts *contexts, uint64_t number)
{
    Context *context = contexts_find(contexts, number);
    Vm *vm = context->vm;

    scheduler_context_end(contexts->jobs->scheduler, vm, number);
    context_free(context);
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Executor *executor = contexts->jobs->executors[pool];

        executor->release(executor, vm_name(vm), number);
    }
}

/* --- A queue's --- */

void contexts_attach(Contexts *contexts, const Vm *vm, PoolId pool)
{
    Executor *executor = contexts->jobs->executors[pool];

    executor->attach(executor, vm_name(vm));
    arenas_attach(contexts->arenas, vm_name(vm));
}

void contexts_detach(Contexts *contexts, const Vm *vm)
{
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Executor *executor = contexts->jobs->executors[pool];

        executor->vm_gone(executor, vm_name(vm));
    }
    arenas_detach(contexts->arenas, vm_name(vm));
}

/*
 * How many contexts of its VM have something in its pool: also those that have
 * lost their workers, which may have their arenas until they are closed.
 */
static unsigned context_siblings(const Context *context)
{
    GHashTableIter iter;
    unsigned count = 0;
    gpointer value;

    g_hash_table_iter_init(&iter, context->contexts->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Context *other = value;

        count += other->arena != NULL && other->pool == context->pool &&
                 strcmp(other->name, context->name) == 0;
    }
    return count;
}

/* Give it an arena; a VGPU_STUB_ERR_… when it is not to be served. */
static uint32_t context_prepare(Context *context)
{
    g_autoptr(GError) error = NULL;

    if (vm_quarantined(context->vm, g_get_monotonic_time())) {
        return VGPU_STUB_ERR_VM_QUARANTINED;
    }
    if (context_executor(context)->slots == 0) {
        return VGPU_STUB_ERR_INVALID_POOL;
    }
    if (context_siblings(context) +
        arenas_held(context->contexts->arenas, context->name) >=
        vm_limits(context->vm)->contexts) {
        return VGPU_STUB_ERR_QUEUE_FULL;
    }
    context->arena = arenas_take(context->contexts->arenas, context->name,
                                 &error);
    if (context->arena != NULL) {
        return VGPU_STUB_ERR_NONE;
    }
    if (log_limit_admit(context->contexts->limit, context->name)) {
        g_warning("vm %s: a context is refused: %s", context->name,
                  error->message);
    }
    return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC)
           ? VGPU_STUB_ERR_QUEUE_FULL : VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE;
}

Context *contexts_open(Contexts *contexts, Vm *vm, PoolId pool,
                       const ContextHandlers *handlers, gpointer opaque)
{
    Context *context = contexts_add(contexts, vm_ref(vm));
    Executor *executor = contexts->jobs->executors[pool];
    uint32_t status;

    context->queued = true;
    context->name = g_strdup(vm_name(vm));
    context->pool = pool;
    context->group.empty = context_empty;
    context->handlers = handlers;
    context->opaque = opaque;
    status = context_prepare(context);
    if (status != VGPU_STUB_ERR_NONE) {
        context_refuse(context, status);
        return context;
    }
    context->opened = true;
    executor->open(executor, context->name, context->number, context->arena);
    return context;
}

void context_add(Context *context, uint8_t priority, Request *request)
{
    const Task task = {
        .vm = context->vm,
        .pool = context->pool,
        .context = context->number,
        .order = request_queued(request)->order,
        .priority = MIN(priority, vm_limits(context->vm)->priority),
        .patient = true,
    };

    jobs_add_queued(context->contexts->jobs, &task, &context->group, request);
}

void context_close(Context *context)
{
    Contexts *contexts = context->contexts;
    Executor *executor = context_executor(context);

    job_group_end(&context->group, VGPU_STUB_ERR_CANCELLED);
    context->closed = true;
    scheduler_context_end(contexts->jobs->scheduler, context->vm,
                          context->number);
    g_clear_pointer(&context->vm, vm_unref);
    contexts->jobs->wake(contexts->jobs);
    if (context->opened) {
        executor->release(executor, context->name, context->number);
    } else {
        context_check_end(context);
    }
}

void context_abandon(Context *context)
{
    context->handlers = NULL;
    if (!context->closed) {
        context_close(context);
    }
}

/* --- To look at --- */

static ContextState context_state(const Context *context)
{
    if (context->closed) {
        return CONTEXT_CLOSING;
    }
    if (context->group.verdict != VGPU_STUB_ERR_NONE) {
        return context->served ? CONTEXT_LOST : CONTEXT_REFUSED;
    }
    return context->served ? CONTEXT_SERVED : CONTEXT_OPENING;
}

void contexts_foreach(const Contexts *contexts, ContextVisitor visitor,
                      gpointer opaque)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, contexts->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Context *context = value;
        const ContextReport report = {
            .number = context->number,
            .vm = context->name,
            .pool = context->pool,
            .state = context_state(context),
            .requests = g_queue_get_length((GQueue *)&context->group.jobs),
            .arena = context->arena != NULL ? arena_bytes(context->arena) : 0,
        };

        if (context->queued) {
            visitor(&report, opaque);
        }
    }
}

uint64_t contexts_arena_bytes(const Contexts *contexts)
{
    return arenas_bytes(contexts->arenas);
}
