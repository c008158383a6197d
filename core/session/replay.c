/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept, for whom, and for how long. */
#include <stdlib.h>
#include <string.h>

#include "session/replay_priv.h"

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
	made->shard =
	    &r->shards[atomic_fetch_add(&r->numbers, 1) % REPLAY_SHARDS];
	list_init(&made->streams);
	/* Two reactors may be first at once: one log stays. */
	if (atomic_compare_exchange_strong(slot, &l, made))
		return made;
	free(made);
	return l;
}

static void
account(struct replay_log *l, size_t more, size_t less)
{
	l->bytes = l->bytes + more - less;
	if (more > 0)
		atomic_fetch_add(&l->replay->bytes, more);
	if (less > 0)
		atomic_fetch_sub(&l->replay->bytes, less);
}

void
replay_event_drop(struct replay_stream *s, struct replay_item *e)
{
	account(s->log, 0, sizeof *e + e->len);
	list_drop(&e->node);
	s->len--;
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

void
replay_lose(struct replay_stream *s)
{
	struct replay_log *l = s->log;

	LIST_EACH_SAFE (node, &s->events)
		replay_event_drop(s, LIST_OBJ(node, struct replay_item, node));
	account(l, 0, sizeof *s);
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
	replay_unref(s);
}

/* All that has been read goes, and cannot be asked for any more. */
static void
shed(struct replay_stream *s)
{
	LIST_EACH_SAFE (node, &s->events) {
		struct replay_item *e =
		    LIST_OBJ(node, struct replay_item, node);

		if (e->seq >= s->read)
			break;
		s->floor = e->seq + 1;
		replay_event_drop(s, e);
	}
}

static size_t
shard_expire(struct replay_shard *shard, int64_t before_ns, int64_t now_ns)
{
	size_t lost = 0;

	replay_lock(shard);
	while (!list_is_empty(&shard->touched)) {
		struct replay_stream *s = LIST_OBJ(
		    shard->touched.next, struct replay_stream, touched);

		if (s->touched_ns >= before_ns)
			break;
		if (s->reader == NULL) {
			replay_lose(s);
			lost++;
			continue;
		}
		shed(s);
		replay_touch(s, now_ns);
	}
	replay_unlock(shard);
	return lost;
}

size_t
replay_expire(struct replay *r, int64_t before_ns, int64_t now_ns)
{
	size_t i, lost = 0;

	for (i = 0; i < REPLAY_SHARDS; i++)
		lost += shard_expire(&r->shards[i], before_ns, now_ns);
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

int
replay_open(struct replay_log *l, struct replay_source *source, int64_t now_ns,
    struct replay_stream **out)
{
	struct replay_stream *s = calloc(1, sizeof *s), *ended;
	int rc = 0;

	if (s == NULL)
		return ERR_NOMEM;
	OBJ_INIT(s, REPLAY_STREAM_MAGIC);
	ref_init(&s->ref); /* the source's */
	s->number = atomic_fetch_add(&l->replay->numbers, 1) + 1;
	s->shard = l->shard;
	list_init(&s->node);
	list_init(&s->touched);
	list_init(&s->events);
	s->next = s->floor = s->read = 1;
	s->source = source;
	if (source != NULL) {
		source->msg.run = source_run;
		source->posted = false;
	}
	replay_lock(l->shard);
	ended = l->len >= REPLAY_STREAMS_MAX ? ended_find(l, NULL) : NULL;
	if (ended != NULL)
		replay_lose(ended);
	if (source != NULL && l->standalone != NULL)
		rc = ERR_EXISTS;
	else if (l->len >= REPLAY_STREAMS_MAX
	    || !total_room(l->shard, l->replay, s, sizeof *s))
		rc = ERR_LIMIT;
	if (rc == 0) {
		ref_take(&s->ref); /* the log's */
		s->log = l;
		list_push(&l->streams, &s->node);
		l->len++;
		account(l, sizeof *s, 0);
		replay_touch(s, now_ns);
		if (source != NULL)
			l->standalone = s;
	}
	replay_unlock(l->shard);
	if (rc < 0)
		replay_unref(s);
	else
		*out = s;
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

/* Called with the lock held where the log's reference is given back. */
void
replay_unref(struct replay_stream *s)
{
	OBJ_CHECK(s, REPLAY_STREAM_MAGIC);
	if (!ref_drop(&s->ref))
		return;
	CHECK(s->log == NULL && list_is_empty(&s->events));
	OBJ_WIPE(s);
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
	replay_lock(s->shard);
	if (s->log != NULL)
		replay_lose(s);
	/* The caller holds one.  NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	replay_unlock(s->shard);
}
