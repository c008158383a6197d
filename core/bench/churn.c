/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions over and over: initialize, initialized, tools/list, the measured
 * request, DELETE; one latency for a whole cycle. */
#include "bench/bench_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum churn_part {
	CHURN_INITIALIZE,
	CHURN_INITIALIZED,
	CHURN_LIST,
	CHURN_CALL,
	CHURN_DELETE
};

static void
send_part(struct bench_conn *c, enum churn_part part)
{
	struct bench_run *run = c->run;
	struct bench_request *r = &run->scratch;

	c->part = (uint8_t)part;
	switch (part) {
	case CHURN_INITIALIZE:
		r = &run->handshake;
		c->begun_ns = clock_now_ns();
		break;
	case CHURN_INITIALIZED:
		bench_request_initialized(r, &run->wire, str_of(c->session));
		break;
	case CHURN_LIST:
		bench_request_list(r, &run->wire, str_of(c->session));
		break;
	case CHURN_CALL:
		bench_request_call(r, &run->wire, str_of(c->session));
		break;
	case CHURN_DELETE:
		bench_request_delete(r, &run->wire, str_of(c->session));
		break;
	}
	bench_conn_send(c, r, clock_now_ns());
}

static void
churn_ready(struct bench_conn *c)
{
	(void)c; /* everything waits for the start */
}

static void
churn_start(struct bench_run *run)
{
	unsigned i;

	for (i = 0; i < run->o->connections && run->phase < BENCH_LEAVE; i++)
		send_part(&run->conns[i], CHURN_INITIALIZE);
}

/* A response with an id of ours and a result. */
static enum bench_fault
result_check(struct bench_conn *c, struct str bytes, const char **why)
{
	static const struct bench_expect any = { .tool = false };
	struct bench_run *run = c->run;
	struct bench_response *r = &run->response;
	bool call = c->part == CHURN_CALL;
	const struct bench_expect *want = call ? &run->o->expect : &any;
	enum bench_fault f;
	uint32_t id = 0;

	if (!bench_shape_match(&run->shape, bytes, &id)) {
		*why = "status";
		if (r->status != 200)
			return BENCH_STATUS;
		*why = "media type";
		if (!r->json && !r->events)
			return BENCH_MEDIA;
		f = r->events
		    ? bench_answer_events(&run->doc, r->body, want, &id, why)
		    : bench_answer_check(&run->doc, r->body, want, &id, why);
		if (f != BENCH_RIGHT)
			return f;
		if (call)
			bench_shape_learn(&run->shape, bytes, id);
	} else if (!call) {
		*why = "the answer to another request";
		return BENCH_RESULT;
	}
	*why = "wrong id";
	return id == c->id ? BENCH_RIGHT : BENCH_ID;
}

static enum bench_fault
part_check(struct bench_conn *c, struct str bytes, const char **why)
{
	struct bench_response *r = &c->run->response;

	switch ((enum churn_part)c->part) {
	case CHURN_INITIALIZED:
		*why = "notifications/initialized: status";
		return r->status == 202 ? BENCH_RIGHT : BENCH_STATUS;
	case CHURN_DELETE:
		*why = "DELETE: status";
		return r->status == 200 || r->status == 202 || r->status == 204
		    ? BENCH_RIGHT
		    : BENCH_STATUS;
	default:
		return result_check(c, bytes, why);
	}
}

/* The session that initialize has opened. */
static bool
session_take(struct bench_conn *c)
{
	free(c->session);
	c->session = strdup(c->run->response.session);
	return c->session != NULL && c->session[0] != '\0';
}

static void
cycle_done(struct bench_conn *c)
{
	struct bench_run *run = c->run;

	if (run->phase == BENCH_MEASURE) {
		bench_histogram_put(
		    &run->result->latency, clock_now_ns() - c->begun_ns);
		run->result->cycles++;
	}
	if (run->phase < BENCH_LEAVE)
		send_part(c, CHURN_INITIALIZE);
	else if (run->waiting == 0)
		bench_phase_settle(run);
}

static void
churn_answer(struct bench_conn *c, struct str bytes)
{
	struct bench_run *run = c->run;
	const char *why = "";
	enum bench_fault f = part_check(c, bytes, &why);

	if (f != BENCH_RIGHT) {
		bench_conn_wrong_answer(c, f, why);
		return;
	}
	if (c->part == CHURN_INITIALIZE && !session_take(c)) {
		bench_conn_wrong(c, BENCH_RESULT,
		    "initialize gave no Mcp-Session-Id: there is no session "
		    "to end");
		return;
	}
	run->result->all++;
	if (run->phase == BENCH_MEASURE)
		c->answers++;
	if (c->part == CHURN_DELETE)
		cycle_done(c);
	else
		send_part(c, (enum churn_part)(c->part + 1));
}

const struct bench_driver bench_churn_driver = {
	.ready = churn_ready,
	.start = churn_start,
	.answer = churn_answer,
};
