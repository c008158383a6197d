/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept, for whom, and for how long. */
#include <stdlib.h>
#include <string.h>

#include "session/replay_priv.h"

#define SHARDS_EACH 4 /* of a thread */
#define EXPIRE_STEP 256 /* streams looked at in one go */

struct replay *
replay_create(const struct replay_limits *limits)
{
	struct replay *r = calloc(1, sizeof *r);
	size_t i;

	if (r == NULL)
		return NULL;
	r->limits = *limits;
	for (i = 0; i < REPLAY_SHARDS; i++) {
		CHECK(pthread_mutex_init(&r->shards[i].lock, NULL) == 0);
		list_init(&r->shards[i].touched);
		list_init(&r->shards[i].spare);
	}
	return r;
}

void
replay_destroy(struct replay *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < REPLAY_SHARDS; i++) {
		CHECK(list_is_empty(&r->shards[i].touched));
		replay_words_unref(r->shards[i].words);
		LIST_EACH_SAFE (node, &r->shards[i].spare) {
			list_drop(node);
			free(LIST_OBJ(node, struct replay_stream, node));
		}
		(void)pthread_mutex_destroy(&r->shards[i].lock); /* unused */
	}
	free(r);
}

size_t
replay_bytes(const struct replay *r)
{
	return atomic_load(&((struct replay *)(uintptr_t)r)->bytes);
}

void
replay_lock(struct replay_shard *s)
{
	CHECK(pthread_mutex_lock(&s->lock) == 0);
}

void
replay_unlock(struct replay_shard *s)
{
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

/* Sessions that begin on one thread share some shards, mostly with nobody
 * else: no lock that two reactors want at once. */
static struct replay_shard *
shard_choose(struct replay *r)
{
	static THREAD_LOCAL unsigned place;
	unsigned n = atomic_fetch_add_explicit(
	    &r->logs, 1, memory_order_relaxed /* it only spreads */);

	if (place == 0)
		place = 1
		    + atomic_fetch_add_explicit(
			&r->places, 1, memory_order_relaxed /* as above */);
	return &r->shards[(place * SHARDS_EACH + n % SHARDS_EACH)
	    % REPLAY_SHARDS];
}

struct replay_log *
replay_log_get(struct replay *r, _Atomic(struct replay_log *) *slot)
{
	struct replay_log *l = atomic_load(slot), *made;

	if (l != NULL)
		return l;
	made = calloc(1, sizeof *made);
	if (made == NULL)
		return NULL;
	made->replay = r;
	made->shard = shard_choose(r);
	list_init(&made->streams);
	/* Two reactors may be first at once: one log stays. */
	if (atomic_compare_exchange_strong(slot, &l, made))
		return made;
	free(made);
	return l;
}

void
replay_account(struct replay_log *l, size_t more, size_t less)
{
	l->bytes = l->bytes + more - less;
	if (more > 0)
		atomic_fetch_add(&l->replay->bytes, more);
	if (less > 0)
		atomic_fetch_sub(&l->replay->bytes, less);
}

void
replay_words_unref(struct replay_words *w)
{
	if (w != NULL && --w->refs == 0)
		free(w);
}

struct replay_words *
replay_words_get(struct replay_shard *shard, struct str message)
{
	struct replay_words *w = shard->words;

	if (w == NULL || w->len != message.len
	    || memcmp(w->bytes, message.ptr, message.len) != 0) {
		w = malloc(sizeof *w + message.len);
		if (w == NULL)
			return NULL;
		w->refs = 1; /* the shard's */
		w->len = (uint32_t)message.len;
		memcpy(w->bytes, message.ptr, message.len);
		replay_words_unref(shard->words);
		shard->words = w;
	}
	w->refs++;
	return w;
}

void
replay_event_drop(struct replay_stream *s, struct replay_item *e)
{
	list_drop(&e->node);
	s->len--;
	if (e->roomed) {
		if (s->len == 0)
			s->room_used = 0;
		return;
	}
	replay_account(s->log, 0,
	    sizeof *e + (e->shares ? sizeof(struct replay_words *) : e->len));
	if (e->shares)
		replay_words_unref(replay_item_words(e));
	free(e);
}

void
replay_notify(struct replay_reader *r)
{
	if (r->posted)
		return;
	r->posted = true;
	loop_post(r->loop, &r->msg);
}

void
replay_touch(struct replay_stream *s, int64_t now_ns)
{
	list_drop(&s->touched);
	list_push(&s->shard->touched, &s->touched);
	s->touched_ns = now_ns;
}

static void
stream_end(struct replay_stream *s)
{
	CHECK(s->log == NULL && list_is_empty(&s->events));
	OBJ_WIPE(s);
}

/* With the lock held: the memory stays for the next one. */
static void
unref_locked(struct replay_stream *s)
{
	struct replay_shard *shard = s->shard;

	if (!ref_drop(&s->ref))
		return;
	stream_end(s);
	if (s->room_len == 0 || shard->spare_len >= REPLAY_SPARE_MAX) {
		free(s);
		return;
	}
	list_push(&shard->spare, &s->node);
	shard->spare_len++;
}

void
replay_lose(struct replay_stream *s)
{
	struct replay_log *l = s->log;

	LIST_EACH_SAFE (node, &s->events)
		replay_event_drop(s, LIST_OBJ(node, struct replay_item, node));
	replay_account(l, 0, sizeof *s + s->room_len);
	list_drop(&s->node);
	list_drop(&s->touched);
	l->len--;
	if (l->standalone == s)
		l->standalone = NULL;
	s->log = NULL;
	if (s->reader != NULL)
		replay_notify(s->reader);
	if (s->source != NULL && !s->source->posted) {
		s->source->posted = true;
		loop_post(s->source->loop, &s->source->msg);
	}
	unref_locked(s);
}

/* All that has been read goes, and cannot be asked for any more. */
static void
shed(struct replay_stream *s)
{
	/* What was freed has left the lists, which is not seen. */
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	LIST_EACH_SAFE (node, &s->events) {
		struct replay_item *e =
		    LIST_OBJ(node, struct replay_item, node);

		if (e->seq >= s->read)
			break;
		s->floor = e->seq + 1;
		replay_event_drop(s, e);
	}
}

/* A step of it, so that no reactor waits for long; false: all is done. */
static bool
shard_expire(
    struct replay_shard *shard, int64_t before_ns, int64_t now_ns, size_t *lost)
{
	size_t steps = 0;

	replay_lock(shard);
	while (!list_is_empty(&shard->touched) && steps++ < EXPIRE_STEP) {
		struct replay_stream *s = LIST_OBJ(
		    shard->touched.next, struct replay_stream, touched);

		if (s->touched_ns >= before_ns) {
			steps = 0;
			break;
		}
		if (s->reader == NULL) {
			replay_lose(s);
			++*lost;
			continue;
		}
		shed(s);
		replay_touch(s, now_ns);
	}
	replay_unlock(shard);
	return steps > EXPIRE_STEP;
}

size_t
replay_expire(struct replay *r, int64_t before_ns, int64_t now_ns)
{
	size_t i, lost = 0;

	for (i = 0; i < REPLAY_SHARDS; i++)
		while (shard_expire(&r->shards[i], before_ns, now_ns, &lost))
			continue;
	return lost;
}

void
replay_log_end(struct replay_log *l)
{
	replay_lock(l->shard);
	LIST_EACH_SAFE (node, &l->streams)
		replay_lose(LIST_OBJ(node, struct replay_stream, node));
	replay_unlock(l->shard);
}

void
replay_log_destroy(struct replay_log *l)
{
	if (l == NULL)
		return;
	replay_log_end(l);
	free(l);
}

/* The oldest one that has ended and that nobody reads. */
static struct replay_stream *
ended_find(const struct replay_log *l, const struct replay_stream *but)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	LIST_EACH (node, &l->streams) {
		struct replay_stream *s =
		    LIST_OBJ(node, struct replay_stream, node);

		if (s != but && s->done && s->reader == NULL)
			return s;
	}
	return NULL;
}

/* Other sessions give way, those first that were untouched for longest. */
static bool
total_room(struct replay_shard *shard, struct replay *r,
    const struct replay_stream *but, size_t cost)
{
	size_t steps;

	for (steps = 0; atomic_load(&r->bytes) + cost > r->limits.total;
	     steps++) {
		struct replay_stream *s;

		if (steps == REPLAY_EVICTIONS_MAX
		    || list_is_empty(&shard->touched))
			return false;
		s = LIST_OBJ(
		    shard->touched.next, struct replay_stream, touched);
		if (s->reader == NULL && s != but) {
			replay_lose(s);
			continue;
		}
		shed(s);
		replay_touch(s, s->touched_ns);
	}
	return true;
}

static void
source_run(struct loop_msg *msg)
{
	struct replay_source *s = CONTAINER_OF(msg, struct replay_source, msg);

	s->posted = false; /* nobody else looks: the stream is lost */
	s->lost(s);
}

/* Zeroed but for its room.  A call has few and short events: they come with
 * the stream, and the memory of the last one serves the next.  A session's own
 * stream may wait for long and have none. */
static struct replay_stream *
stream_alloc(struct replay_shard *shard, bool roomy)
{
	size_t room = roomy ? REPLAY_ROOM : 0;
	struct replay_stream *s;

	if (roomy && shard->spare_len > 0) {
		s = LIST_OBJ(shard->spare.prev, struct replay_stream, node);
		list_drop(&s->node);
		shard->spare_len--;
	} else {
		s = malloc(sizeof *s + room);
	}
	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof *s);
	s->room_len = (uint32_t)room;
	return s;
}

/* With the lock held; one reference, the source's. */
static struct replay_stream *
stream_make(struct replay_log *l, struct replay_source *source)
{
	struct replay_shard *shard = l->shard;
	struct replay_stream *s = stream_alloc(shard, source == NULL);

	if (s == NULL)
		return NULL;
	OBJ_INIT(s, REPLAY_STREAM_MAGIC);
	ref_init(&s->ref);
	/* Unique in the process: the shard's own numbers, and the shard's. */
	s->number = ++shard->numbers * REPLAY_SHARDS
	    + (uint64_t)(shard - l->replay->shards);
	s->shard = shard;
	list_init(&s->node);
	list_init(&s->touched);
	list_init(&s->events);
	s->next = s->floor = s->read = 1;
	s->source = source;
	if (source != NULL) {
		source->msg.run = source_run;
		source->posted = false;
	}
	return s;
}

static int
open_locked(struct replay_log *l, struct replay_source *source, int64_t now_ns,
    struct replay_stream **out)
{
	struct replay_stream *s, *ended;
	size_t cost;

	s = stream_make(l, source);
	if (s == NULL)
		return ERR_NOMEM;
	cost = sizeof *s + s->room_len;
	ended = l->len >= REPLAY_STREAMS_MAX ? ended_find(l, NULL) : NULL;
	if (ended != NULL)
		replay_lose(ended);
	if (source != NULL && l->standalone != NULL) {
		unref_locked(s);
		return ERR_EXISTS;
	}
	if (l->len >= REPLAY_STREAMS_MAX
	    || !total_room(l->shard, l->replay, s, cost)) {
		unref_locked(s);
		return ERR_LIMIT;
	}
	ref_take(&s->ref); /* the log's */
	s->log = l;
	list_push(&l->streams, &s->node);
	l->len++;
	replay_account(l, cost, 0);
	replay_touch(s, now_ns);
	if (source != NULL)
		l->standalone = s;
	*out = s;
	return 0;
}

int
replay_open(struct replay_log *l, struct replay_source *source, int64_t now_ns,
    struct replay_stream **out)
{
	int rc;

	replay_lock(l->shard);
	rc = open_locked(l, source, now_ns, out);
	replay_unlock(l->shard);
	return rc;
}

int
replay_open_read(struct replay_log *l, struct replay_reader *r, int64_t now_ns,
    struct replay_stream **out)
{
	int rc;

	replay_lock(l->shard);
	rc = open_locked(l, NULL, now_ns, out);
	if (rc == 0)
		replay_reader_set(*out, r, 1);
	replay_unlock(l->shard);
	return rc;
}

/* One of this stream that may go: read, or a notification. */
static bool
one_drop(struct replay_stream *s)
{
	LIST_EACH (node, &s->events) {
		struct replay_item *e =
		    LIST_OBJ(node, struct replay_item, node);

		/* What was freed has left the list, which is not seen. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (e->seq >= s->read && e->kind != (uint8_t)REPLAY_MAY_DROP)
			continue;
		/* A missing notification is told as such; what must be kept
		 * cannot be resumed from before it. */
		if (e->kind != (uint8_t)REPLAY_MAY_DROP)
			s->floor = e->seq + 1;
		replay_event_drop(s, e);
		return true;
	}
	return false;
}

static bool
is_over(const struct replay_stream *s, size_t cost)
{
	return s->len + (cost > 0) > REPLAY_EVENTS_MAX
	    || s->log->bytes + cost > s->log->replay->limits.session;
}

void
replay_trim(struct replay_stream *s)
{
	while (is_over(s, 0)) {
		struct replay_item *e =
		    LIST_OBJ(s->events.next, struct replay_item, node);

		/* As above.  NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (list_is_empty(&s->events) || e->seq >= s->read)
			return;
		if (e->kind != (uint8_t)REPLAY_MAY_DROP)
			s->floor = e->seq + 1;
		replay_event_drop(s, e);
	}
}

bool
replay_room(struct replay_stream *s, enum replay_kind kind, size_t cost)
{
	struct replay_stream *ended;
	bool fits;

	while (is_over(s, cost)) {
		if (one_drop(s))
			continue;
		ended = ended_find(s->log, s);
		if (ended == NULL)
			break;
		replay_lose(ended);
	}
	fits =
	    !is_over(s, cost) && total_room(s->shard, s->log->replay, s, cost);
	/* A reader takes it in this turn or its next one. */
	return fits || (kind != REPLAY_MAY_DROP && s->reader != NULL);
}

void
replay_unref(struct replay_stream *s)
{
	OBJ_CHECK(s, REPLAY_STREAM_MAGIC);
	if (!ref_drop(&s->ref))
		return;
	stream_end(s);
	free(s);
}

struct replay_stream *
replay_ref(struct replay_stream *s)
{
	ref_take(&s->ref);
	return s;
}

void
replay_acknowledge(struct replay_stream *s)
{
	struct replay_shard *shard = s->shard;

	replay_lock(shard);
	if (s->log != NULL)
		replay_lose(s);
	/* The caller held one.  NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	unref_locked(s);
	replay_unlock(shard);
}
