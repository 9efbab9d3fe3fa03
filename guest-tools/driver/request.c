// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: a request from its submission to its completion
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "driver.h"

#define BULK_FLAGS	(VGPU_STUB_IO_BULK_TO_DEVICE | \
			 VGPU_STUB_IO_BULK_FROM_DEVICE)
#define REQUEST_FLAGS	(BULK_FLAGS | VGPU_STUB_IO_BULK_BUFFER | \
			 VGPU_STUB_IO_WAITS)

static int check_bulk(const struct vgpu_transport *transport,
		      const struct vgpu_stub_io_submission *submission)
{
	u32 flags = submission->flags;
	u32 ways = flags & BULK_FLAGS;

	if (submission->bulk_length == 0)
		return submission->bulk ||
		       (flags & (BULK_FLAGS | VGPU_STUB_IO_BULK_BUFFER)) ?
		       -EINVAL : 0;
	if (ways == 0 || ways == BULK_FLAGS || (flags & VGPU_STUB_IO_WAITS))
		return -EINVAL;
	if (!transport->bulk)
		return -EOPNOTSUPP;
	return submission->bulk_length > VGPU_STUB_QUEUE_TRANSFER_MAX ?
	       -EMSGSIZE : 0;
}

static int check(const struct vgpu_transport *transport,
		 const struct vgpu_stub_io_submission *submission)
{
	if ((submission->flags & ~REQUEST_FLAGS) ||
	    memchr_inv(submission->reserved, 0, sizeof(submission->reserved)))
		return -EINVAL;
	if (submission->request_length == 0 ||
	    submission->request_length > transport->request_max ||
	    submission->response_capacity < sizeof(struct vgpu_stub_response) ||
	    submission->response_capacity > transport->response_max)
		return -EMSGSIZE;
	return check_bulk(transport, submission);
}

/* The request and the room for the response; in a row, for the device */
static int request_alloc(struct vgpu_request *request, const void __user *bytes)
{
	size_t table = vgpu_bulk_pages(&request->bulk) *
		       sizeof(struct vgpu_stub_segment);

	request->segments_size = table + request->request_length;
	request->segments = kmalloc(request->segments_size,
				    GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	request->response = kzalloc(request->response_capacity,
				    GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!request->segments || !request->response)
		return -ENOMEM;
	request->request = request->segments + table;
	if (copy_from_user(request->request, bytes, request->request_length))
		return -EFAULT;
	return 0;
}

struct vgpu_request *
vgpu_request_new(struct vgpu_file *file,
		 const struct vgpu_stub_io_submission *submission)
{
	struct vgpu_request *request;
	int ret;

	ret = check(file->dev->transport, submission);
	if (ret)
		return ERR_PTR(ret);
	request = kzalloc(sizeof(*request), GFP_KERNEL_ACCOUNT);
	if (!request)
		return ERR_PTR(-ENOMEM);
	vgpu_file_get(file);
	request->file = file;
	request->user_data = submission->user_data;
	request->response_address = u64_to_user_ptr(submission->response);
	request->request_length = submission->request_length;
	request->response_capacity = submission->response_capacity;
	request->flags = submission->flags;
	request->order = submission->order;

	ret = vgpu_bulk_init(&request->bulk, file, submission);
	if (!ret)
		ret = request_alloc(request,
				    u64_to_user_ptr(submission->request));
	if (ret) {
		mutex_lock(&file->dev->lock);
		vgpu_request_free(request);
		mutex_unlock(&file->dev->lock);
		return ERR_PTR(ret);
	}
	return request;
}

void vgpu_request_free(struct vgpu_request *request)
{
	vgpu_bulk_end(&request->bulk);
	kfree(request->segments);
	kfree(request->response);
	vgpu_file_put(request->file);
	kfree(request);
}

void vgpu_requests_free(struct list_head *requests)
{
	struct vgpu_request *request, *next;

	list_for_each_entry_safe(request, next, requests, entry)
		vgpu_request_free(request);
}

void vgpu_request_begin(struct vgpu_request *request)
{
	struct vgpu_file *file = request->file;

	file->in_flight++;
	if (request->flags & VGPU_STUB_IO_WAITS)
		file->waits++;
}

void vgpu_request_end(struct vgpu_request *request, u32 status,
		      u32 response_length, u64 bulk_moved)
{
	struct vgpu_file *file = request->file;

	file->in_flight--;
	if (request->flags & VGPU_STUB_IO_WAITS)
		file->waits--;
	if (status == VGPU_STUB_ERR_CONTEXT_LOST)
		file->lost = true;
	if (file->closed) {
		vgpu_request_free(request);
		return;
	}
	/* Whoever takes it needs no more of it than this and the response */
	vgpu_bulk_end(&request->bulk);
	kfree(request->segments);
	request->segments = NULL;
	request->status = status;
	request->response_length = min(response_length,
				       request->response_capacity);
	request->bulk_moved = bulk_moved;
	list_add_tail(&request->entry, &file->done);
	file->done_count++;
	vgpu_file_event(file);
}
