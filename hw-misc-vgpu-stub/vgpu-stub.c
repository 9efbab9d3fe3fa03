/*
 * vgpu-stub: a PCI device that carries a guest's requests to a mediator
 *
 * The guest writes a request into BAR0 and rings the doorbell; the device
 * sends it over its link to a daemon on the host and puts the answer into
 * BAR0. docs/registers.md is the specification.
 *
 * Here is what QEMU sees of the device: its properties, its life, its state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/uuid.h"
#include "bar0.h"
#include "compat.h"

#define TYPE_VGPU_STUB "vgpu-stub"
#define VGPU_STUB(obj) OBJECT_CHECK(VgpuStubState, (obj), TYPE_VGPU_STUB)

typedef struct VgpuStubState {
    PCIDevice parent_obj;
    VgpuStubLink link;
    VgpuStubInterrupt interrupt;
    VgpuStubQueue queue;
    VgpuStubBar0 bar0;
    char *pool_name;            /* properties; what they mean is in bar0 */
    char *priority_name;
    uint64_t saved_sequence;    /* the link's, in a saved state */
} VgpuStubState;

static void vgpu_stub_link_response(void *opaque, uint64_t sequence,
                                    uint32_t status, const uint8_t *data,
                                    uint32_t length)
{
    VgpuStubState *s = opaque;

    vgpu_stub_request_response(&s->bar0.request, sequence, status, data,
                               length);
}

static void vgpu_stub_link_lost(void *opaque, uint32_t error_code)
{
    VgpuStubState *s = opaque;

    vgpu_stub_queue_lost(&s->queue);
    vgpu_stub_request_lost(&s->bar0.request, error_code);
}

static const char *vgpu_stub_link_arena(
    void *opaque, int fd, const struct vgpu_stub_wire_arena *arena)
{
    VgpuStubState *s = opaque;

    return vgpu_stub_contexts_arena(&s->queue.contexts, fd, arena);
}

static const char *vgpu_stub_link_refused(void *opaque, uint64_t context,
                                          uint32_t status)
{
    VgpuStubState *s = opaque;

    return vgpu_stub_contexts_refused(&s->queue.contexts, context, status);
}

static const char *vgpu_stub_link_closed(void *opaque, uint64_t context)
{
    VgpuStubState *s = opaque;

    return vgpu_stub_contexts_closed(&s->queue.contexts, context);
}

static const char *vgpu_stub_link_queue_response(
    void *opaque, uint64_t sequence, uint32_t status,
    const struct vgpu_stub_wire_qresponse *response)
{
    VgpuStubState *s = opaque;

    return vgpu_stub_contexts_response(&s->queue.contexts, sequence, status,
                                       response);
}

static void vgpu_stub_link_received(void *opaque)
{
    VgpuStubState *s = opaque;

    vgpu_stub_queue_received(&s->queue);
}

static void vgpu_stub_link_room(void *opaque)
{
    VgpuStubState *s = opaque;

    vgpu_stub_queue_room(&s->queue);
}

static const VgpuStubLinkOps vgpu_stub_link_ops = {
    .response = vgpu_stub_link_response,
    .lost = vgpu_stub_link_lost,
    .arena = vgpu_stub_link_arena,
    .refused = vgpu_stub_link_refused,
    .closed = vgpu_stub_link_closed,
    .queue_response = vgpu_stub_link_queue_response,
    .received = vgpu_stub_link_received,
    .queue_room = vgpu_stub_link_room,
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

static int vgpu_stub_check_error_code(const VgpuStubRequest *request)
{
    const char *why = NULL;

    if (!vgpu_stub_error_is_listed(request->error_code)) {
        why = "that is reserved";
    } else if (request->status == VGPU_STUB_STATUS_DONE &&
               request->error_code) {
        why = "STATUS is DONE";
    } else if (request->status == VGPU_STUB_STATUS_ERROR &&
               !request->error_code) {
        why = "STATUS is ERROR";
    } else {
        return 0;
    }
    error_report("vgpu-stub: saved state refused: ERROR_CODE is %" PRIu32
                 ", but %s", request->error_code, why);
    return -EINVAL;
}

static int vgpu_stub_check_queue(VgpuStubState *s)
{
    const char *wrong = vgpu_stub_queue_loaded(&s->queue);

    if (wrong) {
        error_report("vgpu-stub: saved state refused: %s", wrong);
        return -EINVAL;
    }
    return 0;
}

static int vgpu_stub_pre_save(void *opaque)
{
    VgpuStubState *s = opaque;

    s->saved_sequence = s->link.sequence;
    return 0;
}

static int vgpu_stub_post_load(void *opaque, int version_id G_GNUC_UNUSED)
{
    VgpuStubState *s = opaque;
    const VgpuStubRequest *request = &s->bar0.request;
    uint32_t interrupts = vgpu_stub_bar0_interrupts(&s->bar0);

    if (vgpu_stub_check_queue(s) ||
        vgpu_stub_check("STATUS", request->status, VGPU_STUB_STATUS_ERROR) ||
        vgpu_stub_check_error_code(request) ||
        vgpu_stub_check("the sequence", s->saved_sequence, INT64_MAX) ||
        vgpu_stub_check("RESPONSE_LEN", request->response_len,
                        VGPU_STUB_BUF_SIZE) ||
        vgpu_stub_check("INTERRUPT_CTRL", s->interrupt.ctrl, interrupts) ||
        vgpu_stub_check("INTERRUPT_STATUS", s->interrupt.status, interrupts)) {
        return -EINVAL;
    }
    /* Answers to what was submitted before the load may be under way. */
    s->link.sequence = MAX(s->link.sequence, s->saved_sequence);
    vgpu_stub_bar0_loaded(&s->bar0);
    vgpu_stub_interrupt_loaded(&s->interrupt);
    return 0;
}

/*
 * A saved state describes its fields by name: the names stay as they are,
 * wherever in the device a field is.
 */
#define VGPU_STUB_FIELD_AS(_name, _field, _info, _type) {               \
    .name = _name,                                                      \
    .size = sizeof(_type),                                              \
    .info = &_info,                                                     \
    .flags = VMS_SINGLE,                                                \
    .offset = vmstate_offset_value(VgpuStubState, _field, _type),       \
}
#define VGPU_STUB_UINT32_AS(_name, _field) \
    VGPU_STUB_FIELD_AS(_name, _field, vmstate_info_uint32, uint32_t)
#define VGPU_STUB_BUFFER_AS(_name, _field) {                            \
    .name = _name,                                                      \
    .num = VGPU_STUB_BUF_SIZE,                                          \
    .size = sizeof(uint8_t),                                            \
    .info = &vmstate_info_uint8,                                        \
    .flags = VMS_ARRAY,                                                 \
    .offset = vmstate_offset_array(VgpuStubState, _field, uint8_t,      \
                                   VGPU_STUB_BUF_SIZE),                 \
}

static bool vgpu_stub_queue_needed(void *opaque)
{
    VgpuStubState *s = opaque;

    return vgpu_stub_queue_is_used(&s->queue) ||
           ((s->interrupt.ctrl | s->interrupt.status) &
            VGPU_STUB_INTERRUPT_QUEUE);
}

/* Where it is missing, none of the queue's registers was written. */
static const VMStateDescription vgpu_stub_queue_vmstate = {
    .name = TYPE_VGPU_STUB "/queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = vgpu_stub_queue_needed,
    .fields = (VMStateField[]) {
        VGPU_STUB_FIELD_AS("ring_addr", queue.ring_addr, vmstate_info_uint64,
                           uint64_t),
        VGPU_STUB_UINT32_AS("entries", queue.entries),
        VGPU_STUB_UINT32_AS("state", queue.state),
        VGPU_STUB_UINT32_AS("error", queue.error),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription vgpu_stub_vmstate = {
    .name = TYPE_VGPU_STUB,
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = vgpu_stub_pre_save,
    .post_load = vgpu_stub_post_load,
    .fields = (VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, VgpuStubState),
        VGPU_STUB_UINT32_AS("status", bar0.request.status),
        VGPU_STUB_UINT32_AS("error_code", bar0.request.error_code),
        VGPU_STUB_UINT32_AS("request_len", bar0.request.length),
        VGPU_STUB_UINT32_AS("response_len", bar0.request.response_len),
        VGPU_STUB_UINT32_AS("interrupt_ctrl", interrupt.ctrl),
        VGPU_STUB_UINT32_AS("interrupt_status", interrupt.status),
        VGPU_STUB_UINT32_AS("request_id", bar0.request.id),
        VGPU_STUB_UINT32_AS("scratch", bar0.scratch),
        VGPU_STUB_FIELD_AS("timestamp_us", bar0.request.timestamp_us,
                           vmstate_info_uint64, uint64_t),
        VGPU_STUB_BUFFER_AS("request", bar0.request_buf),
        VGPU_STUB_BUFFER_AS("response", bar0.response_buf),
        VGPU_STUB_FIELD_AS("outcome_seen", bar0.outcome_seen,
                           vmstate_info_bool, bool),
        VMSTATE_UINT64(saved_sequence, VgpuStubState),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *[]) {
        &vgpu_stub_queue_vmstate,
        NULL
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
        vgpu_stub_interrupt_notify(&VGPU_STUB(pci_dev)->interrupt);
    }
}

static void vgpu_stub_reset(DeviceState *dev)
{
    VgpuStubState *s = VGPU_STUB(dev);

    trace_vgpu_stub_reset(s);
    vgpu_stub_queue_reset(&s->queue);
    vgpu_stub_bar0_reset(&s->bar0);
    vgpu_stub_link_send_reset(&s->link);
    vgpu_stub_interrupt_reset(&s->interrupt);
}

static bool vgpu_stub_parse_pool(VgpuStubState *s, Error **errp)
{
    if (!strcmp(s->pool_name, "A")) {
        s->bar0.pool = VGPU_STUB_POOL_A;
    } else if (!strcmp(s->pool_name, "B")) {
        s->bar0.pool = VGPU_STUB_POOL_B;
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
        s->bar0.priority = VGPU_STUB_PRIORITY_LOW;
    } else if (!strcmp(s->priority_name, "medium")) {
        s->bar0.priority = VGPU_STUB_PRIORITY_MEDIUM;
    } else if (!strcmp(s->priority_name, "high")) {
        s->bar0.priority = VGPU_STUB_PRIORITY_HIGH;
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
        .protocol_version = s->queue.present ? VGPU_STUB_WIRE_QUEUE
                                             : VGPU_STUB_WIRE_MAILBOX,
        .capabilities = vgpu_stub_bar0_capabilities(&s->bar0),
        .vm_id = s->bar0.vm_id,
        .pool = s->bar0.pool,
        .priority = s->bar0.priority,
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
    /* QEMU would not survive an interrupt on a pin that does not exist. */
    pci_dev->cmask[PCI_INTERRUPT_PIN] = 0xff;
    vgpu_stub_interrupt_init(&s->interrupt, pci_dev);
    vgpu_stub_queue_init(&s->queue, pci_dev, &s->link, &s->interrupt);
    vgpu_stub_bar0_init(&s->bar0, OBJECT(s), &s->link, &s->interrupt,
                        &s->queue);
    pci_register_bar(pci_dev, VGPU_STUB_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->bar0.region);
    vgpu_stub_open_link(s);
}

static void vgpu_stub_exit(PCIDevice *pci_dev)
{
    VgpuStubState *s = VGPU_STUB(pci_dev);

    vgpu_stub_link_close(&s->link);
    vgpu_stub_queue_exit(&s->queue);
    vgpu_stub_bar0_exit(&s->bar0);
    vgpu_stub_interrupt_exit(&s->interrupt);
    msi_uninit(pci_dev);
}

static VgpuStubProperty vgpu_stub_properties[] = {
    DEFINE_PROP_STRING("pool_id", VgpuStubState, pool_name),
    DEFINE_PROP_STRING("priority", VgpuStubState, priority_name),
    DEFINE_PROP_UINT32("vm_id", VgpuStubState, bar0.vm_id, 0),
    DEFINE_PROP_UINT32("request-timeout-ms", VgpuStubState,
                       bar0.request.timeout_ms, VGPU_STUB_TIMEOUT_MS_DEFAULT),
    DEFINE_PROP_BOOL("queue", VgpuStubState, queue.present, true),
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
                       "a request of the mailbox fails after this time, "
                       "0: never");
    vgpu_stub_describe(obj, "queue", "DMA queue: on (default) or off");
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
