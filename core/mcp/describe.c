/* SPDX-License-Identifier: Apache-2.0 */
/* What a list says of one entry, for each revision (TOOL-05, RSRC-02,
 * PROM-02; the downgrade rules of the version matrix). */
#include "mcp/mcp_priv.h"

/* ,"key":"text" - strings of a manifest are UTF-8: it was checked. */
static void
text_member(struct buf *out, const char *key, struct str text)
{
	if (text.len == 0)
		return;
	BUF_LIT(out, ",\"");
	buf_cstr(out, key);
	BUF_LIT(out, "\":");
	if (json_write_str(out, text) < 0)
		out->failed = true;
}

static void
json_member(struct buf *out, const char *key, struct str json)
{
	if (json.len == 0)
		return;
	BUF_LIT(out, ",\"");
	buf_cstr(out, key);
	BUF_LIT(out, "\":");
	buf_str(out, json);
}

/* Revisions without titles get it where the matrix says. */
static void
described_text(
    struct buf *out, const struct registry_entry *e, enum mcp_revision r)
{
	if (r >= MCP_2025_06_18)
		text_member(out, "title", e->title);
	text_member(out, "description",
	    e->description.len > 0 || r >= MCP_2025_06_18 ? e->description
							  : e->title);
}

static void
common_tail(
    struct buf *out, const struct registry_entry *e, enum mcp_revision r)
{
	if (r >= MCP_2025_11_25)
		json_member(out, "icons", e->icons);
	if (r >= MCP_2025_06_18)
		json_member(out, "_meta", e->meta);
}

static void
describe_tool(
    struct buf *out, const struct registry_entry *e, enum mcp_revision r)
{
	described_text(out, e, r);
	json_member(out, "inputSchema", e->input_schema);
	/* TOOL-08: before the stateless era only objects can be structured */
	if (r >= MCP_2026_07_28 || (r >= MCP_2025_06_18 && e->output_is_object))
		json_member(out, "outputSchema", e->output_schema);
	if (r >= MCP_2025_03_26)
		json_member(out, "annotations", e->annotations);
	if (r == MCP_2025_11_25 && e->task != REGISTRY_TASK_FORBIDDEN)
		buf_cstr(out, /* TKL-03; forbidden is what its absence says */
		    e->task == REGISTRY_TASK_OPTIONAL
			? ",\"execution\":{\"taskSupport\":\"optional\"}"
			: ",\"execution\":{\"taskSupport\":\"required\"}");
	common_tail(out, e, r);
}

/* RSRC-17: lastModified came with 2025-06-18.  Written without a tree: the
 * manifest's annotations are flat. */
static void
resource_annotations(
    struct buf *out, const struct registry_entry *e, enum mcp_revision r)
{
	struct json_doc doc;
	bool first = true;

	if (e->annotations.len == 0)
		return;
	if (r >= MCP_2025_06_18) {
		json_member(out, "annotations", e->annotations);
		return;
	}
	json_doc_init(&doc);
	if (json_parse(&doc, e->annotations, JSON_GRAMMAR) == 0) {
		BUF_LIT(out, ",\"annotations\":{");
		JSON_EACH_MEMBER (k, v, doc.nodes) {
			if (str_equal(json_str(k), S("lastModified")))
				continue;
			if (!first)
				buf_char(out, ',');
			first = false;
			buf_str(out, json_raw(k));
			buf_char(out, ':');
			buf_str(out, json_raw(v));
		}
		buf_char(out, '}');
	}
	json_doc_finish(&doc);
}

static void
describe_resource(
    struct buf *out, const struct registry_entry *e, enum mcp_revision r)
{
	text_member(
	    out, e->kind == REGISTRY_TEMPLATE ? "uriTemplate" : "uri", e->key);
	described_text(out, e, r);
	text_member(out, "mimeType", e->mime);
	if (e->kind == REGISTRY_RESOURCE && e->size >= 0) {
		BUF_LIT(out, ",\"size\":");
		buf_i64(out, e->size);
	}
	resource_annotations(out, e, r);
	common_tail(out, e, r);
}

static void
describe_prompt(
    struct buf *out, const struct registry_entry *e, enum mcp_revision r)
{
	size_t i;

	described_text(out, e, r);
	if (e->arguments_len > 0)
		BUF_LIT(out, ",\"arguments\":[");
	for (i = 0; i < e->arguments_len; i++) {
		const struct registry_argument *a = &e->arguments[i];

		buf_cstr(out, i > 0 ? ",{\"name\":" : "{\"name\":");
		if (json_write_str(out, a->name) < 0)
			out->failed = true;
		if (r >= MCP_2025_06_18)
			text_member(out, "title", a->title);
		text_member(out, "description", a->description);
		if (a->required)
			BUF_LIT(out, ",\"required\":true");
		buf_char(out, '}');
	}
	if (e->arguments_len > 0)
		buf_char(out, ']');
	common_tail(out, e, r);
}

void
mcp_describe(const struct registry_entry *e, unsigned dialect, struct buf *out)
{
	enum mcp_revision r = (enum mcp_revision)dialect;

	if (e->unlisted)
		return;
	BUF_LIT(out, "{\"name\":");
	if (json_write_str(out, e->name) < 0)
		out->failed = true;
	switch (e->kind) {
	case REGISTRY_TOOL:
		describe_tool(out, e, r);
		break;
	case REGISTRY_RESOURCE:
	case REGISTRY_TEMPLATE:
		describe_resource(out, e, r);
		break;
	case REGISTRY_PROMPT:
		describe_prompt(out, e, r);
		break;
	case REGISTRY_KINDS:
		break;
	}
	buf_char(out, '}');
}
