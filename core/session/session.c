/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sessions and their life. */
#include "session/session.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "session/shard.h"

/* Waits for a grace period. */
struct retired {
	struct retired *next; /* of the stuck ones */
	struct session_spoil spoil;
};

struct session_table {
	struct session_shard shards[SESSION_SHARDS];
	atomic_size_t len;
	size_t max;
	struct replay *replay; /* owned; NULL: nothing is kept */
	struct loop_reactors *readers;
	struct loop *home;
	struct retired *stuck; /* no memory for their grace period: kept */
};

struct session_table *
session_table_create(size_t max, struct err *err)
{
	size_t align = alignof(struct session_table);
	struct session_table *t = aligned_alloc(align, sizeof *t);
	size_t i;

	if (t == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	memset(t, 0, sizeof *t);
	t->max = max;
	for (i = 0; i < SESSION_SHARDS; i++)
		session_shard_init(&t->shards[i]);
	return t;
}

void
session_table_readers_set(
    struct session_table *t, struct loop_reactors *rs, struct loop *home)
{
	t->readers = rs;
	t->home = home;
}

int
session_table_replay_set(
    struct session_table *t, const struct replay_limits *limits)
{
	if (limits->total == 0)
		return 0;
	t->replay = replay_create(limits);
	return t->replay != NULL ? 0 : ERR_NOMEM;
}

struct replay *
session_table_replay(const struct session_table *t)
{
	return t->replay;
}

struct replay_log *
session_replay(struct session_table *t, struct session *s)
{
	return t->replay != NULL ? replay_log_get(t->replay, &s->replay) : NULL;
}

static void
retired_drop(void *arg)
{
	struct retired *old = arg;

	session_spoil_free(&old->spoil);
	free(old);
}

void
session_table_destroy(struct session_table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < SESSION_SHARDS; i++)
		session_shard_finish(&t->shards[i]);
	while (t->stuck != NULL) {
		struct retired *old = t->stuck;

		t->stuck = old->next;
		retired_drop(old);
	}
	replay_destroy(t->replay);
	free(t);
}

static struct str
id_of(const struct session *s)
{
	return (struct str){ s->id, SESSION_ID_LEN };
}

int
session_create(struct session_table *t, int64_t now_ns, struct session **out)
{
	char id[SESSION_ID_LEN + 1];
	struct session_shard *shard;
	struct session *s;
	uint64_t hash;
	int rc;

	if (atomic_load(&t->len) >= t->max)
		return ERR_BUSY;
	random_hex(id, SESSION_ID_LEN / 2);
	hash = hash_bytes((struct str){ id, SESSION_ID_LEN });
	shard = &t->shards[hash % SESSION_SHARDS];
	s = session_shard_alloc(shard);
	if (s == NULL)
		return ERR_NOMEM;
	OBJ_INIT(s, SESSION_MAGIC);
	memcpy(s->id, id, sizeof s->id);
	mcp_peer_init(&s->peer);
	atomic_init(&s->used_ns, now_ns);
	ref_revive(&s->ref);
	ref_take(&s->ref); /* the table's */
	rc = session_shard_put(shard, hash, s);
	if (rc < 0) {
		session_unref(s);
		session_unref(s);
		return rc;
	}
	atomic_fetch_add(&t->len, 1);
	*out = s;
	return 0;
}

struct session *
session_find(struct session_table *t, struct str id, int64_t now_ns)
{
	struct session *s;
	uint64_t hash;

	if (id.len != SESSION_ID_LEN)
		return NULL;
	hash = hash_bytes(id);
	s = session_shard_find(&t->shards[hash % SESSION_SHARDS], hash, id);
	if (s != NULL)
		atomic_store_explicit(&s->used_ns, now_ns,
		    memory_order_relaxed /* a hint for expiry alone */);
	return s;
}

void
session_unref(struct session *s)
{
	OBJ_CHECK(s, SESSION_MAGIC);
	if (!ref_drop(&s->ref))
		return;
	mcp_peer_finish(&s->peer);
	replay_log_destroy(atomic_load(&s->replay));
	OBJ_WIPE(s);
	session_shard_release(s);
}

bool
session_end(struct session_table *t, struct session *s)
{
	if (!session_shard_remove(s->home, hash_bytes(id_of(s)), s))
		return false;
	atomic_store(&s->ended, true);
	atomic_fetch_sub(&t->len, 1);
	/* The table's; that of the caller is left. */
	CHECK(!ref_drop(&s->ref));
	return true;
}

size_t
session_count(const struct session_table *t)
{
	return atomic_load(&((struct session_table *)(uintptr_t)t)->len);
}

static bool
is_idle(const struct session *s, const void *arg)
{
	const int64_t *before_ns = arg;

	return !atomic_load(&s->streaming)
	    && atomic_load(&s->used_ns) < *before_ns;
}

/* What has ended before now, when nobody can be reading it any more. */
static void
memory_return(struct session_table *t)
{
	struct retired *old = calloc(1, sizeof *old);
	bool any = false;
	size_t i;

	if (old == NULL)
		return; /* the next time */
	for (i = 0; i < SESSION_SHARDS; i++)
		any |= session_shard_spoil(&t->shards[i], &old->spoil);
	if (!any || t->readers == NULL || t->readers->len == 0) {
		retired_drop(old);
		return;
	}
	if (loop_reactors_barrier(t->readers, t->home, NULL, retired_drop, old)
	    == 0)
		return;
	old->next = t->stuck;
	t->stuck = old;
}

/* Batches: a walk for each would hold the lock for the square of their
 * number. */
#define IDLE_BATCH 256

void
session_expire(struct session_table *t, int64_t before_ns,
    void (*fn)(struct session *s, void *arg), void *arg)
{
	struct session *found[IDLE_BATCH];
	size_t i, k, n;

	memory_return(t);
	for (i = 0; i < SESSION_SHARDS; i++)
		do {
			n = session_shard_take(&t->shards[i], is_idle,
			    &before_ns, found, IDLE_BATCH);
			for (k = 0; k < n; k++) {
				if (session_end(t, found[k]))
					fn(found[k], arg);
				session_unref(found[k]);
			}
		} while (n == IDLE_BATCH);
}
