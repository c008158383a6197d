/* SPDX-License-Identifier: Apache-2.0 */
/* What a call runs: one handler of one generation, behind an interface, with
 * the bounds on how many run at once. */
#ifndef CALL_TARGET_H
#define CALL_TARGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "call/breaker.h"
#include "call/rate.h"
#include "observe/counter.h"

enum call_kind {
	CALL_TOOL = 1,
	CALL_RESOURCE = 2,
	CALL_PROMPT = 3,
	CALL_COMPLETE = 4 /* values for an argument */
};

struct call;
struct call_hold;
struct call_target;

struct call_target_ops {
	/* [call] Runs the handler; an enum call_status. */
	int (*run)(struct call_target *t, struct call *c);
	/* [reactor] Keeps the generation alive past this turn. */
	void (*pin)(struct call_target *t);
	/* [any] The last one never unloads here (the tail-code rule). */
	void (*unpin)(struct call_target *t);
};

#define CALL_QUEUE_DEFAULT 64

/* How calls ended, for metrics. */
enum call_outcome {
	CALL_WAS_OK, /* also: a round of input is wanted */
	CALL_WAS_ERROR, /* the handler's own */
	CALL_WAS_BUSY, /* refused: no place in a queue */
	CALL_WAS_LATE, /* its deadline has passed */
	CALL_WAS_CANCELLED,
	CALL_WAS_LOST, /* its runner died */
	CALL_OUTCOMES
};

/* One reactor's share: written there alone. */
struct call_counts {
	_Alignas(COUNTER_LINE) _Atomic uint64_t ended[CALL_OUTCOMES];
};

struct call_target {
	const struct call_target_ops *ops;
	bool nonblocking; /* may run on the reactor; not with a limit */
	/* Runs elsewhere: run() only sends, on the call's reactor, also with a
	 * bound, and call_finish() or call_lose() follows there. */
	bool remote;
	/* What began elsewhere and was lost may run once more. */
	bool repeatable;
	unsigned concurrency; /* calls at once; 0: no bound; 1: serial */
	unsigned queue_max; /* waiting beyond that; then CALL_EBUSY */
	int64_t deadline_ns; /* per call; 0: CALL_DEADLINE_NS */
	size_t result_max; /* 0: CALL_RESULT_MAX */
	const char
	    *plugin; /* whose it is, for the log; borrowed; may be NULL */
	/* It has held its reactor although it is nonblocking. */
	atomic_bool blocks;
	struct call_hold *hold; /* the gate; NULL: none */
	struct call_target *heir; /* of the next generation, or NULL */
	struct call_rate rate; /* of this entry */
	struct call_rate *rate_all; /* of its plugin; NULL: no bound */
	struct call_breaker *breaker; /* of its plugin; NULL: none */
	struct call_counts *counts; /* by reactor; NULL: nobody counts */

	pthread_mutex_t lock; /* leaf; guards the three below */
	unsigned running;
	unsigned waiting;
	struct list queue;
};

void call_target_init(struct call_target *t, const struct call_target_ops *ops);
void call_target_finish(struct call_target *t);

#endif
