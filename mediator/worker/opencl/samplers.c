/*
 * Samplers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "samplers.h"

/* What one counts for in the VM's memory, in bytes */
#define SAMPLER_COST 4096

ClSampler *cl_sampler_find(const ClSession *session, uint32_t id)
{
    return (ClSampler *)cl_objects_find(session->objects, id,
                                        CL_KIND_SAMPLER);
}

static void sampler_free(ClObject *object)
{
    ClSampler *sampler = (ClSampler *)object;

    cl.clReleaseSampler(sampler->sampler);
    memory_discharge(sampler->session->memory, SAMPLER_COST);
    g_free(sampler);
}

static bool is_valid(const struct vgpu_stub_cl_sampler_create *wanted)
{
    return wanted->normalized <= CL_TRUE &&
           wanted->addressing >= CL_ADDRESS_NONE &&
           wanted->addressing <= CL_ADDRESS_MIRRORED_REPEAT &&
           (wanted->filter == CL_FILTER_NEAREST ||
            wanted->filter == CL_FILTER_LINEAR);
}

cl_int run_SAMPLER_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_sampler_create *wanted =
        &command->body.sampler_create;
    ClSampler *sampler;
    cl_sampler made;
    cl_int status;

    if (!cl_objects_is_free(session->objects, wanted->id) ||
        !is_valid(wanted)) {
        return CL_INVALID_VALUE;
    }
    if (!memory_charge(session->memory, SAMPLER_COST, NULL)) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    made = cl.clCreateSampler(session->backend->context, wanted->normalized,
                              wanted->addressing, wanted->filter, &status);
    if (made == NULL) {
        memory_discharge(session->memory, SAMPLER_COST);
        return status;
    }
    sampler = g_new(ClSampler, 1);
    *sampler = (ClSampler) { .session = session, .sampler = made };
    cl_object_init(&sampler->base, CL_KIND_SAMPLER, sampler_free);
    cl_objects_add(session->objects, wanted->id, &sampler->base);
    return CL_SUCCESS;
}
