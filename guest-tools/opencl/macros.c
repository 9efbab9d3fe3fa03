/*
 * OpenCL in the guest: macros that the host's compiler defines
 *
 * It is asked by a kernel, so that any compiler answers: in a string of the
 * program's is, for each name that it has as a macro, what that is replaced by,
 * and the kernel copies it.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE             /* strchrnul() */
#include "macros.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make.h"
#include "options.h"

/* Bytes of an answer, at most */
#define ANSWER_MAX 32768

struct macro {
    struct macro *next;
    char *options;              /* of the compiler */
    char *name;
    char *text;                 /* NULL: it is none */
};

/* Who asks, and what was answered so far */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
static struct macro *macros;

void macros_renew(void)
{
    pthread_mutex_init(&asking, NULL);
}

static struct macro *find(const char *options, const char *name)
{
    struct macro *macro = macros;

    while (macro && (strcmp(macro->name, name) != 0 ||
                     strcmp(macro->options, options) != 0)) {
        macro = macro->next;
    }
    return macro;
}

/* @text: NULL, or a line */
static bool add(const char *options, const char *name, const char *text)
{
    struct macro *macro = calloc(1, sizeof(*macro));

    if (!macro) {
        return false;
    }
    macro->options = strdup(options);
    macro->name = strdup(name);
    macro->text = text ? strndup(text, strcspn(text, "\n")) : NULL;
    if (!macro->options || !macro->name || (text && !macro->text)) {
        free(macro->options);
        free(macro->name);
        free(macro->text);
        free(macro);
        return false;
    }
    macro->next = macros;
    macros = macro;
    return true;
}

/* --- The question --- */

/* Each answer is a line: the name's number, a space, what replaces it. */
static char *write_question(const struct names *names, size_t *length)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, length);

    if (!to) {
        return NULL;
    }
    fputs("#define VGPU_STUB_TEXT_(...) #__VA_ARGS__\n"
          "#define VGPU_STUB_TEXT(...) VGPU_STUB_TEXT_(__VA_ARGS__)\n"
          "constant char vgpu_stub_answer[] = \"\"\n", to);
    for (size_t i = 0; i < names->count; i++) {
        fprintf(to, "#ifdef %s\n\"%zu \" VGPU_STUB_TEXT(%s) \"\\n\"\n#endif\n",
                names->names[i], i, names->names[i]);
    }
    fputs(";\nkernel void vgpu_stub_tell(global char *to, uint room)\n"
          "{\n    for (uint i = 0; i < sizeof(vgpu_stub_answer) && i < room; "
          "i++) {\n        to[i] = vgpu_stub_answer[i];\n    }\n}\n", to);
    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* --- The kernel --- */

struct tell {
    struct host *host;
    uint32_t program;
    uint32_t kernel;
    uint32_t buffer;
};

static cl_int call(struct host *host, struct remote_command *command)
{
    return host_call(host, command, NULL, 0, NULL);
}

static cl_int make_objects(const struct tell *tell)
{
    static const char name[] = "vgpu_stub_tell";
    const struct vgpu_stub_cl_kernel_create kernel = {
        .id = tell->kernel, .program = tell->program,
    };
    const struct vgpu_stub_cl_buffer_create buffer = {
        .id = tell->buffer, .flags = CL_MEM_READ_WRITE, .size = ANSWER_MAX,
    };
    cl_int status = call(tell->host,
                         HOST_COMMAND_TAIL(KERNEL_CREATE, &kernel, name,
                                           strlen(name)));

    return status == CL_SUCCESS
           ? call(tell->host, HOST_COMMAND(BUFFER_CREATE, &buffer)) : status;
}

static cl_int launch(const struct tell *tell)
{
    static const cl_uint room = ANSWER_MAX - 1;
    const struct vgpu_stub_cl_kernel_arg to = {
        .kernel = tell->kernel, .kind = VGPU_STUB_CL_ARG_OBJECT,
        .object = tell->buffer,
    };
    const struct vgpu_stub_cl_kernel_arg size = {
        .kernel = tell->kernel, .index = 1,
    };
    const struct vgpu_stub_cl_kernel_launch one = {
        .kernel = tell->kernel, .dimensions = 1, .global = { 1 },
    };
    cl_int status = call(tell->host, HOST_COMMAND(KERNEL_ARG, &to));

    if (status == CL_SUCCESS) {
        status = call(tell->host, HOST_COMMAND_TAIL(KERNEL_ARG, &size, &room,
                                                    sizeof(room)));
    }
    return status == CL_SUCCESS
           ? call(tell->host, HOST_COMMAND(KERNEL_LAUNCH, &one)) : status;
}

/* Have it copy into @answer, of ANSWER_MAX bytes. */
static cl_int run_kernel(const struct tell *tell, char *answer)
{
    const struct vgpu_stub_cl_range range = {
        .object = tell->buffer, .size = ANSWER_MAX,
    };
    cl_int status = make_objects(tell);

    if (status == CL_SUCCESS) {
        status = launch(tell);
    }
    return status == CL_SUCCESS
           ? host_call(tell->host, HOST_COMMAND(BUFFER_READ, &range), answer,
                       ANSWER_MAX, NULL)
           : status;
}

/* What was not made is not there to be released, which does no harm. */
static cl_int tell(struct host *host, uint32_t program, char *answer)
{
    struct tell tell = { .host = host, .program = program };
    cl_int status = CL_OUT_OF_HOST_MEMORY;

    opencl_lock();
    tell.kernel = host_id_take(host);
    tell.buffer = host_id_take(host);
    opencl_unlock();
    if (tell.kernel && tell.buffer) {
        status = run_kernel(&tell, answer);
    }
    opencl_lock();
    if (tell.kernel) {
        host_object_release(host, tell.kernel);
    }
    if (tell.buffer) {
        host_object_release(host, tell.buffer);
    }
    opencl_unlock();
    return status;
}

static cl_int get_answer(struct host *host, const char *options,
                         const struct names *names, char *answer)
{
    size_t length;
    char *text = write_question(names, &length);
    struct recipe *recipe = recipe_of_source(CL_PROGRAM_BINARY_TYPE_EXECUTABLE,
                                             strdup(options), text, length);
    struct made made;
    cl_int status;

    if (!recipe) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    status = make(host, recipe, &made);
    if (status == CL_SUCCESS) {
        status = tell(host, made.id, answer);
    }
    made_clear(host, &made);
    recipe_unuse(recipe);
    return status;
}

/* --- What is known --- */

static bool take_answer(const char *options, const struct names *names,
                        const char *answer)
{
    for (size_t i = 0; i < names->count; i++) {
        char *rest;

        if (*answer && strtoul(answer, &rest, 10) == i && *rest == ' ') {
            if (!add(options, names->names[i], rest + 1)) {
                return false;
            }
            answer = strchrnul(rest, '\n');
            answer += *answer != '\0';
        } else if (!add(options, names->names[i], NULL)) {
            return false;
        }
    }
    return true;
}

static cl_int learn(struct host *host, const char *options,
                    const struct names *names)
{
    struct names unknown = { .count = 0 };
    char *answer = calloc(1, ANSWER_MAX + 1);   /* with a NUL */
    cl_int status = answer ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;

    for (size_t i = 0; status == CL_SUCCESS && i < names->count; i++) {
        const char *name = names->names[i];

        if (!find(options, name) &&
            !names_add(&unknown, name, strlen(name))) {
            status = CL_OUT_OF_HOST_MEMORY;
        }
    }
    if (status == CL_SUCCESS && unknown.count > 0) {
        status = get_answer(host, options, &unknown, answer);
        if (status == CL_SUCCESS && !take_answer(options, &unknown, answer)) {
            status = CL_OUT_OF_HOST_MEMORY;
        }
    }
    names_clear(&unknown);
    free(answer);
    return status;
}

/* A program's own definitions come first. */
static char *write_known(const char *options, const struct names *names)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to) {
        return NULL;
    }
    for (size_t i = 0; i < names->count; i++) {
        const struct macro *macro = find(options, names->names[i]);

        if (macro && macro->text) {
            fprintf(to, "#ifndef %s\n#define %s %s\n#endif\n", macro->name,
                    macro->name, macro->text);
        }
    }
    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

cl_int macros_ask(struct host *host, const char *options,
                  const struct names *names, char **known)
{
    char *plain = options_of_compiler(options);
    cl_int status = CL_OUT_OF_HOST_MEMORY;

    *known = NULL;
    if (plain) {
        pthread_mutex_lock(&asking);
        status = learn(host, plain, names);
        if (status == CL_SUCCESS) {
            *known = write_known(plain, names);
            status = *known ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
        }
        pthread_mutex_unlock(&asking);
    }
    free(plain);
    return status;
}
