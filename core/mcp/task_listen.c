/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that hear of tasks: listen streams that have named them (TKX-16),
 * and those of the session that has made them (TKL-14). */
#include <stdlib.h>
#include <string.h>

#include "mcp/task_priv.h"

static void ids_look(struct mcp_exchange *x);

/* Whose request does not declare the extension has been refused by then. */
bool
mcp_task_ids_read(struct mcp_exchange *x, const struct json_node *wishes)
{
	const struct json_node *ids = json_get(wishes, S("taskIds"));

	if (ids == NULL || (x->client & MCP_CLIENT_TASKS) == 0
	    || !mcp_tasks_are_offered(x->mcp))
		return true;
	if (ids->type != JSON_ARRAY || ids->count > MCP_TASK_IDS_MAX)
		return false;
	x->task_ids =
	    arena_alloc(&x->arena, (ids->count + 1) * sizeof *x->task_ids);
	if (x->task_ids == NULL)
		return false;
	mcp_task_watch(x->mcp, 1); /* no change passes while we look */
	JSON_EACH_ELEMENT (v, ids) {
		if (v->type != JSON_STRING)
			return false;
		x->task_ids[x->task_ids_len++] =
		    arena_dup(&x->arena, json_str(v));
	}
	return !x->arena.failed;
}

static void
id_looked(struct store_request *q)
{
	struct mcp_task_op *op = CONTAINER_OF(q, struct mcp_task_op, q);
	struct mcp_exchange *x = op->x;
	struct mcp_task_row row;

	if (x != NULL && q->rc == 0 && mcp_task_row_read(&q->row, &row)
	    && mcp_task_may_see(x, &row))
		x->task_ids[x->task_ids_known++] =
		    x->task_ids[x->task_ids_looked - 1];
	mcp_task_op_free(op);
	if (x != NULL)
		ids_look(x);
}

/* One after the other; the last one starts the stream. */
static void
ids_look(struct mcp_exchange *x)
{
	struct mcp_task_op *op = NULL;
	struct str id = STR_NONE;

	while (x->task_ids_looked < x->task_ids_len) {
		id = x->task_ids[x->task_ids_looked++];
		if (id.len == MCP_TASK_ID_LEN)
			break;
		id = STR_NONE; /* none of ours */
	}
	if (id.len > 0)
		op = calloc(1, sizeof *op);
	if (op == NULL) { /* all are looked at, or there is no memory */
		x->task_ids_len = x->task_ids_known;
		mcp_listen_begin(x);
		return;
	}
	buf_init(&op->value);
	op->mcp = x->mcp;
	op->x = x;
	op->q.done = id_looked;
	op->q.home = x->mcp->calls->loop;
	op->q.row.id = id;
	x->task_op = op;
	store_read(x->mcp->tasks->store, &op->q);
}

void
mcp_task_ids_look(struct mcp_exchange *x)
{
	list_push(&x->mcp->running, &x->node); /* it may be cancelled */
	ids_look(x);
}

static bool
has_task(const struct mcp_exchange *x, struct str id)
{
	size_t i;

	for (i = 0; i < x->task_ids_len; i++)
		if (str_equal(x->task_ids[i], id))
			return true;
	return false;
}

bool
mcp_listening_has_task(const struct mcp_reactor *m, struct str id)
{
	LIST_EACH (node, &m->listening)
		if (has_task(LIST_OBJ(node, struct mcp_exchange, node), id))
			return true;
	return false;
}

void
mcp_listening_task(struct mcp_reactor *m, const struct mcp_task_row *row)
{
	struct buf *out = &m->out;

	LIST_EACH_SAFE (node, &m->listening) {
		struct mcp_exchange *x =
		    LIST_OBJ(node, struct mcp_exchange, node);

		if (!has_task(x, row->id))
			continue;
		buf_shrink(out, MCP_OUT_KEPT);
		rpc_write_notification(out, S("notifications/tasks"));
		buf_char(out, '{');
		mcp_task_detail_write(out, row);
		mcp_subscription_write(out, x);
		BUF_LIT(out, "}}");
		if (!out->failed)
			x->ops->notify(x, buf_view(out));
	}
}

void
mcp_listeners_task(struct mcp_reactor *m, const struct mcp_task_row *row)
{
	struct buf *out = &m->out;

	LIST_EACH_SAFE (node, &m->listeners) {
		struct mcp_listener *l =
		    LIST_OBJ(node, struct mcp_listener, node);

		/* LIFE-06 */
		if (l->peer->scope != row->scope
		    || atomic_load(&l->peer->phase) != (int)MCP_PEER_READY)
			continue;
		buf_shrink(out, MCP_OUT_KEPT);
		rpc_write_notification(out, S("notifications/tasks/status"));
		buf_char(out, '{');
		mcp_task_write(out, row);
		out->len -= !out->failed; /* a comma */
		BUF_LIT(out, "}}");
		if (!out->failed)
			l->send(l, buf_view(out));
	}
}
