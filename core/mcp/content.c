/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of an answer, written for the caller's revision (TOOL-17, TOOL-18,
 * PROM-06; downgrade rules of the version matrix). */
#include "mcp/mcp_priv.h"

void
mcp_json_write(struct buf *out, struct str json)
{
	size_t at = out->len, i;

	buf_str(out, json);
	for (i = at; i < out->len; i++)
		if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
			out->ptr[i] = ' ';
}

static int
text_block(struct buf *out, struct str text)
{
	BUF_LIT(out, "{\"type\":\"text\",\"text\":");
	if (json_write_str(out, text) < 0)
		return ERR_SYNTAX;
	buf_char(out, '}');
	return 0;
}

/* What an older client cannot show, named (TOOL-17). */
static int
note_block(struct buf *out, const char *what, struct str name)
{
	struct buf note;
	int rc;

	buf_init(&note);
	buf_cstr(&note, what);
	buf_str(&note, name);
	buf_char(&note, ']');
	rc = text_block(out, buf_view(&note));
	buf_finish(&note);
	return rc;
}

static int
media_block(struct buf *out, const char *type, const struct call_content *block)
{
	BUF_LIT(out, "{\"type\":\"");
	buf_cstr(out, type);
	BUF_LIT(out, "\",\"data\":\"");
	buf_base64(out, block->data);
	BUF_LIT(out, "\",\"mimeType\":");
	if (json_write_str(out, block->mime) < 0)
		return ERR_SYNTAX;
	buf_char(out, '}');
	return 0;
}

static int
link_block(struct buf *out, const struct call_content *block)
{
	int rc = 0;

	BUF_LIT(out, "{\"type\":\"resource_link\",\"uri\":");
	rc |= json_write_str(out, block->uri);
	BUF_LIT(out, ",\"name\":");
	rc |=
	    json_write_str(out, block->name.len > 0 ? block->name : block->uri);
	if (block->mime.len > 0) {
		BUF_LIT(out, ",\"mimeType\":");
		rc |= json_write_str(out, block->mime);
	}
	buf_char(out, '}');
	return rc != 0 ? ERR_SYNTAX : 0;
}

int
mcp_resource_content_write(struct buf *out, struct str uri, struct str mime,
    struct str meta, const struct call_content *block)
{
	BUF_LIT(out, "{\"uri\":");
	if (json_write_str(out, uri) < 0)
		return ERR_SYNTAX;
	if (mime.len > 0) {
		BUF_LIT(out, ",\"mimeType\":");
		if (json_write_str(out, mime) < 0)
			return ERR_SYNTAX;
	}
	if (block->binary) {
		BUF_LIT(out, ",\"blob\":\"");
		buf_base64(out, block->data);
		buf_char(out, '"');
	} else {
		BUF_LIT(out, ",\"text\":");
		if (json_write_str(out, block->data) < 0)
			return ERR_SYNTAX;
	}
	if (meta.len > 0) {
		BUF_LIT(out, ",\"_meta\":");
		buf_str(out, meta);
	}
	buf_char(out, '}');
	return 0;
}

int
mcp_content_write(struct buf *out, const struct mcp_exchange *x,
    const struct call_content *block)
{
	int rc;

	switch (block->type) {
	case CALL_TEXT:
		return text_block(out, block->data);
	case CALL_IMAGE:
		return media_block(out, "image", block);
	case CALL_AUDIO:
		if (x->revision < MCP_2025_03_26)
			return note_block(out, "[audio: ", block->mime);
		return media_block(out, "audio", block);
	case CALL_LINK:
		if (x->revision < MCP_2025_06_18)
			return note_block(out, "[resource: ", block->uri);
		return link_block(out, block);
	case CALL_EMBED:
		BUF_LIT(out, "{\"type\":\"resource\",\"resource\":");
		rc = mcp_resource_content_write(
		    out, block->uri, block->mime, STR_NONE, block);
		buf_char(out, '}');
		return rc;
	}
	return ERR_SYNTAX;
}
