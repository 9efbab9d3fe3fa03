/*
 * Everything that is simulated
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "simulation.h"

#include <string.h>

Simulation *simulation_new(void)
{
    Simulation *simulation = g_new(Simulation, 1);

    *simulation = (Simulation) {
        .queue = event_queue_new(),
        .clocks = g_ptr_array_new_with_free_func(
            (GDestroyNotify)clock_domain_free),
        .devices = g_ptr_array_new_with_free_func(
            (GDestroyNotify)device_free),
        .buses = g_ptr_array_new_with_free_func((GDestroyNotify)bus_free),
    };
    return simulation;
}

void simulation_free(Simulation *simulation)
{
    g_ptr_array_unref(simulation->buses);
    g_ptr_array_unref(simulation->devices);
    g_ptr_array_unref(simulation->clocks);
    event_queue_free(simulation->queue);
    g_free(simulation);
}

ClockDomain *simulation_clock(const Simulation *simulation, const char *name)
{
    for (guint i = 0; i < simulation->clocks->len; i++) {
        ClockDomain *clock = g_ptr_array_index(simulation->clocks, i);

        if (strcmp(clock->name, name) == 0) {
            return clock;
        }
    }
    return NULL;
}

Device *simulation_device(const Simulation *simulation, const char *name)
{
    for (guint i = 0; i < simulation->devices->len; i++) {
        Device *device = g_ptr_array_index(simulation->devices, i);

        if (strcmp(device->name, name) == 0) {
            return device;
        }
    }
    return NULL;
}

Bus *simulation_bus(const Simulation *simulation, const char *path)
{
    for (guint i = 0; i < simulation->buses->len; i++) {
        Bus *bus = g_ptr_array_index(simulation->buses, i);

        if (strcmp(bus->path, path) == 0) {
            return bus;
        }
    }
    return NULL;
}

char *simulation_statistics(const Simulation *simulation)
{
    GString *csv = g_string_new(NULL);
    Statistics unclaimed = { 0 };

    statistics_append_header(csv);
    for (guint i = 0; i < simulation->devices->len; i++) {
        const Device *device = g_ptr_array_index(simulation->devices, i);

        statistics_append(csv, device->name, device->model->name,
                          &device->statistics);
    }
    for (guint i = 0; i < simulation->buses->len; i++) {
        const Bus *bus = g_ptr_array_index(simulation->buses, i);

        unclaimed.reads += bus->unclaimed.reads;
        unclaimed.writes += bus->unclaimed.writes;
        unclaimed.bytes += bus->unclaimed.bytes;
        unclaimed.errors += bus->unclaimed.errors;
    }
    statistics_append(csv, "-", "unclaimed", &unclaimed);
    return g_string_free(csv, FALSE);
}
