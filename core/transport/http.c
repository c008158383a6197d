/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an HTTP connection: requests cut out of its bytes one after the
 * other, its deadlines, its end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/http_priv.h"

/* A body comes at this rate at least, after a while (security.md 2.4). */
#define BODY_GRACE_NS (5 * NS_PER_S)
#define BODY_NS_PER_BYTE (2 * NS_PER_MS) /* 500 bytes a second */

static const struct net_conn_ops ops;

struct http_conn *
http_conn_of(struct net_conn *c)
{
	struct http_conn *h = (struct http_conn *)c;

	OBJ_CHECK(h, HTTP_CONN_MAGIC);
	return h;
}

bool
transport_conn_is_http(const struct net_conn *c)
{
	return c->ops == &ops;
}

static int64_t
body_ns(const struct http_conn *c)
{
	const struct http_parser *p = c->parser;
	uint64_t got = p != NULL ? p->body.len + p->m.framing : 0;
	int64_t ns = (int64_t)got * BODY_NS_PER_BYTE;
	int64_t max = c->t->shared->limits.body_ns;

	if (ns < BODY_GRACE_NS)
		ns = BODY_GRACE_NS;
	return ns < max ? ns : max;
}

/* When the phase's time is up; absolute, never restarted by bytes. */
static int64_t
phase_due(const struct http_conn *c)
{
	const struct transport_limits *l = &c->t->shared->limits;
	int64_t due, end;

	switch ((enum http_phase)c->phase) {
	case HTTP_IDLE:
		return c->since_ns + (c->begun ? l->idle_ns : l->head_ns);
	case HTTP_HEAD_IN:
		return c->since_ns + l->head_ns;
	case HTTP_BODY_IN:
		return c->since_ns + body_ns(c);
	case HTTP_SERVICE:
		return c->since_ns
		    + (http_work_is_due(c) ? l->stream_after_ns
					   : l->keep_alive_ns);
	case HTTP_STREAM:
		due = c->since_ns + l->keep_alive_ns;
		end = c->opened_ns + l->stream_life_ns;
		return l->stream_life_ns > 0 && c->legacy == NULL && end < due
		    ? end
		    : due;
	}
	return 0;
}

/* The timer is not touched per request: where it is due later than the phase
 * allows it is set anew, else it looks again when it fires. */
static void
timer_check(struct http_conn *c)
{
	int64_t due = phase_due(c);

	if (!loop_timer_is_set(&c->net.timer) || c->net.timer.due_ns > due)
		net_conn_timer(&c->net, due);
}

void
http_phase_set(struct http_conn *c, enum http_phase phase)
{
	c->phase = (uint8_t)phase;
	c->since_ns = loop_now(c->t->loop);
	timer_check(c);
}

/* HTM-16 */
static void
keep_alive_send(struct http_conn *c)
{
	struct buf *out = net_conn_out(&c->net);

	if (!c->committed)
		return;
	if (c->minor == 0)
		BUF_LIT(out, ": keep-alive\n\n");
	else
		http_chunk_write(out, S(": keep-alive\n\n"));
	net_conn_flush_later(&c->net);
}

/* GETL-07: its client comes back, elsewhere perhaps. */
static bool
has_lived(const struct http_conn *c, int64_t now)
{
	int64_t life = c->t->shared->limits.stream_life_ns;

	return c->phase == HTTP_STREAM && life > 0 && c->legacy == NULL
	    && now >= c->opened_ns + life;
}

static void
http_timeout(struct net_conn *conn)
{
	struct http_conn *c = http_conn_of(conn);
	int64_t now = loop_now(c->t->loop), due = phase_due(c);

	if (due > now) {
		net_conn_timer(conn, due);
		return;
	}
	switch ((enum http_phase)c->phase) {
	case HTTP_IDLE:
		net_conn_close(conn, NET_CONN_FLUSH);
		return;
	case HTTP_HEAD_IN:
	case HTTP_BODY_IN:
		c->keep_alive = false;
		http_status_send(c, 408);
		net_conn_close(conn, NET_CONN_LINGER);
		return;
	case HTTP_SERVICE:
	case HTTP_STREAM:
		if (has_lived(c, now)) {
			http_retry_send(c, HTTP_RETRY_MS);
			http_events_end(c);
			return;
		}
		/* What it has no memory for stays JSON. */
		if (!http_work_is_due(c) || !http_work_begin(c))
			keep_alive_send(c);
		c->since_ns = now;
		net_conn_timer(conn, phase_due(c));
		return;
	}
}

/* A request that came in pieces keeps its parser until it is whole. */
static bool
parser_keep(struct http_conn *c)
{
	if (c->parser != NULL)
		return true;
	c->parser = malloc(sizeof *c->parser);
	if (c->parser == NULL)
		return false;
	*c->parser = c->t->parser;
	return true;
}

static void
parser_drop(struct http_conn *c)
{
	free(c->parser);
	c->parser = NULL;
}

/* The head is there: judge it before the body comes. */
static void
head_done(struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct str origin = http_known(p, bytes, HTTP_K_ORIGIN);

	c->minor = p->minor;
	c->keep_alive = p->keep_alive && !c->t->draining;
	c->no_body = p->method == HTTP_HEAD;
	c->refusal = (uint16_t)http_head_check(c, p, bytes);
	/* Without memory a browser does not see the answer, nothing worse. */
	if (origin.len > 0 && c->refusal != 403)
		c->origin = strndup(origin.ptr, origin.len);
	if (p->has_body)
		http_phase_set(c, HTTP_BODY_IN);
}

/* RFC 9110 10.1.1: the client waits for a word before it sends the body;
 * false: the word was no. */
static bool
expectation_answer(struct http_conn *c)
{
	if (c->refusal == 0) {
		http_response_continue(net_conn_out(&c->net));
		net_conn_flush_later(&c->net);
		return true;
	}
	c->keep_alive = false; /* the body may come all the same */
	http_status_send(c, c->refusal);
	net_conn_close(&c->net, NET_CONN_LINGER);
	return false;
}

/* Chunks decoded in place leave a gap behind the content.  When it has grown
 * to a share of it, head and content move over the gap, which is then done
 * with: framing of tiny chunks costs no memory. */
static size_t
gap_close(struct http_parser *p, char *bytes, size_t len)
{
	size_t live = (size_t)p->body.at + p->body.len, kept;

	if (!p->chunked || p->m.at < live + NET_READ_SIZE
	    || (p->m.at - live) * 4 < live)
		return 0;
	kept = http_parser_compact(p, bytes, len);
	if (kept < len)
		memmove(bytes + (len - kept), bytes, kept);
	return len - kept;
}

/* A status for the whole connection: nothing behind it is looked at. */
static void
refuse(struct http_conn *c, const struct http_parser *p)
{
	c->keep_alive = false;
	c->minor = 1;
	c->no_body = false;
	http_answer_send(c,
	    &(struct http_answer){ .status = p->status,
		.type = "text/plain",
		.body = str_of(p->reason) });
	parser_drop(c);
	net_conn_close(&c->net, NET_CONN_LINGER);
}

/* RSM-09: who asks for the next thing has read the last one. */
static void
acknowledge(struct http_conn *c)
{
	replay_acknowledge(c->told);
	c->told = NULL;
}

static void
request_done(struct http_conn *c, const struct http_parser *p, char *bytes)
{
	if (c->told != NULL)
		acknowledge(c);
	http_phase_set(c, HTTP_SERVICE);
	if (c->refusal != 0)
		http_status_send(c, c->refusal);
	else
		http_request_serve(c, p, bytes);
	parser_drop(c);
	if (c->phase == HTTP_SERVICE && !http_is_waiting(c))
		http_service_end(c);
	else if (http_work_is_due(c))
		timer_check(c);
}

void
http_service_end(struct http_conn *c)
{
	c->committed = false;
	c->refusal = 0;
	if (c->session != NULL)
		session_unref(c->session);
	c->session = NULL;
	c->fresh = false;
	c->no_body = false;
	free(c->origin);
	c->origin = NULL;
	http_phase_set(c, HTTP_IDLE);
	if (!c->keep_alive) {
		net_conn_close(&c->net, NET_CONN_LINGER);
		return;
	}
	if (c->paused)
		net_conn_resume(&c->net);
	c->paused = false;
}

/* One step of the parser; false: no further progress with these bytes. */
static bool
step(struct http_conn *c, char *bytes, size_t len, size_t *used)
{
	struct http_parser *p = c->parser;
	enum http_result result;
	bool waits = false; /* the client, for 100 Continue */

	c->begun = true;
	if (p == NULL) {
		p = &c->t->parser;
		if (c->phase == HTTP_IDLE) {
			http_parser_init(p, &c->t->shared->limits.http);
			http_parser_remember(p, &c->t->memo);
			http_phase_set(c, HTTP_HEAD_IN);
		}
	}
	for (;;) {
		result = http_parser_feed(p, bytes + *used, len - *used);
		if (result != HTTP_HEAD_DONE)
			break;
		head_done(c, p, bytes + *used);
		waits = p->expect_continue && p->m.head_end == len - *used;
	}
	if (result == HTTP_REFUSED) {
		refuse(c, p);
		return false;
	}
	if (result == HTTP_COMPLETE) {
		size_t consumed = p->consumed;

		request_done(c, p, bytes + *used);
		*used += consumed;
		return true;
	}
	if (!parser_keep(c)) {
		LOG_WARN("connection closed: out of memory");
		net_conn_close(&c->net, NET_CONN_RESET);
		return false;
	}
	if (!waits || expectation_answer(c))
		*used += gap_close(c->parser, bytes + *used, len - *used);
	return false;
}

/* The peer has hung up, and what it asked for last is cancelled by that. */
static bool
is_cancelled_by_end(const struct http_conn *c)
{
	if (!c->ended)
		return false;
	return c->phase == HTTP_STREAM
	    || (c->x != NULL && mcp_exchange_is_stateless(c->x));
}

static size_t
http_input(struct net_conn *conn, char *bytes, size_t len)
{
	struct http_conn *c = http_conn_of(conn);
	size_t used = 0;

	while (used < len && net_conn_is_open(conn)) {
		if (!step(c, bytes, len, &used))
			break;
		if (c->phase != HTTP_IDLE) { /* one request in service */
			c->paused = true;
			net_conn_pause(conn);
			if (is_cancelled_by_end(c)) /* closed() does it */
				net_conn_close(conn, NET_CONN_FLUSH);
			break;
		}
		if (net_conn_out_len(conn) > NET_OUT_SOFT)
			break;
	}
	return used;
}

static bool
http_eof(struct net_conn *conn)
{
	struct http_conn *c = http_conn_of(conn);

	c->ended = true;
	if (c->phase == HTTP_STREAM || !http_is_waiting(c))
		return false;
	/* HTM-14: the stateless era cancels; POSTL-04: the other goes on, and
	 * a client that closed one direction only still gets its answer. */
	if (c->x == NULL || !mcp_exchange_is_stateless(c->x))
		return true;
	mcp_exchange_abandon(c->x, MCP_ABANDON_WORK);
	c->x = NULL;
	return false;
}

static void
http_closed(struct net_conn *conn, enum net_close why)
{
	struct http_conn *c = http_conn_of(conn);

	(void)why;
	if (c->x != NULL)
		mcp_exchange_abandon(c->x,
		    mcp_exchange_is_stateless(c->x) ? MCP_ABANDON_WORK
						    : MCP_KEEP_WORK);
	if (c->batch != NULL)
		batch_abandon(c->batch, MCP_KEEP_WORK);
	http_stream_leave(c);
	if (c->reader != NULL)
		http_reader_end(c);
	if (c->told != NULL)
		replay_unref(c->told);
	if (c->session != NULL)
		session_unref(c->session);
	parser_drop(c);
	free(c->origin);
	atomic_fetch_sub_explicit(
	    &c->t->shared->connections, 1, memory_order_relaxed /* a count */);
	OBJ_WIPE(c);
	free(c);
}

static void
http_drained(struct net_conn *conn)
{
	struct http_conn *c = http_conn_of(conn);

	if (c->reader != NULL)
		http_reader_pump(c);
	else if (c->x != NULL && net_conn_is_open(conn))
		mcp_exchange_drained(c->x);
}

static const struct net_conn_ops ops = {
	.input = http_input,
	.eof = http_eof,
	.drained = http_drained,
	.closed = http_closed,
	.timeout = http_timeout,
};

void
transport_http_accept(
    struct transport_reactor *t, const struct transport_listen *listen, int fd)
{
	struct http_conn *c = calloc(1, sizeof *c);

	if (c == NULL || net_conn_start(&c->net, t->net, fd, -1, &ops) < 0) {
		LOG_WARN("connection closed: out of memory");
		free(c);
		(void)close(fd); /* nothing was promised on it */
		return;
	}
	OBJ_INIT(c, HTTP_CONN_MAGIC);
	c->t = t;
	c->listen = listen;
	c->keep_alive = true;
	atomic_fetch_add_explicit(
	    &t->shared->connections, 1, memory_order_relaxed /* a count */);
	http_phase_set(c, HTTP_IDLE);
}

void
transport_http_drain(struct net_conn *conn)
{
	struct http_conn *c = http_conn_of(conn);

	c->keep_alive = false;
	if (c->phase == HTTP_IDLE)
		net_conn_close(conn, NET_CONN_FLUSH);
	else if (c->legacy != NULL)
		http_legacy_drain(c);
	else if (c->phase == HTTP_STREAM)
		http_events_end(c);
}
