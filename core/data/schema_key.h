/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of a schema, in a form that is quick to find.  Private to the
 * engine. */
#ifndef DATA_SCHEMA_KEY_H
#define DATA_SCHEMA_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* A text that is looked for, with what tells most texts apart: two words and
 * the length are all of it up to 16 bytes. */
struct schema_key {
	struct str text;
	uint64_t head;
	uint64_t tail;
};

/* Names and texts of a schema against those of a value.  They are short, and
 * there are many: words at a time, and inline, because the call of memcmp()
 * costs more than the comparison (tavily_search of tests/bench/schema: 154 ns
 * with bytes and memcmp(), see there). */
static inline uint64_t
schema_word(const char *p, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, p, len);
	return word;
}

static inline bool
schema_text_same(struct str a, struct str b)
{
	size_t i = 0;

	if (a.len != b.len)
		return false;
	if (a.len >= 8) {
		for (; i + 8 < a.len; i += 8)
			if (schema_word(a.ptr + i, 8)
			    != schema_word(b.ptr + i, 8))
				return false;
		i = a.len - 8;
		return schema_word(a.ptr + i, 8) == schema_word(b.ptr + i, 8);
	}
	if (a.len >= 4)
		return schema_word(a.ptr, 4) == schema_word(b.ptr, 4)
		    && schema_word(a.ptr + a.len - 4, 4)
		    == schema_word(b.ptr + a.len - 4, 4);
	while (i < a.len && a.ptr[i] == b.ptr[i])
		i++;
	return i == a.len;
}

static inline struct schema_key
schema_key_of(const char *p, size_t len)
{
	struct schema_key k = { .text = { p, len } };

	if (len >= 8) {
		k.head = schema_word(p, 8);
		k.tail = schema_word(p + len - 8, 8);
	} else if (len >= 4) {
		k.head = schema_word(p, 4) | schema_word(p + len - 4, 4) << 32;
	} else if (len > 0) {
		k.head = (uint64_t)(unsigned char)p[0]
		    | (uint64_t)(unsigned char)p[len / 2] << 8
		    | (uint64_t)(unsigned char)p[len - 1] << 16;
	}
	return k;
}

static inline bool
schema_key_same(const struct schema_key *a, const struct schema_key *b)
{
	if (a->head != b->head || a->tail != b->tail
	    || a->text.len != b->text.len)
		return false;
	return a->text.len <= 16 || schema_text_same(a->text, b->text);
}

/* The keys that are in a table come from the schema, so that what a client
 * sends meets no longer chains than the schema has. */
static inline uint32_t
schema_key_hash(const struct schema_key *k)
{
	const uint64_t mix = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = (k->head ^ k->text.len) * mix;

	hash = (hash ^ hash >> 29 ^ k->tail) * mix;
	for (size_t i = 8; i + 8 < k->text.len && i < 64; i += 8) {
		hash = (hash ^ schema_word(k->text.ptr + i, 8)) * mix;
		hash ^= hash >> 32;
	}
	return (uint32_t)(hash >> 32);
}

#endif
