/* SPDX-License-Identifier: Apache-2.0 */
#include "session/shard.h"

#include <stdlib.h>
#include <string.h>

#include "base/poison.h"

/* What a stale reader may look at: all before the id. */
#define READABLE offsetof(struct session, id)

static void
shard_lock(struct session_shard *d)
{
	CHECK(pthread_mutex_lock(&d->lock) == 0);
}

static void
shard_unlock(struct session_shard *d)
{
	CHECK(pthread_mutex_unlock(&d->lock) == 0);
}

void
session_shard_init(struct session_shard *d)
{
	atomic_init(&d->slots, NULL);
	CHECK(pthread_mutex_init(&d->lock, NULL) == 0);
	d->len = 0;
	d->spare = NULL;
}

void
session_shard_finish(struct session_shard *d)
{
	struct session_slots *now = atomic_load(&d->slots);
	struct session_spoil all = { NULL, now };
	size_t i;

	for (i = 0; now != NULL && i <= now->mask; i++) {
		struct session *s = atomic_load(&now->items[i].session);

		if (s != NULL)
			session_unref(s);
	}
	all.spare = d->spare;
	session_spoil_free(&all);
	(void)pthread_mutex_destroy(&d->lock); /* unused */
}

/* A reference on what may have ended, and may be another by now: its memory is
 * that of a session, and its count is 0 while it is none. */
static bool
is_taken(struct session *s, struct str id)
{
	/* Its two cache lines come together, the first for writing. */
	__builtin_prefetch(s, 1);
	__builtin_prefetch(&s->used_ns, 1);
	if (!ref_take_live(&s->ref))
		return false;
	if (memcmp(s->id, id.ptr, SESSION_ID_LEN) == 0)
		return true;
	session_unref(s);
	return false;
}

static struct session *
probe(struct session_shard *d, uint64_t hash, struct str id)
{
	struct session_slots *slots = atomic_load_explicit(
	    &d->slots, memory_order_acquire /* pairs with grow() */);
	size_t at, n;

	if (slots == NULL)
		return NULL;
	at = (hash / SESSION_SHARDS) & slots->mask;
	for (n = 0; n <= slots->mask; n++, at = (at + 1) & slots->mask) {
		struct session_slot *slot = &slots->items[at];
		struct session *s = atomic_load_explicit(&slot->session,
		    memory_order_acquire /* pairs with slot_write() */);

		if (s == NULL)
			return NULL;
		if (atomic_load_explicit(
			&slot->hash, memory_order_relaxed /* the id decides */)
			== hash
		    && is_taken(s, id))
			return s;
	}
	return NULL;
}

struct session *
session_shard_find(struct session_shard *d, uint64_t hash, struct str id)
{
	struct session *s = probe(d, hash, id);

	if (s != NULL)
		return s;
	/* It may have been on its way from one slot to another. */
	shard_lock(d);
	s = probe(d, hash, id);
	shard_unlock(d);
	return s;
}

static void
slot_write(struct session_slot *slot, uint64_t hash, struct session *s)
{
	atomic_store_explicit(
	    &slot->hash, hash, memory_order_relaxed /* before the session */);
	atomic_store_explicit(
	    &slot->session, s, memory_order_release /* pairs with probe() */);
}

/* Where it goes; there is a free slot. */
static void
slots_put(struct session_slots *slots, uint64_t hash, struct session *s)
{
	size_t at = (hash / SESSION_SHARDS) & slots->mask;

	while (atomic_load_explicit(&slots->items[at].session,
		   memory_order_relaxed /* only we write */)
	    != NULL)
		at = (at + 1) & slots->mask;
	slot_write(&slots->items[at], hash, s);
}

static int
grow(struct session_shard *d, struct session_slots *old)
{
	size_t len = old == NULL ? SESSION_SLOTS_MIN : 2 * (old->mask + 1), i;
	struct session_slots *bigger;

	bigger = calloc(1, sizeof *bigger + len * sizeof bigger->items[0]);
	if (bigger == NULL)
		return ERR_NOMEM;
	bigger->older = old;
	bigger->mask = len - 1;
	for (i = 0; old != NULL && i <= old->mask; i++) {
		struct session *s = atomic_load(&old->items[i].session);

		if (s != NULL)
			slots_put(bigger, atomic_load(&old->items[i].hash), s);
	}
	atomic_store_explicit(
	    &d->slots, bigger, memory_order_release /* pairs with probe() */);
	return 0;
}

int
session_shard_put(struct session_shard *d, uint64_t hash, struct session *s)
{
	struct session_slots *slots;
	int rc = 0;

	shard_lock(d);
	slots = atomic_load(&d->slots);
	if (slots == NULL || d->len + 1 > (slots->mask + 1) / 4 * 3)
		rc = grow(d, slots);
	if (rc == 0) {
		slots_put(atomic_load(&d->slots), hash, s);
		d->len++;
	}
	shard_unlock(d);
	return rc;
}

/* Later ones move back over the hole, so that there are no tombstones; each is
 * in its new slot before it leaves the old one. */
static void
hole_close(struct session_slots *slots, size_t hole)
{
	size_t at = hole, home;

	for (;;) {
		struct session *s;
		uint64_t hash;

		at = (at + 1) & slots->mask;
		s = atomic_load(&slots->items[at].session);
		if (s == NULL)
			break;
		hash = atomic_load(&slots->items[at].hash);
		home = (hash / SESSION_SHARDS) & slots->mask;
		if (((at - home) & slots->mask) < ((at - hole) & slots->mask))
			continue; /* its way does not pass the hole */
		slot_write(&slots->items[hole], hash, s);
		hole = at;
	}
	slot_write(&slots->items[hole], 0, NULL);
}

bool
session_shard_remove(struct session_shard *d, uint64_t hash, struct session *s)
{
	struct session_slots *slots;
	struct session *here = NULL;
	size_t at;

	shard_lock(d);
	slots = atomic_load(&d->slots); /* there is one: s was put */
	at = (hash / SESSION_SHARDS) & slots->mask;
	while ((here = atomic_load(&slots->items[at].session)) != s
	    && here != NULL)
		at = (at + 1) & slots->mask;
	if (here == s) {
		hole_close(slots, at);
		d->len--;
	}
	shard_unlock(d);
	return here == s;
}

size_t
session_shard_take(struct session_shard *d,
    bool (*fn)(const struct session *s, const void *arg), const void *arg,
    struct session **found, size_t max)
{
	struct session_slots *slots;
	size_t n = 0, i;

	shard_lock(d);
	slots = atomic_load(&d->slots);
	for (i = 0; slots != NULL && i <= slots->mask && n < max; i++) {
		struct session *s = atomic_load(&slots->items[i].session);

		if (s == NULL || !fn(s, arg))
			continue;
		ref_take(&s->ref);
		found[n++] = s;
	}
	shard_unlock(d);
	return n;
}

struct session *
session_shard_alloc(struct session_shard *d)
{
	struct session *s;

	shard_lock(d);
	s = d->spare;
	if (s != NULL) {
		memory_unpoison(s, sizeof *s);
		d->spare = s->spare;
	}
	shard_unlock(d);
	if (s == NULL) {
		s = calloc(1, sizeof *s);
	} else {
		/* Its count is 0, and may be read right now. */
		memset((char *)s + READABLE, 0, sizeof *s - READABLE);
	}
	if (s != NULL)
		s->home = d;
	return s;
}

void
session_shard_release(struct session *s)
{
	struct session_shard *d = s->home;

	shard_lock(d);
	s->spare = d->spare;
	d->spare = s;
	memory_poison((char *)s + READABLE, sizeof *s - READABLE);
	shard_unlock(d);
}

static void
spare_move(struct session *from, struct session **to)
{
	while (from != NULL) {
		struct session *next;

		memory_unpoison(from, sizeof *from);
		next = from->spare;
		from->spare = *to;
		*to = from;
		from = next;
	}
}

bool
session_shard_spoil(struct session_shard *d, struct session_spoil *out)
{
	struct session *spare;
	struct session_slots *slots, *older = NULL, **end = &out->older;

	shard_lock(d);
	spare = d->spare;
	d->spare = NULL;
	slots = atomic_load(&d->slots);
	if (slots != NULL) {
		older = slots->older;
		slots->older = NULL;
	}
	shard_unlock(d);
	spare_move(spare, &out->spare);
	while (*end != NULL)
		end = &(*end)->older;
	*end = older;
	return spare != NULL || older != NULL;
}

void
session_spoil_free(struct session_spoil *spoil)
{
	while (spoil->spare != NULL) {
		struct session *s = spoil->spare;

		memory_unpoison(s, sizeof *s);
		spoil->spare = s->spare;
		free(s);
	}
	while (spoil->older != NULL) {
		struct session_slots *slots = spoil->older;

		spoil->older = slots->older;
		free(slots);
	}
}
