/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a scripted server: every framing, bytewise answers,
 * keep-alive, refusals of what is malformed, deadlines. */
#include "http/client.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "unit/http/trace.h"
#include "unit/unit.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* One connection after the other; on each, one answer per request until
 * the connection's answers are used up. */
struct script {
	const struct str *answers; /* an empty one closes the connection */
	size_t len;
	size_t part; /* bytes per write */
	bool hold; /* keep the last connection until the client goes */
	int listener; /* owned */
	pthread_t thread;
	struct buf requests; /* owned; all that came */
	unsigned connections;
};

/* Reads one request; false at the end of the connection. */
static bool
request_read(struct script *s, int fd)
{
	struct http_parser p;
	static char bytes[65536];
	size_t len = 0;
	enum http_result r = HTTP_MORE;
	ssize_t n;

	http_parser_init(&p, &http_limits_default);
	while (r == HTTP_MORE) {
		n = recv(fd, bytes + len, 1, 0);
		if (n <= 0)
			return false;
		len++;
		r = http_parser_feed(&p, bytes, len);
		if (r == HTTP_HEAD_DONE)
			r = http_parser_feed(&p, bytes, len);
	}
	buf_append(&s->requests, bytes, len);
	return r == HTTP_COMPLETE;
}

static void
answer_write(int fd, struct str answer, size_t part)
{
	for (size_t i = 0; i < answer.len; i += part) {
		struct str now = str_sub(answer, i, i + part);

		if (send(fd, now.ptr, now.len, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void *
serve(void *arg)
{
	struct script *s = arg;
	size_t i = 0;

	while (i < s->len) {
		int fd = accept(s->listener, NULL, NULL);

		ck_assert_int_ge(fd, 0);
		s->connections++;
		while (i < s->len && request_read(s, fd)) {
			struct str answer = s->answers[i++];

			answer_write(fd, answer, s->part);
			if (i == s->len && s->hold) {
				char c;

				while (recv(fd, &c, 1, 0) > 0)
					;
			}
			if (i < s->len && s->answers[i].len == 0) {
				i++;
				break;
			}
		}
		close(fd);
	}
	return NULL;
}

static char url_text[160];

static void
script_start(struct script *s, bool unix_socket)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(in);

	buf_init(&s->requests);
	s->connections = 0;
	if (unix_socket) {
		snprintf(un.sun_path, sizeof(un.sun_path),
		    "/tmp/toolpost-client-%ld.sock", (long)getpid());
		snprintf(url_text, sizeof(url_text), "unix:%s", un.sun_path);
		(void)unlink(un.sun_path);
		s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(
		    bind(s->listener, (struct sockaddr *)&un, sizeof(un)), 0);
	} else {
		s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(
		    bind(s->listener, (struct sockaddr *)&in, sizeof(in)), 0);
		ck_assert_int_eq(
		    getsockname(s->listener, (struct sockaddr *)&in, &len), 0);
		snprintf(url_text, sizeof(url_text),
		    "http://127.0.0.1:%u/mcp?x", ntohs(in.sin_port));
	}
	ck_assert_int_eq(listen(s->listener, 4), 0);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
script_stop(struct script *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
	buf_finish(&s->requests);
	if (strncmp(url_text, "unix:", 5) == 0)
		(void)unlink(url_text + 5);
}

static struct http_client *
client(void)
{
	struct http_client *c;
	struct http_url u;
	struct err err;

	ck_assert_int_eq(http_url_parse(&u, str_of(url_text), &err), 0);
	c = http_client_create(&u, &err);
	ck_assert_ptr_nonnull(c);
	return c;
}

static int64_t
soon(void)
{
	return clock_now_ns() + 20 * NS_PER_S;
}

static int
get(struct http_client *c, struct http_reply *r, struct err *err)
{
	return http_client_send(
	    c, "GET", NULL, 0, STR_NONE, r, NULL, NULL, soon(), err);
}

/* The answer, in parts of 1 byte and whole: what the client returns. */
static void
answer_is(struct str answer, int want_rc, int status, const char *body)
{
	const struct str answers[] = { answer };
	struct http_client *c;
	struct http_reply r;
	struct err err;
	int rc;

	for (size_t part = 1; part <= 100000; part += 99999) {
		struct script s = {
			.answers = answers, .len = 1, .part = part
		};

		script_start(&s, false);
		c = client();
		http_reply_init(&r);
		err.text[0] = '\0';
		rc = get(c, &r, &err);
		ck_assert_msg(rc == want_rc, "%.*s: %d %s", STR_FMT(answer), rc,
		    err.text);
		if (rc == 0) {
			ck_assert_int_eq(r.status, status);
			ck_assert_msg(
			    str_equal(buf_view(&r.body), str_of(body)),
			    "body %.*s", STR_FMT(buf_view(&r.body)));
		}
		http_reply_finish(&r);
		http_client_destroy(c);
		script_stop(&s);
	}
}

START_TEST(every_framing_is_read)
{
	answer_is(S(OK "Content-Length: 5\r\n\r\nhello"), 0, 200, "hello");
	answer_is(S(OK "content-length:0\r\n\r\n"), 0, 200, "");
	answer_is(
	    S(OK "Transfer-Encoding: chunked\r\n\r\n"
		 "5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n"),
	    0, 200, "hello0123456789");
	answer_is(S(OK "\r\nuntil the end"), 0, 200, "until the end");
	answer_is(S("HTTP/1.0 404 Not Found\r\n\r\nx"), 0, 404, "x");
	answer_is(S("HTTP/1.1 204\r\n\r\n"), 0, 204, "");
	answer_is(S("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n"
		    "Link: x\r\n\r\nHTTP/1.1 202 Accepted\r\n"
		    "Content-Length: 0\r\n\r\n"),
	    0, 202, "");
}
END_TEST

START_TEST(malformed_answers_are_refused)
{
	static const struct str bad[] = { STR("HTTP/2 200 OK\r\n\r\n"),
		STR("HTTP/1.1 2000 OK\r\n\r\n"), STR("hello\r\n\r\n"),
		STR("HTTP/1.1 200 OK\n\n"), STR(OK "X y\r\n\r\n"),
		STR(OK ": y\r\n\r\n"), STR(OK "X : y\r\n\r\n"),
		STR(OK " X: y\r\n\r\n"), STR(OK "X: \x01\r\n\r\n"),
		STR(OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
		STR(OK "Content-Length: +1\r\n\r\nx"),
		STR(OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"
		       "\r\n0\r\n\r\n"),
		STR(OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
		STR(OK "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n"),
		STR(OK "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n"),
		STR(OK "Transfer-Encoding: chunked\r\n\r\n"
		       "1000000000000000\r\n"),
		STR("HTTP/1.1 101 Switching Protocols\r\n\r\n") };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		answer_is(bad[i], ERR_SYNTAX, 0, "");
}
END_TEST

START_TEST(an_answer_cut_short_is_an_error)
{
	answer_is(S("HTTP/1.1 200 OK\r\nX: y\r\n"), ERR_IO, 0, "");
	answer_is(S(OK "Content-Length: 5\r\n\r\nhell"), ERR_IO, 0, "");
	answer_is(S(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
	    ERR_IO, 0, "");
}
END_TEST

START_TEST(a_head_without_end_is_refused)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, OK "X: ");
	for (unsigned i = 0; i < 70000; i++)
		buf_char(&b, 'x');
	answer_is(buf_view(&b), ERR_LIMIT, 0, "");
	buf_finish(&b);
}
END_TEST

START_TEST(a_connection_is_used_again_until_the_server_closes_it)
{
	static const struct str answers[] = { STR(OK
						  "Content-Length: 1\r\n\r\na"),
		STR(OK "Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n"),
		STR(""), /* closed while idle: seen, nothing is lost */
		STR(OK "Content-Length: 1\r\nConnection: close\r\n\r\nc"),
		STR(""), STR(OK "Content-Length: 1\r\n\r\nd") };
	struct script s = { .answers = answers, .len = 6, .part = 1000 };
	struct http_client *c;
	struct http_reply r;
	struct err err;
	char got[5] = "";

	script_start(&s, true);
	c = client();
	http_reply_init(&r);
	for (unsigned i = 0; i < 4; i++) {
		int rc = get(c, &r, &err);

		/* The close may race with the next request; then it is an
		 * error that says so, and the request is the caller's to
		 * send again. */
		if (rc == ERR_IO)
			rc = get(c, &r, &err);
		ck_assert_msg(rc == 0, "%u: %s", i, err.text);
		got[i] = r.body.ptr[0];
	}
	ck_assert_str_eq(got, "abcd");
	ck_assert_uint_eq(s.connections, 3);
	http_reply_finish(&r);
	http_client_destroy(c);
	script_stop(&s);
}
END_TEST

START_TEST(a_request_says_what_it_was_told)
{
	static const struct str answers[] = { STR(
	    OK "Content-Length: 0\r\nX-One: 1\r\nx-one: 2\r\n\r\n") };
	const struct http_header h[] = { { "Mcp-Method", STR("ping") } };
	const struct http_header bad[] = { { "X", STR("a\r\nY: b") } };
	struct script s = { .answers = answers, .len = 1, .part = 1000 };
	struct http_client *c;
	struct http_reply r;
	struct err err;
	struct str sent;

	script_start(&s, false);
	c = client();
	http_reply_init(&r);
	ck_assert_int_eq(http_client_send(c, "POST", bad, 1, S("{}"), &r, NULL,
			     NULL, soon(), &err),
	    ERR_SYNTAX);
	ck_assert_int_eq(http_client_send(c, "POST", h, 1, S("{}"), &r, NULL,
			     NULL, soon(), &err),
	    0);
	ck_assert(str_equal(http_reply_field(&r, S("X-ONE")), S("1")));
	ck_assert_uint_eq(http_reply_field(&r, S("X-Two")).len, 0);
	http_reply_finish(&r);
	http_client_destroy(c);
	pthread_join(s.thread, NULL);
	sent = buf_view(&s.requests);
	ck_assert(
	    str_starts(sent, S("POST /mcp?x HTTP/1.1\r\nHost: 127.0.0.1:")));
	ck_assert(str_ends(
	    sent, S("Content-Length: 2\r\nMcp-Method: ping\r\n\r\n{}")));
	close(s.listener);
	buf_finish(&s.requests);
}
END_TEST

static int
collect(void *arg, struct str bytes)
{
	struct buf *b = arg;

	buf_str(b, bytes);
	return b->len >= 6 ? 42 : 0;
}

START_TEST(a_stream_is_handed_on_and_ended_by_the_callback)
{
	static const struct str answers[] = { STR(
	    OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n") };
	struct script s = {
		.answers = answers, .len = 1, .part = 1, .hold = true
	};
	struct http_client *c;
	struct http_reply r;
	struct buf got;
	struct err err;

	buf_init(&got);
	script_start(&s, false);
	c = client();
	http_reply_init(&r);
	ck_assert_int_eq(http_client_send(c, "GET", NULL, 0, STR_NONE, &r,
			     collect, &got, soon(), &err),
	    42);
	ck_assert(str_equal(buf_view(&got), S("abcdef")));
	ck_assert_uint_eq(r.body.len, 0);
	http_reply_finish(&r);
	http_client_destroy(c);
	script_stop(&s);
	buf_finish(&got);
}
END_TEST

START_TEST(a_silent_server_ends_at_the_deadline)
{
	static const struct str answers[] = { STR(OK) };
	struct script s = {
		.answers = answers, .len = 1, .part = 1000, .hold = true
	};
	struct http_client *c;
	struct http_reply r;
	struct err err;

	script_start(&s, false);
	c = client();
	http_reply_init(&r);
	ck_assert_int_eq(http_client_send(c, "GET", NULL, 0, STR_NONE, &r, NULL,
			     NULL, clock_now_ns() + 50 * NS_PER_MS, &err),
	    ERR_TIMEOUT);
	http_reply_finish(&r);
	http_client_destroy(c); /* ends a server that never answered, too */
	shutdown(s.listener, SHUT_RDWR);
	script_stop(&s);
}
END_TEST

START_TEST(nobody_listening_is_said)
{
	struct http_url u;
	struct http_client *c;
	struct http_reply r;
	struct err err;

	ck_assert_int_eq(
	    http_url_parse(&u, S("unix:/nonexistent/x.sock"), &err), 0);
	c = http_client_create(&u, &err);
	http_reply_init(&r);
	ck_assert_int_eq(get(c, &r, &err), ERR_IO);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/x.sock"));
	http_reply_finish(&r);
	http_client_destroy(c);
	http_client_destroy(NULL);
}
END_TEST

START_TEST(urls_are_taken_apart)
{
	static const struct str bad[] = { STR(""), STR("http://"),
		STR("http:///x"), STR("http://:80/"), STR("http://a:/"),
		STR("http://a:0/"), STR("http://a:65536"), STR("http://u@a/"),
		STR("http://[::1"), STR("http://[::1]x/"), STR("ftp://a/"),
		STR("http://a/b c"), STR("http://a/\x80"), STR("unix:") };
	struct http_url u;
	struct err err;

	ck_assert_int_eq(http_url_parse(&u, S("http://[::1]:81/a?b"), &err), 0);
	ck_assert(str_equal(u.host, S("::1")));
	ck_assert(str_equal(u.path, S("/a?b")));
	ck_assert_uint_eq(u.port, 81);
	ck_assert_int_eq(http_url_parse(&u, S("http://a"), &err), 0);
	ck_assert(str_equal(u.path, S("/")));
	ck_assert_uint_eq(u.port, 80);
	ck_assert_int_eq(http_url_parse(&u, S("unix:/a"), &err), 0);
	ck_assert(str_equal(u.socket_path, S("/a")));
	ck_assert(str_equal(u.path, S("/mcp")));
	ck_assert_int_eq(
	    http_url_parse(&u, S("https://a/"), &err), ERR_UNSUPPORTED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(http_url_parse(&u, bad[i], &err) == ERR_SYNTAX,
		    "%.*s", STR_FMT(bad[i]));
}
END_TEST

UNIT_MAIN("http/client", every_framing_is_read, malformed_answers_are_refused,
    an_answer_cut_short_is_an_error, a_head_without_end_is_refused,
    a_connection_is_used_again_until_the_server_closes_it,
    a_request_says_what_it_was_told,
    a_stream_is_handed_on_and_ended_by_the_callback,
    a_silent_server_ends_at_the_deadline, nobody_listening_is_said,
    urls_are_taken_apart)
