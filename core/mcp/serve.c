/* SPDX-License-Identifier: Apache-2.0 */
/* From a message to its method: the methods there are, and the order of the
 * checks of each era. */
#include <stdio.h>

#include "base/log.h"
#include "mcp/task_priv.h"

static const struct mcp_method methods[] = {
	{ STR("tools/call"), mcp_tools_call, true, true, "name", false },
	{ STR("tasks/get"), mcp_tasks_get, true, true, "taskId", true },
	{ STR("tasks/cancel"), mcp_tasks_cancel, true, true, "taskId", true },
	{ STR("tasks/update"), mcp_tasks_update, false, true, "taskId", true },
	/* TKX-14 */
	{ STR("tasks/result"), mcp_tasks_result, true, false, NULL, true },
	{ STR("tasks/list"), mcp_tasks_list, true, false, NULL, true },
	{ STR("tools/list"), mcp_tools_list, true, true, NULL, false },
	{ STR("resources/read"), mcp_resources_read, true, true, "uri", false },
	{ STR("resources/list"), mcp_resources_list, true, true, NULL, false },
	{ STR("resources/templates/list"), mcp_templates_list, true, true, NULL,
	    false },
	{ STR("resources/subscribe"), mcp_resources_subscribe, true, false,
	    NULL, false },
	{ STR("resources/unsubscribe"), mcp_resources_unsubscribe, true, false,
	    NULL, false },
	{ STR("prompts/get"), mcp_prompts_get, true, true, "name", false },
	{ STR("prompts/list"), mcp_prompts_list, true, true, NULL, false },
	{ STR("completion/complete"), mcp_complete, true, true, NULL,
	    false }, /* COMP-06 */
	{ STR("logging/setLevel"), mcp_set_level, true, false, NULL, false },
	{ STR("ping"), mcp_ping, true, false, NULL, false },
	{ STR("server/discover"), mcp_discover, false, true, NULL, false },
	{ STR("subscriptions/listen"), mcp_listen, false, true, NULL, false },
};

const struct mcp_method *
mcp_method_find(struct str name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(methods); i++)
		if (str_equal(methods[i].name, name))
			return &methods[i];
	return NULL;
}

/* As far as this exchange's revision and server have it (TKL-18). */
static const struct mcp_method *
method_of(const struct mcp_exchange *x, const struct rpc_message *m)
{
	const struct mcp_method *method = mcp_method_find(m->method);

	if (method != NULL && method->serve == mcp_set_level
	    && x->mcp->no_logging) /* DEP-02 */
		return NULL;
	if (method != NULL && method->is_task
	    && (x->revision < MCP_2025_11_25 || !mcp_tasks_are_offered(x->mcp)))
		return NULL;
	return method;
}

/* Rung 2: the envelope (ERA-17, META-05, META-10, LOG-07).  NULL: sound. */
static const char *
envelope_fault(const struct mcp_meta *meta)
{
	if (json_type(meta->version) != JSON_STRING)
		return "_meta[\"io.modelcontextprotocol/protocolVersion\"] "
		       "must be a string";
	if (json_type(meta->capabilities) != JSON_OBJECT)
		return "_meta[\"io.modelcontextprotocol/clientCapabilities\"] "
		       "must be an object";
	if (meta->log_level != NULL && mcp_log_level_find(meta->log_level) < 0)
		return "_meta[\"io.modelcontextprotocol/logLevel\"] is not a "
		       "log level";
	return NULL;
}

/* Rung 4 (ERA-07, ERA-08). */
static void
refuse_version(struct mcp_exchange *x, struct str requested)
{
	struct buf data;

	buf_init(&data);
	BUF_LIT(&data, "{\"supported\":[\"2026-07-28\"],\"requested\":");
	(void)json_write_str(&data, requested); /* it was parsed: UTF-8 */
	buf_char(&data, '}');
	mcp_error(x, 400, RPC_UNSUPPORTED_VERSION,
	    S("Unsupported protocol version"), buf_view(&data));
	buf_finish(&data);
}

/* Both values, cut (ERR-07). */
static void
refuse_mismatch(struct mcp_exchange *x, const char *field, struct str header,
    struct str body)
{
	char text[384];

	if (header.ptr == NULL)
		(void)snprintf(
		    text, sizeof text, "Header mismatch: %s is missing", field);
	else
		(void)snprintf(text, sizeof text,
		    "Header mismatch: %s is \"%.*s\", the body says \"%.*s\"",
		    field, (int)(header.len < 100 ? header.len : 100),
		    header.ptr, (int)(body.len < 100 ? body.len : 100),
		    body.ptr);
	if (!str_is_utf8(str_of(text)))
		(void)snprintf(text, sizeof text,
		    "Header mismatch: %s differs from the body", field);
	mcp_error(x, 400, RPC_HEADER_MISMATCH, str_of(text), STR_NONE);
}

/* Rung 5 (HTM-03 to HTM-06); true: passed. */
static bool
mirrors_pass(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers, const struct mcp_method *method)
{
	const struct json_node *named;
	struct str name;
	bool equal;

	if (headers->method.ptr == NULL
	    || !str_equal(headers->method, m->method)) {
		refuse_mismatch(x, "Mcp-Method", headers->method, m->method);
		return false;
	}
	if (method == NULL || method->mirror == NULL)
		return true;
	named = json_get(m->params, str_of(method->mirror));
	if (headers->name.ptr == NULL) {
		refuse_mismatch(x, "Mcp-Name", STR_NONE, STR_NONE);
		return false;
	}
	name = json_str(named);
	/* HTM-08: no name in the body is the method's own error. */
	equal = mcp_header_equal(
	    headers->name, json_type(named) == JSON_STRING ? &name : NULL);
	if (!equal)
		refuse_mismatch(x, "Mcp-Name", headers->name, json_str(named));
	return equal;
}

static void
cancel(struct mcp_reactor *reactor, uint64_t scope, const struct rpc_message *m)
{
	struct str reason = json_str(json_get(m->params, S("reason")));

	LOG_DEBUG("request cancelled", F_STR("reason", reason)); /* CANC-09 */
	mcp_cancel(reactor, scope, json_get(m->params, S("requestId")));
}

/* Notifications of the stateless era: on HTTP none means anything. */
static void
take_notification(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct mcp_reactor *reactor = x->mcp;
	uint64_t scope = x->scope;
	bool cancels = headers == NULL
	    && str_equal(m->method, S("notifications/cancelled"));

	if (headers != NULL && headers->method.ptr != NULL
	    && !str_equal(headers->method, m->method)) { /* HTM-17 */
		refuse_mismatch(x, "Mcp-Method", headers->method, m->method);
		return;
	}
	x->ops->answer(x, 202, STR_NONE);
	mcp_exchange_close(x);
	if (cancels)
		cancel(reactor, scope, m);
}

/* The ladder of server-requirements.md 1.4. */
void
mcp_serve_stateless(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct mcp_method *method;
	struct mcp_meta meta;
	const char *fault;

	x->revision = MCP_2026_07_28;
	method = method_of(x, m);
	x->over_http = headers != NULL;
	if (m->kind == RPC_NOTIFICATION) {
		take_notification(x, m, headers);
		return;
	}
	if (!mcp_id_take(x, m))
		return;
	mcp_meta_read(m, &meta);
	fault = envelope_fault(&meta);
	if (fault == NULL && !mcp_token_take(x, meta.token))
		fault = "_meta.progressToken must be a string or an integer";
	if (fault != NULL) {
		mcp_error(x, 400, RPC_INVALID_PARAMS, str_of(fault), STR_NONE);
		return;
	}
	if (headers != NULL
	    && (headers->version.ptr == NULL
		|| !str_equal(headers->version, json_str(meta.version)))) {
		/* HTM-02, AMB-05: before the version itself is judged */
		refuse_mismatch(x, "MCP-Protocol-Version", headers->version,
		    json_str(meta.version));
		return;
	}
	if (!str_equal(
		json_str(meta.version), mcp_revision_name(MCP_2026_07_28))) {
		refuse_version(x, json_str(meta.version));
		return;
	}
	if (headers != NULL && !mirrors_pass(x, m, headers, method))
		return;
	if (method == NULL || !method->stateless) { /* HTM-09, ERA-02 */
		mcp_error(x, 404, RPC_METHOD_NOT_FOUND, S("Method not found"),
		    STR_NONE);
		return;
	}
	x->client = mcp_client_read(x->mcp, meta.capabilities);
	if (meta.log_level != NULL && !x->mcp->no_logging) /* LOG-05 */
		x->log_level = mcp_log_level_find(meta.log_level);
	method->serve(x, m, headers);
}

/* LIFE-01, LIFE-05. */
static const char *
handshake_fault(const struct json_node *params)
{
	const struct json_node *info = json_get(params, S("clientInfo"));

	if (json_type(json_get(params, S("protocolVersion"))) != JSON_STRING)
		return "params.protocolVersion must be a string";
	if (json_type(json_get(params, S("capabilities"))) != JSON_OBJECT)
		return "params.capabilities must be an object";
	if (json_type(json_get(info, S("name"))) != JSON_STRING
	    || json_type(json_get(info, S("version"))) != JSON_STRING)
		return "params.clientInfo must have name and version";
	return NULL;
}

static void
initialize(
    struct mcp_exchange *x, const struct rpc_message *m, struct mcp_peer *peer)
{
	struct mcp_reactor *mcp = x->mcp;
	const char *fault = handshake_fault(m->params);
	struct buf *out;
	int asked;

	if (atomic_load(&peer->phase) != MCP_PEER_NEW)
		fault = "this session is initialized already"; /* LIFE-09 */
	if (fault != NULL) {
		bool again = atomic_load(&peer->phase) != MCP_PEER_NEW;

		mcp_error(x, again ? 400 : 200,
		    again ? RPC_INVALID_REQUEST : RPC_INVALID_PARAMS,
		    str_of(fault), STR_NONE);
		return;
	}
	asked = mcp_revision_find(
	    json_str(json_get(m->params, S("protocolVersion"))));
	/* LIFE-02, LIFE-03: a counter-offer, never an error */
	peer->revision = asked >= 0 && asked <= (int)MCP_NEWEST_STATEFUL
	    ? (enum mcp_revision)asked
	    : MCP_NEWEST_STATEFUL;
	peer->client =
	    mcp_client_read(mcp, json_get(m->params, S("capabilities")));
	if (mcp->no_logging) /* and there is no method that lowers it */
		atomic_store(&peer->log_level, MCP_LOG_NONE);
	atomic_store(&peer->phase, MCP_PEER_OPEN);
	x->revision = peer->revision;
	out = mcp_result_begin(x);
	BUF_LIT(out, "\"protocolVersion\":\"");
	buf_str(out, mcp_revision_name(peer->revision));
	BUF_LIT(out,
	    "\",\"capabilities\":{\"tools\":{\"listChanged\":true},"
	    "\"resources\":{\"subscribe\":true,\"listChanged\":true},"
	    "\"prompts\":{\"listChanged\":true}");
	if (!mcp->no_logging) /* LOG-01 */
		BUF_LIT(out, ",\"logging\":{}");
	if (peer->revision >= MCP_2025_03_26) /* COMP-01 */
		BUF_LIT(out, ",\"completions\":{}");
	if (peer->revision == MCP_2025_11_25
	    && mcp_tasks_are_offered(mcp)) /* TKL-01 */
		BUF_LIT(out,
		    ",\"tasks\":{\"list\":{},\"cancel\":{},\"requests\":{"
		    "\"tools\":{\"call\":{}}}}");
	if (mcp->apps) /* APP-01: in the open set of a session too */
		BUF_LIT(out, ",\"extensions\":{\"" MCP_APPS_EXTENSION "\":{}}");
	BUF_LIT(out, "},\"serverInfo\":{");
	buf_str(out, mcp->identity_names);
	if (peer->revision >= MCP_2025_06_18) /* LIFE-17 */
		buf_str(out, mcp->identity_title);
	if (peer->revision >= MCP_2025_11_25) /* META-12 */
		buf_str(out, mcp->identity_more);
	BUF_LIT(out, "},");
	if (mcp->instructions.len > 0) {
		BUF_LIT(out, "\"instructions\":");
		buf_str(out, mcp->instructions);
		buf_char(out, ',');
	}
	mcp_result_end(x);
}

static void
take_stateful_notification(
    struct mcp_exchange *x, const struct rpc_message *m, struct mcp_peer *peer)
{
	struct mcp_reactor *reactor = x->mcp;
	uint64_t scope = x->scope;

	if (str_equal(m->method, S("notifications/initialized"))
	    && atomic_load(&peer->phase) == MCP_PEER_OPEN)
		atomic_store(&peer->phase, MCP_PEER_READY); /* LIFE-14 */
	x->ops->answer(x, 202, STR_NONE);
	mcp_exchange_close(x);
	if (str_equal(m->method, S("notifications/cancelled")))
		cancel(reactor, scope, m);
}

void
mcp_serve_stateful(
    struct mcp_exchange *x, const struct rpc_message *m, struct mcp_peer *peer)
{
	const struct mcp_method *method;
	struct mcp_meta meta;

	x->revision = peer->revision;
	if (m->kind == RPC_NOTIFICATION) {
		take_stateful_notification(x, m, peer);
		return;
	}
	if (!mcp_id_take(x, m))
		return;
	if (str_equal(m->method, S("initialize"))) {
		initialize(x, m, peer);
		return;
	}
	method = method_of(x, m);
	if (atomic_load(&peer->phase) == MCP_PEER_NEW
	    && (method == NULL || method->serve != mcp_ping)) { /* LIFE-07 */
		mcp_error(x, 400, RPC_INVALID_REQUEST,
		    S("initialize comes first"), STR_NONE);
		return;
	}
	if (method == NULL || !method->stateful) {
		mcp_error(x, 200, RPC_METHOD_NOT_FOUND, S("Method not found"),
		    STR_NONE);
		return;
	}
	mcp_meta_read(m, &meta);
	if (!mcp_token_take(x, meta.token)) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "_meta.progressToken must be a string or an integer");
		return;
	}
	x->client = peer->client;
	x->peer = peer;
	method->serve(x, m, NULL);
}

void
mcp_ping(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	(void)m;
	(void)headers;
	(void)mcp_result_begin(x);
	mcp_result_end(x); /* PING-01 */
}
