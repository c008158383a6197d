/* SPDX-License-Identifier: Apache-2.0 */
/* The Model Context Protocol: which era and revision a message speaks, what
 * each method does, and what an answer looks like for its caller.
 *
 * A transport makes an exchange for each message that came in, hands it the
 * parsed message, and gets back notifications and one answer through
 * struct mcp_reply_ops.  It knows how bytes travel; this folder knows what
 * they say.  Everything is [reactor] unless marked. */
#ifndef MCP_MCP_H
#define MCP_MCP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/clock.h"
#include "call/call.h"
#include "crypto/seal.h"
#include "data/json.h"
#include "mcp/revision.h"
#include "registry/registry.h"
#include "rpc/message.h"
#include "store/nonce.h"

#define MCP_REACTOR_MAGIC 0x4d435052u
#define MCP_EXCHANGE_MAGIC 0x4d435058u
#define MCP_EXCHANGES_KEPT 64
#define MCP_LIST_TTL_MS 300000
#define MCP_SUBSCRIPTIONS_MAX 1000 /* URIs of a listen stream, a session */
#define MCP_SUBSCRIPTION_URI_MAX 2048 /* bytes of one, as plugins have it */
/* What a session hears before its first logging/setLevel (LOG-03): "info". */
#define MCP_LOG_LEVEL_DEFAULT 1
#define MCP_LOG_WARNING 3
#define MCP_LOG_NONE 8 /* above every level */

/* What a client says it can do; bits. */
enum mcp_client {
	MCP_CLIENT_ELICIT_FORM = CALL_CLIENT_ELICIT_FORM,
	MCP_CLIENT_ELICIT_URL = CALL_CLIENT_ELICIT_URL,
	MCP_CLIENT_SAMPLING = CALL_CLIENT_SAMPLING,
	MCP_CLIENT_ROOTS = CALL_CLIENT_ROOTS,
	MCP_CLIENT_SAMPLING_TOOLS = CALL_CLIENT_SAMPLING_TOOLS,
	MCP_CLIENT_SAMPLING_CONTEXT = CALL_CLIENT_SAMPLING_CONTEXT,
	MCP_CLIENT_TASKS = 64 /* the extension; stateless era */
};

/* Bounds on input rounds: how often one request asks its client (MRTR-19), how
 * many bytes of answers are remembered. */
#define MCP_ROUNDS_MAX 16
#define MCP_ANSWERS_MAX ((size_t)1024 * 1024)
#define MCP_NONCES_MAX 100000 /* states that counted once */
#define MCP_INPUT_WAIT_NS (5 * 60 * NS_PER_S)

/* What input rounds need; the same for all reactors. */
struct mcp_rounds {
	struct crypto_seal *seal; /* borrowed; NULL: no round has a state */
	int64_t wait_ns; /* for a client's answer; stateful era */
	int64_t state_ns; /* how long a sealed state is good */
	struct store_nonces *nonces; /* borrowed; NULL: nothing counts once */
};

/* What tasks are kept for how long; the store has bounds of its own. */
#define MCP_TASK_IDS_MAX 64 /* of one listen stream */
struct mcp_task_limits {
	int64_t ttl_ns; /* where neither the tool nor the client says one */
	int64_t ttl_max_ns;
	int64_t poll_ns; /* how often a client is told to ask */
	size_t result_max; /* bytes */
};

/* Who we are; the same for every caller. */
struct mcp_identity {
	struct str name;
	struct str title;
	struct str version;
	struct str instructions; /* empty: none */
	struct str description; /* the next three: since 2025-11-25 */
	struct str website_url;
	struct str icons; /* JSON array */
	bool apps; /* io.modelcontextprotocol/ui is offered */
};

/* The state of the stateful era: one per HTTP session, or per line stream.
 * The revision is fixed once the phase is MCP_PEER_OPEN. */
enum mcp_phase { MCP_PEER_NEW, MCP_PEER_OPEN, MCP_PEER_READY };

struct mcp_subscriptions;

struct mcp_peer {
	uint64_t scope; /* unique in the process: ids are scoped to it */
	enum mcp_revision revision;
	unsigned client; /* enum mcp_client */
	atomic_int phase;
	atomic_int log_level; /* the least that it hears, 0: debug */
	/* Owned; NULL until the first resources/subscribe. */
	_Atomic(struct mcp_subscriptions *) subscriptions;
};

/* [any] Gives it a scope of its own. */
void mcp_peer_init(struct mcp_peer *p);
/* [any] Nobody may use it any more. */
void mcp_peer_finish(struct mcp_peer *p);
uint64_t mcp_scope_next(void);

struct mcp_exchange;

/* Implemented by a transport. */
struct mcp_reply_ops {
	/* A message that goes before the answer, on the same stream. */
	void (*notify)(struct mcp_exchange *x, struct str message);
	/* The end; x is gone after it.  status is HTTP's: 202 has no message,
	 * 0 means that nothing may be sent at all (cancelled). */
	void (*answer)(struct mcp_exchange *x, int status, struct str message);
	/* A request to the client, on the same stream, never dropped; false:
	 * the client has gone and could not answer.  NULL: it never can. */
	bool (*ask)(struct mcp_exchange *x, struct str message);
	/* The stream ends, the client comes back for the rest (RSM-07); NULL:
	 * it cannot. */
	void (*release)(struct mcp_exchange *x, int64_t retry_ms);
	/* Who asks, as verified by whoever let him in; what he leaves with us
	 * is his alone (MRTR-09).  NULL: nobody has to say. */
	struct str (*principal)(const struct mcp_exchange *x);
	/* True: a listen stream's client has enough to read already; once it
	 * has read that, mcp_exchange_drained() follows.  NULL: never. */
	bool (*is_full)(struct mcp_exchange *x);
};

/* Mirrored header fields of a stateless HTTP request. */
struct mcp_headers {
	struct str version; /* ptr NULL: absent */
	struct str method;
	struct str name;
	/* Any other field; false: absent. */
	bool (*field)(void *arg, struct str name, struct str *value);
	void *arg;
};

/* Per reactor. */
struct mcp_reactor;

struct mcp_reactor *mcp_reactor_create(struct call_reactor *calls,
    struct registry *registry, const struct mcp_identity *identity,
    struct err *err);
/* Listen streams take a place of the count, which others share, up to max
 * (SUB-14); without this they have no bound. */
void mcp_reactor_streams_set(
    struct mcp_reactor *m, atomic_size_t *count, const atomic_size_t *max);
/* rounds is borrowed; number is this reactor's among the others, which ids of
 * our requests carry so that their answers find it. */
void mcp_reactor_rounds_set(
    struct mcp_reactor *m, const struct mcp_rounds *rounds, unsigned number);
unsigned mcp_reactor_number(const struct mcp_reactor *m);
/* Deprecated features that are switched off (DEP-02): bits; before it serves.
 * Without this all are there. */
enum mcp_feature {
	MCP_FEATURE_LOGGING = 1,
	MCP_FEATURE_SAMPLING = 2,
	MCP_FEATURE_ROOTS = 4
};
void mcp_reactor_features_set(struct mcp_reactor *m, unsigned off);

/* Tasks of all reactors, in one store, which is borrowed. */
struct mcp_tasks;
struct store;
/* [control] Owned. */
struct mcp_tasks *mcp_tasks_create(struct store *store,
    const struct mcp_task_limits *limits, unsigned reactors, struct err *err);
void mcp_tasks_destroy(struct mcp_tasks *t);
/* Without this a reactor has no tasks.  number is its own among the others;
 * before any of them serves. */
void mcp_reactor_tasks_set(
    struct mcp_reactor *m, struct mcp_tasks *tasks, unsigned number);
/* The work of every task of this reactor stops, unless somebody on it waits
 * for the result: there will be nobody to ask for it. */
void mcp_tasks_end(struct mcp_reactor *m);

/* No exchange may be open. */
void mcp_reactor_destroy(struct mcp_reactor *m);
/* The document that the next message is parsed into. */
struct json_doc *mcp_reactor_doc(struct mcp_reactor *m);

/* An exchange for one message; NULL without memory. */
struct mcp_exchange *mcp_exchange_open(struct mcp_reactor *m,
    const struct mcp_reply_ops *ops, void *owner, uint64_t scope);
void *mcp_exchange_owner(const struct mcp_exchange *x);
/* Of a refusal, in its answer(): when to come again; 0: not known. */
int64_t mcp_exchange_retry_ms(const struct mcp_exchange *x);
/* What its owner's functions do. */
void mcp_exchange_notify(struct mcp_exchange *x, struct str message);
bool mcp_exchange_ask(struct mcp_exchange *x, struct str message);
/* Another one takes over what is still to be said. */
void mcp_exchange_owner_set(
    struct mcp_exchange *x, const struct mcp_reply_ops *ops, void *owner);
/* As sent; empty when there is none. */
struct str mcp_exchange_id(const struct mcp_exchange *x);
/* The caller is gone.  cancel: the work stops too (stateless era, HTM-14);
 * otherwise it goes on and its result is dropped (POSTL-04). */
enum mcp_abandon { MCP_ABANDON_WORK, MCP_KEEP_WORK };
void mcp_exchange_abandon(struct mcp_exchange *x, enum mcp_abandon how);
/* There is room again: a listen stream hears what has waited, each list and
 * each URI once. */
void mcp_exchange_drained(struct mcp_exchange *x);
/* The same for those of a scope. */
void mcp_scope_drained(struct mcp_reactor *m, uint64_t scope);
/* A subscriptions/listen that has been acknowledged or is about to be. */
bool mcp_exchange_is_listening(const struct mcp_exchange *x);
/* Does the era say that a closed stream cancels? */
bool mcp_exchange_is_stateless(const struct mcp_exchange *x);

/* What one message is (server-requirements.md 1.3). */
enum mcp_era {
	MCP_ERA_REFUSED,
	MCP_ERA_STATELESS,
	MCP_ERA_HANDSHAKE,
	MCP_ERA_STATEFUL
};
struct mcp_class {
	enum mcp_era era;
	int status; /* REFUSED */
	int code;
	const char *text;
};
/* headers NULL: a line stream, where fields do not exist. */
struct mcp_class mcp_classify(
    const struct rpc_message *m, const struct mcp_headers *headers);

/* Serve a message of that era.  The answer may come before these return. */
void mcp_serve_stateless(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers);
/* Also the handshake; peer outlives this call only. */
void mcp_serve_stateful(
    struct mcp_exchange *x, const struct rpc_message *m, struct mcp_peer *peer);
/* Ends x with an error response. */
void mcp_refuse(struct mcp_exchange *x, struct str id, int status, int code,
    const char *text);

/* notifications/cancelled: the exchange of that scope and id, if any. */
void mcp_cancel(
    struct mcp_reactor *m, uint64_t scope, const struct json_node *id);
/* MSG-09: is there one with this id that has no answer yet? */
bool mcp_id_is_outstanding(
    struct mcp_reactor *m, uint64_t scope, const struct json_node *id);
/* A client's answer to a request of ours (POSTL-03).  One that nobody waits
 * for is ignored. */
void mcp_response(
    struct mcp_reactor *m, uint64_t scope, const struct rpc_message *r);
/* The reactor whose request has this id; false: no request of ours has. */
bool mcp_response_reactor(const struct json_node *id, unsigned *number);
/* The client can answer nothing more: what waits for it fails. */
void mcp_scope_deaf(struct mcp_reactor *m, uint64_t scope);

/* Every exchange of a scope ends without an answer (a session was deleted). */
void mcp_scope_end(struct mcp_reactor *m, uint64_t scope);

/* The same, and the transport is not told: its stream is gone. */
void mcp_scope_abandon(struct mcp_reactor *m, uint64_t scope);
/* Listen streams of a scope end with their responses (SUB-10, SUB-11). */
void mcp_scope_listening_end(struct mcp_reactor *m, uint64_t scope);

/* Who hears of changes in the stateful era: a GET stream or a line
 * stream whose peer is ready.  Embedded in the transport's object. */
struct mcp_listener {
	struct list node;
	struct mcp_reactor *mcp; /* while it is started */
	/* Whose subscriptions count; outlives it.  Nothing is told before it is
	 * ready (LIFE-06); what has changed until then comes with the next
	 * change, or with its next stream. */
	struct mcp_peer *peer;
	void (*send)(struct mcp_listener *l, struct str message);
	uint64_t seen[REGISTRY_KINDS]; /* list versions it knows */
	uint64_t told; /* the last round that came to it */
};

void mcp_listener_start(struct mcp_reactor *m, struct mcp_listener *l);
void mcp_listener_stop(struct mcp_listener *l);
/* The versions of now: what a new session is told in its lists. */
void mcp_versions_now(
    const struct mcp_reactor *m, uint64_t seen[REGISTRY_KINDS]);
/* After each publish, on each reactor (TOOL-21).  So many streams a turn, the
 * rest in the next ones: one reload must not hold up every caller.  Updates
 * count too, each for each stream. */
#define MCP_TOLD_A_TURN 1000
void mcp_lists_changed(struct mcp_reactor *m);
/* A resource has new content (SUB-06).  One that comes again before all
 * streams were told is told once to those that wait; of more resources at once
 * than that all are told at once. */
#define MCP_UPDATES_MAX 1024
void mcp_resource_updated(struct mcp_reactor *m, struct str uri);
/* Drain: listen streams end with their response (SUB-10), calls are
 * cancelled with an error.  Those still running afterwards are counted. */
size_t mcp_drain(struct mcp_reactor *m, bool cancel_calls);

/* For registry_create(). */
void mcp_describe(
    const struct registry_entry *e, unsigned dialect, struct buf *out);

#endif
