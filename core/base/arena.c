/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation.  Chunks of one ordinary size; a request too large for the
 * rest of the chunk and more than half of one gets a chunk of its own, behind
 * the head, so that the head stays usable. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)8192)
#define CHUNK_SMALL ((size_t)512)

struct arena_chunk {
	struct arena_chunk *next; /* owned */
	size_t size; /* of the whole chunk */
	alignas(max_align_t) char bytes[];
};

void
arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){ .limit = limit };
}

void
arena_init_small(struct arena *a, size_t limit)
{
	*a = (struct arena){ .limit = limit, .small = CHUNK_SMALL };
}

static void
chunk_use(struct arena *a, struct arena_chunk *c)
{
	a->at = c->bytes;
	a->end = (char *)c + c->size;
}

void
arena_reset(struct arena *a)
{
	struct arena_chunk *keep = NULL, *c = a->head;

	while (c != NULL) {
		struct arena_chunk *next = c->next;

		if (keep == NULL && c->size == CHUNK_SIZE)
			keep = c;
		else
			free(c);
		c = next;
	}
	arena_init(a, a->limit);
	if (keep == NULL)
		return;
	keep->next = NULL;
	a->head = keep;
	a->total = keep->size;
	chunk_use(a, keep);
}

void
arena_finish(struct arena *a)
{
	struct arena_chunk *c = a->head;

	while (c != NULL) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
	arena_init(a, a->limit);
}

/* size is that of the whole chunk.  NULL beyond the limit. */
static struct arena_chunk *
chunk_create(struct arena *a, size_t size)
{
	struct arena_chunk *c;

	if (a->limit != 0 && size > a->limit - a->total)
		return NULL;
	c = malloc(size);
	if (c == NULL)
		return NULL;
	c->size = size;
	a->total += size;
	return c;
}

static void *
alloc_apart(struct arena *a, size_t size)
{
	struct arena_chunk *c = chunk_create(a, size);

	if (c == NULL)
		return NULL;
	if (a->head == NULL) {
		c->next = NULL;
		a->head = c;
		a->at = a->end = (char *)c + c->size;
	} else {
		c->next = a->head->next;
		a->head->next = c;
	}
	return c->bytes;
}

/* The size of the next chunk. */
static size_t
chunk_choose(struct arena *a, size_t size)
{
	size_t chunk;

	while (a->small != 0 && size > a->small / 2)
		a->small = a->small < CHUNK_SIZE ? 2 * a->small : 0;
	if (a->small == 0)
		return CHUNK_SIZE;
	chunk = a->small;
	a->small = chunk < CHUNK_SIZE ? 2 * chunk : 0;
	return chunk;
}

static void *
alloc_slow(struct arena *a, size_t len)
{
	size_t size = sizeof(struct arena_chunk) + len, chunk;
	struct arena_chunk *c;

	/* Near the limit too: what is left may be less than a chunk. */
	chunk = chunk_choose(a, size);
	if (size > chunk / 2 || (a->limit != 0 && a->limit - a->total < chunk))
		return alloc_apart(a, size);
	c = chunk_create(a, chunk);
	if (c == NULL)
		return NULL;
	c->next = a->head;
	a->head = c;
	chunk_use(a, c);
	a->at += len;
	return c->bytes;
}

void *
arena_more(struct arena *a, size_t len)
{
	void *p;

	if (a->failed)
		return NULL;
	if (len > SIZE_MAX / 2) {
		a->failed = true;
		return NULL;
	}
	len = (len + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (len == 0)
		len = ARENA_ALIGN;
	if (len <= (size_t)(a->end - a->at)) {
		p = a->at;
		a->at += len;
		return p;
	}
	p = alloc_slow(a, len);
	a->failed = p == NULL;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t len)
{
	void *p = arena_alloc(a, len);

	return p == NULL ? NULL : memset(p, 0, len);
}

struct str
arena_dup(struct arena *a, struct str s)
{
	char *copy;

	if (s.len == 0 && !a->failed)
		return S("");
	copy = s.len == SIZE_MAX ? NULL : arena_alloc(a, s.len + 1);
	if (copy == NULL)
		return STR_NONE;
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return (struct str){ copy, s.len };
}
