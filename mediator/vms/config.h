/*
 * What the operator has written into mediatord.conf
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_CONFIG_H
#define MEDIATOR_CONFIG_H

#include "settings.h"

/* Bytes that a file may have */
#define CONFIG_MAX_SIZE 1048576

typedef struct Config Config;

#define CONFIG_ERROR config_error_quark()
GQuark config_error_quark(void);

typedef enum ConfigError {
    CONFIG_ERROR_INVALID,
} ConfigError;

/* The uids of workers; the last one no worker has, starter/rights.h. */
typedef struct UidRange {
    guint32 first, last;
} UidRange;

/* The defaults. To be freed with config_free(). */
Config *config_new(void);
void config_free(Config *config);

/*
 * The defaults and what the file at @path changes of them. When anything is
 * wrong with it, returns NULL and an error that names the file, the line if it
 * is about one, and what is allowed.
 */
Config *config_load(const char *path, GError **error);

/* The same for @length bytes of @text, the contents of @path. */
Config *config_parse(const char *text, gsize length, const char *path,
                     GError **error);

/*
 * Set a limit of one VM, as limits_set() does, over what the file says.
 */
bool config_set_limit(Config *config, const char *vm, const char *name,
                      const char *value, GError **error);

/* The VM has no limits of its own any more. */
void config_forget_limits(Config *config, const char *vm);

/* Whether all requests are to be logged, or only those that failed */
bool config_log_requests(const Config *config);

/* They all live as long as the configuration. */
const ClassShares *config_shares(const Config *config);
const VmLimits *config_limits(const Config *config, const char *vm);
const PoolSettings *config_pool(const Config *config, PoolId pool);
const WorkerSettings *config_workers(const Config *config);
const QueueSettings *config_queue(const Config *config);
/*
 * What starts the workers of @pool on another host, as the file has it; NULL: it
 * has them here.
 */
const char *config_launcher(const Config *config, PoolId pool);
/* Where they are started with uids of their own */
const UidRange *config_uids(const Config *config);
/* Names of the groups that they have then, with commas, or NULL */
const char *config_groups(const Config *config);
/* The folder of the kernels, or NULL */
const char *config_kernels(const Config *config);

/* Call @function for each VM that has limits of its own. */
void config_vms_foreach(const Config *config,
                        void (*function)(const char *vm,
                                         const VmLimits *limits,
                                         gpointer opaque),
                        gpointer opaque);

/* The line that sets @key of [@group]; 0 when none does */
unsigned config_line(const Config *config, const char *group,
                     const char *key);

#endif /* MEDIATOR_CONFIG_H */
