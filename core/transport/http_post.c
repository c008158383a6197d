/* SPDX-License-Identifier: Apache-2.0 */
/* POST: one message in, its answer as JSON or as a stream of events. */
#include <stdlib.h>

#include "base/log.h"
#include "transport/http_priv.h"

/* AMB-19: the first notification turns the answer into a stream. */
static void
exchange_notify(struct mcp_exchange *x, struct str message)
{
	struct http_conn *c = mcp_exchange_owner(x);

	if (!c->committed)
		http_events_begin(c);
	http_event_send(c, message);
}

static void
exchange_answer(struct mcp_exchange *x, int status, struct str message)
{
	struct http_conn *c = mcp_exchange_owner(x);
	bool later = c->paused; /* not inside http_input() any more */

	c->x = NULL;
	if (status == 0 && !c->committed)
		http_events_begin(c); /* cancelled: a stream without answer */
	if (c->committed) {
		if (message.len > 0)
			http_event_send(c, message);
		http_events_end(c);
		return;
	}
	http_answer_send(c,
	    &(struct http_answer){ .status = status,
		.type = message.len > 0 ? "application/json" : NULL,
		.body = message,
		.session_id = c->fresh && status == 200
		    ? (struct str){ c->session->id, SESSION_ID_LEN }
		    : STR_NONE,
		.retry_after = status == 503 });
	if (later)
		http_service_end(c);
}

static const struct mcp_reply_ops reply = { exchange_notify, exchange_answer };

static struct mcp_exchange *
exchange_open(struct http_conn *c, uint64_t scope)
{
	c->x = mcp_exchange_open(c->t->mcp, &reply, c, scope);
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

static void
refuse_text(struct http_conn *c, const struct json_doc *doc, struct str body)
{
	struct buf text;
	char *message;
	bool grammar = doc->fault == JSON_SYNTAX || doc->fault == JSON_UTF8
	    || doc->fault == JSON_DEPTH;

	buf_init(&text);
	json_fault_text(doc, body, &text);
	message = buf_take(&text);
	http_error_send(c, 400, grammar ? RPC_PARSE_ERROR : RPC_INVALID_REQUEST,
	    message != NULL ? message : "not JSON");
	free(message);
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

/* The session a stateful message belongs to; NULL: it has answered. */
static struct session *
session_of(struct http_conn *c, struct str id)
{
	struct session *s;

	if (id.ptr == NULL) { /* SES-04, AMB-16 */
		http_error_send(c, 400, RPC_INVALID_REQUEST,
		    "Mcp-Session-Id is missing: initialize first");
		return NULL;
	}
	s = session_find(c->t->shared->sessions, id, loop_now(c->t->loop));
	if (s == NULL) /* SES-05 */
		http_error_send(c, 404, RPC_INVALID_REQUEST,
		    "this session is unknown or has ended: initialize again");
	return s;
}

static void
serve_handshake(struct http_conn *c, const struct rpc_message *m, struct str id)
{
	struct session *s;

	if (id.ptr != NULL) { /* SES-10 */
		s = session_of(c, id);
		if (s == NULL)
			return;
		session_unref(s);
		refuse_message(c, m, 400, RPC_INVALID_REQUEST,
		    "this session is initialized already");
		return;
	}
	if (session_create(c->t->shared->sessions, loop_now(c->t->loop), &s)
	    < 0) {
		http_error_send(c, 503, RPC_INTERNAL_ERROR,
		    "too many sessions: try again later");
		return;
	}
	mcp_versions_now(c->t->mcp, s->seen);
	c->session = s;
	c->fresh = true;
	if (exchange_open(c, s->peer.scope) != NULL)
		mcp_serve_stateful(c->x, m, &s->peer);
	if (atomic_load(&s->peer.phase) == (int)MCP_PEER_NEW)
		(void)session_end(c->t->shared->sessions, s); /* ours alone */
}

static void
serve_stateful(struct http_conn *c, const struct rpc_message *m,
    struct str version, struct str id)
{
	struct mcp_peer nobody;

	if (id.ptr == NULL && m->kind == RPC_REQUEST
	    && str_equal(m->method, S("ping"))) { /* PING-01 */
		mcp_peer_init(&nobody);
		if (exchange_open(c, 0) != NULL)
			mcp_serve_stateful(c->x, m, &nobody);
		return;
	}
	c->session = session_of(c, id);
	if (c->session == NULL)
		return;
	if (version.ptr != NULL
	    && !str_equal(version,
		mcp_revision_name(c->session->peer.revision))) { /* ERA-11 */
		refuse_message(c, m, 400, RPC_INVALID_REQUEST,
		    "MCP-Protocol-Version is not what this session has "
		    "negotiated");
		return;
	}
	if (m->kind == RPC_RESPONSE) { /* ERA-20: nothing was asked */
		http_answer_send(c, &(struct http_answer){ .status = 202 });
		return;
	}
	if (exchange_open(c, c->session->peer.scope) != NULL)
		mcp_serve_stateful(c->x, m, &c->session->peer);
}

static bool
has_claim(const struct json_node *array)
{
	JSON_EACH_ELEMENT(v, array)
	{
		struct rpc_message m;

		rpc_message_read(v, &m);
		if (m.kind != RPC_INVALID
		    && mcp_classify(&m, NULL).era == MCP_ERA_STATELESS)
			return true;
	}
	return false;
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
		refuse_text(c, doc, body);
		return;
	}
	if (doc->nodes[0].type == JSON_ARRAY) { /* BAT-06, HTM-01 */
		http_error_send(c, 400, RPC_INVALID_REQUEST,
		    has_claim(doc->nodes)
			? "this revision has no batches"
			: "batches are not accepted: send one message a POST");
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
		serve_stateful(c, &m, headers.version, id);
		break;
	}
}
