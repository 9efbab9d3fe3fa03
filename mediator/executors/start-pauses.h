/*
 * Pauses between attempts that fail, each longer than the one before
 *
 * Time is passed in, in µs of any clock that never goes back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_START_PAUSES_H
#define MEDIATOR_START_PAUSES_H

#include <glib.h>
#include <stdbool.h>

#define START_PAUSE_MIN (100 * G_TIME_SPAN_MILLISECOND)
#define START_PAUSE_MAX (30 * G_TIME_SPAN_SECOND)

/* Zero at first, and again after an attempt that succeeded */
typedef struct StartPauses {
    unsigned failures;          /* in a row */
    gint64 length;              /* of the latest pause, µs */
    gint64 since;
} StartPauses;

/*
 * An attempt that began at @began has failed. From the second in a row on a
 * pause begins, unless the attempt was one of several at the same time and has
 * begun before another one failed. Returns whether that is worth a line in a log: the first failure in a
 * row is, the second, the fourth, and so on.
 */
bool start_pauses_failed(StartPauses *pauses, gint64 began, gint64 now);

/* Whether it is too early for another attempt */
bool start_pauses_wait(const StartPauses *pauses, gint64 now);

#endif /* MEDIATOR_START_PAUSES_H */
