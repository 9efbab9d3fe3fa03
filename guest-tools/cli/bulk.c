/*
 * vgpu-stub bench: how fast copies are
 *
 * SPDX-License-Identifier: MIT
 */
#include "bulk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define QUEUE_BYTES (16u << 20)
#define MAILBOX_BYTES (64u << 10)

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

/* Keep why it could not be measured. */
static void fail_bulk(struct bulk_figures *figures, int rc,
                      const struct vgpu_stub_outcome *outcome)
{
    if (rc == -EREMOTEIO) {
        vgpu_stub_message(outcome, figures->problem,
                          sizeof(figures->problem));
    } else {
        snprintf(figures->problem, sizeof(figures->problem), "%s",
                 strerror(-rc));
    }
}

/* Copy all of @data there or back. Returns MiB/s, or 0: a failure is kept. */
static double copy(struct vgpu_stub *dev, uint64_t handle, uint32_t direction,
                   void *data, size_t bytes, const struct options *options,
                   struct bulk_figures *figures)
{
    struct vgpu_stub_copy what = {
        .struct_size = sizeof(what),
        .direction = direction,
        .handle = handle,
        .data = data,
        .length = bytes,
    };
    struct vgpu_stub_outcome outcome;
    const double begin = seconds();
    int rc = vgpu_stub_transfer(dev, &what, options->timeout_ms, 0, &outcome);

    if (rc < 0) {
        fail_bulk(figures, rc, &outcome);
        return 0;
    }
    return bytes / (seconds() - begin) / (1 << 20);
}

void bulk_measure(struct vgpu_stub *dev, const struct vgpu_stub_info *info,
                  const struct options *options, struct bulk_figures *figures)
{
    const size_t bytes = info->bulk_max > 0 ? QUEUE_BYTES : MAILBOX_BYTES;
    uint8_t *data = malloc(bytes);
    struct vgpu_stub_outcome outcome;
    uint64_t handle;
    int rc;

    *figures = (struct bulk_figures) { .write = 0 };
    if (!data) {
        fail_bulk(figures, -ENOMEM, NULL);
        return;
    }
    memset(data, 1, bytes);
    rc = vgpu_stub_mem_alloc(dev, bytes, &handle, options->timeout_ms,
                             &outcome);
    if (rc < 0) {
        fail_bulk(figures, rc, &outcome);
    } else {
        figures->write = copy(dev, handle, VGPU_STUB_COPY_TO_DEVICE, data,
                              bytes, options, figures);
        figures->read = copy(dev, handle, VGPU_STUB_COPY_FROM_DEVICE, data,
                             bytes, options, figures);
        vgpu_stub_mem_free(dev, handle, TIMEOUT_MS, NULL);
    }
    free(data);
}

void bulk_print_text(const struct bulk_figures *figures)
{
    if (figures->problem[0]) {
        printf("Copies:            not measured: %s\n", figures->problem);
    } else {
        printf("Copy to the host:  %.1f MiB/s\n"
               "Copy back:         %.1f MiB/s\n", figures->write,
               figures->read);
    }
}

static void print_json_figure(const char *name, double figure)
{
    if (figure > 0) {
        printf("\"%s\": %.1f", name, figure);
    } else {
        printf("\"%s\": null", name);
    }
}

void bulk_print_json(const struct bulk_figures *figures)
{
    print_json_figure("write_mib_per_second", figures->write);
    fputs(", ", stdout);
    print_json_figure("read_mib_per_second", figures->read);
}
