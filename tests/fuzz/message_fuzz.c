/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of one peer into the protocol, as a transport would hand them over:
 * parsed, classified, served, with and without header fields, in every era,
 * alone and in batches.  Holds that each request is answered once, that nothing
 * is said behind an answer, and that every message is JSON on one line.
 *
 * An input is two bytes, header bytes, and messages with byte 0x1e between
 * them.  A message of one low byte is an event (see event()); inside a message
 * byte 1 stands for the last requestState, byte 2 for the id of the last
 * request to the client and byte 3 for that of the last task, which no
 * mutation could guess.  Header bytes of 3 alone stand for what the message
 * names. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mcp/mcp.h"
#include "registry/uri_template.h"
#include "transport/batch.h"
#include "unit/mcp/late_store.h"

#define MESSAGES_MAX 32 /* of one input */
#define PENDING_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the answer of one message arrives. */
struct slot {
	bool open;
};

struct rig {
	struct call_target target; /* first */
	struct loop *loop;
	struct registry *registry;
	struct call_reactor calls;
	struct mcp_reactor *mcp;
	struct mcp_rounds rounds;
	struct late late;
	struct mcp_tasks *tasks;
	struct registry_set set;
	struct registry_entry entries[5];
	struct arena arena;
	struct json_doc doc;

	/* Of one input. */
	struct mcp_peer peer;
	struct mcp_listener listener;
	struct mcp_headers *headers; /* NULL: a line stream */
	struct slot slots[MESSAGES_MAX];
	size_t slots_len;
	struct call *pending[PENDING_MAX];
	struct buf state;
	struct buf asked;
	struct buf task;
	struct str name; /* the header field, as it was given */
	bool deaf; /* cannot be asked */
};

static struct rig rig;

static void
must_be_json(struct str text)
{
	CHECK(json_parse(&rig.doc, text, JSON_PROTOCOL) == 0);
}

static void
must_be_message(struct str text)
{
	CHECK(text.len > 0 && memchr(text.ptr, '\n', text.len) == NULL);
	CHECK(memchr(text.ptr, '\r', text.len) == NULL);
	must_be_json(text);
}

/* --- the plugin --- */

static struct str
raw_arg(const struct call *c, struct str name)
{
	const struct json_node *v = json_get(c->args, name);

	return v != NULL ? json_raw(v) : STR_NONE;
}

static int
wait_for_event(struct call *c)
{
	size_t i;

	for (i = 0; i < PENDING_MAX; i++) {
		if (rig.pending[i] != NULL)
			continue;
		rig.pending[i] = c;
		return CALL_PENDING;
	}
	return CALL_EBUSY;
}

static void
report(struct call *c)
{
	struct call_log log = { .level = 5, .is_json = true };
	const struct json_node *text = json_get(c->args, S("text"));

	(void)call_progress(c, 1, 2, json_str(text));
	log.data = raw_arg(c, S("log"));
	if (log.data.len > 0)
		(void)call_message(c, &log);
	log.is_json = false;
	log.logger = json_str(text);
	log.data = json_str(text);
	(void)call_message(c, &log);
	(void)call_task_status(c, json_str(text));
}

static int
ask(struct call *c, struct str method, struct str what)
{
	if (c->answers != NULL && json_get(c->answers, S("key")) != NULL) {
		(void)call_structured_set(c, json_raw(c->answers));
		return CALL_OK;
	}
	(void)call_state_set(c, what);
	return call_need_add(c, S("key"), method, what) == 0 ? CALL_INPUT
							     : CALL_ENOTSUP;
}

/* Repeats what it was given in every way that a plugin can. */
static int
handler(struct call_target *t, struct call *c)
{
	struct call_content block = { .type = CALL_TEXT };
	struct str elicit = raw_arg(c, S("elicit"));
	struct str sample = raw_arg(c, S("sample"));
	struct str structured = raw_arg(c, S("structured"));

	(void)t;
	report(c);
	if (json_get(c->args, S("own")) != NULL)
		(void)call_task_begin(c, json_str(json_get(c->args, S("own"))));
	if (elicit.len > 0)
		return ask(c, S("elicitation/create"), elicit);
	if (sample.len > 0)
		return ask(c, S("sampling/createMessage"), sample);
	if (json_get(c->args, S("later")) != NULL && c->state.len == 0)
		return call_state_set(c, S("later")) == 0 ? CALL_INPUT
							  : CALL_ENOMEM;
	if (json_get(c->args, S("fail")) != NULL)
		return call_fail(c, CALL_EFAIL, raw_arg(c, S("fail")));
	if (structured.len > 0)
		(void)call_structured_set(c, structured);
	block.data = c->args != NULL ? json_raw(c->args) : c->name;
	block.uri = c->name;
	if (json_get(c->args, S("embed")) != NULL)
		block.type = CALL_EMBED;
	if (call_content_add(c, &block) < 0)
		return CALL_ENOMEM;
	return json_get(c->args, S("wait")) != NULL ? wait_for_event(c)
						    : CALL_OK;
}

static void
pin(struct call_target *t)
{
	(void)t; /* it is static */
}

static void
released(struct registry_set *s)
{
	(void)s; /* it is static */
}

static const struct call_target_ops target_ops = { handler, pin, pin };

static struct registry_entry *
entry(enum registry_kind kind, struct str key)
{
	struct registry_entry *e = &rig.entries[rig.set.len++];

	e->set = &rig.set;
	e->kind = kind;
	e->key = e->name = key;
	e->size = -1;
	e->input_schema = S("{\"type\":\"object\"}");
	e->target = e->completer = &rig.target;
	return e;
}

static void
plugin_start(void)
{
	static const struct registry_argument argument = { .name = STR("a"),
		.complete = true };
	static const struct str variable = STR("id");
	struct registry_entry *e;
	struct err err;

	call_target_init(&rig.target, &target_ops);
	rig.target.nonblocking = true;
	ref_init(&rig.set.ref);
	rig.set.plugin = S("fuzz");
	rig.set.entries = rig.entries;
	rig.set.released = released;
	entry(REGISTRY_TOOL, S("echo"))->task = REGISTRY_TASK_OPTIONAL;
	e = entry(REGISTRY_TOOL, S("own"));
	e->task = REGISTRY_TASK_REQUIRED;
	e->task_by_handler = true;
	e->task_message = S("soon");
	(void)entry(REGISTRY_RESOURCE, S("test://x"));
	e = entry(REGISTRY_PROMPT, S("x"));
	e->arguments = &argument;
	e->arguments_len = 1;
	e = entry(REGISTRY_TEMPLATE, S("test://t/{id}"));
	e->uri_template = uri_template_compile(e->key, &err);
	CHECK(e->uri_template != NULL);
	e->complete = &variable;
	e->complete_len = 1;
	CHECK(registry_describe(rig.registry, &rig.set, &rig.arena) == 0);
	CHECK(registry_put(rig.registry, &rig.set, &err) == 0);
	CHECK(registry_publish(rig.registry, &err) == 0);
}

/* --- the transport --- */

static void
notify(struct mcp_exchange *x, struct str message)
{
	struct slot *s = mcp_exchange_owner(x);

	CHECK(s->open);
	must_be_message(message);
}

static void
remember(struct buf *to, const struct json_node *n)
{
	if (n == NULL)
		return;
	buf_clear(to);
	buf_str(to, json_str(n));
}

static void
answered(struct slot *s, struct str message)
{
	const struct json_node *result;

	CHECK(s->open);
	s->open = false;
	if (message.len == 0)
		return;
	must_be_message(message);
	result = json_get(rig.doc.nodes, S("result"));
	remember(&rig.state, json_get(result, S("requestState")));
	remember(&rig.task, json_get(result, S("taskId")));
	remember(&rig.task, json_get(json_get(result, S("task")), S("taskId")));
}

static void
answer(struct mcp_exchange *x, int status, struct str message)
{
	struct str rest = message;

	CHECK(status == 0 || (status >= 200 && status <= 599));
	if (mcp_exchange_is_listening(x)) { /* a line stream gets two */
		message = str_split(rest, '\n', &rest);
		if (rest.len > 0)
			must_be_message(rest);
	}
	answered(mcp_exchange_owner(x), message);
}

static bool
asks(struct slot *s, struct str message)
{
	CHECK(s->open);
	if (rig.deaf)
		return false;
	must_be_message(message);
	buf_clear(&rig.asked);
	buf_str(&rig.asked, json_str(json_get(rig.doc.nodes, S("id"))));
	return true;
}

static bool
exchange_ask(struct mcp_exchange *x, struct str message)
{
	return asks(mcp_exchange_owner(x), message);
}

static const struct mcp_reply_ops reply = { notify, answer, exchange_ask, NULL,
	NULL, NULL };

static void
batch_notify(struct batch *b, struct str message)
{
	CHECK(((struct slot *)b->owner)->open);
	must_be_message(message);
}

static void
batch_done(struct batch *b, struct str array)
{
	answered(b->owner, array);
}

static bool
batch_ask(struct batch *b, struct str message)
{
	return asks(b->owner, message);
}

static const struct batch_ops batch_ops = { batch_notify, batch_done,
	batch_ask };

static void
listener_send(struct mcp_listener *l, struct str message)
{
	(void)l;
	must_be_message(message);
}

static void
tasks_start(void)
{
	static const struct store_limits bounds = { 8, 6, 16384 };
	static const struct mcp_task_limits limits = { 3600 * NS_PER_S,
		3600 * NS_PER_S, NS_PER_S, 2048 };

	late_init(&rig.late, store_memory_create(&bounds, NULL));
	rig.tasks = mcp_tasks_create(&rig.late.store, &limits, 1, NULL);
	CHECK(rig.late.inner != NULL && rig.tasks != NULL);
	mcp_reactor_tasks_set(rig.mcp, rig.tasks, 0);
}

static void
rig_start(void)
{
	static const struct mcp_identity identity = { .name = STR("fuzz"),
		.title = STR("Fuzz"),
		.version = STR("1"),
		.instructions = STR("none"),
		.apps = true };
	struct err err;

	rig.loop = loop_create(&err);
	rig.registry = registry_create(mcp_describe, &err);
	CHECK(rig.loop != NULL && rig.registry != NULL);
	call_reactor_init(&rig.calls, rig.loop, NULL);
	rig.mcp = mcp_reactor_create(&rig.calls, rig.registry, &identity, &err);
	CHECK(rig.mcp != NULL);
	rig.rounds.seal = crypto_seal_create_random(&err);
	rig.rounds.wait_ns = rig.rounds.state_ns = 3600 * NS_PER_S;
	CHECK(rig.rounds.seal != NULL);
	mcp_reactor_rounds_set(rig.mcp, &rig.rounds, 0);
	tasks_start();
	arena_init(&rig.arena, 0);
	json_doc_init(&rig.doc);
	buf_init(&rig.state);
	buf_init(&rig.asked);
	buf_init(&rig.task);
	plugin_start();
}

static struct slot *
slot_open(void)
{
	struct slot *s;

	CHECK(rig.slots_len < MESSAGES_MAX);
	s = &rig.slots[rig.slots_len++];
	s->open = true;
	return s;
}

static void
refuse(const struct json_node *id, int status, int code, const char *text)
{
	struct mcp_exchange *x =
	    mcp_exchange_open(rig.mcp, &reply, slot_open(), rig.peer.scope);

	CHECK(x != NULL);
	mcp_refuse(x, id != NULL ? json_raw(id) : STR_NONE, status, code, text);
}

static void
serve_array(const struct json_node *array)
{
	const char *fault = batch_fault(array, &rig.peer);
	struct batch *b;

	if (fault != NULL) {
		refuse(NULL, 400, RPC_INVALID_REQUEST, fault);
		return;
	}
	b = batch_create(rig.mcp, &batch_ops, slot_open());
	CHECK(b != NULL);
	JSON_EACH_ELEMENT (v, array) {
		struct rpc_message m;

		rpc_message_read(v, &m);
		if (m.kind == RPC_RESPONSE)
			mcp_response(rig.mcp, rig.peer.scope, &m);
	}
	batch_serve(b, array, &rig.peer);
}

static void
serve_message(const struct rpc_message *m)
{
	struct mcp_class class = mcp_classify(m, rig.headers);
	struct mcp_exchange *x;

	if (class.era == MCP_ERA_REFUSED) {
		refuse(m->id, class.status, class.code, class.text);
		return;
	}
	if (m->kind == RPC_RESPONSE) {
		mcp_response(rig.mcp, rig.peer.scope, m);
		return;
	}
	if (m->kind == RPC_REQUEST
	    && mcp_id_is_outstanding(rig.mcp, rig.peer.scope, m->id)) {
		refuse(m->id, 400, RPC_INVALID_REQUEST, "outstanding");
		return;
	}
	x = mcp_exchange_open(rig.mcp, &reply, slot_open(), rig.peer.scope);
	CHECK(x != NULL);
	if (class.era == MCP_ERA_STATELESS)
		mcp_serve_stateless(x, m, rig.headers);
	else
		mcp_serve_stateful(x, m, &rig.peer);
}

/* --- one input --- */

static void
pending_end(void)
{
	size_t i;

	for (i = 0; i < PENDING_MAX; i++) {
		struct call *c = rig.pending[i];

		rig.pending[i] = NULL;
		if (c == NULL)
			continue;
		(void)call_progress(c, 2, 2, STR_NONE);
		(void)call_done(c, CALL_OK);
	}
	while (rig.calls.running_len > 0)
		loop_turn(rig.loop);
}

static void
event(uint8_t what)
{
	struct err err;

	switch (what) {
	case 3: /* lists change */
		registry_touch(rig.registry, REGISTRY_TOOL);
		registry_touch(rig.registry, REGISTRY_PROMPT);
		CHECK(registry_publish(rig.registry, &err) == 0);
		mcp_lists_changed(rig.mcp);
		break;
	case 4:
		mcp_resource_updated(rig.mcp, S("test://x"));
		break;
	case 5: /* what waits ends */
		pending_end();
		break;
	case 6:
		rig.deaf = true;
		mcp_scope_deaf(rig.mcp, rig.peer.scope);
		break;
	case 7:
		mcp_scope_listening_end(rig.mcp, rig.peer.scope);
		break;
	case 8:
		mcp_scope_end(rig.mcp, rig.peer.scope);
		break;
	case 9: /* from now on the store takes its time */
		rig.late.at_once = false;
		break;
	case 10:
		late_go_on(&rig.late);
		break;
	case 11:
		loop_turn(rig.loop);
		break;
	case 12:
		mcp_tasks_end(rig.mcp);
		break;
	case 13:
		(void)mcp_drain(rig.mcp, true);
		break;
	default:
		break;
	}
}

/* With what the peer remembers put in. */
static void
message_fill(struct buf *out, struct str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.ptr[i] == 1)
			buf_str(out, buf_view(&rig.state));
		else if (text.ptr[i] == 2)
			buf_str(out, buf_view(&rig.asked));
		else if (text.ptr[i] == 3)
			buf_str(out, buf_view(&rig.task));
		else
			buf_char(out, text.ptr[i]);
}

/* What Mcp-Name has to repeat. */
static struct str
named(const struct json_node *message)
{
	static const struct str keys[] = { STR("taskId"), STR("name"),
		STR("uri") };
	const struct json_node *params = json_get(message, S("params"));
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (json_get(params, keys[i]) != NULL)
			return json_str(json_get(params, keys[i]));
	return STR_NONE;
}

static void
take_message(struct str text)
{
	struct json_doc *doc = mcp_reactor_doc(rig.mcp);
	struct rpc_message m;
	struct buf whole;

	if (text.len == 1 && (uint8_t)text.ptr[0] < 0x20) {
		event((uint8_t)text.ptr[0]);
		return;
	}
	buf_init(&whole);
	message_fill(&whole, text);
	if (json_parse(doc, buf_view(&whole), JSON_PROTOCOL) == 0) {
		if (rig.headers != NULL) {
			rig.headers->method =
			    json_str(json_get(doc->nodes, S("method")));
			rig.headers->name = str_equal(rig.name, S("\003"))
			    ? named(doc->nodes)
			    : rig.name;
		}
		if (doc->nodes[0].type == JSON_ARRAY) {
			serve_array(doc->nodes);
		} else {
			rpc_message_read(doc->nodes, &m);
			serve_message(&m);
		}
	}
	buf_finish(&whole);
}

/* Until the store, and what it makes the reactor say, has come to rest. */
static void
store_settle(void)
{
	int turns;

	rig.late.at_once = true;
	for (turns = 0; turns < 4; turns++) {
		late_go_on(&rig.late);
		loop_turn(rig.loop);
	}
	CHECK(rig.late.len == 0);
}

/* Everything that may still be owed is said now. */
static void
peer_end(void)
{
	size_t i;

	mcp_listener_stop(&rig.listener);
	store_settle();
	pending_end();
	(void)mcp_drain(rig.mcp, true);
	store_settle();
	pending_end();
	mcp_scope_listening_end(rig.mcp, rig.peer.scope);
	mcp_scope_deaf(rig.mcp, rig.peer.scope);
	store_settle();
	for (i = 0; i < rig.slots_len; i++)
		CHECK(!rig.slots[i].open);
	mcp_tasks_end(rig.mcp);
	store_settle();
	(void)store_expire(rig.late.inner, INT64_MAX, SIZE_MAX);
	CHECK(store_count(rig.late.inner) == 0);
	mcp_peer_finish(&rig.peer);
}

static bool
field(void *arg, struct str name, struct str *value)
{
	(void)name;
	*value = *(struct str *)arg;
	return true;
}

/* The first byte chooses the fields and the peer's phase. */
static void
peer_start(uint8_t how, struct mcp_headers *headers, struct str *header)
{
	*headers = (struct mcp_headers){ .field = field, .arg = header };
	headers->version = (how & 2) != 0 ? mcp_revision_name(how >> 5 & 3)
					  : mcp_revision_name(MCP_2026_07_28);
	if ((how & 4) != 0)
		headers->version = *header;
	headers->name = rig.name = *header;
	rig.headers = (how & 1) != 0 ? headers : NULL;
	mcp_peer_init(&rig.peer);
	rig.peer.revision = how >> 5 & 3;
	rig.peer.client = how & 0x80 ? ~0u : 0;
	atomic_store(
	    &rig.peer.phase, how >> 3 & 3 ? MCP_PEER_READY : MCP_PEER_NEW);
	memset(rig.slots, 0, sizeof rig.slots);
	rig.slots_len = 0;
	rig.deaf = false;
	buf_clear(&rig.state);
	buf_clear(&rig.asked);
	buf_clear(&rig.task);
	rig.late.at_once = true;
	memset(&rig.listener, 0, sizeof rig.listener);
	rig.listener.peer = &rig.peer;
	rig.listener.send = listener_send;
	mcp_versions_now(rig.mcp, rig.listener.seen);
	mcp_listener_start(rig.mcp, &rig.listener);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mcp_headers headers;
	struct str header, rest;
	size_t cut, n;

	if (rig.loop == NULL)
		rig_start();
	if (size < 2)
		return 0;
	cut = data[1] < size - 2 ? data[1] : size - 2;
	header = (struct str){ (const char *)data + 2, cut };
	rest = (struct str){ (const char *)data + 2 + cut, size - 2 - cut };
	peer_start(data[0], &headers, &header);
	for (n = 0; n < MESSAGES_MAX && rest.len > 0; n++)
		take_message(str_split(rest, 0x1e, &rest));
	peer_end();
	return 0;
}
