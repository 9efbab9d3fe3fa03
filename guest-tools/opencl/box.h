/*
 * OpenCL in the guest: moving what has rows and slices
 *
 * A region of a buffer or an image travels in boxes: whole slices where one is
 * not too large, else whole rows, else parts of rows. What travels are its
 * bytes alone; where those of the program are not one piece, they go through
 * memory of the library.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_BOX_H
#define OPENCL_BOX_H

#include "bulk.h"
#include "rect.h"

/* A part of the region: bytes, rows and slices, from its begin on */
struct box {
    size_t origin[3];
    size_t region[3];
};

size_t box_size(const struct box *box);

/* The command that moves a box, but for its data */
struct box_command {
    uint16_t opcode;
    size_t size;                /* bytes of the structure */
    union {
        struct vgpu_stub_cl_rect rect;
        struct vgpu_stub_cl_image_part part;
    } structure;
};

/* Work that moves a region; begins a larger structure */
struct box_transfer {
    struct work work;
    bool read;
    size_t unit;                /* bytes of a row that are not parted */
    size_t region[3];           /* bytes, rows and slices */
    struct rect here;           /* where it is in the program's memory … */
    char *bytes;                /* … that begins here */
    void (*describe)(const struct box_transfer *transfer,
                     const struct box *box, struct box_command *command);
};

/* The work's issue() */
void box_issue(cl_event event, struct work *work);

/* Write all of it and wait, without the lock; there is no work. */
cl_int box_upload(struct host *host, const struct box_transfer *transfer);

#endif /* OPENCL_BOX_H */
