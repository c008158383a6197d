/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the JSON code; nobody else includes it. */
#ifndef DATA_JSON_PRIV_H
#define DATA_JSON_PRIV_H

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "data/json.h"

/* [any] Equal for numbers that json_number_compare() calls equal. */
uint64_t json_number_hash(const struct json_node *n);

/* [any] Decodes the escape at *p, a backslash, behind out's text, where room
 * for it is reserved.  *p ends behind it, or at the fault. */
enum json_fault json_escape_decode(
    const char **p, const char *end, struct buf *out);

struct json_key_slot;

/* The keys of large objects, all of one message in one table. */
struct json_keys {
	struct json_key_slot *slots; /* owned */
	size_t cap; /* 0 or a power of two */
	size_t len;
};

void json_keys_finish(struct json_keys *keys);
/* [any] Adds the key at nodes[key] of the object at nodes[owner].  ERR_EXISTS,
 * ERR_NOMEM. */
int json_keys_add(struct json_keys *keys, const struct json_node *nodes,
    uint32_t owner, uint32_t key);

static inline bool
json_key_same(const struct json_node *a, const struct json_node *b)
{
	return a->text_len == b->text_len
	    && memcmp(a->text, b->text, a->text_len) == 0;
}

#define JSON_BYTES(b_) (UINT64_C(0x0101010101010101) * (b_))

/* Skips bytes that mean themselves: no quote, backslash, control, and no
 * byte of a longer UTF-8 sequence. */
static inline const char *
json_skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i bytes = _mm_loadu_si128((const void *)p);
		/* As signed numbers those above 0x7f are below too. */
		__m128i plain = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1f));
		__m128i ends =
		    _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
			_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
		unsigned stop = 0xffffu
		    ^ (unsigned)_mm_movemask_epi8(
			_mm_andnot_si128(ends, plain));

		if (stop != 0)
			return p + __builtin_ctz(stop);
		p += 16;
	}
#endif
	while (end - p >= 8) {
		uint64_t w, q, b;

		memcpy(&w, p, 8);
		q = w ^ JSON_BYTES('"');
		b = w ^ JSON_BYTES('\\');
		if ((((w - JSON_BYTES(0x20)) | (q - JSON_BYTES(1))
			 | (b - JSON_BYTES(1)) | w)
			& JSON_BYTES(0x80))
		    != 0)
			break;
		p += 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\'
	    && (unsigned char)*p < 0x80)
		p++;
	return p;
}

#endif
