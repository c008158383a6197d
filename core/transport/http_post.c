/* SPDX-License-Identifier: Apache-2.0 */
/* POST: one message in, its answer as JSON or as a stream of events. */
#include "base/log.h"
#include "transport/http_priv.h"

/* AMB-19: the first notification turns the answer into a stream. */
static void
exchange_notify(struct mcp_exchange *x, struct str message)
{
	struct http_conn *c = mcp_exchange_owner(x);

	/* Progress that nobody reads is stale: it is not kept. */
	if (!mcp_exchange_is_listening(x)
	    && net_conn_out_len(&c->net) > NET_OUT_SOFT)
		return;
	if (!c->committed && http_work_begin(c)) {
		mcp_exchange_notify(x, message);
		return;
	}
	if (!c->committed)
		http_events_begin(c);
	http_event_send(c, message);
}

/* SES-01: on the result of a handshake, not on its refusal. */
static struct str
new_session_id(const struct http_conn *c)
{
	if (!c->fresh
	    || atomic_load(&c->session->peer.phase) == (int)MCP_PEER_NEW)
		return STR_NONE;
	return (struct str){ c->session->id, SESSION_ID_LEN };
}

static void
exchange_answer(struct mcp_exchange *x, int status, struct str message)
{
	struct http_conn *c = mcp_exchange_owner(x);
	bool later = c->paused; /* not inside http_input() any more */
	int64_t retry_ms = mcp_exchange_retry_ms(x);

	c->x = NULL;
	if (status == 0 && !c->committed)
		http_events_begin(c); /* cancelled: a stream without answer */
	if (c->committed) {
		if (message.len > 0)
			http_event_last(c, message);
		http_events_end(c);
		return;
	}
	if (status == 200 && message.len > 0 && !c->fresh && retry_ms <= 0)
		http_json_send(c, message);
	else
		http_answer_send(c,
		    &(struct http_answer){ .status = status,
			.type = message.len > 0 ? "application/json" : NULL,
			.body = message,
			.session_id = new_session_id(c),
			.retry_after = retry_ms > 0 ? (retry_ms + 999) / 1000
						    : status == 503 });
	if (later)
		http_service_end(c);
}

/* ELIC-15: on the stream of the call that asks. */
static bool
request_send(struct http_conn *c, struct str message)
{
	if (!net_conn_is_open(&c->net))
		return false;
	if (!c->committed)
		http_events_begin(c);
	http_event_send(c, message);
	return true;
}

static bool
exchange_ask(struct mcp_exchange *x, struct str message)
{
	struct http_conn *c = mcp_exchange_owner(x);

	if (!c->committed && http_work_begin(c))
		return mcp_exchange_ask(x, message);
	return request_send(c, message);
}

static void
exchange_release(struct mcp_exchange *x, int64_t retry_ms)
{
	struct http_conn *c = mcp_exchange_owner(x);

	if (!c->committed && http_work_begin(c))
		http_work_release(x, retry_ms);
}

/* At half of the bound: a change that is told has more than one message. */
static bool
exchange_is_full(struct mcp_exchange *x)
{
	struct http_conn *c = mcp_exchange_owner(x);
	size_t bound = c->t->shared->limits.stream_max / 2;
	size_t owed = net_conn_out_len(&c->net);

	if (owed <= (bound < NET_OUT_SOFT ? bound : NET_OUT_SOFT))
		return false;
	net_conn_drained_want(&c->net);
	return true;
}

static const struct mcp_reply_ops reply = { exchange_notify, exchange_answer,
	exchange_ask, NULL, NULL, exchange_is_full };
/* Of sessions whose streams can be resumed. */
static const struct mcp_reply_ops reply_resumable = { exchange_notify,
	exchange_answer, exchange_ask, exchange_release, NULL, NULL };

static struct mcp_exchange *
exchange_open(struct http_conn *c, uint64_t scope)
{
	bool resumable = c->session != NULL && !c->fresh
	    && session_table_replay(c->t->shared->sessions) != NULL;

	c->x = mcp_exchange_open(
	    c->t->mcp, resumable ? &reply_resumable : &reply, c, scope);
	if (c->x == NULL)
		http_status_send(c, 503);
	return c->x;
}

/* The mirrored fields of one request. */
struct field_source {
	const struct http_parser *p;
	const char *bytes;
};

static bool
field_get(void *arg, struct str name, struct str *value)
{
	const struct field_source *f = arg;
	size_t i = 0;

	return http_field_next(f->p, f->bytes, name, &i, value);
}

void
http_text_refuse(
    struct http_conn *c, const struct json_doc *doc, struct str body)
{
	struct buf text;
	int code;

	buf_init(&text);
	code = transport_text_fault(doc, body, &text);
	http_error_send(c, code == RPC_INTERNAL_ERROR ? 503 : 400, code,
	    text.failed ? "out of memory" : text.ptr);
	buf_finish(&text);
}

static void
refuse_message(struct http_conn *c, const struct rpc_message *m, int status,
    int code, const char *text)
{
	struct mcp_exchange *x = exchange_open(c, 0);

	if (x != NULL)
		mcp_refuse(x, m->id != NULL ? json_raw(m->id) : STR_NONE,
		    status, code, text);
}

struct session *
http_session_find(struct http_conn *c, struct str id)
{
	struct session *s;

	if (id.ptr == NULL) { /* SES-04, AMB-16 */
		http_error_send(c, 400, RPC_INVALID_REQUEST,
		    "Mcp-Session-Id is missing: initialize first");
		return NULL;
	}
	s = session_find(c->t->shared->sessions, id, loop_now(c->t->loop));
	/* Reading the phase first orders what the handshake wrote. */
	if (s != NULL
	    && (atomic_load(&s->peer.phase) == (int)MCP_PEER_NEW
		|| atomic_load(&s->legacy) > 0)) {
		session_unref(s);
		s = NULL;
	}
	if (s == NULL) /* SES-05 */
		http_error_send(c, 404, RPC_INVALID_REQUEST,
		    "this session is unknown or has ended: initialize again");
	return s;
}

static void
serve_handshake(struct http_conn *c, const struct rpc_message *m, struct str id)
{
	uint64_t seen[REGISTRY_KINDS];
	struct session *s;
	size_t k;

	if (id.ptr != NULL) { /* SES-10 */
		s = http_session_find(c, id);
		if (s == NULL)
			return;
		session_unref(s);
		refuse_message(c, m, 400, RPC_INVALID_REQUEST,
		    "this session is initialized already");
		return;
	}
	if (atomic_load_explicit(&c->t->shared->shortage,
		memory_order_relaxed /* a bound, not a fence */)
	    >= TRANSPORT_NO_SESSIONS) {
		http_error_send(c, 503, RPC_INTERNAL_ERROR,
		    "memory is short: try again later");
		return;
	}
	if (session_create(c->t->shared->sessions, loop_now(c->t->loop), &s)
	    < 0) {
		http_error_send(c, 503, RPC_INTERNAL_ERROR,
		    "too many sessions: try again later");
		return;
	}
	mcp_versions_now(c->t->mcp, seen);
	for (k = 0; k < REGISTRY_KINDS; k++)
		atomic_store(&s->seen[k], seen[k]);
	c->session = s;
	c->fresh = true;
	if (exchange_open(c, s->peer.scope) != NULL)
		mcp_serve_stateful(c->x, m, &s->peer);
	if (atomic_load(&s->peer.phase) == (int)MCP_PEER_NEW)
		(void)session_end(c->t->shared->sessions, s); /* ours alone */
}

/* CANC-04: mcp cancels what runs on this reactor, others are told. */
static void
cancel_tell(const struct http_conn *c, struct str method,
    const struct json_node *params)
{
	if (str_equal(method, S("notifications/cancelled")))
		transport_request_cancelled(c->t, c->session->peer.scope,
		    json_get(params, S("requestId")));
}

/* ERA-11: any revision of the handshake may stand in the field, the session's
 * own governs; others were refused before (ERA-10). */
static void
serve_stateful(struct http_conn *c, const struct rpc_message *m, struct str id)
{
	struct mcp_peer nobody;
	struct mcp_peer *peer;

	if (id.ptr == NULL && m->kind == RPC_REQUEST
	    && str_equal(m->method, S("ping"))) { /* PING-01 */
		mcp_peer_init(&nobody);
		if (exchange_open(c, 0) != NULL)
			mcp_serve_stateful(c->x, m, &nobody);
		return;
	}
	c->session = http_session_find(c, id);
	if (c->session == NULL)
		return;
	if (m->kind == RPC_RESPONSE) { /* POSTL-03, ERA-20 */
		transport_response(c->t, c->session->peer.scope, m);
		http_answer_send(c, &(struct http_answer){ .status = 202 });
		return;
	}
	peer = &c->session->peer;
	if (m->kind == RPC_NOTIFICATION)
		cancel_tell(c, m->method, m->params);
	if (exchange_open(c, peer->scope) != NULL)
		mcp_serve_stateful(c->x, m, peer);
}

/* A batch that has become a stream ends as one. */
static void
batch_notify(struct batch *b, struct str message)
{
	struct http_conn *c = b->owner;

	if (net_conn_out_len(&c->net) > NET_OUT_SOFT)
		return;
	if (!c->committed && http_work_begin(c)) {
		b->ops->notify(b, message);
		return;
	}
	if (!c->committed)
		http_events_begin(c);
	http_event_send(c, message);
}

static void
batch_done(struct batch *b, struct str array)
{
	struct http_conn *c = b->owner;
	bool later = c->paused;

	c->batch = NULL;
	if (c->committed) {
		if (array.len > 0)
			http_event_last(c, array);
		http_events_end(c);
		return;
	}
	http_answer_send(c, /* BAT-03 */
	    &(struct http_answer){ .status = array.len > 0 ? 200 : 202,
		.type = array.len > 0 ? "application/json" : NULL,
		.body = array });
	if (later)
		http_service_end(c);
}

static bool
batch_ask(struct batch *b, struct str message)
{
	struct http_conn *c = b->owner;

	if (!c->committed && http_work_begin(c))
		return b->ops->ask(b, message);
	return request_send(c, message);
}

static const struct batch_ops batch_ops = { batch_notify, batch_done,
	batch_ask };

/* Members that are not batch's alone. */
static void
member_route(const struct http_conn *c, const struct json_node *member)
{
	struct rpc_message m;

	cancel_tell(c, json_str(json_get(member, S("method"))),
	    json_get(member, S("params")));
	rpc_message_read(member, &m);
	if (m.kind == RPC_RESPONSE)
		transport_response(c->t, c->session->peer.scope, &m);
}

/* The rows of server-requirements.md 1.3 that begin with an array. */
static void
serve_array(struct http_conn *c, const struct json_node *array,
    struct str version, struct str id)
{
	const char *fault;

	if (version.ptr == NULL || !mcp_version_is_modern(version)) {
		if (id.ptr != NULL) {
			c->session = http_session_find(c, id);
			if (c->session == NULL)
				return;
		}
	}
	fault =
	    batch_fault(array, c->session != NULL ? &c->session->peer : NULL);
	if (fault != NULL) {
		http_error_send(c, 400, RPC_INVALID_REQUEST, fault);
		return;
	}
	CHECK(c->session != NULL); /* batch_fault() refuses without one */
	JSON_EACH_ELEMENT (v, array)
		member_route(c, v);
	c->batch = batch_create(c->t->mcp, &batch_ops, c);
	if (c->batch == NULL)
		http_status_send(c, 503);
	else
		batch_serve(c->batch, array, &c->session->peer);
}

void
http_post_serve(struct http_conn *c, const struct http_parser *p, char *bytes)
{
	struct field_source source = { p, bytes };
	struct mcp_headers headers = {
		.version = http_known(p, bytes, HTTP_K_MCP_PROTOCOL_VERSION),
		.method = http_known(p, bytes, HTTP_K_MCP_METHOD),
		.name = http_known(p, bytes, HTTP_K_MCP_NAME),
		.field = field_get,
		.arg = &source,
	};
	struct str body = http_slice(bytes, p->body);
	struct str id = http_known(p, bytes, HTTP_K_MCP_SESSION_ID);
	struct json_doc *doc = mcp_reactor_doc(c->t->mcp);
	struct rpc_message m;
	struct mcp_class class;

	if (json_parse(doc, body, JSON_PROTOCOL) < 0) {
		http_text_refuse(c, doc, body);
		return;
	}
	if (doc->nodes[0].type == JSON_ARRAY) {
		serve_array(c, doc->nodes, headers.version, id);
		return;
	}
	rpc_message_read(doc->nodes, &m);
	class = mcp_classify(&m, &headers);
	switch (class.era) {
	case MCP_ERA_REFUSED:
		refuse_message(c, &m, class.status, class.code, class.text);
		break;
	case MCP_ERA_STATELESS:
		if (exchange_open(c, 0) != NULL)
			mcp_serve_stateless(c->x, &m, &headers);
		break;
	case MCP_ERA_HANDSHAKE:
		serve_handshake(c, &m, id);
		break;
	case MCP_ERA_STATEFUL:
		serve_stateful(c, &m, id);
		break;
	}
}
