/* SPDX-License-Identifier: Apache-2.0 */
/* Counts that one thread writes and any may read: a load, an addition and a
 * store, no lock and no locked instruction.  What all reactors count is an
 * array with one share a reactor; who reads adds them up. */
#ifndef OBSERVE_COUNTER_H
#define OBSERVE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTER_LINE 64 /* bytes; shares of two threads do not touch */

/* [owner] Only the thread that the counter belongs to. */
static inline void
counter_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c,
	    atomic_load_explicit(c, memory_order_relaxed /* our own */) + n,
	    memory_order_relaxed /* a count: nothing hangs on its order */);
}

/* [any] */
static inline uint64_t
counter_get(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed /* a count */);
}

#endif
