/* SPDX-License-Identifier: Apache-2.0 */
/* The reactors: N threads, each with its loop.  A connection never changes
 * its reactor; what must be told to all goes by mailbox. */
#ifndef LOOP_REACTOR_H
#define LOOP_REACTOR_H

#include <pthread.h>

#include "loop/loop.h"

#define LOOP_REACTORS_MAX 256

struct loop_reactor {
	unsigned index;
	struct loop *loop; /* owned */
	pthread_t thread;
	void *user; /* of who started them, borrowed */
};

struct loop_reactors_start;

struct loop_reactors {
	struct loop_reactor *items; /* owned */
	unsigned len;
	struct loop_reactors_start *start; /* owned; private to reactor.c */
};

/* Starts n threads with all signals blocked but SIGABRT and SIGSYS; each calls
 * begin (may fail: then all are stopped), runs its loop, and calls end on its
 * own thread, after every reactor has left its loop and all mailboxes are
 * empty: the last messages run in loop_reactors_stop().  begin and end may be
 * NULL; begin calls do not overlap. */
int loop_reactors_start(struct loop_reactors *rs, unsigned n,
    int (*begin)(struct loop_reactor *, void *arg, struct err *err),
    void (*end)(struct loop_reactor *, void *arg), void *arg, struct err *err);
/* [any] The calling thread has a table of descriptors of its own from now on,
 * a copy of the one it shared: what is opened in it is seen by it alone, and by
 * threads that it starts.  A reactor's first act, in begin: the descriptors of
 * all loops stand in every table, so that all can be posted to. */
int loop_thread_table_own(struct err *err);
/* Stops and joins.  Harmless when not started. */
void loop_reactors_stop(struct loop_reactors *rs);

/* [control] Ends the process with a report of what that thread does. */
void loop_reactor_abort(struct loop_reactor *r);

/* [control] The grace period: each reactor runs 'each' (may be NULL) between
 * two turns, after the deferred work of the first; when all have, 'done' runs
 * on home, the caller's loop. */
int loop_reactors_barrier(struct loop_reactors *rs, struct loop *home,
    void (*each)(struct loop_reactor *, void *arg), void (*done)(void *arg),
    void *arg);

#endif
