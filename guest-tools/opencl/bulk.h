/*
 * OpenCL in the guest: moving data between the program's memory and the host
 *
 * Data are moved in pieces. Large ones go from and to the program's memory
 * without a copy in the guest, small ones with the commands.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_BULK_H
#define OPENCL_BULK_H

#include "event.h"

/* Bytes of the piece that comes next, of @size that are left */
size_t bulk_piece(uint64_t size);

/*
 * The command with this opcode and structure that moves a piece of @size bytes,
 * at most bulk_piece(), from @bytes, or to them; NULL: no memory. Where
 * bulk_is_inline(), what is read comes in the result.
 */
struct remote_command *bulk_write(uint16_t opcode, const void *structure,
                                  size_t structure_size, const void *bytes,
                                  size_t size);
struct remote_command *bulk_read(uint16_t opcode, const void *structure,
                                 size_t structure_size, void *bytes,
                                 size_t size);
bool bulk_is_inline(size_t size);

/*
 * Write to an object, from its begin on, and wait, without the lock. @opcode:
 * BUFFER_WRITE or PROGRAM_SOURCE
 */
cl_int bulk_upload(struct host *host, uint16_t opcode, uint32_t object,
                   const void *bytes, uint64_t size);

/* Of a work's issue(): write to a part of a buffer, or read it. */
void bulk_put(cl_event event, bool read, uint32_t buffer, uint64_t offset,
              uint64_t size, void *bytes);

#endif /* OPENCL_BULK_H */
