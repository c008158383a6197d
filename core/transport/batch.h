/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of revision 2025-03-26 (BAT rows): its members are served like
 * messages of their own, and their answers go back as one array.  Everything
 * is [reactor]. */
#ifndef TRANSPORT_BATCH_H
#define TRANSPORT_BATCH_H

#include "base/buf.h"
#include "base/list.h"
#include "mcp/mcp.h"

#define BATCH_MAGIC 0x42415443u
#define BATCH_MAX 100 /* members (BAT-07) */

struct batch;

/* An error to answer with. */
struct batch_refusal {
	int code;
	const char *text;
};

/* Implemented by the connection that the batch came on. */
struct batch_ops {
	void (*notify)(struct batch *b, struct str message);
	/* The end; b is gone after it.  An empty array has nothing to say
	 * and nothing may be sent. */
	void (*done)(struct batch *b, struct str array);
	/* A request to the client; false: it cannot answer any more.  NULL: it
	 * never can. */
	bool (*ask)(struct batch *b, struct str message);
};

struct batch {
	uint32_t magic;
	struct list node; /* for the owner */
	void *owner;
	const struct batch_ops *ops;
	struct mcp_reactor *mcp;
	struct buf out; /* the array, without its last bracket */
	size_t open; /* members without an answer, and the reader */
	size_t len;
	struct mcp_exchange *members[BATCH_MAX]; /* NULL: answered */
};

/* Why this array is no batch, or NULL: then serve it (BAT-04 to BAT-06). */
const char *batch_fault(
    const struct json_node *array, const struct mcp_peer *peer);
/* NULL without memory. */
struct batch *batch_create(
    struct mcp_reactor *mcp, const struct batch_ops *ops, void *owner);
/* The two of them; NULL: refuse it with that. */
struct batch *batch_take(struct mcp_reactor *mcp, const struct batch_ops *ops,
    void *owner, const struct json_node *array, const struct mcp_peer *peer,
    struct batch_refusal *why);
/* Where a connection is one session, before it is served: gives responses to
 * who waits for them. */
void batch_respond(const struct batch *b, const struct json_node *array,
    const struct mcp_peer *peer);
/* Serves every member but responses, which are the owner's; the end may come
 * before this returns. */
void batch_serve(
    struct batch *b, const struct json_node *array, struct mcp_peer *peer);
/* Nobody waits any more; b is gone. */
void batch_abandon(struct batch *b, enum mcp_abandon how);

#endif
