/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of the HTTP+SSE transport of revision 2024-11-05 (OLD rows).  All
 * that the server says goes to it, its session lives as long as it does, and
 * messages come in by POST (legacy_post.c), perhaps on another reactor. */
#include <stdlib.h>

#include "base/log.h"
#include "http/sse.h"
#include "transport/http_priv.h"

#define LEGACY_MAGIC 0x4c454753u
#define LEGACY_OPEN_MAX 1024 /* requests of one stream without an answer */

struct http_legacy {
	uint32_t magic;
	struct mcp_listener listener; /* once the peer is ready */
	struct http_conn *conn;
	bool listening;
	bool ending; /* with its last answer */
	size_t open; /* exchanges and batches without an answer yet */
	struct list batches;
};

static void
event_write(struct http_legacy *l, struct str event, struct str data)
{
	struct sse_event e = { .event = event, .data = data, .retry_ms = -1 };
	struct http_conn *c = l->conn;
	struct buf *text = &c->t->scratch;
	struct buf *out = net_conn_out(&c->net);

	buf_shrink(text, NET_READ_SIZE);
	if (sse_write(text, &e) < 0)
		text->failed = true;
	if (c->minor == 0)
		buf_str(out, buf_view(text));
	else
		http_chunk_write(out, buf_view(text));
	if (text->failed || out->failed) {
		LOG_WARN("stream closed: out of memory");
		net_conn_close(&c->net, NET_CONN_RESET);
		return;
	}
	net_conn_flush_later(&c->net);
}

/* Nothing stops a client that posts without reading but this. */
static bool
is_behind(struct http_legacy *l)
{
	struct http_conn *c = l->conn;

	if (!net_conn_is_open(&c->net))
		return true;
	if (net_conn_out_len(&c->net) <= c->t->shared->limits.stream_max)
		return false;
	transport_conn_cut(&c->net);
	return true;
}

static void
legacy_send(struct http_legacy *l, struct str message)
{
	if (!is_behind(l))
		event_write(l, S("message"), message); /* OLD-03 */
}

static void
exchange_notify(struct mcp_exchange *x, struct str message)
{
	struct http_legacy *l = mcp_exchange_owner(x);

	if (net_conn_out_len(&l->conn->net) <= NET_OUT_SOFT)
		legacy_send(l, message); /* else stale progress: not kept */
}

static void
one_answered(struct http_legacy *l, struct str message)
{
	struct http_conn *c = l->conn;

	l->open--;
	if (message.len > 0)
		legacy_send(l, message);
	if (!l->ending || l->open > 0 || !net_conn_is_open(&c->net))
		return;
	if (c->minor > 0)
		http_chunk_end(net_conn_out(&c->net));
	net_conn_close(&c->net, NET_CONN_FLUSH);
}

static void
exchange_answer(struct mcp_exchange *x, int status, struct str message)
{
	(void)status; /* the POST has its own */
	one_answered(mcp_exchange_owner(x), message);
}

static bool
exchange_ask(struct mcp_exchange *x, struct str message)
{
	struct http_legacy *l = mcp_exchange_owner(x);

	legacy_send(l, message);
	return net_conn_is_open(&l->conn->net);
}

static const struct mcp_reply_ops reply = { exchange_notify, exchange_answer,
	exchange_ask, NULL, NULL, NULL };

static void
batch_notify(struct batch *b, struct str message)
{
	struct http_legacy *l = b->owner;

	if (net_conn_out_len(&l->conn->net) <= NET_OUT_SOFT)
		legacy_send(l, message);
}

static void
batch_done(struct batch *b, struct str array)
{
	one_answered(b->owner, array);
}

static bool
batch_ask(struct batch *b, struct str message)
{
	struct http_legacy *l = b->owner;

	legacy_send(l, message);
	return net_conn_is_open(&l->conn->net);
}

static const struct batch_ops batch_ops = { batch_notify, batch_done,
	batch_ask };

static void
listener_send(struct mcp_listener *listener, struct str message)
{
	legacy_send(
	    CONTAINER_OF(listener, struct http_legacy, listener), message);
}

/* LIFE-06: notifications begin with notifications/initialized. */
static void
listen_when_ready(struct http_legacy *l)
{
	struct mcp_peer *peer = &l->conn->session->peer;

	if (l->listening || atomic_load(&peer->phase) != (int)MCP_PEER_READY)
		return;
	l->listening = true;
	l->listener.send = listener_send;
	l->listener.peer = peer;
	mcp_listener_start(l->conn->t->mcp, &l->listener);
}

static struct mcp_exchange *
exchange_open(struct http_legacy *l)
{
	struct mcp_exchange *x = mcp_exchange_open(
	    l->conn->t->mcp, &reply, l, l->conn->session->peer.scope);

	if (x != NULL)
		l->open++;
	return x;
}

static void
refuse(struct http_legacy *l, const struct json_node *id, int code,
    const char *text)
{
	struct mcp_exchange *x = exchange_open(l);

	if (x != NULL)
		mcp_refuse(
		    x, id != NULL ? json_raw(id) : STR_NONE, 400, code, text);
}

static void
serve_message(struct http_legacy *l, const struct rpc_message *m)
{
	struct mcp_reactor *mcp = l->conn->t->mcp;
	struct mcp_peer *peer = &l->conn->session->peer;
	struct mcp_exchange *x;

	if (m->kind == RPC_RESPONSE) {
		mcp_response(mcp, peer->scope, m);
		return;
	}
	if (m->kind == RPC_REQUEST
	    && mcp_id_is_outstanding(mcp, peer->scope, m->id)) { /* MSG-09 */
		refuse(l, m->id, RPC_INVALID_REQUEST,
		    "this id belongs to a request that has no answer yet");
		return;
	}
	if (m->kind == RPC_REQUEST && l->open >= LEGACY_OPEN_MAX) {
		refuse(l, m->id, RPC_INTERNAL_ERROR,
		    "too many requests without an answer: try again later");
		return;
	}
	x = exchange_open(l);
	if (x == NULL)
		return; /* its client waits in vain, as we do for memory */
	if (mcp_classify(m, NULL).era == MCP_ERA_HANDSHAKE && !l->listening)
		mcp_versions_now(mcp, l->listener.seen);
	mcp_serve_stateful(x, m, peer);
}

/* OLD-07: of sessions of 2025-03-26 alone. */
static void
serve_array(struct http_legacy *l, const struct json_node *array)
{
	struct mcp_peer *peer = &l->conn->session->peer;
	struct batch_refusal why;
	struct batch *b;

	b = batch_take(l->conn->t->mcp, &batch_ops, l, array, peer, &why);
	if (b == NULL) {
		refuse(l, NULL, why.code, why.text);
		return;
	}
	list_push(&l->batches, &b->node);
	l->open++;
	batch_respond(b, array, peer);
	batch_serve(b, array, peer);
}

static struct http_legacy *
legacy_find(struct transport_reactor *t, const struct session *s)
{
	return map_find(&t->legacies, (struct str){ s->id, SESSION_ID_LEN });
}

void
http_legacy_serve(
    struct transport_reactor *t, const struct session *s, struct str text)
{
	struct http_legacy *l = legacy_find(t, s);
	struct json_doc *doc = mcp_reactor_doc(t->mcp);
	struct rpc_message m;

	/* The stream may have ended since, and memory too. */
	if (l == NULL || l->ending || is_behind(l)
	    || json_parse(doc, text, JSON_PROTOCOL) < 0)
		return;
	if (doc->nodes[0].type == JSON_ARRAY) {
		serve_array(l, doc->nodes);
	} else {
		rpc_message_read(doc->nodes, &m);
		serve_message(l, &m);
	}
	if (net_conn_is_open(&l->conn->net))
		listen_when_ready(l);
}

static void
endpoint_tell(struct http_legacy *l, const struct session *s)
{
	struct buf uri;

	buf_init(&uri);
	BUF_LIT(&uri, HTTP_LEGACY_POST "?sessionId=");
	buf_append(&uri, s->id, SESSION_ID_LEN);
	event_write(l, S("endpoint"), buf_view(&uri)); /* OLD-02 */
	buf_finish(&uri);
}

/* A session that this reactor finds l by; NULL: there is no room. */
static struct session *
legacy_session_create(struct http_conn *c, struct http_legacy *l)
{
	struct session_table *sessions = c->t->shared->sessions;
	struct session *s;

	if (session_create(sessions, loop_now(c->t->loop), &s) < 0)
		return NULL;
	if (map_set(
		&c->t->legacies, (struct str){ s->id, SESSION_ID_LEN }, l, NULL)
	    == 0)
		return s;
	(void)session_end(sessions, s); /* ours alone */
	session_unref(s);
	return NULL;
}

void
http_legacy_open(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct http_legacy *l;
	struct session *s;

	if (http_is_modern(p, bytes)) {
		http_legacy_refuse_modern(c, NULL);
		return;
	}
	if (!http_accepts(p, bytes, S("text"), S("event-stream"))) {
		http_status_send(c, 406);
		return;
	}
	l = calloc(1, sizeof *l);
	if (l == NULL || !http_stream_admit(c)) {
		free(l);
		http_status_send(c, 503);
		return;
	}
	s = legacy_session_create(c, l);
	if (s == NULL) {
		atomic_fetch_sub(&c->t->shared->streams, 1);
		free(l);
		http_error_send(c, 503, RPC_INTERNAL_ERROR,
		    "too many sessions: try again later");
		return;
	}
	atomic_store(&s->legacy, (uint16_t)(c->t->number + 1));
	atomic_store(&s->streaming, true);
	OBJ_INIT(l, LEGACY_MAGIC);
	l->conn = c;
	list_init(&l->batches);
	c->legacy = l;
	http_stream_begin(c, s);
	endpoint_tell(l, s);
}

void
http_legacy_end(struct http_conn *c)
{
	struct http_legacy *l = c->legacy;
	struct session *s = c->session;

	OBJ_CHECK(l, LEGACY_MAGIC);
	c->legacy = NULL;
	(void)map_remove(
	    &c->t->legacies, (struct str){ s->id, SESSION_ID_LEN });
	if (l->listening)
		mcp_listener_stop(&l->listener);
	LIST_EACH_SAFE (node, &l->batches)
		batch_abandon(
		    LIST_OBJ(node, struct batch, node), MCP_ABANDON_WORK);
	mcp_scope_abandon(c->t->mcp, s->peer.scope);
	OBJ_WIPE(l);
	free(l);
	if (session_end(c->t->shared->sessions, s)) { /* OLD-05 */
		ref_take(&s->ref);
		transport_session_ended(c->t->shared, s);
	}
}

void
http_legacy_drain(struct http_conn *c)
{
	struct http_legacy *l = c->legacy;

	if (l->ending || !net_conn_is_open(&c->net))
		return;
	l->ending = true;
	if (l->open == 0)
		http_events_end(c);
	else
		mcp_scope_deaf(c->t->mcp, c->session->peer.scope);
}

void
http_legacy_session_end(struct transport_reactor *t, const struct session *s)
{
	struct http_legacy *l = legacy_find(t, s);

	if (l != NULL && net_conn_is_open(&l->conn->net))
		http_events_end(l->conn);
}
