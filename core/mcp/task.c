/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task on the reactor that makes it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "data/json_dup.h"
#include "mcp/task_priv.h"

#define TASK_MAGIC 0x5441534bu
#define TASK_ID "0" /* of what the handler answers; it goes nowhere */
#define RESULT_HEAD "{\"jsonrpc\":\"2.0\",\"id\":" TASK_ID ",\"result\":"
#define ERROR_HEAD "{\"jsonrpc\":\"2.0\",\"id\":" TASK_ID ",\"error\":"
#define MCP_IMMEDIATE "io.modelcontextprotocol/model-immediate-response"
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
	OBJ_CHECK(t, TASK_MAGIC);
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

	OBJ_CHECK(t, TASK_MAGIC);
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

	OBJ_CHECK(t, TASK_MAGIC);
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

	OBJ_CHECK(t, TASK_MAGIC);
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

	OBJ_CHECK(t, TASK_MAGIC);
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

static const struct mcp_reply_ops task_reply = { task_notify, task_answer, NULL,
	NULL, NULL, NULL };

static void
dropped(struct store_request *q)
{
	struct mcp_task *t = CONTAINER_OF(q, struct mcp_task, q);

	OBJ_CHECK(t, TASK_MAGIC);
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

	OBJ_CHECK(t, TASK_MAGIC);
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

static void
run(struct mcp_task *t)
{
	mcp_tool_run(t->x, t->name, t->args, NULL, NULL);
}

static void
come_again(void *arg)
{
	struct mcp_task *t = arg;

	OBJ_CHECK(t, TASK_MAGIC);
	run(t);
}

/* The exchange that the handler answers, with all that x knows. */
static struct mcp_exchange *
exchange_make(struct mcp_exchange *x, struct mcp_task *t)
{
	struct mcp_exchange *tx;

	/* A scope of its own: no client's id or end means it. */
	tx = mcp_exchange_open(x->mcp, &task_reply, t, mcp_scope_next());
	if (tx == NULL)
		return NULL;
	tx->task = t;
	tx->id = S(TASK_ID);
	tx->revision = x->revision;
	tx->client = x->client;
	if (x->peer != NULL) /* TKX-16: no log in the other era */
		tx->log_level = atomic_load(&x->peer->log_level);
	if (!mcp_exchange_is_stateless(x))
		tx->token = arena_dup(&tx->arena, x->token);
	tx->round = x->round;
	tx->principal = arena_dup(&tx->arena, x->principal);
	if (x->state.len > 0)
		tx->state = arena_dup(&tx->arena, x->state);
	if (x->answers != NULL)
		tx->answers = json_dup(x->answers, &tx->arena);
	return tx;
}

static int64_t
ttl_of(const struct mcp_exchange *x, const struct registry_entry *e,
    const struct json_node *params)
{
	const struct mcp_task_limits *limits = &x->mcp->tasks->limits;
	const struct json_node *wish =
	    json_get(json_get(params, S("task")), S("ttl"));
	int64_t ttl = e->task_ttl_ns > 0 ? e->task_ttl_ns : limits->ttl_ns;
	int64_t max_ms = limits->ttl_max_ns / NS_PER_MS;
	double ms;

	if (!mcp_exchange_is_stateless(x) && json_type(wish) == JSON_NUMBER
	    && json_double(wish, &ms) == 0)
		ttl = ms < 1              ? NS_PER_MS
		    : ms < (double)max_ms ? (int64_t)ms * NS_PER_MS
					  : limits->ttl_max_ns;
	return ttl < limits->ttl_max_ns ? ttl : limits->ttl_max_ns;
}

static int
task_fill(struct mcp_task *t, struct mcp_exchange *x, struct str name,
    const struct json_node *args)
{
	struct buf principal;
	struct arena *a;

	t->x = exchange_make(x, t);
	if (t->x == NULL)
		return ERR_NOMEM;
	a = &t->x->arena;
	t->name = arena_dup(a, name);
	if (args != NULL)
		t->args = json_dup(args, a);
	buf_init(&principal);
	mcp_task_principal_write(&principal, x);
	t->principal = arena_dup(a, buf_view(&principal));
	a->failed |= principal.failed;
	buf_finish(&principal);
	if (a->failed)
		return ERR_NOMEM;
	return map_set(&t->mcp->tasks_by_id, t->row.id, t, NULL);
}

/* NULL without memory.  x is its maker. */
static struct mcp_task *
task_make(struct mcp_exchange *x, const struct registry_entry *e,
    struct str name, const struct json_node *args, int64_t ttl_ns)
{
	const struct mcp_task_limits *limits = &x->mcp->tasks->limits;
	struct mcp_task *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	OBJ_INIT(t, TASK_MAGIC);
	t->mcp = x->mcp;
	list_init(&t->node);
	list_init(&t->told);
	t->needs_tail = &t->needs;
	buf_init(&t->message);
	buf_init(&t->payload);
	buf_init(&t->value);
	loop_timer_init(&t->expiry, expired, t);
	loop_timer_init(&t->again, come_again, t);
	random_hex(t->id, MCP_TASK_ID_LEN / 2);
	t->row.id = (struct str){ t->id, MCP_TASK_ID_LEN };
	t->row.revision = x->revision;
	t->row.place = x->mcp->number;
	t->row.scope = x->peer != NULL ? x->peer->scope : 0;
	t->row.created_ns = t->row.updated_ns = clock_wall_ns();
	t->row.ttl_ns = ttl_ns;
	t->row.expires_ns = t->row.created_ns + ttl_ns;
	buf_str(&t->message, str_sub(e->task_message, 0, CALL_TASK_TEXT_MAX));
	while (t->message.len > 0 && !str_is_utf8(buf_view(&t->message)))
		t->message.len--; /* cut between characters */
	t->row.poll_ns =
	    e->task_poll_ns > 0 ? e->task_poll_ns : limits->poll_ns;
	if (task_fill(t, x, name, args) < 0) {
		mcp_task_stop(t);
		return NULL;
	}
	t->maker = x;
	x->making = t;
	list_push(&x->mcp->tasks_live, &t->node);
	loop_timer_set(x->mcp->calls->loop, &t->expiry,
	    loop_now(x->mcp->calls->loop) + ttl_ns + NS_PER_MS);
	return t;
}

/* Ends the maker with CreateTaskResult (TKL-04, TKX-04). */
static void
maker_answer(struct mcp_task *t)
{
	struct mcp_exchange *x = t->maker;
	struct buf *out = &t->mcp->out;
	bool stateless = mcp_exchange_is_stateless(x);

	t->maker = NULL;
	x->making = NULL;
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_result(out, x->id);
	buf_cstr(out, stateless ? "{\"resultType\":\"task\"," : "{\"task\":{");
	mcp_task_write(out, &t->row);
	if (!stateless) {
		out->len -= !out->failed; /* a comma */
		BUF_LIT(out, "},");
	}
	if (!stateless && t->row.message.len > 0) { /* TKL-05 */
		BUF_LIT(out, "\"_meta\":{\"" MCP_IMMEDIATE "\":");
		buf_json(out, t->row.message);
		BUF_LIT(out, "},");
	}
	mcp_result_end(x);
}

static void
maker_refuse(struct mcp_exchange *x, int rc)
{
	static struct log_gate gate;
	uint64_t suppressed;

	if (rc == ERR_NOMEM) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
		return;
	}
	if (log_gate_pass(&gate, NS_PER_S, &suppressed))
		LOG_WARN("task refused", F_CSTR("reason", err_name(rc)),
		    F_INT("suppressed", suppressed));
	mcp_error(x, 503, RPC_INTERNAL_ERROR,
	    rc == ERR_LIMIT
		? S("You have too many tasks (tasks.per_principal): cancel "
		    "some, or wait until they expire")
		: S("The server keeps too many tasks: try again later"),
	    S("{\"retryAfterMs\":1000}"));
}

static void
created(struct store_request *q)
{
	struct mcp_task *t = CONTAINER_OF(q, struct mcp_task, q);
	struct mcp_exchange *maker = t->maker;
	int rc = q->rc; /* q ends with t */

	OBJ_CHECK(t, TASK_MAGIC);
	t->saving = false;
	if (rc != 0) {
		LOG_DEBUG("no task", F_CSTR("reason", err_name(rc)));
		t->maker = NULL;
		if (maker != NULL)
			maker->making = NULL;
		mcp_task_stop(t);
		if (maker != NULL)
			maker_refuse(maker, rc);
		return;
	}
	t->stored = true;
	t->row.version = q->row.version;
	/* Nobody will ever know its id; the row ends with its time. */
	if (maker == NULL || t->over) {
		mcp_task_stop(t);
		if (maker != NULL)
			mcp_errorf(
			    maker, RPC_INTERNAL_ERROR, "The task has expired");
		return;
	}
	maker_answer(t);
	if (t->dirty)
		mcp_task_save(t);
	else if (t->starts)
		run(t);
}

/* TKX-06: the answer waits for the row. */
static void
task_store(struct mcp_task *t)
{
	t->row.message = buf_view(&t->message);
	mcp_task_row_write(&t->value, &t->row);
	t->saving = true;
	t->q.done = created;
	t->q.home = t->mcp->calls->loop;
	t->q.row = (struct store_row){ t->row.id, t->principal,
		t->row.expires_ns, MCP_TASK_FORMAT, buf_view(&t->value), 0, 0 };
	if (t->value.failed) {
		t->q.rc = ERR_NOMEM;
		created(&t->q);
	} else {
		store_create(t->mcp->tasks->store, &t->q);
	}
}

void
mcp_task_begin(struct mcp_exchange *x, const struct registry_entry *e,
    struct str name, const struct json_node *args,
    const struct json_node *params)
{
	struct mcp_task *t;

	if (mcp_exchange_is_stateless(x)
	    && !mcp_round_take(x, CALL_TOOL, e, name, args, params))
		return;
	t = task_make(x, e, name, args, ttl_of(x, e, params));
	if (t == NULL) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
		return;
	}
	t->starts = true;
	list_push(&x->mcp->running, &x->node); /* may be cancelled meanwhile */
	task_store(t);
}

struct mcp_exchange *
mcp_task_become(struct mcp_exchange *x, struct call *c, struct str status)
{
	struct mcp_reactor *m = x->mcp;
	bool ends = x->call == NULL;
	struct mcp_task *t;
	char id[MCP_TASK_ID_LEN];

	t = task_make(x, x->entry, c->name, c->args, ttl_of(x, x->entry, NULL));
	if (t == NULL)
		return x; /* it waits for the result, then */
	memcpy(id, t->id, sizeof id);
	if (status.len > 0)
		buf_clear(&t->message);
	buf_str(&t->message, status);
	t->x->entry = x->entry;
	c->sink_arg = t->x;
	x->call = NULL;
	if (!ends) {
		t->x->call = c;
		list_push(&m->running, &t->x->node);
	}
	task_store(t);
	t = mcp_task_find(m, (struct str){ id, sizeof id });
	return t != NULL ? t->x : NULL;
}

/* The row is made when the handler says so; what it says before its end comes
 * in here, what it says with its end in call_finished(). */
void
mcp_call_task(struct call *c, struct str status)
{
	struct mcp_exchange *x =
	    OBJ_CAST(c->sink_arg, struct mcp_exchange, MCP_EXCHANGE_MAGIC);
	struct mcp_task *t = x->task;

	if (x->gone || !str_is_utf8(status) || (t == NULL && !c->task_wanted))
		return;
	if (t == NULL) {
		/* Refused, or without memory: then it has been told. */
		(void)mcp_task_become(x, c, status);
		return;
	}
	buf_clear(&t->message);
	buf_str(&t->message, status);
	t->row.updated_ns = clock_wall_ns();
	mcp_task_save(t);
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
