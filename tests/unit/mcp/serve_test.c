/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and their answers, also when memory runs out anywhere on the way. */
#include <stdio.h>

#include "unit/data/alloc.h"
#include "unit/mcp/rig.h"

static const char call_stateless[] =
    "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0062\",\"method\":\"tools/call\","
    "\"params\":{\"name\":\"say\",\"arguments\":{\"x\":[1,{\"y\":2}]}," RIG_META
    "}}";
static const char call_stateful[] =
    "{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"tools/call\","
    "\"params\":{\"name\":\"say\"}}";
static const char listen[] =
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\","
    "\"params\":{\"notifications\":{\"toolsListChanged\":true,"
    "\"resourceSubscriptions\":[\"rig://one\"]}," RIG_META "}}";

START_TEST(each_era_gets_its_own_answer) /* MSG-03, MSG-10, MSG-11 */
{
	struct rig r;

	rig_begin(&r);
	ck_assert(rig_serve(&r, call_stateless));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"id\":\"a\\u0062\""));
	ck_assert_ptr_nonnull(strstr(r.answer, "resultType"));
	rig_handshake(&r, "2025-06-18");
	ck_assert(rig_serve(&r, call_stateful));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"id\":9007199254740993,"));
	ck_assert_ptr_null(strstr(r.answer, "resultType"));
	rig_end(&r);
}
END_TEST

START_TEST(listen_streams_have_a_bound) /* SUB-14 */
{
	struct rig r;
	atomic_size_t streams, max;

	atomic_init(&streams, 0);
	atomic_init(&max, 1);
	rig_begin(&r);
	mcp_reactor_streams_set(r.mcp, &streams, &max);
	ck_assert(rig_serve(&r, listen));
	ck_assert_int_eq(r.answers, 0);
	ck_assert_ptr_nonnull(strstr(r.notice, "acknowledged"));
	ck_assert(rig_serve(&r, listen));
	ck_assert_int_eq(r.answers, 1);
	ck_assert_ptr_nonnull(strstr(r.answer, "-32603"));
	ck_assert_int_eq(r.notices, 1);
	mcp_resource_updated(r.mcp, S("rig://one"));
	ck_assert_int_eq(r.notices, 2);
	mcp_resource_updated(r.mcp, S("rig://two"));
	ck_assert_int_eq(r.notices, 2);
	mcp_scope_listening_end(r.mcp, r.peer.scope);
	ck_assert_ptr_nonnull(strstr(r.answer, "complete"));
	ck_assert_uint_eq(atomic_load(&streams), 0);
	rig_end(&r);
}
END_TEST

static const char listen_to_two[] =
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\","
    "\"params\":{\"notifications\":{\"toolsListChanged\":true,"
    "\"resourceSubscriptions\":[\"rig://one\",\"rig://two\"]}," RIG_META "}}";

static void
again(struct rig *r)
{
	struct err err;

	registry_touch(r->registry, REGISTRY_TOOL);
	ck_assert_int_eq(registry_publish(r->registry, &err), 0);
	mcp_lists_changed(r->mcp);
}

/* SUB-16, reliability 3.4: marks, not a queue. */
START_TEST(who_reads_slowly_hears_of_each_thing_once)
{
	struct rig r;
	int i;

	rig_begin(&r);
	ck_assert(rig_serve(&r, listen_to_two));
	ck_assert_int_eq(r.notices, 1);
	mcp_scope_drained(r.mcp, r.peer.scope); /* nothing waits */
	ck_assert_int_eq(r.notices, 1);
	r.full = true;
	for (i = 0; i < 100000; i++) {
		mcp_resource_updated(
		    r.mcp, i % 2 ? S("rig://one") : S("rig://two"));
		if (i % 1000 == 0)
			again(&r);
	}
	ck_assert_int_eq(r.notices, 1);
	mcp_scope_drained(r.mcp, r.peer.scope); /* it is full again at once */
	ck_assert_int_eq(r.notices, 1);
	r.full = false;
	mcp_scope_drained(r.mcp, r.peer.scope + 1); /* another's */
	ck_assert_int_eq(r.notices, 1);
	mcp_scope_drained(r.mcp, r.peer.scope);
	ck_assert_int_eq(r.notices, 4); /* the list, and both */
	ck_assert_ptr_nonnull(strstr(r.notice, "rig://two"));
	mcp_scope_drained(r.mcp, r.peer.scope);
	ck_assert_int_eq(r.notices, 4);
	mcp_resource_updated(r.mcp, S("rig://one"));
	ck_assert_int_eq(r.notices, 5);
	again(&r);
	ck_assert_int_eq(r.notices, 6);
	mcp_scope_listening_end(r.mcp, r.peer.scope);
	rig_end(&r);
}
END_TEST

/* What is told at once need not be told later. */
START_TEST(a_mark_goes_when_its_update_is_told) /* SUB-16 */
{
	struct rig r;

	rig_begin(&r);
	ck_assert(rig_serve(&r, listen_to_two));
	r.full = true;
	mcp_resource_updated(r.mcp, S("rig://one"));
	r.full = false;
	mcp_resource_updated(r.mcp, S("rig://one"));
	ck_assert_int_eq(r.notices, 2);
	mcp_scope_drained(r.mcp, r.peer.scope);
	ck_assert_int_eq(r.notices, 2);
	mcp_scope_listening_end(r.mcp, r.peer.scope);
	rig_end(&r);
}
END_TEST

/* Found by fuzzing: the URIs were repeated as the client had laid them out. */
START_TEST(an_acknowledgement_is_one_line) /* SUB-02, STD-01 */
{
	struct rig r;

	rig_begin(&r);
	ck_assert(rig_serve(&r,
	    "{\"jsonrpc\":\"2.0\",\"id\":7,"
	    "\"method\":\"subscriptions/listen\",\"params\":{"
	    "\"notifications\":{\"resourceSubscriptions\":[\n"
	    "\"rig:\\/\\/one\" ,\n\"rig://two\"]}," RIG_META "}}"));
	ck_assert_ptr_nonnull(strstr(r.notice,
	    "\"resourceSubscriptions\":[\"rig://one\",\"rig://two\"]"));
	ck_assert_ptr_null(strchr(r.notice, '\n'));
	mcp_scope_listening_end(r.mcp, r.peer.scope);
	rig_end(&r);
}
END_TEST

static void
heard(struct mcp_listener *l, struct str message)
{
	(void)message;
	l->seen[0] = UINT64_MAX; /* marks that it came */
}

START_TEST(nobody_is_told_before_he_is_ready) /* LIFE-06 */
{
	struct rig r;
	struct mcp_listener l = { .send = heard };

	rig_begin(&r);
	l.peer = &r.peer;
	mcp_listener_start(r.mcp, &l);
	ck_assert_uint_eq(l.seen[0], 0);
	rig_handshake(&r, "2025-11-25");
	again(&r);
	ck_assert_uint_eq(l.seen[0], UINT64_MAX);
	mcp_listener_stop(&l);
	rig_end(&r);
}
END_TEST

static size_t heard_len;

static void
counted(struct mcp_listener *l, struct str message)
{
	(void)l;
	(void)message;
	heard_len++;
}

START_TEST(many_are_told_in_several_turns_and_each_once)
{
	enum { MANY = 2 * MCP_TOLD_A_TURN + 500 };
	static struct mcp_listener many[MANY];
	struct rig r;
	size_t i;

	rig_begin(&r);
	rig_handshake(&r, "2025-11-25");
	for (i = 0; i < MANY; i++) {
		many[i].send = counted;
		many[i].peer = &r.peer;
		mcp_versions_now(r.mcp, many[i].seen);
		mcp_listener_start(r.mcp, &many[i]);
	}
	again(&r);
	ck_assert_uint_eq(heard_len, MCP_TOLD_A_TURN);
	mcp_listener_stop(&many[MANY - 1]); /* it was not told yet */
	loop_turn(r.loop);
	ck_assert_uint_eq(heard_len, 2 * MCP_TOLD_A_TURN);
	again(&r); /* the rest hears of both at once */
	for (i = 0; i < 4; i++)
		loop_turn(r.loop);
	ck_assert_uint_eq(heard_len, 2 * MCP_TOLD_A_TURN + MANY - 1);
	for (i = 0; i < MANY - 1; i++)
		mcp_listener_stop(&many[i]);
	rig_end(&r);
}
END_TEST

static int
say_lines(struct call *c)
{
	(void)call_structured_set(c, S("{\n\"a\":\r\n1}"));
	return CALL_OK;
}

START_TEST(a_message_is_one_line_whatever_a_plugin_writes) /* STD-01 */
{
	struct rig r;

	rig_begin(&r);
	r.handler = say_lines;
	ck_assert(rig_serve(&r, call_stateless));
	ck_assert_ptr_null(strchr(r.answer, '\n'));
	ck_assert_ptr_null(strchr(r.answer, '\r'));
	ck_assert_ptr_nonnull(
	    strstr(r.answer, "\"structuredContent\":{ \"a\":  1}"));
	rig_end(&r);
}
END_TEST

static int
pend(struct call *c)
{
	(void)c;
	return CALL_PENDING;
}

START_TEST(a_cancelled_call_says_nothing_more) /* STD-09, CANC-01 */
{
	struct rig r;

	rig_begin(&r);
	r.handler = pend;
	ck_assert(rig_serve(&r, call_stateless));
	ck_assert_int_eq(r.answers, 0);
	ck_assert(rig_serve(&r,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
	    "\"params\":{\"requestId\":\"ab\"}}"));
	ck_assert_int_eq(r.answers, 2); /* of both, and neither says a word */
	ck_assert_str_eq(r.answer, "");
	ck_assert_int_eq(call_done(r.pending, CALL_OK), 0);
	rig_end(&r);
}
END_TEST

/* Serves text with the n-th allocation failing, n = 1, 2, .. until none does;
 * each time there is one answer, which is JSON, and the next call works. */
static void
starve(const char *text, const char *revision)
{
	struct rig r;
	struct json_doc doc;
	bool failed = ALLOC_WORKS;
	long n;

	json_doc_init(&doc);
	for (n = 0; failed; n++) {
		bool served;

		rig_begin(&r);
		if (revision != NULL)
			rig_handshake(&r, revision);
		r.answers = 0;
		alloc_left = n;
		served = rig_serve(&r, text);
		failed = alloc_left < 0;
		alloc_left = -1;
		if (served && r.answers > 0 && r.answer[0] != '\0')
			ck_assert_msg(
			    json_parse(&doc, str_of(r.answer), JSON_PROTOCOL)
				== 0,
			    "%ld: %s", n, r.answer);
		ck_assert_int_le(r.answers, 1);
		if (strstr(text, "listen") == NULL && served)
			ck_assert_int_eq(r.answers, 1);
		ck_assert(rig_serve(&r, call_stateless));
		ck_assert_ptr_nonnull(strstr(r.answer, "said"));
		rig_end(&r);
	}
	json_doc_finish(&doc);
}

START_TEST(a_call_without_memory_is_one_error_and_no_more)
{
	starve(call_stateless, NULL);
	starve(call_stateful, "2025-03-26");
	starve(listen, NULL);
	starve("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\","
	       "\"params\":{\"uri\":\"rig://one\"," RIG_META "}}",
	    NULL);
	starve("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"prompts/get\","
	       "\"params\":{\"name\":\"ask\",\"arguments\":{\"a\":\"b\"}}}",
	    "2024-11-05");
	starve("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
	       "\"params\":{" RIG_META "}}",
	    NULL);
}
END_TEST

START_TEST(a_resource_that_changes_often_is_told_once_to_who_waits) /* SUB-06 */
{
	enum { MANY = 2 * MCP_TOLD_A_TURN };
	static struct mcp_listener many[MANY];
	struct rig r;
	size_t i;

	heard_len = 0;
	rig_begin(&r);
	ck_assert(rig_serve(&r, listen)); /* of rig://one */
	rig_handshake(&r, "2025-11-25");
	for (i = 0; i < MANY; i++) { /* nobody has subscribed: look-ups alone */
		many[i].send = counted;
		many[i].peer = &r.peer;
		mcp_versions_now(r.mcp, many[i].seen);
		mcp_listener_start(r.mcp, &many[i]);
	}
	r.notices = 0;
	for (i = 0; i < 100; i++)
		mcp_resource_updated(r.mcp, S("rig://one"));
	ck_assert_int_eq(r.notices, 1); /* this turn has no more to give */
	for (i = 0; i < 8; i++)
		loop_turn(r.loop);
	ck_assert_int_eq(r.notices, 2);
	for (i = 0; i < 3 * MCP_UPDATES_MAX; i++) {
		char uri[32];
		int n = snprintf(uri, sizeof uri, "rig://%zu", i);

		mcp_resource_updated(r.mcp, (struct str){ uri, (size_t)n });
		mcp_resource_updated(r.mcp, S("rig://one"));
	}
	ck_assert_int_le(r.notices, 2 + 4);
	ck_assert_int_ge(r.notices, 3);
	for (i = 0; i < MANY; i++)
		mcp_listener_stop(&many[i]);
	ck_assert_uint_eq(heard_len, 0);
	mcp_scope_listening_end(r.mcp, r.peer.scope);
	rig_end(&r);
}
END_TEST

UNIT_MAIN("mcp/serve", each_era_gets_its_own_answer,
    who_reads_slowly_hears_of_each_thing_once,
    a_mark_goes_when_its_update_is_told, listen_streams_have_a_bound,
    an_acknowledgement_is_one_line, nobody_is_told_before_he_is_ready,
    many_are_told_in_several_turns_and_each_once,
    a_resource_that_changes_often_is_told_once_to_who_waits,
    a_message_is_one_line_whatever_a_plugin_writes,
    a_cancelled_call_says_nothing_more,
    a_call_without_memory_is_one_error_and_no_more)
