/* SPDX-License-Identifier: Apache-2.0 */
/* More connections than one table of descriptors holds: as many runs at once,
 * each on a thread with a table of its own, that wait for each other between
 * the steps.  The first of them measures the server, and triggers rounds. */
#include "bench/bench_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/clock.h"
#include "loop/reactor.h"

#define SPARE 64 /* descriptors that are no connections */
#define PER_SOURCE 4000 /* the kernel's search for a port grows slow */

struct member {
	struct bench_run run;
	struct bench_options options;
	struct bench_result result;
	struct err err;
	int rc;
	pthread_t thread;
	bool started;
};

struct bench_crowd {
	pthread_mutex_t lock; /* leaf; guards what follows */
	struct member *members; /* owned */
	unsigned len;
	unsigned arrived;
	bool over;
	int64_t trigger_ns; /* of this round */
	int64_t first_ns;
	int64_t last_ns;
};

static void
lock(struct bench_crowd *c)
{
	CHECK(pthread_mutex_lock(&c->lock) == 0);
}

static void
unlock(struct bench_crowd *c)
{
	CHECK(pthread_mutex_unlock(&c->lock) == 0);
}

bool
bench_crowd_leads(const struct bench_run *run)
{
	return run->crowd == NULL || run == &run->crowd->members[0].run;
}

static void
go_run(struct loop_msg *msg)
{
	struct bench_run *run = CONTAINER_OF(msg, struct bench_run, go);

	if (run->phase < BENCH_LEAVE)
		run->next(run);
}

void
bench_crowd_wait(struct bench_run *run, void (*next)(struct bench_run *run))
{
	struct bench_crowd *c = run->crowd;
	bool all;
	unsigned i;

	if (c == NULL) {
		next(run);
		return;
	}
	run->next = next;
	run->go.run = go_run;
	lock(c);
	all = ++c->arrived == c->len;
	if (all)
		c->arrived = 0;
	unlock(c);
	for (i = 0; all && i < c->len; i++)
		loop_post(c->members[i].run.loop, &c->members[i].run.go);
}

static void
end_run(struct loop_msg *msg)
{
	struct bench_run *run = CONTAINER_OF(msg, struct bench_run, end);

	if (run->phase == BENCH_MEASURE)
		bench_phase_leave(run);
	else if (run->phase == BENCH_WARM)
		bench_phase_fail(run);
}

static void
end_all(struct bench_crowd *c, const struct bench_run *but)
{
	bool first;
	unsigned i;

	lock(c);
	first = !c->over;
	c->over = true;
	unlock(c);
	for (i = 0; first && i < c->len; i++) {
		struct bench_run *other = &c->members[i].run;

		other->end.run = end_run;
		if (other != but)
			loop_post(other->loop, &other->end);
	}
}

void
bench_crowd_end(struct bench_run *run)
{
	if (run->crowd != NULL)
		end_all(run->crowd, run);
}

void
bench_crowd_note(struct bench_run *run)
{
	const struct bench_crowd *c = run->crowd;
	const struct bench_options *o = run->o;
	unsigned i, open = 0;
	char text[80];

	if (c == NULL || o->note == NULL || !bench_crowd_leads(run))
		return;
	for (i = 0; i < c->len; i++)
		open += c->members[i].options.connections;
	(void)snprintf(text, sizeof text,
	    "%u connections are open after %.2f s", open,
	    (double)(clock_now_ns() - run->open_ns) / 1e9); /* it fits */
	o->note(o->note_arg, text);
}

/* Rounds: from the trigger to the last stream of all. */

void
bench_crowd_trigger(struct bench_run *run)
{
	struct bench_crowd *c = run->crowd;

	if (c == NULL)
		return;
	lock(c);
	c->trigger_ns = run->trigger_ns;
	unlock(c);
}

void
bench_crowd_told(struct bench_run *run)
{
	struct bench_crowd *c = run->crowd;

	if (c == NULL)
		return;
	lock(c);
	if (c->first_ns == 0 || run->first_ns < c->first_ns)
		c->first_ns = run->first_ns;
	if (run->heard_ns > c->last_ns)
		c->last_ns = run->heard_ns;
	unlock(c);
}

void
bench_crowd_round(struct bench_run *run, struct bench_round *round)
{
	struct bench_crowd *c = run->crowd;
	int64_t from;

	if (c == NULL)
		return;
	lock(c);
	from = c->trigger_ns != 0 ? c->trigger_ns : c->first_ns;
	round->first_ms = (double)(c->first_ns - from) / 1e6;
	round->last_ms = (double)(c->last_ns - from) / 1e6;
	c->first_ns = c->last_ns = c->trigger_ns = 0;
	unlock(c);
}

/* How many threads: as few as hold them all. */

static unsigned
table_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* else the soft one holds */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0
	    || limit.rlim_cur > BENCH_CONNECTIONS_MAX)
		return BENCH_CONNECTIONS_MAX;
	return (unsigned)limit.rlim_cur;
}

unsigned
bench_crowd_size(const struct bench_options *o)
{
	unsigned holds = table_size(), n;

	if (o->mode != BENCH_IDLE && o->mode != BENCH_STREAMS)
		return 1;
	if (o->threads > 0)
		return o->threads < o->connections ? o->threads
						   : o->connections;
	holds = holds > 2 * SPARE ? holds * 19 / 20 - SPARE : 1;
	n = (o->connections + holds - 1) / holds;
	return n < BENCH_THREADS_MAX ? n : BENCH_THREADS_MAX;
}

void
bench_sources_choose(struct bench_options *o, const struct net_addr *to)
{
	const struct sockaddr_in *in =
	    (const struct sockaddr_in *)(const void *)&to->sa;

	if (o->sources > 0 || o->connections <= PER_SOURCE
	    || to->sa.ss_family != AF_INET
	    || ntohl(in->sin_addr.s_addr) >> 24 != 127)
		return;
	o->sources = (o->connections + PER_SOURCE - 1) / PER_SOURCE;
}

/* Its share of the connections, and addresses of its own. */
static void
share_take(struct bench_crowd *c, unsigned i, const struct bench_options *o)
{
	struct bench_options *own = &c->members[i].options;
	unsigned each = o->connections / c->len;
	unsigned more = o->connections % c->len;

	*own = *o;
	own->connections = each + (i < more);
	if (i > 0) {
		own->server = 0;
		own->hold = false;
	}
	if (o->sources == 0)
		return;
	own->sources = o->sources / c->len > 0 ? o->sources / c->len : 1;
	own->first_source = o->first_source + i * own->sources % o->sources;
}

static void *
member_main(void *arg)
{
	struct member *m = arg;

	m->rc = loop_thread_table_own(&m->err);
	if (m->rc == 0)
		bench_run_drive(&m->run);
	else
		bench_crowd_end(&m->run);
	return NULL;
}

static void
result_add(struct bench_result *to, const struct bench_result *r)
{
	int f;

	to->answers += r->answers;
	to->all += r->all;
	to->opened += r->opened;
	to->open_s = r->open_s > to->open_s ? r->open_s : to->open_s;
	to->fewest = r->fewest < to->fewest ? r->fewest : to->fewest;
	to->most = r->most > to->most ? r->most : to->most;
	if (to->errors == 0 && r->errors > 0)
		memcpy(to->wrong, r->wrong, sizeof to->wrong);
	to->errors += r->errors;
	for (f = 0; f < BENCH_FAULTS; f++)
		to->faults[f] += r->faults[f];
	bench_histogram_add(&to->latency, &r->latency);
}

static int
members_make(
    struct bench_crowd *c, const struct bench_options *o, struct err *err)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < c->len && rc == 0; i++) {
		struct member *m = &c->members[i];

		share_take(c, i, o);
		m->run.crowd = c;
		rc = bench_run_init(&m->run, &m->options, &m->result, err);
	}
	return rc;
}

static int
members_run(struct bench_crowd *c, struct bench_result *r, struct err *err)
{
	int rc = 0, errnum = 0;
	unsigned i;

	for (i = 0; i < c->len && errnum == 0; i++) {
		struct member *m = &c->members[i];

		errnum = pthread_create(&m->thread, NULL, member_main, m);
		m->started = errnum == 0;
	}
	if (errnum != 0) {
		rc = err_set_errno(err, ERR_IO, errnum, "no thread");
		end_all(c, NULL);
	}
	for (i = 0; i < c->len; i++) {
		struct member *m = &c->members[i];

		if (!m->started)
			continue;
		(void)pthread_join(m->thread, NULL);
		if (m->rc < 0 && rc == 0)
			rc = err_set(err, m->rc, "%s", m->err.text);
		if (i == 0)
			*r = m->result;
		else
			result_add(r, &m->result);
	}
	return rc;
}

int
bench_crowd_run(const struct bench_options *o, unsigned threads,
    struct bench_result *r, struct err *err)
{
	struct bench_crowd *c = calloc(1, sizeof *c);
	unsigned i;
	int rc;

	if (c != NULL)
		c->members = calloc(threads, sizeof *c->members);
	if (c == NULL || c->members == NULL) {
		free(c);
		return err_set(err, ERR_NOMEM, "no memory");
	}
	c->len = threads;
	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	rc = members_make(c, o, err);
	if (rc == 0)
		rc = members_run(c, r, err);
	for (i = 0; i < c->len; i++)
		bench_run_finish(&c->members[i].run);
	(void)pthread_mutex_destroy(&c->lock); /* nobody holds it */
	free(c->members);
	free(c);
	return rc;
}
