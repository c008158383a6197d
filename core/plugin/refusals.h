/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that the box of a runner refuses: the kernel asks for each what
 * its answer is, and one thread of the host says no, counts it, and tells the
 * operator.  Never does it say yes. */
#ifndef PLUGIN_REFUSALS_H
#define PLUGIN_REFUSALS_H

#include <sys/types.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define REFUSALS_CALLS_MAX 32 /* kinds of call that are told apart */
#define REFUSALS_PATH_MAX 256 /* of a path in the log; a longer one is cut */
#define REFUSALS_TURN 64 /* of one runner, then it waits */
#define REFUSALS_PAUSE_MS 5
#define REFUSALS_STUCK_MS 100 /* one that does not give what it promised */

/* Of one plugin, through all its runners. */
struct plugin_refused {
	uint32_t call; /* its number */
	uint64_t times;
	const char *grant; /* constant; what opens it, or NULL */
	char path[REFUSALS_PATH_MAX]; /* the last one; empty: not known */
};

struct plugin_refusals {
	pthread_mutex_t lock; /* leaf; guards the rest */
	struct plugin_refused *items; /* owned */
	size_t len;
	uint64_t times; /* of all */
};

struct plugin_ledger;
struct refusals_thread;
struct refusals_watch;

/* [any] */
void plugin_refusals_init(struct plugin_refusals *r);
void plugin_refusals_finish(struct plugin_refusals *r);
uint64_t plugin_refusals_times(struct plugin_refusals *r);
/* [any] An array of what was refused, as a member with a comma in front;
 * nothing when nothing was. */
void plugin_refusals_print(struct plugin_refusals *r, struct buf *out);

/* [control] The thread starts with the first watch.  NULL: out of memory. */
struct refusals_thread *refusals_thread_create(void);
/* [control] What is still watched is left to the kernel, which refuses in
 * another way.  May be NULL. */
void refusals_thread_destroy(struct refusals_thread *t);

/* Whose calls they are; all borrowed but the ledger, which is counted. */
struct refusals_of {
	const char *plugin;
	unsigned generation;
	pid_t pid;
	/* Its memory is read for paths: nothing in it can make that wait. */
	bool paths;
	struct plugin_ledger *ledger;
};

/* [control] fd becomes its own, whatever comes of it.  NULL with err. */
struct refusals_watch *refusals_watch_create(struct refusals_thread *t,
    const struct refusals_of *of, int fd, struct err *err);
/* [control] Its process is gone.  May be NULL. */
void refusals_watch_end(struct refusals_watch *w);

#endif
