/* SPDX-License-Identifier: Apache-2.0 */
/* A question as the revision of its client writes it.  Plugins are written for
 * the newest; what they may ask was judged when they asked (core/call). */
#include "mcp/mcp_priv.h"

/* One member, with a comma before it unless it is the first. */
static void
member_begin(struct buf *out, struct str raw_key)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '{')
		buf_char(out, ',');
	mcp_json_write(out, raw_key);
	buf_char(out, ':');
}

static void
member_write(
    struct buf *out, const struct json_node *k, const struct json_node *v)
{
	member_begin(out, json_raw(k));
	mcp_json_write(out, json_raw(v));
}

/* "enum":[..],"enumNames":[..] of [{const,title}, ..] */
static void
choices_write(struct buf *out, const struct json_node *choices)
{
	static const struct str lists[][2] = {
		{ STR("\"enum\""), STR("const") },
		{ STR("\"enumNames\""), STR("title") },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(lists); i++) {
		const char *comma = "";

		member_begin(out, lists[i][0]);
		buf_char(out, '[');
		JSON_EACH_ELEMENT (v, choices) {
			buf_cstr(out, comma);
			mcp_json_write(out, json_raw(json_get(v, lists[i][1])));
			comma = ",";
		}
		buf_char(out, ']');
	}
}

/* ELIC-04: 2025-06-18 knows defaults of booleans alone, and names of choices
 * beside them. */
static void
field_write(struct buf *out, const struct json_node *field)
{
	bool boolean =
	    str_equal(json_str(json_get(field, S("type"))), S("boolean"));

	buf_char(out, '{');
	JSON_EACH_MEMBER (k, v, field) {
		if (str_equal(json_str(k), S("oneOf")))
			choices_write(out, v);
		else if (boolean || !str_equal(json_str(k), S("default")))
			member_write(out, k, v);
	}
	buf_char(out, '}');
}

static void
form_write(struct buf *out, const struct json_node *form)
{
	buf_char(out, '{');
	JSON_EACH_MEMBER (k, v, form) {
		if (str_equal(json_str(k), S("$schema")))
			continue;
		if (!str_equal(json_str(k), S("properties"))) {
			member_write(out, k, v);
			continue;
		}
		member_begin(out, json_raw(k));
		buf_char(out, '{');
		JSON_EACH_MEMBER (name, field, v) {
			member_begin(out, json_raw(name));
			field_write(out, field);
		}
		buf_char(out, '}');
	}
	buf_char(out, '}');
}

/* ELIC-05: an elicitationId in 2025-11-25, always there, and nowhere else. */
static void
url_write(struct buf *out, const struct mcp_exchange *x,
    const struct json_node *params, struct str id)
{
	bool wants_id = x->revision == MCP_2025_11_25;
	bool has_id = false;

	buf_char(out, '{');
	JSON_EACH_MEMBER (k, v, params) {
		bool is_id = str_equal(json_str(k), S("elicitationId"));

		has_id = has_id || is_id;
		if (!is_id || wants_id)
			member_write(out, k, v);
	}
	if (wants_id && !has_id) {
		BUF_LIT(out, ",\"elicitationId\":\"");
		buf_str(out, id);
		buf_char(out, '"');
	}
	buf_char(out, '}');
}

static void
old_form_write(struct buf *out, const struct json_node *params)
{
	buf_char(out, '{');
	JSON_EACH_MEMBER (k, v, params) {
		if (str_equal(json_str(k), S("requestedSchema"))) {
			member_begin(out, json_raw(k));
			form_write(out, v);
		} else if (!str_equal(json_str(k), S("mode"))) {
			member_write(out, k, v);
		}
	}
	buf_char(out, '}');
}

void
mcp_question_write(struct buf *out, const struct mcp_exchange *x,
    const struct call_need *n, struct str id)
{
	bool old = n->form.len > 0 && x->revision < MCP_2025_11_25;
	struct json_doc doc;

	if (n->params.len == 0)
		return;
	BUF_LIT(out, ",\"params\":");
	if (!old
	    && (n->form.len > 0
		|| !str_equal(n->method, S("elicitation/create")))) {
		mcp_json_write(out, n->params);
		return;
	}
	json_doc_init(&doc);
	if (json_parse(&doc, n->params, JSON_GRAMMAR) < 0)
		out->failed = true; /* it was parsed before: no memory */
	else if (old)
		old_form_write(out, doc.nodes);
	else
		url_write(out, x, doc.nodes, id);
	json_doc_finish(&doc);
}
