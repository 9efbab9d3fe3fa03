/*
 * The log of requests: what is in its entries, and how many there can be
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/request-log.h"

#include <string.h>

#include "vgpu-stub-regs.h"

/* The fields of every entry since the last time, as lines, and a blank line */
static GString *entries;

static GLogWriterOutput keep(GLogLevelFlags level, const GLogField *fields,
                             gsize n_fields, gpointer opaque G_GNUC_UNUSED)
{
    g_string_append(entries, level & G_LOG_LEVEL_INFO ? "info\n" :
                             level & G_LOG_LEVEL_MESSAGE ? "notice\n" : "?\n");
    for (gsize i = 0; i < n_fields; i++) {
        if (g_str_has_prefix(fields[i].key, "VGPU_") ||
            strcmp(fields[i].key, "MESSAGE") == 0) {
            g_string_append_printf(entries, "%s=%s\n", fields[i].key,
                                   (const char *)fields[i].value);
        }
    }
    g_string_append(entries, "\n");
    return G_LOG_WRITER_HANDLED;
}

static unsigned count_entries(void)
{
    unsigned count = 0;

    for (const char *at = entries->str; (at = strstr(at, "\n\n")); at += 2) {
        count++;
    }
    g_string_truncate(entries, 0);
    return count;
}

static void end(RequestLog *log, const char *vm, uint32_t status)
{
    const RequestEnd request = {
        .vm = vm,
        .pool = POOL_B,
        .priority = VGPU_STUB_PRIORITY_LOW,
        .sequence = G_MAXUINT64,
        .request_id = G_MAXUINT32,
        .context = 3,
        .status = status,
        .wait = 5,
        .execution = 1000000,
    };

    request_log_end(log, &request);
}

static void test_entry(void)
{
    RequestLog *log = request_log_new();

    end(log, "7", VGPU_STUB_ERR_BACKEND_ERROR);
    g_assert_cmpstr(
        entries->str, ==,
        "notice\n"
        "MESSAGE=vm 7: request 18446744073709551615, id 4294967295, of "
        "context 3 in pool B: backend_error after 5 us of waiting, 1000000 us of execution\n"
        "VGPU_VM=7\nVGPU_POOL=B\nVGPU_PRIORITY=low\n"
        "VGPU_SEQUENCE=18446744073709551615\nVGPU_REQUEST_ID=4294967295\n"
        "VGPU_CONTEXT=3\nVGPU_OUTCOME=backend_error\n"
        "VGPU_STATUS=0x05\nVGPU_WAIT_US=5\nVGPU_EXECUTION_US=1000000\n\n");
    count_entries();
    end(log, "7", VGPU_STUB_ERR_NONE);
    end(log, "7", VGPU_STUB_ERR_CANCELLED);
    g_assert_cmpuint(count_entries(), ==, 0);
    request_log_free(log);
    g_assert_cmpuint(count_entries(), ==, 0);
}

static void test_floods(void)
{
    RequestLog *log = request_log_new();

    for (int i = 0; i < 1000; i++) {
        end(log, "7", VGPU_STUB_ERR_RATE_LIMITED);
    }
    g_assert_cmpuint(count_entries(), ==, REQUEST_LOG_LINES_VM);
    /* It does not cost another VM its entries. */
    end(log, "8", VGPU_STUB_ERR_TIMEOUT);
    g_assert_cmpuint(count_entries(), ==, 1);
    /* But many VMs together have a limit, too. */
    for (int vm = 100; vm < 200; vm++) {
        g_autofree char *name = g_strdup_printf("%d", vm);

        for (int i = 0; i < 10; i++) {
            end(log, name, VGPU_STUB_ERR_TIMEOUT);
        }
    }
    g_assert_cmpuint(count_entries(), ==, REQUEST_LOG_LINES_ALL -
                                          REQUEST_LOG_LINES_VM - 1);
    request_log_free(log);
    g_assert_nonnull(strstr(
        entries->str,
        "notice\nMESSAGE=vm 7: 990 more requests failed in 60 s\n"
        "VGPU_VM=7\n"));
    g_assert_null(strstr(entries->str, "VGPU_VM=8\n"));
    count_entries();
}

static void test_all_requests(void)
{
    RequestLog *log = request_log_new();

    request_log_set_all(log, true);
    end(log, "7", VGPU_STUB_ERR_NONE);
    g_assert_nonnull(strstr(entries->str, "VGPU_OUTCOME=done\n"));
    g_assert_true(g_str_has_prefix(entries->str, "info\n"));
    g_assert_cmpuint(count_entries(), ==, 1);
    for (int i = 0; i < 1000; i++) {
        end(log, "7", VGPU_STUB_ERR_TIMEOUT);
    }
    g_assert_cmpuint(count_entries(), ==, 1000);
    request_log_set_all(log, false);
    end(log, "7", VGPU_STUB_ERR_NONE);
    request_log_free(log);
    g_assert_cmpuint(count_entries(), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    entries = g_string_new(NULL);
    g_log_set_writer_func(keep, NULL, NULL);

    g_test_add_func("/request-log/entry", test_entry);
    g_test_add_func("/request-log/floods", test_floods);
    g_test_add_func("/request-log/all-requests", test_all_requests);
    return g_test_run();
}
