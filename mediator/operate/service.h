/*
 * The daemon's life between its start and its end
 *
 * SIGTERM and SIGINT end it at once, SIGHUP reloads. The service manager is
 * told what goes on (notify.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_SERVICE_H
#define MEDIATOR_SERVICE_H

#include "links/socket-dir.h"

typedef struct Service Service;

#define SERVICE_ERROR service_error_quark()
GQuark service_error_quark(void);

typedef enum ServiceError {
    SERVICE_ERROR_FAILED,
} ServiceError;

/*
 * Signals count from now on. @config is the configuration's path, or NULL;
 * both have to live as long.
 */
Service *service_new(Dispatch *dispatch, const char *config);
void service_free(Service *service);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Service, service_free)

/*
 * Serve @links, of Link, and @dir, which may be NULL, until a signal comes or
 * everything is drained. False and a SERVICE_ERROR after service_fail().
 */
bool service_run(Service *service, GPtrArray *links, SocketDir *dir,
                 GError **error);

/* It cannot go on because of @why, a string constant. */
void service_fail(Service *service, const char *why);

/* Log what may go wrong with @config, the contents of the file at @path. */
void service_check_config(const Config *config, const char *path);

/* Read the configuration anew; false with @error set when the old one stays. */
bool service_reload(Service *service, GError **error);

/*
 * End without a loss. Everybody is served until the requests that were there
 * are answered, then all connections take what was sent, answer it and end, and
 * then the service: devices connect to the next daemon as soon as there is one.
 * What has not ended after the configuration's drain-ms is stopped.
 */
void service_drain(Service *service);
bool service_draining(const Service *service);

#endif /* MEDIATOR_SERVICE_H */
