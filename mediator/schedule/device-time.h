/*
 * How much of an accelerator's time each VM has had
 *
 * A VM has the time in which at least one of its requests is at work. VMs that
 * are at work at the same time share it: of a moment in which three are, each
 * is charged a third. So all together are never charged more than has passed.
 * Time is passed in, in µs of any clock that never goes back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_DEVICE_TIME_H
#define MEDIATOR_DEVICE_TIME_H

#include <glib.h>

/* Of an accelerator; zero at first */
typedef struct DeviceTime {
    unsigned busy;              /* VMs that are at work */
    gint64 elapsed;             /* what one at work all the time had, so far */
    gint64 at;                  /* µs: when that was so */
} DeviceTime;

/* Of a VM on it; zero at first. Its owner embeds it. */
typedef struct DeviceUser {
    unsigned requests;          /* that are at work */
    gint64 charged;             /* of DeviceTime.elapsed */
} DeviceUser;

/* A request of @user begins. */
void device_time_begin(DeviceTime *time, DeviceUser *user, gint64 now);

/*
 * One ends. Returns the device time that @user has had since one of its ended,
 * or since it has been at work, in µs.
 */
gint64 device_time_end(DeviceTime *time, DeviceUser *user, gint64 now);

#endif /* MEDIATOR_DEVICE_TIME_H */
