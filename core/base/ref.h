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
