/*
 * sha256 FILE: the file's SHA-256, computed on the host, in the format of
 * sha256sum
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "example.h"

#define DIGEST_SIZE 32

int main(int argc, char **argv)
{
    uint8_t digest[DIGEST_SIZE];
    struct vgpu_stub *dev;
    uint64_t in, out;
    struct stat st;
    void *data;
    int fd;

    if (argc != 2) {
        errx(EXIT_FAILURE, "usage: sha256 FILE");
    }
    fd = open(argv[1], O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        err(EXIT_FAILURE, "%s", argv[1]);
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 1 || st.st_size > UINT32_MAX) {
        errx(EXIT_FAILURE, "%s: not a file of 1 byte to 4 GiB", argv[1]);
    }
    data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        err(EXIT_FAILURE, "%s", argv[1]);
    }

    dev = open_device();
    in = upload(dev, data, st.st_size);
    out = upload(dev, NULL, sizeof(digest));

    const struct vgpu_stub_kernel_arg args[] = {
        vgpu_stub_arg_buffer(in),
        vgpu_stub_arg_buffer(out),
        vgpu_stub_arg_u32(st.st_size),      /* bytes of a message */
        vgpu_stub_arg_u32(1),               /* messages */
    };
    const struct vgpu_stub_kernel kernel = {
        .struct_size = sizeof(kernel),
        .name = "sha256",
        .dimensions = 1,
        .global_size = { 1, 1, 1 },
        .args = args,
        .arg_count = 4,
    };
    check("sha256", vgpu_stub_launch(dev, &kernel, -1, 0, &outcome));

    download(dev, out, digest, sizeof(digest));
    vgpu_stub_mem_free(dev, in, -1, NULL);
    vgpu_stub_close(dev);

    for (int i = 0; i < DIGEST_SIZE; i++) {
        printf("%02x", digest[i]);
    }
    printf("  %s\n", argv[1]);
    return end_output();
}
