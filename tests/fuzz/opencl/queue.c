/*
 * A driver that computes nothing: memory, and the queue of what is done with it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "objects.h"

#include <string.h>
#include <unistd.h>

#include "vgpu-stub-opencl.h"

struct _cl_event {
    Object base;
    cl_int status;
};

typedef struct Work {
    cl_event event;             /* with a reference */
    cl_mem memory[ARGUMENTS];   /* what it needs, with references */
    Side from, to;
    size_t region[3];           /* all 0: nothing moves */
    uint8_t pattern[VGPU_STUB_CL_PATTERN_MAX];
} Work;

/* More than a batch has commands */
static Work works[2 * VGPU_STUB_CL_BATCH_MAX];
static unsigned count;

/* --- Memory --- */

static void memory_free(void *object)
{
    cl_mem memory = object;

    if (memory->whole != NULL) {
        object_unref(memory->whole, MEMORY);
    } else {
        g_free(memory->bytes);
    }
}

cl_mem memory_new(cl_mem whole, size_t offset, size_t size)
{
    cl_mem memory = object_new(MEMORY, sizeof(*memory), memory_free);

    if (whole != NULL) {
        object_ref(whole);
        memory->bytes = whole->bytes + offset;
    } else {
        memory->bytes = g_malloc(size);
    }
    memory->whole = whole;
    memory->size = size;
    return memory;
}

void check_flags(cl_mem_flags flags)
{
    g_assert_cmpuint(flags & (CL_MEM_USE_HOST_PTR | CL_MEM_ALLOC_HOST_PTR |
                              CL_MEM_COPY_HOST_PTR), ==, 0);
}

static cl_mem create_buffer(cl_context context, cl_mem_flags flags,
                            size_t size, void *host, cl_int *status)
{
    check_context(context);
    check_flags(flags);
    g_assert_true(host == NULL && size > 0);
    return makes(status, CL_MEM_OBJECT_ALLOCATION_FAILURE)
           ? memory_new(NULL, 0, size) : NULL;
}

static cl_mem create_sub_buffer(cl_mem whole, cl_mem_flags flags,
                                cl_buffer_create_type type,
                                const void *described, cl_int *status)
{
    const cl_buffer_region *region = described;

    check_flags(flags);
    g_assert_cmpuint(type, ==, CL_BUFFER_CREATE_TYPE_REGION);
    buffer_place(whole, region->origin, region->size);
    g_assert_null(whole->whole);
    return makes(status, CL_MISALIGNED_SUB_BUFFER_OFFSET)
           ? memory_new(whole, region->origin, region->size) : NULL;
}

static cl_int release_memory(cl_mem memory)
{
    return object_unref(memory, MEMORY);
}

/* --- The queue --- */

/* With @status, of which the caller owns nothing unless it is CL_SUCCESS */
static Work *begin(cl_uint wait_count, const cl_event *waits, cl_event *event,
                   cl_int *status)
{
    Work *work = &works[count];

    g_assert_true(wait_count == 0 && waits == NULL);
    g_assert_cmpuint(count, <, G_N_ELEMENTS(works));
    if (!makes(status, CL_OUT_OF_RESOURCES)) {
        return NULL;
    }
    memset(work, 0, sizeof(*work));
    work->event = object_new(EVENT, sizeof(**event), NULL);
    work->event->status = CL_QUEUED;
    if (event != NULL) {
        object_ref(work->event);
        *event = work->event;
    }
    count++;
    return work;
}

static void keep(Work *work, unsigned index, cl_mem memory)
{
    object_check(memory, MEMORY);
    object_ref(memory);
    work->memory[index] = memory;
}

static void move(const Work *work)
{
    for (size_t slice = 0; slice < work->region[2]; slice++) {
        for (size_t row = 0; row < work->region[1]; row++) {
            memmove(work->to.bytes + slice * work->to.slice_pitch +
                    row * work->to.row_pitch,
                    work->from.bytes + slice * work->from.slice_pitch +
                    row * work->from.row_pitch, work->region[0]);
        }
    }
}

static void execute(Work *work)
{
    if (luck(256)) {
        work->event->status = CL_OUT_OF_RESOURCES;
    } else {
        move(work);
        work->event->status = CL_COMPLETE;
    }
    for (unsigned i = 0; i < ARGUMENTS; i++) {
        if (work->memory[i] != NULL) {
            object_unref(work->memory[i], MEMORY);
        }
    }
    object_unref(work->event, EVENT);
}

void queue_drain(void)
{
    for (unsigned i = 0; i < count; i++) {
        execute(&works[i]);
    }
    count = 0;
}

static cl_int finish(cl_command_queue queue G_GNUC_UNUSED)
{
    queue_drain();
    return luck(4096) ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

static cl_int get_event_info(cl_event event, cl_event_info param, size_t size,
                             void *value, size_t *needed)
{
    object_check(event, EVENT);
    g_assert_cmpuint(param, ==, CL_EVENT_COMMAND_EXECUTION_STATUS);
    return answer(&event->status, sizeof(event->status), size, value, needed);
}

/* The time goes by with each question. */
static cl_int get_profiling_info(cl_event event,
                                 cl_profiling_info param G_GNUC_UNUSED,
                                 size_t size, void *value, size_t *needed)
{
    static cl_ulong now;

    object_check(event, EVENT);
    g_assert_cmpint(event->status, <=, CL_COMPLETE);
    now += luck(64) ? 2000000 : 100;
    return luck(256) ? CL_PROFILING_INFO_NOT_AVAILABLE
                     : answer(&now, sizeof(now), size, value, needed);
}

static cl_int release_event(cl_event event)
{
    return object_unref(event, EVENT);
}

/* --- What moves data --- */

cl_int queue_move(Side from, Side to, const size_t region[3], cl_mem source,
                  cl_mem target, cl_uint wait_count, const cl_event *waits,
                  cl_event *event)
{
    cl_int status;
    Work *work = begin(wait_count, waits, event, &status);

    if (work != NULL) {
        if (source != NULL) {
            keep(work, 0, source);
        }
        if (target != NULL) {
            keep(work, 1, target);
        }
        work->from = from;
        work->to = to;
        memcpy(work->region, region, sizeof(work->region));
    }
    return status;
}

uint8_t *buffer_place(cl_mem memory, size_t offset, size_t size)
{
    object_check(memory, MEMORY);
    g_assert_cmpint(memory->type, ==, 0);
    g_assert_true(offset <= memory->size && size <= memory->size - offset &&
                  size > 0);
    return memory->bytes + offset;
}

static cl_int write_buffer(cl_command_queue queue G_GNUC_UNUSED,
                           cl_mem memory, cl_bool blocking, size_t offset,
                           size_t size, const void *bytes, cl_uint wait_count,
                           const cl_event *waits, cl_event *event)
{
    const Side from = { .bytes = (uint8_t *)bytes };
    const Side to = { .bytes = buffer_place(memory, offset, size) };
    const size_t region[] = { size, 1, 1 };

    g_assert_true(!blocking && bytes != NULL);
    return queue_move(from, to, region, NULL, memory, wait_count, waits,
                      event);
}

static cl_int read_buffer(cl_command_queue queue G_GNUC_UNUSED, cl_mem memory,
                          cl_bool blocking, size_t offset, size_t size,
                          void *bytes, cl_uint wait_count,
                          const cl_event *waits, cl_event *event)
{
    const Side from = { .bytes = buffer_place(memory, offset, size) };
    const Side to = { .bytes = bytes };
    const size_t region[] = { size, 1, 1 };

    g_assert_true(!blocking && bytes != NULL);
    return queue_move(from, to, region, memory, NULL, wait_count, waits,
                      event);
}

static cl_int copy_buffer(cl_command_queue queue G_GNUC_UNUSED, cl_mem source,
                          cl_mem target, size_t source_offset,
                          size_t target_offset, size_t size,
                          cl_uint wait_count, const cl_event *waits,
                          cl_event *event)
{
    const Side from = { .bytes = buffer_place(source, source_offset, size) };
    const Side to = { .bytes = buffer_place(target, target_offset, size) };
    const size_t region[] = { size, 1, 1 };

    return queue_move(from, to, region, source, target, wait_count, waits,
                      event);
}

static cl_int fill_buffer(cl_command_queue queue G_GNUC_UNUSED, cl_mem memory,
                          const void *pattern, size_t pattern_size,
                          size_t offset, size_t size, cl_uint wait_count,
                          const cl_event *waits, cl_event *event)
{
    uint8_t *to = buffer_place(memory, offset, size);
    cl_int status;
    Work *work = begin(wait_count, waits, event, &status);

    g_assert_true(pattern_size > 0 && pattern_size <= sizeof(work->pattern) &&
                  offset % pattern_size == 0 && size % pattern_size == 0);
    if (work != NULL) {
        keep(work, 0, memory);
        memcpy(work->pattern, pattern, pattern_size);
        work->from.bytes = work->pattern;
        work->to = (Side) { to, pattern_size, 0 };
        memcpy(work->region,
               (size_t[3]) { pattern_size, size / pattern_size, 1 },
               sizeof(work->region));
    }
    return status;
}

/* --- Rectangles --- */

/*
 * Where one begins, in @size bytes at @bytes. All of it has to be inside, by
 * numbers that cannot overflow.
 */
static Side side(uint8_t *bytes, size_t size, const size_t *origin,
                 const size_t *region, size_t row_pitch, size_t slice_pitch)
{
    typedef unsigned __int128 Wide;
    const Wide begin = (Wide)origin[2] * slice_pitch +
                       (Wide)origin[1] * row_pitch + origin[0];

    g_assert_true(region[0] > 0 && region[1] > 0 && region[2] > 0);
    g_assert_true(row_pitch >= region[0]);
    g_assert_true(slice_pitch / region[1] >= row_pitch &&
                  slice_pitch % row_pitch == 0);
    g_assert_true(begin + (Wide)(region[2] - 1) * slice_pitch +
                  (Wide)(region[1] - 1) * row_pitch + region[0] <= size);
    return (Side) { bytes + (size_t)begin, row_pitch, slice_pitch };
}

static cl_int write_rect(cl_command_queue queue G_GNUC_UNUSED, cl_mem memory,
                         cl_bool blocking, const size_t *origin,
                         const size_t *host_origin, const size_t *region,
                         size_t row_pitch, size_t slice_pitch,
                         size_t host_row_pitch, size_t host_slice_pitch,
                         const void *bytes, cl_uint wait_count,
                         const cl_event *waits, cl_event *event)
{
    object_check(memory, MEMORY);
    g_assert_true(!blocking && bytes != NULL);
    return queue_move(side((uint8_t *)bytes, G_MAXSIZE, host_origin, region,
                           host_row_pitch, host_slice_pitch),
                      side(memory->bytes, memory->size, origin, region,
                           row_pitch, slice_pitch),
                      region, NULL, memory, wait_count, waits, event);
}

static cl_int read_rect(cl_command_queue queue G_GNUC_UNUSED, cl_mem memory,
                        cl_bool blocking, const size_t *origin,
                        const size_t *host_origin, const size_t *region,
                        size_t row_pitch, size_t slice_pitch,
                        size_t host_row_pitch, size_t host_slice_pitch,
                        void *bytes, cl_uint wait_count,
                        const cl_event *waits, cl_event *event)
{
    object_check(memory, MEMORY);
    g_assert_true(!blocking && bytes != NULL);
    return queue_move(side(memory->bytes, memory->size, origin, region,
                           row_pitch, slice_pitch),
                      side(bytes, G_MAXSIZE, host_origin, region,
                           host_row_pitch, host_slice_pitch),
                      region, memory, NULL, wait_count, waits, event);
}

static cl_int copy_rect(cl_command_queue queue G_GNUC_UNUSED, cl_mem source,
                        cl_mem target, const size_t *source_origin,
                        const size_t *target_origin, const size_t *region,
                        size_t source_row_pitch, size_t source_slice_pitch,
                        size_t target_row_pitch, size_t target_slice_pitch,
                        cl_uint wait_count, const cl_event *waits,
                        cl_event *event)
{
    object_check(source, MEMORY);
    object_check(target, MEMORY);
    return queue_move(side(source->bytes, source->size, source_origin, region,
                           source_row_pitch, source_slice_pitch),
                      side(target->bytes, target->size, target_origin, region,
                           target_row_pitch, target_slice_pitch),
                      region, source, target, wait_count, waits, event);
}

/* --- Others --- */

/* What it has printed is there at once. */
static cl_int launch(cl_command_queue queue G_GNUC_UNUSED, cl_kernel kernel,
                     cl_uint dimensions, const size_t *offset,
                     const size_t *global, const size_t *local,
                     cl_uint wait_count, const cl_event *waits,
                     cl_event *event)
{
    static const char printed[] = "a kernel's\n";
    cl_int status = kernel_check(kernel, dimensions, offset, global, local);
    Work *work = status == CL_SUCCESS ? begin(wait_count, waits, event,
                                              &status) : NULL;

    for (unsigned i = 0; work != NULL && i < ARGUMENTS; i++) {
        if (kernel->memory[i] != NULL) {
            keep(work, i, kernel->memory[i]);
        }
    }
    if (luck(4) && write(STDOUT_FILENO, printed, strlen(printed)) < 0) {
        /* As with others, it is lost. */
    }
    return status;
}

static cl_int marker(cl_command_queue queue G_GNUC_UNUSED, cl_uint wait_count,
                     const cl_event *waits, cl_event *event)
{
    cl_int status;

    begin(wait_count, waits, event, &status);
    return status;
}

void fill_queue(OpenclDriver *driver)
{
    driver->clCreateBuffer = create_buffer;
    driver->clCreateSubBuffer = create_sub_buffer;
    driver->clReleaseMemObject = release_memory;
    driver->clFinish = finish;
    driver->clGetEventInfo = get_event_info;
    driver->clGetEventProfilingInfo = get_profiling_info;
    driver->clReleaseEvent = release_event;
    driver->clEnqueueWriteBuffer = write_buffer;
    driver->clEnqueueReadBuffer = read_buffer;
    driver->clEnqueueCopyBuffer = copy_buffer;
    driver->clEnqueueFillBuffer = fill_buffer;
    driver->clEnqueueWriteBufferRect = write_rect;
    driver->clEnqueueReadBufferRect = read_rect;
    driver->clEnqueueCopyBufferRect = copy_rect;
    driver->clEnqueueNDRangeKernel = launch;
    driver->clEnqueueMarkerWithWaitList = marker;
}
