/*
 * What is counted of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "statistics.h"

void statistics_count(Statistics *statistics, const Access *access, bool ok)
{
    if (access->write) {
        statistics->writes++;
    } else {
        statistics->reads++;
    }
    statistics->bytes += access->size;
    statistics->errors += !ok;
    statistics->cycles += access->cycles;
}

void statistics_append_header(GString *csv)
{
    g_string_append(csv, "device,model,reads,writes,bytes,errors,"
                         "latency_cycles,messages_sent,messages_received\n");
}

void statistics_append(GString *csv, const char *device, const char *model,
                       const Statistics *statistics)
{
    const guint64 columns[] = {
        statistics->reads, statistics->writes, statistics->bytes,
        statistics->errors, statistics->cycles, statistics->sent,
        statistics->received,
    };

    g_string_append_printf(csv, "%s,%s", device, model);
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_string_append_printf(csv, ",%" G_GUINT64_FORMAT, columns[i]);
    }
    g_string_append_c(csv, '\n');
}
