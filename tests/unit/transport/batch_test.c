/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of 2025-03-26 (BAT rows). */
#include "transport/batch.h"

#include <stdio.h>

#include "unit/data/alloc.h"
#include "unit/mcp/rig.h"

struct outcome {
	struct rig *rig;
	int done;
	char array[8192];
};

static void
notified(struct batch *b, struct str message)
{
	struct outcome *o = b->owner;

	(void)message;
	o->rig->notices++;
}

static void
done(struct batch *b, struct str array)
{
	struct outcome *o = b->owner;

	o->done++;
	rig_keep(o->array, sizeof o->array, array);
}

static const struct batch_ops ops = { notified, done, NULL };

static const char *
fault_of(struct rig *r, const char *text)
{
	struct json_doc *doc = mcp_reactor_doc(r->mcp);

	ck_assert_int_eq(json_parse(doc, str_of(text), JSON_PROTOCOL), 0);
	return batch_fault(doc->nodes, &r->peer);
}

/* The array that answers text; NULL: it waits. */
static struct batch *
serve(struct rig *r, struct outcome *o, const char *text)
{
	struct json_doc *doc = mcp_reactor_doc(r->mcp);
	struct batch *b;

	memset(o, 0, sizeof *o);
	o->rig = r;
	if (json_parse(doc, str_of(text), JSON_PROTOCOL) < 0)
		return NULL;
	b = batch_create(r->mcp, &ops, o);
	if (b != NULL)
		batch_serve(b, doc->nodes, &r->peer);
	return o->done > 0 ? NULL : b;
}

#define CALL(id_) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id_ ",\"method\":\"tools/call\"," \
	"\"params\":{\"name\":\"say\"}}"
#define NOTICE "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/other\"}"

START_TEST(what_is_no_batch_is_refused_as_a_whole) /* BAT-04 to BAT-07 */
{
	struct rig r;
	struct buf many;
	int i;

	rig_begin(&r);
	ck_assert_ptr_nonnull(fault_of(&r, "[" CALL("1") "]")); /* BAT-06 */
	rig_handshake(&r, "2025-03-26");
	ck_assert_ptr_null(fault_of(&r, "[" CALL("1") "]"));
	ck_assert_ptr_nonnull(fault_of(&r, "[]"));
	ck_assert_ptr_nonnull(fault_of(&r,
	    "[" NOTICE ",{\"jsonrpc\":\"2.0\",\"id\":1,"
	    "\"method\":\"initialize\"}]"));
	ck_assert_ptr_nonnull(fault_of(&r,
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\","
	    "\"params\":{" RIG_META "}}]"));
	buf_init(&many);
	for (i = 0; i < BATCH_MAX; i++)
		buf_cstr(&many, i == 0 ? "[1" : ",1");
	buf_cstr(&many, "]");
	buf_char(&many, '\0');
	ck_assert_ptr_null(fault_of(&r, many.ptr));
	many.len -= 2;
	buf_cstr(&many, ",1]");
	buf_char(&many, '\0');
	ck_assert_ptr_nonnull(fault_of(&r, many.ptr));
	buf_finish(&many);
	rig_end(&r);
}
END_TEST

START_TEST(requests_are_answered_in_one_array) /* BAT-03, BAT-04 */
{
	struct rig r;
	struct outcome o;

	rig_begin(&r);
	rig_handshake(&r, "2025-03-26");
	ck_assert_ptr_null(
	    serve(&r, &o, "[" CALL("1") "," NOTICE ",5," CALL("\"1\"") "]"));
	ck_assert_int_eq(o.done, 1);
	ck_assert_int_eq(o.array[0], '[');
	ck_assert_ptr_nonnull(strstr(o.array, "\"id\":1,"));
	ck_assert_ptr_nonnull(strstr(o.array, "\"id\":\"1\","));
	ck_assert_ptr_nonnull(strstr(o.array, "-32600"));
	ck_assert_ptr_null(serve(&r, &o, "[" NOTICE "," NOTICE "]"));
	ck_assert_int_eq(o.done, 1);
	ck_assert_str_eq(o.array, "");
	rig_end(&r);
}
END_TEST

static int
pend(struct call *c)
{
	(void)c;
	return CALL_PENDING;
}

START_TEST(the_array_waits_for_its_last_member)
{
	struct rig r;
	struct outcome o;

	rig_begin(&r);
	rig_handshake(&r, "2025-03-26");
	r.handler = pend;
	ck_assert_ptr_nonnull(serve(&r, &o,
	    "[{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}," CALL(
		"1") "]"));
	ck_assert_int_eq(rig_say(r.pending), CALL_OK);
	ck_assert_int_eq(call_done(r.pending, CALL_OK), 0);
	while (o.done == 0)
		loop_turn(r.loop);
	ck_assert_ptr_nonnull(strstr(o.array, "said"));
	ck_assert_ptr_nonnull(strstr(o.array, "\"id\":2,"));
	rig_end(&r);
}
END_TEST

START_TEST(a_client_that_leaves_hears_nothing)
{
	static const enum mcp_abandon hows[] = { MCP_ABANDON_WORK,
		MCP_KEEP_WORK };
	struct rig r;
	struct outcome o;
	size_t i;

	rig_begin(&r);
	rig_handshake(&r, "2025-03-26");
	r.handler = pend;
	for (i = 0; i < ARRAY_LEN(hows); i++) {
		struct batch *b =
		    serve(&r, &o, "[" CALL("1") "," NOTICE "," CALL("2") "]");
		struct call *last = r.pending;

		ck_assert_ptr_nonnull(b);
		batch_abandon(b, hows[i]);
		ck_assert_int_eq(call_is_cancelled(last), i == 0);
		LIST_EACH_SAFE (node, &r.calls.running)
			ck_assert_int_eq(
			    call_done(
				LIST_OBJ(node, struct call, node), CALL_OK),
			    0);
		while (r.calls.running_len > 0)
			loop_turn(r.loop);
		ck_assert_int_eq(o.done, 0);
	}
	rig_end(&r);
}
END_TEST

START_TEST(a_batch_without_memory_ends_once_and_in_json)
{
	struct json_doc doc;
	bool failed = ALLOC_WORKS;
	long n;

	json_doc_init(&doc);
	for (n = 0; failed; n++) {
		struct rig r;
		struct outcome o;

		rig_begin(&r);
		rig_handshake(&r, "2025-03-26");
		alloc_left = n;
		(void)serve(&r, &o, "[" CALL("1") ",5," CALL("2") "]");
		failed = alloc_left < 0;
		alloc_left = -1;
		ck_assert_int_le(o.done, 1);
		if (o.done == 1)
			ck_assert_msg(
			    json_parse(&doc, str_of(o.array), JSON_PROTOCOL)
				== 0,
			    "%ld: %s", n, o.array);
		rig_end(&r);
	}
	json_doc_finish(&doc);
}
END_TEST

UNIT_MAIN("transport/batch", what_is_no_batch_is_refused_as_a_whole,
    requests_are_answered_in_one_array, the_array_waits_for_its_last_member,
    a_client_that_leaves_hears_nothing,
    a_batch_without_memory_ends_once_and_in_json)
