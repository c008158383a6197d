/* SPDX-License-Identifier: Apache-2.0 */
/* Reactors: start, failure to start, the grace period, messages at the end. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loop/reactor.h"
#include "unit/unit.h"

#define N 4

static atomic_uint begun;
static atomic_uint ended;
static unsigned fail_at;

static int
begin(struct loop_reactor *r, void *arg, struct err *err)
{
	sigset_t mask;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
	CHECK(sigismember(&mask, SIGTERM) == 1);
	CHECK(loop_is_here(r->loop));
	if (r->index == fail_at)
		return err_set(err, ERR_IO, "no luck");
	r->user = arg;
	atomic_fetch_add(&begun, 1);
	return 0;
}

static void
end(struct loop_reactor *r, void *arg)
{
	CHECK(r->user == arg);
	atomic_fetch_add(&ended, 1);
}

static void
reactors_new(struct loop_reactors *rs)
{
	struct err err;

	fail_at = N;
	ck_assert_int_eq(loop_reactors_start(rs, N, begin, end, rs, &err), 0);
	ck_assert_uint_eq(rs->len, N);
}

START_TEST(each_begins_and_ends_on_its_thread)
{
	struct loop_reactors rs;

	reactors_new(&rs);
	ck_assert_uint_eq(atomic_load(&begun), N);
	loop_reactors_stop(&rs);
	ck_assert_uint_eq(atomic_load(&ended), N);
	loop_reactors_stop(&rs);
}
END_TEST

START_TEST(one_that_cannot_begin_stops_all)
{
	struct loop_reactors rs;
	struct err err;

	fail_at = 2;
	ck_assert_int_eq(
	    loop_reactors_start(&rs, N, begin, end, &rs, &err), ERR_IO);
	ck_assert_str_eq(err.text, "no luck");
	ck_assert_uint_eq(atomic_load(&begun), 2);
	ck_assert_uint_eq(atomic_load(&ended), 2);
	ck_assert_ptr_null(rs.items);
	ck_assert_int_eq(
	    loop_reactors_start(&rs, 0, NULL, NULL, NULL, &err), ERR_PARAMS);
}
END_TEST

static atomic_uint acknowledged;
static struct loop *home;
static unsigned done_calls;

static void
each(struct loop_reactor *r, void *arg)
{
	CHECK(loop_current() == r->loop);
	CHECK(arg == &done_calls);
	atomic_fetch_add(&acknowledged, 1);
}

static void
done(void *arg)
{
	CHECK(loop_current() == home);
	CHECK(arg == &done_calls);
	CHECK(atomic_load(&acknowledged) == N);
	done_calls++;
	loop_stop(home);
}

START_TEST(the_grace_period_ends_when_all_have_passed)
{
	struct loop_reactors rs;
	struct err err;

	home = loop_create(&err);
	ck_assert_ptr_nonnull(home);
	reactors_new(&rs);
	for (unsigned i = 1; i <= 100; i++) {
		atomic_store(&acknowledged, 0);
		ck_assert_int_eq(
		    loop_reactors_barrier(&rs, home, each, done, &done_calls),
		    0);
		loop_run(home);
		ck_assert_uint_eq(done_calls, i);
	}
	loop_reactors_stop(&rs);
	loop_destroy(home);
}
END_TEST

/* What a turn has borrowed may be used by its deferred work: the grace period
 * must not end before. */
struct borrower {
	struct loop_msg msg;
	struct loop_deferred deferred;
	struct loop *loop;
	atomic_bool used;
};

static void
borrower_use(void *arg)
{
	struct borrower *b = arg;

	CHECK(atomic_load(&acknowledged) == 0);
	atomic_store(&b->used, true);
}

static void
borrower_run(struct loop_msg *msg)
{
	struct borrower *b = CONTAINER_OF(msg, struct borrower, msg);

	loop_defer(b->loop, &b->deferred);
}

static void
count_each(struct loop_reactor *r, void *arg)
{
	struct borrower *b = arg;

	(void)r;
	CHECK(atomic_load(&b->used));
	atomic_fetch_add(&acknowledged, 1);
}

static void
stop_home(void *arg)
{
	(void)arg;
	loop_stop(home);
}

START_TEST(the_grace_period_waits_for_deferred_work)
{
	struct loop_reactors rs;
	struct borrower b;
	struct err err;

	fail_at = N;
	home = loop_create(&err);
	ck_assert_ptr_nonnull(home);
	ck_assert_int_eq(
	    loop_reactors_start(&rs, 1, begin, NULL, NULL, &err), 0);
	for (unsigned i = 0; i < 1000; i++) {
		atomic_store(&acknowledged, 0);
		atomic_init(&b.used, false);
		b.loop = rs.items[0].loop;
		b.msg.run = borrower_run;
		loop_deferred_init(&b.deferred, borrower_use, &b);
		loop_post(b.loop, &b.msg);
		ck_assert_int_eq(
		    loop_reactors_barrier(&rs, home, count_each, stop_home, &b),
		    0);
		loop_run(home);
	}
	loop_reactors_stop(&rs);
	loop_destroy(home);
}
END_TEST

/* A message that goes round the reactors until it has been everywhere. */
struct traveller {
	struct loop_msg msg;
	struct loop_reactors *rs;
	unsigned hops;
};

static atomic_uint arrived;

static void
traveller_run(struct loop_msg *msg)
{
	struct traveller *t = CONTAINER_OF(msg, struct traveller, msg);

	CHECK(atomic_load(&ended) == 0);
	if (--t->hops > 0) {
		loop_post(t->rs->items[t->hops % N].loop, &t->msg);
		return;
	}
	free(t);
	atomic_fetch_add(&arrived, 1);
}

START_TEST(no_message_is_lost_at_the_end)
{
	struct loop_reactors rs;
	struct traveller *t;

	reactors_new(&rs);
	for (unsigned i = 0; i < 100; i++) {
		t = malloc(sizeof *t);
		ck_assert_ptr_nonnull(t);
		t->msg.run = traveller_run;
		t->rs = &rs;
		t->hops = 50;
		loop_post(rs.items[i % N].loop, &t->msg);
	}
	loop_reactors_stop(&rs);
	ck_assert_uint_eq(atomic_load(&arrived), 100);
}
END_TEST

UNIT_MAIN("loop/reactor", each_begins_and_ends_on_its_thread,
    one_that_cannot_begin_stops_all, the_grace_period_ends_when_all_have_passed,
    the_grace_period_waits_for_deferred_work, no_message_is_lost_at_the_end)
