/* SPDX-License-Identifier: Apache-2.0 */
/* tasks/get, tasks/update, tasks/cancel, tasks/list and tasks/result, and what
 * becomes of a tools/call. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mcp/task_priv.h"

#define CANCEL_TRIES 8 /* the task changed each time */

#define REQUIRED_EXTENSION \
	"{\"requiredCapabilities\":{\"extensions\":{\"" MCP_TASKS_EXTENSION \
	"\":{}}}}"

bool
mcp_tasks_are_offered(const struct mcp_reactor *m)
{
	return m->tasks != NULL
	    && (registry_current(m->registry)->task_tools > 0
		|| store_count(m->tasks->store) > 0);
}

void
mcp_tasks_not_declared(struct mcp_exchange *x)
{
	mcp_error(x, 400, RPC_MISSING_CAPABILITY,
	    S("The request does not declare the extension " MCP_TASKS_EXTENSION
	      " in its client capabilities"),
	    S(REQUIRED_EXTENSION));
}

void
mcp_task_unknown(struct mcp_exchange *x)
{
	mcp_errorf(x, RPC_INVALID_PARAMS,
	    "Unknown task: there is none with this id, or it has expired");
}

/* TKL-03, AMB-11; without the capability params.task means nothing (TKL-02). */
static bool
admit_stateful(struct mcp_exchange *x, const struct registry_entry *e,
    const struct json_node *params, bool *make)
{
	const struct json_node *task = json_get(params, S("task"));
	const struct json_node *ttl = json_get(task, S("ttl"));

	if (x->revision != MCP_2025_11_25)
		return true;
	if (task == NULL && e->task == REGISTRY_TASK_REQUIRED) {
		mcp_error(x, 200, RPC_METHOD_NOT_FOUND,
		    S("This tool runs as a task only: send params.task"),
		    STR_NONE);
		return false;
	}
	if (task == NULL)
		return true;
	if (e->task == REGISTRY_TASK_FORBIDDEN) {
		mcp_error(x, 200, RPC_METHOD_NOT_FOUND,
		    S("This tool does not run as a task: leave params.task "
		      "out"),
		    STR_NONE);
		return false;
	}
	if (task->type != JSON_OBJECT
	    || (ttl != NULL && ttl->type != JSON_NUMBER
		&& ttl->type != JSON_NULL)) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.task must be an object, and its ttl a number of "
		    "milliseconds");
		return false;
	}
	*make = true;
	return true;
}

bool
mcp_task_admit(struct mcp_exchange *x, const struct registry_entry *e,
    const struct json_node *params, bool *make)
{
	*make = false;
	if (x->mcp->tasks == NULL || params == NULL
	    || !mcp_tasks_are_offered(x->mcp))
		return true;
	if (!mcp_exchange_is_stateless(x))
		return admit_stateful(x, e, params, make);
	if ((x->client & MCP_CLIENT_TASKS) == 0) {
		if (e->task != REGISTRY_TASK_REQUIRED) /* TKX-02 */
			return true;
		mcp_tasks_not_declared(x);
		return false;
	}
	/* TKX-03: the server alone decides. */
	*make = e->task != REGISTRY_TASK_FORBIDDEN && !e->task_by_handler;
	return true;
}

void
mcp_task_op_free(struct mcp_task_op *op)
{
	if (op->x != NULL)
		op->x->task_op = NULL;
	buf_finish(&op->value);
	free(op);
}

static void
looked(struct store_request *q)
{
	struct mcp_task_op *op = CONTAINER_OF(q, struct mcp_task_op, q);
	struct mcp_exchange *x = op->x;
	struct mcp_task_row row;

	if (x == NULL) {
		mcp_task_op_free(op);
		return;
	}
	if (q->rc == 0 && mcp_task_row_read(&q->row, &row)
	    && mcp_task_may_see(x, &row)) {
		op->found(op, &row);
		return;
	}
	mcp_task_op_free(op);
	mcp_task_unknown(x); /* TKL-13, TKL-15, TKX-12, TKX-18 */
}

static void
look_again(struct mcp_task_op *op)
{
	memset(&op->q, 0, sizeof op->q);
	op->q.done = looked;
	op->q.home = op->mcp->calls->loop;
	op->q.row.id = (struct str){ op->id, op->id_len };
	store_read(op->mcp->tasks->store, &op->q);
}

void
mcp_task_look(struct mcp_exchange *x, struct str id,
    void (*found)(struct mcp_task_op *op, const struct mcp_task_row *row))
{
	struct mcp_task_op *op;

	if (id.len != MCP_TASK_ID_LEN) { /* none of ours */
		mcp_task_unknown(x);
		return;
	}
	op = calloc(1, sizeof *op);
	if (op == NULL) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
		return;
	}
	buf_init(&op->value);
	op->mcp = x->mcp;
	op->x = x;
	op->found = found;
	op->id_len = id.len;
	memcpy(op->id, id.ptr, id.len);
	x->task_op = op;
	if (list_is_empty(&x->node)) /* it may be cancelled meanwhile */
		list_push(&x->mcp->running, &x->node);
	look_again(op);
}

/* params.taskId; false: it has ended x. */
static bool
id_take(struct mcp_exchange *x, const struct rpc_message *m, struct str *id)
{
	const struct json_node *node = json_get(m->params, S("taskId"));

	if (mcp_exchange_is_stateless(x)
	    && (x->client & MCP_CLIENT_TASKS) == 0) { /* TKX-13 */
		mcp_tasks_not_declared(x);
		return false;
	}
	if (json_type(node) != JSON_STRING) {
		mcp_errorf(
		    x, RPC_INVALID_PARAMS, "params.taskId must be a string");
		return false;
	}
	*id = json_str(node);
	return true;
}

/* Ends x with a task (TKL-08, TKX-07). */
static void
get_found(struct mcp_task_op *op, const struct mcp_task_row *row)
{
	struct mcp_exchange *x = op->x;

	mcp_task_detail_write(mcp_result_begin(x), row);
	mcp_task_op_free(op);
	mcp_result_end(x);
}

void
mcp_tasks_get(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct str id;

	(void)headers;
	if (id_take(x, m, &id))
		mcp_task_look(x, id, get_found);
}

/* An empty acknowledgement (TKX-09, TKX-11). */
static void
acknowledge(struct mcp_exchange *x)
{
	(void)mcp_result_begin(x);
	mcp_result_end(x);
}

/* x's state holds the answers: nothing else of a round is in use here. */
static void
update_found(struct mcp_task_op *op, const struct mcp_task_row *row)
{
	struct mcp_exchange *x = op->x;

	if (row->status != MCP_TASK_INPUT_REQUIRED) {
		mcp_task_heard(op);
	} else if (mcp_task_answers_post(op, row, x->state) < 0) {
		mcp_task_op_free(op);
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
	}
}

void
mcp_task_heard(struct mcp_task_op *op)
{
	struct mcp_exchange *x = op->x;

	mcp_task_op_free(op);
	if (x != NULL)
		acknowledge(x);
}

static bool
answers_are_sound(const struct json_node *answers)
{
	if (answers == NULL || answers->type != JSON_OBJECT)
		return false;
	JSON_EACH_MEMBER (k, v, answers) {
		if (k == NULL || v->type != JSON_OBJECT)
			return false;
	}
	return true;
}

void
mcp_tasks_update(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct json_node *answers =
	    json_get(m->params, S("inputResponses"));
	struct str id;

	(void)headers;
	if (!id_take(x, m, &id))
		return;
	if (!answers_are_sound(answers)) { /* MRTR-13 */
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.inputResponses must be an object of results");
		return;
	}
	if (json_raw(answers).len > MCP_ANSWERS_MAX) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.inputResponses is larger than %zu bytes",
		    MCP_ANSWERS_MAX);
		return;
	}
	x->state = arena_dup(&x->arena, json_raw(answers));
	if (x->arena.failed)
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
	else
		mcp_task_look(x, id, update_found);
}

static void
cancelled(struct store_request *q)
{
	struct mcp_task_op *op = CONTAINER_OF(q, struct mcp_task_op, q);
	struct mcp_exchange *x = op->x;
	int rc = q->rc; /* q ends with op */
	struct mcp_tasks *tasks = op->mcp->tasks;

	if (rc == 0) {
		mcp_task_tell(tasks, MCP_TASK_CHANGED, &op->row, STR_NONE);
		/* Without memory its work goes on to its own end. */
		(void)mcp_task_post(
		    tasks, op->row.place, MCP_TASK_STOP, &op->row, STR_NONE);
	} else if (rc == ERR_STATE && op->tries++ < CANCEL_TRIES) {
		look_again(op);
		return;
	}
	if (x != NULL && rc == 0 && !mcp_exchange_is_stateless(x)) {
		get_found(op, &op->row); /* TKL-08 */
		return;
	}
	mcp_task_op_free(op);
	if (x != NULL && rc == 0)
		acknowledge(x); /* TKX-11 */
	else if (x != NULL && rc == ERR_NOTFOUND)
		mcp_task_unknown(x);
	else if (x != NULL)
		mcp_errorf(x, RPC_INTERNAL_ERROR, "The task cannot be changed");
}

static void
cancel_found(struct mcp_task_op *op, const struct mcp_task_row *row)
{
	struct mcp_exchange *x = op->x;

	if (mcp_task_is_over(row->status)) {
		struct str status = mcp_task_status_name(row->status);

		mcp_task_op_free(op);
		if (mcp_exchange_is_stateless(x))
			acknowledge(x);
		else
			mcp_errorf(x, RPC_INVALID_PARAMS,
			    "Cannot cancel task: already in terminal status "
			    "'%.*s'",
			    STR_FMT(status));
		return;
	}
	op->row = *row;
	op->row.id = (struct str){ op->id, op->id_len };
	op->row.status = MCP_TASK_CANCELLED;
	op->row.message = S("The task was cancelled");
	op->row.payload = STR_NONE;
	op->row.updated_ns = clock_wall_ns();
	buf_clear(&op->value);
	mcp_task_row_write(&op->value, &op->row);
	memset(&op->q, 0, sizeof op->q);
	op->q.done = cancelled;
	op->q.home = op->mcp->calls->loop;
	op->q.row = (struct store_row){ op->row.id, STR_NONE, row->expires_ns,
		MCP_TASK_FORMAT, buf_view(&op->value), 0, row->version };
	op->row.principal = STR_NONE; /* the found row's, which ends here */
	if (op->value.failed) {
		op->q.rc = ERR_NOMEM;
		cancelled(&op->q);
	} else {
		store_update(op->mcp->tasks->store, &op->q);
	}
}

void
mcp_tasks_cancel(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct str id;

	(void)headers;
	if (id_take(x, m, &id))
		mcp_task_look(x, id, cancel_found);
}

/* TKL-08: "t" and the place of the last task. */
static bool
cursor_read(const struct json_node *cursor, uint64_t *after)
{
	struct str text = json_str(cursor);

	*after = 0;
	if (cursor == NULL)
		return true;
	return json_type(cursor) == JSON_STRING && str_starts(text, S("t"))
	    && str_to_u64(str_sub(text, 1, text.len), after) == 0 && *after > 0;
}

static void
listed(struct store_request *q)
{
	struct mcp_task_op *op = CONTAINER_OF(q, struct mcp_task_op, q);
	struct mcp_exchange *x = op->x;
	int rc = q->rc; /* q ends with op */
	struct mcp_task_row row;
	struct buf *out;
	bool first = true;
	size_t i;

	if (x != NULL && rc == 0) {
		out = mcp_result_begin(x);
		BUF_LIT(out, "\"tasks\":[");
		for (i = 0; i < q->rows_len; i++) {
			if (!mcp_task_row_read(&q->rows[i], &row)
			    || !mcp_task_may_see(x, &row))
				continue;
			buf_cstr(out, first ? "{" : ",{");
			first = false;
			mcp_task_write(out, &row);
			out->len -= !out->failed; /* a comma */
			buf_char(out, '}');
		}
		BUF_LIT(out, "],");
		if (q->more) {
			BUF_LIT(out, "\"nextCursor\":\"t");
			buf_u64(out, q->rows[q->rows_len - 1].seq);
			BUF_LIT(out, "\",");
		}
	}
	mcp_task_op_free(op);
	if (x != NULL && rc == 0)
		mcp_result_end(x);
	else if (x != NULL)
		mcp_errorf(x, RPC_INTERNAL_ERROR, "The list cannot be read");
}

void
mcp_tasks_list(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct mcp_task_op *op;
	uint64_t after;

	(void)headers;
	if (!cursor_read(json_get(m->params, S("cursor")), &after)) {
		mcp_errorf(x, RPC_INVALID_PARAMS, /* TKL-13 */
		    "params.cursor is not a cursor of this list");
		return;
	}
	op = calloc(1, sizeof *op);
	if (op != NULL) {
		buf_init(&op->value);
		mcp_task_principal_write(&op->value, x);
	}
	if (op == NULL || op->value.failed) {
		free(op);
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
		return;
	}
	op->mcp = x->mcp;
	op->x = x;
	op->q.done = listed;
	op->q.home = x->mcp->calls->loop;
	op->q.row.principal = buf_view(&op->value);
	op->q.after = after;
	x->task_op = op;
	list_push(&x->mcp->running, &x->node);
	store_page(x->mcp->tasks->store, &op->q);
}

static void
result_found(struct mcp_task_op *op, const struct mcp_task_row *row)
{
	struct mcp_task_waiter *w = op->x->task_waiter;

	mcp_task_op_free(op);
	mcp_task_waiter_see(w, row);
}

void
mcp_tasks_result(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct mcp_task_waiter *w;
	struct str id;

	(void)headers;
	if (!id_take(x, m, &id))
		return;
	w = arena_zalloc(&x->arena, sizeof *w);
	if (w != NULL)
		w->id = arena_dup(&x->arena, id);
	if (w == NULL || w->id.ptr == NULL) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
		return;
	}
	/* It waits before it looks: no change can pass between the two. */
	w->x = x;
	x->task_waiter = w;
	list_push(&x->mcp->task_waiters, &w->node);
	mcp_task_watch(x->mcp, 1);
	mcp_task_look(x, w->id, result_found);
}
