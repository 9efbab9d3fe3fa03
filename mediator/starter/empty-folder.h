/*
 * Removes what is in a folder, whatever that is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_EMPTY_FOLDER_H
#define STARTER_EMPTY_FOLDER_H

#include <stdbool.h>

/*
 * Remove what is in the folder whose descriptor is @folder: all of it is this
 * user's, and no other process changes it. Links are removed and not followed.
 * True when it is empty then.
 */
bool empty_folder(int folder);

#endif /* STARTER_EMPTY_FOLDER_H */
