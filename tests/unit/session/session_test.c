/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <pthread.h>
#include <string.h>

#include "unit/unit.h"

static struct session_table *
table(size_t max)
{
	struct err err;
	struct session_table *t = session_table_create(max, &err);

	ck_assert_ptr_nonnull(t);
	return t;
}

static struct session *
make(struct session_table *t, int64_t now)
{
	struct session *s;

	ck_assert_int_eq(session_create(t, now, &s), 0);
	return s;
}

START_TEST(ids_are_visible_ascii_of_128_random_bits) /* SES-02, SES-03 */
{
	struct session_table *t = table(10);
	struct session *a = make(t, 0), *b = make(t, 0);
	size_t i;

	ck_assert_uint_eq(strlen(a->id), SESSION_ID_LEN);
	for (i = 0; i < SESSION_ID_LEN; i++)
		ck_assert(strchr("0123456789abcdef", a->id[i]) != NULL);
	ck_assert_str_ne(a->id, b->id);
	ck_assert_uint_ne(a->peer.scope, b->peer.scope);
	session_unref(a);
	session_unref(b);
	session_table_destroy(t);
}
END_TEST

START_TEST(an_ended_session_is_found_no_more) /* SES-05 */
{
	struct session_table *t = table(10);
	struct session *s = make(t, 0), *found;
	struct str id = { s->id, SESSION_ID_LEN };

	found = session_find(t, id, 5);
	ck_assert_ptr_eq(found, s);
	ck_assert_int_eq(atomic_load(&s->used_ns), 5);
	session_unref(found);
	ck_assert(session_end(t, s));
	ck_assert(!session_end(t, s));
	ck_assert_ptr_null(session_find(t, id, 6));
	ck_assert_uint_eq(session_count(t), 0);
	session_unref(s);
	ck_assert_ptr_null(session_find(t, S("short"), 0));
	session_table_destroy(t);
}
END_TEST

START_TEST(the_bound_on_sessions_holds)
{
	struct session_table *t = table(2);
	struct session *a = make(t, 0), *b = make(t, 0), *c;

	ck_assert_int_eq(session_create(t, 0, &c), ERR_BUSY);
	ck_assert(session_end(t, a));
	ck_assert_int_eq(session_create(t, 0, &c), 0);
	session_unref(a);
	session_unref(b);
	session_unref(c);
	session_table_destroy(t);
}
END_TEST

static void
count(struct session *s, void *arg)
{
	ck_assert(atomic_load(&s->ended));
	(*(int *)arg)++;
}

START_TEST(idle_sessions_expire_and_streaming_ones_stay) /* SES-06 */
{
	struct session_table *t = table(10);
	struct session *old = make(t, 1), *live = make(t, 1),
		       *fresh = make(t, 9);
	int ended = 0;

	atomic_store(&live->streaming, true);
	session_expire(t, 5, count, &ended);
	ck_assert_int_eq(ended, 1);
	ck_assert(atomic_load(&old->ended));
	ck_assert_uint_eq(session_count(t), 2);
	session_unref(old);
	session_unref(live);
	session_unref(fresh);
	session_table_destroy(t);
}
END_TEST

static void *
churn(void *arg)
{
	struct session_table *t = arg;
	int i;

	for (i = 0; i < 2000; i++) {
		struct session *s = make(t, i), *found;

		found =
		    session_find(t, (struct str){ s->id, SESSION_ID_LEN }, i);
		ck_assert_ptr_eq(found, s);
		session_unref(found);
		ck_assert(session_end(t, s));
		session_unref(s);
	}
	return NULL;
}

START_TEST(four_threads_create_find_and_end)
{
	struct session_table *t = table(100);
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, churn, t), 0);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(session_count(t), 0);
	session_table_destroy(t);
}
END_TEST

static void
count_ended(struct session *s, void *arg)
{
	ck_assert(atomic_load(&s->ended));
	(*(int *)arg)++;
}

START_TEST(more_idle_sessions_than_one_batch_end_at_once)
{
	enum { MANY = 40000 }; /* several batches of each shard */
	struct session_table *t = table(MANY + 1);
	struct session *kept = make(t, 10);
	int i, ended = 0;

	for (i = 0; i < MANY; i++)
		session_unref(make(t, 1));
	session_expire(t, 5, count_ended, &ended);
	ck_assert_int_eq(ended, MANY);
	ck_assert_uint_eq(session_count(t), 1);
	session_unref(kept);
	session_table_destroy(t);
}
END_TEST

UNIT_MAIN("session/session", more_idle_sessions_than_one_batch_end_at_once,
    ids_are_visible_ascii_of_128_random_bits, an_ended_session_is_found_no_more,
    the_bound_on_sessions_holds, idle_sessions_expire_and_streaming_ones_stay,
    four_threads_create_find_and_end)
