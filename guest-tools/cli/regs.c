/*
 * vgpu-stub regs: the registers as they are
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#define REGISTER(name) { VGPU_STUB_REG_##name, #name }

static const struct {
    unsigned offset;
    const char *name;
} registers[] = {
    REGISTER(DOORBELL),
    REGISTER(STATUS),
    REGISTER(POOL_ID),
    REGISTER(PRIORITY),
    REGISTER(VM_ID),
    REGISTER(ERROR_CODE),
    REGISTER(REQUEST_LEN),
    REGISTER(RESPONSE_LEN),
    REGISTER(PROTOCOL_VER),
    REGISTER(CAPABILITIES),
    REGISTER(INTERRUPT_CTRL),
    REGISTER(INTERRUPT_STATUS),
    REGISTER(REQUEST_ID),
    REGISTER(TIMESTAMP_LO),
    REGISTER(TIMESTAMP_HI),
    REGISTER(SCRATCH),
    REGISTER(LINK),
    REGISTER(REQUEST_TIMEOUT_MS),
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

static void print_text(const uint32_t *map)
{
    for (size_t i = 0; i < REGISTER_COUNT; i++) {
        unsigned offset = registers[i].offset;
        uint32_t value = map[offset / 4];
        const char *name = value_name(offset, value);

        printf("0x%03x  %-18s  0x%08x%s%s\n", offset, registers[i].name,
               value, name ? "  " : "", name ? name : "");
    }
}

static void print_json(const char *bdf, const uint32_t *map)
{
    printf("{\"device\": \"%s\"", bdf);
    for (size_t i = 0; i < REGISTER_COUNT; i++) {
        printf(", \"%s\": %u", registers[i].name,
               map[registers[i].offset / 4]);
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
    if (options->json) {
        print_json(info.bdf, map);
    } else {
        print_text(map);
    }
    return EXIT_OK;
}

const struct command command_regs = {
    .name = "regs",
    .summary = "show a device's registers",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(HELP),
    .run = run,
};
