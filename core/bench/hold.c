/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are held: idle ones, and ones with an open stream that are
 * told of changes, all at once. */
#define _GNU_SOURCE /* memmem */
#include "bench/bench_priv.h"

#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "loop/child.h"

static const struct str changed = STR("notifications/tools/list_changed");

static void round_begin(struct bench_run *run);

static void
stdin_event(void *arg, unsigned events)
{
	struct bench_run *run = arg;
	char bytes[256];

	(void)events; /* only reading is watched */
	if (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
		return;
	loop_io_stop(&run->hold_io);
	bench_phase_leave(run);
}

/* Until the time is over, or the input. */
static void
hold_begin(struct bench_run *run)
{
	bench_crowd_note(run);
	bench_phase_measure(run);
	if (!bench_crowd_leads(run))
		loop_timer_clear(&run->timer);
	if (!run->o->hold)
		return;
	loop_timer_clear(&run->timer);
	if (loop_io_start(&run->hold_io, run->loop, STDIN_FILENO, LOOP_READ,
		stdin_event, run)
	    < 0) {
		bench_wrong(run->result, BENCH_CONNECT,
		    "standard input cannot be waited for");
		bench_phase_fail(run);
	}
}

static void
idle_ready(struct bench_conn *c)
{
	(void)c; /* this is all it does */
}

static size_t
idle_input(struct bench_conn *c, struct str bytes)
{
	bench_conn_wrong(c, BENCH_FRAMING, "bytes on an idle connection: %.*s",
	    (int)(bytes.len < 80 ? bytes.len : 80), bytes.ptr);
	return 0;
}

static void
idle_start(struct bench_run *run)
{
	bench_crowd_wait(run, hold_begin);
}

const struct bench_driver bench_idle_driver = {
	.ready = idle_ready,
	.start = idle_start,
	.input = idle_input,
};

/* --- streams --- */

/* All streams of all runs have heard. */
static void
round_over(struct bench_run *run)
{
	struct bench_result *r = run->result;

	if (bench_crowd_leads(run))
		bench_crowd_round(run, &r->round[r->rounds]);
	r->rounds++;
	if (r->rounds < run->o->rounds)
		round_begin(run);
	else if (bench_crowd_leads(run))
		bench_phase_leave(run);
}

static void
round_end_check(struct bench_run *run)
{
	struct bench_result *r = run->result;
	struct bench_round *round = &r->round[r->rounds];

	if (run->told < run->o->connections || run->triggering)
		return;
	round->first_ms = (double)(run->first_ns - run->trigger_ns) / 1e6;
	round->last_ms = (double)(run->heard_ns - run->trigger_ns) / 1e6;
	run->in_round = false;
	bench_crowd_told(run);
	bench_crowd_wait(run, round_over);
}

static void
trigger_ended(void *arg, const struct loop_child_end *end)
{
	struct bench_run *run = arg;

	run->triggering = false;
	if (end->status != 0) {
		bench_wrong(run->result, BENCH_CONNECT,
		    "%s ended with %#x: %.*s", run->o->trigger,
		    (unsigned)end->status,
		    (int)(end->errors.len < 100 ? end->errors.len : 100),
		    end->errors.ptr);
		bench_phase_fail(run);
		return;
	}
	round_end_check(run);
}

/* All runs are ready to hear. */
static void
round_trigger(struct bench_run *run)
{
	const char *const argv[] = { run->o->trigger, NULL };
	static const char *const envp[] = { NULL };
	struct err err;

	if (!bench_crowd_leads(run) || run->in_round)
		return;
	run->in_round = true;
	run->triggering = true;
	run->trigger_ns = run->heard_ns = clock_now_ns();
	bench_crowd_trigger(run);
	if (loop_child_start(run->loop, argv, envp, run->o->stall_ns,
		trigger_ended, run, &err)
	    != NULL)
		return;
	bench_wrong(
	    run->result, BENCH_CONNECT, "%s: %s", run->o->trigger, err.text);
	bench_phase_fail(run);
}

static void
round_begin(struct bench_run *run)
{
	run->told = 0;
	run->first_ns = 0;
	if (run->o->trigger == NULL)
		return; /* the first to hear begins it */
	if (!bench_crowd_leads(run)) {
		run->in_round = true;
		run->trigger_ns = run->heard_ns = clock_now_ns();
	}
	bench_crowd_wait(run, round_trigger);
}

static void
streams_hold(struct bench_run *run)
{
	hold_begin(run);
	if (run->o->rounds == 0 || run->phase >= BENCH_LEAVE)
		return;
	loop_timer_clear(&run->timer); /* the last round ends it */
	round_begin(run);
}

static void
all_streaming(struct bench_run *run)
{
	if (run->streaming < run->o->connections
	    || run->ready < run->o->connections)
		return;
	bench_crowd_wait(run, streams_hold);
}

static void
streams_ready(struct bench_conn *c)
{
	bench_request_stream(
	    &c->run->scratch, &c->run->wire, str_of(c->session));
	bench_conn_send(c, &c->run->scratch, clock_now_ns());
}

static bool
head_take(struct bench_conn *c, struct str bytes, size_t *used)
{
	struct bench_run *run = c->run;
	struct bench_response *r = &run->response;
	enum bench_response_state state = bench_response_head(r, bytes);

	if (state == BENCH_RESPONSE_PARTIAL)
		return false;
	if (state == BENCH_RESPONSE_BAD || r->status != 200 || !r->events) {
		bench_conn_wrong(c,
		    r->status != 200 ? BENCH_STATUS : BENCH_MEDIA,
		    "no stream: status %d: %.*s", r->status,
		    (int)(bytes.len < 400 ? bytes.len : 400), bytes.ptr);
		return false;
	}
	*used = r->head;
	c->part = 1;
	c->waiting = false;
	run->waiting--;
	run->streaming++;
	all_streaming(run);
	return c->fd >= 0;
}

/* This stream has heard; part says of which round. */
static void
told(struct bench_conn *c)
{
	struct bench_run *run = c->run;

	if (run->phase != BENCH_MEASURE || run->o->rounds == 0
	    || c->part != run->result->rounds + 1)
		return;
	if (!run->in_round) {
		run->in_round = true;
		run->trigger_ns = run->heard_ns;
	}
	c->part++;
	run->result->all++;
	c->answers++;
	bench_histogram_put(
	    &run->result->latency, run->heard_ns - run->trigger_ns);
	if (run->told++ == 0)
		run->first_ns = run->heard_ns;
	round_end_check(run);
}

/* Lines are looked at as they stand: a server that cuts a line into chunks is
 * taken for one that has not told, never for one that has. */
static size_t
streams_input(struct bench_conn *c, struct str bytes)
{
	const char *end;
	size_t used = 0;

	if (c->part == 0 && !head_take(c, bytes, &used))
		return 0;
	bytes = str_sub(bytes, used, bytes.len);
	end = bytes.len > 0 ? memrchr(bytes.ptr, '\n', bytes.len) : NULL;
	if (end == NULL)
		return used;
	bytes.len = (size_t)(end + 1 - bytes.ptr);
	if (memmem(bytes.ptr, bytes.len, changed.ptr, changed.len) != NULL)
		told(c);
	return used + bytes.len;
}

const struct bench_driver bench_streams_driver = {
	.ready = streams_ready,
	.start = all_streaming,
	.input = streams_input,
};
