/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vgpu-stub: what the driver's files know of each other
 *
 *   pci.c        the life of a device as a PCI function
 *   device.c     on, off and broken; contexts; whose turn it is
 *   queue.c      transport: the DMA queue
 *   mailbox.c    transport: the mailbox, where there is no queue
 *   request.c    a request from its submission to its completion
 *   bulk.c       the pages that a request moves
 *   buffer.c     memory that programs map
 *   enter.c      the call that submits and takes
 *   wait.c       waiting, by spinning and asleep
 *   file.c       open files and their other calls
 *   sysfs.c      attributes
 *
 * Everything happens in process context; one mutex serialises what concerns
 * a device. It is never held where a program's memory is touched, for that may
 * take as long as the program likes.
 */
#ifndef VGPU_STUB_DRIVER_H
#define VGPU_STUB_DRIVER_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "vgpu-stub-regs.h"
#include "vgpu-stub-ring.h"
#include "vgpu-stub-ioctl.h"

#ifdef __BIG_ENDIAN
#error "vgpu-stub is a device of little-endian machines"
#endif

#define VGPU_CONTEXTS		VGPU_STUB_QUEUE_CONTEXTS_MAX
#define VGPU_NO_CONTEXT		VGPU_CONTEXTS
#define VGPU_ENTRIES		VGPU_STUB_QUEUE_ENTRIES_MAX

struct vgpu_device;
struct vgpu_request;

/* --- Buffers --- */

struct vgpu_buffer {
	struct kref ref;
	unsigned int count;
	struct page *pages[];
};

/* The buffers of a file */
struct vgpu_buffers {
	struct mutex lock;		/* mmap() takes it: never pin under it */
	struct xarray all;
	u64 bytes;
};

void vgpu_buffers_init(struct vgpu_buffers *buffers);
void vgpu_buffers_destroy(struct vgpu_buffers *buffers);

/* Both fail as BUFFER_CREATE and BUFFER_DESTROY do. */
int vgpu_buffer_create(struct vgpu_buffers *buffers, u64 bytes, u64 *offset);
int vgpu_buffer_remove(struct vgpu_buffers *buffers, u64 offset);

/*
 * The buffer that has all of @length bytes at @offset, with a reference to it,
 * and where in it they begin. Error: NULL there is none.
 */
struct vgpu_buffer *vgpu_buffer_find(struct vgpu_buffers *buffers, u64 offset,
				     u32 length, u32 *begin);
void vgpu_buffer_put(struct vgpu_buffer *buffer);
int vgpu_buffer_map(struct vgpu_buffers *buffers, struct vm_area_struct *vma);

/* --- Bulk --- */

/* Pages of a program, pinned for one request */
struct vgpu_pins {
	struct list_head entry;
	struct vgpu_file *file;		/* with a reference */
	bool dirty;			/* the device writes them */
	unsigned int count;
	struct page *pages[];
};

struct vgpu_bulk {
	u32 length;			/* bytes; 0: none, and nothing else is set */
	enum dma_data_direction direction;
	struct vgpu_pins *pins;		/* one of these two */
	struct vgpu_buffer *buffer;
	struct sg_table table;
	bool mapped;
};

/*
 * What its submission says. Errors are those of a submission; -EAGAIN the file
 * has as many pages pinned as it may.
 */
int vgpu_bulk_init(struct vgpu_bulk *bulk, struct vgpu_file *file,
		   const struct vgpu_stub_io_submission *submission);
unsigned int vgpu_bulk_pages(const struct vgpu_bulk *bulk);

/* For the device, in a table of vgpu_bulk_pages() segments; returns how many */
int vgpu_bulk_map(struct vgpu_bulk *bulk, struct device *dev,
		  struct vgpu_stub_segment *segments);
void vgpu_bulk_unmap(struct vgpu_bulk *bulk, struct device *dev);

/*
 * Let go of the pages; pins are let go of a little later, for that may have to
 * wait for what else is done with a page. Locked.
 */
void vgpu_bulk_end(struct vgpu_bulk *bulk);

/* The work of a file: let go of its pins. */
void vgpu_bulk_unpin(struct work_struct *work);

extern struct workqueue_struct *vgpu_workqueue;

/* --- Requests --- */

struct vgpu_request {
	struct list_head entry;		/* of whoever has it */
	struct vgpu_file *file;		/* with a reference */
	u64 user_data;
	void __user *response_address;
	u32 request_length;
	u32 response_capacity;
	u32 flags;			/* VGPU_STUB_IO_... */
	u32 order;
	void *segments;			/* the table, then the request */
	void *request;
	void *response;
	size_t segments_size;		/* bytes of the table and the request */
	dma_addr_t segments_dma;
	dma_addr_t response_dma;
	struct vgpu_bulk bulk;
	u64 tag;			/* in the queue: what the device knows it by */
	bool cancelled;			/* somebody wants it to end */
	/* its outcome */
	u32 status;
	u32 response_length;
	u64 bulk_moved;
};

/*
 * Copies and pins what the submission names. Not locked. Errors are those of
 * ENTER; -EAGAIN as of vgpu_bulk_init().
 */
struct vgpu_request *
vgpu_request_new(struct vgpu_file *file,
		 const struct vgpu_stub_io_submission *submission);

/* All of these are called locked. */
void vgpu_request_free(struct vgpu_request *request);
void vgpu_requests_free(struct list_head *requests);

/* The transport has it now. */
void vgpu_request_begin(struct vgpu_request *request);

/* It has ended and the transport has given back what it had for it. */
void vgpu_request_end(struct vgpu_request *request, u32 status,
		      u32 response_length, u64 bulk_moved);

/* --- Files --- */

/* Completions that a file may have, in flight or not taken */
#define VGPU_FILE_REQUESTS	VGPU_ENTRIES

struct vgpu_file {
	struct kref ref;		/* open; its context; requests; pins */
	struct vgpu_device *dev;	/* with a reference */
	struct list_head entry;		/* of all that are open */
	wait_queue_head_t wait;
	struct vgpu_buffers buffers;
	struct mm_struct *mm;		/* whose it is, as soon as that is known */
	struct work_struct unpin;
	/* of the device's lock, as the rest */
	struct list_head unpins;	/* pins that were needed */
	unsigned int pinned;		/* pages */
	unsigned int events;		/* counts what a wait waits for */
	bool told;			/* those who wait know of it */
	bool polled;			/* poll(2) has asked, and so listens */
	u64 spin_ns;			/* how long a wait spins; of no lock */
	unsigned int context;		/* or VGPU_NO_CONTEXT */
	unsigned int in_flight;		/* requests; how many of them wait */
	unsigned int waits;
	struct list_head done;		/* completions that nobody has taken yet */
	unsigned int done_count;
	bool closed;
	bool closing;			/* the device has been told */
	bool lost;			/* its context was */
	bool wants;			/* it was refused for want of room */
};

extern const struct file_operations vgpu_file_ops;

void vgpu_file_get(struct vgpu_file *file);
void vgpu_file_put(struct vgpu_file *file);

/* Locked: something has happened; those who wait hear of it by a wake. */
static inline void vgpu_file_event(struct vgpu_file *file)
{
	WRITE_ONCE(file->events, file->events + 1);
	file->told = false;
}

/* Locked: can it be used? -ENODEV, -ESTALE */
int vgpu_file_state(const struct vgpu_file *file);

/* The call ENTER; see its header. */
long vgpu_enter(struct vgpu_file *file, bool nonblock,
		struct vgpu_stub_io_enter *enter);

/*
 * Until something happens after @seen. Errors: -EAGAIN @deadline_ns, of
 * CLOCK_MONOTONIC or negative, is over; -ERESTARTSYS a signal
 */
int vgpu_wait(struct vgpu_file *file, unsigned int seen, s64 deadline_ns);

/* --- Devices --- */

/* How requests travel. All is called locked, with the device on. */
struct vgpu_transport {
	u32 interrupt;			/* its bit */
	u32 request_max;		/* bytes */
	u32 response_max;
	bool bulk;

	/* Begin; -EIO the device does not. */
	int (*start)(struct vgpu_device *dev);
	/*
	 * End. Afterwards the device touches no memory, and @end ends all
	 * requests and closes. False: it may go on to touch it.
	 */
	bool (*stop)(struct vgpu_device *dev);
	void (*end)(struct vgpu_device *dev);
	/* Is it still as it was started? */
	bool (*works)(struct vgpu_device *dev);
	/* More requests that it takes now */
	unsigned int (*room)(struct vgpu_device *dev);
	/* Take over a request, for which there is room; errors -EIO, -ENOMEM. */
	int (*push)(struct vgpu_device *dev, struct vgpu_request *request);
	/* Have the device look at what was pushed. */
	void (*kick)(struct vgpu_device *dev);
	/* End what is in flight of the file with this user_data, if it can be */
	void (*cancel)(struct vgpu_device *dev, struct vgpu_file *file,
		       u64 user_data);
	/* End the file's context; vgpu_context_free() when that is done. */
	void (*close)(struct vgpu_device *dev, struct vgpu_file *file);
	/*
	 * Take what has ended; returns whether anything has. Armed as below if
	 * anybody listens.
	 */
	bool (*reap)(struct vgpu_device *dev);
	/* What ends next interrupts. False: something has ended already. */
	bool (*arm)(struct vgpu_device *dev);
	/*
	 * Has something ended? Not locked. NULL if it cannot be seen without an
	 * access to the device.
	 */
	bool (*pending)(struct vgpu_device *dev);
};

extern const struct vgpu_transport vgpu_queue_transport;
extern const struct vgpu_transport vgpu_mailbox_transport;

struct vgpu_slot {
	u64 tag;			/* 0: free */
	struct vgpu_request *request;	/* of a close and a cancel: NULL */
	struct vgpu_file *closing;	/* of a close */
};

struct vgpu_queue {
	void *ring;
	dma_addr_t ring_dma;
	unsigned int entries;
	u32 sq_tail;
	u32 sq_told;			/* the tail when kick was last asked */
	u32 cq_head;
	u64 serial;
	unsigned int used;		/* slots */
	unsigned int requests;		/* of them */
	unsigned int unsent_cancels;	/* these have no slot yet, ... */
	unsigned int unsent_closes;	/* ... nor have these */
	struct vgpu_slot slots[VGPU_ENTRIES];
};

struct vgpu_mailbox {
	struct list_head waiting;
	struct vgpu_request *active;
	bool sweep;			/* free what programs have left, next */
	bool sweeping;			/* that is under way; nothing is active */
	u32 id;
};

enum vgpu_state {
	VGPU_OFF,			/* as the machine sleeps */
	VGPU_ON,
	VGPU_GONE,			/* for good */
};

struct vgpu_device {
	struct kref ref;		/* the driver's; files' */
	struct pci_dev *pdev;		/* with a reference */
	void __iomem *bar;
	int irq;
	bool msi;
	struct miscdevice misc;
	char name[24];
	int number;
	const struct vgpu_transport *transport;
	unsigned int pins_max;		/* pages of all files together */

	struct mutex lock;		/* of the rest, and of all registers */
	enum vgpu_state state;
	bool leaked;			/* it would not be turned off */
	struct vgpu_file *contexts[VGPU_CONTEXTS];	/* with references */
	unsigned int context_count;
	unsigned int in_flight;		/* all that the device owes an answer to */
	unsigned int listeners;		/* whom an interrupt has to tell */
	struct list_head files;
	struct delayed_work check;
	unsigned long checked;		/* when; jiffies */
	struct vgpu_queue queue;
	struct vgpu_mailbox mailbox;
};

static inline u32 vgpu_read(struct vgpu_device *dev, unsigned int reg)
{
	return readl(dev->bar + reg);
}

static inline void vgpu_write(struct vgpu_device *dev, unsigned int reg,
			      u32 value)
{
	writel(value, dev->bar + reg);
}

/* Does the device answer? What is not there reads as ones, or as zeros. */
static inline bool vgpu_answers(struct vgpu_device *dev)
{
	u32 version = vgpu_read(dev, VGPU_STUB_REG_PROTOCOL_VER);

	return version != 0 && version != ~0U;
}

struct vgpu_device *vgpu_device_new(struct pci_dev *pdev);
void vgpu_device_get(struct vgpu_device *dev);
void vgpu_device_put(struct vgpu_device *dev);

/* Locked. Errors: -EIO it does not go on. */
int vgpu_device_start(struct vgpu_device *dev);

/*
 * Locked: turn it off and end everything. Its new state is VGPU_GONE if that is
 * what @state says, or if the device would not be turned off.
 */
void vgpu_device_stop(struct vgpu_device *dev, enum vgpu_state state);

/* Locked: take what has ended. @told: an interrupt says that there is something */
void vgpu_device_reap(struct vgpu_device *dev, bool told);

/* Has it ended what nobody has taken yet, as far as can be seen? Not locked. */
bool vgpu_device_pending(struct vgpu_device *dev);

/*
 * Locked: what ends from here on interrupts, for waits that sleep, files that
 * poll(2) has asked about, and the contexts of closed ones.
 */
void vgpu_device_listen(struct vgpu_device *dev);
void vgpu_device_unlisten(struct vgpu_device *dev);

/* Locked: look whether it still works, each second while it has something. */
void vgpu_device_watch(struct vgpu_device *dev);

/*
 * Locked: how many requests of the file, with a context, are taken now, and
 * whether it may pin so many more pages. If none are, or it may not, it will be
 * woken when that may have changed.
 */
unsigned int vgpu_device_room(struct vgpu_device *dev, struct vgpu_file *file);
bool vgpu_device_room_for_pins(struct vgpu_device *dev, struct vgpu_file *file,
			       unsigned int pages);

/* Locked: there is room again, so let those look who were refused. */
void vgpu_device_wake(struct vgpu_device *dev);

/* Locked: give the file a context, if it has none. Errors: -EUSERS */
int vgpu_context_take(struct vgpu_device *dev, struct vgpu_file *file);
void vgpu_context_free(struct vgpu_device *dev, struct vgpu_file *file);

extern const struct attribute_group *vgpu_attribute_groups[];

#endif /* VGPU_STUB_DRIVER_H */
