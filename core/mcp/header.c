/* SPDX-License-Identifier: Apache-2.0 */
/* Mirrored header fields: decoding, and comparing with the body. */
#include "base/base64.h"
#include "mcp/mcp_priv.h"

static const struct str open = STR("=?base64?"), shut = STR("?=");

/* HTM-07 */
static bool
is_printable(struct str value)
{
	size_t i;

	for (i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c != '\t' && (c < 0x20 || c > 0x7e))
			return false;
	}
	return true;
}

static bool
is_literal(struct str value)
{
	return value.len < open.len + shut.len || !str_starts(value, open)
	    || !str_ends(value, shut);
}

bool
mcp_header_equal(struct str value, const struct str *want)
{
	struct buf decoded;
	bool equal;

	if (is_literal(value)) /* and needs no memory */
		return is_printable(value)
		    && (want == NULL || str_equal(value, *want));
	buf_init(&decoded);
	equal = mcp_header_decode(value, &decoded) == 0
	    && (want == NULL || str_equal(buf_view(&decoded), *want));
	buf_finish(&decoded);
	return equal;
}

int
mcp_header_decode(struct str value, struct buf *out)
{
	size_t i;

	if (!is_printable(value))
		return ERR_SYNTAX;
	if (is_literal(value)) {
		buf_str(out, value); /* a literal */
		return out->failed ? ERR_NOMEM : 0;
	}
	i = out->len;
	if (base64_read(str_sub(value, open.len, value.len - shut.len), out)
	    < 0)
		return ERR_SYNTAX;
	if (out->len == i) /* perhaps without memory to point into */
		return 0;
	return str_is_utf8((struct str){ out->ptr + i, out->len - i })
	    ? 0
	    : ERR_SYNTAX;
}

/* The argument at the exact path; NULL when absent or null (XHD-07). */
static const struct json_node *
argument_at(const struct registry_mirror *mirror, const struct json_node *args)
{
	size_t i;

	for (i = 0; i < mirror->path_len; i++)
		args = json_get(args, mirror->path[i]);
	return json_type(args) == JSON_NULL ? NULL : args;
}

/* XHD-08, XHD-09: by the type of the value that is there, since one of the
 * wrong type is the schema's to report. */
static bool
mirror_equal(struct str text, const struct json_node *value)
{
	struct json_doc doc;
	bool equal = false;

	switch (json_type(value)) {
	case JSON_STRING:
		return str_equal(text, json_str(value));
	case JSON_TRUE:
	case JSON_FALSE:
		return str_equal(text, json_raw(value));
	case JSON_NUMBER:
		json_doc_init(&doc);
		equal = json_parse(&doc, text, JSON_GRAMMAR) == 0
		    && doc.nodes[0].type == JSON_NUMBER
		    && json_same(&doc.nodes[0], value);
		json_doc_finish(&doc);
		return equal;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return true; /* no text form exists */
}

static int
mirror_check(const struct registry_mirror *mirror, const struct json_node *args,
    const struct mcp_headers *headers, struct buf *text)
{
	const struct json_node *value = argument_at(mirror, args);
	struct str field;
	bool present = headers->field(headers->arg, mirror->header, &field);

	if (!present || value == NULL)
		return present == (value != NULL) ? 0 : ERR_PARAMS;
	buf_clear(text);
	if (mcp_header_decode(field, text) < 0)
		return ERR_PARAMS;
	return mirror_equal(buf_view(text), value) ? 0 : ERR_PARAMS;
}

int
mcp_mirrors_check(const struct registry_entry *e, const struct json_node *args,
    const struct mcp_headers *headers, struct err *err)
{
	struct buf text;
	size_t i;
	int rc = 0;

	buf_init(&text);
	for (i = 0; i < e->mirrors_len && rc == 0; i++) {
		rc = mirror_check(&e->mirrors[i], args, headers, &text);
		if (rc < 0)
			(void)err_set(err, rc,
			    "%.*s does not repeat the argument in the body",
			    STR_FMT(e->mirrors[i].header));
	}
	buf_finish(&text);
	return rc;
}
