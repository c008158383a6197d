/* SPDX-License-Identifier: Apache-2.0 */
/* reload: exclusive.  No call is in the old generation when its state is taken,
 * and none in the new one before it has that state: nothing is lost.  Calls
 * that come meanwhile wait at the gate of the old one. */
#include "base/log.h"
#include "call/call.h"
#include "plugin/manager_priv.h"

#define GRACE_NS NS_PER_S /* after the deadline of the slowest entry */

static void
due(struct plugin_slot *s)
{
	s->next_due = true;
	loop_timer_clear(&s->next_timer);
	(void)plugin_manager_batch_now(s->holder, false);
}

/* [control] No call is in the one that serves. */
static void
hold_empty(void *arg)
{
	due(arg);
}

static void
hold_late(void *arg)
{
	struct plugin_slot *s = arg;

	s->next_late = true;
	due(s);
}

/* By when every call must have ended, or does not at all. */
static int64_t
patience_ns(const struct plugin_generation *g)
{
	const struct plugin_manifest *m = g->manifest;
	int64_t longest = 0;

	for (size_t i = 0; i < m->entries_len; i++) {
		int64_t ns = m->entries[i].limits.timeout_ns;

		if (ns == 0)
			ns = CALL_DEADLINE_NS;
		if (ns > longest)
			longest = ns;
	}
	return (longest > 0 ? longest : CALL_DEADLINE_NS) + GRACE_NS;
}

void
plugin_slot_hold(struct plugin_manager *m, struct plugin_slot *s,
    struct plugin_generation *g)
{
	s->next = g;
	s->holder = m;
	s->next_due = s->next_late = false;
	loop_timer_init(&s->next_timer, hold_late, s);
	loop_timer_set(
	    m->loop, &s->next_timer, clock_now_ns() + patience_ns(s->current));
	call_hold_shut(&s->current->hold, hold_empty, s);
	LOG_INFO("plugin holds its calls", F_CSTR("plugin", s->name),
	    F_INT("generation", s->current->number));
}

void
plugin_slot_hold_end(struct plugin_slot *s)
{
	struct plugin_generation *g = s->next;

	if (g == NULL)
		return;
	s->next = NULL;
	loop_timer_clear(&s->next_timer);
	s->tried = false; /* those files are still to be tried */
	plugin_generation_discard(g);
	call_hold_open(&s->current->hold);
}

/* The same entry for a caller that knows the old one: its arguments were
 * checked by the old schema. */
static struct call_target *
heir_of(const struct registry_entry *e, struct plugin_generation *g)
{
	const struct registry_entry *now =
	    map_find(&g->hub->keys[e->kind], e->key);

	if (now == NULL || now < g->set.entries
	    || now >= g->set.entries + g->set.len
	    || !str_equal(now->input_schema, e->input_schema)
	    || !str_equal(now->output_schema, e->output_schema))
		return NULL;
	return now->target;
}

void
plugin_slot_hold_move(
    struct plugin_generation *old, struct plugin_generation *g)
{
	plugin_hub_lock(g->hub);
	for (size_t i = 0; i < old->set.len; i++)
		old->targets[i].target.heir = heir_of(&old->set.entries[i], g);
	plugin_hub_unlock(g->hub);
	/* That of the values of arguments. */
	if (old->targets_len > old->set.len && g->targets_len > g->set.len)
		old->targets[old->set.len].target.heir =
		    &g->targets[g->set.len].target;
	call_hold_move(&old->hold);
}
