/*
 * vgpu-stub: BAR0, its registers and its mailbox
 *
 * The guest is hostile: whatever it writes is copied once and then checked,
 * and nothing it does makes the device wait.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/log.h"
#include "bar0.h"
#include "compat.h"

/* A guest in a loop must not fill the host's disk with log lines. */
#define GUEST_ERRORS_PER_SECOND 10

static void G_GNUC_PRINTF(2, 3) bar0_guest_error(VgpuStubBar0 *bar0,
                                                 const char *fmt, ...)
{
    int64_t second = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) / 1000;
    g_autofree char *text = NULL;
    va_list ap;

    if (second != bar0->guest_error_second) {
        bar0->guest_error_second = second;
        bar0->guest_errors = 0;
    }
    if (bar0->guest_errors == GUEST_ERRORS_PER_SECOND) {
        return;
    }
    bar0->guest_errors++;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    qemu_log_mask(LOG_GUEST_ERROR, "vgpu-stub: %s\n", text);
}

/* Registers */

uint32_t vgpu_stub_bar0_capabilities(const VgpuStubBar0 *bar0)
{
    uint32_t mailbox = VGPU_STUB_CAP_REQUEST | VGPU_STUB_CAP_INTERRUPT;

    return bar0->queue->present
           ? mailbox | VGPU_STUB_CAP_DMA | VGPU_STUB_CAP_MULTIPLE
           : mailbox;
}

uint32_t vgpu_stub_bar0_interrupts(const VgpuStubBar0 *bar0)
{
    return bar0->queue->present
           ? VGPU_STUB_INTERRUPT_COMPLETION | VGPU_STUB_INTERRUPT_QUEUE
           : VGPU_STUB_INTERRUPT_COMPLETION;
}

static uint32_t bar0_link_bits(const VgpuStubBar0 *bar0)
{
    const VgpuStubLink *link = bar0->request.link;

    return (vgpu_stub_link_is_up(link) ? VGPU_STUB_LINK_UP : 0) |
           (vgpu_stub_link_serves_queue(link) ? VGPU_STUB_LINK_QUEUE : 0);
}

static uint32_t bar0_reg_value(const VgpuStubBar0 *bar0, hwaddr reg)
{
    const VgpuStubRequest *request = &bar0->request;

    switch (reg) {
    case VGPU_STUB_REG_STATUS:
        return request->status;
    case VGPU_STUB_REG_POOL_ID:
        return bar0->pool;
    case VGPU_STUB_REG_PRIORITY:
        return bar0->priority;
    case VGPU_STUB_REG_VM_ID:
        return bar0->vm_id;
    case VGPU_STUB_REG_ERROR_CODE:
        return request->error_code;
    case VGPU_STUB_REG_REQUEST_LEN:
        return request->length;
    case VGPU_STUB_REG_RESPONSE_LEN:
        return request->response_len;
    case VGPU_STUB_REG_PROTOCOL_VER:
        return VGPU_STUB_PROTOCOL_VERSION;
    case VGPU_STUB_REG_CAPABILITIES:
        return vgpu_stub_bar0_capabilities(bar0);
    case VGPU_STUB_REG_INTERRUPT_CTRL:
        return bar0->interrupt->ctrl;
    case VGPU_STUB_REG_INTERRUPT_STATUS:
        return bar0->interrupt->status;
    case VGPU_STUB_REG_REQUEST_ID:
        return request->id;
    case VGPU_STUB_REG_TIMESTAMP_LO:
        return request->timestamp_us;
    case VGPU_STUB_REG_TIMESTAMP_HI:
        return request->timestamp_us >> 32;
    case VGPU_STUB_REG_SCRATCH:
        return bar0->scratch;
    case VGPU_STUB_REG_LINK:
        return bar0_link_bits(bar0);
    case VGPU_STUB_REG_REQUEST_TIMEOUT_MS:
        return request->timeout_ms;
    default:
        return vgpu_stub_queue_has(bar0->queue, reg)
               ? vgpu_stub_queue_read(bar0->queue, reg)
               : 0; /* DOORBELL and the reserved places */
    }
}

static bool bar0_outcome_seen(const VgpuStubBar0 *bar0, uint32_t status)
{
    return bar0->outcome_seen && bar0->request.status == status;
}

/*
 * What reading a register does. The outcome has to be seen in STATUS before
 * collecting it ends it: else a block read that passed STATUS while BUSY
 * would swallow an answer that comes in its middle.
 */
static void bar0_reg_read_effect(VgpuStubBar0 *bar0, hwaddr reg)
{
    VgpuStubRequest *request = &bar0->request;

    switch (reg) {
    case VGPU_STUB_REG_STATUS:
        bar0->outcome_seen = request->status == VGPU_STUB_STATUS_DONE ||
                             request->status == VGPU_STUB_STATUS_ERROR;
        break;
    case VGPU_STUB_REG_ERROR_CODE:
        if (bar0_outcome_seen(bar0, VGPU_STUB_STATUS_ERROR)) {
            vgpu_stub_request_collect(request);
        }
        break;
    case VGPU_STUB_REG_RESPONSE_LEN:
        if (bar0_outcome_seen(bar0, VGPU_STUB_STATUS_DONE) &&
            request->response_len == 0) {
            vgpu_stub_request_collect(request);
        }
        break;
    }
}

/* @addr may lie inside a register; its upper bytes say nothing of its state. */
static uint32_t bar0_reg_read(VgpuStubBar0 *bar0, hwaddr addr)
{
    uint32_t value = bar0_reg_value(bar0, addr & ~3ull);

    if ((addr & 3) == 0) {
        bar0_reg_read_effect(bar0, addr);
    }
    return value >> (addr & 3) * 8;
}

static void bar0_submit(VgpuStubBar0 *bar0)
{
    if (vgpu_stub_request_runs(&bar0->request)) {
        bar0_guest_error(bar0, "doorbell while BUSY ignored");
    } else {
        vgpu_stub_request_submit(&bar0->request);
    }
}

/* Doorbell 2: the guest is through with the outcome, or does not want it. */
static void bar0_acknowledge(VgpuStubBar0 *bar0)
{
    VgpuStubRequest *request = &bar0->request;

    if (vgpu_stub_request_runs(request)) {
        vgpu_stub_request_cancel(request);
    } else if (request->status != VGPU_STUB_STATUS_IDLE) {
        vgpu_stub_request_collect(request);
    }
}

/*
 * While a request runs the guest sees that request, whatever it writes: so two
 * programs that use one device can tell whose answer they read.
 */
static bool bar0_is_frozen(const VgpuStubBar0 *bar0)
{
    return vgpu_stub_request_runs(&bar0->request);
}

static void bar0_reg_write(VgpuStubBar0 *bar0, hwaddr reg, uint32_t value)
{
    switch (reg) {
    case VGPU_STUB_REG_DOORBELL:
        if (value == VGPU_STUB_DOORBELL_SUBMIT) {
            bar0_submit(bar0);
        } else if (value == VGPU_STUB_DOORBELL_ACK) {
            bar0_acknowledge(bar0);
        }
        break;
    case VGPU_STUB_REG_REQUEST_LEN:
        if (!bar0_is_frozen(bar0)) {
            bar0->request.length = value;
        }
        break;
    case VGPU_STUB_REG_INTERRUPT_CTRL:
        vgpu_stub_interrupt_enable(bar0->interrupt,
                                   value & vgpu_stub_bar0_interrupts(bar0));
        break;
    case VGPU_STUB_REG_INTERRUPT_STATUS:
        vgpu_stub_interrupt_clear(bar0->interrupt, value);
        break;
    case VGPU_STUB_REG_REQUEST_ID:
        if (!bar0_is_frozen(bar0)) {
            bar0->request.id = value;
        }
        break;
    case VGPU_STUB_REG_SCRATCH:
        bar0->scratch = value;
        break;
    default:
        if (vgpu_stub_queue_has(bar0->queue, reg)) {
            vgpu_stub_queue_write(bar0->queue, reg, value);
        }
        break;
    }
}

/* The whole BAR */

static bool bar0_in(hwaddr addr, hwaddr start, hwaddr size)
{
    return addr >= start && addr - start < size;
}

static uint64_t bar0_response_read(VgpuStubBar0 *bar0, hwaddr offset,
                                   unsigned size)
{
    VgpuStubRequest *request = &bar0->request;
    uint64_t value = ldn_le_p(bar0->response_buf + offset, size);

    if (bar0_outcome_seen(bar0, VGPU_STUB_STATUS_DONE) &&
        request->response_len &&
        bar0_in(request->response_len - 1, offset, size)) {
        vgpu_stub_request_collect(request);
    }
    return value;
}

static uint64_t bar0_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    VgpuStubBar0 *bar0 = opaque;
    uint64_t value = 0;

    if (addr & (size - 1)) {
        bar0_guest_error(bar0, "unaligned read of %u bytes at 0x%" HWADDR_PRIx
                         " returned 0", size, addr);
    } else if (bar0_in(addr, VGPU_STUB_REQUEST_BUF, VGPU_STUB_BUF_SIZE)) {
        value = ldn_le_p(bar0->request_buf + (addr - VGPU_STUB_REQUEST_BUF),
                         size);
    } else if (bar0_in(addr, VGPU_STUB_RESPONSE_BUF, VGPU_STUB_BUF_SIZE)) {
        value = bar0_response_read(bar0, addr - VGPU_STUB_RESPONSE_BUF, size);
    } else {
        value = bar0_reg_read(bar0, addr);
        if (size == 8) {
            value |= (uint64_t)bar0_reg_read(bar0, addr + 4) << 32;
        }
    }
    trace_vgpu_stub_mmio_read(bar0, addr, size, value);
    return value;
}

static void bar0_mmio_write(void *opaque, hwaddr addr, uint64_t value,
                            unsigned size)
{
    VgpuStubBar0 *bar0 = opaque;

    trace_vgpu_stub_mmio_write(bar0, addr, size, value);
    if (bar0->interrupt->sending) {
        /* An MSI aimed at this very BAR would ring the doorbell without end. */
        bar0_guest_error(bar0, "write by its own MSI to 0x%" HWADDR_PRIx
                         " ignored", addr);
    } else if (addr & (size - 1)) {
        bar0_guest_error(bar0, "unaligned write of %u bytes at 0x%" HWADDR_PRIx
                         " ignored", size, addr);
    } else if (bar0_in(addr, VGPU_STUB_REQUEST_BUF, VGPU_STUB_BUF_SIZE)) {
        if (!bar0_is_frozen(bar0)) {
            stn_le_p(bar0->request_buf + (addr - VGPU_STUB_REQUEST_BUF), size,
                     value);
        }
    } else if (bar0_in(addr, VGPU_STUB_RESPONSE_BUF, VGPU_STUB_BUF_SIZE) ||
               (addr >= VGPU_STUB_RESERVED &&
                !vgpu_stub_queue_has(bar0->queue, addr))) {
        /* a block move passes over these too: not an error */
    } else if (size < 4) {
        bar0_guest_error(bar0, "write of %u bytes to the register at 0x%"
                         HWADDR_PRIx " ignored, registers take 4",
                         size, addr);
    } else {
        bar0_reg_write(bar0, addr, value);
        if (size == 8) {
            bar0_reg_write(bar0, addr + 4, value >> 32);
        }
    }
}

/*
 * Every access arrives above, even an unaligned one: XCP-ng's QEMU takes what
 * a region refuses for DMA to the guest's memory.
 */
static const MemoryRegionOps bar0_mmio_ops = {
    .read = bar0_mmio_read,
    .write = bar0_mmio_write,
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

/* The request's ended() */
static void bar0_ended(void *opaque)
{
    VgpuStubBar0 *bar0 = opaque;

    bar0->outcome_seen = false;
    vgpu_stub_interrupt_raise(bar0->interrupt, VGPU_STUB_INTERRUPT_COMPLETION);
}

void vgpu_stub_bar0_init(VgpuStubBar0 *bar0, Object *owner,
                         VgpuStubLink *link, VgpuStubInterrupt *interrupt,
                         VgpuStubQueue *queue)
{
    VgpuStubRequest *request = &bar0->request;

    bar0->interrupt = interrupt;
    bar0->queue = queue;
    request->link = link;
    request->data = bar0->request_buf;
    request->response = bar0->response_buf;
    request->size = VGPU_STUB_BUF_SIZE;
    request->ended = bar0_ended;
    request->opaque = bar0;
    vgpu_stub_request_init(request);
    memory_region_init_io(&bar0->region, owner, &bar0_mmio_ops, bar0,
                          "vgpu-stub", VGPU_STUB_BAR_SIZE);
}

void vgpu_stub_bar0_exit(VgpuStubBar0 *bar0)
{
    vgpu_stub_request_exit(&bar0->request);
}

void vgpu_stub_bar0_reset(VgpuStubBar0 *bar0)
{
    vgpu_stub_request_reset(&bar0->request);
    bar0->outcome_seen = false;
    bar0->scratch = 0;
    memset(bar0->request_buf, 0, sizeof(bar0->request_buf));
}

void vgpu_stub_bar0_loaded(VgpuStubBar0 *bar0)
{
    if (vgpu_stub_request_loaded(&bar0->request)) {
        bar0->outcome_seen = false;
        bar0->interrupt->status |= VGPU_STUB_INTERRUPT_COMPLETION;
    }
}
