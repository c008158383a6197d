/* SPDX-License-Identifier: Apache-2.0 */
/* resources/read. */
#include "data/uri.h"
#include "mcp/mcp_priv.h"

/* RSRC-06, ERR-01. */
void
mcp_resource_not_found(struct mcp_exchange *x, struct str uri)
{
	struct buf data;

	buf_init(&data);
	BUF_LIT(&data, "{\"uri\":");
	if (json_write_str(&data, uri) < 0)
		BUF_LIT(&data, "null");
	buf_char(&data, '}');
	mcp_error(x, 200,
	    mcp_exchange_is_stateless(x) ? RPC_INVALID_PARAMS
					 : RPC_RESOURCE_NOT_FOUND,
	    S("Resource not found"), buf_view(&data));
	buf_finish(&data);
}

void
mcp_resource_run(
    struct mcp_exchange *x, struct str uri, const struct json_node *params)
{
	const struct registry_snapshot *s = registry_current(x->mcp->registry);
	const struct json_node *variables = NULL;
	const struct registry_entry *e;

	if (!uri_is_valid(uri)) { /* RSRC-09: before it is used */
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.uri is not a URI (RFC 3986)");
		return;
	}
	e = registry_find_uri(s, uri, &x->arena, &variables);
	if (e == NULL && x->arena.failed) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "out of memory");
		return;
	}
	if (e == NULL) {
		mcp_resource_not_found(x, uri);
		return;
	}
	mcp_call_start(x, CALL_RESOURCE, e, uri, variables, params);
}

void
mcp_resources_read(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct json_node *uri = json_get(m->params, S("uri"));

	(void)headers;
	if (json_type(uri) != JSON_STRING) {
		mcp_errorf(
		    x, RPC_INVALID_PARAMS, "params.uri must be a string");
		return;
	}
	mcp_resource_run(x, json_str(uri), m->params);
}

/* RSRC-04: each with its URI and exactly one of text and blob. */
static int
contents_write(
    struct buf *out, const struct mcp_exchange *x, const struct call *c)
{
	/* APP-02: a page is shown by what stands beside its text. */
	bool page =
	    str_starts(c->name, S("ui://")) && x->revision >= MCP_2025_06_18;
	const struct call_content *block;
	int rc = 0;

	BUF_LIT(out, "\"contents\":[");
	for (block = c->contents; block != NULL && rc == 0;
	     block = block->next) {
		if (block != c->contents)
			buf_char(out, ',');
		rc = mcp_resource_content_write(out,
		    block->uri.len > 0 ? block->uri : c->name,
		    block->mime.len > 0 ? block->mime : x->entry->mime,
		    page ? x->entry->meta : STR_NONE, block);
	}
	BUF_LIT(out, "],");
	return rc;
}

static void
resource_result(struct mcp_exchange *x, const struct call *c)
{
	struct buf *out = mcp_result_begin(x);

	if (contents_write(out, x, c) < 0) {
		mcp_defect_log("resource is not UTF-8", c, STR_NONE);
		mcp_errorf(
		    x, RPC_INTERNAL_ERROR, "The resource's text is not UTF-8");
		return;
	}
	if (mcp_exchange_is_stateless(x)) { /* CACHE-01, CACHE-08 */
		BUF_LIT(out, "\"ttlMs\":");
		buf_i64(out,
		    x->entry->cache_ttl_ms >= 0 ? x->entry->cache_ttl_ms : 0);
		if (x->entry->cache_public)
			BUF_LIT(out, ",\"cacheScope\":\"public\",");
		else
			BUF_LIT(out, ",\"cacheScope\":\"private\",");
	}
	mcp_result_end(x);
}

void
mcp_resource_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status)
{
	if (mcp_finished_alike(x, c, status))
		return;
	if (status == CALL_ENOTFOUND
	    || (status == CALL_OK && c->contents == NULL)) { /* RSRC-07 */
		mcp_resource_not_found(x, c->name);
	} else if (status == CALL_OK) {
		resource_result(x, c);
	} else if (c->message.len > 0) { /* RSRC-08 */
		mcp_error(x, 200,
		    status == CALL_EPARAMS ? RPC_INVALID_PARAMS
					   : RPC_INTERNAL_ERROR,
		    c->message, STR_NONE);
	} else {
		mcp_errorf(
		    x, RPC_INTERNAL_ERROR, "The resource could not be read");
	}
}
