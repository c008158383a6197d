/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that come while the plugin runs: what the manifest grants, and one
 * entry read from JSON by the same checks as those of the file. */
#include <stdlib.h>
#include <string.h>

#include <toolpost/abi.h>

#include "data/json.h"
#include "plugin/manifest_documents.h"

#define PREFIX_MAX 32
#define ABOUT_MEMORY ((size_t)8 * 1024 * 1024)

struct raw_grant {
	struct str prefix;
	int64_t max;
	struct settings_strs kinds;
};

/* clang-format off */
static const struct settings_item grant_items[] = {
	{ .key = "prefix", .type = SETTINGS_STR, .required = true,
	  .offset = offsetof(struct raw_grant, prefix),
	  .help = "add prefix: how every name begins, for example gh_" },
	{ .key = "max", .type = SETTINGS_INT, .fallback = "100",
	  .min = 1, .max = PLUGIN_DYNAMIC_MAX,
	  .offset = offsetof(struct raw_grant, max),
	  .help = "entries at once" },
	{ .key = "kinds", .type = SETTINGS_STRS, .required = true,
	  .offset = offsetof(struct raw_grant, kinds),
	  .help = "add kinds: some of [tool, resource, prompt]" },
	{ .key = NULL },
};
/* clang-format on */

static const char *const kind_words[] = { "", "tool", "resource", "prompt" };

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "gh" of "gh_": what stands before the colon of a URI. */
static struct str
scheme_of(struct str prefix)
{
	while (prefix.len > 0 && !is_letter(prefix.ptr[prefix.len - 1])
	    && !is_digit(prefix.ptr[prefix.len - 1]))
		prefix.len--;
	return prefix;
}

static void
check_prefix(struct manifest_reader *r, const struct yaml_node *map)
{
	struct str prefix = r->m->dynamic.prefix;
	bool ok = prefix.len > 0 && prefix.len <= PREFIX_MAX
	    && is_letter(prefix.ptr[0]);

	for (size_t i = 0; i < prefix.len; i++)
		ok = ok
		    && (is_letter(prefix.ptr[i]) || is_digit(prefix.ptr[i])
			|| strchr("_.-", prefix.ptr[i]) != NULL);
	if (!ok) {
		manifest_refuse(r, TP_DYNAMIC, manifest_at(map, "prefix"),
		    "a letter first, then letters, digits and _ . - only",
		    "dynamic.prefix: \"%.*s\" does not begin a name, or has "
		    "more than %d characters",
		    STR_FMT(prefix), PREFIX_MAX);
		return;
	}
	prefix = scheme_of(prefix);
	if (r->m->dynamic.kinds[TP_KIND_RESOURCE]
	    && memchr(prefix.ptr, '_', prefix.len) != NULL)
		manifest_refuse(r, TP_DYNAMIC, manifest_at(map, "prefix"),
		    "use - inside it, or leave resource out of kinds",
		    "dynamic.prefix: URIs would begin with \"%.*s:\", and a "
		    "scheme has no _",
		    STR_FMT(prefix));
}

void
manifest_read_grant(struct manifest_reader *r, const struct yaml_node *map)
{
	struct plugin_grant *g = &r->m->dynamic;
	struct raw_grant raw;

	if (map == NULL
	    || settings_read(grant_items, map, "dynamic", &raw, &r->m->arena,
		   r->file, r->diags)
		< 0)
		return;
	g->prefix = raw.prefix;
	g->max = (size_t)raw.max;
	for (size_t i = 0; i < raw.kinds.len; i++) {
		unsigned kind = TP_KIND_PROMPT;

		while (kind > 0
		    && !str_equal(raw.kinds.items[i], str_of(kind_words[kind])))
			kind--;
		if (kind == 0)
			manifest_refuse(r, TP_DYNAMIC,
			    manifest_at(map, "kinds"),
			    "write some of [tool, resource, prompt]",
			    "dynamic.kinds[%zu]: \"%.*s\" is not a kind of "
			    "entry",
			    i, STR_FMT(raw.kinds.items[i]));
		g->kinds[kind] = true;
	}
	g->kinds[0] = false;
	check_prefix(r, map);
}

bool
plugin_grant_name_fits(
    const struct plugin_grant *g, unsigned kind, struct str name)
{
	struct str scheme = scheme_of(g->prefix);

	if (kind != TP_KIND_RESOURCE)
		return str_starts(name, g->prefix) && name.len > g->prefix.len;
	return name.len > scheme.len + 1 && str_starts(name, scheme)
	    && name.ptr[scheme.len] == ':';
}

/* One entry being read. */
struct about {
	struct manifest_reader r;
	unsigned nodes; /* made so far: where a finding points */
	size_t depth;
};

static struct yaml_node *
node_make(struct about *a)
{
	struct yaml_node *n = arena_zalloc(&a->r.m->arena, sizeof *n);

	if (n == NULL) {
		a->r.nomem = true;
		return NULL;
	}
	n->at.line = ++a->nodes;
	n->key_at = n->at;
	return n;
}

/* A text member as the reader of the file would have it. */
static struct yaml_node *
scalar_make(struct about *a, struct str text, bool plain)
{
	struct yaml_node *n = node_make(a);

	if (n == NULL)
		return NULL;
	n->type = YAML_SCALAR;
	n->text = manifest_dup(&a->r, text);
	n->plain = plain;
	return n;
}

static struct yaml_node *node_of_json(
    struct about *a, const struct json_node *json);

static bool
child_add(struct about *a, struct yaml_node *parent, struct yaml_node ***tail,
    const struct json_node *key, const struct json_node *value)
{
	struct yaml_node *n = node_of_json(a, value);

	if (n == NULL)
		return false;
	if (key != NULL)
		n->key = manifest_dup(&a->r, json_str(key));
	**tail = n;
	*tail = &n->next;
	parent->count++;
	return true;
}

/* Recursion is bounded by YAML_DEPTH_MAX, the nodes by YAML_EVENTS_MAX. */
static struct yaml_node *
node_of_json(struct about *a, const struct json_node *json)
{
	struct yaml_node *n, **tail;
	bool ok = true;

	if (json->type < JSON_ARRAY)
		return json->type == JSON_STRING
		    ? scalar_make(a, json_str(json), false)
		    : scalar_make(a, json_raw(json), true);
	n = node_make(a);
	if (n == NULL)
		return NULL;
	if (++a->depth > YAML_DEPTH_MAX || a->nodes > YAML_EVENTS_MAX) {
		manifest_refuse(&a->r, TP_DYNAMIC, n->at, NULL,
		    "about: more than %d levels or %d values", YAML_DEPTH_MAX,
		    YAML_EVENTS_MAX);
		return NULL;
	}
	n->type = json->type == JSON_OBJECT ? YAML_MAP : YAML_LIST;
	tail = &n->first;
	if (json->type == JSON_OBJECT)
		JSON_EACH_MEMBER (k, v, json)
			ok = ok && child_add(a, n, &tail, k, v);
	else
		JSON_EACH_ELEMENT (v, json)
			ok = ok && child_add(a, n, &tail, NULL, v);
	a->depth--;
	return ok ? n : NULL;
}

/* What the name is for this kind must be there, and be the name. */
static void
name_add(
    struct about *a, struct yaml_node *map, const char *key, struct str name)
{
	const struct yaml_node *given = yaml_get(map, str_of(key));
	struct yaml_node *n;

	if (given == NULL) {
		n = scalar_make(a, name, false);
		if (n == NULL)
			return;
		n->key = str_of(key);
		n->next = map->first;
		map->first = n;
		map->count++;
	} else if (given->type != YAML_SCALAR
	    || !str_equal(given->text, name)) {
		manifest_refuse(&a->r, TP_DYNAMIC, given->at,
		    "leave it out, the entry's name is taken",
		    "about.%s: is not the entry's name, \"%.*s\"", key,
		    STR_FMT(name));
	}
}

static const char *
key_of(unsigned kind, const struct yaml_node *map)
{
	if (kind != TP_KIND_RESOURCE)
		return "name";
	return yaml_get(map, S("uriTemplate")) != NULL ? "uriTemplate" : "uri";
}

static void
about_read(struct about *a, unsigned kind, struct str name, struct str text)
{
	struct json_doc doc;
	struct yaml_node *map = NULL;
	struct buf fault;

	json_doc_init(&doc);
	buf_init(&fault);
	if (text.len > YAML_FILE_MAX)
		manifest_refuse(&a->r, TP_DYNAMIC, (struct diag_at){ 0, 0 },
		    NULL, "about: %zu bytes, at most %zu", text.len,
		    YAML_FILE_MAX);
	else if (json_parse(&doc, text, JSON_PROTOCOL) < 0) {
		a->r.nomem = doc.fault == JSON_NOMEM;
		json_fault_text(&doc, text, &fault);
		manifest_refuse(&a->r, TP_DYNAMIC, (struct diag_at){ 0, 0 },
		    "about is one JSON object", "about: %.*s",
		    STR_FMT(buf_view(&fault)));
	} else if (doc.nodes[0].type != JSON_OBJECT)
		manifest_refuse(&a->r, TP_DYNAMIC, (struct diag_at){ 0, 0 },
		    NULL, "about: must be a JSON object");
	else
		map = node_of_json(a, &doc.nodes[0]);
	if (map != NULL) {
		a->r.root = map;
		manifest_check_characters(&a->r, map);
		name_add(a, map, key_of(kind, map), name);
		manifest_read_entry(
		    &a->r, kind, map, "about", &a->r.m->entries[0]);
	}
	buf_finish(&fault);
	json_doc_finish(&doc);
}

/* "/inputSchema/type" of the node with that number. */
static bool
pointer_find(const struct yaml_node *n, unsigned number, struct buf *out)
{
	size_t len = out->len, i = 0;

	if (n->at.line == number)
		return true;
	for (const struct yaml_node *c = n->first; c != NULL;
	     c = c->next, i++) {
		buf_char(out, '/');
		if (n->type == YAML_LIST)
			buf_printf(out, "%zu", i);
		for (size_t k = 0; k < c->key.len; k++)
			if (c->key.ptr[k] == '~' || c->key.ptr[k] == '/')
				buf_cstr(
				    out, c->key.ptr[k] == '~' ? "~0" : "~1");
			else
				buf_char(out, c->key.ptr[k]);
		if (pointer_find(c, number, out))
			return true;
		out->len = len;
	}
	return false;
}

struct plugin_manifest *
plugin_manifest_read_about(const struct plugin_manifest *of, unsigned kind,
    struct str name, struct str text, struct diags *diags, struct buf *pointer)
{
	struct plugin_manifest *m = calloc(1, sizeof *m);
	struct about a = { .r = { .m = m, .file = "about", .diags = diags } };
	size_t before = diags->errors;
	struct manifest_documents documents;

	if (m == NULL)
		return NULL;
	manifest_documents_init(&documents, &a.r, NULL, NULL);
	a.r.documents = &documents;
	a.r.format_assertion = of->format_assertion;
	m->name = of->name; /* borrowed: where schemas lie */
	arena_init(&m->arena, ABOUT_MEMORY);
	m->limits = m->declared = of->declared;
	m->entries = arena_zalloc(&m->arena, sizeof *m->entries);
	if (m->entries != NULL) {
		m->entries_len = 1;
		a.r.errors_before = before;
		manifest_documents_add(&documents, NULL);
		about_read(&a, kind, name, text);
	}
	a.r.nomem = a.r.nomem || documents.failed;
	manifest_documents_finish(&documents);
	if (diags->errors == before && !a.r.nomem && !m->arena.failed) {
		plugin_limits_inherit(m, of->anew);
		return m;
	}
	for (size_t i = 0; i < diags->len; i++)
		if (diags->items[i].severity == DIAG_ERROR
		    && a.r.root != NULL) {
			(void)pointer_find(a.r.root, diags->items[i].at.line,
			    pointer); /* or none */
			break;
		}
	plugin_manifest_destroy(m);
	return NULL;
}
