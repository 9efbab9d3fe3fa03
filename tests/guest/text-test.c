/*
 * text-test: what becomes of text of others
 *
 * Needs neither a device nor a guest. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tap.h"
#include "text.c"

static const struct {
    const char *text, *expected;
    size_t size;
} cases[] = {
    { "", "", 1 },
    { "abc", "", 1 },
    { "abc", "ab", 3 },
    { "abc", "abc", 4 },
    { "a\xc3\xa9" "b", "a\xc3\xa9" "b", 8 },
    { "a\xc3\xa9" "b", "a", 3 },                /* not half a character */
    { "a\xc3", "a?", 8 },
    { "\xe2\x82", "??", 8 },
    { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 8 },
    { "\xf0\x9f\x98\x80", "", 4 },
    { "\xff\xfe\x80", "???", 8 },
    { "\xc0\xaf", "??", 8 },                    /* '/' in more than it takes */
    { "\xed\xa0\x80", "???", 8 },               /* half a surrogate pair */
    { "\xf4\x90\x80\x80", "????", 8 },          /* beyond Unicode */
    { "\x1b[2J\n\x7f", "?[2J??", 8 },
    { "\xc2\x9b" "2J", "?2J", 8 },              /* a control of two bytes */
};

int main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[8];

        text_copy(text, cases[i].size, cases[i].text, strlen(cases[i].text));
        tap_ok(strcmp(text, cases[i].expected) == 0, "case %zu", i);
    }
    return tap_done();
}
