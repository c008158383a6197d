/* SPDX-License-Identifier: Apache-2.0 */
/* The private copy of a plugin's module, and what refuses it before any of it
 * runs: its bytes, its names, its configuration, too many before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/json.h"
#include "data/schema.h"
#include "plugin/codes.h"
#include "plugin/loader.h"
#include "plugin/manager_priv.h"
#include "plugin/report.h"

int
plugin_slot_refuse(struct slot_attempt *a, const char *code, const char *line)
{
	const struct plugin_manifest *m = a->manifest;
	struct plugin_sentence said;

	plugin_sentence_split(&said, line);
	return diags_add(&a->diags, DIAG_ERROR, code, m->path, m->module_at,
	    said.hint[0] != '\0' ? said.hint : NULL, "module: %.*s: %s",
	    STR_FMT(m->module), said.text);
}

/* "/dir/weather.so: No such file" reads better without the path. */
static const char *
without_path(const struct err *err, const char *path)
{
	size_t len = strlen(path);

	if (strncmp(err->text, path, len) == 0
	    && strncmp(err->text + len, ": ", 2) == 0)
		return err->text + len + 2;
	return err->text;
}

static int
module_path_set(struct slot_attempt *a)
{
	const char *slash = strrchr(a->slot->path, '/');
	size_t dir = slash != NULL ? (size_t)(slash - a->slot->path) + 1 : 0;
	size_t size = dir + a->manifest->module.len + 1;
	char *path = malloc(size);

	if (path == NULL)
		return plugin_slot_refuse(a, TP_MEMORY, "out of memory");
	(void)snprintf(path, size, "%.*s%.*s", (int)dir, a->slot->path,
	    STR_FMT(a->manifest->module)); /* it fits */
	free(a->slot->module_path);
	a->slot->module_path = path;
	return 0;
}

static int
module_copy(struct slot_attempt *a)
{
	const char *source = a->slot->module_path;
	struct err err;
	int rc;

	/* A name that a process which is gone has left is passed over. */
	do {
		a->number = plugin_loader_number();
		rc = plugin_copy_make(&a->copy, source, a->m->copy_dir,
		    a->manifest->name, a->number, &err);
	} while (rc == ERR_EXISTS);
	if (rc == 0) {
		a->slot->module_id = a->copy.id;
		a->slot->racy =
		    a->slot->racy || plugin_file_id_is_young(&a->copy.id);
		memcpy(a->slot->module_digest, a->copy.sha256,
		    sizeof a->slot->module_digest);
		a->slot->module_read = true;
		return 0;
	}
	a->again = rc == ERR_AGAIN;
	plugin_file_id_look(&a->slot->module_id, source);
	if (rc == ERR_NOTFOUND)
		return plugin_slot_refuse(a, TP_MODULE_FILE,
		    "no such file (hint: the module lies beside the "
		    "manifest)");
	return plugin_slot_refuse(a, a->again ? TP_BUSY_FILE : TP_MODULE_FILE,
	    without_path(&err, source));
}

int
plugin_slot_copy(struct slot_attempt *a)
{
	int rc = module_path_set(a);

	return rc == 0 ? module_copy(a) : rc;
}

static int
hash_check(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	char found[2 * CRYPTO_SHA256_LEN + 1];

	if (!m->pinned
	    || memcmp(m->sha256, a->copy.sha256, sizeof m->sha256) == 0)
		return 0;
	crypto_hex(a->copy.sha256, sizeof a->copy.sha256, found);
	return diags_add(&a->diags, DIAG_ERROR, TP_MODULE_HASH, m->path,
	    m->sha256_at, "write that here if the module is the right one",
	    "sha256: %.*s has %s", STR_FMT(m->module), found);
}

static int
copy_check(struct slot_attempt *a)
{
	struct plugin_elf elf;
	struct err err;
	int rc;

	rc = hash_check(a);
	if (rc < 0)
		return rc;
	rc = plugin_loader_check(a->copy.bytes, &elf, &err);
	if (rc == ERR_VERSION)
		return plugin_slot_refuse(a, TP_MODULE_ABI, err.text);
	return rc < 0 ? plugin_slot_refuse(a, TP_MODULE_ELF, err.text) : 0;
}

static int
conflict_say(struct slot_attempt *a, const struct plugin_manifest_entry *e,
    const struct registry_entry *other)
{
	const struct plugin_generation *g =
	    CONTAINER_OF(other->set, struct plugin_generation, set);
	char where[512] = "added while it runs";
	size_t i;

	/* Entries that were added are not in the array. */
	for (i = 0; i < g->set.len && &g->set.entries[i] != other;)
		i++;
	if (i < g->set.len)
		(void)snprintf(where, sizeof where, "%s:%u:%u",
		    g->manifest->path, g->manifest->entries[i].at.line,
		    g->manifest->entries[i].at.column); /* may be cut */
	a->conflict = true;
	return diags_add(&a->diags, DIAG_ERROR, TP_CONFLICT, a->manifest->path,
	    e->at, "names are unique in one server: rename it",
	    "%s[%u].%s: \"%.*s\" is taken by plugin %.*s, %s", e->list,
	    e->index, e->key, STR_FMT(e->entry.key), STR_FMT(g->manifest->name),
	    where);
}

int
plugin_slot_conflicts(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	int rc = 0;

	for (size_t i = 0; i < m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &m->entries[i];
		const struct registry_entry *other;

		/* It stays: this is the thread that frees entries. */
		plugin_hub_lock(a->m->hub);
		other = map_find(&a->m->hub->keys[e->entry.kind], e->entry.key);
		plugin_hub_unlock(a->m->hub);
		if (other != NULL && !str_equal(other->set->plugin, m->name))
			rc = conflict_say(a, e, other);
	}
	return rc;
}

/* Values are not printed: they may be secrets. */
static int
config_check(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	struct str text = S("{}");
	struct schema_report report;
	struct json_doc doc;
	int rc = 0;

	if (m->config_schema == NULL)
		return 0;
	if (a->override != NULL && a->override->config_json != NULL)
		text = str_of(a->override->config_json);
	json_doc_init(&doc);
	schema_report_init(&report);
	if (json_parse(&doc, text, JSON_PROTOCOL) < 0
	    || !schema_validate(m->config_schema, &doc.nodes[0], &report)) {
		for (size_t i = 0; i < report.len; i++)
			rc = diags_add(&a->diags, DIAG_ERROR, TP_CONFIG,
			    m->path, (struct diag_at){ 0, 0 },
			    "see configSchema in the manifest",
			    "plugins.%.*s.config%.*s: refused by \"%s\"",
			    STR_FMT(m->name), STR_FMT(report.faults[i].pointer),
			    report.faults[i].keyword);
		if (report.len == 0)
			rc = diags_add(&a->diags, DIAG_ERROR, TP_CONFIG,
			    m->path, (struct diag_at){ 0, 0 }, NULL,
			    "plugins.%.*s.config: cannot be checked",
			    STR_FMT(m->name));
	}
	schema_report_finish(&report);
	json_doc_finish(&doc);
	return rc;
}

static int
resident_check(struct slot_attempt *a)
{
	if (a->slot->current == NULL || a->slot->current->runner != NULL
	    || a->m->resident < (size_t)a->m->resident_max)
		return 0;
	return diags_add(&a->diags, DIAG_ERROR, TP_RESIDENT, a->manifest->path,
	    a->manifest->module_at,
	    "restart, or let it close: TP_CLOSABLE and the operator's word",
	    "module: %zu replaced generations are still mapped, "
	    "plugins.max_resident_generations is %lld",
	    a->m->resident, (long long)a->m->resident_max);
}

int
plugin_slot_check(struct slot_attempt *a)
{
	int rc = copy_check(a);

	if (rc == 0)
		rc = plugin_slot_conflicts(a);
	if (rc == 0)
		rc = config_check(a);
	return rc == 0 ? resident_check(a) : rc;
}
