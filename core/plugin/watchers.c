/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/watchers.h"

#include <string.h>

#include "base/log.h"
#include "plugin/manager_priv.h"

static const struct tp_offer *
offer_find(const struct plugin_module *m)
{
	for (size_t i = 0; i < m->desc.offers_len; i++)
		if (strcmp(m->desc.offers[i].id, TP_EXT_WATCH) == 0)
			return &m->desc.offers[i];
	return NULL;
}

bool
plugin_watchers_offered(const struct plugin_module *m)
{
	return offer_find(m) != NULL;
}

const struct tp_watch *
plugin_watchers_find(const struct plugin_module *m)
{
	const struct tp_offer *o = offer_find(m);
	const struct tp_watch *table = o != NULL ? o->table : NULL;

	return table != NULL && table->size >= sizeof *table
		&& table->watch != NULL && table->unwatch != NULL
	    ? table
	    : NULL;
}

/* In a runner: whether the plugin wants to know is known there. */
static int
runner_watch(struct tp_plugin *p, void *state, struct tp_str uri)
{
	struct plugin_generation *g = plugin_generation_of(p);

	(void)state;
	plugin_runner_watch(g->runner, true, (struct str){ uri.ptr, uri.len });
	return TP_OK;
}

static void
runner_unwatch(struct tp_plugin *p, void *state, struct tp_str uri)
{
	struct plugin_generation *g = plugin_generation_of(p);

	(void)state;
	plugin_runner_watch(g->runner, false, (struct str){ uri.ptr, uri.len });
}

const struct tp_watch plugin_watchers_runner = { sizeof plugin_watchers_runner,
	0, runner_watch, runner_unwatch };

static struct tp_str
str_to(struct str s)
{
	return (struct tp_str){ s.ptr, s.len };
}

static void
watch(struct plugin_generation *g, const struct registry_watched *u)
{
	int rc;

	panic_scope_set(&g->scope);
	rc = g->watch->watch(&g->handle, g->state, str_to(u->uri));
	panic_scope_set(NULL);
	if (rc != TP_OK)
		LOG_WARN("plugin does not watch",
		    F_STR("plugin", g->manifest->name),
		    F_INT("generation", g->number), F_STR("uri", u->uri),
		    F_INT("status", rc));
}

/* One that was told beforehand, and is to take its place soon; or NULL. */
static struct plugin_generation *
next_find(struct plugin_manager *m, unsigned number)
{
	LIST_EACH (node, &m->slots) {
		const struct slot_attempt *a =
		    LIST_OBJ(node, struct plugin_slot, node)->attempt;

		if (a != NULL && a->stage == SLOT_SETTLES
		    && a->generation != NULL && a->generation->number == number)
			return a->generation;
	}
	return NULL;
}

/* One that drains is left alone: unload() ends its watching. */
static struct plugin_generation *
told_find(struct plugin_manager *m, unsigned number)
{
	LIST_EACH (node, &m->generations) {
		struct plugin_generation *g =
		    LIST_OBJ(node, struct plugin_generation, node);

		if (g->number == number && g->at == PLUGIN_WARM)
			return g;
	}
	return next_find(m, number);
}

/* number 0: nobody. */
static void
unwatch(struct plugin_manager *m, unsigned number, struct str uri)
{
	struct plugin_generation *g = number != 0 ? told_find(m, number) : NULL;

	if (g == NULL || g->watch == NULL)
		return;
	panic_scope_set(&g->scope);
	g->watch->unwatch(&g->handle, g->state, str_to(uri));
	panic_scope_set(NULL);
}

/* Who answers for uri now and wants to know; NULL: nobody. */
static struct plugin_generation *
owner_of(struct plugin_manager *m, struct str uri)
{
	const struct json_node *variables;
	const struct registry_entry *e;
	struct plugin_generation *g = NULL;
	struct arena arena;

	arena_init(&arena, 0);
	/* No snapshot can go while this thread, which publishes, looks. */
	e = registry_find_uri(
	    registry_current(m->registry), uri, &arena, &variables);
	if (e != NULL)
		g = CONTAINER_OF(e->set, struct plugin_generation, set);
	arena_finish(&arena);
	return g != NULL && g->watch != NULL ? g : NULL;
}

static void
settle(struct plugin_manager *m, struct registry_watched *u)
{
	struct plugin_generation *g = owner_of(m, u->uri);
	unsigned number = g != NULL ? g->number : 0;

	if (number != u->told) {
		unwatch(m, u->told, u->uri);
		if (g != NULL && u->next != number)
			watch(g, u);
		u->told = number;
	}
	if (next_find(m, u->next) != NULL)
		return; /* it is to come yet */
	/* It was told beforehand, and another plugin has come first. */
	if (u->next != number)
		unwatch(m, u->next, u->uri);
	u->next = 0;
}

static void
edge(void *arg, struct registry_watched *u, bool on)
{
	struct plugin_manager *m =
	    OBJ_CAST(arg, struct plugin_manager, MANAGER_MAGIC);

	if (on) {
		settle(m, u);
		return;
	}
	unwatch(m, u->told, u->uri);
	unwatch(m, u->next, u->uri);
}

void
plugin_watchers_begin(struct plugin_manager *m)
{
	registry_watches_listen(
	    registry_watches(m->registry), m->loop, edge, m);
}

void
plugin_watchers_end(struct plugin_manager *m)
{
	registry_watches_listen(
	    registry_watches(m->registry), NULL, NULL, NULL);
}

bool
plugin_watchers_prepare(struct plugin_manager *m, struct plugin_generation *g)
{
	bool told = false;

	if (g->watch == NULL)
		return false;
	LIST_EACH (
	    node, registry_watches_known(registry_watches(m->registry))) {
		struct registry_watched *u =
		    LIST_OBJ(node, struct registry_watched, node);

		if (!plugin_dynamic_owns(g, u->uri))
			continue;
		watch(g, u);
		u->next = g->number;
		told = true;
	}
	return told;
}

void
plugin_watchers_again(struct plugin_manager *m, struct plugin_generation *g)
{
	LIST_EACH (
	    node, registry_watches_known(registry_watches(m->registry))) {
		struct registry_watched *u =
		    LIST_OBJ(node, struct registry_watched, node);

		if (u->told == g->number)
			watch(g, u);
	}
}

/* A walk over all URIs, which is for nothing where nobody wants to know. */
void
plugin_watchers_settle(struct plugin_manager *m)
{
	bool wanted = false;

	LIST_EACH (node, &m->generations)
		wanted = wanted
		    || LIST_OBJ(node, struct plugin_generation, node)->watch
			!= NULL;
	if (!wanted)
		return;
	LIST_EACH (node, registry_watches_known(registry_watches(m->registry)))
		settle(m, LIST_OBJ(node, struct registry_watched, node));
}
