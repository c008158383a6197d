/* SPDX-License-Identifier: Apache-2.0 */
/* tools, resources and prompts of a manifest. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "call/call.h"
#include "data/schema.h"
#include "data/uri.h"
#include "plugin/loader.h"
#include "plugin/manifest_priv.h"
#include "plugin/report.h"
#include "registry/uri_template.h"

#define NO_ARGUMENTS "{\"type\":\"object\",\"additionalProperties\":false}"
#define ARGUMENTS_MAX 256

struct raw_input {
	bool single_use;
};

struct raw_cache {
	int64_t ttl_ns;
	int scope;
};

struct raw_task {
	int support; /* enum registry_task */
	int by;
	int64_t ttl_ns, poll_ns;
	struct str message;
};

/* All keys of the three lists; a table takes those of its list. */
struct raw_entry {
	struct str name, title, description, mime, uri, uri_template;
	int64_t size;
	bool listed;
	const struct yaml_node *annotations, *icons, *meta, *input, *output;
	const struct yaml_node *arguments, *limits, *complete, *unavailable;
	struct raw_cache cache;
	struct raw_task task;
	struct raw_input rounds;
};

struct raw_argument {
	struct str name, title, description;
	bool required;
	bool complete;
};

static const char *const cache_scopes[] = { "private", "public", NULL };
static const char *const task_supports[] = { "forbidden", "optional",
	"required", NULL };
static const char *const task_makers[] = { "host", "handler", NULL };

/* clang-format off */
#define ITEM(key_, type_, field_) \
	{ .key = key_, .type = type_, \
	  .offset = offsetof(struct raw_entry, field_) }
#define LATER(key_) \
	{ .key = key_, .type = SETTINGS_NODE, .refused = true, \
	  .offset = offsetof(struct raw_entry, unavailable) }
#define COMMON \
	{ .key = "input", .type = SETTINGS_MAP, .items = input_items, \
	  .offset = offsetof(struct raw_entry, rounds) }, \
	ITEM("title", SETTINGS_STR, title), \
	ITEM("description", SETTINGS_STR, description), \
	ITEM("icons", SETTINGS_NODE, icons), \
	ITEM("_meta", SETTINGS_NODE, meta), \
	ITEM("limits", SETTINGS_NODE, limits), \
	LATER("scopes")
#define NAME_ITEM \
	{ .key = "name", .type = SETTINGS_STR, .required = true, \
	  .offset = offsetof(struct raw_entry, name), \
	  .help = "add name: what clients ask for" }

static const struct settings_item task_items[] = {
	{ .key = "support", .type = SETTINGS_ENUM, .names = task_supports,
	  .required = true, .offset = offsetof(struct raw_task, support),
	  .help = "add support: optional, or required, or forbidden" },
	{ .key = "by", .type = SETTINGS_ENUM, .names = task_makers,
	  .offset = offsetof(struct raw_task, by) },
	{ .key = "ttl", .type = SETTINGS_DURATION, .min = 0,
	  .max = 365 * 24 * 3600 * NS_PER_S,
	  .offset = offsetof(struct raw_task, ttl_ns) },
	{ .key = "poll", .type = SETTINGS_DURATION, .min = 0,
	  .max = 3600 * NS_PER_S,
	  .offset = offsetof(struct raw_task, poll_ns) },
	{ .key = "message", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_task, message) },
	{ .key = NULL },
};

static const struct settings_item input_items[] = {
	{ .key = "single_use", .type = SETTINGS_BOOL, .fallback = "false",
	  .offset = offsetof(struct raw_input, single_use) },
	{ .key = NULL },
};

static const struct settings_item tool_items[] = {
	NAME_ITEM,
	COMMON,
	ITEM("annotations", SETTINGS_NODE, annotations),
	ITEM("inputSchema", SETTINGS_NODE, input),
	ITEM("outputSchema", SETTINGS_NODE, output),
	{ .key = "task", .type = SETTINGS_MAP, .items = task_items,
	  .offset = offsetof(struct raw_entry, task) },
	LATER("exec"),
	LATER("http"),
	{ .key = NULL },
};

static const struct settings_item cache_items[] = {
	{ .key = "ttl", .type = SETTINGS_DURATION, .min = 0,
	  .max = 365 * 24 * 3600 * NS_PER_S,
	  .offset = offsetof(struct raw_cache, ttl_ns) },
	{ .key = "scope", .type = SETTINGS_ENUM, .names = cache_scopes,
	  .offset = offsetof(struct raw_cache, scope) },
	{ .key = NULL },
};

static const struct settings_item resource_items[] = {
	NAME_ITEM,
	COMMON,
	ITEM("uri", SETTINGS_STR, uri),
	ITEM("uriTemplate", SETTINGS_STR, uri_template),
	ITEM("mimeType", SETTINGS_STR, mime),
	ITEM("annotations", SETTINGS_NODE, annotations),
	{ .key = "size", .type = SETTINGS_INT, .min = 0, .max = INT64_MAX,
	  .offset = offsetof(struct raw_entry, size) },
	{ .key = "cache", .type = SETTINGS_MAP, .items = cache_items,
	  .offset = offsetof(struct raw_entry, cache) },
	{ .key = "listed", .type = SETTINGS_BOOL, .fallback = "true",
	  .offset = offsetof(struct raw_entry, listed) },
	LATER("watch"),
	ITEM("complete", SETTINGS_NODE, complete),
	LATER("file"),
	LATER("text"),
	LATER("directory"),
	LATER("include"),
	{ .key = NULL },
};

static const struct settings_item prompt_items[] = {
	NAME_ITEM,
	COMMON,
	ITEM("arguments", SETTINGS_NODE, arguments),
	LATER("messages"),
	{ .key = NULL },
};

static const struct settings_item argument_items[] = {
	{ .key = "name", .type = SETTINGS_STR, .required = true,
	  .offset = offsetof(struct raw_argument, name),
	  .help = "add name: what clients fill in" },
	{ .key = "title", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_argument, title) },
	{ .key = "description", .type = SETTINGS_STR,
	  .offset = offsetof(struct raw_argument, description) },
	{ .key = "required", .type = SETTINGS_BOOL,
	  .offset = offsetof(struct raw_argument, required) },
	{ .key = "complete", .type = SETTINGS_BOOL,
	  .offset = offsetof(struct raw_argument, complete) },
	{ .key = NULL },
};

static const struct manifest_missing entry_missing[] = {
	{ "scopes", "remove it; callers have no scopes yet" },
	{ "exec", "remove it, and give the plugin a module:" },
	{ "http", "remove it, and give the plugin a module:" },
	{ "watch", "remove it; call changed() when the resource changes" },
	{ "file", "remove it, and answer from the module" },
	{ "text", "remove it, and answer from the module" },
	{ "directory", "remove it, and answer from the module" },
	{ "include", "remove it, and answer from the module" },
	{ "messages", "remove it, and answer from the module" },
	{ NULL, NULL },
};
/* clang-format on */

const char *
plugin_kind_name(enum registry_kind kind)
{
	static const char *const names[REGISTRY_KINDS] = { "tool", "resource",
		"resource template", "prompt" };

	return names[kind];
}

/* What the three kinds share. */
static void
read_common(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, const struct raw_entry *raw,
    struct plugin_manifest_entry *out)
{
	struct registry_entry *e = &out->entry;
	struct manifest_path below;

	manifest_refuse_missing(r, map, path, entry_missing);
	e->name = raw->name;
	e->title = raw->title;
	e->single_use = raw->rounds.single_use;
	e->description = raw->description;
	e->size = -1;
	e->cache_ttl_ms = -1;
	manifest_path_set(&below, "%s.title", path);
	(void)manifest_check_label(r, raw->title, below.text,
	    manifest_at(map, "title")); /* it has reported */
	manifest_path_set(&below, "%s.description", path);
	(void)manifest_check_text(r, raw->description, below.text,
	    manifest_at(map, "description")); /* it has reported */
	manifest_path_set(&below, "%s.icons", path);
	e->icons = manifest_read_icons(r, raw->icons, below.text);
	manifest_path_set(&below, "%s._meta", path);
	e->meta = manifest_read_meta(r, raw->meta, below.text);
	manifest_read_limits(r, raw->limits, path, &out->declared, &out->said);
	out->limits = out->declared;
	out->at = manifest_at(map, out->key);
}

static void
read_input_schema(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct plugin_manifest_entry *out)
{
	static const struct schema_options options;
	struct registry_entry *e = &out->entry;
	struct manifest_path below;
	const struct yaml_node *type;

	manifest_path_set(&below, "%s.inputSchema", path);
	if (node == NULL) {
		e->input_schema = S(NO_ARGUMENTS);
		out->input =
		    schema_compile(e->input_schema, &options, NULL, NULL);
		r->nomem = r->nomem || out->input == NULL;
		return;
	}
	out->input =
	    manifest_read_schema(r, node, below.text, &e->input_schema);
	if (out->input == NULL)
		return;
	/* TOOL-06 */
	type = manifest_schema_type(node);
	if (type == NULL || !str_equal(type->text, S("object")))
		manifest_refuse(r, TP_SCHEMA_ROOT,
		    type != NULL ? type->at : node->at,
		    "arguments are always an object",
		    "%s.type: must be \"object\"", below.text);
	manifest_read_mirrors(r, node, below.text, e);
}

static void
read_output_schema(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct plugin_manifest_entry *out)
{
	struct manifest_path below;
	const struct yaml_node *type;

	if (node == NULL)
		return;
	manifest_path_set(&below, "%s.outputSchema", path);
	out->output = manifest_read_schema(
	    r, node, below.text, &out->entry.output_schema);
	type = manifest_schema_type(node);
	out->entry.output_is_object =
	    type != NULL && str_equal(type->text, S("object"));
}

static void
read_task(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, const struct raw_task *task, struct registry_entry *e)
{
	struct manifest_path below;

	e->task = (enum registry_task)task->support;
	e->task_by_handler = task->by == 1;
	e->task_ttl_ns = task->ttl_ns;
	e->task_poll_ns = task->poll_ns;
	e->task_message = task->message;
	manifest_path_set(&below, "%s.task.message", path);
	(void)manifest_check_text(r, task->message, below.text,
	    manifest_at(map, "task")); /* it has reported */
}

static void
read_tool(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, struct plugin_manifest_entry *out)
{
	struct registry_entry *e = &out->entry;
	struct manifest_path below;
	struct raw_entry raw;

	e->kind = REGISTRY_TOOL;
	out->key = "name";
	if (settings_read(
		tool_items, map, path, &raw, &r->m->arena, r->file, r->diags)
		< 0
	    && map->type != YAML_MAP)
		return;
	read_common(r, map, path, &raw, out);
	e->key = raw.name;
	manifest_path_set(&below, "%s.name", path);
	if (manifest_has_word(map, "name"))
		(void)manifest_check_name(
		    r, raw.name, below.text, out->at); /* it has reported */
	/* TOOL-05 */
	if (raw.description.len == 0)
		manifest_refuse(r, TP_DESCRIPTION,
		    manifest_at(map, "description"),
		    "models choose a tool by its description",
		    "%s: a tool needs a description", path);
	manifest_path_set(&below, "%s.annotations", path);
	e->annotations =
	    manifest_read_tool_annotations(r, raw.annotations, below.text);
	manifest_check_retry(r, raw.annotations, path, &out->limits);
	read_input_schema(r, raw.input, path, out);
	read_output_schema(r, raw.output, path, out);
	read_task(r, map, path, &raw.task, e);
}

static void
read_uri(struct manifest_reader *r, const char *path, struct str uri,
    struct plugin_manifest_entry *out)
{
	out->entry.kind = REGISTRY_RESOURCE;
	out->entry.key = uri;
	/* RSRC-18 */
	if (uri.len > PLUGIN_URI_MAX)
		manifest_refuse(r, TP_URI, out->at, NULL,
		    "%s.uri: %zu bytes, at most %d", path, uri.len,
		    PLUGIN_URI_MAX);
	else if (!uri_is_valid(uri))
		manifest_refuse(r, TP_URI, out->at,
		    "for example weather://stations; spaces and non-ASCII "
		    "are percent-encoded",
		    "%s.uri: \"%.*s\" is not a URI", path, STR_FMT(uri));
}

static void
read_template(struct manifest_reader *r, const char *path, struct str text,
    struct plugin_manifest_entry *out)
{
	struct plugin_sentence said;
	struct err err = { 0, "" };

	out->entry.kind = REGISTRY_TEMPLATE;
	out->entry.key = text;
	if (text.len > PLUGIN_URI_MAX) {
		manifest_refuse(r, TP_TEMPLATE, out->at, NULL,
		    "%s.uriTemplate: %zu bytes, at most %d", path, text.len,
		    PLUGIN_URI_MAX);
		return;
	}
	out->uri_template = uri_template_compile(text, &err);
	if (out->uri_template != NULL)
		return;
	plugin_sentence_split(&said, err.text);
	manifest_refuse(r, TP_TEMPLATE, out->at,
	    said.hint[0] != '\0' ? said.hint : NULL, "%s.uriTemplate: %s", path,
	    said.text);
}

static void
read_address(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, const struct raw_entry *raw,
    struct plugin_manifest_entry *out)
{
	bool fixed = yaml_get(map, S("uri")) != NULL;
	bool open = yaml_get(map, S("uriTemplate")) != NULL;

	out->key = open && !fixed ? "uriTemplate" : "uri";
	out->at = manifest_at(map, out->key);
	if (fixed == open)
		manifest_refuse(r, TP_URI, out->at,
		    "give one of uri and uriTemplate",
		    fixed ? "%s: uri and uriTemplate exclude each other"
			  : "%s: a resource needs a uri",
		    path);
	else if (fixed)
		read_uri(r, path, raw->uri, out);
	else
		read_template(r, path, raw->uri_template, out);
}

static void
read_cache(const struct yaml_node *map, const struct raw_cache *cache,
    struct registry_entry *e)
{
	const struct yaml_node *n = yaml_get(map, S("cache"));

	e->cache_public = cache->scope == 1;
	if (n != NULL && yaml_get(n, S("ttl")) != NULL)
		e->cache_ttl_ms = cache->ttl_ns / NS_PER_MS;
}

static void
read_resource(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, struct plugin_manifest_entry *out)
{
	struct registry_entry *e = &out->entry;
	struct manifest_path below;
	struct raw_entry raw;

	e->kind = REGISTRY_RESOURCE;
	out->key = "uri";
	if (settings_read(resource_items, map, path, &raw, &r->m->arena,
		r->file, r->diags)
		< 0
	    && map->type != YAML_MAP)
		return;
	read_common(r, map, path, &raw, out);
	read_address(r, map, path, &raw, out);
	manifest_read_complete(r, raw.complete, path, out);
	read_cache(map, &raw.cache, e);
	e->unlisted = !raw.listed;
	manifest_path_set(&below, "%s.name", path);
	(void)manifest_check_label(r, raw.name, below.text,
	    manifest_at(map, "name")); /* it has reported */
	if (manifest_has_word(map, "name") && raw.name.len == 0)
		manifest_refuse(r, TP_ENTRY_NAME, manifest_at(map, "name"),
		    NULL, "%s: the name is empty", below.text);
	if (yaml_get(map, S("size")) != NULL) {
		if (e->kind == REGISTRY_TEMPLATE) /* RSRC-02 */
			manifest_refuse(r, TP_TEMPLATE,
			    manifest_at(map, "size"),
			    "remove it, or give the resource a uri",
			    "%s.size: what a template stands for has no "
			    "single size",
			    path);
		e->size = raw.size;
	}
	if (yaml_get(map, S("mimeType")) != NULL) {
		manifest_path_set(&below, "%s.mimeType", path);
		if (manifest_check_mime(
			r, raw.mime, below.text, manifest_at(map, "mimeType")))
			e->mime = raw.mime;
	}
	manifest_path_set(&below, "%s.annotations", path);
	e->annotations =
	    manifest_read_annotations(r, raw.annotations, below.text);
}

static bool
argument_read(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, const struct registry_argument *before, size_t len,
    struct registry_argument *out)
{
	struct raw_argument raw;
	struct manifest_path below;

	if (settings_read(argument_items, map, path, &raw, &r->m->arena,
		r->file, r->diags)
	    < 0)
		return false;
	manifest_path_set(&below, "%s.name", path);
	if (!manifest_check_name(
		r, raw.name, below.text, manifest_at(map, "name")))
		return false;
	for (size_t i = 0; i < len; i++)
		if (str_equal(before[i].name, raw.name))
			manifest_refuse(r, TP_DUPLICATE,
			    manifest_at(map, "name"), NULL,
			    "%s: \"%.*s\" is used twice", below.text,
			    STR_FMT(raw.name));
	manifest_path_set(&below, "%s.title", path);
	(void)manifest_check_label(r, raw.title, below.text,
	    manifest_at(map, "title")); /* it has reported */
	manifest_path_set(&below, "%s.description", path);
	(void)manifest_check_text(r, raw.description, below.text,
	    manifest_at(map, "description")); /* it has reported */
	*out = (struct registry_argument){ raw.name, raw.title, raw.description,
		raw.required, raw.complete };
	return true;
}

/* PROM-02 */
static void
read_arguments(struct manifest_reader *r, const struct yaml_node *list,
    const char *path, struct registry_entry *e)
{
	struct registry_argument *arguments;
	struct manifest_path below;
	size_t len = 0, i = 0;

	if (list == NULL)
		return;
	if (list->type != YAML_LIST || list->count > ARGUMENTS_MAX) {
		manifest_refuse(r, TP_ARGUMENT, list->at,
		    "write it as - name: ..",
		    "%s.arguments: expected a list of at most %d arguments",
		    path, ARGUMENTS_MAX);
		return;
	}
	arguments =
	    arena_zalloc(&r->m->arena, (list->count + 1) * sizeof *arguments);
	if (arguments == NULL) {
		r->nomem = true;
		return;
	}
	for (const struct yaml_node *n = list->first; n != NULL;
	     n = n->next, i++) {
		manifest_path_set(&below, "%s.arguments[%zu]", path, i);
		if (argument_read(
			r, n, below.text, arguments, len, &arguments[len]))
			len++;
	}
	e->arguments = arguments;
	e->arguments_len = len;
}

static void
read_prompt(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, struct plugin_manifest_entry *out)
{
	struct manifest_path below;
	struct raw_entry raw;

	out->entry.kind = REGISTRY_PROMPT;
	out->key = "name";
	if (settings_read(
		prompt_items, map, path, &raw, &r->m->arena, r->file, r->diags)
		< 0
	    && map->type != YAML_MAP)
		return;
	read_common(r, map, path, &raw, out);
	out->entry.key = raw.name;
	manifest_path_set(&below, "%s.name", path);
	if (manifest_has_word(map, "name"))
		(void)manifest_check_name(
		    r, raw.name, below.text, out->at); /* it has reported */
	read_arguments(r, raw.arguments, path, &out->entry);
	manifest_note_complete(raw.arguments, &out->entry, out);
}

typedef void read_entry_fn(struct manifest_reader *r,
    const struct yaml_node *map, const char *path,
    struct plugin_manifest_entry *out);

void
manifest_read_entry(struct manifest_reader *r, unsigned kind,
    const struct yaml_node *map, const char *path,
    struct plugin_manifest_entry *out)
{
	static read_entry_fn *const readers[] = { NULL, read_tool,
		read_resource, read_prompt };

	out->list = "about";
	out->at = map->at;
	readers[kind](r, map, path, out);
	manifest_check_app(r, map, path, out);
}

static void
read_list(struct manifest_reader *r, const struct yaml_node *list,
    const char *name, read_entry_fn *read_one)
{
	struct manifest_path path;
	unsigned i = 0;

	if (list == NULL
	    || (list->type == YAML_SCALAR && list->plain
		&& list->text.len == 0))
		return;
	if (list->type != YAML_LIST) {
		manifest_refuse(r, TP_LIST, list->at,
		    "every entry begins with \"- \"", "%s: expected a list",
		    name);
		return;
	}
	for (const struct yaml_node *n = list->first; n != NULL;
	     n = n->next, i++) {
		struct plugin_manifest_entry *out =
		    &r->m->entries[r->m->entries_len++];

		out->list = name;
		out->index = i;
		out->at = n->at;
		manifest_path_set(&path, "%s[%u]", name, i);
		read_one(r, n, path.text, out);
	}
}

static void
check_unique(struct manifest_reader *r)
{
	struct map seen[REGISTRY_KINDS];

	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		map_init(&seen[i]);
	for (size_t i = 0; i < r->m->entries_len; i++) {
		struct plugin_manifest_entry *e = &r->m->entries[i];
		const struct plugin_manifest_entry *first;
		struct manifest_path hint;

		if (e->entry.key.len == 0)
			continue;
		first = map_find(&seen[e->entry.kind], e->entry.key);
		if (first == NULL) {
			if (map_set(&seen[e->entry.kind], e->entry.key, e, NULL)
			    < 0)
				r->nomem = true;
			continue;
		}
		manifest_path_set(&hint, "first given at %u:%u", first->at.line,
		    first->at.column);
		manifest_refuse(r, TP_DUPLICATE, e->at, hint.text,
		    "%s[%u].%s: \"%.*s\" is used twice", e->list, e->index,
		    e->key, STR_FMT(e->entry.key));
	}
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		map_finish(&seen[i]);
}

static size_t
list_count(const struct yaml_node *list)
{
	return list != NULL && list->type == YAML_LIST ? list->count : 0;
}

/* When all entries are known: they link to each other. */
static void
check_apps(struct manifest_reader *r, const struct yaml_node *list,
    const char *name, size_t *at)
{
	struct manifest_path path;

	size_t i = 0;

	if (list_count(list) == 0)
		return;
	for (const struct yaml_node *n = list->first; n != NULL; n = n->next) {
		manifest_path_set(&path, "%s[%zu]", name, i++);
		manifest_check_app(r, n, path.text, &r->m->entries[(*at)++]);
	}
}

void
manifest_read_entries(
    struct manifest_reader *r, const struct manifest_lists *lists)
{
	size_t n = list_count(lists->tools) + list_count(lists->resources)
	    + list_count(lists->prompts);
	size_t at = 0;

	r->m->entries =
	    arena_zalloc(&r->m->arena, (n + 1) * sizeof *r->m->entries);
	if (r->m->entries == NULL) {
		r->nomem = true;
		return;
	}
	read_list(r, lists->tools, "tools", read_tool);
	read_list(r, lists->resources, "resources", read_resource);
	read_list(r, lists->prompts, "prompts", read_prompt);
	check_unique(r);
	check_apps(r, lists->tools, "tools", &at);
	check_apps(r, lists->resources, "resources", &at);
}
