/*
 * Whether a VM whose requests never end would be quarantined
 *
 * It has one such request at a time, which is stopped at its deadline and
 * killed a moment later; then it needs a new worker. As many of them as are
 * allowed have to fit into the window of faults.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_QUARANTINE_REACH_H
#define MEDIATOR_QUARANTINE_REACH_H

#include "config.h"

/*
 * NULL when it would be with these limits, else why not; to be freed with
 * g_free().
 */
char *quarantine_unreachable(const VmLimits *limits);

/*
 * The same for all that @config, of the file at @path, says of VMs, with the
 * lines that say so. To be freed with g_strfreev(); NULL-terminated.
 */
char **quarantine_warnings(const Config *config, const char *path);

#endif /* MEDIATOR_QUARANTINE_REACH_H */
