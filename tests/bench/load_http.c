/* SPDX-License-Identifier: Apache-2.0 */
/* W1 and W2: many connections, one request in flight on each. The answers
 * decide when requests leave, so a slow server is asked less, never buried. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "proc.h"
#include "response.h"

#define CONN_IN_MAX 32768
#define STALL_MS 10000 /* silence on all connections that ends the run */
#define SURPLUS_MS 20 /* how long a second answer is waited for at the end */
#define EVENTS 64

enum phase { PHASE_WARM, PHASE_MEASURE, PHASE_LEAVE };

struct conn {
	int fd;
	bool waiting;
	uint32_t id;
	int64_t sent_ns;
	uint64_t answers;
	size_t got;
	struct request request;
	char in[CONN_IN_MAX];
};

struct run {
	const struct load_options *o;
	struct load_result *result;
	enum phase phase;
	unsigned waiting;
	uint32_t next_id;
	int64_t start_ns;
	int64_t until_ns; /* of this phase */
	double own_cpu;
	struct proc_cost cost;
	int ep;
	struct conn *conns;
	struct answer_shape shape;
	struct response response;
	char host[64];
};

static int
conn_open(const struct load_options *o)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons((uint16_t)o->port);
	if (fd < 0 || inet_pton(AF_INET, o->address, &in.sin_addr) != 1)
		return -1;
	if (connect(fd, (struct sockaddr *)&in, sizeof in) < 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* One blocking exchange before the clock starts: false when it failed. */
static bool
exchange(struct run *run, struct conn *c, const struct request *q, int status)
{
	struct response *r = &run->response;
	enum response_state state;
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	if (write(c->fd, q->bytes, q->len) != (ssize_t)q->len)
		return false;
	c->got = 0;
	do {
		if (poll(&p, 1, STALL_MS) <= 0)
			return false;
		n = read(c->fd, c->in + c->got, sizeof c->in - c->got);
		if (n <= 0)
			return false;
		c->got += (size_t)n;
		state = response_parse(r, c->in, c->got);
	} while (state == RESPONSE_PARTIAL);
	if (state != RESPONSE_WHOLE || r->total != c->got
	    || r->status != status) {
		load_wrong(run->result, "set-up: status %d: %.*s", r->status,
		    (int)(c->got < 160 ? c->got : 160), c->in);
		return false;
	}
	c->got = 0;
	return true;
}

static bool
session_open(struct run *run, struct conn *c, char *session, size_t size)
{
	const struct load_options *o = run->o;
	struct request q = { .len = 0 };

	requests_initialize(&q, run->host, o->path);
	if (!exchange(run, c, &q, 200))
		return false;
	if (run->response.session[0] == '\0') {
		load_wrong(run->result, "initialize gave no Mcp-Session-Id");
		return false;
	}
	snprintf(session, size, "%s", run->response.session);
	requests_initialized(&q, run->host, o->path, session);
	return exchange(run, c, &q, 202);
}

static bool
conn_setup(struct run *run, struct conn *c)
{
	const struct load_options *o = run->o;
	char session[RESPONSE_SESSION_MAX] = REQUESTS_NO_SESSION;

	c->fd = conn_open(o);
	if (c->fd < 0) {
		load_wrong(run->result, "connect: %s", strerror(errno));
		return false;
	}
	if (o->sessions && !session_open(run, c, session, sizeof session)) {
		load_wrong(run->result, "cannot open a session");
		return false;
	}
	requests_http(&c->request, o->workload, run->host, o->path, session);
	return true;
}

static void
conn_send(struct run *run, struct conn *c)
{
	struct request *q = &c->request;

	c->id = run->next_id++;
	if (run->next_id > REQUESTS_ID_LAST)
		run->next_id = REQUESTS_ID_FIRST;
	requests_id_put(q->bytes + q->id_at, c->id);
	c->sent_ns = proc_now_ns();
	if (write(c->fd, q->bytes, q->len) != (ssize_t)q->len) {
		load_wrong(run->result, "write: %s", strerror(errno));
		return;
	}
	c->waiting = true;
	run->waiting++;
}

/* Judges the input of a connection: 1 right, 0 not whole yet, -1 wrong. */
static int
conn_judge(struct run *run, struct conn *c, uint32_t *id)
{
	struct response *r = &run->response;
	enum response_state state;
	const char *wrong;
	size_t id_at;

	if (answer_shape_match(&run->shape, c->in, c->got, id))
		return 1;
	state = response_parse(r, c->in, c->got);
	if (state == RESPONSE_PARTIAL && c->got < sizeof c->in)
		return 0;
	if (state != RESPONSE_WHOLE) {
		load_wrong(run->result, "not a response: %.80s", c->in);
		return -1;
	}
	wrong = answer_check(r->body, r->body_len,
	    run->o->workload == REQUESTS_W2 ? ANSWER_STATELESS
					    : ANSWER_STATEFUL,
	    id, &id_at);
	if (r->status != 200)
		wrong = "the status is not 200";
	else if (!r->json)
		wrong = "the media type is not application/json";
	else if (r->closing)
		wrong = "the server closes the connection";
	else if (r->total != c->got)
		wrong = "surplus bytes after the answer";
	if (wrong != NULL) {
		load_wrong(run->result, "%s: %.*s", wrong,
		    (int)(c->got < 200 ? c->got : 200), c->in);
		return -1;
	}
	if (!r->chunked)
		answer_shape_learn(&run->shape, c->in, c->got,
		    (size_t)(r->body - c->in) + id_at);
	return 1;
}

static void
conn_drop(struct run *run, struct conn *c)
{
	if (c->waiting)
		run->waiting--;
	c->waiting = false;
	close(c->fd);
	c->fd = -1;
}

static void
conn_answered(struct run *run, struct conn *c, uint32_t id)
{
	uint32_t want = run->o->constant ? REQUESTS_ID_FIRST : c->id;

	if (!c->waiting || id != want) {
		load_wrong(run->result, "id %u answered, %u asked", id, want);
		conn_drop(run, c);
		return;
	}
	run->result->all++;
	if (run->phase == PHASE_MEASURE) {
		histogram_put(
		    &run->result->latency, proc_now_ns() - c->sent_ns);
		c->answers++;
	}
	c->waiting = false;
	c->got = 0;
	run->waiting--;
	if (run->phase != PHASE_LEAVE)
		conn_send(run, c);
}

static void
conn_readable(struct run *run, struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->got, sizeof c->in - c->got);
	uint32_t id;
	int rc;

	if (n <= 0) {
		load_wrong(run->result, "the server closed a connection");
		conn_drop(run, c);
		return;
	}
	c->got += (size_t)n;
	rc = conn_judge(run, c, &id);
	if (rc < 0)
		conn_drop(run, c);
	else if (rc > 0)
		conn_answered(run, c, id);
}

static void
measure_begin(struct run *run, int64_t now)
{
	run->phase = PHASE_MEASURE;
	run->own_cpu = proc_own_cpu();
	proc_tree(run->o->server, &run->cost);
	run->start_ns = now;
	run->until_ns = now + (int64_t)(run->o->measure_s * 1e9);
}

static void
measure_end(struct run *run)
{
	struct load_result *r = run->result;
	struct proc_cost cost;

	proc_tree(run->o->server, &cost);
	r->seconds = (double)(proc_now_ns() - run->start_ns) / 1e9;
	r->client_cpu_s = proc_own_cpu() - run->own_cpu;
	r->server_cpu_s = cost.cpu_s - run->cost.cpu_s;
	r->server_rss_kb = cost.rss_kb;
	r->server_processes = cost.processes;
	run->phase = PHASE_LEAVE;
}

static void
loop(struct run *run)
{
	struct epoll_event events[EVENTS];
	int64_t now = proc_now_ns();
	int n, i;

	run->until_ns = now + (int64_t)(run->o->warm_s * 1e9);
	while (run->waiting > 0) {
		n = epoll_wait(run->ep, events, EVENTS, STALL_MS);
		if (n <= 0) {
			load_wrong(run->result,
			    "no answer for %d ms on %u "
			    "connections",
			    STALL_MS, run->waiting);
			if (run->phase == PHASE_MEASURE)
				measure_end(run);
			return;
		}
		for (i = 0; i < n; i++)
			conn_readable(run, events[i].data.ptr);
		now = proc_now_ns();
		if (now < run->until_ns || run->phase == PHASE_LEAVE)
			continue;
		if (run->phase == PHASE_WARM)
			measure_begin(run, now);
		else
			measure_end(run);
	}
}

/* After the last answer nothing may come, and nobody may have starved. */
static void
check_silence(struct run *run)
{
	struct load_result *r = run->result;
	struct epoll_event event;
	unsigned i;

	if (r->errors == 0 && epoll_wait(run->ep, &event, 1, SURPLUS_MS) > 0)
		load_wrong(r, "bytes after the last answer");
	r->fewest = UINT64_MAX;
	for (i = 0; i < run->o->connections; i++) {
		uint64_t n = run->conns[i].answers;

		r->answers += n;
		if (n < r->fewest)
			r->fewest = n;
		if (n > r->most)
			r->most = n;
	}
	if (r->fewest == 0)
		load_wrong(r, "a connection starved");
}

void
load_http(const struct load_options *o, struct load_result *result)
{
	static struct run run;
	unsigned i;

	run.o = o;
	run.result = result;
	run.next_id = REQUESTS_ID_FIRST;
	run.ep = epoll_create1(EPOLL_CLOEXEC);
	run.conns = calloc(o->connections, sizeof *run.conns);
	if (run.ep < 0 || run.conns == NULL) {
		load_wrong(result, "out of memory or descriptors");
		return;
	}
	snprintf(run.host, sizeof run.host, "%s:%u", o->address, o->port);
	for (i = 0; i < o->connections; i++) {
		struct epoll_event e = { .events = EPOLLIN };

		e.data.ptr = &run.conns[i];
		if (!conn_setup(&run, &run.conns[i]))
			goto out;
		epoll_ctl(run.ep, EPOLL_CTL_ADD, run.conns[i].fd, &e);
	}
	for (i = 0; i < o->connections; i++)
		conn_send(&run, &run.conns[i]);
	loop(&run);
	check_silence(&run);
out:
	free(run.conns); /* descriptors end with the process */
	close(run.ep);
}
