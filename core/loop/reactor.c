/* SPDX-License-Identifier: Apache-2.0 */
/* Reactor threads, their common start and end, and the grace period. */
#include "loop/reactor.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "loop/loop_priv.h"
#include "loop/thread_priv.h"

/* What the threads of one set share. */
struct loop_reactors_start {
	struct loop_reactors *rs;
	int (*begin)(struct loop_reactor *, void *arg, struct err *err);
	void (*end)(struct loop_reactor *, void *arg);
	void *arg;
	struct err *err; /* the caller's, while it waits for begin */
	unsigned threads; /* the caller's too: how many were started */
	pthread_mutex_t lock; /* leaf; guards what follows */
	pthread_cond_t changed;
	unsigned begun; /* threads that are past begin */
	unsigned left; /* threads that are past their loop */
	int failed; /* begin's code */
	unsigned round; /* of draining the mailboxes, 0: none yet */
	unsigned answered; /* threads that are through with it */
	bool any; /* one of them had a message */
	bool drained; /* no loop runs, no mailbox holds anything */
};

static void
begin_done(struct loop_reactors_start *st, int rc)
{
	(void)pthread_mutex_lock(&st->lock);
	st->begun++;
	if (rc < 0)
		st->failed = rc;
	(void)pthread_cond_broadcast(&st->changed);
	(void)pthread_mutex_unlock(&st->lock);
}

static int
begin_wait(struct loop_reactors_start *st, unsigned count)
{
	int rc;

	(void)pthread_mutex_lock(&st->lock);
	while (st->begun < count)
		(void)pthread_cond_wait(&st->changed, &st->lock);
	rc = st->failed;
	(void)pthread_mutex_unlock(&st->lock);
	return rc;
}

/* Nobody ends while a message may still come to it.  Each thread runs its own
 * to the last: they may hold descriptors of its table. */
static void
drained_wait(struct loop_reactors_start *st, struct loop *l)
{
	unsigned round = 0;
	bool any;

	(void)pthread_mutex_lock(&st->lock);
	st->left++;
	(void)pthread_cond_broadcast(&st->changed);
	for (;;) {
		while (!st->drained && st->round == round)
			(void)pthread_cond_wait(&st->changed, &st->lock);
		if (st->drained)
			break;
		round = st->round;
		(void)pthread_mutex_unlock(&st->lock);
		any = loop_drain(l);
		(void)pthread_mutex_lock(&st->lock);
		st->any = st->any || any;
		st->answered++;
		(void)pthread_cond_broadcast(&st->changed);
	}
	(void)pthread_mutex_unlock(&st->lock);
}

struct thread_arg {
	struct loop_reactors_start *st;
	struct loop_reactor *r;
};

static void *
reactor_main(void *arg)
{
	struct thread_arg *given = arg;
	struct loop_reactors_start *st = given->st;
	struct loop_reactor *r = given->r;
	int rc = 0;

	free(given);
	thread_name("reactor", r->index);
	if (st->begin != NULL)
		rc = st->begin(r, st->arg, st->err);
	begin_done(st, rc);
	if (rc >= 0)
		loop_run(r->loop);
	drained_wait(st, r->loop);
	if (rc >= 0 && st->end != NULL)
		st->end(r, st->arg);
	return NULL;
}

static int
reactor_start(struct loop_reactors *rs, unsigned index, struct err *err)
{
	struct loop_reactor *r = &rs->items[index];
	struct thread_arg *given;
	int errnum;

	given = malloc(sizeof *given);
	if (given == NULL)
		return err_set(err, ERR_NOMEM, "out of memory for a reactor");
	given->st = rs->start;
	given->r = r;
	errnum = thread_start(&r->thread, reactor_main, given);
	if (errnum != 0) {
		free(given);
		return err_set_errno(err, ERR_IO, errnum,
		    "cannot start reactor thread %u", index);
	}
	rs->start->threads++;
	return begin_wait(rs->start, index + 1);
}

/* All of them before the first thread: whoever takes a table of descriptors of
 * its own finds in it what wakes the others. */
static int
loops_create(struct loop_reactors *rs, unsigned n, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		rs->items[i].index = i;
		rs->items[i].loop = loop_create(err);
		if (rs->items[i].loop == NULL)
			return ERR_IO;
		rs->len = i + 1;
	}
	return 0;
}

static int
reactors_alloc(struct loop_reactors *rs, unsigned n)
{
	struct loop_reactors_start *st;

	rs->items = calloc(n, sizeof *rs->items);
	rs->start = calloc(1, sizeof *rs->start);
	rs->len = 0;
	if (rs->items == NULL || rs->start == NULL) {
		free(rs->items);
		free(rs->start);
		rs->items = NULL;
		rs->start = NULL;
		return ERR_NOMEM;
	}
	st = rs->start;
	st->rs = rs;
	(void)pthread_mutex_init(&st->lock, NULL);
	(void)pthread_cond_init(&st->changed, NULL);
	return 0;
}

int
loop_reactors_start(struct loop_reactors *rs, unsigned n,
    int (*begin)(struct loop_reactor *, void *arg, struct err *err),
    void (*end)(struct loop_reactor *, void *arg), void *arg, struct err *err)
{
	int rc;

	rs->items = NULL;
	rs->start = NULL;
	rs->len = 0;
	if (n == 0 || n > LOOP_REACTORS_MAX)
		return err_set(err, ERR_PARAMS, "%u reactors: must be 1 to %d",
		    n, LOOP_REACTORS_MAX);
	if (reactors_alloc(rs, n) < 0)
		return err_set(err, ERR_NOMEM, "out of memory for reactors");
	rs->start->begin = begin;
	rs->start->end = end;
	rs->start->arg = arg;
	rs->start->err = err;
	rc = loops_create(rs, n, err);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = reactor_start(rs, i, err);
	if (rc < 0)
		loop_reactors_stop(rs);
	return rc;
}

/* What no thread runs any more. */
static bool
drain_from(struct loop_reactors *rs, unsigned first)
{
	bool any = false;

	for (unsigned i = first; i < rs->len; i++)
		any |= loop_drain(rs->items[i].loop);
	return any;
}

/* Messages may post to other loops: until all are silent. */
static void
drain_all(struct loop_reactors *rs, struct loop_reactors_start *st)
{
	do {
		st->any = drain_from(rs, st->threads);
		st->answered = 0;
		st->round++;
		(void)pthread_cond_broadcast(&st->changed);
		while (st->answered < st->threads)
			(void)pthread_cond_wait(&st->changed, &st->lock);
	} while (st->any);
	st->drained = true;
	(void)pthread_cond_broadcast(&st->changed);
}

void
loop_reactors_stop(struct loop_reactors *rs)
{
	struct loop_reactors_start *st = rs->start;

	if (st == NULL)
		return;
	for (unsigned i = 0; i < st->threads; i++)
		loop_stop(rs->items[i].loop);
	(void)pthread_mutex_lock(&st->lock);
	while (st->left < st->threads)
		(void)pthread_cond_wait(&st->changed, &st->lock);
	drain_all(rs, st);
	(void)pthread_mutex_unlock(&st->lock);
	for (unsigned i = 0; i < st->threads; i++)
		(void)pthread_join(rs->items[i].thread, NULL);
	while (drain_from(rs, 0))
		;
	for (unsigned i = 0; i < rs->len; i++)
		loop_destroy(rs->items[i].loop);
	(void)pthread_cond_destroy(&st->changed);
	(void)pthread_mutex_destroy(&st->lock);
	free(st);
	free(rs->items);
	rs->start = NULL;
	rs->items = NULL;
	rs->len = 0;
}

void
loop_reactor_abort(struct loop_reactor *r)
{
	(void)pthread_kill(r->thread, SIGABRT); /* it lives */
}

/* The grace period. */

struct barrier;

struct barrier_part {
	struct loop_msg msg;
	struct barrier *barrier;
	struct loop_reactor *reactor;
};

struct barrier {
	struct loop_msg done_msg;
	atomic_uint waiting;
	struct loop *home;
	void (*each)(struct loop_reactor *, void *arg);
	void (*done)(void *arg);
	void *arg;
	struct barrier_part parts[];
};

static void
barrier_finish(struct loop_msg *msg)
{
	struct barrier *b = CONTAINER_OF(msg, struct barrier, done_msg);

	b->done(b->arg);
	free(b);
}

static void
barrier_second(struct loop_msg *msg)
{
	struct barrier_part *part = CONTAINER_OF(msg, struct barrier_part, msg);
	struct barrier *b = part->barrier;

	if (b->each != NULL)
		b->each(part->reactor, b->arg);
	if (atomic_fetch_sub_explicit(&b->waiting, 1,
		memory_order_acq_rel /* pairs with itself elsewhere */)
	    == 1)
		loop_post(b->home, &b->done_msg);
}

/* The mailbox runs before the turn's deferred work, which may hold what this
 * turn has borrowed: the answer is given in the next turn. */
static void
barrier_first(struct loop_msg *msg)
{
	struct barrier_part *part = CONTAINER_OF(msg, struct barrier_part, msg);

	msg->run = barrier_second;
	loop_post(part->reactor->loop, msg);
}

int
loop_reactors_barrier(struct loop_reactors *rs, struct loop *home,
    void (*each)(struct loop_reactor *, void *arg), void (*done)(void *arg),
    void *arg)
{
	struct barrier *b;

	b = calloc(1, sizeof *b + rs->len * sizeof b->parts[0]);
	if (b == NULL)
		return ERR_NOMEM;
	atomic_init(&b->waiting, rs->len);
	b->home = home;
	b->each = each;
	b->done = done;
	b->arg = arg;
	b->done_msg.run = barrier_finish;
	if (rs->len == 0)
		loop_post(home, &b->done_msg);
	for (unsigned i = 0; i < rs->len; i++) {
		b->parts[i].barrier = b;
		b->parts[i].reactor = &rs->items[i];
		b->parts[i].msg.run = barrier_first;
		loop_post(rs->items[i].loop, &b->parts[i].msg);
	}
	return 0;
}
