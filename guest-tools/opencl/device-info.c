/*
 * OpenCL in the guest: what the device says of itself
 *
 * Most is what the host's says. What does not work here is masked, so that
 * programs do not try it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

/* The host's answer goes to the program as it is. */
static const cl_device_info asked[] = {
    CL_DEVICE_TYPE,
    CL_DEVICE_VENDOR_ID,
    CL_DEVICE_MAX_COMPUTE_UNITS,
    CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS,
    CL_DEVICE_MAX_WORK_GROUP_SIZE,
    CL_DEVICE_MAX_WORK_ITEM_SIZES,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_CHAR,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_SHORT,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_LONG,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE,
    CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_CHAR,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_SHORT,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_INT,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE,
    CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF,
    CL_DEVICE_MAX_CLOCK_FREQUENCY,
    CL_DEVICE_ADDRESS_BITS,
    CL_DEVICE_MAX_PARAMETER_SIZE,
    CL_DEVICE_MEM_BASE_ADDR_ALIGN,
    CL_DEVICE_MIN_DATA_TYPE_ALIGN_SIZE,
    CL_DEVICE_HALF_FP_CONFIG,
    CL_DEVICE_SINGLE_FP_CONFIG,
    CL_DEVICE_DOUBLE_FP_CONFIG,
    CL_DEVICE_GLOBAL_MEM_CACHE_TYPE,
    CL_DEVICE_GLOBAL_MEM_CACHELINE_SIZE,
    CL_DEVICE_GLOBAL_MEM_CACHE_SIZE,
    CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE,
    CL_DEVICE_MAX_CONSTANT_ARGS,
    CL_DEVICE_MAX_GLOBAL_VARIABLE_SIZE,
    CL_DEVICE_GLOBAL_VARIABLE_PREFERRED_TOTAL_SIZE,
    CL_DEVICE_LOCAL_MEM_TYPE,
    CL_DEVICE_LOCAL_MEM_SIZE,
    CL_DEVICE_ERROR_CORRECTION_SUPPORT,
    CL_DEVICE_PROFILING_TIMER_RESOLUTION,
    CL_DEVICE_ENDIAN_LITTLE,
    CL_DEVICE_AVAILABLE,
    CL_DEVICE_COMPILER_AVAILABLE,
    CL_DEVICE_LINKER_AVAILABLE,
    CL_DEVICE_NAME,
    CL_DEVICE_VENDOR,
    CL_DRIVER_VERSION,
    CL_DEVICE_PROFILE,
    CL_DEVICE_VERSION,
    CL_DEVICE_NUMERIC_VERSION,
    CL_DEVICE_OPENCL_C_VERSION,
    CL_DEVICE_OPENCL_C_ALL_VERSIONS,
    CL_DEVICE_PRINTF_BUFFER_SIZE,
    CL_DEVICE_PREFERRED_INTEROP_USER_SYNC,
    CL_DEVICE_MAX_NUM_SUB_GROUPS,
    CL_DEVICE_SUB_GROUP_INDEPENDENT_FORWARD_PROGRESS,
    CL_DEVICE_ATOMIC_MEMORY_CAPABILITIES,
    CL_DEVICE_ATOMIC_FENCE_CAPABILITIES,
    CL_DEVICE_NON_UNIFORM_WORK_GROUP_SUPPORT,
    CL_DEVICE_WORK_GROUP_COLLECTIVE_FUNCTIONS_SUPPORT,
    CL_DEVICE_GENERIC_ADDRESS_SPACE_SUPPORT,
    CL_DEVICE_PREFERRED_PLATFORM_ATOMIC_ALIGNMENT,
    CL_DEVICE_PREFERRED_GLOBAL_ATOMIC_ALIGNMENT,
    CL_DEVICE_PREFERRED_LOCAL_ATOMIC_ALIGNMENT,
    CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE,
    CL_DEVICE_IMAGE_SUPPORT,
    CL_DEVICE_MAX_READ_IMAGE_ARGS,
    CL_DEVICE_MAX_WRITE_IMAGE_ARGS,
    CL_DEVICE_MAX_READ_WRITE_IMAGE_ARGS,
    CL_DEVICE_MAX_SAMPLERS,
    CL_DEVICE_IMAGE_PITCH_ALIGNMENT,
    CL_DEVICE_IMAGE_BASE_ADDRESS_ALIGNMENT,
    CL_DEVICE_IMAGE2D_MAX_WIDTH,
    CL_DEVICE_IMAGE2D_MAX_HEIGHT,
    CL_DEVICE_IMAGE3D_MAX_WIDTH,
    CL_DEVICE_IMAGE3D_MAX_HEIGHT,
    CL_DEVICE_IMAGE3D_MAX_DEPTH,
    CL_DEVICE_IMAGE_MAX_BUFFER_SIZE,
    CL_DEVICE_IMAGE_MAX_ARRAY_SIZE,
};

/* What does not work here: a number of that many bytes */
static const struct {
    cl_device_info name;
    size_t size;
    uint64_t value;
} masked[] = {
    { CL_DEVICE_REFERENCE_COUNT, sizeof(cl_uint), 1 },
    { CL_DEVICE_EXECUTION_CAPABILITIES, sizeof(cl_device_exec_capabilities),
      CL_EXEC_KERNEL },
    { CL_DEVICE_QUEUE_ON_HOST_PROPERTIES, sizeof(cl_command_queue_properties),
      CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | CL_QUEUE_PROFILING_ENABLE },
    { CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool), CL_FALSE },
    /* Shared virtual memory, pipes, queues on the device */
    { CL_DEVICE_SVM_CAPABILITIES, sizeof(cl_device_svm_capabilities), 0 },
    { CL_DEVICE_PIPE_SUPPORT, sizeof(cl_bool), CL_FALSE },
    { CL_DEVICE_MAX_PIPE_ARGS, sizeof(cl_uint), 0 },
    { CL_DEVICE_PIPE_MAX_ACTIVE_RESERVATIONS, sizeof(cl_uint), 0 },
    { CL_DEVICE_PIPE_MAX_PACKET_SIZE, sizeof(cl_uint), 0 },
    { CL_DEVICE_DEVICE_ENQUEUE_CAPABILITIES,
      sizeof(cl_device_device_enqueue_capabilities), 0 },
    { CL_DEVICE_QUEUE_ON_DEVICE_PROPERTIES,
      sizeof(cl_command_queue_properties), 0 },
    { CL_DEVICE_QUEUE_ON_DEVICE_PREFERRED_SIZE, sizeof(cl_uint), 0 },
    { CL_DEVICE_QUEUE_ON_DEVICE_MAX_SIZE, sizeof(cl_uint), 0 },
    { CL_DEVICE_MAX_ON_DEVICE_QUEUES, sizeof(cl_uint), 0 },
    { CL_DEVICE_MAX_ON_DEVICE_EVENTS, sizeof(cl_uint), 0 },
    /* Parts of a device */
    { CL_DEVICE_PARENT_DEVICE, sizeof(cl_device_id), 0 },
    { CL_DEVICE_PARTITION_MAX_SUB_DEVICES, sizeof(cl_uint), 0 },
    { CL_DEVICE_PARTITION_AFFINITY_DOMAIN, sizeof(cl_device_affinity_domain),
      0 },
    { CL_DEVICE_PARTITION_PROPERTIES, sizeof(cl_device_partition_property), 0 },
    { CL_DEVICE_PARTITION_TYPE, sizeof(cl_device_partition_property), 0 },
};

/* Extensions that are a matter of the kernels' language alone, or done here */
static const char *const extensions[] = {
    "cl_khr_byte_addressable_store",
    "cl_khr_global_int32_base_atomics",
    "cl_khr_global_int32_extended_atomics",
    "cl_khr_local_int32_base_atomics",
    "cl_khr_local_int32_extended_atomics",
    "cl_khr_int64_base_atomics",
    "cl_khr_int64_extended_atomics",
    "cl_khr_fp16",
    "cl_khr_fp64",
    "cl_khr_extended_bit_ops",
    "cl_khr_3d_image_writes",
    "cl_khr_depth_images",
    "cl_khr_image2d_from_buffer",
    "cl_khr_subgroups",
    "cl_khr_subgroup_ballot",
    "cl_khr_subgroup_clustered_reduce",
    "cl_khr_subgroup_extended_types",
    "cl_khr_subgroup_non_uniform_arithmetic",
    "cl_khr_subgroup_non_uniform_vote",
    "cl_khr_subgroup_rotate",
    "cl_khr_subgroup_shuffle",
    "cl_khr_subgroup_shuffle_relative",
    "cl_nv_compiler_options",
    "cl_nv_pragma_unroll",
};

/* Features of OpenCL C that do not work here; the others do. */
static const char *const no_features[] = {
    "__opencl_c_device_enqueue",
    "__opencl_c_pipes",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* At most @most bytes of @name count, which ends there or at a NUL. */
static bool is_one_of(const char *const *names, size_t count, const char *name,
                      size_t most)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], name, most) == 0) {
            return true;
        }
    }
    return false;
}

static cl_int host_info(cl_device_info name, const struct info *info)
{
    const struct property *property = device_property(name);

    if (!property) {
        return CL_OUT_OF_RESOURCES;
    }
    return property->status == CL_SUCCESS
           ? info_bytes(info, property->value, property->size)
           : CL_INVALID_VALUE;
}

/* The host's extensions that work here, in its order */
static cl_int extensions_info(const struct info *info)
{
    const struct property *property = device_property(CL_DEVICE_EXTENSIONS);
    char *given, *text, *rest, *word;
    cl_int status;

    if (!property || property->status != CL_SUCCESS) {
        return CL_OUT_OF_RESOURCES;
    }
    given = strndup(property->value, property->size);
    text = calloc(1, property->size + 1);
    if (!given || !text) {
        free(given);
        free(text);
        return CL_OUT_OF_HOST_MEMORY;
    }
    for (word = strtok_r(given, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest)) {
        if (is_one_of(extensions, COUNT(extensions), word,
                      strlen(word) + 1)) {
            strcat(text, *text ? " " : "");
            strcat(text, word);
        }
    }
    status = info_string(info, text);
    free(given);
    free(text);
    return status;
}

/* Of the host's names those that are in @names, or, if not @wanted, are not */
static cl_int names_info(cl_device_info name, const char *const *names,
                         size_t count, bool wanted, const struct info *info)
{
    const struct property *property = device_property(name);
    const cl_name_version *given;
    cl_name_version *kept;
    size_t kept_count = 0;
    cl_int status;

    if (!property || property->status != CL_SUCCESS) {
        return property ? CL_INVALID_VALUE : CL_OUT_OF_RESOURCES;
    }
    given = property->value;
    kept = calloc(1, property->size + 1);
    if (!kept) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    for (size_t i = 0; i < property->size / sizeof(*given); i++) {
        if (is_one_of(names, count, given[i].name, sizeof(given[i].name)) ==
            wanted) {
            kept[kept_count++] = given[i];
        }
    }
    status = info_bytes(info, kept, kept_count * sizeof(*kept));
    free(kept);
    return status;
}

/* The host's number, or what the VM may have, if that is less */
static cl_int memory_info(cl_device_info name, const struct info *info)
{
    const struct property *property = device_property(name);
    cl_ulong bytes;

    if (!property || property->status != CL_SUCCESS ||
        property->size != sizeof(bytes)) {
        return CL_OUT_OF_RESOURCES;
    }
    memcpy(&bytes, property->value, sizeof(bytes));
    if (opencl_device.host && bytes > opencl_device.host->memory) {
        bytes = opencl_device.host->memory;
    }
    return INFO_RETURN(info, cl_ulong, bytes);
}

static cl_int table_info(cl_device_info name, const struct info *info)
{
    for (size_t i = 0; i < COUNT(asked); i++) {
        if (asked[i] == name) {
            return host_info(name, info);
        }
    }
    for (size_t i = 0; i < COUNT(masked); i++) {
        if (masked[i].name == name) {
            return info_bytes(info, &masked[i].value, masked[i].size);
        }
    }
    return CL_INVALID_VALUE;
}

cl_int device_info(cl_device_info name, const struct info *info)
{
    switch (name) {
    case CL_DEVICE_PLATFORM:
        return INFO_RETURN(info, cl_platform_id, &opencl_platform);
    case CL_DEVICE_EXTENSIONS:
        return extensions_info(info);
    case CL_DEVICE_EXTENSIONS_WITH_VERSION:
        return names_info(name, extensions, COUNT(extensions), true, info);
    case CL_DEVICE_OPENCL_C_FEATURES:
        return names_info(name, no_features, COUNT(no_features), false, info);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return memory_info(name, info);
    case CL_DEVICE_BUILT_IN_KERNELS:
    case CL_DEVICE_IL_VERSION:
        return info_string(info, "");
    case CL_DEVICE_BUILT_IN_KERNELS_WITH_VERSION:
    case CL_DEVICE_ILS_WITH_VERSION:
        return info_bytes(info, NULL, 0);
    case CL_DEVICE_LATEST_CONFORMANCE_VERSION_PASSED:
        return info_string(info, "v0000-01-01-00");
    default:
        return table_info(name, info);
    }
}
