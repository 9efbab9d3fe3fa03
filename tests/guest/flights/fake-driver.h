/*
 * A stand-in of the kernel's driver, its device and the host, in the program
 * that is tested: what the library's devfile.h declares, close() and ppoll() of
 * its files included (the program is linked with --wrap for these two).
 *
 * It refuses what the driver refuses, has as little room as it is told to, and
 * moves bulk in a thread of its own, until the very moment of the completion.
 * What is not there: buffers to map, O_NONBLOCK, other processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

/* Begin with a device that is there, and @room requests in flight at most. */
void fake_start(unsigned room);

/* All contexts are lost, with what runs in them. */
void fake_lose(void);

/* The device is removed, or is there again. */
void fake_remove(bool gone);

/* Contexts that begin from now on are refused, or are not. */
void fake_refuse(bool refuses);

/* Do not execute requests with this opcode; -1: execute all. */
void fake_hold(int opcode);

/* Wait until so many requests are with the host. */
void fake_wait_for(unsigned requests);

/* Bytes of accelerator memory that are allocated */
uint64_t fake_memory(void);

/* Files that are open */
unsigned fake_files(void);

#endif /* FAKE_DRIVER_H */
