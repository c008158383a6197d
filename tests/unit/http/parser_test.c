/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the request edge one by one: what is refused, with what, and
 * at which byte; what comes out of what is accepted. */
#include "http/parser.h"

#include <time.h>

#include "unit/http/trace.h"
#include "unit/unit.h"

#define H "Host: localhost\r\n"
#define GET "GET /mcp HTTP/1.1\r\n" H
#define POST "POST /mcp HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct rule {
	struct str raw;
	int status; /* 0: accepted */
};
#define R(lit_, status_) \
	{ \
		STR(lit_), status_ \
	}

static void
rules_check(const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct trace t;

		trace_init(&t);
		trace_run(
		    &t, rules[i].raw, &http_limits_default, cut_whole, NULL);
		ck_assert_msg(t.status == rules[i].status
			&& t.complete == (t.status == 0),
		    "rule %zu: status %d, want %d, complete %u:\n%.*s\n%.*s", i,
		    t.status, rules[i].status, t.complete,
		    STR_FMT(rules[i].raw), STR_FMT(buf_view(&t.text)));
		trace_all_cuts(&t, rules[i].raw, &http_limits_default, "rule");
		trace_finish(&t);
	}
}
#define RULES_CHECK(r_) rules_check((r_), sizeof(r_) / sizeof((r_)[0]))

/* Everything up to the last byte is still welcome; the last refuses. */
static void
refused_at_last_byte(struct str raw, int status)
{
	struct http_parser p;
	char bytes[512];
	enum http_result r;

	ck_assert_uint_le(raw.len, sizeof(bytes));
	memcpy(bytes, raw.ptr, raw.len);
	http_parser_init(&p, &http_limits_default);
	r = http_parser_feed(&p, bytes, raw.len - 1);
	if (r == HTTP_HEAD_DONE)
		r = http_parser_feed(&p, bytes, raw.len - 1);
	ck_assert_int_eq(r, HTTP_MORE);
	ck_assert_int_eq(http_parser_feed(&p, bytes, raw.len), HTTP_REFUSED);
	ck_assert_int_eq(p.status, status);
}

START_TEST(request_line_rules)
{
	static const struct rule rules[] = {
		R("\r\n\r\n" GET "\r\n", 400),
		R("\n" GET "\r\n", 400),
		R(" " GET "\r\n", 400),
		R("GET /mcp HTTP/1.1 \r\n" H "\r\n", 400),
		R("GET /mcp\tHTTP/1.1\r\n" H "\r\n", 400),
		R("GET  HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /mcp  HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /mcp HTTP/1.1\n" H "\r\n", 400),
		R("GET /mcp HTTP/1.1\rX" H "\r\n", 400),
		R("PUT /mcp HTTP/1.1\r\n" H "\r\n", 0),
		R("VERSION-CONTROL /mcp HTTP/1.1\r\n" H "\r\n", 0),
		R("CONNECT a:1 HTTP/1.1\r\n" H "\r\n", 501),
		R("Get /mcp HTTP/1.1\r\n" H "\r\n", 501),
		R("MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM", 501),
		R("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
		R("PRI * HTTP/1.1\r\n" H "\r\n", 501),
		R("GET /mcp HTTP/1.2\r\n" H "\r\n", 505),
		R("GET /mcp HTTP/0.9\r\n" H "\r\n", 505),
		R("GET /mcp HTTP/1.1x", 400),
		R("GET /mcp HTTP/11", 400),
		R("GET /mcp HTTX", 400),
		R("GET /mcp\r\n", 400),
		R("GET /mcp HTTP/1.0\r\n\r\n", 0),
		R("* /mcp HTTP/1.1\r\n" H "\r\n", 501),
	};

	RULES_CHECK(rules);
}
END_TEST

START_TEST(target_rules)
{
	static const struct rule rules[] = {
		R("GET /a%20b?q=%2F?x HTTP/1.1\r\n" H "\r\n", 0),
		R("GET /a%2 HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a%zz HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a%00 HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a?b%00 HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a\"b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a<b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a>b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a\\b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a^b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a{b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a}b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a`b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a|b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a#b HTTP/1.1\r\n" H "\r\n", 400),
		R("GET /a\x7f HTTP/1.1\r\n" H "\r\n", 400),
		R("GET ?q HTTP/1.1\r\n" H "\r\n", 400),
		R("GET * HTTP/1.1\r\n" H "\r\n", 400),
		R("OPTIONS * HTTP/1.1\r\n" H "\r\n", 0),
		R("OPTIONS *x HTTP/1.1\r\n" H "\r\n", 400),
		R("GET http://localhost HTTP/1.1\r\n" H "\r\n", 0),
		R("GET HTTP://localhost:80?x HTTP/1.1\r\n" H "\r\n", 0),
		R("GET https://[::1]:80/x HTTP/1.1\r\n" H "\r\n", 0),
		R("GET http://u@localhost/ HTTP/1.1\r\n" H "\r\n", 400),
		R("GET http:///x HTTP/1.1\r\n" H "\r\n", 400),
		R("GET http://localhost:0/x HTTP/1.1\r\n" H "\r\n", 400),
		R("GET ftp://localhost/x HTTP/1.1\r\n" H "\r\n", 400),
		R("GET http:/x HTTP/1.1\r\n" H "\r\n", 400),
		R("GET http://localhost/x HTTP/1.1\r\n\r\n", 400),
	};

	RULES_CHECK(rules);
	refused_at_last_byte(S("GET /a%2x"), 400);
	refused_at_last_byte(S("GET /a%x"), 400);
	refused_at_last_byte(S("GET /a%00"), 400);
}
END_TEST

START_TEST(field_rules)
{
	static const struct rule rules[] = {
		R(GET "X:\r\n\r\n", 0),
		R(GET "X: \t \r\n\r\n", 0),
		R(GET "X: a\tb\xff\r\n\r\n", 0),
		R(GET "X : a\r\n\r\n", 400),
		R(GET "X\r\n\r\n", 400),
		R(GET "X: a\n\r\n", 400),
		R(GET "X: a\r\n b\r\n\r\n", 400),
		R(GET "X: a\r\n\tb\r\n\r\n", 400),
		R(GET "\rX: a\r\n\r\n", 400),
		R(GET "Transfer_Encoding: chunked\r\n\r\n", 400),
		R(GET "content_length: 1\r\n\r\n", 400),
		R(GET "MCP_Session-Id: 1\r\n\r\n", 400),
		R(GET "Access-Control_Request-Method: GET\r\n\r\n", 400),
		R(GET "Access-Control_Request-Method-: GET\r\n\r\n", 0),
		R(GET "Mcp-Param-user_id: 1\r\n\r\n", 0),
		R(GET "Mcp_Param-user: 1\r\n\r\n", 400),
		R(GET "X_Y: 1\r\n\r\n", 0),
		R(GET "Mcp-Param-a: 1\r\nMcp-Param-b: 1\r\n\r\n", 0),
		R(GET "Mcp-Param-a: 1\r\nmcp-param-A: 1\r\n\r\n", 400),
		R(GET "Accept: a\r\nAccept: b\r\n\r\n", 0),
		R(GET "Content-Type: a\r\nContent-Type: a\r\n\r\n", 400),
		R(GET "Origin: a\r\nOrigin: a\r\n\r\n", 400),
		R(GET "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
		    400),
		R(GET "Mcp-Name: a\r\nMcp-Name: a\r\n\r\n", 400),
		R(GET "MCP-Protocol-Version: a\r\nmcp-protocol-version: a"
		      "\r\n\r\n",
		    400),
		R(GET "Last-Event-ID: a\r\nLast-Event-ID: a\r\n\r\n", 400),
		/* Bytes outside ASCII, where we interpret them. */
		R(GET "Accept: \xc3\xa4\r\n\r\n", 400),
		R(GET "Accept: long enough for a word \xc3\xa4 x\r\n\r\n", 400),
		R(GET "Authorization: Bearer \xff\r\n\r\n", 400),
		R(GET "Last-Event-ID: \xff\r\n\r\n", 400),
		R(GET "Mcp-Name: \xc3\xa4\r\n\r\n", 0),
		R(GET "Mcp-Session-Id: \xc3\xa4\r\n\r\n", 0),
		R(GET "Mcp-Param-x: \xc3\xa4\r\n\r\n", 0),
	};

	RULES_CHECK(rules);
}
END_TEST

#define HOST(v_) "GET / HTTP/1.1\r\nHost:" v_ "\r\n\r\n"
START_TEST(host_rules)
{
	static const struct rule rules[] = {
		R(HOST("localhost"), 0),
		R(HOST(" LOCALHOST:7423 "), 0),
		R(HOST("127.0.0.1:65535"), 0),
		R(HOST("[::1]"), 0),
		R(HOST("[::1]:1"), 0),
		R(HOST("my_host.example."), 0),
		R(HOST(""), 400),
		R(HOST("localhost:"), 400),
		R(HOST("localhost:0"), 400),
		R(HOST("localhost:65536"), 400),
		R(HOST("localhost:1x"), 400),
		R(HOST("localhost:-1"), 400),
		R(HOST(":80"), 400),
		R(HOST("a@localhost"), 400),
		R(HOST("a,b"), 400),
		R(HOST("a b"), 400),
		R(HOST("a/b"), 400),
		R(HOST("a%20b"), 400),
		R(HOST("[::1"), 400),
		R(HOST("[::1]x"), 400),
		R(HOST("[]"), 400),
		R(HOST("[fe80::1%25eth0]"), 400),
		R(HOST("[localhost]"), 400),
		R(HOST("::1"), 400),
		R("GET / HTTP/1.0\r\n" H H "\r\n", 400),
		R("GET / HTTP/1.0\r\n\r\n", 0),
		R("GET / HTTP/1.1\r\n\r\n", 400),
	};

	RULES_CHECK(rules);
}
END_TEST

START_TEST(connection_and_expect_rules)
{
	static const struct rule rules[] = {
		R(GET "Connection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n",
		    0),
		R(GET "Connection: , close ,\r\n\r\n", 0),
		R(GET "Connection: a b\r\n\r\n", 400),
		R(GET "Connection: close, Content-Length\r\n\r\n", 400),
		R(GET "Connection: transfer-encoding\r\n\r\n", 400),
		R(GET "Connection: host\r\n\r\n", 400),
		R(GET "Connection: Authorization\r\n\r\n", 400),
		R(GET "Connection: mcp-session-id\r\n\r\n", 400),
		R(GET "Connection: x\r\nConnection: MCP-Protocol-Version"
		      "\r\n\r\n",
		    400),
		R(GET "Expect: 200-ok\r\n\r\n", 417),
		R(GET "Expect:\r\n\r\n", 417),
		R("GET / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n", 0),
	};

	RULES_CHECK(rules);
}
END_TEST

START_TEST(framing_rules)
{
	static const struct rule rules[] = {
		R(POST "Content-Length: 0005\r\n\r\nhello", 0),
		R(POST "Content-Length: 9223372036854775808\r\n\r\n", 400),
		R(POST "Content-Length: 9223372036854775807\r\n\r\n", 413),
		R(POST "Content-Length: 4194305\r\n\r\n", 413),
		R(POST "Content-Length: 00000000000000000005\r\n\r\nhello",
		    400),
		R(POST "\r\n", 0),
		R(GET "Content-Length: 0\r\n\r\n", 0),
		R(GET "Content-Length: 1\r\n\r\nx", 400),
		R(GET "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
		R("DELETE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", 400),
		R("OPTIONS / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", 400),
		R("HEAD / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", 400),
		R("PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", 0),
		R(POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", 0),
		R(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
		R(POST "Transfer-Encoding: gzip,deflate,chunked\r\n\r\n", 501),
		R(POST "Transfer-Encoding: gzip\r\n\r\n", 400),
		R(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
		R(POST "Transfer-Encoding: chunked,\r\n\r\n", 400),
		R(POST "Transfer-Encoding: gzip,,chunked\r\n\r\n", 400),
		R("POST / HTTP/1.0\r\n" H "Content-Length: 1\r\n\r\nx", 0),
	};

	RULES_CHECK(rules);
}
END_TEST

START_TEST(chunk_rules)
{
	static const struct rule rules[] = {
		R(CHUNKED "00a\r\n0123456789\r\n0;x\r\n\r\n", 0),
		R(CHUNKED "A\r\n0123456789\r\n000\r\n\r\n", 0),
		R(CHUNKED "1;a\r\nx\r\n0\r\n\r\n", 0),
		R(CHUNKED "1;a=\"q;\\\"\t\xff\";b\r\nx\r\n0\r\n\r\n", 0),
		R(CHUNKED "1;\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1;a=\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1; a\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1 ;a\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1;a =b\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1;a=\"b\"c\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1;a=\"b\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "1;a=b=c\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "00000000000000001\r\nx\r\n0\r\n\r\n", 400),
		R(CHUNKED "ffffffffffffffff\r\n", 413),
		R(CHUNKED "400001\r\n", 413),
		R(CHUNKED "1\r\nx\r\n400000\r\n", 413),
		R(CHUNKED "1\r\nx\n0\r\n\r\n", 400),
		R(CHUNKED "g\r\n", 400),
		R(CHUNKED "0\r\nX: y\r\nHost: other\r\n\r\n", 0),
		R(CHUNKED "0\r\nX : y\r\n\r\n", 400),
		R(CHUNKED "0\r\n\n", 400),
		R(CHUNKED "0\r\nX: \x01\r\n\r\n", 400),
	};

	RULES_CHECK(rules);
}
END_TEST

static struct http_parser
parse_one(char *bytes, size_t len)
{
	struct http_parser p;

	http_parser_init(&p, &http_limits_default);
	ck_assert_int_eq(http_parser_feed(&p, bytes, len), HTTP_HEAD_DONE);
	ck_assert_int_eq(http_parser_feed(&p, bytes, len), HTTP_COMPLETE);
	ck_assert_int_eq(http_parser_feed(&p, bytes, len), HTTP_COMPLETE);
	return p;
}

static void
slice_is(const char *bytes, struct http_span s, const char *want)
{
	ck_assert_msg(str_equal(http_slice(bytes, s), str_of(want)),
	    "got \"%.*s\", want \"%s\"", STR_FMT(http_slice(bytes, s)), want);
}

START_TEST(slices_name_the_parts_of_a_request)
{
	char b[] = "POST /mcp?a=b?c HTTP/1.1\r\nhOST: [::1]:80\r\n"
		   "ACCEPT:  text/x \t\r\nX-One: 1\r\naccept: second\r\n"
		   "Mcp-Session-Id: s\r\nContent-Length: 2\r\n\r\n{}GET";
	struct http_parser p = parse_one(b, sizeof(b) - 1);
	struct str v;
	size_t i = 0;

	ck_assert_int_eq(p.method, HTTP_POST);
	ck_assert_uint_eq(p.minor, 1);
	ck_assert(p.keep_alive && p.has_body && !p.chunked);
	ck_assert_uint_eq(p.consumed, sizeof(b) - 1 - 3);
	slice_is(b, p.method_text, "POST");
	slice_is(b, p.target, "/mcp?a=b?c");
	slice_is(b, p.path, "/mcp");
	slice_is(b, p.query, "a=b?c");
	slice_is(b, p.authority, "[::1]:80");
	slice_is(b, p.known[HTTP_K_ACCEPT], "text/x");
	slice_is(b, p.known[HTTP_K_MCP_SESSION_ID], "s");
	slice_is(b, p.body, "{}");
	ck_assert(!http_known_has(&p, HTTP_K_ORIGIN));
	ck_assert_uint_eq(p.fields_len, 6);
	slice_is(b, p.fields[2].name, "X-One");
	ck_assert(http_field_next(&p, b, S("Accept"), &i, &v));
	ck_assert(str_equal(v, S("text/x")));
	ck_assert(http_field_next(&p, b, S("Accept"), &i, &v));
	ck_assert(str_equal(v, S("second")));
	ck_assert(!http_field_next(&p, b, S("Accept"), &i, &v));
}
END_TEST

/* Whatever is in enum http_known is found under its name. */
START_TEST(each_known_field_is_found)
{
	static const char *const names[HTTP_KNOWN_COUNT] = { "Host",
		"Content-Length", "Transfer-Encoding", "Content-Type", "Accept",
		"Origin", "Connection", "Expect", "Authorization",
		"Content-Encoding", "Mcp-Session-Id", "MCP-Protocol-Version",
		"Mcp-Method", "Mcp-Name", "Last-Event-ID",
		"Access-Control-Request-Method" };

	for (unsigned k = 0; k < HTTP_KNOWN_COUNT; k++) {
		struct http_parser p;
		char b[256];
		int n = snprintf(b, sizeof(b),
		    "POST / HTTP/1.0\r\nX%s: no\r\n%s: 1\r\n%sX: no\r\n",
		    names[k], names[k], names[k]);

		http_parser_init(&p, &http_limits_default);
		if (k == HTTP_K_TRANSFER_ENCODING) {
			ck_assert_int_eq(
			    http_parser_feed(&p, b, (size_t)n), HTTP_REFUSED);
			continue;
		}
		ck_assert_int_eq(http_parser_feed(&p, b, (size_t)n), HTTP_MORE);
		ck_assert_uint_eq(p.known_seen, 1u << k);
		slice_is(b, p.known[k], "1");
	}
}
END_TEST

START_TEST(an_absolute_target_replaces_host)
{
	char b[] = "GET http://other:81/x?y HTTP/1.1\r\n" H "\r\n";
	struct http_parser p = parse_one(b, sizeof(b) - 1);

	slice_is(b, p.authority, "other:81");
	slice_is(b, p.path, "/x");
	slice_is(b, p.query, "y");
	slice_is(b, p.known[HTTP_K_HOST], "localhost");
}
END_TEST

static bool
keeps_alive(const char *version, const char *fields)
{
	char b[256];
	int n = snprintf(
	    b, sizeof(b), "GET / HTTP/%s\r\n" H "%s\r\n", version, fields);

	return parse_one(b, (size_t)n).keep_alive;
}

START_TEST(keep_alive_follows_version_and_options)
{
	ck_assert(keeps_alive("1.1", ""));
	ck_assert(!keeps_alive("1.1", "Connection: close\r\n"));
	ck_assert(!keeps_alive("1.1", "Connection: x, Close\r\n"));
	ck_assert(!keeps_alive(
	    "1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
	ck_assert(!keeps_alive("1.0", ""));
	ck_assert(keeps_alive("1.0", "Connection: Keep-Alive\r\n"));
	ck_assert(!keeps_alive("1.0", "Connection: keep-alive, close\r\n"));
}
END_TEST

START_TEST(errors_show_at_their_first_byte)
{
	refused_at_last_byte(S("\x16"), 400);
	refused_at_last_byte(S("GET\t"), 400);
	refused_at_last_byte(S("GET /\x80"), 400);
	refused_at_last_byte(S("GET / HTTP/1.1\r\n "), 400);
	refused_at_last_byte(S(GET "X "), 400);
	refused_at_last_byte(S(GET "X\r"), 400);
	refused_at_last_byte(S(GET "X: y\x01"), 400);
	refused_at_last_byte(S(GET "X: y\ry"), 400);
	refused_at_last_byte(S(GET "host:"), 400);
	refused_at_last_byte(S(GET "Transfer_Encoding:"), 400);
	refused_at_last_byte(S(CHUNKED "1\r\nxy"), 400);
}
END_TEST

START_TEST(declared_length_is_refused_behind_the_head)
{
	char b[] = POST "Content-Length: 4194305\r\n\r\n";
	struct http_parser p;

	http_parser_init(&p, &http_limits_default);
	ck_assert_int_eq(
	    http_parser_feed(&p, b, sizeof(b) - 1), HTTP_HEAD_DONE);
	ck_assert_int_eq(http_parser_feed(&p, b, sizeof(b) - 1), HTTP_REFUSED);
	ck_assert_int_eq(p.status, 413);
}
END_TEST

/* n times c between two texts. */
static struct str
padded(struct buf *b, const char *before, char c, size_t n, const char *after)
{
	buf_clear(b);
	buf_cstr(b, before);
	for (size_t i = 0; i < n; i++)
		buf_char(b, c);
	buf_cstr(b, after);
	return buf_view(b);
}

static void
limit_check(struct str raw, int status)
{
	const struct rule one = { raw, status };

	rules_check(&one, 1);
}

START_TEST(limits_hold_to_the_byte)
{
	struct buf b;

	buf_init(&b);
	/* "GET /" and " HTTP/1.1" take 14 of 8192. */
	limit_check(
	    padded(&b, "GET /", 'a', 8192 - 14, " HTTP/1.1\r\n" H "\r\n"), 0);
	limit_check(
	    padded(&b, "GET /", 'a', 8192 - 13, " HTTP/1.1\r\n" H "\r\n"), 414);
	limit_check(
	    padded(&b, "\r\nGET /", 'a', 8192 - 14, " HTTP/1.1\r\n" H "\r\n"),
	    0);
	/* Host takes 17, "X: \r\n\r\n" 7 of 16384. */
	limit_check(padded(&b, GET "X: ", 'a', 16384 - 24, "\r\n\r\n"), 0);
	limit_check(padded(&b, GET "X: ", 'a', 16384 - 23, "\r\n\r\n"), 431);
	/* "X: \r\n\r\n" takes 7 of 4096. */
	limit_check(
	    padded(&b, CHUNKED "0\r\nX: ", 'a', 4096 - 7, "\r\n\r\n"), 0);
	limit_check(
	    padded(&b, CHUNKED "0\r\nX: ", 'a', 4096 - 6, "\r\n\r\n"), 431);
	/* "1;" and CRLF take 4 of 256. */
	limit_check(
	    padded(&b, CHUNKED "1;", 'a', 252, "\r\nx\r\n0\r\n\r\n"), 0);
	limit_check(
	    padded(&b, CHUNKED "1;", 'a', 253, "\r\nx\r\n0\r\n\r\n"), 400);
	buf_finish(&b);
}
END_TEST

static struct str
many_fields(struct buf *b, unsigned head, unsigned trailers)
{
	buf_clear(b);
	buf_cstr(b, POST "Transfer-Encoding: chunked\r\n");
	for (unsigned i = 2; i < head; i++)
		buf_cstr(b, "X: y\r\n");
	buf_cstr(b, "\r\n0\r\n");
	for (unsigned i = 0; i < trailers; i++)
		buf_cstr(b, "X: y\r\n");
	buf_cstr(b, "\r\n");
	return buf_view(b);
}

START_TEST(fields_and_trailers_are_counted_together)
{
	struct buf b;

	buf_init(&b);
	limit_check(many_fields(&b, 100, 0), 0);
	limit_check(many_fields(&b, 101, 0), 431);
	limit_check(many_fields(&b, 90, 10), 0);
	limit_check(many_fields(&b, 90, 11), 431);
	buf_finish(&b);
}
END_TEST

START_TEST(a_limit_above_the_table_is_cut_to_it)
{
	struct http_limits l = http_limits_default;
	struct trace t;
	struct buf b;

	buf_init(&b);
	l.fields = 100000;
	for (unsigned n = HTTP_FIELDS_MAX; n <= HTTP_FIELDS_MAX + 1; n++) {
		trace_init(&t);
		trace_run(&t, many_fields(&b, n, 0), &l, cut_whole, NULL);
		ck_assert_int_eq(t.status, n > HTTP_FIELDS_MAX ? 431 : 0);
		trace_finish(&t);
	}
	trace_init(&t);
	trace_run(&t, many_fields(&b, HTTP_FIELDS_MAX, 1), &l, cut_whole, NULL);
	ck_assert_int_eq(t.status, 431);
	trace_finish(&t);
	buf_finish(&b);
}
END_TEST

START_TEST(framing_has_a_price_per_byte)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, CHUNKED);
	for (unsigned i = 0; i < 400; i++) {
		buf_cstr(&b, "1;");
		for (unsigned k = 0; k < 250; k++)
			buf_char(&b, 'a');
		buf_cstr(&b, "\r\nx\r\n");
	}
	buf_cstr(&b, "0\r\n\r\n");
	limit_check(buf_view(&b), 400);
	buf_finish(&b);
}
END_TEST

/* One-byte chunks that come one at a time need no more memory than their
 * content and one chunk. */
START_TEST(compact_closes_the_gap)
{
	static char b[4096];
	static const char head[] = CHUNKED;
	struct http_parser p;
	size_t len = sizeof(head) - 1, most = 0;
	enum http_result r;

	memcpy(b, head, len);
	http_parser_init(&p, &http_limits_default);
	ck_assert_int_eq(http_parser_feed(&p, b, len), HTTP_HEAD_DONE);
	for (unsigned i = 0; i < 1000; i++) {
		memcpy(b + len, "1\r\nx\r\n", 6);
		len += 6;
		ck_assert_int_eq(http_parser_feed(&p, b, len), HTTP_MORE);
		len = http_parser_compact(&p, b, len);
		most = len > most ? len : most;
	}
	memcpy(b + len, "0\r\n\r\nGET", 8);
	r = http_parser_feed(&p, b, len + 8);
	ck_assert_int_eq(r, HTTP_COMPLETE);
	ck_assert_uint_eq(p.consumed, len + 5);
	ck_assert_uint_eq(p.body.len, 1000);
	ck_assert_uint_le(most, sizeof(head) + 1000);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_int_eq(b[p.body.at + i], 'x');
}
END_TEST

/* Long pipelines of sound requests, one with a fault at the end, cut at
 * random: always the same. */
START_TEST(random_cuts_change_nothing)
{
	static const char *const parts[] = { GET "\r\n",
		POST "Content-Length: 5\r\n\r\nhello",
		CHUNKED "5;x=\"y\"\r\nhello\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n",
		"\r\nDELETE /mcp?x=%41 HTTP/1.1\r\n" H
		"Mcp-Session-Id: 0123456789abcdef\r\nX: a\tb \r\n\r\n",
		"GET http://localhost/ HTTP/1.0\r\n\r\n" };
	static const char *const last[] = { "GET / HTTP/3.0\r\n\r\n",
		GET "X\r\n\r\n", CHUNKED "1\r\nxx\r\n", "", GET "Accept: " };
	const char *text = getenv("TEST_SEED");
	uint32_t seed = text != NULL ? (uint32_t)strtoul(text, NULL, 10)
				     : (uint32_t)time(NULL) | 1;
	uint32_t x = seed;
	struct buf raw;

	printf("random_cuts_change_nothing: TEST_SEED=%u\n", seed);
	buf_init(&raw);
	for (unsigned round = 0; round < 300; round++) {
		struct trace whole;
		size_t unused = 0;

		buf_clear(&raw);
		for (unsigned i = 0; i < 8; i++) {
			(void)cut_random(&x, SIZE_MAX);
			buf_cstr(&raw, parts[x % 5]);
		}
		buf_cstr(&raw, last[x / 7 % 5]);
		trace_init(&whole);
		trace_run(&whole, buf_view(&raw), &http_limits_default,
		    cut_whole, &unused);
		ck_assert_uint_ge(whole.complete, 8);
		for (unsigned i = 0; i < 20; i++)
			trace_same(&whole, buf_view(&raw), &http_limits_default,
			    cut_random, &x, "random", seed);
		trace_finish(&whole);
	}
	buf_finish(&raw);
}
END_TEST

UNIT_MAIN("http/parser", request_line_rules, target_rules, field_rules,
    host_rules, connection_and_expect_rules, framing_rules, chunk_rules,
    slices_name_the_parts_of_a_request, each_known_field_is_found,
    an_absolute_target_replaces_host, keep_alive_follows_version_and_options,
    errors_show_at_their_first_byte, declared_length_is_refused_behind_the_head,
    limits_hold_to_the_byte, fields_and_trailers_are_counted_together,
    a_limit_above_the_table_is_cut_to_it, framing_has_a_price_per_byte,
    compact_closes_the_gap, random_cuts_change_nothing)
