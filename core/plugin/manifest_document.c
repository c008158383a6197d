/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one document that schemas refer to.  A file is opened only below the
 * folder of the manifest, never through a symbolic link, and must be as much
 * ours as the manifest itself. */
#include <stdio.h>

#include "base/file.h"
#include "data/json_place.h"
#include "plugin/manifest_documents.h"
#include "plugin/seen.h"

bool
manifest_document_is_yaml(struct str name)
{
	return str_ends(name, S(".yaml")) || str_ends(name, S(".yml"));
}

/* White space between values goes: a schema is sent in one line.  text has been
 * parsed, so that its strings end. */
static struct str
compact(struct manifest_documents *ds, struct str text)
{
	bool in_string = false;
	struct str out;
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (in_string && c == '\\') {
			buf_append(&b, text.ptr + i++, 2);
			continue;
		}
		if (c == '"')
			in_string = !in_string;
		if (in_string
		    || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
			buf_char(&b, c);
	}
	out = b.failed ? STR_NONE : arena_dup(&ds->arena, buf_view(&b));
	buf_finish(&b);
	return out;
}

static void
refuse_file(struct manifest_documents *ds, struct manifest_document *d,
    const char *code, struct diag_at at, const char *hint, const char *text)
{
	d->reported = true;
	(void)diags_add(ds->r->diags, DIAG_ERROR, code, d->path, at, hint, "%s",
	    text); /* the count of errors says it */
}

static void
check_json_characters(struct manifest_documents *ds,
    struct manifest_document *d, const struct json_doc *doc)
{
	char text[80];

	for (size_t i = 0; i < doc->len; i++) {
		const struct json_node *n = &doc->nodes[i];
		unsigned c = n->type == JSON_STRING
		    ? manifest_harmful_character(json_str(n))
		    : 0;

		if (c == 0)
			continue;
		(void)snprintf(text, sizeof text,
		    "the invisible character U+%04X is not accepted", c);
		refuse_file(ds, d, TP_CHARACTER,
		    json_place(d->text, (size_t)(n->raw - d->text.ptr)),
		    "remove it", text);
	}
}

static int
read_json(struct manifest_documents *ds, struct manifest_document *d)
{
	struct json_doc doc;
	struct buf why;
	int rc;

	json_doc_init(&doc);
	rc = json_parse(&doc, d->text, JSON_PROTOCOL);
	if (rc < 0) {
		buf_init(&why);
		json_fault_text(&doc, d->text, &why);
		buf_char(&why, '\0');
		refuse_file(ds, d, TP_SCHEMA, json_place(d->text, doc.fault_at),
		    NULL, why.failed ? "not JSON" : why.ptr);
		buf_finish(&why);
	} else {
		check_json_characters(ds, d, &doc);
		d->json = compact(ds, d->text);
	}
	json_doc_finish(&doc);
	return rc;
}

int
manifest_document_json(
    struct manifest_documents *ds, struct manifest_document *d)
{
	struct buf json;
	int rc;

	buf_init(&json);
	rc = yaml_to_json(d->yaml, &json);
	if (rc == 0)
		d->json = arena_dup(&ds->arena, buf_view(&json));
	buf_finish(&json);
	return d->json.ptr != NULL ? 0 : ERR_NOMEM;
}

static int
read_yaml(struct manifest_documents *ds, struct manifest_document *d)
{
	struct manifest_reader r = *ds->r;

	r.file = d->path;
	d->yaml = yaml_parse(&ds->arena, d->text, d->path, r.diags);
	if (d->yaml == NULL) {
		d->reported = true;
		return ERR_SYNTAX;
	}
	manifest_check_characters(&r, d->yaml);
	return manifest_document_json(ds, d);
}

int
manifest_document_read(
    struct manifest_documents *ds, struct manifest_document *d, struct err *err)
{
	struct buf text;
	int rc;

	if (ds->seen != NULL && plugin_seen_add(ds->seen, d->path) == ERR_NOMEM)
		return err_set(err, ERR_NOMEM, "out of memory");
	buf_init(&text);
	rc = file_read_beneath(
	    &text, ds->folder, d->relative.ptr, YAML_FILE_MAX, err);
	if (rc == 0) {
		d->text = arena_dup(&ds->arena, buf_view(&text));
		rc = d->text.ptr == NULL                     ? ERR_NOMEM
		    : manifest_document_is_yaml(d->relative) ? read_yaml(ds, d)
							     : read_json(ds, d);
		if (rc == 0 && d->json.ptr == NULL)
			rc = ERR_NOMEM;
		if (rc < 0)
			rc = err_set(err, rc, "%s: cannot be read", d->path);
	}
	buf_finish(&text);
	return rc;
}

/* The pointer of the first x-mcp-header in a schema.  As deep as the scanner
 * allows. */
static bool
find_mark(const struct json_node *n, bool names, struct buf *pointer)
{
	static const char *const data[] = { "const", "enum", "default",
		"examples" };
	static const char *const maps[] = { "properties", "patternProperties",
		"$defs", "definitions", "dependentSchemas", "dependencies" };
	size_t here = pointer->len, i;
	unsigned index = 0;

	if (n->type == JSON_ARRAY) {
		JSON_EACH_ELEMENT (v, n) {
			buf_printf(pointer, "/%u", index++);
			if (find_mark(v, false, pointer))
				return true;
			pointer->len = here;
		}
	}
	if (n->type != JSON_OBJECT)
		return false;
	JSON_EACH_MEMBER (k, v, n) {
		struct str key = json_str(k);
		bool map = false, skip = false;

		buf_printf(pointer, "/%.*s", STR_FMT(key));
		if (!names && str_equal(key, S("x-mcp-header")))
			return true;
		for (i = 0; !names && i < ARRAY_LEN(data); i++)
			skip = skip || str_equal(key, str_of(data[i]));
		for (i = 0; !names && i < ARRAY_LEN(maps); i++)
			map = map || str_equal(key, str_of(maps[i]));
		if (!skip && find_mark(v, map, pointer))
			return true;
		pointer->len = here;
	}
	return false;
}

void
manifest_document_check(
    struct manifest_documents *ds, struct manifest_document *d)
{
	static const char hint[] =
	    "only properties reached by \"properties\" alone can be mirrored";
	static const char text[] =
	    "x-mcp-header: not possible in a schema that others refer to";
	struct buf pointer;
	struct json_doc doc;

	buf_init(&pointer);
	json_doc_init(&doc);
	if (json_parse(&doc, d->json, JSON_PROTOCOL) == 0
	    && find_mark(doc.nodes, false, &pointer)) {
		struct diag_at at = manifest_document_at(d, buf_view(&pointer));

		if (d->path != NULL)
			refuse_file(ds, d, TP_HEADER, at, hint, text);
		else
			manifest_refuse(ds->r, TP_HEADER, at, hint, "%s: %s",
			    d->label, text);
	}
	json_doc_finish(&doc);
	buf_finish(&pointer);
}

struct diag_at
manifest_document_at(const struct manifest_document *d, struct str pointer)
{
	struct diag_at at = { 0, 0 };
	struct json_doc doc;

	if (d->yaml != NULL)
		return yaml_at_pointer(d->yaml, pointer)->at;
	json_doc_init(&doc);
	if (json_parse(&doc, d->text, JSON_PROTOCOL) == 0)
		at = json_place(d->text,
		    (size_t)(json_at_pointer(doc.nodes, pointer)->raw
			- d->text.ptr));
	json_doc_finish(&doc);
	return at;
}
