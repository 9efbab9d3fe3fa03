// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu-stub: waiting: by spinning as long as that pays, then asleep
 *
 * To be woken costs a halt of the processor, an interrupt and two switches of
 * tasks: more than a short request's way to the host and back. So a wait looks
 * at the ring for as long as waits of its file have lately taken, at most
 * spin_us, and only while nothing else wants the processor. Until it sleeps the
 * device need not interrupt for it.
 */
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

#include "driver.h"

#define SPIN_NS_LEAST	(50 * NSEC_PER_USEC)
#define SPIN_US_MOST	1000

static unsigned int spin_us = 500;

static int set_spin_us(const char *value, const struct kernel_param *param)
{
	unsigned int us;
	int ret = kstrtouint(value, 0, &us);

	if (ret)
		return ret;
	if (us > SPIN_US_MOST)
		return -EINVAL;
	WRITE_ONCE(spin_us, us);
	return 0;
}

static const struct kernel_param_ops spin_us_ops = {
	.set = set_spin_us,
	.get = param_get_uint,
};
module_param_cb(spin_us, &spin_us_ops, &spin_us, 0644);
MODULE_PARM_DESC(spin_us,
		 "microseconds that a wait may spin before it sleeps (0 to 1000; 500)");

static u64 spin_ns_most(void)
{
	return READ_ONCE(spin_us) * NSEC_PER_USEC;
}

/* By a clock that is read without an access to a device, whatever else is not. */
static bool may_spin(u64 until)
{
	cond_resched();
	return local_clock() < until && single_task_running() &&
	       !signal_pending(current);
}

/*
 * Returns whether something has happened after @seen. Without cpu_relax(): where
 * a processor is emulated, each is an exit that wants the same lock of QEMU's as
 * the completion that is waited for.
 */
static bool spin(struct vgpu_file *file, unsigned int seen, u64 until)
{
	struct vgpu_device *dev = file->dev;

	for (;;) {
		if (vgpu_device_pending(dev)) {
			mutex_lock(&dev->lock);
			vgpu_device_reap(dev, false);
			mutex_unlock(&dev->lock);
		}
		if (READ_ONCE(file->events) != seen)
			return true;
		if (!may_spin(until))
			return false;
	}
}

/* The next wait is expected to be like this one. */
static void adapt(struct vgpu_file *file, u64 waited_ns)
{
	u64 most = spin_ns_most();
	u64 now = READ_ONCE(file->spin_ns);

	if (waited_ns > most)
		now /= 2;
	else if (waited_ns > now)
		now = max_t(u64, 2 * now, SPIN_NS_LEAST);
	WRITE_ONCE(file->spin_ns, min(now, most));
}

static int sleep(struct vgpu_file *file, unsigned int seen, s64 deadline_ns)
{
	ktime_t deadline = ns_to_ktime(deadline_ns);
	ktime_t *until = deadline_ns < 0 ? NULL : &deadline;
	DEFINE_WAIT(entry);
	int ret = 0;

	for (;;) {
		prepare_to_wait(&file->wait, &entry, TASK_INTERRUPTIBLE);
		if (READ_ONCE(file->events) != seen || ret)
			break;
		if (signal_pending(current))
			ret = -ERESTARTSYS;
		else if (!schedule_hrtimeout(until, HRTIMER_MODE_ABS))
			ret = -EAGAIN;
	}
	if (READ_ONCE(file->events) != seen)
		ret = 0;
	finish_wait(&file->wait, &entry);
	return ret;
}

/* How long a wait may spin, ns: not at all where there is nothing to look at */
static u64 spin_ns(struct vgpu_file *file, s64 deadline_ns)
{
	u64 most = min(READ_ONCE(file->spin_ns), spin_ns_most());

	if (!file->dev->transport->pending)
		return 0;
	if (!most || deadline_ns < 0)
		return most;
	return clamp_t(s64, deadline_ns - ktime_get_ns(), 0, most);
}

int vgpu_wait(struct vgpu_file *file, unsigned int seen, s64 deadline_ns)
{
	struct vgpu_device *dev = file->dev;
	u64 begin = local_clock();
	int ret = 0;

	if (!spin(file, seen, begin + spin_ns(file, deadline_ns))) {
		mutex_lock(&dev->lock);
		vgpu_device_listen(dev);
		mutex_unlock(&dev->lock);
		ret = sleep(file, seen, deadline_ns);
		mutex_lock(&dev->lock);
		vgpu_device_unlisten(dev);
		mutex_unlock(&dev->lock);
	}
	adapt(file, local_clock() - begin);
	return ret;
}
