/* SPDX-License-Identifier: Apache-2.0 */
#include "call/breaker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

const struct call_breaker_limits call_breaker_default = {
	.failures = 5,
	.percent = 50,
	.calls = 20,
	.window_ns = 10 * NS_PER_S,
	.probe_ns = NS_PER_S,
	.good = 3,
};

struct call_breaker *
call_breaker_create(const char *plugin,
    const struct call_breaker_limits *limits, unsigned reactors)
{
	size_t size = sizeof(struct call_breaker)
	    + (reactors + 1) * sizeof(struct call_breaker_share);
	struct call_breaker *b =
	    aligned_alloc(alignof(struct call_breaker), size);

	if (b == NULL)
		return NULL;
	memset(b, 0, size);
	b->plugin = plugin;
	b->limits = *limits;
	b->reactors = reactors;
	return b;
}

void
call_breaker_destroy(struct call_breaker *b)
{
	free(b);
}

/* Counts are hints that nothing is published with: relaxed throughout. */
static uint32_t
get(_Atomic uint32_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void
set(_Atomic uint32_t *n, uint32_t value)
{
	atomic_store_explicit(n, value, memory_order_relaxed);
}

static struct call_breaker_slot *
slot_of(struct call_breaker *b, unsigned reactor, int64_t now_ns)
{
	struct call_breaker_share *s =
	    &b->shares[reactor < b->reactors ? reactor : b->reactors];
	struct call_breaker_slot *slot;

	if (now_ns < s->until_ns)
		return &s->slots[s->at];
	s->until_ns = now_ns + b->limits.window_ns / CALL_BREAKER_SLOTS;
	s->at = (s->at + 1) % CALL_BREAKER_SLOTS;
	slot = &s->slots[s->at];
	set(&slot->good, 0);
	set(&slot->bad, 0);
	atomic_store_explicit(&slot->begin_ns, now_ns, memory_order_relaxed);
	return slot;
}

/* What all reactors have seen in the window. */
static bool
too_many_fail(struct call_breaker *b, int64_t now_ns)
{
	int64_t since =
	    atomic_load_explicit(&b->closed_ns, memory_order_relaxed);
	uint64_t good = 0, bad = 0;

	if (since < now_ns - b->limits.window_ns)
		since = now_ns - b->limits.window_ns;
	for (unsigned i = 0; i <= b->reactors; i++)
		for (unsigned k = 0; k < CALL_BREAKER_SLOTS; k++) {
			struct call_breaker_slot *slot = &b->shares[i].slots[k];

			if (atomic_load_explicit(
				&slot->begin_ns, memory_order_relaxed)
			    < since)
				continue;
			good += get(&slot->good);
			bad += get(&slot->bad);
		}
	return good + bad >= (uint64_t)b->limits.calls
	    && bad * 100 >= (good + bad) * (uint64_t)b->limits.percent;
}

int64_t
call_breaker_enter(struct call_breaker *b, int64_t now_ns, bool *try)
{
	int64_t open = atomic_load_explicit(&b->open_ns, memory_order_relaxed);

	if (open == 0)
		return 0;
	if (now_ns >= open
	    && atomic_compare_exchange_strong_explicit(&b->open_ns, &open,
		now_ns + b->limits.probe_ns, memory_order_relaxed,
		memory_order_relaxed)) {
		*try = true;
		return 0;
	}
	if (open == 0)
		return 0;
	(void)atomic_fetch_add_explicit(&b->refused, 1, memory_order_relaxed);
	return open > now_ns ? open - now_ns : b->limits.probe_ns;
}

static void
breaker_close(struct call_breaker *b, int64_t now_ns)
{
	int64_t open = atomic_load_explicit(&b->open_ns, memory_order_relaxed);

	set(&b->row, 0);
	set(&b->tried, 0);
	atomic_store_explicit(&b->closed_ns, now_ns, memory_order_relaxed);
	if (open == 0
	    || !atomic_compare_exchange_strong_explicit(&b->open_ns, &open, 0,
		memory_order_relaxed, memory_order_relaxed))
		return;
	LOG_INFO("breaker closed", F_CSTR("plugin", b->plugin),
	    F_INT("refused",
		atomic_load_explicit(&b->refused, memory_order_relaxed)));
}

void
call_breaker_good(
    struct call_breaker *b, unsigned reactor, int64_t now_ns, bool try)
{
	struct call_breaker_slot *slot = slot_of(b, reactor, now_ns);

	set(&slot->good, get(&slot->good) + 1);
	if (get(&b->row) != 0)
		set(&b->row, 0);
	if (try
	    && atomic_fetch_add_explicit(&b->tried, 1, memory_order_relaxed) + 1
		>= b->limits.good)
		breaker_close(b, now_ns);
}

static void
breaker_open(struct call_breaker *b, int64_t now_ns, unsigned row)
{
	int64_t closed = 0;

	if (!atomic_compare_exchange_strong_explicit(&b->open_ns, &closed,
		now_ns + b->limits.probe_ns, memory_order_relaxed,
		memory_order_relaxed))
		return;
	set(&b->tried, 0);
	(void)atomic_fetch_add_explicit(&b->opened, 1, memory_order_relaxed);
	LOG_WARN("breaker opened", F_CSTR("plugin", b->plugin),
	    F_INT("failures_in_a_row", row),
	    F_INT("probe_ms", b->limits.probe_ns / NS_PER_MS),
	    F_CSTR("hint",
		"its calls are refused until it answers again; see the lines "
		"before"));
}

void
call_breaker_bad(
    struct call_breaker *b, unsigned reactor, int64_t now_ns, bool try)
{
	struct call_breaker_slot *slot = slot_of(b, reactor, now_ns);
	unsigned row;

	set(&slot->bad, get(&slot->bad) + 1);
	row = atomic_fetch_add_explicit(&b->row, 1, memory_order_relaxed) + 1;
	if (try)
		set(&b->tried, 0);
	if (atomic_load_explicit(&b->open_ns, memory_order_relaxed) != 0)
		return;
	if (row >= b->limits.failures || too_many_fail(b, now_ns))
		breaker_open(b, now_ns, row);
}
