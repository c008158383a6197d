/* SPDX-License-Identifier: Apache-2.0 */
#include "call/rate.h"

#include "base/clock.h"

void
call_rate_init(struct call_rate *r, int64_t interval_ns, int64_t burst)
{
	if (burst <= 0 && interval_ns > 0)
		burst = NS_PER_S / interval_ns;
	if (burst < 1)
		burst = 1;
	r->interval_ns = interval_ns;
	r->ahead_ns = (burst - 1) * interval_ns;
	atomic_init(&r->full_ns, 0);
	atomic_init(&r->refused, 0);
}

/* Relaxed throughout: the number alone counts, it publishes nothing. */
int64_t
call_rate_take(struct call_rate *r, int64_t now_ns)
{
	int64_t full, begin;

	if (r->interval_ns == 0)
		return 0;
	full = atomic_load_explicit(&r->full_ns, memory_order_relaxed);
	do {
		begin = full > now_ns ? full : now_ns;
		if (begin - now_ns > r->ahead_ns) {
			(void)atomic_fetch_add_explicit(
			    &r->refused, 1, memory_order_relaxed);
			return begin - now_ns - r->ahead_ns;
		}
	} while (!atomic_compare_exchange_weak_explicit(&r->full_ns, &full,
	    begin + r->interval_ns, memory_order_relaxed,
	    memory_order_relaxed));
	return 0;
}

void
call_rate_return(struct call_rate *r)
{
	if (r->interval_ns > 0)
		(void)atomic_fetch_sub_explicit(
		    &r->full_ns, r->interval_ns, memory_order_relaxed);
}
