// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: the call that submits requests and takes what has ended
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "driver.h"

/* --- Submitting --- */

/* A call on its way */
struct submitting {
	struct vgpu_file *file;
	const struct vgpu_stub_io_submission __user *submissions;
	u32 count;		/* in all */
	u32 done;		/* of them: submitted */
	struct list_head batch;	/* requests that come next */
	u32 batch_count;
};

/* Locked: give the first of the batch to the transport. */
static int push_one(struct submitting *submitting)
{
	struct vgpu_file *file = submitting->file;
	struct vgpu_device *dev = file->dev;
	struct vgpu_request *request;
	int ret;

	request = list_first_entry(&submitting->batch, struct vgpu_request,
				   entry);
	if ((request->flags & VGPU_STUB_IO_WAITS) &&
	    file->waits == VGPU_STUB_QUEUE_WAITS_MAX) {
		file->wants = true;
		return -EAGAIN;
	}
	if (!vgpu_device_room(dev, file))
		return -EAGAIN;
	list_del(&request->entry);
	ret = dev->transport->push(dev, request);
	if (ret) {
		list_add(&request->entry, &submitting->batch);
		/* Bounce buffers come back with what is in flight */
		file->wants = dev->in_flight > 0;
		return file->wants ? -EAGAIN : ret;
	}
	vgpu_request_begin(request);
	submitting->done++;
	return 0;
}

/* Submit the batch; what is not taken is forgotten. */
static int push_batch(struct submitting *submitting)
{
	struct vgpu_file *file = submitting->file;
	struct vgpu_device *dev = file->dev;
	int ret;

	if (list_empty(&submitting->batch))
		return 0;
	mutex_lock(&dev->lock);
	ret = vgpu_file_state(file);
	if (!ret)
		ret = vgpu_context_take(dev, file);
	while (!ret && !list_empty(&submitting->batch))
		ret = push_one(submitting);
	if (dev->state == VGPU_ON)
		dev->transport->kick(dev);
	vgpu_device_watch(dev);
	vgpu_requests_free(&submitting->batch);
	mutex_unlock(&dev->lock);
	INIT_LIST_HEAD(&submitting->batch);
	submitting->batch_count = 0;
	return ret;
}

/* How many more there is room for. Errors as of ENTER; -EAGAIN none. */
static int room(struct vgpu_file *file)
{
	struct vgpu_device *dev = file->dev;
	int ret;

	mutex_lock(&dev->lock);
	/* Nobody may have looked: what has ended leaves room */
	if (vgpu_device_pending(dev))
		vgpu_device_reap(dev, false);
	ret = vgpu_file_state(file);
	if (!ret)
		ret = vgpu_context_take(dev, file);
	if (!ret)
		ret = vgpu_device_room(dev, file) ?: -EAGAIN;
	mutex_unlock(&dev->lock);
	return ret;
}

static int cancel(struct submitting *submitting,
		  const struct vgpu_stub_io_submission *submission)
{
	struct vgpu_stub_io_submission expected = {
		.user_data = submission->user_data,
		.request = submission->request,
		.flags = VGPU_STUB_IO_CANCEL,
	};
	struct vgpu_file *file = submitting->file;
	struct vgpu_device *dev = file->dev;
	int ret;

	if (memcmp(submission, &expected, sizeof(expected)))
		return -EINVAL;
	ret = push_batch(submitting);
	if (ret)
		return ret;
	mutex_lock(&dev->lock);
	ret = vgpu_file_state(file);
	if (!ret) {
		dev->transport->cancel(dev, file, submission->request);
		vgpu_device_wake(dev);
		submitting->done++;
	}
	mutex_unlock(&dev->lock);
	return ret;
}

/* Take the submission that comes next into the batch, or do it. */
static int submit_one(struct submitting *submitting)
{
	struct vgpu_stub_io_submission submission;
	struct vgpu_request *request;
	int ret;

	if (copy_from_user(&submission,
			   submitting->submissions + submitting->done +
			   submitting->batch_count, sizeof(submission)))
		return -EFAULT;
	if (submission.flags & VGPU_STUB_IO_CANCEL)
		return cancel(submitting, &submission);
	ret = room(submitting->file);
	if (ret < 0)
		return ret;
	if (submitting->batch_count >= ret)
		return push_batch(submitting);
	request = vgpu_request_new(submitting->file, &submission);
	if (IS_ERR(request))
		return PTR_ERR(request);
	list_add_tail(&request->entry, &submitting->batch);
	submitting->batch_count++;
	return 0;
}

/*
 * Submit what there is room for; returns why it was not all, or 0.
 * @submit_count: in: there are; out: were submitted
 */
static int submit(struct vgpu_file *file, struct vgpu_stub_io_enter *enter,
		  u32 *submit_count)
{
	struct submitting submitting = {
		.file = file,
		.submissions = u64_to_user_ptr(enter->submissions),
		.count = enter->submit_count,
		.batch = LIST_HEAD_INIT(submitting.batch),
	};
	int ret = 0;
	int pushed;

	while (!ret && submitting.done + submitting.batch_count <
	       submitting.count) {
		ret = submit_one(&submitting);
		if (fatal_signal_pending(current))
			ret = -EINTR;
	}
	/* What is right before the first that is not */
	pushed = push_batch(&submitting);
	*submit_count = submitting.done;
	return pushed ?: ret;
}

/* --- Taking --- */

/* Write to the program what it is told of a request. */
static int deliver(struct vgpu_request *request,
		   struct vgpu_stub_io_completion __user *to)
{
	struct vgpu_stub_io_completion completion = {
		.user_data = request->user_data,
		.bulk_moved = request->bulk_moved,
		.status = request->status,
		.response_length = request->response_length,
	};

	if (copy_to_user(request->response_address, request->response,
			 request->response_length))
		completion.flags |= VGPU_STUB_IO_COMPLETION_FAULT;
	return copy_to_user(to, &completion, sizeof(completion)) ? -EFAULT : 0;
}

/* The one that ended first, or NULL */
static struct vgpu_request *take(struct vgpu_file *file)
{
	struct vgpu_device *dev = file->dev;
	struct vgpu_request *request;

	mutex_lock(&dev->lock);
	if (list_empty(&file->done))
		vgpu_device_reap(dev, false);
	request = list_first_entry_or_null(&file->done, struct vgpu_request,
					   entry);
	if (request) {
		list_del(&request->entry);
		file->done_count--;
		/* There may have been no room because of it */
		if (file->wants)
			vgpu_device_wake(dev);
	}
	mutex_unlock(&dev->lock);
	return request;
}

/* Done with it, or back to where it was. */
static void put_taken(struct vgpu_request *request, bool delivered)
{
	struct vgpu_file *file = request->file;

	mutex_lock(&file->dev->lock);
	if (delivered) {
		vgpu_request_free(request);
	} else {
		list_add(&request->entry, &file->done);
		file->done_count++;
	}
	mutex_unlock(&file->dev->lock);
}

/* Take what has ended, from the completion with this number on. */
static int collect(struct vgpu_file *file,
		   const struct vgpu_stub_io_enter *enter, u32 *taken)
{
	struct vgpu_stub_io_completion __user *completions =
		u64_to_user_ptr(enter->completions);
	struct vgpu_request *request;
	int ret;

	while (*taken < enter->complete_max) {
		request = take(file);
		if (!request)
			break;
		ret = deliver(request, completions + *taken);
		put_taken(request, ret == 0);
		if (ret)
			return ret;
		++*taken;
	}
	return 0;
}

/* --- All of it --- */

/* Can anything come yet? -ENODEV, -ESTALE; what is in flight is waited for. */
static int may_come(struct vgpu_file *file)
{
	int ret = 0;

	mutex_lock(&file->dev->lock);
	if (!file->in_flight && !file->done_count)
		ret = vgpu_file_state(file);
	mutex_unlock(&file->dev->lock);
	return ret;
}

long vgpu_enter(struct vgpu_file *file, bool nonblock,
		struct vgpu_stub_io_enter *enter)
{
	u32 asked = enter->submit_count;
	u32 submitted = 0;
	u32 taken = 0;
	unsigned int seen;
	int ret;

	for (;;) {
		seen = READ_ONCE(file->events);
		ret = 0;
		if (submitted < asked)
			ret = submit(file, enter, &submitted);
		if (ret && ret != -EAGAIN && !submitted)
			return ret;
		ret = collect(file, enter, &taken);
		if (!ret && taken < max(enter->complete_min, 1U))
			ret = may_come(file);
		if (ret)
			break;
		if (submitted == asked && taken >= enter->complete_min)
			break;
		if (submitted < asked && (submitted || taken))
			break;
		ret = nonblock ? -EAGAIN :
		      vgpu_wait(file, seen, enter->deadline_ns);
		if (ret)
			break;
	}
	enter->submit_count = submitted;
	enter->complete_count = taken;
	return submitted || taken ? 0 : ret;
}
