/* SPDX-License-Identifier: Apache-2.0 */
/* What must outlive the connection that made it: rows of bytes with an owner
 * and an expiry, behind one interface, so that an engine in memory, on disk or
 * on another machine can hold them.
 *
 * An operation is a request that its caller owns.  An engine that has the
 * answer at hand calls done before the operation returns; one that asks a
 * worker or the network calls it later, on the loop that the request names.
 * Callers are written for both.  One store holds rows of one kind; what their
 * bytes mean is their owner's, who puts a format number beside them. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "loop/loop.h"

#define STORE_ID_MAX 64 /* bytes */
#define STORE_PRINCIPAL_MAX 1024
#define STORE_PAGE 100 /* rows of one page */

/* What an engine refuses beyond. */
struct store_limits {
	size_t rows_max; /* in total: ERR_BUSY */
	size_t principal_max; /* of one principal: ERR_LIMIT */
	size_t bytes_max; /* of all rows: ERR_BUSY for a new one */
};

struct store_row {
	struct str id;
	struct str principal; /* whose it is: counted and listed by it */
	int64_t expires_ns; /* wall time; from then on it is not there */
	uint32_t format; /* of value, the owner's own number */
	struct str value;
	uint64_t seq; /* order of creation; the engine's, like the next */
	uint64_t version; /* grows with each update */
};

struct store_request {
	/* Once; the request may be freed in it.  What a row points to is the
	 * engine's and ends with it. */
	void (*done)(struct store_request *q);
	struct loop *home; /* done runs on it */
	int rc;
	struct store_row row;
	/* Of store_page() alone. */
	uint64_t after; /* seq; 0: from the first */
	const struct store_row *rows;
	size_t rows_len;
	bool more;
};

struct store;

struct store_ops {
	void (*create)(struct store *s, struct store_request *q);
	void (*read)(struct store *s, struct store_request *q);
	void (*update)(struct store *s, struct store_request *q);
	void (*drop)(struct store *s, struct store_request *q);
	void (*page)(struct store *s, struct store_request *q);
	size_t (*expire)(struct store *s, int64_t wall_ns, size_t max);
	size_t (*count)(struct store *s);
	void (*destroy)(struct store *s);
};

/* The head of every engine's own object. */
struct store {
	const struct store_ops *ops;
};

/* [reactor] Adds q->row, which is copied; sets its seq and version.  It is
 * there for every reader when done runs.  ERR_EXISTS, ERR_BUSY, ERR_LIMIT,
 * ERR_PARAMS, ERR_NOMEM. */
static inline void
store_create(struct store *s, struct store_request *q)
{
	s->ops->create(s, q);
}

/* [reactor] Fills q->row by its id; ERR_NOTFOUND also for what has expired. */
static inline void
store_read(struct store *s, struct store_request *q)
{
	s->ops->read(s, q);
}

/* [reactor] Replaces expiry, format and value of the row with q->row.id if it
 * still has q->row.version, and sets the new one.  ERR_STATE: somebody else
 * was first; ERR_NOTFOUND, ERR_BUSY, ERR_NOMEM. */
static inline void
store_update(struct store *s, struct store_request *q)
{
	s->ops->update(s, q);
}

/* [reactor] Takes the row with q->row.id away; ERR_NOTFOUND. */
static inline void
store_drop(struct store *s, struct store_request *q)
{
	s->ops->drop(s, q);
}

/* [reactor] The rows of q->row.principal behind q->after, oldest first, at
 * most STORE_PAGE. */
static inline void
store_page(struct store *s, struct store_request *q)
{
	s->ops->page(s, q);
}

/* [control] Takes rows away that have expired at wall_ns, at most max, and
 * says how many. */
static inline size_t
store_expire(struct store *s, int64_t wall_ns, size_t max)
{
	return s->ops->expire(s, wall_ns, max);
}

/* [any] Rows, those that have just expired among them. */
static inline size_t
store_count(struct store *s)
{
	return s->ops->count(s);
}

/* [control] No operation may be under way; NULL is harmless. */
static inline void
store_destroy(struct store *s)
{
	if (s != NULL)
		s->ops->destroy(s);
}

/* [control] The engine in memory: every operation is done at once.  Owned. */
struct store *store_memory_create(
    const struct store_limits *limits, struct err *err);

#endif
