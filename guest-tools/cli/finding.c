/*
 * vgpu-stub doctor: what a check has found, and how that is told
 *
 * SPDX-License-Identifier: MIT
 */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

void finding_say(struct finding *finding, int status, const char *format, ...)
{
    va_list args;

    finding->status = status;
    va_start(args, format);
    vsnprintf(finding->found, sizeof(finding->found), format, args);
    va_end(args);
}

void finding_advise(struct finding *finding, const char *const *advice)
{
    memcpy(finding->advice, advice, sizeof(finding->advice));
}

void finding_print_text(const char *name, const struct finding *finding)
{
    printf("%-8s%-13s%s\n", finding->status == EXIT_OK ? "ok" : "PROBLEM",
           name, finding->found);
    if (finding->advice[0]) {
        puts("\nWhat to do:");
    }
    for (int i = 0; i < ADVICE_MAX && finding->advice[i]; i++) {
        printf("- %s\n", finding->advice[i]);
    }
}

void finding_print_json(const char *name, const struct finding *finding)
{
    printf("{\"check\": \"%s\", \"ok\": %s, \"found\": ", name,
           finding->status == EXIT_OK ? "true" : "false");
    print_json_string(finding->found);
    fputs(", \"advice\": [", stdout);
    for (int i = 0; i < ADVICE_MAX && finding->advice[i]; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_json_string(finding->advice[i]);
    }
    fputs("]}", stdout);
}
