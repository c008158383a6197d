/* SPDX-License-Identifier: Apache-2.0 */
/* A connection on one reactor: bytes in from the reactor's shared read buffer,
 * bytes out by one write a turn, back-pressure in both directions, and one
 * timer.  No buffer while idle.  Embedded first in what owns it. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "loop/loop.h"

#define NET_READ_SIZE ((size_t)64 * 1024) /* per reactor */
#define NET_OUT_SOFT ((size_t)256 * 1024) /* reading stops above it */
/* Input held back at most; an owner refuses long before. */
#define NET_HELD_MAX ((size_t)8 * 1024 * 1024 + NET_READ_SIZE)
#define NET_LINGER_NS (2 * NS_PER_S)
#define NET_LINGER_BYTES ((size_t)1024 * 1024)
#define NET_LINGER_MAX 1024 /* sockets, per process */
#define NET_WRITE_STALL_NS (30 * NS_PER_S)

#define NET_CONN_MAGIC 0x4e434f4eu

enum net_close {
	NET_CLOSE_PEER, /* end of file or reset */
	NET_CLOSE_LOCAL, /* net_conn_close() */
	NET_CLOSE_STALL, /* the peer does not read */
	NET_CLOSE_ERROR
};

struct net_conn;

struct net_conn_ops {
	/* Bytes have come: those held back before are in front.  They are
	 * writable (decode in place) until the return, and start at the same
	 * bytes each time.  Returns how many are done with; the rest is kept
	 * and offered again with what follows.  May close the connection.
	 * Who answers at once returns early when net_conn_out_len() passes
	 * NET_OUT_SOFT: the rest is offered when the output is written. */
	size_t (*input)(struct net_conn *c, char *bytes, size_t len);
	/* The peer has sent its last byte (half-close); output still works.
	 * Return true to go on (answers pending), false to close now (what is
	 * queued is still written).  A hang-up while paused is told here at
	 * once, with bytes perhaps unread: after a resume they are offered,
	 * and the true end is told again. */
	bool (*eof)(struct net_conn *c);
	/* Output has fallen to nothing after having been above NET_OUT_SOFT,
	 * or after net_conn_drained_want(), or a final flush is done.  May be
	 * NULL. */
	void (*drained)(struct net_conn *c);
	/* The last call: the descriptor is closed; free yourself here. */
	void (*closed)(struct net_conn *c, enum net_close why);
	/* The connection's timer.  May be NULL. */
	void (*timeout)(struct net_conn *c);
};

/* Per reactor: the shared read buffer and counts. */
struct net_reactor;
struct net_reactor *net_reactor_create(struct loop *l, struct err *err);
void net_reactor_destroy(struct net_reactor *r);
struct loop *net_reactor_loop(const struct net_reactor *r);
size_t net_reactor_conns(const struct net_reactor *r);

struct net_conn_slow;

struct net_conn {
	uint32_t magic;
	int fd; /* owned; reading */
	int out_fd; /* owned; writing: the same, but for stdio */
	uint16_t flags; /* from here on private to net/ */
	uint8_t state;
	uint8_t watching; /* what io waits for */
	const struct net_conn_ops *ops;
	struct net_reactor *reactor;
	struct loop_io io;
	struct net_conn_slow *slow; /* owned; only while the peer is slow */
	struct loop_timer timer; /* the owner's, by net_conn_timer() */
	struct loop_deferred flush;
	char *held; /* owned: input kept back; NULL when none */
	uint32_t held_at; /* where it begins */
	uint32_t held_len;
	uint32_t held_cap;
	enum net_close why;
	struct buf out; /* owned: written up to out_at */
	size_t out_at;
	struct list node; /* in the reactor's list of all */
};

/* [reactor] Takes fd, non-blocking (and out_fd, -1: the same).  Starts reading.
 * With an out_fd (stdio) both may be files, terminals or pipes, are made
 * non-blocking where that is needed, and a peer that does not read is waited
 * for without end.  On failure they stay the caller's. */
int net_conn_start(struct net_conn *c, struct net_reactor *r, int fd,
    int out_fd, const struct net_conn_ops *ops);
/* The buffer to append output to; it is written when the turn ends, all of a
 * turn by one write.  Call net_conn_flush_later() after appending. */
struct buf *net_conn_out(struct net_conn *c);
void net_conn_flush_later(struct net_conn *c);
/* False once it is closing: no more input comes. */
bool net_conn_is_open(const struct net_conn *c);
/* Bytes not yet taken by the kernel. */
size_t net_conn_out_len(const struct net_conn *c);
/* ops->drained is wanted once what is queued has been taken, also when it is
 * less than NET_OUT_SOFT. */
void net_conn_drained_want(struct net_conn *c);
/* Stops and restarts input (a request is in service, the owner's bound).
 * Held bytes are offered again at the end of the turn after a resume. A
 * hang-up is still reported while paused: ops->eof. */
void net_conn_pause(struct net_conn *c);
void net_conn_resume(struct net_conn *c);
/* One timer per connection; absolute time; 0 clears. */
void net_conn_timer(struct net_conn *c, int64_t due_ns);

enum net_conn_close_how {
	NET_CONN_FLUSH, /* write what is queued, then close */
	NET_CONN_LINGER, /* the same, then SHUT_WR and discard input a while, so
			  * that the answer is not lost to a reset */
	NET_CONN_RESET /* at once */
};
/* ops->closed follows, at the end of the turn at the earliest, and nothing
 * else: no more input, eof or timeout. Clears the timer. */
void net_conn_close(struct net_conn *c, enum net_conn_close_how how);
/* [reactor] Every connection of the reactor, for drain. */
void net_reactor_each(struct net_reactor *r,
    void (*fn)(struct net_conn *c, void *arg), void *arg);

#endif
