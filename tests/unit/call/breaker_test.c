/* SPDX-License-Identifier: Apache-2.0 */
/* Rates and breakers, on a clock of the test's own. */
#include <limits.h>
#include <pthread.h>

#include "base/clock.h"
#include "call/breaker.h"
#include "call/rate.h"
#include "unit/unit.h"

#define NOW (1000 * NS_PER_S)

START_TEST(a_bucket_lets_a_burst_through_and_then_its_rate)
{
	struct call_rate r;

	call_rate_init(&r, NS_PER_S / 10, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(call_rate_take(&r, NOW), 0);
	ck_assert_int_eq(call_rate_take(&r, NOW), NS_PER_S / 10);
	ck_assert_int_eq(call_rate_take(&r, NOW + NS_PER_S / 10), 0);
	ck_assert_int_gt(call_rate_take(&r, NOW + NS_PER_S / 10), 0);
	/* A long pause gives one burst, not more. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(call_rate_take(&r, 2 * NOW), 0);
	ck_assert_int_gt(call_rate_take(&r, 2 * NOW), 0);
	ck_assert_int_eq((int)atomic_load(&r.refused), 3);
	call_rate_return(&r);
	ck_assert_int_eq(call_rate_take(&r, 2 * NOW), 0);
}
END_TEST

START_TEST(without_a_burst_it_is_the_calls_of_one_second)
{
	struct call_rate r;
	int n = 0;

	call_rate_init(&r, NS_PER_S / 50, 0);
	while (call_rate_take(&r, NOW) == 0)
		n++;
	ck_assert_int_eq(n, 50);
	call_rate_init(&r, 60 * NS_PER_S, 0);
	ck_assert_int_eq(call_rate_take(&r, NOW), 0);
	ck_assert_int_eq(call_rate_take(&r, NOW), 60 * NS_PER_S);
	call_rate_init(&r, 0, 0);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(call_rate_take(&r, NOW), 0);
}
END_TEST

static void *
take_many(void *arg)
{
	struct call_rate *r = arg;
	intptr_t n = 0;

	for (int i = 0; i < 20000; i++)
		n += call_rate_take(r, NOW) == 0;
	return (void *)n;
}

START_TEST(threads_share_a_bucket_without_losing_or_adding_one)
{
	pthread_t threads[4];
	struct call_rate r;
	intptr_t sum = 0;

	call_rate_init(&r, 1000, 5000);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, take_many, &r), 0);
	for (int i = 0; i < 4; i++) {
		void *n;

		ck_assert_int_eq(pthread_join(threads[i], &n), 0);
		sum += (intptr_t)n;
	}
	ck_assert_int_eq((int)sum, 5000);
}
END_TEST

static struct call_breaker *
breaker(void)
{
	struct call_breaker *b =
	    call_breaker_create("weather", &call_breaker_default, 2);

	ck_assert_ptr_nonnull(b);
	return b;
}

static bool
enters(struct call_breaker *b, int64_t now, bool *try)
{
	*try = false;
	return call_breaker_enter(b, now, try) == 0;
}

START_TEST(five_failures_in_a_row_open_it)
{
	struct call_breaker *b = breaker();
	bool try;

	for (int i = 0; i < 4; i++)
		call_breaker_bad(b, 0, NOW, false);
	call_breaker_good(b, 1, NOW, false);
	for (int i = 0; i < 4; i++)
		call_breaker_bad(b, i % 2 == 0 ? 1 : UINT_MAX, NOW, false);
	ck_assert(enters(b, NOW, &try) && !try);
	call_breaker_bad(b, 0, NOW, false);
	ck_assert_int_eq(call_breaker_enter(b, NOW, &try), NS_PER_S);
	ck_assert_int_eq(
	    call_breaker_enter(b, NOW + NS_PER_S / 4, &try), NS_PER_S * 3 / 4);
	ck_assert_int_eq((int)atomic_load(&b->refused), 2);
	call_breaker_destroy(b);
}
END_TEST

START_TEST(half_of_twenty_calls_in_ten_seconds_open_it)
{
	struct call_breaker *b = breaker();
	int64_t now = NOW;
	bool try;

	/* Nine of eighteen are too few calls. */
	for (int i = 0; i < 9; i++, now += NS_PER_S / 2) {
		call_breaker_good(b, 0, now, false);
		call_breaker_bad(b, 1, now, false);
	}
	ck_assert(enters(b, now, &try));
	call_breaker_good(b, 0, now, false);
	call_breaker_bad(b, 1, now, false);
	ck_assert(!enters(b, now, &try));
	call_breaker_destroy(b);
}
END_TEST

START_TEST(failures_that_are_few_or_long_past_do_not)
{
	struct call_breaker *b = breaker();
	int64_t now = NOW;
	bool try;

	for (int i = 0; i < 1000; i++, now += NS_PER_MS) {
		call_breaker_good(b, 0, now, false);
		call_breaker_good(b, 1, now, false);
		if (i % 2 == 0)
			call_breaker_bad(b, 0, now, false);
	}
	ck_assert(enters(b, now, &try));
	for (int i = 0; i < 100; i++, now += 6 * NS_PER_S) {
		call_breaker_bad(b, 0, now, false);
		call_breaker_good(b, 1, now, false);
	}
	ck_assert(enters(b, now, &try));
	call_breaker_destroy(b);
}
END_TEST

/* Each waits for its time; a bad one begins the count again. */
START_TEST(three_good_attempts_close_it)
{
	struct call_breaker *b = breaker();
	int64_t now = NOW;
	bool try, again;

	for (int i = 0; i < 30; i++)
		call_breaker_bad(b, 0, now, false);
	for (int i = 0; i < 5; i++) {
		now += NS_PER_S;
		ck_assert(enters(b, now, &try) && try);
		ck_assert(!enters(b, now, &again));
		if (i == 1)
			call_breaker_bad(b, 0, now, try);
		else
			call_breaker_good(b, 0, now, try);
	}
	ck_assert(enters(b, now, &try) && !try);
	/* What was before is forgotten. */
	call_breaker_bad(b, 0, now, false);
	ck_assert(enters(b, now, &try) && !try);
	ck_assert_int_eq((int)atomic_load(&b->opened), 1);
	call_breaker_destroy(b);
}
END_TEST

UNIT_MAIN("call/breaker", a_bucket_lets_a_burst_through_and_then_its_rate,
    without_a_burst_it_is_the_calls_of_one_second,
    threads_share_a_bucket_without_losing_or_adding_one,
    five_failures_in_a_row_open_it, half_of_twenty_calls_in_ten_seconds_open_it,
    failures_that_are_few_or_long_past_do_not, three_good_attempts_close_it)
