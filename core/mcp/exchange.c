/* SPDX-License-Identifier: Apache-2.0 */
/* One message being answered, and the reactor's side of it all. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mcp/task_priv.h"

void
mcp_peer_init(struct mcp_peer *p)
{
	memset(p, 0, sizeof *p);
	p->scope = mcp_scope_next();
	atomic_init(&p->phase, MCP_PEER_NEW);
	atomic_init(&p->log_level, MCP_LOG_LEVEL_DEFAULT);
	atomic_init(&p->subscriptions, NULL);
}

uint64_t
mcp_scope_next(void)
{
	static _Atomic uint64_t last; /* a name only: nothing depends on it */

	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

static int
identity_more_write(struct buf *text, const struct mcp_identity *id)
{
	int rc = 0;

	if (id->description.len > 0) {
		BUF_LIT(text, ",\"description\":");
		rc |= json_write_str(text, id->description);
	}
	if (id->website_url.len > 0) {
		BUF_LIT(text, ",\"websiteUrl\":");
		rc |= json_write_str(text, id->website_url);
	}
	if (id->icons.len > 0) {
		BUF_LIT(text, ",\"icons\":");
		buf_str(text, id->icons);
	}
	return rc;
}

/* The parts of every answer that name this server. */
static int
identity_write(struct mcp_reactor *m, const struct mcp_identity *id)
{
	struct buf text;
	int rc = 0;

	buf_init(&text);
	BUF_LIT(&text, "\"name\":");
	rc |= json_write_str(&text, id->name);
	BUF_LIT(&text, ",\"version\":");
	rc |= json_write_str(&text, id->version);
	m->identity_names = arena_dup(&m->arena, buf_view(&text));
	buf_clear(&text);
	if (id->title.len > 0) {
		BUF_LIT(&text, ",\"title\":");
		rc |= json_write_str(&text, id->title);
	}
	m->identity_title = arena_dup(&m->arena, buf_view(&text));
	buf_clear(&text);
	rc |= identity_more_write(&text, id);
	m->identity_more = arena_dup(&m->arena, buf_view(&text));
	m->apps = id->apps;
	buf_clear(&text);
	BUF_LIT(&text, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{");
	buf_str(&text, m->identity_names);
	buf_str(&text, m->identity_title);
	m->identity_stateless = arena_dup(&m->arena, buf_view(&text));
	buf_clear(&text);
	if (id->instructions.len > 0)
		rc |= json_write_str(&text, id->instructions);
	m->instructions = arena_dup(&m->arena, buf_view(&text));
	if (text.failed || m->arena.failed || rc != 0)
		rc = ERR_PARAMS;
	buf_finish(&text);
	return rc;
}

struct mcp_reactor *
mcp_reactor_create(struct call_reactor *calls, struct registry *registry,
    const struct mcp_identity *identity, struct err *err)
{
	struct mcp_reactor *m = calloc(1, sizeof *m);

	if (m == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	OBJ_INIT(m, MCP_REACTOR_MAGIC);
	m->calls = calls;
	m->registry = registry;
	arena_init(&m->arena, 0);
	json_doc_init(&m->doc);
	json_doc_init(&m->answer_doc);
	schema_report_init(&m->report);
	buf_init(&m->out);
	list_init(&m->running);
	list_init(&m->listening);
	list_init(&m->listeners);
	list_init(&m->updates);
	map_init(&m->updates_by_uri);
	list_init(&m->asking);
	list_init(&m->tasks_live);
	list_init(&m->task_waiters);
	map_init(&m->tasks_by_id);
	list_init(&m->kept);
	if (identity_write(m, identity) < 0) {
		(void)err_set(
		    err, ERR_CONFIG, "server name and title must be UTF-8");
		mcp_reactor_destroy(m);
		return NULL;
	}
	return m;
}

static void
exchange_free(struct mcp_exchange *x)
{
	arena_finish(&x->arena);
	free(x);
}

void
mcp_reactor_destroy(struct mcp_reactor *m)
{
	if (m == NULL)
		return;
	OBJ_CHECK(m, MCP_REACTOR_MAGIC);
	mcp_tasks_finish(m);
	CHECK(list_is_empty(&m->running));
	CHECK(list_is_empty(&m->listening));
	LIST_EACH_SAFE (node, &m->kept) {
		list_drop(node);
		exchange_free(LIST_OBJ(node, struct mcp_exchange, node));
	}
	mcp_tell_finish(m);
	schema_report_finish(&m->report);
	buf_finish(&m->out);
	json_doc_finish(&m->doc);
	json_doc_finish(&m->answer_doc);
	arena_finish(&m->arena);
	OBJ_WIPE(m);
	free(m);
}

struct json_doc *
mcp_reactor_doc(struct mcp_reactor *m)
{
	return &m->doc;
}

void
mcp_reactor_streams_set(
    struct mcp_reactor *m, atomic_size_t *count, const atomic_size_t *max)
{
	m->streams = count;
	m->streams_max = max;
}

void
mcp_reactor_rounds_set(
    struct mcp_reactor *m, const struct mcp_rounds *rounds, unsigned number)
{
	m->rounds = rounds;
	m->number = number;
}

void
mcp_reactor_features_set(struct mcp_reactor *m, unsigned off)
{
	m->no_logging = (off & MCP_FEATURE_LOGGING) != 0;
	m->client_off = 0;
	if ((off & MCP_FEATURE_SAMPLING) != 0)
		m->client_off |= (unsigned)(MCP_CLIENT_SAMPLING
		    | MCP_CLIENT_SAMPLING_TOOLS | MCP_CLIENT_SAMPLING_CONTEXT);
	if ((off & MCP_FEATURE_ROOTS) != 0)
		m->client_off |= MCP_CLIENT_ROOTS;
}

unsigned
mcp_reactor_number(const struct mcp_reactor *m)
{
	return m->number;
}

struct mcp_exchange *
mcp_exchange_open(struct mcp_reactor *m, const struct mcp_reply_ops *ops,
    void *owner, uint64_t scope)
{
	struct mcp_exchange *x;
	struct arena arena;

	if (m->kept_len > 0) {
		x = LIST_OBJ(m->kept.next, struct mcp_exchange, node);
		list_drop(&x->node);
		m->kept_len--;
		arena = x->arena;
	} else {
		x = malloc(sizeof *x);
		if (x == NULL)
			return NULL;
		arena_init(&arena, CALL_MEMORY_MAX);
	}
	memset(x, 0, sizeof *x);
	OBJ_INIT(x, MCP_EXCHANGE_MAGIC);
	x->arena = arena;
	x->mcp = m;
	x->ops = ops;
	x->owner = owner;
	x->scope = scope;
	x->log_level = MCP_LOG_NONE; /* LOG-04 */
	list_init(&x->node);
	if (ops->principal != NULL)
		x->principal = arena_dup(&x->arena, ops->principal(x));
	if (!x->arena.failed)
		return x;
	mcp_exchange_close(x);
	return NULL;
}

void
mcp_exchange_close(struct mcp_exchange *x)
{
	struct mcp_reactor *m;

	OBJ_CHECK(x, MCP_EXCHANGE_MAGIC);
	CHECK(x->call == NULL);
	m = x->mcp;
	list_drop(&x->node);
	if (x->asked != NULL)
		mcp_asked_drop(x);
	mcp_task_forget(x);
	mcp_listen_unwatch(x);
	if (x->listening && m->streams != NULL)
		atomic_fetch_sub(m->streams, 1);
	OBJ_WIPE(x);
	arena_reset(&x->arena);
	if (m->kept_len >= MCP_EXCHANGES_KEPT) {
		exchange_free(x);
		return;
	}
	list_push(&m->kept, &x->node);
	m->kept_len++;
}

int64_t
mcp_exchange_retry_ms(const struct mcp_exchange *x)
{
	return x->retry_ms;
}

void *
mcp_exchange_owner(const struct mcp_exchange *x)
{
	return x->owner;
}

void
mcp_exchange_notify(struct mcp_exchange *x, struct str message)
{
	x->ops->notify(x, message);
}

bool
mcp_exchange_ask(struct mcp_exchange *x, struct str message)
{
	return x->ops->ask != NULL && x->ops->ask(x, message);
}

void
mcp_exchange_owner_set(
    struct mcp_exchange *x, const struct mcp_reply_ops *ops, void *owner)
{
	x->ops = ops;
	x->owner = owner;
}

struct str
mcp_exchange_id(const struct mcp_exchange *x)
{
	return x->id;
}

bool
mcp_exchange_is_listening(const struct mcp_exchange *x)
{
	return x->listening;
}

bool
mcp_exchange_is_stateless(const struct mcp_exchange *x)
{
	return mcp_revision_is_stateless(x->revision);
}

void
mcp_exchange_abandon(struct mcp_exchange *x, enum mcp_abandon how)
{
	struct call *c;

	OBJ_CHECK(x, MCP_EXCHANGE_MAGIC);
	c = x->call;
	if (c != NULL && how == MCP_KEEP_WORK) {
		x->gone = true; /* finished() closes it */
		x->peer = NULL;
		return;
	}
	x->call = NULL;
	if (c != NULL)
		call_abandon(c);
	mcp_exchange_close(x);
}

/* Hands the answer over, unless nobody is there any more. */
static void
answer(struct mcp_exchange *x, int status, struct str message)
{
	if (!x->gone)
		x->ops->answer(x, status, message);
	mcp_exchange_close(x);
}

struct buf *
mcp_result_begin(struct mcp_exchange *x)
{
	struct buf *out = &x->mcp->out;

	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_result(out, x->id);
	if (mcp_exchange_is_stateless(x))
		BUF_LIT(out, "{\"resultType\":\"complete\",");
	else
		buf_char(out, '{');
	return out;
}

void
mcp_result_end(struct mcp_exchange *x)
{
	struct buf *out = &x->mcp->out;

	/* Members end with a comma or are none: the last comma goes. */
	if (out->len > 0 && out->ptr[out->len - 1] == ',')
		out->len--;
	if (mcp_exchange_is_stateless(x)) {
		buf_str(out, x->mcp->identity_stateless);
		/* Icons may be large: once is enough. */
		if (x->introduces)
			buf_str(out, x->mcp->identity_more);
		BUF_LIT(out, "}}");
	}
	BUF_LIT(out, "}}");
	if (out->failed) {
		mcp_error(x, 200, RPC_INTERNAL_ERROR,
		    S("the answer does not fit into memory"), STR_NONE);
		return;
	}
	answer(x, 200, buf_view(out));
}

/* What can be said without any. */
#define NO_MEMORY \
	"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32603," \
	"\"message\":\"out of memory\"}}"

void
mcp_error(struct mcp_exchange *x, int status, int code, struct str message,
    struct str data)
{
	struct buf *out = &x->mcp->out;

	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_error(out, x->id, code, message, data);
	if (out->failed)
		answer(x, 503, S(NO_MEMORY));
	else
		answer(x, status, buf_view(out));
}

void
mcp_errorf(struct mcp_exchange *x, int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof text) {
		n = (int)sizeof text - 1;
		/* Not in the middle of a character. */
		while (n > 0 && !str_is_utf8((struct str){ text, (size_t)n }))
			n--;
	}
	mcp_error(x, 200, code, (struct str){ text, (size_t)n }, STR_NONE);
}

bool
mcp_id_take(struct mcp_exchange *x, const struct rpc_message *m)
{
	x->id = arena_dup(&x->arena, json_raw(m->id));
	if (x->id.ptr != NULL)
		return true;
	mcp_refuse(
	    x, json_raw(m->id), 503, RPC_INTERNAL_ERROR, "out of memory");
	return false;
}

void
mcp_refuse(struct mcp_exchange *x, struct str id, int status, int code,
    const char *text)
{
	x->id = id; /* x is gone before the message is */
	mcp_error(x, status, code, str_of(text), STR_NONE);
}

static struct mcp_exchange *
exchange_find(struct list *list, uint64_t scope, const struct json_node *id)
{
	LIST_EACH (node, list) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		if (x->scope == scope && rpc_id_equal(x->id, id))
			return x;
	}
	return NULL;
}

/* Ends x at once, sending nothing (CANC-01, STD-09). */
static void
end_silently(struct mcp_exchange *x)
{
	struct call *c = x->call;

	x->call = NULL;
	if (c != NULL)
		call_abandon(c);
	answer(x, 0, STR_NONE);
}

void
mcp_cancel(struct mcp_reactor *m, uint64_t scope, const struct json_node *id)
{
	struct mcp_exchange *x;

	if (!rpc_id_is_valid(id)) /* CANC-03 */
		return;
	x = exchange_find(&m->running, scope, id);
	if (x == NULL)
		x = exchange_find(&m->listening, scope, id);
	if (x != NULL)
		end_silently(x);
}

void
mcp_scope_end(struct mcp_reactor *m, uint64_t scope)
{
	LIST_EACH_SAFE (node, &m->running) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		if (x->scope == scope)
			end_silently(x);
	}
}

static void
list_abandon(struct list *list, uint64_t scope)
{
	LIST_EACH_SAFE (node, list) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		if (x->scope == scope)
			mcp_exchange_abandon(x, MCP_ABANDON_WORK);
	}
}

void
mcp_scope_abandon(struct mcp_reactor *m, uint64_t scope)
{
	list_abandon(&m->running, scope);
	list_abandon(&m->listening, scope);
}

void
mcp_scope_listening_end(struct mcp_reactor *m, uint64_t scope)
{
	LIST_EACH_SAFE (node, &m->listening) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		if (x->scope == scope)
			mcp_listen_end(x);
	}
}

bool
mcp_id_is_outstanding(
    struct mcp_reactor *m, uint64_t scope, const struct json_node *id)
{
	return exchange_find(&m->running, scope, id) != NULL
	    || exchange_find(&m->listening, scope, id) != NULL;
}

size_t
mcp_drain(struct mcp_reactor *m, bool cancel_calls)
{
	size_t running = 0;

	if (cancel_calls)
		mcp_tasks_drain(m);
	LIST_EACH_SAFE (node, &m->listening) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		mcp_listen_end(x);
	}
	LIST_EACH_SAFE (node, &m->running) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		running++;
		if (cancel_calls && x->call != NULL)
			call_cancel(x->call);
		else if (cancel_calls && x->asked != NULL)
			mcp_asked_fail(x, S("The server ends"));
	}
	return running;
}
