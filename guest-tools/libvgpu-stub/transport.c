/*
 * libvgpu-stub: which way requests travel
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport.h"

#include <errno.h>
#include <stdlib.h>

#include "sysfs.h"

/* More than this are not looked at. */
#define DEVICES_MAX 256

/* By the driver, if the device is its own: then the BAR is not to be had. */
static int open_address(const char *bdf, struct transport **transport)
{
    char name[SYSFS_NAME_SIZE];

    return sysfs_driver_file(bdf, name) ? flights_open(bdf, transport)
                                        : serial_open(bdf, transport);
}

static bool is_linked(struct transport *transport)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };

    return transport->ops->get_info(transport, &info) == 0 && info.link_up;
}

static void discard(struct transport *transport)
{
    transport->ops->close(transport);
    transport->ops->destroy(transport);
}

/*
 * The first that can be opened and has a link, else the first that can be
 * opened. Error: the first one's
 */
static int open_any(struct transport **transport)
{
    char bdf[DEVICES_MAX][VGPU_STUB_BDF_SIZE];
    struct transport *found = NULL, *next;
    int count = vgpu_stub_list(bdf, DEVICES_MAX), error = -ENODEV;

    if (count < 0) {
        return count;
    }
    for (int i = 0; i < count && i < DEVICES_MAX; i++) {
        int rc = open_address(bdf[i], &next);

        if (rc < 0) {
            error = i == 0 ? rc : error;
        } else if (!found || is_linked(next)) {
            if (found) {
                discard(found);
            }
            found = next;
            if (is_linked(found)) {
                break;
            }
        } else {
            discard(next);
        }
    }
    *transport = found;
    return found ? 0 : error;
}

int transport_open(const char *wanted, struct transport **transport)
{
    char bdf[VGPU_STUB_BDF_SIZE];
    int rc;

    if (!wanted) {
        return open_any(transport);
    }
    rc = sysfs_find(wanted, bdf);
    return rc < 0 ? rc : open_address(bdf, transport);
}
