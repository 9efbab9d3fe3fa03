/*
 * vgpu-stub watch: what a device does, while others use it
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct look {
    char time[sizeof("00:00:00")];
    struct vgpu_stub_state state;
    int32_t requests;           /* since the look before; -1: unknown, as by
                                 * the driver, and so is the status then */
};

static void print_text(const struct look *look)
{
    char requests[16] = "-";

    if (look->requests >= 0) {
        snprintf(requests, sizeof(requests), "%d", look->requests);
    }
    printf("%s  %-4s  %-6s  %8s  ", look->time,
           look->state.link_up ? "up" : "down",
           look->state.driver ? "-" : status_name(look->state.status),
           requests);
    if (look->state.users > 1) {
        printf("%s (%d) and %u more\n", look->state.user_name,
               look->state.user_pid, look->state.users - 1);
    } else if (look->state.user_pid) {
        printf("%s (%d)\n", look->state.user_name, look->state.user_pid);
    } else {
        puts("-");
    }
}

static void print_json(const struct look *look)
{
    printf("{\"device\": \"%s\", \"time\": \"%s\", \"link_up\": %s, "
           "\"status\": ", look->state.bdf, look->time,
           look->state.link_up ? "true" : "false");
    if (look->state.driver) {
        fputs("null", stdout);
    } else {
        print_json_string(status_name(look->state.status));
    }
    fputs(", \"requests\": ", stdout);
    if (look->requests >= 0) {
        printf("%d", look->requests);
    } else {
        fputs("null", stdout);
    }
    printf(", \"users\": %u, \"user_pid\": %d, \"user\": ",
           look->state.users, look->state.user_pid);
    print_json_string(look->state.user_name);
    puts("}");
}

static void get_time(char text[sizeof("00:00:00")])
{
    time_t now = time(NULL);

    strftime(text, sizeof("00:00:00"), "%T", localtime(&now));
}

/* More than there can be in one interval: another user has begun anew */
#define REQUESTS_MAX (1 << 24)

/*
 * Our library counts requests in REQUEST_ID, from a random number at each open
 * on, and another client may write there what it likes. Returns -1 when this
 * is not a number of requests.
 */
static int32_t count_requests(uint32_t before, uint32_t now)
{
    return now - before < REQUESTS_MAX ? (int32_t)(now - before) : -1;
}

static void sleep_ms(int ms)
{
    struct timespec duration = {
        .tv_sec = ms / 1000,
        .tv_nsec = ms % 1000 * 1000000L,
    };

    nanosleep(&duration, NULL);
}

static int run(const struct options *options)
{
    uint32_t last_id = 0;

    for (int i = 0; options->count == 0 || i < options->count; i++) {
        struct look look = { .state = { .struct_size = sizeof(look.state) } };
        int rc;

        if (i > 0) {
            sleep_ms(options->interval_ms);
        }
        rc = vgpu_stub_observe(options->device, &look.state);
        if (rc < 0) {
            return fail_open(options->device, rc);
        }
        look.requests = look.state.driver ? -1
                        : i > 0 ? count_requests(last_id,
                                                 look.state.request_id)
                                : 0;
        last_id = look.state.request_id;
        get_time(look.time);

        if (options->json) {
            print_json(&look);
        } else {
            if (i == 0) {
                printf("Device: %s\n"
                       "TIME      LINK  STATUS  REQUESTS  USER\n",
                       look.state.bdf);
            }
            print_text(&look);
        }
        if (fflush(stdout) != 0) {
            break;
        }
    }
    return EXIT_OK;
}

const struct command command_watch = {
    .name = "watch",
    .summary = "show what a device does, a line for each look at it",
    .details =
        "This disturbs no one who uses the device. REQUESTS counts those since "
        "the\nlook before, - where another process has begun meanwhile; USER is "
        "the process\nthat has the device open. Through the driver STATUS and "
        "REQUESTS are -, and USER\nis a process that this one may see, of all "
        "that have the device open.\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(INTERVAL) | TAKES(COUNT) |
               TAKES(HELP),
    .run = run,
};
