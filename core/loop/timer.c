/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel: a timer lies in the slot of the tick at or after its time, modulo
 * one revolution; a slot's later revolutions are passed over.  The library
 * holds one timeout, for the nearest slot in use, so an idle loop sleeps. */
#include <limits.h>

#include "base/check.h"
#include "loop/loop_priv.h"

static int64_t
tick_of(int64_t ns)
{
	return ns / WHEEL_TICK_NS;
}

/* The first tick that is not before due_ns. */
static int64_t
tick_after(int64_t due_ns)
{
	if (due_ns <= 0)
		return 0;
	return tick_of(due_ns) + (due_ns % WHEEL_TICK_NS != 0);
}

static unsigned
slot_of(int64_t tick)
{
	return (unsigned)((uint64_t)tick % WHEEL_SLOTS);
}

static void
tick_seen(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	/* The turn that this begins looks at the wheel. */
	l->wheel.armed = INT64_MAX;
}

void
loop_wheel_init(struct loop *l)
{
	struct loop_wheel *w = &l->wheel;

	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		list_init(&w->slots[i]);
	list_init(&w->firing);
	w->at = tick_of(clock_now_ns());
	w->next = INT64_MAX;
	w->armed = INT64_MAX;
	(void)event_assign(&l->tick, l->base, -1, 0, tick_seen, l);
}

/* Timers outlive the loop: they become unset. */
void
loop_wheel_finish(struct loop *l)
{
	struct loop_wheel *w = &l->wheel;

	(void)event_del(&l->tick);
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		while (!list_is_empty(&w->slots[i]))
			list_drop(w->slots[i].next);
}

void
loop_timer_init(struct loop_timer *t, void (*fn)(void *), void *arg)
{
	list_init(&t->node);
	t->due_ns = 0;
	t->fn = fn;
	t->arg = arg;
}

void
loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_ns)
{
	struct loop_wheel *w = &l->wheel;
	int64_t tick = tick_after(due_ns);
	unsigned slot;

	CHECK(loop_is_here(l));
	if (tick <= w->at)
		tick = w->at + 1;
	slot = slot_of(tick);
	list_drop(&t->node);
	t->due_ns = due_ns;
	list_push(&w->slots[slot], &t->node);
	w->used[slot / 64] |= UINT64_C(1) << slot % 64;
	if (tick < w->next)
		w->next = tick;
}

void
loop_timer_clear(struct loop_timer *t)
{
	list_drop(&t->node);
}

bool
loop_timer_is_set(const struct loop_timer *t)
{
	return !list_is_empty(&t->node);
}

/* Moves what is due in the slot of a tick to the firing list. */
static void
slot_collect(struct loop_wheel *w, int64_t slot_tick, int64_t now_tick)
{
	struct list *slot = &w->slots[slot_of(slot_tick)];
	struct loop_timer *t;

	LIST_EACH_SAFE (it, slot) {
		t = LIST_OBJ(it, struct loop_timer, node);
		if (tick_after(t->due_ns) > now_tick)
			continue;
		list_drop(it);
		list_push(&w->firing, it);
	}
}

/* The nearest tick after 'at' whose slot is in use.  Marks of slots that have
 * become empty are taken away on the way: amortised over loop_timer_set(). */
static int64_t
next_used(struct loop_wheel *w)
{
	int64_t tick = w->at + 1, end = w->at + WHEEL_SLOTS;
	unsigned slot;
	uint64_t bits;

	while (tick <= end) {
		slot = slot_of(tick);
		bits = w->used[slot / 64] >> slot % 64;
		if (bits == 0) {
			tick += 64 - slot % 64;
			continue;
		}
		tick += __builtin_ctzll(bits);
		slot = slot_of(tick);
		if (!list_is_empty(&w->slots[slot]))
			return tick;
		w->used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
		tick++;
	}
	return INT64_MAX;
}

static void
wheel_collect(struct loop_wheel *w, int64_t now_tick)
{
	int64_t from = w->next, count;

	/* After a long sleep each slot is looked at once. */
	count = now_tick - from + 1;
	if (count > WHEEL_SLOTS)
		count = WHEEL_SLOTS;
	for (int64_t i = 0; i < count; i++)
		slot_collect(w, from + i, now_tick);
	w->at = now_tick;
}

void
loop_wheel_run(struct loop *l)
{
	struct loop_wheel *w = &l->wheel;
	int64_t now_tick = tick_of(l->now);
	struct loop_timer *t;

	/* Only a test's clock goes back. */
	if (now_tick < w->at) {
		w->at = now_tick;
		w->next = next_used(w);
	}
	if (now_tick < w->next) {
		w->at = now_tick;
		return;
	}
	wheel_collect(w, now_tick);
	w->next = next_used(w);
	while (!list_is_empty(&w->firing)) {
		t = LIST_OBJ(w->firing.next, struct loop_timer, node);
		list_drop(&t->node);
		t->fn(t->arg);
	}
}

void
loop_wheel_arm(struct loop *l)
{
	struct loop_wheel *w = &l->wheel;
	struct timeval tv;
	int64_t ns;

	if (w->next == w->armed)
		return;
	w->armed = w->next;
	if (w->next == INT64_MAX) {
		(void)event_del(&l->tick);
		return;
	}
	ns = w->next * WHEEL_TICK_NS - clock_now_ns();
	if (ns < 0)
		ns = 0;
	tv.tv_sec = (time_t)(ns / NS_PER_S);
	tv.tv_usec = (suseconds_t)(ns % NS_PER_S / 1000 + 1);
	(void)event_add(&l->tick, &tv);
}
