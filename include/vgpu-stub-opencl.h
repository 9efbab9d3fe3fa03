/*
 * vgpu-stub: OpenCL's commands, between a guest's program and its worker
 *
 * docs/opencl.md is the specification. A request of the operation
 * VGPU_STUB_OP_OPENCL has as its data a batch:
 *
 *   struct vgpu_stub_cl_batch, then its commands, each a
 *   struct vgpu_stub_cl_command, the structure of its opcode, and a tail
 *
 * and its response has as its data an answer:
 *
 *   struct vgpu_stub_cl_answer, then its results, each a
 *   struct vgpu_stub_cl_result and a payload; then what kernels have printed
 *
 * Commands and results begin at multiples of 8 bytes from the begin of the
 * data. All is little-endian; reserved fields are 0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later OR MIT
 */
#ifndef VGPU_STUB_OPENCL_H
#define VGPU_STUB_OPENCL_H

#include "vgpu-stub-regs.h"

#define VGPU_STUB_OP_OPENCL                 0x0100

/* Commands of a batch, at most */
#define VGPU_STUB_CL_BATCH_MAX              64
/* Bytes of a program's source, with all that it includes, at most */
#define VGPU_STUB_CL_SOURCE_MAX             (16u << 20)
/* Bytes of a context's sources, logs and descriptions of kernels, at most */
#define VGPU_STUB_CL_TEXT_MAX               (64u << 20)
/* Bytes of a kernel's name, at most */
#define VGPU_STUB_CL_NAME_MAX               1024
/* Bytes of a result's payload, at most */
#define VGPU_STUB_CL_PAYLOAD_MAX            (48u << 10)
/* Bytes of a pattern that a buffer is filled with, at most */
#define VGPU_STUB_CL_PATTERN_MAX            128
/* Programs that one is linked from, at most */
#define VGPU_STUB_CL_LINK_MAX               256
/* Ids of objects are 1 to this; there may be as many. */
#define VGPU_STUB_CL_ID_MAX                 65535

struct vgpu_stub_cl_batch {
    uint64_t first;             /* number of its first command, from 0 on */
    uint32_t count;             /* commands, 1 to VGPU_STUB_CL_BATCH_MAX */
    uint32_t reserved;
};

struct vgpu_stub_cl_command {
    uint16_t opcode;            /* VGPU_STUB_CL_… */
    uint16_t flags;             /* VGPU_STUB_CL_FLAG_… */
    uint32_t length;            /* bytes from here to the tail's end */
};

/* A result is wanted, with a struct vgpu_stub_cl_times as its payload's begin */
#define VGPU_STUB_CL_FLAG_TIMES             (1u << 0)
/* The data are the request's bulk, not the tail or the payload. */
#define VGPU_STUB_CL_FLAG_BULK              (1u << 1)

struct vgpu_stub_cl_answer {
    uint64_t next;              /* number of the first that was not executed */
    uint32_t results;
    uint32_t output;            /* bytes that kernels have printed */
};

struct vgpu_stub_cl_result {
    uint64_t number;            /* its command's */
    int32_t status;             /* CL_SUCCESS, or OpenCL's error */
    uint32_t length;            /* bytes of the payload */
};

/* The device's own clock, in nanoseconds */
struct vgpu_stub_cl_times {
    uint64_t queued;
    uint64_t submit;
    uint64_t start;
    uint64_t end;
};

/*
 * All commands: X(NAME, opcode, structure, most bytes of the tail, payload).
 * Payload: whether it has a result also when it succeeds.
 */
#define VGPU_STUB_CL_COMMANDS(X) \
    X(DEVICE_INFO, 1, query, 0, true) \
    X(BUFFER_CREATE, 2, buffer_create, 0, true) \
    X(SUB_BUFFER_CREATE, 3, sub_buffer_create, 0, true) \
    X(RELEASE, 4, object, 0, false) \
    X(BUFFER_WRITE, 5, range, 65536, false) \
    X(BUFFER_READ, 6, range, 0, true) \
    X(BUFFER_WRITE_RECT, 7, rect, 65536, false) \
    X(BUFFER_READ_RECT, 8, rect, 0, true) \
    X(BUFFER_COPY, 9, copy, 0, false) \
    X(BUFFER_COPY_RECT, 10, copy_rect, 0, false) \
    X(BUFFER_FILL, 11, range, VGPU_STUB_CL_PATTERN_MAX, false) \
    X(PROGRAM_CREATE, 12, program_create, 0, true) \
    X(PROGRAM_SOURCE, 13, range, 65536, false) \
    X(PROGRAM_BUILD, 14, object, 65536, true) \
    X(PROGRAM_READ, 15, program_read, 0, true) \
    X(KERNEL_CREATE, 16, kernel_create, VGPU_STUB_CL_NAME_MAX, true) \
    X(KERNEL_ARG, 17, kernel_arg, 4096, false) \
    X(KERNEL_LAUNCH, 18, kernel_launch, 0, false) \
    X(KERNEL_INFO, 19, query, 0, true) \
    X(KERNEL_SUB_GROUP_INFO, 20, query, 24, true) \
    X(MARKER, 21, object, 0, false) \
    X(PROGRAM_COMPILE, 22, object, 65536, true) \
    X(PROGRAM_LINK, 23, program_link, 65536, true) \
    X(IMAGE_FORMATS, 30, image_formats, 0, true) \
    X(IMAGE_CREATE, 31, image_create, 0, true) \
    X(IMAGE_WRITE, 32, image_part, 65536, false) \
    X(IMAGE_READ, 33, image_part, 0, true) \
    X(IMAGE_FILL, 34, image_fill, 0, false) \
    X(IMAGE_COPY, 35, image_copy, 0, false) \
    X(IMAGE_TO_BUFFER, 36, image_buffer, 0, false) \
    X(BUFFER_TO_IMAGE, 37, image_buffer, 0, false) \
    X(SAMPLER_CREATE, 38, sampler_create, 0, true)

#define VGPU_STUB_CL_OPCODE(name, opcode, structure, tail, payload) \
    VGPU_STUB_CL_##name = opcode,
enum { VGPU_STUB_CL_COMMANDS(VGPU_STUB_CL_OPCODE) };

/* DEVICE_INFO: clGetDeviceInfo(); object is 0. KERNEL_INFO:
 * clGetKernelWorkGroupInfo(). KERNEL_SUB_GROUP_INFO: clGetKernelSubGroupInfo(),
 * whose input value is the tail. The payload is what the driver says. */
struct vgpu_stub_cl_query {
    uint32_t object;
    uint32_t param;             /* CL_DEVICE_…, CL_KERNEL_… */
};

/* RELEASE: of any kind. PROGRAM_BUILD and PROGRAM_COMPILE: the tail are the
 * options, the payload a struct vgpu_stub_cl_build. MARKER: id is 0. */
struct vgpu_stub_cl_object {
    uint32_t id;
    uint32_t reserved;
};

/* Of zeros; flags are CL_MEM_… without any about host pointers. */
struct vgpu_stub_cl_buffer_create {
    uint32_t id;
    uint32_t reserved;
    uint64_t flags;
    uint64_t size;              /* bytes */
};

struct vgpu_stub_cl_sub_buffer_create {
    uint32_t id;
    uint32_t buffer;
    uint64_t flags;
    uint64_t origin;            /* bytes */
    uint64_t size;              /* bytes */
};

/* A part of a buffer, or of a program's source. The data are as many bytes, for
 * BUFFER_FILL a pattern. */
struct vgpu_stub_cl_range {
    uint32_t object;
    uint32_t reserved;
    uint64_t offset;            /* bytes */
    uint64_t size;              /* bytes */
};

/* origin[] and region[] are bytes, rows and slices. The data are region[] alone,
 * without space between rows. */
struct vgpu_stub_cl_rect {
    uint32_t buffer;
    uint32_t reserved;
    uint64_t origin[3];
    uint64_t region[3];
    uint64_t row_pitch;         /* bytes, of the buffer */
    uint64_t slice_pitch;
};

struct vgpu_stub_cl_copy {
    uint32_t source;
    uint32_t target;
    uint64_t source_offset;     /* bytes */
    uint64_t target_offset;
    uint64_t size;
};

struct vgpu_stub_cl_copy_rect {
    uint32_t source;
    uint32_t target;
    uint64_t source_origin[3];
    uint64_t target_origin[3];
    uint64_t region[3];
    uint64_t source_row_pitch;
    uint64_t source_slice_pitch;
    uint64_t target_row_pitch;
    uint64_t target_slice_pitch;
};

struct vgpu_stub_cl_program_create {
    uint32_t id;
    uint32_t reserved;
    uint64_t length;            /* bytes of the source, zeros until written */
};

/* A program of what others were compiled to, or libraries are. The tail are
 * their ids, each an uint32_t, and the options; the payload is a struct
 * vgpu_stub_cl_build. */
struct vgpu_stub_cl_program_link {
    uint32_t id;
    uint32_t inputs;            /* 1 to VGPU_STUB_CL_LINK_MAX */
};

/* The payload of a build, a compilation or a link: what PROGRAM_READ can read */
struct vgpu_stub_cl_build {
    int32_t status;             /* CL_BUILD_… */
    uint32_t reserved;
    uint64_t log;               /* bytes of the build's log */
    uint64_t kernels;           /* bytes of the kernels' descriptions */
};

struct vgpu_stub_cl_program_read {
    uint32_t program;
    uint32_t what;              /* VGPU_STUB_CL_READ_… */
    uint64_t offset;            /* bytes */
    uint64_t size;
};

#define VGPU_STUB_CL_READ_LOG               0
#define VGPU_STUB_CL_READ_KERNELS           1

/* A kernel's description, with its name and attributes behind it, and its
 * arguments' descriptions after the next multiple of 8 bytes */
struct vgpu_stub_cl_kernel {
    uint32_t length;            /* bytes, with all arguments; multiple of 8 */
    uint32_t arguments;
    uint32_t name_length;       /* bytes */
    uint32_t attributes_length;
};

/* An argument's, with its name and its type's name behind it */
struct vgpu_stub_cl_argument {
    uint32_t length;            /* bytes; multiple of 8 */
    uint32_t address;           /* CL_KERNEL_ARG_ADDRESS_… */
    uint32_t access;            /* CL_KERNEL_ARG_ACCESS_… */
    uint32_t name_length;       /* bytes */
    uint32_t type_length;
    uint32_t reserved;
    uint64_t qualifiers;        /* CL_KERNEL_ARG_TYPE_… */
};

/* The tail is the kernel's name. */
struct vgpu_stub_cl_kernel_create {
    uint32_t id;
    uint32_t program;
};

struct vgpu_stub_cl_kernel_arg {
    uint32_t kernel;
    uint32_t index;
    uint32_t kind;              /* VGPU_STUB_CL_ARG_… */
    uint32_t object;            /* of ARG_OBJECT: its id, 0 for NULL */
    uint64_t local;             /* of ARG_LOCAL: bytes */
};

#define VGPU_STUB_CL_ARG_VALUE              0   /* the tail */
#define VGPU_STUB_CL_ARG_LOCAL              1
#define VGPU_STUB_CL_ARG_OBJECT             2   /* a buffer, image or sampler */

struct vgpu_stub_cl_kernel_launch {
    uint32_t kernel;
    uint32_t dimensions;        /* 1 to 3; the others are 0 */
    uint64_t offset[3];
    uint64_t global[3];
    uint64_t local[3];          /* all 0: the driver chooses */
};

/*
 * The types of images: X(CL_MEM_OBJECT_… without that, how many sizes one has).
 * A layer is counted by a size.
 */
#define VGPU_STUB_CL_IMAGE_TYPES(X) \
    X(IMAGE1D, 1) \
    X(IMAGE1D_BUFFER, 1) \
    X(IMAGE1D_ARRAY, 2) \
    X(IMAGE2D, 2) \
    X(IMAGE2D_ARRAY, 3) \
    X(IMAGE3D, 3)

/* What kernels call them: X(name, type) */
#define VGPU_STUB_CL_IMAGE_NAMES(X) \
    X("image1d_t", IMAGE1D) \
    X("image1d_buffer_t", IMAGE1D_BUFFER) \
    X("image1d_array_t", IMAGE1D_ARRAY) \
    X("image2d_t", IMAGE2D) \
    X("image2d_depth_t", IMAGE2D) \
    X("image2d_array_t", IMAGE2D_ARRAY) \
    X("image2d_array_depth_t", IMAGE2D_ARRAY) \
    X("image3d_t", IMAGE3D)

/* clGetSupportedImageFormats(): the payload are pairs of uint32_t, each one's
 * order and type of channels. */
struct vgpu_stub_cl_image_formats {
    uint32_t type;              /* CL_MEM_OBJECT_IMAGE… */
    uint32_t reserved;
    uint64_t flags;             /* CL_MEM_… */
};

/*
 * Of zeros, or a view of a buffer. An image has three sizes, and its parts three
 * origins, as OpenCL counts them: pixels of a row; rows, or layers of a 1D array;
 * slices, or layers of a 2D array. What a type does not have is 1. The payload
 * is a struct vgpu_stub_cl_image.
 */
struct vgpu_stub_cl_image_create {
    uint32_t id;
    uint32_t type;              /* CL_MEM_OBJECT_IMAGE… */
    uint32_t channel_order;
    uint32_t channel_type;
    uint32_t buffer;            /* of IMAGE1D_BUFFER, or of IMAGE2D; 0: none */
    uint32_t reserved;
    uint64_t flags;             /* CL_MEM_… without any about host pointers */
    uint64_t size[3];
    uint64_t row_pitch;         /* bytes, of IMAGE2D in a buffer, where 0 is
                                 * that of its pixels; else 0 */
};

struct vgpu_stub_cl_image {
    uint32_t pixel;             /* bytes of each */
    uint32_t reserved;
};

/* The data are the region's pixels alone, without space between rows. */
struct vgpu_stub_cl_image_part {
    uint32_t image;
    uint32_t reserved;
    uint64_t origin[3];
    uint64_t region[3];
    uint64_t size;              /* bytes of the data */
};

struct vgpu_stub_cl_image_fill {
    uint32_t image;
    uint32_t reserved;
    uint64_t origin[3];
    uint64_t region[3];
    uint32_t color[4];          /* as clEnqueueFillImage() takes it */
};

struct vgpu_stub_cl_image_copy {
    uint32_t source;
    uint32_t target;
    uint64_t source_origin[3];
    uint64_t target_origin[3];
    uint64_t region[3];
};

/* The pixels of the region, without space between rows, are in the buffer. */
struct vgpu_stub_cl_image_buffer {
    uint32_t image;
    uint32_t buffer;
    uint64_t origin[3];
    uint64_t region[3];
    uint64_t offset;            /* bytes */
};

struct vgpu_stub_cl_sampler_create {
    uint32_t id;
    uint32_t normalized;        /* 0 or 1 */
    uint32_t addressing;        /* CL_ADDRESS_… */
    uint32_t filter;            /* CL_FILTER_… */
};

VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_batch) == 16);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_command) == 8);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_answer) == 16);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_result) == 16);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_times) == 32);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_query) == 8);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_range) == 24);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_rect) == 72);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_copy_rect) == 112);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_program_link) == 8);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_argument) == 32);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_kernel_arg) == 24);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_kernel_launch) == 80);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_image_formats) == 16);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_image_create) == 64);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_image_part) == 64);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_image_fill) == 72);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_image_copy) == 80);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_image_buffer) == 64);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_cl_sampler_create) == 16);

#endif /* VGPU_STUB_OPENCL_H */
