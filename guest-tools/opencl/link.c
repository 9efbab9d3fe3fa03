/*
 * OpenCL in the guest: linking programs on the host
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "options.h"

/* What a link is of, in use while it is made */
struct inputs {
    cl_uint count;
    cl_program programs[VGPU_STUB_CL_LINK_MAX];
    uint32_t ids[VGPU_STUB_CL_LINK_MAX];
};

/* With the lock: what it was made from, or is to be; NULL */
static struct recipe *recipe_of(cl_program program)
{
    return program->recipe ? program->recipe : program->binary;
}

/* With the lock: can it be linked? */
static cl_int check_input(cl_program program, cl_context context)
{
    if (!object_is(program, OBJECT_PROGRAM) || program->context != context) {
        return CL_INVALID_PROGRAM;
    }
    if (program->building || !recipe_of(program) ||
        recipe_of(program)->type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE) {
        return CL_INVALID_OPERATION;
    }
    return CL_SUCCESS;
}

/* With the lock: nobody builds them meanwhile. */
static void take_inputs(struct inputs *inputs, cl_uint count,
                        const cl_program *programs)
{
    inputs->count = count;
    for (cl_uint i = 0; i < count; i++) {
        inputs->programs[i] = programs[i];
        inputs->ids[i] = programs[i]->id;
        programs[i]->attached++;
        object_use(programs[i]);
    }
}

static void leave_inputs(struct inputs *inputs)
{
    opencl_lock();
    for (cl_uint i = 0; i < inputs->count; i++) {
        inputs->programs[i]->attached--;
        object_unuse(inputs->programs[i]);
    }
    opencl_unlock();
}

/* With the lock */
static struct recipe *make_recipe(const struct inputs *inputs,
                                  const char *options)
{
    const bool library = options_have(options, "-create-library");
    struct recipe **recipes = calloc(inputs->count, sizeof(*recipes));

    for (cl_uint i = 0; recipes && i < inputs->count; i++) {
        recipes[i] = recipe_use(recipe_of(inputs->programs[i]));
    }
    return recipe_of_link(library ? CL_PROGRAM_BINARY_TYPE_LIBRARY
                                  : CL_PROGRAM_BINARY_TYPE_EXECUTABLE,
                          strdup(options), recipes, inputs->count);
}

/* With the lock */
static cl_int check(cl_context context, cl_uint num_devices,
                    const cl_device_id *devices, cl_uint count,
                    const cl_program *programs)
{
    size_t sources = 0;

    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if ((num_devices == 0) != (devices == NULL) || count == 0 || !programs) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < num_devices; i++) {
        if (!context_has_device(context, devices[i])) {
            return CL_INVALID_DEVICE;
        }
    }
    for (cl_uint i = 0; i < count; i++) {
        const cl_int status = check_input(programs[i], context);

        if (status != CL_SUCCESS) {
            return status;
        }
        sources += recipe_of(programs[i])->sources;
    }
    return sources <= RECIPE_SOURCES_MAX ? CL_SUCCESS : CL_OUT_OF_RESOURCES;
}

/* A program of @inputs, which has not been made yet; or NULL */
static cl_program begin(struct build *build, cl_context context,
                        const struct inputs *inputs, const char *options,
                        cl_int *status)
{
    cl_program program = program_new(context, NULL, 0);

    *status = CL_OUT_OF_HOST_MEMORY;
    if (!program) {
        return NULL;
    }
    *status = CL_INVALID_LINKER_OPTIONS;
    opencl_lock();
    if (!options || strlen(options) <= RECIPE_OPTIONS_MAX) {
        *status = build_begin(build, program, options, CL_LINK_PROGRAM_FAILURE,
                              CL_INVALID_LINKER_OPTIONS);
    }
    if (*status == CL_SUCCESS) {
        build->recipe = make_recipe(inputs, build->options);
    }
    opencl_unlock();
    if (*status != CL_SUCCESS) {
        clReleaseProgram(program);
        return NULL;
    }
    return program;
}

static cl_program link_all(cl_context context, struct inputs *inputs,
                           const char *options, build_function function,
                           void *user_data, cl_int *status)
{
    struct build build;
    cl_program program = begin(&build, context, inputs, options, status);

    if (!program) {
        return NULL;
    }
    *status = build.recipe ? make_linked(build.host, build.recipe, inputs->ids,
                                         &build.made)
                           : CL_OUT_OF_HOST_MEMORY;
    if (*status == CL_COMPILE_PROGRAM_FAILURE) {
        *status = CL_LINK_PROGRAM_FAILURE;      /* an input from a binary */
    }
    *status = build_end(&build, *status, function, user_data);
    /* What could not be linked has a log. */
    if (*status != CL_SUCCESS && *status != CL_LINK_PROGRAM_FAILURE) {
        clReleaseProgram(program);
        return NULL;
    }
    return program;
}

cl_program CL_API_CALL clLinkProgram(
    cl_context context, cl_uint num_devices, const cl_device_id *devices,
    const char *options, cl_uint num_programs, const cl_program *programs,
    void (CL_CALLBACK *function)(cl_program, void *), void *user_data,
    cl_int *errcode_ret)
{
    struct inputs inputs = { .count = 0 };
    cl_program program = NULL;
    cl_int status;

    opencl_lock();
    status = !function && user_data
             ? CL_INVALID_VALUE
             : check(context, num_devices, devices, num_programs, programs);
    if (status == CL_SUCCESS) {
        take_inputs(&inputs, num_programs, programs);
    }
    opencl_unlock();
    if (status == CL_SUCCESS) {
        program = link_all(context, &inputs, options, function, user_data,
                           &status);
        leave_inputs(&inputs);
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return program;
}
