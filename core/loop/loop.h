/* SPDX-License-Identifier: Apache-2.0 */
/* One event loop and the thread that runs it: descriptors, timers, a mailbox
 * from other threads, and work put off to the end of the turn.  Built on raw
 * libevent events; no other folder sees libevent. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct loop;

/* That one loop holds, at most. */
#define LOOP_DESCRIPTORS 5

/* The loop belongs to the thread that calls loop_run(). */
struct loop *loop_create(struct err *err);
void loop_destroy(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
/* One turn without waiting: tests step through time with it. */
void loop_turn(struct loop *l);
/* [any] */
void loop_stop(struct loop *l);
/* Monotonic time at the start of this turn: no clock call per request. */
int64_t loop_now(const struct loop *l);
/* True on the loop's own thread, and before it runs. */
bool loop_is_here(const struct loop *l);
/* [any] Another number in each turn, odd while it runs and even while the loop
 * waits: one that stays odd is of a loop that does not come round. */
unsigned loop_beat(struct loop *l);
/* The loop that the calling thread runs, or NULL. */
struct loop *loop_current(void);

/* Descriptors. */
enum loop_events {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_CLOSED = 4 /* the peer closed; works while reading is off */
};

typedef void loop_io_fn(void *arg, unsigned events);

/* Embedded in its owner. */
struct loop_io {
	loop_io_fn *fn;
	void *arg;
	struct loop *loop; /* NULL: not started */
	int fd;
	uint32_t events; /* that it waits for */
};

void loop_io_init(struct loop_io *io);
/* Persistent until stopped, which comes before the descriptor is closed;
 * restarting changes the events.  One for each descriptor.  LOOP_CLOSED alone
 * is told once per start, also for resets and for pipes. */
int loop_io_start(struct loop_io *io, struct loop *l, int fd, unsigned events,
    loop_io_fn *fn, void *arg);
/* Harmless when not started. */
void loop_io_stop(struct loop_io *io);
/* [any] False for what cannot be watched: regular files, /dev/null. */
bool loop_io_can_watch(int fd);

/* Timers: one hashed wheel per loop, set and clear O(1), resolution 10 ms
 * (a timer never fires early; one that is overdue fires at the next tick). */
struct loop_timer {
	struct list node;
	int64_t due_ns;
	void (*fn)(void *arg);
	void *arg;
};

void loop_timer_init(struct loop_timer *t, void (*fn)(void *), void *arg);
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_ns);
void loop_timer_clear(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);

/* Mailbox: messages from any thread, run in order between two turns.  The
 * message is the sender's memory until run() has it. */
struct loop_msg {
	struct loop_msg *next;
	void (*run)(struct loop_msg *msg);
};

/* [any] Wakes the loop only when the mailbox was empty.  A stopped loop still
 * runs what was posted before loop_destroy() (messages may own memory); nobody
 * may be inside loop_post() by then: join the senders first. */
void loop_post(struct loop *l, struct loop_msg *msg);

/* Work put off to the end of this turn, once however often asked: flushing
 * output.  Runs before the loop waits again. */
struct loop_deferred {
	struct list node;
	void (*fn)(void *arg);
	void *arg;
};

void loop_deferred_init(struct loop_deferred *d, void (*fn)(void *), void *arg);
void loop_defer(struct loop *l, struct loop_deferred *d);
void loop_deferred_clear(struct loop_deferred *d);

/* Signals, on the control loop only, before other threads start: the signal is
 * blocked in the calling thread and in all that it makes. */
struct loop_signal;
struct loop_signal *loop_signal_start(struct loop *l, int signo,
    void (*fn)(void *arg, int signo), void *arg, struct err *err);
void loop_signal_stop(struct loop_signal *s);
/* [any] In a table of its own, a thread lets go of its copy. */
void loop_signal_forget(const struct loop_signal *s);

#endif
