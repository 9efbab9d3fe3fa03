/*
 * vgpu-stub run: a kernel of the host's catalogue on data from files
 *
 * SPDX-License-Identifier: MIT
 */
#include "arguments.h"
#include "cli.h"
#include "output.h"
#include "progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is copied between two looks at the progress bar */
#define PIECE_STEPS 64
#define PIECE_BULKS 8

/* How often a kernel that runs is left for a look whether a signal came */
#define LOOK_MS 100

/* A shell's exit status for what a signal has ended */
#define EXIT_SIGNAL 128

struct job {
    const struct options *options;
    struct arguments arguments;
    uint64_t handles[VGPU_STUB_KERNEL_ARGS_MAX];  /* of the buffers; 0: none yet */
    uint64_t bytes_in, bytes_out;       /* to copy to the host, and back */
    struct vgpu_stub *dev;
    uint32_t bulk_max;                  /* bytes that a request moves, or 0 */
    struct progress progress;
    struct vgpu_stub_outcome outcome;   /* of the last request */
    uint32_t exec_us;                   /* what the kernel took */
    uint8_t *printed;                   /* by the kernel; NULL: nothing */
    uint32_t printed_length;            /* bytes of it */
    uint32_t printed_missing;           /* bytes more, at least */
};

static volatile sig_atomic_t interrupted;       /* by this signal; 0: not */

static void interrupt(int signal)
{
    interrupted = signal;
}

static bool is_interrupted(void *opaque)
{
    (void)opaque;
    return interrupted;
}

/*
 * The host keeps memory that is not freed, so a signal ends what runs, but not
 * the program.
 */
static void catch_signals(struct vgpu_stub *dev)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = interrupt };

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
    vgpu_stub_set_stop(dev, is_interrupted, NULL);
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int allocate(struct job *job)
{
    for (unsigned i = 0; i < job->arguments.count; i++) {
        const struct argument *argument = &job->arguments.list[i];
        int rc;

        if (!is_buffer(argument)) {
            continue;
        }
        rc = vgpu_stub_mem_alloc(job->dev, argument->size, &job->handles[i],
                                 job->options->timeout_ms, &job->outcome);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/*
 * Free the host's memory, also after a signal. Where the host does not answer
 * any more, it is not asked for each buffer anew.
 */
static void release(struct job *job)
{
    int rc = 0;

    vgpu_stub_set_stop(job->dev, NULL, NULL);
    for (unsigned i = 0; i < job->arguments.count && rc != -ETIMEDOUT; i++) {
        if (job->handles[i]) {
            rc = vgpu_stub_mem_free(job->dev, job->handles[i], TIMEOUT_MS,
                                    NULL);
        }
    }
}

/* Copy what came from a file to the host, or all of a buffer back. */
static int copy(struct job *job, unsigned index, bool back)
{
    const struct argument *argument = &job->arguments.list[index];
    const int timeout_ms = job->options->timeout_ms;
    const uint64_t handle = job->handles[index];
    size_t end = back ? argument->size : argument->filled;
    size_t most = job->bulk_max > 0
                  ? PIECE_BULKS * (size_t)job->bulk_max
                  : PIECE_STEPS *
                    (back ? VGPU_STUB_READ_STEP : VGPU_STUB_WRITE_STEP);
    size_t piece;

    for (size_t at = 0; at < end; at += piece) {
        uint8_t *data = argument->data + at;
        int rc;

        piece = min(end - at, most);
        if (interrupted) {
            return -EINTR;
        }
        rc = back
            ? vgpu_stub_mem_read(job->dev, handle, at, data, piece, timeout_ms,
                                 VGPU_STUB_IDEMPOTENT, &job->outcome)
            : vgpu_stub_mem_write(job->dev, handle, at, data, piece,
                                  timeout_ms, VGPU_STUB_IDEMPOTENT,
                                  &job->outcome);
        if (rc < 0) {
            return rc;
        }
        progress_add(&job->progress, piece);
    }
    return 0;
}

static struct vgpu_stub_kernel_arg
make_kernel_arg(const struct argument *argument, uint64_t handle)
{
    static const uint32_t types[OPTIONS] = {
        [OPTION_IN] = VGPU_STUB_ARG_BUFFER,
        [OPTION_OUT] = VGPU_STUB_ARG_BUFFER,
        [OPTION_INOUT] = VGPU_STUB_ARG_BUFFER,
        [OPTION_U32] = VGPU_STUB_ARG_U32,
        [OPTION_U64] = VGPU_STUB_ARG_U64,
        [OPTION_F32] = VGPU_STUB_ARG_F32,
        [OPTION_F64] = VGPU_STUB_ARG_F64,
    };

    return (struct vgpu_stub_kernel_arg) {
        .type = types[argument->kind],
        .value = is_buffer(argument) ? handle : argument->value,
    };
}

/* One work item for each 4 bytes of the largest buffer */
static struct nd_range default_range(const struct arguments *arguments)
{
    size_t largest = 4;

    for (unsigned i = 0; i < arguments->count; i++) {
        if (arguments->list[i].size > largest) {
            largest = arguments->list[i].size;
        }
    }
    return (struct nd_range) {
        .dimensions = 1,
        .size = { min(largest / 4, UINT32_MAX), 1, 1 },
    };
}

/* The response ends with its request. */
static int keep_reply(struct job *job, const struct vgpu_stub_reply *reply)
{
    job->exec_us = reply->exec_time_us;
    if (reply->data_length == 0) {
        return 0;
    }
    job->printed = malloc(reply->data_length);
    if (!job->printed) {
        return -ENOMEM;
    }
    memcpy(job->printed, reply->data, reply->data_length);
    job->printed_length = reply->data_length;
    job->printed_missing = reply->result_count > 0 ? reply->results[0] : 0;
    return 0;
}

/* Wait for the kernel; @launched is freed. */
static int finish(struct job *job, struct vgpu_stub_job *launched)
{
    struct vgpu_stub_answer answer = { .struct_size = sizeof(answer) };
    struct vgpu_stub_reply reply;
    int rc;

    do {
        rc = interrupted ? -EINTR
                         : vgpu_stub_wait_answer(launched, LOOK_MS, &answer);
    } while (rc == -EAGAIN);
    if (rc == 0) {
        rc = vgpu_stub_parse_answer(&answer, &reply);
    } else if (rc == -EREMOTEIO) {
        rc = vgpu_stub_wait(launched, 0, &job->outcome);
    }
    if (rc == 0) {
        rc = keep_reply(job, &reply);
    }
    vgpu_stub_job_free(launched);
    return rc;
}

static int launch(struct job *job)
{
    const struct options *options = job->options;
    struct vgpu_stub_kernel_arg args[VGPU_STUB_KERNEL_ARGS_MAX];
    struct nd_range global = options->global;
    struct vgpu_stub_kernel kernel = {
        .struct_size = sizeof(kernel),
        .name = options->argument,
        .args = args,
        .arg_count = job->arguments.count,
    };
    struct vgpu_stub_job *launched;
    int rc;

    for (unsigned i = 0; i < job->arguments.count; i++) {
        args[i] = make_kernel_arg(&job->arguments.list[i], job->handles[i]);
    }
    if (global.dimensions == 0) {
        global = default_range(&job->arguments);
    }
    kernel.dimensions = global.dimensions;
    memcpy(kernel.global_size, global.size, sizeof(kernel.global_size));
    memcpy(kernel.local_size, options->local.size, sizeof(kernel.local_size));

    rc = vgpu_stub_submit_launch(job->dev, &kernel, options->timeout_ms,
                                 VGPU_STUB_LARGE, &launched);
    return rc < 0 ? rc : finish(job, launched);
}

/* From files to results: 0 or the library's error */
static int execute(struct job *job)
{
    int rc;

    rc = allocate(job);
    for (unsigned i = 0; i < job->arguments.count && rc == 0; i++) {
        rc = copy(job, i, false);
    }
    if (rc == 0) {
        rc = launch(job);
    }
    for (unsigned i = 0; i < job->arguments.count && rc == 0; i++) {
        if (job->arguments.list[i].output) {
            rc = copy(job, i, true);
        }
    }
    return rc;
}

static int write_files(const struct arguments *arguments)
{
    int status = EXIT_OK;

    for (unsigned i = 0; i < arguments->count && status == EXIT_OK; i++) {
        const struct argument *argument = &arguments->list[i];
        int rc = 0;

        if (argument->output) {
            rc = write_output(argument->output, argument->data,
                              argument->size);
        }
        if (rc < 0) {
            status = fail(argument->output, "%s", strerror(-rc));
        }
    }
    return status;
}

static void print(const struct job *job, const char *bdf)
{
    if (job->options->json) {
        printf("{\"device\": \"%s\", \"kernel\": ", bdf);
        print_json_string(job->options->argument);
        printf(", \"bytes_in\": %llu, \"bytes_out\": %llu, "
               "\"exec_us\": %u}\n", (unsigned long long)job->bytes_in,
               (unsigned long long)job->bytes_out, job->exec_us);
    } else {
        /* Not to stdout, which may be one of the output files */
        fprintf(stderr, "%s: %llu bytes to the host, %u us there, %llu bytes "
                "back\n", job->options->argument,
                (unsigned long long)job->bytes_in, job->exec_us,
                (unsigned long long)job->bytes_out);
    }
}

/* Not to stdout either */
static void show_printed(const struct job *job)
{
    const uint32_t length = job->printed_length;

    if (length > 0) {
        fwrite(job->printed, 1, length, stderr);
    }
    if (length > 0 && job->printed[length - 1] != '\n') {
        fputc('\n', stderr);
    }
    if (job->printed_missing > 0) {
        fail(job->options->argument, "it printed more: at least %u bytes that "
             "the host did not keep", job->printed_missing);
    }
}

static int run_on_device(struct job *job)
{
    const struct options *options = job->options;
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    int rc, status;

    status = open_device(options, &job->dev);
    if (status != EXIT_OK) {
        return status;
    }
    if (vgpu_stub_get_info(job->dev, &info) == 0) {
        job->bulk_max = info.bulk_max;
    }
    catch_signals(job->dev);
    progress_begin(&job->progress, job->bytes_in + job->bytes_out);
    rc = execute(job);
    progress_end(&job->progress);
    show_printed(job);
    release(job);
    if (rc == 0) {
        rc = vgpu_stub_get_info(job->dev, &info);
    }
    vgpu_stub_close(job->dev);

    if (rc == -EINTR) {
        fail(options->argument, "ended by a signal (%s)",
             strsignal(interrupted));
        return EXIT_SIGNAL + interrupted;
    }
    if (rc < 0) {
        return fail_request(options->argument, rc, &job->outcome, options);
    }
    status = write_files(&job->arguments);
    if (status == EXIT_OK) {
        print(job, info.bdf);
    }
    return status;
}

static int run(const struct options *options)
{
    struct job job = { .options = options };
    size_t length = strlen(options->argument);
    int status;

    if (length == 0 || length >= VGPU_STUB_KERNEL_NAME_SIZE) {
        usage_error(options->argument, "a kernel's name has 1 to 31 bytes");
    }
    status = read_arguments(options, &job.arguments);
    for (unsigned i = 0; i < job.arguments.count; i++) {
        const struct argument *argument = &job.arguments.list[i];

        job.bytes_in += argument->filled;
        job.bytes_out += argument->output ? argument->size : 0;
    }
    if (status == EXIT_OK) {
        status = run_on_device(&job);
    }
    free(job.printed);
    free_arguments(&job.arguments);
    return status;
}

const struct command command_run = {
    .name = "run",
    .argument = "KERNEL",
    .summary = "run a kernel of the host's catalogue on data from files",
    .details =
        "Each --in, --out, --inout, --u32, --u64, --f32 and --f64 is an "
        "argument of\nthe kernel, in that order. N may also be @FILE, the size "
        "of FILE in bytes, or\n@FILE/4, in units of 4 bytes; a file that is "
        "called FILE/4 is meant if there is\none.\n"
        "\n"
        "  vgpu-stub run vector_add --in a --in b --out c --u32 @a/4\n"
        "  vgpu-stub run sha256 --in a --out digest:32 --u32 @a --u32 1\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(TIMEOUT) | TAKES(IN) |
               TAKES(OUT) | TAKES(INOUT) | TAKES(U32) | TAKES(U64) |
               TAKES(F32) | TAKES(F64) | TAKES(GLOBAL) | TAKES(LOCAL) |
               TAKES(HELP),
    .timeout_ms = -1,
    .run = run,
};
