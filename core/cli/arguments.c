/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include "data/json_tree.h"

#define MIRROR_DEPTH_MAX 16

static bool
type_is(const struct json_node *type, struct str name)
{
	if (json_type(type) == JSON_STRING)
		return str_equal(json_str(type), name);
	JSON_EACH_ELEMENT (v, type) {
		if (str_equal(json_str(v), name))
			return true;
	}
	return false;
}

/* Whether a schema's "type" names what the value is. */
static bool
fits(const struct json_node *type, const struct json_node *value)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return type_is(type, S("null"));
	case JSON_TRUE:
	case JSON_FALSE:
		return type_is(type, S("boolean"));
	case JSON_NUMBER:
		return type_is(type, S("number"))
		    || type_is(type, S("integer"));
	case JSON_ARRAY:
		return type_is(type, S("array"));
	case JSON_OBJECT:
		return type_is(type, S("object"));
	default:
		return false;
	}
}

/* Text that is not of its type goes as a string: the server has the better
 * message. */
static struct cJSON *
typed(struct str text, const struct json_node *property)
{
	const struct json_node *type = json_get(property, S("type"));
	struct json_doc doc;
	struct cJSON *value = NULL;

	json_doc_init(&doc);
	if (type != NULL && !type_is(type, S("string"))
	    && json_parse(&doc, text, JSON_PROTOCOL) == 0
	    && fits(type, doc.nodes))
		value = json_tree_raw(str_trim(text));
	json_doc_finish(&doc);
	return value != NULL ? value : json_tree_str(text);
}

static int
raw(struct str name, struct str text, struct cJSON **out, struct err *err)
{
	struct json_doc doc;
	struct buf why;
	int rc;

	json_doc_init(&doc);
	buf_init(&why);
	rc = json_parse(&doc, text, JSON_PROTOCOL);
	if (rc == 0) {
		*out = json_tree_raw(json_raw(doc.nodes));
	} else {
		json_fault_text(&doc, text, &why);
		rc = err_set(err, ERR_PARAMS, "%.*s: not JSON: %.*s",
		    STR_FMT(name), STR_FMT(buf_view(&why)));
	}
	buf_finish(&why);
	json_doc_finish(&doc);
	return rc;
}

static int
word_take(struct cJSON *tree, struct str word, const struct json_node *schema,
    struct err *err)
{
	size_t eq = str_find(word, '=');
	struct str value = str_sub(word, eq + 1, word.len);
	struct str name = str_sub(word, 0, eq);
	struct cJSON *child = NULL;
	int rc;

	if (eq == 0 || eq == word.len)
		return err_set(err, ERR_PARAMS,
		    "\"%.*s\" is no argument: write name=value, or name:=json",
		    STR_FMT(word));
	if (name.len > 1 && name.ptr[name.len - 1] == ':') {
		name.len--;
		rc = raw(name, value, &child, err);
		if (rc < 0)
			return rc;
	} else {
		if (!str_is_utf8(word))
			return err_set(
			    err, ERR_PARAMS, "%.*s: not UTF-8", STR_FMT(name));
		child = typed(
		    value, json_get(json_get(schema, S("properties")), name));
	}
	if (json_tree_set(tree, name, child) < 0)
		return err_set(err, ERR_NOMEM, "no memory");
	return 0;
}

static int
base_take(struct str text, struct cJSON **tree, struct err *err)
{
	struct json_doc doc;
	struct buf why;
	int rc = 0;

	json_doc_init(&doc);
	buf_init(&why);
	if (json_parse(&doc, text, JSON_PROTOCOL) < 0) {
		json_fault_text(&doc, text, &why);
		rc = err_set(err, ERR_PARAMS, "--args: not JSON: %.*s",
		    STR_FMT(buf_view(&why)));
	} else if (json_type(doc.nodes) != JSON_OBJECT) {
		rc = err_set(err, ERR_PARAMS, "--args: not an object");
	} else {
		*tree = json_tree_of(doc.nodes);
	}
	buf_finish(&why);
	json_doc_finish(&doc);
	return rc;
}

int
cli_arguments(const struct cli_strs *words, struct str base,
    const struct json_node *schema, struct buf *out, struct err *err)
{
	struct cJSON *tree = NULL;
	size_t i;
	int rc = 0;

	if (base.len > 0)
		rc = base_take(base, &tree, err);
	else
		tree = json_tree_object();
	if (rc == 0 && tree == NULL)
		rc = err_set(err, ERR_NOMEM, "no memory");
	for (i = 0; i < words->len && rc == 0; i++)
		rc = word_take(tree, str_of(words->items[i]), schema, err);
	if (rc == 0 && json_tree_print(tree, out) < 0)
		rc = err_set(err, ERR_NOMEM, "no memory");
	json_tree_destroy(tree);
	return rc;
}

static struct str
mirror_text(const struct json_node *value)
{
	switch (json_type(value)) {
	case JSON_STRING:
		return json_str(value);
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		return json_raw(value);
	default:
		return STR_NONE;
	}
}

static size_t
mirrors(const struct json_node *schema, const struct json_node *args,
    struct arena *arena, struct http_header *out, size_t max, unsigned depth)
{
	size_t n = 0;

	JSON_EACH_MEMBER (k, property, json_get(schema, S("properties"))) {
		struct str name =
		    json_str(json_get(property, S("x-mcp-header")));
		const struct json_node *value = json_get(args, json_str(k));
		struct str text = mirror_text(value);
		struct buf full;

		if (json_type(value) == JSON_OBJECT && depth < MIRROR_DEPTH_MAX)
			n += mirrors(property, value, arena, out + n, max - n,
			    depth + 1);
		if (name.len == 0 || text.ptr == NULL || n >= max)
			continue;
		buf_init(&full);
		BUF_LIT(&full, "Mcp-Param-");
		buf_str(&full, name);
		out[n].name = arena_dup(arena, buf_view(&full)).ptr;
		out[n++].value = text;
		buf_finish(&full);
	}
	return n;
}

size_t
cli_param_headers(const struct json_node *schema, const struct json_node *args,
    struct arena *arena, struct http_header *out, size_t max)
{
	return mirrors(schema, args, arena, out, max, 0);
}
