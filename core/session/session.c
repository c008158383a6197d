/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"

struct shard {
	pthread_mutex_t lock; /* leaf; guards the map */
	struct map sessions; /* of struct session; the table's reference */
};

struct session_table {
	struct shard shards[SESSION_SHARDS];
	atomic_size_t len;
	size_t max;
	struct replay *replay; /* owned; NULL: nothing is kept */
};

struct session_table *
session_table_create(size_t max, struct err *err)
{
	struct session_table *t = calloc(1, sizeof *t);
	size_t i;

	if (t == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	t->max = max;
	for (i = 0; i < SESSION_SHARDS; i++) {
		CHECK(pthread_mutex_init(&t->shards[i].lock, NULL) == 0);
		map_init(&t->shards[i].sessions);
	}
	return t;
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

void
session_table_destroy(struct session_table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < SESSION_SHARDS; i++) {
		MAP_EACH (slot, &t->shards[i].sessions)
			session_unref(slot->value);
		map_finish(&t->shards[i].sessions);
		(void)pthread_mutex_destroy(&t->shards[i].lock); /* unused */
	}
	replay_destroy(t->replay);
	free(t);
}

static struct str
id_of(const struct session *s)
{
	return (struct str){ s->id, SESSION_ID_LEN };
}

static struct shard *
shard_of(struct session_table *t, struct str id)
{
	return &t->shards[hash_bytes(id) % SESSION_SHARDS];
}

static void
shard_lock(struct shard *s)
{
	CHECK(pthread_mutex_lock(&s->lock) == 0);
}

static void
shard_unlock(struct shard *s)
{
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

int
session_create(struct session_table *t, int64_t now_ns, struct session **out)
{
	struct session *s;
	struct shard *shard;
	int rc;

	if (atomic_load(&t->len) >= t->max)
		return ERR_BUSY;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_NOMEM;
	OBJ_INIT(s, SESSION_MAGIC);
	ref_init(&s->ref);
	random_hex(s->id, SESSION_ID_LEN / 2);
	mcp_peer_init(&s->peer);
	atomic_init(&s->used_ns, now_ns);
	atomic_init(&s->ended, false);
	atomic_init(&s->streaming, false);
	atomic_init(&s->replay, NULL);
	ref_take(&s->ref); /* the table's */
	shard = shard_of(t, id_of(s));
	shard_lock(shard);
	rc = map_set(&shard->sessions, id_of(s), s, NULL);
	shard_unlock(shard);
	if (rc < 0) {
		free(s);
		return rc;
	}
	atomic_fetch_add(&t->len, 1);
	*out = s;
	return 0;
}

struct session *
session_find(struct session_table *t, struct str id, int64_t now_ns)
{
	struct shard *shard;
	struct session *s;

	if (id.len != SESSION_ID_LEN)
		return NULL;
	shard = shard_of(t, id);
	shard_lock(shard);
	s = map_find(&shard->sessions, id);
	if (s != NULL)
		ref_take(&s->ref);
	shard_unlock(shard);
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
	free(s);
}

bool
session_end(struct session_table *t, struct session *s)
{
	struct shard *shard = shard_of(t, id_of(s));
	bool mine;

	shard_lock(shard);
	mine = map_remove(&shard->sessions, id_of(s)) == s;
	shard_unlock(shard);
	if (!mine)
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

#define IDLE_BATCH 256

/* Idle sessions of a shard, each referenced, as many as fit: a walk for each
 * would hold the lock for the square of their number. */
static size_t
idle_take(
    struct shard *shard, int64_t before_ns, struct session *found[IDLE_BATCH])
{
	size_t n = 0;

	shard_lock(shard);
	MAP_EACH (slot, &shard->sessions) {
		struct session *s = slot->value;

		if (n == IDLE_BATCH)
			break;
		if (atomic_load(&s->streaming)
		    || atomic_load(&s->used_ns) >= before_ns)
			continue;
		ref_take(&s->ref);
		found[n++] = s;
	}
	shard_unlock(shard);
	return n;
}

void
session_expire(struct session_table *t, int64_t before_ns,
    void (*fn)(struct session *s, void *arg), void *arg)
{
	struct session *found[IDLE_BATCH];
	size_t i, k, n;

	for (i = 0; i < SESSION_SHARDS; i++)
		do {
			n = idle_take(&t->shards[i], before_ns, found);
			for (k = 0; k < n; k++) {
				if (session_end(t, found[k]))
					fn(found[k], arg);
				session_unref(found[k]);
			}
		} while (n == IDLE_BATCH);
}
