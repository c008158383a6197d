/* SPDX-License-Identifier: Apache-2.0 */
/* Input inside a task, in both eras: what its handler asks for stands in the
 * row, and when all is answered the handler runs again. */
#include <string.h>

#include "base/log.h"
#include "data/json_dup.h"
#include "mcp/task_priv.h"

static bool
is_open(const struct mcp_task_need *n)
{
	return n->answer.ptr == NULL;
}

static size_t
open_count(const struct mcp_task *t)
{
	const struct mcp_task_need *n;
	size_t open = 0;

	for (n = t->needs; n != NULL; n = n->next)
		open += is_open(n);
	return open;
}

/* What is still asked for, by name (TKX-07). */
static void
requests_write(struct buf *out, const struct mcp_task *t)
{
	const struct mcp_task_need *n;

	buf_clear(out);
	buf_char(out, '{');
	for (n = t->needs; n != NULL; n = n->next) {
		if (!is_open(n))
			continue;
		if (out->len > 1)
			buf_char(out, ',');
		buf_json(out, n->name);
		BUF_LIT(out, ":{\"method\":");
		buf_json(out, n->method);
		if (n->params.len > 0) {
			BUF_LIT(out, ",\"params\":");
			mcp_json_write(out, n->params);
		}
		buf_char(out, '}');
	}
	buf_char(out, '}');
}

static bool
name_is_taken(const struct mcp_task *t, struct str name)
{
	const struct mcp_task_need *n;

	for (n = t->needs; n != NULL; n = n->next)
		if (str_equal(n->name, name))
			return true;
	return false;
}

/* TKX-10: a handler may ask for the same twice, a task may not. */
static struct str
name_make(const struct mcp_task *t, struct str key, struct arena *a)
{
	struct buf text;
	struct str name = key;
	size_t number = 1;

	buf_init(&text);
	while (name_is_taken(t, name) && !text.failed) {
		buf_clear(&text);
		buf_str(&text, key);
		buf_char(&text, '~');
		buf_u64(&text, ++number);
		name = buf_view(&text);
	}
	name = text.failed ? STR_NONE : arena_dup(a, name);
	a->failed |= name.ptr == NULL;
	buf_finish(&text);
	return name;
}

/* As the client's revision writes it; a link gets a name of its own. */
static struct str
params_make(
    const struct mcp_task *t, const struct call_need *from, struct arena *a)
{
	static const struct str before = STR(",\"params\":");
	const struct mcp_task_need *n;
	struct str params = STR_NONE;
	struct buf id, text;
	size_t number = 0;

	for (n = t->needs; n != NULL; n = n->next)
		number++;
	buf_init(&id);
	buf_init(&text);
	buf_str(&id, t->row.id);
	buf_char(&id, '-');
	buf_u64(&id, number);
	mcp_question_write(&text, t->x, from, buf_view(&id));
	if (id.failed || text.failed)
		a->failed = true;
	else if (text.len > before.len)
		params = arena_dup(
		    a, str_sub(buf_view(&text), before.len, text.len));
	buf_finish(&text);
	buf_finish(&id);
	return params;
}

static void
need_add(struct mcp_task *t, const struct call_need *from)
{
	struct arena *a = &t->x->arena;
	struct mcp_task_need *n = arena_zalloc(a, sizeof *n);

	if (n == NULL)
		return;
	n->key = arena_dup(a, from->key);
	n->name = name_make(t, from->key, a);
	n->method = arena_dup(a, from->method);
	n->params = params_make(t, from, a);
	if (from->form.len > 0)
		n->form = arena_dup(a, from->form);
	n->round = t->x->round;
	*t->needs_tail = n;
	t->needs_tail = &n->next;
}

void
mcp_task_input(struct mcp_exchange *x, const struct call *c)
{
	struct mcp_task *t = x->task;
	struct loop *l = x->mcp->calls->loop;
	const struct call_need *n;

	if (x->round >= MCP_ROUNDS_MAX) { /* MRTR-19 */
		mcp_call_failed(
		    x, c->kind, S("The client was asked too often"));
		return;
	}
	if (c->state_set)
		x->state = arena_dup(&x->arena, c->next_state);
	for (n = c->needs; n != NULL; n = n->next)
		need_add(t, n);
	if (x->arena.failed) {
		mcp_call_failed(x, c->kind, S("Out of memory"));
		return;
	}
	if (c->needs == NULL) { /* it wants to come again later */
		x->round++;
		loop_timer_set(l, &t->again, loop_now(l) + t->row.poll_ns);
		return;
	}
	mcp_task_turn(t, MCP_TASK_INPUT_REQUIRED);
	requests_write(&t->payload, t);
	mcp_task_save(t);
}

/* The answers of this round by the handler's keys. */
static int
answers_take(struct mcp_task *t)
{
	struct mcp_exchange *x = t->x;
	const struct mcp_task_need *n;
	const struct json_node *now = NULL;
	struct buf text;
	int rc = 0;

	buf_init(&text);
	buf_char(&text, '{');
	for (n = t->needs; n != NULL; n = n->next) {
		if (n->round != x->round)
			continue;
		if (text.len > 1)
			buf_char(&text, ',');
		buf_json(&text, n->key);
		buf_char(&text, ':');
		buf_str(&text, n->answer);
	}
	buf_char(&text, '}');
	if (text.len > MCP_ANSWERS_MAX)
		rc = ERR_LIMIT;
	else if (!text.failed)
		now = json_parse_dup(buf_view(&text), &x->arena);
	buf_finish(&text);
	if (rc == 0 && now == NULL)
		rc = ERR_NOMEM;
	return rc == 0 ? mcp_answers_merge(x, x->answers, now, &x->answers)
		       : rc;
}

static void
run_again(struct mcp_task *t)
{
	struct mcp_exchange *x = t->x;
	int rc = answers_take(t);

	if (rc < 0) {
		mcp_call_failed(x, CALL_TOOL,
		    rc == ERR_LIMIT
			? S("The client's answers are larger than the limit")
			: S("Out of memory"));
		return;
	}
	x->round++;
	mcp_task_turn(t, MCP_TASK_WORKING);
	buf_clear(&t->payload);
	mcp_task_save(t);
	mcp_tool_run(x, t->name, t->args, NULL, NULL);
}

/* ELIC-07: what does not fit stays asked for. */
static bool
answer_counts(struct mcp_task *t, const struct mcp_task_need *n,
    const struct json_node *answer)
{
	struct buf why;
	const char *fault;
	int rc = 0;

	buf_init(&why);
	fault = mcp_answer_judge(t->x, n->method, n->form, answer, &why, &rc);
	if (fault != NULL)
		LOG_DEBUG("answer does not fit", F_STR("entry", t->name),
		    F_CSTR("fault", fault));
	buf_finish(&why);
	return fault == NULL && rc == 0;
}

/* Unknown names, and what was answered before, mean nothing (TKX-09).  How
 * many questions have changed. */
static size_t
answers_match(struct mcp_task *t, const struct json_node *answers)
{
	struct mcp_exchange *x = t->x;
	struct mcp_task_need *n;
	size_t changed = 0;

	for (n = t->needs; n != NULL; n = n->next) {
		const struct json_node *answer = json_get(answers, n->name);

		if (!is_open(n) || answer == NULL)
			continue;
		if (answer_counts(t, n, answer)) {
			n->answer = arena_dup(&x->arena, json_raw(answer));
		} else if (!mcp_exchange_is_stateless(x)) {
			/* A client is asked once by one name. */
			n->name = name_make(t, n->key, &x->arena);
			t->misfits++;
		} else {
			continue; /* it stays asked for */
		}
		changed++;
	}
	return changed;
}

void
mcp_task_answer(struct mcp_task *t, struct str answers)
{
	struct json_doc doc;
	size_t changed = 0;

	if (t->x == NULL || t->row.status != MCP_TASK_INPUT_REQUIRED)
		return;
	json_doc_init(&doc);
	if (json_parse(&doc, answers, JSON_PROTOCOL) == 0)
		changed = answers_match(t, doc.nodes);
	json_doc_finish(&doc);
	if (t->x->arena.failed) {
		mcp_call_failed(t->x, CALL_TOOL, S("Out of memory"));
	} else if (t->misfits > MCP_ROUNDS_MAX) {
		mcp_call_failed(t->x, CALL_TOOL,
		    S("The client's answers do not fit what was asked"));
	} else if (open_count(t) == 0) {
		run_again(t);
	} else if (changed > 0) {
		t->row.updated_ns = clock_wall_ns();
		requests_write(&t->payload, t);
		mcp_task_save(t);
	}
}

void
mcp_task_refuse(struct mcp_task *t, struct str text)
{
	if (t->x != NULL && t->row.status == MCP_TASK_INPUT_REQUIRED)
		mcp_call_failed(t->x, CALL_TOOL, text);
}
