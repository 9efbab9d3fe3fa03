/*
 * vgpu-stub doctor: why a device cannot be used, and what to do
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "driver.h"
#include "finding.h"
#include "opencl.h"

/* Where an access is as dear as this, the interrupt is worth its driver */
#define DEAR_ACCESS_NS 20000

struct patient {
    const struct options *options;
    struct vgpu_stub *dev;      /* NULL until it is open */
    struct vgpu_stub_info info;
    struct vgpu_stub_accelerator accelerator;
};

/* What to do about an error, by errno or by the device's error code */
struct cure {
    int error;
    const char *advice[ADVICE_MAX];
};

static const struct cure request_cures[] = {
    { VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE, {
        "the mediator went away in that moment: run vgpu-stub doctor again" } },
    { VGPU_STUB_ERR_TIMEOUT, {
        "on the host, see whether the mediator is overloaded or hangs: "
        "vgpu-ctl status, journalctl -u vgpu-mediatord" } },
    { VGPU_STUB_ERR_BACKEND_ERROR, {
        "try again: a worker that died is replaced",
        "on the host, see why it failed: journalctl -u vgpu-mediatord" } },
    { VGPU_STUB_ERR_INVALID_POOL, {
        "on the host, give the pool a backend= that works there, in "
        "/etc/vgpu-stub/mediatord.conf; journalctl -u vgpu-mediatord tells "
        "which one failed",
        "or attach a device of the other pool: pool_id=A, pool_id=B" } },
    { VGPU_STUB_ERR_QUEUE_FULL, {
        "wait until other requests of this VM have ended",
        "on the host, allow more: queue= in /etc/vgpu-stub/mediatord.conf" } },
    { VGPU_STUB_ERR_RATE_LIMITED, {
        "send fewer requests a second",
        "on the host, allow more: rate= and burst= in "
        "/etc/vgpu-stub/mediatord.conf" } },
    { VGPU_STUB_ERR_VM_QUARANTINED, {
        "find the kernel that fails or never ends: it shut this VM out",
        "wait until the quarantine is over: quarantine-s= in "
        "/etc/vgpu-stub/mediatord.conf on the host",
        "on the host, end it: vgpu-ctl vms, vgpu-ctl release VM" } },
    { VGPU_STUB_ERR_PROTOCOL_ERROR, {
        "on the host, install QEMU and mediator of the same version" } },
    { VGPU_STUB_ERR_UNSUPPORTED_OPERATION, {
        "on the host, install a mediator of the version of these tools" } },
    { VGPU_STUB_ERR_INVALID_REQUEST, {
        "install mediator and tools of the same version" } },
    { VGPU_STUB_ERR_CANCELLED, {
        "the device was reset or migrated in that moment: run vgpu-stub "
        "doctor again" } },
};

static const char *const interrupt_advice[ADVICE_MAX] = {
    "that is dear: have the library wait by interrupt: modprobe "
    "uio_pci_generic, then echo 1af4 1111 "
    ">/sys/bus/pci/drivers/uio_pci_generic/new_id",
};

static const char *const link_advice[ADVICE_MAX] = {
    "on the host, see whether the mediator runs: systemctl status "
    "vgpu-mediatord",
    "it runs: its log has the reason why it refuses the device: journalctl -u "
    "vgpu-mediatord",
    "QEMU was started by hand: give the device a chardev=",
};

static void find_cure(struct finding *finding, int error,
                      const struct cure *cures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cures[i].error == error) {
            finding_advise(finding, cures[i].advice);
        }
    }
}

#define FIND_CURE(finding, error, cures) \
    find_cure(finding, error, cures, sizeof(cures) / sizeof(cures[0]))

/* There is a device, and this process can open it. */
static void check_device(struct patient *patient, struct finding *finding)
{
    const char *bdf = patient->options->device;
    int rc;

    rc = vgpu_stub_open(bdf, &patient->dev);
    if (rc == 0) {
        rc = vgpu_stub_get_info(patient->dev, &patient->info);
    }
    if (rc < 0) {
        find_cause(bdf, rc, &finding->cause);
        finding_say(finding, open_status(rc), "%s", finding->cause.text);
        finding_advise(finding, finding->cause.advice);
    } else {
        finding_say(finding, EXIT_OK, "%s, pool %c, priority %s, VM ID %u",
                    patient->info.bdf, patient->info.pool,
                    priority_name(patient->info.priority),
                    patient->info.vm_id);
    }
}

/* By what way the device is used, and what that means; never a problem */
static void check_driver(struct patient *patient, struct finding *finding)
{
    static const char *const queue_advice[ADVICE_MAX] = {
        "on the host, have the device's queue: no queue=off, and a QEMU that "
        "has it",
    };

    if (patient->info.queue) {
        finding_say(finding, EXIT_OK, "it has the device, by the queue");
    } else if (patient->info.driver) {
        finding_say(finding, EXIT_OK, "it has the device, by the mailbox: the "
                    "device has no queue, so programs share its memory");
        finding_advise(finding, queue_advice);
    } else {
        finding_say(finding, EXIT_OK, "%s: only root uses the device, one "
                    "program at a time", driver_state());
        driver_advise(finding->advice);
    }
}

/* How the library learns that a request has ended; never a problem */
static void check_waiting(struct patient *patient, struct finding *finding)
{
    const struct vgpu_stub_info *info = &patient->info;

    if (info->driver) {
        finding_say(finding, EXIT_OK, "by interrupt");
        return;
    }
    finding_say(finding, EXIT_OK, "%s; an access to the device takes %.1f us",
                info->interrupts ? "by interrupt"
                                 : "by looking again and again",
                info->access_ns / 1000.0);
    if (info->access_ns > DEAR_ACCESS_NS && !info->interrupts) {
        finding_advise(finding, interrupt_advice);
    }
}

static void check_link(struct patient *patient, struct finding *finding)
{
    if (patient->info.link_up) {
        finding_say(finding, EXIT_OK, "up: a mediator has accepted the device");
    } else {
        finding_say(finding, EXIT_NOT_SERVED,
                    "down: no mediator has accepted the device");
        finding_advise(finding, link_advice);
    }
}

/* Whatever way a request failed */
static void find_failure(const struct patient *patient,
                         struct finding *finding, int rc,
                         const struct vgpu_stub_outcome *outcome)
{
    char message[VGPU_STUB_BUF_SIZE];

    if (rc == -EREMOTEIO) {
        vgpu_stub_message(outcome, message, sizeof(message));
        finding_say(finding, error_status(outcome->error_code), "%s: %s",
                    vgpu_stub_error_name(outcome->error_code), message);
        FIND_CURE(finding, outcome->error_code, request_cures);
    } else if (rc == -ETIMEDOUT) {
        finding_say(finding, EXIT_NOT_SERVED, "no answer within %d ms",
                    patient->options->timeout_ms);
        FIND_CURE(finding, VGPU_STUB_ERR_TIMEOUT, request_cures);
    } else {
        finding_say(finding, EXIT_FAILED, "%s",
                    rc == -EBADMSG ? "the answer is not what was asked for"
                                   : strerror(-rc));
        FIND_CURE(finding, VGPU_STUB_ERR_PROTOCOL_ERROR, request_cures);
    }
}

static void check_request(struct patient *patient, struct finding *finding)
{
    struct vgpu_stub_outcome outcome;
    int64_t us;
    int rc;

    rc = send_echo(patient->dev, patient->options, &us, &outcome);
    if (rc < 0) {
        find_failure(patient, finding, rc, &outcome);
    } else {
        finding_say(finding, EXIT_OK, "an echo came back in %lld us",
                    (long long)us);
    }
}

/* Something executes what this VM sends to the device's pool. */
static void check_accelerator(struct patient *patient,
                              struct finding *finding)
{
    struct vgpu_stub_accelerator *accelerator = &patient->accelerator;
    struct vgpu_stub_outcome outcome;
    uint64_t quota, used, free_mib;
    int rc;

    rc = vgpu_stub_get_accelerator(patient->dev, accelerator,
                                   patient->options->timeout_ms, 0, &outcome);
    if (rc < 0) {
        find_failure(patient, finding, rc, &outcome);
    } else if (accelerator->present) {
        quota = accelerator->memory_quota;
        used = accelerator->memory_used < quota ? accelerator->memory_used
                                                : quota;
        free_mib = (quota - used) >> 20;
        finding_say(finding, EXIT_OK,
                    "%s, %" PRIu64 " MiB of memory for this VM: %" PRIu64
                    " used, %" PRIu64 " free", accelerator->name, quota >> 20,
                    (quota >> 20) - free_mib, free_mib);
    } else {
        finding_say(finding, EXIT_NOT_SERVED, "none serves pool %c",
                    patient->info.pool);
        FIND_CURE(finding, VGPU_STUB_ERR_INVALID_POOL, request_cures);
    }
}

static void check_opencl(struct patient *patient, struct finding *finding)
{
    opencl_examine(&patient->info, &patient->accelerator, finding);
}

static const struct check {
    const char *name;
    void (*run)(struct patient *patient, struct finding *finding);
} checks[] = {
    { "device", check_device },
    { "driver", check_driver },
    { "waiting", check_waiting },
    { "link", check_link },
    { "request", check_request },
    { "accelerator", check_accelerator },
    { "opencl", check_opencl },
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

/* The address; as it was asked for, where there is no such device */
static void print_json_device(const struct patient *patient)
{
    if (patient->info.bdf[0]) {
        print_json_string(patient->info.bdf);
    } else if (patient->options->device) {
        print_json_string(patient->options->device);
    } else {
        fputs("null", stdout);
    }
}

/* Run the checks up to the first that fails; the others depend on it. */
static int examine(struct patient *patient)
{
    const bool json = patient->options->json;
    int status = EXIT_OK;

    if (json) {
        fputs("{\"checks\": [", stdout);
    }
    for (size_t i = 0; i < CHECKS && status == EXIT_OK; i++) {
        struct finding finding = { .status = EXIT_OK };

        checks[i].run(patient, &finding);
        if (json) {
            fputs(i > 0 ? ",\n " : "", stdout);
            finding_print_json(checks[i].name, &finding);
        } else {
            finding_print_text(checks[i].name, &finding);
        }
        status = finding.status;
    }
    if (json) {
        fputs("],\n \"device\": ", stdout);
        print_json_device(patient);
        printf(", \"healthy\": %s}\n", status == EXIT_OK ? "true" : "false");
    }
    return status;
}

static int run(const struct options *options)
{
    struct patient patient = {
        .options = options,
        .info = { .struct_size = sizeof(patient.info) },
        .accelerator = { .struct_size = sizeof(patient.accelerator) },
    };
    int status;

    status = examine(&patient);
    vgpu_stub_close(patient.dev);
    return status;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "find out why a device does not work, and what to do",
    .details = "Stops at the first problem; the exit status tells its kind.\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(TIMEOUT) | TAKES(HELP),
    .timeout_ms = TIMEOUT_MS,
    .run = run,
};
