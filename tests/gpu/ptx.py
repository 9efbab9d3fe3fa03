# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs in PTX, whose names the fake knows, too"""

_HEAD = ".version 4.0\n.target sm_50\n.address_size 64\n"

# Writes what follows its first argument where that points
STORE_ARGUMENTS = _HEAD + """
.visible .entry store_arguments(
    .param .u64 target,
    .param .u32 a,
    .param .f32 b,
    .param .u64 c,
    .param .f64 d
)
{
    .reg .b32 %r<2>;
    .reg .f32 %f<2>;
    .reg .b64 %rd<4>;
    .reg .f64 %fd<2>;
    ld.param.u64 %rd1, [target];
    cvta.to.global.u64 %rd2, %rd1;
    ld.param.u32 %r1, [a];
    ld.param.f32 %f1, [b];
    ld.param.u64 %rd3, [c];
    ld.param.f64 %fd1, [d];
    st.global.u32 [%rd2], %r1;
    st.global.f32 [%rd2+4], %f1;
    st.global.u64 [%rd2+8], %rd3;
    st.global.f64 [%rd2+16], %fd1;
    ret;
}
"""

FAULT = _HEAD + """
.visible .entry fault()
{
    .reg .b32 %r<2>;
    .reg .b64 %rd<2>;
    mov.u64 %rd1, 16;
    mov.u32 %r1, 1;
    st.global.u32 [%rd1], %r1;
    ret;
}
"""

# Until its argument's memory is not 0, which nobody writes
ENDLESS = _HEAD + """
.visible .entry endless(
    .param .u64 flag
)
{
    .reg .pred %p<2>;
    .reg .b32 %r<2>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [flag];
    cvta.to.global.u64 %rd2, %rd1;
AGAIN:
    ld.volatile.global.u32 %r1, [%rd2];
    setp.eq.u32 %p1, %r1, 0;
    @%p1 bra AGAIN;
    ret;
}
"""
