/*
 * OpenCL in the guest: a recipe as bytes, which programs keep as a binary
 *
 * A header, the device's name, the driver's version and the recipe: its type,
 * its options, its source, and how many inputs, which are recipes, follow. A
 * string is its length in eight bytes, and its bytes. All is little-endian.
 *
 * SPDX-License-Identifier: MIT
 */
#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"

#define MAGIC "vgpuclpr"
#define FORMAT 1

struct header {
    char magic[8];
    uint32_t version;
    uint32_t reserved;
    uint64_t size;              /* bytes behind it … */
    uint64_t checksum;          /* … and of those */
};

/* --- Writing --- */

static void write_number(uint32_t number, FILE *to)
{
    fwrite(&number, sizeof(number), 1, to);
}

static void write_string(const char *string, uint64_t length, FILE *to)
{
    fwrite(&length, sizeof(length), 1, to);
    fwrite(string, 1, length, to);
}

static void write_recipe(const struct recipe *recipe, FILE *to)
{
    write_number(recipe->type, to);
    write_string(recipe->options, strlen(recipe->options), to);
    write_string(recipe->text ? recipe->text : "", recipe->length, to);
    write_number(recipe->num_inputs, to);
    for (size_t i = 0; i < recipe->num_inputs; i++) {
        write_recipe(recipe->inputs[i], to);
    }
}

uint8_t *container_write(const struct recipe *recipe, const char *device,
                         const char *driver, size_t *size)
{
    struct header header = { .magic = MAGIC, .version = FORMAT };
    char *bytes = NULL;
    FILE *to = open_memstream(&bytes, size);

    if (!to) {
        return NULL;
    }
    fwrite(&header, sizeof(header), 1, to);
    write_string(device, strlen(device), to);
    write_string(driver, strlen(driver), to);
    write_recipe(recipe, to);
    if (fclose(to) != 0) {
        free(bytes);
        return NULL;
    }
    header.size = *size - sizeof(header);
    header.checksum = checksum(bytes + sizeof(header), header.size);
    memcpy(bytes, &header, sizeof(header));
    return (uint8_t *)bytes;
}

/* --- Reading --- */

struct reader {
    const uint8_t *at;
    size_t left;
    size_t sources;             /* so far */
    cl_int status;
};

/* NULL: they are not there. */
static const uint8_t *take(struct reader *reader, uint64_t size)
{
    const uint8_t *at = reader->at;

    if (reader->status != CL_SUCCESS || size > reader->left) {
        reader->status = CL_INVALID_BINARY;
        return NULL;
    }
    reader->at += size;
    reader->left -= size;
    return at;
}

static uint32_t read_number(struct reader *reader)
{
    const uint8_t *at = take(reader, sizeof(uint32_t));
    uint32_t number = 0;

    if (at) {
        memcpy(&number, at, sizeof(number));
    }
    return number;
}

/* With a NUL; NULL: there is none, or no memory */
static char *read_string(struct reader *reader, size_t *length)
{
    const uint8_t *at = take(reader, sizeof(uint64_t));
    uint64_t size = 0;
    char *string = NULL;

    if (at) {
        memcpy(&size, at, sizeof(size));
        at = take(reader, size);
    }
    if (at) {
        string = malloc(size + 1);
        if (!string) {
            reader->status = CL_OUT_OF_HOST_MEMORY;
            return NULL;
        }
        memcpy(string, at, size);
        string[size] = '\0';
    }
    *length = size;
    return string;
}

static struct recipe *read_recipe(struct reader *reader, unsigned depth);

/* NULL: they are not what is linked. */
static struct recipe **read_inputs(struct reader *reader, uint32_t count,
                                   unsigned depth)
{
    struct recipe **inputs = calloc(count, sizeof(*inputs));

    for (uint32_t i = 0; inputs && i < count; i++) {
        inputs[i] = read_recipe(reader, depth);
        if (!inputs[i] ||
            inputs[i]->type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE) {
            if (reader->status == CL_SUCCESS) {
                reader->status = CL_INVALID_BINARY;
            }
            break;
        }
    }
    return inputs;
}

/* Is that type made of so many inputs, and a source of that length? */
static bool check_kind(uint32_t type, uint32_t inputs, size_t length)
{
    if (inputs == 0) {
        return (type == CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT ||
                type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE) &&
               length <= VGPU_STUB_CL_SOURCE_MAX;
    }
    return (type == CL_PROGRAM_BINARY_TYPE_LIBRARY ||
            type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE) &&
           length == 0 && inputs <= VGPU_STUB_CL_LINK_MAX;
}

/* Takes over the strings. */
static struct recipe *make_recipe(struct reader *reader, uint32_t type,
                                  char *options, char *text, size_t length,
                                  unsigned depth)
{
    const uint32_t count = read_number(reader);
    struct recipe *recipe;

    reader->sources += count == 0;
    if (reader->status == CL_SUCCESS &&
        (!check_kind(type, count, length) || depth > RECIPE_DEPTH_MAX ||
         reader->sources > RECIPE_SOURCES_MAX)) {
        reader->status = CL_INVALID_BINARY;
    }
    if (reader->status != CL_SUCCESS) {
        free(options);
        free(text);
        return NULL;
    }
    if (count == 0) {
        recipe = recipe_of_source(type, options, text, length);
    } else {
        free(text);
        recipe = recipe_of_link(type, options,
                                read_inputs(reader, count, depth + 1), count);
    }
    if (!recipe && reader->status == CL_SUCCESS) {
        reader->status = CL_OUT_OF_HOST_MEMORY;
    }
    return recipe;
}

static struct recipe *read_recipe(struct reader *reader, unsigned depth)
{
    const uint32_t type = read_number(reader);
    size_t options_length, length;
    char *options = read_string(reader, &options_length);
    char *text = read_string(reader, &length);

    if (options && (strlen(options) != options_length ||
                    options_length > RECIPE_OPTIONS_MAX)) {
        reader->status = CL_INVALID_BINARY;
    }
    return make_recipe(reader, type, options, text, length, depth);
}

static bool check_header(const uint8_t *bytes, size_t size)
{
    struct header header;

    if (size < sizeof(header)) {
        return false;
    }
    memcpy(&header, bytes, sizeof(header));
    return memcmp(header.magic, MAGIC, sizeof(header.magic)) == 0 &&
           header.version == FORMAT && header.reserved == 0 &&
           header.size == size - sizeof(header) &&
           header.checksum == checksum(bytes + sizeof(header), header.size);
}

cl_int container_read(const uint8_t *bytes, size_t size,
                      struct recipe **recipe)
{
    struct reader reader = { .status = CL_SUCCESS };
    size_t length;

    *recipe = NULL;
    if (!check_header(bytes, size)) {
        return CL_INVALID_BINARY;
    }
    reader.at = bytes + sizeof(struct header);
    reader.left = size - sizeof(struct header);
    free(read_string(&reader, &length));
    free(read_string(&reader, &length));
    *recipe = read_recipe(&reader, 1);
    if (reader.status == CL_SUCCESS && reader.left > 0) {
        reader.status = CL_INVALID_BINARY;
    }
    if (reader.status != CL_SUCCESS) {
        recipe_unuse(*recipe);
        *recipe = NULL;
    }
    return reader.status;
}
