/*
 * vgpu-stub kernels: what the host's catalogue has
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct vgpu_stub_kernel_row Row;

static const char *type_name(const Row *row)
{
    static const char *const names[] = {
        [VGPU_STUB_ARG_BUFFER] = "buffer", [VGPU_STUB_ARG_U32] = "u32",
        [VGPU_STUB_ARG_F32] = "f32", [VGPU_STUB_ARG_U64] = "u64",
        [VGPU_STUB_ARG_F64] = "f64",
    };

    return row->type < sizeof(names) / sizeof(names[0]) && names[row->type]
           ? names[row->type] : "unknown";
}

/* What it is to be given as to vgpu-stub run: "in", "out" or "inout" */
static const char *access_name(const Row *row)
{
    static const char *const names[] = { "unused", "in", "out", "inout" };

    return names[row->detail % 4];
}

static const char *option_name(const Row *row)
{
    return row->type == VGPU_STUB_ARG_BUFFER ? access_name(row)
                                             : type_name(row);
}

/* vector_add --in A --in B --out C --u32 N */
static void print_text(const Row *rows, int count)
{
    for (int i = 0; i < count; i++) {
        if (rows[i].type == VGPU_STUB_ROW_KERNEL) {
            printf("%s%s", i > 0 ? "\n" : "", rows[i].name);
            if (rows[i].detail > 1) {
                printf(" (%u dimensions)", rows[i].detail);
            }
        } else {
            printf(" --%s %s", option_name(&rows[i]), rows[i].name);
        }
    }
    if (count > 0) {
        putchar('\n');
    }
}

static void print_json(const Row *rows, int count)
{
    bool first_arg = true;

    putchar('[');
    for (int i = 0; i < count; i++) {
        if (rows[i].type == VGPU_STUB_ROW_KERNEL) {
            printf("%s{\"kernel\": ", i > 0 ? "]},\n " : "");
            print_json_string(rows[i].name);
            printf(", \"dimensions\": %u, \"arguments\": [", rows[i].detail);
            first_arg = true;
            continue;
        }
        printf("%s{\"name\": ", first_arg ? "" : ", ");
        print_json_string(rows[i].name);
        printf(", \"type\": \"%s\"", type_name(&rows[i]));
        if (rows[i].type == VGPU_STUB_ARG_BUFFER) {
            printf(", \"access\": \"%s\"", access_name(&rows[i]));
        }
        putchar('}');
        first_arg = false;
    }
    puts(count > 0 ? "]}]" : "]");
}

/* All rows, to be freed. Returns an exit status, a failure is said. */
static int get_rows(struct vgpu_stub *dev, const struct options *options,
                    Row **rows, int *count)
{
    struct vgpu_stub_outcome outcome;
    int room = 0;

    *rows = NULL;
    *count = 0;
    do {
        room = *count;
        *rows = realloc(*rows, (room ? room : 1) * sizeof(**rows));
        if (!*rows) {
            return fail("kernels", "no memory");
        }
        *count = vgpu_stub_list_kernels(dev, *rows, room, options->timeout_ms,
                                        VGPU_STUB_IDEMPOTENT, &outcome);
        if (*count < 0) {
            return fail_request("kernels", *count, &outcome, options);
        }
    } while (*count > room);
    return EXIT_OK;
}

static int run(const struct options *options)
{
    struct vgpu_stub *dev;
    Row *rows = NULL;
    int count, status;

    status = open_device(options, &dev);
    if (status != EXIT_OK) {
        return status;
    }
    status = get_rows(dev, options, &rows, &count);
    vgpu_stub_close(dev);
    if (status == EXIT_OK) {
        (options->json ? print_json : print_text)(rows, count);
    }
    free(rows);
    return status;
}

const struct command command_kernels = {
    .name = "kernels",
    .summary = "show the kernels of the host's catalogue, and what they take",
    .details = "Each line is what vgpu-stub run is to be given.\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(TIMEOUT) | TAKES(HELP),
    .timeout_ms = TIMEOUT_MS,
    .run = run,
};
