/* SPDX-License-Identifier: Apache-2.0 */
/* GET and DELETE of the stateful era: a session's own stream, and its end. */
#include <stdlib.h>

#include "transport/http_priv.h"

/* A listener and where it writes to. */
struct http_listener {
	struct mcp_listener base; /* first */
	struct http_conn *conn;
};

static void
listener_send(struct mcp_listener *l, struct str message)
{
	http_event_send(((struct http_listener *)l)->conn, message);
}

/* ERA-14: that revision knows neither method. */
static bool
is_modern(const struct http_parser *p, const char *bytes)
{
	struct str version = http_known(p, bytes, HTTP_K_MCP_PROTOCOL_VERSION);

	return version.ptr != NULL && mcp_version_is_modern(version);
}

static void
refuse_method(struct http_conn *c)
{
	http_answer_send(c,
	    &(struct http_answer){ .status = 405,
		.type = "text/plain",
		.body = S("this revision takes POST alone"),
		.allow = "POST" });
}

/* The session that the request names, referenced; NULL: it has answered. */
static struct session *
named_session(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct str id = http_known(p, bytes, HTTP_K_MCP_SESSION_ID);
	struct str version = http_known(p, bytes, HTTP_K_MCP_PROTOCOL_VERSION);

	if (version.ptr != NULL && mcp_revision_find(version) < 0) {
		http_error_send(c, 400, RPC_INVALID_REQUEST,
		    "MCP-Protocol-Version names an unsupported revision");
		return NULL;
	}
	return http_session_find(c, id);
}

/* A place among the streams, by count. */
static bool
stream_admit(struct transport_shared *s)
{
	if (atomic_fetch_add(&s->streams, 1) < s->limits.streams_max)
		return true;
	atomic_fetch_sub(&s->streams, 1);
	return false;
}

static void
stream_begin(struct http_conn *c, struct session *s)
{
	struct http_listener *l = calloc(1, sizeof *l);
	size_t k;

	if (l == NULL || !stream_admit(c->t->shared)) {
		atomic_store(&s->streaming, false);
		session_unref(s);
		free(l);
		http_status_send(c, 503);
		return;
	}
	l->base.send = listener_send;
	l->base.peer = &s->peer;
	l->conn = c;
	for (k = 0; k < REGISTRY_KINDS; k++)
		l->base.seen[k] = s->seen[k];
	c->session = s;
	c->listener = &l->base;
	http_phase_set(c, HTTP_STREAM);
	http_events_begin(c);
	list_push(&c->t->streams, &c->node);
	mcp_listener_start(c->t->mcp, c->listener);
}

void
http_stream_open(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct session *s;

	if (is_modern(p, bytes)) {
		refuse_method(c);
		return;
	}
	if (!http_accepts(
		p, bytes, S("text"), S("event-stream"))) { /* GETL-02 */
		http_status_send(c, 406);
		return;
	}
	s = named_session(c, p, bytes);
	if (s == NULL)
		return;
	if (atomic_exchange(&s->streaming, true)) { /* GETL-06 */
		session_unref(s);
		http_error_send(c, 409, RPC_INVALID_REQUEST,
		    "this session has a stream already");
		return;
	}
	stream_begin(c, s);
}

void
http_stream_close(struct http_conn *c)
{
	struct session *s = c->session;
	size_t k;

	list_drop(&c->node);
	mcp_listener_stop(c->listener);
	for (k = 0; k < REGISTRY_KINDS; k++)
		s->seen[k] = c->listener->seen[k];
	atomic_store(&s->used_ns, loop_now(c->t->loop));
	atomic_store(&s->streaming, false);
	atomic_fetch_sub(&c->t->shared->streams, 1);
	free(c->listener);
	c->listener = NULL;
}

void
transport_http_stream_end(struct transport_reactor *t, const struct session *s)
{
	LIST_EACH_SAFE (node, &t->streams) {
		struct http_conn *c = LIST_OBJ(node, struct http_conn, node);

		if (c->session == s)
			http_events_end(c);
	}
}

void
http_session_delete(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct session *s;

	if (is_modern(p, bytes)) {
		refuse_method(c);
		return;
	}
	s = named_session(c, p, bytes);
	if (s == NULL)
		return;
	/* SES-07, SES-08; somebody else may have been first */
	if (session_end(c->t->shared->sessions, s))
		transport_session_ended(c->t->shared, s);
	else
		session_unref(s);
	http_answer_send(c, &(struct http_answer){ .status = 204 });
}
