/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker of one plugin: what fails again and again is left alone
 * for a while, and tried from time to time.
 *
 * Failures are calls past their deadline and deaths of a runner; what a handler
 * answers is none, whatever it says.  Good calls are counted by each reactor in
 * a share of its own; the shares are read together when one fails. */
#ifndef CALL_BREAKER_H
#define CALL_BREAKER_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CALL_BREAKER_SLOTS 10 /* of the window */

/* Each with its default (reliability.md 2). */
struct call_breaker_limits {
	bool off;
	int64_t failures; /* in a row: 5 */
	int64_t percent; /* of the calls of the window: 50 */
	int64_t calls; /* at least so many in it: 20 */
	int64_t window_ns; /* 10 s */
	int64_t probe_ns; /* between two attempts when it is open: 1 s */
	int64_t good; /* attempts in a row that close it: 3 */
};

struct call_breaker_slot {
	_Atomic int64_t begin_ns;
	_Atomic uint32_t good;
	_Atomic uint32_t bad;
};

/* Written by one thread alone. */
struct call_breaker_share {
	alignas(64) int64_t until_ns; /* of the slot of now */
	unsigned at;
	struct call_breaker_slot slots[CALL_BREAKER_SLOTS];
};

struct call_breaker {
	const char *plugin; /* borrowed */
	struct call_breaker_limits limits;
	unsigned reactors;
	_Atomic int64_t open_ns; /* 0: closed; else when one may try */
	_Atomic int64_t closed_ns; /* what was before does not count */
	atomic_uint row; /* failures in a row */
	atomic_uint tried; /* attempts in a row that were good */
	_Atomic uint64_t refused; /* calls */
	atomic_uint opened; /* how often */
	/* One for each reactor, and the last for all other threads. */
	struct call_breaker_share shares[];
};

extern const struct call_breaker_limits call_breaker_default;

/* Owned; NULL without memory.  plugin must outlive it. */
struct call_breaker *call_breaker_create(const char *plugin,
    const struct call_breaker_limits *limits, unsigned reactors);
void call_breaker_destroy(struct call_breaker *b);
/* [reactor] 0: the call may go on, and try says that it is an attempt; else how
 * long until the next one. */
int64_t call_breaker_enter(struct call_breaker *b, int64_t now_ns, bool *try);
/* [reactor] */
void call_breaker_good(
    struct call_breaker *b, unsigned reactor, int64_t now_ns, bool try);
/* [reactor], or [control] with reactor UINT_MAX. */
void call_breaker_bad(
    struct call_breaker *b, unsigned reactor, int64_t now_ns, bool try);

#endif
