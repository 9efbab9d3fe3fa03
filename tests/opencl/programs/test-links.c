/*
 * test-links: programs that are compiled with headers, and linked
 *
 * Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "build.h"

#define APPLY "int f(int);\n" KERNEL("f(20)")

static cl_int compile(cl_program of, const char *options)
{
    return clCompileProgram(of, 0, NULL, options, 0, NULL, NULL, NULL, NULL);
}

static cl_program compiled(const char *text)
{
    cl_program made = from(text);

    must(compile(made, NULL), text);
    return made;
}

static cl_program linked(const char *options, cl_uint count,
                         const cl_program *inputs, cl_int *status)
{
    return clLinkProgram(context, 0, NULL, options, count, inputs, NULL, NULL,
                         status);
}

static void test_links(void)
{
    cl_program inputs[] = {
        compiled("int f(int n) { return 2 * n; }"), compiled(APPLY),
    };
    cl_program library, all;
    cl_int status;

    tap_equal(type_of(inputs[0]), CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT,
              "what was compiled");
    tap_equal(value_of(inputs[1]), CL_INVALID_PROGRAM_EXECUTABLE,
              "has no kernels");
    all = linked(NULL, 2, inputs, &status);
    tap_equal(status, CL_SUCCESS, "a link");
    tap_equal(type_of(all), CL_PROGRAM_BINARY_TYPE_EXECUTABLE, "makes one");
    tap_equal(value_of(all), 40, "that computes");
    clReleaseProgram(all);
    library = linked("-create-library", 1, inputs, &status);
    tap_equal(type_of(library), CL_PROGRAM_BINARY_TYPE_LIBRARY, "a library");
    clReleaseProgram(inputs[0]);
    inputs[0] = library;
    all = linked("", 2, inputs, &status);
    tap_equal(value_of(all), 40, "it is linked");
    tap_equal(clBuildProgram(all, 0, NULL, NULL, NULL, NULL),
              CL_INVALID_OPERATION, "and has no source to build");
    clReleaseProgram(all);
    clReleaseProgram(inputs[0]);
    clReleaseProgram(inputs[1]);
}

static void test_bad_links(void)
{
    cl_program good = compiled(APPLY), bad = from("x"), made;
    cl_program two[] = { good, bad };
    cl_int status;

    made = linked(NULL, 1, &good, &status);
    tap_equal(status, CL_LINK_PROGRAM_FAILURE, "a function that nobody has");
    tap_ok(made && type_of(made) == CL_PROGRAM_BINARY_TYPE_NONE,
           "a program with a log comes back");
    clReleaseProgram(made);
    tap_ok(!linked(NULL, 2, two, &status) && status == CL_INVALID_OPERATION,
           "one that was not compiled");
    tap_ok(!linked(NULL, 1, &program, &status) &&
           status == CL_INVALID_OPERATION, "one that was built");
    tap_ok(!linked(NULL, 0, NULL, &status) && status == CL_INVALID_VALUE,
           "none");
    tap_ok(!linked("-I /", 1, &good, &status) &&
           status == CL_INVALID_LINKER_OPTIONS, "an option of compilers");
    tap_equal(compile(bad, "-cl-nonsense"), CL_INVALID_COMPILER_OPTIONS,
              "an option that there is not");
    tap_equal(compile(bad, NULL), CL_COMPILE_PROGRAM_FAILURE, "nonsense");
    tap_ok(strstr(log_of(bad), "'x'") || strstr(log_of(bad), "x"),
           "it is in the log");
    clReleaseProgram(good);
    clReleaseProgram(bad);
}

static void test_headers(void)
{
    cl_program made = from("#include \"a/first.h\"\n#include <second.h>\n"
                           KERNEL("FIRST + SECOND + third"));
    const cl_program headers[] = {
        from("#pragma once\n#include \"third.h\"\n#define FIRST 1\n"),
        from("#include \"a/first.h\"\n#define SECOND (FIRST + 1)\n"),
        from("constant int third = 3;\n"),
    };
    const char *names[] = { "a/first.h", "second.h", "a/third.h" };
    cl_program all;
    cl_int status;

    tap_equal(clCompileProgram(made, 1, &device, "-I /nowhere", 3, headers,
                               names, NULL, NULL), CL_SUCCESS,
              "headers that are programs: %s", log_of(made));
    all = linked("", 1, &made, &status);
    tap_equal(value_of(all), 6, "they were included");
    clReleaseProgram(all);
    tap_equal(clCompileProgram(made, 1, &device, "", 2, headers, names, NULL,
                               NULL), CL_COMPILE_PROGRAM_FAILURE,
              "without one of them: %s", log_of(made));
    tap_equal(clCompileProgram(made, 1, &device, "", 3, NULL, names, NULL,
                               NULL), CL_INVALID_VALUE, "names alone");
    clReleaseProgram(made);
    for (int i = 0; i < 3; i++) {
        clReleaseProgram(headers[i]);
    }
}

static void CL_CALLBACK called(cl_program of, void *user_data)
{
    *(volatile cl_program *)user_data = of;
}

static void test_functions(void)
{
    volatile cl_program told = NULL;
    cl_program made = from(KERNEL("1")), all;
    cl_int status;

    MUST(clCompileProgram(made, 0, NULL, NULL, 0, NULL, NULL, called,
                          (void *)&told));
    while (told != made) { }
    all = clLinkProgram(context, 0, NULL, NULL, 1, &made, called,
                        (void *)&told, &status);
    while (told != all) { }
    tap_equal(value_of(all), 1, "who gives a function is told");
    clReleaseProgram(made);
    clReleaseProgram(all);
}

/* None of them disturbs what else the program does. */
static void test_long_options(void)
{
    char *options = malloc((1 << 20) + 1);
    cl_program made = from(KERNEL("7")), linked;
    cl_int status;

    for (size_t size = 60 << 10; size <= 1 << 20; size += size / 16) {
        memset(options, 'A', size);
        memcpy(options, "-D ", 3);
        options[size] = '\0';
        status = clBuildProgram(made, 0, NULL, options, NULL, NULL);
        if (status != (size > 60 << 10 ? CL_INVALID_BUILD_OPTIONS
                                       : CL_SUCCESS)) {
            tap_ok(false, "a build with %zu bytes of options: %d", size,
                   status);
        }
    }
    tap_equal(clCompileProgram(made, 0, NULL, options, 0, NULL, NULL, NULL,
                               NULL),
              CL_INVALID_COMPILER_OPTIONS, "options of 1 MiB");
    MUST(clCompileProgram(made, 0, NULL, "", 0, NULL, NULL, NULL, NULL));
    linked = clLinkProgram(context, 0, NULL, options, 1, &made, NULL, NULL,
                           &status);
    tap_ok(!linked && status == CL_INVALID_LINKER_OPTIONS,
           "the same of a link");
    memset(options, ' ', 1 << 20);
    MUST(clBuildProgram(made, 0, NULL, options, NULL, NULL));
    tap_equal(value_of(made), 7, "as much of nothing");
    clReleaseProgram(made);
    free(options);
}

int main(void)
{
    scene_set();
    test_links();
    test_bad_links();
    test_headers();
    test_functions();
    test_long_options();
    return tap_done();
}
