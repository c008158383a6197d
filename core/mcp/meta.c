/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope: _meta of a request, and the era it implies. */
#include <string.h>

#include "mcp/task_priv.h"

static const struct str prefix = STR("io.modelcontextprotocol/");

void
mcp_meta_read(const struct rpc_message *m, struct mcp_meta *meta)
{
	const struct json_node *node = json_get(m->params, S("_meta"));

	memset(meta, 0, sizeof *meta);
	if (json_type(node) != JSON_OBJECT)
		return;
	JSON_EACH_MEMBER (k, v, node) {
		struct str key = json_str(k);

		if (str_equal(key, S("progressToken"))) {
			meta->token = v;
			continue;
		}
		if (!str_starts(key, prefix))
			continue;
		key = str_sub(key, prefix.len, key.len);
		if (str_equal(key, S("protocolVersion")))
			meta->version = v;
		else if (str_equal(key, S("clientCapabilities")))
			meta->capabilities = v;
		else if (str_equal(key, S("clientInfo")))
			meta->info = v;
		else if (str_equal(key, S("logLevel")))
			meta->log_level = v;
	}
	meta->claim = meta->version != NULL || meta->capabilities != NULL
	    || meta->info != NULL;
}

unsigned
mcp_client_read(
    const struct mcp_reactor *m, const struct json_node *capabilities)
{
	const struct json_node *elicit =
	    json_get(capabilities, S("elicitation"));
	const struct json_node *sampling =
	    json_get(capabilities, S("sampling"));
	unsigned client = 0;

	if (json_type(elicit) == JSON_OBJECT) {
		/* MRTR-05: {} means form. */
		if (json_count(elicit) == 0
		    || json_get(elicit, S("form")) != NULL)
			client |= MCP_CLIENT_ELICIT_FORM;
		if (json_get(elicit, S("url")) != NULL)
			client |= MCP_CLIENT_ELICIT_URL;
	}
	if (json_type(sampling) == JSON_OBJECT) {
		client |= MCP_CLIENT_SAMPLING;
		if (json_get(sampling, S("tools")) != NULL)
			client |= MCP_CLIENT_SAMPLING_TOOLS;
		if (json_get(sampling, S("context")) != NULL)
			client |= MCP_CLIENT_SAMPLING_CONTEXT;
	}
	if (json_type(json_get(capabilities, S("roots"))) == JSON_OBJECT)
		client |= MCP_CLIENT_ROOTS;
	if (json_type(json_get(json_get(capabilities, S("extensions")),
		S(MCP_TASKS_EXTENSION)))
	    == JSON_OBJECT) /* TKX-01 */
		client |= MCP_CLIENT_TASKS;
	return client & ~m->client_off;
}

bool
mcp_token_take(struct mcp_exchange *x, const struct json_node *token)
{
	if (token == NULL)
		return true;
	if (!rpc_id_is_valid(token)) /* the same types (META-10) */
		return false;
	x->token = arena_dup(&x->arena, json_raw(token));
	return true;
}

static struct mcp_class
refused(int status, int code, const char *text)
{
	return (struct mcp_class){ MCP_ERA_REFUSED, status, code, text };
}

/* Without a claim: the field decides what is malformed. */
static struct mcp_class
classify_claimless(const struct rpc_message *m, struct str version)
{
	bool modern = version.ptr != NULL && mcp_version_is_modern(version);
	bool handshake =
	    m->kind == RPC_REQUEST && str_equal(m->method, S("initialize"));

	if (modern && handshake) /* ERA-06 */
		return refused(400, RPC_HEADER_MISMATCH,
		    "initialize belongs to the revisions up to 2025-11-25, "
		    "but MCP-Protocol-Version names a later one");
	if (modern && m->kind == RPC_REQUEST) /* ERA-05, AMB-06 */
		return refused(400, RPC_INVALID_PARAMS,
		    "params._meta must hold "
		    "io.modelcontextprotocol/protocolVersion and "
		    "io.modelcontextprotocol/clientCapabilities");
	if (modern && m->kind == RPC_RESPONSE) /* ERA-20, HTM-01 */
		return refused(400, RPC_INVALID_REQUEST,
		    "this revision takes no responses from a client");
	if (modern)
		return (struct mcp_class){ MCP_ERA_STATELESS, 0, 0, NULL };
	if (version.ptr != NULL && mcp_revision_find(version) < 0) /* ERA-10 */
		return refused(400, RPC_INVALID_REQUEST,
		    "MCP-Protocol-Version names an unsupported revision");
	return (struct mcp_class){
		handshake ? MCP_ERA_HANDSHAKE : MCP_ERA_STATEFUL, 0, 0, NULL
	};
}

struct mcp_class
mcp_classify(const struct rpc_message *m, const struct mcp_headers *headers)
{
	struct mcp_meta meta;

	if (m->kind == RPC_INVALID)
		return refused(400, RPC_INVALID_REQUEST, m->fault);
	mcp_meta_read(m, &meta);
	if (meta.claim && m->kind == RPC_RESPONSE && headers != NULL)
		return refused(400, RPC_INVALID_REQUEST, /* HTM-01 */
		    "this revision takes no responses from a client");
	if (meta.claim)
		return (struct mcp_class){ MCP_ERA_STATELESS, 0, 0, NULL };
	if (headers != NULL)
		return classify_claimless(m, headers->version);
	/* ERA-15: on a line stream the method name alone can tell. */
	if (str_equal(m->method, S("server/discover"))
	    || str_equal(m->method, S("subscriptions/listen")))
		return (struct mcp_class){ MCP_ERA_STATELESS, 0, 0, NULL };
	return classify_claimless(m, STR_NONE);
}
