/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue under one leaf lock.  Who submits has just paid, or will
 * pay, a wake of another thread: the lock is not what costs. */
#include "loop/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "loop/thread_priv.h"

struct loop_pool {
	pthread_mutex_t lock; /* leaf; guards the queue and 'closing' */
	pthread_cond_t more;
	struct loop_job *head;
	struct loop_job *tail;
	size_t queued;
	size_t queue_max;
	unsigned idle; /* workers in the wait */
	bool closing;
	void (*thread_begin)(void);
	void (*thread_end)(void);
	unsigned len;
	unsigned named; /* under the lock */
	pthread_t threads[];
};

/* NULL: the pool closes and the queue is empty. */
static struct loop_job *
job_take(struct loop_pool *p)
{
	struct loop_job *job;

	(void)pthread_mutex_lock(&p->lock);
	while (p->head == NULL && !p->closing) {
		p->idle++;
		(void)pthread_cond_wait(&p->more, &p->lock);
		p->idle--;
	}
	job = p->head;
	if (job != NULL) {
		p->head = job->next;
		p->queued--;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return job;
}

static unsigned
name_take(struct loop_pool *p)
{
	unsigned index;

	(void)pthread_mutex_lock(&p->lock);
	index = p->named++;
	(void)pthread_mutex_unlock(&p->lock);
	return index;
}

static void *
worker_main(void *arg)
{
	struct loop_pool *p = arg;
	struct loop_job *job;

	thread_name("worker", name_take(p));
	if (p->thread_begin != NULL)
		p->thread_begin();
	while ((job = job_take(p)) != NULL)
		job->run(job);
	if (p->thread_end != NULL)
		p->thread_end();
	return NULL;
}

struct loop_pool *
loop_pool_create(unsigned threads, size_t queue_max, void (*thread_begin)(void),
    void (*thread_end)(void), struct err *err)
{
	struct loop_pool *p;
	int errnum;

	p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
	if (p == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for workers");
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->more, NULL);
	p->queue_max = queue_max;
	p->thread_begin = thread_begin;
	p->thread_end = thread_end;
	while (p->len < threads) {
		errnum = thread_start(&p->threads[p->len], worker_main, p);
		if (errnum != 0) {
			(void)err_set_errno(err, ERR_IO, errnum,
			    "cannot start worker thread %u", p->len);
			loop_pool_destroy(p);
			return NULL;
		}
		p->len++;
	}
	return p;
}

int
loop_pool_submit(struct loop_pool *p, struct loop_job *job)
{
	bool wake;

	job->next = NULL;
	(void)pthread_mutex_lock(&p->lock);
	if (p->closing || p->queued >= p->queue_max) {
		(void)pthread_mutex_unlock(&p->lock);
		return ERR_BUSY;
	}
	if (p->head == NULL)
		p->head = job;
	else
		p->tail->next = job;
	p->tail = job;
	p->queued++;
	wake = p->idle > 0;
	(void)pthread_mutex_unlock(&p->lock);
	if (wake)
		(void)pthread_cond_signal(&p->more);
	return 0;
}

void
loop_pool_stop(struct loop_pool *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->closing = true;
	(void)pthread_cond_broadcast(&p->more);
	(void)pthread_mutex_unlock(&p->lock);
	while (p->len > 0)
		(void)pthread_join(p->threads[--p->len], NULL);
}

void
loop_pool_destroy(struct loop_pool *p)
{
	if (p == NULL)
		return;
	loop_pool_stop(p);
	(void)pthread_cond_destroy(&p->more);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}
