/*
 * OpenCL in the guest: the entry points that the loader finds
 *
 * X(name, class): LOCAL is answered in the guest, QUEUED makes a command that
 * the host executes later, WAITING asks the host (some only the first time) or
 * waits for it, and what is ABSENT refuses with an error that OpenCL has for
 * that. Those of Windows' interfaces, which have no types here, are
 * ENTRIES_OF_WINDOWS.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_ENTRIES_H
#define OPENCL_ENTRIES_H

#define ENTRIES(X) \
    X(clGetPlatformIDs, LOCAL) \
    X(clGetPlatformInfo, LOCAL) \
    X(clGetDeviceIDs, LOCAL) \
    X(clGetDeviceInfo, WAITING) \
    X(clCreateContext, LOCAL) \
    X(clCreateContextFromType, LOCAL) \
    X(clRetainContext, LOCAL) \
    X(clReleaseContext, LOCAL) \
    X(clGetContextInfo, LOCAL) \
    X(clCreateCommandQueue, LOCAL) \
    X(clRetainCommandQueue, LOCAL) \
    X(clReleaseCommandQueue, LOCAL) \
    X(clGetCommandQueueInfo, LOCAL) \
    X(clSetCommandQueueProperty, LOCAL) \
    X(clCreateBuffer, WAITING) \
    X(clCreateImage2D, WAITING) \
    X(clCreateImage3D, WAITING) \
    X(clRetainMemObject, LOCAL) \
    X(clReleaseMemObject, LOCAL) \
    X(clGetSupportedImageFormats, WAITING) \
    X(clGetMemObjectInfo, LOCAL) \
    X(clGetImageInfo, LOCAL) \
    X(clCreateSampler, WAITING) \
    X(clRetainSampler, LOCAL) \
    X(clReleaseSampler, LOCAL) \
    X(clGetSamplerInfo, LOCAL) \
    X(clCreateProgramWithSource, LOCAL) \
    X(clCreateProgramWithBinary, LOCAL) \
    X(clRetainProgram, LOCAL) \
    X(clReleaseProgram, LOCAL) \
    X(clBuildProgram, WAITING) \
    X(clUnloadCompiler, LOCAL) \
    X(clGetProgramInfo, LOCAL) \
    X(clGetProgramBuildInfo, LOCAL) \
    X(clCreateKernel, WAITING) \
    X(clCreateKernelsInProgram, WAITING) \
    X(clRetainKernel, LOCAL) \
    X(clReleaseKernel, LOCAL) \
    X(clSetKernelArg, WAITING) \
    X(clGetKernelInfo, LOCAL) \
    X(clGetKernelWorkGroupInfo, WAITING) \
    X(clWaitForEvents, WAITING) \
    X(clGetEventInfo, LOCAL) \
    X(clRetainEvent, LOCAL) \
    X(clReleaseEvent, LOCAL) \
    X(clGetEventProfilingInfo, LOCAL) \
    X(clFlush, LOCAL) \
    X(clFinish, WAITING) \
    X(clEnqueueReadBuffer, QUEUED) \
    X(clEnqueueWriteBuffer, QUEUED) \
    X(clEnqueueCopyBuffer, QUEUED) \
    X(clEnqueueReadImage, QUEUED) \
    X(clEnqueueWriteImage, QUEUED) \
    X(clEnqueueCopyImage, QUEUED) \
    X(clEnqueueCopyImageToBuffer, QUEUED) \
    X(clEnqueueCopyBufferToImage, QUEUED) \
    X(clEnqueueMapBuffer, QUEUED) \
    X(clEnqueueMapImage, QUEUED) \
    X(clEnqueueUnmapMemObject, QUEUED) \
    X(clEnqueueNDRangeKernel, QUEUED) \
    X(clEnqueueTask, QUEUED) \
    X(clEnqueueNativeKernel, LOCAL) \
    X(clEnqueueMarker, QUEUED) \
    X(clEnqueueWaitForEvents, QUEUED) \
    X(clEnqueueBarrier, QUEUED) \
    X(clGetExtensionFunctionAddress, LOCAL) \
    X(clCreateFromGLBuffer, ABSENT) \
    X(clCreateFromGLTexture2D, ABSENT) \
    X(clCreateFromGLTexture3D, ABSENT) \
    X(clCreateFromGLRenderbuffer, ABSENT) \
    X(clGetGLObjectInfo, ABSENT) \
    X(clGetGLTextureInfo, ABSENT) \
    X(clEnqueueAcquireGLObjects, ABSENT) \
    X(clEnqueueReleaseGLObjects, ABSENT) \
    X(clGetGLContextInfoKHR, ABSENT) \
    X(clSetEventCallback, LOCAL) \
    X(clCreateSubBuffer, WAITING) \
    X(clSetMemObjectDestructorCallback, LOCAL) \
    X(clCreateUserEvent, LOCAL) \
    X(clSetUserEventStatus, LOCAL) \
    X(clEnqueueReadBufferRect, QUEUED) \
    X(clEnqueueWriteBufferRect, QUEUED) \
    X(clEnqueueCopyBufferRect, QUEUED) \
    X(clCreateSubDevicesEXT, ABSENT) \
    X(clRetainDeviceEXT, ABSENT) \
    X(clReleaseDeviceEXT, ABSENT) \
    X(clCreateEventFromGLsyncKHR, ABSENT) \
    X(clCreateSubDevices, LOCAL) \
    X(clRetainDevice, LOCAL) \
    X(clReleaseDevice, LOCAL) \
    X(clCreateImage, WAITING) \
    X(clCreateProgramWithBuiltInKernels, ABSENT) \
    X(clCompileProgram, WAITING) \
    X(clLinkProgram, WAITING) \
    X(clUnloadPlatformCompiler, LOCAL) \
    X(clGetKernelArgInfo, LOCAL) \
    X(clEnqueueFillBuffer, QUEUED) \
    X(clEnqueueFillImage, QUEUED) \
    X(clEnqueueMigrateMemObjects, QUEUED) \
    X(clEnqueueMarkerWithWaitList, QUEUED) \
    X(clEnqueueBarrierWithWaitList, QUEUED) \
    X(clGetExtensionFunctionAddressForPlatform, LOCAL) \
    X(clCreateFromGLTexture, ABSENT) \
    X(clCreateFromEGLImageKHR, ABSENT) \
    X(clEnqueueAcquireEGLObjectsKHR, ABSENT) \
    X(clEnqueueReleaseEGLObjectsKHR, ABSENT) \
    X(clCreateEventFromEGLSyncKHR, ABSENT) \
    X(clCreateCommandQueueWithProperties, LOCAL) \
    X(clCreatePipe, ABSENT) \
    X(clGetPipeInfo, ABSENT) \
    X(clSVMAlloc, ABSENT) \
    X(clSVMFree, ABSENT) \
    X(clEnqueueSVMFree, ABSENT) \
    X(clEnqueueSVMMemcpy, ABSENT) \
    X(clEnqueueSVMMemFill, ABSENT) \
    X(clEnqueueSVMMap, ABSENT) \
    X(clEnqueueSVMUnmap, ABSENT) \
    X(clCreateSamplerWithProperties, WAITING) \
    X(clSetKernelArgSVMPointer, ABSENT) \
    X(clSetKernelExecInfo, LOCAL) \
    X(clGetKernelSubGroupInfoKHR, WAITING) \
    X(clCloneKernel, WAITING) \
    X(clCreateProgramWithIL, ABSENT) \
    X(clEnqueueSVMMigrateMem, ABSENT) \
    X(clGetDeviceAndHostTimer, LOCAL) \
    X(clGetHostTimer, LOCAL) \
    X(clGetKernelSubGroupInfo, WAITING) \
    X(clSetDefaultDeviceCommandQueue, ABSENT) \
    X(clSetProgramReleaseCallback, LOCAL) \
    X(clSetProgramSpecializationConstant, ABSENT) \
    X(clCreateBufferWithProperties, WAITING) \
    X(clCreateImageWithProperties, WAITING) \
    X(clSetContextDestructorCallback, LOCAL)

#define ENTRIES_OF_WINDOWS(X) \
    X(clGetDeviceIDsFromD3D10KHR) \
    X(clCreateFromD3D10BufferKHR) \
    X(clCreateFromD3D10Texture2DKHR) \
    X(clCreateFromD3D10Texture3DKHR) \
    X(clEnqueueAcquireD3D10ObjectsKHR) \
    X(clEnqueueReleaseD3D10ObjectsKHR) \
    X(clGetDeviceIDsFromD3D11KHR) \
    X(clCreateFromD3D11BufferKHR) \
    X(clCreateFromD3D11Texture2DKHR) \
    X(clCreateFromD3D11Texture3DKHR) \
    X(clCreateFromDX9MediaSurfaceKHR) \
    X(clEnqueueAcquireD3D11ObjectsKHR) \
    X(clEnqueueReleaseD3D11ObjectsKHR) \
    X(clGetDeviceIDsFromDX9MediaAdapterKHR) \
    X(clEnqueueAcquireDX9MediaSurfacesKHR) \
    X(clEnqueueReleaseDX9MediaSurfacesKHR)

#endif /* OPENCL_ENTRIES_H */
