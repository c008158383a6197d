/* SPDX-License-Identifier: Apache-2.0 */
/* A reactor's seat at a runner: its calls on their way into the process, and
 * the answers on their way back.  Everything here is [reactor]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/passage.h"
#include "plugin/runner.h"
#include "plugin/wire_call.h"

/* How long a channel that has ended waits to hear why. */
#define WHY_NS (50 * NS_PER_MS)
/* .. and how long its process has to end by itself. */
#define END_NS NS_PER_S

/* One call; lives in its arena. */
struct remote_call {
	struct list node; /* in the seat's waiting, or in the channel's calls */
	struct runner_seat *seat;
	struct runner_channel *channel; /* NULL: it waits */
	struct call *call;
	uint64_t id;
	uint32_t entry;
	unsigned life; /* that has the entry; 0: any */
	bool cancelled;
	bool again; /* was lost once, and sent to the next life */
};

/* The way into one life. */
struct runner_channel {
	struct list node; /* in the seat's before, or in none */
	struct runner_seat *seat;
	struct runner_life *life; /* holds one */
	struct loop *loop;
	int fd; /* owned; -1: at its end */
	struct loop_io io;
	unsigned events;
	char *space; /* owned */
	struct list calls; /* without an answer, oldest first */
	size_t calls_len;
	uint64_t ids;
	struct buf out; /* frames */
	size_t out_at;
	struct loop_deferred flush;
	struct loop_timer timer; /* the end's why, or calls that do not end */
	bool told; /* a call in it does not end, or its end was told */
	bool reading; /* must not be destroyed now */
};

static void channel_events(void *arg, unsigned events);
static void channel_flush(void *arg);
static void channel_timer(void *arg);
static void waiting_move(struct runner_seat *s, bool none_will_come);
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
	s->given_fd = -1;
	loop_deferred_init(&s->given, seat_given_run, s);
	loop_deferred_init(&s->sweep, seat_sweep, s);
	atomic_init(&s->loop, NULL);
	atomic_init(&s->posted, false);
	s->epoch = UINT32_MAX; /* look at once */
	list_init(&s->before);
	list_init(&s->waiting);
}

/* Its entry was added by a process that is gone. */
static bool
is_elsewhere(const struct remote_call *rc)
{
	const struct runner_channel *ch = rc->seat->channel;

	return rc->channel == NULL && rc->life != 0 && ch != NULL
	    && ch->life->number != rc->life;
}

/* What a client is told: the plugin, what happened, and when (reliability 2).
 */
static void
lose(struct remote_call *rc, const char *phase)
{
	const struct runner_life *l =
	    rc->channel != NULL ? rc->channel->life : NULL;
	const struct plugin_runner *r = rc->seat->runner;
	bool ended = l != NULL
	    && atomic_load_explicit(&l->ended,
		memory_order_acquire /* pairs with the control thread */);
	const char *why = ended ? l->reason
	    : l != NULL         ? "it closed its channel"
	    : is_elsewhere(rc)  ? "the entry left with the process that had it"
	    : rc->seat->state == RUNNER_QUARANTINED ? r->reason
						    : "it is not running";
	struct buf text, data;

	buf_init(&text);
	buf_init(&data);
	buf_printf(&text, "The plugin %s cannot answer: %s", r->name, why);
	BUF_LIT(&data, "{\"plugin\":");
	buf_json(&data, str_of(r->name));
	BUF_LIT(&data, ",\"reason\":");
	buf_json(&data, str_of(why));
	if (ended && l->signal != 0)
		buf_printf(&data, ",\"signal\":%d", l->signal);
	else if (ended && l->exit_status >= 0)
		buf_printf(&data, ",\"exitStatus\":%d", l->exit_status);
	buf_printf(&data, ",\"phase\":\"%s\"}", phase);
	call_lose(rc->call, buf_view(&text), buf_view(&data));
	buf_finish(&text);
	buf_finish(&data);
}

static void
call_drop(struct remote_call *rc)
{
	struct runner_channel *ch = rc->channel;

	list_drop(&rc->node);
	if (ch == NULL) {
		rc->seat->waiting_len--;
		return;
	}
	ch->calls_len--;
	if (!rc->cancelled)
		(void)atomic_fetch_sub(&ch->life->live, 1);
}

static struct remote_call *
call_find(const struct runner_channel *ch, uint64_t id)
{
	/* Answers come mostly in order. */
	LIST_EACH (node, &ch->calls) {
		struct remote_call *rc =
		    LIST_OBJ(node, struct remote_call, node);

		if (rc->id == id)
			return rc;
	}
	return NULL;
}

static void
channel_destroy(struct runner_channel *ch)
{
	CHECK(list_is_empty(&ch->calls));
	if (ch->seat->channel == ch)
		ch->seat->channel = NULL;
	list_drop(&ch->node);
	loop_io_stop(&ch->io);
	loop_timer_clear(&ch->timer);
	loop_deferred_clear(&ch->flush);
	if (ch->fd >= 0)
		(void)close(ch->fd); /* the runner reads what was sent */
	wire_drop(&ch->out, ch->out_at);
	buf_finish(&ch->out);
	free(ch->space);
	runner_life_unref(ch->life);
	free(ch);
}

/* Has it had any effect?  Then it is not repeated. */
static bool
has_begun(const struct remote_call *rc)
{
	struct plugin_begun *all = rc->channel->life->begun;

	return plugin_begun_get(&all[rc->seat->number], rc->id);
}

/* An entry that was added at run time is of one life alone.  What a handler has
 * told the client before does not matter: progress goes only upwards there, and
 * a task that has begun stays one. */
static bool
can_go_again(const struct remote_call *rc)
{
	return rc->life == 0 && !rc->cancelled && !rc->again
	    && (rc->call->target->repeatable || !has_begun(rc));
}

/* What had not begun, or may be repeated, waits for the next life, once, in its
 * old order and before those that came later.  Its process has ended: nothing
 * begins there now. */
static void
channel_rescue(struct runner_channel *ch)
{
	struct runner_seat *s = ch->seat;
	struct list *node, *before;

	for (node = ch->calls.prev; node != &ch->calls; node = before) {
		struct remote_call *rc =
		    LIST_OBJ(node, struct remote_call, node);

		before = node->prev;
		if (!can_go_again(rc))
			continue;
		call_drop(rc);
		rc->channel = NULL;
		rc->again = true;
		list_push_first(&s->waiting, &rc->node);
		s->waiting_len++;
	}
}

static void
call_lost(struct remote_call *rc)
{
	const char *phase = has_begun(rc) ? "running" : "queued";

	call_drop(rc);
	lose(rc, phase);
}

/* Every call that is still in it has its error, within 100 ms of the end. */
static void
channel_lose(struct runner_channel *ch)
{
	while (!list_is_empty(&ch->calls))
		call_lost(LIST_OBJ(ch->calls.next, struct remote_call, node));
	channel_destroy(ch);
}

static struct remote_call *
begun_find(const struct runner_channel *ch)
{
	LIST_EACH (node, &ch->calls) {
		struct remote_call *rc =
		    LIST_OBJ(node, struct remote_call, node);

		if (!can_go_again(rc))
			return rc;
	}
	return NULL;
}

/* Its end has come. */
static void
channel_over(struct runner_channel *ch)
{
	struct runner_seat *s = ch->seat;
	struct remote_call *rc;

	if (atomic_load(&ch->life->ended)) {
		channel_rescue(ch);
		channel_lose(ch);
		waiting_move(s, s->state >= RUNNER_QUARANTINED);
		return;
	}
	/* No why has come in time.  The process may live on, without a channel:
	 * what has not begun waits for its end. */
	if (ch->told)
		runner_life_condemn(ch->life, "it closed its channel");
	else
		loop_timer_set(ch->loop, &ch->timer, clock_now_ns() + END_NS);
	ch->told = true;
	while ((rc = begun_find(ch)) != NULL)
		call_lost(rc);
}

/* Nothing comes through it any more. */
static void
channel_end(struct runner_channel *ch)
{
	struct runner_seat *s = ch->seat;

	loop_io_stop(&ch->io);
	loop_deferred_clear(&ch->flush);
	if (ch->fd >= 0)
		(void)close(ch->fd); /* as above */
	ch->fd = -1;
	if (s->channel == ch) {
		s->channel = NULL;
		list_push(&s->before, &ch->node);
	}
	if (atomic_load(&ch->life->ended)) {
		channel_over(ch);
		return;
	}
	loop_timer_set(ch->loop, &ch->timer, clock_now_ns() + WHY_NS);
}

static void
channel_watch(struct runner_channel *ch, unsigned events)
{
	if (ch->events == events)
		return;
	ch->events = events;
	if (loop_io_start(&ch->io, ch->loop, ch->fd, events, channel_events, ch)
	    < 0)
		runner_life_condemn(ch->life, "its channel cannot be watched");
}

static void
channel_flush(void *arg)
{
	struct runner_channel *ch = arg;
	int rc;

	if (ch->fd < 0)
		return;
	rc = ch->out.failed ? ERR_NOMEM
			    : wire_send(ch->fd, &ch->out, &ch->out_at);
	if (rc == ERR_AGAIN || rc == ERR_NOMEM) {
		channel_watch(ch, LOOP_READ | LOOP_WRITE);
		if (rc == ERR_NOMEM)
			runner_life_condemn(ch->life, "no memory for a frame");
		return;
	}
	buf_shrink(&ch->out, WIRE_SPACE);
	ch->out_at = 0;
	channel_watch(ch, LOOP_READ);
	/* At its end the reading side says so. */
}

static void
channel_write_later(struct runner_channel *ch)
{
	if ((ch->events & LOOP_WRITE) == 0)
		loop_defer(ch->loop, &ch->flush);
}

static struct runner_channel *
channel_create(
    struct runner_seat *s, struct loop *loop, struct runner_life *life, int fd)
{
	struct runner_channel *ch = calloc(1, sizeof *ch);

	if (ch != NULL)
		ch->space = malloc(WIRE_SPACES);
	if (ch == NULL || ch->space == NULL) {
		free(ch);
		return NULL;
	}
	list_init(&ch->node);
	list_init(&ch->calls);
	ch->seat = s;
	ch->life = life;
	ch->loop = loop;
	ch->fd = fd;
	buf_init(&ch->out);
	loop_io_init(&ch->io);
	loop_deferred_init(&ch->flush, channel_flush, ch);
	loop_timer_init(&ch->timer, channel_timer, ch);
	channel_watch(ch, LOOP_READ);
	return ch;
}

static void
call_send(struct runner_channel *ch, struct remote_call *rc)
{
	rc->channel = ch;
	rc->id = ++ch->ids;
	list_push(&ch->calls, &rc->node);
	ch->calls_len++;
	(void)atomic_fetch_add(&ch->life->live, 1);
	wire_call_write(&ch->out, rc->id, rc->entry, rc->call);
	channel_write_later(ch);
}

/* Those that waited for a life, or have waited for nothing. */
static void
waiting_move(struct runner_seat *s, bool none_will_come)
{
	while (!list_is_empty(&s->waiting)
	    && (s->channel != NULL || none_will_come)) {
		struct remote_call *rc =
		    LIST_OBJ(s->waiting.next, struct remote_call, node);

		call_drop(rc);
		if (s->channel != NULL && !is_elsewhere(rc))
			call_send(s->channel, rc);
		else
			lose(rc, "waiting");
	}
}

static void
given_drop(struct runner_seat *s)
{
	struct runner_life *life = s->given_life;

	s->given_life = NULL;
	if (s->given_fd >= 0)
		(void)close(s->given_fd); /* nothing was written to it */
	s->given_fd = -1;
	if (life != NULL)
		runner_life_unref(life);
}

/* A descriptor has come through the passage; the reference with it. */
void
runner_seat_given(
    struct runner_seat *s, struct loop *loop, struct runner_life *life, int fd)
{
	given_drop(s);
	s->given_life = life;
	s->given_fd = fd;
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

/* Of a life that no call goes to any more; not of one that is told of next. */
static bool
given_is_late(const struct runner_seat *s, const struct runner_life *life)
{
	const struct runner_life *given = s->given_life;

	return given != NULL
	    && ((life != NULL && given->number < life->number)
		|| s->state >= RUNNER_STOPPING || atomic_load(&given->ended));
}

/* What the passage has brought for this life, with its reference. */
static int
given_take(struct runner_seat *s, const struct runner_life *life)
{
	int fd = -1;

	/* It was sent before the life was told of. */
	plugin_passage_receive(s->runner->place->passage, s->number);
	if (life != NULL && s->given_life == life) {
		fd = s->given_fd;
		if (fd >= 0)
			s->given_life = NULL;
		s->given_fd = -1;
	}
	if (given_is_late(s, life))
		given_drop(s);
	return fd;
}

/* Takes this reactor's descriptor of the life of now. */
static void
seat_look(struct runner_seat *s, struct loop *loop)
{
	struct plugin_runner *r = s->runner;
	struct runner_life *life;
	int fd = -1;

	/* In one order with seats_wake(): it sees our loop, or we its epoch. */
	if (s->epoch == atomic_load(&r->epoch))
		return;
	CHECK(pthread_mutex_lock(&r->lock) == 0);
	s->epoch = atomic_load(&r->epoch);
	s->state = r->state;
	life = r->current;
	if (life != NULL && r->place->passage == NULL) {
		fd = life->fds[s->number];
		life->fds[s->number] = -1;
		if (fd >= 0)
			ref_take(&life->ref);
	}
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	if (r->place->passage != NULL)
		fd = given_take(s, life);
	if (s->channel != NULL && s->channel->life != life) {
		struct runner_channel *old = s->channel;

		s->channel = NULL;
		list_push(&s->before, &old->node);
		if (old->calls_len == 0 && !old->reading)
			channel_destroy(old);
	}
	if (fd >= 0) {
		s->channel = channel_create(s, loop, life, fd);
		if (s->channel == NULL) {
			(void)close(fd);
			runner_life_unref(life);
		}
	}
	waiting_move(s, s->state >= RUNNER_QUARANTINED);
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
			channel_over(ch);
	}
	seat_look(s, atomic_load(&s->loop));
	plugin_runner_unref(r);
}

/* Whose client has left may still take its time; whose deadline has passed may
 * not: when to look at this one. */
static void
grace_begin(struct runner_channel *ch, const struct remote_call *rc)
{
	int64_t due = rc->call->deadline_ns + RUNNER_GRACE_NS;

	if (ch->fd < 0 || ch->told
	    || (loop_timer_is_set(&ch->timer) && ch->timer.due_ns <= due))
		return;
	loop_timer_set(ch->loop, &ch->timer, due);
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
	(void)atomic_fetch_sub(&ch->life->live, 1);
	wire_end(&ch->out, wire_begin(&ch->out, WIRE_CANCEL, rc->id));
	channel_write_later(ch);
	grace_begin(ch, rc);
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
		call_drop(rc);
		call_finish(rc->call, CALL_ECANCELLED);
	}
}

/* A call that was cancelled has not ended, or the end has no why. */
static void
channel_timer(void *arg)
{
	struct runner_channel *ch = arg;
	int64_t now = clock_now_ns();

	if (ch->fd < 0) {
		channel_over(ch);
		return;
	}
	LIST_EACH (node, &ch->calls) {
		const struct remote_call *rc =
		    LIST_OBJ(node, struct remote_call, node);

		if (!rc->cancelled || ch->told)
			continue;
		if (rc->call->deadline_ns + RUNNER_GRACE_NS > now) {
			grace_begin(ch, rc);
			continue;
		}
		ch->told = true;
		LOG_WARN("call does not end",
		    F_CSTR("plugin", ch->seat->runner->name),
		    F_STR("entry", rc->call->name),
		    F_INT("pid", ch->life->pid));
		runner_life_retire(ch->life);
	}
}

static int
result_take(struct remote_call *rc, struct wire_frame *f)
{
	struct call *c = rc->call;
	int status, err;

	if (f->map != NULL) {
		call_lend(c, f->map, f->map_len);
		f->map = NULL;
	}
	err = wire_result_read(f->body, c, &status);
	if (err < 0)
		return err;
	call_drop(rc);
	call_finish(c, status);
	return 0;
}

/* One frame; what it is not allowed to be ends the runner. */
static int
frame_take(struct runner_channel *ch, struct wire_frame *f)
{
	struct remote_call *rc = call_find(ch, f->id);

	if (rc == NULL)
		return ERR_SYNTAX;
	switch (f->kind) {
	case WIRE_RESULT:
		return result_take(rc, f);
	case WIRE_PROGRESS:
		return wire_progress_read(f->body, rc->call);
	case WIRE_MESSAGE:
		return wire_message_read(f->body, rc->call);
	case WIRE_TASK:
		return wire_task_read(f->body, rc->call);
	case WIRE_RELEASE:
		return wire_release_read(f->body, rc->call);
	default:
		return ERR_SYNTAX;
	}
}

static void
channel_read(struct runner_channel *ch)
{
	struct wire_arrivals batch;
	struct wire_frame frame;
	int n, rc;

	n = wire_receive(ch->fd, ch->space, &batch);
	ch->reading = true;
	while ((rc = wire_next(&batch, &frame)) > 0) {
		rc = frame_take(ch, &frame);
		wire_frame_finish(&frame);
		if (rc < 0)
			break;
	}
	ch->reading = false;
	wire_arrivals_finish(&batch);
	if (rc < 0)
		runner_life_condemn(ch->life, "it broke the rules of the wire");
	if (rc < 0 || n < 0)
		channel_end(ch);
	else if (ch->calls_len == 0 && ch->seat->channel != ch)
		channel_destroy(ch);
}

static void
channel_events(void *arg, unsigned events)
{
	struct runner_channel *ch = arg;

	if ((events & LOOP_WRITE) != 0)
		channel_flush(ch);
	if ((events & (LOOP_READ | LOOP_CLOSED)) != 0 && ch->fd >= 0)
		channel_read(ch);
}

/* Room for one more? */
static bool
seat_has_room(const struct runner_seat *s)
{
	const struct runner_channel *ch = s->channel;

	if (ch == NULL)
		return s->waiting_len < RUNNER_WAITING_MAX;
	return ch->calls_len < RUNNER_CALLS_MAX
	    && ch->out.len - ch->out_at < RUNNER_OUT_MAX;
}

int
plugin_runner_call(
    struct plugin_runner *r, uint32_t entry, unsigned life, struct call *c)
{
	struct runner_seat *s = &r->seats[c->reactor->number];
	struct remote_call *rc;

	if (atomic_load_explicit(
		&s->loop, memory_order_relaxed /* this thread's own */)
	    == NULL)
		atomic_store(&s->loop, c->reactor->loop);
	seat_look(s, c->reactor->loop);
	if (!seat_has_room(s))
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
	if (s->channel != NULL && !is_elsewhere(rc)) {
		call_send(s->channel, rc);
		return CALL_PENDING;
	}
	list_push(&s->waiting, &rc->node);
	s->waiting_len++;
	waiting_move(s, s->state >= RUNNER_QUARANTINED);
	return CALL_PENDING;
}

void
plugin_runner_leave(struct plugin_runner *r, unsigned number)
{
	struct runner_seat *s = &r->seats[number];

	loop_deferred_clear(&s->sweep);
	loop_deferred_clear(&s->given);
	given_drop(s);
	if (s->channel != NULL)
		list_push(&s->before, &s->channel->node);
	s->channel = NULL;
	LIST_EACH_SAFE (node, &s->before)
		channel_lose(LIST_OBJ(node, struct runner_channel, node));
}
