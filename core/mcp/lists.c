/* SPDX-License-Identifier: Apache-2.0 */
/* server/discover and the lists: envelopes round what the snapshot holds ready.
 */
#include "mcp/task_priv.h"

/* CACHE-01, CACHE-08: no list depends on who asks. */
static void
hints_write(struct buf *out, const struct mcp_exchange *x)
{
	if (!mcp_exchange_is_stateless(x))
		return;
	BUF_LIT(out, "\"ttlMs\":");
	buf_i64(out, MCP_LIST_TTL_MS);
	BUF_LIT(out, ",\"cacheScope\":\"public\",");
}

/* EXT-01: only what somebody has asked for. */
static void
extensions_write(struct buf *out, const struct mcp_reactor *m)
{
	bool tasks = mcp_tasks_are_offered(m); /* TKX-01 */

	if (!tasks && !m->apps)
		return;
	BUF_LIT(out, ",\"extensions\":{");
	if (tasks)
		BUF_LIT(out, "\"" MCP_TASKS_EXTENSION "\":{}");
	if (tasks && m->apps)
		buf_char(out, ',');
	if (m->apps) /* APP-01 */
		BUF_LIT(out, "\"" MCP_APPS_EXTENSION "\":{}");
	buf_char(out, '}');
}

void
mcp_discover(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct buf *out = mcp_result_begin(x);

	(void)m;
	(void)headers;
	x->introduces = true;
	BUF_LIT(out,
	    "\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{"
	    "\"tools\":{\"listChanged\":true},"
	    "\"resources\":{\"subscribe\":true,\"listChanged\":true},"
	    "\"prompts\":{\"listChanged\":true},"
	    "\"completions\":{}"); /* COMP-01 */
	if (!x->mcp->no_logging) /* LOG-01 */
		BUF_LIT(out, ",\"logging\":{}");
	extensions_write(out, x->mcp);
	BUF_LIT(out, "},");
	if (x->mcp->instructions.len > 0) {
		BUF_LIT(out, "\"instructions\":");
		buf_str(out, x->mcp->instructions);
		buf_char(out, ',');
	}
	hints_write(out, x);
	mcp_result_end(x);
}

static void
list(struct mcp_exchange *x, const struct rpc_message *m,
    enum registry_kind kind, const char *member)
{
	const struct registry_snapshot *s = registry_current(x->mcp->registry);
	const struct json_node *cursor = json_get(m->params, S("cursor"));
	const struct registry_page *page = NULL;
	struct buf *out;

	if (cursor == NULL)
		page = registry_page(s, kind, x->revision, STR_NONE);
	else if (cursor->type == JSON_STRING)
		page = registry_page(s, kind, x->revision, json_str(cursor));
	if (page == NULL) { /* PAGE-03 */
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.cursor is not a cursor of this list as it is "
		    "now: begin again without one");
		return;
	}
	out = mcp_result_begin(x);
	buf_char(out, '"');
	buf_cstr(out, member);
	BUF_LIT(out, "\":[");
	buf_str(out, page->items);
	BUF_LIT(out, "],");
	if (page->next.len > 0) {
		BUF_LIT(out, "\"nextCursor\":\"");
		buf_str(out, page->next);
		BUF_LIT(out, "\",");
	}
	hints_write(out, x);
	mcp_result_end(x);
}

void
mcp_tools_list(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	(void)headers;
	list(x, m, REGISTRY_TOOL, "tools");
}

void
mcp_resources_list(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	(void)headers;
	list(x, m, REGISTRY_RESOURCE, "resources");
}

void
mcp_templates_list(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	(void)headers;
	list(x, m, REGISTRY_TEMPLATE, "resourceTemplates");
}

void
mcp_prompts_list(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	(void)headers;
	list(x, m, REGISTRY_PROMPT, "prompts");
}
