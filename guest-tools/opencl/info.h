/*
 * OpenCL in the guest: what the clGet…Info() functions return
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_INFO_H
#define OPENCL_INFO_H

#include "objects.h"

/* Where the program wants a value */
struct info {
    size_t size;                /* bytes that it has */
    void *value;                /* NULL: none is wanted */
    size_t *size_ret;           /* NULL: the size is not wanted */
};

/* Return @size bytes; CL_INVALID_VALUE when there is less room. */
cl_int info_bytes(const struct info *info, const void *bytes, size_t size);

/* A string, with its end; NULL is "". */
cl_int info_string(const struct info *info, const char *string);

#define INFO_RETURN(info, type, ...) \
    info_bytes(info, &(const type) { __VA_ARGS__ }, sizeof(type))

/* A value that is a field of an object */
struct info_field {
    cl_uint name;               /* CL_…_… */
    size_t offset;
    size_t size;
};

#define INFO_FIELD(name, type, field) \
    { name, offsetof(type, field), sizeof(((type *)0)->field) }

/* Return that field, or CL_INVALID_VALUE when none of the table is @name. */
cl_int info_fields(const struct info *info, const void *object,
                   const struct info_field *fields, size_t count,
                   cl_uint name);

#define INFO_FIELDS(info, object, table, name) \
    info_fields(info, object, table, sizeof(table) / sizeof(table[0]), name)

#endif /* OPENCL_INFO_H */
