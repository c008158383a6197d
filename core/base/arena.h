/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends all at once: bump allocation in chunks, a bound, a sticky
 * failure bit.  Nothing in it is freed by hand.  Single-threaded. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* owned; the newest chunk */
	char *at;
	char *end;
	size_t total; /* bytes of all chunks */
	size_t limit; /* bound on total; 0: none */
	size_t small; /* its next chunk's size; 0: the ordinary one */
	bool failed; /* an allocation was refused */
};

/* Allocates nothing until the first use. */
void arena_init(struct arena *a, size_t limit);
/* For what is kept for long and is small as a rule: its chunks begin small, and
 * each is twice the one before until they are ordinary. */
void arena_init_small(struct arena *a, size_t limit);
/* Frees every chunk but one of ordinary size, for the next user. */
void arena_reset(struct arena *a);
void arena_finish(struct arena *a);
/* The rest of arena_alloc(). */
void *arena_more(struct arena *a, size_t len);

#define ARENA_ALIGN alignof(max_align_t)

/* Aligned for any type, not zeroed; NULL on failure (sticky). */
static inline void *
arena_alloc(struct arena *a, size_t len)
{
	size_t left = (size_t)(a->end - a->at);
	size_t size = (len + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	void *p = a->at;

	/* What is left is a multiple of the alignment. */
	if (len == 0 || len > left || a->failed)
		return arena_more(a, len);
	a->at += size;
	return p;
}

void *arena_zalloc(struct arena *a, size_t len);
/* A NUL-terminated copy; ptr NULL on failure. */
struct str arena_dup(struct arena *a, struct str s);

#endif
