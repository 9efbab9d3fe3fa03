// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: the pages that a request moves
 *
 * A program's own pages are pinned for that request alone, as those of O_DIRECT
 * are: FOLL_PIN without FOLL_LONGTERM.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "driver.h"

unsigned int vgpu_bulk_pages(const struct vgpu_bulk *bulk)
{
	return bulk->length ? bulk->table.orig_nents : 0;
}

/* Locked; the pages themselves have been let go of. */
static void pins_account(struct vgpu_file *file, unsigned int pages)
{
	file->pinned -= pages;
	vgpu_device_wake(file->dev);
}

/* Not locked: a page's lock may be somebody's who is in no hurry. */
static void pins_free(struct vgpu_pins *pins)
{
	struct vgpu_file *file = pins->file;
	struct vgpu_device *dev = file->dev;

	unpin_user_pages_dirty_lock(pins->pages, pins->count, pins->dirty);
	mutex_lock(&dev->lock);
	pins_account(file, pins->count);
	mutex_unlock(&dev->lock);
	kfree(pins);
	vgpu_file_put(file);
}

void vgpu_bulk_unpin(struct work_struct *work)
{
	struct vgpu_file *file = container_of(work, struct vgpu_file, unpin);
	struct vgpu_pins *pins, *next;
	LIST_HEAD(unpins);

	mutex_lock(&file->dev->lock);
	list_splice_init(&file->unpins, &unpins);
	mutex_unlock(&file->dev->lock);
	list_for_each_entry_safe(pins, next, &unpins, entry)
		pins_free(pins);
	vgpu_file_put(file);	/* the work's: see unpin_soon() */
}

/* Locked; whoever calls has a reference to the file. */
static void unpin_soon(struct vgpu_pins *pins)
{
	struct vgpu_file *file = pins->file;

	list_add_tail(&pins->entry, &file->unpins);
	/*
	 * The work may be running already and take these pins, too, so theirs
	 * is no reference that it could count on when it runs again.
	 */
	vgpu_file_get(file);
	if (!queue_work(vgpu_workqueue, &file->unpin))
		vgpu_file_put(file);
}

/* Errors: -EAGAIN the file may not pin so many more. */
static int pins_reserve(struct vgpu_file *file, unsigned int pages)
{
	struct vgpu_device *dev = file->dev;
	int ret = -EAGAIN;

	mutex_lock(&dev->lock);
	if (vgpu_device_room_for_pins(dev, file, pages)) {
		file->pinned += pages;
		ret = 0;
	}
	mutex_unlock(&dev->lock);
	return ret;
}

static void pins_release(struct vgpu_file *file, unsigned int pages)
{
	mutex_lock(&file->dev->lock);
	pins_account(file, pages);
	mutex_unlock(&file->dev->lock);
}

/* All the pages, or an error: -EFAULT; -ENOMEM; -EINTR, as the program ends */
static int pin(unsigned long address, struct vgpu_pins *pins)
{
	unsigned int flags = pins->dirty ? FOLL_WRITE : 0;
	unsigned int pinned = 0;
	int ret;

	/* Why it was not all says the call for the next one */
	while (pinned < pins->count) {
		ret = pin_user_pages_fast((address & PAGE_MASK) +
					  pinned * PAGE_SIZE,
					  pins->count - pinned, flags,
					  pins->pages + pinned);
		if (ret <= 0) {
			unpin_user_pages(pins->pages, pinned);
			return ret ?: -EFAULT;
		}
		pinned += ret;
	}
	return 0;
}

static int bulk_pin(struct vgpu_bulk *bulk, struct vgpu_file *file, u64 address,
		    unsigned int *count)
{
	struct vgpu_pins *pins;
	int ret;

	if (address != (unsigned long)address)
		return -EFAULT;
	*count = DIV_ROUND_UP(offset_in_page(address) + bulk->length,
			      PAGE_SIZE);
	pins = kmalloc(struct_size(pins, pages, *count), GFP_KERNEL_ACCOUNT);
	if (!pins)
		return -ENOMEM;
	pins->count = *count;
	pins->dirty = bulk->direction == DMA_FROM_DEVICE;
	ret = pins_reserve(file, *count);
	if (ret)
		goto fail;
	ret = pin(address, pins);
	if (ret) {
		pins_release(file, *count);
		goto fail;
	}
	pins->file = file;
	vgpu_file_get(file);
	bulk->pins = pins;
	return 0;

fail:
	kfree(pins);
	return ret;
}

/* One entry for each page: none is longer than the platform can map. */
static int bulk_table(struct vgpu_bulk *bulk, struct page **pages,
		      unsigned int count, unsigned int begin)
{
	u32 left = bulk->length;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(&bulk->table, count, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	for_each_sgtable_sg(&bulk->table, sg, i) {
		u32 length = min_t(u32, left, PAGE_SIZE - begin);

		sg_set_page(sg, pages[i], length, begin);
		left -= length;
		begin = 0;
	}
	return 0;
}

int vgpu_bulk_init(struct vgpu_bulk *bulk, struct vgpu_file *file,
		   const struct vgpu_stub_io_submission *submission)
{
	unsigned int count;
	u32 begin;
	int ret;

	bulk->length = submission->bulk_length;
	bulk->direction = submission->flags & VGPU_STUB_IO_BULK_TO_DEVICE ?
			  DMA_TO_DEVICE : DMA_FROM_DEVICE;
	if (!bulk->length)
		return 0;
	if (submission->flags & VGPU_STUB_IO_BULK_BUFFER) {
		bulk->buffer = vgpu_buffer_find(&file->buffers,
						submission->bulk,
						bulk->length, &begin);
		if (!bulk->buffer)
			return -EINVAL;
		count = DIV_ROUND_UP(offset_in_page(begin) + bulk->length,
				     PAGE_SIZE);
		return bulk_table(bulk, bulk->buffer->pages +
				  (begin >> PAGE_SHIFT), count,
				  offset_in_page(begin));
	}
	ret = bulk_pin(bulk, file, submission->bulk, &count);
	if (ret)
		return ret;
	return bulk_table(bulk, bulk->pins->pages, count,
			  offset_in_page(submission->bulk));
}

int vgpu_bulk_map(struct vgpu_bulk *bulk, struct device *dev,
		  struct vgpu_stub_segment *segments)
{
	struct vgpu_stub_segment *segment = NULL;
	struct scatterlist *sg;
	unsigned int count = 0;
	unsigned int i;
	int ret;

	if (!bulk->length)
		return 0;
	ret = dma_map_sgtable(dev, &bulk->table, bulk->direction, 0);
	if (ret)
		return ret;
	bulk->mapped = true;
	/* The fewer they are, the less the device has to translate */
	for_each_sgtable_dma_sg(&bulk->table, sg, i) {
		dma_addr_t address = sg_dma_address(sg);

		if (segment && segment->address + segment->length == address) {
			segment->length += sg_dma_len(sg);
			continue;
		}
		segment = &segments[count++];
		segment->address = address;
		segment->length = sg_dma_len(sg);
		segment->reserved = 0;
	}
	return count;
}

void vgpu_bulk_unmap(struct vgpu_bulk *bulk, struct device *dev)
{
	if (bulk->mapped)
		dma_unmap_sgtable(dev, &bulk->table, bulk->direction, 0);
	bulk->mapped = false;
}

void vgpu_bulk_end(struct vgpu_bulk *bulk)
{
	struct vgpu_pins *pins = bulk->pins;

	if (!bulk->length)
		return;
	sg_free_table(&bulk->table);
	if (pins)
		unpin_soon(pins);
	if (bulk->buffer)
		vgpu_buffer_put(bulk->buffer);
	bulk->length = 0;
	bulk->pins = NULL;
	bulk->buffer = NULL;
}
