/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server: connect, send, cut answers out of what comes.
 * Requests are written at once and alone, so that their time is exact. */
#define _GNU_SOURCE /* accept what netinet has */
#include "bench/bench_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

#define LOOPBACK 0x7f000000u /* 127.0.0.0/8 */

void
bench_wrong(struct bench_result *r, enum bench_fault f, const char *fmt, ...)
{
	va_list ap;

	r->faults[f]++;
	if (r->errors++ > 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(r->wrong, sizeof r->wrong, fmt, ap); /* cut */
	va_end(ap);
}

void
bench_conn_close(struct bench_conn *c)
{
	struct bench_run *run = c->run;

	if (c->fd < 0)
		return;
	loop_io_stop(&c->io);
	(void)close(c->fd); /* nothing is written any more */
	c->fd = -1;
	run->open--;
	if (c->waiting)
		run->waiting--;
	c->waiting = false;
}

void
bench_conn_wrong(struct bench_conn *c, enum bench_fault f, const char *fmt, ...)
{
	struct bench_run *run = c->run;
	char text[BENCH_WRONG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* cut */
	va_end(ap);
	bench_wrong(run->result, f, "%s", text);
	bench_conn_close(c);
	if (c->step != BENCH_STEP_READY) {
		/* What cannot be set up is not worth measuring. */
		bench_phase_settle(run);
		return;
	}
	if (run->waiting == 0 || run->open == 0)
		bench_phase_settle(run);
}

void
bench_conn_wrong_answer(
    struct bench_conn *c, enum bench_fault f, const char *why)
{
	const struct bench_response *r = &c->run->response;
	size_t len = r->body.len < 400 ? r->body.len : 400;

	bench_conn_wrong(c, f, "%s (status %d): %.*s", why, r->status, (int)len,
	    r->body.ptr);
}

void
bench_conn_send(struct bench_conn *c, struct bench_request *r, int64_t due_ns)
{
	struct bench_run *run = c->run;
	ssize_t n;

	c->id = run->next_id++;
	if (run->next_id > BENCH_ID_LAST)
		run->next_id = BENCH_ID_FIRST;
	bench_request_id(r, c->id);
	c->sent_ns = due_ns;
	c->waiting = true;
	run->waiting++;
	n = send(c->fd, r->bytes.ptr, r->bytes.len, MSG_NOSIGNAL);
	if (n == (ssize_t)r->bytes.len)
		return;
	bench_conn_wrong(c, BENCH_CLOSED, "write: %s",
	    n < 0 ? strerror(errno) : "the server does not read");
}

/* The rest of an answer is awaited. */
static void
hold(struct bench_conn *c, struct str rest)
{
	if (rest.len == 0) {
		buf_finish(&c->held);
		buf_init(&c->held);
	} else if (rest.ptr != c->held.ptr) {
		buf_clear(&c->held);
		buf_str(&c->held, rest);
	}
	if (c->held.failed || c->held.len > BENCH_HELD_MAX)
		bench_conn_wrong(c, BENCH_FRAMING, "an answer without end");
}

/* The fast way: the answer is the last one again, but for its id. */
static bool
answer_again(struct bench_conn *c, struct str bytes)
{
	uint32_t id;

	return c->step == BENCH_STEP_READY
	    && bench_shape_match(&c->run->shape, bytes, &id);
}

static void
answers_cut(struct bench_conn *c, struct str bytes)
{
	struct bench_run *run = c->run;
	struct bench_response *r = &run->response;
	enum bench_response_state state;

	if (!answer_again(c, bytes)) {
		state = bench_response_parse(r, bytes);
		if (state == BENCH_RESPONSE_PARTIAL) {
			hold(c, bytes);
			return;
		}
		if (state == BENCH_RESPONSE_BAD) {
			bench_conn_wrong(c, BENCH_FRAMING,
			    "not a response: %.*s",
			    (int)(bytes.len < 80 ? bytes.len : 80), bytes.ptr);
			return;
		}
		if (r->total != bytes.len) {
			bench_conn_wrong(
			    c, BENCH_FRAMING, "surplus bytes after an answer");
			return;
		}
	}
	if (!c->waiting) {
		bench_conn_wrong(
		    c, BENCH_FRAMING, "an answer that nobody asked for");
		return;
	}
	c->waiting = false;
	run->waiting--;
	if (c->step != BENCH_STEP_READY)
		bench_setup_answer(c);
	else
		run->driver->answer(c, bytes);
	if (c->fd >= 0 && c->held.len > 0)
		hold(c, STR_NONE);
}

static void
input(struct bench_conn *c, struct str bytes)
{
	size_t used;

	if (c->held.len > 0) {
		buf_str(&c->held, bytes);
		bytes = buf_view(&c->held);
	}
	if (c->step != BENCH_STEP_READY || c->run->driver->input == NULL) {
		answers_cut(c, bytes);
		return;
	}
	used = c->run->driver->input(c, bytes);
	if (c->fd < 0)
		return;
	if (bytes.ptr == c->held.ptr && used < bytes.len)
		buf_consume(&c->held, used);
	else
		hold(c, str_sub(bytes, used, bytes.len));
}

static void
readable(struct bench_conn *c)
{
	struct bench_run *run = c->run;
	ssize_t n = recv(c->fd, run->in, BENCH_READ_SIZE, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		bench_conn_wrong(c, BENCH_CLOSED,
		    "the server closed a connection%s%s", n < 0 ? ": " : "",
		    n < 0 ? strerror(errno) : "");
		return;
	}
	run->heard_ns = clock_now_ns();
	input(c, (struct str){ run->in, (size_t)n });
}

static void
io_event(void *arg, unsigned events)
{
	struct bench_conn *c =
	    OBJ_CAST(arg, struct bench_conn, BENCH_CONN_MAGIC);
	int error = 0;
	socklen_t len = sizeof error;

	if (c->step != BENCH_STEP_CONNECT) {
		readable(c);
		return;
	}
	(void)events; /* only writing is watched */
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error == 0
	    && loop_io_start(
		   &c->io, c->run->loop, c->fd, LOOP_READ, io_event, c)
		== 0) {
		c->run->heard_ns = clock_now_ns();
		bench_setup_connected(c);
	} else {
		bench_conn_wrong(
		    c, BENCH_CONNECT, "connect: %s", strerror(error));
	}
}

/* A port is bound to a pair of addresses at connect: more than one source
 * lets one client hold more than one range of ports. */
static int
source_bind(const struct bench_run *run, int fd, unsigned number)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int on = 1;

	in.sin_addr.s_addr =
	    htonl(LOOPBACK + run->o->first_source + number % run->o->sources);
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on)
	    < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&in, sizeof in);
}

void
bench_conn_open(struct bench_run *run, struct bench_conn *c)
{
	const struct net_addr *a = &run->address;
	unsigned number = (unsigned)(c - run->conns);
	int on = 1;

	OBJ_INIT(c, BENCH_CONN_MAGIC);
	c->run = run;
	c->step = BENCH_STEP_CONNECT;
	loop_io_init(&c->io);
	bench_request_init(&c->request);
	buf_init(&c->held);
	list_init(&c->node);
	run->opening++;
	c->fd = socket(
	    a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0) {
		bench_conn_wrong(
		    c, BENCH_CONNECT, "socket: %s", strerror(errno));
		return;
	}
	run->open++;
	if (a->sa.ss_family != AF_UNIX)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof on); /* slower without, not wrong */
	if (run->o->sources > 0 && source_bind(run, c->fd, number) < 0) {
		bench_conn_wrong(c, BENCH_CONNECT, "bind: %s", strerror(errno));
		return;
	}
	if (connect(c->fd, (const struct sockaddr *)&a->sa, a->len) < 0
	    && errno != EINPROGRESS) {
		bench_conn_wrong(
		    c, BENCH_CONNECT, "connect: %s", strerror(errno));
		return;
	}
	if (loop_io_start(&c->io, run->loop, c->fd, LOOP_WRITE, io_event, c)
	    < 0)
		bench_conn_wrong(c, BENCH_CONNECT, "cannot watch a socket");
}

void
bench_open_more(struct bench_run *run)
{
	while (run->opening < BENCH_OPENING_MAX && run->phase == BENCH_WARM
	    && run->next_open < run->o->connections)
		bench_conn_open(run, &run->conns[run->next_open++]);
}
