/* SPDX-License-Identifier: Apache-2.0 */
/* MCP Apps (APP rows): tools that link to a page, and the pages.  What is
 * wrong there shows nowhere but in a client's empty frame, so it is refused
 * here. */
#include "data/uri.h"
#include "plugin/manifest_priv.h"
#include "registry/uri_template.h"

#define PAGE_TYPE "text/html;profile=mcp-app"

struct raw_ui {
	struct str uri, domain;
	struct settings_strs lists[4];
	bool prefers_border;
	const struct yaml_node *csp, *permissions;
};

/* clang-format off */
#define ITEM(key_, type_, field_) \
	{ .key = key_, .type = type_, .offset = offsetof(struct raw_ui, field_) }

static const struct settings_item tool_ui_items[] = {
	ITEM("resourceUri", SETTINGS_STR, uri),
	ITEM("visibility", SETTINGS_STRS, lists[0]),
	{ .key = NULL },
};

static const struct settings_item page_ui_items[] = {
	ITEM("csp", SETTINGS_NODE, csp),
	ITEM("permissions", SETTINGS_NODE, permissions),
	ITEM("domain", SETTINGS_STR, domain),
	ITEM("prefersBorder", SETTINGS_BOOL, prefers_border),
	{ .key = NULL },
};

static const struct settings_item csp_items[] = {
	ITEM("connectDomains", SETTINGS_STRS, lists[0]),
	ITEM("resourceDomains", SETTINGS_STRS, lists[1]),
	ITEM("frameDomains", SETTINGS_STRS, lists[2]),
	ITEM("baseUriDomains", SETTINGS_STRS, lists[3]),
	{ .key = NULL },
};

static const struct settings_item permission_items[] = {
	ITEM("camera", SETTINGS_NODE, csp),
	ITEM("microphone", SETTINGS_NODE, csp),
	ITEM("geolocation", SETTINGS_NODE, csp),
	ITEM("clipboardWrite", SETTINGS_NODE, csp),
	{ .key = NULL },
};
/* clang-format on */

static bool
read(struct manifest_reader *r, const struct settings_item *items,
    const struct yaml_node *map, const char *path, struct raw_ui *raw)
{
	return settings_read(
		   items, map, path, raw, &r->m->arena, r->file, r->diags)
	    == 0;
}

static bool
is_page_uri(struct str uri)
{
	return str_starts(uri, S("ui://"));
}

static bool
is_answered(const struct plugin_manifest *m, struct str uri)
{
	for (size_t i = 0; i < m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &m->entries[i];
		struct uri_match match;
		bool fits;

		if (e->entry.kind == REGISTRY_RESOURCE
		    && str_equal(e->entry.key, uri))
			return true;
		if (e->entry.kind != REGISTRY_TEMPLATE
		    || e->uri_template == NULL)
			continue;
		fits = str_starts(uri, uri_template_prefix(e->uri_template))
		    && uri_template_match(e->uri_template, uri,
			   &((struct plugin_manifest *)(uintptr_t)m)->arena,
			   &match)
			== 0;
		if (fits)
			return true;
	}
	return false;
}

/* APP-03.  An entry that is added at run time may link to another one. */
static void
link_check(struct manifest_reader *r, const struct yaml_node *ui,
    const char *path, struct str uri)
{
	struct diag_at at = manifest_at(ui, "resourceUri");

	if (!is_page_uri(uri) || !uri_is_valid(uri))
		manifest_refuse(r, TP_APP, at, "for example ui://weather/map",
		    "%s.resourceUri: \"%.*s\" is not a ui:// URI", path,
		    STR_FMT(uri));
	else if (r->root == NULL && !is_answered(r->m, uri))
		manifest_refuse(r, TP_APP, at,
		    "add it under resources, with mimeType: " PAGE_TYPE,
		    "%s.resourceUri: this manifest has no resource \"%.*s\"",
		    path, STR_FMT(uri));
}

static void
tool_check(struct manifest_reader *r, const struct yaml_node *meta,
    const struct yaml_node *ui, const char *path)
{
	const struct yaml_node *flat = yaml_get(meta, S("ui/resourceUri"));
	struct raw_ui raw;

	if (flat != NULL)
		manifest_warn(r, TP_APP, flat->key_at,
		    "write ui: {resourceUri: ..}",
		    "%s/resourceUri: this form is deprecated", path);
	if (ui == NULL || !read(r, tool_ui_items, ui, path, &raw))
		return;
	if (yaml_get(ui, S("resourceUri")) != NULL)
		link_check(r, ui, path, raw.uri);
	for (size_t i = 0; i < raw.lists[0].len; i++) {
		struct str who = raw.lists[0].items[i];

		if (!str_equal(who, S("model")) && !str_equal(who, S("app")))
			manifest_refuse(r, TP_APP,
			    manifest_at(ui, "visibility"),
			    "write model, app, or both",
			    "%s.visibility[%zu]: \"%.*s\" is nobody who could "
			    "see a tool",
			    path, i, STR_FMT(who));
	}
}

/* Each is an object, empty today. */
static void
permissions_check(
    struct manifest_reader *r, const struct yaml_node *map, const char *path)
{
	struct manifest_path below;
	struct raw_ui raw;

	manifest_path_set(&below, "%s.permissions", path);
	if (!read(r, permission_items, map, below.text, &raw))
		return;
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next)
		if (n->type != YAML_MAP)
			manifest_refuse(r, TP_APP, n->at, "write {}",
			    "%s.%.*s: expected a map", below.text,
			    STR_FMT(n->key));
}

static void
page_check(struct manifest_reader *r, const struct yaml_node *map,
    const struct yaml_node *ui, const char *path,
    const struct plugin_manifest_entry *e)
{
	struct manifest_path below;
	struct raw_ui raw;

	/* APP-02 */
	if (is_page_uri(e->entry.key)
	    && !str_equal(e->entry.mime, S(PAGE_TYPE)))
		manifest_refuse(r, TP_APP, manifest_at(map, "mimeType"),
		    "write mimeType: " PAGE_TYPE,
		    "%s: a ui:// resource is a page of an app", path);
	if (ui == NULL)
		return;
	manifest_path_set(&below, "%s._meta.ui", path);
	if (!is_page_uri(e->entry.key))
		manifest_refuse(r, TP_APP, ui->key_at,
		    "give it a ui:// URI, or remove it",
		    "%s: only pages of apps have it", below.text);
	if (!read(r, page_ui_items, ui, below.text, &raw))
		return;
	if (raw.csp != NULL) {
		struct manifest_path csp;

		manifest_path_set(&csp, "%s.csp", below.text);
		(void)read(r, csp_items, yaml_get(ui, S("csp")), csp.text,
		    &raw); /* it has reported */
	}
	if (yaml_get(ui, S("permissions")) != NULL)
		permissions_check(
		    r, yaml_get(ui, S("permissions")), below.text);
}

void
manifest_check_app(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, struct plugin_manifest_entry *e)
{
	const struct yaml_node *meta = yaml_get(map, S("_meta"));
	const struct yaml_node *ui = yaml_get(meta, S("ui"));
	struct manifest_path below;

	if (e->entry.kind == REGISTRY_TOOL && meta != NULL) {
		manifest_path_set(&below, "%s._meta.ui", path);
		tool_check(r, meta, ui, below.text);
		e->entry.has_page = yaml_get(ui, S("resourceUri")) != NULL
		    || yaml_get(meta, S("ui/resourceUri")) != NULL;
	} else if (e->entry.kind == REGISTRY_RESOURCE
	    || e->entry.kind == REGISTRY_TEMPLATE) {
		page_check(r, map, ui, path, e);
	}
}
