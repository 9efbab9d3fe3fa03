/*
 * The configuration: which devices there are, and what connects them
 *
 * A key file; docs/sst.md describes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_CONFIG_H
#define SST_SIM_CONFIG_H

#include "simulation.h"

#define CONFIG_ERROR config_error_quark()
GQuark config_error_quark(void);

typedef enum ConfigError {
    CONFIG_ERROR_INVALID,
} ConfigError;

/*
 * Make what the file at @path describes. Sockets' paths that are not absolute
 * are in @socket_dir. NULL with @error set, which names the file, the place in
 * it and what is allowed there, when the file is not right.
 */
Simulation *config_load(const char *path, const char *socket_dir,
                        GError **error);

#endif /* SST_SIM_CONFIG_H */
