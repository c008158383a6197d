/* SPDX-License-Identifier: Apache-2.0 */
/* completion/complete (COMP rows): values for an argument of a prompt or a
 * variable of a template, from the plugin that has declared them. */
#include "data/json_dup.h"
#include "mcp/mcp_priv.h"

#define VALUES_MAX 100 /* COMP-03 */

/* COMP-04; NULL: it has answered. */
static const struct registry_entry *
entry_of(struct mcp_exchange *x, const struct json_node *ref)
{
	const struct registry_snapshot *s = registry_current(x->mcp->registry);
	const struct json_node *type = json_get(ref, S("type"));
	bool prompt = str_equal(json_str(type), S("ref/prompt"));
	const struct json_node *key =
	    json_get(ref, prompt ? S("name") : S("uri"));
	const struct json_node *variables = NULL;
	const struct registry_entry *e;

	if (json_type(key) != JSON_STRING
	    || (!prompt && !str_equal(json_str(type), S("ref/resource")))) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.ref must be a ref/prompt with name, or a "
		    "ref/resource with uri");
		return NULL;
	}
	e = registry_find(
	    s, prompt ? REGISTRY_PROMPT : REGISTRY_TEMPLATE, json_str(key));
	if (e == NULL && !prompt) /* a URI instead of its template */
		e = registry_find_uri(s, json_str(key), &x->arena, &variables);
	if (e == NULL)
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    prompt ? "Unknown prompt: %.*s"
			   : "Unknown resource template: %.*s",
		    (int)(key->text_len < 128 ? key->text_len : 128),
		    key->text);
	return e;
}

static bool
has_values(const struct registry_entry *e, struct str argument)
{
	size_t i;

	for (i = 0; i < e->arguments_len; i++)
		if (str_equal(e->arguments[i].name, argument))
			return e->arguments[i].complete;
	for (i = 0; i < e->complete_len; i++)
		if (str_equal(e->complete[i], argument))
			return true;
	return false;
}

/* COMP-02: a map of strings, from the revision that knows it. */
static const char *
context_fault(const struct json_node *context)
{
	const struct json_node *arguments = json_get(context, S("arguments"));

	if (context != NULL && context->type != JSON_OBJECT)
		return "params.context must be an object";
	if (arguments == NULL)
		return NULL;
	if (arguments->type != JSON_OBJECT)
		return "params.context.arguments must be an object";
	JSON_EACH_MEMBER (k, v, arguments) {
		(void)k;
		if (v->type != JSON_STRING)
			return "params.context.arguments must hold strings";
	}
	return NULL;
}

/* What the hook sees; NULL without memory. */
static const struct json_node *
hook_args(struct mcp_exchange *x, const struct json_node *argument,
    const struct json_node *context)
{
	const struct json_node *arguments = json_get(context, S("arguments"));
	const struct json_node *args = NULL;
	struct buf text;

	buf_init(&text);
	BUF_LIT(&text, "{\"argument\":{\"name\":");
	buf_str(&text, json_raw(json_get(argument, S("name"))));
	BUF_LIT(&text, ",\"value\":");
	buf_str(&text, json_raw(json_get(argument, S("value"))));
	buf_char(&text, '}');
	if (arguments != NULL) {
		BUF_LIT(&text, ",\"context\":{\"arguments\":");
		buf_str(&text, json_raw(arguments));
		buf_char(&text, '}');
	}
	buf_char(&text, '}');
	if (!text.failed)
		args = json_parse_dup(buf_view(&text), &x->arena);
	buf_finish(&text);
	return args;
}

static void
no_values(struct mcp_exchange *x)
{
	struct buf *out = mcp_result_begin(x);

	BUF_LIT(out,
	    "\"completion\":{\"values\":[],\"total\":0,\"hasMore\":false},");
	mcp_result_end(x);
}

void
mcp_complete(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct json_node *argument = json_get(m->params, S("argument"));
	const struct json_node *name = json_get(argument, S("name"));
	const struct json_node *context = NULL, *args;
	const struct registry_entry *e;
	const char *fault = NULL;

	(void)headers;
	if (x->revision >= MCP_2025_06_18)
		context = json_get(m->params, S("context"));
	if (json_type(name) != JSON_STRING
	    || json_type(json_get(argument, S("value"))) != JSON_STRING)
		fault = "params.argument must have name and value, both "
			"strings";
	else
		fault = context_fault(context);
	if (fault != NULL) {
		mcp_errorf(x, RPC_INVALID_PARAMS, "%s", fault);
		return;
	}
	e = entry_of(x, json_get(m->params, S("ref")));
	if (e == NULL)
		return;
	if (e->completer == NULL || !has_values(e, json_str(name))) {
		no_values(x); /* COMP-04 */
		return;
	}
	args = hook_args(x, argument, context);
	if (args == NULL)
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
	else
		mcp_call_start(x, CALL_COMPLETE, e, e->key, args, NULL);
}

/* COMP-03 */
static void
values_write(struct mcp_exchange *x, const struct call *c)
{
	struct buf *out = mcp_result_begin(x);
	const struct call_content *block;
	int64_t total = 0;
	int rc = 0;

	BUF_LIT(out, "\"completion\":{\"values\":[");
	for (block = c->contents; block != NULL; block = block->next) {
		if (block->type != CALL_TEXT || block->binary)
			continue;
		if (++total > VALUES_MAX)
			continue;
		if (total > 1)
			buf_char(out, ',');
		rc |= json_write_str(out, block->data);
	}
	BUF_LIT(out, "],\"total\":");
	buf_i64(out, total);
	buf_cstr(out,
	    total > VALUES_MAX ? ",\"hasMore\":true},"
			       : ",\"hasMore\":false},");
	if (rc != 0)
		mcp_errorf(x, RPC_INTERNAL_ERROR, "The values are not UTF-8");
	else
		mcp_result_end(x);
}

void
mcp_complete_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status)
{
	/* No client may be asked anything for a completion. */
	if (status != CALL_INPUT && mcp_finished_alike(x, c, status))
		return;
	if (status == CALL_OK)
		values_write(x, c);
	else if (status == CALL_ENOTFOUND)
		no_values(x);
	else
		mcp_error(x, 200,
		    status == CALL_EPARAMS ? RPC_INVALID_PARAMS
					   : RPC_INTERNAL_ERROR,
		    c->message.len > 0 ? c->message
				       : S("The completion failed"),
		    STR_NONE);
}
