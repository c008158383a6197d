/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/response.h"

#include <string.h>

#include "base/check.h"
#include "unit/unit.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* clang-format off */
static const struct {
	const char *bytes;
	enum bench_response_state state;
	const char *body;
} cases[] = {
	{ OK "Content-Length: 3\r\n\r\nabc", BENCH_RESPONSE_WHOLE, "abc" },
	{ OK "content-LENGTH:3\r\n\r\nabcdef", BENCH_RESPONSE_WHOLE, "abc" },
	{ OK "Content-Length: 3\r\n\r\nab", BENCH_RESPONSE_PARTIAL, NULL },
	{ OK "Content-Len", BENCH_RESPONSE_PARTIAL, NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nA;x\r\n0123456789\r\n0\r\n\r\n",
	  BENCH_RESPONSE_WHOLE, "ab0123456789" },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", BENCH_RESPONSE_PARTIAL, NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", BENCH_RESPONSE_BAD, NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n", BENCH_RESPONSE_BAD, NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n123456789\r\n\r\n", BENCH_RESPONSE_BAD, NULL },
	{ OK "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na", BENCH_RESPONSE_BAD, NULL },
	{ OK "Transfer-Encoding: gzip\r\n\r\n", BENCH_RESPONSE_BAD, NULL },
	{ OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", BENCH_RESPONSE_BAD, NULL },
	{ OK "Content-Length: -3\r\n\r\nabc", BENCH_RESPONSE_BAD, NULL },
	{ OK "no colon\r\n\r\n", BENCH_RESPONSE_BAD, NULL },
	{ OK "\r\n", BENCH_RESPONSE_BAD, NULL },
	{ "\r\n", BENCH_RESPONSE_BAD, NULL },
	{ "HTTP/1.1 202 Accepted\r\n\r\n", BENCH_RESPONSE_WHOLE, "" },
	{ "SSH-2.0-other\r\n\r\n", BENCH_RESPONSE_BAD, NULL },
};
/* clang-format on */

START_TEST(answers_are_cut_where_they_end)
{
	struct bench_response r;
	size_t i;

	bench_response_init(&r);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert_msg(bench_response_parse(&r, str_of(cases[i].bytes))
			== cases[i].state,
		    "%s", cases[i].bytes);
		if (cases[i].body != NULL)
			ck_assert(str_equal(r.body, str_of(cases[i].body)));
	}
	bench_response_finish(&r);
}
END_TEST

START_TEST(the_headers_that_matter_are_kept)
{
	struct bench_response r;

	bench_response_init(&r);
	ck_assert(bench_response_parse(&r,
		      S("HTTP/1.1 201 Made\r\nContent-Type: "
			"application/json; charset=utf-8\r\nMcp-Session-Id: "
			"abc\r\nConnection: close\r\n"
			"Content-Length: 0\r\n\r\n"))
	    == BENCH_RESPONSE_WHOLE);
	ck_assert_int_eq(r.status, 201);
	ck_assert(r.json && r.closing && !r.events && !r.chunked);
	ck_assert_str_eq(r.session, "abc");
	ck_assert(bench_response_head(&r,
		      S("HTTP/1.1 200 OK\r\nContent-Type: "
			"text/event-stream\r\nTransfer-Encoding: "
			"chunked\r\n\r\n5\r\nda"))
	    == BENCH_RESPONSE_WHOLE);
	ck_assert(r.events && !r.json && r.session[0] == '\0');
	bench_response_finish(&r);
}
END_TEST

UNIT_MAIN("bench/response", answers_are_cut_where_they_end,
    the_headers_that_matter_are_kept)
