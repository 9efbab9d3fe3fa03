/*
 * OpenCL in the guest: samplers
 *
 * SPDX-License-Identifier: MIT
 */
#include "sampler.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"

static void sampler_end(void *object)
{
    struct _cl_sampler *sampler = object;

    if (sampler->id) {
        host_object_release(sampler->context->host, sampler->id);
    }
    object_unuse(sampler->context);
}

/* Take the properties, each of which may be there once. */
static cl_int set_properties(struct _cl_sampler *sampler,
                             const cl_sampler_properties *properties)
{
    bool seen[3] = { false };
    size_t count = 0;

    for (; properties[count]; count += 2) {
        const cl_sampler_properties value = properties[count + 1];
        const cl_sampler_properties which =
            properties[count] - CL_SAMPLER_NORMALIZED_COORDS;

        if (which >= 3 || seen[which]) {
            return CL_INVALID_VALUE;
        }
        seen[which] = true;
        if (which == 0) {
            sampler->normalized = value;
        } else if (which == 1) {
            sampler->addressing = value;
        } else {
            sampler->filter = value;
        }
    }
    sampler->properties_size = (count + 1) * sizeof(*properties);
    memcpy(sampler->properties, properties, sampler->properties_size);
    return CL_SUCCESS;
}

static bool is_valid(const struct _cl_sampler *sampler)
{
    const bool repeats = sampler->addressing == CL_ADDRESS_REPEAT ||
                         sampler->addressing == CL_ADDRESS_MIRRORED_REPEAT;

    return (sampler->normalized == CL_TRUE ||
            (sampler->normalized == CL_FALSE && !repeats)) &&
           sampler->addressing >= CL_ADDRESS_NONE &&
           sampler->addressing <= CL_ADDRESS_MIRRORED_REPEAT &&
           (sampler->filter == CL_FILTER_NEAREST ||
            sampler->filter == CL_FILTER_LINEAR);
}

/* Returns the new one, with all but its id; NULL: no memory */
static cl_sampler sampler_new(cl_context context,
                              const struct _cl_sampler *wanted)
{
    struct _cl_sampler *sampler = object_new(OBJECT_SAMPLER, sizeof(*sampler),
                                             sampler_end);

    if (sampler) {
        const struct object object = sampler->object;

        *sampler = *wanted;
        sampler->object = object;
        sampler->context = context;
        opencl_lock();
        object_use(context);
        opencl_unlock();
    }
    return sampler;
}

static cl_int make_on_host(cl_sampler sampler)
{
    struct host *host = sampler->context->host;
    const struct vgpu_stub_cl_sampler_create create = {
        .id = host_object_id(host),
        .normalized = sampler->normalized,
        .addressing = sampler->addressing,
        .filter = sampler->filter,
    };

    return host_object_make(host, &sampler->id, create.id,
                            HOST_COMMAND(SAMPLER_CREATE, &create), NULL, 0);
}

/* @wanted: what it is to be, but for its object */
static cl_sampler create(cl_context context, const struct _cl_sampler *wanted,
                         cl_int status, cl_int *errcode_ret)
{
    cl_sampler sampler = NULL;

    if (!object_is(context, OBJECT_CONTEXT)) {
        status = CL_INVALID_CONTEXT;
    } else if (status == CL_SUCCESS && !is_valid(wanted)) {
        status = CL_INVALID_VALUE;
    } else if (status == CL_SUCCESS &&
               device_number(CL_DEVICE_IMAGE_SUPPORT) == CL_FALSE) {
        status = session_lost(context->host->session) ? CL_OUT_OF_RESOURCES
                                                      : CL_INVALID_OPERATION;
    }
    if (status == CL_SUCCESS) {
        sampler = sampler_new(context, wanted);
        status = sampler ? make_on_host(sampler) : CL_OUT_OF_HOST_MEMORY;
    }
    if (sampler && status != CL_SUCCESS) {
        clReleaseSampler(sampler);
        sampler = NULL;
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return sampler;
}

cl_sampler CL_API_CALL clCreateSampler(cl_context context, cl_bool normalized,
                                       cl_addressing_mode addressing,
                                       cl_filter_mode filter,
                                       cl_int *errcode_ret)
{
    const struct _cl_sampler wanted = {
        .normalized = normalized,
        .addressing = addressing,
        .filter = filter,
    };

    return create(context, &wanted, CL_SUCCESS, errcode_ret);
}

cl_sampler CL_API_CALL clCreateSamplerWithProperties(
    cl_context context, const cl_sampler_properties *properties,
    cl_int *errcode_ret)
{
    struct _cl_sampler wanted = {
        .normalized = CL_TRUE,
        .addressing = CL_ADDRESS_CLAMP,
        .filter = CL_FILTER_NEAREST,
    };
    cl_int status = CL_SUCCESS;

    if (properties) {
        status = set_properties(&wanted, properties);
    }
    return create(context, &wanted, status, errcode_ret);
}

cl_int CL_API_CALL clRetainSampler(cl_sampler sampler)
{
    return object_retain(sampler, OBJECT_SAMPLER, CL_INVALID_SAMPLER);
}

cl_int CL_API_CALL clReleaseSampler(cl_sampler sampler)
{
    return object_release(sampler, OBJECT_SAMPLER, CL_INVALID_SAMPLER);
}

cl_int CL_API_CALL clGetSamplerInfo(cl_sampler sampler, cl_sampler_info name,
                                    size_t size, void *value, size_t *size_ret)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_SAMPLER_REFERENCE_COUNT, struct _cl_sampler,
                   object.refs),
        INFO_FIELD(CL_SAMPLER_CONTEXT, struct _cl_sampler, context),
        INFO_FIELD(CL_SAMPLER_NORMALIZED_COORDS, struct _cl_sampler,
                   normalized),
        INFO_FIELD(CL_SAMPLER_ADDRESSING_MODE, struct _cl_sampler,
                   addressing),
        INFO_FIELD(CL_SAMPLER_FILTER_MODE, struct _cl_sampler, filter),
    };
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_SAMPLER;

    opencl_lock();
    if (object_is(sampler, OBJECT_SAMPLER)) {
        status = name == CL_SAMPLER_PROPERTIES
                 ? info_bytes(&info, sampler->properties,
                              sampler->properties_size)
                 : INFO_FIELDS(&info, sampler, fields, name);
    }
    opencl_unlock();
    return status;
}
