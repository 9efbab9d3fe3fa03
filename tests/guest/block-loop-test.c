/*
 * block-loop-test: block-test, with what other processors than x86-64 get
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define BLOCK_LOOP
#include "block-test.c"
