/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes: doubling, so that n appends cost O(n). */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/escape.h"

#define CAP_MIN 64

void
buf_init(struct buf *b)
{
	*b = (struct buf){ 0 };
}

void
buf_finish(struct buf *b)
{
	free(b->ptr);
	buf_init(b);
}

void
buf_shrink(struct buf *b, size_t keep)
{
	char *ptr;

	buf_clear(b);
	if (b->cap <= keep)
		return;
	if (keep == 0) {
		buf_finish(b);
		return;
	}
	ptr = realloc(b->ptr, keep);
	if (ptr == NULL)
		return; /* the larger memory serves as well */
	b->ptr = ptr;
	b->cap = keep;
}

int
buf_grow(struct buf *b, size_t more)
{
	size_t cap = b->cap < CAP_MIN ? CAP_MIN : b->cap;
	char *ptr;

	CHECK(b->len <= b->cap);
	if (b->failed)
		return ERR_NOMEM;
	if (more <= b->cap - b->len)
		return 0;
	if (more > SIZE_MAX / 4 - b->len) {
		b->failed = true;
		return ERR_NOMEM;
	}
	while (cap - b->len < more)
		cap *= 2;
	ptr = realloc(b->ptr, cap);
	if (ptr == NULL) {
		b->failed = true;
		return ERR_NOMEM;
	}
	b->ptr = ptr;
	b->cap = cap;
	return 0;
}

void
buf_cstr(struct buf *b, const char *s)
{
	buf_str(b, str_of(s));
}

void
buf_u64(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	buf_append(b, digits + at, sizeof digits - at);
}

void
buf_i64(struct buf *b, int64_t n)
{
	if (n < 0)
		buf_char(b, '-');
	buf_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int len;

	if (b->failed)
		return;
	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	CHECK(len >= 0);
	if (buf_reserve(b, (size_t)len + 1) < 0)
		return;
	va_start(args, fmt);
	(void)vsnprintf(b->ptr + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
}

void
buf_base64(struct buf *b, struct str bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)bytes.ptr;
	char *out;

	if (bytes.len > SIZE_MAX / 8)
		b->failed = true;
	if (bytes.len == 0)
		return; /* out may be NULL, which has no offsets */
	if (buf_reserve(b, (bytes.len + 2) / 3 * 4) < 0)
		return;
	out = b->ptr + b->len;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t n = (uint32_t)in[i] << 16;

		if (left > 1)
			n |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			n |= in[i + 2];
		*out++ = digits[n >> 18];
		*out++ = digits[n >> 12 & 63];
		*out++ = left > 1 ? digits[n >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[n & 63] : '=';
	}
	b->len += (bytes.len + 2) / 3 * 4;
}

void
buf_json(struct buf *b, struct str s)
{
	char unit[ESCAPE_UNIT_MAX];

	buf_char(b, '"');
	while (s.len > 0)
		buf_append(b, unit, escape_next(&s, ESCAPE_JSON, unit));
	buf_char(b, '"');
}

void
buf_consume(struct buf *b, size_t n)
{
	CHECK(n <= b->len);
	if (n == 0)
		return;
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}

char *
buf_take(struct buf *b)
{
	char *ptr = NULL;

	if (buf_reserve(b, 1) == 0) {
		b->ptr[b->len] = '\0';
		ptr = b->ptr;
		b->ptr = NULL;
	}
	buf_finish(b);
	return ptr;
}
