/*
 * An OpenCL driver that computes nothing
 *
 * It stands in for a real one, for which the fuzzer would take months, and is
 * stricter: what some driver would not survive ends the process here, such as
 * an object that there is not any more, a range that is not inside, or a group
 * that the device cannot have. It does what was given to the queue no sooner
 * than it has to, so that memory has to be there until then, and reads and
 * writes all of it. Now and then it fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FUZZ_OPENCL_DRIVER_H
#define FUZZ_OPENCL_DRIVER_H

#include "worker/opencl-driver.h"

/* Make it the driver; returns a backend with its device. */
Backend *fake_driver_install(void);

/* Which calls will fail, and what compilers say, depends on @seed. */
void fake_driver_seed(uint64_t seed);

/* Objects of all kinds that there are */
unsigned fake_driver_objects(void);

#endif /* FUZZ_OPENCL_DRIVER_H */
