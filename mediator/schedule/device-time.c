/*
 * How much of an accelerator's time each execution has had
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

gint64 device_time_begin(DeviceTime *time, gint64 now)
{
    device_time_advance(time, now);
    time->busy++;
    return time->elapsed;
}

gint64 device_time_end(DeviceTime *time, gint64 begin, gint64 now)
{
    device_time_advance(time, now);
    time->busy--;
    return (time->elapsed - begin) / PARTS;
}
