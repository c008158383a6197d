/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of changes: subscriptions/listen (SUB rows), and the streams of
 * the stateful era.  Each remembers which list versions it has been told of,
 * so a burst of changes is one notification and nothing is queued. */
#include <string.h>

#include "mcp/task_priv.h"

/* One notification a list; templates belong to the resources' list. */
struct list_kind {
	struct str wish; /* in params.notifications */
	struct str method;
	unsigned kinds; /* bit per registry kind */
};

#define KIND_BIT(k_) (1u << (k_))

static const struct list_kind lists[] = {
	{ STR("toolsListChanged"), STR("notifications/tools/list_changed"),
	    KIND_BIT(REGISTRY_TOOL) },
	{ STR("promptsListChanged"), STR("notifications/prompts/list_changed"),
	    KIND_BIT(REGISTRY_PROMPT) },
	{ STR("resourcesListChanged"),
	    STR("notifications/resources/list_changed"),
	    KIND_BIT(REGISTRY_RESOURCE) | KIND_BIT(REGISTRY_TEMPLATE) },
};

void
mcp_versions_now(const struct mcp_reactor *m, uint64_t seen[REGISTRY_KINDS])
{
	const struct registry_snapshot *s = registry_current(m->registry);

	memcpy(seen, s->list_version, sizeof s->list_version);
}

void
mcp_listener_start(struct mcp_reactor *m, struct mcp_listener *l)
{
	l->told = m->round;
	l->mcp = m;
	mcp_task_watch(m, 1);
	list_push(&m->listeners, &l->node);
	mcp_listener_tell(m, l); /* what changed while nobody listened */
}

void
mcp_listener_stop(struct mcp_listener *l)
{
	mcp_task_watch(l->mcp, -1);
	list_drop(&l->node);
}

/* Takes the new versions over; true when one of kinds had grown. */
static bool
versions_take(const struct registry_snapshot *s, uint64_t seen[REGISTRY_KINDS],
    unsigned kinds)
{
	bool grown = false;
	size_t k;

	for (k = 0; k < REGISTRY_KINDS; k++) {
		if ((kinds & KIND_BIT(k)) == 0 || seen[k] == s->list_version[k])
			continue;
		seen[k] = s->list_version[k];
		grown = true;
	}
	return grown;
}

void
mcp_listener_tell(struct mcp_reactor *m, struct mcp_listener *l)
{
	const struct registry_snapshot *s = registry_current(m->registry);
	struct mcp_peer *peer = (struct mcp_peer *)(uintptr_t)l->peer;
	struct buf *out = &m->out;
	size_t i;

	if (atomic_load(&peer->phase) != (int)MCP_PEER_READY)
		return;
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		if (!versions_take(s, l->seen, lists[i].kinds))
			continue;
		buf_shrink(out, MCP_OUT_KEPT);
		BUF_LIT(out, "{\"jsonrpc\":\"2.0\",\"method\":\"");
		buf_str(out, lists[i].method);
		BUF_LIT(out, "\"}");
		if (!out->failed)
			l->send(l, buf_view(out));
	}
}

/* "_meta":{subscriptionId} - SUB-04: the id of the listen request. */
void
mcp_subscription_write(struct buf *out, const struct mcp_exchange *x)
{
	BUF_LIT(out, "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
	buf_str(out, x->id);
	buf_char(out, '}');
}

/* What a slow client has not read need not be said twice (SUB-16): it is one
 * mark a list or URI, however often it comes again. */
static bool
must_wait(struct mcp_exchange *x)
{
	if (x->ops->is_full == NULL || !x->ops->is_full(x))
		return false;
	x->is_behind = true;
	return true;
}

bool
mcp_exchange_updated(struct mcp_exchange *x, struct str uri)
{
	struct buf *out = &x->mcp->out;
	size_t i;

	for (i = 0; i < x->uris_len; i++)
		if (str_equal(x->uris[i], uri))
			break;
	if (i == x->uris_len)
		return false;
	x->uris_due[i] = must_wait(x);
	if (x->uris_due[i])
		return true;
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(out, S("notifications/resources/updated"));
	buf_char(out, '{');
	mcp_subscription_write(out, x);
	BUF_LIT(out, ",\"uri\":");
	buf_json(out, uri);
	BUF_LIT(out, "}}");
	if (!out->failed)
		x->ops->notify(x, buf_view(out));
	return true;
}

void
mcp_exchange_tell(struct mcp_exchange *x)
{
	const struct registry_snapshot *s = registry_current(x->mcp->registry);
	struct buf *out = &x->mcp->out;
	size_t i;

	if (must_wait(x)) /* the versions it has seen stay as they are */
		return;
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		if (!versions_take(s, x->seen, x->kinds & lists[i].kinds))
			continue;
		buf_shrink(out, MCP_OUT_KEPT);
		rpc_write_notification(out, lists[i].method);
		buf_char(out, '{');
		mcp_subscription_write(out, x);
		BUF_LIT(out, "}}");
		if (!out->failed)
			x->ops->notify(x, buf_view(out));
	}
}

void
mcp_exchange_drained(struct mcp_exchange *x)
{
	size_t i;

	OBJ_CHECK(x, MCP_EXCHANGE_MAGIC);
	if (!x->is_behind)
		return;
	x->is_behind = false;
	mcp_exchange_tell(x);
	for (i = 0; i < x->uris_len; i++)
		if (x->uris_due[i])
			(void)mcp_exchange_updated(x, x->uris[i]);
}

void
mcp_scope_drained(struct mcp_reactor *m, uint64_t scope)
{
	LIST_EACH (node, &m->listening) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		if (x->scope == scope)
			mcp_exchange_drained(x);
	}
}

/* SUB-01: what is asked for; false: mistyped. */
static bool
wishes_read(struct mcp_exchange *x, const struct json_node *wishes)
{
	const struct json_node *uris =
	    json_get(wishes, S("resourceSubscriptions"));
	size_t i;

	if (json_type(wishes) != JSON_OBJECT)
		return false;
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		const struct json_node *wish = json_get(wishes, lists[i].wish);

		if (wish != NULL && wish->type != JSON_TRUE
		    && wish->type != JSON_FALSE)
			return false;
		if (json_type(wish) == JSON_TRUE)
			x->kinds |= lists[i].kinds;
	}
	if (uris == NULL)
		return true;
	if (uris->type != JSON_ARRAY || uris->count > MCP_SUBSCRIPTIONS_MAX)
		return false;
	x->uris = arena_alloc(&x->arena, (uris->count + 1) * sizeof *x->uris);
	x->uris_due = arena_zalloc(&x->arena, uris->count + 1);
	JSON_EACH_ELEMENT (v, uris) {
		if (v->type != JSON_STRING || x->uris == NULL)
			return false;
		x->uris[x->uris_len++] = arena_dup(&x->arena, json_str(v));
	}
	return !x->arena.failed;
}

/* SUB-02, SUB-03. */
static void
acknowledge(struct mcp_exchange *x)
{
	struct buf *out = &x->mcp->out;
	bool first = true;
	size_t i;

	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(
	    out, S("notifications/subscriptions/acknowledged"));
	buf_char(out, '{');
	mcp_subscription_write(out, x);
	BUF_LIT(out, ",\"notifications\":{");
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		if ((x->kinds & lists[i].kinds) == 0)
			continue;
		buf_cstr(out, first ? "\"" : ",\"");
		buf_str(out, lists[i].wish);
		BUF_LIT(out, "\":true");
		first = false;
	}
	for (i = 0; i < x->uris_len; i++) {
		/* Written anew: the client's own text may hold line breaks. */
		if (i == 0 && !first)
			buf_char(out, ',');
		buf_cstr(out, i == 0 ? "\"resourceSubscriptions\":[" : ",");
		buf_json(out, x->uris[i]);
	}
	if (x->uris_len > 0) {
		buf_char(out, ']');
		first = false;
	}
	for (i = 0; i < x->task_ids_len; i++) {
		if (i == 0 && !first)
			buf_char(out, ',');
		buf_cstr(out, i == 0 ? "\"taskIds\":[" : ",");
		buf_json(out, x->task_ids[i]);
	}
	buf_cstr(out, x->task_ids_len > 0 ? "]}}}" : "}}}");
	if (!out->failed)
		x->ops->notify(x, buf_view(out));
}

/* SUB-14: before the acknowledgement. */
static bool
stream_admit(struct mcp_exchange *x)
{
	struct mcp_reactor *m = x->mcp;

	if (m->streams != NULL
	    && atomic_fetch_add(m->streams, 1) >= atomic_load(m->streams_max)) {
		atomic_fetch_sub(m->streams, 1);
		return false;
	}
	x->listening = true;
	return true;
}

void
mcp_listen_unwatch(struct mcp_exchange *x)
{
	while (x->watched > 0)
		registry_watches_remove(
		    registry_watches(x->mcp->registry), x->uris[--x->watched]);
}

static bool
watch(struct mcp_exchange *x)
{
	struct registry_watches *w = registry_watches(x->mcp->registry);

	for (; x->watched < x->uris_len; x->watched++)
		if (registry_watches_add(w, x->uris[x->watched]) < 0)
			return false; /* what was added goes with x */
	return true;
}

void
mcp_listen(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct json_node *wishes =
	    json_get(m->params, S("notifications"));

	(void)headers;
	if (json_get(wishes, S("taskIds")) != NULL
	    && (x->client & MCP_CLIENT_TASKS) == 0
	    && mcp_tasks_are_offered(x->mcp)) { /* SUB-15 */
		mcp_tasks_not_declared(x);
		return;
	}
	if (!wishes_read(x, wishes) || !mcp_task_ids_read(x, wishes)) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.notifications must be an object of booleans, "
		    "resourceSubscriptions, at most %d URIs, and taskIds, at "
		    "most %d",
		    MCP_SUBSCRIPTIONS_MAX, MCP_TASK_IDS_MAX);
		return;
	}
	if (!stream_admit(x)) {
		mcp_error(x, 503, RPC_INTERNAL_ERROR,
		    S("Too many streams are open: try again later"),
		    S("{\"retryAfterMs\":1000}"));
		return;
	}
	if (x->task_ids_len > 0)
		mcp_task_ids_look(x);
	else
		mcp_listen_begin(x);
}

void
mcp_listen_begin(struct mcp_exchange *x)
{
	if (!watch(x)) {
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "Too many resources are watched: try again later");
		return;
	}
	mcp_versions_now(x->mcp, x->seen);
	x->told = x->mcp->round;
	list_drop(&x->node);
	list_push(&x->mcp->listening, &x->node);
	acknowledge(x);
}

void
mcp_listen_end(struct mcp_exchange *x)
{
	struct buf *out = &x->mcp->out;

	list_drop(&x->node);
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_result(out, x->id);
	BUF_LIT(out,
	    "{\"resultType\":\"complete\",\"_meta\":{"
	    "\"io.modelcontextprotocol/subscriptionId\":");
	buf_str(out, x->id);
	BUF_LIT(out, ",\"io.modelcontextprotocol/serverInfo\":{");
	buf_str(out, x->mcp->identity_names);
	buf_str(out, x->mcp->identity_title);
	BUF_LIT(out, "}}}}");
	if (!x->over_http) { /* SUB-11, AMB-02: a second line */
		BUF_LIT(out, "\n");
		rpc_write_notification(out, S("notifications/cancelled"));
		BUF_LIT(out, "{\"requestId\":");
		buf_str(out, x->id);
		BUF_LIT(out, "}}");
	}
	x->ops->answer(x, 200, out->failed ? STR_NONE : buf_view(out));
	mcp_exchange_close(x);
}
