/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: all jobs run, the queue has a bound, the end runs what is left. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/check.h"
#include "loop/pool.h"
#include "unit/unit.h"

static atomic_uint ran;
static atomic_uint begun;
static atomic_uint ended;

static void
begin(void)
{
	sigset_t mask;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
	CHECK(sigismember(&mask, SIGTERM) == 1);
	atomic_fetch_add(&begun, 1);
}

static void
end(void)
{
	atomic_fetch_add(&ended, 1);
}

static void
count(struct loop_job *job)
{
	(void)job;
	atomic_fetch_add(&ran, 1);
}

START_TEST(every_job_runs_once)
{
	struct loop_job jobs[1000];
	struct loop_pool *p;
	struct err err;

	p = loop_pool_create(4, 1000, begin, end, &err);
	ck_assert_ptr_nonnull(p);
	for (unsigned i = 0; i < 1000; i++) {
		jobs[i].run = count;
		ck_assert_int_eq(loop_pool_submit(p, &jobs[i]), 0);
	}
	loop_pool_destroy(p);
	ck_assert_uint_eq(atomic_load(&ran), 1000);
	ck_assert_uint_eq(atomic_load(&begun), 4);
	ck_assert_uint_eq(atomic_load(&ended), 4);
}
END_TEST

struct gate_job {
	struct loop_job job;
	pthread_barrier_t started;
	pthread_barrier_t go;
};

static void
gate_run(struct loop_job *job)
{
	struct gate_job *g = (struct gate_job *)(void *)job;

	(void)pthread_barrier_wait(&g->started);
	(void)pthread_barrier_wait(&g->go);
}

START_TEST(a_full_queue_refuses)
{
	struct loop_job jobs[4];
	struct gate_job gate;
	struct loop_pool *p;
	struct err err;

	(void)pthread_barrier_init(&gate.started, NULL, 2);
	(void)pthread_barrier_init(&gate.go, NULL, 2);
	gate.job.run = gate_run;
	p = loop_pool_create(1, 3, NULL, NULL, &err);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(loop_pool_submit(p, &gate.job), 0);
	(void)pthread_barrier_wait(&gate.started);
	for (unsigned i = 0; i < 4; i++) {
		jobs[i].run = count;
		ck_assert_int_eq(
		    loop_pool_submit(p, &jobs[i]), i < 3 ? 0 : ERR_BUSY);
	}
	(void)pthread_barrier_wait(&gate.go);
	loop_pool_destroy(p);
	ck_assert_uint_eq(atomic_load(&ran), 3);
	(void)pthread_barrier_destroy(&gate.started);
	(void)pthread_barrier_destroy(&gate.go);
}
END_TEST

START_TEST(ending_without_a_pool_is_harmless)
{
	loop_pool_destroy(NULL);
}
END_TEST

UNIT_MAIN("loop/pool", every_job_runs_once, a_full_queue_refuses,
    ending_without_a_pool_is_harmless)
