/*
 * A link: how it ends when all is answered
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "link-private.h"

void link_drain(Link *link)
{
    link->final = true;
    if (link->queue != NULL) {
        /*
         * It goes on to send while it has requests here; were nothing taken any
         * more, it would give them up.
         */
        link->draining = true;
        link_queue_drain(link->queue);
    } else if (link->greeted) {
        channel_drain(link->channel);
    } else {
        link_clear_timer(link);
        link_disconnect(link);
    }
}

/* Requests that are still to be answered */
static unsigned link_running(const Link *link)
{
    return g_hash_table_size(link->running) +
           (link->queue != NULL ? link_queue_running(link->queue) : 0);
}

/* Whether a device has not taken its last answers for too long */
static bool link_stalls(Link *link)
{
    const gint64 now = g_get_monotonic_time();

    if (link_running(link) > 0) {
        link->answered_at = 0;
    } else if (link->answered_at == 0) {
        link->answered_at = now;
    }
    return link->answered_at != 0 &&
           now - link->answered_at >= LINK_STALL_MS * G_TIME_SPAN_MILLISECOND;
}

bool link_drained(Link *link)
{
    const char *why;

    if (link->channel == NULL) {
        return true;
    }
    if (link->draining && !link->shut && link_running(link) == 0) {
        link->shut = true;
        channel_drain(link->channel);
    }
    if (channel_drained(link->channel) && link_running(link) == 0) {
        why = "closed, all is answered";
    } else if (link_stalls(link)) {
        why = "closed, it does not take its answers";
    } else {
        return false;
    }
    link_log(link, G_LOG_LEVEL_MESSAGE, why);
    link_disconnect(link);
    return true;
}
