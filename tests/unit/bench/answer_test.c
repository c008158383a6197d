/* SPDX-License-Identifier: Apache-2.0 */
/* The judge is judged: right answers pass, each kind of wrong one is told. */
#include "bench/answer.h"
#include "bench/histogram.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "unit/unit.h"

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":1000001,"
#define TEXT "{\"type\":\"text\",\"text\":\"hello world\"}"
#define RIGHT HEAD "\"result\":{\"content\":[" TEXT "]}}"

static const struct bench_expect stateful = { true, false, STR("hello world") };
static const struct bench_expect stateless = { true, true, STR("hello world") };
static const struct bench_expect any = { false, false, { NULL, 0 } };

/* clang-format off */
static const struct {
	const char *json;
	const struct bench_expect *want;
	enum bench_fault fault;
	const char *why;
} answers[] = {
	{ RIGHT, &stateful, BENCH_RIGHT, NULL },
	{ " {\"result\" : {\"isError\":false, \"content\":[ " TEXT
	  " ]},\"id\": 1000001 ,\"jsonrpc\":\"2.0\"} ", &stateful, BENCH_RIGHT, NULL },
	{ HEAD "\"result\":{\"content\":[" TEXT "],\"resultType\":\"complete\"}}",
	  &stateless, BENCH_RIGHT, NULL },
	{ HEAD "\"result\":{\"tools\":[]}}", &any, BENCH_RIGHT, NULL },
	{ RIGHT, &stateless, BENCH_RESULT, "resultType is not complete" },
	{ HEAD "\"result\":{\"content\":[" TEXT "]}", &stateful, BENCH_SYNTAX, "not JSON" },
	{ RIGHT "x", &stateful, BENCH_SYNTAX, "not JSON" },
	{ HEAD "\"error\":{\"code\":-32602}}", &stateful, BENCH_ERROR, "an error" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":\"1000001\",\"result\":{}}", &any, BENCH_ID, "wrong id" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":100001,\"result\":{}}", &any, BENCH_ID, "wrong id" },
	{ "{\"jsonrpc\":\"2.0\",\"result\":{}}", &any, BENCH_ID, "no id" },
	{ HEAD "\"result\":[]}", &any, BENCH_RESULT, "no result" },
	{ "{\"id\":1000001,\"result\":{}}", &any, BENCH_SYNTAX, "jsonrpc is not 2.0" },
	{ HEAD "\"result\":{}}", &stateful, BENCH_RESULT, "no content" },
	{ HEAD "\"result\":{\"content\":[]}}", &stateful, BENCH_RESULT, "content is not a text" },
	{ HEAD "\"result\":{\"content\":[" TEXT "," TEXT "]}}", &stateful, BENCH_RESULT,
	  "more than one content block" },
	{ HEAD "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}}", &stateful,
	  BENCH_RESULT, "wrong text" },
	{ HEAD "\"result\":{\"isError\":true,\"content\":[" TEXT "]}}", &stateful, BENCH_RESULT,
	  "isError is set" },
};

static const struct {
	const char *events;
	enum bench_fault fault;
	const char *why;
} streams[] = {
	{ "data: " RIGHT "\n\n", BENCH_RIGHT, NULL },
	{ "id: 7\ndata: \n\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\r\n\r\ndata:"
	  RIGHT "\n\n", BENCH_RIGHT, NULL },
	{ "data: " RIGHT "\n\ndata: " RIGHT "\n\n", BENCH_ID, "a second answer" },
	{ ": nothing\n\n", BENCH_SYNTAX, "no answer in the stream" },
	{ "data: {\n\n", BENCH_SYNTAX, "an event is no JSON" },
	{ "data: " HEAD "\"error\":{}}\n\n", BENCH_ERROR, "an error" },
};
/* clang-format on */

START_TEST(each_kind_of_wrong_answer_is_told)
{
	struct json_doc doc;
	const char *why;
	uint32_t id;
	size_t i;

	json_doc_init(&doc);
	for (i = 0; i < ARRAY_LEN(answers); i++) {
		id = 0;
		why = "";
		ck_assert_msg(bench_answer_check(&doc, str_of(answers[i].json),
				  answers[i].want, &id, &why)
			== answers[i].fault,
		    "%s: %s", answers[i].json, why);
		if (answers[i].fault == BENCH_RIGHT)
			ck_assert_uint_eq(id, 1000001);
		else
			ck_assert_str_eq(why, answers[i].why);
	}
	json_doc_finish(&doc);
}
END_TEST

START_TEST(a_stream_has_one_answer)
{
	struct json_doc doc;
	const char *why;
	uint32_t id;
	size_t i;

	json_doc_init(&doc);
	for (i = 0; i < ARRAY_LEN(streams); i++) {
		why = "";
		ck_assert_msg(
		    bench_answer_events(
			&doc, str_of(streams[i].events), &stateful, &id, &why)
			== streams[i].fault,
		    "%s: %s", streams[i].events, why);
		if (streams[i].fault != BENCH_RIGHT)
			ck_assert_str_eq(why, streams[i].why);
	}
	json_doc_finish(&doc);
}
END_TEST

START_TEST(a_shape_differs_in_its_ids_alone)
{
	static const char learnt[] = "a 1000001 b 1000001 c";
	struct bench_shape s = { .len = 0 };
	uint32_t id = 0;

	ck_assert(!bench_shape_match(&s, S("a 1000001 b 1000001 c"), &id));
	bench_shape_learn(&s, str_of(learnt), 1000001);
	ck_assert_uint_eq(s.ids, 2);
	ck_assert(bench_shape_match(&s, S("a 1234567 b 1234567 c"), &id));
	ck_assert_uint_eq(id, 1234567);
	ck_assert(!bench_shape_match(&s, S("a 1234567 b 1234568 c"), &id));
	ck_assert(!bench_shape_match(&s, S("a 1234567 x 1234567 c"), &id));
	ck_assert(!bench_shape_match(&s, S("a 1234567 b 1234567 d"), &id));
	ck_assert(!bench_shape_match(&s, S("x 1234567 b 1234567 c"), &id));
	ck_assert(!bench_shape_match(&s, S("a 123456x b 123456x c"), &id));
	ck_assert(!bench_shape_match(&s, S("a 1234567 b 1234567 c "), &id));
}
END_TEST

START_TEST(a_shape_without_its_id_is_not_learnt)
{
	struct bench_shape s = { .len = 0 };

	bench_shape_learn(&s, S("no id at all"), 1000001);
	ck_assert_uint_eq(s.len, 0);
	bench_shape_learn(
	    &s, S("1000001 1000001 1000001 1000001 1000001"), 1000001);
	ck_assert_uint_eq(s.len, 0); /* more places than are kept */
}
END_TEST

START_TEST(a_quantile_is_at_most_two_percent_off)
{
	static struct bench_histogram h;
	int64_t i;

	for (i = 1; i <= 100000; i++)
		bench_histogram_put(&h, i * 1000);
	ck_assert_double_ge(bench_histogram_us(&h, 0.5), 50000);
	ck_assert_double_le(bench_histogram_us(&h, 0.5), 51000);
	ck_assert_double_ge(bench_histogram_us(&h, 0.99), 99000);
	ck_assert_double_le(bench_histogram_us(&h, 1), 100000);
	ck_assert_uint_eq(h.max_ns, 100000000);
}
END_TEST

UNIT_MAIN("bench/answer", each_kind_of_wrong_answer_is_told,
    a_stream_has_one_answer, a_shape_differs_in_its_ids_alone,
    a_shape_without_its_id_is_not_learnt, a_quantile_is_at_most_two_percent_off)
