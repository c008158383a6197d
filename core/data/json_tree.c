/* SPDX-License-Identifier: Apache-2.0 */
/* cJSON behind our rules: keys by case and by length, numbers as their text,
 * no string that is cut at U+0000. */
#include "data/json_tree.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/err.h"

struct cJSON *
json_tree_object(void)
{
	return cJSON_CreateObject();
}

struct cJSON *
json_tree_array(void)
{
	return cJSON_CreateArray();
}

struct cJSON *
json_tree_bool(bool value)
{
	return cJSON_CreateBool(value);
}

struct cJSON *
json_tree_null(void)
{
	return cJSON_CreateNull();
}

/* cJSON wants a NUL at the end; a full copy it makes itself. */
static struct cJSON *
raw_of(struct buf *text)
{
	struct cJSON *t = NULL;

	buf_char(text, '\0');
	if (!text->failed)
		t = cJSON_CreateRaw(text->ptr);
	buf_finish(text);
	return t;
}

/* As JSON text: a cJSON string would end at U+0000. */
struct cJSON *
json_tree_str(struct str s)
{
	struct buf text;

	buf_init(&text);
	if (json_write_str(&text, s) != 0) {
		buf_finish(&text);
		return NULL;
	}
	return raw_of(&text);
}

/* Drops the white space between the tokens. */
struct cJSON *
json_tree_raw(struct str json)
{
	struct buf text;
	bool quoted = false;

	buf_init(&text);
	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (!quoted
		    && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
			continue;
		buf_char(&text, c);
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\' && i + 1 < json.len)
			buf_char(&text, json.ptr[++i]);
	}
	return raw_of(&text);
}

static int
copy_items(struct cJSON *t, const struct json_node *n)
{
	int rc = 0;

	if (n->type == JSON_ARRAY) {
		JSON_EACH_ELEMENT (v, n) {
			rc = json_tree_add(t, json_tree_of(v));
			if (rc != 0)
				return rc;
		}
		return 0;
	}
	JSON_EACH_MEMBER (k, v, n) {
		rc = json_tree_set(t, json_str(k), json_tree_of(v));
		if (rc != 0)
			return rc;
	}
	return 0;
}

struct cJSON *
json_tree_of(const struct json_node *n)
{
	struct cJSON *t;

	if (n == NULL)
		return NULL;
	if (n->type != JSON_ARRAY && n->type != JSON_OBJECT)
		return json_tree_raw(json_raw(n));
	t = n->type == JSON_ARRAY ? json_tree_array() : json_tree_object();
	if (t != NULL && copy_items(t, n) != 0) {
		json_tree_destroy(t);
		return NULL;
	}
	return t;
}

void
json_tree_destroy(struct cJSON *t)
{
	cJSON_Delete(t);
}

struct cJSON *
json_tree_get(const struct cJSON *object, struct str key)
{
	struct cJSON *child;

	if (!cJSON_IsObject(object))
		return NULL;
	cJSON_ArrayForEach(child, object)
	{
		if (str_equal(str_of(child->string), key))
			return child;
	}
	return NULL;
}

/* The key changes hands, so that nothing here needs memory. */
static void
replace(struct cJSON *object, struct cJSON *old, struct cJSON *child)
{
	child->string = old->string;
	old->string = NULL;
	(void)cJSON_ReplaceItemViaPointer(
	    object, old, child); /* old is in it: cannot fail */
}

/* ERR_SYNTAX for a key that cJSON would cut or that is not UTF-8. */
static int
set_child(struct cJSON *object, struct str key, struct cJSON *child)
{
	struct cJSON *old;
	struct buf name;
	int rc = 0;

	if (child == NULL)
		return ERR_NOMEM;
	if (!cJSON_IsObject(object))
		return ERR_PARAMS;
	if (!str_is_utf8(key) || str_find(key, '\0') < key.len)
		return ERR_SYNTAX;
	old = json_tree_get(object, key);
	if (old != NULL) {
		replace(object, old, child);
		return 0;
	}
	buf_init(&name);
	buf_str(&name, key);
	buf_char(&name, '\0');
	if (name.failed || !cJSON_AddItemToObject(object, name.ptr, child))
		rc = ERR_NOMEM;
	buf_finish(&name);
	return rc;
}

int
json_tree_set(struct cJSON *object, struct str key, struct cJSON *child)
{
	int rc = set_child(object, key, child);

	if (rc != 0)
		json_tree_destroy(child);
	return rc;
}

int
json_tree_add(struct cJSON *array, struct cJSON *child)
{
	if (child == NULL)
		return ERR_NOMEM;
	if (!cJSON_IsArray(array) || !cJSON_AddItemToArray(array, child)) {
		json_tree_destroy(child);
		return ERR_PARAMS;
	}
	return 0;
}

int
json_tree_print(const struct cJSON *t, struct buf *out)
{
	char *text = cJSON_PrintUnformatted(t);

	if (text == NULL)
		return ERR_NOMEM;
	buf_cstr(out, text);
	cJSON_free(text);
	return out->failed ? ERR_NOMEM : 0;
}

static void
indent(struct buf *out, unsigned level)
{
	buf_char(out, '\n');
	while (level-- > 0)
		BUF_LIT(out, "  ");
}

static void
print_node(const struct json_node *n, unsigned level, struct buf *out)
{
	bool object = n->type == JSON_OBJECT;
	size_t i = 0;

	if (json_count(n) == 0) {
		buf_str(out, json_raw(n));
		return;
	}
	buf_char(out, object ? '{' : '[');
	for (const struct json_node *v = json_first(n); v < json_end(n);
	     v += v->span) {
		if (i++ > 0)
			buf_char(out, ',');
		indent(out, level + 1);
		if (object) {
			buf_str(out, json_raw(v++));
			BUF_LIT(out, ": ");
		}
		print_node(v, level + 1, out);
	}
	indent(out, level);
	buf_char(out, object ? '}' : ']');
}

/* By way of the scanner, so that raw parts are indented, too; its depth is the
 * bound of the recursion. */
int
json_tree_print_pretty(const struct cJSON *t, struct buf *out)
{
	struct json_doc doc;
	struct buf text;
	int rc;

	buf_init(&text);
	json_doc_init(&doc);
	rc = json_tree_print(t, &text);
	if (rc == 0)
		rc = json_parse(&doc, buf_view(&text), JSON_GRAMMAR);
	if (rc == 0) {
		print_node(doc.nodes, 0, out);
		rc = out->failed ? ERR_NOMEM : 0;
	}
	json_doc_finish(&doc);
	buf_finish(&text);
	return rc;
}
