/* SPDX-License-Identifier: Apache-2.0 */
/* A reactor's seat at a runner: which of its lives a call goes to, and what
 * waits for one.  Everything here is [reactor]. */
#include <unistd.h>

#include "plugin/channel.h"
#include "plugin/choose.h"
#include "plugin/passage.h"

static void seat_wake(struct loop_msg *msg);
static void seat_sweep(void *arg);
static void seat_given_run(void *arg);
static void seat_look(struct runner_seat *s, struct loop *loop);

void
runner_seat_init(
    struct runner_seat *s, struct plugin_runner *r, unsigned number)
{
	s->runner = r;
	s->number = number;
	s->wake.run = seat_wake;
	s->lanes = &r->seat_lanes[(size_t)number * r->lanes_len];
	for (unsigned i = 0; i < r->lanes_len; i++)
		s->lanes[i].given_fd = -1;
	/* Reactors begin with different ones. */
	CHECK(r->lanes_len > 0);
	s->turn = number % r->lanes_len;
	loop_deferred_init(&s->given, seat_given_run, s);
	loop_deferred_init(&s->sweep, seat_sweep, s);
	atomic_init(&s->loop, NULL);
	atomic_init(&s->posted, false);
	s->epoch = UINT32_MAX; /* look at once */
	list_init(&s->before);
	list_init(&s->waiting);
}

static struct runner_channel *
seat_choose_one(struct runner_seat *s)
{
	unsigned n = s->runner->lanes_len, at;
	uint32_t loads[PLUGIN_RUNNERS_MAX];

	loads[0] = CHOOSE_NEVER;
	for (unsigned i = 0; i < n; i++) {
		const struct runner_channel *ch = s->lanes[i].channel;

		loads[i] = ch == NULL             ? CHOOSE_NEVER
		    : runner_channel_has_room(ch) ? runner_life_calls(ch->life)
						  : CHOOSE_LAST;
	}
	at = plugin_choose(loads, n, s->turn);
	if (at == n)
		return NULL;
	s->turn = at + 1 < n ? at + 1 : 0;
	return s->lanes[at].channel;
}

/* The life with the fewest calls in flight, of all reactors; NULL: none takes
 * calls. */
static struct runner_channel *
seat_choose(struct runner_seat *s)
{
	return s->runner->lanes_len == 1 ? s->lanes[0].channel
					 : seat_choose_one(s);
}

void
runner_seat_move(struct runner_seat *s, bool none_will_come)
{
	while (!list_is_empty(&s->waiting)) {
		struct runner_channel *ch = seat_choose(s);
		struct remote_call *rc =
		    LIST_OBJ(s->waiting.next, struct remote_call, node);

		if (ch == NULL && !none_will_come)
			return;
		remote_call_drop(rc);
		if (ch != NULL && !remote_call_is_elsewhere(rc))
			runner_channel_send(ch, rc);
		else
			remote_call_lose(rc, "waiting");
	}
}

static void
given_drop(struct seat_lane *lane)
{
	struct runner_life *life = lane->given_life;

	lane->given_life = NULL;
	if (lane->given_fd >= 0)
		(void)close(lane->given_fd); /* nothing was written to it */
	lane->given_fd = -1;
	if (life != NULL)
		runner_life_unref(life);
}

/* A descriptor has come through the passage; the reference with it. */
void
runner_seat_given(
    struct runner_seat *s, struct loop *loop, struct runner_life *life, int fd)
{
	struct seat_lane *lane = &s->lanes[life->lane];

	given_drop(lane);
	lane->given_life = life;
	lane->given_fd = fd;
	atomic_store(&s->loop, loop);
	loop_defer(loop, &s->given);
}

/* A life that is over by now is let go of, though nobody calls. */
static void
seat_given_run(void *arg)
{
	struct runner_seat *s = arg;
	struct plugin_runner *r = s->runner;

	ref_take(&r->ref);
	seat_look(s, atomic_load(&s->loop));
	plugin_runner_unref(r);
}

/* What a lane has now. */
struct seat_view {
	struct runner_life *life; /* only to compare, without fd */
	unsigned serves; /* of it */
	int fd; /* ours, with a reference on life; -1: none */
};

/* Of a life that no call goes to any more; not of one that is told of next. */
static bool
given_is_late(const struct runner_seat *s, const struct seat_lane *lane,
    const struct seat_view *v)
{
	const struct runner_life *given = lane->given_life;

	return given != NULL
	    && ((v->life != NULL && given->serves < v->serves)
		|| s->state >= RUNNER_STOPPING || atomic_load(&given->ended));
}

/* What the passage has brought for this life, with its reference. */
static void
given_take(struct runner_seat *s, struct seat_lane *lane, struct seat_view *v)
{
	if (v->life != NULL && lane->given_life == v->life) {
		v->fd = lane->given_fd;
		if (v->fd >= 0)
			lane->given_life = NULL;
		lane->given_fd = -1;
	}
	if (given_is_late(s, lane, v))
		given_drop(lane);
}

static void
lane_view(struct runner_seat *s, unsigned at, struct seat_view *v)
{
	struct plugin_runner *r = s->runner;
	struct runner_life *life = r->lanes[at];

	v->life = life;
	v->serves = life != NULL ? life->serves : 0;
	v->fd = -1;
	if (life == NULL || r->place->passage != NULL)
		return;
	v->fd = life->fds[s->number];
	life->fds[s->number] = -1;
	if (v->fd >= 0)
		ref_take(&life->ref);
}

static void
lane_take(struct runner_seat *s, struct loop *loop, struct seat_lane *lane,
    struct seat_view *v)
{
	if (s->runner->place->passage != NULL)
		given_take(s, lane, v);
	if (lane->channel != NULL && lane->channel->life != v->life)
		runner_channel_leave(lane->channel);
	if (v->fd < 0)
		return;
	lane->channel = runner_channel_create(lane, s, loop, v->life, v->fd);
	if (lane->channel == NULL) {
		(void)close(v->fd); /* nothing was written to it */
		runner_life_unref(v->life);
	}
}

/* Takes this reactor's descriptors of the lives of now. */
static void
seat_take(struct runner_seat *s, struct loop *loop)
{
	struct plugin_runner *r = s->runner;
	struct seat_view views[PLUGIN_RUNNERS_MAX];
	unsigned n = r->lanes_len;

	CHECK(pthread_mutex_lock(&r->lock) == 0);
	s->epoch = atomic_load(&r->epoch);
	s->state = r->state;
	for (unsigned i = 0; i < n; i++)
		lane_view(s, i, &views[i]);
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	/* It was sent before the life was told of. */
	if (r->place->passage != NULL)
		plugin_passage_receive(r->place->passage, s->number);
	for (unsigned i = 0; i < n; i++)
		lane_take(s, loop, &s->lanes[i], &views[i]);
	runner_seat_move(s, s->state >= RUNNER_QUARANTINED);
}

static void
seat_look(struct runner_seat *s, struct loop *loop)
{
	/* In one order with runner_seats_wake(): it sees our loop, or we its
	 * epoch. */
	if (s->epoch != atomic_load(&s->runner->epoch))
		seat_take(s, loop);
}

static void
seat_wake(struct loop_msg *msg)
{
	struct runner_seat *s = CONTAINER_OF(msg, struct runner_seat, wake);
	struct plugin_runner *r = s->runner;

	atomic_store(&s->posted, false);
	LIST_EACH_SAFE (node, &s->before) {
		struct runner_channel *ch =
		    LIST_OBJ(node, struct runner_channel, node);

		if (ch->fd < 0 && atomic_load(&ch->life->ended))
			runner_channel_over(ch);
	}
	seat_look(s, atomic_load(&s->loop));
	plugin_runner_unref(r);
}

/* [reactor] The hook of call_on_cancel(). */
static void
call_cancelled(void *arg)
{
	struct remote_call *rc = arg;
	struct runner_channel *ch = rc->channel;

	rc->cancelled = true;
	if (ch == NULL) {
		/* It cannot end from within its own cancellation. */
		loop_defer(rc->call->reactor->loop, &rc->seat->sweep);
		return;
	}
	runner_channel_cancel(ch, rc);
}

static struct remote_call *
cancelled_find(const struct runner_seat *s)
{
	LIST_EACH (node, &s->waiting) {
		struct remote_call *rc =
		    LIST_OBJ(node, struct remote_call, node);

		if (rc->cancelled)
			return rc;
	}
	return NULL;
}

static void
seat_sweep(void *arg)
{
	struct runner_seat *s = arg;
	struct remote_call *rc;

	/* Others may come and go meanwhile. */
	while ((rc = cancelled_find(s)) != NULL) {
		remote_call_drop(rc);
		call_finish(rc->call, CALL_ECANCELLED);
	}
}

int
plugin_runner_call(
    struct plugin_runner *r, uint32_t entry, unsigned life, struct call *c)
{
	struct runner_seat *s = &r->seats[c->reactor->number];
	struct runner_channel *ch;
	struct remote_call *rc;

	if (atomic_load_explicit(
		&s->loop, memory_order_relaxed /* this thread's own */)
	    == NULL)
		atomic_store(&s->loop, c->reactor->loop);
	seat_look(s, c->reactor->loop);
	ch = seat_choose(s);
	if (ch != NULL ? !runner_channel_has_room(ch)
		       : s->waiting_len >= RUNNER_WAITING_MAX)
		return CALL_EBUSY;
	rc = arena_zalloc(&c->arena, sizeof *rc);
	if (rc == NULL)
		return CALL_ENOMEM;
	list_init(&rc->node);
	rc->seat = s;
	rc->call = c;
	rc->entry = entry;
	rc->life = life;
	if (call_on_cancel(c, call_cancelled, rc) < 0)
		return CALL_ECANCELLED;
	if (ch != NULL && !remote_call_is_elsewhere(rc)) {
		runner_channel_send(ch, rc);
		return CALL_PENDING;
	}
	list_push(&s->waiting, &rc->node);
	s->waiting_len++;
	runner_seat_move(s, s->state >= RUNNER_QUARANTINED);
	return CALL_PENDING;
}

void
plugin_runner_leave(struct plugin_runner *r, unsigned number)
{
	struct runner_seat *s = &r->seats[number];

	loop_deferred_clear(&s->sweep);
	loop_deferred_clear(&s->given);
	for (unsigned i = 0; i < r->lanes_len; i++) {
		given_drop(&s->lanes[i]);
		if (s->lanes[i].channel != NULL)
			list_push(&s->before, &s->lanes[i].channel->node);
		s->lanes[i].channel = NULL;
	}
	LIST_EACH_SAFE (node, &s->before)
		runner_channel_lose(
		    LIST_OBJ(node, struct runner_channel, node));
}
