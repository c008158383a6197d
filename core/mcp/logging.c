/* SPDX-License-Identifier: Apache-2.0 */
/* Log messages of handlers to the client of their call (LOG rows): which of
 * them a client hears, and how they look on the wire. */
#include "base/log.h"
#include "mcp/mcp_priv.h"

/* In the order of the SDK's enum tp_message_level. */
static const struct str levels[] = { STR("debug"), STR("info"), STR("notice"),
	STR("warning"), STR("error"), STR("critical"), STR("alert"),
	STR("emergency") };

int
mcp_log_level_find(const struct json_node *n)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(levels); i++)
		if (json_type(n) == JSON_STRING
		    && str_equal(levels[i], json_str(n)))
			return (int)i;
	return -1;
}

void
mcp_set_level(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	int level = mcp_log_level_find(json_get(m->params, S("level")));

	(void)headers;
	if (level < 0) { /* LOG-03 */
		mcp_errorf(
		    x, RPC_INVALID_PARAMS, "params.level is not a log level");
		return;
	}
	/* Also for the calls of this session that run already. */
	atomic_store(&x->peer->log_level, level);
	(void)mcp_result_begin(x);
	mcp_result_end(x);
}

/* LOG-03, LOG-04, LOG-05: the least level that x's client hears. */
static int
level_heard(const struct mcp_exchange *x)
{
	return x->peer != NULL ? atomic_load(&x->peer->log_level)
			       : x->log_level;
}

void
mcp_call_message(struct call *c, const struct call_log *log)
{
	struct mcp_exchange *x =
	    OBJ_CAST(c->sink_arg, struct mcp_exchange, MCP_EXCHANGE_MAGIC);
	struct buf *out = &x->mcp->out;
	int rc = 0;

	if (log->is_link_done) {
		mcp_link_done(x, log->data);
		return;
	}
	if (x->gone || log->level < level_heard(x)
	    || log->level >= (int)ARRAY_LEN(levels))
		return;
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(out, S("notifications/message"));
	BUF_LIT(out, "{\"level\":\"");
	buf_str(out, levels[log->level]);
	BUF_LIT(out, "\",");
	if (log->logger.len > 0) {
		BUF_LIT(out, "\"logger\":");
		rc |= json_write_str(out, log->logger);
		buf_char(out, ',');
	}
	BUF_LIT(out, "\"data\":");
	if (log->is_json)
		mcp_json_write(out, log->data);
	else
		rc |= json_write_str(out, log->data);
	BUF_LIT(out, "}}");
	if (rc == 0 && !out->failed)
		x->ops->notify(x, buf_view(out)); /* LOG-06, LOG-10 */
}
