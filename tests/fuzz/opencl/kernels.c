/*
 * A driver that computes nothing: kernels, and what they take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "objects.h"

#include <string.h>

/* What the first one takes; `t` is a type that a sampler could hide behind. */
static const struct {
    const char *type;
    cl_kernel_arg_address_qualifier space;
    cl_kernel_arg_access_qualifier access;
    size_t size;                /* of a value; 0: it takes none */
} arguments[ARGUMENTS] = {
    { "int*", CL_KERNEL_ARG_ADDRESS_GLOBAL, CL_KERNEL_ARG_ACCESS_NONE, 0 },
    { "int*", CL_KERNEL_ARG_ADDRESS_LOCAL, CL_KERNEL_ARG_ACCESS_NONE, 0 },
    { "int", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE, 4 },
    { "t", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE, 8 },
    { "image2d_t", CL_KERNEL_ARG_ADDRESS_GLOBAL,
      CL_KERNEL_ARG_ACCESS_READ_ONLY, 0 },
    { "sampler_t", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE,
      0 },
    { "char*", CL_KERNEL_ARG_ADDRESS_CONSTANT, CL_KERNEL_ARG_ACCESS_NONE, 0 },
    { "float16", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE,
      256 },
};

static void kernel_free(void *object)
{
    object_unref(((cl_kernel)object)->program, PROGRAM);
}

static cl_kernel create(cl_program program, const char *name, cl_int *status)
{
    const bool first = g_str_equal(name, "first");
    cl_kernel kernel;

    object_check(program, PROGRAM);
    g_assert_cmpint(program->type, ==, CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
    if (!first && !g_str_equal(name, "second")) {
        *status = CL_INVALID_KERNEL_NAME;
        return NULL;
    }
    if (!makes(status, CL_OUT_OF_RESOURCES)) {
        return NULL;
    }
    kernel = object_new(KERNEL, sizeof(*kernel), kernel_free);
    kernel->program = program;
    kernel->has_arguments = first;
    object_ref(program);
    return kernel;
}

static bool is_buffer(cl_uint index)
{
    return arguments[index].access == CL_KERNEL_ARG_ACCESS_NONE &&
           (arguments[index].space == CL_KERNEL_ARG_ADDRESS_GLOBAL ||
            arguments[index].space == CL_KERNEL_ARG_ADDRESS_CONSTANT);
}

/* Read it all. */
static void take_value(const uint8_t *value, size_t size)
{
    g_autofree uint8_t *copy = g_memdup(value, size);

    g_assert_nonnull(copy);
}

static void set_object(cl_kernel kernel, cl_uint index, const void *value)
{
    void *object = NULL;

    if (value != NULL) {
        memcpy(&object, value, sizeof(object));
    }
    if (arguments[index].access != CL_KERNEL_ARG_ACCESS_NONE) {
        object_check(object, MEMORY);
        kernel->memory[index] = object;
        g_assert_cmpint(kernel->memory[index]->type, ==,
                        CL_MEM_OBJECT_IMAGE2D);
    } else if (is_buffer(index)) {
        kernel->memory[index] = object;
        g_assert_true(object == NULL || kernel->memory[index]->type == 0);
    } else {
        object_check(object, SAMPLER);
        kernel->sampler = object;
    }
}

static cl_int set_arg(cl_kernel kernel, cl_uint index, size_t size,
                      const void *value)
{
    object_check(kernel, KERNEL);
    g_assert_true(kernel->has_arguments);
    g_assert_cmpuint(index, <, ARGUMENTS);
    if (arguments[index].space == CL_KERNEL_ARG_ADDRESS_LOCAL) {
        g_assert_true(value == NULL && size > 0);
        kernel->local[index] = size;
    } else if (arguments[index].size == 0) {
        if (size != sizeof(cl_mem)) {
            return CL_INVALID_ARG_SIZE;
        }
        set_object(kernel, index, value);
    } else {
        if (size != arguments[index].size) {
            return CL_INVALID_ARG_SIZE;
        }
        take_value(value, size);
    }
    kernel->set[index] = true;
    return CL_SUCCESS;
}

/* --- Questions --- */

static cl_int get_info(cl_kernel kernel, cl_kernel_info param, size_t size,
                       void *value, size_t *needed)
{
    static const char attributes[] = "vec_type_hint(int)";
    const cl_uint count = kernel->has_arguments ? ARGUMENTS : 0;

    object_check(kernel, KERNEL);
    switch (param) {
    case CL_KERNEL_NUM_ARGS:
        return answer(&count, sizeof(count), size, value, needed);
    case CL_KERNEL_ATTRIBUTES:
        return luck(16) ? CL_INVALID_VALUE
                        : answer(attributes, sizeof(attributes), size, value,
                                 needed);
    }
    return CL_INVALID_VALUE;
}

static cl_int get_arg_info(cl_kernel kernel, cl_uint index,
                           cl_kernel_arg_info param, size_t size, void *value,
                           size_t *needed)
{
    static const cl_kernel_arg_type_qualifier none;

    object_check(kernel, KERNEL);
    g_assert_true(kernel->has_arguments);
    g_assert_cmpuint(index, <, ARGUMENTS);
    switch (param) {
    case CL_KERNEL_ARG_ADDRESS_QUALIFIER:
        return answer(&arguments[index].space, sizeof(arguments[index].space),
                      size, value, needed);
    case CL_KERNEL_ARG_ACCESS_QUALIFIER:
        return answer(&arguments[index].access,
                      sizeof(arguments[index].access), size, value, needed);
    case CL_KERNEL_ARG_TYPE_QUALIFIER:
        return answer(&none, sizeof(none), size, value, needed);
    case CL_KERNEL_ARG_TYPE_NAME:
        return answer(arguments[index].type, strlen(arguments[index].type) + 1,
                      size, value, needed);
    }
    return CL_KERNEL_ARG_INFO_NOT_AVAILABLE;
}

static cl_int get_group_info(cl_kernel kernel, cl_device_id device,
                             cl_kernel_work_group_info param, size_t size,
                             void *value, size_t *needed)
{
    const size_t group = GROUP_MAX / (kernel->has_arguments ? 1 : 2);
    const size_t required[3] = { kernel->has_arguments ? 0 : 4, 1, 1 };
    static const size_t any[3];
    static const cl_ulong local = LOCAL_MAX / 4;

    object_check(kernel, KERNEL);
    check_device(device);
    switch (param) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        return luck(64) ? CL_OUT_OF_RESOURCES
                        : answer(&group, sizeof(group), size, value, needed);
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE:
        return answer(kernel->has_arguments ? any : required, sizeof(required),
                      size, value, needed);
    case CL_KERNEL_LOCAL_MEM_SIZE:
        return answer(&local, sizeof(local), size, value, needed);
    }
    return CL_INVALID_VALUE;
}

static cl_int get_sub_group_info(cl_kernel kernel, cl_device_id device,
                                 cl_uint param, size_t input_size,
                                 const void *input, size_t size, void *value,
                                 size_t *needed)
{
    static const size_t sub_groups = 1;

    object_check(kernel, KERNEL);
    check_device(device);
    if (input_size > 0) {
        take_value(input, input_size);
    }
    return param % 2 == 0 ? CL_INVALID_VALUE
                          : answer(&sub_groups, sizeof(sub_groups), size,
                                   value, needed);
}

/* --- Launches --- */

static cl_int check_arguments(cl_kernel kernel)
{
    /* Else too few of the fuzzer's kernels would be launched. */
    const bool strict = luck(2);
    size_t local = LOCAL_MAX / 4;

    for (cl_uint i = 0; kernel->has_arguments && i < ARGUMENTS; i++) {
        if (!kernel->set[i] && strict) {
            return CL_INVALID_KERNEL_ARGS;
        }
        if (kernel->memory[i] != NULL) {
            object_check(kernel->memory[i], MEMORY);
        }
        if (kernel->sampler != NULL) {
            object_check(kernel->sampler, SAMPLER);
        }
        g_assert_cmpuint(kernel->local[i], <=, LOCAL_MAX);
        local += kernel->local[i];
    }
    g_assert_cmpuint(local, <=, LOCAL_MAX);
    return CL_SUCCESS;
}

cl_int kernel_check(cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                    const size_t *global, const size_t *local)
{
    size_t items = 1, group = 1, end;

    object_check(kernel, KERNEL);
    g_assert_true(dimensions >= 1 && dimensions <= 3);
    for (cl_uint i = 0; i < dimensions; i++) {
        g_assert_false(__builtin_add_overflow(offset[i], global[i], &end));
        g_assert_false(__builtin_mul_overflow(items, global[i], &items));
        if (local == NULL) {
            continue;
        }
        g_assert_true(local[i] > 0 && local[i] <= GROUP_MAX);
        g_assert_true(kernel->has_arguments || local[i] == (i == 0 ? 4 : 1));
        group *= local[i];
        if (global[i] % local[i] != 0) {
            return CL_INVALID_WORK_GROUP_SIZE;
        }
    }
    g_assert_cmpuint(group, <=, GROUP_MAX);
    return items == 0 ? CL_INVALID_GLOBAL_WORK_SIZE : check_arguments(kernel);
}

static cl_int release(cl_kernel kernel)
{
    return object_unref(kernel, KERNEL);
}

void fill_kernels(OpenclDriver *driver)
{
    driver->clCreateKernel = create;
    driver->clSetKernelArg = set_arg;
    driver->clGetKernelInfo = get_info;
    driver->clGetKernelArgInfo = get_arg_info;
    driver->clGetKernelWorkGroupInfo = get_group_info;
    driver->clGetKernelSubGroupInfo = get_sub_group_info;
    driver->clReleaseKernel = release;
}
