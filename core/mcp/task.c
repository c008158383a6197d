/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task on the reactor that makes it. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "mcp/task_priv.h"

#define RESULT_HEAD \
	"{\"jsonrpc\":\"2.0\",\"id\":" MCP_TASK_CALL_ID ",\"result\":"
#define ERROR_HEAD "{\"jsonrpc\":\"2.0\",\"id\":" MCP_TASK_CALL_ID ",\"error\":"
#define EXPIRY_AGAIN_NS (10 * NS_PER_MS) /* while a row is being written */
#define NO_ID_HEAD "{\"jsonrpc\":\"2.0\",\"error\":"

static void saved(struct store_request *q);

struct mcp_tasks *
mcp_tasks_create(struct store *store, const struct mcp_task_limits *limits,
    unsigned reactors, struct err *err)
{
	struct mcp_tasks *t =
	    calloc(1, sizeof *t + reactors * sizeof t->places[0]);
	unsigned i;

	if (t == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	t->store = store;
	t->limits = *limits;
	t->places_len = reactors;
	for (i = 0; i < reactors; i++)
		atomic_init(&t->places[i].watching, 0);
	return t;
}

void
mcp_tasks_destroy(struct mcp_tasks *t)
{
	free(t);
}

void
mcp_reactor_tasks_set(
    struct mcp_reactor *m, struct mcp_tasks *tasks, unsigned number)
{
	CHECK(number < tasks->places_len);
	m->tasks = tasks;
	m->number = number;
	tasks->places[number].mcp = m;
}

struct mcp_task *
mcp_task_find(struct mcp_reactor *m, struct str id)
{
	return map_find(&m->tasks_by_id, id);
}

static void
task_free(struct mcp_task *t)
{
	OBJ_CHECK(t, MCP_TASK_MAGIC);
	CHECK(t->x == NULL && !t->saving);
	if (t->maker != NULL)
		t->maker->making = NULL;
	loop_timer_clear(&t->expiry);
	loop_timer_clear(&t->again);
	list_drop(&t->node);
	mcp_task_told(t);
	(void)map_remove(&t->mcp->tasks_by_id, t->row.id); /* t */
	buf_finish(&t->message);
	buf_finish(&t->payload);
	buf_finish(&t->value);
	OBJ_WIPE(t);
	free(t);
}

/* Its work stops; it is freed as soon as the store lets go of it. */
void
mcp_task_stop(struct mcp_task *t)
{
	struct mcp_exchange *x = t->x;

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	t->x = NULL;
	t->lost = true;
	if (x != NULL) {
		x->task = NULL;
		mcp_exchange_abandon(x, MCP_ABANDON_WORK);
	}
	t->over = true;
	if (!t->saving)
		task_free(t);
}

void
mcp_task_forget(struct mcp_exchange *x)
{
	if (x->making != NULL)
		x->making->maker = NULL;
	if (x->task_op != NULL)
		x->task_op->x = NULL;
	if (x->task_waiter != NULL)
		mcp_task_waiter_drop(x);
	if (x->task_ids != NULL)
		mcp_task_watch(x->mcp, -1);
}

void
mcp_task_turn(struct mcp_task *t, enum mcp_task_status to)
{
	CHECK(mcp_task_may_turn(t->row.status, to));
	t->row.status = to;
	t->row.updated_ns = clock_wall_ns();
}

/* Row, as it is now, to the store: one request at a time. */
void
mcp_task_save(struct mcp_task *t)
{
	if (t->lost)
		return;
	if (t->saving) {
		t->dirty = true;
		return;
	}
	t->row.message = buf_view(&t->message);
	t->row.payload = buf_view(&t->payload);
	buf_clear(&t->value);
	mcp_task_row_write(&t->value, &t->row);
	t->dirty = false;
	t->saving = true;
	t->q.done = saved;
	t->q.home = t->mcp->calls->loop;
	t->q.row =
	    (struct store_row){ t->row.id, t->principal, t->row.expires_ns,
		    MCP_TASK_FORMAT, buf_view(&t->value), 0, t->row.version };
	if (t->value.failed || t->message.failed || t->payload.failed) {
		t->q.rc = ERR_NOMEM;
		saved(&t->q);
	} else {
		store_update(t->mcp->tasks->store, &t->q);
	}
}

/* A result that found no room: the error that says so is small. */
static void
shrink(struct mcp_task *t, struct str why)
{
	buf_finish(&t->payload);
	buf_finish(&t->message);
	buf_init(&t->payload);
	buf_init(&t->message);
	BUF_LIT(&t->payload, "{\"code\":-32603,\"message\":");
	buf_json(&t->payload, why);
	buf_char(&t->payload, '}');
	buf_str(&t->message, why);
	t->row.status = MCP_TASK_FAILED;
	t->row.is_error = true;
	t->shrunk = true;
	mcp_task_save(t);
}

static void
saved(struct store_request *q)
{
	struct mcp_task *t = CONTAINER_OF(q, struct mcp_task, q);
	bool over;

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	t->saving = false;
	over = t->over || mcp_task_is_over(t->row.status);
	if (q->rc == 0) {
		t->row.version = q->row.version;
		mcp_task_tell(
		    t->mcp->tasks, MCP_TASK_CHANGED, &t->row, STR_NONE);
	} else if (q->rc == ERR_STATE || q->rc == ERR_NOTFOUND) {
		t->lost = true; /* cancelled, or its time is over */
	} else if (over && !t->over && !t->shrunk) {
		shrink(
		    t, S("The result does not fit: too many tasks are kept"));
		return;
	} else {
		LOG_WARN("task not saved", F_CSTR("reason", err_name(q->rc)));
	}
	if (t->dirty && !t->lost) {
		mcp_task_save(t);
		return;
	}
	mcp_task_told(t);
	if (over && t->x == NULL)
		task_free(t);
}

/* What the handler's call answers: the bytes of its revision are kept. */
static void
task_answer(struct mcp_exchange *x, int status, struct str message)
{
	struct mcp_task *t = x->task;
	bool failed = x->is_error && !mcp_exchange_is_stateless(x);
	struct json_doc doc;
	size_t head = sizeof RESULT_HEAD - 1;

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	CHECK(message.len > 0); /* its scope is its own: nobody else ends it */
	(void)status; /* HTTP's */
	t->x = NULL;
	x->task = NULL;
	loop_timer_clear(&t->again);
	if (!str_starts(message, S(RESULT_HEAD))) {
		t->row.is_error = failed = true;
		head = str_starts(message, S(ERROR_HEAD))
		    ? sizeof ERROR_HEAD - 1
		    : sizeof NO_ID_HEAD - 1;
	}
	/* TKL-12, TKX-08 */
	mcp_task_turn(t, failed ? MCP_TASK_FAILED : MCP_TASK_COMPLETED);
	if (message.len > t->mcp->tasks->limits.result_max) {
		shrink(t, S("The result is larger than tasks.result"));
		return;
	}
	buf_clear(&t->payload);
	buf_clear(&t->message);
	buf_str(&t->payload, str_sub(message, head, message.len - 1));
	if (t->row.is_error) {
		json_doc_init(&doc);
		if (json_parse(&doc, buf_view(&t->payload), JSON_PROTOCOL) == 0)
			buf_str(&t->message,
			    json_str(json_get(doc.nodes, S("message"))));
		json_doc_finish(&doc);
	}
	mcp_task_save(t);
}

/* TKL-10; TKX-16: none in the stateless era. */
static void
task_notify(struct mcp_exchange *x, struct str message)
{
	struct mcp_task *t = x->task;
	struct buf text;

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	if (mcp_exchange_is_stateless(x) || !str_ends(message, S("}}")))
		return;
	buf_init(&text);
	buf_str(&text, str_sub(message, 0, message.len - 2));
	buf_char(&text, ',');
	mcp_related_task_write(&text, t->row.id);
	BUF_LIT(&text, "}}");
	if (!text.failed)
		mcp_task_tell(
		    t->mcp->tasks, MCP_TASK_RELAY, &t->row, buf_view(&text));
	buf_finish(&text);
}

const struct mcp_reply_ops mcp_task_reply = { task_notify, task_answer, NULL,
	NULL, NULL, NULL };

static void
dropped(struct store_request *q)
{
	struct mcp_task *t = CONTAINER_OF(q, struct mcp_task, q);

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	t->saving = false;
	mcp_task_tell(t->mcp->tasks, MCP_TASK_CHANGED, &t->row, STR_NONE);
	mcp_task_stop(t);
}

/* TKX-19: whatever it does, its time is over. */
static void
expired(void *arg)
{
	struct mcp_task *t = arg;
	struct loop *l = t->mcp->calls->loop;

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	t->lost = true;
	if (t->saving) {
		loop_timer_set(l, &t->expiry, loop_now(l) + EXPIRY_AGAIN_NS);
		return;
	}
	LOG_DEBUG("task expired");
	t->saving = true;
	t->q.done = dropped;
	t->q.home = l;
	t->q.row.id = t->row.id;
	store_drop(t->mcp->tasks->store, &t->q);
}

void
mcp_task_run(struct mcp_task *t)
{
	mcp_tool_run(t->x, t->name, t->args, NULL, NULL);
}

static void
come_again(void *arg)
{
	struct mcp_task *t = arg;

	OBJ_CHECK(t, MCP_TASK_MAGIC);
	mcp_task_run(t);
}

struct mcp_task *
mcp_task_open(struct mcp_reactor *m)
{
	struct mcp_task *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	OBJ_INIT(t, MCP_TASK_MAGIC);
	t->mcp = m;
	list_init(&t->node);
	list_init(&t->told);
	t->needs_tail = &t->needs;
	buf_init(&t->message);
	buf_init(&t->payload);
	buf_init(&t->value);
	loop_timer_init(&t->expiry, expired, t);
	loop_timer_init(&t->again, come_again, t);
	random_hex(t->id, MCP_TASK_ID_LEN / 2);
	return t;
}

void
mcp_tasks_drain(struct mcp_reactor *m)
{
	LIST_EACH_SAFE (node, &m->tasks_live) {
		struct mcp_task *t = LIST_OBJ(node, struct mcp_task, node);

		if (t->x != NULL && t->x->call == NULL && t->stored)
			mcp_errorf(t->x, RPC_INTERNAL_ERROR, "The server ends");
	}
}

/* Its work stops, and its row says so: who asks later does not wait. */
static void
task_cancel(struct mcp_task *t)
{
	struct mcp_exchange *x = t->x;

	t->x = NULL;
	x->task = NULL;
	mcp_exchange_abandon(x, MCP_ABANDON_WORK);
	loop_timer_clear(&t->again);
	buf_clear(&t->payload);
	buf_clear(&t->message);
	BUF_LIT(&t->message, "The server ends");
	mcp_task_turn(t, MCP_TASK_CANCELLED);
	mcp_task_save(t);
}

void
mcp_tasks_end(struct mcp_reactor *m)
{
	LIST_EACH_SAFE (node, &m->tasks_live) {
		struct mcp_task *t = LIST_OBJ(node, struct mcp_task, node);

		if (t->stored && t->x != NULL
		    && !mcp_task_is_awaited(m, t->row.id))
			task_cancel(t);
	}
}

void
mcp_tasks_finish(struct mcp_reactor *m)
{
	LIST_EACH_SAFE (node, &m->tasks_live)
		mcp_task_stop(LIST_OBJ(node, struct mcp_task, node));
	map_finish(&m->tasks_by_id);
}
