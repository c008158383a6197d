/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told when: rounds over the listen streams and the listeners of a
 * reactor, in slices, so that no change holds up its callers.
 *
 * Each change begins a round; a stream remembers the last one that has come to
 * it.  What it has missed are the list versions it has not seen, and the
 * updates with a later round.  An update that comes again before all have been
 * told moves to the newest round: it is one mark a URI, whoever waits for it
 * hears it once, and there is no queue that grows. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mcp/mcp_priv.h"

/* On its way to the next turn, which may be later than the reactor's end. */
struct mcp_tell {
	struct loop_msg msg;
	struct mcp_reactor *mcp; /* NULL: gone */
};

struct update {
	struct list node; /* in m->updates, oldest round first */
	uint64_t round;
	size_t len;
	char uri[];
};

static struct str
uri_of(const struct update *u)
{
	return (struct str){ u->uri, u->len };
}

static void
update_free(struct mcp_reactor *m, struct update *u)
{
	(void)map_remove(&m->updates_by_uri, uri_of(u));
	list_drop(&u->node);
	free(u);
}

void
mcp_tell_finish(struct mcp_reactor *m)
{
	if (m->tell != NULL)
		m->tell->mcp = NULL;
	m->tell = NULL;
	LIST_EACH_SAFE (node, &m->updates)
		update_free(m, LIST_OBJ(node, struct update, node));
	map_finish(&m->updates_by_uri);
}

/* The first update that a stream which was told up to that round lacks; the
 * list's end: none. */
static struct list *
updates_from(struct mcp_reactor *m, uint64_t told)
{
	struct list *node = &m->updates;

	while (node->prev != &m->updates
	    && LIST_OBJ(node->prev, struct update, node)->round > told)
		node = node->prev;
	return node;
}

/* Both lists begin with those that have heard least: who was told moves to
 * the end, and who is new is put there.  Returns what it cost. */
static size_t
exchange_visit(struct mcp_reactor *m, struct mcp_exchange *x)
{
	struct list *node = updates_from(m, x->told);
	size_t cost = 1;

	x->told = m->round;
	list_drop(&x->node);
	list_push(&m->listening, &x->node);
	mcp_exchange_tell(x);
	for (; node != &m->updates && x->uris_len > 0; node = node->next) {
		struct update *u = LIST_OBJ(node, struct update, node);

		(void)mcp_exchange_updated(x, uri_of(u));
		cost++;
	}
	return cost;
}

static size_t
listener_visit(struct mcp_reactor *m, struct mcp_listener *l)
{
	struct list *node = updates_from(m, l->told);
	size_t cost = 1;

	l->told = m->round;
	list_drop(&l->node);
	list_push(&m->listeners, &l->node);
	mcp_listener_tell(m, l);
	for (; node != &m->updates; node = node->next) {
		struct update *u = LIST_OBJ(node, struct update, node);

		(void)mcp_listener_updated(m, l, uri_of(u));
		cost++;
	}
	return cost;
}

static struct mcp_exchange *
exchange_next(struct mcp_reactor *m)
{
	struct mcp_exchange *x =
	    LIST_OBJ(m->listening.next, struct mcp_exchange, node);

	return list_is_empty(&m->listening) || x->told == m->round ? NULL : x;
}

static struct mcp_listener *
listener_next(struct mcp_reactor *m)
{
	struct mcp_listener *l =
	    LIST_OBJ(m->listeners.next, struct mcp_listener, node);

	return list_is_empty(&m->listeners) || l->told == m->round ? NULL : l;
}

/* Those that everybody has heard of; *x and *l are who has heard least. */
static void
updates_drop(struct mcp_reactor *m, const struct mcp_exchange *x,
    const struct mcp_listener *l)
{
	uint64_t least = m->round;

	if (x != NULL)
		least = x->told;
	if (l != NULL && l->told < least)
		least = l->told;
	LIST_EACH_SAFE (node, &m->updates) {
		struct update *u = LIST_OBJ(node, struct update, node);

		if (u->round > least)
			break;
		update_free(m, u);
	}
}

/* True: everybody has been told. */
static bool
slice_run(struct mcp_reactor *m, size_t budget)
{
	struct mcp_exchange *x;
	struct mcp_listener *l;
	size_t cost = 0;

	while (cost < budget && (x = exchange_next(m)) != NULL)
		cost += exchange_visit(m, x);
	while (cost < budget && (l = listener_next(m)) != NULL)
		cost += listener_visit(m, l);
	m->told_left = cost < m->told_left ? m->told_left - cost : 0;
	x = exchange_next(m);
	l = listener_next(m);
	updates_drop(m, x, l);
	return x == NULL && l == NULL;
}

static void round_go(struct mcp_reactor *m);

static void
tell_run(struct loop_msg *msg)
{
	struct mcp_tell *tell = CONTAINER_OF(msg, struct mcp_tell, msg);
	struct mcp_reactor *m = tell->mcp;

	free(tell);
	if (m == NULL)
		return;
	m->tell = NULL;
	m->told_left = MCP_TOLD_A_TURN;
	round_go(m);
}

/* As much as this turn allows, however many changes it brings. */
static void
round_go(struct mcp_reactor *m)
{
	int64_t now = loop_now(m->calls->loop);

	if (m->tell != NULL)
		return;
	if (m->told_at_ns != now) {
		m->told_at_ns = now;
		m->told_left = MCP_TOLD_A_TURN;
	}
	if (slice_run(m, m->told_left))
		return;
	m->tell = malloc(sizeof *m->tell);
	if (m->tell == NULL) {
		(void)slice_run(m, SIZE_MAX); /* late is worse than slow */
		return;
	}
	m->tell->msg.run = tell_run;
	m->tell->mcp = m;
	loop_post(m->calls->loop, &m->tell->msg);
}

void
mcp_lists_changed(struct mcp_reactor *m)
{
	m->round++;
	round_go(m);
}

static struct update *
update_add(struct mcp_reactor *m, struct str uri)
{
	struct update *u = map_find(&m->updates_by_uri, uri);

	if (u != NULL) {
		list_drop(&u->node);
		list_push(&m->updates, &u->node);
		return u;
	}
	u = malloc(sizeof *u + uri.len);
	if (u == NULL)
		return NULL;
	u->len = uri.len;
	memcpy(u->uri, uri.ptr, uri.len);
	if (map_set(&m->updates_by_uri, uri_of(u), u, NULL) < 0) {
		free(u);
		return NULL;
	}
	list_push(&m->updates, &u->node);
	return u;
}

void
mcp_resource_updated(struct mcp_reactor *m, struct str uri)
{
	struct update *u;

	if (list_is_empty(&m->listening) && list_is_empty(&m->listeners))
		return;
	if (m->updates_by_uri.len >= MCP_UPDATES_MAX)
		(void)slice_run(m, SIZE_MAX); /* nothing is lost, and rare */
	u = update_add(m, uri);
	if (u == NULL) {
		LOG_WARN("a resource's update is told to nobody: out of memory",
		    F_STR("uri", uri));
		return;
	}
	u->round = ++m->round;
	round_go(m);
}
