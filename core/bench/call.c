/* SPDX-License-Identifier: Apache-2.0 */
/* One request in flight on each connection.  Closed loop: the answer lets the
 * next one leave, so a slow server is asked less, never buried.  Open loop: a
 * schedule does, and the time counts from the schedule. */
#include "bench/bench_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

/* What W1 bears where the server keeps no sessions, for equal length. */
static const struct str no_session = STR("0123456789abcdef0123456789abcdef");

static void
call_ready(struct bench_conn *c)
{
	const struct bench_options *o = c->run->o;

	bench_request_call(&c->request, &c->run->wire,
	    o->stateless || o->handshake ? str_of(c->session) : no_session);
	if (c->request.bytes.failed)
		bench_conn_wrong(c, BENCH_CONNECT, "no memory");
}

static int64_t
due_at(const struct bench_run *run)
{
	return run->due_start_ns
	    + (int64_t)((double)run->due / run->o->rate * 1e9);
}

/* Sends what is due as far as connections are free; wakes for the next. */
static void
pump(struct bench_run *run)
{
	int64_t now = clock_now_ns(), due = due_at(run);
	struct itimerspec when = { .it_value = { 0, 0 } };

	while (run->phase < BENCH_LEAVE && due <= now
	    && !list_is_empty(&run->free)) {
		struct bench_conn *c =
		    LIST_OBJ(run->free.next, struct bench_conn, node);

		list_drop(&c->node);
		bench_conn_send(c, &c->request, due);
		run->due++;
		due = due_at(run);
	}
	if (run->phase >= BENCH_LEAVE || due <= now)
		return; /* an answer comes back here */
	when.it_value.tv_sec = due / NS_PER_S;
	when.it_value.tv_nsec = due % NS_PER_S;
	(void)timerfd_settime(run->clock_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
clock_event(void *arg, unsigned events)
{
	struct bench_run *run = arg;
	uint64_t ticks;

	(void)events; /* only reading is watched */
	(void)!read(run->clock_fd, &ticks, sizeof ticks); /* not its count */
	pump(run);
}

static bool
schedule_start(struct bench_run *run)
{
	unsigned i;

	run->clock_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (run->clock_fd < 0
	    || loop_io_start(&run->clock_io, run->loop, run->clock_fd,
		   LOOP_READ, clock_event, run)
		< 0) {
		bench_wrong(
		    run->result, BENCH_CONNECT, "timer: %s", strerror(errno));
		return false;
	}
	for (i = 0; i < run->o->connections; i++)
		list_push(&run->free, &run->conns[i].node);
	run->due_start_ns = clock_now_ns();
	return true;
}

static void
call_start(struct bench_run *run)
{
	unsigned i;

	if (run->o->rate > 0) {
		if (schedule_start(run))
			pump(run);
		return;
	}
	for (i = 0; i < run->o->connections && run->phase < BENCH_LEAVE; i++)
		if (run->conns[i].fd >= 0)
			bench_conn_send(&run->conns[i], &run->conns[i].request,
			    clock_now_ns());
}

/* The slow way: status, media type, JSON; then the shape is known. */
static enum bench_fault
judge(struct bench_conn *c, struct str bytes, uint32_t *id, const char **why)
{
	struct bench_run *run = c->run;
	struct bench_response *r = &run->response;
	enum bench_fault f;

	*why = "status";
	if (r->status != 200)
		return BENCH_STATUS;
	*why = "the server closes the connection";
	if (r->closing)
		return BENCH_FRAMING;
	*why = "media type";
	if (!r->json && !r->events)
		return BENCH_MEDIA;
	run->result->events = r->events;
	f = r->events
	    ? bench_answer_events(&run->doc, r->body, &run->o->expect, id, why)
	    : bench_answer_check(&run->doc, r->body, &run->o->expect, id, why);
	if (f == BENCH_RIGHT)
		bench_shape_learn(&run->shape, bytes, *id);
	return f;
}

static void
call_answer(struct bench_conn *c, struct str bytes)
{
	struct bench_run *run = c->run;
	uint32_t want = run->o->any_id ? BENCH_ID_FIRST : c->id;
	enum bench_fault f;
	const char *why = "";
	uint32_t id = 0;

	if (!bench_shape_match(&run->shape, bytes, &id)) {
		f = judge(c, bytes, &id, &why);
		if (f != BENCH_RIGHT) {
			bench_conn_wrong_answer(c, f, why);
			return;
		}
	}
	if (id != want) {
		bench_conn_wrong(
		    c, BENCH_ID, "id %u answered, %u asked", id, want);
		return;
	}
	run->result->all++;
	if (run->phase == BENCH_MEASURE) {
		bench_histogram_put(
		    &run->result->latency, clock_now_ns() - c->sent_ns);
		c->answers++;
	}
	if (run->o->messages > 0 && run->result->all == run->o->messages)
		bench_phase_leave(run);
	if (run->phase >= BENCH_LEAVE) {
		if (run->waiting == 0)
			bench_phase_settle(run);
		return;
	}
	if (run->o->rate > 0) {
		list_push(&run->free, &c->node);
		pump(run);
		return;
	}
	bench_conn_send(c, &c->request, clock_now_ns());
}

const struct bench_driver bench_call_driver = {
	.ready = call_ready,
	.start = call_start,
	.answer = call_answer,
};
