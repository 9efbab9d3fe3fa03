/*
 * vgpu-stub: why a device cannot be opened, and what to do
 *
 * An error number alone does not say: this looks at what is there, the driver,
 * the kernel's lockdown, the namespace.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CAUSE_H
#define VGPU_STUB_CAUSE_H

#define ADVICE_MAX 3

struct cause {
    char text[160];                         /* the problem, in one line */
    const char *advice[ADVICE_MAX];         /* NULL where there is no more */
    char advice_text[256];                  /* for one that has a name in it */
};

/*
 * Find it. @device is what was asked for, NULL is any; @error the negative
 * errno of vgpu_stub_open(). The pointers lead into @cause or are constant.
 */
void find_cause(const char *device, int error, struct cause *cause);

#endif /* VGPU_STUB_CAUSE_H */
