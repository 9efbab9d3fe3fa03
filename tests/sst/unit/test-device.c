/*
 * sst-sim's devices, models, links and buses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bus.h"
#include "simulation.h"

#define BASE 0x1000
#define SIZE 0x1000

typedef struct Fixture {
    Simulation *simulation;
    Bus *bus;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    fixture->simulation = simulation_new();
    fixture->bus = bus_new("socket", WIRE_GUIDE, fixture->simulation->queue);
    g_ptr_array_add(fixture->simulation->buses, fixture->bus);
}

static void tear_down(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    simulation_free(fixture->simulation);
}

/* The n-th device is at n * BASE. */
static Device *add(Fixture *fixture, const Model *model, guint64 hz)
{
    Simulation *simulation = fixture->simulation;
    ClockDomain *clock = clock_domain_new("clock", hz);
    guint64 number = simulation->devices->len + 1;
    Device *device = device_new("device", model, number * BASE, SIZE, clock,
                                simulation->queue);

    g_ptr_array_add(simulation->clocks, clock);
    g_ptr_array_add(simulation->devices, device);
    for (const ModelKey *key = model->keys; key != NULL && key->name != NULL;
         key++) {
        G_STRUCT_MEMBER(guint32, device->state, key->offset) = key->preset;
    }
    g_assert_null(bus_add(fixture->bus, device));
    device_start(device);
    return device;
}

static Response get(Fixture *fixture, guint64 address, unsigned size)
{
    const Request request = { .address = address, .size = size };

    return bus_access(fixture->bus, &request);
}

static bool set(Fixture *fixture, guint64 address, unsigned size, guint64 data)
{
    const Request request = {
        .write = true, .address = address, .size = size, .data = data,
    };

    return bus_access(fixture->bus, &request).ok;
}

static guint64 value(Fixture *fixture, guint64 address, unsigned size)
{
    Response response = get(fixture, address, size);

    g_assert_true(response.ok);
    return response.data;
}

static guint64 now(const Fixture *fixture)
{
    return event_queue_now(fixture->simulation->queue);
}

/* An access takes its cycles, from an edge of its device's clock to another. */
static void test_time(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    Device *fast = add(fixture, &model_memory, 1000000000);
    Device *slow = add(fixture, &model_memory, 10000000);

    fast->latency = 3;
    g_assert_cmpuint(get(fixture, BASE, 4).latency, ==, 3);
    g_assert_cmpuint(now(fixture), ==, 3000);
    slow->latency = 2;
    g_assert_cmpuint(get(fixture, 2 * BASE, 4).latency, ==, 2);
    g_assert_cmpuint(now(fixture), ==, 300000);
    get(fixture, BASE, 4);
    g_assert_cmpuint(now(fixture), ==, 303000);
    g_assert_cmpuint(fast->statistics.cycles, ==, 6);
    g_assert_cmpuint(slow->statistics.cycles, ==, 2);
}

static void test_end_of_time(Fixture *fixture,
                             gconstpointer unused G_GNUC_UNUSED)
{
    Device *device = add(fixture, &model_echo, 1);

    device->latency = 10000000;
    g_assert_true(set(fixture, BASE, 4, 1));
    g_assert_false(get(fixture, BASE, 4).ok);
    g_assert_false(get(fixture, BASE, 4).ok);
    g_assert_cmpuint(device->statistics.errors, ==, 2);
}

static void test_echo(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    unsigned polls = 0;

    add(fixture, &model_echo, 1000);
    g_assert_cmpuint(value(fixture, BASE + 8, 4), ==, 0);
    g_assert_true(set(fixture, BASE, 4, 7));
    g_assert_cmpuint(value(fixture, BASE + 4, 4), ==, 0);
    while (value(fixture, BASE + 8, 4) == SST_DEVICE_STATUS_BUSY) {
        polls++;
    }
    /* 10 cycles, without those of the write, of DATA_OUT and of the poll that
     * saw the end */
    g_assert_cmpuint(polls, ==, 8);
    g_assert_cmpuint(value(fixture, BASE + 8, 4), ==,
                     SST_DEVICE_STATUS_DATA_READY);
    g_assert_cmpuint(value(fixture, BASE + 4, 4), ==, 7);
}

static void test_compute(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    add(fixture, &model_compute, 1000);
    set(fixture, BASE, 4, 9);
    g_assert_cmpuint(value(fixture, BASE + 8, 4), ==, 0);
    set(fixture, BASE + 0xC, 4, SST_DEVICE_CONTROL_START);
    set(fixture, BASE, 4, 5);
    set(fixture, BASE + 0xC, 4, SST_DEVICE_CONTROL_START);
    g_assert_cmpuint(value(fixture, BASE + 8, 4), ==,
                     SST_DEVICE_STATUS_BUSY | SST_DEVICE_STATUS_ERROR);
    event_queue_run(fixture->simulation->queue, now(fixture) + 1000000000000);
    g_assert_cmpuint(value(fixture, BASE + 4, 4), ==, 81);
    g_assert_cmpuint(value(fixture, BASE + 8, 4), ==,
                     SST_DEVICE_STATUS_DATA_READY | SST_DEVICE_STATUS_ERROR);
}

static void test_reset_stops(Fixture *fixture,
                             gconstpointer unused G_GNUC_UNUSED)
{
    add(fixture, &model_echo, 1000);
    set(fixture, BASE, 4, 7);
    set(fixture, BASE + 0xC, 4, SST_DEVICE_CONTROL_RESET);
    event_queue_run(fixture->simulation->queue, now(fixture) + 1000000000000);
    g_assert_cmpuint(value(fixture, BASE, 8), ==, 0);
    g_assert_cmpuint(value(fixture, BASE + 8, 8), ==, 0);
}

static void test_parts_of_registers(Fixture *fixture,
                                    gconstpointer unused G_GNUC_UNUSED)
{
    add(fixture, &model_compute, 1000);
    set(fixture, BASE, 4, 0x44332211);
    g_assert_cmpuint(value(fixture, BASE + 1, 1), ==, 0x22);
    g_assert_cmpuint(value(fixture, BASE + 2, 2), ==, 0x4433);
    set(fixture, BASE + 1, 1, 0xAAFF);
    g_assert_cmpuint(value(fixture, BASE, 4), ==, 0x4433FF11);
    /* DATA_OUT cannot be written. */
    set(fixture, BASE, 8, 0x1122334455667788);
    g_assert_cmpuint(value(fixture, BASE, 8), ==, 0x55667788);
    /* STATUS and CONTROL: START */
    set(fixture, BASE + 8, 8, 0x100000000);
    g_assert_cmpuint(value(fixture, BASE + 8, 8), ==, SST_DEVICE_STATUS_BUSY);
}

static void test_memory(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    add(fixture, &model_memory, 1000);
    for (unsigned size = 1; size <= 8; size *= 2) {
        g_assert_true(set(fixture, BASE, 8, 0));
        g_assert_true(set(fixture, BASE, size, G_MAXUINT64));
        g_assert_cmpuint(value(fixture, BASE, 8), ==,
                         G_MAXUINT64 >> (64 - 8 * size));
        g_assert_true(set(fixture, BASE + SIZE - size, size, size));
        g_assert_cmpuint(value(fixture, BASE + SIZE - size, size), ==, size);
    }
}

/* echo → compute → memory */
static void test_links(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    Device *echo = add(fixture, &model_echo, 1000000000);
    Device *compute = add(fixture, &model_compute, 1000000000);
    Device *memory = add(fixture, &model_memory, 1000000000);

    device_link(echo, compute, 5000);
    device_link(compute, memory, 7000);
    set(fixture, BASE, 4, 0x10000001);
    /* 10 cycles, 5 ns, 10 cycles, 7 ns, from the start of the write */
    event_queue_run(fixture->simulation->queue, 31999);
    g_assert_cmpuint(memory->statistics.received, ==, 0);
    event_queue_run(fixture->simulation->queue, 32000);
    g_assert_cmpuint(memory->statistics.received, ==, 1);
    g_assert_cmpuint(value(fixture, 3 * BASE, 8), ==, 0x100000020000001);
    g_assert_cmpuint(echo->statistics.sent, ==, 1);
    g_assert_cmpuint(compute->statistics.received, ==, 1);
    g_assert_cmpuint(compute->statistics.sent, ==, 1);
}

static void test_messages_wrap(Fixture *fixture,
                               gconstpointer unused G_GNUC_UNUSED)
{
    Device *memory = add(fixture, &model_memory, 1000);

    for (guint64 i = 0; i <= SIZE / 8; i++) {
        memory->model->receive(memory, i);
    }
    g_assert_cmpuint(value(fixture, BASE, 8), ==, SIZE / 8);
    g_assert_cmpuint(value(fixture, BASE + SIZE - 8, 8), ==, SIZE / 8 - 1);
}

static void test_wrong_accesses(Fixture *fixture,
                                gconstpointer unused G_GNUC_UNUSED)
{
    Device *echo = add(fixture, &model_echo, 1000);
    Device *memory = add(fixture, &model_memory, 1000);

    g_assert_false(get(fixture, BASE + 16, 4).ok);
    g_assert_false(get(fixture, BASE + 2, 4).ok);
    g_assert_cmpuint(echo->statistics.errors, ==, 2);
    g_assert_false(get(fixture, 3 * BASE - 2, 4).ok);
    g_assert_false(get(fixture, 3 * BASE, 1).ok);
    g_assert_false(get(fixture, BASE - 1, 1).ok);
    g_assert_false(get(fixture, G_MAXUINT64, 8).ok);
    g_assert_false(set(fixture, 0, 8, 1));
    g_assert_cmpuint(memory->statistics.errors, ==, 0);
    g_assert_cmpuint(fixture->bus->unclaimed.errors, ==, 5);
}

static void test_overlap(Fixture *fixture, gconstpointer unused G_GNUC_UNUSED)
{
    Device *device = add(fixture, &model_memory, 1000);

    g_assert_true(bus_add(fixture->bus, device) == device);
}

/* Freed with operations and messages under way */
static void test_end_in_between(Fixture *fixture,
                                gconstpointer unused G_GNUC_UNUSED)
{
    Device *echo = add(fixture, &model_echo, 1000);

    device_link(echo, echo, 1);
    set(fixture, BASE, 4, 7);
    device_send(echo, 3);
}

#define ADD(name, function) \
    g_test_add("/device/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("time", test_time);
    ADD("end-of-time", test_end_of_time);
    ADD("echo", test_echo);
    ADD("compute", test_compute);
    ADD("reset-stops", test_reset_stops);
    ADD("parts-of-registers", test_parts_of_registers);
    ADD("memory", test_memory);
    ADD("links", test_links);
    ADD("messages-wrap", test_messages_wrap);
    ADD("wrong-accesses", test_wrong_accesses);
    ADD("overlap", test_overlap);
    ADD("end-in-between", test_end_in_between);
    return g_test_run();
}
