/* SPDX-License-Identifier: Apache-2.0 */
/* What can be called right now: one immutable snapshot, published in one
 * store, read by every reactor without a lock.
 *
 * A reactor may use what it read from a snapshot until its turn ends.  What
 * must live longer takes a reference on the entry's set while the snapshot
 * still protects it.  The old snapshot is dropped when every reactor has
 * passed a turn. */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "data/json.h"
#include "loop/reactor.h"
#include "registry/entry.h"
#include "registry/watches.h"

#define REGISTRY_PAGE 100 /* entries in one page of a list */
#define REGISTRY_ENTRIES_MAX 100000

/* One page of a list, ready to be copied into an answer. */
struct registry_page {
	struct str items; /* JSON, comma-separated, without the brackets */
	struct str next; /* cursor of the next page; empty: the last */
};

struct registry_list {
	struct registry_page *pages; /* at least one */
	size_t len;
};

struct registry_snapshot {
	uint64_t number; /* grows by one */
	uint64_t list_version[REGISTRY_KINDS]; /* grows when the list changes */
	uint64_t list_hash[REGISTRY_KINDS]; /* of its content, any process */
	size_t counts[REGISTRY_KINDS];
	size_t task_tools; /* that may be tasks */
	struct registry_set **sets; /* sorted by plugin name */
	size_t sets_len;
	struct map by_key[REGISTRY_KINDS]; /* of struct registry_entry */
	struct registry_entry **templates; /* in list order */
	struct registry_list lists[REGISTRY_KINDS][REGISTRY_DIALECTS];
	struct arena arena;
};

/* Writes an entry's list item for a dialect; empty: not shown there. */
typedef void registry_describe_fn(
    const struct registry_entry *e, unsigned dialect, struct buf *out);

struct registry;

struct registry *registry_create(
    registry_describe_fn *describe, struct err *err);
/* After the reactors have stopped. */
void registry_destroy(struct registry *r);
/* [control] Who must acknowledge; NULL: nobody reads yet. */
void registry_readers_set(
    struct registry *r, struct loop_reactors *rs, struct loop *home);

/* [control] Fills e->described for the set's own entries (not 'more'), before
 * put. */
int registry_describe(
    struct registry *r, struct registry_set *s, struct arena *arena);
/* [any] The same for one entry that is not in a set yet. */
int registry_entry_describe(struct registry_entry *e,
    registry_describe_fn *describe, struct arena *arena);
registry_describe_fn *registry_describer(const struct registry *r);
/* [control] Adds the set, or replaces the one of the same plugin; takes the
 * caller's reference.  Refused (ERR_EXISTS) when another plugin has one of
 * the keys: the message names both.  Any failure leaves all as it was, and the
 * reference with the caller.  Visible with the next publish. */
int registry_put(struct registry *r, struct registry_set *s, struct err *err);
/* [control] */
int registry_drop(struct registry *r, struct str plugin);
/* [control] The list of kind counts as changed though it reads the same. */
void registry_touch(struct registry *r, enum registry_kind kind);
/* [control] One new snapshot of all puts and drops since the last; each
 * reactor runs 'each' (registry_on_publish) and then lets go of the old one.
 * Nothing to do: 0 without a snapshot. */
int registry_publish(struct registry *r, struct err *err);
/* Runs on each reactor after a publish, between two turns. */
void registry_on_publish(struct registry *r,
    void (*each)(struct loop_reactor *, void *arg), void *arg);

/* [any] Who waits for news of resources; lives as long as r, and with a
 * reference longer. */
struct registry_watches *registry_watches(const struct registry *r);

/* [reactor] Valid until the turn ends. */
const struct registry_snapshot *registry_current(const struct registry *r);

/* [reactor] */
const struct registry_entry *registry_find(
    const struct registry_snapshot *s, enum registry_kind kind, struct str key);
/* [reactor] A concrete URI among resources, then templates; variables, if any,
 * as a JSON object in arena. */
const struct registry_entry *registry_find_uri(
    const struct registry_snapshot *s, struct str uri, struct arena *arena,
    const struct json_node **variables);
/* [reactor] The page that cursor names; cursor.ptr NULL: the first.  NULL: the
 * cursor is not one of this list as it is now (PAGE-03, PAGE-05). */
const struct registry_page *registry_page(const struct registry_snapshot *s,
    enum registry_kind kind, unsigned dialect, struct str cursor);

#endif
