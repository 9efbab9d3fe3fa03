/*
 * OpenCL in the guest: what kernels say of themselves
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "kernel.h"

/* Text without a NUL */
static cl_int info_text(const struct info *info, const char *text,
                        size_t length)
{
    char *string = strndup(text, length);
    cl_int status;

    if (!string) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    status = info_string(info, string);
    free(string);
    return status;
}

static cl_int kernel_info(cl_kernel kernel, cl_kernel_info name,
                          const struct info *info)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_KERNEL_REFERENCE_COUNT, struct _cl_kernel, object.refs),
        INFO_FIELD(CL_KERNEL_CONTEXT, struct _cl_kernel, context),
        INFO_FIELD(CL_KERNEL_PROGRAM, struct _cl_kernel, program),
    };
    const struct vgpu_stub_cl_kernel *description = kernel->description;

    switch (name) {
    case CL_KERNEL_FUNCTION_NAME:
        return info_text(info, program_kernel_name(description),
                         description->name_length);
    case CL_KERNEL_ATTRIBUTES:
        return info_text(info, program_kernel_attributes(description),
                         description->attributes_length);
    case CL_KERNEL_NUM_ARGS:
        return INFO_RETURN(info, cl_uint, description->arguments);
    default:
        return INFO_FIELDS(info, kernel, fields, name);
    }
}

cl_int CL_API_CALL clGetKernelInfo(cl_kernel kernel, cl_kernel_info name,
                                   size_t size, void *value, size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_KERNEL;

    opencl_lock();
    if (object_is(kernel, OBJECT_KERNEL)) {
        status = kernel_info(kernel, name, &info);
    }
    opencl_unlock();
    return status;
}

static cl_int argument_info(cl_kernel kernel, cl_uint index,
                            cl_kernel_arg_info name, const struct info *info)
{
    const struct vgpu_stub_cl_argument *argument =
        program_argument(kernel->description, index);
    const char *texts = (const char *)(argument + 1);

    if (!strstr(kernel->program->options, "-cl-kernel-arg-info")) {
        return CL_KERNEL_ARG_INFO_NOT_AVAILABLE;
    }
    switch (name) {
    case CL_KERNEL_ARG_ADDRESS_QUALIFIER:
        return info_bytes(info, &argument->address, sizeof(cl_uint));
    case CL_KERNEL_ARG_ACCESS_QUALIFIER:
        return info_bytes(info, &argument->access, sizeof(cl_uint));
    case CL_KERNEL_ARG_TYPE_QUALIFIER:
        return info_bytes(info, &argument->qualifiers, sizeof(cl_bitfield));
    case CL_KERNEL_ARG_NAME:
        return info_text(info, texts, argument->name_length);
    case CL_KERNEL_ARG_TYPE_NAME:
        return info_text(info, texts + argument->name_length,
                         argument->type_length);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int CL_API_CALL clGetKernelArgInfo(cl_kernel kernel, cl_uint index,
                                      cl_kernel_arg_info name, size_t size,
                                      void *value, size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_KERNEL;

    opencl_lock();
    if (object_is(kernel, OBJECT_KERNEL)) {
        status = index < kernel->description->arguments
                 ? argument_info(kernel, index, name, &info)
                 : CL_INVALID_ARG_INDEX;
    }
    opencl_unlock();
    return status;
}

/* The kernel is in use afterwards. */
static cl_int begin_query(cl_kernel kernel, cl_device_id device)
{
    cl_int status = CL_SUCCESS;

    opencl_lock();
    if (!object_is(kernel, OBJECT_KERNEL)) {
        status = CL_INVALID_KERNEL;
    } else if (device && !context_has_device(kernel->context, device)) {
        status = CL_INVALID_DEVICE;
    } else {
        object_use(kernel);
    }
    opencl_unlock();
    return status;
}

static void end_query(cl_kernel kernel)
{
    opencl_lock();
    object_unuse(kernel);
    opencl_unlock();
}

/* Bytes that a query of the host answers, at most */
#define ANSWER_MAX 64

static cl_int ask_host(cl_kernel kernel, cl_uint name, const struct info *info)
{
    const struct vgpu_stub_cl_query query = {
        .object = kernel->id, .param = name,
    };
    uint8_t answer[ANSWER_MAX];
    size_t length;
    const cl_int status = host_call(kernel->context->host,
                                    HOST_COMMAND(KERNEL_INFO, &query), answer,
                                    sizeof(answer), &length);

    return status == CL_SUCCESS ? info_bytes(info, answer, length) : status;
}

cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel kernel,
                                            cl_device_id device,
                                            cl_kernel_work_group_info name,
                                            size_t size, void *value,
                                            size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    cl_int status = begin_query(kernel, device);

    if (status != CL_SUCCESS) {
        return status;
    }
    switch (name) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        status = INFO_RETURN(&info, size_t, kernel->limits.work_group_size);
        break;
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE:
        status = info_bytes(&info, kernel->limits.compile_work_group_size,
                            sizeof(kernel->limits.compile_work_group_size));
        break;
    case CL_KERNEL_LOCAL_MEM_SIZE:
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
    case CL_KERNEL_PRIVATE_MEM_SIZE:
        status = ask_host(kernel, name, &info);
        break;
    default:
        status = CL_INVALID_VALUE;      /* also of built-in kernels */
    }
    end_query(kernel);
    return status;
}

cl_int CL_API_CALL clGetKernelSubGroupInfo(cl_kernel kernel,
                                           cl_device_id device,
                                           cl_kernel_sub_group_info name,
                                           size_t input_size,
                                           const void *input, size_t size,
                                           void *value, size_t *size_ret)
{
    const struct vgpu_stub_cl_query zero = { .param = name };
    const struct info info = { size, value, size_ret };
    struct vgpu_stub_cl_query query = zero;
    uint8_t answer[ANSWER_MAX];
    size_t length;
    cl_int status = begin_query(kernel, device);

    if (status != CL_SUCCESS) {
        return status;
    }
    query.object = kernel->id;
    if (input_size > 3 * sizeof(size_t) || (input_size > 0 && !input)) {
        status = CL_INVALID_VALUE;
    } else {
        status = host_call(kernel->context->host,
                           HOST_COMMAND_TAIL(KERNEL_SUB_GROUP_INFO, &query,
                                             input, input_size),
                           answer, sizeof(answer), &length);
    }
    if (status == CL_SUCCESS) {
        status = info_bytes(&info, answer, length);
    }
    end_query(kernel);
    return status;
}
