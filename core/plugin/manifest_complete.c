/* SPDX-License-Identifier: Apache-2.0 */
/* "complete: [NAME, ..]" beside a uriTemplate, "complete: true" beside an
 * argument of a prompt (COMP rows). */
#include "plugin/manifest_priv.h"
#include "registry/uri_template.h"

static bool
is_variable(const struct uri_template *t, struct str name)
{
	for (size_t i = 0; i < uri_template_variables(t); i++)
		if (str_equal(uri_template_variable(t, i), name))
			return true;
	return false;
}

static bool
is_listed(const struct str *names, size_t len, struct str name)
{
	for (size_t i = 0; i < len; i++)
		if (str_equal(names[i], name))
			return true;
	return false;
}

static bool
name_check(struct manifest_reader *r, const struct yaml_node *n,
    const char *path, const struct plugin_manifest_entry *out, size_t len)
{
	const struct registry_entry *e = &out->entry;

	if (n->type != YAML_SCALAR || !is_variable(out->uri_template, n->text))
		manifest_refuse(r, TP_TEMPLATE, n->at, NULL,
		    "%s.complete: \"%.*s\" is not a variable of the template",
		    path, STR_FMT(n->text));
	else if (is_listed(e->complete, len, n->text))
		manifest_refuse(r, TP_DUPLICATE, n->at, NULL,
		    "%s.complete: \"%.*s\" is used twice", path,
		    STR_FMT(n->text));
	else
		return true;
	return false;
}

void
manifest_read_complete(struct manifest_reader *r, const struct yaml_node *list,
    const char *path, struct plugin_manifest_entry *out)
{
	struct str *names;
	size_t len = 0;

	if (list == NULL)
		return;
	if (out->entry.kind != REGISTRY_TEMPLATE) {
		manifest_refuse(r, TP_COMPLETE, list->at,
		    "write uriTemplate instead of uri, or remove it",
		    "%s.complete: a fixed URI has no variables", path);
		return;
	}
	if (list->type != YAML_LIST) {
		manifest_refuse(r, TP_COMPLETE, list->at, "write it as [name]",
		    "%s.complete: expected a list of variables", path);
		return;
	}
	names = arena_zalloc(&r->m->arena, (list->count + 1) * sizeof *names);
	if (names == NULL) {
		r->nomem = true;
		return;
	}
	out->entry.complete = names;
	out->complete_at = list->at;
	/* A template with a fault of its own has no variables to compare. */
	for (const struct yaml_node *n = out->uri_template != NULL ? list->first
								   : NULL;
	     n != NULL; n = n->next)
		if (name_check(r, n, path, out, len))
			names[len++] = n->text;
	out->entry.complete_len = len;
	out->completes = len > 0;
}

void
manifest_note_complete(const struct yaml_node *list, struct registry_entry *e,
    struct plugin_manifest_entry *out)
{
	for (size_t i = 0; i < e->arguments_len; i++)
		out->completes = out->completes || e->arguments[i].complete;
	if (list != NULL)
		out->complete_at = list->at;
}
