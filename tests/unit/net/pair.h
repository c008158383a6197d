/* SPDX-License-Identifier: Apache-2.0 */
/* A connection over a socket pair, an owner that records what it is told, and
 * the other end in the test's hands.  Nothing here waits by time: turns run
 * until a condition holds, and a bound on turns fails the test. */
#ifndef UNIT_NET_PAIR_H
#define UNIT_NET_PAIR_H

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/conn.h"
#include "unit/unit.h"

struct owner {
	struct net_conn conn;
	size_t (*input)(struct owner *o, char *bytes, size_t len);
	struct buf seen; /* what input took */
	unsigned inputs;
	unsigned eofs;
	unsigned drains;
	unsigned timeouts;
	bool eof_go_on;
	bool closed;
	enum net_close why;
	void *user;
};

static size_t
owner_input(struct net_conn *c, char *bytes, size_t len)
{
	struct owner *o = CONTAINER_OF(c, struct owner, conn);

	o->inputs++;
	if (o->input != NULL)
		return o->input(o, bytes, len);
	buf_append(&o->seen, bytes, len);
	return len;
}

static bool
owner_eof(struct net_conn *c)
{
	struct owner *o = CONTAINER_OF(c, struct owner, conn);

	o->eofs++;
	return o->eof_go_on;
}

static void
owner_drained(struct net_conn *c)
{
	CONTAINER_OF(c, struct owner, conn)->drains++;
}

static void
owner_closed(struct net_conn *c, enum net_close why)
{
	struct owner *o = CONTAINER_OF(c, struct owner, conn);

	o->closed = true;
	o->why = why;
}

static void
owner_timeout(struct net_conn *c)
{
	CONTAINER_OF(c, struct owner, conn)->timeouts++;
}

static const struct net_conn_ops owner_ops = { owner_input, owner_eof,
	owner_drained, owner_closed, owner_timeout };

struct pair {
	struct loop *loop;
	struct net_reactor *reactor;
	struct owner owner;
	int peer; /* non-blocking */
};

static inline void
pair_reactor(struct pair *p)
{
	struct err err;

	memset(p, 0, sizeof *p);
	p->loop = loop_create(&err);
	ck_assert_ptr_nonnull(p->loop);
	p->reactor = net_reactor_create(p->loop, &err);
	ck_assert_ptr_nonnull(p->reactor);
	p->peer = -1;
}

static inline void
pair_init(struct pair *p)
{
	int fds[2];

	pair_reactor(p);
	ck_assert_int_eq(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	    0);
	p->peer = fds[1];
	ck_assert_int_eq(
	    net_conn_start(&p->owner.conn, p->reactor, fds[0], -1, &owner_ops),
	    0);
}

static inline void
pair_finish(struct pair *p)
{
	net_reactor_destroy(p->reactor);
	loop_destroy(p->loop);
	if (p->peer >= 0)
		(void)close(p->peer);
	buf_finish(&p->owner.seen);
	clock_test_set(-1);
}

static inline void
peer_send(struct pair *p, const char *text)
{
	ssize_t n = write(p->peer, text, strlen(text));

	ck_assert_int_eq(n, (ssize_t)strlen(text));
}

/* Bytes read now, or -1 with errno. */
static inline ssize_t
peer_read(struct pair *p, void *to, size_t len)
{
	return read(p->peer, to, len);
}

static inline void
turns(struct pair *p, unsigned n)
{
	while (n-- > 0)
		loop_turn(p->loop);
}

#define TURNS_MAX 100000
/* The condition is evaluated once a turn. */
#define TURN_UNTIL(p_, cond_) \
	do { \
		unsigned turns_ = 0; \
		bool met_ = false; \
		while (!(met_ = (cond_)) && turns_++ < TURNS_MAX) \
			loop_turn((p_)->loop); \
		ck_assert_msg(met_, "never: %s", #cond_); \
	} while (0)

static inline void
answer(struct net_conn *c, const char *text)
{
	buf_cstr(net_conn_out(c), text);
	net_conn_flush_later(c);
}

static inline void
answer_many(struct net_conn *c, size_t len)
{
	struct buf *out = net_conn_out(c);

	ck_assert_int_eq(buf_reserve(out, len), 0);
	memset(out->ptr + out->len, 'x', len);
	out->len += len;
	net_conn_flush_later(c);
}

#endif
