/* SPDX-License-Identifier: Apache-2.0 */
/* W7: look-ups in the tables of the server, in this process, each one timed.
 * Sessions: 100,000 keys, while a second thread looks up too and spends a
 * tenth of its operations on delete and insert.  Entries: two reactors read
 * the snapshot that a third thread replaces a hundred times a second. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "bench/histogram.h"
#include "registry/registry.h"
#include "session/session.h"

#define SESSIONS 100000
#define CHURNED 10000
#define LOOKUPS 3000000
#define LOOKUPS_QUICK 100000
#define BATCH 1000 /* look-ups in one turn of a reactor */
#define READERS 2
#define NAMES_MANY 99990 /* and those that change */
#define CALIBRATE_NS INT64_C(50000000)
#define PUBLISH_NS INT64_C(10000000)

static double ns_per_tick;
static long lookups = LOOKUPS;
/* Said behind the table. */
static char told[2][128];
static int told_len;

#if defined(__x86_64__)
static inline uint64_t
ticks(void)
{
	unsigned lo, hi, id;

	__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(id)::"memory");
	return (uint64_t)hi << 32 | lo;
}
#else
static inline uint64_t
ticks(void)
{
	return (uint64_t)clock_now_ns();
}
#endif

static void
calibrate(void)
{
	int64_t start = clock_now_ns(), now;
	uint64_t from = ticks();

	do
		now = clock_now_ns();
	while (now - start < CALIBRATE_NS);
	ns_per_tick = (double)(now - start) / (double)(ticks() - from);
}

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	/* Where there is no such core, it runs anywhere. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* xorshift: which key comes next, cheaply. */
static inline uint32_t
next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void
took(struct bench_histogram *h, uint64_t from, uint64_t to)
{
	bench_histogram_put(h, (int64_t)((double)(to - from) * ns_per_tick));
}

static void
row(const char *name, const struct bench_histogram *h, double seconds)
{
	printf("| %s | %.1f | %.0f | %.0f | %.0f | %.0f |\n", name,
	    (double)h->count / seconds / 1e6, bench_histogram_us(h, 0.5) * 1e3,
	    bench_histogram_us(h, 0.99) * 1e3,
	    bench_histogram_us(h, 0.999) * 1e3,
	    bench_histogram_us(h, 0.9999) * 1e3);
}

/* --- sessions --- */

struct churn {
	struct session_table *table;
	struct session *mine[CHURNED];
	const char (*ids)[SESSION_ID_LEN + 1];
	atomic_bool stop;
};

static struct session *
session_make(struct session_table *t)
{
	struct session *s;

	CHECK(session_create(t, 1, &s) == 0);
	return s;
}

static void
lookup_one(struct session_table *t, const char *id)
{
	struct session *s = session_find(t, str_of(id), 2);

	CHECK(s != NULL && strcmp(s->id, id) == 0);
	session_unref(s);
}

static void *
churn_run(void *arg)
{
	struct churn *c = arg;
	uint32_t x = 12345, n;

	pin(1);
	for (n = 0; !atomic_load(&c->stop); n++) {
		uint32_t at = next_random(&x);

		if (n % 10 != 0) {
			lookup_one(c->table, c->ids[at % SESSIONS]);
			continue;
		}
		CHECK(session_end(c->table, c->mine[at % CHURNED]));
		session_unref(c->mine[at % CHURNED]);
		c->mine[at % CHURNED] = session_make(c->table);
	}
	return NULL;
}

static void
sessions_measure(void)
{
	static char ids[SESSIONS][SESSION_ID_LEN + 1];
	static struct bench_histogram h;
	static struct churn c;
	pthread_t thread;
	int64_t start;
	uint32_t x = 1;
	long i;

	c.table = session_table_create(SESSIONS + 2 * CHURNED, NULL);
	CHECK(c.table != NULL);
	for (i = 0; i < SESSIONS; i++) {
		struct session *s = session_make(c.table);

		memcpy(ids[i], s->id, sizeof ids[i]);
		session_unref(s);
	}
	for (i = 0; i < CHURNED; i++)
		c.mine[i] = session_make(c.table);
	c.ids = (const char(*)[SESSION_ID_LEN + 1]) ids;
	CHECK(pthread_create(&thread, NULL, churn_run, &c) == 0);
	start = clock_now_ns();
	for (i = 0; i < lookups; i++) {
		char id[SESSION_ID_LEN + 1]; /* at hand, as in a request */
		uint64_t from;

		memcpy(id, ids[next_random(&x) % SESSIONS], sizeof id);
		from = ticks();
		lookup_one(c.table, id);
		took(&h, from, ticks());
	}
	row("session, 100,000 keys, 10 % churn in a second thread", &h,
	    (double)(clock_now_ns() - start) / 1e9);
	atomic_store(&c.stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
	for (i = 0; i < CHURNED; i++)
		session_unref(c.mine[i]);
	session_table_destroy(c.table);
}

/* --- entries --- */

struct names {
	struct registry_set base;
	struct arena arena;
};

struct reader {
	struct loop_msg again;
	struct registry *registry;
	struct loop *loop;
	uint32_t names;
	uint32_t x;
	atomic_long left;
	struct bench_histogram h;
};

static void
names_released(struct registry_set *s)
{
	struct names *n = (struct names *)s;

	arena_finish(&n->arena);
	free(n);
}

static void
describe(const struct registry_entry *e, unsigned dialect, struct buf *out)
{
	(void)dialect; /* all alike */
	buf_printf(out, "{\"name\":\"%.*s\"}", STR_FMT(e->key));
}

static void
name_of(char *out, size_t size, uint32_t i)
{
	(void)snprintf(out, size, "tool_number_%05u", (unsigned)i);
}

/* Of this thread: whoever else runs here does not count. */
static int64_t
cpu_ns(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* A plugin's tools; the last name changes with each turn, so that the list
 * does.  The CPU time of putting and publishing goes to h. */
static void
names_put(struct registry *r, struct str plugin, uint32_t count, uint32_t turn,
    struct bench_histogram *h)
{
	struct names *n = calloc(1, sizeof *n);
	char key[32];
	uint32_t i;
	int64_t start;
	struct err err;

	CHECK(n != NULL);
	arena_init(&n->arena, 0);
	ref_init(&n->base.ref);
	n->base.plugin = plugin;
	n->base.released = names_released;
	n->base.len = count + 1;
	n->base.entries =
	    arena_zalloc(&n->arena, (count + 1) * sizeof *n->base.entries);
	for (i = 0; i <= count; i++) {
		struct registry_entry *e = &n->base.entries[i];

		name_of(key, sizeof key, i);
		if (i == count)
			(void)snprintf(key, sizeof key, "%.*s_changes_%u",
			    STR_FMT(plugin), (unsigned)turn);
		e->set = &n->base;
		e->kind = REGISTRY_TOOL;
		e->key = e->name = arena_dup(&n->arena, str_of(key));
	}
	CHECK(registry_describe(r, &n->base, &n->arena) == 0);
	start = cpu_ns();
	CHECK(registry_put(r, &n->base, &err) == 0);
	CHECK(registry_publish(r, &err) == 0);
	bench_histogram_put(h, cpu_ns() - start);
}

/* One batch in one turn: the snapshot may be another one in the next. */
static void
read_batch(struct loop_msg *msg)
{
	struct reader *r = CONTAINER_OF(msg, struct reader, again);
	char key[32];
	int i;

	for (i = 0; i < BATCH; i++) {
		const struct registry_entry *e;
		uint64_t from;

		name_of(key, sizeof key, next_random(&r->x) % r->names);
		from = ticks();
		e = registry_find(
		    registry_current(r->registry), REGISTRY_TOOL, str_of(key));
		took(&r->h, from, ticks());
		CHECK(e != NULL && str_equal(e->key, str_of(key)));
	}
	if (atomic_fetch_sub(&r->left, BATCH) > BATCH)
		loop_post(r->loop, &r->again);
}

static int
reactor_begin(struct loop_reactor *reactor, void *arg, struct err *err)
{
	(void)arg;
	(void)err; /* cannot fail */
	pin((int)reactor->index);
	return 0;
}

static bool
is_done(struct reader *readers)
{
	int i;

	for (i = 0; i < READERS; i++)
		if (atomic_load(&readers[i].left) > 0)
			return false;
	return true;
}

static long
left_sum(struct reader *readers)
{
	return atomic_load(&readers[0].left) + atomic_load(&readers[1].left);
}

static void
readers_start(struct loop_reactors *rs, struct registry *r,
    struct reader *readers, uint32_t names)
{
	int i;

	for (i = 0; i < READERS; i++) {
		readers[i].again.run = read_batch;
		readers[i].registry = r;
		readers[i].loop = rs->items[i].loop;
		readers[i].names = names;
		readers[i].x = 7u + (uint32_t)i;
		atomic_store(&readers[i].left, lookups);
		loop_post(readers[i].loop, &readers[i].again);
	}
}

/* Until due, which moves on; not at all when that has passed. */
static void
pause_until(int64_t *due)
{
	int64_t left = *due - clock_now_ns();
	struct timespec pause = { .tv_nsec = (long)left };

	*due += PUBLISH_NS;
	if (left > 0)
		(void)nanosleep(&pause, NULL);
}

/* One plugin has so many names; what changes is it, or another small one. */
static void
entries_measure(uint32_t count, bool apart, const char *what)
{
	static struct reader readers[READERS];
	static struct bench_histogram published;
	struct registry *r = registry_create(describe, NULL);
	struct loop *home = loop_create(NULL);
	struct loop_reactors rs;
	struct err err;
	int64_t start, due;
	uint32_t turn = 0;
	long left = 0;
	double seconds;
	int i;

	CHECK(r != NULL && home != NULL);
	CHECK(loop_reactors_start(&rs, READERS, reactor_begin, NULL, NULL, &err)
	    == 0);
	registry_readers_set(r, &rs, home);
	names_put(r, S("names"), count, turn, &published);
	memset(readers, 0, sizeof readers);
	memset(&published, 0, sizeof published);
	start = clock_now_ns();
	due = start + PUBLISH_NS;
	readers_start(&rs, r, readers, count);
	while (!is_done(readers)) {
		long now = left_sum(readers);

		loop_turn(home);
		/* Old snapshots would pile up while no reader gets a turn. */
		if (now != left)
			names_put(r, apart ? S("other") : S("names"),
			    apart ? 0 : count, ++turn, &published);
		left = now;
		pause_until(&due);
	}
	seconds = (double)(clock_now_ns() - start) / 1e9;
	row(what, &readers[0].h, seconds);
	(void)snprintf(told[told_len++], sizeof told[0],
	    "A publication among %u names: p50 %.2f ms, p99 %.2f ms; %.0f of "
	    "them a second.",
	    (unsigned)count, bench_histogram_us(&published, 0.5) / 1e3,
	    bench_histogram_us(&published, 0.99) / 1e3, turn / seconds);
	for (i = 0; i < 100; i++) {
		loop_turn(home); /* the last grace periods */
		due = clock_now_ns() + PUBLISH_NS;
		pause_until(&due);
	}
	registry_readers_set(r, NULL, NULL);
	loop_reactors_stop(&rs);
	loop_destroy(home);
	registry_destroy(r);
}

int
main(int argc, char **argv)
{
	int i;

	if (argc > 1 && strcmp(argv[1], "--quick") == 0)
		lookups = LOOKUPS_QUICK;
	pin(0);
	calibrate();
	printf("| look-up | M/s, one thread | p50 ns | p99 ns | p99.9 ns | "
	       "p99.99 ns |\n|---|--:|--:|--:|--:|--:|\n");
	sessions_measure();
	entries_measure(
	    200, false, "tool, 200 names, 100 publications a second");
	entries_measure(NAMES_MANY, true,
	    "tool, 99,990 names, up to 100 publications a second");
	printf("\n");
	for (i = 0; i < told_len; i++)
		printf("%s\n", told[i]);
	return 0;
}
