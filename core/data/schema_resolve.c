/* SPDX-License-Identifier: Apache-2.0 */
/* Documents, and what a reference leads to.  Nothing is ever fetched: a
 * reference finds what the caller gave, what the schema contains, or the
 * dialects' own schemas. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/schema_compile.h"
#include "data/uri.h"

struct str
schema_without_fragment(struct str uri)
{
	return str_sub(uri, 0, str_find(uri, '#'));
}

/* The text of a document that may be referred to. */
int
schema_document_find(const struct schema_compiler *c, struct str uri,
    struct str *json, struct err *why)
{
	const struct schema_options *o = c->options;

	for (size_t i = 0; i < o->documents_len; i++) {
		const struct schema_document *d = &o->documents[i];

		if (str_equal(schema_without_fragment(d->uri), uri)) {
			*json = d->json;
			return 0;
		}
	}
	*json = schema_meta_find(uri);
	if (json->len > 0)
		return 0;
	return o->find != NULL ? o->find(o->find_arg, uri, json, why)
			       : ERR_NOTFOUND;
}

static int
scan_children(struct schema_compiler *c, struct schema_source *source,
    const struct schema_keyword *k, const struct json_node *value,
    struct schema_resource *r)
{
	bool list = k->children == CHILD_LIST
	    || (k->children == CHILD_ONE_OR_LIST && value->type == JSON_ARRAY);
	bool map = k->children == CHILD_MAP || k->children == CHILD_MAP_MIXED;
	int rc = 0;

	if (list) {
		JSON_EACH_ELEMENT (v, value) {
			rc = schema_scan(c, source, v, r);
			if (rc < 0)
				return rc;
		}
		return 0;
	}
	if (map) {
		JSON_EACH_MEMBER (name, v, value) {
			if (k->children == CHILD_MAP_MIXED
			    && v->type == JSON_ARRAY)
				continue;
			rc = schema_scan(c, source, v, r);
			if (rc < 0)
				return rc;
		}
		return 0;
	}
	if (k->children != CHILD_NONE)
		rc = schema_scan(c, source, value, r);
	return rc;
}

/* As deep as the scanner allows JSON to be. */
int
schema_scan(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, struct schema_resource *parent)
{
	size_t at = (size_t)(node - source->doc.nodes);
	struct schema_resource *r = NULL;
	int rc;

	if (source->resource_of[at] != NULL)
		return 0;
	if (node->type != JSON_OBJECT && node->type != JSON_TRUE
	    && node->type != JSON_FALSE)
		return schema_refuse(c, source, node, ERR_PARAMS,
		    "must be a schema: an object or a boolean%s",
		    node->type == JSON_ARRAY
			? " (for one schema an element use prefixItems)"
			: "");
	rc = schema_identify(c, source, node, parent, &r);
	if (rc < 0)
		return rc;
	source->resource_of[at] = r;
	if (schema_rule_of(c, source, node, r) == NULL)
		return ERR_LIMIT;
	if (node->type != JSON_OBJECT)
		return 0;
	rc = schema_anchors_add(c, source, node, r);
	JSON_EACH_MEMBER (name, value, node) {
		const struct schema_keyword *k =
		    schema_keyword_find(r, json_str(name));

		if (rc < 0)
			return rc;
		if (k != NULL)
			rc = scan_children(c, source, k, value, r);
	}
	return rc;
}

/* It will not grow any more, and there may be thousands. */
static int
nodes_fit(struct json_doc *d)
{
	struct json_node *fitting;

	if (d->len == 0 || d->len == d->cap)
		return 0;
	fitting = realloc(d->nodes, d->len * sizeof *fitting);
	if (fitting == NULL)
		return ERR_NOMEM;
	d->nodes = fitting;
	d->cap = d->len;
	return 0;
}

/* The copy, its nodes and the two tables. */
static int
source_parse(
    struct schema_compiler *c, struct schema_source *source, struct str json)
{
	struct arena *arena = &c->schema->arena;
	struct str text = arena_dup(arena, json);
	struct buf why;
	int rc;

	if (text.ptr == NULL)
		return schema_nomem(c);
	rc = json_parse(&source->doc, text, JSON_PROTOCOL);
	if (rc < 0) {
		buf_init(&why);
		json_fault_text(&source->doc, text, &why);
		source->doc.len = 0;
		rc = schema_refuse(c, source, NULL, rc, "not JSON: %.*s",
		    STR_FMT(buf_view(&why)));
		buf_finish(&why);
		return rc;
	}
	if (nodes_fit(&source->doc) < 0)
		return schema_nomem(c);
	source->rule_of =
	    arena_zalloc(arena, source->doc.len * sizeof *source->rule_of);
	source->resource_of =
	    arena_zalloc(arena, source->doc.len * sizeof *source->resource_of);
	if (source->rule_of == NULL || source->resource_of == NULL)
		return schema_nomem(c);
	return 0;
}

struct schema_source *
schema_source_add(struct schema_compiler *c, struct str uri, struct str json,
    struct schema_resource **root)
{
	struct schema_source *source;

	source = arena_zalloc(&c->schema->arena, sizeof *source);
	if (source == NULL) {
		(void)schema_nomem(c);
		return NULL;
	}
	json_doc_init(&source->doc);
	source->next = c->schema->sources;
	c->schema->sources = source;
	source->uri =
	    arena_dup(&c->schema->arena, schema_without_fragment(uri));
	source->given = json.ptr;
	source->builtin = schema_meta_find(uri).ptr == json.ptr;
	if (c->sources++ >= SCHEMA_SOURCES_MAX) {
		(void)schema_refuse(c, source, NULL, ERR_LIMIT,
		    "more than %d documents refer to one another",
		    SCHEMA_SOURCES_MAX);
		return NULL;
	}
	if (source_parse(c, source, json) < 0
	    || schema_scan(c, source, source->doc.nodes, NULL) < 0)
		return NULL;
	*root = source->resource_of[0];
	if (c->sources == 1) {
		c->draft = (*root)->draft;
		c->vocabularies = (*root)->vocabularies;
	}
	return source;
}

/* A document that has been read under another name: by its place and by its
 * $id, say. */
static struct schema_resource *
find_read(struct schema_compiler *c, struct str json)
{
	for (struct schema_source *s = c->schema->sources; s != NULL;
	     s = s->next)
		if (s->given == json.ptr)
			return s->resource_of[0];
	return NULL;
}

/* The resource a reference names before its fragment; NULL: error set. */
static struct schema_resource *
find_resource(struct schema_compiler *c, const struct schema_rule *from,
    const struct json_node *ref)
{
	const struct schema_source *source = from->resource->source;
	struct str name = schema_without_fragment(json_str(ref));
	struct schema_resource *found = NULL;
	struct str uri = STR_NONE, json;
	struct schema_target *t;
	struct err why = { 0, "" };
	int rc;

	if (name.len == 0)
		return source
		    ->resource_of[from->resource->node - source->doc.nodes];
	if (schema_uri_absolute(c, from->resource->uri, name, &uri) < 0)
		return NULL;
	t = map_find(&c->uris, uri);
	if (t != NULL)
		return t->resource;
	rc = schema_document_find(c, uri, &json, &why);
	if (rc == 0)
		found = find_read(c, json);
	if (found != NULL)
		return found;
	if (rc == 0)
		(void)schema_source_add(c, uri, json, &found);
	else if (rc != ERR_NOTFOUND)
		(void)schema_refuse(c, source, ref, rc,
		    "cannot resolve \"%.*s\": %s", STR_FMT(json_str(ref)),
		    why.text);
	else
		(void)schema_refuse(c, source, ref, ERR_NOTFOUND,
		    "cannot resolve \"%.*s\": no document \"%.*s\" was given, "
		    "and nothing is fetched",
		    STR_FMT(json_str(ref)), STR_FMT(uri));
	return found;
}

static bool
percent_decode(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.ptr[i] != '%') {
			buf_char(out, s.ptr[i]);
			continue;
		}
		high =
		    i + 2 < s.len ? uri_hex((unsigned char)s.ptr[i + 1]) : -1;
		low = high < 0 ? -1 : uri_hex((unsigned char)s.ptr[i + 2]);
		if (low < 0)
			return false;
		buf_char(out, (char)(high * 16 + low));
		i += 2;
	}
	return !out->failed;
}

/* One token of a JSON Pointer, decoded in place of out. */
static bool
pointer_token(struct str token, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < token.len; i++) {
		char c = token.ptr[i];

		if (c == '~') {
			if (i + 1 >= token.len
			    || (token.ptr[i + 1] != '0'
				&& token.ptr[i + 1] != '1'))
				return false;
			c = token.ptr[++i] == '0' ? '~' : '/';
		}
		buf_char(out, c);
	}
	return !out->failed;
}

static const struct json_node *
pointer_step(const struct json_node *node, struct str name)
{
	uint64_t index;

	if (node->type == JSON_OBJECT)
		return json_get(node, name);
	if (node->type != JSON_ARRAY || str_to_u64(name, &index) < 0
	    || (name.len > 1 && name.ptr[0] == '0') || index >= node->count)
		return NULL;
	return json_at(node, (size_t)index);
}

/* Follows a pointer; *resource becomes the one around the place found. */
static const struct json_node *
pointer_follow(struct str pointer, struct schema_resource **resource)
{
	const struct schema_source *source = (*resource)->source;
	const struct json_node *node = (*resource)->node;
	struct buf token;

	buf_init(&token);
	while (node != NULL && pointer.len > 0) {
		struct str rest = str_sub(pointer, 1, pointer.len);
		size_t end = str_find(rest, '/');

		node = pointer_token(str_sub(rest, 0, end), &token)
		    ? pointer_step(node, buf_view(&token))
		    : NULL;
		pointer = str_sub(rest, end, rest.len);
		if (node != NULL
		    && source->resource_of[node - source->doc.nodes] != NULL)
			*resource =
			    source->resource_of[node - source->doc.nodes];
	}
	buf_finish(&token);
	return node;
}

static const struct json_node *
fragment_follow(struct schema_compiler *c, struct str fragment,
    struct schema_resource **resource, bool *dynamic)
{
	struct schema_target *t;
	struct str key;

	if (fragment.len == 0)
		return (*resource)->node;
	if (fragment.ptr[0] == '/')
		return pointer_follow(fragment, resource);
	key = schema_anchor_key(c, *resource, fragment);
	t = map_find(&c->uris, key);
	if (t == NULL)
		return NULL;
	*resource = t->resource;
	*dynamic = t->dynamic;
	return t->node;
}

static int
link_add(struct schema_compiler *c, const struct schema_rule *from,
    const struct json_node *ref, const struct schema_resource *named,
    const struct schema_rule *target)
{
	struct schema_link *l = arena_alloc(&c->schema->arena, sizeof *l);

	if (l == NULL)
		return schema_nomem(c);
	*l = (struct schema_link){ c->schema->links, from->resource->source,
		ref, named, target };
	c->schema->links = l;
	return 0;
}

struct schema_rule *
schema_resolve(struct schema_compiler *c, const struct schema_rule *from,
    const struct json_node *ref, struct str *anchor)
{
	struct str text = json_str(ref);
	struct schema_resource *resource, *named;
	const struct json_node *node = NULL;
	struct schema_rule *rule = NULL;
	bool dynamic = false;
	struct buf fragment;

	buf_init(&fragment);
	resource = named = find_resource(c, from, ref);
	if (resource == NULL)
		goto out;
	if (percent_decode(
		str_sub(text, str_find(text, '#') + 1, text.len), &fragment))
		node = fragment_follow(
		    c, buf_view(&fragment), &resource, &dynamic);
	if (node == NULL) {
		(void)schema_refuse(c, from->resource->source, ref,
		    ERR_NOTFOUND, "cannot resolve \"%.*s\": no such place",
		    STR_FMT(text));
		goto out;
	}
	if (schema_scan(c, resource->source, node, resource) < 0)
		goto out;
	rule = schema_rule_of(c, resource->source, node, resource);
	if (rule != NULL && link_add(c, from, ref, named, rule) < 0)
		rule = NULL;
	if (dynamic && anchor != NULL)
		*anchor = arena_dup(&c->schema->arena, buf_view(&fragment));
out:
	buf_finish(&fragment);
	return rule;
}
