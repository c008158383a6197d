/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys a message has shown so far.  One open table for all of its large
 * objects: an entry is found by owner and key, under a seeded hash, so that
 * nobody outside can make it slow. */
#include "data/json_priv.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

#define FIRST_SLOTS ((size_t)64)

/* Node indexes, since nodes move when their array grows. */
struct json_key_slot {
	uint32_t hash;
	uint32_t owner;
	uint32_t key; /* 0: free; node 0 is never a key */
};

void
json_keys_finish(struct json_keys *keys)
{
	free(keys->slots);
	*keys = (struct json_keys){ 0 };
}

static int
keys_grow(struct json_keys *keys)
{
	size_t cap = keys->cap == 0 ? FIRST_SLOTS : keys->cap * 2;
	struct json_key_slot *slots = calloc(cap, sizeof *slots);

	if (slots == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < keys->cap; i++) {
		size_t at = keys->slots[i].hash & (cap - 1);

		if (keys->slots[i].key == 0)
			continue;
		while (slots[at].key != 0)
			at = (at + 1) & (cap - 1);
		slots[at] = keys->slots[i];
	}
	free(keys->slots);
	keys->slots = slots;
	keys->cap = cap;
	return 0;
}

int
json_keys_add(struct json_keys *keys, const struct json_node *nodes,
    uint32_t owner, uint32_t key)
{
	const struct json_node *k = &nodes[key];
	uint64_t full = hash_bytes((struct str){ k->text, k->text_len });
	uint32_t hash =
	    (uint32_t)(full ^ full >> 32) + owner * UINT32_C(0x9e3779b1);
	size_t at;

	if (keys->len >= keys->cap / 2 && keys_grow(keys) != 0)
		return ERR_NOMEM;
	at = hash & (keys->cap - 1);
	while (keys->slots[at].key != 0) {
		const struct json_key_slot *slot = &keys->slots[at];

		if (slot->hash == hash && slot->owner == owner
		    && json_key_same(&nodes[slot->key], k))
			return ERR_EXISTS;
		at = (at + 1) & (keys->cap - 1);
	}
	keys->slots[at] = (struct json_key_slot){ hash, owner, key };
	keys->len++;
	return 0;
}
