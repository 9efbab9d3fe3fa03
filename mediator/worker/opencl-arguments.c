/*
 * The arguments of an OpenCL kernel: is what a guest gives what it takes?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "opencl-types.h"

#include <string.h>

/* What a guest can give, by VGPU_STUB_ARG_… */
static const struct {
    const char *name;           /* for people */
    const char *types[2];       /* of the kernel, that it can be given to */
} kinds[] = {
    [VGPU_STUB_ARG_BUFFER] = { "a buffer", { NULL, NULL } },
    [VGPU_STUB_ARG_U32] = { "a u32", { "uint", "int" } },
    [VGPU_STUB_ARG_F32] = { "an f32", { "float", NULL } },
    [VGPU_STUB_ARG_U64] = { "a u64", { "ulong", "long" } },
    [VGPU_STUB_ARG_F64] = { "an f64", { "double", NULL } },
};

/* An argument as the compiler describes it */
typedef struct Formal {
    char *type;                 /* its name */
    cl_kernel_arg_address_qualifier space;
    cl_kernel_arg_access_qualifier access;
} Formal;

static void formal_clear(Formal *formal)
{
    g_free(formal->type);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Formal, formal_clear)

static bool describe(cl_kernel kernel, cl_uint index, Formal *formal,
                     GError **error)
{
    size_t size = 0;

    if (!opencl_check(cl.clGetKernelArgInfo(
                          kernel, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER,
                          sizeof(formal->space), &formal->space, NULL),
                      "CL_KERNEL_ARG_ADDRESS_QUALIFIER", error) ||
        !opencl_check(cl.clGetKernelArgInfo(
                          kernel, index, CL_KERNEL_ARG_ACCESS_QUALIFIER,
                          sizeof(formal->access), &formal->access, NULL),
                      "CL_KERNEL_ARG_ACCESS_QUALIFIER", error) ||
        !opencl_check(cl.clGetKernelArgInfo(kernel, index,
                                            CL_KERNEL_ARG_TYPE_NAME, 0, NULL,
                                            &size),
                      "CL_KERNEL_ARG_TYPE_NAME", error)) {
        return false;
    }
    formal->type = g_malloc0(size + 1);
    return opencl_check(cl.clGetKernelArgInfo(kernel, index,
                                              CL_KERNEL_ARG_TYPE_NAME, size,
                                              formal->type, NULL),
                        "CL_KERNEL_ARG_TYPE_NAME", error);
}

/* Is the program's type called @name the same as @type? Asked once for each */
static bool is_same_type(Backend *backend, OpenclProgram *program,
                         const char *name, const char *type)
{
    g_autofree char *question = g_strdup_printf("%s=%s", name, type);
    gpointer answer;

    if (g_str_equal(name, type)) {
        return true;
    }
    if (!g_hash_table_lookup_extended(program->types, question, NULL,
                                      &answer)) {
        answer = GINT_TO_POINTER(opencl_type_is(backend, program->text, "",
                                                name, type));
        g_hash_table_insert(program->types, g_steal_pointer(&question),
                            answer);
    }
    return GPOINTER_TO_INT(answer);
}

/*
 * This has to be exact: a driver takes what it is given for a buffer, an image
 * or a sampler as a pointer into this process.
 */
static bool fits(Backend *backend, OpenclProgram *program,
                 const Formal *formal, uint32_t kind)
{
    if (formal->access != CL_KERNEL_ARG_ACCESS_NONE) {
        return false;           /* an image or a pipe */
    }
    switch (formal->space) {
    case CL_KERNEL_ARG_ADDRESS_GLOBAL:
    case CL_KERNEL_ARG_ADDRESS_CONSTANT:
        return kind == VGPU_STUB_ARG_BUFFER;
    case CL_KERNEL_ARG_ADDRESS_LOCAL:
        /* Its size */
        return kind == VGPU_STUB_ARG_U32 || kind == VGPU_STUB_ARG_U64;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds[kind].types); i++) {
        const char *type = kinds[kind].types[i];

        if (type != NULL &&
            is_same_type(backend, program, formal->type, type)) {
            return true;
        }
    }
    return false;
}

/* What a guest has to give, for people */
static const char *wanted(Backend *backend, OpenclProgram *program,
                          const Formal *formal)
{
    if (formal->space == CL_KERNEL_ARG_ADDRESS_LOCAL) {
        return "a u32 or u64 with its size in bytes";
    }
    for (uint32_t kind = VGPU_STUB_ARG_BUFFER; kind <= VGPU_STUB_ARG_F64;
         kind++) {
        if (fits(backend, program, formal, kind)) {
            return kinds[kind].name;
        }
    }
    return "what cannot be passed";
}

static bool set_local(cl_kernel kernel, cl_uint index,
                      const KernelArgument *argument, GError **error)
{
    const uint64_t size = argument->type == VGPU_STUB_ARG_U32 ? argument->u32
                                                              : argument->u64;

    if (size == 0) {
        return backend_refuse(error, "argument %u: local memory of 0 bytes",
                              index);
    }
    return opencl_check(cl.clSetKernelArg(kernel, index, size, NULL),
                        "clSetKernelArg", error);
}

static bool set_argument(Backend *backend, OpenclProgram *program,
                         cl_kernel kernel, cl_uint index,
                         const KernelArgument *argument, GError **error)
{
    g_auto(Formal) formal = { 0 };
    cl_mem memory;
    const void *value = &argument->u64;
    size_t size = sizeof(argument->u64);

    if (!describe(kernel, index, &formal, error)) {
        return false;
    }
    if (!fits(backend, program, &formal, argument->type)) {
        return backend_refuse(error, "argument %u: the kernel has %s%s there, "
                              "which takes %s; %s was given", index,
                              formal.space == CL_KERNEL_ARG_ADDRESS_LOCAL
                              ? "local " : "", formal.type,
                              wanted(backend, program, &formal),
                              kinds[argument->type].name);
    }
    if (formal.space == CL_KERNEL_ARG_ADDRESS_LOCAL) {
        return set_local(kernel, index, argument, error);
    }
    switch (argument->type) {
    case VGPU_STUB_ARG_BUFFER:
        memory = (cl_mem)argument->memory;
        value = &memory;
        size = sizeof(memory);
        break;
    case VGPU_STUB_ARG_U32:
    case VGPU_STUB_ARG_F32:
        value = &argument->u32;
        size = sizeof(argument->u32);
        break;
    }
    return opencl_check(cl.clSetKernelArg(kernel, index, size, value),
                        "clSetKernelArg", error);
}

bool opencl_set_arguments(Backend *backend, OpenclProgram *program,
                          cl_kernel kernel, const KernelArgument *arguments,
                          unsigned count, GError **error)
{
    cl_uint takes = 0;

    if (!opencl_check(cl.clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS,
                                         sizeof(takes), &takes, NULL),
                      "CL_KERNEL_NUM_ARGS", error)) {
        return false;
    }
    if (takes != count) {
        return backend_refuse(error, "the kernel takes %u arguments, not %u",
                              takes, count);
    }
    for (unsigned i = 0; i < count; i++) {
        if (!set_argument(backend, program, kernel, i, &arguments[i],
                          error)) {
            return false;
        }
    }
    return true;
}
