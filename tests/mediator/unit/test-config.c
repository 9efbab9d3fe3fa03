/*
 * mediatord.conf: what it sets, and each mistake in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vms/config.h"
#include "vgpu-stub-wire.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

static Config *parse(const char *text, GError **error)
{
    return config_parse(text, strlen(text), "the.conf", error);
}

static Config *parse_good(const char *text)
{
    g_autoptr(GError) error = NULL;
    Config *config = parse(text, &error);

    g_assert_no_error(error);
    return config;
}

static void check_default(const Config *config)
{
    g_assert_cmpmem(config_limits(config, "web"), sizeof(VmLimits),
                    &limits_default, sizeof(VmLimits));
    g_assert_cmpmem(config_shares(config), sizeof(ClassShares),
                    &shares_default, sizeof(ClassShares));
    g_assert_false(config_log_requests(config));
    g_assert_cmpmem(config_queue(config), sizeof(QueueSettings),
                    &queue_default, sizeof(QueueSettings));
    for (PoolId pool = 0; pool < POOLS; pool++) {
        g_assert_cmpmem(config_pool(config, pool), sizeof(PoolSettings),
                        &pool_default, sizeof(PoolSettings));
    }
}

static void test_no_settings(void)
{
    static const char *const texts[] = {
        "", "\n", "# nothing\n", "  # nothing", "[vm]\n[classes]\n[vm web]",
        "[workers]\n[queue]\n[pool A]\n[pool B]",
        "[vm]\r\n\r\n# nothing\r\n", "\t\n \n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        Config *config = parse_good(texts[i]);

        check_default(config);
        g_assert_null(config_kernels(config));
        config_free(config);
    }
}

static void test_every_setting(void)
{
    Config *config = parse_good("[vm]\n"
                                "pool=B\npriority=low\nweight=1\nqueue=2\n"
                                "in-flight=3\nrate=4\n"
                                "burst=5\ndeadline-ms=6\nfaults=7\n"
                                "fault-window-s=8\nquarantine-s=9\n"
                                "memory-mib=12\nguest-kernels=yes\n"
                                "contexts=13\n"
                                "[classes]\n"
                                "medium-minimum=10\nlow-minimum=11\n"
                                "[log]\nlog-requests=yes\n"
                                "[workers]\nkernels=/k\n"
                                "[queue]\narena-small=0\narena-large=256\n"
                                "arena-mib=1048576\n"
                                "[pool B]\nbackend=cuda\ndevice=1\n"
                                "running=2\nworkers=3\nspares=5\nidle-s=4\n"
                                "worker-memory-mib=64\n"
                                "launcher = ssh  gpu1 \n");
    const VmLimits wanted = {
        .pool = 2,
        .priority = VGPU_STUB_PRIORITY_LOW,
        .weight = 1, .queue = 2, .in_flight = 3, .rate = 4, .burst = 5,
        .deadline_ms = 6, .faults = 7, .fault_window_s = 8,
        .quarantine_s = 9, .memory_mib = 12, .guest_kernels = true,
        .contexts = 13,
    };
    const PoolSettings pool = {
        .backend = VGPU_STUB_BACKEND_CUDA, .device = 1, .running = 2,
        .workers = 3, .spares = 5, .idle_s = 4, .worker_memory_mib = 64,
    };
    const QueueSettings queue = {
        .arena_small = 0, .arena_large = 256, .arena_mib = 1048576,
    };
    const ClassShares shares = {
        .percent[VGPU_STUB_PRIORITY_MEDIUM] = 10,
        .percent[VGPU_STUB_PRIORITY_LOW] = 11,
    };

    g_assert_null(config_launcher(config, pool_of_letter('A')));
    g_assert_cmpstr(config_launcher(config, pool_of_letter('B')), ==,
                    "ssh  gpu1");
    g_assert_cmpmem(config_limits(config, "web"), sizeof(VmLimits),
                    &wanted, sizeof(wanted));
    g_assert_cmpmem(config_shares(config), sizeof(ClassShares),
                    &shares, sizeof(shares));
    g_assert_true(config_log_requests(config));
    g_assert_cmpmem(config_pool(config, POOL_A),
                    sizeof(PoolSettings), &pool_default, sizeof(pool));
    g_assert_cmpmem(config_pool(config, POOL_B),
                    sizeof(PoolSettings), &pool, sizeof(pool));
    g_assert_cmpmem(config_queue(config), sizeof(QueueSettings),
                    &queue, sizeof(queue));
    g_assert_cmpstr(config_kernels(config), ==, "/k");
    config_free(config);
}

static void test_one_vm(void)
{
    Config *config = parse_good("[vm web]\nweight = 10000\n"
                                "[vm]\nweight= 50 \nrate=1000000\n"
                                "[vm web server]\n rate=1\n");

    g_assert_cmpuint(config_limits(config, "web")->weight, ==, 10000);
    g_assert_cmpuint(config_limits(config, "web")->rate, ==, 1000000);
    g_assert_cmpuint(config_limits(config, "db")->weight, ==, 50);
    g_assert_cmpuint(config_limits(config, "web server")->weight, ==, 50);
    g_assert_cmpuint(config_limits(config, "web server")->rate, ==, 1);
    config_free(config);
}

static void test_names_of_vms(void)
{
    static const char *const names[] = {
        "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab", "web", "web server", "web-1",
        "7a", "vm7", "a.b", "production-database-server-number-42",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *text = g_strdup_printf("[vm %s]\nweight=2", names[i]);
        Config *config = parse_good(text);

        g_assert_cmpuint(config_limits(config, names[i])->weight, ==, 2);
        config_free(config);
    }
}

/* The one that comes with the daemon shows the defaults in its comments. */
static void test_shipped_file(void)
{
    static const char path[] = "SOURCES/mediatord.conf";
    g_autofree char *text = NULL;
    g_autofree char *active = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) comment = g_regex_new("^#(?=[a-z-]+=)",
                                            G_REGEX_MULTILINE, 0, NULL);
    unsigned settings = 0;
    Config *config;

    config = config_load(path, &error);
    g_assert_no_error(error);
    check_default(config);
    config_free(config);

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    *strstr(text, "#[vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab]") = '\0';
    active = g_regex_replace_literal(comment, text, -1, 0, "", 0, NULL);
    config = parse_good(active);
    check_default(config);
    g_assert_cmpstr(config_kernels(config), ==,
                    "/usr/share/vgpu-stub/kernels");
    g_assert_cmpuint(config_uids(config)->first, ==, 1900000000);
    g_assert_cmpuint(config_uids(config)->last, ==, 1900004095);
    g_assert_null(config_groups(config));
    config_free(config);
    for (const char *at = active; (at = strchr(at, '=')) != NULL; at++) {
        settings++;
    }
    /* --config=FILE is in its first line. */
    g_assert_cmpuint(settings, ==, 1 + sizeof(VmLimits) / sizeof(unsigned) +
                                   PRIORITY_CLASSES - 1 +
                                   sizeof(LogSettings) / sizeof(unsigned) +
                                   POOLS * sizeof(PoolSettings) /
                                   sizeof(unsigned) +
                                   sizeof(WorkerSettings) /
                                   sizeof(unsigned) +
                                   sizeof(QueueSettings) /
                                   sizeof(unsigned) +
                                   3 /* kernels, uids, groups */ +
                                   POOLS /* launcher */);
}

#define UIDS(value) "2: [workers] uids is '" value "', FIRST-LAST is " \
                    "allowed, 2 to 65536 uids from 1 to 4294967294"
#define LIMITS "pool, priority, weight, queue, in-flight, rate, burst, " \
               "deadline-ms, faults, fault-window-s, quarantine-s, " \
               "memory-mib, guest-kernels, contexts"
#define POOL_SETTINGS "backend, device, running, workers, spares, idle-s, " \
                      "worker-memory-mib, launcher"
#define DOMID "a domid is another VM's after the next start: write the VM's " \
              "UUID, which `xe vm-list params=uuid,dom-id` shows"
#define SPACE "a space is not part of a name, write it without"
#define QUOTES "quotes are not part of a name, write it without"
#define A_PATH "a VM is not its socket's path: write its UUID, or NAME where " \
               "sockets are called NAME-N.sock"
#define NOT_A_UUID "that is not a UUID: write 8-4-4-4-12 hexadecimal digits, " \
                   "as `xe vm-list params=uuid` shows them"
#define NOT_A_LINE " is not a [group], a key=value or a # comment"
#define GROUPS " is not known, there are [classes], [log], [workers], " \
               "[queue], [pool A], [pool B], [vm] and [vm NAME]"

static const struct {
    const char *text, *message;
} mistakes[] = {
    { "\n[vm 7]",
      "2: [vm 7] names no VM: " DOMID },
    { "\n[vm 07]",
      "2: [vm 07] names no VM: " DOMID },
    { "\n[vm 7-0]",
      "2: [vm 7-0] names no VM: " DOMID },
    { "\n[vm 7 ]",
      "2: [vm 7 ] names no VM: " SPACE },
    { "\n[vm  7]",
      "2: [vm  7] names no VM: " SPACE },
    { "\n[vm web ]",
      "2: [vm web ] names no VM: " SPACE },
    { "\n[vm \"7\"]",
      "2: [vm \"7\"] names no VM: " QUOTES },
    { "\n[vm 'web']",
      "2: [vm 'web'] names no VM: " QUOTES },
    { "\n[vm /run/vgpu-stub/7-0.sock]",
      "2: [vm /run/vgpu-stub/7-0.sock] names no VM: " A_PATH },
    { "\n[vm /run/vgpu-stub/vm]",
      "2: [vm /run/vgpu-stub/vm] names no VM: " A_PATH },
    { "\n[vm 7-0.sock]",
      "2: [vm 7-0.sock] names no VM: " A_PATH },
    { "\n[vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ag]",
      "2: [vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ag] names no VM: " NOT_A_UUID },
    { "\n[vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789a]",
      "2: [vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789a] names no VM: " NOT_A_UUID },
    { "\n[vm 5f2a9a3c0f0b4e7e9d5a0123456789ab]",
      "2: [vm 5f2a9a3c0f0b4e7e9d5a0123456789ab] names no VM: " NOT_A_UUID },
    { "\n[vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab.7]",
      "2: [vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab.7] names no VM: " NOT_A_UUID },
    { "\n[vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab.7-0]",
      "2: [vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab.7-0] names no VM: " NOT_A_UUID },
    { "[vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab]\n"
      "[vm 5F2A9A3C-0f0b-4e7e-9d5a-0123456789ab]",
      "2: [vm 5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab] is in line 1 already" },
    { "weight=1", "1: 'weight' stands before the first [group]" },
    { "# x\n\nrate = 5\n[vm]", "3: 'rate' stands before the first [group]" },
    { "[vm]\nweight", "2: 'weight'" NOT_A_LINE },
    { "[vm]\nweight: 5", "2: 'weight: 5'" NOT_A_LINE },
    { "[vm]\n=5", "2: '=5'" NOT_A_LINE },
    { "[vm\nweight=5", "1: '[vm'" NOT_A_LINE },
    { "[vm] # all", "1: '[vm] # all'" NOT_A_LINE },
    { "; old", "1: '; old'" NOT_A_LINE },
    { "[]", "1: []" GROUPS },
    { "[Vm]", "1: [Vm]" GROUPS },
    { "[vms]", "1: [vms]" GROUPS },
    { "[vm ]", "1: [vm ]" GROUPS },
    { "[ vm]", "1: [ vm]" GROUPS },
    { "[pool]", "1: [pool]" GROUPS },
    { "[pool ]", "1: [pool ]" GROUPS },
    { "[pool C]", "1: [pool C]" GROUPS },
    { "[pool a]", "1: [pool a]" GROUPS },
    { "[pool AB]", "1: [pool AB]" GROUPS },
    { "[worker]", "1: [worker]" GROUPS },
    { "[vm]\n[classes]\n[vm]", "3: [vm] is in line 1 already" },
    { "[vm web]\n\n[vm web]", "3: [vm web] is in line 1 already" },
    { "[vm]\nrate=1\nrate=1", "3: [vm] rate is in line 2 already" },
    { "[vm]\nrate=1\n rate = 2", "3: [vm] rate is in line 2 already" },
    { "[vm]\nwieght=1",
      "2: [vm] 'wieght' is not known, there are " LIMITS },
    { "[vm]\nWeight=1",
      "2: [vm] 'Weight' is not known, there are " LIMITS },
    { "[vm web]\nlow-minimum=1",
      "2: [vm web] 'low-minimum' is not known, there are " LIMITS },
    { "[classes]\nweight=1", "2: [classes] 'weight' is not known, there are "
                             "medium-minimum, low-minimum" },
    { "[classes]\nhigh-minimum=1",
      "2: [classes] 'high-minimum' is not known, there are "
      "medium-minimum, low-minimum" },
    { "[vm]\npool=a", "2: [vm] pool is 'a', allowed are any, A, B" },
    { "[vm]\npriority=1",
      "2: [vm] priority is '1', allowed are low, medium, high" },
    { "[vm]\npriority=High",
      "2: [vm] priority is 'High', allowed are low, medium, high" },
    { "[vm]\npriority=",
      "2: [vm] priority is '', allowed are low, medium, high" },
    { "[vm]\nweight=", "2: [vm] weight is '', 1 to 10000 is allowed" },
    { "[vm]\nweight=0", "2: [vm] weight is '0', 1 to 10000 is allowed" },
    { "[vm]\nweight=10001",
      "2: [vm] weight is '10001', 1 to 10000 is allowed" },
    { "[vm]\nweight=-1", "2: [vm] weight is '-1', 1 to 10000 is allowed" },
    { "[vm]\nweight=+1", "2: [vm] weight is '+1', 1 to 10000 is allowed" },
    { "[vm]\nweight=1.5", "2: [vm] weight is '1.5', 1 to 10000 is allowed" },
    { "[vm]\nweight=0x10",
      "2: [vm] weight is '0x10', 1 to 10000 is allowed" },
    { "[vm]\nweight=1 # one",
      "2: [vm] weight is '1 # one', 1 to 10000 is allowed" },
    { "[vm]\nweight=\"1\"",
      "2: [vm] weight is '\"1\"', 1 to 10000 is allowed" },
    { "[vm]\nweight=4294967297",
      "2: [vm] weight is '4294967297', 1 to 10000 is allowed" },
    { "[vm]\nweight=99999999999999999999999",
      "2: [vm] weight is '99999999999999999999999', "
      "1 to 10000 is allowed" },
    { "[vm]\nqueue=4097", "2: [vm] queue is '4097', 1 to 4096 is allowed" },
    { "[vm]\nin-flight=65",
      "2: [vm] in-flight is '65', 1 to 64 is allowed" },
    { "[vm]\nrate=0", "2: [vm] rate is '0', 1 to 1000000 is allowed" },
    { "[vm]\nburst=1000001",
      "2: [vm] burst is '1000001', 1 to 1000000 is allowed" },
    { "[vm]\ndeadline-ms=30s",
      "2: [vm] deadline-ms is '30s', 1 to 86400000 is allowed" },
    { "[vm]\nfaults=1001", "2: [vm] faults is '1001', 1 to 1000 is allowed" },
    { "[vm]\nfault-window-s=86401",
      "2: [vm] fault-window-s is '86401', 1 to 86400 is allowed" },
    { "[vm]\nquarantine-s=never",
      "2: [vm] quarantine-s is 'never', 1 to 604800 is allowed" },
    { "[classes]\nmedium-minimum=41",
      "2: [classes] medium-minimum is '41', 1 to 40 is allowed" },
    { "[classes]\nlow-minimum=5%",
      "2: [classes] low-minimum is '5%', 1 to 40 is allowed" },
    { "[log]\nlog-requests=true",
      "2: [log] log-requests is 'true', allowed are no, yes" },
    { "[log]\nrequests=yes",
      "2: [log] 'requests' is not known, there are log-requests" },
    { "[vm]\nmemory-mib=0",
      "2: [vm] memory-mib is '0', 1 to 1048576 is allowed" },
    { "[vm]\nmemory-mib=1048577",
      "2: [vm] memory-mib is '1048577', 1 to 1048576 is allowed" },
    { "[vm web]\nguest-kernels=true",
      "2: [vm web] guest-kernels is 'true', allowed are no, yes" },
    { "[pool A]\nbackend=gpu",
      "2: [pool A] backend is 'gpu', allowed are none, cpu, opencl, cuda" },
    { "[pool B]\ndevice=-1",
      "2: [pool B] device is '-1', 0 to 255 is allowed" },
    { "[pool A]\nrunning=0",
      "2: [pool A] running is '0', 1 to 64 is allowed" },
    { "[pool A]\nworkers=1025",
      "2: [pool A] workers is '1025', 1 to 1024 is allowed" },
    { "[pool A]\nspares=65",
      "2: [pool A] spares is '65', 0 to 64 is allowed" },
    { "[vm]\ncontexts=65",
      "2: [vm] contexts is '65', 1 to 64 is allowed" },
    { "[pool A]\nidle-s=1m",
      "2: [pool A] idle-s is '1m', 1 to 86400 is allowed" },
    { "[pool A]\nweight=1", "2: [pool A] 'weight' is not known, there are "
                            POOL_SETTINGS },
    { "[pool A]\nlauncher=ssh\tgpu1", "2: [pool A] launcher is a program and "
      "its arguments, up to 64 words with blanks between them and 1023 bytes, "
      "without control characters" },
    { "[workers]\nkernels=kernels",
      "2: [workers] kernels is 'kernels', a path that begins with / is "
      "allowed" },
    { "[workers]\nuids=", UIDS("") },
    { "[workers]\nuids=5", UIDS("5") },
    { "[workers]\nuids=5-5", UIDS("5-5") },
    { "[workers]\nuids=9-5", UIDS("9-5") },
    { "[workers]\nuids=0-9", UIDS("0-9") },
    { "[workers]\nuids=-1-9", UIDS("-1-9") },
    { "[workers]\nuids=1-99999999999", UIDS("1-99999999999") },
    { "[workers]\nuids=1-65537", UIDS("1-65537") },
    { "[workers]\nuids=1-9-12", UIDS("1-9-12") },
    { "[workers]\nuids=a-b", UIDS("a-b") },
    { "[queue]\narena-small=257",
      "2: [queue] arena-small is '257', 0 to 256 is allowed" },
    { "[queue]\narena-large=0",
      "2: [queue] arena-large is '0', 1 to 256 is allowed" },
    { "[queue]\narena-mib=0",
      "2: [queue] arena-mib is '0', 1 to 1048576 is allowed" },
    { "[queue]\narena-mib=2",
      "2: [queue] arena-mib=2 is less than the 2816 KiB of one arena with "
      "arena-small=64 and arena-large=2" },
    { "[queue]\narena-small=256\narena-large=256\narena-mib=289",
      "4: [queue] arena-mib=289 is less than the 296960 KiB of one arena with "
      "arena-small=256 and arena-large=256" },
    { "[queue]\ncontexts=1",
      "2: [queue] 'contexts' is not known, there are arena-small, "
      "arena-large, arena-mib" },
    { "[workers]\nworkers=1",
      "2: [workers] 'workers' is not known, there are drain-ms, groups, "
      "kernels, uids" },
    { "[workers]\ndrain-ms=45001",
      "2: [workers] drain-ms is '45001', 0 to 45000 is allowed" },
    { "[vm web]\nweight=2\n[vm db]\nweight=x",
      "4: [vm db] weight is 'x', 1 to 10000 is allowed" },
    { "[vm]\n# \xff\n", "2: not UTF-8" },
};

static void test_mistakes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autofree char *message = g_strconcat("the.conf:",
                                               mistakes[i].message, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_null(parse(mistakes[i].text, &error));
        g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID);
        g_assert_cmpstr(error->message, ==, message);
    }
}

static void test_nul_byte(void)
{
    static const char text[] = "[vm]\nweight=1\0\nrate=x";
    g_autoptr(GError) error = NULL;

    g_assert_null(config_parse(text, sizeof(text), "the.conf", &error));
    g_assert_cmpstr(error->message, ==, "the.conf:2: a NUL byte");
}

static void check_load_error(const char *path, const char *reason)
{
    g_autofree char *message = g_strdup_printf("%s: %s", path, reason);
    g_autoptr(GError) error = NULL;

    g_assert_null(config_load(path, &error));
    g_assert_cmpstr(error->message, ==, message);
}

static void test_files_that_cannot_be_read(void)
{
    g_autofree char *folder = g_dir_make_tmp(NULL, NULL);
    g_autofree char *large = g_build_filename(folder, "large", NULL);
    g_autofree char *bytes = g_strnfill(CONFIG_MAX_SIZE + 1, '\n');
    g_autoptr(GError) error = NULL;
    Config *config;

    check_load_error("/nonexistent/the.conf", "No such file or directory");
    check_load_error(folder, "Is a directory");
    g_assert_true(g_file_set_contents(large, bytes, CONFIG_MAX_SIZE, NULL));
    config = config_load(large, &error);
    g_assert_no_error(error);
    config_free(config);
    g_assert_true(g_file_set_contents(large, bytes, CONFIG_MAX_SIZE + 1,
                                      NULL));
    check_load_error(large, "File too large");
    remove(large);
    remove(folder);
}

/* Of two defaults of which one makes the other pointless, nobody is protected. */
static void test_defaults_fit(void)
{
    const VmLimits *vm = &limits_default;

    /* One VM cannot take all workers, and one context can reach in-flight. */
    g_assert_cmpuint(vm->contexts, <=, pool_default.workers / 2);
    g_assert_cmpuint(queue_default.arena_small, >=, vm->in_flight);
    /* What may be at work at once has a token each, by queue and by mailbox. */
    g_assert_cmpuint(vm->burst / 2, >=, vm->in_flight);
    g_assert_cmpuint(vm->in_flight, >, pool_default.running);
    /* As many arenas as workers, for each VM's first context */
    g_assert_cmpuint(POOLS * pool_default.workers *
                     VGPU_STUB_ARENA_BYTES(queue_default.arena_small,
                                           queue_default.arena_large), <=,
                     (uint64_t)queue_default.arena_mib << 20);
    /* A VM whose requests never end is quarantined. */
    g_assert_cmpuint(vm->faults * vm->deadline_ms, <,
                     vm->fault_window_s * 1000);
    /* A program and a request have their time within the daemon's end. */
    g_assert_cmpuint(workers_default.drain_ms, >, EXECUTION_GRACE_MS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/config/no-settings", test_no_settings);
    g_test_add_func("/config/every-setting", test_every_setting);
    g_test_add_func("/config/one-vm", test_one_vm);
    g_test_add_func("/config/names-of-vms", test_names_of_vms);
    g_test_add_func("/config/shipped-file", test_shipped_file);
    g_test_add_func("/config/defaults-fit", test_defaults_fit);
    g_test_add_func("/config/mistakes", test_mistakes);
    g_test_add_func("/config/nul-byte", test_nul_byte);
    g_test_add_func("/config/files-that-cannot-be-read",
                    test_files_that_cannot_be_read);
    return g_test_run();
}
