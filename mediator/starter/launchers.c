/*
 * Launchers: what the operator has chosen to start workers on other hosts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "launchers.h"

#include <stdio.h>
#include <string.h>

#include "gate-options.h"

#define BLANKS " \t\n\v\f\r"

/* Without the blanks around it */
static char *strip(char *text)
{
    char *end;

    text += strspn(text, BLANKS);
    end = text + strlen(text);
    while (end > text && strchr(BLANKS, end[-1]) != NULL) {
        *--end = '\0';
    }
    return text;
}

/* Is @line, of a pool's group, launcher=@launcher? Takes it apart. */
static bool says(char *line, const char *launcher)
{
    char *equals = strchr(line, '=');

    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    return strcmp(strip(line), "launcher") == 0 &&
           strcmp(strip(equals + 1), launcher) == 0;
}

/* The daemon has read the file, too, and it is right as a whole. */
static bool is_configured(const char *config, const char *launcher)
{
    /* A longer line is cut into several, none of which is a launcher's. */
    char line[2 * LAUNCHER_SIZE];
    FILE *file = fopen(config, "re");
    bool of_pool = false, found = false;

    while (file != NULL && !found &&
           fgets(line, sizeof(line), file) != NULL) {
        char *text = strip(line);

        if (text[0] == '[') {
            of_pool = strcmp(text, "[pool A]") == 0 ||
                      strcmp(text, "[pool B]") == 0;
        } else {
            found = of_pool && text[0] != '#' && says(text, launcher);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

bool launchers_command(const char *config, const char *const *arguments,
                       LauncherCommand *command)
{
    size_t count = 0;
    char *word, *rest = command->words;

    if (arguments[0] == NULL || strlen(arguments[0]) >= LAUNCHER_SIZE ||
        !is_configured(config, arguments[0]) ||
        !gate_options_allowed(arguments + 1)) {
        return false;
    }
    strcpy(command->words, arguments[0]);
    while ((word = strtok_r(rest, BLANKS, &rest)) != NULL) {
        if (count == LAUNCHER_WORDS_MAX) {
            return false;
        }
        command->argv[count++] = word;
    }
    command->argv[count++] = GATE_NAME;
    while (*++arguments != NULL) {
        command->argv[count++] = *arguments;
    }
    command->argv[count] = NULL;
    return count > 1;
}
