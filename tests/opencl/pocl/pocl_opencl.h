/* PoCL's name for OpenCL's header and its own; SPDX-License-Identifier: GPL-2.0-or-later */
#include "poclu.h"
