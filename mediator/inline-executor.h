/*
 * Executes requests in this process, at once
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_INLINE_EXECUTOR_H
#define MEDIATOR_INLINE_EXECUTOR_H

#include "executor.h"

/* An execution is done when its start returns. */
extern Executor inline_executor;

#endif /* MEDIATOR_INLINE_EXECUTOR_H */
