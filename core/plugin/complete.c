/* SPDX-License-Identifier: Apache-2.0 */
/* The hook tp.complete/1 of a plugin: found in its offers, asked for by its
 * manifest. */
#include "plugin/complete.h"

#include <string.h>

#include "plugin/codes.h"

const struct tp_complete *
plugin_complete_find(const struct plugin_module *m)
{
	const struct tp_complete *table;

	for (size_t i = 0; i < m->desc.offers_len; i++) {
		const struct tp_offer *o = &m->desc.offers[i];

		if (strcmp(o->id, TP_EXT_COMPLETE) != 0)
			continue;
		table = o->table;
		return table != NULL && table->size >= sizeof *table
			&& table->complete != NULL
		    ? table
		    : NULL;
	}
	return NULL;
}

const struct plugin_manifest_entry *
plugin_complete_wanted(const struct plugin_manifest *m)
{
	for (size_t i = 0; i < m->entries_len; i++)
		if (m->entries[i].completes)
			return &m->entries[i];
	return NULL;
}

static bool
is_offered(const struct json_node *offers)
{
	JSON_EACH_ELEMENT (id, offers) {
		if (str_equal(json_str(id), S(TP_EXT_COMPLETE)))
			return true;
	}
	return false;
}

void
plugin_complete_compare(const struct plugin_manifest *m,
    const struct json_node *description, struct diags *diags)
{
	const struct plugin_manifest_entry *e = plugin_complete_wanted(m);

	if (e == NULL || is_offered(json_get(description, S("offers"))))
		return;
	(void)diags_add(diags, DIAG_ERROR, TP_COMPLETE, m->path, e->complete_at,
	    "declare the plugin with TP_PLUGIN_OFFERS, or remove it here",
	    "%s[%u]: complete needs " TP_EXT_COMPLETE ", which %.*s does not "
	    "offer",
	    e->list, e->index, STR_FMT(m->module)); /* counted by diags */
}
