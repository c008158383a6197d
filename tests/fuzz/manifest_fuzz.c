/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a manifest, and as a shared object: a result or a finding with
 * a place, never both, never neither. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "plugin/elf.h"
#include "plugin/manifest.h"

static void
visit(const struct plugin_manifest *m)
{
	CHECK(m->name.len > 0 && m->version.len > 0 && m->module.len > 0);
	for (size_t i = 0; i < m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &m->entries[i];

		CHECK(e->entry.key.len > 0);
		CHECK(str_is_utf8(e->entry.description));
		CHECK(e->entry.kind != REGISTRY_TOOL
		    || (e->input != NULL && e->entry.input_schema.len > 0));
		CHECK(e->entry.kind != REGISTRY_TEMPLATE
		    || e->uri_template != NULL);
		for (size_t k = 0; k < e->entry.mirrors_len; k++)
			CHECK(e->entry.mirrors[k].path_len > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct plugin_manifest *m;
	struct plugin_elf elf;
	struct diags diags;
	struct buf said;

	diags_init(&diags);
	buf_init(&said);
	m = plugin_manifest_parse(text, "weather.yaml", &diags);
	CHECK((m == NULL) == diags_has_errors(&diags));
	diags_print(&diags, &said);
	CHECK(m != NULL || said.len > 0);
	if (m != NULL)
		visit(m);
	plugin_manifest_destroy(m);
	buf_finish(&said);
	diags_finish(&diags);
	(void)plugin_elf_check(text, &elf, NULL); /* it must return */
	return 0;
}
