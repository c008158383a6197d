/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's words on limits: plugins.NAME.limits, plugins.NAME.tools. */
#include <stddef.h>

#include "plugin/limits.h"
#include "plugin/manifest_priv.h"

/* Where the key of each limit stands, if the map has it. */
static void
places_take(const struct yaml_node *map, struct plugin_limits_anew *out,
    struct str file)
{
	for (unsigned i = 0; i < PLUGIN_LIMIT_KEYS; i++) {
		const struct yaml_node *n =
		    yaml_get(map, str_of(manifest_limit_items[i].key));

		if (n != NULL)
			out->at[i] = (struct plugin_place){ file, n->at };
	}
}

/* One file's word on one plugin. */
struct anew_reader {
	struct manifest_reader r;
	struct str file; /* in the arena */
	const char *prefix; /* "plugins.NAME" */
	struct plugin_limits_anew *anew;
	struct arena *arena;
};

/* One map of limits; the breaker is of the plugin alone. */
static int
map_read(struct anew_reader *a, const struct yaml_node *map, const char *path,
    struct plugin_limits_anew *out)
{
	struct {
		struct plugin_limits limits;
		const struct yaml_node *unavailable;
	} raw = { .limits = out->limits };
	const struct yaml_node *breaker = yaml_get(map, S("breaker"));
	struct manifest_reader *r = &a->r;
	size_t before = r->diags->errors;
	struct manifest_path below;

	if (settings_merge(manifest_limit_items, map, path, &raw, a->arena,
		r->file, r->diags)
	    < 0)
		return ERR_CONFIG;
	manifest_refuse_limits(r, map, path);
	manifest_path_set(&below, "%s.breaker", path);
	if (breaker != NULL && out != a->anew)
		manifest_refuse(r, TP_LIMIT, breaker->key_at,
		    "write it under limits of the plugin",
		    "%s: it is one of the whole plugin", below.text);
	else if (breaker != NULL)
		manifest_read_breaker(
		    r, breaker, below.text, a->arena, &out->breaker);
	out->limits = raw.limits;
	places_take(map, out, a->file);
	return r->diags->errors == before ? 0 : ERR_CONFIG;
}

static struct plugin_tool_anew *
tool_of(struct plugin_limits_anew *a, struct str name, struct arena *arena)
{
	struct plugin_tool_anew *t = plugin_tool_find(a, name);

	if (t != NULL || a->tools_len == PLUGIN_TOOLS_ANEW_MAX)
		return t;
	t = arena_zalloc(arena, sizeof *t);
	if (t == NULL)
		return NULL;
	t->name = arena_dup(arena, name);
	t->next = a->tools;
	a->tools = t;
	a->tools_len++;
	return t;
}

struct raw_tool {
	const struct yaml_node *limits;
};

static const struct settings_item tool_items[] = {
	{ .key = "limits",
	    .type = SETTINGS_NODE,
	    .offset = offsetof(struct raw_tool, limits) },
	{ .key = NULL },
};

static int
tool_read(struct anew_reader *a, const struct yaml_node *node)
{
	struct raw_tool raw = { NULL };
	struct plugin_tool_anew *t;
	struct manifest_path path;

	manifest_path_set(
	    &path, "%s.tools.%.*s", a->prefix, STR_FMT(node->key));
	if (settings_merge(tool_items, node, path.text, &raw, a->arena,
		a->r.file, a->r.diags)
	    < 0)
		return ERR_CONFIG;
	if (raw.limits == NULL)
		return 0;
	t = tool_of(a->anew, node->key, a->arena);
	if (t == NULL)
		return ERR_NOMEM;
	t->at = (struct plugin_place){ a->file, node->key_at };
	manifest_path_set(&path, "%s.limits", path.text);
	return map_read(a, raw.limits, path.text, &t->anew);
}

static int
tools_read(struct anew_reader *a, const struct yaml_node *tools)
{
	int rc = 0, one;

	if (tools->type != YAML_MAP) {
		manifest_refuse(&a->r, TP_LIMIT, tools->at,
		    "write tools: {NAME: {limits: {..}}}",
		    "%s.tools: expected a map of tools", a->prefix);
		return ERR_CONFIG;
	}
	for (const struct yaml_node *n = tools->first; n != NULL; n = n->next) {
		one = tool_read(a, n);
		if (one == ERR_NOMEM)
			return one;
		rc = one < 0 ? one : rc;
	}
	return rc;
}

int
plugin_limits_read(const struct yaml_node *limits,
    const struct yaml_node *tools, const char *prefix,
    struct plugin_limits_anew **anew, struct arena *arena, const char *file,
    struct diags *diags)
{
	struct anew_reader a = { .r = { .file = file, .diags = diags },
		.prefix = prefix,
		.arena = arena };
	struct manifest_path path;
	int rc = 0, rc_tools = 0;

	if (limits == NULL && tools == NULL)
		return 0;
	if (*anew == NULL)
		*anew = arena_zalloc(arena, sizeof **anew);
	a.anew = *anew;
	a.file = arena_dup(arena, str_of(file));
	if (a.anew == NULL || a.file.ptr == NULL)
		return ERR_NOMEM;
	manifest_path_set(&path, "%s.limits", prefix);
	if (limits != NULL)
		rc = map_read(&a, limits, path.text, a.anew);
	if (tools != NULL)
		rc_tools = tools_read(&a, tools);
	if (arena->failed)
		return ERR_NOMEM;
	return rc < 0 ? rc : rc_tools;
}
