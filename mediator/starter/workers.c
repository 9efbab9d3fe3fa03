/*
 * The workers: how they start and how they end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "workers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "launchers.h"
#include "rights.h"
#include "scratch.h"

typedef enum State {
    FREE,
    RUNNING,
    ENDING,                     /* killed; some of it may still live */
    CLEANING,                   /* nothing of it lives; its folder goes */
    UNUSABLE,                   /* its folder cannot be removed */
} State;

/* A place for a worker; its number is its index */
typedef struct Place {
    State state;
    bool told;                  /* of the end; true where nobody waits for it */
    uint32_t id;
    pid_t pid;                  /* worker or remover; 0 once it is reaped */
    int status;                 /* of the worker, as wait() has it */
    int lock;                   /* 0: none, or it is not shared */
    unsigned looks;             /* at a launcher that was told to end */
} Place;

static struct {
    WorkersOptions options;
    WorkersTell tell;
    Place *places;
    unsigned count;
    unsigned taken;
    unsigned next;              /* where to look for a free place */
} workers;

static bool own_uids(void)
{
    return workers.options.first_uid != 0;
}

static bool launch(void)
{
    return workers.options.program == NULL;
}

static unsigned number_of(const Place *place)
{
    return place - workers.places;
}

/* 0 when it is the starter's */
static uid_t uid_of(const Place *place)
{
    return own_uids() ? workers.options.first_uid + number_of(place) : 0;
}

static Place *find_id(uint32_t id)
{
    for (unsigned i = 0; i < workers.count; i++) {
        Place *place = &workers.places[i];

        if (!place->told && place->id == id) {
            return place;
        }
    }
    return NULL;
}

static Place *find_pid(pid_t pid)
{
    for (unsigned i = 0; i < workers.count; i++) {
        if (workers.places[i].pid == pid) {
            return &workers.places[i];
        }
    }
    return NULL;
}

/* --- Whom it is about --- */

/* Whether any process has @uid */
static bool uid_lives(uid_t uid)
{
    errno = 0;
    return getpriority(PRIO_USER, uid) != -1 || errno != ESRCH;
}

/* The parent of the process whose folder in /proc is called @name, or 0 */
static pid_t parent_of(const char *name)
{
    char path[64], text[512];
    FILE *file;
    char *after;
    size_t size;
    int parent = 0;

    snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    fclose(file);
    /* The name of its program is in brackets, and may have any. */
    after = strrchr(text, ')');
    if (after == NULL || sscanf(after, ") %*c %d", &parent) != 1) {
        return 0;
    }
    return parent;
}

/*
 * Kill the children that are none of ours: they became it when their parents
 * ended. Returns whether there was one.
 */
static bool kill_strays(void)
{
    DIR *stream = opendir("/proc");
    struct dirent *entry;
    bool found = false;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            parent_of(entry->d_name) == getpid()) {
            const pid_t pid = atoi(entry->d_name);

            if (find_pid(pid) == NULL) {
                kill(pid, SIGKILL);
                found = true;
            }
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return found;
}

/* What ends @place: a launcher may do something about it first. */
static int signal_for(Place *place)
{
    return launch() &&
           place->looks++ * WORKERS_LOOK_MS < LAUNCHER_GRACE_MS ? SIGTERM
                                                                : SIGKILL;
}

/* Kill what there is of it. Returns whether there may be anything left. */
static bool kill_place(Place *place)
{
    const int number = place->pid != 0 ? signal_for(place) : SIGKILL;

    if (place->pid != 0) {
        /* It may have neither its uid nor its group yet. */
        kill(place->pid, number);
    }
    if (own_uids()) {
        if (!uid_lives(uid_of(place))) {
            return false;
        }
        rights_kill_all(workers.options.last_uid, uid_of(place));
        return true;
    }
    if (place->pid != 0) {
        kill(-place->pid, number);
        return true;
    }
    return kill_strays();
}

/* --- From one state to the next --- */

/* Others may have it. */
static void place_give_back(Place *place)
{
    if (place->lock > 0) {
        close(place->lock);
        place->lock = 0;
    }
}

static void place_free(Place *place)
{
    place_give_back(place);
    *place = (Place) { .told = true };
    workers.taken--;
}

static void place_clean(Place *place)
{
    pid_t pid = child_start_remover(number_of(place), uid_of(place));

    if (pid > 0) {
        place->state = CLEANING;
        place->pid = pid;
    }
}

static void place_cleaned(Place *place)
{
    if (scratch_remove(number_of(place))) {
        place_free(place);
        return;
    }
    fprintf(stderr, "vgpu-starter: folder %u of a worker cannot be removed: "
            "%s; it is not used again\n", number_of(place), strerror(errno));
    place->state = UNUSABLE;
    workers.taken--;
}

/*
 * Go on with its end; @again when what was killed had some time to go. Returns
 * whether that takes more.
 */
static bool place_end(Place *place, bool again)
{
    if (place->pid != 0) {
        if (place->state == ENDING && again) {
            kill_place(place);
        }
        return true;
    }
    if (kill_place(place)) {
        return true;
    }
    if (!place->told) {
        place->told = true;
        workers.tell(STARTER_GONE, place->id, place->status, 0);
    }
    if (launch()) {
        place_free(place);
        return false;
    }
    place_clean(place);
    return true;
}

/* Its process has ended, but is not reaped yet. */
static void place_ended(Place *place, int status)
{
    if (place->state == CLEANING) {
        place->pid = 0;
        place_cleaned(place);
        return;
    }
    if (!own_uids()) {
        /* Once it is reaped, its number may be another group's. */
        kill(-place->pid, SIGKILL);
    }
    place->pid = 0;
    place->status = status;
    place->state = ENDING;
}

/* What wait() would have said */
static int wait_status(const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_EXITED:
        return W_EXITCODE(info->si_status, 0);
    case CLD_DUMPED:
        return W_EXITCODE(0, info->si_status) | WCOREFLAG;
    default:
        return W_EXITCODE(0, info->si_status);
    }
}

/* Is there anything of a worker of an earlier starter? */
static bool is_left(const Place *place)
{
    return (own_uids() && uid_lives(uid_of(place))) ||
           (!launch() && scratch_exists(number_of(place)));
}

/* --- The interface --- */

bool workers_init(const WorkersOptions *options, WorkersTell tell)
{
    workers.options = *options;
    workers.tell = tell;
    workers.count = own_uids() ? options->last_uid - options->first_uid
                               : WORKERS_MAX_SHARED;
    workers.places = calloc(workers.count, sizeof(Place));
    if (workers.places == NULL) {
        return false;
    }
    for (unsigned i = 0; i < workers.count; i++) {
        Place *place = &workers.places[i];

        place->told = true;
        if (!options->shared && is_left(place)) {
            place->state = ENDING;
            workers.taken++;
        }
    }
    return true;
}

bool workers_have(uint32_t id)
{
    return find_id(id) != NULL;
}

/*
 * Take a place that is free, if others may have it, too. What is left in there has
 * to end first.
 */
static bool place_take(Place *place)
{
    int lock;

    if (!workers.options.shared) {
        return true;
    }
    lock = scratch_lock(number_of(place));
    if (lock < 0) {
        return false;
    }
    place->lock = lock;
    if (is_left(place)) {
        place->state = ENDING;
        workers.taken++;
        return false;
    }
    return true;
}

/* Not the one that was free last, as long as there are others */
static Place *find_free(void)
{
    for (unsigned i = 0; i < workers.count; i++) {
        Place *place = &workers.places[workers.next++ % workers.count];

        if (place->state == FREE && place_take(place)) {
            return place;
        }
    }
    return NULL;
}

/* Returns the pid, or -1 with errno and *@step set. */
static pid_t start_launcher(const char *const *arguments, const int *fds,
                            StarterStep *step)
{
    LauncherCommand command;

    *step = STARTER_STEP_LAUNCHER;
    if (!launchers_command(workers.options.config, arguments, &command)) {
        errno = EPERM;
        return -1;
    }
    *step = STARTER_STEP_FORK;
    return child_start_launcher(command.argv, fds);
}

/* The same, of a worker in @place */
static pid_t start_worker(const Place *place, const char *const *arguments,
                          const int *fds, StarterStep *step)
{
    pid_t pid = -1;

    *step = STARTER_STEP_SCRATCH;
    if (scratch_make(number_of(place), uid_of(place))) {
        *step = STARTER_STEP_FORK;
        pid = child_start_worker(&workers.options, number_of(place),
                                 uid_of(place), arguments, fds);
    }
    if (pid < 0) {
        const int code = errno;

        scratch_remove(number_of(place));
        errno = code;
    }
    return pid;
}

void workers_start(uint32_t id, const char **arguments, const int *fds)
{
    Place *place = find_free();
    StarterStep step;
    pid_t pid;

    if (place == NULL) {
        workers.tell(STARTER_FAILED, id, EAGAIN, STARTER_STEP_UID);
        return;
    }
    arguments[0] = workers.options.program;
    pid = launch() ? start_launcher(arguments + 1, fds, &step)
                   : start_worker(place, arguments, fds, &step);
    if (pid < 0) {
        workers.tell(STARTER_FAILED, id, errno, step);
        place_give_back(place);
        return;
    }
    *place = (Place) {
        .state = RUNNING, .id = id, .pid = pid, .lock = place->lock,
    };
    workers.taken++;
    workers.tell(STARTER_STARTED, id, pid, own_uids() ? uid_of(place)
                                                      : geteuid());
}

static void place_kill(Place *place)
{
    if (place->state == RUNNING) {
        place->state = ENDING;
        kill_place(place);
    }
}

void workers_kill(uint32_t id)
{
    Place *place = find_id(id);

    if (place != NULL) {
        place_kill(place);
    }
}

void workers_kill_all(void)
{
    for (unsigned i = 0; i < workers.count; i++) {
        place_kill(&workers.places[i]);
    }
}

unsigned workers_look(bool again)
{
    siginfo_t info = { 0 };
    unsigned ending = 0;

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0) {
        Place *place = find_pid(info.si_pid);

        if (place != NULL) {
            place_ended(place, wait_status(&info));
        }
        waitpid(info.si_pid, NULL, 0);
        info.si_pid = 0;
    }
    for (unsigned i = 0; i < workers.count; i++) {
        Place *place = &workers.places[i];

        if (place->state == ENDING || place->state == CLEANING) {
            ending += place_end(place, again);
        }
    }
    return ending;
}

unsigned workers_count(void)
{
    return workers.taken;
}
