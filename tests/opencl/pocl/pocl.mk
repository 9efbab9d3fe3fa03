# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of PoCL's tests, in the folder that has tests/; they run in that
# folder. HELPERS is the folder of this file.

SOURCES := $(wildcard tests/*/*.c tests/*/*.cc tests/*/*.cpp)

# Where a test finds its kernels
srcdir = $(if $(findstring /runtime,$(@D)),.,$(@D))

FLAGS = -O1 -w -DSRCDIR='"$(srcdir)"' -I$(HELPERS) -o $@ $< \
    -l:libOpenCL.so.1 -lm -ldl -pthread

all: $(basename $(SOURCES))

%: %.c
	$(CC) -std=gnu11 $(FLAGS)

%: %.cc
	$(CXX) -std=c++17 $(FLAGS)

%: %.cpp
	$(CXX) -std=c++17 $(FLAGS)
