/*
 * OpenCL in the guest: macros that the host's compiler defines
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_MACROS_H
#define OPENCL_MACROS_H

#include "conditions.h"
#include "host.h"

/*
 * What these names mean to the host's compiler with these options of a program,
 * of which those that define macros do not count. It is asked once for each. In
 * *@known, which the caller frees, are the definitions of those that have one,
 * as lines of a source. Waits, without the lock.
 */
cl_int macros_ask(struct host *host, const char *options,
                  const struct names *names, char **known);

/* In the child of a fork */
void macros_renew(void);

#endif /* OPENCL_MACROS_H */
