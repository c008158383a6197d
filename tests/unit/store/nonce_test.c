/* SPDX-License-Identifier: Apache-2.0 */
/* What counts once counts once, whoever comes at the same time (MRTR-10). */
#include "store/nonce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

#define LIFE 100

static const unsigned char *
nonce(unsigned n)
{
	static unsigned char bytes[STORE_NONCE_LEN];

	memset(bytes, 0, sizeof bytes);
	memcpy(bytes, &n, sizeof n);
	return bytes;
}

START_TEST(the_first_one_has_it_until_its_time_is_over)
{
	struct store_nonces *t = store_nonces_create(8, LIFE, NULL);

	ck_assert_int_eq(store_nonce_redeem(t, nonce(1), 0), 0);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(1), 0), ERR_EXISTS);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(2), 50), 0);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(1), LIFE - 1), ERR_EXISTS);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(1), LIFE), 0);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(2), LIFE), ERR_EXISTS);
	store_nonce_forget(t, nonce(2));
	store_nonce_forget(t, nonce(3)); /* never seen */
	ck_assert_int_eq(store_nonce_redeem(t, nonce(2), LIFE), 0);
	store_nonces_destroy(t);
	store_nonces_destroy(NULL);
}
END_TEST

START_TEST(a_full_table_refuses_and_forgets_nothing)
{
	struct store_nonces *t = store_nonces_create(2, LIFE, NULL);

	ck_assert_int_eq(store_nonce_redeem(t, nonce(1), 0), 0);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(2), 1), 0);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(3), 2), ERR_BUSY);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(1), 3), ERR_EXISTS);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(3), LIFE), 0);
	ck_assert_int_eq(store_nonce_redeem(t, nonce(2), LIFE), ERR_EXISTS);
	store_nonces_destroy(t);
}
END_TEST

START_TEST(no_two_tables_are_the_same)
{
	struct store_nonces *a = store_nonces_create(1, LIFE, NULL);
	struct store_nonces *b = store_nonces_create(1, LIFE, NULL);

	ck_assert(!str_equal(store_nonces_self(a), store_nonces_self(b)));
	ck_assert_uint_eq(store_nonces_self(a).len, STORE_NONCE_LEN);
	store_nonces_destroy(a);
	store_nonces_destroy(b);
}
END_TEST

#define THREADS 64
#define NONCES 100

struct race {
	struct store_nonces *t;
	pthread_barrier_t start;
	atomic_int won[NONCES];
	atomic_int lost[NONCES];
};

static void *
run(void *arg)
{
	struct race *r = arg;
	unsigned i;

	(void)pthread_barrier_wait(&r->start);
	for (i = 0; i < NONCES; i++) {
		unsigned char bytes[STORE_NONCE_LEN] = { (unsigned char)i };
		int rc = store_nonce_redeem(r->t, bytes, 0);

		if (rc == 0)
			atomic_fetch_add(&r->won[i], 1);
		else if (rc == ERR_EXISTS)
			atomic_fetch_add(&r->lost[i], 1);
	}
	return NULL;
}

START_TEST(of_sixty_four_at_once_one_has_it) /* MRTR-10 */
{
	static struct race r;
	pthread_t threads[THREADS];
	size_t i;

	r.t = store_nonces_create(NONCES, LIFE, NULL);
	ck_assert_int_eq(pthread_barrier_init(&r.start, NULL, THREADS), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &r), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (i = 0; i < NONCES; i++) {
		ck_assert_int_eq(atomic_load(&r.won[i]), 1);
		ck_assert_int_eq(atomic_load(&r.lost[i]), THREADS - 1);
	}
	(void)pthread_barrier_destroy(&r.start);
	store_nonces_destroy(r.t);
}
END_TEST

START_TEST(without_memory_nobody_has_it)
{
	bool failed = ALLOC_WORKS;
	long n;

	for (n = 0; failed; n++) {
		struct store_nonces *t = store_nonces_create(8, LIFE, NULL);
		int rc;

		alloc_left = n;
		rc = store_nonce_redeem(t, nonce(1), 0);
		failed = alloc_left < 0;
		alloc_left = -1;
		ck_assert_int_eq(rc, failed ? ERR_NOMEM : 0);
		ck_assert_int_eq(store_nonce_redeem(t, nonce(1), 0),
		    failed ? 0 : ERR_EXISTS);
		store_nonces_destroy(t);
	}
}
END_TEST

UNIT_MAIN("store/nonce", the_first_one_has_it_until_its_time_is_over,
    a_full_table_refuses_and_forgets_nothing, no_two_tables_are_the_same,
    of_sixty_four_at_once_one_has_it, without_memory_nobody_has_it)
