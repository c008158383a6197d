/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share about a loop. */
#ifndef LOOP_LOOP_PRIV_H
#define LOOP_LOOP_PRIV_H

#include <stdatomic.h>

#include <sys/epoll.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "loop/loop.h"

#define WHEEL_TICK_NS (10 * NS_PER_MS)
#define WHEEL_SLOTS 4096 /* one revolution: 41 s */
#define WHEEL_WORDS (WHEEL_SLOTS / 64)

struct loop_wheel {
	struct list slots[WHEEL_SLOTS];
	uint64_t used[WHEEL_WORDS]; /* bit: the slot may hold a timer */
	int64_t at; /* the last tick that was run */
	int64_t next; /* no timer is due before; INT64_MAX: none */
	int64_t armed; /* the tick the library's timeout stands at */
	struct list firing;
};

#define LOOP_READY_MAX 256 /* descriptors told of at once */

struct loop {
	struct event_base *base; /* owned */
	struct event io; /* of io_fd */
	struct event wake;
	struct event tick;
	int wake_fd; /* owned */
	int io_fd; /* owned; an epoll set: all descriptors but the library's */
	int ready_at; /* the one that is being told */
	int ready_len;
	bool busy; /* several were ready the last time */
	_Atomic(struct loop_msg *) mailbox; /* newest first */
	atomic_bool stopping;
	atomic_bool running;
	bool stale; /* now is of an earlier turn */
	atomic_uint beat; /* written by its own thread */
	int64_t now;
	struct list deferred;
	struct epoll_event ready[LOOP_READY_MAX];
	struct loop_wheel wheel;
};

/* Runs messages until there are none; true if there was one. */
bool loop_drain(struct loop *l);

void loop_wheel_init(struct loop *l);
void loop_wheel_finish(struct loop *l);
/* Fires what is due at the loop's now. */
void loop_wheel_run(struct loop *l);
/* Has the library wake the loop for the nearest timer. */
void loop_wheel_arm(struct loop *l);

#endif
