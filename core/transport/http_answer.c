/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back on a connection: whole answers and streams of events. */
#include <stdio.h>

#include "base/log.h"
#include "http/sse.h"
#include "transport/http_priv.h"

size_t
http_cors_fields(
    const struct http_conn *c, struct http_header fields[HTTP_CORS_FIELDS])
{
	if (c->origin == NULL)
		return 0;
	fields[0] = (struct http_header){ "Access-Control-Allow-Origin",
		str_of(c->origin) };
	fields[1] = (struct http_header){ "Access-Control-Expose-Headers",
		S("Mcp-Session-Id, WWW-Authenticate") };
	fields[2] = (struct http_header){ "Vary", S("Origin") };
	return HTTP_CORS_FIELDS;
}

void
http_answer_send(struct http_conn *c, const struct http_answer *a)
{
	struct http_header headers[4 + HTTP_CORS_FIELDS];
	char seconds[24];
	struct http_response r = {
		.status = a->status,
		.content_type = a->type,
		.keep_alive = c->keep_alive,
		.no_body = c->no_body,
		.headers = headers,
		.wall_ns = transport_wall_ns(c->t),
		.date = &c->t->date,
	};

	if (a->allow != NULL)
		headers[r.headers_len++] =
		    (struct http_header){ "Allow", str_of(a->allow) };
	if (a->session_id.len > 0)
		headers[r.headers_len++] =
		    (struct http_header){ "Mcp-Session-Id", a->session_id };
	if (a->retry_after > 0) {
		(void)snprintf(seconds, sizeof seconds, "%lld",
		    (long long)a->retry_after); /* it fits */
		headers[r.headers_len++] =
		    (struct http_header){ "Retry-After", str_of(seconds) };
	}
	if (c->minor == 0 && c->keep_alive) /* RFC 9112 9.3: 1.0 must be told */
		headers[r.headers_len++] =
		    (struct http_header){ "Connection", S("keep-alive") };
	r.headers_len += http_cors_fields(c, headers + r.headers_len);
	if (http_response_write(net_conn_out(&c->net), &r, a->body) < 0) {
		LOG_WARN("answer dropped: out of memory");
		net_conn_close(&c->net, NET_CONN_RESET);
		return;
	}
	net_conn_flush_later(&c->net);
}

/* Is nothing in the head but what nearly every head has? */
static bool
is_usual(const struct http_conn *c)
{
	return c->keep_alive && c->minor > 0 && !c->no_body
	    && c->origin == NULL;
}

void
http_json_send(struct http_conn *c, struct str body)
{
	if (!is_usual(c)) {
		http_answer_send(c,
		    &(struct http_answer){ .status = 200,
			.type = "application/json",
			.body = body });
		return;
	}
	if (http_response_json(net_conn_out(&c->net), &c->t->json_head,
		&c->t->date, transport_wall_ns(c->t), body)
	    < 0) {
		LOG_WARN("answer dropped: out of memory");
		net_conn_close(&c->net, NET_CONN_RESET);
		return;
	}
	net_conn_flush_later(&c->net);
}

void
http_status_send(struct http_conn *c, int status)
{
	static const char *const allowed[] = {
		[HTTP_ROUTE_MCP] = "GET, POST, DELETE, OPTIONS",
		[HTTP_ROUTE_STREAM] = "GET, OPTIONS",
		[HTTP_ROUTE_POST] = "POST, OPTIONS",
	};

	http_answer_send(c,
	    &(struct http_answer){ .status = status,
		.type = "text/plain",
		.body = str_of(http_status_text(status)),
		.allow = status == 405 ? allowed[c->route] : NULL,
		.retry_after = status == 503 });
}

void
http_error_send(struct http_conn *c, int status, int code, const char *text)
{
	struct buf *out = &c->t->scratch;

	buf_shrink(out, NET_READ_SIZE);
	rpc_write_error(out, STR_NONE, code, str_of(text), STR_NONE);
	http_answer_send(c,
	    &(struct http_answer){ .status = status,
		.type = "application/json",
		.body = buf_view(out),
		.retry_after = status == 503 });
}

void
http_events_begin(struct http_conn *c)
{
	struct http_header headers[2 + HTTP_CORS_FIELDS] = {
		{ "Cache-Control", STR("no-cache") },
		{ "X-Accel-Buffering", STR("no") }, /* HTTP-17 */
	};
	struct http_response r = {
		.status = 200,
		.content_type = "text/event-stream",
		.keep_alive = c->keep_alive,
		.chunked = c->minor > 0,
		.headers = headers,
		.headers_len = 2,
		.wall_ns = transport_wall_ns(c->t),
		.date = &c->t->date,
	};
	int rc;

	c->committed = true;
	if (is_usual(c)) {
		rc = http_response_head_kept(
		    net_conn_out(&c->net), &c->t->events_head, &r);
	} else {
		r.headers_len += http_cors_fields(c, headers + 2);
		if (c->minor == 0) /* its end ends the stream */
			c->keep_alive = r.keep_alive = false;
		rc = http_response_head(net_conn_out(&c->net), &r, 0);
	}
	if (rc < 0)
		net_conn_close(&c->net, NET_CONN_RESET);
	net_conn_flush_later(&c->net);
}

static void
stream_write(struct http_conn *c, struct str text)
{
	if (c->minor == 0)
		buf_str(net_conn_out(&c->net), text);
	else
		http_chunk_write(net_conn_out(&c->net), text);
	net_conn_flush_later(&c->net);
}

void
http_retry_send(struct http_conn *c, int64_t retry_ms)
{
	struct buf *text = &c->t->scratch;

	buf_shrink(text, NET_READ_SIZE);
	buf_printf(text, "retry: %lld\n\n", (long long)retry_ms);
	if (!text->failed)
		stream_write(c, buf_view(text));
}

void
http_event_last(struct http_conn *c, struct str message)
{
	http_event_write(c, STR_NONE, message);
}

void
http_event_write(struct http_conn *c, struct str id, struct str message)
{
	struct sse_event e = { .id = id, .data = message, .retry_ms = -1 };
	struct buf *out = net_conn_out(&c->net);
	int rc;

	rc = c->minor == 0 ? sse_write(out, &e) : sse_write_chunk(out, &e);
	if (rc < 0) {
		LOG_WARN("stream closed: out of memory");
		net_conn_close(&c->net, NET_CONN_RESET);
		return;
	}
	net_conn_flush_later(&c->net);
}

void
http_event_send(struct http_conn *c, struct str message)
{
	http_event_last(c, message);
	if (net_conn_out_len(&c->net) <= c->t->shared->limits.stream_max)
		return;
	transport_conn_cut(&c->net);
}

void
http_events_end(struct http_conn *c)
{
	if (c->minor > 0)
		http_chunk_end(net_conn_out(&c->net));
	net_conn_flush_later(&c->net);
	http_stream_leave(c);
	if (c->reader != NULL)
		http_reader_end(c);
	http_service_end(c);
}
