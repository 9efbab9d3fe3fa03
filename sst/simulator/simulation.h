/*
 * Everything that is simulated
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_SIMULATION_H
#define SST_SIM_SIMULATION_H

#include "bus.h"
#include "clock-domain.h"
#include "device.h"
#include "event-queue.h"

typedef struct Simulation {
    EventQueue *queue;
    GPtrArray *clocks;          /* ClockDomain */
    GPtrArray *devices;         /* Device, in the configuration's order */
    GPtrArray *buses;           /* Bus */
} Simulation;

Simulation *simulation_new(void);
void simulation_free(Simulation *simulation);

/* NULL when there is none of that name; a bus's is its path. */
ClockDomain *simulation_clock(const Simulation *simulation, const char *name);
Device *simulation_device(const Simulation *simulation, const char *name);
Bus *simulation_bus(const Simulation *simulation, const char *path);

/* The statistics as a CSV file; to be freed with g_free(). */
char *simulation_statistics(const Simulation *simulation);

#endif /* SST_SIM_SIMULATION_H */
