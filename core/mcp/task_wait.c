/* SPDX-License-Identifier: Apache-2.0 */
/* tasks/result (TKL-09): who waits for an end hears of it, and is asked on the
 * way what the task wants to know (TKL-11). */
#include <stdio.h>

#include "mcp/task_priv.h"

#define ID_MAX 48 /* as in ask.c, where the ids of our requests are made */

void
mcp_task_waiter_drop(struct mcp_exchange *x)
{
	list_drop(&x->task_waiter->node);
	mcp_task_watch(x->mcp, -1);
	x->task_waiter = NULL;
}

/* Exactly what the call would have answered, and whose task it was. */
static void
result_answer(struct mcp_exchange *x, const struct mcp_task_row *row)
{
	struct str result = str_sub(row->payload, 1, row->payload.len - 1);
	struct buf *out = mcp_result_begin(x);

	buf_str(out, result);
	if (result.len > 0)
		buf_char(out, ',');
	mcp_related_task_write(out, row->id);
	buf_char(out, ',');
	mcp_result_end(x);
}

static void
error_answer(struct mcp_exchange *x, const struct mcp_task_row *row)
{
	const struct json_node *message, *data;
	struct json_doc doc;
	int64_t code = RPC_INTERNAL_ERROR;

	json_doc_init(&doc);
	if (json_parse(&doc, row->payload, JSON_PROTOCOL) < 0) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
	} else {
		message = json_get(doc.nodes, S("message"));
		data = json_get(doc.nodes, S("data"));
		(void)json_i64(json_get(doc.nodes, S("code")), &code);
		mcp_error(x, 200, (int)code, json_str(message),
		    data != NULL ? json_raw(data) : STR_NONE);
	}
	json_doc_finish(&doc);
}

static bool
was_asked(const struct mcp_task_waiter *w, struct str name)
{
	const struct mcp_task_asked *a;

	for (a = w->asked; a != NULL; a = a->next)
		if (str_equal(a->name, name))
			return true;
	return false;
}

/* params with whose task it is (TKL-10). */
static void
params_write(struct buf *out, const struct mcp_task_row *row,
    const struct json_node *params)
{
	struct str raw = json_raw(params);
	bool some = json_type(params) == JSON_OBJECT && json_count(params) > 0;

	BUF_LIT(out, ",\"params\":{");
	if (some) {
		mcp_json_write(out, str_sub(raw, 1, raw.len - 1));
		buf_char(out, ',');
	}
	mcp_related_task_write(out, row->id);
	BUF_LIT(out, "}}");
}

/* False: this client cannot be asked. */
static bool
question_send(struct mcp_task_waiter *w, const struct mcp_task_row *row,
    struct str name, const struct json_node *request)
{
	struct mcp_exchange *x = w->x;
	struct mcp_task_asked *a = arena_zalloc(&x->arena, sizeof *a);
	struct buf *out = &x->mcp->out;
	char text[ID_MAX];
	struct str id;

	if (a == NULL)
		return false;
	a->number = ++x->mcp->asks;
	a->name = arena_dup(&x->arena, name);
	a->method =
	    arena_dup(&x->arena, json_str(json_get(request, S("method"))));
	if (x->arena.failed)
		return false;
	a->next = w->asked;
	w->asked = a;
	id = mcp_ask_id(x->mcp, a->number, text, sizeof text);
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_request(out, id, a->method);
	params_write(out, row, json_get(request, S("params")));
	return !out->failed && x->ops->ask != NULL && !w->deaf
	    && x->ops->ask(x, buf_view(out));
}

static void
questions_send(struct mcp_task_waiter *w, const struct mcp_task_row *row)
{
	struct json_doc doc;
	bool sent = true;

	json_doc_init(&doc);
	if (json_parse(&doc, row->payload, JSON_PROTOCOL) == 0) {
		JSON_EACH_MEMBER (k, v, doc.nodes)
			if (sent && !was_asked(w, json_str(k)))
				sent = question_send(w, row, json_str(k), v);
	}
	json_doc_finish(&doc);
	if (!sent)
		mcp_errorf(w->x, RPC_INTERNAL_ERROR,
		    "The task needs input, and this client cannot be asked");
}

void
mcp_task_waiter_see(struct mcp_task_waiter *w, const struct mcp_task_row *row)
{
	struct mcp_exchange *x = w->x;

	w->place = row->place;
	switch (row->status) {
	case MCP_TASK_WORKING:
		break;
	case MCP_TASK_INPUT_REQUIRED:
		questions_send(w, row);
		break;
	case MCP_TASK_CANCELLED:
		mcp_errorf(x, RPC_INTERNAL_ERROR, "The task was cancelled");
		break;
	case MCP_TASK_COMPLETED:
	case MCP_TASK_FAILED:
		if (row->is_error)
			error_answer(x, row);
		else
			result_answer(x, row);
		break;
	}
}

/* The answer, or why there is none, to the task's own reactor. */
static void
response_post(const struct mcp_task_waiter *w, const struct mcp_task_asked *a,
    const struct rpc_message *r)
{
	struct mcp_tasks *tasks = w->x->mcp->tasks;
	struct mcp_task_row row = { .id = w->id, .revision = MCP_2025_11_25 };
	enum mcp_task_word word = MCP_TASK_ANSWERS;
	struct str result = STR_NONE;
	int64_t code = 0;
	struct buf text;

	if (r->error != NULL)
		(void)json_i64(json_get(r->error, S("code")), &code);
	if (json_type(r->result) == JSON_OBJECT && r->error == NULL)
		result = json_raw(r->result);
	else if (code == RPC_METHOD_NOT_FOUND /* ROOT-05 */
	    && str_equal(a->method, S("roots/list")))
		result = S("{\"roots\":[]}");
	buf_init(&text);
	if (result.len > 0) {
		buf_char(&text, '{');
		buf_json(&text, a->name);
		buf_char(&text, ':');
		buf_str(&text, result);
		buf_char(&text, '}');
	} else { /* SAMP-08, ELIC-14 */
		struct str why = json_str(json_get(r->error, S("message")));

		word = MCP_TASK_REFUSED;
		BUF_LIT(&text, "The client refused ");
		buf_str(&text, a->method);
		if (why.len > 0 && why.len <= CALL_MESSAGE_MAX) {
			BUF_LIT(&text, ": ");
			buf_str(&text, why);
		}
	}
	if (!text.failed) /* else the task waits until its time is over */
		(void)mcp_task_post(
		    tasks, w->place, word, &row, buf_view(&text));
	buf_finish(&text);
}

bool
mcp_task_response(struct mcp_reactor *m, uint64_t scope, uint64_t number,
    const struct rpc_message *r)
{
	LIST_EACH (node, &m->task_waiters) {
		struct mcp_task_waiter *w =
		    LIST_OBJ(node, struct mcp_task_waiter, node);
		struct mcp_task_asked *a;

		if (w->x->scope != scope) /* nobody answers for another */
			continue;
		for (a = w->asked; a != NULL; a = a->next) {
			if (a->number != number)
				continue;
			if (!a->answered)
				response_post(w, a, r);
			a->answered = true;
			return true;
		}
	}
	return false;
}

void
mcp_task_scope_deaf(struct mcp_reactor *m, uint64_t scope)
{
	LIST_EACH_SAFE (node, &m->task_waiters) {
		struct mcp_task_waiter *w =
		    LIST_OBJ(node, struct mcp_task_waiter, node);
		const struct mcp_task_asked *a = w->asked;

		if (w->x->scope != scope)
			continue;
		w->deaf = true;
		while (a != NULL && a->answered)
			a = a->next;
		if (a != NULL)
			mcp_errorf(w->x, RPC_INTERNAL_ERROR,
			    "The client has ended its stream");
	}
}
