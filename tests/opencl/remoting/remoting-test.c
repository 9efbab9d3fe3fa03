/*
 * remoting-test: what a session promises to those who put commands into it
 *
 * Prints TAP. The worker is a scripted one, which cuts batches, refuses, lies
 * and goes away; see scripted-transport.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../guest/tap.h"
#include "scripted-transport.h"
#include "session.h"
#include "vgpu-stub-opencl.h"

#define THREADS 4
#define TURNS 150
#define PRINTS 100000           /* at most, of all threads */

#define LOST (-5000)
#define FAULT (-5001)

/* A command, as the one who put it remembers it */
struct item {
    uint16_t opcode;
    uint64_t value;
    uint8_t bulk[64];
    uint8_t tail[40];
    atomic_int ends;            /* how often it has ended */
    bool faulty;
    bool is_lost;
};

static struct session *session;
static atomic_bool may_be_lost, may_be_garbled;
static atomic_uint wrong;       /* what was not as it should be */
static atomic_uint printed[PRINTS], prints;
static char partial[64];        /* of a line that is not whole yet */
static uint64_t last_number;    /* of what has ended, of one thread at a time */
static bool any_ended;

static void expect(bool good, const char *what)
{
    if (!good && atomic_fetch_add(&wrong, 1) < 5) {
        printf("# %s\n", what);
    }
}

/* Lines come in pieces, from one thread at a time. */
static void take_printed(const void *bytes, size_t length)
{
    const char *text = bytes;

    /* Time enough for one that does not wait for it */
    usleep(200);
    for (size_t i = 0; i < length; i++) {
        const size_t at = strlen(partial);

        if (text[i] == '\n') {
            const unsigned long value = strtoul(partial, NULL, 10);

            expect(may_be_garbled || value < PRINTS, "a line that nobody put");
            atomic_fetch_add(&printed[value % PRINTS], 1);
            memset(partial, 0, sizeof(partial));
        } else if (at < sizeof(partial) - 1) {
            partial[at] = text[i];
        }
    }
}

static const struct session_interface interface = {
    .operation = VGPU_STUB_OP_OPENCL,
    .nothing = SCRIPTED_NOTHING,
    .nothing_size = sizeof(struct scripted_command),
    .lost = LOST,
    .fault = FAULT,
    .print = take_printed,
};

static bool bytes_are(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void check_result(const struct item *item,
                         const struct remote_result *result)
{
    const int32_t status = item->faulty ? FAULT
                         : item->opcode == SCRIPTED_FAIL
                           ? -(int32_t)item->value : 0;

    expect(result->status == status, "another status");
    if (item->opcode == SCRIPTED_ECHO) {
        expect(result->length == sizeof(item->tail) &&
               memcmp(result->payload, item->tail, result->length) == 0,
               "another payload");
    } else {
        expect(result->length == 0, "a payload");
    }
    if (item->opcode == SCRIPTED_READ && !item->faulty) {
        expect(bytes_are(item->bulk, sizeof(item->bulk), item->value),
               "bulk was not read");
    }
}

static void ended(struct remote_command *command,
                  const struct remote_result *result)
{
    struct item *item = command->opaque;

    expect(!any_ended || command->number > last_number, "out of order");
    any_ended = true;
    last_number = command->number;
    if (result->status == LOST && may_be_lost) {
        item->is_lost = true;
    } else if (!may_be_garbled) {
        check_result(item, result);
    }
    atomic_fetch_add(&item->ends, 1);
    free(command);
}

static uint64_t put(struct item *item)
{
    const struct scripted_command body = { item->value };
    const bool bulk = item->opcode == SCRIPTED_WRITE ||
                      item->opcode == SCRIPTED_READ;
    struct remote_command *command;

    command = remote_command_new(item->opcode, 0, &body, sizeof(body),
                                 item->tail, item->opcode == SCRIPTED_ECHO
                                             ? sizeof(item->tail) : 0);
    command->done = ended;
    command->opaque = item;
    command->payload_max = item->opcode == SCRIPTED_ECHO
                           ? sizeof(item->tail) : 0;
    if (bulk) {
        command->bulk = item->faulty ? SCRIPTED_NO_MEMORY : item->bulk;
        command->bulk_length = sizeof(item->bulk);
        command->bulk_kind = item->opcode == SCRIPTED_WRITE
                             ? REMOTE_BULK_TO_DEVICE : REMOTE_BULK_FROM_DEVICE;
    }
    return session_put(session, command);
}

static void make_item(struct item *item, unsigned *seed)
{
    item->opcode = SCRIPTED_SILENT +
                   rand_r(seed) % (SCRIPTED_COMMANDS - SCRIPTED_SILENT);
    item->value = item->opcode == SCRIPTED_PRINT
                  ? atomic_fetch_add(&prints, 1) : 1 + (unsigned)rand_r(seed) % 200;
    item->faulty = (item->opcode == SCRIPTED_WRITE ||
                    item->opcode == SCRIPTED_READ) && rand_r(seed) % 20 == 0;
    memset(item->tail, rand_r(seed), sizeof(item->tail));
    memset(item->bulk, item->opcode == SCRIPTED_WRITE ? item->value : 0,
           sizeof(item->bulk));
}

static void check_items(const struct item *items, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        expect(items[i].ends == 1, "not ended, or twice");
        if (items[i].opcode == SCRIPTED_PRINT && !may_be_lost) {
            expect(printed[items[i].value] == 1, "not printed, or twice");
        }
    }
}

/* A thread of a program */
static void *use_session(void *opaque)
{
    unsigned seed = (uintptr_t)opaque;

    for (int turn = 0; turn < TURNS; turn++) {
        const unsigned count = 1 + rand_r(&seed) % 100;
        struct item *items = calloc(count, sizeof(*items));
        uint64_t number = 0;

        for (unsigned i = 0; i < count; i++) {
            make_item(&items[i], &seed);
            number = put(&items[i]);
            if (rand_r(&seed) % 8 == 0) {
                session_flush(session);
            }
        }
        session_wait(session, number);
        check_items(items, count);
        free(items);
    }
    return NULL;
}

static void begin(const struct script *script)
{
    static unsigned seed = 1;

    scripted_begin(script, seed++);
    any_ended = false;
    wrong = 0;
    prints = 0;
    memset(printed, 0, sizeof(printed));
    memset(partial, 0, sizeof(partial));
    if (session_open(0, &interface, &session) < 0) {
        printf("Bail out! session_open\n");
        exit(EXIT_FAILURE);
    }
}

static void run_threads(void)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, use_session, (void *)(i + 1));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void test_threads(const char *what, const struct script *script)
{
    begin(script);
    run_threads();
    tap_equal(wrong, 0, what);
    tap_ok(!session_lost(session), "… and the session is there");
    session_close(session);
}

static void test_lost(const char *what, const struct script *script,
                      const char *why)
{
    const char *said;

    may_be_lost = true;
    begin(script);
    run_threads();
    tap_equal(wrong, 0, what);
    said = session_lost(session);
    tap_ok(said && strstr(said, why), "… and says why");
    session_close(session);
    may_be_lost = false;
}

static void test_garbled(void)
{
    const struct script script = { .garbled = 20, .cut = 3 };

    may_be_lost = true;
    may_be_garbled = true;
    for (int i = 0; i < 5; i++) {
        begin(&script);
        run_threads();
        session_close(session);
    }
    tap_equal(wrong, 0, "whatever is answered, each command ends once");
    may_be_garbled = false;
    may_be_lost = false;
}

/* What nobody waits for ends all the same. */
static void test_nobody_waits(void)
{
    const struct script script = { .cut = 2 };
    struct item item = { .opcode = SCRIPTED_ECHO };

    begin(&script);
    put(&item);
    session_flush(session);
    while (item.ends == 0) {
        usleep(1000);
    }
    tap_equal(wrong, 0, "what nobody waits for ends");
    session_close(session);
}

/* How often the thread has gone to sleep; 0: it is no thread */
static unsigned long sleeps_of(const char *thread)
{
    char path[300], line[100];
    unsigned long sleeps = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
    status = atoi(thread) ? fopen(path, "r") : NULL;
    while (status && fgets(line, sizeof(line), status)) {
        sscanf(line, "voluntary_ctxt_switches: %lu", &sleeps);
    }
    if (status) {
        fclose(status);
    }
    return sleeps;
}

/* All but the first thread */
static unsigned long sleeps_of_others(void)
{
    unsigned long sleeps = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;

    while ((task = readdir(tasks))) {
        if (atoi(task->d_name) != getpid()) {
            sleeps += sleeps_of(task->d_name);
        }
    }
    closedir(tasks);
    return sleeps;
}

static bool rested;

/* It may be busy with what was before. */
static void wait_for_rest(void)
{
    for (int i = 0; i < 100 && !rested; i++) {
        const unsigned long before = sleeps_of_others();

        usleep(50 * 1000);
        rested = sleeps_of_others() == before;
    }
}

static void test_one_waits(void)
{
    const struct script script = { .before_answer = wait_for_rest };
    struct item item = { .opcode = SCRIPTED_SILENT };

    begin(&script);
    session_wait(session, put(&item));
    tap_ok(rested, "while one waits, nobody else looks after the session");
    tap_equal(wrong, 0, "… which ends what was waited for");
    session_close(session);
}

static void test_fork(void)
{
    const struct script script = { .cut = 2 };
    struct item item = { .opcode = SCRIPTED_SILENT };
    int status;
    pid_t child;

    begin(&script);
    session_wait(session, put(&item));
    session_fork_prepare(session);
    child = fork();
    if (child == 0) {
        struct item childs = { .opcode = SCRIPTED_SILENT };

        session_fork_child(session);
        may_be_lost = true;
        session_wait(session, put(&childs));
        _exit(!session_lost(session) || !childs.is_lost);
    }
    session_fork_parent(session);
    waitpid(child, &status, 0);
    tap_equal(status, 0, "a child's session is lost");
    item = (struct item) { .opcode = SCRIPTED_SILENT };
    session_wait(session, put(&item));
    tap_ok(wrong == 0 && !session_lost(session), "its parent's goes on");
    session_close(session);
}

/* One that no batch has room for must not be sent. */
static void test_large(void)
{
    static const uint8_t tail[REMOTE_COMMAND_MAX];
    const uint64_t body = 0;
    struct remote_command *command;

    tap_ok(!remote_command_new(SCRIPTED_ECHO, 0, &body, sizeof(body), tail,
                               sizeof(tail)) &&
           !remote_command_new(SCRIPTED_ECHO, 0, &body, sizeof(body), tail,
                               SIZE_MAX), "too large a command is not made");
    command = remote_command_new(SCRIPTED_ECHO, 0, &body, sizeof(body), tail,
                                 sizeof(tail) - sizeof(body));
    tap_ok(command != NULL, "the largest one is");
    free(command);
}

int main(void)
{
    const struct script good = { .cut = 0 };
    const struct script cut = { .cut = 2 };
    const struct script busy = {
        .refused = 4, .short_of_memory = 8, .interrupted = 4, .cut = 8,
    };
    const struct script gone = { .cut = 5, .gone_after = 40 };
    const struct script error = {
        .cut = 5, .error_after = 40, .error = "out of patience",
    };

    test_threads("a worker that does what it is asked", &good);
    test_threads("batches that are executed in part", &cut);
    test_threads("a transport without room, memory and peace", &busy);
    test_lost("a worker that goes away", &gone, "gone");
    test_lost("a request that ends with an error", &error, "out of patience");
    test_garbled();
    test_nobody_waits();
    test_one_waits();
    test_fork();
    test_large();
    return tap_done();
}
