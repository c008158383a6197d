/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the JSON code; nobody else includes it. */
#ifndef DATA_JSON_PRIV_H
#define DATA_JSON_PRIV_H

#include <string.h>

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

#endif
