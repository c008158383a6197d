/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to know of plugins, as JSON for the operator: members of an
 * object that is already open, each with a comma in front. */
#ifndef PLUGIN_FACTS_H
#define PLUGIN_FACTS_H

#include <sys/types.h>

#include "base/buf.h"
#include "plugin/ledger.h"
#include "plugin/manager.h"
#include "plugin/manifest.h"

/* [any] What a manifest says: version, .., limits, entries. */
void plugin_facts_manifest(const struct plugin_manifest *m, struct buf *out);
/* [any] Under that key a list of what the operator has set anew, and in place
 * of what; nothing when that is nothing. */
void plugin_facts_limits(
    const struct plugin_manifest *m, const char *key, struct buf *out);
/* [any] "grants" with what they mean in words; at: who said so, or empty. */
void plugin_facts_grants(const struct plugin_grants *g, bool isolated,
    struct str at, struct buf *out);
/* [any] One line of words for each thing that g opens, and for what stays
 * closed. */
void plugin_grants_words(const struct plugin_grants *g, bool isolated,
    void (*fn)(void *arg, struct str line), void *arg);

/* The states that plugin_facts_state() names. */
extern const char *const plugin_facts_states[];

/* What a process of a plugin does. */
enum plugin_doing {
	PLUGIN_SERVING,
	PLUGIN_SPARE, /* ready, and not used yet */
	PLUGIN_STARTING,
	PLUGIN_LEAVING, /* takes no new calls */
	PLUGIN_DOINGS
};
extern const char *const plugin_doings[PLUGIN_DOINGS];

#define PLUGIN_PIDS_MAX (PLUGIN_RUNNERS_MAX + PLUGIN_SPARE_MAX)

/* What metrics want of one plugin. */
struct plugin_numbers {
	struct str name;
	const char *state; /* one of plugin_facts_states */
	bool up; /* calls are taken */
	bool breaker_open; /* and refused, but for attempts */
	unsigned generation; /* 0: none serves */
	unsigned draining;
	unsigned resident;
	unsigned calls; /* in flight, by the census */
	unsigned doing[PLUGIN_DOINGS]; /* processes */
	pid_t pids[PLUGIN_PIDS_MAX]; /* of those, not of all that leave */
	unsigned pids_len;
	uint64_t restarts;
	uint64_t refusals; /* system calls of its runners */
	const struct plugin_ledger *ledger;
};
/* [control] */
void plugin_facts_each(struct plugin_manager *m,
    const struct plugin_census *census,
    void (*fn)(void *arg, const struct plugin_numbers *n), void *arg);

/* [control] Each plugin as an object, with commas between them: what a list
 * of them shows. */
void plugin_facts_list(struct plugin_manager *m,
    const struct plugin_census *census, struct buf *out);
/* [control] One of them with all that is known, as an object; ERR_NOTFOUND. */
int plugin_facts_one(struct plugin_manager *m, struct str name,
    const struct plugin_census *census, struct buf *out);
/* [control] Replaced generations that are not unloaded yet, with the reason,
 * as objects with commas between them; of all plugins when name is empty.
 * Returns how many. */
size_t plugin_facts_draining(struct plugin_manager *m, struct str name,
    const struct plugin_census *census, struct buf *out);
/* [control] How many of those were replaced at that time or later. */
size_t plugin_facts_draining_since(
    const struct plugin_manager *m, int64_t since_ns);

#endif
