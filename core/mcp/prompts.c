/* SPDX-License-Identifier: Apache-2.0 */
/* prompts/get. */
#include "mcp/mcp_priv.h"

/* PROM-03, PROM-04; false: it has answered. */
static bool
arguments_pass(struct mcp_exchange *x, const struct registry_entry *e,
    const struct json_node *args)
{
	size_t i;

	if (args != NULL && args->type != JSON_OBJECT) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.arguments must be an object");
		return false;
	}
	JSON_EACH_MEMBER (k, v, args) {
		if (v->type == JSON_STRING)
			continue;
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.arguments.%.*s must be a string",
		    (int)(k->text_len < 128 ? k->text_len : 128), k->text);
		return false;
	}
	for (i = 0; i < e->arguments_len; i++) {
		const struct registry_argument *a = &e->arguments[i];

		if (!a->required || json_get(args, a->name) != NULL)
			continue;
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.arguments.%.*s is required", STR_FMT(a->name));
		return false;
	}
	return true;
}

void
mcp_prompt_run(struct mcp_exchange *x, struct str name,
    const struct json_node *args, const struct json_node *params)
{
	const struct registry_snapshot *s = registry_current(x->mcp->registry);
	const struct registry_entry *e =
	    registry_find(s, REGISTRY_PROMPT, name);

	if (e == NULL) {
		mcp_errorf(x, RPC_INVALID_PARAMS, "Unknown prompt: %.*s",
		    (int)(name.len < 128 ? name.len : 128), name.ptr);
		return;
	}
	if (arguments_pass(x, e, args))
		mcp_call_start(x, CALL_PROMPT, e, e->key, args, params);
}

void
mcp_prompts_get(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct json_node *name = json_get(m->params, S("name"));
	const struct json_node *args = json_get(m->params, S("arguments"));

	(void)headers;
	if (json_type(name) != JSON_STRING) {
		mcp_errorf(
		    x, RPC_INVALID_PARAMS, "params.name must be a string");
		return;
	}
	mcp_prompt_run(x, json_str(name), args, m->params);
}

static int
messages_write(
    struct buf *out, const struct mcp_exchange *x, const struct call *c)
{
	const struct call_content *block;
	int rc = 0;

	BUF_LIT(out, "\"messages\":[");
	for (block = c->contents; block != NULL && rc == 0;
	     block = block->next) {
		if (block != c->contents)
			buf_char(out, ',');
		buf_cstr(out,
		    block->assistant ? "{\"role\":\"assistant\",\"content\":"
				     : "{\"role\":\"user\",\"content\":");
		rc = mcp_content_write(out, x, block);
		buf_char(out, '}');
	}
	BUF_LIT(out, "],");
	return rc;
}

void
mcp_prompt_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status)
{
	struct buf *out;
	int rc = 0;

	if (mcp_finished_alike(x, c, status))
		return;
	if (status != CALL_OK) {
		mcp_error(x, 200,
		    status == CALL_EPARAMS || status == CALL_ENOTFOUND
			? RPC_INVALID_PARAMS
			: RPC_INTERNAL_ERROR,
		    c->message.len > 0 ? c->message : S("The prompt failed"),
		    STR_NONE);
		return;
	}
	out = mcp_result_begin(x);
	if (x->entry->description.len > 0) {
		BUF_LIT(out, "\"description\":");
		rc = json_write_str(out, x->entry->description);
		buf_char(out, ',');
	}
	if (rc == 0)
		rc = messages_write(out, x, c);
	if (rc < 0) {
		mcp_defect_log("prompt is not UTF-8", c, STR_NONE);
		mcp_errorf(
		    x, RPC_INTERNAL_ERROR, "The prompt's text is not UTF-8");
		return;
	}
	mcp_result_end(x);
}
