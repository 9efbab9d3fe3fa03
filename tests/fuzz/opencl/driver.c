/*
 * An OpenCL driver that computes nothing: its device and its objects
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "objects.h"

#include <string.h>

static int device, context, queue;

static Backend backend = {
    .device = (cl_device_id)&device,
    .context = (cl_context)&context,
    .queue = (cl_command_queue)&queue,
};

static uint64_t state;
static unsigned count;

void fake_driver_seed(uint64_t seed)
{
    state = seed | 1;
}

bool luck(unsigned times)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 32) % times == 0;
}

unsigned fake_driver_objects(void)
{
    return count;
}

void *object_new(Kind kind, size_t size, void (*free)(void *object))
{
    Object *object = g_malloc0(size);

    *object = (Object) { kind, 1, free };
    count++;
    return object;
}

void object_check(const void *object, Kind kind)
{
    g_assert_nonnull(object);
    g_assert_cmpint(((const Object *)object)->kind, ==, kind);
}

void object_ref(void *object)
{
    ((Object *)object)->references++;
}

cl_int object_unref(void *object, Kind kind)
{
    Object *base = object;

    object_check(object, kind);
    if (--base->references == 0) {
        if (base->free != NULL) {
            base->free(object);
        }
        g_free(object);
        count--;
    }
    return CL_SUCCESS;
}

bool makes(cl_int *status, cl_int failure)
{
    *status = luck(64) ? failure : CL_SUCCESS;
    return *status == CL_SUCCESS;
}

cl_int answer(const void *value, size_t length, size_t size, void *target,
              size_t *needed)
{
    if (needed != NULL) {
        *needed = length;
    }
    if (target == NULL) {
        return CL_SUCCESS;
    }
    if (size < length) {
        return CL_INVALID_VALUE;
    }
    memcpy(target, value, length);
    return CL_SUCCESS;
}

void check_context(cl_context given)
{
    g_assert_true(given == backend.context);
}

void check_device(cl_device_id given)
{
    g_assert_true(given == backend.device);
}

static cl_int get_device_info(cl_device_id given, cl_device_info param,
                              size_t size, void *value, size_t *needed)
{
    static const size_t sizes[] = { GROUP_MAX, GROUP_MAX, GROUP_MAX };
    static const cl_ulong local = LOCAL_MAX;
    static const char name[] = "one that computes nothing";
    static const char long_text[VGPU_STUB_QUEUE_RESPONSE_MAX];

    check_device(given);
    switch (param) {
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return answer(sizes, sizeof(sizes), size, value, needed);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return answer(&local, sizeof(local), size, value, needed);
    case CL_DEVICE_NAME:
        return answer(name, sizeof(name), size, value, needed);
    case CL_DEVICE_EXTENSIONS:
        return answer(long_text, sizeof(long_text), size, value, needed);
    case CL_DEVICE_VENDOR:
        return answer(NULL, 0, size, value, needed);
    case CL_DEVICE_PLATFORM:
    case CL_DEVICE_PARENT_DEVICE:
        g_assert_not_reached();
    }
    return CL_INVALID_VALUE;
}

Backend *fake_driver_install(void)
{
    cl.clGetDeviceInfo = get_device_info;
    fill_programs(&cl);
    fill_kernels(&cl);
    fill_queue(&cl);
    fill_images(&cl);
    return &backend;
}
