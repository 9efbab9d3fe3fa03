/*
 * Which VMs are quarantined, kept over a restart of the daemon
 *
 * A VM is known by its name, whether it is there or not. The clock starts anew
 * with the host, and so does this list: it belongs into /run, and one of before
 * the host's last start is ignored.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_QUARANTINES_H
#define MEDIATOR_QUARANTINES_H

#include <glib.h>
#include <stdbool.h>

typedef struct Quarantines Quarantines;

/*
 * The list in the file at @path, which need not be there; with NULL it is
 * kept in memory only. A file that cannot be used is ignored, with a warning.
 */
Quarantines *quarantines_new(const char *path);
void quarantines_free(Quarantines *quarantines);

/*
 * Until when the VM called @vm is quarantined, on the monotonic clock in µs;
 * G_MAXINT64 for no end, G_MININT64 when it is not.
 */
gint64 quarantines_until(const Quarantines *quarantines, const char *vm);

/*
 * Set that and write the file, if there is one to be; false with @error set when
 * that cannot be written.
 */
bool quarantines_set(Quarantines *quarantines, const char *vm, gint64 until,
                     GError **error);

/* Remove those of the VMs for which @ended says so. */
void quarantines_forget(Quarantines *quarantines,
                        bool (*ended)(const char *vm, gpointer opaque),
                        gpointer opaque);

/* Call @function with the name of each VM that is in the list. */
void quarantines_foreach(const Quarantines *quarantines,
                         void (*function)(const char *vm, gpointer opaque),
                         gpointer opaque);

#endif /* MEDIATOR_QUARANTINES_H */
