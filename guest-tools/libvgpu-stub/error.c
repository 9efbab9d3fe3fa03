/*
 * libvgpu-stub: names and explanations of the device's error codes
 *
 * SPDX-License-Identifier: MIT
 */
#include "vgpu-stub.h"

struct error {
    const char *name;
    const char *text;
};

static const struct error errors[] = {
    [VGPU_STUB_ERR_NONE] = { "NONE", "no error" },
    [VGPU_STUB_ERR_INVALID_REQUEST] = {
        "INVALID_REQUEST", "the mediator cannot make sense of the request" },
    [VGPU_STUB_ERR_REQUEST_TOO_LARGE] = {
        "REQUEST_TOO_LARGE", "the request does not fit into the buffer" },
    [VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE] = {
        "MEDIATOR_UNAVAILABLE", "no mediator serves the device on the host" },
    [VGPU_STUB_ERR_TIMEOUT] = {
        "TIMEOUT", "the mediator did not answer in time" },
    [VGPU_STUB_ERR_BACKEND_ERROR] = {
        "BACKEND_ERROR", "the accelerator failed" },
    [VGPU_STUB_ERR_INVALID_POOL] = {
        "INVALID_POOL", "the mediator does not have the device's pool" },
    [VGPU_STUB_ERR_QUEUE_FULL] = {
        "QUEUE_FULL", "too many requests wait at the mediator" },
    [VGPU_STUB_ERR_UNSUPPORTED_OPERATION] = {
        "UNSUPPORTED_OPERATION", "the mediator does not know the operation" },
    [VGPU_STUB_ERR_INVALID_LENGTH] = {
        "INVALID_LENGTH", "the length of the request is not allowed" },
    [VGPU_STUB_ERR_RATE_LIMITED] = {
        "RATE_LIMITED", "the VM sends more requests than it may" },
    [VGPU_STUB_ERR_VM_QUARANTINED] = {
        "VM_QUARANTINED", "the mediator has shut this VM out" },
    [VGPU_STUB_ERR_PROTOCOL_ERROR] = {
        "PROTOCOL_ERROR", "the mediator broke the protocol" },
    [VGPU_STUB_ERR_CANCELLED] = {
        "CANCELLED", "the request was aborted, by a reset or a migration" },
    [VGPU_STUB_ERR_CONTEXT_LOST] = {
        "CONTEXT_LOST", "what the program had on the accelerator is gone" },
    [VGPU_STUB_ERR_OUT_OF_MEMORY] = {
        "OUT_OF_MEMORY", "the accelerator has no such amount of memory left" },
    [VGPU_STUB_ERR_INVALID_HANDLE] = {
        "INVALID_HANDLE", "no memory of this device has the handle" },
    [VGPU_STUB_ERR_UNKNOWN_KERNEL] = {
        "UNKNOWN_KERNEL", "there is no kernel of that name" },
    [VGPU_STUB_ERR_BUILD_FAILED] = {
        "BUILD_FAILED", "the program does not compile" },
};

static const struct error backend = {
    "BACKEND_SPECIFIC", "the accelerator failed in a way of its own"
};

static const struct error reserved = {
    "RESERVED", "not a known error code"
};

static const struct error *lookup(uint32_t error_code)
{
    if (error_code < sizeof(errors) / sizeof(errors[0]) &&
        errors[error_code].name) {
        return &errors[error_code];
    }
    if (error_code >= VGPU_STUB_ERR_BACKEND_FIRST &&
        error_code <= VGPU_STUB_ERR_BACKEND_LAST) {
        return &backend;
    }
    return &reserved;
}

const char *vgpu_stub_error_name(uint32_t error_code)
{
    return lookup(error_code)->name;
}

const char *vgpu_stub_error_text(uint32_t error_code)
{
    return lookup(error_code)->text;
}
