/*
 * vgpu-mediatord: answers the requests of vgpu-stub devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <gio/gio.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "executors/worker-executor.h"
#include "links/link.h"
#include "log.h"
#include "operate/admin.h"
#include "operate/answer-socket.h"
#include "operate/metrics.h"
#include "operate/notify.h"
#include "operate/rrdd-file.h"
#include "options.h"
#include "privileges.h"

#define NAME "vgpu-mediatord"

#define EXIT_USAGE 2

/* A link to each of @paths; NULL and @error set when one cannot be. */
static GPtrArray *connect_all(char **paths, Vms *vms, Dispatch *dispatch,
                              GError **error)
{
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(
        (GDestroyNotify)link_free);

    for (char **path = paths; path != NULL && *path != NULL; path++) {
        Link *link = link_new(*path, true, vms, dispatch, error);

        if (link == NULL) {
            return NULL;
        }
        g_ptr_array_add(links, link);
    }
    return g_steal_pointer(&links);
}

/* As many descriptors as are allowed: every device takes one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * Whatever has a uid of the range is taken for a worker's and ended: it must not
 * be anybody's.
 */
static bool check_uids(const UidRange *uids, GError **error)
{
    const struct passwd *user;

    setpwent();
    while ((user = getpwent()) != NULL) {
        if (user->pw_uid >= uids->first && user->pw_uid <= uids->last) {
            g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                        "[workers] uids=%u-%u: %u is the user %s's",
                        uids->first, uids->last, user->pw_uid, user->pw_name);
            break;
        }
    }
    endpwent();
    return user == NULL;
}

/* "--groups=GID,…" for @names; NULL and @error when one is not known. */
static char *groups_option(const char *names, GError **error)
{
    g_auto(GStrv) all = g_strsplit(names, ",", -1);
    g_autoptr(GString) option = g_string_new("--groups=");

    for (char **name = all; *name != NULL; name++) {
        const struct group *group = getgrnam(g_strstrip(*name));

        if (group == NULL || group->gr_gid == 0) {
            g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                        "[workers] groups: '%s' is %s", *name,
                        group == NULL ? "no group of this host"
                                      : "root's group");
            return NULL;
        }
        g_string_append_printf(option, "%s%u", name > all ? "," : "",
                               group->gr_gid);
    }
    return g_string_free(g_steal_pointer(&option), FALSE);
}

/* What starts workers; NULL and @error when it does not work. */
static Starter *start_starter(const Options *options, const Config *config,
                              const WorkerRoot *root, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    const UidRange *uids = config_uids(config);
    Starter *starter;

    if (options->user != NULL && !check_uids(uids, error)) {
        return NULL;
    }
    g_ptr_array_add(argv, g_strdup(options->starter));
    g_ptr_array_add(argv, g_strdup_printf("--worker=%s", options->worker));
    g_ptr_array_add(argv, g_strdup_printf("--scratch=%s",
                                          worker_root_work(root)));
    if (options->user != NULL) {
        g_ptr_array_add(argv, g_strdup_printf("--uids=%u-%u", uids->first,
                                              uids->last));
    }
    if (options->user != NULL && config_groups(config) != NULL) {
        char *groups = groups_option(config_groups(config), error);

        if (groups == NULL) {
            return NULL;
        }
        g_ptr_array_add(argv, groups);
    }
    g_ptr_array_add(argv, NULL);
    starter = starter_new((const char *const *)argv->pdata, error);
    if (starter == NULL) {
        g_prefix_error(error, "--starter: %s: ", options->starter);
    }
    return starter;
}

/* Where workers have their folders; with the daemon's rights to make it */
static WorkerRoot *make_root(const Options *options, GError **error)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    WorkerRoot *root;

    if (options->user != NULL &&
        !privileges_find(options->user, &user, &group, error)) {
        g_prefix_error(error, "--user: %s: ", options->user);
        return NULL;
    }
    root = worker_root_new(options->scratch_dir, options->worker, user, group,
                           error);
    if (root == NULL) {
        g_prefix_error(error, "--scratch-dir: ");
    }
    return root;
}

/*
 * What needs no rights any more. The starter has them from now on, which does
 * nothing with them but to start workers.
 */
static bool drop_privileges(const Options *options, GError **error)
{
    if (options->user != NULL && !privileges_drop(options->user, error)) {
        g_prefix_error(error, "--user: %s: ", options->user);
        return false;
    }
    /* A core file does not read it, nor does who has the same user. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return true;
}

static void starter_lost(gpointer service)
{
    service_fail(service, "vgpu-starter has ended, and with it all workers");
}

/* Serve until the end; false when it has to end early. */
static bool serve(const Options *options, Vms *vms, Dispatch *dispatch,
                  Executor *const *executors, Starter *starter,
                  GError **error)
{
    g_autoptr(GPtrArray) links = connect_all(options->connect, vms,
                                             dispatch, error);
    g_autoptr(Service) service = service_new(dispatch, options->config);
    Admin admin = {
        .service = service,
        .vms = vms,
        .dispatch = dispatch,
        .executors = executors,
        .own_uids = starter_flags(starter) & STARTER_OWN_UIDS,
    };
    Metrics metrics = {
        .vms = vms, .dispatch = dispatch, .executors = executors,
    };
    g_autoptr(AnswerSocket) admin_socket = NULL;
    g_autoptr(AnswerSocket) metrics_socket = NULL;
    RrddFile *rrdd_file = NULL;
    SocketDir *dir = NULL;
    bool good;

    if (links == NULL) {
        g_prefix_error(error, "--connect: ");
        return false;
    }
    if (options->admin_socket != NULL) {
        admin_socket = answer_socket_new(options->admin_socket, "\n",
                                         admin_order, &admin, error);
        if (admin_socket == NULL) {
            g_prefix_error(error, "--admin-socket: ");
            return false;
        }
    }
    if (options->metrics_socket != NULL) {
        metrics_socket = answer_socket_new(options->metrics_socket,
                                           "\r\n\r\n", metrics_http,
                                           &metrics, error);
        if (metrics_socket == NULL) {
            g_prefix_error(error, "--metrics-socket: ");
            return false;
        }
    }
    if (options->socket_dir != NULL) {
        dir = socket_dir_new(options->socket_dir, vms, dispatch);
    }
    vms_forget_ended(vms);
    if (options->rrdd_file != NULL) {
        rrdd_file = rrdd_file_new(options->rrdd_file, vms);
    }
    if (!admin.own_uids) {
        g_message("workers have the daemon's user, and reach each other and "
                  "the daemon if they are taken over: there is no --user");
    }
    starter_on_lost(starter, starter_lost, service);
    good = service_run(service, links, dir, error);
    starter_on_lost(starter, NULL, NULL);
    g_clear_pointer(&rrdd_file, rrdd_file_free);
    g_clear_pointer(&dir, socket_dir_free);
    return good;
}

/* As serve(), with all that stands below it */
static bool run(const Options *options, Starter *starter, WorkerRoot *root,
                Config *config, GError **error)
{
    LauncherHost *launchers = launcher_host_new(options->launcher_socket,
                                                options->starter,
                                                options->config);
    WorkerExecutors *workers = worker_executors_new(starter, launchers, root,
                                                    options->kernels);
    Vms *vms = vms_new();
    Executor *executors[POOLS];
    Dispatch *dispatch;
    bool good;

    for (PoolId pool = 0; pool < POOLS; pool++) {
        executors[pool] = worker_executors_of(workers, pool);
    }
    dispatch = dispatch_new(vms, executors, config);

    if (options->state_dir != NULL) {
        g_autofree char *path = g_build_filename(options->state_dir,
                                                 "quarantines", NULL);

        vms_keep_quarantines(vms, path);
    }
    good = serve(options, vms, dispatch, executors, starter, error);
    worker_executors_free(workers);
    launcher_host_free(launchers);
    vms_free(vms);
    dispatch_free(dispatch);
    return good;
}

static int fail(const GError *error, int status)
{
    fprintf(stderr, NAME ": %s\n", error->message);
    return status;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;
    WorkerRoot *root;
    Starter *starter;
    Config *config;
    int status = EXIT_SUCCESS;

    g_set_prgname(NAME);
    log_init();
    notify_init();
    /* Root may open an arena in the moment in which arena_release() asks. */
    signal(SIGIO, SIG_IGN);
    raise_descriptor_limit();
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, NAME ": %s (see --help)\n", error->message);
        return EXIT_USAGE;
    }
    if (options.version) {
        printf(NAME " " VERSION "\n");
        return EXIT_SUCCESS;
    }

    config = options.config != NULL ? config_load(options.config, &error)
                                    : config_new();
    if (config == NULL) {
        g_prefix_error(&error, "--config: ");
        return fail(error, EXIT_USAGE);
    }
    if (options.config != NULL) {
        service_check_config(config, options.config);
    }
    root = make_root(&options, &error);
    if (root == NULL) {
        config_free(config);
        return fail(error, EXIT_USAGE);
    }
    starter = start_starter(&options, config, root, &error);
    if (starter == NULL) {
        worker_root_free(root);
        config_free(config);
        return fail(error, EXIT_USAGE);
    }
    if (!drop_privileges(&options, &error)) {
        config_free(config);
        status = fail(error, EXIT_USAGE);
    } else if (!run(&options, starter, root, config, &error)) {
        status = fail(error, error->domain == SERVICE_ERROR ? EXIT_FAILURE
                                                            : EXIT_USAGE);
    }
    starter_free(starter);
    worker_root_free(root);
    return status;
}
