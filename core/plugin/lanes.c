/* SPDX-License-Identifier: Apache-2.0 */
/* Who serves: each lane of a runner has one life at a time, and what is ready
 * besides stands by.  Everything here is [control]. */
#include <unistd.h>

#include "plugin/passage.h"
#include "plugin/runner.h"

void
runner_seats_wake(struct plugin_runner *r)
{
	for (unsigned i = 0; i < r->place->reactors; i++) {
		struct runner_seat *s = &r->seats[i];
		struct loop *l = atomic_load(&s->loop);

		if (l == NULL || atomic_exchange(&s->posted, true))
			continue;
		ref_take(&r->ref);
		loop_post(l, &s->wake);
	}
	runner_tell(r); /* who waits for a life */
}

/* Where reactors have tables of descriptors of their own, each is sent its end:
 * once, before it hears of the life. */
static void
life_hand(struct runner_life *l)
{
	struct plugin_runner *r = l->runner;

	for (unsigned i = 0; i < r->place->reactors; i++) {
		if (l->fds[i] < 0)
			continue;
		if (plugin_passage_send(r->place->passage, i, l->fds[i], l) < 0)
			runner_life_kill(l, "a reactor takes no descriptors");
		(void)close(l->fds[i]); /* the reactor has its own */
		l->fds[i] = -1;
	}
}

static bool
is_standing(const struct runner_life *l)
{
	return !l->retired && !l->stopping;
}

/* Of a runner that none serves. */
static enum runner_state
state_without(const struct plugin_runner *r)
{
	LIST_EACH (node, &r->lives) {
		const struct runner_life *l =
		    LIST_OBJ(node, struct runner_life, node);

		if (is_standing(l) && !l->ready)
			return RUNNER_STARTING;
	}
	return RUNNER_WAITING;
}

unsigned
plugin_runner_serving(const struct plugin_runner *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->lanes_len; i++)
		n += r->lanes[i] != NULL;
	return n;
}

struct runner_life *
plugin_runner_first(const struct plugin_runner *r)
{
	for (unsigned i = 0; i < r->lanes_len; i++)
		if (r->lanes[i] != NULL)
			return r->lanes[i];
	return NULL;
}

static bool
is_spare(const struct runner_life *l)
{
	/* Without its channel it is on its way out. */
	return is_standing(l) && l->ready && l->lane == RUNNER_NO_LANE
	    && l->control >= 0;
}

unsigned
plugin_runner_spares(const struct plugin_runner *r)
{
	unsigned n = 0;

	LIST_EACH (node, &r->lives)
		n += is_spare(LIST_OBJ(node, struct runner_life, node));
	return n;
}

struct runner_life *
runner_spare(const struct plugin_runner *r)
{
	LIST_EACH (node, &r->lives) {
		struct runner_life *l =
		    LIST_OBJ(node, struct runner_life, node);

		if (is_spare(l))
			return l;
	}
	return NULL;
}

unsigned
runner_missing(const struct plugin_runner *r)
{
	unsigned n = 0, wanted = r->lanes_len + r->spare;

	LIST_EACH (node, &r->lives)
		n += is_standing(LIST_OBJ(node, struct runner_life, node));
	return n < wanted ? wanted - n : 0;
}

unsigned
runner_lane_free(const struct plugin_runner *r)
{
	for (unsigned i = 0; i < r->lanes_len; i++)
		if (r->lanes[i] == NULL)
			return i;
	return RUNNER_NO_LANE;
}

unsigned
plugin_runner_restarts(const struct plugin_runner *r)
{
	unsigned wanted = r->lanes_len + r->spare;

	return r->lives_made > wanted ? r->lives_made - wanted : 0;
}

/* The count changes under the lock, or a seat would miss what it reads. */
static void
changed(struct plugin_runner *r, enum runner_state state)
{
	r->state = state;
	(void)atomic_fetch_add(&r->epoch, 1); /* seat_look() pairs with it */
}

void
runner_lane_set(struct plugin_runner *r, unsigned lane, struct runner_life *l)
{
	struct runner_life *before;

	if (l != NULL) {
		l->lane = lane;
		l->serves = ++r->serves;
		ref_take(&l->ref);
		if (r->place->passage != NULL)
			life_hand(l);
	}
	CHECK(pthread_mutex_lock(&r->lock) == 0);
	before = r->lanes[lane];
	r->lanes[lane] = l;
	changed(
	    r, plugin_runner_first(r) != NULL ? RUNNER_UP : state_without(r));
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	if (before != NULL)
		runner_life_unref(before);
	runner_seats_wake(r);
}

void
runner_lanes_clear(struct plugin_runner *r, enum runner_state state)
{
	for (unsigned i = 0; i < r->lanes_len; i++) {
		struct runner_life *before;

		CHECK(pthread_mutex_lock(&r->lock) == 0);
		before = r->lanes[i];
		r->lanes[i] = NULL;
		changed(r, state);
		CHECK(pthread_mutex_unlock(&r->lock) == 0);
		if (before != NULL)
			runner_life_unref(before);
	}
	runner_seats_wake(r);
}

void
runner_state_look(struct plugin_runner *r)
{
	if (plugin_runner_first(r) != NULL)
		return;
	CHECK(pthread_mutex_lock(&r->lock) == 0);
	changed(r, state_without(r));
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	runner_seats_wake(r);
}
