/*
 * mediator-load [--bare] [--busy] --seconds=S DIR VM…
 *
 * Plays the devices of many VMs for a mediator, or for echo-server with --bare,
 * and measures it. VM is DOMID:DEVICES:PRIORITY:FILE[:SIZE@OFFSET…]: that many
 * devices, whose sockets are made in DIR; each sends the bytes of FILE as a
 * request, waits for the answer as a real device does, and sends them again.
 * Before, it allocates memory of each SIZE, whose handle takes the place of
 * what is at OFFSET of the request: memory is the device's that allocated it.
 *
 * Prints "listening", then "measuring", and in the end one line of JSON: the
 * seconds, more than S where a VM has had no answer until then, the requests,
 * their latencies, and the same for each VM. The devices stay until the standard
 * input ends: without any request, or with --busy as busy as they were.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vgpu-stub-regs.h"
#include "vgpu-stub-wire.h"

#define WARM_UP_NS 300000000

/* How long devices go on until it is seen that they need not any more */
#define BUSY_NS 10000000

typedef struct vgpu_stub_wire_header Header;

typedef struct Message {
    Header header;
    uint8_t payload[VGPU_STUB_BUF_SIZE];
} Message;

/* What each device of a VM allocates */
typedef struct LoadMemory {
    guint64 size;               /* bytes */
    unsigned offset;            /* of the handle in the request, bytes */
} LoadMemory;

typedef struct LoadVm {
    unsigned domid;
    unsigned devices;
    unsigned priority;
    uint8_t *request;
    gsize length;               /* bytes */
    GArray *memory;             /* LoadMemory */
    unsigned errors;
    GArray *latencies;          /* guint32, ns */
} LoadVm;

typedef struct LoadDevice {
    LoadVm *vm;
    int listener;
    int fd;
    gint64 sent_at;             /* ns */
    Message out;
    Message in;
    size_t received;            /* bytes of `in` */
} LoadDevice;

static bool measuring;

static void G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("mediator-load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(EXIT_FAILURE);
}

static gint64 now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

/* --- One message --- */

static void send_all(int fd, const void *bytes, size_t size)
{
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
        die("send: %s", strerror(errno));
    }
}

static void device_submit(LoadDevice *device)
{
    device->out.header.sequence++;
    device->received = 0;
    device->sent_at = now_ns();
    send_all(device->fd, &device->out,
             sizeof(Header) + device->out.header.length);
}

static void device_done(LoadDevice *device)
{
    guint32 latency = MIN(now_ns() - device->sent_at, G_MAXUINT32);

    if (device->in.header.sequence != device->out.header.sequence) {
        die("an answer to another request");
    }
    device->vm->errors += device->in.header.status != VGPU_STUB_ERR_NONE;
    if (measuring) {
        g_array_append_val(device->vm->latencies, latency);
    }
}

/* Take what has come; true when the answer is complete. */
static bool device_receive(LoadDevice *device)
{
    const Header *header = &device->in.header;
    ssize_t received = recv(device->fd,
                            (char *)&device->in + device->received,
                            sizeof(device->in) - device->received, 0);

    if (received <= 0) {
        die("receive: %s", received < 0 ? strerror(errno) : "closed");
    }
    device->received += received;
    if (device->received < sizeof(*header)) {
        return false;
    }
    if (header->length > sizeof(device->in.payload)) {
        die("an answer of %u bytes", header->length);
    }
    return device->received == sizeof(*header) + header->length;
}

/* --- Sockets --- */

static void device_listen(LoadDevice *device, const char *dir, unsigned number)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/vm%u-%u.sock",
               dir, device->vm->domid, number);
    device->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(device->listener, (struct sockaddr *)&address,
             sizeof(address)) < 0 || listen(device->listener, 1) < 0) {
        die("%s: %s", address.sun_path, strerror(errno));
    }
}

static void device_accept(LoadDevice *device, bool bare)
{
    struct {
        Header header;
        struct vgpu_stub_wire_hello hello;
    } hello = {
        .header = {
            .magic = VGPU_STUB_WIRE_MAGIC,
            .version = VGPU_STUB_WIRE_VERSION,
            .type = VGPU_STUB_MSG_HELLO,
            .length = sizeof(hello.hello),
        },
        .hello = {
            .protocol_version = VGPU_STUB_PROTOCOL_VERSION,
            .capabilities = VGPU_STUB_CAP_REQUEST,
            .vm_id = device->vm->domid,
            .pool = VGPU_STUB_POOL_A,
            .priority = device->vm->priority,
        },
    };

    device->fd = accept(device->listener, NULL, NULL);
    if (device->fd < 0) {
        die("accept: %s", strerror(errno));
    }
    if (bare) {
        return;
    }
    send_all(device->fd, &hello, sizeof(hello));
    while (!device_receive(device)) {
    }
    if (device->in.header.type != VGPU_STUB_MSG_WELCOME) {
        die("message of type %u, not WELCOME", device->in.header.type);
    }
}

/* Allocate @size bytes for @device; returns the handle. */
static guint64 device_allocate(LoadDevice *device, guint64 size)
{
    const struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_MEMORY_ALLOC,
        .param_count = sizeof(size) / sizeof(uint32_t),
    };
    Header header = device->out.header;
    guint64 handle;

    header.length = sizeof(request) + sizeof(size);
    header.sequence = ++device->out.header.sequence;
    device->received = 0;
    send_all(device->fd, &header, sizeof(header));
    send_all(device->fd, &request, sizeof(request));
    send_all(device->fd, &size, sizeof(size));
    while (!device_receive(device)) {
    }
    if (device->in.header.status != VGPU_STUB_ERR_NONE ||
        device->in.header.length !=
        sizeof(struct vgpu_stub_response) + sizeof(handle)) {
        die("vm%u: %" G_GUINT64_FORMAT " bytes are not allocated: status %u",
            device->vm->domid, size, device->in.header.status);
    }
    memcpy(&handle, device->in.payload + sizeof(struct vgpu_stub_response),
           sizeof(handle));
    return handle;
}

static void device_prepare(LoadDevice *device)
{
    const GArray *memory = device->vm->memory;

    for (guint i = 0; i < memory->len; i++) {
        const LoadMemory *part = &g_array_index(memory, LoadMemory, i);
        const guint64 handle = device_allocate(device, part->size);

        memcpy(device->out.payload + part->offset, &handle, sizeof(handle));
    }
}

static LoadDevice *device_new(LoadVm *vm)
{
    LoadDevice *device = g_new0(LoadDevice, 1);

    device->vm = vm;
    device->out.header = (Header) {
        .magic = VGPU_STUB_WIRE_MAGIC,
        .version = VGPU_STUB_WIRE_VERSION,
        .type = VGPU_STUB_MSG_REQUEST,
        .length = vm->length,
    };
    memcpy(device->out.payload, vm->request, vm->length);
    return device;
}

/* @text is SIZE@OFFSET. */
static void vm_add_memory(LoadVm *vm, const char *text)
{
    LoadMemory part;

    if (sscanf(text, "%" G_GUINT64_FORMAT "@%u", &part.size,
               &part.offset) != 2 ||
        part.offset + (guint64)sizeof(guint64) > vm->length) {
        die("'%s' is not SIZE@OFFSET with an offset in the request", text);
    }
    g_array_append_val(vm->memory, part);
}

static LoadVm *vm_new(const char *text)
{
    LoadVm *vm = g_new0(LoadVm, 1);
    g_auto(GStrv) fields = g_strsplit(text, ":", -1);

    if (g_strv_length(fields) < 4 ||
        sscanf(text, "%u:%u:%u:", &vm->domid, &vm->devices,
               &vm->priority) != 3) {
        die("'%s' is not DOMID:DEVICES:PRIORITY:FILE…", text);
    }
    if (!g_file_get_contents(fields[3], (char **)&vm->request, &vm->length,
                             NULL) ||
        vm->length > VGPU_STUB_BUF_SIZE) {
        die("%s: cannot be read, or is larger than a request", fields[3]);
    }
    vm->memory = g_array_new(FALSE, FALSE, sizeof(LoadMemory));
    for (char **field = fields + 4; *field != NULL; field++) {
        vm_add_memory(vm, *field);
    }
    vm->latencies = g_array_new(FALSE, FALSE, sizeof(guint32));
    return vm;
}

/* --- The run --- */

/* Have all devices busy for @length ns. */
static void load(int epoll, gint64 length)
{
    const gint64 end = now_ns() + length;
    struct epoll_event events[64];

    do {
        int ready = epoll_wait(epoll, events, G_N_ELEMENTS(events), 1000);

        for (int i = 0; i < ready; i++) {
            LoadDevice *device = events[i].data.ptr;

            if (device_receive(device)) {
                device_done(device);
                device_submit(device);
            }
        }
    } while (now_ns() < end);
}

static bool each_was_answered(const GPtrArray *vms)
{
    for (guint i = 0; i < vms->len; i++) {
        const LoadVm *vm = vms->pdata[i];

        if (vm->latencies->len == 0) {
            return false;
        }
    }
    return true;
}

static int compare(gconstpointer a, gconstpointer b)
{
    const guint32 *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

static void print_latencies(GArray *latencies)
{
    const guint32 *sorted = (const guint32 *)latencies->data;
    const guint count = latencies->len;

    g_array_sort(latencies, compare);
    printf("\"requests\": %u, \"p50_us\": %.3f, \"p99_us\": %.3f", count,
           count > 0 ? sorted[count / 2] / 1000.0 : 0,
           count > 0 ? sorted[(guint64)count * 99 / 100] / 1000.0 : 0);
}

static void print_report(GPtrArray *vms, double seconds)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(guint32));
    unsigned errors = 0;

    for (guint i = 0; i < vms->len; i++) {
        const LoadVm *vm = vms->pdata[i];

        g_array_append_vals(all, vm->latencies->data, vm->latencies->len);
        errors += vm->errors;
    }
    printf("{\"seconds\": %.6f, \"errors\": %u, ", seconds, errors);
    print_latencies(all);
    printf(", \"vms\": {");
    for (guint i = 0; i < vms->len; i++) {
        const LoadVm *vm = vms->pdata[i];

        printf("%s\"%u\": {", i > 0 ? ", " : "", vm->domid);
        print_latencies(vm->latencies);
        printf("}");
    }
    printf("}}\n");
}

int main(int argc, char **argv)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    gboolean bare = FALSE;
    gboolean busy = FALSE;
    double seconds = 0;
    const GOptionEntry options[] = {
        { "bare", 0, 0, G_OPTION_ARG_NONE, &bare, "Without handshake", NULL },
        { "busy", 0, 0, G_OPTION_ARG_NONE, &busy, "Be it to the end", NULL },
        { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "How long", "S" },
        { 0 }
    };
    g_autoptr(GOptionContext) context = g_option_context_new("DIR VM…");
    g_autoptr(GPtrArray) vms = g_ptr_array_new();
    g_autoptr(GPtrArray) devices = g_ptr_array_new();
    int epoll = epoll_create1(0);
    gint64 start;

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc < 3 ||
        seconds <= 0) {
        die("see --help");
    }
    for (int i = 2; i < argc; i++) {
        LoadVm *vm = vm_new(argv[i]);

        g_ptr_array_add(vms, vm);
        for (unsigned number = 0; number < vm->devices; number++) {
            LoadDevice *device = device_new(vm);

            device_listen(device, argv[1], number);
            g_ptr_array_add(devices, device);
        }
    }
    puts("listening");
    fflush(stdout);
    for (guint i = 0; i < devices->len; i++) {
        LoadDevice *device = devices->pdata[i];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = device };

        device_accept(device, bare);
        epoll_ctl(epoll, EPOLL_CTL_ADD, device->fd, &event);
    }
    for (guint i = 0; i < devices->len; i++) {
        device_prepare(devices->pdata[i]);
    }
    for (guint i = 0; i < devices->len; i++) {
        device_submit(devices->pdata[i]);
    }
    load(epoll, WARM_UP_NS);
    puts("measuring");
    fflush(stdout);
    measuring = true;
    start = now_ns();
    load(epoll, seconds * 1e9);
    while (!each_was_answered(vms)) {
        load(epoll, BUSY_NS);
    }
    print_report(vms, (now_ns() - start) / 1e9);
    fflush(stdout);
    measuring = false;
    while (poll(&input, 1, busy ? 0 : -1) == 0) {
        load(epoll, BUSY_NS);
    }
    return EXIT_SUCCESS;
}
