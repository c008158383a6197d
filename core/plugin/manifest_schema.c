/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schemas inside a manifest: compiled, their faults brought back to a
 * line and column. */
#include <stdio.h>
#include <string.h>

#include "data/schema.h"
#include "plugin/manifest_priv.h"
#include "plugin/report.h"

/* "/properties/days/0" below "tools[0].inputSchema", as a key path. */
static void
path_of_pointer(const struct yaml_node *root, struct str pointer,
    const char *path, struct manifest_path *out)
{
	size_t used = 0, from = 0;

	manifest_path_set(out, "%s", path);
	while (from < pointer.len) {
		const struct yaml_node *parent =
		    yaml_at_pointer(root, str_sub(pointer, 0, from));
		size_t end = from + 1
		    + str_find(str_sub(pointer, from + 1, pointer.len), '/');
		struct str token = str_sub(pointer, from + 1, end);
		bool in_list = parent != NULL && parent->type == YAML_LIST;

		used = strlen(out->text);
		(void)snprintf(out->text + used, sizeof out->text - used,
		    in_list ? "[%.*s]" : ".%.*s",
		    STR_FMT(token)); /* may be cut */
		from = end;
	}
}

/* The compiler's message begins with the pointer, which we say better. */
static const char *
without_pointer(const char *text, struct str pointer)
{
	size_t len = strlen(text);

	if (len < pointer.len || memcmp(text, pointer.ptr, pointer.len) != 0)
		return text;
	text += pointer.len;
	if (text[0] == ':')
		text++;
	while (text[0] == ' ')
		text++;
	return text;
}

/* The compiler puts its guess into the sentence; here it is the hint. */
static void
split_guess(struct plugin_sentence *said)
{
	char *guess = strstr(said->text, ", did you mean ");

	if (guess == NULL || said->hint[0] != '\0')
		return;
	(void)snprintf(
	    said->hint, sizeof said->hint, "%s", guess + 2); /* it fits */
	*guess = '\0';
}

static void
refuse_schema(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct str pointer, const struct err *err)
{
	const struct yaml_node *at = yaml_at_pointer(node, pointer);
	struct plugin_sentence said;
	struct manifest_path below;

	path_of_pointer(node, pointer, path, &below);
	plugin_sentence_split(&said,
	    pointer.len > 0 ? without_pointer(err->text, pointer) : err->text);
	split_guess(&said);
	manifest_refuse(r, TP_SCHEMA, at != NULL ? at->at : node->at,
	    said.hint[0] != '\0' ? said.hint : NULL, "%s: %s", below.text,
	    said.text);
}

struct schema *
manifest_read_schema(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct str *json)
{
	static const struct schema_options options;
	struct schema *s = NULL;
	struct buf text, pointer;
	struct err err;

	*json = STR_NONE;
	if (node->type != YAML_MAP) {
		manifest_refuse(r, TP_SCHEMA, node->at,
		    "write it as type: object",
		    "%s: expected a JSON Schema as a map", path);
		return NULL;
	}
	buf_init(&text);
	buf_init(&pointer);
	if (yaml_to_json(node, &text) < 0) {
		r->nomem = true;
		goto out;
	}
	s = schema_compile(buf_view(&text), &options, &pointer, &err);
	if (s == NULL)
		refuse_schema(r, node, path, buf_view(&pointer), &err);
	else
		*json = manifest_dup(r, buf_view(&text));
out:
	buf_finish(&text);
	buf_finish(&pointer);
	return s;
}

const struct yaml_node *
manifest_schema_type(const struct yaml_node *schema)
{
	const struct yaml_node *type = yaml_get(schema, S("type"));

	return type != NULL && type->type == YAML_SCALAR ? type : NULL;
}
