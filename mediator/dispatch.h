/*
 * Where requests wait for their execution
 *
 * First come, first served, in this process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_DISPATCH_H
#define MEDIATOR_DISPATCH_H

#include "request.h"

typedef struct Dispatch Dispatch;

Dispatch *dispatch_new(void);

/* Every request that still waits has to be abandoned by then. */
void dispatch_free(Dispatch *dispatch);

/* A RequestHandler: completes the request from the main loop. */
void dispatch_request(gpointer dispatch, Request *request);

#endif /* MEDIATOR_DISPATCH_H */
