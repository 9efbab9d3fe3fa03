/*
 * How much of an accelerator's time each execution has had
 *
 * What is at work at the same time shares the time: of a moment in which three
 * executions were at work, each is charged a third. So all together are never
 * charged more than has passed. Time is passed in, in µs of any clock that
 * never goes back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_DEVICE_TIME_H
#define MEDIATOR_DEVICE_TIME_H

#include <glib.h>

/* Of an accelerator; zero at first */
typedef struct DeviceTime {
    unsigned busy;              /* executions that are at work */
    gint64 elapsed;             /* what one at work all the time had, so far */
    gint64 at;                  /* µs: when that was so */
} DeviceTime;

/* An execution begins. Returns what device_time_end() wants to know of it. */
gint64 device_time_begin(DeviceTime *time, gint64 now);

/* It ends. Returns the device time that it had, in µs. */
gint64 device_time_end(DeviceTime *time, gint64 begin, gint64 now);

#endif /* MEDIATOR_DEVICE_TIME_H */
