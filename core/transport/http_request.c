/* SPDX-License-Identifier: Apache-2.0 */
/* What the head of a request decides, and where a request goes (the order of
 * security.md 2.6). */
#include <string.h>

#include "transport/http_priv.h"

struct str
http_known(const struct http_parser *p, const char *bytes, enum http_known k)
{
	return http_known_has(p, k) ? http_slice(bytes, p->known[k]) : STR_NONE;
}

/* The same host as the last one that passed there: nearly always. */
static bool
host_is_allowed(struct http_conn *c, const struct auth_origin_policy *policy,
    struct str host)
{
	struct transport_reactor *t = c->t;

	if (t->host_listen == c->listen
	    && str_equal((struct str){ t->host, t->host_len }, host))
		return true;
	if (!auth_host_is_allowed(policy, host))
		return false;
	if (host.len <= sizeof t->host) {
		if (host.len > 0)
			memcpy(t->host, host.ptr, host.len);
		t->host_len = host.len;
		t->host_listen = c->listen;
	}
	return true;
}

static struct auth_origin_policy
policy_of(const struct http_conn *c)
{
	const struct transport_shared *s = c->t->shared;

	return (struct auth_origin_policy){ c->listen->loopback, s->hosts,
		s->hosts_len, s->origins, s->origins_len };
}

/* application/json, with parameters or without (HTTP-08). */
static bool
is_json(struct str type)
{
	struct str rest;

	if (str_equal(type, S("application/json")))
		return true;
	return str_equal_nocase(
	    str_trim(str_split(type, ';', &rest)), S("application/json"));
}

/* q=0 takes a range away again. */
static bool
is_refused_range(struct str params)
{
	struct str rest = params, name, value;

	while (rest.len > 0) {
		struct str one = str_trim(str_split(rest, ';', &rest));

		name = str_trim(str_split(one, '=', &value));
		value = str_trim(value);
		if (!str_equal_nocase(name, S("q")))
			continue;
		return value.len > 0 && value.ptr[0] == '0'
		    && strspn(value.ptr, "0.") >= value.len;
	}
	return false;
}

struct range {
	struct str type;
	struct str subtype;
	int exact; /* of the range that has decided; -1: none yet */
	bool accepted;
};

static void
ranges_read(struct range *want, struct str accept)
{
	struct str rest = accept;

	while (rest.len > 0) {
		struct str params, t, s, range = str_split(rest, ',', &rest);
		int exact;

		range = str_trim(str_split(range, ';', &params));
		t = str_split(range, '/', &s);
		if (str_equal(t, S("*")) && str_equal(s, S("*")))
			exact = 0;
		else if (!str_equal_nocase(t, want->type))
			continue;
		else if (str_equal(s, S("*")))
			exact = 1;
		else if (str_equal_nocase(s, want->subtype))
			exact = 2;
		else
			continue;
		if (exact < want->exact)
			continue;
		want->exact = exact;
		want->accepted = !is_refused_range(params);
	}
}

bool
http_accepts(const struct http_parser *p, const char *bytes, struct str type,
    struct str subtype)
{
	struct range want = { type, subtype, -1, false };
	struct str accept;
	size_t i = 0;

	if (!http_known_has(p, HTTP_K_ACCEPT))
		return true;
	/* Several fields are one list (RFC 9110 5.3). */
	while (http_field_next(p, bytes, S("Accept"), &i, &accept))
		ranges_read(&want, accept);
	return want.accepted;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 0x20) - 'a' + 10;
}

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
	    || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
	    || c == '~';
}

/* One decoding of unreserved characters, no more (RFC 3986 6.2.2.2).  The
 * parser has seen to it that two digits follow each percent sign. */
static bool
path_equal(struct str sent, struct str path)
{
	size_t i, k = 0;

	for (i = 0; i < sent.len; i++, k++) {
		char c = sent.ptr[i];

		if (c == '%' && i + 2 < sent.len) {
			int d = hex_value(sent.ptr[i + 1]) * 16
			    + hex_value(sent.ptr[i + 2]);

			if (is_unreserved(d)) {
				c = (char)d;
				i += 2;
			}
		}
		if (k == path.len || path.ptr[k] != c)
			return false;
	}
	return k == path.len;
}

/* False: nothing is there. */
static bool
route_find(struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	const struct transport_shared *s = c->t->shared;
	struct str path = http_slice(bytes, p->path);

	c->route = HTTP_ROUTE_MCP;
	if (path_equal(path, s->endpoint))
		return true;
	if (!s->legacy_sse)
		return false;
	c->route = HTTP_ROUTE_STREAM;
	if (path_equal(path, S(HTTP_LEGACY_STREAM)))
		return true;
	c->route = HTTP_ROUTE_POST;
	return path_equal(path, S(HTTP_LEGACY_POST));
}

/* What nearly every client sends (HTTP-02 asks for both), and nothing else:
 * taking it apart twice costs a tenth of a small call. */
static bool
accepts_usual(const struct http_parser *p, const char *bytes)
{
	return str_equal(http_known(p, bytes, HTTP_K_ACCEPT),
		   S("application/json, text/event-stream"))
	    && !http_known_is_repeated(p, HTTP_K_ACCEPT);
}

static int
method_check(enum http_route route, enum http_method method)
{
	switch (method) {
	case HTTP_OPTIONS:
		return 0;
	case HTTP_POST:
		return route != HTTP_ROUTE_STREAM ? 0 : 405;
	case HTTP_GET:
		return route != HTTP_ROUTE_POST ? 0 : 405;
	case HTTP_DELETE:
		return route == HTTP_ROUTE_MCP ? 0 : 405;
	case HTTP_HEAD:
	case HTTP_OTHER:
		break;
	}
	return 405;
}

static int
post_check(
    const struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct str encoding = http_known(p, bytes, HTTP_K_CONTENT_ENCODING);

	if (!is_json(http_known(p, bytes, HTTP_K_CONTENT_TYPE)))
		return 415;
	if (encoding.len > 0 && !str_equal_nocase(encoding, S("identity")))
		return 415;
	if (c->route == HTTP_ROUTE_POST)
		return 0; /* its answer has no content */
	if (accepts_usual(p, bytes))
		return 0;
	if (!http_accepts(p, bytes, S("application"), S("json"))
	    || !http_accepts(p, bytes, S("text"), S("event-stream")))
		return 406;
	return 0;
}

int
http_head_check(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	struct auth_origin_policy policy = policy_of(c);
	struct str origin = http_known(p, bytes, HTTP_K_ORIGIN);

	CHECK(bytes != NULL); /* a head that was parsed is there */
	if ((p->minor > 0 || http_known_has(p, HTTP_K_HOST))
	    && !host_is_allowed(c, &policy, http_slice(bytes, p->authority))) {
		c->keep_alive = false;
		return 403;
	}
	if (origin.ptr != NULL && !auth_origin_is_allowed(&policy, origin))
		return 403; /* HTTP-03 */
	if (p->method == HTTP_OPTIONS && p->path.len == 0)
		return 0; /* OPTIONS * */
	if (!route_find(c, p, bytes))
		return 404;
	if (method_check(c->route, p->method) != 0)
		return 405;
	return p->method == HTTP_POST ? post_check(c, p, bytes) : 0;
}

/* Mcp-Param- names depend on tools: those that are asked for are allowed. */
static void
params_append(struct buf *out, const struct http_parser *p, const char *bytes)
{
	static const struct str prefix = STR("Mcp-Param-");
	struct str rest;
	size_t i = 0;

	if (!http_field_next(
		p, bytes, S("Access-Control-Request-Headers"), &i, &rest))
		return;
	while (rest.len > 0) {
		struct str name = str_trim(str_split(rest, ',', &rest));

		if (name.len <= prefix.len
		    || !str_equal_nocase(str_sub(name, 0, prefix.len), prefix))
			continue;
		BUF_LIT(out, ", ");
		buf_str(out, name);
	}
}

/* HTTP-16: a preflight from an allowed origin. */
static void
options_serve(
    struct http_conn *c, const struct http_parser *p, const char *bytes)
{
	static const struct str methods = STR("POST, GET, DELETE, OPTIONS");
	struct buf *fields = &c->t->scratch;
	struct http_header headers[5 + HTTP_CORS_FIELDS] = {
		{ "Allow", methods },
	};
	struct http_response r = {
		.status = 204,
		.keep_alive = c->keep_alive,
		.headers = headers,
		.headers_len = 1,
		.wall_ns = transport_wall_ns(c->t),
		.date = &c->t->date,
	};

	buf_shrink(fields, NET_READ_SIZE);
	BUF_LIT(fields,
	    "Content-Type, Accept, Authorization, MCP-Protocol-Version, "
	    "Mcp-Session-Id, Last-Event-ID, Mcp-Method, Mcp-Name");
	params_append(fields, p, bytes);
	if (c->origin != NULL) {
		headers[1] =
		    (struct http_header){ "Access-Control-Allow-Methods",
			    methods };
		headers[2] =
		    (struct http_header){ "Access-Control-Allow-Headers",
			    buf_view(fields) };
		headers[3] =
		    (struct http_header){ "Access-Control-Max-Age", S("600") };
		r.headers_len = 4 + http_cors_fields(c, headers + 4);
	}
	(void)http_response_write(net_conn_out(&c->net), &r,
	    STR_NONE); /* the values are ours, or passed the parser */
	net_conn_flush_later(&c->net);
}

void
http_request_serve(
    struct http_conn *c, const struct http_parser *p, char *bytes)
{
	switch (p->method) {
	case HTTP_POST:
		if (c->route == HTTP_ROUTE_POST)
			http_legacy_post(c, p, bytes);
		else
			http_post_serve(c, p, bytes);
		return;
	case HTTP_GET:
		if (c->route == HTTP_ROUTE_STREAM)
			http_legacy_open(c, p, bytes);
		else
			http_stream_open(c, p, bytes);
		return;
	case HTTP_DELETE:
		http_session_delete(c, p, bytes);
		return;
	case HTTP_OPTIONS:
		options_serve(c, p, bytes);
		return;
	case HTTP_HEAD:
	case HTTP_OTHER:
		break;
	}
	http_status_send(c, 405);
}
