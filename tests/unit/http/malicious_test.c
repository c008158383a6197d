/* SPDX-License-Identifier: Apache-2.0 */
/* The 119 raw requests of tests/data/http1-malicious, as far as the parser
 * alone decides them: whole, cut everywhere, and with a second valid request
 * behind.  HTTP-15, T-08. */
#include "http/parser.h"

#include "data/json.h"
#include "unit/http/trace.h"
#include "unit/unit.h"

#define CASES "tests/data/http1-malicious/cases.json"
#define CASES_LEN 119

/* These need a policy: an allow-list of hosts and origins, media types.  To
 * the parser they are sound; the server's test has them. */
static const char *const policy_cases[] = { "l-abs-evil", "s-rebind-host",
	"s-rebind-origin", "s-origin-null", "s-origin-prefix",
	"s-origin-suffix", "s-origin-userinfo", "s-text-plain", "s-form" };

static const struct str second = STR(
    "POST /second HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok");

static struct buf text;
static struct json_doc doc;
static const struct json_node *cases;

static void
load(void)
{
	buf_init(&text);
	json_doc_init(&doc);
	ck_assert(test_file(&text, CASES));
	ck_assert_int_eq(json_parse(&doc, buf_view(&text), JSON_GRAMMAR), 0);
	cases = json_get(&doc.nodes[0], S("cases"));
	ck_assert_uint_eq(json_count(cases), CASES_LEN);
}

static void
unload(void)
{
	json_doc_finish(&doc);
	buf_finish(&text);
}

static bool
needs_policy(struct str id)
{
	for (size_t i = 0; i < sizeof(policy_cases) / sizeof(*policy_cases);
	     i++)
		if (str_equal(id, str_of(policy_cases[i])))
			return true;
	return false;
}

static bool
status_allowed(const struct json_node *expect, int status)
{
	JSON_EACH_ELEMENT (s, json_get(expect, S("status"))) {
		int64_t n;

		if (json_i64(s, &n) == 0 && n == status)
			return true;
	}
	return false;
}

static void
accepted_check(const struct json_node *c, const struct trace *t)
{
	const struct json_node *expect = json_get(c, S("expect"));
	const struct json_node *body = json_get(expect, S("body"));
	struct str id = json_str(json_get(c, S("id")));
	int64_t responses = 1;

	(void)json_i64(json_get(expect, S("responses")), &responses);
	ck_assert_msg(
	    t->status == 0, "%.*s: refused %d", STR_FMT(id), t->status);
	ck_assert_msg(t->complete == (unsigned)responses, "%.*s: %u complete",
	    STR_FMT(id), t->complete);
	if (body != NULL)
		ck_assert_msg(str_equal(json_str(body), buf_view(&t->body)),
		    "%.*s: body %.*s", STR_FMT(id),
		    STR_FMT(buf_view(&t->body)));
}

static void
verdict_check(const struct json_node *c, const struct trace *t)
{
	const struct json_node *expect = json_get(c, S("expect"));
	struct str verdict = json_str(json_get(expect, S("verdict")));
	struct str id = json_str(json_get(c, S("id")));

	if (needs_policy(id) || str_equal(verdict, S("accept"))
	    || str_equal(verdict, S("any"))) {
		accepted_check(c, t);
	} else if (str_equal(verdict, S("interim"))) {
		ck_assert_msg(
		    t->expects_continue && t->status == 0 && t->complete == 0,
		    "%.*s: no 100-continue", STR_FMT(id));
	} else {
		ck_assert_msg(
		    str_equal(verdict, S("reject")), "%.*s", STR_FMT(verdict));
		ck_assert_msg(t->complete == 0, "%.*s: accepted", STR_FMT(id));
		ck_assert_msg(status_allowed(expect, t->status),
		    "%.*s: status %d", STR_FMT(id), t->status);
	}
}

START_TEST(each_case_gets_its_verdict)
{
	unsigned n = 0;

	load();
	JSON_EACH_ELEMENT (c, cases) {
		struct buf raw;
		struct trace t;

		buf_init(&raw);
		trace_init(&t);
		test_base64(&raw, json_str(json_get(c, S("raw_base64"))));
		trace_run(
		    &t, buf_view(&raw), &http_limits_default, cut_whole, NULL);
		verdict_check(c, &t);
		trace_finish(&t);
		buf_finish(&raw);
		n++;
	}
	ck_assert_uint_eq(n, CASES_LEN);
	unload();
}
END_TEST

START_TEST(cuts_do_not_change_a_verdict)
{
	load();
	JSON_EACH_ELEMENT (c, cases) {
		struct str id = json_str(json_get(c, S("id")));
		char name[64];
		struct buf raw;
		struct trace t;

		buf_init(&raw);
		trace_init(&t);
		snprintf(name, sizeof(name), "%.*s", STR_FMT(id));
		test_base64(&raw, json_str(json_get(c, S("raw_base64"))));
		trace_run(
		    &t, buf_view(&raw), &http_limits_default, cut_whole, NULL);
		trace_all_cuts(&t, buf_view(&raw), &http_limits_default, name);
		trace_finish(&t);
		buf_finish(&raw);
	}
	unload();
}
END_TEST

/* After a refusal no byte of what follows is looked at; after a sound request
 * the second is the second. */
START_TEST(a_second_request_is_reached_only_behind_a_sound_one)
{
	load();
	JSON_EACH_ELEMENT (c, cases) {
		struct str id = json_str(json_get(c, S("id")));
		struct trace alone, both;
		struct buf raw;
		size_t len;

		buf_init(&raw);
		trace_init(&alone);
		trace_init(&both);
		test_base64(&raw, json_str(json_get(c, S("raw_base64"))));
		len = raw.len;
		trace_run(&alone, buf_view(&raw), &http_limits_default,
		    cut_whole, NULL);
		buf_str(&raw, second);
		trace_run(&both, buf_view(&raw), &http_limits_default,
		    cut_whole, NULL);
		if (alone.status != 0) {
			ck_assert_int_eq(alone.status, both.status);
			ck_assert_uint_eq(both.complete, alone.complete);
			ck_assert_uint_eq(both.used, alone.used);
		} else if (alone.used == len) {
			ck_assert_msg(both.complete == alone.complete + 1,
			    "%.*s: the second is lost", STR_FMT(id));
			ck_assert(str_equal(buf_view(&both.body), S("ok")));
		}
		trace_all_cuts(&both, buf_view(&raw), &http_limits_default,
		    "two requests");
		trace_finish(&both);
		trace_finish(&alone);
		buf_finish(&raw);
	}
	unload();
}
END_TEST

UNIT_MAIN("http/malicious", each_case_gets_its_verdict,
    cuts_do_not_change_a_verdict,
    a_second_request_is_reached_only_behind_a_sound_one)
