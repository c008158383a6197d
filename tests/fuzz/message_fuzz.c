/* SPDX-License-Identifier: Apache-2.0 */
/* One message into the protocol, as a transport would hand it over: parsed,
 * classified, served, with and without header fields, in every era.  Holds
 * that each exchange is answered once and that every answer is JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mcp/mcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
	struct loop *loop;
	struct registry *registry;
	struct call_reactor calls;
	struct mcp_reactor *mcp;
	struct json_doc doc;
	int answers;
	bool listening;
};

static struct rig rig;

static void
must_be_json(struct str text)
{
	struct str rest = text;

	while (rest.len > 0) /* a line stream may get two lines */
		CHECK(json_parse(
			  &rig.doc, str_split(rest, '\n', &rest), JSON_PROTOCOL)
		    == 0);
}

static void
notify(struct mcp_exchange *x, struct str message)
{
	(void)x;
	rig.listening = true; /* there is nothing else that notifies here */
	must_be_json(message);
}

static void
answer(struct mcp_exchange *x, int status, struct str message)
{
	(void)x;
	CHECK(status == 0 || (status >= 200 && status <= 599));
	rig.answers++;
	must_be_json(message);
}

static const struct mcp_reply_ops reply = { notify, answer, NULL };

static void
rig_start(void)
{
	static const struct mcp_identity identity = { STR("fuzz"), STR("Fuzz"),
		STR("1"), STR("none") };
	struct err err;

	rig.loop = loop_create(&err);
	rig.registry = registry_create(mcp_describe, &err);
	CHECK(rig.loop != NULL && rig.registry != NULL);
	call_reactor_init(&rig.calls, rig.loop, NULL);
	rig.mcp = mcp_reactor_create(&rig.calls, rig.registry, &identity, &err);
	CHECK(rig.mcp != NULL);
	json_doc_init(&rig.doc);
}

static bool
field(void *arg, struct str name, struct str *value)
{
	(void)name;
	*value = *(struct str *)arg;
	return true;
}

/* The first bytes choose the fields and the peer's phase. */
static void
serve(uint8_t how, struct str header, struct str body)
{
	struct mcp_headers headers = { .field = field, .arg = &header };
	struct mcp_headers *h = (how & 1) != 0 ? &headers : NULL;
	struct json_doc *doc = mcp_reactor_doc(rig.mcp);
	struct mcp_peer peer;
	struct rpc_message m;
	struct mcp_class class;
	struct mcp_exchange *x;

	if (json_parse(doc, body, JSON_PROTOCOL) < 0)
		return;
	headers.version = (how & 2) != 0 ? mcp_revision_name(how >> 5 & 3)
					 : mcp_revision_name(MCP_2026_07_28);
	if ((how & 4) != 0)
		headers.version = header;
	headers.method = json_str(json_get(doc->nodes, S("method")));
	headers.name = header;
	rpc_message_read(doc->nodes, &m);
	class = mcp_classify(&m, h);
	mcp_peer_init(&peer);
	peer.revision = how >> 5 & 3;
	atomic_store(&peer.phase, how >> 3 & 3 ? MCP_PEER_READY : MCP_PEER_NEW);
	x = mcp_exchange_open(rig.mcp, &reply, NULL, peer.scope);
	CHECK(x != NULL);
	rig.answers = 0;
	rig.listening = false;
	if (class.era == MCP_ERA_REFUSED)
		mcp_refuse(x, m.id != NULL ? json_raw(m.id) : STR_NONE,
		    class.status, class.code, class.text);
	else if (class.era == MCP_ERA_STATELESS)
		mcp_serve_stateless(x, &m, h);
	else if (m.kind != RPC_RESPONSE)
		mcp_serve_stateful(x, &m, &peer);
	else {
		mcp_response(rig.mcp, peer.scope, &m);
		mcp_refuse(x, STR_NONE, 400, RPC_INVALID_REQUEST, "response");
	}
	if (rig.listening) {
		mcp_lists_changed(rig.mcp);
		mcp_resource_updated(rig.mcp, S("test://x"));
		mcp_scope_listening_end(rig.mcp, peer.scope);
	}
	mcp_peer_finish(&peer);
	CHECK(rig.answers == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str header, body;
	size_t cut;

	if (rig.loop == NULL)
		rig_start();
	if (size < 2)
		return 0;
	cut = data[1] < size - 2 ? data[1] : size - 2;
	header = (struct str){ (const char *)data + 2, cut };
	body = (struct str){ (const char *)data + 2 + cut, size - 2 - cut };
	serve(data[0], header, body);
	return 0;
}
