/* SPDX-License-Identifier: Apache-2.0 */
/* tp.dynamic/1: entries that a plugin adds while it runs.
 *
 * A batch is made and committed on any thread.  Commit takes the names, all or
 * none, under the hub's lock, and posts; the control thread makes a new set of
 * what there is by then and publishes it.  Nothing waits for that thread.
 *
 * An entry is kept by the table of its generation, by each set that has it and
 * by each call that outlives its turn.  The last of them posts: its gone() runs
 * on the control thread, never on one that may be inside the plugin. */
#ifndef PLUGIN_DYNAMIC_H
#define PLUGIN_DYNAMIC_H

#include <toolpost/ext/dynamic.h>

#include "plugin/generation.h"

#define PLUGIN_BATCHES_MAX 64 /* open ones of a generation */
#define PLUGIN_REFUSALS_MAX 20 /* lines in the log for one batch */

struct plugin_dynamic {
	struct ref ref;
	struct plugin_generation *generation; /* kept once committed */
	struct plugin_manifest *about; /* owned; has the one entry */
	void *arg;
	void (*gone)(void *arg);
	struct plugin_target target;
	struct plugin_target completer;
	struct loop_msg msg;
};

/* The table that extension() gives. */
extern const struct tp_dynamic plugin_dynamic_table;

/* [any] An entry that is not in the table yet; about moves in when it works.
 * NULL: out of memory, or values are wanted that nobody has. */
struct plugin_dynamic *plugin_dynamic_create(struct plugin_generation *g,
    struct plugin_manifest *about, const struct tp_dynamic_entry *e);
/* [any] put() of the table; *result_max is what an answer may have. */
int plugin_dynamic_put(struct tp_batch *batch,
    const struct tp_dynamic_entry *given, uint64_t *result_max);
/* [any] Of one that was never committed. */
void plugin_dynamic_free(struct plugin_dynamic *d);
/* [any] */
void plugin_dynamic_ref(struct plugin_dynamic *d);
/* [any] */
void plugin_dynamic_unref(struct plugin_dynamic *d);

/* [control] */
void plugin_dynamic_init(struct plugin_generation *g);
/* [control] What is left of batches; nothing of the plugin runs. */
void plugin_dynamic_finish(struct plugin_generation *g);
/* [control] Puts g into the registry in place of before (may be NULL), whose
 * names and entries leave; visible with the next publish.  The reference that
 * g was opened with moves.  On failure all is as it was. */
int plugin_dynamic_show(struct plugin_generation *g,
    struct plugin_generation *before, struct registry *registry,
    struct err *err);
/* [control] The set of what there is now into the registry. */
int plugin_dynamic_update(
    struct plugin_generation *g, struct registry *registry, struct err *err);
/* [control] Takes g out of the registry. */
void plugin_dynamic_hide(
    struct plugin_generation *g, struct registry *registry);
/* [control] The runner that added its entries is gone: they stay in the
 * lists until plugin_dynamic_renew(), while the next one adds its own. */
void plugin_dynamic_orphan(struct plugin_generation *g);
/* [control] The next one has added all: its entries take the place of those.
 * On failure all is as it was. */
int plugin_dynamic_renew(struct plugin_generation *g, struct err *err);
/* [control] Of one that was never shown: its entries are gone. */
void plugin_dynamic_discard(struct plugin_generation *g);
/* [control] Entries by kind, those of the manifest included. */
void plugin_dynamic_count(
    struct plugin_generation *g, unsigned counts[REGISTRY_KINDS]);
/* [control] Does g have an entry that answers for uri? */
bool plugin_dynamic_owns(struct plugin_generation *g, struct str uri);

#endif
