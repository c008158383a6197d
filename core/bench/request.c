/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of both eras; those of the echo call are, byte for byte, what the
 * workloads of docs/benchmarks.md name. */
#define _GNU_SOURCE /* memmem */
#include "bench/request.h"

#include <string.h>

#include "bench/answer.h"
#include "data/json.h"

#define ENVELOPE "{\"jsonrpc\":\"2.0\",\"id\":1000001,\"method\":"
#define META_PREFIX "io.modelcontextprotocol/"
#define CLIENT "{\"name\":\"lg\",\"version\":\"1\"}"

static void
meta_write(struct buf *b, const struct bench_options *o)
{
	BUF_LIT(b, "\"_meta\":{");
	if (o->progress)
		buf_printf(b, "\"progressToken\":%u%s", BENCH_ID_FIRST,
		    o->stateless ? "," : "");
	if (o->stateless) {
		BUF_LIT(b, "\"" META_PREFIX "protocolVersion\":");
		buf_json(b, o->revision);
		BUF_LIT(b,
		    ",\"" META_PREFIX "clientInfo\":" CLIENT ",\"" META_PREFIX
		    "clientCapabilities\":{}");
	}
	BUF_LIT(b, "}");
}

/* The members of an object that is given as text, without its braces. */
static int
members_of(struct str text, struct str *members, struct err *err)
{
	struct json_doc doc;
	int rc = 0;

	json_doc_init(&doc);
	if (json_parse(&doc, text, JSON_PROTOCOL) < 0
	    || json_type(doc.nodes) != JSON_OBJECT)
		rc = err_set(err, ERR_PARAMS, "--args must be a JSON object");
	else if (json_get(doc.nodes, S("_meta")) != NULL)
		rc = err_set(err, ERR_PARAMS, "--args has _meta of its own");
	else if (json_count(doc.nodes) == 0)
		*members = STR_NONE;
	else
		*members =
		    str_sub(json_raw(doc.nodes), 1, doc.nodes->raw_len - 1);
	json_doc_finish(&doc);
	return rc;
}

/* One request body, members of params given. */
static void
body_write(struct buf *b, const struct bench_options *o, struct str method,
    struct str members)
{
	bool meta = o->stateless || o->progress;

	BUF_LIT(b, ENVELOPE);
	buf_json(b, method);
	BUF_LIT(b, ",\"params\":{");
	buf_str(b, members);
	if (meta && members.len > 0)
		buf_char(b, ',');
	if (meta)
		meta_write(b, o);
	BUF_LIT(b, "}}");
}

int
bench_wire_init(struct bench_wire *w, const struct bench_options *o,
    struct str host, struct str path, struct err *err)
{
	struct str members = STR_NONE;
	struct buf params;
	int rc;

	memset(w, 0, sizeof *w);
	buf_init(&w->body);
	buf_init(&params);
	w->o = o;
	w->host = host;
	w->path = path;
	rc = members_of(o->args, &members, err);
	if (rc == 0 && o->tool.len > 0) {
		BUF_LIT(&params, "\"name\":");
		buf_json(&params, o->tool);
		BUF_LIT(&params, ",\"arguments\":{");
		buf_str(&params, members);
		BUF_LIT(&params, "}");
		members = buf_view(&params);
	}
	if (rc == 0)
		body_write(&w->body, o, o->method, members);
	if (rc == 0 && w->body.len > BENCH_REQUEST_MAX)
		rc = err_set(err, ERR_LIMIT,
		    "the request is longer than %zu bytes", BENCH_REQUEST_MAX);
	if (rc == 0 && (w->body.failed || params.failed))
		rc = err_set(err, ERR_NOMEM, "no memory");
	buf_finish(&params);
	return rc;
}

void
bench_wire_finish(struct bench_wire *w)
{
	buf_finish(&w->body);
}

void
bench_request_init(struct bench_request *r)
{
	memset(r, 0, sizeof *r);
	buf_init(&r->bytes);
}

void
bench_request_finish(struct bench_request *r)
{
	buf_finish(&r->bytes);
}

/* Finds the places of the first id in what was written from `from` on. */
static void
ids_find(struct bench_request *r, size_t from, bool progress)
{
	static const char token[] = "\"progressToken\":1000001";
	const char *at;

	r->ids = 1;
	r->id_at[0] = from + strlen("{\"jsonrpc\":\"2.0\",\"id\":");
	if (!progress)
		return;
	at = memmem(
	    r->bytes.ptr + from, r->bytes.len - from, token, sizeof token - 1);
	if (at != NULL)
		r->id_at[r->ids++] = (size_t)(at - r->bytes.ptr) + sizeof token
		    - 1 - BENCH_ID_DIGITS;
}

/* Headers come in the order of the specification of the workloads. */
static void
head_write(struct buf *b, const struct bench_wire *w, const char *verb)
{
	buf_printf(b,
	    "%s %.*s HTTP/1.1\r\n"
	    "Host: %.*s\r\n",
	    verb, STR_FMT(w->path), STR_FMT(w->host));
}

static void
session_write(struct buf *b, const struct bench_wire *w, struct str session)
{
	buf_printf(
	    b, "MCP-Protocol-Version: %.*s\r\n", STR_FMT(w->o->revision));
	if (session.len > 0)
		buf_printf(b, "Mcp-Session-Id: %.*s\r\n", STR_FMT(session));
}

static void
post_write(struct bench_request *r, const struct bench_wire *w,
    struct str headers, struct str body)
{
	struct buf *b = &r->bytes;

	buf_clear(b);
	head_write(b, w, "POST");
	BUF_LIT(b,
	    "Accept: application/json, text/event-stream\r\n"
	    "Content-Type: application/json\r\n");
	buf_str(b, headers);
	buf_printf(b, "Content-Length: %zu\r\n\r\n", body.len);
	buf_str(b, body);
	ids_find(r, b->len - body.len, w->o->progress);
}

/* A POST of a request; name goes into Mcp-Name in the stateless era. */
static void
post_request(struct bench_request *r, const struct bench_wire *w,
    struct str session, struct str method, struct str name, struct str body)
{
	struct buf headers;

	buf_init(&headers);
	session_write(&headers, w, session);
	if (w->o->stateless)
		buf_printf(&headers, "Mcp-Method: %.*s\r\n", STR_FMT(method));
	if (w->o->stateless && name.len > 0)
		buf_printf(&headers, "Mcp-Name: %.*s\r\n", STR_FMT(name));
	post_write(r, w, buf_view(&headers), body);
	if (headers.failed)
		r->bytes.failed = true;
	buf_finish(&headers);
}

void
bench_request_call(
    struct bench_request *r, const struct bench_wire *w, struct str session)
{
	post_request(
	    r, w, session, w->o->method, w->o->tool, buf_view(&w->body));
}

void
bench_request_line(struct bench_request *r, const struct bench_wire *w)
{
	buf_clear(&r->bytes);
	buf_str(&r->bytes, buf_view(&w->body));
	buf_char(&r->bytes, '\n');
	ids_find(r, 0, w->o->progress);
}

static void
initialize_write(struct buf *b, const struct bench_wire *w)
{
	BUF_LIT(b, ENVELOPE "\"initialize\",\"params\":{\"protocolVersion\":");
	buf_json(b, w->o->revision);
	BUF_LIT(b, ",\"capabilities\":{},\"clientInfo\":" CLIENT "}}");
}

static const struct str initialized =
    STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");

void
bench_request_initialize(struct bench_request *r, const struct bench_wire *w)
{
	struct buf body;

	buf_init(&body);
	initialize_write(&body, w);
	post_write(r, w, STR_NONE, buf_view(&body));
	buf_finish(&body);
}

void
bench_request_initialized(
    struct bench_request *r, const struct bench_wire *w, struct str session)
{
	struct buf headers;

	buf_init(&headers);
	session_write(&headers, w, session);
	post_write(r, w, buf_view(&headers), initialized);
	r->ids = 0;
	buf_finish(&headers);
}

void
bench_request_list(
    struct bench_request *r, const struct bench_wire *w, struct str session)
{
	struct buf body;

	buf_init(&body);
	body_write(&body, w->o, S("tools/list"), STR_NONE);
	post_request(r, w, session, S("tools/list"), STR_NONE, buf_view(&body));
	buf_finish(&body);
}

void
bench_request_delete(
    struct bench_request *r, const struct bench_wire *w, struct str session)
{
	buf_clear(&r->bytes);
	r->ids = 0;
	head_write(&r->bytes, w, "DELETE");
	session_write(&r->bytes, w, session);
	BUF_LIT(&r->bytes, "\r\n");
}

void
bench_request_stream(
    struct bench_request *r, const struct bench_wire *w, struct str session)
{
	static const struct str wanted =
	    STR("\"notifications\":{\"toolsListChanged\":true}");
	struct buf body;

	if (!w->o->stateless) {
		buf_clear(&r->bytes);
		r->ids = 0;
		head_write(&r->bytes, w, "GET");
		BUF_LIT(&r->bytes, "Accept: text/event-stream\r\n");
		session_write(&r->bytes, w, session);
		BUF_LIT(&r->bytes, "\r\n");
		return;
	}
	buf_init(&body);
	body_write(&body, w->o, S("subscriptions/listen"), wanted);
	post_request(r, w, STR_NONE, S("subscriptions/listen"), STR_NONE,
	    buf_view(&body));
	buf_finish(&body);
}

void
bench_request_line_initialize(
    struct bench_request *r, const struct bench_wire *w)
{
	buf_clear(&r->bytes);
	initialize_write(&r->bytes, w);
	buf_char(&r->bytes, '\n');
	ids_find(r, 0, false);
}

void
bench_request_line_initialized(struct bench_request *r)
{
	buf_clear(&r->bytes);
	buf_str(&r->bytes, initialized);
	buf_char(&r->bytes, '\n');
	r->ids = 0;
}

void
bench_request_id(struct bench_request *r, uint32_t id)
{
	size_t i;

	for (i = 0; i < r->ids; i++)
		bench_id_put(r->bytes.ptr + r->id_at[i], id);
}
