/* SPDX-License-Identifier: Apache-2.0 */
/* Reading parsed nodes: look-up, walking, sameness.  What recurses here is
 * bounded by JSON_DEPTH_MAX, since only json_parse() makes nodes. */
#include "data/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "data/json_priv.h"

/* Larger objects are compared by way of a table. */
#define LINEAR_MEMBERS 16

/* What a walk over "no container" starts and ends at. */
static const struct json_node nothing[2];

static bool
is_container(const struct json_node *n)
{
	return n != NULL && (n->type == JSON_ARRAY || n->type == JSON_OBJECT);
}

const struct json_node *
json_first(const struct json_node *container)
{
	return is_container(container) ? container + 1 : nothing;
}

const struct json_node *
json_first_member(const struct json_node *object)
{
	return json_type(object) == JSON_OBJECT ? object + 1 : json_end(object);
}

const struct json_node *
json_end(const struct json_node *container)
{
	return is_container(container) ? container + container->span : nothing;
}

static bool
key_is(const struct json_node *k, struct str key)
{
	return k->text_len == key.len
	    && str_same_bytes(k->text, key.ptr, key.len);
}

const struct json_node *
json_get(const struct json_node *object, struct str key)
{
	if (json_type(object) != JSON_OBJECT)
		return NULL;
	JSON_EACH_MEMBER (k, v, object) {
		if (key_is(k, key))
			return v;
	}
	return NULL;
}

const struct json_node *
json_at(const struct json_node *array, size_t i)
{
	if (json_type(array) != JSON_ARRAY || i >= array->count)
		return NULL;
	JSON_EACH_ELEMENT (v, array) {
		if (i-- == 0)
			return v;
	}
	return NULL;
}

size_t
json_count(const struct json_node *n)
{
	return is_container(n) ? n->count : 0;
}

/* Keys of one object, for many look-ups. */
struct key_table {
	const struct json_node **slots; /* owned */
	size_t mask;
};

static int
key_table_init(struct key_table *t, const struct json_node *object)
{
	size_t cap = 64;

	while (cap < (size_t)object->count * 2)
		cap *= 2;
	t->slots = calloc(cap, sizeof *t->slots);
	if (t->slots == NULL)
		return ERR_NOMEM;
	t->mask = cap - 1;
	JSON_EACH_MEMBER (k, v, object) {
		size_t at = hash_bytes(json_str(k)) & t->mask;

		while (t->slots[at] != NULL)
			at = (at + 1) & t->mask;
		t->slots[at] = k;
	}
	return 0;
}

static const struct json_node *
key_table_get(const struct key_table *t, struct str key)
{
	size_t at = hash_bytes(key) & t->mask;

	for (; t->slots[at] != NULL; at = (at + 1) & t->mask) {
		if (key_is(t->slots[at], key))
			return t->slots[at] + 1;
	}
	return NULL;
}

static bool
same_object(const struct json_node *a, const struct json_node *b)
{
	struct key_table table = { NULL, 0 };
	const struct json_node *other = b + 1;
	bool same = true;

	/* Equal objects mostly have the same order, too; without memory for
	 * the table the answer is late, not wrong. */
	JSON_EACH_MEMBER (k, v, a) {
		const struct json_node *found = NULL;

		if (other < b + b->span && key_is(other, json_str(k)))
			found = other + 1;
		else if (table.slots != NULL
		    || (a->count > LINEAR_MEMBERS
			&& key_table_init(&table, b) == 0))
			found = key_table_get(&table, json_str(k));
		else
			found = json_get(b, json_str(k));
		same = found != NULL && json_same(v, found);
		if (!same)
			break;
		other = found + found->span;
	}
	free(table.slots);
	return same;
}

static bool
same_array(const struct json_node *a, const struct json_node *b)
{
	const struct json_node *other = b + 1;

	JSON_EACH_ELEMENT (v, a) {
		if (!json_same(v, other))
			return false;
		other += other->span;
	}
	return true;
}

bool
json_same(const struct json_node *a, const struct json_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->type != b->type)
		return false;
	switch (json_type(a)) {
	case JSON_NUMBER:
		return json_number_compare(a, b) == 0;
	case JSON_STRING:
		return str_equal(json_str(a), json_str(b));
	case JSON_ARRAY:
		return a->count == b->count && same_array(a, b);
	case JSON_OBJECT:
		return a->count == b->count && same_object(a, b);
	default:
		return true;
	}
}

/* One step of mixing where order counts. */
static uint64_t
mix(uint64_t h, uint64_t more)
{
	h = (h ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

uint64_t
json_hash(const struct json_node *n)
{
	uint64_t h = (uint64_t)json_type(n) + 1;

	switch (json_type(n)) {
	case JSON_NUMBER:
		return mix(h, json_number_hash(n));
	case JSON_STRING:
		return mix(h, hash_bytes(json_str(n)));
	case JSON_ARRAY:
		JSON_EACH_ELEMENT (v, n)
			h = mix(h, json_hash(v));
		return h;
	case JSON_OBJECT:
		JSON_EACH_MEMBER (k, v, n)
			h += mix(hash_bytes(json_str(k)), json_hash(v));
		return h;
	default:
		return h;
	}
}
