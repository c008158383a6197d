/* SPDX-License-Identifier: Apache-2.0 */
/* One channel: what is sent into a life and what comes back, and what becomes
 * of its calls when it ends. */
#include "plugin/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/wire_call.h"

/* How long a channel that has ended waits to hear why. */
#define WHY_NS (50 * NS_PER_MS)
/* .. and how long its process has to end by itself. */
#define END_NS NS_PER_S

static void channel_events(void *arg, unsigned events);
static void channel_flush(void *arg);
static void channel_timer(void *arg);

/* What a client is told: the plugin, what happened, and when (reliability 2).
 */
void
remote_call_lose(struct remote_call *rc, const char *phase)
{
	const struct runner_life *l =
	    rc->channel != NULL ? rc->channel->life : NULL;
	const struct plugin_runner *r = rc->seat->runner;
	bool ended = l != NULL
	    && atomic_load_explicit(&l->ended,
		memory_order_acquire /* pairs with the control thread */);
	const char *why = ended ? l->reason
	    : l != NULL         ? "it closed its channel"
	    : remote_call_is_elsewhere(rc)
	    ? "the entry left with the process that had it"
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

void
remote_call_drop(struct remote_call *rc)
{
	struct runner_channel *ch = rc->channel;

	list_drop(&rc->node);
	if (ch == NULL) {
		rc->seat->waiting_len--;
		return;
	}
	ch->calls_len--;
	runner_life_left(ch->life, rc->cancelled);
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

void
runner_channel_destroy(struct runner_channel *ch)
{
	CHECK(list_is_empty(&ch->calls));
	if (ch->lane->channel == ch)
		ch->lane->channel = NULL;
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

/* What had not begun, or may be repeated, goes to another life, once, in its
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
		remote_call_drop(rc);
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

	remote_call_drop(rc);
	remote_call_lose(rc, phase);
}

/* Within 100 ms of the end. */
void
runner_channel_lose(struct runner_channel *ch)
{
	while (!list_is_empty(&ch->calls))
		call_lost(LIST_OBJ(ch->calls.next, struct remote_call, node));
	runner_channel_destroy(ch);
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

void
runner_channel_over(struct runner_channel *ch)
{
	struct runner_seat *s = ch->seat;
	struct remote_call *rc;

	if (atomic_load(&ch->life->ended)) {
		channel_rescue(ch);
		runner_channel_lose(ch);
		runner_seat_move(s, s->state >= RUNNER_QUARANTINED);
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

static void
channel_retreat(struct runner_channel *ch)
{
	if (ch->lane->channel != ch)
		return;
	ch->lane->channel = NULL;
	list_push(&ch->seat->before, &ch->node);
}

void
runner_channel_leave(struct runner_channel *ch)
{
	channel_retreat(ch);
	if (ch->calls_len == 0 && !ch->reading)
		runner_channel_destroy(ch);
}

/* Nothing comes through it any more. */
static void
channel_end(struct runner_channel *ch)
{
	loop_io_stop(&ch->io);
	loop_deferred_clear(&ch->flush);
	if (ch->fd >= 0)
		(void)close(ch->fd); /* as above */
	ch->fd = -1;
	channel_retreat(ch);
	if (atomic_load(&ch->life->ended)) {
		runner_channel_over(ch);
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

struct runner_channel *
runner_channel_create(struct seat_lane *lane, struct runner_seat *s,
    struct loop *loop, struct runner_life *life, int fd)
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
	ch->lane = lane;
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

void
runner_channel_send(struct runner_channel *ch, struct remote_call *rc)
{
	rc->channel = ch;
	rc->id = ++ch->ids;
	list_push(&ch->calls, &rc->node);
	ch->calls_len++;
	runner_life_entered(ch->life);
	wire_call_write(&ch->out, rc->id, rc->entry, rc->call);
	channel_write_later(ch);
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

void
runner_channel_cancel(struct runner_channel *ch, struct remote_call *rc)
{
	runner_life_cancelled(ch->life);
	wire_end(&ch->out, wire_begin(&ch->out, WIRE_CANCEL, rc->id));
	channel_write_later(ch);
	grace_begin(ch, rc);
}

/* A call that was cancelled has not ended, or the end has no why. */
static void
channel_timer(void *arg)
{
	struct runner_channel *ch = arg;
	int64_t now = clock_now_ns();

	if (ch->fd < 0) {
		runner_channel_over(ch);
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

/* No part of the kernel tells of memory that was not given: its handler does.
 */
static void
memory_tell(const struct remote_call *rc)
{
	struct runner_life *life = rc->channel->life;
	uint64_t suppressed;

	if (log_gate_pass(&life->memory_gate, NS_PER_S, &suppressed))
		LOG_WARN("plugin is out of memory",
		    F_CSTR("plugin", life->runner->name),
		    F_STR("entry", rc->call->name), F_INT("pid", life->pid),
		    F_CSTR("hint", "grants.memory"),
		    F_INT("suppressed", suppressed));
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
	if (status == CALL_ENOMEM)
		memory_tell(rc);
	remote_call_drop(rc);
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
	else if (ch->calls_len == 0 && ch->lane->channel != ch)
		runner_channel_destroy(ch);
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
