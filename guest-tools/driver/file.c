// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: open files and their calls
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "driver.h"

#define ENTER_COUNT_MAX		65536

static void file_release(struct kref *ref)
{
	struct vgpu_file *file = container_of(ref, struct vgpu_file, ref);

	if (file->mm)
		mmdrop(file->mm);
	vgpu_device_put(file->dev);
	kfree(file);
}

void vgpu_file_get(struct vgpu_file *file)
{
	kref_get(&file->ref);
}

void vgpu_file_put(struct vgpu_file *file)
{
	kref_put(&file->ref, file_release);
}

int vgpu_file_state(const struct vgpu_file *file)
{
	if (file->dev->state != VGPU_ON)
		return -ENODEV;
	return file->lost ? -ESTALE : 0;
}

static int vgpu_open(struct inode *inode, struct file *filp)
{
	struct miscdevice *misc = filp->private_data;
	struct vgpu_device *dev = container_of(misc, struct vgpu_device, misc);
	struct vgpu_file *file;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	kref_init(&file->ref);
	init_waitqueue_head(&file->wait);
	vgpu_buffers_init(&file->buffers);
	INIT_WORK(&file->unpin, vgpu_bulk_unpin);
	INIT_LIST_HEAD(&file->unpins);
	INIT_LIST_HEAD(&file->done);
	file->context = VGPU_NO_CONTEXT;
	file->dev = dev;
	vgpu_device_get(dev);
	mutex_lock(&dev->lock);
	list_add_tail(&file->entry, &dev->files);
	mutex_unlock(&dev->lock);
	filp->private_data = file;
	return stream_open(inode, filp);
}

/* What is in flight goes on without it, and so does its context's end. */
static int vgpu_release(struct inode *inode, struct file *filp)
{
	struct vgpu_file *file = filp->private_data;
	struct vgpu_device *dev = file->dev;

	mutex_lock(&dev->lock);
	list_del(&file->entry);
	file->closed = true;
	vgpu_requests_free(&file->done);
	if (file->polled)
		vgpu_device_unlisten(dev);
	if (file->context != VGPU_NO_CONTEXT) {
		vgpu_device_listen(dev);
		if (dev->state == VGPU_ON)
			dev->transport->close(dev, file);
	}
	vgpu_device_watch(dev);
	vgpu_device_wake(dev);
	mutex_unlock(&dev->lock);
	vgpu_buffers_destroy(&file->buffers);
	vgpu_file_put(file);
	return 0;
}

/* A file is its first user's: its addresses are in that one's memory. */
static int check_owner(struct vgpu_file *file)
{
	int ret;

	mutex_lock(&file->dev->lock);
	if (!file->mm) {
		mmgrab(current->mm);
		WRITE_ONCE(file->mm, current->mm);
	}
	ret = file->mm == current->mm ? 0 : -EPERM;
	mutex_unlock(&file->dev->lock);
	return ret;
}

/* Read a structure of a call, which begins with its size. */
static int get_args(void *args, size_t known, size_t least,
		    const void __user *user, u32 *size)
{
	if (get_user(*size, (const u32 __user *)user))
		return -EFAULT;
	if (*size < least)
		return -EINVAL;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(args, known, user, *size);
}

static int put_args(const void *args, size_t known, void __user *user,
		    u32 size)
{
	return copy_to_user(user, args, min_t(size_t, known, size)) ?
	       -EFAULT : 0;
}

static long call_info(struct vgpu_file *file, void __user *user)
{
	struct vgpu_device *dev = file->dev;
	struct vgpu_stub_io_info info;
	int ret;
	u32 size;

	ret = get_args(&info, sizeof(info), sizeof(info), user, &size);
	if (ret)
		return ret;
	info = (struct vgpu_stub_io_info) {
		.size = sizeof(info),
		.request_max = dev->transport->request_max,
		.response_max = dev->transport->response_max,
	};
	if (dev->transport->bulk) {
		info.flags |= VGPU_STUB_IO_INFO_QUEUE;
		info.bulk_max = VGPU_STUB_QUEUE_TRANSFER_MAX;
	}
	strscpy(info.pci_address, pci_name(dev->pdev),
		sizeof(info.pci_address));
	mutex_lock(&dev->lock);
	ret = -ENODEV;
	if (dev->state == VGPU_ON && vgpu_answers(dev)) {
		ret = 0;
		info.pool = vgpu_read(dev, VGPU_STUB_REG_POOL_ID);
		info.priority = vgpu_read(dev, VGPU_STUB_REG_PRIORITY);
		info.vm_id = vgpu_read(dev, VGPU_STUB_REG_VM_ID);
		info.protocol_version = vgpu_read(dev,
						  VGPU_STUB_REG_PROTOCOL_VER);
		info.capabilities = vgpu_read(dev, VGPU_STUB_REG_CAPABILITIES);
		info.request_timeout_ms =
			vgpu_read(dev, VGPU_STUB_REG_REQUEST_TIMEOUT_MS);
		info.link = vgpu_read(dev, VGPU_STUB_REG_LINK);
	}
	mutex_unlock(&dev->lock);
	return ret ?: put_args(&info, sizeof(info), user, size);
}

static long call_buffer(struct vgpu_file *file, bool create,
			void __user *user)
{
	struct vgpu_stub_io_buffer buffer;
	int ret;
	u32 size;

	ret = get_args(&buffer, sizeof(buffer), sizeof(buffer), user, &size);
	if (ret)
		return ret;
	/* Each says what the other one is told */
	if (buffer.flags || (create ? buffer.offset : buffer.bytes))
		return -EINVAL;
	if (!create)
		return vgpu_buffer_remove(&file->buffers, buffer.offset);
	ret = vgpu_buffer_create(&file->buffers, buffer.bytes, &buffer.offset);
	if (ret)
		return ret;
	ret = put_args(&buffer, sizeof(buffer), user, size);
	if (ret)
		vgpu_buffer_remove(&file->buffers, buffer.offset);
	return ret;
}

static long call_enter(struct vgpu_file *file, bool nonblock,
		       void __user *user)
{
	struct vgpu_stub_io_enter enter;
	long ret;
	u32 size;

	ret = get_args(&enter, sizeof(enter), sizeof(enter), user, &size);
	if (ret)
		return ret;
	if (enter.flags || enter.complete_count ||
	    enter.complete_min > enter.complete_max ||
	    enter.submit_count > ENTER_COUNT_MAX ||
	    enter.complete_max > ENTER_COUNT_MAX)
		return -EINVAL;
	ret = vgpu_enter(file, nonblock, &enter);
	if (ret)
		return ret;
	return put_args(&enter, sizeof(enter), user, size);
}

static long vgpu_ioctl(struct file *filp, unsigned int command,
		       unsigned long argument)
{
	struct vgpu_file *file = filp->private_data;
	void __user *user = (void __user *)argument;
	int ret;

	if (command == VGPU_STUB_IO_INFO)
		return call_info(file, user);
	ret = check_owner(file);
	if (ret)
		return ret;
	switch (command) {
	case VGPU_STUB_IO_BUFFER_CREATE:
		return call_buffer(file, true, user);
	case VGPU_STUB_IO_BUFFER_DESTROY:
		return call_buffer(file, false, user);
	case VGPU_STUB_IO_ENTER:
		return call_enter(file, filp->f_flags & O_NONBLOCK, user);
	default:
		return -ENOTTY;
	}
}

static __poll_t vgpu_poll(struct file *filp, poll_table *table)
{
	struct vgpu_file *file = filp->private_data;
	struct vgpu_device *dev = file->dev;
	__poll_t events = 0;

	poll_wait(filp, &file->wait, table);
	mutex_lock(&dev->lock);
	if (!file->polled)
		vgpu_device_listen(dev);
	file->polled = true;
	vgpu_device_reap(dev, false);
	if (file->done_count)
		events |= EPOLLIN | EPOLLRDNORM;
	if (vgpu_file_state(file))
		events |= EPOLLERR;
	else if (file->context == VGPU_NO_CONTEXT ||
		 vgpu_device_room(dev, file))
		events |= EPOLLOUT | EPOLLWRNORM;
	if (dev->state == VGPU_GONE)
		events |= EPOLLHUP;
	mutex_unlock(&dev->lock);
	return events;
}

static int vgpu_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct vgpu_file *file = filp->private_data;

	if (READ_ONCE(file->mm) != current->mm)
		return -EPERM;
	return vgpu_buffer_map(&file->buffers, vma);
}

const struct file_operations vgpu_file_ops = {
	.owner = THIS_MODULE,
	.open = vgpu_open,
	.release = vgpu_release,
	.unlocked_ioctl = vgpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = vgpu_poll,
	.mmap = vgpu_mmap,
};
