/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of tp.dynamic/1, from begin() to commit(): everything here may run
 * on any thread, and comes from code that is not ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/complete.h"
#include "plugin/dynamic.h"
#include "registry/registry.h"

#define BATCH_MAGIC 0x44594e42u
#define ENTRY_SIZE_MIN sizeof(struct tp_dynamic_entry)

/* One change of a batch: drop has no entry. */
struct change {
	struct list node;
	struct plugin_dynamic *put; /* owned; NULL: drop */
	struct plugin_dynamic *before; /* what it has replaced or dropped */
	enum registry_kind kind; /* of a put, else as the next says */
	unsigned tp_kind;
	struct str key; /* in put, or in text */
	char text[];
};

struct tp_batch {
	uint32_t magic;
	struct list node; /* of the generation; hub's lock */
	struct plugin_generation *generation;
	struct list changes;
	size_t puts;
	size_t drops;
	unsigned refusals;
};

static struct tp_batch *
batch_of(struct tp_batch *b)
{
	OBJ_CHECK(b, BATCH_MAGIC);
	return b;
}

static struct str
str_from(struct tp_str s)
{
	return (struct str){ s.ptr, s.ptr != NULL ? s.len : 0 };
}

static const char *
kind_word(unsigned kind)
{
	static const char *const words[] = { "", "tool", "resource", "prompt" };

	return kind <= TP_KIND_PROMPT ? words[kind] : "";
}

/* Names come from upstream: cut and escaped. */
static int
refuse(struct tp_batch *b, int status, unsigned kind, struct str name,
    const char *reason)
{
	if (b->refusals++ < PLUGIN_REFUSALS_MAX)
		LOG_WARN("plugin entry refused",
		    F_STR("plugin", b->generation->manifest->name),
		    F_INT("generation", b->generation->number),
		    F_CSTR("kind", kind_word(kind)),
		    F_STR("name", str_sub(name, 0, PLUGIN_LABEL_MAX)),
		    F_INT("status", status), F_CSTR("reason", reason));
	return status;
}

static struct tp_batch *
batch_begin(struct tp_plugin *p)
{
	struct plugin_generation *g = plugin_generation_of(p);
	struct tp_batch *b = calloc(1, sizeof *b);
	bool ok;

	if (b == NULL)
		return NULL;
	OBJ_INIT(b, BATCH_MAGIC);
	b->generation = g;
	list_init(&b->node);
	list_init(&b->changes);
	plugin_hub_lock(g->hub);
	ok = !g->dynamic_closed && g->batches_len < PLUGIN_BATCHES_MAX;
	if (ok) {
		list_push(&g->batches, &b->node);
		g->batches_len++;
	}
	plugin_hub_unlock(g->hub);
	if (ok)
		return b;
	free(b);
	return NULL;
}

static void
change_free(struct change *c)
{
	list_drop(&c->node);
	if (c->put != NULL)
		plugin_dynamic_free(c->put);
	free(c);
}

/* Nobody has seen them: their arguments go back at once, on this thread. */
static void
puts_give_back(struct tp_batch *b)
{
	LIST_EACH (node, &b->changes) {
		struct change *c = LIST_OBJ(node, struct change, node);

		if (c->put != NULL && c->put->gone != NULL)
			c->put->gone(c->put->arg);
	}
}

/* Out of its generation's list already. */
static void
batch_free(struct tp_batch *b)
{
	if (b->refusals > PLUGIN_REFUSALS_MAX)
		LOG_WARN("plugin entries refused, not all are named",
		    F_STR("plugin", b->generation->manifest->name),
		    F_INT("refused", b->refusals));
	LIST_EACH_SAFE (node, &b->changes)
		change_free(LIST_OBJ(node, struct change, node));
	OBJ_WIPE(b);
	free(b);
}

static void
batch_abandon(struct tp_batch *batch)
{
	struct tp_batch *b = batch_of(batch);
	struct plugin_generation *g = b->generation;

	plugin_hub_lock(g->hub);
	list_drop(&b->node);
	g->batches_len--;
	plugin_hub_unlock(g->hub);
	puts_give_back(b);
	batch_free(b);
}

void
plugin_dynamic_finish(struct plugin_generation *g)
{
	LIST_EACH_SAFE (node, &g->batches) {
		struct tp_batch *b = LIST_OBJ(node, struct tp_batch, node);

		/* Its code may be away, so that gone() cannot be called. */
		LOG_WARN("plugin left a batch open",
		    F_STR("plugin", g->manifest->name),
		    F_INT("generation", g->number), F_INT("put", b->puts));
		list_drop(&b->node);
		batch_free(b);
	}
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		map_finish(&g->dynamic[i]);
}

static struct change *
change_find(const struct tp_batch *b, unsigned kind, struct str key)
{
	LIST_EACH (node, &b->changes) {
		struct change *c = LIST_OBJ(node, struct change, node);

		if (c->tp_kind == kind && str_equal(c->key, key))
			return c;
	}
	return NULL;
}

/* Without a look at 'about'; NULL: it will do. */
static const char *
entry_fault(const struct plugin_generation *g, const struct tp_dynamic_entry *e)
{
	const struct plugin_grant *grant = &g->manifest->dynamic;
	struct str name = str_from(e->name);

	if (e->kind < TP_KIND_TOOL || e->kind > TP_KIND_PROMPT)
		return "no such kind";
	if (!grant->kinds[e->kind])
		return "the manifest does not grant this kind "
		       "(dynamic.kinds)";
	if (!str_is_utf8(name) || name.len > PLUGIN_URI_MAX)
		return "the name is not UTF-8, or too long";
	if (!plugin_grant_name_fits(grant, e->kind, name))
		return e->kind == TP_KIND_RESOURCE
		    ? "the URI does not begin with the scheme that "
		      "dynamic.prefix gives (gh_ gives gh:)"
		    : "the name does not begin with dynamic.prefix";
	if (e->call == NULL)
		return "it has no function";
	return NULL;
}

static int
refuse_about(struct tp_batch *b, const struct tp_dynamic_entry *e,
    const struct diags *diags, struct str pointer)
{
	const struct diag *first = NULL;
	struct buf line;
	int rc;

	for (size_t i = 0; i < diags->len && first == NULL; i++)
		if (diags->items[i].severity == DIAG_ERROR)
			first = &diags->items[i];
	if (first == NULL)
		return refuse(b, TP_ENOMEM, e->kind, str_from(e->name),
		    "out of memory, or more than an entry may take");
	buf_init(&line);
	buf_printf(&line, "about%.*s: %s", STR_FMT(pointer), first->message);
	if (first->hint != NULL)
		buf_printf(&line, " (hint: %s)", first->hint);
	buf_char(&line, '\0');
	rc = refuse(b, TP_EPARAMS, e->kind, str_from(e->name),
	    line.failed ? "out of memory" : line.ptr);
	buf_finish(&line);
	return rc;
}

static int
about_read(struct tp_batch *b, const struct tp_dynamic_entry *e,
    struct plugin_manifest **out)
{
	struct diags diags;
	struct buf pointer;
	int rc = TP_OK;

	diags_init(&diags);
	buf_init(&pointer);
	*out = plugin_manifest_read_about(b->generation->manifest, e->kind,
	    str_from(e->name), str_from(e->about), &diags, &pointer);
	if (*out == NULL)
		rc = refuse_about(b, e, &diags, buf_view(&pointer));
	buf_finish(&pointer);
	diags_finish(&diags);
	return rc;
}

/* An entry of this name here already? */
static int
change_clear(struct tp_batch *b, unsigned kind, struct str name)
{
	struct change *c = change_find(b, kind, name);

	if (c == NULL)
		return TP_OK;
	if (c->put != NULL)
		return refuse(b, TP_EPARAMS, kind, name,
		    "the name is used twice in this batch");
	b->drops--; /* what is put replaces it anyway */
	change_free(c);
	return TP_OK;
}

static int
put_add(struct tp_batch *b, const struct tp_dynamic_entry *e,
    struct plugin_dynamic *d)
{
	struct change *c = calloc(1, sizeof *c + 1);

	if (c == NULL) {
		plugin_dynamic_free(d);
		return refuse(
		    b, TP_ENOMEM, e->kind, str_from(e->name), "out of memory");
	}
	c->put = d;
	c->kind = d->about->entries[0].entry.kind;
	c->tp_kind = e->kind;
	c->key = d->about->entries[0].entry.key;
	list_push(&b->changes, &c->node);
	b->puts++;
	return TP_OK;
}

int
plugin_dynamic_put(struct tp_batch *batch, const struct tp_dynamic_entry *given,
    uint64_t *result_max)
{
	struct tp_batch *b = batch_of(batch);
	struct plugin_generation *g = b->generation;
	struct plugin_manifest *about;
	struct tp_dynamic_entry e;
	struct plugin_dynamic *d;
	const char *fault;
	int rc;

	if (given == NULL || given->size < ENTRY_SIZE_MIN)
		return refuse(b, TP_EPARAMS, 0, STR_NONE,
		    "the entry has no size, or an impossible one");
	memcpy(&e, given, sizeof e);
	fault = entry_fault(g, &e);
	if (fault != NULL)
		return refuse(b, TP_EPARAMS, e.kind, str_from(e.name), fault);
	if (b->puts >= g->manifest->dynamic.max)
		return refuse(b, TP_EBUSY, e.kind, str_from(e.name),
		    "more entries than dynamic.max in one batch");
	rc = change_clear(b, e.kind, str_from(e.name));
	if (rc == TP_OK)
		rc = about_read(b, &e, &about);
	if (rc != TP_OK)
		return rc;
	d = plugin_dynamic_create(g, about, &e);
	if (d == NULL) {
		plugin_manifest_destroy(about);
		return refuse(b, TP_ENOMEM, e.kind, str_from(e.name),
		    "out of memory, or complete without " TP_EXT_COMPLETE);
	}
	*result_max = (uint64_t)about->entries[0].limits.result_max;
	return put_add(b, &e, d);
}

static int
batch_put(struct tp_batch *batch, const struct tp_dynamic_entry *given)
{
	uint64_t result_max;

	return plugin_dynamic_put(batch, given, &result_max);
}

/* With the lock. */
static struct plugin_dynamic *
dynamic_find(const struct plugin_generation *g, unsigned tp_kind,
    struct str key, enum registry_kind *kind)
{
	static const enum registry_kind kinds[] = { REGISTRY_TOOL,
		REGISTRY_TOOL, REGISTRY_RESOURCE, REGISTRY_PROMPT };
	struct plugin_dynamic *d;

	*kind = kinds[tp_kind];
	d = map_find(&g->dynamic[*kind], key);
	if (d == NULL && tp_kind == TP_KIND_RESOURCE) {
		*kind = REGISTRY_TEMPLATE;
		d = map_find(&g->dynamic[*kind], key);
	}
	return d;
}

static int
batch_drop(struct tp_batch *batch, uint32_t kind, struct tp_str name)
{
	struct tp_batch *b = batch_of(batch);
	struct plugin_generation *g = b->generation;
	struct str key = str_from(name);
	enum registry_kind found;
	struct change *c;
	bool there;

	if (kind < TP_KIND_TOOL || kind > TP_KIND_PROMPT)
		return refuse(b, TP_EPARAMS, kind, key, "no such kind");
	if (change_find(b, kind, key) != NULL)
		return refuse(b, TP_EPARAMS, kind, key,
		    "the name is used twice in this batch");
	plugin_hub_lock(g->hub);
	there = dynamic_find(g, kind, key, &found) != NULL;
	plugin_hub_unlock(g->hub);
	if (!there)
		return refuse(b, TP_ENOTFOUND, kind, key,
		    "there is no entry of this name that was added");
	c = calloc(1, sizeof *c + key.len + 1);
	if (c == NULL)
		return refuse(b, TP_ENOMEM, kind, key, "out of memory");
	memcpy(c->text, key.ptr, key.len);
	c->key = (struct str){ c->text, key.len };
	c->tp_kind = kind;
	list_push(&b->changes, &c->node);
	b->drops++;
	return TP_OK;
}

static bool
manifest_has(const struct plugin_generation *g, const struct change *c,
    const struct registry_entry *taken)
{
	if (g->dynamic_live)
		return taken != NULL && taken->set == &g->set;
	for (size_t i = 0; i < g->set.len; i++)
		if (g->set.entries[i].kind == c->kind
		    && str_equal(g->set.entries[i].key, c->key))
			return true;
	return false;
}

/* With the lock: may this change be done? */
static int
change_check(struct tp_batch *b, struct change *c)
{
	struct plugin_generation *g = b->generation;
	const struct registry_entry *taken;
	char reason[ERR_TEXT_MAX];

	if (c->put == NULL) {
		c->before = dynamic_find(g, c->tp_kind, c->key, &c->kind);
		if (c->before != NULL)
			return TP_OK;
		return refuse(b, TP_ENOTFOUND, c->tp_kind, c->key,
		    "there is no entry of this name that was added");
	}
	c->before = map_find(&g->dynamic[c->kind], c->key);
	taken = map_find(&g->hub->keys[c->kind], c->key);
	if (c->before == NULL && manifest_has(g, c, taken))
		return refuse(b, TP_EPARAMS, c->tp_kind, c->key,
		    "the manifest has an entry of this name");
	/* The generation before this one goes when this one comes. */
	if (taken == NULL || str_equal(taken->set->plugin, g->set.plugin))
		return TP_OK;
	(void)snprintf(reason, sizeof reason,
	    "the name is taken by plugin %.*s",
	    STR_FMT(taken->set->plugin)); /* may be cut */
	return refuse(b, TP_EPARAMS, c->tp_kind, c->key, reason);
}

static size_t
keys_count(const struct plugin_hub *h)
{
	size_t n = 0;

	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		n += h->keys[i].len;
	return n;
}

/* With the lock. */
static int
changes_check(struct tp_batch *b)
{
	struct plugin_generation *g = b->generation;
	size_t added = 0;

	if (g->dynamic_closed)
		return refuse(b, TP_ECANCELLED, 0, STR_NONE,
		    "the generation drains: its entries leave with it");
	LIST_EACH (node, &b->changes) {
		struct change *c = LIST_OBJ(node, struct change, node);
		int rc = change_check(b, c);

		if (rc != TP_OK)
			return rc;
		added += c->put != NULL && c->before == NULL ? 1 : 0;
	}
	if (g->dynamic_len - b->drops + added > g->manifest->dynamic.max)
		return refuse(
		    b, TP_EBUSY, 0, STR_NONE, "more entries than dynamic.max");
	if (keys_count(g->hub) + added > REGISTRY_ENTRIES_MAX)
		return refuse(b, TP_EBUSY, 0, STR_NONE,
		    "more entries than one server may have");
	return TP_OK;
}

/* With the lock: as it was before c was applied. */
static void
put_revert(struct plugin_generation *g, struct change *c)
{
	struct map *table = &g->dynamic[c->kind];
	struct map *keys = &g->hub->keys[c->kind];
	struct plugin_dynamic *d = c->before;

	if (d == NULL) {
		(void)map_remove(table, c->key);
		if (g->dynamic_live)
			(void)map_remove(keys, c->key);
		return;
	}
	/* In the slots that they had. */
	CHECK(map_set(table, d->about->entries[0].entry.key, d, NULL) == 0);
	if (g->dynamic_live)
		CHECK(map_set(keys, d->about->entries[0].entry.key,
			  &d->about->entries[0].entry, NULL)
		    == 0);
}

static int
put_apply(struct plugin_generation *g, struct change *c)
{
	struct registry_entry *e = &c->put->about->entries[0].entry;

	if (map_set(&g->dynamic[c->kind], c->key, c->put, NULL) < 0)
		return ERR_NOMEM;
	if (!g->dynamic_live
	    || map_set(&g->hub->keys[c->kind], c->key, e, NULL) == 0)
		return 0;
	put_revert(g, c);
	return ERR_NOMEM;
}

/* With the lock.  Drops cannot fail: they come last. */
static int
changes_apply(struct tp_batch *b)
{
	struct plugin_generation *g = b->generation;

	LIST_EACH (node, &b->changes) {
		struct change *c = LIST_OBJ(node, struct change, node);

		if (c->put == NULL || put_apply(g, c) == 0)
			continue;
		for (node = node->prev; node != &b->changes;
		     node = node->prev) {
			c = LIST_OBJ(node, struct change, node);
			if (c->put != NULL)
				put_revert(g, c);
		}
		return refuse(b, TP_ENOMEM, 0, STR_NONE, "out of memory");
	}
	LIST_EACH (node, &b->changes) {
		struct change *c = LIST_OBJ(node, struct change, node);

		if (c->put != NULL) {
			registry_set_ref(&g->set); /* until it is gone */
			continue;
		}
		(void)map_remove(&g->dynamic[c->kind], c->key);
		if (g->dynamic_live)
			(void)map_remove(&g->hub->keys[c->kind], c->key);
	}
	g->dynamic_len = 0;
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		g->dynamic_len += g->dynamic[i].len;
	return TP_OK;
}

/* [control] */
static void
dynamic_run(struct loop_msg *msg)
{
	struct plugin_generation *g =
	    CONTAINER_OF(msg, struct plugin_generation, dynamic_msg);
	struct plugin_hub *h = g->hub;
	bool shown;

	plugin_hub_lock(h);
	g->dynamic_posted = false;
	shown = !g->dynamic_closed;
	plugin_hub_unlock(h);
	if (shown && h->owner != NULL && h->dynamic != NULL)
		h->dynamic(h->owner, g);
	registry_set_unref(&g->set);
}

/* With the lock. */
static void
dynamic_post(struct plugin_generation *g)
{
	if (!g->dynamic_live || g->dynamic_posted)
		return;
	g->dynamic_posted = true;
	registry_set_ref(&g->set);
	g->dynamic_msg.run = dynamic_run;
	loop_post(g->hub->loop, &g->dynamic_msg);
}

static int
batch_commit(struct tp_batch *batch)
{
	static struct log_gate gate;
	struct tp_batch *b = batch_of(batch);
	struct plugin_generation *g = b->generation;
	uint64_t suppressed;
	int rc;

	plugin_hub_lock(g->hub);
	list_drop(&b->node);
	g->batches_len--;
	rc = changes_check(b);
	if (rc == TP_OK)
		rc = changes_apply(b);
	if (rc == TP_OK && !list_is_empty(&b->changes))
		dynamic_post(g);
	plugin_hub_unlock(g->hub);
	if (rc != TP_OK)
		puts_give_back(b);
	LIST_EACH (node, &b->changes) {
		struct change *c = LIST_OBJ(node, struct change, node);

		if (rc != TP_OK)
			break;
		c->put = NULL; /* the table's */
		if (c->before != NULL)
			plugin_dynamic_unref(c->before);
	}
	if (rc == TP_OK && log_gate_pass(&gate, NS_PER_S, &suppressed))
		LOG_INFO("plugin entries changed",
		    F_STR("plugin", g->manifest->name),
		    F_INT("generation", g->number), F_INT("put", b->puts),
		    F_INT("dropped", b->drops),
		    F_INT("suppressed", suppressed));
	batch_free(b);
	return rc;
}

const struct tp_dynamic plugin_dynamic_table = {
	.size = sizeof(struct tp_dynamic),
	.begin = batch_begin,
	.put = batch_put,
	.drop = batch_drop,
	.commit = batch_commit,
	.abandon = batch_abandon,
};
