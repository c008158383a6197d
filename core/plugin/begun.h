/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls of a runner had begun when it died: memory that it shares with
 * the host, a page for each reactor.  The runner writes a call's number there
 * before the handler runs, so that what is not written has had no effect and
 * can be sent to the next life.  It costs no system call.
 *
 * A plugin may write anything there: it decides about its own calls alone. */
#ifndef PLUGIN_BEGUN_H
#define PLUGIN_BEGUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define PLUGIN_BEGUN_SLOTS 512

struct plugin_begun {
	/* The last call with that remainder that has begun. */
	_Atomic uint64_t ids[PLUGIN_BEGUN_SLOTS];
};

/* [control] Zeroed, sealed in its size; both are the caller's. */
int plugin_begun_create(unsigned reactors, struct plugin_begun **map, int *fd);
/* In the runner; closes fd.  NULL: it is none. */
struct plugin_begun *plugin_begun_open(int fd);
/* [any] NULL is allowed. */
void plugin_begun_close(struct plugin_begun *map, unsigned reactors);

/* [call] Before the handler runs: ordered before all that it does. */
static inline void
plugin_begun_set(struct plugin_begun *b, uint64_t id)
{
	_Atomic uint64_t *slot = &b->ids[id % PLUGIN_BEGUN_SLOTS];
	uint64_t seen = atomic_load(slot);

	/* Never back to a smaller one: who reads takes that as "not yet". */
	while (seen < id && !atomic_compare_exchange_weak(slot, &seen, id))
		continue;
}

/* [reactor] Also true where a later call has taken the place. */
static inline bool
plugin_begun_get(struct plugin_begun *b, uint64_t id)
{
	return atomic_load(&b->ids[id % PLUGIN_BEGUN_SLOTS]) >= id;
}

#endif
