/* SPDX-License-Identifier: Apache-2.0 */
/* Documents, the identities within them ($id, anchors), and what a reference
 * leads to.  Nothing is ever fetched: a reference finds what the caller gave,
 * what the schema contains, or the dialects' own schemas. */
#include <string.h>

#include "base/check.h"
#include "data/schema_priv.h"
#include "data/uri.h"

#define URI_2020 "https://json-schema.org/draft/2020-12/"
#define DIALECT_HOPS_MAX 8 /* a metaschema's metaschema's .. */

static const struct {
	const char *name;
	uint16_t bit;
} vocabularies[] = {
	{ URI_2020 "vocab/core", VOCAB_CORE },
	{ URI_2020 "vocab/applicator", VOCAB_APPLICATOR },
	{ URI_2020 "vocab/unevaluated", VOCAB_UNEVALUATED },
	{ URI_2020 "vocab/validation", VOCAB_VALIDATION },
	{ URI_2020 "vocab/meta-data", VOCAB_META },
	{ URI_2020 "vocab/format-annotation", VOCAB_FORMAT },
	{ URI_2020 "vocab/format-assertion", VOCAB_FORMAT_ASSERTION },
	{ URI_2020 "vocab/content", VOCAB_CONTENT },
};

static struct str
without_fragment(struct str uri)
{
	return str_sub(uri, 0, str_find(uri, '#'));
}

/* The text of a document that may be referred to. */
static int
document_find(const struct schema_compiler *c, struct str uri, struct str *json,
    struct err *why)
{
	const struct schema_options *o = c->options;

	for (size_t i = 0; i < o->documents_len; i++) {
		const struct schema_document *d = &o->documents[i];

		if (str_equal(without_fragment(d->uri), uri)) {
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
vocabularies_read(struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *at, const struct json_node *list, uint16_t *out)
{
	uint16_t bits = VOCAB_CORE;

	JSON_EACH_MEMBER (k, v, list) {
		size_t i;

		for (i = 0; i < ARRAY_LEN(vocabularies); i++)
			if (str_equal(
				json_str(k), str_of(vocabularies[i].name)))
				break;
		if (i < ARRAY_LEN(vocabularies))
			bits |= vocabularies[i].bit;
		else if (v->type == JSON_TRUE)
			return schema_refuse(c, source, at, ERR_UNSUPPORTED,
			    "the vocabulary \"%.*s\" is required by the "
			    "dialect, but not known",
			    STR_FMT(json_str(k)));
	}
	*out = bits;
	return 0;
}

static bool
draft_of(struct str uri, uint8_t *draft)
{
	if (str_equal(uri, S(URI_2020 "schema")))
		*draft = DRAFT_2020;
	else if (str_equal(uri, S("http://json-schema.org/draft-07/schema"))
	    || str_equal(uri, S("https://json-schema.org/draft-07/schema")))
		*draft = DRAFT_7;
	else
		return false;
	return true;
}

static int
dialect_unsupported(struct schema_compiler *c,
    const struct schema_source *source, const struct json_node *at)
{
	return schema_refuse(c, source, at, ERR_UNSUPPORTED,
	    "unsupported dialect \"%.*s\": draft 2020-12 and draft-07 are "
	    "known",
	    STR_FMT(json_str(at)));
}

/* A dialect with a metaschema of its own: one of the documents. */
static int
dialect_custom(struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *at, struct str uri, struct schema_resource *out)
{
	struct json_doc doc;
	struct buf name;
	struct err why;
	bool first = true;
	int rc = ERR_UNSUPPORTED, hops = 0;

	json_doc_init(&doc);
	buf_init(&name);
	while (!draft_of(uri, &out->draft)) {
		const struct json_node *list;
		struct str text;

		if (document_find(c, uri, &text, &why) < 0
		    || ++hops > DIALECT_HOPS_MAX
		    || json_parse(&doc, text, JSON_PROTOCOL) < 0) {
			rc = dialect_unsupported(c, source, at);
			goto out;
		}
		list = json_get(doc.nodes, S("$vocabulary"));
		if (first && json_type(list) == JSON_OBJECT) {
			rc = vocabularies_read(
			    c, source, at, list, &out->vocabularies);
			if (rc < 0)
				goto out;
		}
		first = false;
		buf_clear(&name);
		buf_str(&name,
		    without_fragment(
			json_str(json_get(doc.nodes, S("$schema")))));
		uri = buf_view(&name);
	}
	rc = 0;
out:
	buf_finish(&name);
	json_doc_finish(&doc);
	return rc;
}

static int
dialect_read(struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *node, struct schema_resource *out)
{
	const struct json_node *at = json_get(node, S("$schema"));
	struct str uri;

	if (at == NULL)
		return 0;
	if (at->type != JSON_STRING)
		return schema_refuse(
		    c, source, at, ERR_PARAMS, "must be a string");
	uri = without_fragment(json_str(at));
	out->vocabularies = VOCAB_DEFAULT;
	if (draft_of(uri, &out->draft))
		return 0;
	return dialect_custom(c, source, at, uri, out);
}

/* Gives a key to a place.  A second place under one name is an error. */
static int
target_add(struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *at, struct str key,
    struct schema_resource *resource, const struct json_node *node,
    bool dynamic)
{
	struct schema_target *t = map_find(&c->uris, key);

	if (t != NULL && t->node == node) {
		t->dynamic = t->dynamic || dynamic;
		return 0;
	}
	if (t != NULL)
		return schema_refuse(c, source, at, ERR_EXISTS,
		    "\"%.*s\" is the name of another schema already",
		    STR_FMT(key));
	t = arena_zalloc(&c->schema->arena, sizeof *t);
	if (t == NULL)
		return schema_nomem(c);
	t->resource = resource;
	t->node = node;
	t->dynamic = dynamic;
	if (map_set(&c->uris, key, t, NULL) < 0)
		return schema_nomem(c);
	return 0;
}

/* In the arena: the absolute form of ref, without fragment. */
static int
absolute(
    struct schema_compiler *c, struct str base, struct str ref, struct str *out)
{
	struct buf b;
	int rc;

	buf_init(&b);
	rc = uri_resolve(base, without_fragment(ref), &b);
	if (rc == 0)
		*out = arena_dup(&c->schema->arena, buf_view(&b));
	buf_finish(&b);
	if (rc < 0 || out->ptr == NULL)
		return schema_nomem(c);
	return 0;
}

static struct schema_resource *
resource_add(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, const struct schema_resource *parent)
{
	struct schema_resource *r = arena_zalloc(&c->schema->arena, sizeof *r);

	if (r == NULL) {
		(void)schema_nomem(c);
		return NULL;
	}
	r->source = source;
	r->node = node;
	r->uri = parent != NULL ? parent->uri : source->uri;
	source->resources++;
	r->number = c->resources++;
	r->draft = parent != NULL ? parent->draft : c->draft;
	r->vocabularies =
	    parent != NULL ? parent->vocabularies : c->vocabularies;
	return r;
}

/* Draft-07: a $ref makes everything beside it mean nothing. */
static bool
is_only_ref(const struct schema_resource *r, const struct json_node *node)
{
	return r->draft == DRAFT_7
	    && json_type(json_get(node, S("$ref"))) == JSON_STRING;
}

/* The $id of a schema that has one of its own; NULL: none. */
static const struct json_node *
own_id(struct schema_compiler *c, const struct schema_source *source,
    const struct json_node *node, const struct schema_resource *r, int *rc)
{
	const struct json_node *id = json_get(node, S("$id"));
	struct str text = json_str(id);
	size_t hash = str_find(text, '#');

	*rc = 0;
	if (id == NULL || is_only_ref(r, node))
		return NULL;
	if (id->type != JSON_STRING || !uri_is_reference(text))
		*rc = schema_refuse(
		    c, source, id, ERR_PARAMS, "must be a URI reference");
	else if (r->draft != DRAFT_7 && hash + 1 < text.len)
		*rc = schema_refuse(c, source, id, ERR_PARAMS,
		    "must have no fragment (use $anchor)");
	else if (hash > 0)
		return id;
	return NULL;
}

/* The resource a schema belongs to: its parent's, or a new one. */
static int
identify(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, struct schema_resource *parent,
    struct schema_resource **out)
{
	struct schema_resource look, *r = parent;
	const struct json_node *id;
	int rc;

	if (parent == NULL) {
		r = resource_add(c, source, node, NULL);
		if (r == NULL)
			return ERR_NOMEM;
		rc = dialect_read(c, source, node, r);
		if (rc == 0)
			rc =
			    target_add(c, source, node, r->uri, r, node, false);
		if (rc < 0)
			return rc;
	}
	*out = r;
	look = *r;
	if (parent != NULL && json_get(node, S("$id")) != NULL) {
		rc = dialect_read(c, source, node, &look);
		if (rc < 0)
			return rc;
	}
	id = own_id(c, source, node, &look, &rc);
	if (id == NULL)
		return rc;
	if (parent != NULL) {
		r = resource_add(c, source, node, parent);
		if (r == NULL)
			return ERR_NOMEM;
		r->draft = look.draft;
		r->vocabularies = look.vocabularies;
	}
	*out = r;
	rc = absolute(c, r->uri, json_str(id), &r->uri);
	if (rc < 0)
		return rc;
	return target_add(c, source, id, r->uri, r, node, false);
}

static struct str
anchor_key(
    struct schema_compiler *c, const struct schema_resource *r, struct str name)
{
	struct str key;
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "%u#", r->number);
	buf_str(&b, name);
	key = b.failed ? STR_NONE : arena_dup(&c->schema->arena, buf_view(&b));
	buf_finish(&b);
	return key;
}

static bool
is_anchor(struct str s)
{
	if (s.len == 0 || (s.ptr[0] >= '0' && s.ptr[0] <= '9')
	    || s.ptr[0] == '-' || s.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!uri_is_unreserved((unsigned char)s.ptr[i])
		    || s.ptr[i] == '~')
			return false;
	return true;
}

static int
anchor_add(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, const struct json_node *at,
    struct schema_resource *r, bool dynamic)
{
	struct str name = json_str(at), key;
	struct schema_anchor *a;

	source->anchors = true;
	/* Draft-07: "$id": "#name". */
	if (r->draft == DRAFT_7)
		name = str_sub(name, 1, name.len);
	else if (at->type != JSON_STRING || !is_anchor(name))
		return schema_refuse(c, source, at, ERR_PARAMS,
		    "must be a name: a letter or \"_\", then letters, digits, "
		    "\"-\", \"_\", \".\"");
	if (dynamic) {
		a = arena_zalloc(&c->schema->arena, sizeof *a);
		if (a == NULL)
			return schema_nomem(c);
		a->name = name;
		a->rule = schema_rule_of(c, source, node, r);
		a->next = r->dynamic;
		r->dynamic = a;
		if (a->rule == NULL)
			return ERR_LIMIT;
	}
	key = anchor_key(c, r, name);
	if (key.ptr == NULL)
		return schema_nomem(c);
	return target_add(c, source, at, key, r, node, dynamic);
}

static int
anchors_add(struct schema_compiler *c, struct schema_source *source,
    const struct json_node *node, struct schema_resource *r)
{
	const struct json_node *at;
	int rc = 0;

	if (r->draft == DRAFT_7) {
		at = json_get(node, S("$id"));
		if (at != NULL && !is_only_ref(r, node)
		    && str_starts(json_str(at), S("#")))
			rc = anchor_add(c, source, node, at, r, false);
		return rc;
	}
	at = json_get(node, S("$anchor"));
	if (at != NULL)
		rc = anchor_add(c, source, node, at, r, false);
	at = json_get(node, S("$dynamicAnchor"));
	if (rc == 0 && at != NULL)
		rc = anchor_add(c, source, node, at, r, true);
	return rc;
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
	rc = identify(c, source, node, parent, &r);
	if (rc < 0)
		return rc;
	source->resource_of[at] = r;
	if (schema_rule_of(c, source, node, r) == NULL)
		return ERR_LIMIT;
	if (node->type != JSON_OBJECT)
		return 0;
	rc = anchors_add(c, source, node, r);
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
	source->uri = arena_dup(&c->schema->arena, without_fragment(uri));
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
	struct str name = without_fragment(json_str(ref));
	struct schema_resource *found = NULL;
	struct str uri = STR_NONE, json;
	struct schema_target *t;
	struct err why = { 0, "" };
	int rc;

	if (name.len == 0)
		return source
		    ->resource_of[from->resource->node - source->doc.nodes];
	if (absolute(c, from->resource->uri, name, &uri) < 0)
		return NULL;
	t = map_find(&c->uris, uri);
	if (t != NULL)
		return t->resource;
	rc = document_find(c, uri, &json, &why);
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
	key = anchor_key(c, *resource, fragment);
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
