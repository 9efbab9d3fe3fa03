/*
 * How much of an accelerator's time each VM has had
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "device-time.h"

/* Of a µs: so that divisions lose nothing that counts */
#define PARTS 1024

static void device_time_advance(DeviceTime *time, gint64 now)
{
    if (time->busy > 0) {
        time->elapsed += (now - time->at) * PARTS / time->busy;
    }
    time->at = now;
}

void device_time_begin(DeviceTime *time, DeviceUser *user, gint64 now)
{
    device_time_advance(time, now);
    if (user->requests++ == 0) {
        time->busy++;
        user->charged = time->elapsed;
    }
}

gint64 device_time_end(DeviceTime *time, DeviceUser *user, gint64 now)
{
    gint64 used;

    device_time_advance(time, now);
    used = (time->elapsed - user->charged) / PARTS;
    user->charged += used * PARTS;
    if (--user->requests == 0) {
        time->busy--;
    }
    return used;
}
