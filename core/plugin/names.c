/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the manifest against names of the descriptor. */
#include "plugin/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "plugin/codes.h"
#include "plugin/complete.h"

/* Names by enum tp_kind, of both sides. */
struct comparison {
	const struct plugin_manifest *m;
	const struct json_node *entries;
	struct diags *diags;
	struct map declared[TP_KIND_PROMPT + 1];
	struct map offered[TP_KIND_PROMPT + 1];
	bool nomem;
};

unsigned
plugin_kind_of(enum registry_kind kind)
{
	if (kind == REGISTRY_TOOL)
		return TP_KIND_TOOL;
	return kind == REGISTRY_PROMPT ? TP_KIND_PROMPT : TP_KIND_RESOURCE;
}

static const char *
kind_word(unsigned kind)
{
	static const char *const words[] = { "", "tool", "resource", "prompt" };

	return words[kind];
}

static const char *
list_word(unsigned kind)
{
	static const char *const words[] = { "", "tools", "resources",
		"prompts" };

	return words[kind];
}

static unsigned
kind_of_node(const struct json_node *entry)
{
	int64_t kind;

	if (json_i64(json_get(entry, S("kind")), &kind) < 0
	    || kind < TP_KIND_TOOL || kind > TP_KIND_PROMPT)
		return 0;
	return (unsigned)kind;
}

static void
table_add(
    struct comparison *c, struct map *m, struct str name, const void *value)
{
	if (map_set(m, name, (void *)(uintptr_t)value, NULL) < 0)
		c->nomem = true;
}

static void
tables_fill(struct comparison *c)
{
	for (size_t i = 0; i < c->m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &c->m->entries[i];

		table_add(c, &c->declared[plugin_kind_of(e->entry.kind)],
		    e->entry.key, e);
	}
	JSON_EACH_ELEMENT (node, c->entries) {
		struct str name = json_str(json_get(node, S("name")));
		unsigned kind = kind_of_node(node);

		if (map_find(&c->offered[kind], name) != NULL)
			(void)diags_add(c->diags, DIAG_ERROR, TP_MODULE_NAMES,
			    c->m->path, c->m->module_at,
			    "remove one of its entries",
			    "module: %.*s has two functions for %s \"%.*s\"",
			    STR_FMT(c->m->module), kind_word(kind),
			    STR_FMT(name)); /* counted by diags */
		table_add(c, &c->offered[kind], name, node);
	}
}

/* The name on the other side that word was meant to be; copied to out. */
static bool
nearest(const struct map *names, struct str word, struct buf *out)
{
	const char **list;
	const char *near;
	struct buf texts;
	size_t len = 0;

	/* Texts first: their addresses move while the buffer grows. */
	buf_init(&texts);
	MAP_EACH (slot, names) {
		buf_str(&texts, slot->key);
		buf_char(&texts, '\0');
	}
	list = calloc(names->len + 1, sizeof *list);
	if (list == NULL || texts.failed) {
		free(list);
		buf_finish(&texts);
		return false;
	}
	for (size_t at = 0; at < texts.len; at += strlen(list[len++]) + 1)
		list[len] = texts.ptr + at;
	near = str_nearest(word, list, len);
	if (near != NULL)
		buf_cstr(out, near);
	buf_char(out, '\0');
	free(list);
	buf_finish(&texts);
	return near != NULL && !out->failed;
}

static void
refuse_no_function(struct comparison *c, const struct plugin_manifest_entry *e)
{
	unsigned kind = plugin_kind_of(e->entry.kind);
	struct buf near;

	buf_init(&near);
	if (nearest(&c->offered[kind], e->entry.key, &near))
		(void)diags_add(c->diags, DIAG_ERROR, TP_MODULE_NAMES,
		    c->m->path, e->at, "names must match exactly",
		    "%s[%u].%s: %.*s has no function for \"%.*s\", it has "
		    "\"%s\"",
		    e->list, e->index, e->key, STR_FMT(c->m->module),
		    STR_FMT(e->entry.key), near.ptr); /* counted by diags */
	else
		(void)diags_add(c->diags, DIAG_ERROR, TP_MODULE_NAMES,
		    c->m->path, e->at,
		    "add it to the entries of TP_PLUGIN, or remove it here",
		    "%s[%u].%s: %.*s has no function for \"%.*s\"", e->list,
		    e->index, e->key, STR_FMT(c->m->module),
		    STR_FMT(e->entry.key)); /* counted by diags */
	buf_finish(&near);
}

static void
compare_entries(struct comparison *c)
{
	for (size_t i = 0; i < c->m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &c->m->entries[i];

		if (map_find(&c->offered[plugin_kind_of(e->entry.kind)],
			e->entry.key)
		    == NULL)
			refuse_no_function(c, e);
	}
	JSON_EACH_ELEMENT (node, c->entries) {
		struct str name = json_str(json_get(node, S("name")));
		unsigned kind = kind_of_node(node);
		char hint[64];

		if (map_find(&c->declared[kind], name) != NULL)
			continue;
		(void)snprintf(hint, sizeof hint,
		    "declare it under %s, or remove it from the code",
		    list_word(kind)); /* it fits */
		(void)diags_add(c->diags, DIAG_ERROR, TP_MODULE_NAMES,
		    c->m->path, c->m->module_at, hint,
		    "module: %.*s has a function for %s \"%.*s\", which this "
		    "manifest does not declare",
		    STR_FMT(c->m->module), kind_word(kind),
		    STR_FMT(name)); /* counted by diags */
	}
}

static void
compare_word(struct comparison *c, const char *key, struct diag_at at,
    struct str ours, struct str theirs)
{
	if (!str_equal(ours, theirs))
		(void)diags_add(c->diags, DIAG_ERROR, TP_MODULE_NAMES,
		    c->m->path, at,
		    "both must be the same; change this line, or rebuild",
		    "%s: \"%.*s\" here, \"%.*s\" in %.*s", key, STR_FMT(ours),
		    STR_FMT(theirs),
		    STR_FMT(c->m->module)); /* counted by diags */
}

int
plugin_names_compare(const struct plugin_manifest *m,
    const struct json_node *description, struct diags *diags)
{
	struct comparison c = { .m = m, .diags = diags };
	size_t before = diags->errors;

	for (size_t i = 0; i <= TP_KIND_PROMPT; i++) {
		map_init(&c.declared[i]);
		map_init(&c.offered[i]);
	}
	c.entries = json_get(description, S("entries"));
	compare_word(&c, "plugin", m->name_at, m->name,
	    json_str(json_get(description, S("name"))));
	compare_word(&c, "version", m->version_at, m->version,
	    json_str(json_get(description, S("version"))));
	tables_fill(&c);
	compare_entries(&c);
	plugin_complete_compare(m, description, diags);
	if (c.nomem)
		(void)diags_add(diags, DIAG_ERROR, TP_MEMORY, m->path,
		    m->module_at, NULL,
		    "module: out of memory"); /* counted by diags */
	for (size_t i = 0; i <= TP_KIND_PROMPT; i++) {
		map_finish(&c.declared[i]);
		map_finish(&c.offered[i]);
	}
	return diags->errors == before ? 0 : ERR_CONFIG;
}

const struct tp_entry *
plugin_names_find(
    const struct plugin_module *module, const struct plugin_manifest_entry *e)
{
	for (size_t i = 0; i < module->desc.entries_len; i++) {
		const struct tp_entry *entry = plugin_module_entry(module, i);

		if (entry->kind == plugin_kind_of(e->entry.kind)
		    && str_equal(str_of(entry->name), e->entry.key))
			return entry;
	}
	return NULL;
}
