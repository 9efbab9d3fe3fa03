// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: devices: on, off and broken; contexts; whose turn it is
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "driver.h"

/* Pages of the machine that may be pinned: one of so many */
#define PINS_SHARE	8

/* Pages that the largest request may pin */
#define PINS_LEAST	VGPU_STUB_QUEUE_SEGMENTS_MAX

/* How often it is looked whether an idle interrupt meant that it is broken */
#define CHECK_PAUSE	(HZ / 10)

/* --- Whose turn it is --- */

/* Files that have something in flight, or would like to */
static unsigned int busy_files(struct vgpu_device *dev)
{
	unsigned int busy = 0;
	unsigned int i;

	for (i = 0; i < VGPU_CONTEXTS; i++) {
		struct vgpu_file *file = dev->contexts[i];

		if (file && (file->in_flight || file->wants))
			busy++;
	}
	return max(busy, 1U);
}

/*
 * What may be in flight is divided among the files that are busy, so that none
 * waits for another one's end; but nobody has more than a third of it, a
 * quarter of the ring.
 */
unsigned int vgpu_device_room(struct vgpu_device *dev, struct vgpu_file *file)
{
	const unsigned int all = VGPU_ENTRIES - VGPU_ENTRIES / 4;
	unsigned int share, most;

	file->wants = true;
	share = min_t(unsigned int, all / busy_files(dev), VGPU_ENTRIES / 4);
	if (file->in_flight >= share ||
	    file->in_flight + file->done_count >= VGPU_FILE_REQUESTS)
		return 0;
	most = min(share, VGPU_FILE_REQUESTS - file->done_count);
	most = min(most - file->in_flight, dev->transport->room(dev));
	if (most)
		file->wants = false;
	return most;
}

bool vgpu_device_room_for_pins(struct vgpu_device *dev, struct vgpu_file *file,
			       unsigned int pages)
{
	unsigned int share = max_t(unsigned int,
				   dev->pins_max / busy_files(dev), PINS_LEAST);

	if (file->pinned + pages <= share)
		return true;
	file->wants = true;
	return false;
}

/* Tell those that wait what has happened. */
static void tell(struct vgpu_file *file)
{
	if (!file->told)
		wake_up_interruptible(&file->wait);
	file->told = true;
}

void vgpu_device_wake(struct vgpu_device *dev)
{
	unsigned int i;

	for (i = 0; i < VGPU_CONTEXTS; i++) {
		struct vgpu_file *file = dev->contexts[i];

		if (!file)
			continue;
		if (file->wants) {
			file->wants = false;
			vgpu_file_event(file);
		}
		tell(file);
	}
}

/* --- Contexts --- */

int vgpu_context_take(struct vgpu_device *dev, struct vgpu_file *file)
{
	unsigned int i;

	if (file->context != VGPU_NO_CONTEXT)
		return 0;
	for (i = 0; i < VGPU_CONTEXTS && dev->contexts[i]; i++)
		;
	if (i == VGPU_CONTEXTS)
		return -EUSERS;
	vgpu_file_get(file);
	dev->contexts[i] = file;
	dev->context_count++;
	file->context = i;
	return 0;
}

void vgpu_context_free(struct vgpu_device *dev, struct vgpu_file *file)
{
	if (file->closed)
		vgpu_device_unlisten(dev);
	dev->contexts[file->context] = NULL;
	dev->context_count--;
	file->context = VGPU_NO_CONTEXT;
	vgpu_file_put(file);
}

/* All contexts are gone, and those who had one are to know. */
static void lose_contexts(struct vgpu_device *dev)
{
	struct vgpu_file *file;
	unsigned int i;

	for (i = 0; i < VGPU_CONTEXTS; i++) {
		file = dev->contexts[i];
		if (!file)
			continue;
		file->lost = true;
		vgpu_context_free(dev, file);
	}
}

/* --- On and off --- */

int vgpu_device_start(struct vgpu_device *dev)
{
	int ret;

	/* A restored machine may have it off */
	pci_set_master(dev->pdev);
	ret = dev->transport->start(dev);
	if (ret)
		return ret;
	vgpu_write(dev, VGPU_STUB_REG_INTERRUPT_STATUS,
		   VGPU_STUB_INTERRUPT_QUEUE | VGPU_STUB_INTERRUPT_COMPLETION);
	vgpu_write(dev, VGPU_STUB_REG_INTERRUPT_CTRL,
		   dev->transport->interrupt);
	WRITE_ONCE(dev->state, VGPU_ON);
	return 0;
}

/* Is there a device at all? One that was unplugged touches no memory. */
static bool is_there(struct vgpu_device *dev)
{
	u16 vendor;

	return pci_read_config_word(dev->pdev, PCI_VENDOR_ID, &vendor) == 0 &&
	       vendor != U16_MAX;
}

static bool turn_off(struct vgpu_device *dev)
{
	vgpu_write(dev, VGPU_STUB_REG_INTERRUPT_CTRL, 0);
	return dev->transport->stop(dev) || !is_there(dev);
}

void vgpu_device_stop(struct vgpu_device *dev, enum vgpu_state state)
{
	struct vgpu_file *file;

	if (dev->state == VGPU_ON) {
		if (turn_off(dev)) {
			dev->transport->reap(dev);
			dev->transport->end(dev);
			lose_contexts(dev);
		} else {
			dev_err(&dev->pdev->dev,
				"the queue does not go off: what is in flight keeps its memory\n");
			pci_clear_master(dev->pdev);
			dev->leaked = true;
			state = VGPU_GONE;
		}
	}
	WRITE_ONCE(dev->state, state);
	list_for_each_entry(file, &dev->files, entry) {
		vgpu_file_event(file);
		tell(file);
	}
}

/* It is broken, or was reset, or is another one since a migration. */
static void start_anew(struct vgpu_device *dev)
{
	dev_warn(&dev->pdev->dev,
		 "the device has lost what it had; its programs have to begin anew\n");
	vgpu_device_stop(dev, VGPU_OFF);
	if (dev->state == VGPU_OFF && vgpu_device_start(dev)) {
		dev_err(&dev->pdev->dev, "the device does not go on\n");
		vgpu_device_stop(dev, VGPU_GONE);
	}
}

void vgpu_device_reap(struct vgpu_device *dev, bool told)
{
	if (dev->state != VGPU_ON)
		return;
	if (dev->transport->reap(dev))
		vgpu_device_wake(dev);
	else if (told && time_after(jiffies, dev->checked + CHECK_PAUSE))
		mod_delayed_work(vgpu_workqueue, &dev->check, 0);
}

bool vgpu_device_pending(struct vgpu_device *dev)
{
	const struct vgpu_transport *transport = dev->transport;
	bool pending;

	/* The ring stays as long as this is held: see vgpu_remove() */
	rcu_read_lock();
	pending = transport->pending && READ_ONCE(dev->state) == VGPU_ON &&
		  transport->pending(dev);
	rcu_read_unlock();
	return pending;
}

void vgpu_device_listen(struct vgpu_device *dev)
{
	dev->listeners++;
	if (dev->state == VGPU_ON && !dev->transport->arm(dev))
		vgpu_device_reap(dev, false);
}

void vgpu_device_unlisten(struct vgpu_device *dev)
{
	dev->listeners--;
}

void vgpu_device_watch(struct vgpu_device *dev)
{
	if (dev->state == VGPU_ON && dev->in_flight)
		queue_delayed_work(vgpu_workqueue, &dev->check, HZ);
}

static void device_check(struct work_struct *work)
{
	struct vgpu_device *dev = container_of(to_delayed_work(work),
					       struct vgpu_device, check);

	mutex_lock(&dev->lock);
	vgpu_device_reap(dev, false);
	dev->checked = jiffies;
	if (dev->state == VGPU_ON && !dev->transport->works(dev))
		start_anew(dev);
	vgpu_device_watch(dev);
	mutex_unlock(&dev->lock);
}

/* --- Life --- */

struct vgpu_device *vgpu_device_new(struct pci_dev *pdev)
{
	struct vgpu_device *dev;

	dev = kvzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return NULL;
	kref_init(&dev->ref);
	dev->pdev = pci_dev_get(pdev);
	mutex_init(&dev->lock);
	INIT_LIST_HEAD(&dev->files);
	INIT_LIST_HEAD(&dev->mailbox.waiting);
	INIT_DELAYED_WORK(&dev->check, device_check);
	dev->pins_max = min_t(unsigned long, totalram_pages() / PINS_SHARE,
			      VGPU_ENTRIES * PINS_LEAST);
	dev->checked = jiffies;
	return dev;
}

static void device_release(struct kref *ref)
{
	struct vgpu_device *dev = container_of(ref, struct vgpu_device, ref);

	pci_dev_put(dev->pdev);
	kvfree(dev);
}

void vgpu_device_get(struct vgpu_device *dev)
{
	kref_get(&dev->ref);
}

void vgpu_device_put(struct vgpu_device *dev)
{
	kref_put(&dev->ref, device_release);
}
