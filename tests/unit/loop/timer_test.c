/* SPDX-License-Identifier: Apache-2.0 */
/* The wheel under a clock that the test turns. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "loop/loop_priv.h"
#include "unit/unit.h"

#define START_NS (1000 * NS_PER_S)

struct alarm {
	struct loop_timer timer;
	struct loop *loop;
	struct alarm *clears;
	int64_t again_ns;
	unsigned fired;
	unsigned order;
};

static unsigned order;

static void
alarm_fired(void *arg)
{
	struct alarm *a = arg;

	ck_assert_int_ge(loop_now(a->loop), a->timer.due_ns);
	ck_assert(!loop_timer_is_set(&a->timer));
	a->fired++;
	a->order = ++order;
	if (a->clears != NULL)
		loop_timer_clear(&a->clears->timer);
	if (a->again_ns > 0)
		loop_timer_set(
		    a->loop, &a->timer, loop_now(a->loop) + a->again_ns);
}

static struct loop *
loop_new(void)
{
	struct err err;
	struct loop *l;

	clock_test_set(START_NS);
	l = loop_create(&err);
	ck_assert_ptr_nonnull(l);
	return l;
}

static void
alarm_init(struct alarm *a, struct loop *l)
{
	*a = (struct alarm){ .loop = l };
	loop_timer_init(&a->timer, alarm_fired, a);
}

static void
turn_at(struct loop *l, int64_t ns)
{
	clock_test_set(ns);
	loop_turn(l);
}

START_TEST(a_timer_never_fires_early)
{
	struct loop *l = loop_new();
	struct alarm a;
	int64_t due;

	alarm_init(&a, l);
	for (int64_t d = 1; d < 100 * NS_PER_MS; d += 777777) {
		due = clock_now_ns() + d;
		a.fired = 0;
		loop_timer_set(l, &a.timer, due);
		turn_at(l, due - 1);
		ck_assert_uint_eq(a.fired, 0);
		turn_at(l, due + WHEEL_TICK_NS);
		ck_assert_uint_eq(a.fired, 1);
	}
	loop_destroy(l);
}
END_TEST

START_TEST(timers_fire_in_the_order_of_their_ticks)
{
	struct loop *l = loop_new();
	struct alarm a[50];

	for (unsigned i = 0; i < 50; i++) {
		alarm_init(&a[i], l);
		loop_timer_set(l, &a[i].timer,
		    START_NS + (i * 17 % 50 + 1) * 20 * NS_PER_MS);
	}
	turn_at(l, START_NS + 2 * NS_PER_S);
	for (unsigned i = 0; i < 50; i++)
		ck_assert_uint_eq(a[i].order, i * 17 % 50 + 1);
	loop_destroy(l);
}
END_TEST

START_TEST(one_may_clear_another_that_is_due_too)
{
	struct loop *l = loop_new();
	struct alarm a, b;

	alarm_init(&a, l);
	alarm_init(&b, l);
	a.clears = &b;
	loop_timer_set(l, &a.timer, START_NS + 5);
	loop_timer_set(l, &b.timer, START_NS + 6);
	turn_at(l, START_NS + NS_PER_S);
	ck_assert_uint_eq(a.fired, 1);
	ck_assert_uint_eq(b.fired, 0);
	ck_assert(!loop_timer_is_set(&b.timer));
	loop_destroy(l);
}
END_TEST

START_TEST(one_may_set_itself_again)
{
	struct loop *l = loop_new();
	struct alarm a;

	alarm_init(&a, l);
	a.again_ns = 50 * NS_PER_MS;
	loop_timer_set(l, &a.timer, START_NS);
	for (unsigned i = 1; i <= 100; i++)
		turn_at(l, START_NS + i * 10 * NS_PER_MS);
	ck_assert_uint_ge(a.fired, 16);
	ck_assert_uint_le(a.fired, 20);
	ck_assert(loop_timer_is_set(&a.timer));
	loop_destroy(l);
	ck_assert(!loop_timer_is_set(&a.timer));
}
END_TEST

START_TEST(far_timers_pass_many_revolutions)
{
	struct loop *l = loop_new();
	int64_t hour = 3600 * NS_PER_S;
	struct alarm a, near;

	alarm_init(&a, l);
	alarm_init(&near, l);
	near.again_ns = 7 * NS_PER_S;
	loop_timer_set(l, &a.timer, START_NS + hour);
	loop_timer_set(l, &near.timer, START_NS + 1);
	for (int64_t t = NS_PER_S; t < hour; t += NS_PER_S)
		turn_at(l, START_NS + t);
	ck_assert_uint_eq(a.fired, 0);
	ck_assert_uint_ge(near.fired, 500);
	turn_at(l, START_NS + hour);
	ck_assert_uint_eq(a.fired, 1);
	loop_destroy(l);
}
END_TEST

START_TEST(a_long_sleep_fires_all_that_became_due)
{
	struct loop *l = loop_new();
	struct alarm a[100];

	for (unsigned i = 0; i < 100; i++) {
		alarm_init(&a[i], l);
		loop_timer_set(l, &a[i].timer, START_NS + i * 3 * NS_PER_S);
	}
	turn_at(l, START_NS + 1000 * NS_PER_S);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(a[i].fired, 1);
	loop_destroy(l);
}
END_TEST

START_TEST(a_million_timers_are_set_moved_and_cleared)
{
	enum { N = 1000000 };
	struct loop_timer *t = calloc(N, sizeof *t);
	struct loop *l = loop_new();

	ck_assert_ptr_nonnull(t);
	for (unsigned i = 0; i < N; i++) {
		loop_timer_init(&t[i], alarm_fired, NULL);
		loop_timer_set(l, &t[i], START_NS + 75 * NS_PER_S + i);
	}
	/* A second of turns with all idle, each moved once. */
	for (unsigned i = 0; i < N; i++) {
		loop_timer_set(l, &t[i], START_NS + 76 * NS_PER_S + i);
		if (i % 10000 == 0)
			turn_at(l, START_NS + i * INT64_C(1000));
	}
	for (unsigned i = 0; i < N; i++)
		loop_timer_clear(&t[i]);
	turn_at(l, START_NS + 100 * NS_PER_S);
	ck_assert_int_eq(l->wheel.next, INT64_MAX);
	loop_destroy(l);
	free(t);
}
END_TEST

static void
stop_loop(void *arg)
{
	loop_stop(arg);
}

/* On the true clock: the loop sleeps by itself until the timer is due, and
 * uses few turns for it. */
START_TEST(an_idle_loop_sleeps_until_the_nearest)
{
	struct loop_timer t;
	struct timespec ts;
	struct loop *l;
	struct err err;
	int64_t due, cpu;

	clock_test_set(-1);
	l = loop_create(&err);
	ck_assert_ptr_nonnull(l);
	due = clock_now_ns() + 300 * NS_PER_MS;
	loop_timer_init(&t, stop_loop, l);
	loop_timer_set(l, &t, due);
	loop_run(l);
	ck_assert_int_ge(clock_now_ns(), due);
	ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts), 0);
	cpu = ts.tv_sec * NS_PER_S + ts.tv_nsec;
	ck_assert_int_lt(cpu, 200 * NS_PER_MS);
	loop_destroy(l);
}
END_TEST

UNIT_MAIN("loop/timer", a_timer_never_fires_early,
    timers_fire_in_the_order_of_their_ticks,
    one_may_clear_another_that_is_due_too, one_may_set_itself_again,
    far_timers_pass_many_revolutions, a_long_sleep_fires_all_that_became_due,
    a_million_timers_are_set_moved_and_cleared,
    an_idle_loop_sleeps_until_the_nearest)
