/*
 * What the examples share: a device, its memory, and one way to give up
 *
 * To build one: cc -o vector-add vector-add.c -lvgpu-stub
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <vgpu-stub.h>

/* How the last request ended */
static struct vgpu_stub_outcome outcome;

/* End the program, with the reason, if the library returned an error. */
static inline void check(const char *what, int rc)
{
    char message[VGPU_STUB_BUF_SIZE];

    if (rc == -EREMOTEIO) {
        vgpu_stub_message(&outcome, message, sizeof(message));
        errx(EXIT_FAILURE, "%s: %s", what, message);
    } else if (rc < 0) {
        errx(EXIT_FAILURE, "%s: %s", what, strerror(-rc));
    }
}

/* The program's exit status: a failure if its output cannot be written */
static inline int end_output(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        errx(EXIT_FAILURE, "standard output cannot be written");
    }
    return EXIT_SUCCESS;
}

/* The device that the environment asks for, or the first one */
static inline struct vgpu_stub *open_device(void)
{
    struct vgpu_stub *dev;

    check("open", vgpu_stub_open(getenv("VGPU_STUB_DEVICE"), &dev));
    return dev;
}

/* Memory of the accelerator, with @bytes of @data in it if that is not NULL */
static inline uint64_t upload(struct vgpu_stub *dev, const void *data,
                              size_t bytes)
{
    uint64_t handle;

    check("allocate",
          vgpu_stub_mem_alloc(dev, bytes, &handle, -1, &outcome));
    if (data) {
        check("copy to the host", vgpu_stub_mem_write(
            dev, handle, 0, data, bytes, -1, 0, &outcome));
    }
    return handle;
}

/* What the memory holds; the memory is freed. */
static inline void download(struct vgpu_stub *dev, uint64_t handle, void *data,
                            size_t bytes)
{
    check("copy from the host", vgpu_stub_mem_read(
        dev, handle, 0, data, bytes, -1, 0, &outcome));
    check("free", vgpu_stub_mem_free(dev, handle, -1, &outcome));
}

#endif /* EXAMPLE_H */
