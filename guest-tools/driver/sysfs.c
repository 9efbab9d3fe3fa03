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

static int emit_pool(char *buf, u32 pool)
{
	return sysfs_emit(buf, "%c\n", pool);
}

static int emit_priority(char *buf, u32 priority)
{
	static const char * const names[] = {
		[VGPU_STUB_PRIORITY_LOW] = "low",
		[VGPU_STUB_PRIORITY_MEDIUM] = "medium",
		[VGPU_STUB_PRIORITY_HIGH] = "high",
	};

	if (priority >= ARRAY_SIZE(names))
		return -EPROTO;
	return sysfs_emit(buf, "%s\n", names[priority]);
}

static int emit_vm_id(char *buf, u32 vm_id)
{
	return sysfs_emit(buf, "%u\n", vm_id);
}

static int emit_link(char *buf, u32 link)
{
	return sysfs_emit(buf, "%s\n",
			  link & VGPU_STUB_LINK_UP ? "up" : "down");
}

/* What a register says, for a human */
struct vgpu_attribute {
	struct device_attribute attr;
	unsigned int reg;
	int (*emit)(char *buf, u32 value);
};

static ssize_t vgpu_show(struct device *device, struct device_attribute *attr,
			 char *buf)
{
	struct vgpu_attribute *attribute =
		container_of(attr, struct vgpu_attribute, attr);
	u32 value;
	int ret;

	ret = read_register(device, attribute->reg, &value);
	return ret ?: attribute->emit(buf, value);
}

#define VGPU_ATTRIBUTE(name, reg) \
	{ __ATTR(name, 0444, vgpu_show, NULL), reg, emit_##name }

static struct vgpu_attribute vgpu_attributes[] = {
	VGPU_ATTRIBUTE(pool, VGPU_STUB_REG_POOL_ID),
	VGPU_ATTRIBUTE(priority, VGPU_STUB_REG_PRIORITY),
	VGPU_ATTRIBUTE(vm_id, VGPU_STUB_REG_VM_ID),
	VGPU_ATTRIBUTE(link, VGPU_STUB_REG_LINK),
};

static struct attribute *vgpu_attrs[] = {
	&vgpu_attributes[0].attr.attr,
	&vgpu_attributes[1].attr.attr,
	&vgpu_attributes[2].attr.attr,
	&vgpu_attributes[3].attr.attr,
	NULL
};

static const struct attribute_group vgpu_attribute_group = {
	.attrs = vgpu_attrs,
};

const struct attribute_group *vgpu_attribute_groups[] = {
	&vgpu_attribute_group,
	NULL
};
