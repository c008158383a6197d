/* SPDX-License-Identifier: Apache-2.0 */
/* GET and DELETE of the stateful era: a session's own stream, and its end. */
#include <stdlib.h>

#include "transport/http_priv.h"

static struct http_listener *
listener_of(struct mcp_listener *base)
{
	return (struct http_listener *)base;
}

/* The versions it was told of are the session's again. */
static void
listener_end(struct http_listener *l)
{
	size_t k;

	list_drop(&l->node);
	mcp_listener_stop(&l->base);
	for (k = 0; k < REGISTRY_KINDS; k++)
		atomic_store(&l->session->seen[k], l->base.seen[k]);
	session_unref(l->session);
	l->t = NULL;
	if (l->stream == NULL || !replay_close(l->stream, &l->source))
		free(l);
}

static void
listener_lost(struct replay_source *source)
{
	struct http_listener *l =
	    CONTAINER_OF(source, struct http_listener, source);

	if (l->t == NULL) /* it had ended before */
		free(l);
	else
		listener_end(l);
}

/* From the first event on its connection is a reader like any other. */
static bool
listener_stream_begin(struct http_listener *l)
{
	struct http_conn *c = l->conn;
	struct replay_log *log =
	    session_replay(l->t->shared->sessions, l->session);
	struct http_reader *r = log != NULL ? http_reader_create(c) : NULL;

	if (r == NULL)
		return false;
	l->source.loop = l->t->loop;
	l->source.lost = listener_lost;
	if (replay_open(log, &l->source, loop_now(l->t->loop), &l->stream)
	    < 0) {
		http_reader_free(c->t, r);
		return false;
	}
	r->base.streaming = &l->session->streaming;
	l->conn = NULL;
	c->listener = NULL;
	c->reader = r;
	replay_attach(l->stream, &r->base);
	return true;
}

static void
listener_send(struct mcp_listener *base, struct str message)
{
	struct http_listener *l = listener_of(base);

	if (l->stream != NULL || listener_stream_begin(l))
		/* What is dropped leaves a mark where it would have been. */
		(void)replay_append(
		    l->stream, REPLAY_MAY_DROP, message, loop_now(l->t->loop));
	else
		http_event_send(l->conn, message);
}

bool
http_is_modern(const struct http_parser *p, const char *bytes)
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

bool
http_stream_admit(struct http_conn *c)
{
	struct transport_shared *s = c->t->shared;

	if (atomic_fetch_add(&s->streams, 1) < atomic_load(&s->streams_now))
		return true;
	atomic_fetch_sub(&s->streams, 1);
	return false;
}

void
http_stream_begin(struct http_conn *c, struct session *s)
{
	c->session = s;
	c->opened_ns = loop_now(c->t->loop);
	http_phase_set(c, HTTP_STREAM);
	http_events_begin(c);
}

static void
stream_refuse(struct http_conn *c, struct session *s)
{
	session_unref(s);
	http_status_send(c, 503);
}

/* RSM-04: after the event that the client has read last. */
static void
stream_resume(struct http_conn *c, struct session *s, struct str id)
{
	struct replay_log *log = atomic_load(&s->replay);
	struct http_reader *r = http_reader_create(c);

	if (r == NULL || !http_stream_admit(c)) {
		http_reader_free(c->t, r);
		stream_refuse(c, s);
		return;
	}
	if (log == NULL
	    || replay_resume(log, id, &s->streaming, &r->base)
		< 0) { /* RSM-08 */
		http_reader_free(c->t, r);
		atomic_fetch_sub(&c->t->shared->streams, 1);
		session_unref(s);
		http_error_send(c, 400, RPC_INVALID_REQUEST,
		    "Last-Event-ID names no event that this session can go on "
		    "from: it is unknown, or too old");
		return;
	}
	c->reader = r;
	http_stream_begin(c, s);
	http_reader_pump(c);
}

/* The session's own stream was cut off, and its client has come without an
 * id: it goes on with what nobody has read. */
static bool
standalone_resume(struct http_conn *c, struct session *s)
{
	struct replay_log *log = atomic_load(&s->replay);
	struct http_reader *r = log != NULL ? http_reader_create(c) : NULL;

	if (r == NULL
	    || replay_resume_standalone(log, &s->streaming, &r->base) < 0) {
		http_reader_free(c->t, r);
		return false;
	}
	c->reader = r;
	http_stream_begin(c, s);
	http_reader_pump(c);
	return true;
}

static void
standalone_begin(struct http_conn *c, struct session *s)
{
	struct http_listener *l = calloc(1, sizeof *l);
	size_t k;

	if (l == NULL || !http_stream_admit(c)) {
		atomic_store(&s->streaming, false);
		free(l);
		stream_refuse(c, s);
		return;
	}
	if (standalone_resume(c, s)) {
		free(l);
		return;
	}
	l->base.send = listener_send;
	l->base.peer = &s->peer;
	for (k = 0; k < REGISTRY_KINDS; k++)
		l->base.seen[k] = atomic_load(&s->seen[k]);
	l->t = c->t;
	l->conn = c;
	l->session = s;
	ref_take(&s->ref);
	list_init(&l->node);
	list_push(&c->t->listeners_open, &l->node);
	c->listener = l;
	http_stream_begin(c, s);
	mcp_listener_start(c->t->mcp, &l->base);
}

void
http_stream_open(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct str last = http_known(p, bytes, HTTP_K_LAST_EVENT_ID);
	struct session *s;

	if (http_is_modern(p, bytes)) {
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
	if (last.len > 0) {
		stream_resume(c, s, last);
		return;
	}
	if (atomic_exchange(&s->streaming, true)) { /* GETL-06 */
		session_unref(s);
		http_error_send(c, 409, RPC_INVALID_REQUEST,
		    "this session has a stream already");
		return;
	}
	standalone_begin(c, s);
}

void
http_stream_leave(struct http_conn *c)
{
	struct http_listener *l = c->listener;

	if (c->phase != HTTP_STREAM)
		return;
	c->phase = HTTP_SERVICE; /* once */
	atomic_fetch_sub(&c->t->shared->streams, 1);
	atomic_store(&c->session->used_ns, loop_now(c->t->loop));
	if (c->legacy != NULL)
		http_legacy_end(c);
	if (l == NULL)
		return;
	c->listener = NULL;
	atomic_store(&c->session->streaming, false);
	listener_end(l);
}

/* Those of a session, or all. */
static void
listeners_end(struct transport_reactor *t, const struct session *s)
{
	LIST_EACH_SAFE (node, &t->listeners_open) {
		struct http_listener *l =
		    LIST_OBJ(node, struct http_listener, node);

		if (s != NULL && l->session != s)
			continue;
		if (l->conn != NULL)
			http_events_end(l->conn);
		else
			listener_end(l);
	}
}

void
transport_http_stream_end(struct transport_reactor *t, const struct session *s)
{
	listeners_end(t, s);
	http_legacy_session_end(t, s);
}

void
http_sources_end(struct transport_reactor *t)
{
	http_works_end(t);
	listeners_end(t, NULL);
}

void
http_session_delete(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct session *s;

	if (http_is_modern(p, bytes)) {
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
