/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads for what may block. */
#ifndef LOOP_POOL_H
#define LOOP_POOL_H

#include <stddef.h>

#include "base/err.h"

struct loop_pool;

struct loop_job {
	struct loop_job *next;
	void (*run)(struct loop_job *job);
};

/* All signals are blocked in workers.  thread_begin/_end run on each worker
 * (alternate stacks); may be NULL. */
struct loop_pool *loop_pool_create(unsigned threads, size_t queue_max,
    void (*thread_begin)(void), void (*thread_end)(void), struct err *err);
/* [any] ERR_BUSY when the queue is full: the job stays the caller's. */
int loop_pool_submit(struct loop_pool *p, struct loop_job *job);
/* Runs what is queued, then joins; submits get ERR_BUSY from now on.  NULL or
 * a second time: nothing. */
void loop_pool_stop(struct loop_pool *p);
/* Stops, if that is not done yet. */
void loop_pool_destroy(struct loop_pool *p);

#endif
