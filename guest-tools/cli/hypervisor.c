/*
 * vgpu-stub bench: what the machine runs on
 *
 * SPDX-License-Identifier: MIT
 */
#include "hypervisor.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>

#define CPUID_HYPERVISOR 0x40000000

/* The signature that the hypervisor has in CPUID; false: there is none */
static bool read_signature(char signature[13])
{
    uint32_t eax, ebx, ecx, edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1u << 31))) {
        return false;
    }
    __cpuid(CPUID_HYPERVISOR, eax, ebx, ecx, edx);
    memcpy(signature, &ebx, 4);
    memcpy(signature + 4, &ecx, 4);
    memcpy(signature + 8, &edx, 4);
    signature[12] = '\0';
    return true;
}
#else
static bool read_signature(char signature[13])
{
    signature[0] = '\0';
    return false;
}
#endif

/* The first word of a file of /sys/hypervisor; "" if there is none */
static void read_word(const char *name, char word[64])
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/sys/hypervisor/%s", name);
    file = fopen(path, "re");
    if (!file || fscanf(file, "%63s", word) != 1) {
        word[0] = '\0';
    }
    if (file) {
        fclose(file);
    }
}

static void find_xen(char text[HYPERVISOR_SIZE])
{
    char major[64], minor[64], extra[64];
    int length;

    read_word("version/major", major);
    read_word("version/minor", minor);
    read_word("version/extra", extra);
    length = snprintf(text, HYPERVISOR_SIZE, "Xen");
    if (major[0]) {
        snprintf(text + length, HYPERVISOR_SIZE - length, " %.16s.%.16s%.64s",
                 major, minor, extra);
    }
}

void find_hypervisor(char text[HYPERVISOR_SIZE])
{
    static const struct {
        const char *signature, *name;
    } known[] = {
        { "KVMKVMKVM", "KVM" },
        { "TCGTCGTCGTCG", "QEMU without hardware virtualisation (TCG)" },
        { "Microsoft Hv", "Hyper-V" },
    };
    char signature[13], type[64];

    strcpy(text, "unknown");
    read_word("type", type);
    if (strcmp(type, "xen") == 0) {
        find_xen(text);
        return;
    }
    if (!read_signature(signature)) {
        return;
    }
    if (strcmp(signature, "XenVMMXenVMM") == 0) {
        find_xen(text);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(signature, known[i].signature) == 0) {
            strcpy(text, known[i].name);
        }
    }
}
