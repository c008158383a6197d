/* SPDX-License-Identifier: Apache-2.0 */
/* How a task comes to be: from a client's word, or a handler's. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "data/json_dup.h"
#include "mcp/task_priv.h"

#define MCP_IMMEDIATE "io.modelcontextprotocol/model-immediate-response"

/* The exchange that the handler answers, with all that x knows. */
static struct mcp_exchange *
exchange_make(struct mcp_exchange *x, struct mcp_task *t)
{
	struct mcp_exchange *tx;

	/* A scope of its own: no client's id or end means it. */
	tx = mcp_exchange_open(x->mcp, &mcp_task_reply, t, mcp_scope_next());
	if (tx == NULL)
		return NULL;
	tx->task = t;
	tx->id = S(MCP_TASK_CALL_ID);
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
	struct mcp_task *t = mcp_task_open(x->mcp);

	if (t == NULL)
		return NULL;
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

	OBJ_CHECK(t, MCP_TASK_MAGIC);
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
		mcp_task_run(t);
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
