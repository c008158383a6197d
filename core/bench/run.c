/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of a run over HTTP: all are set up, warm up, are measured, fall
 * silent. */
#include "bench/bench_priv.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define STARVED_MIN 10 /* answers of another connection meanwhile */
#define STALL_LOOK_NS (500 * NS_PER_MS)

const char *const bench_fault_names[BENCH_FAULTS] = {
	[BENCH_RIGHT] = "none",
	[BENCH_CONNECT] = "connect",
	[BENCH_CLOSED] = "closed",
	[BENCH_STALLED] = "stalled",
	[BENCH_STARVED] = "starved",
	[BENCH_FRAMING] = "framing",
	[BENCH_STATUS] = "status",
	[BENCH_MEDIA] = "media",
	[BENCH_SYNTAX] = "syntax",
	[BENCH_ID] = "id",
	[BENCH_ERROR] = "error",
	[BENCH_RESULT] = "result",
};

static const struct bench_driver *const drivers[] = {
	[BENCH_CALL] = &bench_call_driver,
	[BENCH_CHURN] = &bench_churn_driver,
	[BENCH_IDLE] = &bench_idle_driver,
	[BENCH_STREAMS] = &bench_streams_driver,
};

void
bench_phase_fail(struct bench_run *run)
{
	if (run->phase == BENCH_MEASURE)
		bench_phase_leave(run);
	run->phase = BENCH_OVER;
	bench_crowd_end(run);
	loop_stop(run->loop);
}

void
bench_phase_measure(struct bench_run *run)
{
	int64_t now;

	run->phase = BENCH_MEASURE;
	run->own_cpu = bench_proc_own_cpu();
	bench_proc_tree(run->o->server, BENCH_COST_CPU, &run->cost);
	now = run->start_ns = clock_now_ns();
	if (run->o->messages == 0)
		loop_timer_set(
		    run->loop, &run->timer, now + run->o->measure_ns);
}

void
bench_phase_leave(struct bench_run *run)
{
	struct bench_result *r = run->result;

	bench_proc_tree(run->o->server, BENCH_COST_MEMORY, &r->after);
	r->seconds = (double)(clock_now_ns() - run->start_ns) / 1e9;
	r->client_cpu_s = bench_proc_own_cpu() - run->own_cpu;
	r->server_cpu_s = r->after.cpu_s - run->cost.cpu_s;
	if (run->o->rate > 0) {
		double due = (double)(clock_now_ns() - run->due_start_ns) / 1e9
		    * run->o->rate;

		r->late = due > (double)run->due ? (uint64_t)due - run->due : 0;
	}
	run->phase = BENCH_LEAVE;
	bench_crowd_end(run);
	if (run->waiting == 0)
		bench_phase_settle(run);
}

void
bench_phase_settle(struct bench_run *run)
{
	if (run->phase == BENCH_OVER)
		return;
	if (run->phase != BENCH_LEAVE) { /* too early: all is lost */
		bench_phase_fail(run);
		return;
	}
	loop_timer_set(
	    run->loop, &run->timer, clock_now_ns() + BENCH_SETTLE_NS);
}

static void
timer_passed(void *arg)
{
	struct bench_run *run = arg;

	switch (run->phase) {
	case BENCH_WARM:
		bench_phase_measure(run);
		break;
	case BENCH_MEASURE:
		/* A machine that was busy elsewhere all the time has measured
		 * nothing; silence is the stall's business. */
		if (run->driver->answer != NULL
		    && run->result->latency.count == 0)
			loop_timer_set(run->loop, &run->timer,
			    clock_now_ns() + run->o->measure_ns);
		else
			bench_phase_leave(run);
		break;
	default:
		run->phase = BENCH_OVER;
		loop_stop(run->loop);
		break;
	}
}

void
bench_phase_start(struct bench_run *run)
{
	struct bench_result *r = run->result;
	int64_t now = clock_now_ns();
	char text[80];

	r->open_s = (double)(now - run->open_ns) / 1e9;
	r->opened = run->ready;
	(void)snprintf(text, sizeof text,
	    "%u connections are open after %.2f s", run->ready, r->open_s);
	if (run->o->note != NULL && run->crowd == NULL)
		run->o->note(run->o->note_arg, text);
	run->heard_ns = now;
	if (run->o->messages > 0)
		bench_phase_measure(run); /* counted, not timed */
	else if (run->driver->answer != NULL)
		loop_timer_set(run->loop, &run->timer, now + run->o->warm_ns);
	run->driver->start(run);
}

static void
stall_look(void *arg)
{
	struct bench_run *run = arg;
	int64_t now = clock_now_ns();
	bool owed = run->waiting > 0 || run->ready < run->o->connections
	    || run->in_round;

	loop_timer_set(run->loop, &run->stall, now + STALL_LOOK_NS);
	if (!owed || now - run->heard_ns < run->o->stall_ns)
		return;
	bench_wrong(run->result, BENCH_STALLED,
	    "nothing heard for %.1f s: %u of %u connections set up, "
	    "%u answers outstanding%s",
	    (double)run->o->stall_ns / 1e9, run->ready, run->o->connections,
	    run->waiting, run->in_round ? ", a round not heard by all" : "");
	bench_phase_fail(run);
}

/* Names are looked up here alone: one address, the first. */
static int
address_find(struct net_addr *a, const struct http_url *u, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&a->sa;
	char host[256], port[8];
	int rc;

	memset(a, 0, sizeof *a);
	if (u->socket_path.len > 0) {
		un->sun_family = AF_UNIX;
		if (u->socket_path.len >= sizeof un->sun_path)
			return err_set(err, ERR_PARAMS, "the path is too long");
		memcpy(un->sun_path, u->socket_path.ptr, u->socket_path.len);
		a->len = sizeof *un;
		return 0;
	}
	(void)snprintf(host, sizeof host, "%.*s", STR_FMT(u->host));
	(void)snprintf(port, sizeof port, "%u", u->port);
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return err_set(err, ERR_IO, "%s: %s", host, gai_strerror(rc));
	memcpy(&a->sa, found->ai_addr, found->ai_addrlen);
	a->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* After the last answer: nobody may have starved. */
static void
result_sum(struct bench_run *run)
{
	struct bench_result *r = run->result;
	unsigned i;

	r->fewest = UINT64_MAX;
	for (i = 0; i < run->o->connections; i++) {
		uint64_t n = run->conns[i].answers;

		r->answers += n;
		r->fewest = n < r->fewest ? n : r->fewest;
		r->most = n > r->most ? n : r->most;
	}
	if (r->errors > 0 || run->driver == &bench_idle_driver
	    || (run->driver == &bench_streams_driver && run->o->rounds == 0))
		return;
	if (r->answers == 0)
		bench_wrong(r, BENCH_STALLED, "no answer in the measured time");
	else if (r->fewest == 0 && r->most >= STARVED_MIN && run->o->rate == 0)
		bench_wrong(r, BENCH_STARVED,
		    "a connection starved: no answer while another got %llu",
		    (unsigned long long)r->most);
}

/* On the thread whose descriptors they are. */
static void
conns_close(struct bench_run *run)
{
	unsigned i;

	for (i = 0; i < run->next_open; i++) {
		struct bench_conn *c = &run->conns[i];

		bench_conn_close(c);
		bench_request_finish(&c->request);
		buf_finish(&c->held);
		free(c->session);
	}
	run->next_open = 0;
}

void
bench_run_finish(struct bench_run *run)
{
	if (run->o == NULL)
		return;
	conns_close(run);
	loop_io_stop(&run->clock_io);
	loop_io_stop(&run->hold_io);
	if (run->clock_fd >= 0)
		(void)close(run->clock_fd); /* a timer: nothing is lost */
	loop_timer_clear(&run->timer);
	loop_timer_clear(&run->stall);
	loop_destroy(run->loop);
	free(run->conns);
	free(run->in);
	json_doc_finish(&run->doc);
	bench_response_finish(&run->response);
	bench_request_finish(&run->scratch);
	bench_request_finish(&run->handshake);
	bench_wire_finish(&run->wire);
}

int
bench_run_init(struct bench_run *run, const struct bench_options *o,
    struct bench_result *r, struct err *err)
{
	const struct http_url *u = &o->url;
	bool v6 = str_find(u->host, ':') < u->host.len;
	char *host = run->host;
	size_t size = sizeof run->host;
	int rc;

	run->o = o;
	run->result = r;
	run->driver = drivers[o->mode];
	run->next_id = BENCH_ID_FIRST;
	run->clock_fd = -1;
	bench_response_init(&run->response);
	json_doc_init(&run->doc);
	bench_request_init(&run->scratch);
	bench_request_init(&run->handshake);
	list_init(&run->free);
	loop_io_init(&run->clock_io);
	loop_io_init(&run->hold_io);
	loop_timer_init(&run->timer, timer_passed, run);
	loop_timer_init(&run->stall, stall_look, run);
	if (u->socket_path.len > 0)
		(void)snprintf(host, size, "localhost");
	else
		(void)snprintf(host, size, v6 ? "[%.*s]:%u" : "%.*s:%u",
		    STR_FMT(u->host), u->port);
	rc = bench_wire_init(&run->wire, o, str_of(host), u->path, err);
	if (rc == 0)
		rc = address_find(&run->address, u, err);
	if (rc < 0)
		return rc;
	bench_request_initialize(&run->handshake, &run->wire);
	run->loop = loop_create(err);
	run->conns = calloc(o->connections, sizeof *run->conns);
	run->in = malloc(BENCH_READ_SIZE);
	if (run->loop == NULL || run->conns == NULL || run->in == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	return 0;
}

void
bench_run_drive(struct bench_run *run)
{
	bench_proc_tree(
	    run->o->server, BENCH_COST_MEMORY, &run->result->before);
	run->open_ns = run->heard_ns = clock_now_ns();
	loop_timer_set(run->loop, &run->stall, run->open_ns + STALL_LOOK_NS);
	bench_open_more(run);
	if (run->phase != BENCH_OVER)
		loop_run(run->loop);
	result_sum(run);
	conns_close(run);
}

static int
bench_http(
    const struct bench_options *o, struct bench_result *r, struct err *err)
{
	struct bench_options own = *o;
	unsigned threads = bench_crowd_size(o);
	struct net_addr to;
	struct bench_run *run;
	int rc = address_find(&to, &o->url, err);

	if (rc < 0)
		return rc;
	bench_sources_choose(&own, &to);
	if (threads > 1)
		return bench_crowd_run(&own, threads, r, err);
	run = calloc(1, sizeof *run);
	if (run == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	rc = bench_run_init(run, &own, r, err);
	if (rc == 0)
		bench_run_drive(run);
	bench_run_finish(run);
	free(run);
	return rc;
}

int
bench_run(
    const struct bench_options *o, struct bench_result *r, struct err *err)
{
	memset(r, 0, sizeof *r);
	return o->mode == BENCH_STDIO ? bench_stdio(o, r, err)
				      : bench_http(o, r, err);
}
