/*
 * Objects of the driver that computes nothing, for this folder alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FUZZ_OPENCL_OBJECTS_H
#define FUZZ_OPENCL_OBJECTS_H

#include "driver.h"

/* What the device has */
#define GROUP_MAX 64
#define LOCAL_MAX 4096

/* Of the first kernel of each program; the second has none */
#define ARGUMENTS 8

typedef enum Kind { MEMORY = 1, PROGRAM, KERNEL, EVENT, SAMPLER } Kind;

/* To be embedded first */
typedef struct Object {
    Kind kind;
    unsigned references;
    void (*free)(void *object); /* what it has; NULL: nothing */
} Object;

/* @size bytes with one reference, which are zero behind the Object */
void *object_new(Kind kind, size_t size, void (*free)(void *object));

/* Ends the process unless it is one of that kind. */
void object_check(const void *object, Kind kind);
void object_ref(void *object);

/* Always returns CL_SUCCESS. */
cl_int object_unref(void *object, Kind kind);

/* Once in @times on average, as fake_driver_seed() has it */
bool luck(unsigned times);

/* With *@status, as functions have it that make objects: is it made? */
bool makes(cl_int *status, cl_int failure);

/* Answer a question as OpenCL's functions do. */
cl_int answer(const void *value, size_t length, size_t size, void *target,
              size_t *needed);

/* Ends the process unless @backend's own are meant. */
void check_context(cl_context context);
void check_device(cl_device_id device);

/* The driver's functions, by the files they are in */
void fill_programs(OpenclDriver *driver);
void fill_kernels(OpenclDriver *driver);
void fill_queue(OpenclDriver *driver);
void fill_images(OpenclDriver *driver);

/* --- Memory and the queue, in queue.c --- */

struct _cl_mem {
    Object base;
    cl_mem whole;               /* whose part it is, a reference; or NULL */
    uint8_t *bytes;
    size_t size;
    /* Of an image: */
    cl_mem_object_type type;    /* 0: it is a buffer */
    size_t pixel;               /* bytes */
    size_t sizes[3];            /* pixels, rows and slices, or layers */
    size_t row_pitch;           /* bytes */
};

/* @size bytes, of @whole from @offset on unless that is NULL */
cl_mem memory_new(cl_mem whole, size_t offset, size_t size);

/* Ends the process if there is anything about host pointers. */
void check_flags(cl_mem_flags flags);

/* From where to where bytes move: each of rows, in slices */
typedef struct Side {
    uint8_t *bytes;
    size_t row_pitch;
    size_t slice_pitch;
} Side;

/*
 * Move @region, which is bytes, rows and slices, later; @source and @target are
 * kept until then, if they are not NULL.
 */
cl_int queue_move(Side from, Side to, const size_t region[3], cl_mem source,
                  cl_mem target, cl_uint wait_count, const cl_event *waits,
                  cl_event *event);

/* Do all that is in the queue. */
void queue_drain(void);

/* The buffer's memory from @offset on; ends the process if @size bytes are not
 * there. */
uint8_t *buffer_place(cl_mem memory, size_t offset, size_t size);

/* --- Kernels, in kernels.c --- */

struct _cl_program {
    Object base;
    char *source;               /* NULL: it was linked */
    size_t length;
    cl_program_binary_type type;
    cl_build_status status;
};

struct _cl_kernel {
    Object base;
    cl_program program;         /* with a reference */
    bool has_arguments;
    bool set[ARGUMENTS];
    cl_mem memory[ARGUMENTS];   /* without references, as OpenCL has it */
    cl_sampler sampler;         /* so, too */
    size_t local[ARGUMENTS];
};

/* Could it be launched so? Ends the process where that could be dangerous. */
cl_int kernel_check(cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                    const size_t *global, const size_t *local);

#endif /* FUZZ_OPENCL_OBJECTS_H */
