/*
 * libvgpu-stub: the descriptor that is readable while jobs have ended
 *
 * SPDX-License-Identifier: MIT
 */
#include "notice.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

void notice_init(struct notice *notice)
{
    *notice = (struct notice) { .fd = -1 };
}

void notice_destroy(struct notice *notice)
{
    if (notice->fd >= 0) {
        close(notice->fd);
    }
}

int notice_fd(struct notice *notice)
{
    if (notice->fd < 0) {
        notice->fd = eventfd(notice->unseen > 0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return notice->fd < 0 ? -errno : notice->fd;
}

void notice_ended(struct notice *notice, struct request *request)
{
    if (!request->async) {
        return;
    }
    request->unseen = true;
    if (notice->unseen++ == 0 && notice->fd >= 0) {
        eventfd_write(notice->fd, 1);
    }
}

void notice_seen(struct notice *notice, struct request *request)
{
    eventfd_t count;

    if (!request->unseen) {
        return;
    }
    request->unseen = false;
    if (--notice->unseen == 0 && notice->fd >= 0) {
        eventfd_read(notice->fd, &count);
    }
}
