/*
 * A simulated device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "device.h"

typedef struct Link {
    Device *to;
    guint64 latency;            /* ps */
} Link;

/* What is under way on a link */
typedef struct Message {
    Device *to;
    guint64 value;
} Message;

typedef struct Timer {
    Device *device;
    DeviceFunc func;
} Timer;

static void timer_fire(gpointer opaque)
{
    const Timer *timer = opaque;

    timer->func(timer->device);
}

Event *device_after(Device *device, guint32 cycles, DeviceFunc func)
{
    Timer *timer = g_new(Timer, 1);
    guint64 when = clock_domain_after(device->clock,
                                      event_queue_now(device->queue),
                                      MAX(cycles, 1));

    *timer = (Timer) { .device = device, .func = func };
    return event_queue_add(device->queue, when, timer_fire, timer, g_free);
}

void device_cancel(Device *device, Event **event)
{
    if (*event != NULL) {
        event_queue_cancel(device->queue, *event);
        *event = NULL;
    }
}

static void message_arrive(gpointer opaque)
{
    const Message *message = opaque;

    message->to->statistics.received++;
    message->to->model->receive(message->to, message->value);
}

void device_send(Device *device, guint64 message)
{
    guint64 now = event_queue_now(device->queue);

    for (guint i = 0; i < device->links->len; i++) {
        const Link *link = g_ptr_array_index(device->links, i);
        Message *copy = g_new(Message, 1);
        guint64 when = now > EVENT_NEVER - link->latency
                     ? EVENT_NEVER : now + link->latency;

        *copy = (Message) { .to = link->to, .value = message };
        event_queue_add(device->queue, when, message_arrive, copy, g_free);
        device->statistics.sent++;
    }
}

void device_interrupt(Device *device, bool level)
{
    if (device->interrupt != 0 && device->level != level) {
        device->level = level;
        if (device->line_changed != NULL) {
            device->line_changed(device, device->line_opaque);
        }
    }
}

Device *device_new(const char *name, const Model *model, guint64 base,
                   guint64 size, const ClockDomain *clock, EventQueue *queue)
{
    Device *device = g_new(Device, 1);

    *device = (Device) {
        .name = g_strdup(name),
        .model = model,
        .state = g_malloc0(model->state_size),
        .base = base,
        .size = size,
        .latency = 1,
        .clock = clock,
        .queue = queue,
        .links = g_ptr_array_new_with_free_func(g_free),
    };
    return device;
}

void device_start(Device *device)
{
    if (device->model->init != NULL) {
        device->model->init(device);
    }
}

void device_free(Device *device)
{
    if (device->model->clear != NULL) {
        device->model->clear(device);
    }
    g_ptr_array_unref(device->links);
    g_free(device->state);
    g_free(device->name);
    g_free(device);
}

void device_link(Device *from, Device *to, guint64 latency)
{
    Link *link = g_new(Link, 1);

    g_assert(to->model->receive != NULL);
    *link = (Link) { .to = to, .latency = latency };
    g_ptr_array_add(from->links, link);
}

/* The part of @data that an access of @size bytes has */
static guint64 cut(guint64 data, unsigned size)
{
    return size < 8 ? data & ((G_GUINT64_CONSTANT(1) << 8 * size) - 1) : data;
}

/* At the first edge of the device's clock, the model sees the access; when the
 * cycles are over that it takes, it is done. */
static bool device_perform(Device *device, Access *access)
{
    guint64 start = clock_domain_after(device->clock,
                                       event_queue_now(device->queue), 0);
    guint64 end;
    bool ok;

    if (start == EVENT_NEVER) {
        return false;
    }
    event_queue_run(device->queue, start);
    ok = device->model->access(device, access);
    access->cycles = MAX(access->cycles, 1);
    end = clock_domain_after(device->clock, start, access->cycles);
    if (end == EVENT_NEVER) {
        return false;
    }
    event_queue_run(device->queue, end);
    return ok;
}

bool device_access(Device *device, Access *access)
{
    bool ok;

    access->cycles = device->latency;
    access->data = access->write ? cut(access->data, access->size) : 0;
    ok = device_perform(device, access);
    access->data = cut(access->data, access->size);
    statistics_count(&device->statistics, access, ok);
    return ok;
}
