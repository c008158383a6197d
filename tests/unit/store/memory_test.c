/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory: what it holds, refuses and forgets, also when memory
 * runs out and when many threads want it. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

#define FOR_LONG (INT64_C(3600) * NS_PER_S)

/* A request, and what it said. */
struct asked {
	struct store_request q;
	int done;
	char value[64];
	char ids[8 * STORE_PAGE];
	uint64_t last;
};

static void
answered(struct store_request *q)
{
	struct asked *a = CONTAINER_OF(q, struct asked, q);
	size_t i, n = q->row.value.len;

	a->done++;
	if (q->rc == 0 && n < sizeof a->value && n > 0)
		memcpy(a->value, q->row.value.ptr, n);
	a->value[q->rc == 0 && n < sizeof a->value ? n : 0] = '\0';
	a->ids[0] = '\0';
	for (i = 0; q->rc == 0 && i < q->rows_len; i++) {
		(void)snprintf(a->ids + strlen(a->ids),
		    sizeof a->ids - strlen(a->ids), "%.*s ",
		    STR_FMT(q->rows[i].id));
		a->last = q->rows[i].seq;
	}
}

static struct store *
make(size_t rows, size_t principal, size_t bytes)
{
	struct store_limits limits = { rows, principal, bytes };
	struct store *s = store_memory_create(&limits, NULL);

	ck_assert_ptr_nonnull(s);
	return s;
}

static int
create_until(struct store *s, const char *id, const char *who,
    const char *value, int64_t expires_ns)
{
	struct asked a = { .q = { .done = answered } };

	a.q.row = (struct store_row){ str_of(id), str_of(who), expires_ns, 1,
		str_of(value), 0, 0 };
	store_create(s, &a.q);
	ck_assert_int_eq(a.done, 1);
	if (a.q.rc == 0)
		ck_assert_uint_eq(a.q.row.version, 1);
	return a.q.rc;
}

static int
create(struct store *s, const char *id, const char *who, const char *value)
{
	return create_until(s, id, who, value, clock_wall_ns() + FOR_LONG);
}

static struct asked
read_row(struct store *s, const char *id)
{
	struct asked a = { .q = { .done = answered } };

	a.q.row.id = str_of(id);
	store_read(s, &a.q);
	ck_assert_int_eq(a.done, 1);
	return a;
}

static int
update(struct store *s, const char *id, const char *value, uint64_t version)
{
	struct asked a = { .q = { .done = answered } };

	a.q.row = (struct store_row){ str_of(id), STR_NONE,
		clock_wall_ns() + FOR_LONG, 2, str_of(value), 0, version };
	store_update(s, &a.q);
	ck_assert_int_eq(a.done, 1);
	if (a.q.rc == 0)
		ck_assert_uint_eq(a.q.row.version, version + 1);
	return a.q.rc;
}

static int
drop(struct store *s, const char *id)
{
	struct asked a = { .q = { .done = answered } };

	a.q.row.id = str_of(id);
	store_drop(s, &a.q);
	return a.q.rc;
}

static struct asked
page(struct store *s, const char *who, uint64_t after)
{
	struct asked a = { .q = { .done = answered, .after = after } };

	a.q.row.principal = str_of(who);
	store_page(s, &a.q);
	ck_assert_int_eq(a.q.rc, 0);
	return a;
}

START_TEST(a_row_is_there_until_it_is_dropped)
{
	struct store *s = make(10, 10, 10000);
	struct asked a;

	ck_assert_int_eq(create(s, "a", "ann", "one"), 0);
	ck_assert_int_eq(create(s, "a", "bob", "two"), ERR_EXISTS);
	a = read_row(s, "a");
	ck_assert_int_eq(a.q.rc, 0);
	ck_assert_str_eq(a.value, "one");
	ck_assert_uint_eq(a.q.row.version, 1);
	ck_assert_int_eq(read_row(s, "b").q.rc, ERR_NOTFOUND);
	ck_assert_int_eq(drop(s, "a"), 0);
	ck_assert_int_eq(drop(s, "a"), ERR_NOTFOUND);
	ck_assert_int_eq(read_row(s, "a").q.rc, ERR_NOTFOUND);
	ck_assert_uint_eq(store_count(s), 0);
	ck_assert_int_eq(create(s, "", "ann", "x"), ERR_PARAMS);
	store_destroy(s);
}
END_TEST

START_TEST(who_is_second_changes_nothing)
{
	struct store *s = make(10, 10, 10000);

	ck_assert_int_eq(create(s, "a", "ann", "one"), 0);
	ck_assert_int_eq(update(s, "a", "two", 1), 0);
	ck_assert_int_eq(update(s, "a", "three", 1), ERR_STATE);
	ck_assert_str_eq(read_row(s, "a").value, "two");
	ck_assert_int_eq(update(s, "a", "", 2), 0);
	ck_assert_str_eq(read_row(s, "a").value, "");
	ck_assert_int_eq(update(s, "b", "two", 1), ERR_NOTFOUND);
	store_destroy(s);
}
END_TEST

START_TEST(every_bound_is_kept) /* TKL-16 */
{
	struct store *s = make(3, 2, 1000);
	char large[800];

	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	ck_assert_int_eq(create(s, "a", "ann", "1"), 0);
	ck_assert_int_eq(create(s, "b", "ann", "2"), 0);
	ck_assert_int_eq(create(s, "c", "ann", "3"), ERR_LIMIT);
	ck_assert_int_eq(create(s, "c", "bob", large), ERR_BUSY);
	ck_assert_int_eq(create(s, "c", "bob", "3"), 0);
	ck_assert_int_eq(create(s, "d", "eve", "4"), ERR_BUSY);
	ck_assert_int_eq(update(s, "a", large, 1), ERR_BUSY);
	ck_assert_int_eq(drop(s, "a"), 0);
	ck_assert_int_eq(create(s, "d", "ann", "4"), 0);
	ck_assert_uint_eq(store_count(s), 3);
	store_destroy(s);
}
END_TEST

START_TEST(pages_are_in_order_and_one_s_own) /* TKL-08 */
{
	struct store *s = make(1000, 500, 1000000);
	struct asked a;
	char id[16];
	int i;

	for (i = 0; i < 103; i++) {
		(void)snprintf(id, sizeof id, "a%d", i);
		ck_assert_int_eq(create(s, id, "ann", "x"), 0);
		(void)snprintf(id, sizeof id, "b%d", i);
		ck_assert_int_eq(create(s, id, "bob", "x"), 0);
	}
	a = page(s, "ann", 0);
	ck_assert_uint_eq(a.q.rows_len, STORE_PAGE);
	ck_assert(a.q.more);
	ck_assert_int_eq(drop(s, "a100"), 0);
	ck_assert_int_eq(update(s, "a102", "y", 1), 0);
	a = page(s, "ann", a.last);
	ck_assert_str_eq(a.ids, "a101 a102 ");
	ck_assert(!a.q.more);
	ck_assert_uint_eq(page(s, "eve", 0).q.rows_len, 0);
	store_destroy(s);
}
END_TEST

START_TEST(what_has_expired_is_gone_and_makes_room) /* TKL-16, TKX-19 */
{
	struct store *s = make(50, 50, 100000);
	int64_t now = clock_wall_ns();
	char id[16];
	int i;

	for (i = 0; i < 50; i++) { /* in no order */
		(void)snprintf(id, sizeof id, "r%d", i);
		ck_assert_int_eq(create_until(s, id, "ann", "x",
				     now + (i * 7 % 50 + 1) * FOR_LONG),
		    0);
	}
	ck_assert_uint_eq(store_expire(s, now, 100), 0);
	ck_assert_uint_eq(store_expire(s, now + 10 * FOR_LONG, 4), 4);
	ck_assert_uint_eq(store_expire(s, now + 10 * FOR_LONG, 100), 6);
	ck_assert_uint_eq(store_count(s), 40);
	for (i = 0; i < 50; i++) {
		(void)snprintf(id, sizeof id, "r%d", i);
		ck_assert_int_eq(
		    read_row(s, id).q.rc, i * 7 % 50 < 10 ? ERR_NOTFOUND : 0);
	}
	for (i = 0; i < 10; i++) {
		(void)snprintf(id, sizeof id, "old%d", i);
		ck_assert_int_eq(create_until(s, id, "ann", "x", now - 1), 0);
		ck_assert_int_eq(read_row(s, id).q.rc, ERR_NOTFOUND);
		ck_assert_int_eq(update(s, id, "y", 1), ERR_NOTFOUND);
	}
	ck_assert_int_eq(create(s, "new", "ann", "x"), 0);
	store_destroy(s);
}
END_TEST

/* A reader keeps what it was given. */
struct holder {
	struct asked a;
	struct store *s;
};

static void
held(struct store_request *q)
{
	struct holder *h = CONTAINER_OF(q, struct holder, a.q);

	ck_assert_int_eq(drop(h->s, "a"), 0);
	ck_assert_int_eq(create(h->s, "a", "bob", "other"), 0);
	answered(q);
}

START_TEST(what_was_read_stays_while_it_is_looked_at)
{
	struct store *s = make(10, 10, 10000);
	struct holder h = { .s = s, .a.q = { .done = held } };

	ck_assert_int_eq(create(s, "a", "ann", "one"), 0);
	h.a.q.row.id = S("a");
	store_read(s, &h.a.q);
	ck_assert_str_eq(h.a.value, "one");
	ck_assert_str_eq(read_row(s, "a").value, "other");
	store_destroy(s);
}
END_TEST

static int
whole_life(void)
{
	struct store_limits limits = { 10, 10, 10000 };
	struct store *s = store_memory_create(&limits, NULL);
	struct asked a = { .q = { .done = answered } };
	int rc;

	if (s == NULL)
		return ERR_NOMEM;
	a.q.row = (struct store_row){ S("a"), S("ann"), INT64_MAX, 1, S("one"),
		0, 0 };
	store_create(s, &a.q);
	rc = a.q.rc;
	if (rc == 0) {
		a.q.row = (struct store_row){ S("a"), STR_NONE, INT64_MAX, 1,
			S("two"), 0, 1 };
		store_update(s, &a.q);
		rc = a.q.rc;
		ck_assert_uint_eq(store_count(s), 1);
	} else {
		ck_assert_uint_eq(store_count(s), 0);
	}
	store_destroy(s);
	return rc;
}

START_TEST(memory_may_run_out_anywhere)
{
	long n;
	int rc = ERR_NOMEM;

	if (!ALLOC_WORKS)
		return;
	for (n = 0; rc != 0; n++) {
		alloc_left = n;
		rc = whole_life();
		alloc_left = -1;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
		ck_assert_int_lt(n, 100);
	}
	ck_assert_int_gt(n, 4);
}
END_TEST

#define THREADS 4
#define TURNS 2000

static void *
hammer(void *arg)
{
	struct store *s = arg;
	char id[8];
	int i;

	for (i = 0; i < TURNS; i++) {
		struct asked a;

		(void)snprintf(id, sizeof id, "r%d", i % 7);
		(void)create(s, id, i % 2 != 0 ? "ann" : "bob", "value");
		a = read_row(s, id);
		if (a.q.rc == 0)
			(void)update(s, id, "other", a.q.row.version);
		(void)page(s, "ann", 0);
		if (i % 3 == 0)
			(void)drop(s, id);
		(void)store_expire(s, clock_wall_ns(), 10);
	}
	return NULL;
}

START_TEST(many_threads_may_use_it)
{
	struct store *s = make(100, 100, 100000);
	pthread_t threads[THREADS];
	size_t i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, hammer, s), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_le(store_count(s), 7);
	store_destroy(s);
}
END_TEST

UNIT_MAIN("store/memory", a_row_is_there_until_it_is_dropped,
    who_is_second_changes_nothing, every_bound_is_kept,
    pages_are_in_order_and_one_s_own, what_has_expired_is_gone_and_makes_room,
    what_was_read_stays_while_it_is_looked_at, memory_may_run_out_anywhere,
    many_threads_may_use_it)
