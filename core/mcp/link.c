/* SPDX-License-Identifier: Apache-2.0 */
/* Links of 2025-11-25 (URL elicitations): their names, and their ends.  The
 * end is told on the stream of the call that has asked, so that nobody else
 * can hear it. */
#include "mcp/mcp_priv.h"

struct mcp_link {
	struct mcp_link *next;
	struct str id; /* empty: its end was told */
};

void
mcp_link_keep(struct mcp_exchange *x, const struct call_need *n)
{
	struct mcp_link *link;
	struct json_doc doc;
	struct str id = STR_NONE;

	if (x->revision != MCP_2025_11_25 || n->form.len > 0
	    || !str_equal(n->method, S("elicitation/create")))
		return;
	link = arena_zalloc(&x->arena, sizeof *link);
	json_doc_init(&doc);
	if (json_parse(&doc, n->params, JSON_GRAMMAR) == 0)
		id = json_str(json_get(doc.nodes, S("elicitationId")));
	if (link != NULL && id.len > 0) {
		link->id = arena_dup(&x->arena, id);
		link->next = x->links;
		x->links = link;
	}
	json_doc_finish(&doc);
}

void
mcp_link_done(struct mcp_exchange *x, struct str id)
{
	struct buf *out = &x->mcp->out;
	struct mcp_link *link = x->links;

	while (link != NULL && !str_equal(link->id, id))
		link = link->next;
	if (link == NULL || x->gone)
		return;
	link->id = STR_NONE;
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(out, S("notifications/elicitation/complete"));
	BUF_LIT(out, "{\"elicitationId\":");
	(void)json_write_str(out, id); /* UTF-8: it was looked at */
	BUF_LIT(out, "}}");
	if (!out->failed)
		x->ops->notify(x, buf_view(out));
}
