/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vgpu-stub: what programs say to /dev/vgpu-stub*
 *
 * An open file is a context: what a program has on the accelerator belongs to
 * it and ends with it. A file belongs to the first process that uses
 * BUFFER_CREATE or ENTER with it; others have -EPERM of these.
 *
 * Each structure of a call begins with its size in bytes, as the program has
 * it. A driver that knows less takes it if what it does not know is 0, else it
 * returns -E2BIG. Reserved fields are 0, and so are unknown flags: -EINVAL.
 *
 * Errors of all calls: -ENODEV the device is gone; -EFAULT an address.
 */
#ifndef _VGPU_STUB_IOCTL_H
#define _VGPU_STUB_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VGPU_STUB_IO_TYPE		0xBE
#define VGPU_STUB_IO_INFO		_IO(VGPU_STUB_IO_TYPE, 0)
#define VGPU_STUB_IO_BUFFER_CREATE	_IO(VGPU_STUB_IO_TYPE, 1)
#define VGPU_STUB_IO_BUFFER_DESTROY	_IO(VGPU_STUB_IO_TYPE, 2)
#define VGPU_STUB_IO_ENTER		_IO(VGPU_STUB_IO_TYPE, 3)

/* INFO: what the device and its driver are */
struct vgpu_stub_io_info {
	__u32 size;
	__u32 flags;			/* VGPU_STUB_IO_INFO_... */
	__u32 pool;			/* these are as the registers say them */
	__u32 priority;
	__u32 vm_id;
	__u32 protocol_version;
	__u32 capabilities;
	__u32 request_timeout_ms;
	__u32 link;
	__u32 request_max;		/* bytes of a request ... */
	__u32 response_max;		/* ... of its response ... */
	__u32 bulk_max;			/* ... of its bulk; 0: no bulk */
	char pci_address[16];		/* "0000:00:1e.0", padded with zeros */
};

/*
 * The requests travel through the queue. Without it they go through the
 * mailbox, one at a time, and the files share what is on the accelerator; it is
 * freed when the last of those that have used it is closed.
 */
#define VGPU_STUB_IO_INFO_QUEUE		0x1

/*
 * BUFFER_CREATE: memory for bulk, zeroed, of @bytes, rounded up to pages; 64 MiB
 * for all buffers of a file. mmap() with @offset and MAP_SHARED shows it.
 * BUFFER_DESTROY takes it back: @offset says which, @bytes is 0. Mappings and
 * requests that are under way keep the memory.
 *
 * Errors: -EINVAL no bytes, or no such buffer; -EDQUOT more than a file may
 * have; -ENOMEM.
 */
struct vgpu_stub_io_buffer {
	__u32 size;
	__u32 flags;			/* 0 */
	__u64 bytes;
	__u64 offset;
};

#define VGPU_STUB_IO_BUFFER_BYTES_MAX	0x4000000

/* A request, or the wish to have one cancelled */
struct vgpu_stub_io_submission {
	__u64 user_data;		/* the program's; the completion has it */
	__u64 request;			/* address; CANCEL: the user_data of its target */
	__u64 response;			/* address; written when the completion is taken */
	__u64 bulk;			/* address; BUFFER: a buffer's offset plus bytes */
	__u32 request_length;		/* bytes, 1 to request_max */
	__u32 response_capacity;	/* bytes, 32 to response_max */
	__u32 bulk_length;		/* bytes, 0 to bulk_max */
	__u32 flags;			/* VGPU_STUB_IO_... */
	__u32 order;			/* requests of one order end one after the other */
	__u32 reserved[3];		/* 0 */
};

#define VGPU_STUB_IO_BULK_TO_DEVICE	0x1	/* reads the program's memory */
#define VGPU_STUB_IO_BULK_FROM_DEVICE	0x2	/* writes it */
#define VGPU_STUB_IO_BULK_BUFFER	0x4	/* that of a buffer */
#define VGPU_STUB_IO_CANCEL		0x8	/* alone, with a target alone */
#define VGPU_STUB_IO_WAITS		0x10	/* for another side */

struct vgpu_stub_io_completion {
	__u64 user_data;		/* the submission's */
	__u64 bulk_moved;		/* bytes */
	__u32 status;			/* an ERROR_CODE */
	__u32 response_length;		/* bytes */
	__u32 flags;			/* VGPU_STUB_IO_COMPLETION_... */
	__u32 reserved;			/* 0 */
};

/* There is a response, but its address took no bytes. */
#define VGPU_STUB_IO_COMPLETION_FAULT	0x1

/*
 * ENTER: submit requests, then wait until some have ended, then take those.
 *
 * As many of the submissions are taken, from the first on, as there is room
 * for; the count says how many. If all are, it waits for complete_min to have
 * ended; if none are and nothing has ended, it waits for room. A cancel has no
 * completion, nor effect if its target has ended; a request that is executed
 * already ends by itself.
 *
 * A wait ends without an error at the deadline and by a signal. Where that
 * leaves nothing submitted and nothing taken: -EAGAIN, also at once for
 * O_NONBLOCK; by a signal the call is begun anew, or -EINTR.
 *
 * A submission that is wrong ends the list before it; if it is the first one,
 * its error is returned: -EINVAL a flag, a reserved field, a buffer;
 * -EMSGSIZE a length; -EFAULT; -ENOMEM; -EOPNOTSUPP bulk without a queue;
 * -EUSERS the device has no context left.
 *
 * -ESTALE: what the program had on the accelerator is gone, by the end of its
 * worker or of the link, by suspend or migration; open the device anew. What
 * has ended can be taken before: a call that submits nothing takes it.
 */
struct vgpu_stub_io_enter {
	__u32 size;
	__u32 flags;			/* 0 */
	__u64 submissions;		/* address of an array */
	__u64 completions;		/* address of an array */
	__s64 deadline_ns;		/* of CLOCK_MONOTONIC; negative: never */
	__u32 submit_count;		/* in: there are; out: were submitted */
	__u32 complete_max;		/* completions that there is room for */
	__u32 complete_min;		/* not above complete_max */
	__u32 complete_count;		/* out: were taken */
};

#endif /* _VGPU_STUB_IOCTL_H */
