// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: the life of a device as a PCI function, and the module's
 */
#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/module.h>

#include "compat.h"
#include "driver.h"

#define VERSION_MAJOR(version)	((version) >> 16)

struct workqueue_struct *vgpu_workqueue;
static DEFINE_IDA(vgpu_numbers);

/* --- Interrupts --- */

static irqreturn_t vgpu_interrupt(int irq, void *data)
{
	struct vgpu_device *dev = data;
	u32 status;

	/* By MSI it is ours alone, and is an event, not a level */
	if (dev->msi)
		return IRQ_WAKE_THREAD;
	status = vgpu_read(dev, VGPU_STUB_REG_INTERRUPT_STATUS);
	if (status == ~0U || !(status & dev->transport->interrupt))
		return IRQ_NONE;
	vgpu_write(dev, VGPU_STUB_REG_INTERRUPT_STATUS, status);
	return IRQ_WAKE_THREAD;
}

static irqreturn_t vgpu_interrupt_thread(int irq, void *data)
{
	struct vgpu_device *dev = data;

	mutex_lock(&dev->lock);
	vgpu_device_reap(dev, true);
	mutex_unlock(&dev->lock);
	return IRQ_HANDLED;
}

static int request_interrupt(struct vgpu_device *dev)
{
	struct pci_dev *pdev = dev->pdev;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (ret < 0)
		return ret;
	dev->msi = pci_dev_msi_enabled(pdev);
	dev->irq = pci_irq_vector(pdev, 0);
	ret = request_threaded_irq(dev->irq, vgpu_interrupt,
				   vgpu_interrupt_thread,
				   dev->msi ? 0 : IRQF_SHARED, dev->name, dev);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static void free_interrupt(struct vgpu_device *dev)
{
	free_irq(dev->irq, dev);
	pci_free_irq_vectors(dev->pdev);
}

/* --- Coming --- */

/* Quiet it, whatever somebody has left it in: no DMA, no interrupt. */
static int silence(struct vgpu_device *dev)
{
	u32 version = vgpu_read(dev, VGPU_STUB_REG_PROTOCOL_VER);

	if (!vgpu_answers(dev))
		return -ENODEV;
	if (VERSION_MAJOR(version) != VERSION_MAJOR(VGPU_STUB_PROTOCOL_VERSION)) {
		dev_err(&dev->pdev->dev, "protocol %u.%u is not known here\n",
			VERSION_MAJOR(version), version & 0xffff);
		return -EPROTONOSUPPORT;
	}
	if (vgpu_read(dev, VGPU_STUB_REG_CAPABILITIES) & VGPU_STUB_CAP_DMA)
		vgpu_write(dev, VGPU_STUB_REG_QUEUE_CONTROL,
			   VGPU_STUB_QUEUE_DISABLE);
	vgpu_write(dev, VGPU_STUB_REG_INTERRUPT_CTRL, 0);
	return 0;
}

static int map_registers(struct vgpu_device *dev)
{
	struct pci_dev *pdev = dev->pdev;
	int ret;

	ret = pci_request_region(pdev, VGPU_STUB_BAR, KBUILD_MODNAME);
	if (ret)
		return ret;
	dev->bar = pci_iomap(pdev, VGPU_STUB_BAR, VGPU_STUB_BAR_SIZE);
	if (dev->bar)
		return 0;
	pci_release_region(pdev, VGPU_STUB_BAR);
	return -ENOMEM;
}

static void unmap_registers(struct vgpu_device *dev)
{
	pci_iounmap(dev->pdev, dev->bar);
	pci_release_region(dev->pdev, VGPU_STUB_BAR);
}

static int choose_transport(struct vgpu_device *dev)
{
	struct device *device = &dev->pdev->dev;
	int ret;

	if (!(vgpu_read(dev, VGPU_STUB_REG_CAPABILITIES) & VGPU_STUB_CAP_DMA)) {
		dev->transport = &vgpu_mailbox_transport;
		return 0;
	}
	if (vgpu_read(dev, VGPU_STUB_REG_QUEUE_ENTRIES_MAX) < VGPU_ENTRIES)
		return -EPROTO;
	ret = dma_set_mask_and_coherent(device, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	dev->queue.entries = VGPU_ENTRIES;
	dev->queue.ring = dma_alloc_coherent(device,
					     VGPU_STUB_RING_SIZE(VGPU_ENTRIES),
					     &dev->queue.ring_dma, GFP_KERNEL);
	if (!dev->queue.ring)
		return -ENOMEM;
	dev->transport = &vgpu_queue_transport;
	return 0;
}

static void free_transport(struct vgpu_device *dev)
{
	if (dev->queue.ring)
		dma_free_coherent(&dev->pdev->dev,
				  VGPU_STUB_RING_SIZE(VGPU_ENTRIES),
				  dev->queue.ring, dev->queue.ring_dma);
}

/* Make it what programs can open. */
static int publish(struct vgpu_device *dev)
{
	dev->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = dev->name,
		.fops = &vgpu_file_ops,
		.parent = &dev->pdev->dev,
		.groups = vgpu_attribute_groups,
		.mode = 0660,
	};
	return misc_register(&dev->misc);
}

/* With its registers mapped */
static int begin(struct vgpu_device *dev)
{
	int ret;

	ret = silence(dev);
	if (ret)
		return ret;
	pci_set_master(dev->pdev);
	ret = choose_transport(dev);
	if (ret)
		goto fail_master;
	ret = request_interrupt(dev);
	if (ret)
		goto fail_transport;
	mutex_lock(&dev->lock);
	ret = vgpu_device_start(dev);
	mutex_unlock(&dev->lock);
	if (ret)
		goto fail_interrupt;
	ret = publish(dev);
	if (ret)
		goto fail_start;
	return 0;

fail_start:
	mutex_lock(&dev->lock);
	vgpu_device_stop(dev, VGPU_GONE);
	mutex_unlock(&dev->lock);
fail_interrupt:
	free_interrupt(dev);
fail_transport:
	cancel_delayed_work_sync(&dev->check);
	if (!dev->leaked)
		free_transport(dev);
fail_master:
	pci_clear_master(dev->pdev);
	return ret;
}

static int take_number(struct vgpu_device *dev)
{
	int number = ida_alloc(&vgpu_numbers, GFP_KERNEL);

	if (number < 0)
		return number;
	dev->number = number;
	snprintf(dev->name, sizeof(dev->name), "vgpu-stub%d", number);
	return 0;
}

static int vgpu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vgpu_device *dev;
	int ret;

	dev = vgpu_device_new(pdev);
	if (!dev)
		return -ENOMEM;
	ret = take_number(dev);
	if (ret)
		goto fail_device;
	ret = pci_enable_device_mem(pdev);
	if (ret)
		goto fail_number;
	ret = map_registers(dev);
	if (ret)
		goto fail_enable;
	pci_set_drvdata(pdev, dev);
	ret = begin(dev);
	if (ret)
		goto fail_registers;
	dev_info(&pdev->dev, "%s, by the %s\n", dev->name,
		 dev->transport->bulk ? "queue" : "mailbox");
	return 0;

fail_registers:
	unmap_registers(dev);
fail_enable:
	pci_disable_device(pdev);
fail_number:
	ida_free(&vgpu_numbers, dev->number);
fail_device:
	vgpu_device_put(dev);
	return ret;
}

/* --- Going --- */

static void stop(struct vgpu_device *dev, enum vgpu_state state)
{
	mutex_lock(&dev->lock);
	vgpu_device_stop(dev, state);
	mutex_unlock(&dev->lock);
}

static void vgpu_remove(struct pci_dev *pdev)
{
	struct vgpu_device *dev = pci_get_drvdata(pdev);

	misc_deregister(&dev->misc);
	stop(dev, VGPU_GONE);
	free_interrupt(dev);
	cancel_delayed_work_sync(&dev->check);
	/* Waits that spin look at the ring */
	synchronize_rcu();
	if (!dev->leaked)
		free_transport(dev);
	pci_clear_master(pdev);
	unmap_registers(dev);
	pci_disable_device(pdev);
	ida_free(&vgpu_numbers, dev->number);
	vgpu_device_put(dev);
}

/* The kernel that comes next, by kexec, finds it quiet. */
static void vgpu_shutdown(struct pci_dev *pdev)
{
	stop(pci_get_drvdata(pdev), VGPU_GONE);
	pci_clear_master(pdev);
}

static int __maybe_unused vgpu_suspend(struct device *device)
{
	struct vgpu_device *dev = dev_get_drvdata(device);

	cancel_delayed_work_sync(&dev->check);
	stop(dev, VGPU_OFF);
	return 0;
}

static int __maybe_unused vgpu_resume(struct device *device)
{
	struct vgpu_device *dev = dev_get_drvdata(device);
	int ret = -ENODEV;

	mutex_lock(&dev->lock);
	if (dev->state == VGPU_OFF) {
		ret = vgpu_device_start(dev);
		if (ret)
			vgpu_device_stop(dev, VGPU_GONE);
	}
	mutex_unlock(&dev->lock);
	return ret;
}

static SIMPLE_DEV_PM_OPS(vgpu_pm_ops, vgpu_suspend, vgpu_resume);

static const struct pci_device_id vgpu_ids[] = {
	{
		PCI_DEVICE_SUB(VGPU_STUB_PCI_VENDOR_ID,
			       VGPU_STUB_PCI_DEVICE_ID,
			       VGPU_STUB_PCI_VENDOR_ID,
			       VGPU_STUB_PCI_DEVICE_ID),
		.class = VGPU_STUB_PCI_CLASS << 8,
		.class_mask = 0xffff00,
	},
	{ }
};
MODULE_DEVICE_TABLE(pci, vgpu_ids);

static struct pci_driver vgpu_driver = {
	.name = "vgpu-stub",
	.id_table = vgpu_ids,
	.probe = vgpu_probe,
	.remove = vgpu_remove,
	.shutdown = vgpu_shutdown,
	.driver.pm = &vgpu_pm_ops,
};

static int __init vgpu_init(void)
{
	int ret;

	vgpu_workqueue = alloc_workqueue("vgpu-stub", WQ_UNBOUND, 0);
	if (!vgpu_workqueue)
		return -ENOMEM;
	ret = pci_register_driver(&vgpu_driver);
	if (ret)
		destroy_workqueue(vgpu_workqueue);
	return ret;
}

static void __exit vgpu_exit(void)
{
	pci_unregister_driver(&vgpu_driver);
	/* Pages of programs that have ended may still be on their way back */
	destroy_workqueue(vgpu_workqueue);
	ida_destroy(&vgpu_numbers);
}

module_init(vgpu_init);
module_exit(vgpu_exit);

MODULE_DESCRIPTION("vgpu-stub: a share of the host's accelerators");
MODULE_LICENSE("GPL");
