/*
 * test-includes: sources that include files of the machine that they are on
 *
 * Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"

static char folder[] = "/tmp/vgpu-stub-includes-XXXXXX";

/* A file in the folder */
static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    must(file && fputs(text, file) >= 0 && fclose(file) == 0 ? 0 : errno,
         path);
}

/* Options with the folder's name in them; valid until the next call */
static const char *options(const char *format, ...)
{
    static char text[PATH_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return text;
}

static void test_folders(void)
{
    char path[PATH_MAX];

    put("one.h", "#define ONE 1\n");
    put("sub/two.h", "#include \"three.h\"\n#define TWO (ONE + 1)\n");
    put("sub/three.h", "#include <one.h>\n#define THREE 3\n");
    tap_equal(built_value("#include \"one.h\"\n" KERNEL("ONE"),
                          options("-I %s", folder)), 1, "-I folder");
    tap_equal(built_value("#include <one.h>\n" KERNEL("ONE"),
                          options("-I%s", folder)), 1, "-Ifolder and <>");
    tap_equal(built_value("  #\tinclude /* x */ \"sub/two.h\" // y\n"
                          KERNEL("TWO + THREE"),
                          options("-I \"%s\"", folder)), 5,
              "-I \"folder\", and a file beside the one that includes it");
    snprintf(path, sizeof(path), "#include \"%s/one.h\"\n%s", folder,
             KERNEL("ONE"));
    tap_equal(built_value(path, ""), 1, "a whole path");
    must(chdir(folder), "chdir");
    tap_equal(built_value("#include \"one.h\"\n" KERNEL("ONE"), NULL), 1,
              "from where the program is");
    must(chdir("/"), "chdir");
    tap_equal(built_value("#include \"one.h\"\n" KERNEL("ONE"), ""),
              CL_BUILD_PROGRAM_FAILURE, "what is not found");
}

static void test_macros(void)
{
    put("name.h", "#define NAME 7\n");
    tap_equal(built_value("#define TEXT_(x) #x\n#define TEXT(x) TEXT_(x)\n"
                          "#include TEXT(FOLDER/name.h)\n" KERNEL("NAME"),
                          options("-D FOLDER=%s", folder)), 7,
              "a name from macros");
    tap_equal(built_value("#include M2S(FOLDER/name.h)\n" KERNEL("NAME"),
                          options("-D XM2S(x)=#x -D M2S(x)=XM2S(x) "
                                  "-D FOLDER=%s", folder)), 7,
              "a name from macros of the options, as hashcat has it");
    tap_equal(built_value("#define FILE <name.h>\n#include FILE\n"
                          KERNEL("NAME"), options("-I %s", folder)), 7,
              "a name in <> from a macro");
    tap_equal(built_value("#include \"name.h\"\n" KERNEL("NAME + VALUE"),
                          options("-I %s -D VALUE=10", folder)), 17,
              "-D is for what the host compiles, too");
}

static void test_conditions(void)
{
    put("yes.h", "#define VALUE 1\n");
    put("no.h", "#define VALUE 2\n");
    tap_equal(built_value("#ifdef __OPENCL_VERSION__\n#include \"yes.h\"\n"
                          "#else\n#include \"no.h\"\n#include <not-there.h>\n"
                          "#endif\n" KERNEL("VALUE"),
                          options("-I %s", folder)), 1,
              "__OPENCL_VERSION__ is there");
    tap_equal(built_value("#define OLD (__OPENCL_C_VERSION__ < 200)\n#if OLD\n"
                          "#include \"yes.h\"\n#else\n#include \"no.h\"\n"
                          "#endif\n" KERNEL("VALUE"),
                          options("-I %s -cl-std=CL1.2", folder)), 1,
              "a value of the host's compiler, by an option");
    tap_equal(built_value("#if defined(__clang__) && __clang_major__ > 3\n"
                          "#include \"yes.h\"\n#endif\n" KERNEL("VALUE"),
                          options("-I %s", folder)), 1,
              "what nobody but the host's compiler defines");
    tap_equal(built_value("#ifdef __FAST_RELAXED_MATH__\n#include \"yes.h\"\n"
                          "#endif\n" KERNEL("VALUE"),
                          options("-I %s -cl-fast-relaxed-math", folder)), 1,
              "a macro that an option makes");
    tap_equal(built_value("#ifdef __APPLE__\n#include <OpenCL/not-there.h>\n"
                          "#endif\n" KERNEL("3"), ""), 3,
              "what is not included need not be there");
    tap_equal(built_value("/*\n#include \"no.h\"\n*/ // \\\n#include \"x\"\n"
                          "#include \"yes.h\"\n"
                          "constant char c[] = \"/*\"; constant char d = '\"';"
                          "\n" KERNEL("VALUE"), options("-I %s", folder)), 1,
              "comments and strings");
    tap_equal(built_value("#define LOG(f, ...) printf(f, ##__VA_ARGS__)\n"
                          "#include \"yes.h\"\nvoid f(void) { LOG(\"x\"); }\n"
                          KERNEL("VALUE"), options("-I %s", folder)), 1,
              "what is the compiler's alone is left to it");
}

static void test_files_that_come_twice(void)
{
    put("once.h", "#pragma once\nconstant int once = 1;\n");
    put("guard.h", "#ifndef G\n#define G\n#include \"other.h\"\n"
                   "constant int guard = 2;\n#endif\n");
    put("other.h", "#include \"guard.h\"\n");
    put("item.h", "ITEM\n");
    put("self.h", "#include \"self.h\"\n#include \"self.h\"\n");
    tap_equal(built_value("#ifdef NOBODY\n#include \"once.h\"\n#endif\n"
                          "#include \"once.h\"\n#include \"once.h\"\n"
                          KERNEL("once"), options("-Werror -I %s", folder)),
              1, "#pragma once");
    tap_equal(built_value("#include \"guard.h\"\n#include \"other.h\"\n"
                          KERNEL("guard"), options("-I %s", folder)), 2,
              "files that include each other");
    tap_equal(built_value("#define ITEM constant int x = 1;\n"
                          "#include \"item.h\"\n#undef ITEM\n"
                          "#define ITEM constant int y = 4;\n"
                          "#include \"item.h\"\n" KERNEL("x + y"),
                          options("-I %s", folder)), 5,
              "one that is another each time");
    tap_equal(built_value("#include \"self.h\"\n", options("-I %s", folder)),
              CL_BUILD_PROGRAM_FAILURE, "one that includes itself for ever");
}

static void test_places(void)
{
    cl_program made = from("#include \"fine.h\"\n\nnonsense;\n");

    put("fine.h", "#define FINE\n\n");
    put("wrong.h", "\n#error here\n");
    clBuildProgram(made, 0, NULL, options("-I %s", folder), NULL, NULL);
    tap_ok(strstr(log_of(made), "program.cl:3:"), "lines of the source: %s",
           log_of(made));
    clReleaseProgram(made);
    made = from("#include \"wrong.h\"\n");
    clBuildProgram(made, 0, NULL, options("-I %s", folder), NULL, NULL);
    tap_ok(strstr(log_of(made), "wrong.h:2:"), "lines of a file");
    clReleaseProgram(made);
}

/* The preprocessor reads a file of its own. */
static void test_without_a_place_for_files(void)
{
    cl_program made = from("#include \"one.h\"\n" KERNEL("ONE"));
    const char *before = getenv("TMPDIR");

    setenv("TMPDIR", "/nowhere", 1);
    tap_equal(clBuildProgram(made, 0, NULL, options("-I %s", folder), NULL,
                             NULL), CL_OUT_OF_HOST_MEMORY,
              "no place for a file");
    tap_ok(strstr(log_of(made), "TMPDIR"), "it is in the log");
    if (before) {
        setenv("TMPDIR", before, 1);
    } else {
        unsetenv("TMPDIR");
    }
    clReleaseProgram(made);
}

/* Larger than any buffer on the way */
static void test_large(void)
{
    char *text = malloc(3 << 20);
    size_t length = 0;

    while (length < 2 << 20) {
        length += sprintf(text + length, "#define N%zu %zu\n", length, length);
    }
    put("large.h", text);
    tap_equal(built_value("#include \"large.h\"\n" KERNEL("N0 + 1"),
                          options("-I %s", folder)), 1, "2 MiB of them");
    put("huge.h", "#include \"large.h\"\n#include \"large.h\"\n"
                  "#include \"large.h\"\n#include \"large.h\"\n"
                  "#include \"large.h\"\n#include \"large.h\"\n"
                  "#include \"large.h\"\n#include \"large.h\"\n");
    tap_equal(built_value("#include \"huge.h\"\n", options("-I %s", folder)),
              CL_BUILD_PROGRAM_FAILURE, "more than 16 MiB");
    free(text);
}

static void *build_many(void *number)
{
    char text[256];
    int wrong = 0;

    for (int i = 0; i < 4; i++) {
        const int value = (intptr_t)number * 10 + i;
        char flags[PATH_MAX];

        snprintf(text, sizeof(text), "#include \"one.h\"\n"
                 KERNEL("%d + ONE"), value);
        snprintf(flags, sizeof(flags), "-I %s", folder);
        wrong += built_value(text, flags) != value + 1;
    }
    return (void *)(intptr_t)wrong;
}

static void test_threads(void)
{
    pthread_t threads[4];
    intptr_t wrong = 0;

    for (intptr_t i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, build_many, (void *)i);
    }
    for (int i = 0; i < 4; i++) {
        void *result;

        pthread_join(threads[i], &result);
        wrong += (intptr_t)result;
    }
    tap_equal(wrong, 0, "several threads at once");
}

int main(void)
{
    char path[PATH_MAX];

    must(mkdtemp(folder) ? 0 : errno, "mkdtemp");
    snprintf(path, sizeof(path), "%s/sub", folder);
    must(mkdir(path, 0700), "mkdir");
    scene_set();
    test_folders();
    test_macros();
    test_conditions();
    test_files_that_come_twice();
    test_places();
    test_without_a_place_for_files();
    test_large();
    test_threads();
    snprintf(path, sizeof(path), "rm -r %s", folder);
    must(system(path), path);
    clReleaseProgram(program);
    return tap_done();
}
