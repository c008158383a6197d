/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks with a store that answers later, as one on disk does: what may happen
 * meanwhile, and what happens without memory. */
#include <stdio.h>

#include "mcp/task_priv.h"
#include "unit/data/alloc.h"
#include "unit/mcp/late_store.h"
#include "unit/mcp/rig.h"

struct world {
	struct rig r;
	struct late late;
	struct mcp_tasks *tasks;
	char id[MCP_TASK_ID_LEN + 1];
};

static void
settle(struct world *w)
{
	int i;

	for (i = 0; i < 8; i++) {
		loop_turn(w->r.loop);
		while (w->late.len > 0)
			late_go_on(&w->late);
	}
}

static void
begin(struct world *w)
{
	static const struct store_limits bounds = { 100, 100, 100000 };
	static const struct mcp_task_limits limits = { 60 * NS_PER_S,
		60 * NS_PER_S, NS_PER_S, 10000 };

	w->id[0] = '\0';
	rig_begin(&w->r);
	w->r.entries[0].task = REGISTRY_TASK_OPTIONAL;
	registry_touch(w->r.registry, REGISTRY_TOOL);
	ck_assert_int_eq(registry_publish(w->r.registry, NULL), 0);
	late_init(&w->late, store_memory_create(&bounds, NULL));
	w->tasks = mcp_tasks_create(&w->late.store, &limits, 2, NULL);
	ck_assert(w->late.inner != NULL && w->tasks != NULL);
	mcp_reactor_tasks_set(w->r.mcp, w->tasks, 0);
}

static void
end(struct world *w)
{
	settle(w);
	rig_end(&w->r);
	mcp_tasks_destroy(w->tasks);
	store_destroy(w->late.inner);
}

#define META \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" \
	"\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{" \
	"\"elicitation\":{},\"extensions\":{" \
	"\"io.modelcontextprotocol/tasks\":{}}}}"

static bool
ask_at(struct rig *r, struct world *w, const char *method, const char *more)
{
	char text[2048];

	r->answer[0] = '\0';
	(void)snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{"
	    "\"name\":\"say\",\"taskId\":\"%s\",%s" META "}}",
	    method, w->id, more);
	return rig_serve(r, text);
}

static bool
ask(struct world *w, const char *method, const char *more)
{
	return ask_at(&w->r, w, method, more);
}

static void
id_take(struct world *w)
{
	const char *at = strstr(w->r.answer, "\"taskId\":\"");

	ck_assert_msg(at != NULL, "%s", w->r.answer);
	(void)snprintf(w->id, sizeof w->id, "%s", at + 10);
}

static bool
says(const struct world *w, const char *what)
{
	return strstr(w->r.answer, what) != NULL;
}

START_TEST(a_task_turns_as_the_graph_says) /* TKL-07 */
{
	static const char *const may[] = { "ICFX", "WCFX", "", "", "" };
	static const char letters[] = "WICFX";
	int from, to;

	for (from = MCP_TASK_WORKING; from <= MCP_TASK_CANCELLED; from++)
		for (to = MCP_TASK_WORKING; to <= MCP_TASK_CANCELLED; to++)
			ck_assert_int_eq(
			    mcp_task_may_turn((enum mcp_task_status)from,
				(enum mcp_task_status)to),
			    strchr(may[from], letters[to]) != NULL);
}
END_TEST

START_TEST(a_row_reads_as_it_was_written)
{
	struct mcp_task_row row = { .status = MCP_TASK_FAILED,
		.revision = MCP_2025_11_25,
		.is_error = true,
		.place = 3,
		.scope = UINT64_MAX,
		.created_ns = 5,
		.updated_ns = INT64_MAX,
		.ttl_ns = 7,
		.poll_ns = 9,
		.message = STR("why"),
		.payload = STR("{}") };
	struct mcp_task_row got;
	struct store_row stored = { .id = STR("i"), .format = 1 };
	struct buf text;
	size_t n;

	buf_init(&text);
	mcp_task_row_write(&text, &row);
	for (n = 0; n <= text.len; n++) { /* cut anywhere */
		stored.value = (struct str){ text.ptr, n };
		ck_assert_int_eq(mcp_task_row_read(&stored, &got),
		    n + row.payload.len >= text.len);
	}
	ck_assert(got.status == MCP_TASK_FAILED && got.is_error);
	ck_assert(got.revision == MCP_2025_11_25 && got.place == 3);
	ck_assert(got.scope == UINT64_MAX && got.created_ns == 5);
	ck_assert(got.updated_ns == INT64_MAX && got.ttl_ns == 7);
	ck_assert(got.poll_ns == 9 && str_equal(got.message, S("why")));
	ck_assert(str_equal(got.payload, S("{}")));
	stored.format = 2;
	ck_assert(!mcp_task_row_read(&stored, &got));
	stored.format = 1;
	text.ptr[0] = 9; /* no status */
	ck_assert(!mcp_task_row_read(&stored, &got));
	buf_finish(&text);
}
END_TEST

START_TEST(nobody_hears_of_a_task_before_it_is_kept) /* TKX-06 */
{
	struct world w;

	begin(&w);
	ck_assert(ask(&w, "tools/call", ""));
	ck_assert_int_eq(w.r.answers, 0);
	ck_assert_ptr_null(w.r.pending);
	late_go_on(&w.late);
	ck_assert(says(&w, "\"resultType\":\"task\""));
	ck_assert_ptr_nonnull(w.r.pending);
	id_take(&w);
	ck_assert(ask(&w, "tasks/get", "")); /* before the result is kept */
	late_go_on(&w.late);
	ck_assert_int_eq(w.r.answers, 2);
	settle(&w);
	ck_assert(ask(&w, "tasks/get", ""));
	settle(&w);
	ck_assert(says(&w, "\"status\":\"completed\"") && says(&w, "said"));
	end(&w);
}
END_TEST

START_TEST(a_client_may_go_while_the_store_works)
{
	static const char *const methods[] = { "tools/call", "tasks/get",
		"tasks/cancel", "tasks/update" };
	struct world w;
	size_t i;

	begin(&w);
	w.late.at_once = true;
	ck_assert(ask(&w, "tools/call", ""));
	id_take(&w);
	settle(&w);
	w.late.at_once = false;
	for (i = 0; i < ARRAY_LEN(methods); i++) {
		int answers = w.r.answers;

		ck_assert(ask(&w, methods[i], "\"inputResponses\":{},"));
		ck_assert_uint_eq(w.late.len, 1);
		mcp_scope_abandon(w.r.mcp, w.r.peer.scope);
		settle(&w);
		ck_assert_int_eq(w.r.answers, answers);
	}
	end(&w);
}
END_TEST

static int
ask_user(struct call *c)
{
	int rc;

	if (json_get(c->answers, S("a")) != NULL)
		return rig_say(c);
	rc = call_need_add(c, S("a"), S("elicitation/create"),
	    S("{\"message\":\"m\",\"requestedSchema\":{"
	      "\"type\":\"object\",\"properties\":{}}}"));
	if (rc == ERR_UNSUPPORTED)
		return CALL_ENOTSUP;
	return rc == 0 ? CALL_INPUT : CALL_ENOMEM;
}

START_TEST(answers_and_a_cancellation_cross_each_other) /* TKX-09, TKX-11 */
{
	struct world w;
	int first;

	for (first = 0; first < 2; first++) {
		const char *status = NULL;

		begin(&w);
		w.r.handler = ask_user;
		ck_assert(ask(&w, "tools/call", ""));
		settle(&w);
		id_take(&w);
		ck_assert(ask(&w, first ? "tasks/update" : "tasks/cancel",
		    "\"inputResponses\":{\"a\":{\"action\":\"accept\"}},"));
		ck_assert(ask(&w, first ? "tasks/cancel" : "tasks/update",
		    "\"inputResponses\":{\"a\":{\"action\":\"accept\"}},"));
		settle(&w);
		ck_assert_int_eq(w.r.answers, 3);
		ck_assert(ask(&w, "tasks/get", ""));
		settle(&w);
		if (says(&w, "\"status\":\"cancelled\""))
			status = "cancelled";
		else if (says(&w, "\"status\":\"completed\""))
			status = "completed";
		ck_assert_msg(status != NULL, "%s", w.r.answer);
		end(&w);
	}
}
END_TEST

#define ACCEPT "\"inputResponses\":{\"a\":{\"action\":\"accept\"}},"

/* A task of w that asks, and a second reactor with the same tasks. */
static void
pair_begin(struct world *w, struct rig *other)
{
	begin(w);
	rig_begin(other);
	other->entries[0].task = REGISTRY_TASK_OPTIONAL;
	registry_touch(other->registry, REGISTRY_TOOL);
	ck_assert_int_eq(registry_publish(other->registry, NULL), 0);
	mcp_reactor_tasks_set(other->mcp, w->tasks, 1);
	w->r.handler = ask_user;
	ck_assert(ask(w, "tools/call", ""));
	settle(w);
	id_take(w);
	ck_assert(ask_at(other, w, "tasks/update", ACCEPT));
	late_go_on(&w->late); /* the row is found, its reactor is told */
}

static void
pair_end(struct world *w, struct rig *other)
{
	loop_turn(other->loop);
	settle(w);
	loop_turn(other->loop);
	rig_end(other);
	end(w);
}

static void
row_read(struct store_request *q)
{
	ck_assert_int_eq(q->rc, 0);
}

static struct str
row_status(struct world *w)
{
	struct store_request q;
	struct mcp_task_row row;

	memset(&q, 0, sizeof q);
	q.done = row_read;
	q.row.id = str_of(w->id);
	store_read(w->late.inner, &q);
	ck_assert(mcp_task_row_read(&q.row, &row));
	return mcp_task_status_name(row.status);
}

START_TEST(answers_are_acknowledged_when_the_row_knows_them) /* TKX-09 */
{
	struct rig other;
	struct world w;
	int steps;

	pair_begin(&w, &other);
	for (steps = 0; other.answers == 0; steps++) {
		ck_assert_int_lt(steps, 10);
		if (steps > 0)
			loop_turn(w.r.loop);
		loop_turn(other.loop);
		if (other.answers == 0)
			late_go_on(&w.late);
	}
	ck_assert_int_gt(steps, 1); /* not at once */
	ck_assert_ptr_nonnull(strstr(other.answer, "\"complete\""));
	ck_assert(str_equal(row_status(&w), S("completed")));
	pair_end(&w, &other);
}
END_TEST

START_TEST(who_sent_answers_may_go_before_they_are_known)
{
	struct rig other;
	struct world w;

	pair_begin(&w, &other);
	mcp_scope_abandon(other.mcp, other.peer.scope);
	settle(&w);
	loop_turn(other.loop);
	ck_assert_int_eq(other.answers, 0);
	ck_assert(str_equal(row_status(&w), S("completed")));
	pair_end(&w, &other);
}
END_TEST

START_TEST(a_task_that_has_gone_acknowledges_what_it_is_told)
{
	struct rig other;
	struct world w;
	int when;

	for (when = 0; when < 3; when++) {
		pair_begin(&w, &other);
		w.late.at_once = when == 0; /* gone, or its row is on its way */
		if (when == 2) /* answered, and not yet written */
			loop_turn(w.r.loop);
		mcp_tasks_end(w.r.mcp);
		loop_turn(w.r.loop);
		loop_turn(other.loop);
		ck_assert_int_eq(other.answers, when == 0);
		settle(&w);
		loop_turn(other.loop);
		ck_assert_int_eq(other.answers, 1);
		ck_assert_int_eq(
		    when == 2, str_equal(row_status(&w), S("completed")));
		pair_end(&w, &other);
	}
}
END_TEST

START_TEST(a_reactor_may_end_with_answers_on_the_way)
{
	struct rig other;
	struct world w;

	pair_begin(&w, &other);
	mcp_scope_abandon(other.mcp, other.peer.scope);
	mcp_reactor_destroy(other.mcp);
	settle(&w);
	loop_turn(other.loop); /* the message comes home to nobody */
	other.mcp = mcp_reactor_create(&other.calls, other.registry,
	    &(const struct mcp_identity){ .name = S("x"), .version = S("1") },
	    NULL);
	ck_assert_ptr_nonnull(other.mcp);
	pair_end(&w, &other);
}
END_TEST

static void
result_ask(struct world *w)
{
	char text[512];

	(void)snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tasks/result\","
	    "\"params\":{\"taskId\":\"%s\"}}",
	    w->id);
	ck_assert(rig_serve(&w->r, text));
}

static int
pend(struct call *c)
{
	(void)c; /* the rig has it */
	return CALL_PENDING;
}

START_TEST(a_server_that_ends_keeps_nobody_waiting_for_a_task)
{
	struct world w;
	int awaited;

	for (awaited = 0; awaited < 2; awaited++) {
		begin(&w);
		w.late.at_once = true;
		w.r.handler = pend;
		rig_handshake(&w.r, "2025-11-25");
		ck_assert(rig_serve(&w.r,
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
		    "\"params\":{\"name\":\"say\",\"task\":{}}}"));
		id_take(&w);
		if (awaited)
			result_ask(&w);
		mcp_tasks_end(w.r.mcp);
		if (!awaited)
			result_ask(&w);
		settle(&w);
		ck_assert_int_eq(says(&w, "The task was cancelled"), !awaited);
		(void)rig_say(w.r.pending);
		ck_assert_int_eq(call_done(w.r.pending, CALL_OK), 0);
		settle(&w);
		ck_assert_int_eq(says(&w, "said"), awaited);
		end(&w);
	}
}
END_TEST

START_TEST(a_session_that_ends_leaves_no_wait)
{
	struct world w;

	begin(&w);
	w.late.at_once = true;
	w.r.handler = ask_user;
	rig_handshake(&w.r, "2025-11-25");
	ck_assert(rig_serve(&w.r,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"say\",\"task\":{}}}"));
	id_take(&w);
	settle(&w);
	result_ask(&w);
	/* This client cannot be asked: its task fails by itself (ELIC-01). */
	settle(&w);
	ck_assert(says(&w, "isError"));
	mcp_scope_deaf(w.r.mcp, w.r.peer.scope);
	end(&w);
}
END_TEST

/* A whole life with the n-th allocation missing. */
static void
starve(long n, bool *failed)
{
	struct world w;

	begin(&w);
	w.late.at_once = true;
	w.r.handler = ask_user;
	alloc_left = n;
	if (ask(&w, "tools/call", "") && says(&w, "\"resultType\":\"task\"")) {
		char *at = strstr(w.r.answer, "\"taskId\":\"");

		memcpy(w.id, at + 10, MCP_TASK_ID_LEN);
		w.id[MCP_TASK_ID_LEN] = '\0';
		settle(&w);
		(void)ask(&w, "tasks/get", "");
		(void)ask(&w, "tasks/update",
		    "\"inputResponses\":{\"a\":{\"action\":\"accept\"}},");
		settle(&w);
		(void)ask(&w, "tasks/get", "");
		settle(&w);
		(void)ask(&w, "tasks/cancel", "");
	}
	*failed = alloc_left < 0; /* it was used up: one has failed */
	alloc_left = -1;
	w.late.at_once = false;
	ck_assert_int_lt(n, 1000);
	end(&w);
}

START_TEST(a_task_without_memory_is_one_error_and_no_more)
{
	bool failed = ALLOC_WORKS;
	long n;

	for (n = 0; failed; n++)
		starve(n, &failed);
}
END_TEST

UNIT_MAIN("mcp/task", a_task_turns_as_the_graph_says,
    a_row_reads_as_it_was_written, nobody_hears_of_a_task_before_it_is_kept,
    a_client_may_go_while_the_store_works,
    answers_and_a_cancellation_cross_each_other,
    answers_are_acknowledged_when_the_row_knows_them,
    who_sent_answers_may_go_before_they_are_known,
    a_task_that_has_gone_acknowledges_what_it_is_told,
    a_reactor_may_end_with_answers_on_the_way,
    a_server_that_ends_keeps_nobody_waiting_for_a_task,
    a_session_that_ends_leaves_no_wait,
    a_task_without_memory_is_one_error_and_no_more)
