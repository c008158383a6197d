/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the stateful era on HTTP (SES rows): found by id from any
 * reactor, shared by count, ended by DELETE or by idleness. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/ref.h"
#include "loop/reactor.h"
#include "mcp/mcp.h"
#include "session/replay.h"

#define SESSION_MAGIC 0x53455353u
#define SESSION_ID_LEN 32 /* 128 random bits as hex (SES-02, SES-03) */
#define SESSION_SHARDS 64
#define SESSION_MAX 1000000
#define SESSION_IDLE_NS (30 * 60 * NS_PER_S)

struct session_shard;

struct session {
	uint32_t magic;
	struct ref ref; /* 0: spare memory of the table */
	char id[SESSION_ID_LEN + 1];
	atomic_bool ended; /* out of the table */
	atomic_bool streaming; /* has its one GET stream (GETL-06) */
	/* OLD: 1 + the number of the reactor that has its stream; 0: not of
	 * that transport.  Set before the id is known to anybody. */
	_Atomic uint16_t legacy;
	union {
		_Atomic int64_t used_ns; /* of the last request; loop time */
		struct session *spare; /* the next one of the spare ones */
	};
	struct session_shard *home;
	struct mcp_peer peer;
	/* List versions its client knows: written by who has told it, and by
	 * the handshake before that. */
	_Atomic uint64_t seen[REGISTRY_KINDS];
	/* Owned; NULL until its first stream that can be resumed. */
	_Atomic(struct replay_log *) replay;
};

struct session_table;

struct session_table *session_table_create(size_t max, struct err *err);
/* Before the first session; without this nothing of streams is kept. */
int session_table_replay_set(
    struct session_table *t, const struct replay_limits *limits);
/* [any] What streams of its sessions have sent; NULL: nothing is kept. */
struct replay *session_table_replay(const struct session_table *t);
/* [control] Whose threads look sessions up; NULL: nobody else does. */
void session_table_readers_set(
    struct session_table *t, struct loop_reactors *rs, struct loop *home);
/* Every session must have been let go. */
void session_table_destroy(struct session_table *t);

/* [any] A new one; the caller holds a reference.  ERR_BUSY: too many. */
int session_create(
    struct session_table *t, int64_t now_ns, struct session **out);
/* [reactor] The one with this id, with a reference; NULL: none.  Takes no lock
 * when there is one; an unknown id allocates nothing. */
struct session *session_find(
    struct session_table *t, struct str id, int64_t now_ns);
/* [any] */
void session_unref(struct session *s);
/* [any] Takes it out of the table; false: somebody else did.  The reference of
 * the caller stays. */
bool session_end(struct session_table *t, struct session *s);
/* [any] The log of its streams, made if there is none; NULL: nothing is kept,
 * or there is no memory. */
struct replay_log *session_replay(struct session_table *t, struct session *s);
size_t session_count(const struct session_table *t);
/* [control] Ends those idle since before_ns without a stream, and hands each
 * to fn, which borrows it.  Memory of those that ended earlier goes back to
 * the allocator when every reactor has passed a turn. */
void session_expire(struct session_table *t, int64_t before_ns,
    void (*fn)(struct session *s, void *arg), void *arg);

#endif
