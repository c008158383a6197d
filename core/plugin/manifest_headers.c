/* SPDX-License-Identifier: Apache-2.0 */
/* x-mcp-header: arguments that clients repeat as HTTP fields (XHD-01 to 05).
 * A tool that breaks the rules is refused here, since clients would drop it
 * without a word. */
#include <string.h>

#include "plugin/manifest_priv.h"

#define KEY "x-mcp-header"
#define DEPTH_MAX 32 /* of annotated properties */
#define MIRRORS_MAX 64
#define INTEGER_MAX INT64_C(9007199254740991) /* 2^53 - 1 */

/* How a subschema was reached. */
enum reach { REACH_PROPERTIES, REACH_OTHER };

struct header_walk {
	struct manifest_reader *r;
	struct registry_mirror mirrors[MIRRORS_MAX];
	size_t len;
	struct str names[DEPTH_MAX]; /* of the properties on the way */
	size_t depth;
};

static bool
one_of(struct str key, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_equal(key, str_of(*names)))
			return true;
	return false;
}

/* XHD-11 */
static void
warn_secret(
    struct header_walk *w, const struct yaml_node *mark, const char *path)
{
	static const char *const words[] = { "password", "passwd", "secret",
		"token", "api_key", "apikey", "api-key", "credential",
		"authorization", "ssn" };
	struct str name = w->names[w->depth - 1];

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct str word = str_of(words[i]);

		for (size_t at = 0; at + word.len <= name.len; at++) {
			if (!str_equal_nocase(
				str_sub(name, at, at + word.len), word))
				continue;
			manifest_warn(w->r, TP_HEADER_SECRET, mark->at,
			    "fields are logged by proxies on the way",
			    "%s." KEY ": \"%.*s\" looks like a secret", path,
			    STR_FMT(name));
			return;
		}
	}
}

static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			|| (c >= '0' && c <= '9')
			|| (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
			return false;
	}
	return s.len > 0 && s.len <= PLUGIN_TOOL_NAME_MAX;
}

static bool
name_check(
    struct header_walk *w, const struct yaml_node *mark, const char *path)
{
	static const struct str prefix = STR("Mcp-Param-");

	if (mark->type != YAML_SCALAR || !is_token(mark->text)) {
		manifest_refuse(w->r, TP_HEADER, mark->at,
		    "use letters, digits and hyphens, at most 64",
		    "%s." KEY ": \"%.*s\" cannot be part of a field name", path,
		    STR_FMT(mark->text));
		return false;
	}
	for (size_t i = 0; i < w->len; i++) {
		struct str other = w->mirrors[i].header;

		if (!str_equal_nocase(
			str_sub(other, prefix.len, other.len), mark->text))
			continue;
		manifest_refuse(w->r, TP_HEADER, mark->at,
		    "field names do not differ by case",
		    "%s." KEY ": \"%.*s\" is used twice in this tool", path,
		    STR_FMT(mark->text));
		return false;
	}
	return true;
}

/* XHD-03 */
static bool
type_check(struct header_walk *w, const struct yaml_node *schema,
    const struct yaml_node *mark, const char *path,
    enum registry_mirror_type *type)
{
	static const char *const names[] = { "string", "integer", "boolean" };
	const struct yaml_node *given = manifest_schema_type(schema);

	for (int i = 0; i < 3; i++)
		if (given != NULL && str_equal(given->text, str_of(names[i]))) {
			*type = (enum registry_mirror_type)i;
			return true;
		}
	manifest_refuse(w->r, TP_HEADER, mark->at,
	    "give it type: string, integer or boolean",
	    "%s." KEY ": a value of type \"%.*s\" cannot be a field", path,
	    given != NULL ? (int)given->text.len : 3,
	    given != NULL ? given->text.ptr : "any");
	return false;
}

/* XHD-03: numbers that every client can hold. */
static void
range_check(
    struct header_walk *w, const struct yaml_node *schema, const char *path)
{
	static const char *const bounds[] = { "minimum", "maximum",
		"exclusiveMinimum", "exclusiveMaximum", "const", "default",
		NULL };

	for (const struct yaml_node *n = schema->first; n != NULL;
	     n = n->next) {
		int64_t value = 0;
		int rc = ERR_SYNTAX;

		if (n->type == YAML_SCALAR && one_of(n->key, bounds))
			rc = str_to_i64(n->text, &value);
		if (rc == ERR_LIMIT
		    || (rc == 0
			&& (value > INTEGER_MAX || value < -INTEGER_MAX)))
			manifest_refuse(w->r, TP_HEADER, n->at, NULL,
			    "%s.%.*s: a mirrored integer stays within "
			    "+-9007199254740991",
			    path, STR_FMT(n->key));
	}
}

static void
mirror_add(struct header_walk *w, const struct yaml_node *mark,
    enum registry_mirror_type type)
{
	struct registry_mirror *m = &w->mirrors[w->len];
	struct arena *arena = &w->r->m->arena;
	struct buf header;

	buf_init(&header);
	BUF_LIT(&header, "Mcp-Param-");
	buf_str(&header, mark->text);
	m->header = manifest_dup(w->r, buf_view(&header));
	buf_finish(&header);
	m->type = type;
	m->path_len = w->depth;
	m->path = arena_alloc(arena, w->depth * sizeof *m->path);
	if (m->path == NULL) {
		w->r->nomem = true;
		return;
	}
	memcpy(m->path, w->names, w->depth * sizeof *m->path);
	w->len++;
}

static void
mark_read(struct header_walk *w, const struct yaml_node *schema,
    const struct yaml_node *mark, const char *path, enum reach reach)
{
	enum registry_mirror_type type;

	if (reach != REACH_PROPERTIES || w->depth == 0) {
		manifest_refuse(w->r, TP_HEADER, mark->at,
		    "only properties reached by \"properties\" alone can be "
		    "mirrored",
		    "%s." KEY ": not possible in this place", path);
		return;
	}
	if (!name_check(w, mark, path)
	    || !type_check(w, schema, mark, path, &type))
		return;
	if (type == REGISTRY_MIRROR_INTEGER)
		range_check(w, schema, path);
	warn_secret(w, mark, path);
	if (w->len == MIRRORS_MAX) {
		manifest_refuse(w->r, TP_HEADER, mark->at, NULL,
		    "%s." KEY ": more than %d in one tool", path, MIRRORS_MAX);
		return;
	}
	mirror_add(w, mark, type);
}

static void walk_schema(struct header_walk *w, const struct yaml_node *schema,
    const char *path, enum reach reach);

/* Every value of the map is a schema. */
static void
walk_map(struct header_walk *w, const struct yaml_node *map, const char *path,
    enum reach reach)
{
	struct manifest_path below;

	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		manifest_path_set(&below, "%s.%.*s", path, STR_FMT(n->key));
		if (reach == REACH_OTHER || w->depth == DEPTH_MAX) {
			walk_schema(w, n, below.text, REACH_OTHER);
			continue;
		}
		w->names[w->depth++] = n->key;
		walk_schema(w, n, below.text, reach);
		w->depth--;
	}
}

/* Recursion is bounded by YAML_DEPTH_MAX. */
static void
walk_schema(struct header_walk *w, const struct yaml_node *schema,
    const char *path, enum reach reach)
{
	static const char *const data[] = { "const", "enum", "default",
		"examples", NULL };
	static const char *const maps[] = { "patternProperties", "$defs",
		"definitions", "dependentSchemas", "dependencies", NULL };
	struct manifest_path below;
	size_t i = 0;

	if (schema->type == YAML_SCALAR)
		return;
	for (const struct yaml_node *n = schema->first; n != NULL;
	     n = n->next) {
		if (schema->type == YAML_LIST) {
			manifest_path_set(&below, "%s[%zu]", path, i++);
			walk_schema(w, n, below.text, REACH_OTHER);
			continue;
		}
		manifest_path_set(&below, "%s.%.*s", path, STR_FMT(n->key));
		if (str_equal(n->key, S(KEY)))
			mark_read(w, schema, n, path, reach);
		else if (str_equal(n->key, S("properties"))
		    && n->type == YAML_MAP)
			walk_map(w, n, below.text, reach);
		else if (one_of(n->key, maps) && n->type == YAML_MAP)
			walk_map(w, n, below.text, REACH_OTHER);
		else if (!one_of(n->key, data))
			walk_schema(w, n, below.text, REACH_OTHER);
	}
}

void
manifest_read_mirrors(struct manifest_reader *r, const struct yaml_node *schema,
    const char *path, struct registry_entry *e)
{
	struct header_walk w = { .r = r };
	struct registry_mirror *mirrors;

	walk_schema(&w, schema, path, REACH_PROPERTIES);
	if (w.len == 0)
		return;
	mirrors = arena_alloc(&r->m->arena, w.len * sizeof *mirrors);
	if (mirrors == NULL) {
		r->nomem = true;
		return;
	}
	memcpy(mirrors, w.mirrors, w.len * sizeof *mirrors);
	e->mirrors = mirrors;
	e->mirrors_len = w.len;
}
