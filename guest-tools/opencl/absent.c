/*
 * OpenCL in the guest: what is not there
 *
 * Each refuses with the error that the specification has for a device that
 * cannot do it; what the device and the platform say of themselves has none of
 * it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "objects.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define REFUSE(name, error, ...) \
    cl_int CL_API_CALL name(__VA_ARGS__) \
    { \
        return error; \
    }

#define REFUSE_OBJECT(type, name, error, ...) \
    type CL_API_CALL name(__VA_ARGS__) \
    { \
        if (errcode_ret) { \
            *errcode_ret = error; \
        } \
        return NULL; \
    }

/* Programs that are not built from source */

REFUSE_OBJECT(cl_program, clCreateProgramWithBuiltInKernels, CL_INVALID_VALUE,
    cl_context context, cl_uint num_devices, const cl_device_id * device_list,
    const char * kernel_names, cl_int * errcode_ret)

REFUSE_OBJECT(cl_program, clCreateProgramWithIL, CL_INVALID_OPERATION,
    cl_context context, const void *il, size_t length, cl_int *errcode_ret)

REFUSE(clSetProgramSpecializationConstant, CL_INVALID_OPERATION,
    cl_program program, cl_uint spec_id, size_t spec_size, const void*
    spec_value)

/* Shared virtual memory, pipes, queues on the device */

REFUSE_OBJECT(cl_mem, clCreatePipe, CL_INVALID_OPERATION,
    cl_context context, cl_mem_flags flags, cl_uint pipe_packet_size, cl_uint
    pipe_max_packets, const cl_pipe_properties * properties, cl_int *
    errcode_ret)

REFUSE(clGetPipeInfo, CL_INVALID_MEM_OBJECT,
    cl_mem pipe, cl_pipe_info param_name, size_t param_value_size, void *
    param_value, size_t * param_value_size_ret)

REFUSE(clEnqueueSVMFree, CL_INVALID_OPERATION,
    cl_command_queue command_queue, cl_uint num_svm_pointers, void **
    svm_pointers, void(CL_CALLBACK *pfn_free_func)(cl_command_queue queue,
    cl_uint num_svm_pointers, void ** svm_pointers, void * user_data), void *
    user_data, cl_uint num_events_in_wait_list, const cl_event *
    event_wait_list, cl_event * event)

REFUSE(clEnqueueSVMMemcpy, CL_INVALID_OPERATION,
    cl_command_queue command_queue, cl_bool blocking_copy, void * dst_ptr,
    const void * src_ptr, size_t size, cl_uint num_events_in_wait_list, const
    cl_event * event_wait_list, cl_event * event)

REFUSE(clEnqueueSVMMemFill, CL_INVALID_OPERATION,
    cl_command_queue command_queue, void * svm_ptr, const void * pattern,
    size_t pattern_size, size_t size, cl_uint num_events_in_wait_list, const
    cl_event * event_wait_list, cl_event * event)

REFUSE(clEnqueueSVMMap, CL_INVALID_OPERATION,
    cl_command_queue command_queue, cl_bool blocking_map, cl_map_flags
    map_flags, void * svm_ptr, size_t size, cl_uint num_events_in_wait_list,
    const cl_event * event_wait_list, cl_event * event)

REFUSE(clEnqueueSVMUnmap, CL_INVALID_OPERATION,
    cl_command_queue command_queue, void * svm_ptr, cl_uint
    num_events_in_wait_list, const cl_event * event_wait_list, cl_event *
    event)

REFUSE(clSetKernelArgSVMPointer, CL_INVALID_OPERATION,
    cl_kernel kernel, cl_uint arg_index, const void * arg_value)

REFUSE(clEnqueueSVMMigrateMem, CL_INVALID_OPERATION,
    cl_command_queue command_queue, cl_uint num_svm_pointers, const void
    **svm_pointers, const size_t *sizes, cl_mem_migration_flags flags, cl_uint
    num_events_in_wait_list, const cl_event *event_wait_list, cl_event *event)

REFUSE(clSetDefaultDeviceCommandQueue, CL_INVALID_OPERATION,
    cl_context context, cl_device_id device, cl_command_queue command_queue)

/* Parts of a device, by an extension that OpenCL 1.2 has replaced */

REFUSE(clCreateSubDevicesEXT, CL_INVALID_VALUE,
    cl_device_id in_device, const cl_device_partition_property_ext
    *partition_properties, cl_uint num_entries, cl_device_id *out_devices,
    cl_uint *num_devices)

REFUSE(clRetainDeviceEXT, CL_INVALID_DEVICE,
    cl_device_id device)

REFUSE(clReleaseDeviceEXT, CL_INVALID_DEVICE,
    cl_device_id device)

/* OpenGL and EGL: no context is one of theirs. */

REFUSE_OBJECT(cl_mem, clCreateFromGLBuffer, CL_INVALID_CONTEXT,
    cl_context context, cl_mem_flags flags, cl_GLuint bufobj, int *errcode_ret)

REFUSE_OBJECT(cl_mem, clCreateFromGLTexture2D, CL_INVALID_CONTEXT,
    cl_context context, cl_mem_flags flags, cl_GLenum target, cl_GLint
    miplevel, cl_GLuint texture, cl_int *errcode_ret)

REFUSE_OBJECT(cl_mem, clCreateFromGLTexture3D, CL_INVALID_CONTEXT,
    cl_context context, cl_mem_flags flags, cl_GLenum target, cl_GLint
    miplevel, cl_GLuint texture, cl_int *errcode_ret)

REFUSE_OBJECT(cl_mem, clCreateFromGLRenderbuffer, CL_INVALID_CONTEXT,
    cl_context context, cl_mem_flags flags, cl_GLuint renderbuffer, cl_int
    *errcode_ret)

REFUSE(clGetGLObjectInfo, CL_INVALID_GL_OBJECT,
    cl_mem memobj, cl_gl_object_type *gl_object_type, cl_GLuint
    *gl_object_name)

REFUSE(clGetGLTextureInfo, CL_INVALID_GL_OBJECT,
    cl_mem memobj, cl_gl_texture_info param_name, size_t param_value_size, void
    *param_value, size_t *param_value_size_ret)

REFUSE(clEnqueueAcquireGLObjects, CL_INVALID_GL_OBJECT,
    cl_command_queue command_queue, cl_uint num_objects, const cl_mem
    *mem_objects, cl_uint num_events_in_wait_list, const cl_event
    *event_wait_list, cl_event *event)

REFUSE(clEnqueueReleaseGLObjects, CL_INVALID_GL_OBJECT,
    cl_command_queue command_queue, cl_uint num_objects, const cl_mem
    *mem_objects, cl_uint num_events_in_wait_list, const cl_event
    *event_wait_list, cl_event *event)

REFUSE(clGetGLContextInfoKHR, CL_INVALID_GL_SHAREGROUP_REFERENCE_KHR,
    const cl_context_properties *properties, cl_gl_context_info param_name,
    size_t param_value_size, void *param_value, size_t *param_value_size_ret)

REFUSE_OBJECT(cl_event, clCreateEventFromGLsyncKHR, CL_INVALID_CONTEXT,
    cl_context context, cl_GLsync sync, cl_int *errcode_ret)

REFUSE_OBJECT(cl_mem, clCreateFromGLTexture, CL_INVALID_CONTEXT,
    cl_context context, cl_mem_flags flags, cl_GLenum target, cl_GLint
    miplevel, cl_GLuint texture, cl_int *errcode_ret)

REFUSE_OBJECT(cl_mem, clCreateFromEGLImageKHR, CL_INVALID_OPERATION,
    cl_context context, CLeglDisplayKHR display, CLeglImageKHR image,
    cl_mem_flags flags, const cl_egl_image_properties_khr *properties, cl_int
    *errcode_ret)

REFUSE(clEnqueueAcquireEGLObjectsKHR, CL_INVALID_OPERATION,
    cl_command_queue command_queue, cl_uint num_objects, const cl_mem
    *mem_objects, cl_uint num_events_in_wait_list, const cl_event
    *event_wait_list, cl_event *event)

REFUSE(clEnqueueReleaseEGLObjectsKHR, CL_INVALID_OPERATION,
    cl_command_queue command_queue, cl_uint num_objects, const cl_mem
    *mem_objects, cl_uint num_events_in_wait_list, const cl_event
    *event_wait_list, cl_event *event)

REFUSE_OBJECT(cl_event, clCreateEventFromEGLSyncKHR, CL_INVALID_OPERATION,
    cl_context context, CLeglSyncKHR sync, CLeglDisplayKHR display, cl_int
    *errcode_ret)

void *CL_API_CALL clSVMAlloc(cl_context context, cl_svm_mem_flags flags,
                             size_t size, cl_uint alignment)
{
    return NULL;
}

void CL_API_CALL clSVMFree(cl_context context, void *pointer)
{
}
