/*
 * A limit on how often something may happen
 *
 * Tokens flow in at a rate, up to a burst; whoever wants one takes it. Time is
 * passed in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_TOKEN_BUCKET_H
#define MEDIATOR_TOKEN_BUCKET_H

#include <glib.h>
#include <stdbool.h>

typedef struct TokenBucket {
    gint64 level;               /* millionths of a token */
    gint64 at;                  /* µs: when that was the level */
} TokenBucket;

/* A full one, whatever its burst */
#define TOKEN_BUCKET_FULL ((TokenBucket) { .level = G_MAXINT64 })

/*
 * Take a token at @now, in µs, of those above @keep, which somebody else is to
 * find there; false when there is none. @rate is in tokens per second. All
 * three may differ from call to call; neither rate nor burst is 0, and @keep is
 * below the burst.
 */
bool token_bucket_take(TokenBucket *bucket, unsigned rate, unsigned burst,
                       unsigned keep, gint64 now);

/* Take a token that is not there, after token_bucket_take() has found that. */
void token_bucket_borrow(TokenBucket *bucket);

/* There is none at @now. */
void token_bucket_empty(TokenBucket *bucket, gint64 now);

/* When there will be @tokens if none is taken, as things were at the last call */
gint64 token_bucket_when(const TokenBucket *bucket, unsigned rate,
                         unsigned tokens);

#endif /* MEDIATOR_TOKEN_BUCKET_H */
