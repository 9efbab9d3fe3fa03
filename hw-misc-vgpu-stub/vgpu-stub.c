/*
 * vgpu-stub: a PCI device that carries a guest's requests to a mediator
 *
 * The guest writes a request into BAR0 and rings the doorbell; the device
 * sends it over its link to a daemon on the host and puts the answer into
 * BAR0. docs/registers.md is the specification.
 *
 * The guest is hostile: whatever it writes is copied once and then checked,
 * and nothing it does makes the device wait.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/uuid.h"
#include "compat.h"
#include "link.h"

#define TYPE_VGPU_STUB "vgpu-stub"
#define VGPU_STUB(obj) OBJECT_CHECK(VgpuStubState, (obj), TYPE_VGPU_STUB)

#define VGPU_STUB_CAPABILITIES (VGPU_STUB_CAP_REQUEST | VGPU_STUB_CAP_INTERRUPT)

/* A guest in a loop must not fill the host's disk with log lines. */
#define GUEST_ERRORS_PER_SECOND 10

typedef struct VgpuStubState {
    PCIDevice parent_obj;
    MemoryRegion bar;
    VgpuStubLink link;

    /* Properties, and what realize made of them */
    char *pool_name;
    char *priority_name;
    uint32_t vm_id;
    uint32_t request_timeout_ms;
    uint8_t pool;
    uint8_t priority;

    /* What the guest sees */
    uint32_t status;
    uint32_t error_code;
    uint32_t request_len;
    uint32_t response_len;
    uint32_t interrupt_ctrl;
    uint32_t interrupt_status;
    uint32_t request_id;
    uint32_t scratch;
    uint64_t timestamp_us;
    uint8_t request[VGPU_STUB_BUF_SIZE];
    uint8_t response[VGPU_STUB_BUF_SIZE];   /* zero beyond response_len */
    bool outcome_seen;          /* a read of STATUS returned DONE or ERROR */

    /* The request that was submitted last; runs while status is BUSY */
    uint64_t sequence;          /* never goes back, not by a load either */
    uint64_t saved_sequence;    /* the same, in a saved state */
    QEMUTimer timeout;

    QEMUTimer redeliver;        /* tells the guest of an interrupt after load */
    bool sending_msi;

    int64_t guest_error_second; /* the one that guest_errors counts */
    unsigned guest_errors;
} VgpuStubState;

static void G_GNUC_PRINTF(2, 3) vgpu_stub_guest_error(VgpuStubState *s,
                                                      const char *fmt, ...)
{
    int64_t second = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) / 1000;
    g_autofree char *text = NULL;
    va_list ap;

    if (second != s->guest_error_second) {
        s->guest_error_second = second;
        s->guest_errors = 0;
    }
    if (s->guest_errors == GUEST_ERRORS_PER_SECOND) {
        return;
    }
    s->guest_errors++;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    qemu_log_mask(LOG_GUEST_ERROR, "vgpu-stub: %s\n", text);
}

/* Interrupts */

static bool vgpu_stub_interrupt_pending(VgpuStubState *s)
{
    return s->interrupt_status & s->interrupt_ctrl;
}

static void vgpu_stub_update_intx(VgpuStubState *s)
{
    PCIDevice *pci_dev = PCI_DEVICE(s);

    if (!msi_enabled(pci_dev)) {
        pci_set_irq(pci_dev, vgpu_stub_interrupt_pending(s));
    }
}

/* Something to tell: MSI is an event, one message each; INTx is a level. */
static void vgpu_stub_notify(VgpuStubState *s)
{
    PCIDevice *pci_dev = PCI_DEVICE(s);

    if (msi_enabled(pci_dev) && vgpu_stub_interrupt_pending(s)) {
        s->sending_msi = true;
        msi_notify(pci_dev, 0);
        s->sending_msi = false;
    }
    vgpu_stub_update_intx(s);
}

static void vgpu_stub_redeliver(void *opaque)
{
    vgpu_stub_notify(opaque);
}

/* The state machine */

static void vgpu_stub_latch_outcome(VgpuStubState *s, uint32_t error_code,
                                    const uint8_t *data, uint32_t length)
{
    trace_vgpu_stub_finish(s, s->sequence, error_code, length);
    timer_del(&s->timeout);
    assert(length <= sizeof(s->response));
    if (length) {
        memcpy(s->response, data, length);
    }
    s->response_len = length;
    s->error_code = error_code;
    s->timestamp_us = qemu_clock_get_us(QEMU_CLOCK_VIRTUAL);
    s->status = error_code ? VGPU_STUB_STATUS_ERROR : VGPU_STUB_STATUS_DONE;
    s->outcome_seen = false;
    s->interrupt_status |= VGPU_STUB_INTERRUPT_COMPLETION;
}

/* End the request, with @length (<= VGPU_STUB_BUF_SIZE) response bytes. */
static void vgpu_stub_finish(VgpuStubState *s, uint32_t error_code,
                             const uint8_t *data, uint32_t length)
{
    vgpu_stub_latch_outcome(s, error_code, data, length);
    vgpu_stub_notify(s);
}

static void vgpu_stub_fail(VgpuStubState *s, uint32_t error_code)
{
    vgpu_stub_finish(s, error_code, NULL, 0);
}

static void vgpu_stub_idle(VgpuStubState *s)
{
    trace_vgpu_stub_idle(s, s->sequence);
    s->status = VGPU_STUB_STATUS_IDLE;
}

static void vgpu_stub_clear_response(VgpuStubState *s)
{
    memset(s->response, 0, sizeof(s->response));
    s->response_len = 0;
    s->error_code = VGPU_STUB_ERR_NONE;
}

static void vgpu_stub_submit(VgpuStubState *s)
{
    if (s->status == VGPU_STUB_STATUS_BUSY) {
        vgpu_stub_guest_error(s, "doorbell while BUSY ignored");
        return;
    }
    vgpu_stub_clear_response(s);
    if (s->request_len == 0) {
        vgpu_stub_fail(s, VGPU_STUB_ERR_INVALID_LENGTH);
    } else if (s->request_len > VGPU_STUB_BUF_SIZE) {
        vgpu_stub_fail(s, VGPU_STUB_ERR_REQUEST_TOO_LARGE);
    } else if (!vgpu_stub_link_is_up(&s->link)) {
        vgpu_stub_fail(s, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
    } else if (!vgpu_stub_link_has_room(&s->link, s->request_len)) {
        vgpu_stub_fail(s, VGPU_STUB_ERR_QUEUE_FULL);
    } else {
        s->sequence++;
        s->status = VGPU_STUB_STATUS_BUSY;
        trace_vgpu_stub_submit(s, s->sequence, s->request_id, s->request_len);
        if (s->request_timeout_ms) {
            timer_mod(&s->timeout, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                                   s->request_timeout_ms);
        }
        /* Last: a link that is found lost here ends the request at once. */
        vgpu_stub_link_send_request(&s->link, s->sequence, s->request_id,
                                    s->request, s->request_len);
    }
}

static void vgpu_stub_cancel(VgpuStubState *s)
{
    vgpu_stub_link_send_cancel(&s->link, s->sequence, s->request_id);
}

/* Doorbell 2: the guest is through with the outcome, or does not want it. */
static void vgpu_stub_acknowledge(VgpuStubState *s)
{
    switch (s->status) {
    case VGPU_STUB_STATUS_BUSY:
        vgpu_stub_fail(s, VGPU_STUB_ERR_CANCELLED);
        vgpu_stub_cancel(s);
        break;
    case VGPU_STUB_STATUS_DONE:
    case VGPU_STUB_STATUS_ERROR:
        vgpu_stub_idle(s);
        break;
    }
}

static void vgpu_stub_timeout(void *opaque)
{
    VgpuStubState *s = opaque;

    vgpu_stub_fail(s, VGPU_STUB_ERR_TIMEOUT);
    vgpu_stub_cancel(s);
}

static void vgpu_stub_link_response(void *opaque, uint64_t sequence,
                                    uint32_t status, const uint8_t *data,
                                    uint32_t length)
{
    VgpuStubState *s = opaque;

    if (s->status != VGPU_STUB_STATUS_BUSY || sequence != s->sequence) {
        trace_vgpu_stub_late_response(s, sequence, s->sequence);
        return;
    }
    vgpu_stub_finish(s, status, data, length);
}

static void vgpu_stub_link_lost(void *opaque, uint32_t error_code)
{
    VgpuStubState *s = opaque;

    if (s->status == VGPU_STUB_STATUS_BUSY) {
        vgpu_stub_fail(s, error_code);
    }
}

static const VgpuStubLinkOps vgpu_stub_link_ops = {
    .response = vgpu_stub_link_response,
    .lost = vgpu_stub_link_lost,
};

/* Registers */

static uint32_t vgpu_stub_reg_value(VgpuStubState *s, hwaddr reg)
{
    switch (reg) {
    case VGPU_STUB_REG_STATUS:
        return s->status;
    case VGPU_STUB_REG_POOL_ID:
        return s->pool;
    case VGPU_STUB_REG_PRIORITY:
        return s->priority;
    case VGPU_STUB_REG_VM_ID:
        return s->vm_id;
    case VGPU_STUB_REG_ERROR_CODE:
        return s->error_code;
    case VGPU_STUB_REG_REQUEST_LEN:
        return s->request_len;
    case VGPU_STUB_REG_RESPONSE_LEN:
        return s->response_len;
    case VGPU_STUB_REG_PROTOCOL_VER:
        return VGPU_STUB_PROTOCOL_VERSION;
    case VGPU_STUB_REG_CAPABILITIES:
        return VGPU_STUB_CAPABILITIES;
    case VGPU_STUB_REG_INTERRUPT_CTRL:
        return s->interrupt_ctrl;
    case VGPU_STUB_REG_INTERRUPT_STATUS:
        return s->interrupt_status;
    case VGPU_STUB_REG_REQUEST_ID:
        return s->request_id;
    case VGPU_STUB_REG_TIMESTAMP_LO:
        return s->timestamp_us;
    case VGPU_STUB_REG_TIMESTAMP_HI:
        return s->timestamp_us >> 32;
    case VGPU_STUB_REG_SCRATCH:
        return s->scratch;
    case VGPU_STUB_REG_LINK:
        return vgpu_stub_link_is_up(&s->link) ? VGPU_STUB_LINK_UP : 0;
    case VGPU_STUB_REG_REQUEST_TIMEOUT_MS:
        return s->request_timeout_ms;
    default:
        return 0; /* DOORBELL and the reserved places */
    }
}

/*
 * What reading a register does. The outcome has to be seen in STATUS before
 * collecting it ends it: else a block read that passed STATUS while BUSY
 * would swallow an answer that comes in its middle.
 */
static void vgpu_stub_reg_read_effect(VgpuStubState *s, hwaddr reg)
{
    switch (reg) {
    case VGPU_STUB_REG_STATUS:
        s->outcome_seen = s->status == VGPU_STUB_STATUS_DONE ||
                          s->status == VGPU_STUB_STATUS_ERROR;
        break;
    case VGPU_STUB_REG_ERROR_CODE:
        if (s->outcome_seen && s->status == VGPU_STUB_STATUS_ERROR) {
            vgpu_stub_idle(s);
        }
        break;
    case VGPU_STUB_REG_RESPONSE_LEN:
        if (s->outcome_seen && s->status == VGPU_STUB_STATUS_DONE &&
            s->response_len == 0) {
            vgpu_stub_idle(s);
        }
        break;
    }
}

/* @addr may lie inside a register; its upper bytes say nothing of its state. */
static uint32_t vgpu_stub_reg_read(VgpuStubState *s, hwaddr addr)
{
    uint32_t value = vgpu_stub_reg_value(s, addr & ~3ull);

    if ((addr & 3) == 0) {
        vgpu_stub_reg_read_effect(s, addr);
    }
    return value >> (addr & 3) * 8;
}

/*
 * While a request runs the guest sees that request, whatever it writes: so two
 * programs that use one device can tell whose answer they read.
 */
static bool vgpu_stub_is_frozen(VgpuStubState *s)
{
    return s->status == VGPU_STUB_STATUS_BUSY;
}

static void vgpu_stub_reg_write(VgpuStubState *s, hwaddr reg, uint32_t value)
{
    switch (reg) {
    case VGPU_STUB_REG_DOORBELL:
        if (value == VGPU_STUB_DOORBELL_SUBMIT) {
            vgpu_stub_submit(s);
        } else if (value == VGPU_STUB_DOORBELL_ACK) {
            vgpu_stub_acknowledge(s);
        }
        break;
    case VGPU_STUB_REG_REQUEST_LEN:
        if (!vgpu_stub_is_frozen(s)) {
            s->request_len = value;
        }
        break;
    case VGPU_STUB_REG_INTERRUPT_CTRL:
        value &= VGPU_STUB_INTERRUPT_COMPLETION;
        if (value != s->interrupt_ctrl) {
            s->interrupt_ctrl = value;
            vgpu_stub_notify(s);
        }
        break;
    case VGPU_STUB_REG_INTERRUPT_STATUS:
        s->interrupt_status &= ~value;
        vgpu_stub_update_intx(s);
        break;
    case VGPU_STUB_REG_REQUEST_ID:
        if (!vgpu_stub_is_frozen(s)) {
            s->request_id = value;
        }
        break;
    case VGPU_STUB_REG_SCRATCH:
        s->scratch = value;
        break;
    }
}

/* BAR0 */

static bool vgpu_stub_in(hwaddr addr, hwaddr start, hwaddr size)
{
    return addr >= start && addr - start < size;
}

static uint64_t vgpu_stub_response_read(VgpuStubState *s, hwaddr offset,
                                        unsigned size)
{
    uint64_t value = ldn_le_p(s->response + offset, size);

    if (s->outcome_seen && s->status == VGPU_STUB_STATUS_DONE &&
        s->response_len && vgpu_stub_in(s->response_len - 1, offset, size)) {
        vgpu_stub_idle(s);
    }
    return value;
}

static uint64_t vgpu_stub_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    VgpuStubState *s = opaque;
    uint64_t value = 0;

    if (addr & (size - 1)) {
        vgpu_stub_guest_error(s, "unaligned read of %u bytes at 0x%" HWADDR_PRIx
                              " returned 0", size, addr);
    } else if (vgpu_stub_in(addr, VGPU_STUB_REQUEST_BUF, VGPU_STUB_BUF_SIZE)) {
        value = ldn_le_p(s->request + (addr - VGPU_STUB_REQUEST_BUF), size);
    } else if (vgpu_stub_in(addr, VGPU_STUB_RESPONSE_BUF, VGPU_STUB_BUF_SIZE)) {
        value = vgpu_stub_response_read(s, addr - VGPU_STUB_RESPONSE_BUF, size);
    } else {
        value = vgpu_stub_reg_read(s, addr);
        if (size == 8) {
            value |= (uint64_t)vgpu_stub_reg_read(s, addr + 4) << 32;
        }
    }
    trace_vgpu_stub_mmio_read(s, addr, size, value);
    return value;
}

static void vgpu_stub_mmio_write(void *opaque, hwaddr addr, uint64_t value,
                                 unsigned size)
{
    VgpuStubState *s = opaque;

    trace_vgpu_stub_mmio_write(s, addr, size, value);
    if (s->sending_msi) {
        /* An MSI aimed at this very BAR would ring the doorbell without end. */
        vgpu_stub_guest_error(s, "write by its own MSI to 0x%" HWADDR_PRIx
                              " ignored", addr);
    } else if (addr & (size - 1)) {
        vgpu_stub_guest_error(s, "unaligned write of %u bytes at 0x%"
                              HWADDR_PRIx " ignored", size, addr);
    } else if (vgpu_stub_in(addr, VGPU_STUB_REQUEST_BUF, VGPU_STUB_BUF_SIZE)) {
        if (!vgpu_stub_is_frozen(s)) {
            stn_le_p(s->request + (addr - VGPU_STUB_REQUEST_BUF), size, value);
        }
    } else if (vgpu_stub_in(addr, VGPU_STUB_RESPONSE_BUF, VGPU_STUB_BUF_SIZE) ||
               addr >= VGPU_STUB_RESERVED) {
        /* a block move passes over these too: not an error */
    } else if (size < 4) {
        vgpu_stub_guest_error(s, "write of %u bytes to the register at 0x%"
                              HWADDR_PRIx " ignored, registers take 4",
                              size, addr);
    } else {
        vgpu_stub_reg_write(s, addr, value);
        if (size == 8) {
            vgpu_stub_reg_write(s, addr + 4, value >> 32);
        }
    }
}

/*
 * Every access arrives above, even an unaligned one: XCP-ng's QEMU takes what
 * a region refuses for DMA to the guest's memory.
 */
static const MemoryRegionOps vgpu_stub_mmio_ops = {
    .read = vgpu_stub_mmio_read,
    .write = vgpu_stub_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
    },
};

/* Migration */

static int vgpu_stub_check(const char *field, uint64_t value, uint64_t max)
{
    if (value > max) {
        error_report("vgpu-stub: saved state refused: %s is %" PRIu64
                     ", at most %" PRIu64 " is possible", field, value, max);
        return -EINVAL;
    }
    return 0;
}

static int vgpu_stub_check_error_code(VgpuStubState *s)
{
    const char *why = NULL;

    if (!vgpu_stub_error_is_listed(s->error_code)) {
        why = "that is reserved";
    } else if (s->status == VGPU_STUB_STATUS_DONE && s->error_code) {
        why = "STATUS is DONE";
    } else if (s->status == VGPU_STUB_STATUS_ERROR && !s->error_code) {
        why = "STATUS is ERROR";
    } else {
        return 0;
    }
    error_report("vgpu-stub: saved state refused: ERROR_CODE is %" PRIu32
                 ", but %s", s->error_code, why);
    return -EINVAL;
}

static int vgpu_stub_pre_save(void *opaque)
{
    VgpuStubState *s = opaque;

    s->saved_sequence = s->sequence;
    return 0;
}

static int vgpu_stub_post_load(void *opaque, int version_id G_GNUC_UNUSED)
{
    VgpuStubState *s = opaque;

    if (vgpu_stub_check("STATUS", s->status, VGPU_STUB_STATUS_ERROR) ||
        vgpu_stub_check_error_code(s) ||
        vgpu_stub_check("the sequence", s->saved_sequence, INT64_MAX) ||
        vgpu_stub_check("RESPONSE_LEN", s->response_len, VGPU_STUB_BUF_SIZE) ||
        vgpu_stub_check("INTERRUPT_CTRL", s->interrupt_ctrl,
                        VGPU_STUB_INTERRUPT_COMPLETION) ||
        vgpu_stub_check("INTERRUPT_STATUS", s->interrupt_status,
                        VGPU_STUB_INTERRUPT_COMPLETION)) {
        return -EINVAL;
    }
    memset(s->response + s->response_len, 0,
           sizeof(s->response) - s->response_len);
    /* Answers to what was submitted before the load may be under way. */
    s->sequence = MAX(s->sequence, s->saved_sequence);
    if (s->status == VGPU_STUB_STATUS_BUSY) {
        /* Its answer goes to a link that this QEMU does not have. */
        vgpu_stub_clear_response(s);
        vgpu_stub_latch_outcome(s, VGPU_STUB_ERR_CANCELLED, NULL, 0);
    }
    /*
     * The interrupt controllers may still be waiting for their own state, so
     * an interrupt is delivered when the virtual clock runs, with the guest.
     * Delivering one again that the guest knows of does no harm.
     */
    if (vgpu_stub_interrupt_pending(s)) {
        timer_mod(&s->redeliver, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL));
    }
    return 0;
}

static const VMStateDescription vgpu_stub_vmstate = {
    .name = TYPE_VGPU_STUB,
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = vgpu_stub_pre_save,
    .post_load = vgpu_stub_post_load,
    .fields = (VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, VgpuStubState),
        VMSTATE_UINT32(status, VgpuStubState),
        VMSTATE_UINT32(error_code, VgpuStubState),
        VMSTATE_UINT32(request_len, VgpuStubState),
        VMSTATE_UINT32(response_len, VgpuStubState),
        VMSTATE_UINT32(interrupt_ctrl, VgpuStubState),
        VMSTATE_UINT32(interrupt_status, VgpuStubState),
        VMSTATE_UINT32(request_id, VgpuStubState),
        VMSTATE_UINT32(scratch, VgpuStubState),
        VMSTATE_UINT64(timestamp_us, VgpuStubState),
        VMSTATE_UINT8_ARRAY(request, VgpuStubState, VGPU_STUB_BUF_SIZE),
        VMSTATE_UINT8_ARRAY(response, VgpuStubState, VGPU_STUB_BUF_SIZE),
        VMSTATE_BOOL(outcome_seen, VgpuStubState),
        VMSTATE_UINT64(saved_sequence, VgpuStubState),
        VMSTATE_END_OF_LIST()
    }
};

/* Life */

/* What is pending is told in the way that holds from now on. */
static void vgpu_stub_config_write(PCIDevice *pci_dev, uint32_t addr,
                                   uint32_t value, int len)
{
    bool msi = msi_enabled(pci_dev);

    pci_default_write_config(pci_dev, addr, value, len);
    if (msi_enabled(pci_dev) != msi) {
        vgpu_stub_notify(VGPU_STUB(pci_dev));
    }
}

static void vgpu_stub_reset(DeviceState *dev)
{
    VgpuStubState *s = VGPU_STUB(dev);
    bool busy = s->status == VGPU_STUB_STATUS_BUSY;

    trace_vgpu_stub_reset(s);
    timer_del(&s->timeout);
    timer_del(&s->redeliver);
    s->status = VGPU_STUB_STATUS_IDLE;
    if (busy) {
        vgpu_stub_cancel(s);
    }
    vgpu_stub_link_send_reset(&s->link);
    s->outcome_seen = false;
    s->request_len = 0;
    s->interrupt_ctrl = 0;
    s->interrupt_status = 0;
    s->request_id = 0;
    s->scratch = 0;
    s->timestamp_us = 0;
    memset(s->request, 0, sizeof(s->request));
    vgpu_stub_clear_response(s);
    vgpu_stub_update_intx(s);
}

static bool vgpu_stub_parse_pool(VgpuStubState *s, Error **errp)
{
    if (!strcmp(s->pool_name, "A")) {
        s->pool = VGPU_STUB_POOL_A;
    } else if (!strcmp(s->pool_name, "B")) {
        s->pool = VGPU_STUB_POOL_B;
    } else {
        error_setg(errp, "vgpu-stub: pool_id is '%s', must be A or B",
                   s->pool_name);
        return false;
    }
    return true;
}

static bool vgpu_stub_parse_priority(VgpuStubState *s, Error **errp)
{
    if (!strcmp(s->priority_name, "low")) {
        s->priority = VGPU_STUB_PRIORITY_LOW;
    } else if (!strcmp(s->priority_name, "medium")) {
        s->priority = VGPU_STUB_PRIORITY_MEDIUM;
    } else if (!strcmp(s->priority_name, "high")) {
        s->priority = VGPU_STUB_PRIORITY_HIGH;
    } else {
        error_setg(errp, "vgpu-stub: priority is '%s', must be low, medium or "
                   "high", s->priority_name);
        return false;
    }
    return true;
}

static void vgpu_stub_open_link(VgpuStubState *s)
{
    struct vgpu_stub_wire_hello hello = {
        .protocol_version = VGPU_STUB_PROTOCOL_VERSION,
        .capabilities = VGPU_STUB_CAPABILITIES,
        .vm_id = s->vm_id,
        .pool = s->pool,
        .priority = s->priority,
    };
    const char *id = DEVICE(s)->id;

    memcpy(hello.vm_uuid, qemu_uuid.data, sizeof(hello.vm_uuid));
    g_strlcpy(hello.device_id, id ? id : "", sizeof(hello.device_id));
    vgpu_stub_link_open(&s->link, &hello, &vgpu_stub_link_ops, s);
}

static void vgpu_stub_realize(PCIDevice *pci_dev, Error **errp)
{
    VgpuStubState *s = VGPU_STUB(pci_dev);
    Error *err = NULL;
    int ret;

    if (!vgpu_stub_parse_pool(s, errp) || !vgpu_stub_parse_priority(s, errp)) {
        return;
    }

    ret = msi_init(pci_dev, 0, 1, true, false, &err);
    if (ret == -ENOTSUP) {
        error_free(err); /* a platform without MSI: INTx does */
    } else if (ret < 0) {
        error_propagate(errp, err);
        return;
    }

    pci_config_set_interrupt_pin(pci_dev->config, 1);
    memory_region_init_io(&s->bar, OBJECT(s), &vgpu_stub_mmio_ops, s,
                          TYPE_VGPU_STUB, VGPU_STUB_BAR_SIZE);
    pci_register_bar(pci_dev, VGPU_STUB_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->bar);
    timer_init_ms(&s->timeout, QEMU_CLOCK_VIRTUAL, vgpu_stub_timeout, s);
    timer_init_ms(&s->redeliver, QEMU_CLOCK_VIRTUAL, vgpu_stub_redeliver, s);
    vgpu_stub_open_link(s);
}

static void vgpu_stub_exit(PCIDevice *pci_dev)
{
    VgpuStubState *s = VGPU_STUB(pci_dev);

    vgpu_stub_link_close(&s->link);
    timer_del(&s->timeout);
    timer_del(&s->redeliver);
    msi_uninit(pci_dev);
}

static VgpuStubProperty vgpu_stub_properties[] = {
    DEFINE_PROP_STRING("pool_id", VgpuStubState, pool_name),
    DEFINE_PROP_STRING("priority", VgpuStubState, priority_name),
    DEFINE_PROP_UINT32("vm_id", VgpuStubState, vm_id, 0),
    DEFINE_PROP_UINT32("request-timeout-ms", VgpuStubState, request_timeout_ms,
                       VGPU_STUB_TIMEOUT_MS_DEFAULT),
    DEFINE_PROP_CHR("chardev", VgpuStubState, link.chr),
    DEFINE_PROP_END_OF_LIST()
};

static void vgpu_stub_instance_init(Object *obj)
{
    VgpuStubState *s = VGPU_STUB(obj);

    s->pool_name = g_strdup("A");
    s->priority_name = g_strdup("medium");

    vgpu_stub_describe(obj, "pool_id",
                       "pool of accelerators: A (default) or B");
    vgpu_stub_describe(obj, "priority", "low, medium (default) or high");
    vgpu_stub_describe(obj, "vm_id", "number that the guest reads");
    vgpu_stub_describe(obj, "request-timeout-ms",
                       "a request fails after this time, 0: never");
    vgpu_stub_describe(obj, "chardev", "link to the mediator (default: none)");
}

static void vgpu_stub_class_init(ObjectClass *klass, void *data G_GNUC_UNUSED)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = vgpu_stub_realize;
    k->exit = vgpu_stub_exit;
    k->config_write = vgpu_stub_config_write;
    k->vendor_id = VGPU_STUB_PCI_VENDOR_ID;
    k->device_id = VGPU_STUB_PCI_DEVICE_ID;
    k->subsystem_vendor_id = VGPU_STUB_PCI_VENDOR_ID;
    k->subsystem_id = VGPU_STUB_PCI_DEVICE_ID;
    k->class_id = VGPU_STUB_PCI_CLASS;
    k->revision = VGPU_STUB_PCI_REVISION;
    dc->desc = "Share of the host's accelerators through a mediator";
    dc->vmsd = &vgpu_stub_vmstate;
    device_class_set_legacy_reset(dc, vgpu_stub_reset);
    device_class_set_props(dc, vgpu_stub_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo vgpu_stub_type = {
    .name = TYPE_VGPU_STUB,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(VgpuStubState),
    .instance_init = vgpu_stub_instance_init,
    .class_init = vgpu_stub_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { }
    },
};

static void vgpu_stub_register_types(void)
{
    type_register_static(&vgpu_stub_type);
}

type_init(vgpu_stub_register_types)
