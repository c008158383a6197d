/* SPDX-License-Identifier: Apache-2.0 */
/* Input: one read for each readiness, into the reactor's buffer, or behind the
 * bytes that a connection holds back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "net/conn_priv.h"

#define HELD_ROOM_MIN 4096u
#define HELD_KEEP_MIN 256u
/* Pipelined requests answered in one turn before others have theirs. */
#define OFFERS_MAX 64

void
conn_held_drop(struct net_conn *c)
{
	free(c->held);
	c->held = NULL;
	c->held_at = c->held_len = c->held_cap = 0;
}

static void
held_consume(struct net_conn *c, size_t used)
{
	CHECK(used <= c->held_len);
	c->held_at += (uint32_t)used;
	c->held_len -= (uint32_t)used;
	if (c->held_len == 0)
		conn_held_drop(c);
}

/* Keeps what is left of the shared buffer. */
static void
held_keep(struct net_conn *c, const char *bytes, size_t len)
{
	size_t cap = len < HELD_KEEP_MIN ? HELD_KEEP_MIN : len;

	c->held = malloc(cap);
	if (c->held == NULL) {
		conn_end(c, NET_CLOSE_ERROR);
		return;
	}
	memcpy(c->held, bytes, len);
	c->held_at = 0;
	c->held_len = (uint32_t)len;
	c->held_cap = (uint32_t)cap;
}

/* Room behind the held bytes, growing with them: n bytes that come in pieces
 * cost O(n). */
static size_t
held_room(struct net_conn *c)
{
	size_t want = c->held_len < HELD_ROOM_MIN ? HELD_ROOM_MIN : c->held_len;
	size_t cap;
	char *held;

	if (c->held_at > 0) {
		memmove(c->held, c->held + c->held_at, c->held_len);
		c->held_at = 0;
	}
	if (c->held_len < c->held_cap)
		return c->held_cap - c->held_len;
	if (c->held_len >= NET_HELD_MAX)
		return 0;
	cap = c->held_len + want;
	if (cap > NET_HELD_MAX)
		cap = NET_HELD_MAX;
	held = realloc(c->held, cap);
	if (held == NULL)
		return 0;
	c->held = held;
	c->held_cap = (uint32_t)cap;
	return cap - c->held_len;
}

/* Who answered a lot at once is offered the rest when that is written. */
static void
soft_check(struct net_conn *c)
{
	if (c->held_len == 0 || net_conn_out_len(c) <= NET_OUT_SOFT)
		return;
	conn_mark(c, CONN_SOFT);
	net_conn_flush_later(c);
}

static void
offer_fresh(struct net_conn *c, char *bytes, size_t len)
{
	size_t used = c->ops->input(c, bytes, len);

	CHECK(used <= len);
	if (c->state != CONN_OPEN || used == len)
		return;
	held_keep(c, bytes + used, len - used);
	soft_check(c);
}

/* True when some were taken. */
static bool
offer_held(struct net_conn *c)
{
	size_t used = c->ops->input(c, c->held + c->held_at, c->held_len);

	if (c->state != CONN_OPEN)
		return false;
	held_consume(c, used);
	soft_check(c);
	return used > 0;
}

void
conn_offer_held(struct net_conn *c)
{
	for (unsigned i = 0; i < OFFERS_MAX; i++) {
		if (!conn_has(c, CONN_OFFER)
		    || conn_has(c, CONN_PAUSED | CONN_SOFT)
		    || c->state != CONN_OPEN)
			return;
		conn_unmark(c, CONN_OFFER);
		if (c->held_len == 0)
			return;
		if (!offer_held(c))
			return;
	}
	if (conn_has(c, CONN_OFFER))
		net_conn_flush_later(c);
}

static void
eof_tell(struct net_conn *c)
{
	if (c->ops->eof != NULL && c->ops->eof(c))
		return;
	if (c->state == CONN_OPEN)
		conn_stop(c, NET_CLOSE_PEER);
}

void
conn_hung_up(struct net_conn *c)
{
	conn_mark(c, CONN_HUNG_UP);
	conn_watch(c);
	eof_tell(c);
}

static void
read_failed(struct net_conn *c, int errnum)
{
	if (errnum == EAGAIN || errnum == EINTR)
		return;
	conn_end(c, errnum == ECONNRESET ? NET_CLOSE_PEER : NET_CLOSE_ERROR);
}

void
conn_read(struct net_conn *c)
{
	char *to = c->reactor->bytes;
	size_t room = sizeof c->reactor->bytes;
	ssize_t n;

	if (c->held_len > 0) {
		room = held_room(c);
		to = c->held + c->held_len;
		if (room == 0) {
			conn_end(c, NET_CLOSE_ERROR);
			return;
		}
	}
	n = read(c->fd, to, room);
	if (n < 0) {
		read_failed(c, errno);
		return;
	}
	if (n == 0) {
		conn_mark(c, CONN_EOF);
		conn_watch(c);
		eof_tell(c);
		return;
	}
	if (c->held_len == 0) {
		offer_fresh(c, to, (size_t)n);
		return;
	}
	c->held_len += (uint32_t)n;
	(void)offer_held(c);
}
