/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange that waits for a call: starting it, progress, and the ends that
 * are the same for tools, resources and prompts. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mcp/task_priv.h"

#define BUSY_RETRY_MS 1000 /* where nobody knows better */

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

/* RSM-07 */
static void
call_released(struct call *c, int64_t retry_ms)
{
	struct mcp_exchange *x =
	    OBJ_CAST(c->sink_arg, struct mcp_exchange, MCP_EXCHANGE_MAGIC);

	if (!x->gone)
		x->ops->release(x, retry_ms);
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
	/* It has said that it is one: so it is, however soon it ended. */
	if (c->task_wanted && x->task == NULL)
		x = mcp_task_become(x, c, STR_NONE);
	if (x == NULL)
		return;
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
	mcp_call_message, call_released, mcp_call_task };

/* What the revision lets us ask this client (ELIC-01, SAMP-01): the rest of
 * what it declares means nothing there. */
static unsigned
client_of(const struct mcp_exchange *x)
{
	unsigned client = x->client & ~(unsigned)MCP_CLIENT_TASKS;

	if (x->revision >= MCP_2025_03_26)
		client |= CALL_CLIENT_SAMPLING_AUDIO;
	if (x->revision == MCP_2025_11_25
	    && (client & MCP_CLIENT_ELICIT_URL) != 0)
		client |= CALL_CLIENT_LINKS;
	if (x->revision >= MCP_2025_11_25)
		return client | CALL_CLIENT_FORM_SEVERAL
		    | CALL_CLIENT_SAMPLING_BLOCKS;
	client &=
	    ~(unsigned)(MCP_CLIENT_ELICIT_URL | MCP_CLIENT_SAMPLING_TOOLS);
	if (x->revision < MCP_2025_06_18)
		client &= ~(unsigned)MCP_CLIENT_ELICIT_FORM;
	if ((client & MCP_CLIENT_SAMPLING) != 0)
		client |= MCP_CLIENT_SAMPLING_CONTEXT;
	return client;
}

/* TKX-03: a handler that decides itself may do so for who can follow. */
static bool
can_task(const struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e)
{
	if (x->task != NULL)
		return true;
	return kind == CALL_TOOL && e->task != REGISTRY_TASK_FORBIDDEN
	    && mcp_exchange_is_stateless(x)
	    && (x->client & MCP_CLIENT_TASKS) != 0 && x->mcp->tasks != NULL;
}

void
mcp_call_start(struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args, const struct json_node *params)
{
	struct call *c;

	if (mcp_exchange_is_stateless(x)
	    && !mcp_round_take(x, kind, e, name, args, params))
		return;
	c = call_create(x->mcp->calls, kind,
	    kind == CALL_COMPLETE ? e->completer : e->target, name, args, &sink,
	    x);
	if (c == NULL) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "out of memory");
		return;
	}
	c->answers = x->answers;
	c->state = x->state;
	if (kind != CALL_COMPLETE) /* MRTR-02 */
		c->client = client_of(x);
	/* A session may lower its level while the call runs. */
	c->log_level =
	    x->peer != NULL && !x->mcp->no_logging ? 0 : x->log_level;
	/* Older clients may not take an event without data (RSM-06). */
	c->releasable = x->ops->release != NULL && x->peer != NULL
	    && x->revision == MCP_2025_11_25;
	c->can_task = can_task(x, kind, e);
	c->task_wanted = x->task != NULL;
	x->entry = e;
	x->call = c;
	list_push(&x->mcp->running, &x->node);
	call_start(c);
}

void
mcp_call_failed(struct mcp_exchange *x, enum call_kind kind, struct str text)
{
	if (kind == CALL_TOOL)
		mcp_tool_error(x, text);
	else
		mcp_error(x, 200, RPC_INTERNAL_ERROR, text, STR_NONE);
}

/* What the client's revision has no form for (ELIC-04, SAMP-03). */
static const char *
revision_lacks(unsigned bits)
{
	if ((bits & CALL_CLIENT_FORM_SEVERAL) != 0)
		return "several choices in one field of a form";
	if ((bits & CALL_CLIENT_SAMPLING_BLOCKS) != 0)
		return "messages of several blocks for its model";
	return "audio for its model";
}

/* DEP-02: it may well have declared what it cannot be asked for here. */
static void
switched_off(struct mcp_exchange *x, const struct call *c)
{
	bool sampling =
	    (c->refused & x->mcp->client_off & ~(unsigned)MCP_CLIENT_ROOTS)
	    != 0;

	mcp_call_failed(x, c->kind,
	    sampling ? S("Sampling is switched off on this server")
		     : S("Roots are switched off on this server"));
}

/* MRTR-06, ERR-06; the stateful era has no code for it. */
static void
client_cannot(struct mcp_exchange *x, const struct call *c)
{
	const unsigned revision = CALL_CLIENT_FORM_SEVERAL
	    | CALL_CLIENT_SAMPLING_BLOCKS | CALL_CLIENT_SAMPLING_AUDIO;
	bool stateless = mcp_exchange_is_stateless(x);
	struct buf text;

	if ((c->refused & ~revision) == 0) { /* stateful: the newest has all */
		char words[128];

		(void)snprintf(words, sizeof words,
		    "The client's revision of the protocol does not know %s",
		    revision_lacks(c->refused));
		mcp_call_failed(x, c->kind, str_of(words));
		return;
	}
	if ((c->refused & x->mcp->client_off) != 0) {
		switched_off(x, c);
		return;
	}
	buf_init(&text);
	if (stateless)
		BUF_LIT(&text, "{\"requiredCapabilities\":");
	else
		BUF_LIT(&text, "The client has not declared what this needs: ");
	mcp_client_write(&text, c->refused);
	if (stateless) {
		buf_char(&text, '}');
		mcp_error(x, 400, RPC_MISSING_CAPABILITY,
		    S("The client has not declared a capability that this "
		      "needs"),
		    buf_view(&text));
	} else {
		mcp_call_failed(x, c->kind, buf_view(&text));
	}
	buf_finish(&text);
}

/* Refused, not executed: the caller may come again (reliability 3.2). */
static void
busy(struct mcp_exchange *x, const struct call *c)
{
	static const char *const why[] = {
		[CALL_BUSY_QUEUE] =
		    "Busy: too many calls to this are waiting; try again",
		[CALL_BUSY_RATE] = "Too many calls to this in a short time; "
				   "try again later",
		[CALL_BUSY_BREAKER] = "This does not answer at present; try "
				      "again later",
	};
	char data[48];

	if (x->has_redeemed) /* the same request may come again */
		store_nonce_forget(x->mcp->rounds->nonces, x->redeemed);
	x->retry_ms = c->retry_ns > 0
	    ? (c->retry_ns + NS_PER_MS - 1) / NS_PER_MS
	    : BUSY_RETRY_MS;
	(void)snprintf(data, sizeof data, "{\"retryAfterMs\":%lld}",
	    (long long)x->retry_ms);
	mcp_error(x, c->busy == CALL_BUSY_RATE ? 429 : 503, RPC_INTERNAL_ERROR,
	    str_of(why[c->busy]), str_of(data));
}

/* ELIC-13 */
static void
links_required(struct mcp_exchange *x, const struct call *c)
{
	struct buf data;

	buf_init(&data);
	BUF_LIT(&data, "{\"elicitations\":");
	mcp_json_write(&data, c->links);
	buf_char(&data, '}');
	mcp_error(x, 200, RPC_LINKS_REQUIRED,
	    S("The links must be opened before this is called again"),
	    buf_view(&data));
	buf_finish(&data);
}

bool
mcp_finished_alike(
    struct mcp_exchange *x, struct call *c, enum call_status status)
{
	if (status == CALL_EFAIL && c->links.len > 0) {
		links_required(x, c);
		return true;
	}
	switch (status) {
	case CALL_EBUSY:
		busy(x, c);
		return true;
	case CALL_EDEADLINE:
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "The call did not finish before its deadline");
		return true;
	case CALL_ECANCELLED:
		mcp_errorf(x, RPC_INTERNAL_ERROR, "The call was cancelled");
		return true;
	case CALL_ELOST:
		mcp_error(
		    x, 200, RPC_INTERNAL_ERROR, c->message, c->structured);
		return true;
	case CALL_ENOMEM:
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    c->too_large ? "The result is larger than the limit"
				 : "Out of memory");
		return true;
	case CALL_ENOTSUP:
		if (c->refused == 0 || c->kind == CALL_COMPLETE)
			return false; /* the plugin's own */
		client_cannot(x, c);
		return true;
	case CALL_INPUT:
		if (x->task != NULL)
			mcp_task_input(x, c);
		else if (mcp_exchange_is_stateless(x))
			mcp_input_required(x, c);
		else
			mcp_ask(x, c);
		return true;
	default:
		return false;
	}
}
