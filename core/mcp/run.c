/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange that waits for a call: starting it, progress, and the ends that
 * are the same for tools, resources and prompts. */
#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "mcp/mcp_priv.h"

void
mcp_defect_log(const char *what, const struct call *c, struct str more)
{
	static struct log_gate gate;
	uint64_t suppressed;

	if (log_gate_pass(&gate, NS_PER_S, &suppressed))
		LOG_WARN(what, F_STR("entry", c->name), F_STR("faults", more),
		    F_INT("suppressed", suppressed));
}

/* PROG-01, PROG-02, PROG-04: only with a token, only upwards. */
static void
call_progressed(struct call *c, double done, double total, struct str text)
{
	struct mcp_exchange *x =
	    OBJ_CAST(c->sink_arg, struct mcp_exchange, MCP_EXCHANGE_MAGIC);
	struct buf *out = &x->mcp->out;

	if (x->gone || x->token.len == 0 || !isfinite(done) || !isfinite(total)
	    || (x->progress_begun && done <= x->progress))
		return;
	x->progress = done;
	x->progress_begun = true;
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(out, S("notifications/progress"));
	BUF_LIT(out, "{\"progressToken\":");
	buf_str(out, x->token);
	BUF_LIT(out, ",\"progress\":");
	(void)json_write_double(out, done); /* finite */
	if (total > 0) {
		BUF_LIT(out, ",\"total\":");
		(void)json_write_double(out, total); /* finite */
	}
	if (text.len > 0 && x->revision >= MCP_2025_03_26) {
		BUF_LIT(out, ",\"message\":");
		if (json_write_str(out, text) < 0)
			return; /* not UTF-8: the plugin's defect */
	}
	BUF_LIT(out, "}}");
	if (!out->failed)
		x->ops->notify(x, buf_view(out));
}

static void
call_finished(struct call *c, enum call_status status)
{
	struct mcp_exchange *x =
	    OBJ_CAST(c->sink_arg, struct mcp_exchange, MCP_EXCHANGE_MAGIC);

	x->call = NULL;
	list_drop(&x->node);
	if (x->gone) {
		mcp_exchange_close(x);
		return;
	}
	switch (c->kind) {
	case CALL_TOOL:
		mcp_tool_finished(x, c, status);
		break;
	case CALL_RESOURCE:
		mcp_resource_finished(x, c, status);
		break;
	case CALL_PROMPT:
		mcp_prompt_finished(x, c, status);
		break;
	case CALL_COMPLETE:
		mcp_complete_finished(x, c, status);
		break;
	}
}

static const struct call_sink sink = { call_progressed, call_finished,
	mcp_call_message };

void
mcp_call_start(struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args, const struct json_node *params)
{
	const struct json_node *answers = json_get(params, S("inputResponses"));
	struct call *c;

	/* MRTR-13: answers that are no object are refused, never ignored. */
	if (answers != NULL && mcp_exchange_is_stateless(x)
	    && answers->type != JSON_OBJECT) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.inputResponses must be an object");
		return;
	}
	c = call_create(x->mcp->calls, kind,
	    kind == CALL_COMPLETE ? e->completer : e->target, name, args, &sink,
	    x);
	if (c == NULL) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "out of memory");
		return;
	}
	if (mcp_exchange_is_stateless(x))
		c->answers = answers;
	/* A session may lower its level while the call runs. */
	c->log_level = x->peer != NULL ? 0 : x->log_level;
	x->entry = e;
	x->call = c;
	list_push(&x->mcp->running, &x->node);
	call_start(c);
}

/* What a need asks of the client's declaration (MRTR-05); the text is the
 * requiredCapabilities member, NULL: a method nobody knows. */
static const char *
need_capability(const struct call_need *need, unsigned *bit)
{
	struct json_doc doc;
	const char *member = "\"elicitation\":{}";

	if (str_equal(need->method, S("sampling/createMessage"))) {
		*bit = MCP_CLIENT_SAMPLING;
		return "\"sampling\":{}";
	}
	if (str_equal(need->method, S("roots/list"))) {
		*bit = MCP_CLIENT_ROOTS;
		return "\"roots\":{}";
	}
	if (!str_equal(need->method, S("elicitation/create")))
		return NULL;
	*bit = MCP_CLIENT_ELICIT_FORM;
	json_doc_init(&doc);
	if (json_parse(&doc, need->params, JSON_GRAMMAR) == 0
	    && str_equal(json_str(json_get(doc.nodes, S("mode"))), S("url"))) {
		*bit = MCP_CLIENT_ELICIT_URL;
		member = "\"elicitation\":{\"url\":{}}";
	}
	json_doc_finish(&doc);
	return member;
}

/* MRTR-06, ERR-06; false: it has answered. */
static bool
needs_are_declared(struct mcp_exchange *x, const struct call *c)
{
	struct buf data;
	const struct call_need *n;
	const char *member;
	unsigned missing = 0, bit = 0;
	bool known = true;

	buf_init(&data);
	BUF_LIT(&data, "{\"requiredCapabilities\":{");
	for (n = c->needs; n != NULL; n = n->next) {
		member = need_capability(n, &bit);
		known = known && member != NULL;
		if (member == NULL || (x->client & bit) != 0
		    || (missing & bit) != 0)
			continue;
		if (missing != 0)
			buf_char(&data, ',');
		missing |= bit;
		buf_cstr(&data, member);
	}
	BUF_LIT(&data, "}}");
	if (!known)
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "the plugin asked the client for something that does not "
		    "exist");
	else if (missing != 0)
		mcp_error(x, 400, RPC_MISSING_CAPABILITY,
		    S("The client has not declared a capability that this "
		      "needs"),
		    buf_view(&data));
	buf_finish(&data);
	return known && missing == 0;
}

/* MRTR-01 to MRTR-04. */
static void
input_required(struct mcp_exchange *x, const struct call *c)
{
	struct buf *out = &x->mcp->out;
	const struct call_need *n;
	int rc = 0;

	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_result(out, x->id);
	BUF_LIT(out, "{\"resultType\":\"input_required\",\"inputRequests\":{");
	for (n = c->needs; n != NULL; n = n->next) {
		if (n != c->needs)
			buf_char(out, ',');
		rc |= json_write_str(out, n->key);
		BUF_LIT(out, ":{\"method\":");
		rc |= json_write_str(out, n->method);
		if (n->params.len > 0) {
			BUF_LIT(out, ",\"params\":");
			mcp_json_write(out, n->params);
		}
		buf_char(out, '}');
	}
	buf_char(out, '}');
	if (rc != 0) {
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "the plugin's request to the client is not UTF-8");
		return;
	}
	mcp_result_end(x);
}

/* Refused, not executed: the caller may come again (reliability 3.2). */
static void
busy(struct mcp_exchange *x)
{
	mcp_error(x, 503, RPC_INTERNAL_ERROR,
	    S("Busy: too many calls to this are waiting; try again"),
	    S("{\"retryAfterMs\":1000}"));
}

bool
mcp_finished_alike(
    struct mcp_exchange *x, struct call *c, enum call_status status)
{
	switch (status) {
	case CALL_EBUSY:
		busy(x);
		return true;
	case CALL_EDEADLINE:
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "The call did not finish before its deadline");
		return true;
	case CALL_ECANCELLED:
		mcp_errorf(x, RPC_INTERNAL_ERROR, "The call was cancelled");
		return true;
	case CALL_ENOMEM:
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    c->too_large ? "The result is larger than the limit"
				 : "Out of memory");
		return true;
	case CALL_INPUT:
		if (!mcp_exchange_is_stateless(x))
			return false;
		if (needs_are_declared(x, c))
			input_required(x, c);
		return true;
	default:
		return false;
	}
}
