/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's side: the sets there are, and publishing them. */
#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "registry/snapshot.h"

#define REGISTRY_MAGIC 0x52454749u

struct registry {
	uint32_t magic;
	_Atomic(const struct registry_snapshot *) current;
	registry_describe_fn *describe;
	struct registry_set **sets; /* owned references, sorted by plugin */
	size_t len;
	size_t cap;
	struct map keys[REGISTRY_KINDS]; /* of struct registry_entry */
	bool changed;
	bool touched[REGISTRY_KINDS];
	struct loop_reactors *readers;
	struct loop *home;
	void (*each)(struct loop_reactor *, void *arg);
	void *each_arg;
	struct registry_watches *watches; /* shared */
	struct retired *stuck; /* no memory for their grace period: kept */
};

/* An old snapshot until every reader has passed a turn. */
struct retired {
	struct retired *next; /* of the stuck ones */
	struct registry *registry;
	struct registry_snapshot *snapshot;
};

/* [control] Every reader has passed a turn: nobody can be inside it. */
static void
retired_drop(void *arg)
{
	struct retired *old = arg;

	registry_snapshot_destroy(old->snapshot);
	free(old);
}

struct registry *
registry_create(registry_describe_fn *describe, struct err *err)
{
	static const bool untouched[REGISTRY_KINDS];
	struct registry *r = calloc(1, sizeof *r);
	struct registry_snapshot *empty;
	size_t kind;

	if (r == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	r->watches = registry_watches_create();
	empty = registry_snapshot_build(NULL, 0, NULL, untouched, err);
	if (empty == NULL || r->watches == NULL) {
		registry_snapshot_destroy(empty);
		registry_watches_unref(r->watches);
		(void)err_set(err, ERR_NOMEM, "out of memory");
		free(r);
		return NULL;
	}
	for (kind = 0; kind < REGISTRY_KINDS; kind++)
		map_init(&r->keys[kind]);
	OBJ_INIT(r, REGISTRY_MAGIC);
	r->describe = describe;
	atomic_init(&r->current, empty);
	return r;
}

void
registry_destroy(struct registry *r)
{
	size_t i;

	if (r == NULL)
		return;
	OBJ_CHECK(r, REGISTRY_MAGIC);
	for (i = 0; i < REGISTRY_KINDS; i++)
		map_finish(&r->keys[i]);
	registry_snapshot_destroy(
	    (struct registry_snapshot *)(uintptr_t)registry_current(r));
	while (r->stuck != NULL) {
		struct retired *old = r->stuck;

		r->stuck = old->next;
		retired_drop(old);
	}
	for (i = 0; i < r->len; i++)
		registry_set_unref(r->sets[i]);
	free(r->sets);
	registry_watches_unref(r->watches);
	OBJ_WIPE(r);
	free(r);
}

struct registry_watches *
registry_watches(const struct registry *r)
{
	return r->watches;
}

void
registry_readers_set(
    struct registry *r, struct loop_reactors *rs, struct loop *home)
{
	r->readers = rs;
	r->home = home;
}

void
registry_on_publish(struct registry *r,
    void (*each)(struct loop_reactor *, void *arg), void *arg)
{
	r->each = each;
	r->each_arg = arg;
}

int
registry_describe(
    struct registry *r, struct registry_set *s, struct arena *arena)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < s->len && rc == 0; i++)
		rc =
		    registry_entry_describe(&s->entries[i], r->describe, arena);
	return rc;
}

int
registry_entry_describe(struct registry_entry *e,
    registry_describe_fn *describe, struct arena *arena)
{
	struct buf text;
	unsigned dialect;
	int rc = 0;

	buf_init(&text);
	for (dialect = 0; dialect < REGISTRY_DIALECTS && rc == 0; dialect++) {
		buf_clear(&text);
		describe(e, dialect, &text);
		e->described[dialect] = arena_dup(arena, buf_view(&text));
		if (text.failed || arena->failed)
			rc = ERR_NOMEM;
	}
	buf_finish(&text);
	return rc;
}

registry_describe_fn *
registry_describer(const struct registry *r)
{
	return r->describe;
}

/* Where plugin is, or would be. */
static size_t
set_position(const struct registry *r, struct str plugin, bool *found)
{
	size_t i;
	int order = 1;

	for (i = 0; i < r->len; i++) {
		order = str_compare(r->sets[i]->plugin, plugin);
		if (order >= 0)
			break;
	}
	*found = i < r->len && order == 0;
	return i;
}

/* Another plugin's entry with one of the keys, or NULL. */
static const struct registry_entry *
conflict_find(const struct registry *r, const struct registry_set *s)
{
	size_t i;

	for (i = 0; i < registry_set_count(s); i++) {
		const struct registry_entry *e = registry_set_at(s, i);
		const struct registry_entry *other =
		    map_find(&r->keys[e->kind], e->key);

		if (other != NULL && !str_equal(other->set->plugin, s->plugin))
			return other;
	}
	return NULL;
}

static void
keys_remove(struct registry *r, const struct registry_set *s)
{
	size_t i;

	for (i = 0; i < registry_set_count(s); i++) {
		const struct registry_entry *e = registry_set_at(s, i);

		(void)map_remove(&r->keys[e->kind], e->key);
	}
}

/* All or none. */
static int
keys_add(struct registry *r, const struct registry_set *s)
{
	size_t i;

	for (i = 0; i < registry_set_count(s); i++) {
		struct registry_entry *e = registry_set_at(s, i);

		if (map_set(&r->keys[e->kind], e->key, e, NULL) == 0)
			continue;
		keys_remove(r, s);
		return ERR_NOMEM;
	}
	return 0;
}

static int
sets_grow(struct registry *r)
{
	size_t cap = r->cap == 0 ? 16 : r->cap * 2;
	struct registry_set **bigger;

	if (r->len < r->cap)
		return 0;
	bigger = realloc(r->sets, cap * sizeof *bigger);
	if (bigger == NULL)
		return ERR_NOMEM;
	r->sets = bigger;
	r->cap = cap;
	return 0;
}

static size_t
entries_count(const struct registry *r, struct str without)
{
	size_t total = 0, i;

	for (i = 0; i < r->len; i++)
		if (!str_equal(r->sets[i]->plugin, without))
			total += registry_set_count(r->sets[i]);
	return total;
}

/* Makes room at the place of plugin, or finds the set it has: *before. */
static int
place_take(struct registry *r, struct str plugin, size_t *at,
    struct registry_set **before)
{
	bool found;

	*before = NULL;
	*at = set_position(r, plugin, &found);
	if (found) {
		*before = r->sets[*at];
		return 0;
	}
	if (sets_grow(r) < 0)
		return ERR_NOMEM;
	memmove(r->sets + *at + 1, r->sets + *at,
	    (r->len - *at) * sizeof r->sets[0]);
	r->len++;
	return 0;
}

static void
place_close(struct registry *r, size_t at)
{
	r->len--;
	memmove(
	    r->sets + at, r->sets + at + 1, (r->len - at) * sizeof r->sets[0]);
}

int
registry_put(struct registry *r, struct registry_set *s, struct err *err)
{
	const struct registry_entry *theirs;
	struct registry_set *before;
	size_t at;

	OBJ_CHECK(r, REGISTRY_MAGIC);
	if (entries_count(r, s->plugin) + registry_set_count(s)
	    > REGISTRY_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT,
		    "more than %d entries in one server", REGISTRY_ENTRIES_MAX);
	theirs = conflict_find(r, s);
	if (theirs != NULL)
		return err_set(err, ERR_EXISTS,
		    "\"%.*s\" is taken by plugin %.*s", STR_FMT(theirs->key),
		    STR_FMT(theirs->set->plugin));
	if (place_take(r, s->plugin, &at, &before) < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (before != NULL)
		keys_remove(r, before);
	if (keys_add(r, s) < 0) {
		/* What was there before has its room still. */
		if (before == NULL)
			place_close(r, at);
		else
			CHECK(keys_add(r, before) == 0);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	r->sets[at] = s;
	if (before != NULL)
		registry_set_unref(before);
	r->changed = true;
	return 0;
}

int
registry_drop(struct registry *r, struct str plugin)
{
	bool found;
	size_t at = set_position(r, plugin, &found);

	if (!found)
		return ERR_NOTFOUND;
	keys_remove(r, r->sets[at]);
	registry_set_unref(r->sets[at]);
	place_close(r, at);
	r->changed = true;
	return 0;
}

void
registry_touch(struct registry *r, enum registry_kind kind)
{
	r->touched[kind] = true;
	r->changed = true;
}

static void
reader_turn(struct loop_reactor *reactor, void *arg)
{
	const struct retired *old = arg;

	if (old->registry->each != NULL)
		old->registry->each(reactor, old->registry->each_arg);
}

int
registry_publish(struct registry *r, struct err *err)
{
	const struct registry_snapshot *before = registry_current(r);
	struct registry_snapshot *next;
	struct retired *old;
	int rc;

	if (!r->changed)
		return 0;
	old = malloc(sizeof *old);
	next =
	    registry_snapshot_build(r->sets, r->len, before, r->touched, err);
	if (old == NULL || next == NULL) {
		free(old);
		registry_snapshot_destroy(next);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	atomic_store_explicit(&r->current, next,
	    memory_order_release /* pairs with registry_current() */);
	r->changed = false;
	memset(r->touched, 0, sizeof r->touched);
	old->registry = r;
	old->snapshot = (struct registry_snapshot *)(uintptr_t)before;
	if (r->readers == NULL || r->readers->len == 0) {
		retired_drop(old);
		return 0;
	}
	rc = loop_reactors_barrier(
	    r->readers, r->home, reader_turn, retired_drop, old);
	CHECK(rc == 0 || rc == ERR_NOMEM);
	if (rc == 0)
		return 0;
	old->next = r->stuck;
	r->stuck = old;
	return err_set(err, rc, "out of memory");
}

const struct registry_snapshot *
registry_current(const struct registry *r)
{
	return atomic_load_explicit(&((struct registry *)(uintptr_t)r)->current,
	    memory_order_acquire /* pairs with registry_publish() */);
}
