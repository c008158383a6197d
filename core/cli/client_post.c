/* SPDX-License-Identifier: Apache-2.0 */
/* One message to the server, and the answer: JSON, or a stream of events with
 * the answer somewhere in it. */
#include <string.h>

#include "base/clock.h"
#include "cli/client_priv.h"

#define HEADERS_MAX (8 + CLI_PARAM_HEADERS_MAX)
#define ANSWER_SEEN 1 /* ends an exchange early */

static void
body_build(const struct cli_client *k, const struct cli_request *r,
    bool is_request, struct buf *out)
{
	bool stateless = mcp_revision_is_stateless(k->revision);

	BUF_LIT(out, "{\"jsonrpc\":\"2.0\",");
	if (is_request)
		buf_printf(out, "\"id\":%llu,", (unsigned long long)k->last_id);
	BUF_LIT(out, "\"method\":");
	buf_json(out, r->method);
	BUF_LIT(out, ",\"params\":{");
	buf_str(out, r->params);
	if (stateless || (is_request && k->cli->verbose > 0)) {
		if (r->params.len > 0)
			buf_char(out, ',');
		BUF_LIT(out, "\"_meta\":{");
		if (k->cli->verbose > 0)
			buf_printf(out, "\"progressToken\":%llu%s",
			    (unsigned long long)k->last_id,
			    stateless ? "," : "");
		if (stateless)
			BUF_LIT(out,
			    "\"io.modelcontextprotocol/protocolVersion\":"
			    "\"2026-07-28\","
			    "\"io.modelcontextprotocol/clientInfo\":"
			    "{\"name\":\"toolpost\",\"version\":"
			    "\"" TOOLPOST_VERSION "\"},"
			    "\"io.modelcontextprotocol/clientCapabilities\":"
			    "{}");
		buf_char(out, '}');
	}
	BUF_LIT(out, "}}");
}

/* HTM-05: what a field cannot carry as it is, goes as base64. */
static struct str
name_encode(struct cli_client *k, struct str name)
{
	bool plain =
	    name.len == str_trim(name).len && !str_starts(name, S("=?base64?"));
	struct buf b;
	struct str s;
	size_t i;

	for (i = 0; i < name.len && plain; i++)
		plain = name.ptr[i] >= 0x20 && name.ptr[i] < 0x7f;
	if (plain)
		return name;
	buf_init(&b);
	BUF_LIT(&b, "=?base64?");
	buf_base64(&b, name);
	BUF_LIT(&b, "?=");
	s = arena_dup(&k->cli->arena, buf_view(&b));
	buf_finish(&b);
	return s;
}

static void
header_add(struct http_header *h, size_t *n, const char *name, struct str v)
{
	h[*n].name = name;
	h[(*n)++].value = v;
}

static size_t
headers_build(
    struct cli_client *k, const struct cli_request *r, struct http_header *h)
{
	size_t n = 0, i;
	bool handshake = str_equal(r->method, S("initialize"));

	header_add(h, &n, "Content-Type", S("application/json"));
	header_add(h, &n, "Accept", S("application/json, text/event-stream"));
	if (!handshake && k->revision >= MCP_2025_06_18)
		header_add(h, &n, "MCP-Protocol-Version",
		    mcp_revision_name(k->revision));
	if (k->session.len > 0)
		header_add(h, &n, "Mcp-Session-Id", k->session);
	if (!mcp_revision_is_stateless(k->revision))
		return n;
	header_add(h, &n, "Mcp-Method", r->method);
	if (r->name.ptr != NULL)
		header_add(h, &n, "Mcp-Name", name_encode(k, r->name));
	for (i = 0; i < r->headers_len && n < HEADERS_MAX; i++)
		header_add(h, &n, r->headers[i].name,
		    name_encode(k, r->headers[i].value));
	return n;
}

/* What arrives while an answer is awaited. */
struct arrival {
	struct cli_client *k;
	const struct http_reply *reply;
	struct cli_answer *a;
	struct sse_reader events;
	bool decided;
	bool stream;
	bool seen;
};

static void
note_progress(const struct cli *c, const struct json_node *params)
{
	struct str done = json_raw(json_get(params, S("progress")));
	struct str total = json_raw(json_get(params, S("total")));
	struct str text = json_str(json_get(params, S("message")));

	cli_note(c, "progress %.*s%s%.*s %.*s", STR_FMT(done),
	    total.len > 0 ? "/" : "", STR_FMT(total), STR_FMT(text));
}

/* Keeps the message if it is the answer. */
static void
message_take(struct arrival *v, struct str text)
{
	const struct json_node *root;
	struct str method;
	int64_t id;

	buf_clear(&v->a->text);
	buf_str(&v->a->text, text);
	if (v->a->text.failed
	    || json_parse(&v->a->doc, buf_view(&v->a->text), JSON_PROTOCOL) < 0)
		return;
	root = v->a->doc.nodes;
	method = json_str(json_get(root, S("method")));
	if (method.len > 0) {
		if (v->k->cli->verbose > 0
		    && str_equal(method, S("notifications/progress")))
			note_progress(v->k->cli, json_get(root, S("params")));
		return;
	}
	v->a->result = json_get(root, S("result"));
	v->a->error = json_get(root, S("error"));
	/* An error about a request that could not be read has no id. */
	v->seen = v->a->error != NULL
	    || (v->a->result != NULL
		&& json_i64(json_get(root, S("id")), &id) == 0
		&& id == (int64_t)v->k->last_id);
}

static int
event_take(void *arg, const struct sse_event *e)
{
	struct arrival *v = arg;

	if (e->data.len > 0)
		message_take(v, e->data);
	return v->seen ? ANSWER_SEEN : 0;
}

static int
bytes_take(void *arg, struct str bytes)
{
	struct arrival *v = arg;
	struct str type;

	if (!v->decided) {
		type = http_reply_field(v->reply, S("content-type"));
		type = str_trim(str_sub(type, 0, str_find(type, ';')));
		v->stream = str_equal_nocase(type, S("text/event-stream"));
		v->decided = true;
	}
	if (v->stream)
		return sse_reader_feed(&v->events, bytes, event_take, v);
	if (v->a->text.len + bytes.len > CLI_ANSWER_MAX)
		return ERR_LIMIT;
	buf_str(&v->a->text, bytes);
	return v->a->text.failed ? ERR_NOMEM : 0;
}

/* A body that is no JSON-RPC: the status is all there is to say. */
static int
status_error(struct cli_client *k, int status, struct err *err)
{
	const char *what = http_status_text(status);

	k->cli->failed_status = status;
	if (status == 401)
		return err_set(
		    err, ERR_DENIED, "%s wants authentication (401)", k->url);
	if (status == 403)
		return err_set(err, ERR_DENIED, "%s refused us (403)", k->url);
	return err_set(
	    err, ERR_STATE, "%s answered %d %s", k->url, status, what);
}

static int
rpc_error(
    struct cli_client *k, int status, struct cli_answer *a, struct err *err)
{
	struct str text = json_str(json_get(a->error, S("message")));
	int64_t code = 0;

	(void)json_i64(json_get(a->error, S("code")), &code); /* 0: none */
	if (status == 401 || status == 403) {
		k->cli->failed_status = status;
		return err_set(err, ERR_DENIED, "%.*s", STR_FMT(text));
	}
	return err_set(err,
	    code == -32602 || code == -32601 || code == -32002 ? ERR_PARAMS
							       : ERR_STATE,
	    "%.*s (%lld)", STR_FMT(text), (long long)code);
}

static int
answer_judge(struct arrival *v, const struct http_reply *reply, struct err *err)
{
	struct cli_answer *a = v->a;

	if (!v->stream && a->text.len > 0) {
		struct buf text = a->text;

		/* message_take() fills text; what it reads must not be it. */
		buf_init(&a->text);
		message_take(v, buf_view(&text));
		buf_finish(&text);
	}
	if (v->seen && a->error != NULL)
		return rpc_error(v->k, reply->status, a, err);
	if (reply->status < 200 || reply->status > 299)
		return status_error(v->k, reply->status, err);
	if (!v->seen)
		return err_set(err, ERR_STATE,
		    "%s: what came back is no answer to the request",
		    v->k->url);
	return 0;
}

static void
session_take(struct cli_client *k, const struct http_reply *reply)
{
	struct str id = http_reply_field(reply, S("mcp-session-id"));

	if (id.len > 0 && k->session.len == 0)
		k->session = arena_dup(&k->cli->arena, id);
}

int
client_post(struct cli_client *k, const struct cli_request *r, bool is_request,
    struct cli_answer *a, struct err *err)
{
	struct http_header headers[HEADERS_MAX];
	struct arrival v = { .k = k, .a = a };
	struct http_reply reply;
	struct buf body;
	size_t n;
	int rc;

	k->last_id += is_request;
	http_reply_init(&reply);
	buf_init(&body);
	sse_reader_init(&v.events, CLI_ANSWER_MAX);
	v.reply = &reply;
	body_build(k, r, is_request, &body);
	n = headers_build(k, r, headers);
	if (is_request) {
		buf_clear(&a->text);
		a->result = a->error = NULL;
	}
	if (body.failed || k->cli->arena.failed)
		rc = err_set(err, ERR_NOMEM, "no memory for a request");
	else
		rc = http_client_send(k->http, "POST", headers, n,
		    buf_view(&body), &reply, is_request ? bytes_take : NULL, &v,
		    clock_now_ns() + k->cli->timeout, err);
	if (rc == ERR_LIMIT && v.decided)
		rc = err_set(err, rc, "the answer is too long");
	if (rc >= 0 && str_equal(r->method, S("initialize")))
		session_take(k, &reply);
	if (rc >= 0 && is_request)
		rc = answer_judge(&v, &reply, err);
	else if (rc >= 0 && reply.status > 299)
		rc = status_error(k, reply.status, err);
	sse_reader_finish(&v.events);
	buf_finish(&body);
	http_reply_finish(&reply);
	return rc;
}

void
client_delete(struct cli_client *k)
{
	const struct http_header headers[] = {
		{ "Mcp-Session-Id", k->session },
		{ "MCP-Protocol-Version", mcp_revision_name(k->revision) },
	};
	struct http_reply reply;
	struct err err;

	http_reply_init(&reply);
	(void)http_client_send(k->http, "DELETE", headers,
	    k->revision >= MCP_2025_06_18 ? 2 : 1, STR_NONE, &reply, NULL, NULL,
	    clock_now_ns() + NS_PER_S, &err); /* idle ones end anyway */
	http_reply_finish(&reply);
}
