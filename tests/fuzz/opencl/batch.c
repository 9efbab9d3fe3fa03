/*
 * Batches of OpenCL's commands, most of which mean something
 *
 * Each structure has a function that fills it: make_query() and so on. Ids are
 * of the kind that is wanted as a rule, and so are all numbers; what is hostile
 * is put over it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "batch.h"

#include <string.h>

#include "worker/opencl-driver.h"

void choices_init(Choices *choices, const uint8_t *bytes, size_t size)
{
    *choices = (Choices) { bytes, size, UINT64_C(0x9e3779b97f4a7c15) };
    for (size_t i = 0; i < size; i++) {
        choices->state = (choices->state ^ bytes[i]) *
                         UINT64_C(0x100000001b3);
    }
    choices->state |= 1;
}

static uint8_t choose_byte(Choices *choices)
{
    if (choices->size > 0) {
        choices->size--;
        return *choices->bytes++;
    }
    choices->state ^= choices->state << 13;
    choices->state ^= choices->state >> 7;
    choices->state ^= choices->state << 17;
    return choices->state >> 32;
}

uint32_t choose(Choices *choices, uint32_t below)
{
    uint32_t number = choose_byte(choices);

    for (uint64_t range = 256; range < below; range <<= 8) {
        number = number << 8 | choose_byte(choices);
    }
    return number % below;
}

static bool seldom(Choices *choices)
{
    return choose(choices, 64) == 0;
}

/* --- Numbers --- */

/* One that somebody has counted with wrongly before */
static uint64_t hostile(Choices *choices)
{
    static const uint64_t numbers[] = {
        0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(1) << 32,
        (UINT64_C(1) << 32) + 1, INT64_MAX, UINT64_C(1) << 63,
        UINT64_MAX - 7, UINT64_MAX,
    };

    return numbers[choose(choices, G_N_ELEMENTS(numbers))];
}

/* From 0 on, below @below, if it is not hostile */
static uint64_t number(Choices *choices, uint32_t below)
{
    return seldom(choices) ? hostile(choices) : choose(choices, below);
}

/* Ids: of each kind, some, from these on */
enum {
    BUFFERS = 1, PROGRAMS = 5, KERNELS = 8, IMAGES = 11, SAMPLERS = 14,
    IDS = 16,
};

static uint32_t id(Choices *choices, unsigned from, unsigned end)
{
    switch (choose(choices, 16)) {
    case 0:
        return choose(choices, IDS);
    case 1:
        return hostile(choices);
    }
    return from + choose(choices, end - from);
}

static uint32_t buffer(Choices *choices)
{
    return id(choices, BUFFERS, PROGRAMS);
}

static uint32_t program(Choices *choices)
{
    return id(choices, PROGRAMS, KERNELS);
}

static uint32_t kernel(Choices *choices)
{
    return id(choices, KERNELS, IMAGES);
}

static uint32_t image(Choices *choices)
{
    return id(choices, IMAGES, SAMPLERS);
}

/* --- A command --- */

typedef struct Made {
    uint16_t opcode;
    uint16_t flags;
    bool bulk_to_guest;         /* if it has bulk */
    uint64_t data;              /* bytes that come with it, or that it reads */
    GByteArray *body;           /* its structure and its tail */
} Made;

static void put(Made *made, const void *bytes, size_t size)
{
    g_byte_array_append(made->body, bytes, size);
}

#define PUT(made, structure) put(made, &(structure), sizeof(structure))

/* Any bytes, as many as it says, if there are not too many */
static void put_data(Made *made, Choices *choices, uint64_t size)
{
    for (uint64_t i = 0; i < MIN(size, 256); i++) {
        const uint8_t byte = choose_byte(choices);

        put(made, &byte, sizeof(byte));
    }
}

/* Words of what compilers and linkers take */
static void put_options(Made *made, Choices *choices)
{
    static const char *const words[] = {
        "-w", "-cl-std=CL1.2", "-D", "A=1", "-DB", "-create-library",
        "-cl-fast-relaxed-math", "-enable-link-options", "-I/", "\xff", "",
    };

    for (uint32_t left = choose(choices, 4); left > 0; left--) {
        /* The first one is for all, and twice as likely. */
        const uint32_t word = choose(choices, 2 * G_N_ELEMENTS(words));
        const char *text = words[word < G_N_ELEMENTS(words) ? word : 6];

        put(made, text, strlen(text));
        put(made, " ", 1);
    }
}

/* Data of a command that moves some: in it, or as bulk */
static void make_moved(Made *made, Choices *choices, bool writes,
                       uint64_t size)
{
    made->data = size;
    made->bulk_to_guest = !writes;
    if (choose(choices, 8) == 0) {
        made->flags |= VGPU_STUB_CL_FLAG_BULK;
    } else if (writes) {
        put_data(made, choices, size);
    }
}

static void make_query(Made *made, Choices *choices)
{
    static const uint32_t params[] = {
        CL_DEVICE_NAME, CL_DEVICE_EXTENSIONS, CL_DEVICE_PLATFORM,
        CL_DEVICE_VENDOR, CL_DEVICE_PARENT_DEVICE, CL_DEVICE_LOCAL_MEM_SIZE,
        CL_KERNEL_WORK_GROUP_SIZE, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
    };
    const struct vgpu_stub_cl_query query = {
        .object = made->opcode == VGPU_STUB_CL_DEVICE_INFO && !seldom(choices)
                  ? 0 : kernel(choices),
        .param = params[choose(choices, G_N_ELEMENTS(params))],
    };

    PUT(made, query);
    if (made->opcode == VGPU_STUB_CL_KERNEL_SUB_GROUP_INFO) {
        put_data(made, choices, choose(choices, 26));
    }
}

static void make_object(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_object object = { .reserved = 0 };

    switch (made->opcode) {
    case VGPU_STUB_CL_MARKER:
        PUT(made, object);
        return;
    case VGPU_STUB_CL_RELEASE:
        object.id = choose(choices, IDS);
        PUT(made, object);
        return;
    }
    object.id = program(choices);
    PUT(made, object);
    put_options(made, choices);
}

static void make_buffer_create(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_buffer_create create = {
        .id = buffer(choices),
        .flags = number(choices, 4),
        .size = number(choices, 512),
    };

    PUT(made, create);
}

static void make_sub_buffer_create(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_sub_buffer_create create = {
        .id = buffer(choices),
        .buffer = buffer(choices),
        .flags = number(choices, 4),
        .origin = number(choices, 64),
        .size = number(choices, 64),
    };

    PUT(made, create);
}

static void make_range(Made *made, Choices *choices)
{
    const bool source = made->opcode == VGPU_STUB_CL_PROGRAM_SOURCE;
    struct vgpu_stub_cl_range range = {
        .object = source ? program(choices) : buffer(choices),
        .offset = number(choices, 32),
        .size = number(choices, BULK_MAX),
    };

    if (made->opcode == VGPU_STUB_CL_BUFFER_FILL) {
        range.offset *= 4;
        range.size *= 4;
        PUT(made, range);
        put_data(made, choices, 1u << choose(choices, 3));
        return;
    }
    PUT(made, range);
    make_moved(made, choices, made->opcode != VGPU_STUB_CL_BUFFER_READ,
               range.size);
}

static void make_three(uint64_t numbers[3], Choices *choices, uint32_t from)
{
    for (int i = 0; i < 3; i++) {
        numbers[i] = from + number(choices, 4);
    }
}

/* 0, or what a region could have */
static uint64_t pitch(Choices *choices, uint64_t least)
{
    return choose(choices, 2) == 0 ? 0 : least * choose(choices, 4) +
                                         (seldom(choices) ? 1 : 0);
}

static void make_rect(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_rect rect = { .buffer = buffer(choices) };

    make_three(rect.origin, choices, 0);
    make_three(rect.region, choices, 1);
    rect.row_pitch = pitch(choices, rect.region[0]);
    rect.slice_pitch = pitch(choices, rect.row_pitch * rect.region[1]);
    PUT(made, rect);
    make_moved(made, choices, made->opcode == VGPU_STUB_CL_BUFFER_WRITE_RECT,
               rect.region[0] * rect.region[1] * rect.region[2]);
}

static void make_copy(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_copy copy = {
        .source = buffer(choices),
        .target = buffer(choices),
        .source_offset = number(choices, 64),
        .target_offset = number(choices, 64),
        .size = number(choices, 64),
    };

    PUT(made, copy);
}

static void make_copy_rect(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_copy_rect copy = {
        .source = buffer(choices), .target = buffer(choices),
    };

    make_three(copy.source_origin, choices, 0);
    make_three(copy.target_origin, choices, 0);
    make_three(copy.region, choices, 1);
    copy.source_row_pitch = pitch(choices, copy.region[0]);
    copy.source_slice_pitch = pitch(choices, copy.region[1]);
    copy.target_row_pitch = pitch(choices, copy.region[0]);
    copy.target_slice_pitch = pitch(choices, copy.region[1]);
    PUT(made, copy);
}

static void make_program_create(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_program_create create = {
        .id = program(choices), .length = number(choices, 128),
    };

    PUT(made, create);
}

static void make_program_link(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_program_link link = {
        .id = program(choices), .inputs = 1 + number(choices, 3),
    };

    PUT(made, link);
    for (uint32_t i = 0; i < MIN(link.inputs, 8); i++) {
        const uint32_t input = program(choices);

        PUT(made, input);
    }
    put_options(made, choices);
}

static void make_program_read(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_program_read read = {
        .program = program(choices),
        .what = choose(choices, 2),
        .offset = number(choices, 16),
        .size = number(choices, 64),
    };

    PUT(made, read);
}

static void make_kernel_create(Made *made, Choices *choices)
{
    static const char *const names[] = {
        "first", "first", "second", "third", "", "first;second",
    };
    const struct vgpu_stub_cl_kernel_create create = {
        .id = kernel(choices), .program = program(choices),
    };
    const char *name = names[choose(choices, G_N_ELEMENTS(names))];

    PUT(made, create);
    /* Some with the NUL */
    put(made, name, strlen(name) + (seldom(choices) ? 1 : 0));
}

static void make_kernel_arg(Made *made, Choices *choices)
{
    static const uint32_t sizes[] = { 4, 8, 256, 4096, 0 };
    struct vgpu_stub_cl_kernel_arg arg = {
        .kernel = kernel(choices),
        .index = number(choices, 9),
        .kind = choose(choices, 3),
    };
    uint32_t size = 0;

    switch (arg.kind) {
    case VGPU_STUB_CL_ARG_VALUE:
        size = sizes[choose(choices, G_N_ELEMENTS(sizes))];
        break;
    case VGPU_STUB_CL_ARG_LOCAL:
        arg.local = number(choices, 4096);
        break;
    default:
        arg.object = choose(choices, 8) == 0 ? 0 : choose(choices, IDS);
    }
    PUT(made, arg);
    g_byte_array_set_size(made->body, made->body->len + size);
    memset(made->body->data + made->body->len - size, 0x41, size);
}

static void make_kernel_launch(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_kernel_launch launch = {
        .kernel = kernel(choices),
        .dimensions = seldom(choices) ? hostile(choices)
                                      : 1 + choose(choices, 3),
    };
    const bool chosen = choose(choices, 2) == 0;

    for (unsigned i = 0; i < MIN(launch.dimensions, 3); i++) {
        launch.offset[i] = number(choices, 8);
        launch.local[i] = !chosen ? 0 : i == 0 ? 4 : number(choices, 8);
        launch.global[i] = number(choices, 4) * (chosen ? launch.local[i] : 1);
    }
    PUT(made, launch);
}

static cl_mem_object_type image_type(Choices *choices)
{
    static const cl_mem_object_type types[] = {
        CL_MEM_OBJECT_IMAGE1D, CL_MEM_OBJECT_IMAGE1D_ARRAY,
        CL_MEM_OBJECT_IMAGE1D_BUFFER, CL_MEM_OBJECT_IMAGE2D,
        CL_MEM_OBJECT_IMAGE2D_ARRAY, CL_MEM_OBJECT_IMAGE3D,
    };

    return seldom(choices) ? hostile(choices)
                           : types[choose(choices, G_N_ELEMENTS(types))];
}

static void make_image_formats(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_image_formats formats = {
        .type = image_type(choices), .flags = number(choices, 4),
    };

    PUT(made, formats);
}

static void make_image_create(Made *made, Choices *choices)
{
    static const uint32_t orders[] = { CL_RGBA, CL_RGBA, CL_R, CL_DEPTH };
    static const uint32_t kinds[] = { CL_UNORM_INT8, CL_UNORM_INT8, CL_FLOAT };
    struct vgpu_stub_cl_image_create create = {
        .id = image(choices),
        .type = image_type(choices),
        .channel_order = orders[choose(choices, G_N_ELEMENTS(orders))],
        .channel_type = kinds[choose(choices, G_N_ELEMENTS(kinds))],
        .flags = number(choices, 4),
        .size = { 1 + number(choices, 16), 1, 1 },
    };

    switch (create.type) {
    case CL_MEM_OBJECT_IMAGE2D:
        create.buffer = choose(choices, 2) == 0 ? 0 : buffer(choices);
        create.row_pitch = create.buffer == 0 ? 0
                           : pitch(choices, 4 * create.size[0]);
        /* fall through */
    case CL_MEM_OBJECT_IMAGE1D_ARRAY:
        create.size[1] = 1 + number(choices, 4);
        break;
    case CL_MEM_OBJECT_IMAGE1D_BUFFER:
        create.buffer = buffer(choices);
        break;
    case CL_MEM_OBJECT_IMAGE2D_ARRAY:
    case CL_MEM_OBJECT_IMAGE3D:
        create.size[1] = 1 + number(choices, 4);
        create.size[2] = 1 + number(choices, 4);
        break;
    }
    PUT(made, create);
}

/* A part of an image, as a rule with one row */
static void make_part(uint64_t origin[3], uint64_t region[3],
                      Choices *choices)
{
    make_three(origin, choices, 0);
    make_three(region, choices, 1);
    for (int i = 1; i < 3; i++) {
        if (choose(choices, 4) != 0) {
            origin[i] = 0;
            region[i] = 1;
        }
    }
}

static void make_image_part(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_image_part part = { .image = image(choices) };

    make_part(part.origin, part.region, choices);
    part.size = 4 * part.region[0] * part.region[1] * part.region[2];
    PUT(made, part);
    make_moved(made, choices, made->opcode == VGPU_STUB_CL_IMAGE_WRITE,
               part.size);
}

static void make_image_fill(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_image_fill fill = { .image = image(choices) };

    make_part(fill.origin, fill.region, choices);
    PUT(made, fill);
}

static void make_image_copy(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_image_copy copy = {
        .source = image(choices), .target = image(choices),
    };

    make_part(copy.source_origin, copy.region, choices);
    make_part(copy.target_origin, copy.region, choices);
    PUT(made, copy);
}

static void make_image_buffer(Made *made, Choices *choices)
{
    struct vgpu_stub_cl_image_buffer both = {
        .image = image(choices),
        .buffer = buffer(choices),
        .offset = number(choices, 64),
    };

    make_part(both.origin, both.region, choices);
    PUT(made, both);
}

static void make_sampler_create(Made *made, Choices *choices)
{
    const struct vgpu_stub_cl_sampler_create create = {
        .id = id(choices, SAMPLERS, IDS),
        .normalized = choose(choices, 2),
        .addressing = CL_ADDRESS_NONE + number(choices, 5),
        .filter = CL_FILTER_NEAREST + choose(choices, 2),
    };

    PUT(made, create);
}

/* --- Batches --- */

#define MAKER(name, number, structure, tail, payload) \
    { number, make_##structure },

static const struct {
    uint16_t opcode;
    void (*make)(Made *made, Choices *choices);
} makers[] = { VGPU_STUB_CL_COMMANDS(MAKER) };

void batch_init(MadeBatch *batch, uint64_t first)
{
    const struct vgpu_stub_cl_batch header = { .first = first };

    *batch = (MadeBatch) { .bytes = g_byte_array_new() };
    g_byte_array_append(batch->bytes, (const guint8 *)&header,
                        sizeof(header));
}

/* As many bytes as it is said to have, or not */
static void set_bulk(MadeBatch *batch, const Made *made, Choices *choices)
{
    const bool other = seldom(choices);

    batch->bulk_length = MIN(made->data, BULK_MAX);
    batch->bulk_flags = made->bulk_to_guest != other
                        ? VGPU_STUB_SUBMIT_BULK_TO_GUEST
                        : VGPU_STUB_SUBMIT_BULK_FROM_GUEST;
    if (batch->bulk_length == 0) {
        batch->bulk_flags = 0;
    }
}

/* Another number somewhere in the last @size bytes */
static void spoil(GByteArray *bytes, size_t size, Choices *choices)
{
    const uint64_t wrong = hostile(choices);
    const size_t length = 1u << choose(choices, 4);
    const size_t at = choose(choices, size / length) * length;

    memcpy(bytes->data + bytes->len - size + at, &wrong, length);
}

static void append(MadeBatch *batch, const Made *made)
{
    static const uint8_t zeros[8];
    const struct vgpu_stub_cl_command header = {
        made->opcode, made->flags, sizeof(header) + made->body->len,
    };
    struct vgpu_stub_cl_batch *whole;

    g_byte_array_append(batch->bytes, zeros, (8 - batch->bytes->len % 8) % 8);
    g_byte_array_append(batch->bytes, (const guint8 *)&header,
                        sizeof(header));
    g_byte_array_append(batch->bytes, made->body->data, made->body->len);
    whole = (struct vgpu_stub_cl_batch *)batch->bytes->data;
    whole->count++;
}

void batch_add(MadeBatch *batch, Choices *choices)
{
    const uint32_t which = choose(choices, G_N_ELEMENTS(makers));
    Made made = {
        .opcode = makers[which].opcode,
        .flags = choose(choices, 8) == 0 ? VGPU_STUB_CL_FLAG_TIMES : 0,
        .body = g_byte_array_new(),
    };

    makers[which].make(&made, choices);
    append(batch, &made);
    if (seldom(choices)) {
        spoil(batch->bytes, sizeof(struct vgpu_stub_cl_command) +
              made.body->len, choices);
    }
    if (made.flags & VGPU_STUB_CL_FLAG_BULK) {
        set_bulk(batch, &made, choices);
    }
    g_byte_array_unref(made.body);
}

/* A command of @size bytes and the @tail */
static void add(MadeBatch *batch, uint16_t opcode, const void *bytes,
                size_t size, const char *tail)
{
    Made made = { .opcode = opcode, .body = g_byte_array_new() };

    put(&made, bytes, size);
    put(&made, tail, strlen(tail));
    append(batch, &made);
    g_byte_array_unref(made.body);
}

#define ADD(batch, opcode, tail, structure, ...) \
    add(batch, opcode, &(struct vgpu_stub_cl_##structure) { __VA_ARGS__ }, \
        sizeof(struct vgpu_stub_cl_##structure), tail)

static void add_kernels(MadeBatch *batch)
{
    ADD(batch, VGPU_STUB_CL_KERNEL_CREATE, "first", kernel_create,
        .id = KERNELS, .program = PROGRAMS);
    ADD(batch, VGPU_STUB_CL_KERNEL_CREATE, "second", kernel_create,
        .id = KERNELS + 1, .program = PROGRAMS);
    ADD(batch, VGPU_STUB_CL_KERNEL_ARG, "", kernel_arg, .kernel = KERNELS,
        .index = 0, .kind = VGPU_STUB_CL_ARG_OBJECT, .object = BUFFERS);
    ADD(batch, VGPU_STUB_CL_KERNEL_ARG, "", kernel_arg, .kernel = KERNELS,
        .index = 6, .kind = VGPU_STUB_CL_ARG_OBJECT, .object = BUFFERS + 1);
}

static void add_images(MadeBatch *batch)
{
    static const struct vgpu_stub_cl_image_create images[] = {
        { .type = CL_MEM_OBJECT_IMAGE2D, .size = { 8, 4, 1 } },
        { .type = CL_MEM_OBJECT_IMAGE3D, .size = { 8, 4, 2 } },
        { .type = CL_MEM_OBJECT_IMAGE1D_BUFFER, .buffer = BUFFERS + 1,
          .size = { 16, 1, 1 } },
    };

    for (uint32_t i = 0; i < G_N_ELEMENTS(images); i++) {
        struct vgpu_stub_cl_image_create create = images[i];

        create.id = IMAGES + i;
        create.channel_order = CL_RGBA;
        create.channel_type = CL_UNORM_INT8;
        add(batch, VGPU_STUB_CL_IMAGE_CREATE, &create, sizeof(create), "");
    }
    ADD(batch, VGPU_STUB_CL_SAMPLER_CREATE, "", sampler_create,
        .id = SAMPLERS, .addressing = CL_ADDRESS_NONE,
        .filter = CL_FILTER_NEAREST);
    ADD(batch, VGPU_STUB_CL_KERNEL_ARG, "", kernel_arg, .kernel = KERNELS,
        .index = 4, .kind = VGPU_STUB_CL_ARG_OBJECT, .object = IMAGES);
    ADD(batch, VGPU_STUB_CL_KERNEL_ARG, "", kernel_arg, .kernel = KERNELS,
        .index = 5, .kind = VGPU_STUB_CL_ARG_OBJECT, .object = SAMPLERS);
}

void batch_furnish(MadeBatch *batch)
{
    for (uint32_t i = BUFFERS; i < PROGRAMS - 1; i++) {
        ADD(batch, VGPU_STUB_CL_BUFFER_CREATE, "", buffer_create, .id = i,
            .size = 256);
    }
    ADD(batch, VGPU_STUB_CL_SUB_BUFFER_CREATE, "", sub_buffer_create,
        .id = PROGRAMS - 1, .buffer = BUFFERS, .size = 64);
    for (uint32_t i = PROGRAMS; i < KERNELS; i++) {
        ADD(batch, VGPU_STUB_CL_PROGRAM_CREATE, "", program_create, .id = i,
            .length = 128);
        ADD(batch, i == PROGRAMS ? VGPU_STUB_CL_PROGRAM_BUILD
                                 : VGPU_STUB_CL_PROGRAM_COMPILE, "", object,
            .id = i);
    }
    add_kernels(batch);
    add_images(batch);
}
