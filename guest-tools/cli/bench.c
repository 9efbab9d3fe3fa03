/*
 * vgpu-stub bench: how long requests take
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"
#include "hypervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"

/* What the first requests pay for others: caches, a mediator that slept */
#define WARM_UP 10

struct figures {
    int64_t p50, p99, max;      /* round trip, µs */
    double per_second;
    struct bulk_figures bulk;
};

static int compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* The smallest time that @percent of the @count sorted @times do not exceed */
static int64_t percentile(const int64_t *times, int count, int percent)
{
    return times[(count * (int64_t)percent + 99) / 100 - 1];
}

static struct figures evaluate(int64_t *times, int count)
{
    int64_t total = 0;

    qsort(times, count, sizeof(*times), compare);
    for (int i = 0; i < count; i++) {
        total += times[i];
    }
    return (struct figures) {
        .p50 = percentile(times, count, 50),
        .p99 = percentile(times, count, 99),
        .max = times[count - 1],
        .per_second = total > 0 ? count * 1e6 / total : 0,
    };
}

/* Fill @times. Returns an exit status, a failure is said. */
static int measure(struct vgpu_stub *dev, const struct options *options,
                   int64_t *times, int count)
{
    struct vgpu_stub_outcome outcome;

    for (int i = -WARM_UP; i < count; i++) {
        int64_t us;
        int rc = send_echo(dev, options, &us, &outcome);

        if (rc < 0) {
            return fail_request("bench", rc, &outcome, options);
        }
        if (i >= 0) {
            times[i] = us;
        }
    }
    return EXIT_OK;
}

static void print_json(const struct options *options,
                       const struct vgpu_stub_info *info, int count,
                       const struct figures *figures)
{
    char hypervisor[HYPERVISOR_SIZE];

    find_hypervisor(hypervisor);
    printf("{\"device\": \"%s\", \"requests\": %d, \"request_bytes\": %d, "
           "\"p50_us\": %lld, \"p99_us\": %lld, \"max_us\": %lld, "
           "\"requests_per_second\": %.1f, \"access_ns\": %u, "
           "\"interrupts\": %s, \"hypervisor\": ", info->bdf, count,
           options->size, (long long)figures->p50, (long long)figures->p99,
           (long long)figures->max, figures->per_second, info->access_ns,
           info->interrupts ? "true" : "false");
    print_json_string(hypervisor);
    fputs(", ", stdout);
    bulk_print_json(&figures->bulk);
    puts("}");
}

static void print_text(const struct options *options,
                       const struct vgpu_stub_info *info, int count,
                       const struct figures *figures)
{
    char hypervisor[HYPERVISOR_SIZE];

    find_hypervisor(hypervisor);
    printf("Device:            %s\n"
           "Hypervisor:        %s\n", info->bdf, hypervisor);
    if (info->driver) {
        printf("Driver:            by the %s\n",
               info->queue ? "queue" : "mailbox");
    } else {
        printf("One access:        %.1f us\n", info->access_ns / 1000.0);
    }
    printf("Waiting:           %s\n"
           "Requests:          %d, one after the other, %d bytes each way\n"
           "Round trip p50:    %lld us\n"
           "Round trip p99:    %lld us\n"
           "Round trip max:    %lld us\n"
           "Requests a second: %.1f\n",
           info->interrupts ? "by interrupt" : "by looking again and again",
           count, options->size, (long long)figures->p50,
           (long long)figures->p99, (long long)figures->max,
           figures->per_second);
    bulk_print_text(&figures->bulk);
}

static int run(const struct options *options)
{
    const int count = options->count;
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct figures figures;
    struct vgpu_stub *dev;
    int64_t *times;
    int rc;

    rc = open_device(options, &dev);
    if (rc != EXIT_OK) {
        return rc;
    }
    times = calloc(count, sizeof(*times));
    if (!times) {
        rc = fail("bench", "no memory");
        goto out;
    }
    rc = measure(dev, options, times, count);
    if (rc != EXIT_OK) {
        goto out;
    }
    rc = vgpu_stub_get_info(dev, &info);
    if (rc < 0) {
        rc = fail("bench", "%s", strerror(-rc));
        goto out;
    }
    figures = evaluate(times, count);
    bulk_measure(dev, &info, options, &figures.bulk);
    (options->json ? print_json : print_text)(options, &info, count, &figures);

out:
    free(times);
    vgpu_stub_close(dev);
    return rc;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "measure how long requests and copies take",
    .details = "Requests are echoes, one after the other; a copy is of 16 MiB "
               "there and back, without\nthe driver's queue of 64 KiB. What an access takes "
               "depends on dom0,\nwhich may be PV or PVH: that a guest cannot "
               "see.\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(SIZE) | TAKES(COUNT) |
               TAKES(TIMEOUT) | TAKES(HELP),
    .timeout_ms = TIMEOUT_MS,
    .count = 1000,
    .run = run,
};
