/*
 * The backend for any OpenCL 1.2 device
 *
 * The ICD loader is loaded when the worker runs, so that one program works on
 * hosts with OpenCL and without.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "opencl-driver.h"

#include <string.h>

#include "library.h"

#define LIBRARY "libOpenCL.so.1"

static bool load(GError **error)
{
#define SYMBOL(function) { #function, &cl.function },
    static const LibrarySymbol symbols[] = { OPENCL_FUNCTIONS(SYMBOL) };
    static const LibrarySymbol newer[] = { SYMBOL(clGetKernelSubGroupInfo) };

    if (!library_load(LIBRARY, symbols, G_N_ELEMENTS(symbols), error)) {
        return false;
    }
    library_try(LIBRARY, newer);
    return true;
}

/* The devices of all platforms, in their order, count as one list. */
static bool find_device(Backend *backend, unsigned index, GError **error)
{
    cl_uint platforms = 0, before = 0;
    g_autofree cl_platform_id *platform = NULL;

    /* The loader fails where there is no platform: that is none. */
    if (cl.clGetPlatformIDs(0, NULL, &platforms) != CL_SUCCESS) {
        platforms = 0;
    }
    platform = g_new0(cl_platform_id, platforms);
    if (platforms > 0 &&
        !opencl_check(cl.clGetPlatformIDs(platforms, platform, NULL),
                      "clGetPlatformIDs", error)) {
        return false;
    }
    for (cl_uint i = 0; i < platforms; i++) {
        cl_uint devices = 0;

        if (cl.clGetDeviceIDs(platform[i], CL_DEVICE_TYPE_ALL, 0, NULL,
                              &devices) != CL_SUCCESS) {
            continue;
        }
        if (index - before < devices) {
            g_autofree cl_device_id *device = g_new0(cl_device_id, devices);

            if (!opencl_check(cl.clGetDeviceIDs(platform[i], CL_DEVICE_TYPE_ALL,
                                                devices, device, NULL),
                              "clGetDeviceIDs", error)) {
                return false;
            }
            backend->device = device[index - before];
            return true;
        }
        before += devices;
    }
    g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                "opencl: there is no device %u, there are %u", index, before);
    return false;
}

static bool describe(Backend *backend, BackendDevice *device, GError **error)
{
    cl_uint units = 0;
    size_t group = 0;
    size_t size = 0;

    if (!opencl_check(cl.clGetDeviceInfo(backend->device,
                                         CL_DEVICE_MAX_COMPUTE_UNITS,
                                         sizeof(units), &units, NULL),
                      "CL_DEVICE_MAX_COMPUTE_UNITS", error) ||
        !opencl_check(cl.clGetDeviceInfo(backend->device,
                                         CL_DEVICE_MAX_WORK_GROUP_SIZE,
                                         sizeof(group), &group, NULL),
                      "CL_DEVICE_MAX_WORK_GROUP_SIZE", error) ||
        !opencl_check(cl.clGetDeviceInfo(backend->device, CL_DEVICE_NAME, 0,
                                         NULL, &size),
                      "CL_DEVICE_NAME", error)) {
        return false;
    }
    backend->name = g_malloc0(size + 1);
    cl.clGetDeviceInfo(backend->device, CL_DEVICE_NAME, size, backend->name,
                       NULL);
    *device = (BackendDevice) {
        .name = backend->name,
        .compute_units = units,
        .max_group = MIN(group, G_MAXUINT32),
    };
    return true;
}

static void opencl_close(Backend *backend)
{
    if (backend->queue != NULL) {
        cl.clReleaseCommandQueue(backend->queue);
    }
    if (backend->context != NULL) {
        cl.clReleaseContext(backend->context);
    }
    g_free(backend->name);
    g_free(backend);
}

static bool set_up(Backend *backend, unsigned index, BackendDevice *device,
                   GError **error)
{
    cl_int status;

    if (!find_device(backend, index, error) ||
        !describe(backend, device, error)) {
        return false;
    }
    backend->context = cl.clCreateContext(NULL, 1, &backend->device, NULL,
                                          NULL, &status);
    if (backend->context == NULL) {
        return opencl_fail(error, "clCreateContext", status);
    }
    backend->queue = cl.clCreateCommandQueue(
        backend->context, backend->device, CL_QUEUE_PROFILING_ENABLE,
        &status);
    return backend->queue != NULL ||
           opencl_fail(error, "clCreateCommandQueue", status);
}

static Backend *opencl_open(unsigned index, BackendDevice *device,
                            GError **error)
{
    Backend *backend;

    if (!load(error)) {
        return NULL;
    }
    /* Or PoCL keeps files of all programs that there ever were. */
    g_setenv("POCL_KERNEL_CACHE", "0", FALSE);
    backend = g_new0(Backend, 1);
    if (!set_up(backend, index, device, error)) {
        opencl_close(backend);
        return NULL;
    }
    return backend;
}

static cl_mem buffer(BackendMemory *memory)
{
    return (cl_mem)memory;
}

static BackendMemory *opencl_alloc(Backend *backend, size_t size,
                                   GError **error)
{
    const cl_uchar zero = 0;
    cl_int status;
    cl_mem memory = cl.clCreateBuffer(backend->context, CL_MEM_READ_WRITE,
                                      size, NULL, &status);

    if (memory == NULL) {
        opencl_fail(error, "clCreateBuffer", status);
        return NULL;
    }
    status = cl.clEnqueueFillBuffer(backend->queue, memory, &zero,
                                    sizeof(zero), 0, size, 0, NULL, NULL);
    if (status == CL_SUCCESS) {
        status = cl.clFinish(backend->queue);
    }
    if (status != CL_SUCCESS) {
        opencl_fail(error, "clEnqueueFillBuffer", status);
        cl.clReleaseMemObject(memory);
        return NULL;
    }
    return (BackendMemory *)memory;
}

static void opencl_free(Backend *backend G_GNUC_UNUSED, BackendMemory *memory)
{
    cl.clReleaseMemObject(buffer(memory));
}

static bool opencl_copy_to(Backend *backend, BackendMemory *to,
                           size_t offset, const void *from, size_t length,
                           GError **error)
{
    return opencl_check(cl.clEnqueueWriteBuffer(backend->queue, buffer(to),
                                                CL_TRUE, offset, length, from,
                                                0, NULL, NULL),
                        "clEnqueueWriteBuffer", error);
}

static bool opencl_copy_from(Backend *backend, void *to, BackendMemory *from,
                             size_t offset, size_t length, GError **error)
{
    return opencl_check(cl.clEnqueueReadBuffer(backend->queue, buffer(from),
                                               CL_TRUE, offset, length, to, 0,
                                               NULL, NULL),
                        "clEnqueueReadBuffer", error);
}

static bool opencl_copy_within(Backend *backend, BackendMemory *to,
                               size_t to_offset, BackendMemory *from,
                               size_t from_offset, size_t length,
                               GError **error)
{
    return opencl_check(cl.clEnqueueCopyBuffer(backend->queue, buffer(from),
                                               buffer(to), from_offset,
                                               to_offset, length, 0, NULL,
                                               NULL),
                        "clEnqueueCopyBuffer", error) &&
           opencl_check(cl.clFinish(backend->queue), "clFinish", error);
}

/* What the compiler says about @program, without space at its ends */
static char *build_log(Backend *backend, cl_program program)
{
    size_t size = 0;
    char *log;

    if (cl.clGetProgramBuildInfo(program, backend->device,
                                 CL_PROGRAM_BUILD_LOG, 0, NULL,
                                 &size) != CL_SUCCESS) {
        size = 0;
    }
    log = g_malloc0(size + 1);
    if (size > 0) {
        cl.clGetProgramBuildInfo(program, backend->device,
                                 CL_PROGRAM_BUILD_LOG, size, log, NULL);
    }
    return g_strstrip(log);
}

static BackendProgram *program_new(cl_program program, const char *text)
{
    OpenclProgram *made = g_new(OpenclProgram, 1);

    *made = (OpenclProgram) {
        .program = program,
        .text = g_strdup(text),
        .types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    return (BackendProgram *)made;
}

static BackendProgram *opencl_build(Backend *backend, const char *text,
                                    GError **error)
{
    cl_int status;
    cl_program program = cl.clCreateProgramWithSource(backend->context, 1,
                                                      &text, NULL, &status);

    if (program == NULL) {
        opencl_fail(error, "clCreateProgramWithSource", status);
        return NULL;
    }
    /* The arguments' kinds are needed to check what a guest gives. */
    status = cl.clBuildProgram(program, 1, &backend->device,
                               "-cl-kernel-arg-info", NULL, NULL);
    if (status == CL_BUILD_PROGRAM_FAILURE ||
        status == CL_INVALID_PROGRAM_EXECUTABLE) {
        g_autofree char *log = build_log(backend, program);

        g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_BUILD_FAILED,
                            *log ? log : "the compiler does not say why");
    } else if (status != CL_SUCCESS) {
        opencl_fail(error, "clBuildProgram", status);
    } else {
        return program_new(program, text);
    }
    cl.clReleaseProgram(program);
    return NULL;
}

static void opencl_unbuild(Backend *backend G_GNUC_UNUSED,
                           BackendProgram *program)
{
    OpenclProgram *made = (OpenclProgram *)program;

    cl.clReleaseProgram(made->program);
    g_hash_table_unref(made->types);
    g_free(made->text);
    g_free(made);
}

/* How the command of @event went, and its time on the device */
static bool collect(cl_event event, gint64 *exec_us, GError **error)
{
    cl_int status = CL_COMPLETE;
    cl_ulong start = 0, end = 0;

    cl.clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START,
                               sizeof(start), &start, NULL);
    cl.clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END,
                               sizeof(end), &end, NULL);
    if (end > start) {
        *exec_us += (end - start) / 1000;
    }
    return opencl_check(cl.clGetEventInfo(event,
                                          CL_EVENT_COMMAND_EXECUTION_STATUS,
                                          sizeof(status), &status, NULL),
                        "CL_EVENT_COMMAND_EXECUTION_STATUS", error) &&
           (status >= 0 || opencl_fail(error, "the kernel", status));
}

static bool run_kernel(Backend *backend, cl_kernel kernel,
                       const NdRange *range, gint64 *exec_us, GError **error)
{
    size_t global[3], local[3];
    cl_event event;
    bool done;

    if (!opencl_choose_group(backend, kernel, range, local, error)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        global[i] = range->global[i];
    }
    if (!opencl_check(cl.clEnqueueNDRangeKernel(
                          backend->queue, kernel, range->dimensions, NULL,
                          global, local, 0, NULL, &event),
                      "clEnqueueNDRangeKernel", error)) {
        return false;
    }
    done = opencl_check(cl.clFinish(backend->queue), "clFinish", error) &&
           collect(event, exec_us, error);
    cl.clReleaseEvent(event);
    return done;
}

static bool opencl_run(Backend *backend, BackendProgram *program,
                       const char *name, const NdRange *range,
                       const KernelArgument *arguments, unsigned count,
                       gint64 *exec_us, GError **error)
{
    OpenclProgram *from = (OpenclProgram *)program;
    cl_int status;
    cl_kernel kernel = cl.clCreateKernel(from->program, name, &status);
    bool done;

    if (kernel == NULL && status == CL_INVALID_KERNEL_NAME) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL,
                    "the program has no kernel %s", name);
        return false;
    }
    if (kernel == NULL) {
        return opencl_fail(error, "clCreateKernel", status);
    }
    done = opencl_set_arguments(backend, from, kernel, arguments, count,
                                error) &&
           run_kernel(backend, kernel, range, exec_us, error);
    cl.clReleaseKernel(kernel);
    return done;
}

const BackendClass backend_opencl = {
    .name = "opencl",
    .number = VGPU_STUB_BACKEND_OPENCL,
    .suffix = ".cl",
    .reads_files = true,
    .trial = "__kernel void trial(__global uint *a)\n"
             "{ a[get_global_id(0)]++; }\n",
    .open = opencl_open,
    .close = opencl_close,
    .alloc = opencl_alloc,
    .free = opencl_free,
    .copy_to = opencl_copy_to,
    .copy_from = opencl_copy_from,
    .copy_within = opencl_copy_within,
    .build = opencl_build,
    .unbuild = opencl_unbuild,
    .run = opencl_run,
};
