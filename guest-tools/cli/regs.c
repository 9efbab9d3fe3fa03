/*
 * vgpu-stub regs: the registers as they are
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#define REGISTER(name) { VGPU_STUB_REG_##name, #name, false }

/* One that the driver tells, too */
#define TOLD(name) { VGPU_STUB_REG_##name, #name, true }

static const struct {
    unsigned offset;
    const char *name;
    bool told;
} registers[] = {
    REGISTER(DOORBELL),
    REGISTER(STATUS),
    TOLD(POOL_ID),
    TOLD(PRIORITY),
    TOLD(VM_ID),
    REGISTER(ERROR_CODE),
    REGISTER(REQUEST_LEN),
    REGISTER(RESPONSE_LEN),
    TOLD(PROTOCOL_VER),
    TOLD(CAPABILITIES),
    REGISTER(INTERRUPT_CTRL),
    REGISTER(INTERRUPT_STATUS),
    REGISTER(REQUEST_ID),
    REGISTER(TIMESTAMP_LO),
    REGISTER(TIMESTAMP_HI),
    REGISTER(SCRATCH),
    TOLD(LINK),
    TOLD(REQUEST_TIMEOUT_MS),
};

#define REGISTER_COUNT (sizeof(registers) / sizeof(registers[0]))

/* The name of a value; NULL where a register's values have none */
static const char *value_name(unsigned offset, uint32_t value)
{
    switch (offset) {
    case VGPU_STUB_REG_STATUS:
        return status_name(value);
    case VGPU_STUB_REG_PRIORITY:
        return priority_name(value);
    case VGPU_STUB_REG_ERROR_CODE:
        return vgpu_stub_error_name(value);
    default:
        return NULL;
    }
}

static void print_register(unsigned offset, const char *name,
                           const uint32_t *map)
{
    uint32_t value = map[offset / 4];
    const char *meaning = value_name(offset, value);

    printf("0x%03x  %-18s  0x%08x%s%s\n", offset, name, value,
           meaning ? "  " : "", meaning ? meaning : "");
}

static bool is_known(size_t index, const struct vgpu_stub_info *info)
{
    return registers[index].told || !info->driver;
}

static void print_text(const struct vgpu_stub_info *info, const uint32_t *map)
{
    for (size_t i = 0; i < REGISTER_COUNT; i++) {
        if (!is_known(i, info)) {
            continue;
        }
        print_register(registers[i].offset, registers[i].name, map);
    }
}

static void print_json(const struct vgpu_stub_info *info, const uint32_t *map)
{
    printf("{\"device\": \"%s\"", info->bdf);
    for (size_t i = 0; i < REGISTER_COUNT; i++) {
        if (is_known(i, info)) {
            printf(", \"%s\": %u", registers[i].name,
                   map[registers[i].offset / 4]);
        }
    }
    puts("}");
}

static int run(const struct options *options)
{
    uint32_t map[VGPU_STUB_RESERVED / 4];
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub *dev;
    int rc;

    rc = open_device(options, &dev);
    if (rc != EXIT_OK) {
        return rc;
    }
    rc = vgpu_stub_read_map(dev, map);
    if (rc == 0) {
        rc = vgpu_stub_get_info(dev, &info);
    }
    vgpu_stub_close(dev);
    if (rc < 0) {
        return fail("regs", "%s", strerror(-rc));
    }
    (options->json ? print_json : print_text)(&info, map);
    return EXIT_OK;
}

const struct command command_regs = {
    .name = "regs",
    .summary = "show a device's registers",
    .details = "Through the driver, those that say what the device is.\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(HELP),
    .run = run,
};
