/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: which dialect a schema is of, its $id, its anchors. */
#include <string.h>

#include "base/check.h"
#include "data/schema_compile.h"
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

		if (schema_document_find(c, uri, &text, &why) < 0
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
		    schema_without_fragment(
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
	uri = schema_without_fragment(json_str(at));
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
int
schema_uri_absolute(
    struct schema_compiler *c, struct str base, struct str ref, struct str *out)
{
	struct buf b;
	int rc;

	buf_init(&b);
	rc = uri_resolve(base, schema_without_fragment(ref), &b);
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
int
schema_identify(struct schema_compiler *c, struct schema_source *source,
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
	rc = schema_uri_absolute(c, r->uri, json_str(id), &r->uri);
	if (rc < 0)
		return rc;
	return target_add(c, source, id, r->uri, r, node, false);
}

struct str
schema_anchor_key(
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
	key = schema_anchor_key(c, r, name);
	if (key.ptr == NULL)
		return schema_nomem(c);
	return target_add(c, source, at, key, r, node, dynamic);
}

int
schema_anchors_add(struct schema_compiler *c, struct schema_source *source,
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
