/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/batch.h"

#include <stdlib.h>

#include "base/check.h"

static bool
is_handshake(const struct json_node *member)
{
	return str_equal(
	    json_str(json_get(member, S("method"))), S("initialize"));
}

const char *
batch_fault(const struct json_node *array, const struct mcp_peer *peer)
{
	if (peer == NULL
	    || atomic_load(&((struct mcp_peer *)(uintptr_t)peer)->phase)
		== (int)MCP_PEER_NEW
	    || peer->revision != MCP_2025_03_26) /* BAT-06 */
		return "batches belong to sessions of revision 2025-03-26: "
		       "send one message at a time";
	if (array->count == 0) /* BAT-04 */
		return "a batch must not be empty";
	if (array->count > BATCH_MAX) /* BAT-07 */
		return "a batch has at most 100 members";
	JSON_EACH_ELEMENT (v, array) {
		struct rpc_message m;

		if (is_handshake(v)) /* BAT-05, LIFE-13 */
			return "initialize must not be in a batch";
		rpc_message_read(v, &m);
		if (m.kind == RPC_REQUEST
		    && mcp_classify(&m, NULL).era == MCP_ERA_STATELESS)
			return "revision 2026-07-28 has no batches";
	}
	return NULL;
}

struct batch *
batch_create(struct mcp_reactor *mcp, const struct batch_ops *ops, void *owner)
{
	struct batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	OBJ_INIT(b, BATCH_MAGIC);
	list_init(&b->node);
	b->owner = owner;
	b->ops = ops;
	b->mcp = mcp;
	buf_init(&b->out);
	b->open = 1; /* the reader */
	return b;
}

struct batch *
batch_take(struct mcp_reactor *mcp, const struct batch_ops *ops, void *owner,
    const struct json_node *array, const struct mcp_peer *peer,
    struct batch_refusal *why)
{
	struct batch *b;

	why->code = RPC_INVALID_REQUEST;
	why->text = batch_fault(array, peer);
	if (why->text != NULL)
		return NULL;
	b = batch_create(mcp, ops, owner);
	if (b == NULL) {
		why->code = RPC_INTERNAL_ERROR;
		why->text = "out of memory";
		return NULL;
	}
	return b;
}

void
batch_respond(const struct batch *b, const struct json_node *array,
    const struct mcp_peer *peer)
{
	JSON_EACH_ELEMENT (v, array) {
		struct rpc_message m;

		rpc_message_read(v, &m);
		if (m.kind == RPC_RESPONSE)
			mcp_response(b->mcp, peer->scope, &m);
	}
}

static void
batch_free(struct batch *b)
{
	list_drop(&b->node);
	buf_finish(&b->out);
	OBJ_WIPE(b);
	free(b);
}

static void
entry_begin(struct batch *b)
{
	buf_char(&b->out, b->out.len == 0 ? '[' : ',');
}

static void
entry_error(struct batch *b, struct str id, int code, const char *text)
{
	entry_begin(b);
	rpc_write_error(&b->out, id, code, str_of(text), STR_NONE);
}

static void
one_done(struct batch *b)
{
	if (--b->open > 0)
		return;
	if (b->out.len > 0)
		buf_char(&b->out, ']');
	if (b->out.failed) {
		buf_shrink(&b->out, 0);
		rpc_write_error(&b->out, STR_NONE, RPC_INTERNAL_ERROR,
		    S("the answers do not fit into memory"), STR_NONE);
	}
	b->ops->done(b, buf_view(&b->out));
	batch_free(b);
}

static void
member_notify(struct mcp_exchange *x, struct str message)
{
	struct batch *b = mcp_exchange_owner(x);

	OBJ_CHECK(b, BATCH_MAGIC);
	b->ops->notify(b, message);
}

static void
member_answer(struct mcp_exchange *x, int status, struct str message)
{
	struct batch *b = mcp_exchange_owner(x);
	size_t i;

	OBJ_CHECK(b, BATCH_MAGIC);
	(void)status; /* the array has one of its own */
	for (i = 0; i < b->len; i++)
		if (b->members[i] == x)
			b->members[i] = NULL;
	if (message.len > 0 && b->out.len + message.len > CALL_RESULT_MAX) {
		entry_error(b, mcp_exchange_id(x), RPC_INTERNAL_ERROR,
		    "the answers of this batch are larger than the limit");
	} else if (message.len > 0) {
		entry_begin(b);
		buf_str(&b->out, message);
	}
	one_done(b);
}

static bool
member_ask(struct mcp_exchange *x, struct str message)
{
	struct batch *b = mcp_exchange_owner(x);

	OBJ_CHECK(b, BATCH_MAGIC);
	return b->ops->ask != NULL && b->ops->ask(b, message);
}

static const struct mcp_reply_ops reply = { member_notify, member_answer,
	member_ask, NULL, NULL, NULL };

static void
member_serve(struct batch *b, const struct json_node *v, struct mcp_peer *peer)
{
	struct rpc_message m;
	struct mcp_exchange *x;

	rpc_message_read(v, &m);
	if (m.kind == RPC_RESPONSE)
		return; /* the owner has taken it */
	if (m.kind == RPC_INVALID) { /* BAT-04 */
		entry_error(b, m.id != NULL ? json_raw(m.id) : STR_NONE,
		    RPC_INVALID_REQUEST, m.fault);
		return;
	}
	x = mcp_exchange_open(b->mcp, &reply, b, peer->scope);
	if (x == NULL) {
		if (m.kind == RPC_REQUEST)
			entry_error(b, json_raw(m.id), RPC_INTERNAL_ERROR,
			    "out of memory");
		return;
	}
	b->open++;
	b->members[b->len++] = x;
	mcp_serve_stateful(x, &m, peer);
}

void
batch_serve(
    struct batch *b, const struct json_node *array, struct mcp_peer *peer)
{
	OBJ_CHECK(b, BATCH_MAGIC);
	CHECK(array->count <= BATCH_MAX);
	JSON_EACH_ELEMENT (v, array)
		member_serve(b, v, peer);
	one_done(b);
}

void
batch_abandon(struct batch *b, enum mcp_abandon how)
{
	size_t i;

	OBJ_CHECK(b, BATCH_MAGIC);
	for (i = 0; i < b->len; i++)
		if (b->members[i] != NULL)
			mcp_exchange_abandon(b->members[i], how);
	batch_free(b);
}
