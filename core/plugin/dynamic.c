/* SPDX-License-Identifier: Apache-2.0 */
/* The entries a generation has at run time: their life, the sets that show
 * them, and the names they take. */
#include "plugin/dynamic.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/complete.h"
#include "plugin/desk.h"
#include "registry/registry.h"
#include "registry/uri_template.h"

/* A set with run-time entries; without any the generation's own will do. */
struct shown_set {
	struct registry_set set;
	struct plugin_generation *generation; /* kept */
	struct registry_entry *more[];
};

static struct plugin_dynamic *
dynamic_of(const struct registry_entry *e)
{
	struct plugin_target *t =
	    CONTAINER_OF(e->target, struct plugin_target, target);

	return t->dynamic;
}

void
plugin_dynamic_init(struct plugin_generation *g)
{
	for (size_t i = 0; i < REGISTRY_KINDS; i++) {
		map_init(&g->dynamic[i]);
		map_init(&g->orphans[i]);
	}
	list_init(&g->batches);
}

/* Its code is in a runner. */
static void
remote_init(struct plugin_target *t, struct plugin_dynamic *d,
    const struct plugin_limits *limits, uint32_t kind)
{
	const struct plugin_remote *r = d->arg;

	plugin_target_init(t, d->generation, d, limits, NULL);
	t->index = WIRE_ENTRY_ADDED | kind | r->number;
	t->life = r->life->number;
	if ((r->flags & TP_SERIAL) == 0 || kind != 0)
		return;
	/* What waits for its turn waits there, as many as may wait here. */
	t->target.concurrency = 1 + t->target.queue_max;
	t->target.queue_max = 0;
}

static bool
completer_make(struct plugin_dynamic *d)
{
	struct plugin_generation *g = d->generation;
	const struct tp_complete *hook = plugin_complete_find(&g->module);
	struct tp_entry entry = { .name = TP_EXT_COMPLETE };

	if (!d->about->entries[0].completes)
		return true;
	if (g->runner != NULL
	    && ((const struct plugin_remote *)d->arg)->completes) {
		remote_init(&d->completer, d, &g->manifest->limits,
		    WIRE_ENTRY_COMPLETE);
		d->about->entries[0].entry.completer = &d->completer.target;
		return true;
	}
	if (hook == NULL)
		return false;
	entry.flags = hook->flags;
	entry.call = hook->complete;
	plugin_target_init(&d->completer, g, d, &g->manifest->limits, &entry);
	d->about->entries[0].entry.completer = &d->completer.target;
	return true;
}

struct plugin_dynamic *
plugin_dynamic_create(struct plugin_generation *g,
    struct plugin_manifest *about, const struct tp_dynamic_entry *e)
{
	struct plugin_manifest_entry *m = &about->entries[0];
	struct plugin_dynamic *d = calloc(1, sizeof *d);
	struct tp_entry entry = { .flags = e->flags, .call = e->call };

	if (d == NULL)
		return NULL;
	ref_init(&d->ref);
	d->generation = g;
	d->about = about;
	d->arg = e->arg;
	d->gone = e->gone;
	entry.name = m->entry.key.ptr; /* NUL-terminated */
	if (g->runner != NULL)
		remote_init(&d->target, d, &m->limits, 0);
	else
		plugin_target_init(&d->target, g, d, &m->limits, &entry);
	m->entry.set = &g->set;
	m->entry.input = m->input;
	m->entry.output = m->output;
	m->entry.uri_template = m->uri_template;
	m->entry.target = &d->target.target;
	if (completer_make(d)
	    && registry_entry_describe(
		   &m->entry, g->hub->describe, &about->arena)
		== 0)
		return d;
	d->about = NULL; /* the caller's still */
	plugin_dynamic_free(d);
	return NULL;
}

void
plugin_dynamic_free(struct plugin_dynamic *d)
{
	call_target_finish(&d->target.target);
	if (d->completer.generation != NULL)
		call_target_finish(&d->completer.target);
	plugin_manifest_destroy(d->about);
	free(d);
}

void
plugin_dynamic_ref(struct plugin_dynamic *d)
{
	ref_take(&d->ref);
}

/* [control] No call can reach arg any more. */
static void
dynamic_end(struct plugin_dynamic *d)
{
	if (d->gone != NULL) {
		panic_scope_set(&d->target.scope);
		d->gone(d->arg);
		panic_scope_set(NULL);
	}
	plugin_dynamic_free(d);
}

static void
gone_run(struct loop_msg *msg)
{
	struct plugin_dynamic *d =
	    CONTAINER_OF(msg, struct plugin_dynamic, msg);
	struct plugin_generation *g = d->generation;

	dynamic_end(d);
	registry_set_unref(&g->set);
}

/* [any] The tail-code rule: only post. */
void
plugin_dynamic_unref(struct plugin_dynamic *d)
{
	if (!ref_drop(&d->ref))
		return;
	d->msg.run = gone_run;
	loop_post(d->generation->hub->loop, &d->msg);
}

/* [any] */
static void
shown_released(struct registry_set *set)
{
	struct shown_set *s = CONTAINER_OF(set, struct shown_set, set);
	struct plugin_generation *g = s->generation;

	for (size_t i = 0; i < set->more_len; i++)
		plugin_dynamic_unref(dynamic_of(set->more[i]));
	free(s);
	registry_set_unref(&g->set);
}

/* TOOL-03: the same order whatever the order of commits. */
static int
entry_order(const void *a, const void *b)
{
	const struct registry_entry *x = *(struct registry_entry *const *)a;
	const struct registry_entry *y = *(struct registry_entry *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return str_compare(x->key, y->key);
}

/* With the lock: what is in the lists, or will be. */
static const struct map *
table_of(const struct plugin_generation *g)
{
	return g->orphaned ? g->orphans : g->dynamic;
}

static size_t
table_count(const struct map *table)
{
	size_t n = 0;

	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		n += table[i].len;
	return n;
}

/* With the lock.  NULL: out of memory. */
static struct registry_set *
set_make(struct plugin_generation *g)
{
	const struct map *table = table_of(g);
	size_t len = table_count(table), n = 0;
	struct shown_set *s;

	if (len == 0) {
		registry_set_ref(&g->set);
		return &g->set;
	}
	s = calloc(1, sizeof *s + len * sizeof s->more[0]);
	if (s == NULL)
		return NULL;
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		MAP_EACH (slot, &table[i]) {
			struct plugin_dynamic *d = slot->value;

			plugin_dynamic_ref(d);
			s->more[n++] = &d->about->entries[0].entry;
		}
	qsort(s->more, n, sizeof s->more[0], entry_order);
	registry_set_ref(&g->set);
	s->generation = g;
	ref_init(&s->set.ref);
	s->set.plugin = g->set.plugin;
	s->set.entries = g->set.entries;
	s->set.len = g->set.len;
	s->set.more = s->more;
	s->set.more_len = n;
	s->set.released = shown_released;
	return &s->set;
}

/* With the lock. */
static void
keys_remove_table(struct plugin_hub *h, const struct map *table)
{
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		MAP_EACH (slot, &table[i])
			(void)map_remove(&h->keys[i], slot->key);
}

/* With the lock. */
static void
keys_remove(struct plugin_generation *g)
{
	struct map *keys = g->hub->keys;

	for (size_t i = 0; i < g->set.len; i++)
		(void)map_remove(
		    &keys[g->set.entries[i].kind], g->set.entries[i].key);
	keys_remove_table(g->hub, table_of(g));
}

static int
key_add(struct plugin_hub *h, struct registry_entry *e, struct err *err)
{
	const struct registry_entry *theirs =
	    map_find(&h->keys[e->kind], e->key);

	if (theirs != NULL && theirs->set != e->set)
		return err_set(err, ERR_EXISTS,
		    "\"%.*s\" is taken by plugin %.*s", STR_FMT(e->key),
		    STR_FMT(theirs->set->plugin));
	if (map_set(&h->keys[e->kind], e->key, e, NULL) < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	return 0;
}

/* With the lock; all or none. */
static int
keys_add(struct plugin_hub *h, const struct registry_set *set, struct err *err)
{
	size_t i = 0;
	int rc = 0;

	for (; i < registry_set_count(set) && rc == 0; i++)
		rc = key_add(h, registry_set_at(set, i), err);
	if (rc == 0)
		return 0;
	for (i--; i-- > 0;) {
		const struct registry_entry *e = registry_set_at(set, i);

		(void)map_remove(&h->keys[e->kind], e->key);
	}
	return rc;
}

static void
table_move(struct map out[REGISTRY_KINDS], struct map from[REGISTRY_KINDS])
{
	for (size_t i = 0; i < REGISTRY_KINDS; i++) {
		out[i] = from[i];
		map_init(&from[i]);
	}
}

/* Both tables of a generation, on their way out. */
#define TABLES (2 * (size_t)REGISTRY_KINDS)

/* With the lock: moves them out. */
static void
table_take(struct plugin_generation *g, struct map out[TABLES])
{
	g->dynamic_closed = true;
	g->dynamic_len = 0;
	g->orphaned = false;
	table_move(out, g->dynamic);
	table_move(out + REGISTRY_KINDS, g->orphans);
}

static void
table_drop(struct map *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		MAP_EACH (slot, &table[i])
			plugin_dynamic_unref(slot->value);
		map_finish(&table[i]);
	}
}

/* With the lock. */
static int
names_move(struct plugin_generation *g, struct plugin_generation *before,
    struct registry_set *set, struct registry *registry, struct err *err)
{
	struct plugin_hub *h = g->hub;
	int rc;

	if (before != NULL)
		keys_remove(before);
	rc = keys_add(h, set, err);
	if (rc == 0)
		rc = registry_put(registry, set, err);
	if (rc == 0)
		return 0;
	keys_remove(g);
	/* What was there has its room still. */
	for (size_t i = 0; before != NULL && i < before->set.len; i++)
		CHECK(key_add(h, &before->set.entries[i], NULL) == 0);
	for (size_t i = 0; before != NULL && i < REGISTRY_KINDS; i++)
		MAP_EACH (slot, &table_of(before)[i]) {
			struct plugin_dynamic *d = slot->value;

			CHECK(
			    key_add(h, &d->about->entries[0].entry, NULL) == 0);
		}
	return rc;
}

int
plugin_dynamic_show(struct plugin_generation *g,
    struct plugin_generation *before, struct registry *registry,
    struct err *err)
{
	struct map left[TABLES];
	struct registry_set *set;
	int rc;

	plugin_hub_lock(g->hub);
	set = set_make(g);
	rc = set != NULL ? names_move(g, before, set, registry, err)
			 : err_set(err, ERR_NOMEM, "out of memory");
	if (rc == 0) {
		g->dynamic_live = true;
		if (before != NULL)
			table_take(before, left);
	}
	plugin_hub_unlock(g->hub);
	if (rc < 0) {
		if (set != NULL)
			registry_set_unref(set);
		return rc;
	}
	if (before != NULL)
		table_drop(left, TABLES);
	registry_set_unref(&g->set); /* its own set keeps it now */
	return 0;
}

int
plugin_dynamic_update(
    struct plugin_generation *g, struct registry *registry, struct err *err)
{
	struct registry_set *set;
	int rc;

	plugin_hub_lock(g->hub);
	set = set_make(g);
	plugin_hub_unlock(g->hub);
	if (set == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	rc = registry_put(registry, set, err);
	if (rc < 0)
		registry_set_unref(set);
	return rc;
}

void
plugin_dynamic_hide(struct plugin_generation *g, struct registry *registry)
{
	struct map left[TABLES];

	plugin_hub_lock(g->hub);
	keys_remove(g);
	table_take(g, left);
	plugin_hub_unlock(g->hub);
	/* Before the last reference on g may go. */
	table_drop(left, TABLES);
	(void)registry_drop(registry, g->set.plugin); /* it is there */
}

void
plugin_dynamic_orphan(struct plugin_generation *g)
{
	struct map left[REGISTRY_KINDS];
	bool shown;

	plugin_hub_lock(g->hub);
	shown = g->dynamic_live && !g->dynamic_closed;
	if (shown) {
		table_move(g->orphans, g->dynamic);
		g->orphaned = true;
		g->dynamic_live = false;
	}
	/* What one added that was never ready was never seen. */
	table_move(left, g->dynamic);
	g->dynamic_len = 0;
	plugin_hub_unlock(g->hub);
	table_drop(left, REGISTRY_KINDS);
}

/* With the lock; all or none. */
static int
orphans_replace(struct plugin_generation *g, struct err *err)
{
	struct plugin_hub *h = g->hub;
	int rc = 0;

	keys_remove_table(h, g->orphans);
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		MAP_EACH (slot, &g->dynamic[i]) {
			struct plugin_dynamic *d = slot->value;

			if (rc == 0)
				rc = key_add(
				    h, &d->about->entries[0].entry, err);
		}
	if (rc == 0)
		return 0;
	/* Those of another plugin stay where they are. */
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		MAP_EACH (slot, &g->dynamic[i]) {
			const struct registry_entry *e =
			    map_find(&h->keys[i], slot->key);

			if (e != NULL && e->set == &g->set)
				(void)map_remove(&h->keys[i], slot->key);
		}
	/* What was there has its room still. */
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		MAP_EACH (slot, &g->orphans[i]) {
			struct plugin_dynamic *d = slot->value;

			CHECK(
			    key_add(h, &d->about->entries[0].entry, NULL) == 0);
		}
	return rc;
}

int
plugin_dynamic_renew(struct plugin_generation *g, struct err *err)
{
	struct map left[REGISTRY_KINDS];
	int rc;

	plugin_hub_lock(g->hub);
	if (!g->orphaned) {
		plugin_hub_unlock(g->hub);
		return 0;
	}
	rc = orphans_replace(g, err);
	if (rc != 0) {
		plugin_hub_unlock(g->hub);
		return rc;
	}
	g->dynamic_live = true;
	g->orphaned = false;
	table_move(left, g->orphans);
	plugin_hub_unlock(g->hub);
	if (g->hub->owner != NULL && g->hub->dynamic != NULL)
		g->hub->dynamic(g->hub->owner, g);
	table_drop(left, REGISTRY_KINDS);
	return 0;
}

void
plugin_dynamic_discard(struct plugin_generation *g)
{
	struct map left[TABLES];

	plugin_hub_lock(g->hub);
	table_take(g, left);
	plugin_hub_unlock(g->hub);
	for (size_t i = 0; i < TABLES; i++) {
		MAP_EACH (slot, &left[i])
			dynamic_end(slot->value);
		map_finish(&left[i]);
	}
}

void
plugin_dynamic_count(
    struct plugin_generation *g, unsigned counts[REGISTRY_KINDS])
{
	plugin_hub_lock(g->hub);
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		counts[i] = (unsigned)table_of(g)[i].len;
	plugin_hub_unlock(g->hub);
	for (size_t i = 0; i < g->set.len; i++)
		counts[g->set.entries[i].kind]++;
}

static bool
template_fits(const struct registry_entry *e, struct str uri)
{
	struct uri_match match;
	struct arena arena;
	bool fits;

	if (!str_starts(uri, uri_template_prefix(e->uri_template)))
		return false;
	arena_init(&arena, 0);
	fits = uri_template_match(e->uri_template, uri, &arena, &match) == 0;
	arena_finish(&arena);
	return fits;
}

/* With the lock. */
static bool
owns(const struct plugin_generation *g, struct str uri)
{
	if (map_find(&table_of(g)[REGISTRY_RESOURCE], uri) != NULL)
		return true;
	for (size_t i = 0; i < g->set.len; i++) {
		const struct registry_entry *e = &g->set.entries[i];

		if ((e->kind == REGISTRY_RESOURCE && str_equal(e->key, uri))
		    || (e->kind == REGISTRY_TEMPLATE && template_fits(e, uri)))
			return true;
	}
	MAP_EACH (slot, &table_of(g)[REGISTRY_TEMPLATE]) {
		const struct plugin_dynamic *d = slot->value;

		if (template_fits(&d->about->entries[0].entry, uri))
			return true;
	}
	return false;
}

bool
plugin_dynamic_owns(struct plugin_generation *g, struct str uri)
{
	bool yes;

	plugin_hub_lock(g->hub);
	yes = owns(g, uri);
	plugin_hub_unlock(g->hub);
	return yes;
}
