/* SPDX-License-Identifier: Apache-2.0 */
/* What only TCP does: resets, answers that must survive them, and how many
 * system calls a request costs. */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <unistd.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

/* Counts the calls of a connection, and of the loop on its behalf. */
static unsigned reads;
static unsigned writes;
static unsigned controls;

static ssize_t
counted_read(int fd, void *to, size_t len)
{
	reads++;
	return read(fd, to, len);
}

static ssize_t
counted_write(int fd, const void *bytes, size_t len)
{
	writes++;
	return write(fd, bytes, len);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);

#define read counted_read
#define write counted_write
#include "net/conn_in.c"
#include "net/conn_out.c"
#undef read
#undef write

#include "net/listener.h"
#include "unit/net/pair.h"

#include <sys/syscall.h>

/* In front of the C library's, also for the event library. */
__attribute__((visibility("default"))) int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	controls++;
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

static void
tcp_pair(int fds[2])
{
	struct net_addr a, bound;
	struct err err;
	int fd;

	ck_assert_int_eq(net_addr_parse(&a, S("127.0.0.1:0"), &err), 0);
	ck_assert_int_eq(net_listen_open(&a, &bound, &fd, &err), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    connect(fds[1], (const struct sockaddr *)(const void *)&bound.sa,
		bound.len),
	    0);
	fds[0] = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(fds[0], 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	net_listen_close(fd, &bound);
}

static void
start(struct pair *p)
{
	int fds[2];

	pair_reactor(p);
	tcp_pair(fds);
	p->peer = fds[1];
	ck_assert_int_eq(
	    net_conn_start(&p->owner.conn, p->reactor, fds[0], -1, &owner_ops),
	    0);
}

static void
peer_reset(struct pair *p)
{
	struct linger l = { .l_onoff = 1 };

	ck_assert_int_eq(
	    setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
	(void)close(p->peer);
	p->peer = -1;
}

START_TEST(a_reset_ends_the_connection)
{
	struct pair p;

	start(&p);
	peer_reset(&p);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	pair_finish(&p);
}
END_TEST

/* The event library reports a reset as readable only: see loop/loop.c. */
START_TEST(a_reset_is_told_while_paused)
{
	struct pair p;

	start(&p);
	net_conn_pause(&p.owner.conn);
	peer_send(&p, "x");
	turns(&p, 3);
	peer_reset(&p);
	TURN_UNTIL(&p, p.owner.eofs == 1);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	pair_finish(&p);
}
END_TEST

START_TEST(a_reset_is_told_while_output_waits)
{
	struct pair p;

	start(&p);
	net_conn_pause(&p.owner.conn);
	answer_many(&p.owner.conn, 20000000);
	turns(&p, 3);
	peer_reset(&p);
	TURN_UNTIL(&p, p.owner.closed);
	ck_assert_int_eq(p.owner.why, NET_CLOSE_PEER);
	pair_finish(&p);
}
END_TEST

static size_t
refuse(struct owner *o, char *bytes, size_t len)
{
	(void)bytes;
	answer(&o->conn, "431");
	net_conn_close(&o->conn, NET_CONN_LINGER);
	return len;
}

/* With close() in place of lingering the peer gets ECONNRESET here. */
START_TEST(an_answer_survives_input_that_nobody_reads)
{
	static char much[400000];
	char got[16];
	struct pair p;
	ssize_t n;

	start(&p);
	p.owner.input = refuse;
	for (unsigned i = 0; i < 20; i++) {
		n = write(p.peer, much, 40000);
		ck_assert(n > 0 || errno == EAGAIN);
		turns(&p, 1);
	}
	TURN_UNTIL(&p, peer_read(&p, got, sizeof got) == 3);
	ck_assert_int_eq(peer_read(&p, got, sizeof got), 0);
	(void)close(p.peer);
	p.peer = -1;
	TURN_UNTIL(&p, p.owner.closed);
	pair_finish(&p);
}
END_TEST

static size_t
serve(struct owner *o, char *bytes, size_t len)
{
	(void)bytes;
	net_conn_pause(&o->conn);
	net_conn_timer(
	    &o->conn, loop_now(net_reactor_loop(o->conn.reactor)) + NS_PER_S);
	answer(&o->conn, "answer");
	net_conn_resume(&o->conn);
	return len;
}

/* The second rule of the way of one call: a read and a write. */
START_TEST(a_request_costs_one_read_and_one_write)
{
	char got[16];
	struct pair p;

	start(&p);
	p.owner.input = serve;
	reads = writes = controls = 0;
	for (unsigned i = 0; i < 1000; i++) {
		peer_send(&p, "request");
		TURN_UNTIL(&p, peer_read(&p, got, sizeof got) == 6);
	}
	ck_assert_uint_eq(reads, 1000);
	ck_assert_uint_eq(writes, 1000);
	ck_assert_uint_eq(controls, 0);
	ck_assert_ptr_null(p.owner.conn.out.ptr);
	ck_assert_ptr_null(p.owner.conn.held);
	pair_finish(&p);
}
END_TEST

START_TEST(lingering_sockets_have_a_bound)
{
	struct pair p;

	start(&p);
	atomic_store(&lingering, NET_LINGER_MAX);
	net_conn_close(&p.owner.conn, NET_CONN_LINGER);
	turns(&p, 1);
	ck_assert(p.owner.closed);
	ck_assert_uint_eq(atomic_load(&lingering), NET_LINGER_MAX);
	pair_finish(&p);
	start(&p);
	atomic_store(&lingering, NET_LINGER_MAX - 1);
	p.owner.closed = false;
	net_conn_close(&p.owner.conn, NET_CONN_LINGER);
	turns(&p, 1);
	ck_assert(!p.owner.closed);
	ck_assert_uint_eq(atomic_load(&lingering), NET_LINGER_MAX);
	pair_finish(&p);
	ck_assert_uint_eq(atomic_load(&lingering), NET_LINGER_MAX - 1);
}
END_TEST

UNIT_MAIN("net/tcp", a_reset_ends_the_connection, a_reset_is_told_while_paused,
    a_reset_is_told_while_output_waits,
    an_answer_survives_input_that_nobody_reads,
    a_request_costs_one_read_and_one_write, lingering_sockets_have_a_bound)
