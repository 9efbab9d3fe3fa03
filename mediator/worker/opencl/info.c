/*
 * What the driver says of its device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "private.h"

/* Answers with pointers of this process are of no use to a guest. */
static bool is_handle(cl_device_info param)
{
    return param == CL_DEVICE_PLATFORM || param == CL_DEVICE_PARENT_DEVICE;
}

cl_int run_DEVICE_INFO(ClSession *session, const ClCommand *command)
{
    const cl_device_id device = session->backend->device;
    const cl_device_info param = command->body.query.param;
    size_t size = 0;
    cl_int status;
    void *value;

    if (is_handle(param)) {
        return CL_INVALID_VALUE;
    }
    status = cl.clGetDeviceInfo(device, param, 0, NULL, &size);
    if (status != CL_SUCCESS || size == 0) {
        return status;
    }
    if (size > VGPU_STUB_CL_PAYLOAD_MAX) {
        return CL_OUT_OF_RESOURCES;
    }
    value = cl_answer_payload(&session->answer, size);
    if (value == NULL) {
        return CL_NO_ROOM;
    }
    return cl.clGetDeviceInfo(device, param, size, value, NULL);
}
