/* SPDX-License-Identifier: Apache-2.0 */
/* Output: one write a turn.  When the kernel takes no more, the connection
 * waits for room with a stall timer, and an answer that closes the connection
 * is given time to arrive. */
#include <sys/socket.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "net/conn_priv.h"

/* The bound is the process's: sockets that linger serve nobody. */
static atomic_uint lingering;

size_t
net_conn_out_len(const struct net_conn *c)
{
	return c->out.len - c->out_at;
}

void
net_conn_drained_want(struct net_conn *c)
{
	conn_mark(c, CONN_SOFT);
	net_conn_flush_later(c);
}

struct buf *
net_conn_out(struct net_conn *c)
{
	struct net_reactor *r = c->reactor;

	if (c->out.ptr == NULL && !c->out.failed && r->spares_len > 0)
		c->out = r->spares[--r->spares_len];
	return &c->out;
}

/* No memory while idle: it serves the next answer of another connection. */
void
conn_out_drop(struct net_conn *c)
{
	struct net_reactor *r = c->reactor;

	c->out_at = 0;
	if (c->out.ptr == NULL)
		return;
	if (r->spares_len == SPARES || c->out.cap > SPARE_CAP) {
		buf_finish(&c->out);
		return;
	}
	buf_clear(&c->out);
	r->spares[r->spares_len++] = c->out;
	buf_init(&c->out);
}

static void
out_ready(void *arg, unsigned events)
{
	struct net_conn *c = OBJ_CAST(arg, struct net_conn, NET_CONN_MAGIC);

	(void)events;
	conn_unmark(c, CONN_FULL);
	net_conn_flush_later(c);
}

/* The kernel's buffer is full: wait for room. */
static void
full_begin(struct net_conn *c, bool progress)
{
	struct loop *l = c->reactor->loop;
	bool first = c->slow == NULL;
	struct net_conn_slow *s = conn_slow(c);
	int rc = 0;

	if (s == NULL) {
		conn_end(c, NET_CLOSE_ERROR);
		return;
	}
	conn_mark(c, CONN_FULL);
	if (progress || first)
		s->since_ns = loop_now(l);
	if (first && c->out_fd != c->fd)
		rc = loop_io_start(
		    &s->io, l, c->out_fd, LOOP_WRITE, out_ready, c);
	if (first && !conn_has(c, CONN_STDIO))
		loop_timer_set(l, &s->timer, s->since_ns + NET_WRITE_STALL_NS);
	if (rc < 0)
		conn_end(c, NET_CLOSE_ERROR);
}

void
conn_slow_timeout(void *arg)
{
	struct net_conn *c = OBJ_CAST(arg, struct net_conn, NET_CONN_MAGIC);
	struct net_conn_slow *s = c->slow;
	int64_t due_ns = s->since_ns + NET_WRITE_STALL_NS;
	struct linger at_once = { .l_onoff = 1 };

	if (c->state == CONN_LINGERING) {
		conn_end(c, c->why);
		return;
	}
	if (loop_now(c->reactor->loop) < due_ns) {
		loop_timer_set(c->reactor->loop, &s->timer, due_ns);
		return;
	}
	/* Else the kernel keeps what it holds for minutes. */
	(void)setsockopt(
	    c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	conn_end(c, NET_CLOSE_STALL);
}

static void
linger_begin(struct net_conn *c)
{
	struct loop *l = c->reactor->loop;
	struct net_conn_slow *s;

	if (conn_has(c, CONN_EOF | CONN_STDIO)
	    || atomic_fetch_add_explicit(&lingering, 1, memory_order_relaxed)
		>= NET_LINGER_MAX) {
		if (!conn_has(c, CONN_EOF | CONN_STDIO))
			atomic_fetch_sub_explicit(
			    &lingering, 1, memory_order_relaxed);
		conn_end(c, c->why);
		return;
	}
	conn_mark(c, CONN_COUNTED);
	s = conn_slow(c);
	if (s == NULL || shutdown(c->fd, SHUT_WR) < 0) {
		conn_end(c, c->why);
		return;
	}
	c->state = CONN_LINGERING;
	s->left = NET_LINGER_BYTES;
	loop_timer_set(l, &s->timer, loop_now(l) + NET_LINGER_NS);
}

void
conn_linger_uncount(struct net_conn *c)
{
	if (conn_has(c, CONN_COUNTED))
		atomic_fetch_sub_explicit(&lingering, 1, memory_order_relaxed);
	conn_unmark(c, CONN_COUNTED);
}

void
conn_linger_read(struct net_conn *c)
{
	struct net_conn_slow *s = c->slow;
	ssize_t n = read(c->fd, c->reactor->bytes, sizeof c->reactor->bytes);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && (size_t)n < s->left) {
		s->left -= (size_t)n;
		return;
	}
	conn_end(c, c->why);
}

/* All is with the kernel. */
static void
out_done(struct net_conn *c)
{
	bool was_soft = conn_has(c, CONN_SOFT);

	conn_out_drop(c);
	conn_slow_drop(c);
	if (was_soft) {
		conn_unmark(c, CONN_SOFT);
		conn_mark(c, CONN_OFFER);
		net_conn_flush_later(c);
	}
	if (c->ops->drained != NULL && (was_soft || c->state == CONN_FLUSHING))
		c->ops->drained(c);
	if (c->state != CONN_FLUSHING || net_conn_out_len(c) > 0)
		return;
	if (conn_has(c, CONN_LINGER))
		linger_begin(c);
	else
		conn_end(c, c->why);
}

static void
write_failed(struct net_conn *c, int errnum)
{
	if (errnum == EAGAIN)
		full_begin(c, false);
	else if (errnum == EPIPE || errnum == ECONNRESET)
		conn_end(c, NET_CLOSE_PEER);
	else
		conn_end(c, NET_CLOSE_ERROR);
}

/* What the kernel took in part: the rest moves to the front only when that is
 * cheap. */
static void
out_taken(struct net_conn *c, size_t n)
{
	c->out_at += n;
	if (c->out_at < c->out.len / 2)
		return;
	buf_consume(&c->out, c->out_at);
	c->out_at = 0;
}

void
conn_write(struct net_conn *c)
{
	size_t len;
	ssize_t n;

	if (conn_has(c, CONN_FULL))
		return;
	if (c->out.failed) {
		conn_end(c, NET_CLOSE_ERROR);
		return;
	}
	/* Also when the kernel takes it all at once: somebody may wait. */
	if (net_conn_out_len(c) > NET_OUT_SOFT)
		conn_mark(c, CONN_SOFT);
	while ((len = net_conn_out_len(c)) > 0) {
		n = write(c->out_fd, c->out.ptr + c->out_at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			write_failed(c, errno);
			break;
		}
		if ((size_t)n == len) {
			c->out_at += len;
			continue;
		}
		out_taken(c, (size_t)n);
		/* A short write says "full" without a second call. */
		if (!conn_has(c, CONN_DIRECT_OUT)) {
			full_begin(c, true);
			break;
		}
	}
	if (c->state == CONN_ENDED)
		return;
	if (len == 0)
		out_done(c);
	else if (net_conn_out_len(c) > NET_OUT_SOFT)
		conn_mark(c, CONN_SOFT);
}
