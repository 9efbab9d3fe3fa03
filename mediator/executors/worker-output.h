/*
 * What a worker prints, line by line
 *
 * A driver, or code of the guest's, says what it wants there: bytes of any
 * kind, and without end. A line is cut to its first WORKER_OUTPUT_LINE bytes.
 * Who prints very much is read at no more than 200 KiB a second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_OUTPUT_H
#define MEDIATOR_WORKER_OUTPUT_H

#include <glib.h>

#define WORKER_OUTPUT_LINE 300

typedef struct WorkerOutput WorkerOutput;

/*
 * @text, valid during the call, is UTF-8 that can be printed: what cannot, and
 * backslashes, are escaped as in C.
 */
typedef void (*WorkerOutputLine)(gpointer opaque, const char *text);

/*
 * Call @line for each line, but empty ones. Returns NULL with a G_IO_ERROR, or
 * the object and in *@fd the descriptor to print to, which is the caller's.
 */
WorkerOutput *worker_output_new(int *fd, WorkerOutputLine line,
                                gpointer opaque, GError **error);

/* Take what there is yet. */
void worker_output_free(WorkerOutput *output);

#endif /* MEDIATOR_WORKER_OUTPUT_H */
