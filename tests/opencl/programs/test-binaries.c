/*
 * test-binaries: programs that are kept as binaries
 *
 * Without an argument prints TAP. With "write FILE" keeps a program there, with
 * "read FILE" prints what the program there computes; both by other processes,
 * and so other workers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "build.h"

struct binary {
    unsigned char *bytes;
    size_t size;
};

static struct binary binary_of(cl_program of)
{
    struct binary binary = { .size = 0 };

    MUST(clGetProgramInfo(of, CL_PROGRAM_BINARY_SIZES, sizeof(binary.size),
                          &binary.size, NULL));
    binary.bytes = malloc(binary.size + 1);
    MUST(clGetProgramInfo(of, CL_PROGRAM_BINARIES, sizeof(binary.bytes),
                          &binary.bytes, NULL));
    return binary;
}

static cl_program made_of(struct binary binary, cl_int *status)
{
    const unsigned char *bytes = binary.bytes;

    return clCreateProgramWithBinary(context, 1, &device, &binary.size, &bytes,
                                     NULL, status);
}

/* What it computes when it is built again */
static cl_int again(struct binary binary, const char *options)
{
    cl_int status;
    cl_program made = made_of(binary, &status);

    if (made) {
        status = clBuildProgram(made, 0, NULL, options, NULL, NULL);
        if (status == CL_SUCCESS) {
            status = value_of(made);
        }
        clReleaseProgram(made);
    }
    return status;
}

static cl_program built(const char *text, const char *options)
{
    cl_program made = from(text);

    must(clBuildProgram(made, 0, NULL, options, NULL, NULL), text);
    return made;
}

static void test_builds(void)
{
    cl_program made = from(KERNEL("N"));
    struct binary binary = binary_of(made), second;
    cl_int status;

    tap_equal(binary.size, 0, "what was not built has none");
    free(binary.bytes);
    MUST(clBuildProgram(made, 0, NULL, "-D N=5", NULL, NULL));
    binary = binary_of(made);
    clReleaseProgram(made);
    tap_equal(again(binary, ""), 5, "it is built with its own options");
    made = made_of(binary, &status);
    tap_equal(status, CL_SUCCESS, "a program of it");
    tap_equal(type_of(made), CL_PROGRAM_BINARY_TYPE_EXECUTABLE, "its type");
    second = binary_of(made);
    tap_ok(second.size == binary.size &&
           memcmp(second.bytes, binary.bytes, binary.size) == 0,
           "its binary is the same");
    tap_equal(value_of(made), 5, "kernels are had without a build, too");
    tap_equal(clCompileProgram(made, 0, NULL, NULL, 0, NULL, NULL, NULL, NULL),
              CL_INVALID_OPERATION, "it is not compiled");
    clReleaseProgram(made);
    free(second.bytes);
    free(binary.bytes);
}

static cl_program linked(cl_uint count, const cl_program *inputs,
                         const char *options)
{
    cl_int status;
    cl_program made = clLinkProgram(context, 0, NULL, options, count, inputs,
                                    NULL, NULL, &status);

    must(status, "clLinkProgram");
    return made;
}

/* The program of a binary, in its place */
static void replace(cl_program *place)
{
    struct binary binary = binary_of(*place);
    cl_int status;

    clReleaseProgram(*place);
    *place = made_of(binary, &status);
    must(status, "clCreateProgramWithBinary");
    free(binary.bytes);
}

static void test_links(void)
{
    cl_program inputs[] = {
        from("int f(int n) { return n + 1; }"), from("int f(int);"
                                                      KERNEL("f(1)")),
    };
    struct binary binary;
    cl_program all;

    for (int i = 0; i < 2; i++) {
        MUST(clCompileProgram(inputs[i], 0, NULL, NULL, 0, NULL, NULL, NULL,
                              NULL));
        replace(&inputs[i]);
        tap_equal(type_of(inputs[i]), CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT,
                  "a compiled one");
    }
    tap_equal(clBuildProgram(inputs[0], 0, NULL, NULL, NULL, NULL),
              CL_INVALID_BINARY, "it cannot be built");
    all = linked(1, inputs, "-create-library");
    clReleaseProgram(inputs[0]);
    inputs[0] = all;
    replace(&inputs[0]);
    tap_equal(type_of(inputs[0]), CL_PROGRAM_BINARY_TYPE_LIBRARY,
              "a library");
    all = linked(2, inputs, "");
    tap_equal(value_of(all), 2, "all of them were linked");
    binary = binary_of(all);
    clReleaseProgram(all);
    tap_equal(again(binary, NULL), 2, "what was linked of them");
    free(binary.bytes);
    clReleaseProgram(inputs[0]);
    clReleaseProgram(inputs[1]);
}

static void test_damaged(void)
{
    cl_program made = built(KERNEL("1"), NULL);
    struct binary binary = binary_of(made);
    const size_t size = binary.size;
    int wrong = 0;

    for (size_t i = 0; i < size; i++) {
        binary.bytes[i] ^= 1;
        wrong += again(binary, NULL) != CL_INVALID_BINARY;
        binary.bytes[i] ^= 1;
    }
    tap_equal(wrong, 0, "each bit of %zu bytes", size);
    for (binary.size = 1; binary.size < size; binary.size++) {
        wrong += again(binary, NULL) != CL_INVALID_BINARY;
    }
    tap_equal(wrong, 0, "any part alone");
    binary.size = size;
    tap_equal(again(binary, NULL), 1, "the whole is still good");
    free(binary.bytes);
    clReleaseProgram(made);
}

static void test_bad_calls(void)
{
    const unsigned char elf[] = "\177ELF\2\1\1", *bytes = elf, *none = NULL;
    const unsigned char *both[] = { elf, elf };
    const size_t size = sizeof(elf), zero = 0, sizes[] = { size, size };
    const cl_device_id devices[] = { device, device };
    cl_int said = 1, status;

    tap_ok(!clCreateProgramWithBinary(context, 1, &device, &size, &bytes,
                                      &said, &status) &&
           status == CL_INVALID_BINARY && said == CL_INVALID_BINARY,
           "a binary of somebody else");
    tap_ok(!clCreateProgramWithBinary(context, 1, &device, &size, &none,
                                      &said, &status) &&
           status == CL_INVALID_VALUE && said == CL_INVALID_VALUE, "none");
    tap_ok(!clCreateProgramWithBinary(context, 1, &device, &zero, &bytes,
                                      NULL, &status) &&
           status == CL_INVALID_VALUE, "an empty one");
    tap_ok(!clCreateProgramWithBinary(context, 0, NULL, NULL, NULL, NULL,
                                      &status) &&
           status == CL_INVALID_VALUE, "no device");
    tap_ok(!clCreateProgramWithBinary(context, 2, devices, sizes, both, NULL,
                                      &status) &&
           status == CL_INVALID_DEVICE, "more devices than there are");
}

static int write_file(const char *path)
{
    struct binary binary = binary_of(built(KERNEL("42"), "-w"));
    FILE *file = fopen(path, "w");

    return file && fwrite(binary.bytes, binary.size, 1, file) == 1 &&
           fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int read_file(const char *path)
{
    struct binary binary = { .bytes = malloc(1 << 20) };
    FILE *file = fopen(path, "r");

    binary.size = fread(binary.bytes, 1, 1 << 20, file);
    printf("%d\n", again(binary, ""));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    scene_set();
    if (argc == 3) {
        return strcmp(argv[1], "write") == 0 ? write_file(argv[2])
                                             : read_file(argv[2]);
    }
    test_builds();
    test_links();
    test_damaged();
    test_bad_calls();
    clReleaseProgram(program);
    return tap_done();
}
