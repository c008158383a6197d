/* SPDX-License-Identifier: Apache-2.0 */
/* The real registry, calls, loops and pool: four reactors call what they find
 * while the control thread publishes as fast as it can.  A generation here is
 * a piece of memory that is freed the way plugin/generation.c frees one: by a
 * message to the control loop when its set's last reference goes.
 *
 *     registry_stress [PUBLISHES]
 *
 * Compiled with -DSKIP_ACK the registry is not told who reads: it drops each
 * old snapshot at once.  A sanitizer must then report a use after free; if it
 * does not, this test has no power. */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "call/call.h"
#include "loop/pool.h"
#include "loop/reactor.h"
#include "registry/registry.h"

enum {
	REACTORS = 4,
	WORKERS = 2,
	ENTRIES = 3, /* inline, pool, later */
	CALLS_PER_TURN = 8,
	CALLS_MAX = 16, /* in flight on one reactor */
	LIVE_MAX = 64, /* generations not yet freed */
	LATER_MAX = REACTORS * CALLS_MAX
};

#define GENERATION_MAGIC 0x47454e53u

static const char *const names[ENTRIES] = { "inline", "pool", "later" };

struct generation;

struct target {
	struct call_target target;
	struct generation *generation;
};

struct generation {
	uint32_t magic;
	unsigned number;
	struct registry_set set;
	struct registry_entry entries[ENTRIES];
	struct target targets[ENTRIES];
	struct arena arena;
	struct loop_msg msg;
};

/* What one reactor does in every turn. */
struct caller {
	struct call_reactor calls;
	struct loop_msg tick;
	struct loop *loop;
	unsigned turn;
	unsigned in_flight;
	unsigned newest; /* the highest number that answered */
	uint64_t done[ENTRIES];
	uint64_t wrong;
};

static struct loop *control;
static struct registry *registry;
static struct loop_pool *pool;
static struct loop_reactors reactors;
static struct caller callers[REACTORS];
static atomic_bool ending;
static atomic_uint published; /* at least this generation is current */

/* [control] */
static unsigned wanted, made, freed;
static struct loop_msg publish_msg;
static struct loop_timer idle;

/* A thread that completes calls, as a plugin's own would. */
static struct {
	pthread_t thread;
	pthread_mutex_t lock; /* leaf; guards what follows */
	pthread_cond_t more;
	struct call *calls[LATER_MAX];
	unsigned head, len;
	bool ending;
} finisher;

static int
generation_answer(struct generation *g, struct call *c)
{
	char text[32];
	struct call_content block = { .type = CALL_TEXT };

	CHECK(g->magic == GENERATION_MAGIC);
	block.data.ptr = text;
	block.data.len = (size_t)snprintf(text, sizeof text, "%u", g->number);
	return call_content_add(c, &block) < 0 ? CALL_ENOMEM : CALL_OK;
}

static struct generation *
generation_of(struct call_target *t)
{
	return CONTAINER_OF(t, struct target, target)->generation;
}

static int
run_inline(struct call_target *t, struct call *c)
{
	return generation_answer(generation_of(t), c);
}

static int
run_pool(struct call_target *t, struct call *c)
{
	CHECK(generation_of(t)->magic == GENERATION_MAGIC);
	(void)sched_yield(); /* others publish meanwhile */
	return generation_answer(generation_of(t), c);
}

static int
run_later(struct call_target *t, struct call *c)
{
	(void)t;
	(void)pthread_mutex_lock(&finisher.lock);
	CHECK(finisher.len < LATER_MAX);
	finisher.calls[(finisher.head + finisher.len++) % LATER_MAX] = c;
	(void)pthread_cond_signal(&finisher.more);
	(void)pthread_mutex_unlock(&finisher.lock);
	return CALL_PENDING;
}

static void *
finisher_main(void *arg)
{
	struct call *c;

	(void)arg;
	(void)pthread_mutex_lock(&finisher.lock);
	for (;;) {
		while (finisher.len == 0 && !finisher.ending)
			(void)pthread_cond_wait(&finisher.more, &finisher.lock);
		if (finisher.len == 0)
			break;
		c = finisher.calls[finisher.head];
		finisher.head = (finisher.head + 1) % LATER_MAX;
		finisher.len--;
		(void)pthread_mutex_unlock(&finisher.lock);
		CHECK(
		    call_done(c, generation_answer(generation_of(c->target), c))
		    == 0);
		(void)pthread_mutex_lock(&finisher.lock);
	}
	(void)pthread_mutex_unlock(&finisher.lock);
	return NULL;
}

static void
target_pin(struct call_target *t)
{
	registry_set_ref(&generation_of(t)->set);
}

static void
target_unpin(struct call_target *t)
{
	registry_set_unref(&generation_of(t)->set);
}

static const struct call_target_ops ops[ENTRIES] = {
	{ run_inline, target_pin, target_unpin },
	{ run_pool, target_pin, target_unpin },
	{ run_later, target_pin, target_unpin },
};

static void
generation_free(struct generation *g)
{
	for (int i = 0; i < ENTRIES; i++)
		call_target_finish(&g->targets[i].target);
	arena_finish(&g->arena);
	OBJ_WIPE(g);
	free(g);
	freed++;
}

static void
released_run(struct loop_msg *msg)
{
	generation_free(CONTAINER_OF(msg, struct generation, msg));
}

/* [any] */
static void
set_released(struct registry_set *s)
{
	loop_post(control, &CONTAINER_OF(s, struct generation, set)->msg);
}

static struct generation *
generation_create(unsigned number)
{
	struct generation *g = calloc(1, sizeof *g);

	CHECK(g != NULL);
	g->magic = GENERATION_MAGIC;
	g->number = number;
	g->msg.run = released_run;
	arena_init(&g->arena, 0);
	ref_init(&g->set.ref);
	g->set.plugin = S("stress");
	g->set.entries = g->entries;
	g->set.len = ENTRIES;
	g->set.released = set_released;
	for (int i = 0; i < ENTRIES; i++) {
		struct target *t = &g->targets[i];

		call_target_init(&t->target, &ops[i]);
		t->target.nonblocking = i != 1;
		t->generation = g;
		g->entries[i].set = &g->set;
		g->entries[i].kind = REGISTRY_TOOL;
		g->entries[i].name = str_of(names[i]);
		g->entries[i].key = g->entries[i].name;
		g->entries[i].target = &t->target;
	}
	made++;
	return g;
}

static void
describe(const struct registry_entry *e, unsigned dialect, struct buf *out)
{
	(void)dialect;
	buf_printf(out, "{\"name\":\"%.*s\",\"n\":%u}", STR_FMT(e->name),
	    generation_of(e->target)->number);
}

static void
publish_next(void)
{
	struct generation *g = generation_create(made + 1);
	struct err err;

	CHECK(registry_describe(registry, &g->set, &g->arena) == 0);
	CHECK(registry_put(registry, &g->set, &err) == 0);
	CHECK(registry_publish(registry, &err) == 0);
	atomic_store(&published, g->number);
}

/* [control] Again in the next turn, for as long as there is room. */
static void
publish_run(struct loop_msg *msg)
{
	if (made - freed < LIVE_MAX && made < wanted)
		publish_next();
	if (made < wanted) {
		loop_post(control, msg);
		return;
	}
	loop_stop(control);
}

static void
no_progress(struct call *c, double done, double total, struct str text)
{
	(void)c;
	(void)done;
	(void)total;
	(void)text;
}

/* [reactor] Not older than what was published before the call. */
static void
call_finished(struct call *c, enum call_status status)
{
	struct caller *r = CONTAINER_OF(c->reactor, struct caller, calls);
	unsigned least = (unsigned)(uintptr_t)c->sink_arg;
	char text[32] = "";
	unsigned number;
	int kind = 0;

	while (kind < ENTRIES - 1 && !str_equal(c->name, str_of(names[kind])))
		kind++;
	r->in_flight--;
	r->done[kind]++;
	if (status != CALL_OK || c->contents == NULL) {
		r->wrong++;
		return;
	}
	(void)snprintf(text, sizeof text, "%.*s", STR_FMT(c->contents->data));
	number = (unsigned)strtoul(text, NULL, 10);
	if (number < least)
		r->wrong++;
	if (number > r->newest)
		r->newest = number;
}

static const struct call_sink sink = { .progress = no_progress,
	.finished = call_finished };

/* Reads the list too: it lives in the snapshot. */
static void
list_read(struct caller *r, const struct registry_snapshot *s)
{
	const struct registry_page *page = registry_page(
	    s, REGISTRY_TOOL, r->turn % REGISTRY_DIALECTS, STR_NONE);
	char first[16];

	(void)snprintf(
	    first, sizeof first, "%.*s", (int)page->items.len, page->items.ptr);
	if (strncmp(first, "{\"name\":\"", 9) != 0)
		r->wrong++;
}

/* Those that outlive their turn are few at a time; the others go on. */
static const char *
name_choose(struct caller *r)
{
	return r->in_flight < CALLS_MAX ? names[r->turn++ % ENTRIES] : names[0];
}

static void
call_one(struct caller *r)
{
	unsigned least = atomic_load(&published);
	const struct registry_snapshot *s = registry_current(registry);
	const struct registry_entry *e =
	    registry_find(s, REGISTRY_TOOL, str_of(name_choose(r)));
	struct call *c;

	if (e == NULL) {
		r->wrong++;
		return;
	}
	list_read(r, s);
	c = call_create(&r->calls, CALL_TOOL, e->target, e->name, NULL, &sink,
	    (void *)(uintptr_t)least);
	CHECK(c != NULL);
	r->in_flight++;
	call_start(c);
}

/* [reactor] */
static void
tick(struct loop_msg *msg)
{
	struct caller *r = CONTAINER_OF(msg, struct caller, tick);

	for (int i = 0; i < CALLS_PER_TURN; i++)
		call_one(r);
	if (!atomic_load_explicit(&ending, memory_order_relaxed))
		loop_post(r->loop, msg);
}

static int
reactor_begin(struct loop_reactor *reactor, void *arg, struct err *err)
{
	struct caller *r = &callers[reactor->index];

	(void)arg;
	(void)err;
	r->loop = reactor->loop;
	call_reactor_init(&r->calls, reactor->loop, pool);
	r->tick.run = tick;
	loop_post(r->loop, &r->tick);
	return 0;
}

static void
reactor_end(struct loop_reactor *reactor, void *arg)
{
	(void)arg;
	call_reactor_finish(&callers[reactor->index].calls);
}

static void
keep_turning(void *arg)
{
	(void)arg;
	loop_timer_set(control, &idle, clock_now_ns() + NS_PER_S);
}

/* Everything that readers and writers need. */
static void
begin(void)
{
	struct err err;

	control = loop_create(&err);
	registry = registry_create(describe, &err);
	pool = loop_pool_create(
	    WORKERS, (size_t)REACTORS * CALLS_MAX, NULL, NULL, &err);
	CHECK(control != NULL && registry != NULL && pool != NULL);
	(void)pthread_mutex_init(&finisher.lock, NULL);
	(void)pthread_cond_init(&finisher.more, NULL);
	CHECK(pthread_create(&finisher.thread, NULL, finisher_main, NULL) == 0);
	publish_next();
	CHECK(loop_reactors_start(
		  &reactors, REACTORS, reactor_begin, reactor_end, NULL, &err)
	    == 0);
#ifndef SKIP_ACK
	registry_readers_set(registry, &reactors, control);
#endif
	loop_timer_init(&idle, keep_turning, NULL);
	keep_turning(NULL);
}

static void
control_stop(void *arg)
{
	(void)arg;
	loop_stop(control);
}

/* No reactor makes a call any more; then who completes them ends, then the
 * reactors, then what they used. */
static void
end(void)
{
	atomic_store(&ending, true);
	CHECK(
	    loop_reactors_barrier(&reactors, control, NULL, control_stop, NULL)
	    == 0);
	loop_run(control);
	(void)pthread_mutex_lock(&finisher.lock);
	finisher.ending = true;
	(void)pthread_cond_signal(&finisher.more);
	(void)pthread_mutex_unlock(&finisher.lock);
	(void)pthread_join(finisher.thread, NULL);
	loop_pool_destroy(pool);
	loop_reactors_stop(&reactors);
	registry_readers_set(registry, NULL, NULL);
	while (freed + 1 < made)
		loop_turn(control);
	registry_destroy(registry);
	while (freed < made)
		loop_turn(control);
	loop_timer_clear(&idle);
	loop_destroy(control);
	(void)pthread_cond_destroy(&finisher.more);
	(void)pthread_mutex_destroy(&finisher.lock);
}

int
main(int argc, char **argv)
{
	const char *nightly = getenv("TOOLPOST_LONG");
	uint64_t done[ENTRIES] = { 0 }, wrong = 0;
	bool all = true;

	wanted = argc > 1     ? (unsigned)strtoul(argv[1], NULL, 10)
	    : nightly != NULL ? 200000
			      : 10000;
	begin();
	publish_msg.run = publish_run;
	loop_post(control, &publish_msg);
	loop_run(control);
	end();
	for (int r = 0; r < REACTORS; r++) {
		wrong += callers[r].wrong;
		all = all && callers[r].newest > 1;
		for (int i = 0; i < ENTRIES; i++)
			done[i] += callers[r].done[i];
	}
	(void)printf("{\"test\":\"registry\",\"published\":%u,\"freed\":%u,"
		     "\"inline\":%llu,\"pool\":%llu,\"later\":%llu,"
		     "\"wrong\":%llu}\n",
	    made, freed, (unsigned long long)done[0],
	    (unsigned long long)done[1], (unsigned long long)done[2],
	    (unsigned long long)wrong);
	return wrong != 0 || freed != made || !all;
}
