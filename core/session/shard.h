/* SPDX-License-Identifier: Apache-2.0 */
/* One shard of the table of sessions: open addressing, found without a lock,
 * changed under the shard's own.
 *
 * A reader may hold a slot or an array of slots that is already out of date,
 * and through it a session that has ended.  So the memory of a session stays
 * one of a session: the last reference puts it among the spare ones of its
 * shard, whose count is 0, and a reader takes a reference only where the count
 * is not, and looks at the id after that.  Nobody reads anything else of a
 * session without a reference.  Spare memory and old arrays go back to the
 * allocator only after a grace period. */
#ifndef SESSION_SHARD_H
#define SESSION_SHARD_H

#include <pthread.h>

#include "session/session.h"

#define SESSION_SLOTS_MIN 16
#define SESSION_CACHE_LINE 64

/* Written one by one: a reader may see half of a move, and then finds an id
 * that is not the one it looks for, or nothing. */
struct session_slot {
	_Atomic uint64_t hash;
	_Atomic(struct session *) session; /* NULL: free */
};

struct session_slots {
	struct session_slots *older; /* a reader may be in it still */
	size_t mask; /* their number, a power of two, less one */
	struct session_slot items[];
};

struct session_shard {
	/* What readers read has a cache line of its own. */
	_Alignas(SESSION_CACHE_LINE) _Atomic(struct session_slots *) slots;
	_Alignas(SESSION_CACHE_LINE) pthread_mutex_t lock; /* leaf */
	size_t len; /* of sessions; guarded, as what follows */
	struct session *spare; /* memory of ended ones */
};

/* What a grace period is waited for. */
struct session_spoil {
	struct session *spare;
	struct session_slots *older;
};

void session_shard_init(struct session_shard *d);
/* Drops the references of the table, then all memory. */
void session_shard_finish(struct session_shard *d);
/* [any] With a reference; NULL: none.  Only a miss takes the lock. */
struct session *session_shard_find(
    struct session_shard *d, uint64_t hash, struct str id);
/* [any] Zeroed but for its home, without a reference; NULL: no memory. */
struct session *session_shard_alloc(struct session_shard *d);
/* [any] The memory of one without a reference. */
void session_shard_release(struct session *s);
/* [any] An id that is not there yet; ERR_NOMEM. */
int session_shard_put(
    struct session_shard *d, uint64_t hash, struct session *s);
/* [any] False: it is not there. */
bool session_shard_remove(
    struct session_shard *d, uint64_t hash, struct session *s);
/* [control] Those that fn says yes to, as many as fit, each with a
 * reference. */
size_t session_shard_take(struct session_shard *d,
    bool (*fn)(const struct session *s, const void *arg), const void *arg,
    struct session **found, size_t max);
/* [control] What nobody can begin to read any more, added to 'out'; false:
 * there is none. */
bool session_shard_spoil(struct session_shard *d, struct session_spoil *out);
/* [any] Nobody reads in it. */
void session_spoil_free(struct session_spoil *spoil);

#endif
