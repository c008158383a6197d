/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the HTTP+SSE transport: looked at where they come in, served
 * where the session has its stream. */
#include <stdlib.h>
#include <string.h>

#include "transport/http_priv.h"

#define LEGACY_BYTES_MAX ((size_t)64 * 1024 * 1024) /* between reactors */

/* A text on its way to the reactor that has the stream. */
struct legacy_notice {
	struct loop_msg msg;
	struct transport_reactor *reactor;
	struct session *session; /* a reference */
	size_t len;
	char text[];
};

static void
notice_run(struct loop_msg *msg)
{
	struct legacy_notice *n = CONTAINER_OF(msg, struct legacy_notice, msg);

	http_legacy_serve(
	    n->reactor, n->session, (struct str){ n->text, n->len });
	session_unref(n->session);
	atomic_fetch_sub(&n->reactor->shared->legacy_bytes, n->len);
	free(n);
}

/* False: too much is on its way. */
static bool
notice_post(struct http_conn *c, struct session *s, struct str text)
{
	struct transport_shared *shared = c->t->shared;
	struct loop_reactor *to =
	    &shared->reactors->items[atomic_load(&s->legacy) - 1];
	struct legacy_notice *n = NULL;

	if (atomic_fetch_add(&shared->legacy_bytes, text.len)
	    <= LEGACY_BYTES_MAX)
		n = malloc(sizeof *n + text.len);
	if (n == NULL) {
		atomic_fetch_sub(&shared->legacy_bytes, text.len);
		return false;
	}
	n->msg.run = notice_run;
	n->reactor = to->user;
	n->session = s;
	ref_take(&s->ref);
	n->len = text.len;
	memcpy(n->text, text.ptr, text.len);
	loop_post(to->loop, &n->msg);
	return true;
}

/* The key in the query; empty: none. */
static struct str
session_key(const struct http_parser *p, const char *bytes)
{
	struct str rest = http_slice(bytes, p->query);

	while (rest.len > 0) {
		struct str value, one = str_split(rest, '&', &rest);
		struct str name = str_split(one, '=', &value);

		if (str_equal(name, S("sessionId")))
			return value;
	}
	return STR_NONE;
}

/* A reference; NULL: it has answered (OLD-04). */
static struct session *
session_named(struct http_conn *c, struct str key)
{
	struct session *s;

	if (key.len == 0) {
		http_error_send(c, 400, RPC_INVALID_REQUEST,
		    "sessionId is missing: open " HTTP_LEGACY_STREAM
		    " first, and post to the endpoint that it names");
		return NULL;
	}
	s = session_find(c->t->shared->sessions, key, loop_now(c->t->loop));
	if (s != NULL
	    && atomic_load(&s->legacy) == 0) { /* of the other transport */
		session_unref(s);
		s = NULL;
	}
	if (s == NULL)
		http_error_send(c, 404, RPC_INVALID_REQUEST,
		    "this session is unknown, or its stream has ended");
	return s;
}

void
http_legacy_refuse_modern(struct http_conn *c, const struct json_node *message)
{
	const struct json_node *id = json_get(message, S("id"));
	struct buf *out = &c->t->scratch;

	buf_shrink(out, NET_READ_SIZE);
	rpc_write_error(out, rpc_id_is_valid(id) ? json_raw(id) : STR_NONE,
	    RPC_UNSUPPORTED_VERSION,
	    S("revision 2026-07-28 is not spoken over HTTP+SSE: use the MCP "
	      "endpoint"),
	    S("{\"supported\":[\"2024-11-05\",\"2025-03-26\","
	      "\"2025-06-18\",\"2025-11-25\"],"
	      "\"requested\":\"2026-07-28\"}"));
	http_answer_send(c,
	    &(struct http_answer){ .status = 400,
		.type = "application/json",
		.body = buf_view(out) });
}

/* A request that says it is of the stateless era. */
static bool
claims_modern(const struct json_node *message)
{
	struct rpc_message m;

	if (json_type(message) != JSON_OBJECT)
		return false;
	rpc_message_read(message, &m);
	return mcp_classify(&m, NULL).era == MCP_ERA_STATELESS;
}

/* What cannot be served at all is said here; true: it has answered. */
static bool
is_refused(struct http_conn *c, const struct json_doc *doc)
{
	struct rpc_message m;
	struct mcp_class class;

	if (doc->nodes[0].type == JSON_ARRAY)
		return false;
	rpc_message_read(doc->nodes, &m);
	class = mcp_classify(&m, NULL);
	if (class.era != MCP_ERA_REFUSED)
		return false;
	http_error_send(c, class.status, class.code, class.text);
	return true;
}

void
http_legacy_post(struct http_conn *c, const struct http_parser *p, char *bytes)
{
	struct str text = http_slice(bytes, p->body);
	struct json_doc *doc = mcp_reactor_doc(c->t->mcp);
	struct session *s;

	if (json_parse(doc, text, JSON_PROTOCOL) < 0) {
		http_text_refuse(c, doc, text);
		return;
	}
	if (http_is_modern(p, bytes) || claims_modern(doc->nodes)) {
		http_legacy_refuse_modern(c, doc->nodes);
		return;
	}
	s = session_named(c, session_key(p, bytes));
	if (s == NULL)
		return;
	if (is_refused(c, doc)) {
		session_unref(s);
		return;
	}
	if (atomic_load(&s->legacy) - 1u == c->t->number) {
		http_answer_send(c, &(struct http_answer){ .status = 202 });
		http_legacy_serve(c->t, s, text);
	} else if (notice_post(c, s, text)) {
		http_answer_send(c, &(struct http_answer){ .status = 202 });
	} else {
		http_status_send(c, 503);
	}
	session_unref(s);
}
