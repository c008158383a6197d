/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a call: made, run or queued, over. */
#include "call/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/call_priv.h"
#include "data/json_dup.h"

static void run_here(struct call *c);
static void deadline_passed(void *arg);
static void job_run(struct loop_job *job);
static void message_run(struct loop_msg *msg);

void
call_reactor_init(
    struct call_reactor *r, struct loop *l, struct loop_pool *pool)
{
	memset(r, 0, sizeof *r);
	r->loop = l;
	r->pool = pool;
	list_init(&r->running);
	list_init(&r->kept);
	call_block_init(r);
}

static void
call_free(struct call *c)
{
	arena_finish(&c->arena);
	(void)pthread_mutex_destroy(&c->hook_lock); /* nobody holds it */
	OBJ_WIPE(c);
	free(c);
}

void
call_reactor_finish(struct call_reactor *r)
{
	CHECK(list_is_empty(&r->running));
	loop_deferred_clear(&r->turn_end);
	LIST_EACH_SAFE (node, &r->kept) {
		list_drop(node);
		call_free(LIST_OBJ(node, struct call, node));
	}
	r->kept_len = 0;
}

/* Recursive: done() may be called from the cancel hook itself. */
static int
hook_lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int rc;

	if (pthread_mutexattr_init(&attr) != 0)
		return ERR_NOMEM;
	rc = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	if (rc == 0)
		rc = pthread_mutex_init(lock, &attr);
	(void)pthread_mutexattr_destroy(&attr); /* holds nothing */
	return rc == 0 ? 0 : ERR_NOMEM;
}

static struct call *
call_alloc(struct call_reactor *r)
{
	struct call *c;

	if (r->kept_len > 0) {
		c = LIST_OBJ(r->kept.next, struct call, node);
		list_drop(&c->node);
		r->kept_len--;
		return c;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	if (hook_lock_init(&c->hook_lock) < 0) {
		free(c);
		return NULL;
	}
	arena_init(&c->arena, CALL_MEMORY_MAX);
	list_init(&c->node);
	return c;
}

struct call *
call_create(struct call_reactor *r, enum call_kind kind,
    struct call_target *target, struct str name, const struct json_node *args,
    const struct call_sink *sink, void *sink_arg)
{
	struct call *c = call_alloc(r);

	if (c == NULL)
		return NULL;
	OBJ_INIT(c, CALL_MAGIC);
	c->host = NULL;
	c->kind = kind;
	c->reactor = r;
	c->target = target;
	c->sink = sink;
	c->sink_arg = sink_arg;
	c->name = name;
	c->args = args;
	c->answers = NULL;
	c->state = STR_NONE;
	c->client = 0;
	c->untimed = false;
	c->started_ns = loop_now(r->loop);
	c->deadline_ns = c->started_ns
	    + (target->deadline_ns > 0 ? target->deadline_ns
				       : CALL_DEADLINE_NS);
	c->log_level = 0;
	c->can_task = false;
	c->task_wanted = false;
	c->contents = NULL;
	c->contents_tail = &c->contents;
	c->contents_len = 0;
	c->result_bytes = 0;
	c->structured = STR_NONE;
	c->message = STR_NONE;
	c->links = STR_NONE;
	c->needs = NULL;
	c->needs_tail = &c->needs;
	c->needs_len = 0;
	c->forms_bytes = 0;
	c->refused = 0;
	c->releasable = false;
	c->state_set = false;
	c->next_state = STR_NONE;
	c->too_large = false;
	c->busy = CALL_BUSY_QUEUE;
	c->retry_ns = 0;
	loop_timer_init(&c->timer, deadline_passed, c);
	c->job.run = job_run;
	c->msg.run = message_run;
	list_init(&c->queued);
	c->status = CALL_OK;
	c->answered = false;
	c->inline_run = false;
	c->pinned = false;
	c->entered = false;
	c->attempt = false;
	c->origin = NULL;
	c->next = NULL;
	c->inside = NULL;
	c->waits = NULL;
	atomic_init(&c->ends, 0);
	atomic_init(&c->cancelled, false);
	atomic_init(&c->refs, 1);
	atomic_init(&c->reports, 0);
	c->hook = NULL;
	c->hook_arg = NULL;
	c->hook_closed = false;
	list_push(&r->running, &c->node);
	r->running_len++;
	return c;
}

void
call_unref(struct call *c)
{
	struct call_reactor *r = c->reactor;

	if (atomic_fetch_sub_explicit(
		&c->refs, 1, memory_order_acq_rel /* pairs with itself */)
	    > 1)
		return;
	OBJ_WIPE(c);
	call_lent_drop(c);
	arena_reset(&c->arena);
	if (r->kept_len >= CALL_KEPT) {
		call_free(c);
		return;
	}
	list_push(&r->kept, &c->node);
	r->kept_len++;
}

/* What a handler says, made sound: it may be any number. */
static enum call_status
status_of(const struct call *c, int rc)
{
	/* A handler may not have looked at what its calls returned. */
	if (c->too_large || c->arena.failed)
		return CALL_ENOMEM;
	if (rc == CALL_INPUT && c->needs_len == 0 && !c->state_set)
		return CALL_EFAIL;
	if (rc > CALL_INPUT || rc < CALL_ESTATE || rc == CALL_PENDING)
		return CALL_EFAIL;
	return (enum call_status)rc;
}

/* No hook starts after this, and none runs on another thread. */
static void
hook_close(struct call *c)
{
	CHECK(pthread_mutex_lock(&c->hook_lock) == 0);
	c->hook_closed = true;
	c->hook = NULL;
	CHECK(pthread_mutex_unlock(&c->hook_lock) == 0);
}

/* The next one in the queue, with a place; NULL: none, the place is free. */
static struct call *
target_next(struct call_target *t)
{
	struct call *next = NULL;

	CHECK(pthread_mutex_lock(&t->lock) == 0);
	if (list_is_empty(&t->queue)) {
		t->running--;
	} else {
		next = LIST_OBJ(t->queue.next, struct call, queued);
		list_drop(&next->queued);
		next->entered = true;
		t->waiting--;
	}
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	return next;
}

/* [reactor] It has a place of a remote target. */
static void
remote_turn(struct loop_msg *msg)
{
	struct call *c = CONTAINER_OF(msg, struct call, msg);

	c->msg.run = message_run;
	run_here(c);
}

/* [any] A place is free: the next one in the queue gets it, or the one behind
 * it when the pool has no room. */
static void
target_leave(struct call_target *t)
{
	struct call *next;

	if (t->concurrency == 0)
		return;
	while ((next = target_next(t)) != NULL) {
		if (t->remote) {
			next->msg.run = remote_turn;
			loop_post(next->reactor->loop, &next->msg);
			return;
		}
		if (loop_pool_submit(next->reactor->pool, &next->job) == 0)
			return;
		next->entered = false; /* its place goes on */
		next->status = CALL_EBUSY;
		call_end(
		    next, CALL_END_RETURNED | CALL_END_DONE | CALL_END_CLAIMED);
	}
}

/* Takes a place, or queues; ERR_BUSY when the queue is full. */
static int
target_enter(struct call_target *t, struct call *c, bool *queued)
{
	int rc = 0;

	*queued = false;
	if (t->concurrency == 0)
		return 0;
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	if (t->running < t->concurrency) {
		t->running++;
	} else if (t->waiting < t->queue_max) {
		list_push(&t->queue, &c->queued);
		t->waiting++;
		*queued = true;
	} else {
		rc = ERR_BUSY;
	}
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	return rc;
}

/* True when it was still waiting: then it never runs. */
static bool
target_unqueue(struct call_target *t, struct call *c)
{
	bool waiting;

	if (t->concurrency == 0)
		return false;
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	waiting = !list_is_empty(&c->queued);
	if (waiting) {
		list_drop(&c->queued);
		t->waiting--;
	}
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	return waiting;
}

void
call_end(struct call *c, unsigned bits)
{
	const unsigned both = CALL_END_RETURNED | CALL_END_DONE;
	unsigned before = atomic_fetch_or_explicit(&c->ends, bits,
	    memory_order_acq_rel /* pairs with itself on the other side */);

	if (((before | bits) & both) != both || (before & both) == both)
		return;
	if (c->entered)
		target_leave(c->target);
	if (loop_is_here(c->reactor->loop) && c->inline_run)
		return; /* run_here() sees it */
	loop_post(c->reactor->loop, &c->msg);
}

static void
job_run(struct loop_job *job)
{
	struct call *c = CONTAINER_OF(job, struct call, job);
	struct call_target *t = c->target;
	unsigned bits = CALL_END_RETURNED;
	int rc = CALL_ECANCELLED;

	/* Whom nobody waits for any more does not begin. */
	if (!call_is_cancelled(c))
		rc = t->ops->run(t, c);
	if (rc != CALL_PENDING) {
		hook_close(c);
		c->status = status_of(c, rc);
		bits |= CALL_END_DONE | CALL_END_CLAIMED;
	}
	call_end(c, bits);
}

static void
message_run(struct loop_msg *msg)
{
	call_over(CONTAINER_OF(msg, struct call, msg));
}

/* What it says about its plugin.  A runner that died is counted where its end
 * is seen: the calls in it are one failure. */
static void
breaker_tell(struct call *c, enum call_status status)
{
	struct call_target *t = c->target;
	int64_t now;

	if (status == CALL_EBUSY || status == CALL_ECANCELLED
	    || (status == CALL_ELOST && !c->attempt))
		return;
	now = loop_now(c->reactor->loop);
	if (status != CALL_EDEADLINE && status != CALL_ELOST)
		call_breaker_good(
		    t->breaker, c->reactor->number, now, c->attempt);
	else if ((t->concurrency == 0 || c->entered) && c->waits == NULL)
		call_breaker_bad(
		    t->breaker, c->reactor->number, now, c->attempt);
}

static enum call_outcome
outcome_of(enum call_status status)
{
	switch (status) {
	case CALL_OK:
	case CALL_PENDING:
	case CALL_INPUT:
		return CALL_WAS_OK;
	case CALL_EBUSY:
		return CALL_WAS_BUSY;
	case CALL_EDEADLINE:
		return CALL_WAS_LATE;
	case CALL_ECANCELLED:
		return CALL_WAS_CANCELLED;
	case CALL_ELOST:
		return CALL_WAS_LOST;
	default:
		return CALL_WAS_ERROR;
	}
}

static void
count(const struct call *c, enum call_status status)
{
	struct call_counts *counts = c->target->counts;

	if (counts != NULL)
		counter_add(
		    &counts[c->reactor->number].ended[outcome_of(status)], 1);
}

/* Tells the sink, once. */
static void
answer(struct call *c, enum call_status status)
{
	if (c->answered)
		return;
	c->answered = true;
	if (c->target->breaker != NULL)
		breaker_tell(c, status);
	count(c, status);
	c->sink->finished(c, status);
}

void
call_over(struct call *c)
{
	struct call_target *t;
	struct call_reactor *r;

	OBJ_CHECK(c, CALL_MAGIC);
	t = c->target;
	r = c->reactor;
	loop_timer_clear(&c->timer);
	answer(c, c->status);
	list_drop(&c->node);
	r->running_len--;
	call_hold_leave(c);
	if (c->pinned)
		t->ops->unpin(t);
	if (c->origin != NULL)
		c->origin->ops->unpin(c->origin);
	call_unref(c);
}

void
call_pin(struct call *c)
{
	if (c->pinned)
		return;
	c->target->ops->pin(c->target);
	c->pinned = true;
	if (!c->untimed)
		loop_timer_set(c->reactor->loop, &c->timer, c->deadline_ns);
}

/* Gives its place to the next one, and is over. */
static void
leave(struct call *c)
{
	if (c->entered)
		target_leave(c->target);
	call_over(c);
}

/* On the reactor: a call that ends here takes no count and no timer. */
static void
run_here(struct call *c)
{
	const unsigned both = CALL_END_RETURNED | CALL_END_DONE;
	unsigned before;
	int rc = CALL_ECANCELLED;

	c->inline_run = true;
	/* A remote one may have waited for its turn. */
	if (!call_is_cancelled(c))
		rc = c->target->remote ? c->target->ops->run(c->target, c)
				       : call_block_run(c);
	if (rc != CALL_PENDING) {
		c->hook = NULL;
		c->status = status_of(c, rc);
		c->inline_run = false;
		leave(c);
		return;
	}
	call_pin(c);
	before = atomic_fetch_or_explicit(&c->ends, CALL_END_RETURNED,
	    memory_order_acq_rel /* pairs with call_end() */);
	c->inline_run = false;
	if ((before & CALL_END_DONE) != 0 && (before & both) != both)
		leave(c);
}

static void
run_remote(struct call *c)
{
	bool queued;
	int rc = target_enter(c->target, c, &queued);

	if (rc < 0) {
		c->status = CALL_EBUSY;
		call_over(c);
		return;
	}
	call_pin(c);
	if (queued)
		return;
	c->entered = true;
	run_here(c);
}

static void
run_in_pool(struct call *c)
{
	bool queued;
	int rc = target_enter(c->target, c, &queued);

	if (rc < 0) {
		c->status = CALL_EBUSY;
		call_over(c);
		return;
	}
	call_pin(c);
	if (queued)
		return;
	c->entered = true;
	if (loop_pool_submit(c->reactor->pool, &c->job) < 0) {
		target_leave(c->target);
		c->status = CALL_EBUSY;
		call_over(c);
	}
}

/* By what its plugin may be asked at all; false: it is over. */
static bool
admitted(struct call *c)
{
	struct call_target *t = c->target;
	int64_t now = loop_now(c->reactor->loop);

	if (t->breaker != NULL)
		c->retry_ns = call_breaker_enter(t->breaker, now, &c->attempt);
	if (c->retry_ns > 0) {
		c->busy = CALL_BUSY_BREAKER;
		return false;
	}
	c->busy = CALL_BUSY_RATE;
	c->retry_ns = call_rate_take(&t->rate, now);
	if (c->retry_ns == 0 && t->rate_all != NULL) {
		c->retry_ns = call_rate_take(t->rate_all, now);
		if (c->retry_ns > 0)
			call_rate_return(&t->rate);
	}
	if (c->retry_ns > 0)
		return false;
	c->busy = CALL_BUSY_QUEUE;
	return true;
}

static bool
runs_here(struct call_target *t)
{
	return t->nonblocking && t->concurrency == 0
	    && !atomic_load_explicit(
		&t->blocks, memory_order_relaxed /* a later call may see it */);
}

/* Through the gate of its generation, where there is one. */
static void
go_on(struct call *c)
{
	if (c->target->hold != NULL && !call_hold_pass(c))
		return;
	if (c->target->remote)
		run_remote(c);
	else if (runs_here(c->target))
		run_here(c);
	else
		run_in_pool(c);
}

void
call_start(struct call *c)
{
	OBJ_CHECK(c, CALL_MAGIC);
	if (!admitted(c)) {
		c->status = CALL_EBUSY;
		call_over(c);
		return;
	}
	c->name = arena_dup(&c->arena, c->name);
	if (c->args != NULL)
		c->args = json_dup(c->args, &c->arena);
	if (c->answers != NULL)
		c->answers = json_dup(c->answers, &c->arena);
	if (c->state.len > 0)
		c->state = arena_dup(&c->arena, c->state);
	if (c->arena.failed) {
		c->status = CALL_ENOMEM;
		call_over(c);
	} else {
		go_on(c);
	}
}

void
call_resume(struct call *c)
{
	c->msg.run = message_run;
	if (!call_is_cancelled(c)) {
		go_on(c);
		return;
	}
	c->status = CALL_ECANCELLED;
	call_over(c);
}

void
call_retarget(struct call *c, struct call_target *t, bool pinned)
{
	if (c->origin == NULL) {
		if (!c->pinned)
			c->target->ops->pin(c->target);
		c->origin = c->target;
	} else if (c->pinned) {
		c->target->ops->unpin(c->target);
	}
	c->target = t;
	c->pinned = pinned;
}

/* The handler is told; one that still waits for its turn never runs. */
static void
stop(struct call *c)
{
	void (*hook)(void *);

	atomic_store_explicit(&c->cancelled, true,
	    memory_order_release /* pairs with call_is_cancelled() */);
	if (c->waits != NULL ? call_hold_unqueue(c)
			     : target_unqueue(c->target, c)) {
		c->status = CALL_ECANCELLED;
		call_end(
		    c, CALL_END_RETURNED | CALL_END_DONE | CALL_END_CLAIMED);
		return;
	}
	CHECK(pthread_mutex_lock(&c->hook_lock) == 0);
	hook = c->hook;
	c->hook = NULL;
	if (hook != NULL)
		hook(c->hook_arg);
	CHECK(pthread_mutex_unlock(&c->hook_lock) == 0);
}

static void
deadline_passed(void *arg)
{
	struct call *c = arg; /* its magic is not its first member */

	OBJ_CHECK(c, CALL_MAGIC);
	LOG_WARN("call past its deadline", F_STR("entry", c->name));
	answer(c, CALL_EDEADLINE);
	stop(c);
}

void
call_cancel(struct call *c)
{
	OBJ_CHECK(c, CALL_MAGIC);
	answer(c, CALL_ECANCELLED);
	stop(c);
}

void
call_interrupt(struct call *c)
{
	OBJ_CHECK(c, CALL_MAGIC);
	stop(c);
}

void
call_abandon(struct call *c)
{
	OBJ_CHECK(c, CALL_MAGIC);
	if (!c->answered)
		count(c, CALL_ECANCELLED);
	c->answered = true;
	stop(c);
}

int
call_done(struct call *c, int status)
{
	unsigned before = atomic_fetch_or_explicit(&c->ends, CALL_END_CLAIMED,
	    memory_order_acq_rel /* pairs with itself: one claim wins */);

	if ((before & CALL_END_CLAIMED) != 0)
		return ERR_EXISTS;
	hook_close(c);
	c->status = status_of(c, status);
	call_end(c, CALL_END_DONE);
	return 0;
}

/* [reactor] Who claims it ends it. */
static void
finish(struct call *c, enum call_status status)
{
	unsigned before =
	    atomic_fetch_or_explicit(&c->ends, CALL_END_CLAIMED | CALL_END_DONE,
		memory_order_acq_rel /* pairs with call_done() */);

	CHECK(c->target->remote && (before & CALL_END_CLAIMED) == 0);
	hook_close(c);
	c->status = status;
	if ((before & CALL_END_RETURNED) != 0)
		leave(c);
}

void
call_finish(struct call *c, int status)
{
	finish(c, status_of(c, status));
}

void
call_lose(struct call *c, struct str message, struct str data)
{
	(void)call_fail(c, CALL_ELOST, message);
	c->structured = arena_dup(&c->arena, data);
	finish(c, CALL_ELOST);
}
