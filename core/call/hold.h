/* SPDX-License-Identifier: Apache-2.0 */
/* A gate before the entries of one generation: while it is shut, new calls wait
 * here, until those inside have ended and another generation has taken over, or
 * has not.  Open it costs two atomic counts a call, and no lock. */
#ifndef CALL_HOLD_H
#define CALL_HOLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

#define CALL_HELD_MAX 1024 /* calls that wait at one gate; then CALL_EBUSY */

struct call;

enum call_hold_state {
	CALL_HOLD_OPEN,
	CALL_HOLD_SHUT,
	CALL_HOLD_MOVED /* for ever: calls go on to the heirs of the targets */
};

struct call_hold {
	_Atomic unsigned state; /* enum call_hold_state */
	atomic_uint inside; /* calls behind it, and those on their way in */
	atomic_bool posted; /* msg is on its way */
	struct loop *control; /* borrowed */
	struct loop_msg msg;
	/* [control] Nobody is inside, while it is shut. */
	void (*empty)(void *arg);
	void *arg;
	pthread_mutex_t lock; /* leaf; guards the two below */
	struct list waiting; /* of calls */
	unsigned waiting_len;
};

void call_hold_init(struct call_hold *h, struct loop *control);
void call_hold_finish(struct call_hold *h);
/* [control] New calls wait; empty is told when the last one inside has ended,
 * which may be at once. */
void call_hold_shut(struct call_hold *h, void (*empty)(void *arg), void *arg);
/* [control] Those that wait go on, to where they wanted. */
void call_hold_open(struct call_hold *h);
/* [control] They go on to the heirs of their targets, which are set by now;
 * who has none is refused as busy. */
void call_hold_move(struct call_hold *h);

/* Between the files of the call. */

/* [reactor] True: the call goes on, inside; false: it waits, or it is over. */
bool call_hold_pass(struct call *c);
/* [reactor] It has ended. */
void call_hold_leave(struct call *c);
/* [reactor] True when it was still waiting: then it never runs. */
bool call_hold_unqueue(struct call *c);

#endif
