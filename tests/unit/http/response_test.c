/* SPDX-License-Identifier: Apache-2.0 */
/* Answers byte for byte, and what a value may not do to them. */
#include "unit/base/alloc_fail.h"

#include "base/buf.c"

#include "http/response.h"

#include "base/err.h"
#include "unit/unit.h"

/* 2026-07-28 10:00:00 */
#define WALL_NS INT64_C(1785232800000000000)
#define DATE "Date: Tue, 28 Jul 2026 10:00:00 GMT\r\n"

static struct http_response
plain(int status)
{
	return (struct http_response){ .status = status,
		.content_type = "application/json",
		.keep_alive = true,
		.wall_ns = WALL_NS };
}

static void
expect_answer(const struct http_response *r, struct str body, int want_rc,
    struct str want)
{
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(http_response_write(&out, r, body), want_rc);
	ck_assert_msg(str_equal(buf_view(&out), want), "got %.*s",
	    STR_FMT(buf_view(&out)));
	buf_finish(&out);
}

START_TEST(an_answer_has_status_date_type_length_and_nosniff)
{
	struct http_response r = plain(200);

	expect_answer(&r, S("{}"), 0,
	    S("HTTP/1.1 200 OK\r\n" DATE
	      "Content-Type: application/json\r\nContent-Length: 2\r\n"
	      "X-Content-Type-Options: nosniff\r\n\r\n{}"));
}
END_TEST

START_TEST(close_and_own_headers_are_written)
{
	const struct http_header h[] = { { "Allow", STR("GET, POST") },
		{ "X-Empty", STR("") } };
	struct http_response r = plain(405);

	r.keep_alive = false;
	r.content_type = NULL;
	r.headers = h;
	r.headers_len = 2;
	expect_answer(&r, STR_NONE, 0,
	    S("HTTP/1.1 405 Method Not Allowed\r\n" DATE
	      "Content-Length: 0\r\nX-Content-Type-Options: nosniff\r\n"
	      "Connection: close\r\nAllow: GET, POST\r\nX-Empty: "
	      "\r\n\r\n"));
}
END_TEST

START_TEST(an_unsafe_value_is_left_out_and_reported)
{
	static const struct str bad[] = { STR("a\rb"), STR("a\nb"), STR("a\0b"),
		STR("\r\nX: y"), STR("\x7f") };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct http_header h[] = { { "X-Bad", bad[i] },
			{ "X-Good", STR("y") } };
		struct http_response r = plain(500);

		r.headers = h;
		r.headers_len = 2;
		expect_answer(&r, S("{}"), ERR_SYNTAX,
		    S("HTTP/1.1 500 Internal Server Error\r\n" DATE
		      "Content-Type: application/json\r\n"
		      "Content-Length: 2\r\n"
		      "X-Content-Type-Options: nosniff\r\n"
		      "X-Good: y\r\n\r\n{}"));
	}
}
END_TEST

START_TEST(head_has_the_length_without_the_content)
{
	struct http_response r = plain(200);

	r.no_body = true;
	expect_answer(&r, S("12345"), 0,
	    S("HTTP/1.1 200 OK\r\n" DATE
	      "Content-Type: application/json\r\nContent-Length: 5\r\n"
	      "X-Content-Type-Options: nosniff\r\n\r\n"));
}
END_TEST

START_TEST(no_content_has_no_length)
{
	struct http_response r = plain(204);

	r.content_type = NULL;
	expect_answer(&r, S("ignored"), 0,
	    S("HTTP/1.1 204 No Content\r\n" DATE
	      "X-Content-Type-Options: nosniff\r\n\r\n"));
}
END_TEST

START_TEST(accepted_has_length_zero) /* HTTP-10 */
{
	struct http_response r = plain(202);

	r.content_type = NULL;
	expect_answer(&r, STR_NONE, 0,
	    S("HTTP/1.1 202 Accepted\r\n" DATE
	      "Content-Length: 0\r\nX-Content-Type-Options: nosniff"
	      "\r\n\r\n"));
}
END_TEST

START_TEST(chunks_frame_a_stream)
{
	struct http_response r = plain(200);
	struct buf out;

	r.chunked = true;
	r.content_type = "text/event-stream";
	buf_init(&out);
	ck_assert_int_eq(http_response_head(&out, &r, 0), 0);
	http_chunk_write(&out, S("0123456789abcdefX"));
	http_chunk_write(&out, STR_NONE); /* would end the stream */
	http_chunk_write(&out, S("y"));
	http_chunk_end(&out);
	ck_assert(str_ends(buf_view(&out),
	    S("Transfer-Encoding: chunked\r\n"
	      "X-Content-Type-Options: nosniff\r\n\r\n"
	      "11\r\n0123456789abcdefX\r\n1\r\ny\r\n0\r\n\r\n")));
	buf_finish(&out);
}
END_TEST

START_TEST(the_date_changes_with_the_second_only)
{
	struct http_date_cache date = { 0 };
	struct http_response r = plain(200);
	struct buf out;

	buf_init(&out);
	r.date = &date;
	ck_assert_int_eq(http_response_head(&out, &r, 0), 0);
	ck_assert_int_eq(date.second, WALL_NS / 1000000000);
	date.line[6] = 'X'; /* seen again: not formatted again */
	r.wall_ns += 999999999;
	buf_clear(&out);
	ck_assert_int_eq(http_response_head(&out, &r, 0), 0);
	ck_assert(str_starts(buf_view(&out),
	    S("HTTP/1.1 200 OK\r\nDate: Xue, 28 Jul 2026 10:00:00 GMT\r\n")));
	r.wall_ns += 1;
	buf_clear(&out);
	ck_assert_int_eq(http_response_head(&out, &r, 0), 0);
	ck_assert(str_starts(buf_view(&out),
	    S("HTTP/1.1 200 OK\r\nDate: Tue, 28 Jul 2026 10:00:01 GMT\r\n")));
	buf_finish(&out);
}
END_TEST

/* Nothing of the first of them is left when the second changes. */
START_TEST(a_kept_head_has_the_bytes_of_one_that_is_made)
{
	const struct http_header h[] = { { "Cache-Control", STR("no-cache") } };
	struct http_date_cache date = { 0 };
	struct http_kept_head json = { 0 }, events = { 0 };
	struct http_response r = plain(200), stream = plain(200);
	struct buf want, out;

	stream.chunked = true;
	stream.headers = h;
	stream.headers_len = 1;
	buf_init(&want);
	buf_init(&out);
	for (int i = 0; i < 6; i++) {
		struct str body =
		    str_sub(S("{\"a\":12345}"), 0, i % 2 == 0 ? 2 : 12);

		r.wall_ns = stream.wall_ns = WALL_NS + i * INT64_C(500000000);
		buf_clear(&want);
		buf_clear(&out);
		ck_assert_int_eq(http_response_write(&want, &r, body), 0);
		ck_assert_int_eq(http_response_head(&want, &stream, 0), 0);
		ck_assert_int_eq(
		    http_response_json(&out, &json, &date, r.wall_ns, body), 0);
		ck_assert_int_eq(
		    http_response_head_kept(&out, &events, &stream), 0);
		ck_assert_msg(str_equal(buf_view(&out), buf_view(&want)),
		    "%d: %.*s", i, STR_FMT(buf_view(&out)));
	}
	ck_assert_uint_gt(events.len, 0);
	buf_finish(&want);
	buf_finish(&out);
}
END_TEST

START_TEST(every_status_of_ours_has_a_text)
{
	static const int all[] = { 200, 202, 204, 400, 401, 403, 404, 405, 406,
		408, 413, 414, 415, 417, 429, 431, 500, 501, 503, 505 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		ck_assert_str_ne(http_status_text(all[i]), "Unknown");
	ck_assert_str_eq(http_status_text(299), "Unknown");
}
END_TEST

START_TEST(continue_is_one_line)
{
	struct buf out;

	buf_init(&out);
	http_response_continue(&out);
	ck_assert(
	    str_equal(buf_view(&out), S("HTTP/1.1 100 Continue\r\n\r\n")));
	buf_finish(&out);
}
END_TEST

/* Whichever growth fails: ERR_NOMEM, and no half answer with success. */
START_TEST(memory_failure_is_reported)
{
	struct http_response r = plain(200);
	struct buf out;
	char body[4096];
	bool failed = true;

	memset(body, 'x', sizeof(body));
	r.chunked = true;
	for (int nth = 1; failed; nth++) {
		struct str text = { body, sizeof(body) };
		int rc;

		ck_assert_int_lt(nth, 20);
		buf_init(&out);
		alloc_fail_at = nth;
		rc = http_response_write(&out, &r, text);
		http_chunk_write(&out, text);
		failed = out.failed;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
		ck_assert(rc == 0 || failed);
		alloc_fail_at = 0;
		buf_finish(&out);
	}
}
END_TEST

UNIT_MAIN("http/response", an_answer_has_status_date_type_length_and_nosniff,
    close_and_own_headers_are_written, an_unsafe_value_is_left_out_and_reported,
    head_has_the_length_without_the_content, no_content_has_no_length,
    accepted_has_length_zero, chunks_frame_a_stream,
    the_date_changes_with_the_second_only,
    a_kept_head_has_the_bytes_of_one_that_is_made,
    every_status_of_ours_has_a_text, continue_is_one_line,
    memory_failure_is_reported)
