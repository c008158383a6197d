/* SPDX-License-Identifier: Apache-2.0 */
/* Icons, annotations and _meta: small JSON values that are checked here and
 * sent to clients as they are. */
#include <stdio.h>
#include <string.h>

#include "data/json.h"
#include "data/uri.h"
#include "plugin/manifest_priv.h"

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_alnum(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

static bool
label_is_valid(struct str label)
{
	if (label.len == 0 || !is_letter(label.ptr[0])
	    || !is_alnum(label.ptr[label.len - 1]))
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-')
			return false;
	return true;
}

static bool
meta_name_is_valid(struct str name)
{
	if (name.len == 0)
		return true;
	if (!is_alnum(name.ptr[0]) || !is_alnum(name.ptr[name.len - 1]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_alnum(name.ptr[i]) && name.ptr[i] != '-'
		    && name.ptr[i] != '_' && name.ptr[i] != '.')
			return false;
	return true;
}

static bool
label_is_reserved(struct str label)
{
	return str_equal_nocase(label, S("modelcontextprotocol"))
	    || str_equal_nocase(label, S("mcp"));
}

/* META-07, META-10 */
static bool
key_is_of_protocol(struct str key)
{
	return str_equal(key, S("progressToken"))
	    || str_equal(key, S("traceparent"))
	    || str_equal(key, S("tracestate")) || str_equal(key, S("baggage"));
}

const char *
manifest_meta_key_fault(struct str key)
{
	size_t slash = str_find(key, '/');
	struct str prefix = str_sub(key, 0, slash);
	unsigned index = 0;

	if (slash == key.len && key_is_of_protocol(key))
		return "the protocol itself gives it a meaning";
	if (slash == key.len)
		return meta_name_is_valid(key) ? NULL : "it is not a name";
	if (!meta_name_is_valid(str_sub(key, slash + 1, key.len)))
		return "what follows the slash is not a name";
	if (prefix.len == 0 || prefix.ptr[prefix.len - 1] == '.')
		return "its prefix has an empty label";
	for (; prefix.len > 0; index++) {
		struct str label = str_split(prefix, '.', &prefix);

		if (!label_is_valid(label))
			return "its prefix is not dot-separated labels";
		/* META-02: the second label since 2025-11-25; before, any
		 * label with exactly one behind it. */
		if (label_is_reserved(label)
		    && (index == 1
			|| (prefix.len > 0
			    && str_find(prefix, '.') == prefix.len)))
			return "its prefix is reserved for MCP itself";
	}
	return NULL;
}

static struct str
json_of(struct manifest_reader *r, const struct yaml_node *node)
{
	struct str text;
	struct buf b;

	buf_init(&b);
	if (yaml_to_json(node, &b) < 0)
		r->nomem = true;
	text = manifest_dup(r, buf_view(&b));
	buf_finish(&b);
	return text;
}

/* A prefix of one label is nobody's domain; ui/ has a check of its own. */
static bool
prefix_is_short(struct str key)
{
	struct str prefix = str_sub(key, 0, str_find(key, '/'));

	return prefix.len < key.len && str_find(prefix, '.') == prefix.len
	    && !str_equal(prefix, S("ui"));
}

struct str
manifest_read_meta(
    struct manifest_reader *r, const struct yaml_node *map, const char *path)
{
	if (map == NULL)
		return STR_NONE;
	if (map->type != YAML_MAP) {
		manifest_refuse(r, TP_META, map->at, NULL,
		    "%s: expected a map of \"key: value\"", path);
		return STR_NONE;
	}
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		const char *fault = manifest_meta_key_fault(n->key);

		if (fault != NULL)
			manifest_refuse(r, TP_META, n->key_at,
			    "use a name, or your own domain: "
			    "com.example/name",
			    "%s: the key \"%.*s\" cannot be used, %s", path,
			    STR_FMT(n->key), fault);
		else if (prefix_is_short(n->key)) /* META-03 */
			manifest_warn(r, TP_META, n->key_at,
			    "use your own domain backwards: com.example/name",
			    "%s: the prefix of \"%.*s\" may be another's "
			    "too",
			    path, STR_FMT(n->key));
	}
	return json_of(r, map);
}

struct raw_icon {
	struct str src;
	struct str mime;
	struct settings_strs sizes;
	int theme;
};

static const char *const themes[] = { "light", "dark", NULL };

/* clang-format off */
static const struct settings_item icon_items[] = {
	{ .key = "src", .type = SETTINGS_STR, .required = true,
	  .offset = offsetof(struct raw_icon, src),
	  .help = "an https: or data: URI" },
	{ .key = "mimeType", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_icon, mime),
	  .help = "media type of the image" },
	{ .key = "sizes", .type = SETTINGS_STRS,
	  .offset = offsetof(struct raw_icon, sizes),
	  .help = "48x48, or any" },
	{ .key = "theme", .type = SETTINGS_ENUM, .names = themes,
	  .offset = offsetof(struct raw_icon, theme),
	  .help = "the background it is drawn for" },
	{ .key = NULL },
};
/* clang-format on */

static bool
size_is_valid(struct str size)
{
	struct str height, width = str_split(size, 'x', &height);
	uint64_t n;

	return str_equal(size, S("any"))
	    || (str_to_u64(width, &n) == 0 && n > 0
		&& str_to_u64(height, &n) == 0 && n > 0);
}

/* META-12, META-13 */
static void
check_icon(
    struct manifest_reader *r, const struct yaml_node *node, const char *path)
{
	struct raw_icon icon;
	struct manifest_path below;

	if (settings_read(
		icon_items, node, path, &icon, &r->m->arena, r->file, r->diags)
	    < 0)
		return;
	if (icon.src.len > PLUGIN_ICON_MAX)
		manifest_refuse(r, TP_ICON, manifest_at(node, "src"),
		    "put it on a web server and give its https: address",
		    "%s.src: %zu bytes, at most %zu are sent to clients", path,
		    icon.src.len, PLUGIN_ICON_MAX);
	else if ((!str_equal_nocase(uri_scheme(icon.src), S("https"))
		     && !str_equal_nocase(uri_scheme(icon.src), S("data")))
	    || !uri_is_valid(icon.src))
		manifest_refuse(r, TP_ICON, manifest_at(node, "src"),
		    "clients refuse every other scheme",
		    "%s.src: only https: and data: URIs are accepted", path);
	if (yaml_get(node, S("mimeType")) != NULL) {
		manifest_path_set(&below, "%s.mimeType", path);
		(void)manifest_check_mime(r, icon.mime, below.text,
		    manifest_at(node, "mimeType")); /* it has reported */
	}
	for (size_t i = 0; i < icon.sizes.len; i++)
		if (!size_is_valid(icon.sizes.items[i]))
			manifest_refuse(r, TP_ICON, manifest_at(node, "sizes"),
			    "write 48x48, or any",
			    "%s.sizes[%zu]: \"%.*s\" is not a size", path, i,
			    STR_FMT(icon.sizes.items[i]));
}

struct str
manifest_read_icons(
    struct manifest_reader *r, const struct yaml_node *list, const char *path)
{
	struct manifest_path below;
	unsigned i = 0;

	if (list == NULL)
		return STR_NONE;
	if (list->type != YAML_LIST) {
		manifest_refuse(r, TP_ICON, list->at,
		    "write it as - src: https://..",
		    "%s: expected a list of icons", path);
		return STR_NONE;
	}
	for (const struct yaml_node *n = list->first; n != NULL;
	     n = n->next, i++) {
		manifest_path_set(&below, "%s[%u]", path, i);
		check_icon(r, n, below.text);
	}
	return json_of(r, list);
}

int
plugin_icons_read(const struct yaml_node *list, const char *path,
    const char *file, struct arena *arena, struct diags *diags,
    struct str *json)
{
	struct plugin_manifest m = { .arena = *arena }; /* for the reader */
	struct manifest_reader r = { .m = &m, .file = file, .diags = diags };
	size_t before = diags->errors;

	manifest_check_characters(&r, list);
	*json = manifest_read_icons(&r, list, path);
	*arena = m.arena;
	if (r.nomem)
		return ERR_NOMEM;
	return diags->errors == before ? 0 : ERR_CONFIG;
}

struct raw_annotations {
	struct str title;
	bool hints[4];
	struct settings_strs audience;
	struct str priority;
	struct str last_modified;
};

/* clang-format off */
static const struct settings_item tool_annotation_items[] = {
	{ .key = "title", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_annotations, title) },
	{ .key = "readOnlyHint", .type = SETTINGS_BOOL,
	  .offset = offsetof(struct raw_annotations, hints[0]) },
	{ .key = "destructiveHint", .type = SETTINGS_BOOL,
	  .offset = offsetof(struct raw_annotations, hints[1]) },
	{ .key = "idempotentHint", .type = SETTINGS_BOOL,
	  .offset = offsetof(struct raw_annotations, hints[2]) },
	{ .key = "openWorldHint", .type = SETTINGS_BOOL,
	  .offset = offsetof(struct raw_annotations, hints[3]) },
	{ .key = NULL },
};

static const struct settings_item annotation_items[] = {
	{ .key = "audience", .type = SETTINGS_STRS,
	  .offset = offsetof(struct raw_annotations, audience) },
	{ .key = "priority", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_annotations, priority) },
	{ .key = "lastModified", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_annotations, last_modified) },
	{ .key = NULL },
};
/* clang-format on */

/* The two texts among the annotations stay texts whatever they look like. */
static struct str
annotations_json(struct manifest_reader *r, const struct yaml_node *map)
{
	struct str text;
	struct buf b;

	buf_init(&b);
	buf_char(&b, '{');
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		if (n != map->first)
			buf_char(&b, ',');
		buf_json(&b, n->key);
		buf_char(&b, ':');
		if (str_equal(n->key, S("title"))
		    || str_equal(n->key, S("lastModified")))
			buf_json(&b, n->text);
		else if (yaml_to_json(n, &b) < 0)
			r->nomem = true;
	}
	buf_char(&b, '}');
	text = manifest_dup(r, buf_view(&b));
	r->nomem = r->nomem || b.failed;
	buf_finish(&b);
	return text;
}

struct str
manifest_read_tool_annotations(
    struct manifest_reader *r, const struct yaml_node *map, const char *path)
{
	struct raw_annotations raw;
	struct manifest_path below;

	if (map == NULL)
		return STR_NONE;
	if (settings_read(tool_annotation_items, map, path, &raw, &r->m->arena,
		r->file, r->diags)
	    < 0)
		return STR_NONE;
	manifest_path_set(&below, "%s.title", path);
	if (!manifest_check_label(
		r, raw.title, below.text, manifest_at(map, "title")))
		return STR_NONE;
	return annotations_json(r, map);
}

static bool
digits_at(struct str s, size_t from, size_t len)
{
	if (from + len > s.len)
		return false;
	for (size_t i = from; i < from + len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

/* 2025-01-12, 2025-01-12T15:00:58Z, with a fraction, with an offset. */
static bool
is_iso_8601(struct str s)
{
	if (!digits_at(s, 0, 4) || !digits_at(s, 5, 2) || !digits_at(s, 8, 2)
	    || s.ptr[4] != '-' || s.ptr[7] != '-')
		return false;
	if (s.len == 10)
		return true;
	if (s.ptr[10] != 'T' || !digits_at(s, 11, 2) || !digits_at(s, 14, 2)
	    || !digits_at(s, 17, 2) || s.ptr[13] != ':' || s.ptr[16] != ':')
		return false;
	s = str_sub(s, 19, s.len);
	if (s.len > 1 && s.ptr[0] == '.') {
		size_t n = 1;

		while (digits_at(s, n, 1))
			n++;
		s = str_sub(s, n, s.len);
	}
	if (str_equal(s, S("Z")))
		return true;
	return s.len == 6 && (s.ptr[0] == '+' || s.ptr[0] == '-')
	    && digits_at(s, 1, 2) && s.ptr[3] == ':' && digits_at(s, 4, 2);
}

static bool
is_priority(struct str text)
{
	struct json_doc doc;
	double value = -1;

	json_doc_init(&doc);
	if (json_parse(&doc, text, JSON_GRAMMAR) == 0
	    && doc.nodes[0].type == JSON_NUMBER
	    && json_double(&doc.nodes[0], &value) < 0)
		value = -1;
	json_doc_finish(&doc);
	return value >= 0 && value <= 1;
}

/* RSRC-17 */
struct str
manifest_read_annotations(
    struct manifest_reader *r, const struct yaml_node *map, const char *path)
{
	struct raw_annotations raw;
	const struct yaml_node *n;

	if (map == NULL)
		return STR_NONE;
	if (settings_read(annotation_items, map, path, &raw, &r->m->arena,
		r->file, r->diags)
	    < 0)
		return STR_NONE;
	for (size_t i = 0; i < raw.audience.len; i++)
		if (!str_equal(raw.audience.items[i], S("user"))
		    && !str_equal(raw.audience.items[i], S("assistant")))
			manifest_refuse(r, TP_ANNOTATION,
			    manifest_at(map, "audience"),
			    "write user, assistant, or both",
			    "%s.audience[%zu]: \"%.*s\" is not an audience",
			    path, i, STR_FMT(raw.audience.items[i]));
	n = yaml_get(map, S("priority"));
	if (n != NULL && (!n->plain || !is_priority(raw.priority)))
		manifest_refuse(r, TP_ANNOTATION, n->at, NULL,
		    "%s.priority: \"%.*s\" is not a number from 0 to 1", path,
		    STR_FMT(n->text));
	n = yaml_get(map, S("lastModified"));
	if (n != NULL && !is_iso_8601(raw.last_modified))
		manifest_refuse(r, TP_ANNOTATION, n->at,
		    "write it as 2026-07-28T10:00:00Z",
		    "%s.lastModified: \"%.*s\" is not an ISO 8601 time", path,
		    STR_FMT(n->text));
	return annotations_json(r, map);
}
