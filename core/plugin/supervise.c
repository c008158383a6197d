/* SPDX-License-Identifier: Apache-2.0 */
/* From one life to the next: starting, back-off, quarantine, stopping.
 * Everything here runs on the control thread, save where it is marked. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "plugin/dynamic.h"
#include "plugin/generation.h"
#include "plugin/runner.h"

static void next_start(void *arg);

static void
runner_free(struct plugin_runner *r)
{
	if (r->copy != NULL) {
		(void)unlink(r->copy); /* one that stays is swept later */
		free(r->copy);
	}
	free(r->name);
	free(r->first);
	free(r->lanes);
	free(r->seat_lanes);
	buf_finish(&r->start);
	buf_finish(&r->saved);
	buf_finish(&r->words);
	buf_finish(&r->died_words);
	(void)pthread_mutex_destroy(&r->lock); /* nobody holds it */
	free(r);
}

void
plugin_runner_unref(struct plugin_runner *r)
{
	if (r != NULL && ref_drop(&r->ref))
		runner_free(r);
}

/* NULL without memory. */
static struct plugin_runner *
runner_alloc(const struct plugin_runner_place *place, unsigned lanes)
{
	struct plugin_runner *r =
	    calloc(1, sizeof *r + place->reactors * sizeof r->seats[0]);

	if (r == NULL)
		return NULL;
	CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
	r->lanes_len = lanes;
	r->first = calloc(lanes, sizeof(struct runner_life *));
	r->lanes = calloc(lanes, sizeof(struct runner_life *));
	/* One more: there may be no reactors. */
	r->seat_lanes =
	    calloc((size_t)place->reactors * lanes + 1, sizeof *r->seat_lanes);
	if (r->first != NULL && r->lanes != NULL && r->seat_lanes != NULL)
		return r;
	runner_free(r);
	return NULL;
}

struct plugin_runner *
plugin_runner_create(struct plugin_generation *g,
    const struct plugin_runner_place *place, char *copy)
{
	const struct plugin_processes *many = &g->manifest->many;
	struct plugin_runner *r = runner_alloc(
	    place, many->runners > 0 ? (unsigned)many->runners : 1);

	if (r == NULL)
		return NULL;
	ref_init(&r->ref);
	r->spare = (unsigned)many->spare;
	r->generation = g;
	r->control = g->hub->loop;
	r->place = place;
	r->name = strndup(g->manifest->name.ptr, g->manifest->name.len);
	list_init(&r->lives);
	buf_init(&r->start);
	buf_init(&r->saved);
	buf_init(&r->words);
	buf_init(&r->died_words);
	loop_timer_init(&r->timer, next_start, r);
	loop_timer_init(&r->patience, runner_out_of_patience, r);
	r->state = RUNNER_STARTING;
	r->saved_status = TP_ENOTSUP;
	for (unsigned i = 0; i < place->reactors; i++)
		runner_seat_init(&r->seats[i], r, i);
	if (r->name == NULL) {
		runner_free(r);
		return NULL;
	}
	r->copy = copy;
	return r;
}

void
runner_start_in(struct plugin_runner *r, int64_t ns)
{
	int64_t due = clock_now_ns() + ns;

	if (!loop_timer_is_set(&r->timer) || r->timer.due_ns > due)
		loop_timer_set(r->control, &r->timer, due);
}

/* It knows nothing of what another was told. */
static void
serve(struct plugin_runner *r, unsigned lane, struct runner_life *l)
{
	struct plugin_hub *hub = r->generation->hub;

	runner_lane_set(r, lane, l);
	r->news = l;
	if (hub->owner != NULL && hub->restarted != NULL)
		hub->restarted(hub->owner, r->generation);
	r->news = NULL;
}

/* When it has its calls. */
static void
ready_log(struct plugin_runner *r, const struct runner_life *l, bool spare)
{
	struct buf grants;

	buf_init(&grants);
	plugin_grants_print(&r->generation->grants, &grants);
	LOG_INFO(spare ? "spare runner ready" : "runner ready",
	    F_CSTR("plugin", r->name), F_INT("life", l->number),
	    F_INT("pid", l->pid), F_STR("grants", buf_view(&grants)),
	    F_CSTR("user", r->generation->identity.name));
	buf_finish(&grants);
}

void
runner_is_ready(struct plugin_runner *r, struct runner_life *l)
{
	unsigned lane = runner_lane_free(r);
	struct err err;

	if (r->state >= RUNNER_QUARANTINED || l->stopping)
		return;
	if (plugin_dynamic_renew(r->generation, &err) < 0) {
		runner_life_kill(l, err.text);
		return;
	}
	if (lane != RUNNER_NO_LANE)
		serve(r, lane, l);
	ready_log(r, l, lane == RUNNER_NO_LANE);
	runner_tell(r);
}

/* +-20 %, so that runners that die together do not come back together. */
static int64_t
backoff_ns(struct plugin_runner *r)
{
	const struct plugin_restart *how = &r->generation->restart;
	int64_t pause = how->pause_ns;
	uint32_t chance = 0;

	for (unsigned i = 0; i < r->backoff && pause < how->pause_max_ns; i++)
		pause *= 2;
	if (pause >= how->pause_max_ns)
		pause = how->pause_max_ns;
	else
		r->backoff++;
	random_bytes(&chance, sizeof chance);
	return pause - pause / 5 + (int64_t)(chance % 401) * (pause / 1000);
}

/* True when it was one too many. */
static bool
death_count(struct plugin_runner *r)
{
	const struct plugin_restart *how = &r->generation->restart;
	unsigned many = (unsigned)how->intensity;
	int64_t now = clock_now_ns();
	unsigned last =
	    (r->deaths_len + PLUGIN_DEATHS_MAX - 1) % PLUGIN_DEATHS_MAX;
	unsigned at = r->deaths_len % PLUGIN_DEATHS_MAX;
	int64_t oldest;

	if (r->deaths_len == 0 || now - r->deaths[last] > RUNNER_CALM_NS)
		r->backoff = 0;
	r->deaths[at] = now;
	r->deaths_len++;
	if (many == 0 || r->deaths_len < many)
		return false;
	oldest = r->deaths[(r->deaths_len - many) % PLUGIN_DEATHS_MAX];
	return now - oldest <= how->period_ns;
}

/* They get no calls any more.  Those that have some end with the generation, or
 * by themselves where that stays. */
static void
rest_stop(struct plugin_runner *r)
{
	LIST_EACH_SAFE (node, &r->lives) {
		struct runner_life *l =
		    LIST_OBJ(node, struct runner_life, node);

		if (l->retired)
			continue;
		if (l->lane == RUNNER_NO_LANE) {
			l->stopping = true;
			runner_life_kill(l, NULL);
		} else if (r->generation->manifest->stays) {
			l->retired = true;
			loop_timer_set(r->control, &l->timer, clock_now_ns());
		}
	}
}

static void
quarantine(struct plugin_runner *r, const struct runner_life *l)
{
	struct plugin_generation *g = r->generation;

	CHECK(pthread_mutex_lock(&r->lock) == 0);
	(void)snprintf(r->reason, sizeof r->reason,
	    "quarantined after %d deaths in %g s, the last: %.150s",
	    (int)g->restart.intensity,
	    (double)g->restart.period_ns / (double)NS_PER_S,
	    l->reason); /* may be cut */
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	runner_lanes_clear(r, RUNNER_QUARANTINED);
	loop_timer_clear(&r->timer);
	rest_stop(r);
	if (g->hub->owner != NULL && g->hub->quarantined != NULL)
		g->hub->quarantined(g->hub->owner, g, r->reason);
	LOG_ERROR("plugin quarantined", F_CSTR("plugin", r->name),
	    F_CSTR("reason", r->reason),
	    F_CSTR("hint", "replace the plugin, or reload it by hand"));
}

static void
stopped(struct plugin_runner *r)
{
	void (*fn)(void *arg) = r->stopped;
	void *arg = r->stopped_arg;

	r->stopped = NULL;
	r->generation = NULL;
	runner_lanes_clear(r, RUNNER_ENDED);
	if (fn != NULL)
		fn(arg);
}

/* Said when it has had its effect. */
static void
death_log(struct plugin_runner *r, const struct runner_life *l)
{
	bool retired = l->child != NULL;

	LOG_WARN(retired ? "runner retired" : "runner died",
	    F_CSTR("plugin", r->name), F_INT("life", l->number),
	    F_INT("pid", l->pid), F_CSTR("reason", l->reason),
	    F_STR("last_words", str_trim(buf_view(&r->words))));
	buf_clear(&r->words);
}

/* For who asks later. */
static void
death_keep(struct plugin_runner *r, const struct runner_life *l)
{
	r->died_ns = clock_now_ns();
	(void)snprintf(r->died_reason, sizeof r->died_reason, "%s", l->reason);
	buf_clear(&r->died_words);
	buf_str(&r->died_words, buf_view(&r->words));
}

/* A spare takes its place at once. */
static void
replace(struct plugin_runner *r, struct runner_life *l)
{
	struct runner_life *spare = runner_spare(r);

	if (l->lane == RUNNER_NO_LANE) {
		runner_state_look(r);
	} else if (spare == NULL) {
		runner_lane_set(r, l->lane, NULL);
	} else {
		serve(r, l->lane, spare);
		LOG_INFO("spare runner serves", F_CSTR("plugin", r->name),
		    F_INT("life", spare->number), F_INT("pid", spare->pid),
		    F_INT("in_place_of", l->number));
	}
	runner_start_in(r, l->retired ? 0 : backoff_ns(r));
}

void
runner_has_died(struct plugin_runner *r, struct runner_life *l)
{
	if (r->state == RUNNER_STOPPING) {
		if (list_is_empty(&r->lives))
			stopped(r);
		return;
	}
	if (r->state == RUNNER_ENDED || l->stopping)
		return;
	if (r->begun) { /* a start that fails is not a death */
		l->stopping = true;
		runner_tell(r);
		return;
	}
	/* A retired one has been counted by the call that does not end, and a
	 * spare has failed no call. */
	if (!l->retired && !(l->ready && l->lane == RUNNER_NO_LANE)
	    && r->generation->breaker != NULL)
		call_breaker_bad(
		    r->generation->breaker, UINT_MAX, clock_now_ns(), false);
	death_keep(r, l);
	if ((l->retired && l->child == NULL)
	    || r->state == RUNNER_QUARANTINED) {
		/* It was counted when it was retired, or counts no more. */
		runner_seats_wake(r);
		death_log(r, l);
		return;
	}
	runner_life_desk_close(l, false);
	plugin_dynamic_orphan(r->generation);
	if (death_count(r))
		quarantine(r, l);
	else
		replace(r, l);
	death_log(r, l);
}

static void
next_start(void *arg)
{
	struct plugin_runner *r = arg;
	unsigned n = runner_missing(r);
	struct err err;

	if (r->state >= RUNNER_QUARANTINED)
		return;
	for (; n > 0; n--) {
		struct runner_life *l = runner_life_create(r, &err);

		if (l == NULL) {
			LOG_ERROR("runner not started",
			    F_CSTR("plugin", r->name),
			    F_CSTR("reason", err.text));
			runner_start_in(r, backoff_ns(r));
			break;
		}
		runner_life_unref(l); /* its child holds one */
	}
	runner_state_look(r);
}

void
plugin_runner_stop(struct plugin_runner *r, void (*fn)(void *arg), void *arg)
{
	struct buf b;

	r->stopped = fn;
	r->stopped_arg = arg;
	loop_timer_clear(&r->timer);
	loop_timer_clear(&r->patience);
	r->told = NULL;
	if (list_is_empty(&r->lives)) {
		stopped(r);
		return;
	}
	runner_lanes_clear(r, RUNNER_STOPPING);
	buf_init(&b);
	wire_end(&b, wire_begin(&b, WIRE_STOP, 0));
	LIST_EACH_SAFE (node, &r->lives) {
		struct runner_life *l =
		    LIST_OBJ(node, struct runner_life, node);

		l->stopping = true;
		if (l->ready && !l->retired)
			runner_life_send(l, &b);
		else
			runner_life_kill(l, NULL);
		loop_timer_set(
		    r->control, &l->timer, clock_now_ns() + RUNNER_STOP_NS);
	}
	buf_finish(&b);
}

void
plugin_runner_kill(struct plugin_runner *r)
{
	loop_timer_clear(&r->timer);
	loop_timer_clear(&r->patience);
	r->told = NULL;
	r->generation = NULL;
	runner_first_drop(r);
	LIST_EACH_SAFE (node, &r->lives)
		runner_life_end(LIST_OBJ(node, struct runner_life, node));
	runner_lanes_clear(r, RUNNER_ENDED);
}
