/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from bytes to a pointer; keys are borrowed (they must live in the
 * value or longer).  SipHash with a random key, since peers choose keys. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_slot {
	struct str key; /* ptr NULL: free */
	uint64_t hash;
	void *value;
};

struct map {
	struct map_slot *slots; /* owned */
	size_t cap; /* 0 or a power of two */
	size_t len;
};

void map_init(struct map *m);
void map_finish(struct map *m);
void *map_find(const struct map *m, struct str key);
/* Replaces; *old, if not NULL, gets the former value.  0 or ERR_NOMEM. */
int map_set(struct map *m, struct str key, void *value, void **old);
/* The removed value, or NULL. */
void *map_remove(struct map *m, struct str key);
/* Any order; the map must not change meanwhile. */
#define MAP_EACH(slot_, map_) \
	for (struct map_slot *slot_ = (map_)->slots; \
	     slot_ != NULL && slot_ < (map_)->slots + (map_)->cap; slot_++) \
		if (slot_->key.ptr != NULL)

#endif
