/*
 * Pauses between attempts that fail, each longer than the one before
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "start-pauses.h"

bool start_pauses_failed(StartPauses *pauses, gint64 began, gint64 now)
{
    pauses->failures++;
    if (pauses->failures == 1) {
        pauses->since = now;
    } else if (began >= pauses->since) {
        pauses->length = CLAMP(pauses->length * 2, START_PAUSE_MIN,
                               START_PAUSE_MAX);
        pauses->since = now;
    }
    return (pauses->failures & (pauses->failures - 1)) == 0;
}

bool start_pauses_wait(const StartPauses *pauses, gint64 now)
{
    return now - pauses->since < pauses->length;
}
