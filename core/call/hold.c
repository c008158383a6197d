/* SPDX-License-Identifier: Apache-2.0 */
#include "call/hold.h"

#include "base/check.h"
#include "base/clock.h"
#include "call/call_priv.h"

/* For a call whose entry is another one now: its caller looks it up again. */
#define CHANGED_RETRY_NS (100 * NS_PER_MS)

static void
look(struct loop_msg *msg)
{
	struct call_hold *h = CONTAINER_OF(msg, struct call_hold, msg);

	atomic_store(&h->posted, false);
	if (atomic_load(&h->state) == CALL_HOLD_SHUT
	    && atomic_load(&h->inside) == 0)
		h->empty(h->arg);
}

void
call_hold_init(struct call_hold *h, struct loop *control)
{
	atomic_init(&h->state, CALL_HOLD_OPEN);
	atomic_init(&h->inside, 0);
	atomic_init(&h->posted, false);
	h->control = control;
	h->msg.run = look;
	list_init(&h->waiting);
	h->waiting_len = 0;
	CHECK(pthread_mutex_init(&h->lock, NULL) == 0);
}

void
call_hold_finish(struct call_hold *h)
{
	CHECK(list_is_empty(&h->waiting));
	(void)pthread_mutex_destroy(&h->lock); /* nobody holds it any more */
}

static void
post_once(struct call_hold *h)
{
	if (!atomic_exchange(&h->posted, true))
		loop_post(h->control, &h->msg);
}

/* The count first, then the state; who shuts it does the reverse: one of the
 * two sees the other. */
static void
leave(struct call_hold *h)
{
	if (atomic_fetch_sub(&h->inside, 1) == 1
	    && atomic_load(&h->state) == CALL_HOLD_SHUT)
		post_once(h);
}

void
call_hold_shut(struct call_hold *h, void (*empty)(void *arg), void *arg)
{
	h->empty = empty;
	h->arg = arg;
	atomic_store(&h->state, CALL_HOLD_SHUT);
	if (atomic_load(&h->inside) == 0)
		post_once(h);
}

/* [reactor] The gate has let it go. */
static void
turn_in(struct loop_msg *msg)
{
	struct call *c = CONTAINER_OF(msg, struct call, msg);

	c->waits = NULL;
	if (c->next != NULL) {
		call_retarget(c, c->next, true);
		c->next = NULL;
	}
	call_resume(c);
}

static void
let_go(struct call_hold *h, enum call_hold_state state)
{
	CHECK(pthread_mutex_lock(&h->lock) == 0);
	atomic_store(&h->state, state);
	LIST_EACH_SAFE (node, &h->waiting) {
		struct call *c = LIST_OBJ(node, struct call, queued);

		list_drop(node);
		/* It is here until the next turn of its reactor: keep it. */
		c->next = state == CALL_HOLD_MOVED ? c->target->heir : NULL;
		if (c->next != NULL)
			c->next->ops->pin(c->next);
		c->msg.run = turn_in;
		loop_post(c->reactor->loop, &c->msg);
	}
	h->waiting_len = 0;
	CHECK(pthread_mutex_unlock(&h->lock) == 0);
}

void
call_hold_open(struct call_hold *h)
{
	let_go(h, CALL_HOLD_OPEN);
}

void
call_hold_move(struct call_hold *h)
{
	let_go(h, CALL_HOLD_MOVED);
}

static void
refuse(struct call *c)
{
	c->status = CALL_EBUSY;
	c->retry_ns = CHANGED_RETRY_NS;
	call_over(c);
}

/* False: it has been opened meanwhile. */
static bool
wait_at(struct call_hold *h, struct call *c)
{
	bool shut, full;

	CHECK(pthread_mutex_lock(&h->lock) == 0);
	shut = atomic_load(&h->state) == CALL_HOLD_SHUT;
	full = shut && h->waiting_len >= CALL_HELD_MAX;
	if (shut && !full) {
		call_pin(c);
		c->waits = h;
		list_push(&h->waiting, &c->queued);
		h->waiting_len++;
	}
	CHECK(pthread_mutex_unlock(&h->lock) == 0);
	if (full)
		refuse(c);
	return shut;
}

bool
call_hold_pass(struct call *c)
{
	for (;;) {
		struct call_hold *h = c->target->hold;

		if (h == NULL)
			return true;
		(void)atomic_fetch_add(&h->inside, 1);
		switch ((enum call_hold_state)atomic_load(&h->state)) {
		case CALL_HOLD_OPEN:
			c->inside = h;
			return true;
		case CALL_HOLD_SHUT:
			leave(h);
			if (wait_at(h, c))
				return false;
			break;
		case CALL_HOLD_MOVED:
			leave(h);
			if (c->target->heir == NULL) {
				refuse(c);
				return false;
			}
			/* The snapshot that this turn looks at is older than
			 * the heir's: it stays until the turn has ended. */
			call_retarget(c, c->target->heir, false);
			break;
		}
	}
}

void
call_hold_leave(struct call *c)
{
	struct call_hold *h = c->inside;

	c->inside = NULL;
	if (h != NULL)
		leave(h);
}

bool
call_hold_unqueue(struct call *c)
{
	struct call_hold *h = c->waits;
	bool waiting;

	if (h == NULL)
		return false;
	CHECK(pthread_mutex_lock(&h->lock) == 0);
	waiting = !list_is_empty(&c->queued);
	if (waiting) {
		list_drop(&c->queued);
		h->waiting_len--;
	}
	CHECK(pthread_mutex_unlock(&h->lock) == 0);
	return waiting;
}
