/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/generation.h"

const char *const plugin_outcomes[CALL_OUTCOMES] = {
	[CALL_WAS_OK] = "ok",
	[CALL_WAS_ERROR] = "error",
	[CALL_WAS_BUSY] = "busy",
	[CALL_WAS_LATE] = "deadline",
	[CALL_WAS_CANCELLED] = "cancelled",
	[CALL_WAS_LOST] = "lost",
};

struct plugin_ledger *
plugin_ledger_create(unsigned reactors)
{
	struct plugin_ledger *l = calloc(1, sizeof *l);
	size_t n = reactors > 0 ? reactors : 1;

	if (l == NULL)
		return NULL;
	ref_init(&l->ref);
	l->reactors = (unsigned)n;
	l->counts = aligned_alloc(COUNTER_LINE, n * sizeof *l->counts);
	if (l->counts == NULL) {
		free(l);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < CALL_OUTCOMES; k++)
			atomic_init(&l->counts[i].ended[k], 0);
	plugin_refusals_init(&l->refusals);
	return l;
}

void
plugin_ledger_join(struct plugin_ledger *l, struct plugin_generation *g)
{
	ref_take(&l->ref);
	g->ledger = l;
	for (size_t i = 0; i < g->targets_len; i++)
		g->targets[i].target.counts = l->counts;
}

void
plugin_ledger_unref(struct plugin_ledger *l)
{
	if (l == NULL || !ref_drop(&l->ref))
		return;
	plugin_refusals_finish(&l->refusals);
	free(l->counts);
	free(l);
}

uint64_t
plugin_ledger_calls(const struct plugin_ledger *l, enum call_outcome outcome)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->reactors; i++)
		sum += counter_get(&l->counts[i].ended[outcome]);
	return sum;
}

void
plugin_census_init(struct plugin_census *c)
{
	memset(c, 0, sizeof *c);
}

void
plugin_census_finish(struct plugin_census *c)
{
	free(c->items);
	plugin_census_init(c);
}

static struct plugin_presence *
presence_find(const struct plugin_census *c, unsigned generation)
{
	for (size_t i = 0; i < c->len; i++)
		if (c->items[i].generation == generation)
			return &c->items[i];
	return NULL;
}

const struct plugin_presence *
plugin_census_find(const struct plugin_census *c, unsigned generation)
{
	return c != NULL ? presence_find(c, generation) : NULL;
}

/* A new one, empty. */
static struct plugin_presence *
presence_add(struct plugin_census *c, unsigned generation)
{
	struct plugin_presence *p;
	size_t cap = c->cap > 0 ? 2 * c->cap : 8;

	if (c->len == c->cap) {
		p = realloc(c->items, cap * sizeof *p);
		if (p == NULL) {
			c->failed = true;
			return NULL;
		}
		c->items = p;
		c->cap = cap;
	}
	p = &c->items[c->len++];
	memset(p, 0, sizeof *p);
	p->generation = generation;
	p->oldest_ns = INT64_MAX;
	return p;
}

/* Of one entry that is not new here, or has room. */
static void
present_count(struct plugin_presence *p, unsigned calls, int64_t oldest_ns,
    struct str entry)
{
	struct plugin_present *e = p->named;
	char name[sizeof e->entry];

	(void)snprintf(
	    name, sizeof name, "%.*s", STR_FMT(entry)); /* may be cut */
	while (e < p->named + p->named_len && strcmp(e->entry, name) != 0)
		e++;
	if (e == p->named + PLUGIN_PRESENT_MAX)
		return;
	if (e == p->named + p->named_len) {
		p->named_len++;
		memcpy(e->entry, name, sizeof name);
		e->oldest_ns = oldest_ns;
	}
	e->calls += calls;
	if (oldest_ns < e->oldest_ns)
		e->oldest_ns = oldest_ns;
}

static struct plugin_presence *
presence_count(struct plugin_census *c, unsigned generation, unsigned calls,
    int64_t oldest_ns, struct str entry)
{
	struct plugin_presence *p = presence_find(c, generation);

	if (p == NULL)
		p = presence_add(c, generation);
	if (p == NULL)
		return NULL;
	p->calls += calls;
	if (oldest_ns >= p->oldest_ns)
		return p;
	p->oldest_ns = oldest_ns;
	(void)snprintf(p->oldest, sizeof p->oldest, "%.*s",
	    STR_FMT(entry)); /* may be cut */
	return p;
}

void
plugin_census_take(struct plugin_census *c, const struct call_reactor *r)
{
	LIST_EACH (node, &r->running) {
		const struct call *call = LIST_OBJ(node, struct call, node);
		/* All that a server calls are entries of plugins, and what is
		 * in flight between two turns keeps its generation. */
		const struct plugin_target *t =
		    CONTAINER_OF(call->target, struct plugin_target, target);

		struct plugin_presence *p = presence_count(
		    c, t->generation->number, 1, call->started_ns, call->name);

		if (p != NULL)
			present_count(p, 1, call->started_ns, call->name);
	}
}

void
plugin_census_add(struct plugin_census *c, const struct plugin_census *more)
{
	for (size_t i = 0; i < more->len; i++) {
		const struct plugin_presence *p = &more->items[i];
		struct plugin_presence *sum = presence_count(c, p->generation,
		    p->calls, p->oldest_ns, str_of(p->oldest));

		for (size_t k = 0; sum != NULL && k < p->named_len; k++)
			present_count(sum, p->named[k].calls,
			    p->named[k].oldest_ns, str_of(p->named[k].entry));
	}
	c->failed = c->failed || more->failed;
}

void
plugin_presence_print(
    const struct plugin_presence *p, int64_t now_ns, struct buf *out)
{
	unsigned rest = p->calls;

	for (size_t i = 0; i < p->named_len; i++) {
		const struct plugin_present *e = &p->named[i];
		double age = (double)(now_ns - e->oldest_ns) / NS_PER_S;

		buf_printf(out, "%s%s: %u call%s for %.1f s", i > 0 ? "; " : "",
		    e->entry, e->calls, e->calls > 1 ? "s, the oldest" : "",
		    age);
		rest -= e->calls;
	}
	if (rest > 0)
		buf_printf(out, "; and %u more", rest);
}
