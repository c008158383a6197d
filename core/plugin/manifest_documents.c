/* SPDX-License-Identifier: Apache-2.0 */
/* What schemas refer to, by name, by $id and by path. */
#include "plugin/manifest_documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/uri.h"
#include "plugin/seen.h"

#define SCHEME "toolpost:/"
#define NAMES_MAX 64 /* looked at for "did you mean" */

void
manifest_documents_init(struct manifest_documents *ds,
    struct manifest_reader *r, const char *folder, struct plugin_seen *seen)
{
	*ds = (struct manifest_documents){
		.r = r, .folder = folder, .seen = seen
	};
	arena_init(&ds->arena, PLUGIN_MANIFEST_MEMORY);
}

void
manifest_documents_finish(struct manifest_documents *ds)
{
	arena_finish(&ds->arena);
}

static struct str
join(struct manifest_documents *ds, struct str a, struct str b)
{
	struct str out;
	struct buf text;

	buf_init(&text);
	buf_str(&text, a);
	buf_str(&text, b);
	out = text.failed ? STR_NONE : arena_dup(&ds->arena, buf_view(&text));
	buf_finish(&text);
	ds->failed = ds->failed || out.ptr == NULL;
	return out;
}

static struct str
resolve(struct manifest_documents *ds, struct str base, struct str ref)
{
	struct str out = STR_NONE;
	struct buf text;

	ref = str_sub(ref, 0, str_find(ref, '#'));
	buf_init(&text);
	if (ref.len > 0 && uri_is_reference(ref)
	    && uri_resolve(base, ref, &text) == 0)
		out = arena_dup(&ds->arena, buf_view(&text));
	buf_finish(&text);
	return out;
}

static struct manifest_document *
add(struct manifest_documents *ds, struct str uri, struct str id)
{
	struct manifest_document *d = arena_zalloc(&ds->arena, sizeof *d);

	if (d == NULL) {
		ds->failed = true;
		return NULL;
	}
	d->uri = uri;
	d->id = resolve(ds, uri.len > 0 ? uri : ds->base, id);
	if (ds->last != NULL)
		ds->last->next = d;
	else
		ds->first = d;
	ds->last = d;
	return d;
}

static void
add_inside(struct manifest_documents *ds, struct str uri,
    const struct yaml_node *schema, const char *label)
{
	const struct yaml_node *id = yaml_get(schema, S("$id"));
	struct manifest_document *d;

	d = add(ds, uri, id != NULL ? id->text : STR_NONE);
	if (d == NULL)
		return;
	d->yaml = schema;
	d->label = arena_dup(&ds->arena, str_of(label)).ptr;
}

static bool
name_is_valid(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z')
			|| (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
			|| (s.ptr[i] >= '0' && s.ptr[i] <= '9')
			|| s.ptr[i] == '_' || s.ptr[i] == '-'))
			return false;
	return s.len > 0 && s.len <= PLUGIN_TOOL_NAME_MAX;
}

static void
add_named(struct manifest_documents *ds, const struct yaml_node *map)
{
	struct manifest_path path;

	if (map->type != YAML_MAP) {
		manifest_refuse(ds->r, TP_SCHEMA, map->at,
		    "name each: place: {type: object}",
		    "schemas: expected a map of JSON Schemas");
		return;
	}
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		manifest_path_set(&path, "schemas.%.*s", STR_FMT(n->key));
		if (!name_is_valid(n->key))
			manifest_refuse(ds->r, TP_SCHEMA, n->key_at,
			    "use letters, digits, _ and - only",
			    "schemas: \"%.*s\" is not a name", STR_FMT(n->key));
		else
			add_inside(
			    ds, join(ds, ds->base, n->key), n, path.text);
	}
}

/* Schemas of tools are reached by their $id alone. */
static void
add_tools(struct manifest_documents *ds, const struct yaml_node *list)
{
	static const char *const keys[] = { "inputSchema", "outputSchema" };
	struct manifest_path path;
	unsigned n = 0;

	if (list == NULL || list->type != YAML_LIST)
		return;
	for (const struct yaml_node *tool = list->first; tool != NULL;
	     tool = tool->next, n++)
		for (size_t i = 0; i < 2; i++) {
			const struct yaml_node *s =
			    yaml_get(tool, str_of(keys[i]));

			if (yaml_get(s, S("$id")) == NULL)
				continue;
			manifest_path_set(&path, "tools[%u].%s", n, keys[i]);
			add_inside(ds, STR_NONE, s, path.text);
		}
}

void
manifest_documents_add(
    struct manifest_documents *ds, const struct yaml_node *root)
{
	const struct yaml_node *named = yaml_get(root, S("schemas"));

	ds->base = join(ds, S(SCHEME), ds->r->m->name);
	ds->base = join(ds, ds->base, S("/"));
	if (named != NULL
	    && !(named->type == YAML_SCALAR && named->text.len == 0))
		add_named(ds, named);
	add_tools(ds, yaml_get(root, S("tools")));
}

void
manifest_documents_digest(
    struct manifest_documents *ds, unsigned char hash[static CRYPTO_SHA256_LEN])
{
	unsigned char pair[2 * CRYPTO_SHA256_LEN];

	for (const struct manifest_document *d = ds->first; d != NULL;
	     d = d->next) {
		if (d->path == NULL)
			continue;
		memcpy(pair, hash, CRYPTO_SHA256_LEN);
		if (crypto_sha256(d->text, pair + CRYPTO_SHA256_LEN) < 0
		    || crypto_sha256(
			   (struct str){ (const char *)pair, sizeof pair },
			   hash)
			< 0)
			ds->failed = true;
	}
}

/* Up to the last slash, that included. */
static size_t
folder_len(struct str s)
{
	while (s.len > 0 && s.ptr[s.len - 1] != '/')
		s.len--;
	return s.len;
}

/* The path that a URI below the base, or beside some $id, stands for. */
static bool
path_of_uri(struct manifest_documents *ds, struct str uri, struct str *relative)
{
	const struct manifest_document *beside = NULL;
	size_t folder = 0;

	if (str_starts(uri, ds->base)) {
		*relative = str_sub(uri, ds->base.len, uri.len);
		return true;
	}
	for (const struct manifest_document *d = ds->first; d != NULL;
	     d = d->next) {
		size_t len = folder_len(d->id);

		if (len <= folder || !str_starts(uri, str_sub(d->id, 0, len)))
			continue;
		beside = d;
		folder = len;
	}
	if (beside == NULL)
		return false;
	*relative =
	    join(ds, str_sub(beside->relative, 0, folder_len(beside->relative)),
		str_sub(uri, folder, uri.len));
	return true;
}

static int
no_such_name(struct manifest_documents *ds, struct str name, struct err *err)
{
	const char *names[NAMES_MAX], *near;
	size_t n = 0;

	for (const struct manifest_document *d = ds->first;
	     d != NULL && n < NAMES_MAX; d = d->next)
		if (d->uri.len > 0 && d->path == NULL)
			names[n++] = d->uri.ptr + ds->base.len;
	near = str_nearest(name, names, n);
	return err_set(err, ERR_CONFIG,
	    "there is no \"%.*s\" under schemas, and a file's name ends in "
	    ".json, .yaml or .yml%s%s%s",
	    STR_FMT(name), near != NULL ? ", did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* Percent-encoding is undone; what could lead elsewhere is refused. */
static int
decode_path(struct manifest_documents *ds, struct str relative, struct str *out,
    struct err *err)
{
	bool good = true;
	struct buf text;

	buf_init(&text);
	for (size_t i = 0; i < relative.len; i++) {
		int high, low;

		if (relative.ptr[i] != '%') {
			good = good && relative.ptr[i] != '?';
			buf_char(&text, relative.ptr[i]);
			continue;
		}
		high = i + 2 < relative.len
		    ? uri_hex((unsigned char)relative.ptr[i + 1])
		    : -1;
		low =
		    high < 0 ? -1 : uri_hex((unsigned char)relative.ptr[i + 2]);
		if (low < 0 || high * 16 + low < 0x20 || high * 16 + low == '/')
			good = false;
		buf_char(&text, (char)(high * 16 + low));
		i += 2;
	}
	*out = text.failed ? STR_NONE : arena_dup(&ds->arena, buf_view(&text));
	buf_finish(&text);
	if (out->ptr == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	return good ? 0 : err_set(err, ERR_DENIED, "not a path");
}

/* The $id of a file counts too: what stands in it is seen from there. */
static void
note_id(struct manifest_documents *ds, struct manifest_document *d)
{
	const struct yaml_node *id = yaml_get(d->yaml, S("$id"));
	struct json_doc doc;

	if (d->yaml != NULL) {
		d->id = id != NULL ? resolve(ds, d->uri, id->text) : STR_NONE;
		return;
	}
	json_doc_init(&doc);
	if (json_parse(&doc, d->json, JSON_PROTOCOL) == 0)
		d->id = resolve(
		    ds, d->uri, json_str(json_get(doc.nodes, S("$id"))));
	json_doc_finish(&doc);
}

static int
file_add(struct manifest_documents *ds, struct str uri, struct str relative,
    struct manifest_document **out, struct err *err)
{
	struct manifest_document *d;
	struct str path;
	int rc;

	if (ds->files++ == PLUGIN_SCHEMA_FILES_MAX)
		return err_set(err, ERR_LIMIT,
		    "more than %d files are referred to",
		    PLUGIN_SCHEMA_FILES_MAX);
	d = add(ds, arena_dup(&ds->arena, uri), STR_NONE);
	path = join(ds, join(ds, str_of(ds->folder), S("/")), relative);
	if (d == NULL || path.ptr == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	d->relative = relative;
	d->path = path.ptr;
	rc = manifest_document_read(ds, d, err);
	if (rc == ERR_NOTFOUND)
		rc = ERR_IO; /* the reason is said */
	d->unreadable = rc < 0;
	if (rc == 0)
		note_id(ds, d);
	*out = d;
	return rc;
}

static int
file_find(struct manifest_documents *ds, struct str uri, struct str relative,
    struct manifest_document **out, struct err *err)
{
	int rc = decode_path(ds, relative, &relative, err);

	if (rc < 0)
		return rc;
	if (!manifest_document_is_yaml(relative)
	    && !str_ends(relative, S(".json")))
		return no_such_name(ds, relative, err);
	if (ds->folder == NULL)
		return ERR_NOTFOUND;
	/* By its $id and by its path: the same file. */
	for (struct manifest_document *d = ds->first; d != NULL; d = d->next)
		if (d->path != NULL && str_equal(d->relative, relative)) {
			*out = d;
			return 0;
		}
	return file_add(ds, uri, relative, out, err);
}

static int
document_ready(struct manifest_documents *ds, struct manifest_document *d,
    struct str *json, struct err *err)
{
	if (d->unreadable)
		return err_set(err, ERR_CONFIG, "%s: cannot be read",
		    d->path != NULL ? d->path : d->label);
	if (d->json.ptr == NULL && manifest_document_json(ds, d) < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!d->checked)
		manifest_document_check(ds, d);
	d->checked = true;
	ds->found++;
	*json = d->json;
	return 0;
}

static struct manifest_document *
document_of(const struct manifest_documents *ds, struct str uri)
{
	struct manifest_document *d = ds->first;

	while (d != NULL && !(d->uri.len > 0 && str_equal(d->uri, uri))
	    && !(d->id.len > 0 && str_equal(d->id, uri)))
		d = d->next;
	return d;
}

int
manifest_documents_find(
    void *arg, struct str uri, struct str *json, struct err *err)
{
	struct manifest_documents *ds = arg;
	struct manifest_document *d = document_of(ds, uri);
	struct str relative;
	int rc;

	if (d == NULL && path_of_uri(ds, uri, &relative)) {
		rc = file_find(ds, uri, relative, &d, err);
		if (rc < 0)
			return rc;
	}
	if (d != NULL)
		return document_ready(ds, d, json, err);
	if (str_starts(uri, S(SCHEME)))
		return err_set(err, ERR_DENIED,
		    "only files in the folder of the manifest, and below, are "
		    "read");
	return ERR_NOTFOUND;
}

struct manifest_document *
manifest_documents_of_pointer(
    struct manifest_documents *ds, struct str *pointer)
{
	size_t hash = str_find(*pointer, '#');
	struct manifest_document *d;

	if (pointer->len == 0 || pointer->ptr[0] == '/')
		return NULL;
	d = document_of(ds, str_sub(*pointer, 0, hash));
	if (d != NULL)
		*pointer = str_sub(*pointer, hash + 1, pointer->len);
	return d;
}
