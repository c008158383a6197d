/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connection: start, what it waits for, the end of each turn,
 * close.  ops->closed is only called from the end of a turn, so that no caller
 * further up holds a connection that is gone. */
#include "net/conn.h"

#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "net/conn_priv.h"

static_assert(sizeof(struct net_conn) <= 232, "a million idle connections");

struct net_reactor *
net_reactor_create(struct loop *l, struct err *err)
{
	struct net_reactor *r = calloc(1, sizeof *r);
	struct sigaction sa;

	if (r == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for a reactor");
		return NULL;
	}
	r->loop = l;
	list_init(&r->all);
	/* A peer that is gone is an error of one write, not our end. */
	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
	return r;
}

struct loop *
net_reactor_loop(const struct net_reactor *r)
{
	return r->loop;
}

size_t
net_reactor_conns(const struct net_reactor *r)
{
	return r->conns;
}

void
net_reactor_each(
    struct net_reactor *r, void (*fn)(struct net_conn *c, void *arg), void *arg)
{
	LIST_EACH_SAFE (it, &r->all)
		fn(LIST_OBJ(it, struct net_conn, node), arg);
}

struct net_conn_slow *
conn_slow(struct net_conn *c)
{
	if (c->slow != NULL)
		return c->slow;
	c->slow = calloc(1, sizeof *c->slow);
	if (c->slow == NULL)
		return NULL;
	loop_io_init(&c->slow->io);
	loop_timer_init(&c->slow->timer, conn_slow_timeout, c);
	return c->slow;
}

void
conn_slow_drop(struct net_conn *c)
{
	if (c->slow == NULL)
		return;
	loop_io_stop(&c->slow->io);
	loop_timer_clear(&c->slow->timer);
	free(c->slow);
	c->slow = NULL;
	conn_unmark(c, CONN_FULL);
}

/* 0 to 2 stay taken, or the next file opened would be somebody's stdout. */
static void
fd_close(int fd)
{
	int null_fd;

	if (fd <= STDERR_FILENO) {
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null_fd >= 0 && dup2(null_fd, fd) >= 0) {
			(void)close(null_fd);
			return;
		}
	}
	(void)close(fd);
}

static void
conn_finish(struct net_conn *c)
{
	const struct net_conn_ops *ops = c->ops;

	conn_linger_uncount(c);
	loop_io_stop(&c->io);
	loop_timer_clear(&c->timer);
	loop_deferred_clear(&c->flush);
	conn_slow_drop(c);
	conn_held_drop(c);
	conn_out_drop(c);
	list_drop(&c->node);
	c->reactor->conns--;
	fd_close(c->fd);
	if (c->out_fd != c->fd)
		fd_close(c->out_fd);
	OBJ_WIPE(c);
	ops->closed(c, c->why);
}

void
net_reactor_destroy(struct net_reactor *r)
{
	struct net_conn *c;

	if (r == NULL)
		return;
	while (!list_is_empty(&r->all)) {
		c = LIST_OBJ(r->all.next, struct net_conn, node);
		if (c->state != CONN_ENDED)
			c->why = NET_CLOSE_LOCAL;
		c->state = CONN_ENDED;
		conn_finish(c);
	}
	while (r->spares_len > 0)
		buf_finish(&r->spares[--r->spares_len]);
	free(r);
}

void
conn_end(struct net_conn *c, enum net_close why)
{
	if (c->state == CONN_ENDED)
		return;
	c->state = CONN_ENDED;
	c->why = why;
	c->watching = 0;
	loop_io_stop(&c->io);
	loop_timer_clear(&c->timer);
	conn_slow_drop(c);
	loop_defer(c->reactor->loop, &c->flush);
}

/* What is queued goes out, then the end. */
void
conn_stop(struct net_conn *c, enum net_close why)
{
	c->state = CONN_FLUSHING;
	c->why = why;
	loop_timer_clear(&c->timer);
	loop_defer(c->reactor->loop, &c->flush);
}

void
net_conn_close(struct net_conn *c, enum net_conn_close_how how)
{
	OBJ_CHECK(c, NET_CONN_MAGIC);
	if (how == NET_CONN_RESET) {
		conn_end(c, NET_CLOSE_LOCAL);
		return;
	}
	if (c->state != CONN_OPEN)
		return;
	if (how == NET_CONN_LINGER)
		conn_mark(c, CONN_LINGER);
	conn_stop(c, NET_CLOSE_LOCAL);
}

bool
net_conn_is_open(const struct net_conn *c)
{
	return c->state == CONN_OPEN;
}

/* What to wait for. */

static unsigned
wanted(const struct net_conn *c)
{
	unsigned events = 0;

	if (conn_may_read(c) || c->state == CONN_LINGERING)
		events |= LOOP_READ;
	else if (c->state == CONN_OPEN && !conn_has(c, CONN_EOF | CONN_HUNG_UP))
		events |= LOOP_CLOSED;
	if (conn_has(c, CONN_DIRECT_IN))
		events = 0;
	if (conn_has(c, CONN_FULL) && c->out_fd == c->fd)
		events |= LOOP_WRITE;
	return events;
}

static void
conn_ready(void *arg, unsigned events)
{
	struct net_conn *c = OBJ_CAST(arg, struct net_conn, NET_CONN_MAGIC);

	if (c->state == CONN_LINGERING) {
		conn_linger_read(c);
		return;
	}
	if (c->watching == LOOP_CLOSED)
		c->watching = 0; /* told once */
	if (events & LOOP_WRITE) {
		conn_unmark(c, CONN_FULL);
		net_conn_flush_later(c);
	}
	if (events & LOOP_READ) {
		if (conn_may_read(c))
			conn_read(c);
		else
			conn_watch(c); /* a pause becomes real */
	}
	if ((events & LOOP_CLOSED) && c->state == CONN_OPEN)
		conn_hung_up(c);
}

void
conn_watch(struct net_conn *c)
{
	unsigned events = wanted(c);
	int rc;

	if (events == c->watching)
		return;
	c->watching = (uint8_t)events;
	if (events == 0) {
		loop_io_stop(&c->io);
		return;
	}
	rc = loop_io_start(
	    &c->io, c->reactor->loop, c->fd, events, conn_ready, c);
	if (rc < 0)
		conn_end(c, NET_CLOSE_ERROR);
}

/* A pause costs nothing until the peer sends more: most end before. */
static bool
pause_can_wait(const struct net_conn *c)
{
	return c->state == CONN_OPEN && c->watching == LOOP_READ
	    && !conn_has(c, CONN_EOF | CONN_FULL);
}

static void
conn_turn_end(void *arg)
{
	struct net_conn *c = OBJ_CAST(arg, struct net_conn, NET_CONN_MAGIC);

	if (conn_has(c, CONN_DIRECT_IN) && conn_may_read(c)) {
		conn_read(c);
		net_conn_flush_later(c);
	}
	conn_offer_held(c);
	if (c->state == CONN_OPEN || c->state == CONN_FLUSHING)
		conn_write(c);
	if (c->state == CONN_ENDED) {
		conn_finish(c);
		return;
	}
	if (!pause_can_wait(c))
		conn_watch(c);
	if (c->state == CONN_ENDED)
		conn_finish(c);
}

static void
conn_timeout(void *arg)
{
	struct net_conn *c = OBJ_CAST(arg, struct net_conn, NET_CONN_MAGIC);

	if (c->ops->timeout != NULL)
		c->ops->timeout(c);
}

static bool
make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool
is_stream(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0
	    && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* Files and terminals are shared with who started us: their mode stays. */
static void
stdio_prepare(struct net_conn *c)
{
	conn_mark(c, CONN_STDIO);
	if (is_stream(c->fd))
		(void)make_nonblocking(c->fd);
	else if (!loop_io_can_watch(c->fd))
		conn_mark(c, CONN_DIRECT_IN);
	if (!is_stream(c->out_fd) || !make_nonblocking(c->out_fd))
		conn_mark(c, CONN_DIRECT_OUT);
}

int
net_conn_start(struct net_conn *c, struct net_reactor *r, int fd, int out_fd,
    const struct net_conn_ops *ops)
{
	int rc = 0;

	OBJ_INIT(c, NET_CONN_MAGIC);
	c->fd = fd;
	c->out_fd = out_fd < 0 ? fd : out_fd;
	c->ops = ops;
	c->reactor = r;
	c->flags = 0;
	c->state = CONN_OPEN;
	c->watching = LOOP_READ;
	c->slow = NULL;
	c->held = NULL;
	c->held_at = c->held_len = c->held_cap = 0;
	c->why = NET_CLOSE_LOCAL;
	c->out_at = 0;
	buf_init(&c->out);
	loop_io_init(&c->io);
	loop_timer_init(&c->timer, conn_timeout, c);
	loop_deferred_init(&c->flush, conn_turn_end, c);
	if (c->out_fd != fd)
		stdio_prepare(c);
	if (conn_has(c, CONN_DIRECT_IN)) {
		c->watching = 0;
		net_conn_flush_later(c);
	} else {
		rc = loop_io_start(
		    &c->io, r->loop, fd, LOOP_READ, conn_ready, c);
	}
	if (rc < 0) {
		OBJ_WIPE(c);
		return rc;
	}
	list_push(&r->all, &c->node);
	r->conns++;
	return 0;
}

void
net_conn_flush_later(struct net_conn *c)
{
	OBJ_CHECK(c, NET_CONN_MAGIC);
	loop_defer(c->reactor->loop, &c->flush);
}

void
net_conn_pause(struct net_conn *c)
{
	conn_mark(c, CONN_PAUSED);
}

void
net_conn_resume(struct net_conn *c)
{
	conn_unmark(c, CONN_PAUSED);
	conn_mark(c, CONN_OFFER);
	net_conn_flush_later(c);
}

void
net_conn_timer(struct net_conn *c, int64_t due_ns)
{
	if (due_ns == 0)
		loop_timer_clear(&c->timer);
	else
		loop_timer_set(c->reactor->loop, &c->timer, due_ns);
}
