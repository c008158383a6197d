/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schemas inside a manifest: compiled, their faults brought back to a
 * line and column. */
#include <stdio.h>
#include <string.h>

#include "data/schema.h"
#include "plugin/manifest_documents.h"
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

/* A fault in another document than the one in hand, said once. */
static void
refuse_document(struct manifest_reader *r, struct manifest_document *d,
    struct str pointer, const struct plugin_sentence *said)
{
	struct diag_at at = manifest_document_at(d, pointer);
	const char *hint = said->hint[0] != '\0' ? said->hint : NULL;
	struct manifest_path below;

	if (d->reported)
		return;
	d->reported = true;
	if (d->path != NULL) {
		(void)diags_add(r->diags, DIAG_ERROR, TP_SCHEMA, d->path, at,
		    hint, "%.*s%s%s", STR_FMT(pointer),
		    pointer.len > 0 ? ": " : "",
		    said->text); /* the count of errors says it */
		return;
	}
	path_of_pointer(d->yaml, pointer, d->label, &below);
	manifest_refuse(
	    r, TP_SCHEMA, at, hint, "%s: %s", below.text, said->text);
}

static void
refuse_schema(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct str pointer, const struct err *err)
{
	struct str place = pointer;
	struct manifest_document *d =
	    manifest_documents_of_pointer(r->documents, &place);
	const struct yaml_node *at;
	struct plugin_sentence said;
	struct manifest_path below;

	plugin_sentence_split(&said,
	    pointer.len > 0 ? without_pointer(err->text, pointer) : err->text);
	split_guess(&said);
	if (d != NULL) {
		refuse_document(r, d, place, &said);
		return;
	}
	at = yaml_at_pointer(node, pointer);
	path_of_pointer(node, pointer, path, &below);
	manifest_refuse(r, TP_SCHEMA, at != NULL ? at->at : node->at,
	    said.hint[0] != '\0' ? said.hint : NULL, "%s: %s", below.text,
	    said.text);
}

/* The schema with all it refers to, as clients get it; compiled from that text,
 * so that both judge by the same words. */
static struct schema *
compile_bundle(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, const struct schema *whole, struct buf *out)
{
	struct schema_options o = { .assert_format = r->format_assertion };
	struct schema *s = NULL;
	struct buf pointer;
	struct err err;

	buf_init(&pointer);
	if (schema_bundle(whole, out, &pointer, &err) < 0)
		refuse_schema(r, node, path, buf_view(&pointer), &err);
	else if (out->len > MANIFEST_SCHEMA_MAX)
		manifest_refuse(r, TP_LENGTH, node->at, NULL,
		    "%s: %zu bytes with all it refers to, at most %zu are sent "
		    "to clients",
		    path, out->len, MANIFEST_SCHEMA_MAX);
	else if ((s = schema_compile(buf_view(out), &o, NULL, &err)) == NULL)
		manifest_refuse(r, TP_SCHEMA, node->at, NULL,
		    "%s: with all it refers to: %s", path, err.text);
	buf_finish(&pointer);
	return s;
}

static struct schema *
compile(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct str base, struct buf *text)
{
	const struct schema_options o = { .assert_format = r->format_assertion,
		.base_uri = base,
		.find = manifest_documents_find,
		.find_arg = r->documents };
	unsigned before = r->documents->found;
	struct schema *s, *alone;
	struct buf pointer, out;
	struct err err;

	buf_init(&pointer);
	s = schema_compile(buf_view(text), &o, &pointer, &err);
	if (s == NULL)
		refuse_schema(r, node, path, buf_view(&pointer), &err);
	buf_finish(&pointer);
	if (s == NULL || r->documents->found == before)
		return s;
	buf_init(&out);
	alone = compile_bundle(r, node, path, s, &out);
	schema_destroy(s);
	buf_clear(text);
	buf_str(text, buf_view(&out));
	buf_finish(&out);
	return alone;
}

struct schema *
manifest_read_schema(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct str *json)
{
	struct schema *s = NULL;
	struct buf text;

	*json = STR_NONE;
	if (node->type != YAML_MAP) {
		manifest_refuse(r, TP_SCHEMA, node->at,
		    "write it as type: object",
		    "%s: expected a JSON Schema as a map", path);
		return NULL;
	}
	buf_init(&text);
	if (yaml_to_json(node, &text) < 0)
		r->nomem = true;
	else
		s = compile(r, node, path, r->documents->base, &text);
	if (s != NULL)
		*json = manifest_dup(r, buf_view(&text));
	buf_finish(&text);
	return s;
}

void
manifest_check_schemas(struct manifest_reader *r)
{
	for (struct manifest_document *d = r->documents->first; d != NULL;
	     d = d->next) {
		struct schema *s;
		struct buf text;

		if (d->uri.len == 0 || d->path != NULL || d->reported)
			continue;
		if (d->yaml->type != YAML_MAP) {
			d->reported = true;
			manifest_refuse(r, TP_SCHEMA, d->yaml->at,
			    "write it as type: object",
			    "%s: expected a JSON Schema as a map", d->label);
			continue;
		}
		buf_init(&text);
		if (yaml_to_json(d->yaml, &text) < 0) {
			r->nomem = true;
		} else {
			s = compile(r, d->yaml, d->label, d->uri, &text);
			d->reported = d->reported || s == NULL;
			schema_destroy(s);
		}
		buf_finish(&text);
	}
}

const struct yaml_node *
manifest_schema_type(const struct yaml_node *schema)
{
	const struct yaml_node *type = yaml_get(schema, S("type"));

	return type != NULL && type->type == YAML_SCALAR ? type : NULL;
}
