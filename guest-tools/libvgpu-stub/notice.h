/*
 * libvgpu-stub: the descriptor that is readable while jobs have ended
 *
 * It is so for as long as there is one whose end nobody has seen. All of it is
 * the transport's, under its lock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_NOTICE_H
#define VGPU_STUB_NOTICE_H

#include "request.h"

struct notice {
    int fd;                     /* -1: nobody has asked for it */
    unsigned unseen;            /* jobs that have ended */
};

void notice_init(struct notice *notice);
void notice_destroy(struct notice *notice);

/* The descriptor, which stays the notice's. Errors: those of eventfd(). */
int notice_fd(struct notice *notice);

/* A request has ended; it is a job or not. */
void notice_ended(struct notice *notice, struct request *request);

/* Somebody knows of its end now. */
void notice_seen(struct notice *notice, struct request *request);

#endif /* VGPU_STUB_NOTICE_H */
