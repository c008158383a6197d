/* SPDX-License-Identifier: Apache-2.0 */
/* In and out of one stream. */
#include <stdlib.h>
#include <string.h>

#include "session/replay_priv.h"

/* Before end; each has 20 digits at most, and both fit. */
static char *
digits_put(char *end, uint64_t n)
{
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return end;
}

struct str
replay_id(
    const struct replay_stream *s, uint64_t sequence, char text[REPLAY_ID_MAX])
{
	char *end = &text[REPLAY_ID_MAX - 1], *at = digits_put(end, sequence);

	*--at = '-';
	at = digits_put(at, s->number);
	return (struct str){ at, (size_t)(end - at) };
}

static bool
id_parse(struct str id, uint64_t *number, uint64_t *sequence)
{
	struct str rest, first = str_split(id, '-', &rest);

	return id.len < REPLAY_ID_MAX && str_to_u64(first, number) == 0
	    && str_to_u64(rest, sequence) == 0;
}

/* The same words wait already: one of them is enough. */
static bool
is_waiting(const struct replay_stream *s, struct str message)
{
	struct list *node;

	for (node = s->events.prev; node != &s->events; node = node->prev) {
		const struct replay_item *e =
		    LIST_OBJ(node, struct replay_item, node);

		if (e->seq < s->read)
			return false;
		if (str_equal(replay_item_text(e), message))
			return true;
	}
	return false;
}

/* In the room of a stream, where the next one begins aligned too. */
static size_t
item_size(size_t len)
{
	return (sizeof(struct replay_item) + len + alignof(max_align_t) - 1)
	    & ~(alignof(max_align_t) - 1);
}

static bool
is_roomy(const struct replay_stream *s, size_t size)
{
	return size <= s->room_len - s->room_used;
}

/* What it takes beyond what the stream has. */
static size_t
item_cost(const struct replay_stream *s, size_t len)
{
	if (is_roomy(s, item_size(len)))
		return 0;
	return sizeof(struct replay_item)
	    + (s->source != NULL ? sizeof(struct replay_words *) : len);
}

/* An event with memory of its own; its words may be those of others. */
static struct replay_item *
item_alloc(struct replay_stream *s, struct str message)
{
	bool shares = s->source != NULL;
	size_t len = shares ? sizeof(struct replay_words *) : message.len;
	struct replay_item *e = malloc(sizeof *e + len);
	struct replay_words *w;

	if (e == NULL)
		return NULL;
	e->shares = shares;
	if (shares) {
		w = replay_words_get(s->shard, message);
		if (w == NULL) {
			free(e);
			return NULL;
		}
		memcpy(e->text, &w, sizeof w);
	} else {
		memcpy(e->text, message.ptr, message.len);
	}
	replay_account(s->log, sizeof *e + len, 0);
	return e;
}

static int
event_add(struct replay_stream *s, enum replay_kind kind, struct str message)
{
	size_t size = item_size(message.len);
	bool roomed = is_roomy(s, size);
	struct replay_item *e;

	if (roomed) {
		e = (struct replay_item *)(void *)(s->room + s->room_used);
		s->room_used += (uint32_t)size;
		e->shares = false;
		memcpy(e->text, message.ptr, message.len);
	} else {
		e = item_alloc(s, message);
		if (e == NULL)
			return ERR_NOMEM;
	}
	e->roomed = roomed;
	e->seq = s->next++;
	e->len = (uint32_t)message.len;
	e->kind = (uint8_t)kind;
	list_push(&s->events, &e->node);
	s->len++;
	return 0;
}

/* The first event at or behind seq; the end of the list: none. */
static struct list *
event_from(struct replay_stream *s, uint64_t seq)
{
	struct list *node = &s->events;

	while (node->prev != &s->events
	    && LIST_OBJ(node->prev, struct replay_item, node)->seq >= seq)
		node = node->prev;
	return node;
}

/* False: the reader wants no more. */
static bool
events_take(struct replay_stream *s, struct replay_reader *r,
    bool (*fn)(void *arg, const struct replay_event *e), void *arg)
{
	struct list *node;
	char text[REPLAY_ID_MAX];

	for (node = event_from(s, r->next); node != &s->events;
	     node = node->next) {
		const struct replay_item *e =
		    LIST_OBJ(node, struct replay_item, node);
		struct replay_event out = {
			.id = replay_id(s, e->seq, text),
			.message = replay_item_text(e),
			.missing = e->seq - r->next,
			.last = e->kind == (uint8_t)REPLAY_LAST,
		};

		r->next = e->seq + 1;
		if (!fn(arg, &out))
			return false;
	}
	if (r->next < s->next) {
		struct replay_event out = { .missing = s->next - r->next };

		r->next = s->next;
		(void)fn(arg, &out); /* there is nothing behind it */
	}
	return true;
}

static int
append_locked(
    struct replay_stream *s, enum replay_kind kind, struct str message)
{
	if (s->log == NULL)
		return ERR_CLOSED;
	if (!replay_room(s, kind, item_cost(s, message.len)))
		return ERR_LIMIT;
	return event_add(s, kind, message);
}

/* With the lock held. */
static enum replay_state
read_locked(struct replay_stream *s, struct replay_reader *r,
    bool (*fn)(void *arg, const struct replay_event *e), void *arg)
{
	enum replay_state state;

	if (s->log == NULL || s->reader != r)
		return REPLAY_GONE;
	if (!events_take(s, r, fn, arg))
		state = REPLAY_PAUSED;
	else if (s->done)
		state = REPLAY_ENDED;
	else
		state = r->release_ms >= 0 ? REPLAY_RELEASED : REPLAY_OPEN;
	if (s->read < r->next)
		s->read = r->next;
	replay_trim(s);
	return state;
}

/* Hands over what there is; NULL: the reader cannot take it now. */
static struct replay_reader *
take_locked(struct replay_stream *s, struct replay_reader *r, int64_t now_ns,
    enum replay_state *state, struct replay_stream **ended)
{
	if (!r->taker->is_ready(r))
		return NULL;
	*state = read_locked(s, r, r->taker->take, r->arg);
	if (*state != REPLAY_ENDED)
		return r;
	*ended = s; /* the reader's reference */
	s->reader = NULL;
	if (r->streaming != NULL)
		atomic_store(r->streaming, false);
	replay_touch(s, now_ns);
	r->stream = NULL;
	return r;
}

int
replay_append(struct replay_stream *s, enum replay_kind kind,
    struct str message, int64_t now_ns)
{
	struct replay_reader *local = NULL;
	struct replay_stream *ended = NULL;
	enum replay_state state = REPLAY_OPEN;
	int rc;

	OBJ_CHECK(s, REPLAY_STREAM_MAGIC);
	if (message.len > UINT32_MAX)
		return ERR_LIMIT;
	replay_lock(s->shard);
	if (s->log != NULL && s->source != NULL && is_waiting(s, message)) {
		replay_unlock(s->shard);
		return 0;
	}
	rc = append_locked(s, kind, message);
	if (rc < 0 && rc != ERR_CLOSED && kind == REPLAY_MAY_DROP)
		s->next++; /* the hole is seen */
	if (rc == 0 && kind == REPLAY_LAST)
		s->done = true;
	if (s->log != NULL && (s->reader != NULL || s->done))
		replay_touch(s, now_ns);
	if (s->log != NULL && s->reader != NULL) {
		if (s->reader->loop == loop_current())
			local = s->reader;
		else
			replay_notify(s->reader);
	}
	if (local != NULL && local->taker != NULL)
		local = take_locked(s, local, now_ns, &state, &ended);
	replay_unlock(s->shard);
	if (local == NULL)
		return rc;
	/* It is of this thread: it cannot have gone. */
	if (local->taker != NULL)
		local->taker->taken(local, state, ended);
	else
		local->wake(local);
	return rc;
}

bool
replay_close(struct replay_stream *s, struct replay_source *source)
{
	bool posted;

	replay_lock(s->shard);
	s->source = NULL;
	s->done = true;
	posted = source != NULL && source->posted;
	if (s->log != NULL && s->reader != NULL)
		replay_notify(s->reader);
	/* Without an answer there is nothing to wait for. */
	if (s->log != NULL && s->reader == NULL && list_is_empty(&s->events))
		replay_lose(s);
	replay_unlock(s->shard);
	replay_unref(s);
	return posted;
}

void
replay_release(struct replay_stream *s, int64_t retry_ms)
{
	struct replay_reader *local = NULL;

	replay_lock(s->shard);
	if (s->log != NULL && s->reader != NULL) {
		s->reader->release_ms = retry_ms;
		if (s->reader->loop == loop_current())
			local = s->reader;
		else
			replay_notify(s->reader);
	}
	replay_unlock(s->shard);
	if (local != NULL)
		local->wake(local);
}

bool
replay_is_read(struct replay_stream *s)
{
	bool is;

	replay_lock(s->shard);
	is = s->log != NULL && s->reader != NULL;
	replay_unlock(s->shard);
	return is;
}

static void
message_run(struct loop_msg *msg)
{
	struct replay_reader *r = CONTAINER_OF(msg, struct replay_reader, msg);

	if (r->stream != NULL) {
		replay_lock(r->stream->shard);
		r->posted = false;
		replay_unlock(r->stream->shard);
	}
	r->wake(r);
}

/* With the lock held. */
void
replay_reader_set(
    struct replay_stream *s, struct replay_reader *r, uint64_t next)
{
	struct replay_reader *before = s->reader;

	r->msg.run = message_run;
	r->next = next;
	r->release_ms = -1;
	r->posted = false;
	r->stream = replay_ref(s);
	s->reader = r;
	if (r->streaming != NULL)
		atomic_store(r->streaming, true);
	if (before != NULL)
		replay_notify(before);
}

void
replay_attach(struct replay_stream *s, struct replay_reader *r)
{
	replay_lock(s->shard);
	replay_reader_set(s, r, 1);
	replay_unlock(s->shard);
}

static struct replay_stream *
stream_find(const struct replay_log *l, uint64_t number)
{
	LIST_EACH (node, &l->streams) {
		struct replay_stream *s =
		    LIST_OBJ(node, struct replay_stream, node);

		if (s->number == number)
			return s;
	}
	return NULL;
}

/* RSM-09: what came up to there is not asked for again. */
static void
acknowledged(struct replay_stream *s, uint64_t sequence)
{
	LIST_EACH_SAFE (node, &s->events) {
		struct replay_item *e =
		    LIST_OBJ(node, struct replay_item, node);

		if (e->seq > sequence)
			break;
		replay_event_drop(s, e);
	}
	if (s->floor < sequence + 1)
		s->floor = sequence + 1;
	if (s->read < sequence + 1)
		s->read = sequence + 1;
}

int
replay_resume(struct replay_log *l, struct str id, atomic_bool *streaming,
    struct replay_reader *r)
{
	struct replay_stream *s;
	uint64_t number, sequence;
	int rc = ERR_NOTFOUND;

	if (!id_parse(id, &number, &sequence))
		return ERR_NOTFOUND;
	replay_lock(l->shard);
	s = stream_find(l, number);
	if (s != NULL && sequence < s->next && sequence + 1 >= s->floor) {
		r->streaming = l->standalone == s ? streaming : NULL;
		acknowledged(s, sequence);
		replay_reader_set(s, r, sequence + 1);
		rc = 0;
	}
	replay_unlock(l->shard);
	return rc;
}

int
replay_resume_standalone(
    struct replay_log *l, atomic_bool *streaming, struct replay_reader *r)
{
	struct replay_stream *s;
	int rc = ERR_NOTFOUND;

	replay_lock(l->shard);
	s = l->standalone;
	if (s != NULL && s->reader == NULL) {
		r->streaming = streaming;
		replay_reader_set(s, r, s->read);
		rc = 0;
	} else if (s != NULL) {
		rc = ERR_EXISTS;
	}
	replay_unlock(l->shard);
	return rc;
}

enum replay_state
replay_read(struct replay_reader *r,
    bool (*fn)(void *arg, const struct replay_event *e), void *arg)
{
	struct replay_stream *s = r->stream;
	enum replay_state state;

	OBJ_CHECK(s, REPLAY_STREAM_MAGIC);
	replay_lock(s->shard);
	state = read_locked(s, r, fn, arg);
	replay_unlock(s->shard);
	return state;
}

bool
replay_detach(struct replay_reader *r, int64_t now_ns)
{
	struct replay_stream *s = r->stream;
	bool posted;

	if (s == NULL)
		return r->posted; /* nobody else knows it any more */
	replay_lock(s->shard);
	if (s->reader == r) {
		s->reader = NULL;
		if (r->streaming != NULL)
			atomic_store(r->streaming, false);
		if (s->log != NULL)
			replay_touch(s, now_ns);
		if (s->log != NULL && s->done && list_is_empty(&s->events))
			replay_lose(s);
	}
	posted = r->posted;
	r->stream = NULL;
	replay_unlock(s->shard);
	replay_unref(s);
	return posted;
}
