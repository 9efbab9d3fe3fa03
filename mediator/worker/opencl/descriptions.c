/*
 * What a program's kernels take, for the guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "descriptions.h"

#include <string.h>

static void pad(GByteArray *bytes)
{
    static const guint8 zeros[8];

    g_byte_array_append(bytes, zeros, (8 - bytes->len % 8) % 8);
}

char *cl_argument_text(cl_kernel kernel, cl_uint index,
                       cl_kernel_arg_info what)
{
    g_autofree char *text = NULL;
    size_t size = 0;

    if (cl.clGetKernelArgInfo(kernel, index, what, 0, NULL,
                              &size) != CL_SUCCESS) {
        return NULL;
    }
    text = g_malloc0(size + 1);
    return cl.clGetKernelArgInfo(kernel, index, what, size, text,
                                 NULL) == CL_SUCCESS
           ? g_steal_pointer(&text) : NULL;
}

/* A compiler that does not know has written nothing. */
static void number(cl_kernel kernel, cl_uint index, cl_kernel_arg_info what,
                   size_t size, void *value)
{
    cl.clGetKernelArgInfo(kernel, index, what, size, value, NULL);
}

static void describe_argument(GByteArray *bytes, cl_kernel kernel,
                              cl_uint index)
{
    const guint start = bytes->len;
    g_autofree char *name = cl_argument_text(kernel, index,
                                             CL_KERNEL_ARG_NAME);
    g_autofree char *type = cl_argument_text(kernel, index,
                                             CL_KERNEL_ARG_TYPE_NAME);
    struct vgpu_stub_cl_argument raw = {
        .address = CL_KERNEL_ARG_ADDRESS_PRIVATE,
        .access = CL_KERNEL_ARG_ACCESS_NONE,
        .name_length = name == NULL ? 0 : strlen(name),
        .type_length = type == NULL ? 0 : strlen(type),
    };

    number(kernel, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER,
           sizeof(raw.address), &raw.address);
    number(kernel, index, CL_KERNEL_ARG_ACCESS_QUALIFIER, sizeof(raw.access),
           &raw.access);
    number(kernel, index, CL_KERNEL_ARG_TYPE_QUALIFIER,
           sizeof(raw.qualifiers), &raw.qualifiers);
    g_byte_array_append(bytes, (const guint8 *)&raw, sizeof(raw));
    g_byte_array_append(bytes, (const guint8 *)name, raw.name_length);
    g_byte_array_append(bytes, (const guint8 *)type, raw.type_length);
    pad(bytes);
    raw.length = bytes->len - start;
    memcpy(bytes->data + start, &raw, sizeof(raw));
}

/* Text of the kernel, or of the program; NULL; to be freed with g_free() */
static char *kernel_text(cl_kernel kernel, cl_kernel_info what)
{
    g_autofree char *text = NULL;
    size_t size = 0;

    if (cl.clGetKernelInfo(kernel, what, 0, NULL, &size) != CL_SUCCESS) {
        return NULL;
    }
    text = g_malloc0(size + 1);
    return cl.clGetKernelInfo(kernel, what, size, text, NULL) == CL_SUCCESS
           ? g_steal_pointer(&text) : NULL;
}

static void describe_kernel(GByteArray *bytes, cl_kernel kernel,
                            const char *name)
{
    const guint start = bytes->len;
    g_autofree char *attributes = kernel_text(kernel, CL_KERNEL_ATTRIBUTES);
    struct vgpu_stub_cl_kernel raw = {
        .name_length = strlen(name),
        .attributes_length = attributes == NULL ? 0 : strlen(attributes),
    };

    cl.clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof(raw.arguments),
                       &raw.arguments, NULL);
    g_byte_array_append(bytes, (const guint8 *)&raw, sizeof(raw));
    g_byte_array_append(bytes, (const guint8 *)name, raw.name_length);
    g_byte_array_append(bytes, (const guint8 *)attributes,
                        raw.attributes_length);
    pad(bytes);
    for (cl_uint i = 0; i < raw.arguments; i++) {
        describe_argument(bytes, kernel, i);
    }
    raw.length = bytes->len - start;
    memcpy(bytes->data + start, &raw, sizeof(raw));
}

/* Describes the kernel of that name, as long as there is room. */
static cl_int add_kernel(ClProgram *program, const char *name)
{
    GByteArray *bytes = program->texts[VGPU_STUB_CL_READ_KERNELS];
    const guint before = bytes->len;
    cl_int status;
    cl_kernel kernel = cl.clCreateKernel(program->program, name, &status);
    size_t taken;

    if (kernel == NULL) {
        return status;
    }
    describe_kernel(bytes, kernel, name);
    cl.clReleaseKernel(kernel);
    taken = cl_session_take_text(program->session, bytes->len - before);
    if (taken == bytes->len - before) {
        return CL_SUCCESS;
    }
    g_byte_array_set_size(bytes, before);
    program->session->text -= taken;
    return CL_OUT_OF_HOST_MEMORY;
}

cl_int cl_descriptions_take(ClProgram *program)
{
    g_autofree char *names = NULL;
    g_auto(GStrv) list = NULL;
    cl_int status = CL_SUCCESS;
    size_t size = 0;

    if (cl.clGetProgramInfo(program->program, CL_PROGRAM_KERNEL_NAMES, 0,
                            NULL, &size) != CL_SUCCESS) {
        return CL_OUT_OF_RESOURCES;
    }
    names = g_malloc0(size + 1);
    cl.clGetProgramInfo(program->program, CL_PROGRAM_KERNEL_NAMES, size,
                        names, NULL);
    list = g_strsplit(names, ";", -1);
    for (char **name = list; *name != NULL && status == CL_SUCCESS; name++) {
        if (**name != '\0') {
            status = add_kernel(program, *name);
        }
    }
    return status;
}
