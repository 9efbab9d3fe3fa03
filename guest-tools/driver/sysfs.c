// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: /sys/class/misc/vgpu-stub*: pool, priority, vm_id, link
 */
#include <linux/sysfs.h>

#include "driver.h"

/* Returns -ENODEV when the device is gone. */
static int read_register(struct device *device, unsigned int reg, u32 *value)
{
	struct miscdevice *misc = dev_get_drvdata(device);
	struct vgpu_device *dev = container_of(misc, struct vgpu_device, misc);
	int ret = -ENODEV;

	mutex_lock(&dev->lock);
	if (dev->state == VGPU_ON && vgpu_answers(dev)) {
		*value = vgpu_read(dev, reg);
		ret = 0;
	}
	mutex_unlock(&dev->lock);
	return ret;
}

static ssize_t pool_show(struct device *device, struct device_attribute *attr,
			 char *buf)
{
	u32 pool;
	int ret;

	ret = read_register(device, VGPU_STUB_REG_POOL_ID, &pool);
	return ret ?: sysfs_emit(buf, "%c\n", pool);
}
static DEVICE_ATTR_RO(pool);

static ssize_t priority_show(struct device *device,
			     struct device_attribute *attr, char *buf)
{
	static const char * const names[] = {
		[VGPU_STUB_PRIORITY_LOW] = "low",
		[VGPU_STUB_PRIORITY_MEDIUM] = "medium",
		[VGPU_STUB_PRIORITY_HIGH] = "high",
	};
	u32 priority;
	int ret;

	ret = read_register(device, VGPU_STUB_REG_PRIORITY, &priority);
	if (ret)
		return ret;
	if (priority >= ARRAY_SIZE(names))
		return -EPROTO;
	return sysfs_emit(buf, "%s\n", names[priority]);
}
static DEVICE_ATTR_RO(priority);

static ssize_t vm_id_show(struct device *device, struct device_attribute *attr,
			  char *buf)
{
	u32 vm_id;
	int ret;

	ret = read_register(device, VGPU_STUB_REG_VM_ID, &vm_id);
	return ret ?: sysfs_emit(buf, "%u\n", vm_id);
}
static DEVICE_ATTR_RO(vm_id);

static ssize_t link_show(struct device *device, struct device_attribute *attr,
			 char *buf)
{
	u32 link;
	int ret;

	ret = read_register(device, VGPU_STUB_REG_LINK, &link);
	return ret ?: sysfs_emit(buf, "%s\n",
				 link & VGPU_STUB_LINK_UP ? "up" : "down");
}
static DEVICE_ATTR_RO(link);

static struct attribute *vgpu_attrs[] = {
	&dev_attr_pool.attr,
	&dev_attr_priority.attr,
	&dev_attr_vm_id.attr,
	&dev_attr_link.attr,
	NULL
};

static const struct attribute_group vgpu_attribute_group = {
	.attrs = vgpu_attrs,
};

const struct attribute_group *vgpu_attribute_groups[] = {
	&vgpu_attribute_group,
	NULL
};
