/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; removal moves later slots back, so
 * there are no tombstones and look-ups stay short. */
#include "base/map.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/hash.h"

#define CAP_MIN 8

void
map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void
map_finish(struct map *m)
{
	free(m->slots);
	map_init(m);
}

/* The slot that has the key, or the free one where it belongs; the table has
 * a free slot. */
static struct map_slot *
probe(struct map_slot *slots, size_t cap, struct str key, uint64_t hash)
{
	size_t at = (size_t)hash & (cap - 1);

	while (slots[at].key.ptr != NULL
	    && (slots[at].hash != hash || !str_equal(slots[at].key, key)))
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

void *
map_find(const struct map *m, struct str key)
{
	if (m->len == 0)
		return NULL;
	return probe(m->slots, m->cap, key, hash_bytes(key))->value;
}

static int
grow(struct map *m)
{
	size_t cap = m->cap == 0 ? CAP_MIN : m->cap * 2;
	struct map_slot *slots;

	if (cap > SIZE_MAX / 4 / sizeof *slots)
		return ERR_NOMEM;
	slots = calloc(cap, sizeof *slots);
	if (slots == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		struct map_slot *from = &m->slots[i];

		if (from->key.ptr != NULL)
			*probe(slots, cap, from->key, from->hash) = *from;
	}
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return 0;
}

int
map_set(struct map *m, struct str key, void *value, void **old)
{
	uint64_t hash = hash_bytes(key);
	struct map_slot *slot = NULL;

	CHECK(value != NULL);
	if (key.ptr == NULL)
		key = S(""); /* NULL marks a free slot */
	if (m->cap > 0)
		slot = probe(m->slots, m->cap, key, hash);
	if (slot == NULL || slot->key.ptr == NULL) {
		if (slot == NULL || m->len + 1 > m->cap / 4 * 3) {
			if (grow(m) < 0)
				return ERR_NOMEM;
			slot = probe(m->slots, m->cap, key, hash);
		}
		m->len++;
	}
	if (old != NULL)
		*old = slot->value;
	/* The former key may end together with the former value. */
	*slot = (struct map_slot){ key, hash, value };
	return 0;
}

void *
map_remove(struct map *m, struct str key)
{
	struct map_slot *slot;
	size_t mask = m->cap - 1, hole, at;
	void *value;

	if (m->len == 0)
		return NULL;
	slot = probe(m->slots, m->cap, key, hash_bytes(key));
	if (slot->key.ptr == NULL)
		return NULL;
	value = slot->value;
	hole = at = (size_t)(slot - m->slots);
	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (m->slots[at].key.ptr == NULL)
			break;
		home = (size_t)m->slots[at].hash & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue; /* its way does not pass the hole */
		m->slots[hole] = m->slots[at];
		hole = at;
	}
	m->slots[hole] = (struct map_slot){ 0 };
	m->len--;
	return value;
}
