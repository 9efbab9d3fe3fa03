/*
 * OpenCL in the guest: programs as binaries, and from them
 *
 * SPDX-License-Identifier: MIT
 */
#include "binary.h"

#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "device.h"

static uint8_t *write_binary(const struct recipe *recipe, size_t *size)
{
    char device[256] = "", driver[256] = "";

    /* With a NUL behind it; one that has no room there is not in it. */
    device_info(CL_DEVICE_NAME,
                &(const struct info) { sizeof(device) - 1, device, NULL });
    device_info(CL_DRIVER_VERSION,
                &(const struct info) { sizeof(driver) - 1, driver, NULL });
    return container_write(recipe, device, driver, size);
}

/* Into the place that the program has for the only device's, if any */
static cl_int binaries_info(const uint8_t *bytes, size_t size,
                            const struct info *info)
{
    unsigned char *to = NULL;

    if (info->size_ret) {
        *info->size_ret = sizeof(to);
    }
    if (!info->value) {
        return CL_SUCCESS;
    }
    if (info->size < sizeof(to)) {
        return CL_INVALID_VALUE;
    }
    memcpy(&to, info->value, sizeof(to));
    if (to && size > 0) {
        memcpy(to, bytes, size);
    }
    return CL_SUCCESS;
}

cl_int binary_info(const struct recipe *recipe, cl_program_info name,
                   const struct info *info)
{
    size_t size = 0;
    uint8_t *bytes = recipe ? write_binary(recipe, &size) : NULL;
    cl_int status;

    if (recipe && !bytes) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    status = name == CL_PROGRAM_BINARY_SIZES ? INFO_RETURN(info, size_t, size)
                                             : binaries_info(bytes, size, info);
    free(bytes);
    return status;
}

/* With the lock: is that one of the context's only device? */
static cl_int check(cl_context context, cl_uint num_devices,
                    const cl_device_id *devices, const size_t *lengths,
                    const unsigned char **binaries)
{
    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (num_devices == 0 || !devices || !lengths || !binaries) {
        return CL_INVALID_VALUE;
    }
    return num_devices == 1 && context_has_device(context, devices[0])
           ? CL_SUCCESS : CL_INVALID_DEVICE;
}

static cl_int read_binary(const unsigned char *binary, size_t length,
                          struct recipe **recipe)
{
    return binary && length > 0 ? container_read(binary, length, recipe)
                                : CL_INVALID_VALUE;
}

/* Takes over @recipe. */
static cl_program make_program(cl_context context, struct recipe *recipe)
{
    cl_program program = program_new(context, NULL, 0);

    if (program) {
        program->binary = recipe;
        program->binary_type = recipe->type;
    } else {
        recipe_unuse(recipe);
    }
    return program;
}

cl_program CL_API_CALL clCreateProgramWithBinary(
    cl_context context, cl_uint num_devices, const cl_device_id *devices,
    const size_t *lengths, const unsigned char **binaries,
    cl_int *binary_status, cl_int *errcode_ret)
{
    struct recipe *recipe = NULL;
    cl_program program = NULL;
    cl_int status;

    opencl_lock();
    status = check(context, num_devices, devices, lengths, binaries);
    opencl_unlock();
    if (status == CL_SUCCESS) {
        status = read_binary(binaries[0], lengths[0], &recipe);
        if (binary_status) {
            binary_status[0] = status;
        }
    }
    if (recipe) {
        program = make_program(context, recipe);
        status = program ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return program;
}

void program_build_binary(cl_program program)
{
    bool wanted;

    opencl_lock();
    wanted = object_is(program, OBJECT_PROGRAM) && program->binary &&
             program->status == CL_BUILD_NONE &&
             program->binary->type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE;
    opencl_unlock();
    if (wanted) {
        clBuildProgram(program, 0, NULL, NULL, NULL, NULL);
    }
}
