/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of one plugin through all its generations, and who is in
 * them now. */
#ifndef PLUGIN_LEDGER_H
#define PLUGIN_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ref.h"
#include "call/call.h"
#include "call/target.h"
#include "plugin/refusals.h"

struct plugin_generation;

/* Shared by count: the slot's, and one of each generation. */
struct plugin_ledger {
	struct ref ref;
	unsigned reactors;
	struct call_counts *counts; /* owned; one share a reactor */
	/* [control] */
	uint64_t reloads_ok;
	uint64_t reloads_rejected;
	uint64_t restarts; /* of runners of generations that are gone */
	uint64_t quarantines;
	struct plugin_refusals refusals; /* has a lock of its own */
};

/* [control] NULL: out of memory. */
struct plugin_ledger *plugin_ledger_create(unsigned reactors);
/* [control] g counts there from now on; it was not called yet. */
void plugin_ledger_join(struct plugin_ledger *l, struct plugin_generation *g);
/* [any] NULL is harmless. */
void plugin_ledger_unref(struct plugin_ledger *l);
/* [any] Over all reactors. */
uint64_t plugin_ledger_calls(
    const struct plugin_ledger *l, enum call_outcome outcome);

extern const char *const plugin_outcomes[CALL_OUTCOMES];

#define PLUGIN_PRESENT_MAX 4 /* entries of a generation that are named */

/* Calls in flight of one entry. */
struct plugin_present {
	unsigned calls;
	int64_t oldest_ns; /* when the oldest began */
	char entry[128]; /* may be cut */
};

/* .. and of one generation, on the reactors that were asked. */
struct plugin_presence {
	unsigned generation;
	unsigned calls;
	int64_t oldest_ns;
	char oldest[128]; /* its entry; may be cut */
	struct plugin_present named[PLUGIN_PRESENT_MAX];
	size_t named_len; /* calls of other entries are only counted */
};

struct plugin_census {
	struct plugin_presence *items; /* owned */
	size_t len;
	size_t cap;
	bool failed; /* out of memory: there are more */
};

void plugin_census_init(struct plugin_census *c);
void plugin_census_finish(struct plugin_census *c);
/* [reactor] Between two turns: adds the calls of that reactor. */
void plugin_census_take(struct plugin_census *c, const struct call_reactor *r);
/* [any] Adds what another one found. */
void plugin_census_add(
    struct plugin_census *c, const struct plugin_census *more);
/* [any] NULL: no calls, or c is NULL. */
const struct plugin_presence *plugin_census_find(
    const struct plugin_census *c, unsigned generation);

/* [any] "wait: 3 calls, the oldest for 31.5 s; and 2 more" */
void plugin_presence_print(
    const struct plugin_presence *p, int64_t now_ns, struct buf *out);

#endif
