// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: transport by the mailbox, for a device without a queue
 *
 * One request at a time is in the device, the others wait here. docs/registers.md
 * says how a request lives.
 *
 * The device does not tell programs apart. When none is left that has used it,
 * what they had on the accelerator is freed with a request of the driver's own.
 */
#include "driver.h"

static void mailbox_send(struct vgpu_device *dev, const void *request,
			 u32 length)
{
	memcpy_toio(dev->bar + VGPU_STUB_REQUEST_BUF, request, length);
	vgpu_write(dev, VGPU_STUB_REG_REQUEST_LEN, length);
	vgpu_write(dev, VGPU_STUB_REG_REQUEST_ID, ++dev->mailbox.id);
	vgpu_write(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_SUBMIT);
}

/* Has the device something that has not been acknowledged? */
static bool mailbox_is_busy(const struct vgpu_mailbox *mailbox)
{
	return mailbox->active || mailbox->sweeping;
}

static void mailbox_sweep(struct vgpu_device *dev)
{
	static const struct vgpu_stub_request free_all = {
		.version = VGPU_STUB_PROTOCOL_VERSION,
		.opcode = VGPU_STUB_OP_MEMORY_FREE_ALL,
	};

	dev->mailbox.sweep = false;
	dev->mailbox.sweeping = true;
	dev->in_flight++;
	mailbox_send(dev, &free_all, sizeof(free_all));
}

static void mailbox_sweep_end(struct vgpu_device *dev)
{
	dev->mailbox.sweeping = false;
	dev->in_flight--;
}

static void mailbox_kick(struct vgpu_device *dev)
{
	struct vgpu_mailbox *mailbox = &dev->mailbox;
	struct vgpu_request *request;

	if (mailbox_is_busy(mailbox))
		return;
	if (mailbox->sweep) {
		mailbox_sweep(dev);
		return;
	}
	if (list_empty(&mailbox->waiting))
		return;
	request = list_first_entry(&mailbox->waiting, struct vgpu_request,
				   entry);
	list_del(&request->entry);
	mailbox->active = request;
	mailbox_send(dev, request->request, request->request_length);
}

static void mailbox_end_request(struct vgpu_device *dev,
				struct vgpu_request *request, u32 status,
				u32 response_length)
{
	dev->in_flight--;
	vgpu_request_end(request, status, response_length, 0);
}

/* What does not fit is cut as in the queue: to the header, an error's text. */
static u32 cut(u32 *status, u32 length, u32 capacity)
{
	if (length <= capacity)
		return length;
	if (*status != VGPU_STUB_ERR_NONE)
		return capacity;
	*status = VGPU_STUB_ERR_INVALID_LENGTH;
	return sizeof(struct vgpu_stub_response);
}

/* The device is done with the active one: on with the next. */
static void mailbox_done(struct vgpu_device *dev, u32 status, u32 length)
{
	struct vgpu_request *request = dev->mailbox.active;

	dev->mailbox.active = NULL;
	mailbox_end_request(dev, request, status, length);
	mailbox_kick(dev);
}

/* Take the outcome of the active request, which the device has by now. */
static void mailbox_take(struct vgpu_device *dev, u32 state)
{
	struct vgpu_request *request = dev->mailbox.active;
	u32 status, length;

	length = vgpu_read(dev, VGPU_STUB_REG_RESPONSE_LEN);
	status = state == VGPU_STUB_STATUS_DONE ? VGPU_STUB_ERR_NONE :
		 vgpu_read(dev, VGPU_STUB_REG_ERROR_CODE);
	length = cut(&status, min_t(u32, length, VGPU_STUB_BUF_SIZE),
		     request->response_capacity);
	memcpy_fromio(request->response, dev->bar + VGPU_STUB_RESPONSE_BUF,
		      length);
	vgpu_write(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
	mailbox_done(dev, status, length);
}

static bool mailbox_reap(struct vgpu_device *dev)
{
	struct vgpu_request *request = dev->mailbox.active;
	u32 state;

	if (!mailbox_is_busy(&dev->mailbox))
		return false;
	state = vgpu_read(dev, VGPU_STUB_REG_STATUS);
	if (state == VGPU_STUB_STATUS_IDLE && request && request->cancelled) {
		/* It ended just before it was aborted */
		mailbox_done(dev, VGPU_STUB_ERR_CANCELLED, 0);
		return true;
	}
	if (state != VGPU_STUB_STATUS_DONE && state != VGPU_STUB_STATUS_ERROR)
		return false;
	if (request) {
		mailbox_take(dev, state);
		return true;
	}
	/* A mediator that is older than the operation refuses it: so be it */
	vgpu_write(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
	mailbox_sweep_end(dev);
	mailbox_kick(dev);
	return true;
}

/* It always interrupts. */
static bool mailbox_arm(struct vgpu_device *dev)
{
	return true;
}

static unsigned int mailbox_room(struct vgpu_device *dev)
{
	return VGPU_ENTRIES;
}

static int mailbox_push(struct vgpu_device *dev, struct vgpu_request *request)
{
	list_add_tail(&request->entry, &dev->mailbox.waiting);
	dev->in_flight++;
	return 0;
}

/* End what @file has in flight, all of it or that with this @user_data. */
static void cancel(struct vgpu_device *dev, struct vgpu_file *file,
		   const u64 *user_data)
{
	struct vgpu_mailbox *mailbox = &dev->mailbox;
	struct vgpu_request *request, *next;

	list_for_each_entry_safe(request, next, &mailbox->waiting, entry) {
		if (request->file != file ||
		    (user_data && request->user_data != *user_data))
			continue;
		list_del(&request->entry);
		mailbox_end_request(dev, request, VGPU_STUB_ERR_CANCELLED, 0);
	}
	request = mailbox->active;
	if (!request || request->file != file ||
	    (user_data && request->user_data != *user_data) ||
	    vgpu_read(dev, VGPU_STUB_REG_STATUS) != VGPU_STUB_STATUS_BUSY)
		return;
	request->cancelled = true;
	vgpu_write(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
	/* Where an outcome came between the two, no interrupt follows */
	mailbox_reap(dev);
}

static void mailbox_cancel(struct vgpu_device *dev, struct vgpu_file *file,
			   u64 user_data)
{
	cancel(dev, file, &user_data);
}

static void mailbox_close(struct vgpu_device *dev, struct vgpu_file *file)
{
	cancel(dev, file, NULL);
	vgpu_context_free(dev, file);
	if (dev->context_count)
		return;
	dev->mailbox.sweep = true;
	mailbox_kick(dev);
}

static int mailbox_start(struct vgpu_device *dev)
{
	u32 state = vgpu_read(dev, VGPU_STUB_REG_STATUS);

	/* What somebody has left there */
	if (state != VGPU_STUB_STATUS_IDLE)
		vgpu_write(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
	/* Goes before the first request: a sweep may have been cut short */
	dev->mailbox.sweep = true;
	return vgpu_answers(dev) ? 0 : -EIO;
}

static bool mailbox_stop(struct vgpu_device *dev)
{
	if (mailbox_is_busy(&dev->mailbox))
		vgpu_write(dev, VGPU_STUB_REG_DOORBELL, VGPU_STUB_DOORBELL_ACK);
	return true;
}

static void mailbox_end(struct vgpu_device *dev)
{
	struct vgpu_mailbox *mailbox = &dev->mailbox;
	struct vgpu_request *request, *next;

	if (mailbox->active)
		mailbox_end_request(dev, mailbox->active,
				    VGPU_STUB_ERR_CANCELLED, 0);
	mailbox->active = NULL;
	if (mailbox->sweeping)
		mailbox_sweep_end(dev);
	list_for_each_entry_safe(request, next, &mailbox->waiting, entry) {
		list_del(&request->entry);
		mailbox_end_request(dev, request, VGPU_STUB_ERR_CANCELLED, 0);
	}
}

/*
 * A reset of the device, or a state that was loaded, may have taken the request
 * away.
 */
static bool mailbox_works(struct vgpu_device *dev)
{
	struct vgpu_mailbox *mailbox = &dev->mailbox;

	if (!vgpu_answers(dev))
		return false;
	return !mailbox_is_busy(mailbox) ||
	       vgpu_read(dev, VGPU_STUB_REG_STATUS) != VGPU_STUB_STATUS_IDLE;
}

const struct vgpu_transport vgpu_mailbox_transport = {
	.interrupt = VGPU_STUB_INTERRUPT_COMPLETION,
	.request_max = VGPU_STUB_MAX_REQUEST,
	.response_max = VGPU_STUB_MAX_RESPONSE,
	.bulk = false,
	.start = mailbox_start,
	.stop = mailbox_stop,
	.end = mailbox_end,
	.works = mailbox_works,
	.room = mailbox_room,
	.push = mailbox_push,
	.kick = mailbox_kick,
	.cancel = mailbox_cancel,
	.close = mailbox_close,
	.reap = mailbox_reap,
	.arm = mailbox_arm,
};
