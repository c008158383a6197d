/* SPDX-License-Identifier: Apache-2.0 */
/* The judge is judged: right answers pass, each kind of wrong one is told. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "histogram.h"
#include "requests.h"
#include "response.h"

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":1000001,"
#define TEXT "{\"type\":\"text\",\"text\":\"hello world\"}"

static unsigned passed;
static unsigned failed;

static const struct {
	const char *json;
	enum answer_era era;
	const char *wrong; /* NULL: right */
} answers[] = {
	{ HEAD "\"result\":{\"content\":[" TEXT "]}}", ANSWER_STATEFUL, NULL },
	{ " {\"result\" : {\"isError\":false, \"content\":[ " TEXT
	  " ]},\"id\": 1000001 ,\"jsonrpc\":\"2.0\"} ",
	    ANSWER_STATEFUL, NULL },
	{ HEAD "\"result\":{\"content\":[" TEXT
	       "],\"resultType\":\"complete\"}}",
	    ANSWER_STATELESS, NULL },
	{ HEAD "\"result\":{\"content\":[" TEXT "]}}", ANSWER_STATELESS,
	    "resultType is not complete" },
	{ HEAD "\"result\":{\"content\":[" TEXT "]}", ANSWER_STATEFUL,
	    "not JSON" },
	{ HEAD "\"result\":{\"content\":[" TEXT "]}}x", ANSWER_STATEFUL,
	    "not JSON" },
	{ HEAD "\"error\":{\"code\":-32602}}", ANSWER_STATEFUL, "an error" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":\"1000001\",\"result\":{}}",
	    ANSWER_STATEFUL, "wrong id" },
	{ "{\"jsonrpc\":\"2.0\",\"result\":{}}", ANSWER_STATEFUL, "no id" },
	{ "{\"id\":1000001,\"result\":{}}", ANSWER_STATEFUL,
	    "jsonrpc is not 2.0" },
	{ HEAD "\"result\":{\"content\":[]}}", ANSWER_STATEFUL,
	    "content is not a text" },
	{ HEAD "\"result\":{\"content\":[" TEXT "," TEXT "]}}", ANSWER_STATEFUL,
	    "more than one content block" },
	{ HEAD "\"result\":{\"content\":[{\"type\":\"text\","
	       "\"text\":\"hello\"}]}}",
	    ANSWER_STATEFUL, "wrong text" },
	{ HEAD "\"result\":{\"isError\":true,\"content\":[" TEXT "]}}",
	    ANSWER_STATEFUL, "isError is set" },
};

static void
expect(int right, const char *what)
{
	if (right) {
		passed++;
		return;
	}
	failed++;
	printf("FAILED %s\n", what);
}

static void
answers_are_judged(void)
{
	size_t i, id_at;
	uint32_t id;

	for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		const char *wrong = answer_check(answers[i].json,
		    strlen(answers[i].json), answers[i].era, &id, &id_at);

		if (answers[i].wrong == NULL)
			expect(wrong == NULL && id == 1000001, answers[i].json);
		else
			expect(wrong != NULL
				&& strcmp(wrong, answers[i].wrong) == 0,
			    answers[i].json);
	}
}

static void
shape_differs_in_the_id_only(void)
{
	static struct answer_shape shape;
	const char *json = answers[0].json;
	size_t len = strlen(json);
	char other[256];
	uint32_t id = 0;
	size_t i;

	expect(!answer_shape_match(&shape, json, len, &id), "empty shape");
	answer_shape_learn(&shape, json, len, REQUESTS_ID_AT);
	memcpy(other, json, len);
	requests_id_put(other + REQUESTS_ID_AT, 7654321);
	expect(answer_shape_match(&shape, other, len, &id) && id == 7654321,
	    "another id");
	expect(!answer_shape_match(&shape, other, len - 1, &id), "shorter");
	for (i = 0; i < len; i++) {
		memcpy(other, json, len);
		other[i] = '~';
		if (answer_shape_match(&shape, other, len, &id))
			break;
	}
	expect(i == len, "any byte changed");
}

static void
response_is_read_at_every_cut(void)
{
	static const char text[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Mcp-Session-Id: s1\r\nContent-Length: 2\r\n\r\n{}";
	static const char chunked[] =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
	static struct response r;
	size_t i;

	for (i = 0; i < sizeof text - 1; i++)
		if (response_parse(&r, text, i) != RESPONSE_PARTIAL)
			break;
	expect(i == sizeof text - 1, "cut by length");
	expect(response_parse(&r, text, i) == RESPONSE_WHOLE && r.json
		&& r.status == 200 && r.total == i && r.body_len == 2
		&& strcmp(r.session, "s1") == 0,
	    "whole by length");
	for (i = 0; i < sizeof chunked - 1; i++)
		if (response_parse(&r, chunked, i) != RESPONSE_PARTIAL)
			break;
	expect(i == sizeof chunked - 1, "cut by chunks");
	expect(response_parse(&r, chunked, i) == RESPONSE_WHOLE && !r.json
		&& r.total == i && r.body_len == 2
		&& memcmp(r.body, "{}", 2) == 0,
	    "whole by chunks");
	expect(
	    response_parse(&r, "HTTP/1.1 200 OK\r\n\r\n", 19) == RESPONSE_BAD,
	    "no framing");
}

static void
requests_have_the_agreed_bytes(void)
{
	static struct request q;

	requests_http(
	    &q, REQUESTS_W1, "127.0.0.1:7423", "/mcp", REQUESTS_NO_SESSION);
	printf("W1 is %zu bytes, id at %zu\n", q.len, q.id_at);
	expect(memcmp(q.bytes + q.id_at, "1000001", 7) == 0, "W1 id");
	expect(q.len == 341, "W1 length");
	requests_http(&q, REQUESTS_W2, "127.0.0.1:7423", "/mcp", "");
	printf("W2 is %zu bytes, id at %zu\n", q.len, q.id_at);
	expect(memcmp(q.bytes + q.id_at, "1000001", 7) == 0, "W2 id");
	expect(q.len == 509, "W2 length");
}

static void
quantiles_are_close(void)
{
	static struct histogram h;
	double p50, p99;
	int i;

	for (i = 1; i <= 100000; i++)
		histogram_put(&h, i * 10);
	p50 = histogram_quantile_us(&h, 0.5);
	p99 = histogram_quantile_us(&h, 0.99);
	expect(p50 >= 500 && p50 <= 510, "median");
	expect(p99 >= 990 && p99 <= 1000, "99 %");
	expect(h.max_ns == 1000000, "maximum");
}

int
main(void)
{
	answers_are_judged();
	shape_differs_in_the_id_only();
	response_is_read_at_every_cut();
	requests_have_the_agreed_bytes();
	quantiles_are_close();
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
