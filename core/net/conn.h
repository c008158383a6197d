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

#define NET_READ_SIZE ((size_t)64 * 1024)     /* per reactor */
#define NET_OUT_SOFT ((size_t)256 * 1024)     /* reading stops above it */
#define NET_LINGER_NS (2 * NS_PER_S)
#define NET_LINGER_BYTES ((size_t)1024 * 1024)
#define NET_LINGER_MAX 1024                   /* sockets, per process */
#define NET_WRITE_STALL_NS (30 * NS_PER_S)

#define NET_CONN_MAGIC 0x4e434f4eu

enum net_close {
	NET_CLOSE_PEER,    /* end of file or reset */
	NET_CLOSE_LOCAL,   /* net_conn_close() */
	NET_CLOSE_STALL,   /* the peer does not read */
	NET_CLOSE_ERROR
};

struct net_conn;

struct net_conn_ops {
	/* Bytes have come: those held back before are in front.  They are
	 * writable (decode in place) until the return, and start at the same
	 * bytes each time.  Returns how many are done with; the rest is kept
	 * and offered again with what follows.  May close the connection. */
	size_t (*input)(struct net_conn *c, char *bytes, size_t len);
	/* The peer has sent its last byte (half-close); output still works.
	 * Return true to go on (answers pending), false to close now. */
	bool (*eof)(struct net_conn *c);
	/* Output has fallen to nothing after having been above NET_OUT_SOFT,
	 * or a final flush is done.  May be NULL. */
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

struct net_conn {
	uint32_t magic;
	int fd;        /* reading */
	int out_fd;    /* writing: the same, but for stdio */
	const struct net_conn_ops *ops;
	struct net_reactor *reactor;
	struct loop_io io;
	struct loop_io *write_io;    /* owned; only while the peer is slow */
	struct loop_timer timer;     /* the owner's, by net_conn_timer() */
	struct loop_deferred flush;
	char *held;    /* owned: input kept back; NULL when none */
	size_t held_len;
	size_t held_cap;
	struct buf out; /* owned: not yet written */
	int64_t stalled_since_ns;
	struct list node;            /* in the reactor's list of all */
	uint8_t flags;               /* private to conn.c */
	uint8_t state;               /* private to conn.c */
};

/* [reactor] Takes fd (and out_fd, -1: the same).  Starts reading. */
int net_conn_start(struct net_conn *c, struct net_reactor *r, int fd,
    int out_fd, const struct net_conn_ops *ops);
/* The buffer to append output to; it is written when the turn ends, all of a
 * turn by one write.  Call net_conn_flush_later() after appending. */
struct buf *net_conn_out(struct net_conn *c);
void net_conn_flush_later(struct net_conn *c);
/* Bytes not yet taken by the kernel. */
size_t net_conn_out_len(const struct net_conn *c);
/* Stops and restarts input (a request is in service, the owner's bound).
 * Held bytes are offered again at the end of the turn after a resume. A
 * hang-up is still reported while paused: ops->eof. */
void net_conn_pause(struct net_conn *c);
void net_conn_resume(struct net_conn *c);
/* One timer per connection; absolute time; 0 clears. */
void net_conn_timer(struct net_conn *c, int64_t due_ns);

enum net_conn_close_how {
	NET_CONN_FLUSH,  /* write what is queued, then close */
	NET_CONN_LINGER, /* the same, then SHUT_WR and discard input a while, so
	                  * that the answer is not lost to a reset */
	NET_CONN_RESET   /* at once */
};
/* ops->closed follows, possibly before this returns for RESET: do not touch
 * c afterwards unless you know.  FLUSH and LINGER: no more input is offered. */
void net_conn_close(struct net_conn *c, enum net_conn_close_how how);
/* [reactor] Every connection of the reactor, for drain. */
void net_reactor_each(struct net_reactor *r,
    void (*fn)(struct net_conn *c, void *arg), void *arg);

#endif
