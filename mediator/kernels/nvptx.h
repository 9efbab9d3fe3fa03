/*
 * OpenCL C for clang's nvptx64 target, which has no library of it: the part
 * that the catalogue's kernels use
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
typedef unsigned char uchar;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef __SIZE_TYPE__ size_t;

/* x: dimension 0, y: dimension 1, z: dimension 2 */
#define NVPTX_BY_DIMENSION(dimension, name) \
    ((size_t)(uint)((dimension) == 0 ? __nvvm_read_ptx_sreg_##name##_x() : \
                    (dimension) == 1 ? __nvvm_read_ptx_sreg_##name##_y() : \
                    __nvvm_read_ptx_sreg_##name##_z()))

static inline size_t get_global_id(uint dimension)
{
    return NVPTX_BY_DIMENSION(dimension, ctaid) *
           NVPTX_BY_DIMENSION(dimension, ntid) +
           NVPTX_BY_DIMENSION(dimension, tid);
}

static inline size_t get_global_size(uint dimension)
{
    return NVPTX_BY_DIMENSION(dimension, nctaid) *
           NVPTX_BY_DIMENSION(dimension, ntid);
}
