/* SPDX-License-Identifier: Apache-2.0 */
/* A registry of one tool, one resource and one prompt, with a reactor that
 * serves messages to a caller who keeps what it is told. */
#ifndef UNIT_MCP_RIG_H
#define UNIT_MCP_RIG_H

#include <string.h>

#include "mcp/mcp.h"
#include "unit/unit.h"

struct rig {
	struct call_target target; /* first */
	struct loop *loop;
	struct loop_pool *pool;
	struct call_reactor calls;
	struct registry *registry;
	struct mcp_reactor *mcp;
	struct mcp_peer peer;
	struct registry_set set;
	struct registry_entry entries[3];
	struct arena arena;
	int (*handler)(struct call *c);
	struct call *pending;
	char answer[8192]; /* the last one */
	char notice[8192];
	char asked[8192];
	int answers;
	int notices;
	int asks;
	bool deaf; /* cannot be asked */
	bool full; /* does not read */
	struct str principal; /* who asks */
	int status;
};

static int
rig_run(struct call_target *t, struct call *c)
{
	struct rig *r = (struct rig *)t;

	r->pending = c;
	return r->handler(c);
}

static void
rig_pin(struct call_target *t)
{
	(void)t;
}

static const struct call_target_ops rig_ops = { rig_run, rig_pin, rig_pin };

static void
rig_released(struct registry_set *s)
{
	(void)s; /* the rig's own */
}

static void
rig_keep(char *to, size_t size, struct str text)
{
	size_t n = text.len < size ? text.len : size - 1;

	if (n > 0)
		memcpy(to, text.ptr, n);
	to[n] = '\0';
}

static void
rig_notify(struct mcp_exchange *x, struct str message)
{
	struct rig *r = mcp_exchange_owner(x);

	r->notices++;
	rig_keep(r->notice, sizeof r->notice, message);
}

static void
rig_answer(struct mcp_exchange *x, int status, struct str message)
{
	struct rig *r = mcp_exchange_owner(x);

	r->answers++;
	r->status = status;
	rig_keep(r->answer, sizeof r->answer, message);
}

static bool
rig_ask(struct mcp_exchange *x, struct str message)
{
	struct rig *r = mcp_exchange_owner(x);

	if (r->deaf)
		return false;
	r->asks++;
	rig_keep(r->asked, sizeof r->asked, message);
	return true;
}

static struct str
rig_principal(const struct mcp_exchange *x)
{
	const struct rig *r = mcp_exchange_owner(x);

	return r->principal;
}

static bool
rig_is_full(struct mcp_exchange *x)
{
	const struct rig *r = mcp_exchange_owner(x);

	return r->full;
}

static const struct mcp_reply_ops rig_reply = { rig_notify, rig_answer, rig_ask,
	NULL, rig_principal, rig_is_full };

static int
rig_say(struct call *c)
{
	return call_content_add(c,
		   &(struct call_content){
		       .type = CALL_TEXT, .data = S("said") })
		== 0
	    ? CALL_OK
	    : CALL_ENOMEM;
}

static void
rig_entry(struct rig *r, enum registry_kind kind, struct str key)
{
	struct registry_entry *e = &r->entries[r->set.len++];

	e->set = &r->set;
	e->kind = kind;
	e->key = e->name = key;
	e->size = -1;
	e->input_schema = S("{\"type\":\"object\"}");
	e->target = &r->target;
}

static void
rig_begin(struct rig *r)
{
	static const struct mcp_identity identity = { STR("rig"), STR("Rig"),
		STR("1"), STR("be kind"), STR(""), STR(""), STR(""), false };
	struct err err;

	memset(r, 0, sizeof *r);
	call_target_init(&r->target, &rig_ops);
	r->target.nonblocking = true;
	r->handler = rig_say;
	r->loop = loop_create(&err);
	r->pool = loop_pool_create(1, 8, NULL, NULL, &err);
	r->registry = registry_create(mcp_describe, &err);
	ck_assert(r->loop && r->pool && r->registry);
	call_reactor_init(&r->calls, r->loop, r->pool);
	r->mcp = mcp_reactor_create(&r->calls, r->registry, &identity, &err);
	ck_assert_ptr_nonnull(r->mcp);
	mcp_peer_init(&r->peer);
	arena_init(&r->arena, 0);
	ref_init(&r->set.ref);
	r->set.plugin = S("rig");
	r->set.entries = r->entries;
	r->set.released = rig_released;
	rig_entry(r, REGISTRY_TOOL, S("say"));
	rig_entry(r, REGISTRY_RESOURCE, S("rig://one"));
	rig_entry(r, REGISTRY_PROMPT, S("ask"));
	ck_assert_int_eq(registry_describe(r->registry, &r->set, &r->arena), 0);
	ck_assert_int_eq(registry_put(r->registry, &r->set, &err), 0);
	ck_assert_int_eq(registry_publish(r->registry, &err), 0);
}

static void
rig_end(struct rig *r)
{
	mcp_scope_abandon(r->mcp, r->peer.scope);
	loop_pool_destroy(r->pool);
	while (r->calls.running_len > 0)
		loop_turn(r->loop);
	mcp_reactor_destroy(r->mcp);
	call_reactor_finish(&r->calls);
	registry_destroy(r->registry);
	call_target_finish(&r->target);
	arena_finish(&r->arena);
	loop_destroy(r->loop);
}

/* As a line stream does it; false: not even an exchange could be had. */
static bool
rig_serve(struct rig *r, const char *text)
{
	struct json_doc *doc = mcp_reactor_doc(r->mcp);
	struct rpc_message m;
	struct mcp_class class;
	struct mcp_exchange *x;

	if (json_parse(doc, str_of(text), JSON_PROTOCOL) < 0)
		return false;
	rpc_message_read(doc->nodes, &m);
	class = mcp_classify(&m, NULL);
	x = mcp_exchange_open(r->mcp, &rig_reply, r, r->peer.scope);
	if (x == NULL)
		return false;
	if (class.era == MCP_ERA_REFUSED)
		mcp_refuse(x, m.id != NULL ? json_raw(m.id) : STR_NONE,
		    class.status, class.code, class.text);
	else if (class.era == MCP_ERA_STATELESS)
		mcp_serve_stateless(x, &m, NULL);
	else
		mcp_serve_stateful(x, &m, &r->peer);
	return true;
}

static inline void
rig_handshake(struct rig *r, const char *revision)
{
	char text[512];

	(void)snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
	    "\"params\":{\"protocolVersion\":\"%s\",\"capabilities\":{},"
	    "\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}",
	    revision);
	ck_assert(rig_serve(r, text));
	ck_assert_ptr_nonnull(strstr(r->answer, revision));
	ck_assert(rig_serve(r,
	    "{\"jsonrpc\":\"2.0\","
	    "\"method\":\"notifications/initialized\"}"));
}

#define RIG_META \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" \
	"\"2026-07-28\"," \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}"

#endif
