/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that say they do not block, and do: their reactor's connections all
 * wait for them.
 *
 * Nothing is measured until a turn with such calls has taken too long.  Then
 * the next calls are, one by one: which of them it is, and that it waited or
 * computed, so that a busy machine is not taken for a slow handler. */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/call_priv.h"

static void turn_ended(void *arg);

void
call_block_init(struct call_reactor *r)
{
	r->block_ns = CALL_BLOCK_NS;
	loop_deferred_init(&r->turn_end, turn_ended, r);
}

static void
turn_ended(void *arg)
{
	struct call_reactor *r = arg;

	if (clock_coarse_ns() - loop_now(r->loop) > r->block_ns)
		r->measured = CALL_MEASURED;
}

static int64_t
ns_of(const struct timeval *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + (int64_t)t->tv_usec * 1000;
}

/* Its own doing, not that others had the processor meanwhile? */
static bool
is_its_own(const struct rusage *from, const struct rusage *to, int64_t bound_ns)
{
	int64_t computed = ns_of(&to->ru_utime) - ns_of(&from->ru_utime)
	    + ns_of(&to->ru_stime) - ns_of(&from->ru_stime);

	return to->ru_nvcsw > from->ru_nvcsw || computed > bound_ns;
}

static void
blocks(struct call *c, int64_t took_ns)
{
	struct call_target *t = c->target;

	if (atomic_exchange(&t->blocks, true))
		return; /* another reactor was first */
	LOG_WARN("plugin handler blocks", F_CSTR("plugin", t->plugin),
	    F_STR("entry", c->name), F_INT("ms", took_ns / NS_PER_MS),
	    F_INT("bound_ms", c->reactor->block_ns / NS_PER_MS),
	    F_CSTR("hint",
		"it is marked TP_NONBLOCKING and is not: its calls run in the "
		"pool from now on"));
}

static int
run_measured(struct call *c)
{
	struct call_reactor *r = c->reactor;
	int64_t begin = clock_now_ns(), took;
	struct rusage from, to;
	int rc;

	r->measured--;
	(void)getrusage(RUSAGE_THREAD, &from); /* cannot fail */
	rc = c->target->ops->run(c->target, c);
	took = clock_now_ns() - begin;
	if (took <= r->block_ns)
		return rc;
	(void)getrusage(RUSAGE_THREAD, &to);
	if (is_its_own(&from, &to, r->block_ns))
		blocks(c, took);
	return rc;
}

int
call_block_run(struct call *c)
{
	struct call_reactor *r = c->reactor;

	if (r->block_ns == 0)
		return c->target->ops->run(c->target, c);
	loop_defer(r->loop, &r->turn_end);
	if (r->measured > 0)
		return run_measured(c);
	return c->target->ops->run(c->target, c);
}
