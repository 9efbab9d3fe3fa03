// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: transport by the DMA queue
 *
 * docs/queue.md is its specification. Each entry of the ring that the device
 * owes a completion for has a slot; a tag, which is never used twice, is what
 * the device knows it by.
 *
 * Requests have three quarters of the entries; the rest is for closes and
 * cancels, which wait until there is one.
 */
#include <linux/dma-mapping.h>

#include "driver.h"

static struct vgpu_stub_ring_driver *ring_driver(struct vgpu_queue *queue)
{
	return queue->ring + VGPU_STUB_RING_DRIVER;
}

static struct vgpu_stub_ring_device *ring_device(struct vgpu_queue *queue)
{
	return queue->ring + VGPU_STUB_RING_DEVICE;
}

static struct vgpu_stub_submission *ring_submission(struct vgpu_queue *queue,
						    u32 number)
{
	struct vgpu_stub_submission *submissions =
		queue->ring + VGPU_STUB_RING_SUBMISSIONS;

	return &submissions[number % queue->entries];
}

static const struct vgpu_stub_completion *
ring_completion(struct vgpu_queue *queue, u32 number)
{
	struct vgpu_stub_completion *completions =
		queue->ring + VGPU_STUB_RING_COMPLETIONS(queue->entries);

	return &completions[number % queue->entries];
}

/* --- Slots --- */

static bool slot_is_there(const struct vgpu_queue *queue)
{
	return queue->used < queue->entries;
}

/* There is one. */
static struct vgpu_slot *slot_take(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	unsigned int i;

	for (i = 0; queue->slots[i].tag; i++)
		;
	queue->used++;
	dev->in_flight++;
	queue->slots[i].tag = ++queue->serial << 16 | i;
	return &queue->slots[i];
}

static void slot_free(struct vgpu_device *dev, struct vgpu_slot *slot)
{
	memset(slot, 0, sizeof(*slot));
	dev->queue.used--;
	dev->in_flight--;
}

/* The slot of what the device calls so, or NULL */
static struct vgpu_slot *slot_find(struct vgpu_queue *queue, u64 tag)
{
	unsigned int i = tag & 0xffff;

	if (i >= queue->entries || tag == 0 || queue->slots[i].tag != tag)
		return NULL;
	return &queue->slots[i];
}

/* --- Submitting --- */

/* The next submission, all zeros but for its tag */
static struct vgpu_stub_submission *queue_next(struct vgpu_queue *queue,
					       u64 tag)
{
	struct vgpu_stub_submission *submission =
		ring_submission(queue, queue->sq_tail++);

	memset(submission, 0, sizeof(*submission));
	submission->user_data = tag;
	return submission;
}

static void request_unmap(struct vgpu_device *dev, struct vgpu_request *request)
{
	struct device *device = &dev->pdev->dev;

	vgpu_bulk_unmap(&request->bulk, device);
	dma_unmap_single(device, request->response_dma,
			 request->response_capacity, DMA_FROM_DEVICE);
	dma_unmap_single(device, request->segments_dma, request->segments_size,
			 DMA_TO_DEVICE);
}

/* Returns the number of segments, or an error. */
static int request_map(struct vgpu_device *dev, struct vgpu_request *request)
{
	struct device *device = &dev->pdev->dev;
	int segments;

	segments = vgpu_bulk_map(&request->bulk, device, request->segments);
	if (segments < 0)
		return segments;
	request->response_dma = dma_map_single(device, request->response,
					       request->response_capacity,
					       DMA_FROM_DEVICE);
	if (dma_mapping_error(device, request->response_dma))
		goto fail_bulk;
	/* The table is complete now */
	request->segments_dma = dma_map_single(device, request->segments,
					       request->segments_size,
					       DMA_TO_DEVICE);
	if (dma_mapping_error(device, request->segments_dma))
		goto fail_response;
	return segments;

fail_response:
	dma_unmap_single(device, request->response_dma,
			 request->response_capacity, DMA_FROM_DEVICE);
fail_bulk:
	vgpu_bulk_unmap(&request->bulk, device);
	return -ENOMEM;
}

static u32 ring_flags(const struct vgpu_request *request)
{
	u32 flags = 0;

	if (request->flags & VGPU_STUB_IO_BULK_TO_DEVICE)
		flags |= VGPU_STUB_SUBMIT_BULK_FROM_GUEST;
	if (request->flags & VGPU_STUB_IO_BULK_FROM_DEVICE)
		flags |= VGPU_STUB_SUBMIT_BULK_TO_GUEST;
	if (request->flags & VGPU_STUB_IO_WAITS)
		flags |= VGPU_STUB_SUBMIT_WAITS;
	return flags;
}

static unsigned int queue_room(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	unsigned int most = queue->entries - queue->entries / 4;

	return queue->requests >= most ? 0 :
	       min(most - queue->requests, queue->entries - queue->used);
}

static int queue_push(struct vgpu_device *dev, struct vgpu_request *request)
{
	struct vgpu_queue *queue = &dev->queue;
	struct vgpu_stub_submission *submission;
	struct vgpu_slot *slot;
	int segments;

	segments = request_map(dev, request);
	if (segments < 0)
		return segments;
	slot = slot_take(dev);
	slot->request = request;
	request->tag = slot->tag;
	queue->requests++;

	submission = queue_next(queue, slot->tag);
	submission->request = request->segments_dma +
			      (request->request - request->segments);
	submission->response = request->response_dma;
	submission->segments = segments ? request->segments_dma : 0;
	submission->request_length = request->request_length;
	submission->response_capacity = request->response_capacity;
	submission->segment_count = segments;
	submission->flags = ring_flags(request);
	submission->context = request->file->context;
	submission->order = request->order;
	return 0;
}

static void queue_kick(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	u32 before = queue->sq_told;
	u32 now = queue->sq_tail;

	if (now == before)
		return;
	queue->sq_told = now;
	dma_wmb();
	WRITE_ONCE(ring_driver(queue)->sq_tail, now);
	/* First the tail, then the event; the device does it the other way */
	mb();
	if (vgpu_stub_ring_passed(READ_ONCE(ring_device(queue)->sq_event),
				  before, now))
		vgpu_write(dev, VGPU_STUB_REG_QUEUE_DOORBELL, 1);
}

/* Send a close for each file that has been closed, as far as there are slots. */
static void send_closes(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	struct vgpu_stub_submission *submission;
	struct vgpu_file *file;
	struct vgpu_slot *slot;
	unsigned int i;

	for (i = 0; queue->unsent_closes && i < VGPU_CONTEXTS; i++) {
		file = dev->contexts[i];
		if (!file || !file->closed || file->closing)
			continue;
		if (!slot_is_there(queue))
			return;
		file->closing = true;
		queue->unsent_closes--;
		slot = slot_take(dev);
		slot->closing = file;
		submission = queue_next(queue, slot->tag);
		submission->flags = VGPU_STUB_SUBMIT_CLOSE;
		submission->context = file->context;
	}
}

/* The same for requests that nobody wants any more. */
static void send_cancels(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	struct vgpu_stub_submission *submission;
	struct vgpu_request *request;
	unsigned int i;

	for (i = 0; queue->unsent_cancels && i < queue->entries; i++) {
		request = queue->slots[i].request;
		if (!request || !request->cancelled)
			continue;
		if (!slot_is_there(queue))
			return;
		request->cancelled = false;
		queue->unsent_cancels--;
		/* What follows a close of its context would be refused */
		if (request->file->closing)
			continue;
		submission = queue_next(queue, slot_take(dev)->tag);
		submission->flags = VGPU_STUB_SUBMIT_CANCEL;
		submission->request = request->tag;
		submission->context = request->file->context;
	}
}

static void send_controls(struct vgpu_device *dev)
{
	send_closes(dev);
	send_cancels(dev);
	queue_kick(dev);
}

static void queue_cancel(struct vgpu_device *dev, struct vgpu_file *file,
			 u64 user_data)
{
	struct vgpu_queue *queue = &dev->queue;
	struct vgpu_request *request;
	unsigned int i;

	for (i = 0; i < queue->entries; i++) {
		request = queue->slots[i].request;
		if (!request || request->file != file ||
		    request->user_data != user_data || request->cancelled)
			continue;
		request->cancelled = true;
		queue->unsent_cancels++;
	}
	send_controls(dev);
}

static void queue_close(struct vgpu_device *dev, struct vgpu_file *file)
{
	dev->queue.unsent_closes++;
	send_controls(dev);
}

/* --- Completions --- */

static void slot_end(struct vgpu_device *dev, struct vgpu_slot *slot,
		     u32 status, u32 response_length, u64 bulk_moved)
{
	struct vgpu_request *request = slot->request;
	struct vgpu_file *closing = slot->closing;

	slot_free(dev, slot);
	if (closing)
		vgpu_context_free(dev, closing);
	if (!request)
		return;
	dev->queue.requests--;
	if (request->cancelled)
		dev->queue.unsent_cancels--;
	request_unmap(dev, request);
	vgpu_request_end(request, status, response_length, bulk_moved);
}

static void queue_complete(struct vgpu_device *dev,
			   const struct vgpu_stub_completion *completion)
{
	struct vgpu_slot *slot = slot_find(&dev->queue, completion->user_data);

	if (!slot) {
		dev_warn_ratelimited(&dev->pdev->dev,
				     "a completion of nothing that was submitted\n");
		return;
	}
	slot_end(dev, slot, completion->status, completion->response_length,
		 completion->bulk_moved);
}

static bool queue_pending(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;

	return READ_ONCE(ring_device(queue)->cq_tail) !=
	       READ_ONCE(queue->cq_head);
}

static bool queue_arm(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;

	WRITE_ONCE(ring_driver(queue)->cq_event, queue->cq_head);
	/* First the event, then the tail once more */
	mb();
	return !queue_pending(dev);
}

static bool queue_reap(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	u32 begin = queue->cq_head;
	u32 tail;

	for (;;) {
		tail = READ_ONCE(ring_device(queue)->cq_tail);
		if (tail == queue->cq_head) {
			if (!dev->listeners || queue_arm(dev))
				break;
			continue;
		}
		if (tail - queue->cq_head > queue->used)
			break;		/* not a device of ours: see works() */
		dma_rmb();
		queue_complete(dev, ring_completion(queue, queue->cq_head));
		WRITE_ONCE(queue->cq_head, queue->cq_head + 1);
	}
	if (queue->unsent_closes || queue->unsent_cancels)
		send_controls(dev);
	return queue->cq_head != begin;
}

/* --- On and off --- */

static int queue_start(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	u32 state;

	vgpu_write(dev, VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_DISABLE);
	memset(queue->ring, 0, VGPU_STUB_RING_SIZE(queue->entries));
	queue->sq_tail = 0;
	queue->sq_told = 0;
	queue->cq_head = 0;
	vgpu_write(dev, VGPU_STUB_REG_QUEUE_RING_LO,
		   lower_32_bits(queue->ring_dma));
	vgpu_write(dev, VGPU_STUB_REG_QUEUE_RING_HI,
		   upper_32_bits(queue->ring_dma));
	vgpu_write(dev, VGPU_STUB_REG_QUEUE_ENTRIES, queue->entries);
	vgpu_write(dev, VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_ENABLE);
	state = vgpu_read(dev, VGPU_STUB_REG_QUEUE_STATE);
	if (state == VGPU_STUB_QUEUE_ON)
		return 0;
	dev_err(&dev->pdev->dev, "the queue is not on: state %#x, error %#x\n",
		state, vgpu_read(dev, VGPU_STUB_REG_QUEUE_ERROR));
	return -EIO;
}

static bool queue_stop(struct vgpu_device *dev)
{
	vgpu_write(dev, VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_DISABLE);
	return vgpu_read(dev, VGPU_STUB_REG_QUEUE_STATE) == VGPU_STUB_QUEUE_OFF;
}

static void queue_end(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;
	unsigned int i;

	queue->unsent_closes = 0;
	for (i = 0; i < queue->entries; i++) {
		if (queue->slots[i].tag)
			slot_end(dev, &queue->slots[i],
				 VGPU_STUB_ERR_CANCELLED, 0, 0);
	}
}

static bool queue_works(struct vgpu_device *dev)
{
	struct vgpu_queue *queue = &dev->queue;

	return READ_ONCE(ring_device(queue)->cq_tail) - queue->cq_head <=
	       queue->used &&
	       vgpu_read(dev, VGPU_STUB_REG_QUEUE_STATE) == VGPU_STUB_QUEUE_ON;
}

const struct vgpu_transport vgpu_queue_transport = {
	.interrupt = VGPU_STUB_INTERRUPT_QUEUE,
	.request_max = VGPU_STUB_QUEUE_REQUEST_MAX,
	.response_max = VGPU_STUB_QUEUE_RESPONSE_MAX,
	.bulk = true,
	.start = queue_start,
	.stop = queue_stop,
	.end = queue_end,
	.works = queue_works,
	.room = queue_room,
	.push = queue_push,
	.kick = queue_kick,
	.cancel = queue_cancel,
	.close = queue_close,
	.reap = queue_reap,
	.arm = queue_arm,
	.pending = queue_pending,
};
