/*
 * Whether a pool's accelerator works
 *
 * It is tried (worker-probe.h) once; if that fails, again and again by itself,
 * after pauses that double from POOL_HEALTH_PAUSE_MIN_S to
 * POOL_HEALTH_PAUSE_MAX_S. Why it fails is logged when that is new, that it works
 * after all with the number of attempts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_POOL_HEALTH_H
#define MEDIATOR_POOL_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "schedule/executor.h"
#include "launcher-host.h"
#include "worker-root.h"

#define POOL_HEALTH_PAUSE_MIN_S 1
#define POOL_HEALTH_PAUSE_MAX_S 300

typedef struct PoolHealth PoolHealth;

/*
 * Of pool @id, which is closed; @starter starts what tries it, or what
 * @launchers have. They and @root have to outlive it. @changed is called after its state has changed:
 * from the main loop, or within pool_health_try().
 */
PoolHealth *pool_health_new(PoolId id, Starter *starter,
                            LauncherHost *launchers, WorkerRoot *root,
                            void (*changed)(gpointer opaque), gpointer opaque);
void pool_health_free(PoolHealth *health);

/*
 * The accelerator called @name works when @argv, NULL-terminated, says so, here
 * or, if the first of it is a launcher, @far. That
 * is tried now, unless it was, with the same @argv, and it works. With @confine
 * it is first tried without the host's files; if only that fails, it is logged.
 */
void pool_health_try(PoolHealth *health, const char *name,
                     const char *const *argv, bool far, bool confine);

/* Does it work with the files in the root alone? */
bool pool_health_confined(const PoolHealth *health);

/* Nothing is to serve the pool; nothing is tried. */
void pool_health_close(PoolHealth *health);

PoolState pool_health_state(const PoolHealth *health);

/*
 * Why it has failed, or what it does not do although it works, a line of UTF-8;
 * NULL when there is nothing to say.
 */
const char *pool_health_reason(const PoolHealth *health);

#endif /* MEDIATOR_POOL_HEALTH_H */
