/*
 * vgpu-stub: what its commands share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CLI_H
#define VGPU_STUB_CLI_H

#include "options.h"
#include "vgpu-stub.h"

/* Exit statuses, as --help documents them */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_DEVICE = 3,
    EXIT_PERMISSION = 4,
    EXIT_BUSY = 5,
    EXIT_NOT_SERVED = 6,
};

/* The default of --timeout where the host answers at once */
#define TIMEOUT_MS 5000

struct command {
    const char *name;
    const char *argument;       /* what it takes besides options, or NULL */
    const char *summary;        /* in the list of commands */
    const char *details;        /* in its own help, below the summary */
    unsigned options;           /* which ones it takes: TAKES(…) | … */
    int timeout_ms;             /* the default of --timeout; negative: the
                                 * device's own limit */
    int count;                  /* the default of --count; 0: no end */
    int (*run)(const struct options *options);  /* returns an exit status */
};

extern const struct command command_list;
extern const struct command command_info;
extern const struct command command_regs;
extern const struct command command_echo;
extern const struct command command_bench;
extern const struct command command_watch;
extern const struct command command_doctor;
extern const struct command command_run;
extern const struct command command_free;
extern const struct command command_kernels;

/* Names of the registers' values */
const char *priority_name(uint32_t priority);
const char *status_name(uint32_t status);

/*
 * The exit statuses for a negative errno of vgpu_stub_open(), or 0, and for a
 * device's error code
 */
int open_status(int error);
int error_status(uint32_t error_code);

/* Open the device of @options. Returns an exit status, a failure is said. */
int open_device(const struct options *options, struct vgpu_stub **dev);

/*
 * Send an echo as @options say and fill @outcome. @us receives how long it
 * took, in microseconds. Returns and fails as vgpu_stub_echo().
 */
int send_echo(struct vgpu_stub *dev, const struct options *options,
              int64_t *us, struct vgpu_stub_outcome *outcome);

/*
 * Say why a request of the command @where failed: @rc is the negative errno of
 * the library, @outcome what it filled for -EREMOTEIO. Returns an exit status.
 */
int fail_request(const char *where, int rc,
                 const struct vgpu_stub_outcome *outcome,
                 const struct options *options);

/* Say why vgpu_stub_open() failed for @device; NULL is any. Returns as above. */
int fail_open(const char *device, int error);

/*
 * The end of the program's output: returns @status, or a failure, which is
 * said, when what was printed cannot be written.
 */
int finish_output(int status);

/* Print "vgpu-stub: @where: " and a message; return EXIT_FAILED. */
int fail(const char *where, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Print @text as a JSON string, with its quotes. What is not UTF-8 becomes
 * U+FFFD.
 */
void print_json_string(const char *text);

#endif /* VGPU_STUB_CLI_H */
