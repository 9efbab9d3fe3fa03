/*
 * A worker's session: memory and kernels, on each backend that is here
 *
 * The backends are asked the same. The one for CUDA needs a GPU; what it says
 * without one is always tested.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vgpu-stub-ring.h"

#define KERNELS "build/kernels"
#define QUOTA (1024 * 1024)

/* Bytes of each of a fixture's buffers */
#define SIZE 4096

/* What one direction of MEMORY_COPY carries */
#define CHUNK 968

typedef struct Fixture {
    Session *session;
    uint64_t a, b, c;           /* handles */
} Fixture;

/* A request in the making, in host byte order */
typedef struct Ask {
    uint32_t opcode;
    uint32_t param_count;
    uint32_t params[16];
    uint32_t data_length;
    uint32_t flags;             /* a submission's */
    SessionBulk bulk;
    uint8_t data[CHUNK] __attribute__((aligned(8)));
} Ask;

typedef struct Answer {
    uint32_t status;
    uint32_t result_count;
    uint32_t results[32];
    uint32_t data_length;
    uint8_t data[1024];         /* with a NUL behind it */
    uint32_t moved;             /* bytes of bulk */
    gint64 exec_us;
} Answer;

/* What the VMs of the test that is running may */
static SessionLimits limits;

/* What a mediator says that knows of no other worker of the VM */
static bool grant(gpointer opaque, uint64_t held, uint64_t wanted,
                  GError **error)
{
    (void)opaque;
    if (wanted <= limits.memory && held <= limits.memory - wanted) {
        return true;
    }
    g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_OUT_OF_MEMORY,
                        "so many are left");
    return false;
}

/* Where its kernels print; NULL: that is not looked at */
static Output *output;

static Session *open_device(const char *backend, unsigned device,
                            const char *kernels, bool closed, GError **error)
{
    const SessionOptions options = {
        .backend = backend,
        .device = device,
        .kernels = kernels,
        .closed = closed,
        .output = output,
        .grant = grant,
    };

    return session_new(&options, error);
}

static Session *open_session(const char *backend, bool guest_kernels)
{
    g_autoptr(GError) error = NULL;
    Session *session = open_device(backend, 0, KERNELS, true, &error);

    limits = (SessionLimits) {
        .memory = QUOTA, .guest_kernels = guest_kernels,
    };

    if (session == NULL) {
        g_test_skip(error->message);
    }
    return session;
}

static Answer ask(Session *session, const Ask *wanted)
{
    const Call call = {
        .opcode = wanted->opcode,
        .param_count = wanted->param_count,
        .params = (const uint8_t *)wanted->params,
        .data_length = wanted->data_length,
        .data = wanted->data,
    };
    uint8_t bytes[VGPU_STUB_MAX_RESPONSE];
    SessionBulk bulk = wanted->bulk;
    Answer answer = { 0 };
    Reply reply;

    reply_init(&reply, sizeof(bytes));
    session_execute(session, &limits, &call, wanted->flags, &bulk, &reply,
                    &answer.exec_us);
    answer.moved = bulk.moved;
    g_assert_cmpuint(reply_encode(&reply, 0, bytes), <=, sizeof(bytes));
    g_assert_cmpint(answer.exec_us, >=, 0);
    answer.status = reply.status;
    answer.result_count = reply.result_count;
    answer.data_length = reply.data_length;
    g_assert_cmpuint(reply.result_count, <=, G_N_ELEMENTS(answer.results));
    memcpy(answer.results, reply.body, reply.result_count * 4);
    memcpy(answer.data, reply.body + reply.result_count * 4,
           reply.data_length);
    return answer;
}

static Answer expect(Session *session, const Ask *wanted, uint32_t status)
{
    Answer answer = ask(session, wanted);

    if (answer.status != status) {
        g_test_message("%s", answer.data);
    }
    g_assert_cmphex(answer.status, ==, status);
    if (status != 0) {
        g_assert_cmpuint(answer.result_count, ==, 0);
        g_assert_cmpuint(answer.data_length, >, 0);
    }
    return answer;
}

static Answer done(Session *session, const Ask *wanted)
{
    return expect(session, wanted, VGPU_STUB_ERR_NONE);
}

static uint64_t result64(const Answer *answer, unsigned index)
{
    return answer->results[index] |
           (uint64_t)answer->results[index + 1] << 32;
}

static void add(Ask *wanted, uint32_t param)
{
    wanted->params[wanted->param_count++] = param;
}

static void add64(Ask *wanted, uint64_t param)
{
    add(wanted, param);
    add(wanted, param >> 32);
}

static Ask ask_alloc(uint64_t size)
{
    Ask wanted = { .opcode = VGPU_STUB_OP_MEMORY_ALLOC };

    add64(&wanted, size);
    return wanted;
}

static uint64_t alloc(Session *session, uint64_t size)
{
    const Ask wanted = ask_alloc(size);
    Answer answer = done(session, &wanted);

    g_assert_cmpuint(answer.result_count, ==, 2);
    g_assert_cmpuint(result64(&answer, 0), !=, 0);
    return result64(&answer, 0);
}

static Ask ask_free(uint64_t handle)
{
    Ask wanted = { .opcode = VGPU_STUB_OP_MEMORY_FREE };

    add64(&wanted, handle);
    return wanted;
}

static void release(Session *session, uint64_t handle)
{
    const Ask wanted = ask_free(handle);

    done(session, &wanted);
}

static Ask ask_copy(uint32_t direction, uint32_t length, uint64_t handle,
                    uint64_t offset)
{
    Ask wanted = { .opcode = VGPU_STUB_OP_MEMORY_COPY };

    add(&wanted, direction);
    add(&wanted, length);
    add64(&wanted, handle);
    add64(&wanted, offset);
    return wanted;
}

static Ask ask_copy_within(uint32_t length, uint64_t to, uint64_t to_offset,
                           uint64_t from, uint64_t from_offset)
{
    Ask wanted = ask_copy(VGPU_STUB_COPY_WITHIN_DEVICE, length, to,
                          to_offset);

    add64(&wanted, from);
    add64(&wanted, from_offset);
    return wanted;
}

static void upload(Session *session, uint64_t handle, const void *bytes,
                   size_t size)
{
    for (size_t at = 0; at < size; at += CHUNK) {
        Ask wanted = ask_copy(VGPU_STUB_COPY_TO_DEVICE,
                              MIN(CHUNK, size - at), handle, at);

        wanted.data_length = MIN(CHUNK, size - at);
        memcpy(wanted.data, (const uint8_t *)bytes + at, wanted.data_length);
        done(session, &wanted);
    }
}

static void download(Session *session, uint64_t handle, void *bytes,
                     size_t size)
{
    for (size_t at = 0; at < size; at += 992) {
        const Ask wanted = ask_copy(VGPU_STUB_COPY_FROM_DEVICE,
                                    MIN(992, size - at), handle, at);
        Answer answer = done(session, &wanted);

        g_assert_cmpuint(answer.data_length, ==, MIN(992, size - at));
        memcpy((uint8_t *)bytes + at, answer.data, answer.data_length);
    }
}

static Ask ask_kernel(const char *name)
{
    Ask wanted = {
        .opcode = VGPU_STUB_OP_KERNEL,
        .param_count = 10,
        .params = { 1, 64, 1, 1 },
        .data_length = VGPU_STUB_KERNEL_NAME_SIZE,
    };

    g_strlcpy((char *)wanted.data, name, VGPU_STUB_KERNEL_NAME_SIZE);
    return wanted;
}

static void add_argument(Ask *wanted, uint32_t type, uint64_t value)
{
    const struct vgpu_stub_kernel_arg argument = {
        .type = type, .value = value,
    };

    memcpy(wanted->data + wanted->data_length, &argument, sizeof(argument));
    wanted->data_length += sizeof(argument);
}

static void add_buffer(Ask *wanted, uint64_t handle)
{
    add_argument(wanted, VGPU_STUB_ARG_BUFFER, handle);
}

static void add_u32(Ask *wanted, uint32_t value)
{
    add_argument(wanted, VGPU_STUB_ARG_U32, value);
}

static void add_f32(Ask *wanted, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    add_argument(wanted, VGPU_STUB_ARG_F32, bits);
}

static Ask ask_vector_add(const Fixture *f)
{
    Ask wanted = ask_kernel("vector_add");

    add_buffer(&wanted, f->a);
    add_buffer(&wanted, f->b);
    add_buffer(&wanted, f->c);
    add_u32(&wanted, SIZE / sizeof(float));
    return wanted;
}

/* A fixture with three buffers; false if the backend is not here */
static bool set_up(Fixture *f, const char *backend)
{
    f->session = open_session(backend, false);
    if (f->session == NULL) {
        return false;
    }
    f->a = alloc(f->session, SIZE);
    f->b = alloc(f->session, SIZE);
    f->c = alloc(f->session, SIZE);
    return true;
}

static uint64_t used(Session *session)
{
    const Ask wanted = { .opcode = VGPU_STUB_OP_GET_DEVICE_INFO };
    Answer answer = done(session, &wanted);

    g_assert_cmpuint(result64(&answer, 5), >, 0);
    return result64(&answer, 5);
}

static void test_device_info(gconstpointer backend)
{
    const Ask wanted = { .opcode = VGPU_STUB_OP_GET_DEVICE_INFO };
    const Ask synchronize = { .opcode = VGPU_STUB_OP_SYNCHRONIZE };
    Session *session = open_session(backend, false);
    uint64_t handle;
    Answer answer;

    if (session == NULL) {
        return;
    }
    answer = done(session, &wanted);
    g_assert_cmpuint(answer.result_count, ==, 16);
    g_assert_cmpuint(answer.results[0], ==, 1);
    g_assert_cmphex(answer.results[1], ==, 0x3ff);
    g_assert_cmpuint(answer.results[2], ==,
                     g_str_equal(backend, "cpu") ? VGPU_STUB_BACKEND_CPU :
                     g_str_equal(backend, "opencl") ?
                     VGPU_STUB_BACKEND_OPENCL : VGPU_STUB_BACKEND_CUDA);
    g_assert_cmpuint(result64(&answer, 3), ==, QUOTA);
    g_assert_cmpuint(result64(&answer, 5), ==, 0);
    g_assert_cmpuint(answer.results[7], >, 0);
    g_assert_cmpstr((char *)answer.data, ==, session_device_name(session));
    g_assert_cmpuint(session_memory(session), ==, 0);

    handle = alloc(session, 4097);
    answer = done(session, &wanted);
    g_assert_cmpuint(result64(&answer, 5), ==, 8192);
    g_assert_cmpuint(session_memory(session), ==, 8192);
    limits.others = 4096;
    answer = done(session, &wanted);
    g_assert_cmpuint(result64(&answer, 5), ==, 8192 + 4096);
    release(session, handle);
    g_assert_cmpuint(session_memory(session), ==, 0);

    answer = done(session, &synchronize);
    g_assert_cmpuint(answer.result_count + answer.data_length, ==, 0);
    session_free(session);
}

static void test_memory(gconstpointer backend)
{
    uint8_t there[SIZE], back[SIZE], zero[SIZE] = { 0 };
    Fixture f;
    Ask wanted;
    uint64_t other;

    if (!set_up(&f, backend)) {
        return;
    }
    for (int i = 0; i < SIZE; i++) {
        there[i] = i * 7 + i / 256;
    }
    download(f.session, f.a, back, SIZE);
    g_assert_cmpmem(back, SIZE, zero, SIZE);
    upload(f.session, f.a, there, SIZE);
    download(f.session, f.a, back, SIZE);
    g_assert_cmpmem(back, SIZE, there, SIZE);

    /* From one to another, and within one */
    wanted = ask_copy_within(SIZE - 3, f.b, 3, f.a, 0);
    done(f.session, &wanted);
    download(f.session, f.b, back, SIZE);
    g_assert_cmpmem(back, 3, zero, 3);
    g_assert_cmpmem(back + 3, SIZE - 3, there, SIZE - 3);
    wanted = ask_copy_within(SIZE / 2, f.a, 0, f.a, SIZE / 2);
    done(f.session, &wanted);
    download(f.session, f.a, back, SIZE);
    g_assert_cmpmem(back, SIZE / 2, there + SIZE / 2, SIZE / 2);

    /* What another had is not to be seen. */
    release(f.session, f.a);
    other = alloc(f.session, SIZE);
    g_assert_cmphex(other, !=, f.a);
    download(f.session, other, back, SIZE);
    g_assert_cmpmem(back, SIZE, zero, SIZE);
    session_free(f.session);
}

/* The direction's flag of a submission */
static Ask ask_bulk(uint32_t direction, uint64_t handle, uint64_t offset,
                    void *bytes, uint32_t length)
{
    Ask wanted = ask_copy(direction, length, handle, offset);

    wanted.flags = direction == VGPU_STUB_COPY_TO_DEVICE
                   ? VGPU_STUB_SUBMIT_BULK_FROM_GUEST
                   : VGPU_STUB_SUBMIT_BULK_TO_GUEST;
    wanted.bulk = (SessionBulk) { .bytes = bytes, .length = length };
    return wanted;
}

static void test_bulk(gconstpointer backend)
{
    enum { LARGE = QUOTA / 2 };
    g_autofree uint8_t *there = g_malloc(LARGE);
    g_autofree uint8_t *back = g_malloc0(LARGE);
    Session *session = open_session(backend, false);
    uint64_t handle;
    Answer answer;
    Ask wanted;

    if (session == NULL) {
        return;
    }
    for (int i = 0; i < LARGE; i++) {
        there[i] = i * 31 + i / 256;
    }
    handle = alloc(session, LARGE);
    wanted = ask_bulk(VGPU_STUB_COPY_TO_DEVICE, handle, 0, there, LARGE);
    answer = done(session, &wanted);
    g_assert_cmpuint(answer.moved, ==, LARGE);
    g_assert_cmpuint(answer.data_length, ==, 0);
    wanted = ask_bulk(VGPU_STUB_COPY_FROM_DEVICE, handle, 3, back, LARGE - 3);
    answer = done(session, &wanted);
    g_assert_cmpuint(answer.moved, ==, LARGE - 3);
    g_assert_cmpuint(answer.data_length, ==, 0);
    g_assert_cmpmem(back, LARGE - 3, there + 3, LARGE - 3);
    session_free(session);
}

/* Nothing moves, and the sentence says why. */
static void refuse_bulk(Session *session, const Ask *wanted, const char *why)
{
    const Answer answer = expect(session, wanted,
                                 VGPU_STUB_ERR_INVALID_REQUEST);

    g_assert_nonnull(strstr((const char *)answer.data, why));
    g_assert_cmpuint(answer.moved, ==, 0);
}

static void test_bad_bulk(gconstpointer backend)
{
    static const uint32_t opcodes[] = {
        VGPU_STUB_OP_KERNEL, VGPU_STUB_OP_MEMORY_ALLOC,
        VGPU_STUB_OP_MEMORY_FREE, VGPU_STUB_OP_GET_DEVICE_INFO,
        VGPU_STUB_OP_SYNCHRONIZE, VGPU_STUB_OP_MEMORY_FREE_ALL,
        VGPU_STUB_OP_LIST_KERNELS,
    };
    uint8_t bytes[SIZE] = { 0 };
    Fixture f;
    Ask wanted;

    if (!set_up(&f, backend)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(opcodes); i++) {
        wanted = ask_bulk(VGPU_STUB_COPY_TO_DEVICE, f.a, 0, bytes, SIZE);
        wanted.opcode = opcodes[i];
        refuse_bulk(f.session, &wanted, "takes no bulk");
        wanted.flags = VGPU_STUB_SUBMIT_WAITS;
        refuse_bulk(f.session, &wanted, "does not wait");
    }
    for (uint32_t direction = 0; direction <= 1; direction++) {
        const Ask good = ask_bulk(direction, f.a, 0, bytes, SIZE);

        wanted = good;
        wanted.flags ^= VGPU_STUB_SUBMIT_BULK_FROM_GUEST |
                        VGPU_STUB_SUBMIT_BULK_TO_GUEST;
        refuse_bulk(f.session, &wanted, "not the bulk of this direction");
        wanted = good;
        wanted.bulk.length--;
        refuse_bulk(f.session, &wanted, "length: not that of the bulk");
        wanted = good;
        wanted.params[4] = 1;
        refuse_bulk(f.session, &wanted, "they leave the memory's 4096 bytes");
        wanted = good;
        wanted.data_length = 1;
        refuse_bulk(f.session, &wanted, "data_length: ");
        wanted = good;
        wanted.flags |= VGPU_STUB_SUBMIT_WAITS;
        refuse_bulk(f.session, &wanted, "does not wait");
    }
    wanted = ask_copy_within(16, f.a, 0, f.b, 0);
    wanted.flags = VGPU_STUB_SUBMIT_BULK_TO_GUEST;
    wanted.bulk = (SessionBulk) { .bytes = bytes, .length = 16 };
    refuse_bulk(f.session, &wanted, "not the bulk of this direction");
    session_free(f.session);
}

static void test_free_all(gconstpointer backend)
{
    const Ask free_all = { .opcode = VGPU_STUB_OP_MEMORY_FREE_ALL };
    Fixture f;
    Answer answer;
    Ask wanted;

    if (!set_up(&f, backend)) {
        return;
    }
    for (unsigned left = 3 * SIZE;; left = 0) {
        answer = done(f.session, &free_all);
        g_assert_cmpuint(answer.result_count, ==, 2);
        g_assert_cmpuint(result64(&answer, 0), ==, left);
        if (left == 0) {
            break;
        }
    }
    wanted = ask_free(f.a);
    expect(f.session, &wanted, VGPU_STUB_ERR_INVALID_HANDLE);
    g_assert_cmpuint(session_memory(f.session), ==, 0);
    session_free(f.session);
}

static Ask ask_list(uint32_t first)
{
    return (Ask) {
        .opcode = VGPU_STUB_OP_LIST_KERNELS,
        .param_count = 1,
        .params = { first },
    };
}

/* The rows of a list that one response holds, as text */
static char *list(Session *session)
{
    const Ask wanted = ask_list(0);
    const Answer answer = done(session, &wanted);
    const struct vgpu_stub_kernel_row *rows = (const void *)answer.data;
    GString *text = g_string_new(NULL);

    g_assert_cmpuint(answer.result_count, ==, 1);
    g_assert_cmpuint(answer.data_length, ==,
                     answer.results[0] * sizeof(rows[0]));
    for (uint32_t i = 0; i < answer.results[0]; i++) {
        g_string_append_printf(text, "%u %u %s\n", rows[i].type,
                               rows[i].detail, rows[i].name);
    }
    return g_string_free(text, false);
}

/* Put a copy of the package's file @from into the @folder, as @to. */
static void copy_kernel(const char *folder, const char *from, const char *to)
{
    g_autofree char *source = g_build_filename(KERNELS, from, NULL);
    g_autofree char *target = g_build_filename(folder, to, NULL);
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(source, &text, &length, NULL));
    g_assert_true(g_file_set_contents(target, text, length, NULL));
}

/* What has no program, or is not compiled in, cannot be run and is not there. */
static void test_list_of_what_can_be_run(gconstpointer backend)
{
    static const char *const names[][2] = {
        { "saxpy.kernel", "saxpy.kernel" }, { "saxpy.cl", "saxpy.cl" },
        { "saxpy.ptx", "saxpy.ptx" }, { "sgemm.kernel", "another.kernel" },
        { "sgemm.kernel", "sha256.kernel" },
    };
    g_autofree char *folder = g_dir_make_tmp("kernels-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *listed = NULL;
    Session *session;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        copy_kernel(folder, names[i][0], names[i][1]);
    }
    session = open_device(backend, 0, folder, true, &error);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i][1], NULL);

        g_unlink(path);
    }
    g_rmdir(folder);
    if (session == NULL) {
        g_test_skip(error->message);
        return;
    }
    listed = list(session);
    g_assert_cmpstr(listed, ==,
                    "0 1 saxpy\n1 1 x\n1 3 y\n2 0 n\n3 0 a\n");
    session_free(session);
}

static void test_quota(gconstpointer backend)
{
    Session *session = open_session(backend, false);
    uint64_t handles[QUOTA / 4096];
    Ask wanted = ask_alloc(1);

    if (session == NULL) {
        return;
    }
    /* However small they are, there are not more than the quota has pages. */
    for (size_t i = 0; i < G_N_ELEMENTS(handles); i++) {
        handles[i] = alloc(session, 1);
        for (size_t j = 0; j < i; j++) {
            g_assert_cmphex(handles[i], !=, handles[j]);
        }
    }
    expect(session, &wanted, VGPU_STUB_ERR_OUT_OF_MEMORY);
    release(session, handles[3]);
    wanted = ask_alloc(4097);
    expect(session, &wanted, VGPU_STUB_ERR_OUT_OF_MEMORY);
    alloc(session, 4096);
    session_free(session);
}

/* A lower one takes nothing away, and gives nothing more. */
static void test_quota_is_lowered(gconstpointer backend)
{
    Session *session = open_session(backend, false);
    Ask wanted = ask_alloc(1);
    uint64_t kept, other;

    if (session == NULL) {
        return;
    }
    kept = alloc(session, QUOTA / 2);
    other = alloc(session, QUOTA / 4);
    limits.memory = QUOTA / 2;
    expect(session, &wanted, VGPU_STUB_ERR_OUT_OF_MEMORY);
    release(session, other);
    expect(session, &wanted, VGPU_STUB_ERR_OUT_OF_MEMORY);
    upload(session, kept, "kept", 5);
    release(session, kept);
    release(session, alloc(session, QUOTA / 2));
    session_free(session);
}

static void test_handles_of_another_vm(gconstpointer backend)
{
    Fixture f, other;
    Ask wanted;

    if (!set_up(&f, backend)) {
        return;
    }
    g_assert_true(set_up(&other, backend));
    wanted = ask_free(other.a);
    expect(f.session, &wanted, VGPU_STUB_ERR_INVALID_HANDLE);
    wanted = ask_copy(VGPU_STUB_COPY_FROM_DEVICE, 4, other.a, 0);
    expect(f.session, &wanted, VGPU_STUB_ERR_INVALID_HANDLE);
    wanted = ask_vector_add(&other);
    expect(f.session, &wanted, VGPU_STUB_ERR_INVALID_HANDLE);
    done(other.session, &wanted);
    session_free(other.session);
    session_free(f.session);
}

/* Ways to lay out work items: dimensions, global and work-group sizes */
static const uint32_t ranges[][7] = {
    { 1, 1, 1, 1, 0, 0, 0 },
    { 1, 7, 1, 1, 0, 0, 0 },
    { 1, 64, 1, 1, 16, 1, 1 },
    { 1, 5000, 1, 1, 0, 0, 0 },
    { 2, 8, 4, 1, 0, 0, 0 },
    { 2, 8, 4, 1, 2, 4, 1 },
};

/* @check runs for each range that has at most @dimensions. */
static void for_ranges(Fixture *f, unsigned dimensions,
                       void (*check)(Fixture *f, const uint32_t *range))
{
    for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (ranges[i][0] <= dimensions) {
            check(f, ranges[i]);
        }
    }
}

static void run(Fixture *f, Ask *wanted, const uint32_t *range)
{
    memcpy(wanted->params, range, sizeof(ranges[0]));
    done(f->session, wanted);
}

static void fill(float *values, size_t count, float step)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = step * (i % 97) - 3;
    }
}

static void assert_near(float value, float wanted)
{
    g_assert_cmpfloat(fabsf(value - wanted), <=,
                      1e-5f * (1 + fabsf(wanted)));
}

static void check_vector_add(Fixture *f, const uint32_t *range)
{
    enum { N = 1000 };
    float a[N], b[N], c[N + 1];
    Ask wanted = ask_kernel("vector_add");

    fill(a, N, 0.5f);
    fill(b, N, 0.25f);
    fill(c, N + 1, 1);
    upload(f->session, f->a, a, sizeof(a));
    upload(f->session, f->b, b, sizeof(b));
    upload(f->session, f->c, c, sizeof(c));
    add_buffer(&wanted, f->a);
    add_buffer(&wanted, f->b);
    add_buffer(&wanted, f->c);
    add_u32(&wanted, N);
    run(f, &wanted, range);
    download(f->session, f->c, c, sizeof(c));
    for (int i = 0; i < N; i++) {
        assert_near(c[i], a[i] + b[i]);
    }
    /* n says where it ends. */
    g_assert_cmpfloat(c[N], ==, N % 97 - 3);
}

static void check_saxpy(Fixture *f, const uint32_t *range)
{
    enum { N = 1001 };
    float x[N], y[N], back[N];
    Ask wanted = ask_kernel("saxpy");

    fill(x, N, 0.5f);
    fill(y, N, 0.25f);
    upload(f->session, f->a, x, sizeof(x));
    upload(f->session, f->b, y, sizeof(y));
    add_buffer(&wanted, f->a);
    add_buffer(&wanted, f->b);
    add_u32(&wanted, N);
    add_f32(&wanted, -1.5f);
    run(f, &wanted, range);
    download(f->session, f->b, back, sizeof(back));
    for (int i = 0; i < N; i++) {
        assert_near(back[i], -1.5f * x[i] + y[i]);
    }
}

static void check_sgemm(Fixture *f, const uint32_t *range)
{
    enum { M = 19, N = 23, K = 29 };
    float a[M * K], b[K * N], c[M * N], back[M * N];
    Ask wanted = ask_kernel("sgemm");

    fill(a, M * K, 0.03125f);
    fill(b, K * N, 0.0625f);
    fill(c, M * N, 0.5f);
    upload(f->session, f->a, a, sizeof(a));
    upload(f->session, f->b, b, sizeof(b));
    upload(f->session, f->c, c, sizeof(c));
    add_buffer(&wanted, f->a);
    add_buffer(&wanted, f->b);
    add_buffer(&wanted, f->c);
    add_u32(&wanted, M);
    add_u32(&wanted, N);
    add_u32(&wanted, K);
    add_f32(&wanted, 2);
    add_f32(&wanted, -0.5f);
    run(f, &wanted, range);
    download(f->session, f->c, back, sizeof(back));
    for (int row = 0; row < M; row++) {
        for (int column = 0; column < N; column++) {
            double sum = 0;

            for (int i = 0; i < K; i++) {
                sum += (double)a[row * K + i] * b[i * N + column];
            }
            assert_near(back[row * N + column],
                        2 * sum - 0.5 * c[row * N + column]);
        }
    }
}

static void check_reduce(Fixture *f, const uint32_t *range)
{
    enum { N = 1013, PARTS = 10 };
    float in[N], out[PARTS];
    double sums[PARTS] = { 0 };
    Ask wanted = ask_kernel("reduce");

    fill(in, N, 0.5f);
    for (int i = 0; i < N; i++) {
        sums[i % PARTS] += in[i];
    }
    upload(f->session, f->a, in, sizeof(in));
    add_buffer(&wanted, f->a);
    add_buffer(&wanted, f->b);
    add_u32(&wanted, N);
    add_u32(&wanted, PARTS);
    run(f, &wanted, range);
    download(f->session, f->b, out, sizeof(out));
    for (int i = 0; i < PARTS; i++) {
        assert_near(out[i], sums[i]);
    }
}

static void check_sha256_of(Fixture *f, const uint32_t *range, size_t length,
                            size_t count)
{
    guint8 data[SIZE], digests[SIZE];
    Ask wanted = ask_kernel("sha256");

    for (size_t i = 0; i < SIZE; i++) {
        data[i] = i * 31 + i / 256;
    }
    upload(f->session, f->a, data, sizeof(data));
    add_buffer(&wanted, f->a);
    add_buffer(&wanted, f->b);
    add_u32(&wanted, length);
    add_u32(&wanted, count);
    run(f, &wanted, range);
    download(f->session, f->b, digests, 32 * count);
    for (size_t i = 0; i < count; i++) {
        g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
        guint8 digest[32];
        gsize size = sizeof(digest);

        g_checksum_update(checksum, data + i * length, length);
        g_checksum_get_digest(checksum, digest, &size);
        g_assert_cmpmem(digests + i * 32, 32, digest, 32);
    }
}

static void check_sha256(Fixture *f, const uint32_t *range)
{
    /* Around the sizes where the padding takes another block */
    static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 65, 119, 120 };

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        check_sha256_of(f, range, lengths[i], 9);
    }
    check_sha256_of(f, range, SIZE, 1);
}

static void test_kernels(gconstpointer backend)
{
    Fixture f;

    if (!set_up(&f, backend)) {
        return;
    }
    for_ranges(&f, 1, check_vector_add);
    for_ranges(&f, 1, check_saxpy);
    for_ranges(&f, 2, check_sgemm);
    for_ranges(&f, 1, check_reduce);
    for_ranges(&f, 1, check_sha256);
    session_free(f.session);
}

/* What a row of the table below changes in a good request */
typedef enum Base {
    INFO, SYNCHRONIZE, LIST, ALLOC, FREE, FREE_ALL, TO, FROM, WITHIN, KERNEL, SGEMM,
    REDUCE, SHA256,
} Base;

typedef enum Change {
    OPCODE,                     /* becomes @value */
    PARAM,                      /* number @at becomes @value */
    FLIP,                       /* param number @at is XORed with @value */
    COUNT,                      /* of params becomes @value */
    LENGTH,                     /* of the data becomes @value */
    DATA,                       /* byte @at becomes @value */
    TYPE,                       /* of argument @at becomes @value */
    RESERVED,                   /* of argument @at becomes @value */
    VALUE,                      /* of argument @at becomes @value */
} Change;

#define MAX32 0xffffffffu
#define INVALID VGPU_STUB_ERR_INVALID_REQUEST
#define HANDLE VGPU_STUB_ERR_INVALID_HANDLE
#define MEMORY VGPU_STUB_ERR_OUT_OF_MEMORY
#define UNKNOWN VGPU_STUB_ERR_UNKNOWN_KERNEL
#define UNSUPPORTED VGPU_STUB_ERR_UNSUPPORTED_OPERATION

static const struct {
    Base base;
    Change change;
    uint32_t at;
    uint64_t value;
    uint32_t status;
    const char *why;            /* the sentence has it */
} bad[] = {
    { INFO, OPCODE, 0, VGPU_STUB_OP_NOP, UNSUPPORTED, "not supported" },
    { INFO, OPCODE, 0, VGPU_STUB_OP_ECHO, UNSUPPORTED, "not supported" },
    { INFO, OPCODE, 0, 10, UNSUPPORTED, "not supported" },
    { INFO, OPCODE, 0, 0x101, UNSUPPORTED, "not supported" },
    { INFO, OPCODE, 0, MAX32, UNSUPPORTED, "not supported" },
    { INFO, COUNT, 0, 1, INVALID, "param_count: not 0" },
    { INFO, LENGTH, 0, 1, INVALID, "takes no data" },
    { SYNCHRONIZE, COUNT, 0, 1, INVALID, "param_count: not 0" },
    { SYNCHRONIZE, LENGTH, 0, 1, INVALID, "takes no data" },
    { LIST, COUNT, 0, 0, INVALID, "param_count: not 1" },
    { LIST, COUNT, 0, 2, INVALID, "param_count: not 1" },
    { LIST, LENGTH, 0, 1, INVALID, "takes no data" },
    { LIST, PARAM, 0, 1000, INVALID, "first row: above their number" },
    { LIST, PARAM, 0, MAX32, INVALID, "first row: above their number" },
    { FREE_ALL, COUNT, 0, 1, INVALID, "param_count: not 0" },
    { FREE_ALL, LENGTH, 0, 1, INVALID, "takes no data" },

    { ALLOC, COUNT, 0, 0, INVALID, "param_count: not 2" },
    { ALLOC, COUNT, 0, 1, INVALID, "param_count: not 2" },
    { ALLOC, COUNT, 0, 3, INVALID, "param_count: not 2" },
    { ALLOC, LENGTH, 0, 4, INVALID, "takes no data" },
    { ALLOC, PARAM, 0, 0, INVALID, "bytes: 0" },
    { ALLOC, PARAM, 0, QUOTA, MEMORY, "are left" },
    { ALLOC, PARAM, 0, QUOTA - 3 * SIZE + 1, MEMORY, "are left" },
    { ALLOC, PARAM, 0, MAX32, MEMORY, "are left" },
    { ALLOC, PARAM, 1, 1, MEMORY, "are left" },
    { ALLOC, PARAM, 1, MAX32, MEMORY, "are left" },

    { FREE, COUNT, 0, 1, INVALID, "param_count: not 2" },
    { FREE, LENGTH, 0, 1, INVALID, "takes no data" },
    { FREE, FLIP, 0, 1, HANDLE, "has the handle" },
    { FREE, FLIP, 1, 0x80000000, HANDLE, "has the handle" },

    { TO, COUNT, 0, 0, INVALID, "param_count: not 6 or 10" },
    { TO, COUNT, 0, 1, INVALID, "param_count: not 6 or 10" },
    { TO, COUNT, 0, 5, INVALID, "param_count: not 6" },
    { TO, COUNT, 0, 10, INVALID, "param_count: not 6" },
    { TO, PARAM, 0, 3, INVALID, "direction: not 0, 1 or 2" },
    { TO, PARAM, 0, MAX32, INVALID, "direction: not 0, 1 or 2" },
    { TO, PARAM, 0, 1, INVALID, "takes no data" },
    { TO, PARAM, 1, 0, INVALID, "length: 0" },
    { TO, PARAM, 1, 15, INVALID, "not that of the data" },
    { TO, PARAM, 1, 17, INVALID, "not that of the data" },
    { TO, PARAM, 1, MAX32, INVALID, "not that of the data" },
    { TO, LENGTH, 0, 0, INVALID, "not that of the data" },
    { TO, FLIP, 2, 1, HANDLE, "has the handle" },
    { TO, FLIP, 3, 1, HANDLE, "has the handle" },
    { TO, PARAM, 4, SIZE - 15, INVALID, "they leave the memory's 4096" },
    { TO, PARAM, 4, SIZE, INVALID, "they leave the memory's 4096" },
    { TO, PARAM, 4, MAX32, INVALID, "they leave the memory's 4096" },
    { TO, PARAM, 5, 1, INVALID, "they leave the memory's 4096" },
    { TO, PARAM, 5, MAX32, INVALID, "they leave the memory's 4096" },

    { FROM, COUNT, 0, 10, INVALID, "param_count: not 6" },
    { FROM, LENGTH, 0, 16, INVALID, "takes no data" },
    { FROM, PARAM, 1, 0, INVALID, "length: 0" },
    { FROM, PARAM, 1, 993, INVALID, "more than the 992 bytes" },
    { FROM, PARAM, 1, MAX32, INVALID, "more than the 992 bytes" },
    { FROM, FLIP, 2, 2, HANDLE, "has the handle" },
    { FROM, PARAM, 4, SIZE - 15, INVALID, "they leave the memory's 4096" },
    { FROM, PARAM, 5, MAX32, INVALID, "they leave the memory's 4096" },

    { WITHIN, COUNT, 0, 6, INVALID, "param_count: not 10" },
    { WITHIN, COUNT, 0, 9, INVALID, "param_count: not 10" },
    { WITHIN, LENGTH, 0, 16, INVALID, "takes no data" },
    { WITHIN, PARAM, 1, 0, INVALID, "length: 0" },
    { WITHIN, PARAM, 1, SIZE + 1, INVALID, "they leave the memory's 4096" },
    { WITHIN, PARAM, 1, MAX32, INVALID, "they leave the memory's 4096" },
    { WITHIN, FLIP, 2, 1, HANDLE, "has the handle" },
    { WITHIN, FLIP, 6, 1, HANDLE, "has the handle" },
    { WITHIN, PARAM, 8, SIZE - 15, INVALID, "they leave the memory's 4096" },
    { WITHIN, PARAM, 9, MAX32, INVALID, "they leave the memory's 4096" },
    { WITHIN, PARAM, 4, 100, INVALID, "overlap" },
    { WITHIN, PARAM, 4, 85, INVALID, "overlap" },
    { WITHIN, PARAM, 4, 115, INVALID, "overlap" },

    { KERNEL, COUNT, 0, 9, INVALID, "param_count: not 10" },
    { KERNEL, COUNT, 0, 11, INVALID, "param_count: not 10" },
    { KERNEL, PARAM, 0, 0, INVALID, "dimensions: not 1 to 3" },
    { KERNEL, PARAM, 0, 4, INVALID, "dimensions: not 1 to 3" },
    { KERNEL, PARAM, 0, 2, INVALID, "takes 1 dimensions at most" },
    { KERNEL, PARAM, 1, 0, INVALID, "global size: 0 in x" },
    { KERNEL, PARAM, 2, 0, INVALID, "global size: 0 in y" },
    { KERNEL, PARAM, 2, 2, INVALID, "global size: not 1 in y" },
    { KERNEL, PARAM, 3, 2, INVALID, "global size: not 1 in z" },
    { KERNEL, PARAM, 3, 0, INVALID, "global size: 0 in z" },
    { KERNEL, PARAM, 4, 8, INVALID, "work-group size: 0 in y" },
    { KERNEL, PARAM, 5, 1, INVALID, "work-group size: 0 in x" },
    { KERNEL, PARAM, 7, 1, INVALID, "program: its length" },
    { KERNEL, PARAM, 9, 1, INVALID, "program: a length without a handle" },
    { KERNEL, LENGTH, 0, 0, INVALID, "shorter than the kernel's name" },
    { KERNEL, LENGTH, 0, 31, INVALID, "shorter than the kernel's name" },
    { KERNEL, LENGTH, 0, 33, INVALID, "not 16 bytes each" },
    { KERNEL, LENGTH, 0, 95, INVALID, "not 16 bytes each" },
    { KERNEL, LENGTH, 0, 80, INVALID, "takes 4 arguments, not 3" },
    { KERNEL, LENGTH, 0, 112, INVALID, "no type 0" },
    { KERNEL, DATA, 0, 0, INVALID, "not padded with NULs" },
    { KERNEL, DATA, 0, '/', INVALID, "other than letters" },
    { KERNEL, DATA, 6, 0xff, INVALID, "other than letters" },
    { KERNEL, DATA, 31, 'x', INVALID, "not padded with NULs" },
    { KERNEL, DATA, 10, 'x', UNKNOWN, "has no kernel vector_addx" },
    { KERNEL, DATA, 0, 'V', UNKNOWN, "has no kernel Vector_add" },
    { KERNEL, TYPE, 0, 0, INVALID, "argument 0: there is no type 0" },
    { KERNEL, TYPE, 3, 6, INVALID, "argument 3: there is no type 6" },
    { KERNEL, TYPE, 3, MAX32, INVALID, "argument 3: there is no type" },
    { KERNEL, TYPE, 0, 4, INVALID, "a is of type 1, not 4" },
    { KERNEL, TYPE, 3, 3, INVALID, "n is of type 2, not 3" },
    { KERNEL, TYPE, 3, 4, INVALID, "n is of type 2, not 4" },
    { KERNEL, TYPE, 3, 1, HANDLE, "has the handle" },
    { KERNEL, RESERVED, 2, 1, INVALID, "argument 2: reserved" },
    { KERNEL, VALUE, 0, 1, HANDLE, "has the handle" },
    { KERNEL, VALUE, 2, 0, HANDLE, "has the handle" },
    { KERNEL, VALUE, 3, SIZE / 4 + 1, INVALID, "a has 4096 bytes, less" },
    { KERNEL, VALUE, 3, MAX32, INVALID, "a has 4096 bytes, less" },
    { KERNEL, VALUE, 3, 1ull << 32, INVALID, "argument 3: the high bits" },
    { SGEMM, PARAM, 0, 3, INVALID, "takes 2 dimensions at most" },
    { SGEMM, VALUE, 3, MAX32, INVALID, "a has 4096 bytes, less" },
    { SGEMM, VALUE, 4, MAX32, INVALID, "b has 4096 bytes, less" },
    { SGEMM, VALUE, 4, 2000, INVALID, "b has 4096 bytes, less" },
    { SGEMM, VALUE, 5, MAX32, INVALID, "a has 4096 bytes, less" },
    { SGEMM, TYPE, 7, 2, INVALID, "beta is of type 3, not 2" },
    { REDUCE, VALUE, 2, 1025, INVALID, "in has 4096 bytes, less" },
    { REDUCE, VALUE, 3, 1025, INVALID, "out has 4096 bytes, less" },
    { REDUCE, VALUE, 3, MAX32, INVALID, "out has 4096 bytes, less" },
    { SHA256, VALUE, 2, 65, INVALID, "data has 4096 bytes, less" },
    { SHA256, VALUE, 3, 129, INVALID, "data has 4096 bytes, less" },
    { SHA256, VALUE, 2, MAX32, INVALID, "data has 4096 bytes, less" },
};

static Ask good(const Fixture *f, Base base)
{
    Ask wanted = { .opcode = VGPU_STUB_OP_GET_DEVICE_INFO };

    switch (base) {
    case INFO:
        break;
    case SYNCHRONIZE:
        wanted.opcode = VGPU_STUB_OP_SYNCHRONIZE;
        break;
    case LIST:
        return ask_list(0);
    case ALLOC:
        return ask_alloc(1);
    case FREE:
        return ask_free(f->a);
    case FREE_ALL:
        wanted.opcode = VGPU_STUB_OP_MEMORY_FREE_ALL;
        break;
    case TO:
        wanted = ask_copy(VGPU_STUB_COPY_TO_DEVICE, 16, f->a, 0);
        wanted.data_length = 16;
        break;
    case FROM:
        return ask_copy(VGPU_STUB_COPY_FROM_DEVICE, 16, f->a, 0);
    case WITHIN:
        return ask_copy_within(16, f->a, 0, f->a, 100);
    case KERNEL:
        return ask_vector_add(f);
    case SGEMM:
        wanted = ask_kernel("sgemm");
        add_buffer(&wanted, f->a);
        add_buffer(&wanted, f->b);
        add_buffer(&wanted, f->c);
        add_u32(&wanted, 8);
        add_u32(&wanted, 8);
        add_u32(&wanted, 8);
        add_f32(&wanted, 1);
        add_f32(&wanted, 1);
        break;
    case REDUCE:
        wanted = ask_kernel("reduce");
        add_buffer(&wanted, f->a);
        add_buffer(&wanted, f->b);
        add_u32(&wanted, 1024);
        add_u32(&wanted, 1024);
        break;
    case SHA256:
        wanted = ask_kernel("sha256");
        add_buffer(&wanted, f->a);
        add_buffer(&wanted, f->b);
        add_u32(&wanted, 32);
        add_u32(&wanted, 128);
        break;
    }
    return wanted;
}

static void change(Ask *wanted, Change what, uint32_t at, uint64_t value)
{
    struct vgpu_stub_kernel_arg *argument =
        (void *)(wanted->data + VGPU_STUB_KERNEL_NAME_SIZE +
                 at % 57 * sizeof(*argument));

    switch (what) {
    case OPCODE:
        wanted->opcode = value;
        break;
    case PARAM:
        wanted->params[at] = value;
        break;
    case FLIP:
        wanted->params[at] ^= value;
        break;
    case COUNT:
        wanted->param_count = value;
        break;
    case LENGTH:
        wanted->data_length = value;
        break;
    case DATA:
        wanted->data[at] = value;
        break;
    case TYPE:
        argument->type = value;
        break;
    case RESERVED:
        argument->reserved = value;
        break;
    case VALUE:
        argument->value = value;
        break;
    }
}

static void test_bad_requests(gconstpointer backend)
{
    Fixture f;

    if (!set_up(&f, backend)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        Ask wanted = good(&f, bad[i].base);
        Answer answer;

        change(&wanted, bad[i].change, bad[i].at, bad[i].value);
        answer = ask(f.session, &wanted);
        if (answer.status != bad[i].status ||
            strstr((char *)answer.data, bad[i].why) == NULL) {
            g_error("row %zu: status 0x%x, %s; not 0x%x, …%s…", i,
                    answer.status, answer.data, bad[i].status, bad[i].why);
        }
        g_assert_cmpuint(answer.result_count, ==, 0);
        g_assert_cmpint(answer.exec_us, >=, 0);
    }
    g_assert_cmpuint(used(f.session), ==, 3 * SIZE);
    session_free(f.session);
}

/* Those of the requests above that are not changed are good. */
static void test_good_requests(gconstpointer backend)
{
    Fixture f;

    if (!set_up(&f, backend)) {
        return;
    }
    for (Base base = INFO; base <= SHA256; base++) {
        if (base != FREE && base != FREE_ALL) {
            Ask wanted = good(&f, base);

            done(f.session, &wanted);
        }
    }
    session_free(f.session);
}

static void test_sizes_of_work(gconstpointer backend)
{
    static const struct {
        uint32_t range[7];
        const char *why;
    } rows[] = {
        { { 2, 65536, 65536, 1, 0, 0, 0 }, "2^32 work items or more" },
        { { 3, MAX32, MAX32, MAX32, 0, 0, 0 }, "2^32 work items or more" },
        { { 3, MAX32, 1, 2, 0, 0, 0 }, "2^32 work items or more" },
        { { 1, 64, 1, 1, 48, 1, 1 }, "in x it does not divide" },
        { { 1, 64, 1, 1, 64, 2, 1 }, "in y it does not divide" },
        { { 1, 64, 1, 1, 128, 1, 1 }, "in x it does not divide" },
        { { 1, 1u << 20, 1, 1, 1u << 20, 1, 1 }, "work-group size: above" },
        { { 3, 1024, 1024, 1024, 1024, 1024, 1024 },
          "work-group size: above" },
    };
    Fixture f;

    if (!set_up(&f, backend)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Ask wanted = ask_vector_add(&f);
        Answer answer;

        memcpy(wanted.params, rows[i].range, sizeof(rows[i].range));
        answer = expect(f.session, &wanted, INVALID);
        g_assert_nonnull(strstr((char *)answer.data, rows[i].why));
    }
    session_free(f.session);
}

/* A buffer that is written may be given once only, one that is read twice. */
static void test_the_same_buffer_twice(gconstpointer backend)
{
    Fixture f;
    Ask wanted;
    Answer answer;

    if (!set_up(&f, backend)) {
        return;
    }
    wanted = ask_vector_add(&f);
    change(&wanted, VALUE, 1, f.a);
    done(f.session, &wanted);
    change(&wanted, VALUE, 2, f.a);
    answer = expect(f.session, &wanted, INVALID);
    g_assert_cmpstr((char *)answer.data, ==,
                    "vector_add: c is written, and must not be a, too");
    session_free(f.session);
}

static void test_after_an_end(gconstpointer backend)
{
    Fixture f;
    Ask wanted;

    if (!set_up(&f, backend)) {
        return;
    }
    release(f.session, f.c);
    wanted = ask_free(f.c);
    expect(f.session, &wanted, HANDLE);
    wanted = ask_vector_add(&f);
    expect(f.session, &wanted, HANDLE);
    wanted = ask_copy(VGPU_STUB_COPY_FROM_DEVICE, 1, f.c, 0);
    expect(f.session, &wanted, HANDLE);
    session_free(f.session);
}

/* A request for @kernel of the program that is in memory */
static Ask ask_program(uint64_t handle, size_t length, const char *kernel)
{
    Ask wanted = ask_kernel(kernel);

    wanted.params[7] = handle;
    wanted.params[8] = handle >> 32;
    wanted.params[9] = length;
    return wanted;
}

/* The program @source, in the memory @handle, is not one for the compiler. */
static void check_build(Session *session, uint64_t handle, const char *source,
                        const char *why)
{
    const Ask wanted = ask_program(handle, strlen(source) + 1, "k");
    Answer answer;

    upload(session, handle, source, strlen(source) + 1);
    answer = expect(session, &wanted, VGPU_STUB_ERR_BUILD_FAILED);
    g_assert_nonnull(strstr((char *)answer.data, why));
}

static const char program[] =
    "__kernel void scale(__global int *a, int by, ulong n) {\n"
    "    for (size_t i = get_global_id(0); i < n; i += get_global_size(0))\n"
    "        a[i] *= by;\n"
    "}\n"
    "__kernel void hidden(__local int *a) { a[0] = 1; }\n"
    "__kernel void sampled(sampler_t s, __global int *a) { a[0] = 1; }\n"
    "__kernel void pair(float2 f, __global float *a) { a[0] = f.x; }\n"
    "__kernel void nothing(void) { }\n"
    "typedef uint Count;\n"
    "typedef sampler_t Sampler;\n"
    "#define NUMBER unsigned long int\n"
    "__kernel void typed(__global int *a, Count c, NUMBER n, const float f)\n"
    "{ a[0] = c + n + f; }\n"
    "__kernel void disguised(Sampler s, __global int *a) { a[0] = 1; }\n"
    "__kernel void shared(__global int *a, __local int *b)\n"
    "{ b[get_local_id(0)] = 7; barrier(CLK_LOCAL_MEM_FENCE); a[0] = b[0]; }\n"
    "__kernel __attribute__((reqd_work_group_size(8, 1, 1)))\n"
    "void eight(__global int *a) { a[0] = get_local_size(0); }\n"
    "__kernel void large(__global int *a)\n"
    "{ __local int b[1 << 20]; b[get_local_id(0)] = 1; a[0] = b[3]; }\n"
    "__kernel void deep(__global int *a) {\n"
    "    int p[1024];\n"
    "    for (int i = 0; i < 1024; i++) p[i] = a[0] + i;\n"
    "    barrier(CLK_GLOBAL_MEM_FENCE);\n"
    "    int sum = 0;\n"
    "    for (int i = 0; i < 1024; i++) sum += p[(i * 7 + a[1]) % 1024];\n"
    "    barrier(CLK_GLOBAL_MEM_FENCE);\n"
    "    a[2] = sum;\n"
    "}\n";

/* @wanted is refused with that sentence. */
static void refuse(Session *session, const Ask *wanted, const char *why)
{
    Answer answer = expect(session, wanted, INVALID);

    g_assert_cmpstr((char *)answer.data, ==, why);
}

/* What kernels take is the compiler's word, and said by names. */
static void test_arguments_of_programs(gconstpointer backend)
{
    Session *session = open_session(backend, true);
    int32_t numbers[4] = { 0 };
    uint64_t text, data;
    Ask wanted;

    if (session == NULL) {
        return;
    }
    text = alloc(session, sizeof(program));
    data = alloc(session, sizeof(numbers));
    upload(session, text, program, sizeof(program));

    wanted = ask_program(text, sizeof(program), "typed");
    add_buffer(&wanted, data);
    add_u32(&wanted, 1);
    add_argument(&wanted, VGPU_STUB_ARG_U64, 2);
    add_f32(&wanted, 3);
    done(session, &wanted);
    download(session, data, numbers, sizeof(numbers));
    g_assert_cmpint(numbers[0], ==, 6);
    change(&wanted, TYPE, 1, VGPU_STUB_ARG_F32);
    refuse(session, &wanted, "argument 1: the kernel has Count there, which "
           "takes a u32; an f32 was given");
    change(&wanted, TYPE, 1, VGPU_STUB_ARG_U32);
    change(&wanted, TYPE, 0, VGPU_STUB_ARG_U64);
    refuse(session, &wanted, "argument 0: the kernel has int* there, which "
           "takes a buffer; a u64 was given");

    wanted = ask_program(text, sizeof(program), "disguised");
    add_argument(&wanted, VGPU_STUB_ARG_U64, 1);
    add_buffer(&wanted, data);
    refuse(session, &wanted, "argument 0: the kernel has Sampler there, which "
           "takes what cannot be passed; a u64 was given");

    wanted = ask_program(text, sizeof(program), "shared");
    add_buffer(&wanted, data);
    add_u32(&wanted, 4096);
    done(session, &wanted);
    download(session, data, numbers, sizeof(numbers));
    g_assert_cmpint(numbers[0], ==, 7);
    change(&wanted, VALUE, 1, 0);
    refuse(session, &wanted, "argument 1: local memory of 0 bytes");
    change(&wanted, TYPE, 1, VGPU_STUB_ARG_F32);
    refuse(session, &wanted, "argument 1: the kernel has local int* there, "
           "which takes a u32 or u64 with its size in bytes; an f32 was "
           "given");
    session_free(session);
}

static Answer ask_sized(Session *session, uint64_t text, const char *kernel,
                        uint64_t data, uint32_t global, uint32_t local)
{
    Ask wanted = ask_program(text, sizeof(program), kernel);

    wanted.params[1] = global;
    wanted.params[4] = local;
    wanted.params[5] = wanted.params[6] = local > 0;
    add_buffer(&wanted, data);
    return ask(session, &wanted);
}

/* A launch beyond the limits is refused, and the worker lives. */
static void test_limits_of_programs(gconstpointer backend)
{
    Session *session = open_session(backend, true);
    int32_t numbers[4] = { 0 };
    uint64_t text, data;
    Answer answer;

    if (session == NULL) {
        return;
    }
    text = alloc(session, sizeof(program));
    data = alloc(session, sizeof(numbers));
    upload(session, text, program, sizeof(program));
    answer = ask_sized(session, text, "large", data, 64, 0);
    g_assert_cmphex(answer.status, ==, INVALID);
    g_assert_true(g_str_has_prefix((char *)answer.data, "local memory: the "
                                   "kernel needs 4194304 bytes, the device "
                                   "has "));
    answer = ask_sized(session, text, "eight", data, 64, 0);
    g_assert_cmphex(answer.status, ==, 0);
    download(session, data, numbers, sizeof(numbers));
    g_assert_cmpint(numbers[0], ==, 8);
    answer = ask_sized(session, text, "eight", data, 64, 8);
    g_assert_cmphex(answer.status, ==, 0);
    for (int i = 0; i < 2; i++) {
        answer = ask_sized(session, text, "eight", data, i ? 64 : 60,
                           i ? 4 : 0);
        g_assert_cmphex(answer.status, ==, INVALID);
        g_assert_cmpstr((char *)answer.data, ==, "work-group size: the kernel "
                        "requires 8 x 1 x 1, which has to divide the global "
                        "size");
    }
    answer = ask_sized(session, text, "deep", data, 4096, 0);
    g_assert_cmphex(answer.status, ==, 0);
    g_assert_false(session_is_lost(session));
    session_free(session);
}

static void test_programs_of_the_guest(gconstpointer backend)
{
    Session *session = open_session(backend, true);
    int32_t numbers[] = { 1, 2, 3 };
    uint64_t text, data;
    Answer answer;
    Ask wanted;

    if (session == NULL) {
        return;
    }
    text = alloc(session, sizeof(program));
    data = alloc(session, sizeof(numbers));
    upload(session, text, program, sizeof(program));
    upload(session, data, numbers, sizeof(numbers));

    wanted = ask_program(text, sizeof(program), "scale");
    add_buffer(&wanted, data);
    add_u32(&wanted, -2);
    add_argument(&wanted, VGPU_STUB_ARG_U64, G_N_ELEMENTS(numbers));
    done(session, &wanted);
    done(session, &wanted);
    download(session, data, numbers, sizeof(numbers));
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(numbers[i], ==, (i + 1) * 4);
    }

    /* No value of another type, and above all none for a pointer */
    change(&wanted, TYPE, 1, VGPU_STUB_ARG_F32);
    expect(session, &wanted, INVALID);
    change(&wanted, TYPE, 1, VGPU_STUB_ARG_U32);
    change(&wanted, TYPE, 0, VGPU_STUB_ARG_U64);
    expect(session, &wanted, INVALID);
    change(&wanted, TYPE, 0, VGPU_STUB_ARG_BUFFER);
    change(&wanted, TYPE, 2, VGPU_STUB_ARG_BUFFER);
    change(&wanted, VALUE, 2, data);
    expect(session, &wanted, INVALID);
    wanted.data_length -= sizeof(struct vgpu_stub_kernel_arg);
    answer = expect(session, &wanted, INVALID);
    g_assert_cmpstr((char *)answer.data, ==,
                    "the kernel takes 3 arguments, not 2");

    wanted = ask_program(text, sizeof(program), "hidden");
    add_buffer(&wanted, data);
    expect(session, &wanted, INVALID);
    for (uint32_t type = VGPU_STUB_ARG_BUFFER; type <= VGPU_STUB_ARG_F64;
         type++) {
        const bool buffer = type == VGPU_STUB_ARG_BUFFER;

        wanted = ask_program(text, sizeof(program), "sampled");
        add_argument(&wanted, type, buffer ? data : 1);
        add_buffer(&wanted, data);
        expect(session, &wanted, INVALID);
        wanted = ask_program(text, sizeof(program), "pair");
        add_argument(&wanted, type, buffer ? data : 1);
        add_buffer(&wanted, data);
        expect(session, &wanted, INVALID);
    }

    wanted = ask_program(text, sizeof(program), "nothing");
    done(session, &wanted);
    /* Permission can be taken back, also for what is compiled. */
    limits.guest_kernels = false;
    expect(session, &wanted, UNSUPPORTED);
    limits.guest_kernels = true;
    wanted = ask_program(text, sizeof(program), "scal");
    expect(session, &wanted, UNKNOWN);
    wanted = ask_program(text, sizeof(program) + 1, "scale");
    answer = expect(session, &wanted, INVALID);
    g_assert_cmpstr((char *)answer.data, ==,
                    "program: longer than its memory");
    wanted = ask_program(text, 1024 * 1024 + 1, "scale");
    expect(session, &wanted, INVALID);
    wanted = ask_program(text ^ 1, sizeof(program), "scale");
    expect(session, &wanted, HANDLE);
    check_build(session, text, "__kernel void scale(__global int *a {}",
                "error");
    session_free(session);
}

/* The catalogue's PTX, and such that is wrong, from memory of the guest's */
/* Whoever prints otherwise, before a kernel or after it, is not heard. */
static void ask_printing(Session *session)
{
    static const char text[] =
        "__kernel void k(void) { printf(\"printed\"); }";
    const uint64_t handle = alloc(session, sizeof(text));
    Ask wanted = ask_program(handle, sizeof(text), "k");

    wanted.params[1] = 1;
    upload(session, handle, text, sizeof(text));
    for (int i = 0; i < 2; i++) {
        Answer answer;

        g_assert_cmpint(write(STDOUT_FILENO, "before", 6), ==, 6);
        fputs("by stdio", stdout);
        answer = done(session, &wanted);
        g_assert_cmpuint(answer.result_count, ==, 0);
        g_assert_cmpmem(answer.data, answer.data_length, "printed", 7);
        g_assert_cmpint(write(STDOUT_FILENO, "after", 5), ==, 5);
    }
}

static void test_printing(gconstpointer backend)
{
    g_autoptr(GError) error = NULL;
    Session *session;
    int standard;

    fflush(stdout);
    standard = dup(STDOUT_FILENO);
    output = output_new(&error);
    g_assert_no_error(error);
    session = open_session(backend, true);
    if (session != NULL) {
        ask_printing(session);
        session_free(session);
    }
    fflush(stdout);
    g_assert_cmpint(dup2(standard, STDOUT_FILENO), ==, STDOUT_FILENO);
    close(standard);
    g_clear_pointer(&output, output_free);
}

static void test_ptx_of_the_guest(gconstpointer backend)
{
    static const char fault[] =
        ".version 4.0\n.target sm_50\n.address_size 64\n"
        ".visible .entry fault()\n{\n"
        "    .reg .b32 %r<2>;\n    .reg .b64 %rd<2>;\n"
        "    mov.u64 %rd1, 16;\n    mov.u32 %r1, 1;\n"
        "    st.global.u32 [%rd1], %r1;\n    ret;\n}\n";
    Session *session = open_session(backend, true);
    g_autofree char *ptx = NULL;
    float x[] = { 1, 2, 3 }, y[] = { 10, 20, 30 };
    uint64_t text, handles[2];
    gsize length;
    Ask wanted;

    if (session == NULL) {
        return;
    }
    g_assert_true(g_file_get_contents(KERNELS "/saxpy.ptx", &ptx, &length,
                                      NULL));
    text = alloc(session, length);
    upload(session, text, ptx, length);
    handles[0] = alloc(session, sizeof(x));
    handles[1] = alloc(session, sizeof(y));
    upload(session, handles[0], x, sizeof(x));
    upload(session, handles[1], y, sizeof(y));

    wanted = ask_program(text, length, "saxpy");
    add_buffer(&wanted, handles[0]);
    add_buffer(&wanted, handles[1]);
    add_u32(&wanted, 3);
    add_f32(&wanted, 2);
    done(session, &wanted);
    download(session, handles[1], y, sizeof(y));
    for (int i = 0; i < 3; i++) {
        assert_near(y[i], 12 * (i + 1));
    }
    /* Too few arguments are not made up for with what is behind them. */
    wanted.data_length -= sizeof(struct vgpu_stub_kernel_arg);
    expect(session, &wanted, INVALID);
    wanted = ask_program(text, length, "sax");
    expect(session, &wanted, UNKNOWN);
    wanted = ask_program(text, length / 2, "saxpy");
    expect(session, &wanted, VGPU_STUB_ERR_BUILD_FAILED);
    /* The driver would look into a binary as that says. */
    check_build(session, text, "\x7f""ELF\x02\x01\x01",
                "PTX is ASCII; byte 0 is 0x7f");
    check_build(session, text, "\x50\xed\x55\xba\x01", "byte 1 is 0xed");
    g_assert_false(session_is_lost(session));

    upload(session, text, fault, sizeof(fault));
    wanted = ask_program(text, sizeof(fault), "fault");
    expect(session, &wanted, VGPU_STUB_ERR_BACKEND_ERROR);
    g_assert_true(session_is_lost(session));
    session_free(session);
}

static void test_programs_of_the_guest_are_refused(gconstpointer backend)
{
    Session *session = open_session(backend, g_str_equal(backend, "cpu"));
    uint64_t text;
    Ask wanted;

    if (session == NULL) {
        return;
    }
    text = alloc(session, sizeof(program));
    upload(session, text, program, sizeof(program));
    wanted = ask_program(text, sizeof(program), "nothing");
    expect(session, &wanted, UNSUPPORTED);
    session_free(session);
}

static void check_no_session(const char *backend, unsigned device,
                             const char *kernels, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(open_device(backend, device, kernels, false, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, why));
}

static void test_no_session(void)
{
    check_no_session("gpu", 0, KERNELS, "there is no backend 'gpu'");
    check_no_session("cpu", 1, KERNELS, "cpu: there is no device 1");
    check_no_session("cpu", 0, "/does/not/exist", "/does/not/exist");
}

/* Without the library, or with it: it does not have so many devices. */
static void test_no_device(gconstpointer backend)
{
    const char *library = g_str_equal(backend, "cuda") ? "libcuda.so.1"
                                                       : "libOpenCL.so.1";
    g_autofree char *index = g_strdup_printf("%s: there is no device 4000000",
                                             (const char *)backend);
    g_autoptr(GError) error = NULL;

    g_assert_null(open_device(backend, 4000000, KERNELS, false, &error));
    g_test_message("%s", error->message);
    g_assert_true(strstr(error->message, library) != NULL ||
                  strstr(error->message, index) != NULL);
}

/*
 * Whatever one or two changes make of a good request: it has an answer, and
 * what the VM has stays within its quota.
 */
static void test_random_requests(gconstpointer backend)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    Fixture f;

    if (!set_up(&f, backend)) {
        return;
    }
    for (int i = 0; i < 20000; i++) {
        static const uint32_t values[] = { 0, 1, 3, 64, SIZE, MAX32 };
        Ask wanted = good(&f, g_rand_int_range(random, 0, SHA256 + 1));
        const int changes = g_rand_int_range(random, 1, 3);

        for (int j = 0; j < changes; j++) {
            const Change what = g_rand_int_range(random, PARAM, VALUE + 1);
            const uint32_t limit = what == COUNT ? 17 : what == LENGTH ? CHUNK
                                 : G_MAXINT32;
            uint64_t value = values[g_rand_int_range(
                random, 0, G_N_ELEMENTS(values))];

            change(&wanted, what, g_rand_int_range(random, 0, 16),
                   value % limit);
        }
        if (wanted.opcode != VGPU_STUB_OP_MEMORY_FREE &&
            wanted.opcode != VGPU_STUB_OP_MEMORY_FREE_ALL) {
            ask(f.session, &wanted);
        }
        g_assert_cmpuint(used(f.session), <=, QUOTA);
    }
    session_free(f.session);
}

static void add_tests(const char *backend)
{
    static const struct {
        const char *name;
        GTestDataFunc function;
    } tests[] = {
        { "device-info", test_device_info },
        { "memory", test_memory },
        { "bulk", test_bulk },
        { "bad-bulk", test_bad_bulk },
        { "free-all", test_free_all },
        { "list-of-what-can-be-run", test_list_of_what_can_be_run },
        { "quota", test_quota },
        { "quota-is-lowered", test_quota_is_lowered },
        { "handles-of-another-vm", test_handles_of_another_vm },
        { "kernels", test_kernels },
        { "good-requests", test_good_requests },
        { "bad-requests", test_bad_requests },
        { "sizes-of-work", test_sizes_of_work },
        { "the-same-buffer-twice", test_the_same_buffer_twice },
        { "after-an-end", test_after_an_end },
        { "programs-of-the-guest-are-refused",
          test_programs_of_the_guest_are_refused },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/session/%s/%s", backend,
                                                tests[i].name);

        g_test_add_data_func(path, backend, tests[i].function);
    }
}

/*
 * For the address sanitizer: up to GCC 13 it takes some libraries' thread-local
 * memory for what glibc 2.19 had, and looks for leaks where there is nothing.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "intercept_tls_get_addr=0";
}

/* The same: what OpenCL on a CPU leaves behind is not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpocl\nleak:libLLVM\nleak:libclang-cpp\n";
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/session/no-session", test_no_session);
    add_tests("cpu");
    g_test_add_data_func("/session/cpu/random-requests", "cpu",
                         test_random_requests);
    add_tests("opencl");
    g_test_add_data_func("/session/opencl/programs-of-the-guest", "opencl",
                         test_programs_of_the_guest);
    g_test_add_data_func("/session/opencl/arguments-of-programs", "opencl",
                         test_arguments_of_programs);
    g_test_add_data_func("/session/opencl/limits-of-programs", "opencl",
                         test_limits_of_programs);
    g_test_add_data_func("/session/opencl/printing", "opencl",
                         test_printing);
    g_test_add_data_func("/session/opencl/no-device", "opencl",
                         test_no_device);
    add_tests("cuda");
    g_test_add_data_func("/session/cuda/programs-of-the-guest", "cuda",
                         test_ptx_of_the_guest);
    g_test_add_data_func("/session/cuda/no-device", "cuda", test_no_device);
    return g_test_run();
}
