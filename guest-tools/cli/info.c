/*
 * vgpu-stub info: one device in words
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const struct {
    uint32_t bit;
    const char *name;
} capabilities[] = {
    { VGPU_STUB_CAP_REQUEST, "request" },
    { VGPU_STUB_CAP_INTERRUPT, "interrupt" },
    { VGPU_STUB_CAP_DMA, "dma" },
    { VGPU_STUB_CAP_MULTIPLE, "multiple" },
};

/* Print the names of the @bits that are set, each in @quote. */
static void print_capabilities(uint32_t bits, const char *quote)
{
    const char *separator = "";

    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]);
         i++) {
        if (bits & capabilities[i].bit) {
            printf("%s%s%s%s", separator, quote, capabilities[i].name, quote);
            separator = ", ";
        }
    }
}

static void print_text(const struct vgpu_stub_info *info)
{
    printf("Device:           %s\n", info->bdf);
    printf("Pool:             %c\n", info->pool);
    printf("Priority:         %s\n", priority_name(info->priority));
    printf("VM ID:            %u\n", info->vm_id);
    printf("Protocol:         %u.%u\n", info->protocol_version >> 16,
           info->protocol_version & 0xffff);
    printf("Capabilities:     ");
    print_capabilities(info->capabilities, "");
    printf("\nUsed through:     %s\n",
           !info->driver ? "its BAR, as root"
           : info->queue ? "the driver, by the queue"
                         : "the driver, by the mailbox");
    printf("Link:             %s\n",
           info->link_up ? "up" : "down (no mediator serves the device)");
    if (info->request_timeout_ms == 0) {
        puts("Request timeout:  none");
    } else {
        printf("Request timeout:  %u ms\n", info->request_timeout_ms);
    }
}

static void print_json(const struct vgpu_stub_info *info)
{
    printf("{\"device\": \"%s\", \"pool\": \"%c\", \"priority\": \"%s\", "
           "\"vm_id\": %u, \"protocol\": \"%u.%u\", \"capabilities\": [",
           info->bdf, info->pool, priority_name(info->priority), info->vm_id,
           info->protocol_version >> 16, info->protocol_version & 0xffff);
    print_capabilities(info->capabilities, "\"");
    printf("], \"driver\": %s, \"queue\": %s, \"link_up\": %s, "
           "\"request_timeout_ms\": %u}\n", info->driver ? "true" : "false",
           info->queue ? "true" : "false", info->link_up ? "true" : "false",
           info->request_timeout_ms);
}

static int run(const struct options *options)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub *dev;
    int rc;

    rc = open_device(options, &dev);
    if (rc != EXIT_OK) {
        return rc;
    }
    rc = vgpu_stub_get_info(dev, &info);
    vgpu_stub_close(dev);
    if (rc < 0) {
        return fail("info", "%s", strerror(-rc));
    }
    (options->json ? print_json : print_text)(&info);
    return EXIT_OK;
}

const struct command command_info = {
    .name = "info",
    .summary = "show what a device is",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(HELP),
    .run = run,
};
