/* SPDX-License-Identifier: Apache-2.0 */
/* Equality of JSON values by JSON Schema's rules (numbers by value, objects
 * unordered), and the search for equal elements.  All of it is paid for in
 * steps. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/schema_run.h"

#define PAIRS_MAX 8 /* elements compared each with each */
#define PAIRS_SPAN_MAX 64 /* values within them */

static bool
array_same(
    struct schema_run *r, const struct json_node *a, const struct json_node *b)
{
	const struct json_node *y = json_first(b);

	JSON_EACH_ELEMENT (x, a) {
		if (!schema_value_same(r, x, y))
			return false;
		y += y->span;
	}
	return true;
}

static bool
key_same(const struct json_node *a, const struct json_node *b)
{
	return schema_text_same((struct str){ a->text, a->text_len },
	    (struct str){ b->text, b->text_len });
}

/* Members usually stand in the same order: the search for each begins where
 * the last one ended. */
static bool
object_same(
    struct schema_run *r, const struct json_node *a, const struct json_node *b)
{
	const struct json_node *first = json_first(b), *end = json_end(b);
	const struct json_node *at = first;

	JSON_EACH_MEMBER (k, v, a) {
		uint32_t tried = 0;

		while (tried < b->count && !key_same(k, at)) {
			at += 1 + at[1].span;
			if (at >= end)
				at = first;
			tried++;
		}
		if (tried == b->count || !schema_charge(r, tried / 2)
		    || !schema_value_same(r, v, at + 1))
			return false;
		at += 1 + at[1].span;
		if (at >= end)
			at = first;
	}
	return true;
}

bool
schema_value_same(
    struct schema_run *r, const struct json_node *a, const struct json_node *b)
{
	if (a->type != b->type)
		return false;
	switch ((enum json_type)a->type) {
	case JSON_NUMBER:
		return schema_charge(r, 1) && schema_number_same(a, b);
	case JSON_STRING:
		return key_same(a, b);
	case JSON_ARRAY:
		return a->count == b->count && schema_charge(r, a->count)
		    && array_same(r, a, b);
	case JSON_OBJECT:
		return a->count == b->count && schema_charge(r, a->count)
		    && object_same(r, a, b);
	default:
		return true;
	}
}

struct schema_enum *
schema_enum_create(struct arena *arena, const struct json_node *list)
{
	struct schema_enum *e = arena_zalloc(arena, sizeof *e);
	struct schema_text *texts =
	    arena_alloc(arena, (list->count + 1) * sizeof *texts);
	uint32_t *buckets, size = 4, len = 0;

	while (size < 2 * list->count)
		size *= 2;
	buckets = arena_zalloc(arena, size * sizeof *buckets);
	if (e == NULL || texts == NULL || buckets == NULL)
		return NULL;
	JSON_EACH_ELEMENT (v, list) {
		struct schema_key key = schema_key_of(v->text, v->text_len);
		uint32_t at = schema_key_hash(&key) & (size - 1);

		if (v->type != JSON_STRING)
			continue;
		texts[len].key = key;
		texts[len].next = buckets[at];
		buckets[at] = ++len;
	}
	e->list = list;
	e->texts = texts;
	e->buckets = buckets;
	e->mask = size - 1;
	return e;
}

bool
schema_enum_has(struct schema_run *r, const struct schema_enum *e,
    const struct json_node *n)
{
	if (n->type == JSON_STRING)
		return schema_enum_has_text(e, n);
	JSON_EACH_ELEMENT (allowed, e->list) {
		if (schema_value_same(r, allowed, n))
			return true;
		if (r->stop != STOP_NONE)
			return false;
	}
	return false;
}

static uint64_t
mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* Equal values have equal hashes; strings are hashed under the process's key,
 * so that nobody can aim at collisions.  As deep as the scanner allows. */
static uint64_t
value_hash(const struct json_node *n)
{
	uint64_t hash = n->type;

	switch ((enum json_type)n->type) {
	case JSON_NUMBER:
		return mix(hash, schema_number_hash(n));
	case JSON_STRING:
		return mix(hash, hash_bytes(json_str(n)));
	case JSON_ARRAY:
		JSON_EACH_ELEMENT (v, n)
			hash = mix(hash, value_hash(v));
		return hash;
	case JSON_OBJECT:
		JSON_EACH_MEMBER (k, v, n)
			hash += mix(hash_bytes(json_str(k)), value_hash(v));
		return hash;
	default:
		return mix(hash, 1);
	}
}

struct hashed {
	uint64_t hash;
	const struct json_node *node;
	uint32_t index;
};

static int
hashed_compare(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static bool
unique_by_pairs(struct schema_run *r, const struct json_node *array,
    uint32_t *first, uint32_t *second)
{
	uint32_t i = 0, k;

	JSON_EACH_ELEMENT (a, array) {
		k = 0;
		JSON_EACH_ELEMENT (b, array) {
			if (k == i)
				break;
			if (schema_value_same(r, a, b)) {
				*first = k;
				*second = i;
				return false;
			}
			k++;
		}
		i++;
	}
	return r->stop == STOP_NONE;
}

static bool
unique_by_hash(struct schema_run *r, const struct json_node *array,
    struct hashed *table, uint32_t *first, uint32_t *second)
{
	size_t n = 0;

	if (!schema_charge(r, 2 * (uint64_t)array->span + array->raw_len / 64))
		return false;
	JSON_EACH_ELEMENT (v, array) {
		table[n] = (struct hashed){ value_hash(v), v, (uint32_t)n };
		n++;
	}
	qsort(table, n, sizeof *table, hashed_compare);
	for (size_t i = 1; i < n; i++) {
		if (table[i].hash != table[i - 1].hash
		    || !schema_value_same(r, table[i - 1].node, table[i].node))
			continue;
		*first = table[i - 1].index;
		*second = table[i].index;
		return false;
	}
	return r->stop == STOP_NONE;
}

bool
schema_values_unique(struct schema_run *r, const struct json_node *array,
    uint32_t *first, uint32_t *second)
{
	struct hashed few[SCHEMA_SCRATCH_WORDS], *table = few;
	bool unique;

	if (array->count < 2)
		return true;
	if (array->count <= PAIRS_MAX && array->span <= PAIRS_SPAN_MAX)
		return unique_by_pairs(r, array, first, second);
	if (array->count > SCHEMA_SCRATCH_WORDS) {
		table = calloc(array->count, sizeof *table);
		if (table == NULL) {
			r->stop = STOP_MEMORY;
			return false;
		}
	}
	unique = unique_by_hash(r, array, table, first, second);
	if (table != few)
		free(table);
	return unique;
}
