/*
 * Tables, and how they are shown
 *
 * The first line names the columns, with a # after those that have numbers;
 * what the others have is text as g_strescape() makes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <glib.h>

/* Lines, each a NULL-terminated char ** with as many fields as the first */
typedef GPtrArray Table;

Table *table_new(void);

/* Add a line of which each of @fields, separated by tabs, is a field. */
void table_add(Table *table, const char *fields);

/* A table of @count lines; NULL when they are not one. */
Table *table_parse(char **lines, guint count);

/*
 * The field of @line, 1 and more, in the column called @name, without #; NULL
 * when there is no such column.
 */
const char *table_field(const Table *table, guint line, const char *name);

/* As lines of text; to be freed with g_free(). */
char *table_to_text(const Table *table);

/* As a JSON list, an object per line; to be freed with g_free(). */
char *table_to_json(const Table *table);

#endif /* CTL_TABLE_H */
