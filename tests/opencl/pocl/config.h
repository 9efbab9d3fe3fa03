/* PoCL's own settings; its tests use none that matter here.
 * SPDX-License-Identifier: GPL-2.0-or-later */
