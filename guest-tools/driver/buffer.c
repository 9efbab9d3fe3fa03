// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: memory that programs map
 *
 * In an offset a buffer's number stands above its bytes. The pages are given
 * back one by one, when nobody maps them and no request moves them any more.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "driver.h"

#define BUFFER_SHIFT	28		/* above the bytes that one may have */
#define BUFFER_NUMBERS	XA_LIMIT(1, (1 << 16) - 1)
#define BUFFER_ORDER	8		/* pages that one tries to have in a row */

static void buffer_release(struct kref *ref)
{
	struct vgpu_buffer *buffer = container_of(ref, struct vgpu_buffer, ref);
	unsigned int i;

	for (i = 0; i < buffer->count; i++)
		__free_page(buffer->pages[i]);
	kvfree(buffer);
}

void vgpu_buffer_put(struct vgpu_buffer *buffer)
{
	kref_put(&buffer->ref, buffer_release);
}

/* Up to @count pages, in a row if they can be had; returns how many, or 0. */
static unsigned int pages_alloc(struct page **pages, unsigned int count)
{
	unsigned int order = min_t(unsigned int, BUFFER_ORDER, ilog2(count));
	struct page *page = NULL;
	unsigned int i;

	for (; order > 0 && !page; order -= !page)
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				   __GFP_NORETRY | __GFP_NOWARN, order);
	if (page)
		split_page(page, order);
	else
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		return 0;
	for (i = 0; i < 1U << order; i++)
		pages[i] = page + i;
	return i;
}

static struct vgpu_buffer *buffer_new(unsigned int count)
{
	struct vgpu_buffer *buffer;
	unsigned int got;

	buffer = kvzalloc(struct_size(buffer, pages, count), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return NULL;
	kref_init(&buffer->ref);
	while (buffer->count < count) {
		got = pages_alloc(buffer->pages + buffer->count,
				  count - buffer->count);
		if (!got || fatal_signal_pending(current)) {
			buffer->count += got;
			vgpu_buffer_put(buffer);
			return NULL;
		}
		buffer->count += got;
	}
	return buffer;
}

static u64 buffer_bytes(const struct vgpu_buffer *buffer)
{
	return (u64)buffer->count << PAGE_SHIFT;
}

static int buffers_insert(struct vgpu_buffers *buffers,
			  struct vgpu_buffer *buffer, u32 *number)
{
	int ret;

	ret = xa_alloc(&buffers->all, number, buffer, BUFFER_NUMBERS,
		       GFP_KERNEL_ACCOUNT);
	return ret == -EBUSY ? -EDQUOT : ret;
}

int vgpu_buffer_create(struct vgpu_buffers *buffers, u64 bytes, u64 *offset)
{
	struct vgpu_buffer *buffer;
	u32 number;
	int ret;

	if (bytes == 0)
		return -EINVAL;
	if (bytes > VGPU_STUB_IO_BUFFER_BYTES_MAX)
		return -EDQUOT;
	bytes = PAGE_ALIGN(bytes);

	mutex_lock(&buffers->lock);
	ret = -EDQUOT;
	if (bytes > VGPU_STUB_IO_BUFFER_BYTES_MAX - buffers->bytes)
		goto out;
	ret = -ENOMEM;
	buffer = buffer_new(bytes >> PAGE_SHIFT);
	if (!buffer)
		goto out;
	ret = buffers_insert(buffers, buffer, &number);
	if (ret) {
		vgpu_buffer_put(buffer);
		goto out;
	}
	buffers->bytes += bytes;
	*offset = (u64)number << BUFFER_SHIFT;
out:
	mutex_unlock(&buffers->lock);
	return ret;
}

/* Locked: the buffer that begins at @offset, or NULL */
static struct vgpu_buffer *buffer_at(struct vgpu_buffers *buffers, u64 offset)
{
	u64 number = offset >> BUFFER_SHIFT;

	if (number == 0 || number > U16_MAX ||
	    offset != number << BUFFER_SHIFT)
		return NULL;
	return xa_load(&buffers->all, number);
}

int vgpu_buffer_remove(struct vgpu_buffers *buffers, u64 offset)
{
	struct vgpu_buffer *buffer;

	mutex_lock(&buffers->lock);
	buffer = buffer_at(buffers, offset);
	if (buffer) {
		xa_erase(&buffers->all, offset >> BUFFER_SHIFT);
		buffers->bytes -= buffer_bytes(buffer);
	}
	mutex_unlock(&buffers->lock);
	if (!buffer)
		return -EINVAL;
	vgpu_buffer_put(buffer);
	return 0;
}

struct vgpu_buffer *vgpu_buffer_find(struct vgpu_buffers *buffers, u64 offset,
				     u32 length, u32 *begin)
{
	struct vgpu_buffer *buffer;

	*begin = offset & ((1U << BUFFER_SHIFT) - 1);
	mutex_lock(&buffers->lock);
	buffer = buffer_at(buffers, offset - *begin);
	if (buffer && (u64)*begin + length > buffer_bytes(buffer))
		buffer = NULL;
	if (buffer)
		kref_get(&buffer->ref);
	mutex_unlock(&buffers->lock);
	return buffer;
}

int vgpu_buffer_map(struct vgpu_buffers *buffers, struct vm_area_struct *vma)
{
	struct vgpu_buffer *buffer;
	int ret = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	mutex_lock(&buffers->lock);
	buffer = buffer_at(buffers, (u64)vma->vm_pgoff << PAGE_SHIFT);
	if (buffer && vma_pages(vma) <= buffer->count)
		ret = vm_map_pages_zero(vma, buffer->pages, buffer->count);
	mutex_unlock(&buffers->lock);
	return ret;
}

void vgpu_buffers_init(struct vgpu_buffers *buffers)
{
	mutex_init(&buffers->lock);
	xa_init_flags(&buffers->all, XA_FLAGS_ALLOC);
}

void vgpu_buffers_destroy(struct vgpu_buffers *buffers)
{
	struct vgpu_buffer *buffer;
	unsigned long number;

	xa_for_each(&buffers->all, number, buffer)
		vgpu_buffer_put(buffer);
	xa_destroy(&buffers->all);
}
