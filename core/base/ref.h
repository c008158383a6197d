/* SPDX-License-Identifier: Apache-2.0 */
/* A count for shared objects. */
#ifndef BASE_REF_H
#define BASE_REF_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/check.h"

struct ref {
	atomic_uint count;
};

static inline void
ref_init(struct ref *r)
{
	atomic_init(&r->count, 1);
}

/* For memory that others may look at through ref_take_live(): all that is
 * written before is seen by who takes one. */
static inline void
ref_revive(struct ref *r)
{
	atomic_store_explicit(&r->count, 1,
	    memory_order_release /* pairs with ref_take_live() */);
}

/* [any] False: there is no object any more, or none yet. */
static inline bool
ref_take_live(struct ref *r)
{
	unsigned seen = atomic_load_explicit(&r->count, memory_order_relaxed);

	while (seen > 0)
		if (atomic_compare_exchange_weak_explicit(&r->count, &seen,
			seen + 1,
			memory_order_acquire /* pairs with ref_revive() */,
			memory_order_relaxed))
			return true;
	return false;
}

/* [any] The caller must hold one already. */
static inline void
ref_take(struct ref *r)
{
	unsigned before =
	    atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);

	CHECK(before > 0);
}

/* [any] True for the last one: the caller destroys. */
static inline bool
ref_drop(struct ref *r)
{
	unsigned before = atomic_fetch_sub_explicit(&r->count, 1,
	    memory_order_acq_rel /* pairs with itself in other threads */);

	CHECK(before > 0);
	return before == 1;
}

#endif
