/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share about a connection. */
#ifndef NET_CONN_PRIV_H
#define NET_CONN_PRIV_H

#include "net/conn.h"

/* open -> flushing -> lingering -> ended; each may go to ended at once. */
enum conn_state {
	CONN_OPEN,
	CONN_FLUSHING, /* net_conn_close(): what is queued goes out */
	CONN_LINGERING, /* the write side is shut, input is dropped */
	CONN_ENDED /* ops->closed is due when the turn ends */
};

enum conn_flag {
	CONN_PAUSED = 1, /* by the owner */
	CONN_SOFT = 2, /* by output above NET_OUT_SOFT */
	CONN_EOF = 4, /* read() gave 0 */
	CONN_HUNG_UP = 8, /* told early, while not reading */
	CONN_OFFER = 16, /* held bytes are to be offered again */
	CONN_FULL = 32, /* the kernel takes no more output for now */
	CONN_LINGER = 64, /* linger after the flush */
	CONN_COUNTED = 128, /* in the count of lingering sockets */
	CONN_STDIO = 256, /* two descriptors */
	CONN_DIRECT_IN = 512, /* cannot be watched: read in deferred steps */
	CONN_DIRECT_OUT = 1024 /* the same: blocking writes */
};

/* Only while the kernel does not take our output, or the socket lingers. */
struct net_conn_slow {
	struct loop_io io; /* of out_fd, when it is not fd */
	struct loop_timer timer;
	int64_t since_ns; /* the last byte that was taken */
	size_t left; /* lingering: bytes still dropped */
};

#define SPARES 64
#define SPARE_CAP ((size_t)16 * 1024)

struct net_reactor {
	struct loop *loop; /* borrowed */
	size_t conns;
	struct list all;
	size_t spares_len;
	struct buf spares[SPARES]; /* output memory between two answers */
	char bytes[NET_READ_SIZE];
};

static inline bool
conn_has(const struct net_conn *c, unsigned flags)
{
	return (c->flags & flags) != 0;
}

static inline void
conn_mark(struct net_conn *c, unsigned flags)
{
	c->flags = (uint16_t)(c->flags | flags);
}

static inline void
conn_unmark(struct net_conn *c, unsigned flags)
{
	c->flags = (uint16_t)(c->flags & ~flags);
}

static inline bool
conn_may_read(const struct net_conn *c)
{
	return c->state == CONN_OPEN
	    && !conn_has(c, CONN_PAUSED | CONN_SOFT | CONN_EOF);
}

/* conn.c */
void conn_end(struct net_conn *c, enum net_close why);
void conn_watch(struct net_conn *c);
void conn_stop(struct net_conn *c, enum net_close why);
/* NULL: no memory. */
struct net_conn_slow *conn_slow(struct net_conn *c);
void conn_slow_drop(struct net_conn *c);

/* conn_in.c */
void conn_read(struct net_conn *c);
void conn_offer_held(struct net_conn *c);
void conn_held_drop(struct net_conn *c);
void conn_hung_up(struct net_conn *c);

/* conn_out.c */
void conn_write(struct net_conn *c);
void conn_out_drop(struct net_conn *c);
void conn_linger_read(struct net_conn *c);
void conn_linger_uncount(struct net_conn *c);
void conn_slow_timeout(void *arg);

#endif
