/*
 * sst-device: registers that a simulator in another process implements
 *
 * Every access that software makes to the device's range is sent to the
 * simulator, and ends when the answer is there. docs/sst.md tells the whole.
 *
 * The device belongs to no bus and no board: it maps itself into the system's
 * memory, above whatever the board has there, so that any machine can have any
 * number of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <sys/un.h>
#include "block/aio.h"
#include "chardev/char.h"
#include "exec/address-spaces.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/vmstate-if.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/config-file.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "sysemu/reset.h"
#include "interrupt.h"
#include "link.h"
#include "trace/trace-hw_misc_sst_device.h"

#define TYPE_SST_DEVICE "sst-device"
OBJECT_DECLARE_SIMPLE_TYPE(SstDevice, SST_DEVICE)

#define SST_DEVICE_PAGE         4096    /* base and size are whole ones */
#define SST_DEVICE_PRIORITY     1       /* boards map theirs with 0 or less */
#define SST_DEVICE_MAX_TIMEOUT  3600000 /* ms */
/* A path has a NUL at its end there. */
#define SST_DEVICE_MAX_SOCKET   (sizeof_field(struct sockaddr_un, sun_path) - 1)

struct SstDevice {
    DeviceState parent_obj;
    MemoryRegion mmio;
    SstLink link;

    /* Properties that the link does not keep */
    char *socket;               /* NULL: a chardev is given */
    uint64_t base;
    uint64_t size;
    char *format_name;
    bool posted_writes;
    bool offsets;               /* requests have these, not bus addresses */
    uint32_t interrupt;         /* number of its input; 0: none */

    qemu_irq line;              /* NULL: none */
    bool level;
    bool saved_level;           /* in a state that is saved or loaded */

    /* Accesses that software made, their bytes, and those that failed */
    uint64_t reads;
    uint64_t writes;
    uint64_t bytes;
    uint64_t errors;
    uint64_t latency;           /* simulated cycles, of all answers */

    bool write_failed;          /* a posted one, since the last read */
    int64_t refusal_second;     /* the one with a log line of a refusal */
};

static uint64_t sst_device_ones(unsigned size)
{
    return MAKE_64BIT_MASK(0, size * 8);
}

static void sst_device_count_error(SstDevice *s)
{
    s->errors++;
    trace_sst_device_error(s->link.name, s->errors);
}

/* Software in a loop must not fill the host's disk with log lines. */
static void sst_device_log_refusal(SstDevice *s, const char *what)
{
    int64_t second = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) / 1000;

    if (second != s->refusal_second) {
        s->refusal_second = second;
        qemu_log_mask(LOG_GUEST_ERROR, "sst-device %s: the simulator refused "
                      "%s\n", s->link.name, what);
    }
}

static bool sst_device_check_answer(SstDevice *s, const SstAnswer *answer)
{
    s->latency += answer->latency;
    if (!answer->ok) {
        sst_device_count_error(s);
    }
    return answer->ok;
}

/* What a request for @offset in the device calls the place */
static uint64_t sst_device_address(const SstDevice *s, hwaddr offset)
{
    return s->offsets ? offset : s->base + offset;
}

/* Send a request and wait for its answer; false: it failed, and is counted. */
static bool sst_device_ask(SstDevice *s, const SstRequest *request,
                           SstAnswer *answer)
{
    if (!sst_link_ask(&s->link, request, answer)) {
        sst_device_count_error(s);
        return false;
    }
    if (!sst_device_check_answer(s, answer)) {
        g_autofree char *what =
            g_strdup_printf("a %s of %u bytes at 0x%" PRIx64,
                            request->write ? "write" : "read", request->size,
                            request->address);

        sst_device_log_refusal(s, what);
        return false;
    }
    return true;
}

static uint64_t sst_device_read(void *opaque, hwaddr offset, unsigned size)
{
    SstDevice *s = opaque;
    SstRequest request = {
        .size = size,
        .address = sst_device_address(s, offset),
    };
    SstAnswer answer = { };
    uint64_t value = sst_device_ones(size);

    s->reads++;
    s->bytes += size;
    /* By the time of its answer the posted writes before it are answered. */
    if (sst_device_ask(s, &request, &answer) && !s->write_failed) {
        value &= answer.data;
    }
    s->write_failed = false;
    trace_sst_device_read(s->link.name, request.address, size, value,
                          answer.latency);
    return value;
}

static void sst_device_posted(void *opaque, const SstAnswer *answer)
{
    SstDevice *s = opaque;

    trace_sst_device_posted(s->link.name, answer && answer->ok,
                            answer ? answer->latency : 0);
    if (!answer) {
        sst_device_count_error(s);
        s->write_failed = true;
    } else if (!sst_device_check_answer(s, answer)) {
        sst_device_log_refusal(s, "a posted write");
        s->write_failed = true;
    }
}

static void sst_device_post(SstDevice *s, const SstRequest *request)
{
    trace_sst_device_post(s->link.name, request->address, request->size,
                          request->data);
    if (!sst_link_post(&s->link, request)) {
        sst_device_count_error(s);
        s->write_failed = true;
    }
}

static void sst_device_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size)
{
    SstDevice *s = opaque;
    SstRequest request = {
        .write = true,
        .size = size,
        .address = sst_device_address(s, offset),
        .data = value & sst_device_ones(size),
    };
    SstAnswer answer = { };

    s->writes++;
    s->bytes += size;
    if (s->posted_writes) {
        sst_device_post(s, &request);
    } else {
        sst_device_ask(s, &request, &answer);
        trace_sst_device_write(s->link.name, request.address, size,
                               request.data, answer.latency);
    }
}

/* What is aligned, and what exists, is for the simulator to say. */
static const MemoryRegionOps sst_device_ops = {
    .read = sst_device_read,
    .write = sst_device_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
};

/* The interrupt line */

static void sst_device_drive(void *opaque)
{
    SstDevice *s = opaque;

    trace_sst_device_interrupt(s->link.name, s->level);
    qemu_set_irq(s->line, s->level);
}

/* Other devices of the same simulator may be on the connection. */
static void sst_device_interrupt(void *opaque, const SstInterrupt *interrupt)
{
    SstDevice *s = opaque;
    bool level = interrupt && interrupt->level;

    if (interrupt &&
        interrupt->address - sst_device_address(s, 0) >= s->size) {
        return;
    }
    if (s->line && level != s->level) {
        s->level = level;
        sst_device_drive(s);
    }
}

static const SstLinkOps sst_device_link_ops = {
    .posted = sst_device_posted,
    .interrupt = sst_device_interrupt,
};

/* Migration: what a posted write came to has to be known before it. */

static int sst_device_pre_save(void *opaque)
{
    SstDevice *s = opaque;

    sst_link_settle(&s->link);
    s->saved_level = s->level;
    return 0;
}

static int sst_device_pre_load(void *opaque)
{
    SstDevice *s = opaque;

    s->saved_level = false;
    return 0;
}

/*
 * A simulator that is there has said what its line is, and does not know of the
 * load: the interrupt controller, which boards have before us and is loaded
 * already, has to see it again. Without one it is as it was saved, and the
 * controller knows that, until one comes.
 */
static int sst_device_post_load(void *opaque, int version_id G_GNUC_UNUSED)
{
    SstDevice *s = opaque;

    if (!s->link.open) {
        s->level = s->saved_level;
    } else if (s->level) {
        sst_device_drive(s);
    }
    return 0;
}

static bool sst_device_level_needed(void *opaque)
{
    SstDevice *s = opaque;

    return s->saved_level;
}

static const VMStateDescription sst_device_level_vmstate = {
    .name = TYPE_SST_DEVICE "/interrupt",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = sst_device_level_needed,
    .fields = (VMStateField[]) {
        VMSTATE_BOOL(saved_level, SstDevice),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription sst_device_vmstate = {
    .name = TYPE_SST_DEVICE,
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = sst_device_pre_save,
    .pre_load = sst_device_pre_load,
    .post_load = sst_device_post_load,
    .fields = (VMStateField[]) {
        VMSTATE_UINT64(reads, SstDevice),
        VMSTATE_UINT64(writes, SstDevice),
        VMSTATE_UINT64(bytes, SstDevice),
        VMSTATE_UINT64(errors, SstDevice),
        VMSTATE_UINT64(latency, SstDevice),
        VMSTATE_BOOL(write_failed, SstDevice),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *[]) {
        &sst_device_level_vmstate,
        NULL
    }
};

/* The state goes to the device at the same place, in whatever order. */
static char *sst_device_vmstate_id(VMStateIf *obj)
{
    return g_strdup_printf("0x%" PRIx64, SST_DEVICE(obj)->base);
}

/* Life */

/*
 * The simulator is not reset with the machine, nor is what was counted. The
 * interrupt controller is, maybe after this: it has to see the line again.
 */
static void sst_device_reset(void *opaque)
{
    SstDevice *s = opaque;

    trace_sst_device_reset(s->link.name);
    sst_link_settle(&s->link);
    s->write_failed = false;
    if (s->level) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), sst_device_drive, s);
    }
}

/* A connection of the device's own, as -chardev makes it; comes and goes. */
static bool sst_device_connect_socket(SstDevice *s, Error **errp)
{
    g_autofree char *id = g_strdup_printf("sst-socket-0x%" PRIx64, s->base);
    QemuOpts *opts;
    Chardev *chr;

    if (!s->socket[0] || strlen(s->socket) > SST_DEVICE_MAX_SOCKET) {
        error_setg(errp, "sst-device: socket is '%s', must be a path of 1 to "
                   "%zu bytes", s->socket, SST_DEVICE_MAX_SOCKET);
        return false;
    }
    opts = qemu_opts_create(qemu_find_opts("chardev"), id, 1, errp);
    if (!opts) {
        return false;
    }
    qemu_opt_set(opts, "backend", "socket", &error_abort);
    qemu_opt_set(opts, "path", s->socket, &error_abort);
    qemu_opt_set(opts, "reconnect", "1", &error_abort);
    chr = qemu_chr_new_from_opts(opts, NULL, errp);
    return chr && qemu_chr_fe_init(&s->link.chr, chr, errp);
}

/* The link's chardev is the one that is given, or its socket's. */
static bool sst_device_find_chardev(SstDevice *s, Error **errp)
{
    Chardev *chr = qemu_chr_fe_get_driver(&s->link.chr);

    if (!chr == !s->socket) {
        error_setg(errp, "sst-device: %s, must be one of them, the connection "
                   "to the simulator", chr ? "chardev and socket are given"
                   : "neither chardev nor socket is given");
        return false;
    }
    if (!chr) {
        return sst_device_connect_socket(s, errp);
    }
    if (!qemu_chr_has_feature(chr, QEMU_CHAR_FEATURE_GCONTEXT)) {
        error_setg(errp, "sst-device: chardev '%s' is of a kind that cannot "
                   "wait for answers, must be a socket", chr->label);
        return false;
    }
    return true;
}

static bool sst_device_check_numbers(SstDevice *s, Error **errp)
{
    if (s->size == 0 || s->size % SST_DEVICE_PAGE) {
        error_setg(errp, "sst-device: size is 0x%" PRIx64 ", must be a "
                   "multiple of %d", s->size, SST_DEVICE_PAGE);
        return false;
    }
    if (s->base % SST_DEVICE_PAGE) {
        error_setg(errp, "sst-device: base is 0x%" PRIx64 ", must be a "
                   "multiple of %d", s->base, SST_DEVICE_PAGE);
        return false;
    }
    if (s->size - 1 > UINT64_MAX - s->base) {
        error_setg(errp, "sst-device: base 0x%" PRIx64 " and size 0x%" PRIx64
                   " go beyond the last address", s->base, s->size);
        return false;
    }
    if (s->link.timeout_ms == 0 ||
        s->link.timeout_ms > SST_DEVICE_MAX_TIMEOUT) {
        error_setg(errp, "sst-device: timeout-ms is %" PRIu32 ", must be from "
                   "1 to %d", s->link.timeout_ms, SST_DEVICE_MAX_TIMEOUT);
        return false;
    }
    return true;
}

/* It may hide a board's device, but neither memory nor one of its own kind. */
static bool sst_device_check_place(SstDevice *s, Error **errp)
{
    uint64_t left = s->size;

    while (left) {
        MemoryRegionSection section = memory_region_find(
            get_system_memory(), s->base + s->size - left, left);
        uint64_t end;

        if (!section.mr) {
            break;
        }
        memory_region_unref(section.mr);
        if (section.mr->ops == &sst_device_ops) {
            error_setg(errp, "sst-device: base 0x%" PRIx64 " and size 0x%"
                       PRIx64 " overlap sst-device %s", s->base, s->size,
                       SST_DEVICE(section.mr->opaque)->link.name);
            return false;
        }
        if (memory_region_is_ram(section.mr)) {
            error_setg(errp, "sst-device: base 0x%" PRIx64 " and size 0x%"
                       PRIx64 " overlap the machine's memory '%s'", s->base,
                       s->size, memory_region_name(section.mr));
            return false;
        }
        end = section.offset_within_address_space +
              int128_get64(section.size);
        left = s->base + s->size - end;
    }
    return true;
}

static bool sst_device_find_format(SstDevice *s, Error **errp)
{
    s->link.format = sst_format_find(s->format_name);
    if (!s->link.format) {
        error_setg(errp, "sst-device: format is '%s', must be guide or acalsim",
                   s->format_name);
    }
    return s->link.format;
}

/* What format, idle and interrupt ask for */
static bool sst_device_check_messages(SstDevice *s, Error **errp)
{
    s->link.takes_interrupts = s->interrupt != 0 || s->link.reports_idle;
    if (s->link.takes_interrupts && !s->link.format->decode_interrupt) {
        error_setg(errp, "sst-device: format is '%s', must be guide with "
                   "interrupt or report-idle", s->format_name);
        return false;
    }
    if (s->interrupt) {
        s->line = sst_interrupt_find(s->interrupt, errp);
        return s->line;
    }
    return true;
}

static void sst_device_realize(DeviceState *dev, Error **errp)
{
    SstDevice *s = SST_DEVICE(dev);

    if (!sst_device_find_format(s, errp) ||
        !sst_device_check_messages(s, errp) ||
        !sst_device_check_numbers(s, errp) ||
        !sst_device_check_place(s, errp) ||
        !sst_device_find_chardev(s, errp)) {
        return;
    }
    s->link.name = dev->id ? g_strdup(dev->id)
                           : g_strdup_printf("at 0x%" PRIx64, s->base);
    memory_region_init_io(&s->mmio, OBJECT(s), &sst_device_ops, s,
                          TYPE_SST_DEVICE, s->size);
    /* While one processor waits, another one's access waits for its turn. */
    s->mmio.disable_reentrancy_guard = true;
    memory_region_add_subregion_overlap(get_system_memory(), s->base, &s->mmio,
                                        SST_DEVICE_PRIORITY);
    qemu_register_reset(sst_device_reset, s);
    sst_link_open(&s->link, &sst_device_link_ops, s);
}

static Property sst_device_properties[] = {
    DEFINE_PROP_CHR("chardev", SstDevice, link.chr),
    DEFINE_PROP_STRING("socket", SstDevice, socket),
    DEFINE_PROP_UINT64("base", SstDevice, base, SST_DEVICE_BASE),
    DEFINE_PROP_SIZE("size", SstDevice, size, SST_DEVICE_SIZE),
    DEFINE_PROP_STRING("format", SstDevice, format_name),
    DEFINE_PROP_BOOL("offsets", SstDevice, offsets, false),
    DEFINE_PROP_UINT32("interrupt", SstDevice, interrupt, 0),
    DEFINE_PROP_BOOL("report-idle", SstDevice, link.reports_idle, false),
    DEFINE_PROP_BOOL("posted-writes", SstDevice, posted_writes, false),
    DEFINE_PROP_UINT32("timeout-ms", SstDevice, link.timeout_ms, 5000),
    DEFINE_PROP_END_OF_LIST()
};

static bool sst_device_get_connected(Object *obj, Error **errp G_GNUC_UNUSED)
{
    return SST_DEVICE(obj)->link.open;
}

static void sst_device_add_counter(SstDevice *s, const char *name,
                                   const uint64_t *counter, const char *text)
{
    object_property_add_uint64_ptr(OBJECT(s), name, counter,
                                   OBJ_PROP_FLAG_READ);
    object_property_set_description(OBJECT(s), name, text);
}

static void sst_device_instance_init(Object *obj)
{
    SstDevice *s = SST_DEVICE(obj);

    s->format_name = g_strdup("guide");
    sst_device_add_counter(s, "reads", &s->reads, "reads by software");
    sst_device_add_counter(s, "writes", &s->writes, "writes by software");
    sst_device_add_counter(s, "bytes", &s->bytes, "bytes of both");
    sst_device_add_counter(s, "errors", &s->errors,
                           "accesses that the simulator refused, or did not "
                           "answer");
    sst_device_add_counter(s, "latency-cycles", &s->latency,
                           "simulated cycles, of all answers");
}

static void sst_device_class_init(ObjectClass *klass,
                                  void *data G_GNUC_UNUSED)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = sst_device_realize;
    dc->desc = "Registers that a simulator in another process implements";
    dc->vmsd = &sst_device_vmstate;
    dc->hotpluggable = false;
    device_class_set_props(dc, sst_device_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    VMSTATE_IF_CLASS(klass)->get_id = sst_device_vmstate_id;

    object_class_property_add_bool(klass, "connected",
                                   sst_device_get_connected, NULL);
    object_class_property_set_description(klass, "connected",
                                          "the simulator is there");
    object_class_property_set_description(klass, "chardev",
                                          "connection to the simulator: a "
                                          "socket, best with reconnect=1");
    object_class_property_set_description(klass, "socket",
                                          "instead of chardev: path of the "
                                          "simulator's socket");
    object_class_property_set_description(klass, "base",
                                          "address, in whole pages");
    object_class_property_set_description(klass, "size",
                                          "bytes, in whole pages");
    object_class_property_set_description(klass, "format",
                                          "guide (default) or acalsim");
    object_class_property_set_description(klass, "offsets",
                                          "requests have offsets in the "
                                          "device instead of addresses");
    object_class_property_set_description(klass, "interrupt",
                                          "input of the machine's PLIC; 0 for "
                                          "none");
    object_class_property_set_description(klass, "report-idle",
                                          "tell the simulator when processors "
                                          "wait for an interrupt");
    object_class_property_set_description(klass, "posted-writes",
                                          "writes do not wait for answers");
    object_class_property_set_description(klass, "timeout-ms",
                                          "limit of a wait for the simulator");
}

static const TypeInfo sst_device_type = {
    .name = TYPE_SST_DEVICE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(SstDevice),
    .instance_init = sst_device_instance_init,
    .class_init = sst_device_class_init,
};

static void sst_device_register_types(void)
{
    type_register_static(&sst_device_type);
}

type_init(sst_device_register_types)
