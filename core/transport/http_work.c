/* SPDX-License-Identifier: Apache-2.0 */
/* A call of a session whose answer has become a stream: it belongs to no
 * connection, and goes on when one breaks (POSTL-04). */
#include <stdlib.h>

#include "base/log.h"
#include "transport/http_priv.h"

#define HTTP_WORK_MAGIC 0x48574f52u

struct http_work {
	uint32_t magic;
	struct list node; /* in t->works */
	struct transport_reactor *t;
	struct mcp_exchange *x;
	struct batch *batch; /* instead */
	struct session *session; /* a reference */
	struct replay_stream *stream; /* a reference */
};

static struct http_work *
work_get(struct transport_reactor *t)
{
	struct http_work *w;

	if (t->works_spare_len == 0)
		return malloc(sizeof *w);
	w = LIST_OBJ(t->works_spare.prev, struct http_work, node);
	list_drop(&w->node);
	t->works_spare_len--;
	return w;
}

static void
work_put(struct transport_reactor *t, struct http_work *w)
{
	if (w == NULL)
		return;
	if (t->works_spare_len >= HTTP_SPARE_MAX) {
		free(w);
		return;
	}
	list_push(&t->works_spare, &w->node);
	t->works_spare_len++;
}

void
http_works_finish(struct transport_reactor *t)
{
	LIST_EACH_SAFE (node, &t->works_spare)
		free(LIST_OBJ(node, struct http_work, node));
	list_init(&t->works_spare);
	t->works_spare_len = 0;
}

static void
work_free(struct http_work *w)
{
	struct transport_reactor *t = w->t;

	list_drop(&w->node);
	if (w->stream != NULL)
		(void)replay_close(w->stream, NULL); /* has none to tell */
	session_unref(w->session);
	OBJ_WIPE(w);
	work_put(t, w);
}

static int
work_append(struct http_work *w, enum replay_kind kind, struct str message)
{
	return replay_append(w->stream, kind, message, loop_now(w->t->loop));
}

/* An answer that cannot be kept is replaced by one that says so. */
static void
work_end(struct http_work *w, struct str id, struct str message)
{
	struct buf *text = &w->t->scratch;
	int rc;

	if (message.len == 0) { /* cancelled: a stream without answer */
		work_free(w);
		return;
	}
	rc = work_append(w, REPLAY_LAST, message);
	if (rc < 0 && rc != ERR_CLOSED) {
		LOG_WARN("answer dropped: its client has gone and it is too "
			 "large to keep",
		    F_INT("bytes", message.len));
		buf_shrink(text, NET_READ_SIZE);
		rpc_write_error(text, id, RPC_INTERNAL_ERROR,
		    S("The answer came while nobody read its stream, and is "
		      "larger than what is kept (limits.replay_session)"),
		    STR_NONE);
		(void)work_append(w, REPLAY_LAST, buf_view(text)); /* small */
	}
	if (rc == 0) { /* nothing is left to close */
		replay_unref(w->stream);
		w->stream = NULL;
	}
	work_free(w);
}

static struct http_work *
work_of(struct mcp_exchange *x)
{
	return OBJ_CAST(
	    mcp_exchange_owner(x), struct http_work, HTTP_WORK_MAGIC);
}

/* What is dropped leaves a mark where it would have been. */
static void
work_notify(struct mcp_exchange *x, struct str message)
{
	(void)work_append(work_of(x), REPLAY_MAY_DROP, message);
}

static void
work_answer(struct mcp_exchange *x, int status, struct str message)
{
	(void)status; /* the head has gone */
	work_end(work_of(x), mcp_exchange_id(x), message);
}

/* ELIC-15: it waits in the stream for whoever resumes it. */
static bool
work_ask(struct mcp_exchange *x, struct str message)
{
	return work_append(work_of(x), REPLAY_MUST_KEEP, message) == 0;
}

void
http_work_release(struct mcp_exchange *x, int64_t retry_ms)
{
	replay_release(work_of(x)->stream, retry_ms);
}

static const struct mcp_reply_ops reply = { work_notify, work_answer, work_ask,
	http_work_release, NULL, NULL };

static void
batch_notify(struct batch *b, struct str message)
{
	(void)work_append(b->owner, REPLAY_MAY_DROP, message);
}

static void
batch_done(struct batch *b, struct str array)
{
	work_end(b->owner, STR_NONE, array);
}

static bool
batch_ask(struct batch *b, struct str message)
{
	return work_append(b->owner, REPLAY_MUST_KEEP, message) == 0;
}

static const struct batch_ops batch_ops = { batch_notify, batch_done,
	batch_ask };

static void
owner_change(struct http_conn *c, struct http_work *w)
{
	w->x = c->x;
	w->batch = c->batch;
	c->x = NULL;
	c->batch = NULL;
	if (w->x != NULL) {
		mcp_exchange_owner_set(w->x, &reply, w);
	} else {
		w->batch->owner = w;
		w->batch->ops = &batch_ops;
	}
}

static bool
is_resumable(const struct http_conn *c)
{
	return c->session != NULL && !c->fresh && !c->committed
	    && (c->batch != NULL
		|| (c->x != NULL && !mcp_exchange_is_stateless(c->x)))
	    && net_conn_is_open(&c->net);
}

bool
http_work_begin(struct http_conn *c)
{
	struct replay_log *log = is_resumable(c)
	    ? session_replay(c->t->shared->sessions, c->session)
	    : NULL;
	struct http_work *w;
	char id[REPLAY_ID_MAX];

	if (log == NULL)
		return false;
	w = work_get(c->t);
	c->reader = http_reader_create(c);
	if (w == NULL || c->reader == NULL
	    || replay_open_read(
		   log, &c->reader->base, loop_now(c->t->loop), &w->stream)
		< 0) {
		http_reader_free(c->t, c->reader);
		c->reader = NULL;
		work_put(c->t, w);
		return false;
	}
	OBJ_INIT(w, HTTP_WORK_MAGIC);
	w->t = c->t;
	w->session = c->session;
	ref_take(&w->session->ref);
	list_init(&w->node);
	list_push(&c->t->works, &w->node);
	owner_change(c, w);
	http_events_begin(c);
	if (c->session->peer.revision == MCP_2025_11_25) /* RSM-06 */
		http_event_write(c, replay_id(w->stream, 0, id), STR_NONE);
	return true;
}

bool
http_work_is_due(const struct http_conn *c)
{
	return c->x != NULL && c->phase == HTTP_SERVICE && is_resumable(c)
	    && c->t->shared->limits.stream_after_ns > 0
	    && c->session->peer.revision == MCP_2025_11_25
	    && session_table_replay(c->t->shared->sessions) != NULL;
}

static void
work_abandon(struct http_work *w)
{
	if (w->x != NULL)
		mcp_exchange_abandon(w->x, MCP_ABANDON_WORK);
	else
		batch_abandon(w->batch, MCP_ABANDON_WORK);
	work_free(w);
}

void
http_works_end(struct transport_reactor *t)
{
	LIST_EACH_SAFE (node, &t->works)
		work_abandon(LIST_OBJ(node, struct http_work, node));
}
