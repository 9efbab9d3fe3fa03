/*
 * OpenCL in the guest: commands that only wait
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_MARKER_H
#define OPENCL_MARKER_H

#include "event.h"

/* A work's issue(): nothing is done but to come after what was before. */
void marker_issue(cl_event event, struct work *work);

#endif /* OPENCL_MARKER_H */
