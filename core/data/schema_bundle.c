/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a schema and all documents it refers to as one text, for those who
 * can follow a reference nowhere: clients.
 *
 * Two forms.  Where no document has names or identities inside, references
 * become plain pointers ("#/$defs/place/$defs/street"), which everybody
 * understands, and the $id of a document is left out.  Else each document
 * keeps an $id of its own, and references across documents name it in full. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/schema_compile.h"
#include "data/uri.h"

/* One document that is put into the schema. */
struct part {
	const struct schema_source *source;
	struct str key; /* below $defs */
};

struct bundle {
	const struct schema *schema;
	const struct schema_source *root;
	struct part *parts; /* owned */
	size_t parts_len;
	const struct schema_link **links; /* owned; by place in the texts */
	size_t links_len;
	const char *defs; /* the keyword */
	bool by_id;
	struct arena arena;
	struct buf *out;
	struct buf *pointer;
	struct err *err;
	int rc; /* the first failure */
};

static const struct part *
part_of(const struct bundle *b, const struct schema_source *source)
{
	for (size_t i = 0; i < b->parts_len; i++)
		if (b->parts[i].source == source)
			return &b->parts[i];
	return NULL;
}

static int
fail(struct bundle *b, const struct schema_link *l, const char *what)
{
	struct buf pointer;

	if (b->rc < 0)
		return b->rc;
	buf_init(&pointer);
	if (l != NULL && l->source != b->root) {
		buf_str(&pointer, l->source->uri);
		buf_char(&pointer, '#');
	}
	if (l != NULL)
		schema_pointer_put(&pointer, l->source, l->ref);
	if (b->pointer != NULL)
		buf_str(b->pointer, buf_view(&pointer));
	if (pointer.len == 0)
		buf_char(&pointer, '/');
	b->rc = err_set(b->err, l != NULL ? ERR_UNSUPPORTED : ERR_NOMEM,
	    "%.*s: %s", STR_FMT(buf_view(&pointer)), what);
	buf_finish(&pointer);
	return b->rc;
}

/* Some reference that leads into source. */
static const struct schema_link *
link_to(const struct bundle *b, const struct schema_source *source)
{
	const struct schema_link *l = b->schema->links;

	while (l->next != NULL && l->named->source != source)
		l = l->next;
	return l;
}

/* "place" of "toolpost:/weather/common/place.json". */
static struct str
name_of(struct bundle *b, struct str uri)
{
	struct str name = uri;
	struct buf text;

	while (name.len > 0 && str_find(name, '/') + 1 < name.len)
		name = str_sub(name, str_find(name, '/') + 1, name.len);
	if (str_find(name, '.') > 0)
		name = str_sub(name, 0, str_find(name, '.'));
	buf_init(&text);
	for (size_t i = 0; i < name.len; i++)
		buf_char(&text,
		    uri_is_unreserved((unsigned char)name.ptr[i])
			    && name.ptr[i] != '~'
			? name.ptr[i]
			: '_');
	name = text.failed || text.len == 0
	    ? S("schema")
	    : arena_dup(&b->arena, buf_view(&text));
	buf_finish(&text);
	return name;
}

static bool
is_taken(const struct bundle *b, struct str key)
{
	for (size_t i = 0; i < b->parts_len; i++)
		if (str_equal(b->parts[i].key, key))
			return true;
	return json_get(json_get(b->root->doc.nodes, str_of(b->defs)), key)
	    != NULL;
}

static struct str
key_of(struct bundle *b, struct str uri)
{
	struct str name = name_of(b, uri), key = name;

	for (unsigned n = 2; is_taken(b, key); n++) {
		struct buf text;

		buf_init(&text);
		buf_str(&text, name);
		buf_printf(&text, "_%u", n);
		key = arena_dup(&b->arena, buf_view(&text));
		buf_finish(&text);
		if (key.ptr == NULL)
			break;
	}
	if (key.ptr == NULL)
		(void)fail(b, NULL, "out of memory");
	return key;
}

static bool
is_draft_7_ref(const struct schema_source *s)
{
	return s != NULL && s->resource_of[0]->draft == DRAFT_7
	    && json_type(json_get(s->doc.nodes, S("$ref"))) == JSON_STRING;
}

/* What is put in, and in which form. */
static int
parts_find(struct bundle *b)
{
	const struct schema_resource *own = b->root->resource_of[0];
	size_t n = 1;

	for (const struct schema_source *s = b->schema->sources; s != NULL;
	     s = s->next)
		n++;
	b->parts = calloc(n, sizeof *b->parts);
	if (b->parts == NULL)
		return fail(b, NULL, "out of memory");
	b->by_id = b->root->resources > 1;
	for (const struct schema_source *s = b->schema->sources;
	     s != NULL && s != b->root && b->rc == 0; s = s->next) {
		const struct schema_resource *r = s->resource_of[0];

		if (s->builtin)
			continue;
		if (r->draft != own->draft
		    || r->vocabularies != own->vocabularies)
			return fail(b, link_to(b, s),
			    "leads to a schema of another dialect, and clients "
			    "get both as one");
		b->by_id = b->by_id || s->resources > 1 || s->anchors;
		b->parts[b->parts_len].key = key_of(b, s->uri);
		b->parts[b->parts_len++].source = s;
	}
	for (size_t i = 0; b->by_id && b->rc == 0 && i < b->parts_len; i++)
		if (is_draft_7_ref(b->parts[i].source))
			return fail(b, link_to(b, b->parts[i].source),
			    "leads to a schema that is nothing but a $ref, "
			    "beside others with names (use allOf there)");
	return b->rc;
}

static int
link_order(const void *a, const void *b)
{
	uintptr_t x =
	    (uintptr_t)(*(const struct schema_link *const *)a)->ref->raw;
	uintptr_t y =
	    (uintptr_t)(*(const struct schema_link *const *)b)->ref->raw;

	return (x > y) - (x < y);
}

static int
links_sort(struct bundle *b)
{
	size_t n = 0;

	for (const struct schema_link *l = b->schema->links; l != NULL;
	     l = l->next)
		n++;
	b->links = calloc(n + 1, sizeof(*b->links));
	if (b->links == NULL)
		return fail(b, NULL, "out of memory");
	for (const struct schema_link *l = b->schema->links; l != NULL;
	     l = l->next)
		b->links[b->links_len++] = l;
	qsort(b->links, b->links_len, sizeof(*b->links), link_order);
	return 0;
}

static void
put_fragment(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (uri_is_unreserved(c)
		    || (c != '\0' && strchr("/!$&'()*+,;=:@", c) != NULL))
			buf_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void
put_json(struct bundle *b, struct buf *out, struct str s)
{
	if (json_write_str(out, s) < 0)
		(void)fail(b, NULL, "out of memory");
}

/* The text of a reference in the new document; false: as it was. */
static bool
put_ref(struct bundle *b, const struct schema_link *l, struct buf *text)
{
	const struct schema_source *to = l->target->resource->source;
	struct str old = json_str(l->ref);
	const struct part *part = part_of(b, to);
	struct buf pointer;

	if (l->source == to && (b->by_id || to == b->root))
		return false;
	if (to->builtin || b->by_id) {
		buf_str(text, l->named->uri);
		buf_str(text, str_sub(old, str_find(old, '#'), old.len));
		return true;
	}
	buf_char(text, '#');
	buf_init(&pointer);
	if (part != NULL) {
		buf_printf(&pointer, "/%s/", b->defs);
		buf_str(&pointer, part->key); /* nothing to escape */
	}
	schema_pointer_put(&pointer, to, l->target->node);
	put_fragment(text, buf_view(&pointer));
	if (pointer.failed)
		(void)fail(b, NULL, "out of memory");
	buf_finish(&pointer);
	return true;
}

/* The first reference in the text from at on; NULL: none before end. */
static const struct schema_link *
link_next(const struct bundle *b, const char *at, const char *end)
{
	size_t low = 0, high = b->links_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((uintptr_t)b->links[middle]->ref->raw < (uintptr_t)at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < b->links_len
		&& (uintptr_t)b->links[low]->ref->raw < (uintptr_t)end
	    ? b->links[low]
	    : NULL;
}

static void
put_link(struct bundle *b, const struct schema_link *l)
{
	struct buf text;

	buf_init(&text);
	if (put_ref(b, l, &text))
		put_json(b, b->out, buf_view(&text));
	else
		buf_str(b->out, json_raw(l->ref));
	if (text.failed)
		(void)fail(b, NULL, "out of memory");
	buf_finish(&text);
}

static void
put_value(struct bundle *b, const struct json_node *v)
{
	const char *at = v->raw, *end = v->raw + v->raw_len;
	const struct schema_link *l;

	while ((l = link_next(b, at, end)) != NULL) {
		buf_append(b->out, at, (size_t)(l->ref->raw - at));
		put_link(b, l);
		at = l->ref->raw + l->ref->raw_len;
	}
	buf_append(b->out, at, (size_t)(end - at));
}

static void
put_comma(struct bundle *b, bool *first)
{
	if (!*first)
		buf_char(b->out, ',');
	*first = false;
}

static void
put_part(struct bundle *b, const struct part *part)
{
	const struct json_node *root;
	bool first = true;

	if (part->source == NULL)
		return; /* each has one, which the analyzer cannot see */
	root = part->source->doc.nodes;
	put_json(b, b->out, part->key);
	buf_char(b->out, ':');
	if (root->type != JSON_OBJECT) {
		put_value(b, root);
		return;
	}
	buf_char(b->out, '{');
	if (b->by_id) {
		put_comma(b, &first);
		BUF_LIT(b->out, "\"$id\":");
		put_json(b, b->out, part->source->resource_of[0]->uri);
	}
	JSON_EACH_MEMBER (k, v, root) {
		if (str_equal(json_str(k), S("$schema"))
		    || str_equal(json_str(k), S("$id")))
			continue;
		put_comma(b, &first);
		buf_str(b->out, json_raw(k));
		buf_char(b->out, ':');
		put_value(b, v);
	}
	buf_char(b->out, '}');
}

static void
put_parts(struct bundle *b, bool *first)
{
	for (size_t i = 0; i < b->parts_len && b->rc == 0; i++) {
		put_comma(b, first);
		put_part(b, &b->parts[i]);
	}
}

/* $defs with what was there and the parts. */
static void
put_defs(struct bundle *b, const struct json_node *defs)
{
	bool first = true;

	buf_char(b->out, '{');
	JSON_EACH_MEMBER (k, v, defs) {
		put_comma(b, &first);
		buf_str(b->out, json_raw(k));
		buf_char(b->out, ':');
		put_value(b, v);
	}
	put_parts(b, &first);
	buf_char(b->out, '}');
}

static void
put_root(struct bundle *b)
{
	const struct json_node *root = b->root->doc.nodes;
	const struct json_node *defs = json_get(root, str_of(b->defs));
	const struct json_node *id = json_get(root, S("$id"));
	bool named = b->root->resource_of[0]->uri.ptr != b->root->uri.ptr;
	bool first = true;

	buf_char(b->out, '{');
	JSON_EACH_MEMBER (k, v, root) {
		put_comma(b, &first);
		buf_str(b->out, json_raw(k));
		buf_char(b->out, ':');
		if (v == defs)
			put_defs(b, v);
		else if (v == id && named && b->by_id)
			put_json(b, b->out, b->root->resource_of[0]->uri);
		else
			put_value(b, v);
	}
	if (defs == NULL) {
		put_comma(b, &first);
		buf_printf(b->out, "\"%s\":", b->defs);
		put_defs(b, NULL);
	}
	buf_char(b->out, '}');
}

int
schema_bundle(const struct schema *s, struct buf *out, struct buf *pointer,
    struct err *err)
{
	struct bundle b = {
		.schema = s, .out = out, .pointer = pointer, .err = err
	};
	size_t before = out->len;

	OBJ_CHECK(s, SCHEMA_MAGIC);
	arena_init(&b.arena, SCHEMA_MEMORY_MAX);
	b.root = s->sources;
	while (b.root->next != NULL)
		b.root = b.root->next;
	b.defs =
	    b.root->resource_of[0]->draft == DRAFT_7 ? "definitions" : "$defs";
	if (parts_find(&b) == 0) {
		if (b.parts_len == 0)
			buf_str(out, json_raw(b.root->doc.nodes));
		else if (links_sort(&b) == 0)
			put_root(&b);
	}
	if (b.rc == 0 && out->failed)
		(void)fail(&b, NULL, "out of memory");
	if (b.rc < 0)
		out->len = before;
	free(b.links);
	free(b.parts);
	arena_finish(&b.arena);
	return b.rc;
}
