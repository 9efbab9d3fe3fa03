/*
 * vgpu-stub doctor: what a check has found, and how that is told
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_FINDING_H
#define VGPU_STUB_FINDING_H

#include "cause.h"

/* What a check has found */
struct finding {
    int status;                         /* exit status; EXIT_OK: no problem */
    char found[320];
    struct cause cause;                 /* what the advice may lead into */
    const char *advice[ADVICE_MAX];     /* NULL where there is no more */
};

/* Say what was found, as printf() does; @status is EXIT_OK or the problem's. */
void finding_say(struct finding *finding, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Say what to do: ADVICE_MAX texts, NULL where there is no more. */
void finding_advise(struct finding *finding, const char *const *advice);

/* Print it under the check's @name; as JSON it is one object. */
void finding_print_text(const char *name, const struct finding *finding);
void finding_print_json(const char *name, const struct finding *finding);

#endif /* VGPU_STUB_FINDING_H */
