/*
 * The figures of VMs for xcp-rrdd, which makes XCP-ng's graphs of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rrdd-file.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Bytes that a VM takes at most, values and metadata together */
#define VM_SIZE 1000

G_STATIC_ASSERT(RRDD_MAX_VMS * VM_SIZE < RRDD_SIZE);

static const char magic[] = "DATASOURCES";

/* Where things are; numbers are big-endian. */
#define MAGIC_SIZE (sizeof(magic) - 1)
#define DATA_CRC MAGIC_SIZE
#define METADATA_CRC (DATA_CRC + 4)
#define COUNT (METADATA_CRC + 4)
#define TIMESTAMP (COUNT + 4)

struct RrddFile {
    char *path;
    const Vms *vms;
    int fd;                     /* -1 while there is no file */
    guint timer;
    bool complained;            /* that it cannot be written */
};

/* --- What is in it --- */

static guint64 requests_of(Vm *vm)
{
    return vm_stats(vm)->ended;
}

static guint64 device_time_of(Vm *vm)
{
    const double seconds =
        scheduler_vm_report(vm).used / (double)G_TIME_SPAN_SECOND;
    guint64 bits;

    memcpy(&bits, &seconds, sizeof(bits));
    return bits;
}

static guint64 waiting_of(Vm *vm)
{
    return scheduler_vm_report(vm).waiting;
}

/* Of "derive", a count that rises, xcp-rrdd makes a rate. */
static const struct {
    const char *name, *description, *units, *type, *value_type;
    guint64 (*value)(Vm *vm);   /* the bits of it */
} sources[] = {
    { "vgpu_requests", "Requests of the vgpu-stub devices", "requests/s",
      "derive", "int64", requests_of },
    { "vgpu_device_time", "Accelerator time per time", "(fraction)",
      "derive", "float", device_time_of },
    { "vgpu_queue", "Requests of the vgpu-stub devices that wait",
      "requests", "gauge", "int64", waiting_of },
};

static void append_u32(GByteArray *bytes, guint32 value)
{
    value = GUINT32_TO_BE(value);
    g_byte_array_append(bytes, (const guint8 *)&value, sizeof(value));
}

static void append_u64(GByteArray *bytes, guint64 value)
{
    value = GUINT64_TO_BE(value);
    g_byte_array_append(bytes, (const guint8 *)&value, sizeof(value));
}

static void add_vm(Vm *vm, gpointer vms)
{
    if (identity_is_uuid(vm_name(vm))) {
        g_ptr_array_add(vms, vm);
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(vm_name(*(Vm *const *)a),
                  vm_name(*(Vm *const *)b));
}

/*
 * The VMs that are known by a UUID, always in the same order, or the metadata
 * would change
 */
static GPtrArray *list_vms(const Vms *all)
{
    GPtrArray *vms = g_ptr_array_new();

    vms_foreach(all, add_vm, vms);
    g_ptr_array_sort(vms, compare_names);
    g_ptr_array_set_size(vms, MIN(vms->len, RRDD_MAX_VMS));
    return vms;
}

/* No text here needs an escape. */
static GString *make_metadata(const GPtrArray *vms)
{
    GString *json = g_string_new("{\"datasources\":{");

    for (guint i = 0; i < vms->len; i++) {
        Vm *vm = g_ptr_array_index(vms, i);

        for (size_t j = 0; j < G_N_ELEMENTS(sources); j++) {
            g_string_append_printf(
                json, "%s\"%s\":{\"description\":\"%s\",\"owner\":\"vm %s\","
                "\"units\":\"%s\",\"type\":\"%s\",\"value_type\":\"%s\","
                "\"min\":\"0.00\",\"default\":\"true\"}",
                i + j > 0 ? "," : "", sources[j].name,
                sources[j].description, vm_name(vm),
                sources[j].units, sources[j].type, sources[j].value_type);
        }
    }
    g_string_append(json, "}}");
    return json;
}

static void put_u32(GByteArray *bytes, size_t offset, guint32 value)
{
    value = GUINT32_TO_BE(value);
    memcpy(bytes->data + offset, &value, sizeof(value));
}

static GByteArray *make_contents(const Vms *all)
{
    const double now = g_get_real_time() / (double)G_TIME_SPAN_SECOND;
    g_autoptr(GPtrArray) vms = list_vms(all);
    g_autoptr(GString) metadata = make_metadata(vms);
    GByteArray *bytes = g_byte_array_new();
    guint64 bits;

    memcpy(&bits, &now, sizeof(bits));
    g_byte_array_append(bytes, (const guint8 *)magic, MAGIC_SIZE);
    append_u32(bytes, 0);
    append_u32(bytes, crc32(0, (const guint8 *)metadata->str, metadata->len));
    append_u32(bytes, vms->len * G_N_ELEMENTS(sources));
    append_u64(bytes, bits);
    for (guint i = 0; i < vms->len; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(sources); j++) {
            append_u64(bytes, sources[j].value(g_ptr_array_index(vms, i)));
        }
    }
    put_u32(bytes, DATA_CRC, crc32(0, bytes->data + TIMESTAMP,
                                   bytes->len - TIMESTAMP));
    append_u32(bytes, metadata->len);
    g_byte_array_append(bytes, (const guint8 *)metadata->str, metadata->len);
    return bytes;
}

/* --- Where it is --- */

/*
 * Open the file that a daemon before this one left, as xcp-rrdd may have it
 * mapped. False with errno when it is not such a file, ENOENT if there is none.
 */
static bool open_old(RrddFile *file)
{
    char start[MAGIC_SIZE];
    struct stat status;

    file->fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file->fd < 0) {
        return false;
    }
    if (fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size == RRDD_SIZE &&
        pread(file->fd, start, sizeof(start), 0) == sizeof(start) &&
        memcmp(start, magic, sizeof(start)) == 0) {
        return true;
    }
    close(file->fd);
    file->fd = -1;
    errno = EEXIST;
    return false;
}

static bool write_all(int fd, const GByteArray *bytes)
{
    return pwrite(fd, bytes->data, bytes->len, 0) == (ssize_t)bytes->len;
}

/*
 * Make the file. xcp-rrdd, which watches the directory, passes over *.tmp; when
 * the file gets its name it is complete.
 */
static bool make_new(RrddFile *file, const GByteArray *bytes)
{
    g_autofree char *path = g_strconcat(file->path, ".tmp", NULL);
    int code;

    g_unlink(path);
    file->fd = open(path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0640);
    if (file->fd < 0) {
        return false;
    }
    if (ftruncate(file->fd, RRDD_SIZE) == 0 &&
        write_all(file->fd, bytes) &&
        rename(path, file->path) == 0) {
        return true;
    }
    code = errno;
    g_unlink(path);
    close(file->fd);
    file->fd = -1;
    errno = code;
    return false;
}

/* Whether the file that is open has been removed */
static bool is_gone(const RrddFile *file)
{
    struct stat status;

    return fstat(file->fd, &status) < 0 || status.st_nlink == 0;
}

static bool write_file(RrddFile *file, const GByteArray *bytes)
{
    if (file->fd >= 0 && is_gone(file)) {
        close(file->fd);
        file->fd = -1;
    }
    if (file->fd < 0 && !open_old(file)) {
        return errno == ENOENT && make_new(file, bytes);
    }
    return write_all(file->fd, bytes);
}

static gboolean rrdd_file_update(gpointer opaque)
{
    RrddFile *file = opaque;
    g_autoptr(GByteArray) bytes = make_contents(file->vms);

    errno = 0;
    if (write_file(file, bytes)) {
        file->complained = false;
    } else if (!file->complained) {
        g_warning("%s: %s; will go on trying", file->path,
                  errno == EEXIST ? "not a file for xcp-rrdd"
                                  : g_strerror(errno));
        file->complained = true;
    }
    return G_SOURCE_CONTINUE;
}

RrddFile *rrdd_file_new(const char *path, const Vms *vms)
{
    RrddFile *file = g_new0(RrddFile, 1);

    file->path = g_strdup(path);
    file->vms = vms;
    file->fd = -1;
    file->timer = g_timeout_add_seconds(RRDD_PERIOD_S, rrdd_file_update,
                                        file);
    rrdd_file_update(file);
    return file;
}

void rrdd_file_free(RrddFile *file)
{
    g_source_remove(file->timer);
    if (file->fd >= 0) {
        if (!is_gone(file)) {
            g_unlink(file->path);
        }
        close(file->fd);
    }
    g_free(file->path);
    g_free(file);
}
