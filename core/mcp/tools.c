/* SPDX-License-Identifier: Apache-2.0 */
/* tools/call. */
#include "mcp/task_priv.h"

static const struct json_node no_arguments = { .raw = "{}",
	.raw_len = 2,
	.span = 1,
	.type = JSON_OBJECT };

/* TOOL-14, AMB-04: a result that a model can read and mend. */
void
mcp_tool_error(struct mcp_exchange *x, struct str text)
{
	struct buf *out = mcp_result_begin(x);

	x->is_error = true;
	BUF_LIT(out, "\"content\":[{\"type\":\"text\",\"text\":");
	if (json_write_str(out, text) < 0)
		BUF_LIT(out, "\"The tool failed\"");
	BUF_LIT(out, "}],\"isError\":true,");
	mcp_result_end(x);
}

/* Rung 11: the arguments against the schema. */
static bool
arguments_pass(struct mcp_exchange *x, const struct registry_entry *e,
    const struct json_node *args)
{
	struct buf text;

	if (e->input == NULL
	    || schema_validate(e->input, args, &x->mcp->report))
		return true;
	buf_init(&text);
	BUF_LIT(&text, "Invalid arguments: ");
	schema_report_print(&x->mcp->report, &text);
	while (text.len > 0 && text.ptr[text.len - 1] == '\n')
		text.len--;
	mcp_tool_error(x, buf_view(&text));
	buf_finish(&text);
	return false;
}

void
mcp_tool_run(struct mcp_exchange *x, struct str name,
    const struct json_node *args, const struct json_node *params,
    const struct mcp_headers *headers)
{
	const struct registry_snapshot *s = registry_current(x->mcp->registry);
	const struct registry_entry *e = registry_find(s, REGISTRY_TOOL, name);
	bool make_task;
	struct err err;

	if (e == NULL) { /* TOOL-13 */
		mcp_errorf(x, RPC_INVALID_PARAMS, "Unknown tool: %.*s",
		    (int)(name.len < 128 ? name.len : 128), name.ptr);
		return;
	}
	if (headers != NULL
	    && mcp_mirrors_check(e, args, headers, &err) < 0) { /* XHD-06 */
		mcp_error(
		    x, 400, RPC_HEADER_MISMATCH, str_of(err.text), STR_NONE);
		return;
	}
	if (!mcp_task_admit(x, e, params, &make_task)
	    || !arguments_pass(x, e, args))
		return;
	if (make_task)
		mcp_task_begin(x, e, e->key, args, params);
	else
		mcp_call_start(x, CALL_TOOL, e, e->key, args, params);
}

void
mcp_tools_call(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct json_node *name = json_get(m->params, S("name"));
	const struct json_node *args = json_get(m->params, S("arguments"));

	if (json_type(name) != JSON_STRING) { /* TOOL-12 */
		mcp_errorf(
		    x, RPC_INVALID_PARAMS, "params.name must be a string");
		return;
	}
	if (args == NULL)
		args = &no_arguments;
	if (args->type != JSON_OBJECT) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.arguments must be an object");
		return;
	}
	mcp_tool_run(x, json_str(name), args, m->params, headers);
}

/* A structured result that keeps the promise of its manifest (TOOL-10), or
 * NULL: it has answered. */
static const struct json_node *
structured_check(struct mcp_exchange *x, const struct call *c)
{
	struct json_doc *doc = &x->mcp->answer_doc;
	struct buf text;

	if (json_parse(doc, c->structured, JSON_PROTOCOL) < 0) {
		mcp_defect_log("structured result is not JSON", c, STR_NONE);
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "The tool's structured result is not JSON");
		return NULL;
	}
	if (x->entry->output == NULL
	    || schema_validate(x->entry->output, doc->nodes, &x->mcp->report))
		return doc->nodes;
	buf_init(&text);
	schema_report_print(&x->mcp->report, &text);
	mcp_defect_log(
	    "structured result breaks its outputSchema", c, buf_view(&text));
	buf_finish(&text);
	mcp_errorf(x, RPC_INTERNAL_ERROR,
	    "The tool's result does not match its outputSchema");
	return NULL;
}

static int
contents_write(
    struct buf *out, const struct mcp_exchange *x, const struct call *c)
{
	const struct call_content *block;
	int rc = 0;

	BUF_LIT(out, "\"content\":[");
	for (block = c->contents; block != NULL && rc == 0;
	     block = block->next) {
		if (block != c->contents)
			buf_char(out, ',');
		rc = mcp_content_write(out, x, block);
	}
	/* TOOL-11: a text form for those who read no structure */
	if (rc == 0 && c->contents == NULL && c->structured.len > 0) {
		BUF_LIT(out, "{\"type\":\"text\",\"text\":");
		rc = json_write_str(out, c->structured);
		buf_char(out, '}');
	}
	/* APP-05: neither a model nor a client without apps sees a page */
	if (c->contents == NULL && c->structured.len == 0
	    && x->entry->has_page) {
		mcp_defect_log(
		    "a tool with a page says nothing beside it", c, STR_NONE);
		BUF_LIT(out,
		    "{\"type\":\"text\",\"text\":\"The result is on the "
		    "page of this tool alone.\"}");
	}
	BUF_LIT(out, "],");
	return rc;
}

static void
tool_result(struct mcp_exchange *x, const struct call *c)
{
	const struct json_node *structured = NULL;
	struct buf *out;

	if (c->structured.len > 0) {
		structured = structured_check(x, c);
		if (structured == NULL)
			return;
	} else if (x->entry->output != NULL) {
		mcp_defect_log("structured result is missing", c, STR_NONE);
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "The tool declares an outputSchema but gave no "
		    "structured result");
		return;
	}
	out = mcp_result_begin(x);
	if (contents_write(out, x, c) < 0) {
		mcp_defect_log("result is not UTF-8", c, STR_NONE);
		mcp_errorf(
		    x, RPC_INTERNAL_ERROR, "The tool's result is not UTF-8");
		return;
	}
	/* TOOL-08, TOOL-09; the version matrix, section 10 */
	if (structured != NULL
	    && (x->revision >= MCP_2026_07_28
		|| (x->revision >= MCP_2025_06_18
		    && structured->type == JSON_OBJECT
		    && (x->entry->output_schema.len == 0
			|| x->entry->output_is_object)))) {
		BUF_LIT(out, "\"structuredContent\":");
		mcp_json_write(out, c->structured);
		buf_char(out, ',');
	}
	mcp_result_end(x);
}

void
mcp_tool_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status)
{
	if (mcp_finished_alike(x, c, status))
		return;
	if (status == CALL_OK) {
		tool_result(x, c);
		return;
	}
	mcp_tool_error(
	    x, c->message.len > 0 ? c->message : S("The tool failed"));
}
