/*
 * A limit on how often something may happen
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "token-bucket.h"

#define TOKEN G_GINT64_CONSTANT(1000000)

bool token_bucket_take(TokenBucket *bucket, unsigned rate, unsigned burst,
                       unsigned keep, gint64 now)
{
    const gint64 full = burst * TOKEN;
    const gint64 elapsed = now - bucket->at;

    /* A product of years and rate would overflow. */
    if (bucket->level >= full || elapsed > (full - bucket->level) / rate) {
        bucket->level = full;
    } else {
        bucket->level += elapsed * rate;
    }
    bucket->at = now;
    if (bucket->level < (keep + 1) * TOKEN) {
        return false;
    }
    bucket->level -= TOKEN;
    return true;
}

void token_bucket_borrow(TokenBucket *bucket)
{
    bucket->level -= TOKEN;
}

void token_bucket_empty(TokenBucket *bucket, gint64 now)
{
    *bucket = (TokenBucket) { .at = now };
}

gint64 token_bucket_when(const TokenBucket *bucket, unsigned rate,
                         unsigned tokens)
{
    const gint64 missing = tokens * TOKEN - bucket->level;

    return bucket->at + (missing > 0 ? (missing + rate - 1) / rate : 0);
}
