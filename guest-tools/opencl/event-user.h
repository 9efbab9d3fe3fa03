/*
 * OpenCL in the guest: what a program does with an event
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_EVENT_USER_H
#define OPENCL_EVENT_USER_H

#include "event.h"

/* With the lock: the end of a user's event that has not ended */
void event_set_user(cl_event event, cl_int status);

/* With the lock: @callback->status says for which status it is. */
void event_add_callback(cl_event event, struct callback *callback);

#endif /* OPENCL_EVENT_USER_H */
