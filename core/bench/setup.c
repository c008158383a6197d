/* SPDX-License-Identifier: Apache-2.0 */
/* From a connection to one that is ready: the handshake of its session. */
#include "bench/bench_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void
ready(struct bench_conn *c)
{
	struct bench_run *run = c->run;

	c->step = BENCH_STEP_READY;
	run->opening--;
	run->ready++;
	run->driver->ready(c);
	if (run->phase != BENCH_WARM)
		return;
	if (run->ready == run->o->connections)
		bench_phase_start(run);
	else
		bench_open_more(run);
}

void
bench_setup_connected(struct bench_conn *c)
{
	struct bench_run *run = c->run;

	if (!run->o->handshake || run->driver == &bench_churn_driver) {
		ready(c);
		return;
	}
	c->step = BENCH_STEP_INITIALIZE;
	bench_conn_send(c, &run->handshake, clock_now_ns());
}

/* Sessions are optional: without an id there is none to name. */
static void
initialized(struct bench_conn *c)
{
	struct bench_run *run = c->run;

	if (run->response.status != 200) {
		bench_conn_wrong(c, BENCH_STATUS, "initialize: status %d: %.*s",
		    run->response.status,
		    (int)(run->response.body.len < 160 ? run->response.body.len
						       : 160),
		    run->response.body.ptr);
		return;
	}
	c->session = strdup(run->response.session);
	if (c->session == NULL) {
		bench_conn_wrong(c, BENCH_CONNECT, "no memory");
		return;
	}
	c->step = BENCH_STEP_INITIALIZED;
	bench_request_initialized(
	    &run->scratch, &run->wire, str_of(c->session));
	bench_conn_send(c, &run->scratch, clock_now_ns());
}

void
bench_setup_answer(struct bench_conn *c)
{
	if (c->step == BENCH_STEP_INITIALIZE) {
		initialized(c);
		return;
	}
	if (c->run->response.status != 202) {
		bench_conn_wrong(c, BENCH_STATUS,
		    "notifications/initialized: status %d",
		    c->run->response.status);
		return;
	}
	ready(c);
}
