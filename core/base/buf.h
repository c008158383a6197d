/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes.  The first failed growth makes the buffer 'failed' and every
 * later append a no-op, so that a writer checks once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *ptr; /* owned */
	size_t len;
	size_t cap;
	bool failed;
};

void buf_init(struct buf *b);
void buf_finish(struct buf *b);
/* Keeps the memory; clears 'failed'. */
static inline void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Clears, and gives memory above keep bytes back. */
void buf_shrink(struct buf *b, size_t keep);
/* The rest of buf_reserve(). */
int buf_grow(struct buf *b, size_t more);

/* Room for more bytes behind len; 0 or ERR_NOMEM. */
static inline int
buf_reserve(struct buf *b, size_t more)
{
	/* A len above cap, which cannot be, is found by buf_grow(). */
	if (b->failed || more > b->cap || b->len > b->cap - more)
		return buf_grow(b, more);
	return 0;
}

static inline void
buf_append(struct buf *b, const void *bytes, size_t len)
{
	if (len == 0 || buf_reserve(b, len) < 0)
		return;
	memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
}

static inline void
buf_str(struct buf *b, struct str s)
{
	buf_append(b, s.ptr, s.len);
}

void buf_cstr(struct buf *b, const char *s);
static inline void
buf_char(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t n);
void buf_i64(struct buf *b, int64_t n);
__attribute__((format(printf, 2, 3))) void buf_printf(
    struct buf *b, const char *fmt, ...);
#define BUF_LIT(b_, lit_) buf_append((b_), "" lit_, sizeof(lit_) - 1)
/* Standard base64 with padding (RFC 4648 4). */
void buf_base64(struct buf *b, struct str bytes);
/* A JSON string with its quotes; malformed UTF-8 becomes U+FFFD. */
void buf_json(struct buf *b, struct str s);
/* Drops n bytes at the front. */
void buf_consume(struct buf *b, size_t n);
/* Borrowed view of the content. */
static inline struct str
buf_view(const struct buf *b)
{
	return (struct str){ b->ptr, b->len };
}

/* NUL-terminates and moves the memory to the caller (owned, free()); the
 * buffer is empty afterwards.  NULL when failed. */
char *buf_take(struct buf *b);

#endif
