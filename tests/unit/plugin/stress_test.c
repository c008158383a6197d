/* SPDX-License-Identifier: Apache-2.0 */
/* Replacement under load: reactors that call all the time, one plugin on the
 * reactors and one in the pool, both replaced again and again with real
 * dlopen and dlclose. */
#include <dirent.h>
#include <stdatomic.h>

#include "unit/plugin/stage.h"

#include "loop/reactor.h"

#define REACTORS 3
#define RELOADS_MAX 1000

struct caller {
	struct stress *stress;
	struct loop *loop;
	struct call_reactor calls;
	struct loop_msg next; /* not a timer: those have 10 ms */
	const char *tool;
	uint64_t done;
	bool idle;
};

struct stress {
	struct stage stage;
	struct loop_reactors reactors;
	struct caller callers[REACTORS];
	atomic_ulong answers[2];
	atomic_ulong wrong;
	atomic_bool stop;
	unsigned reloads, wanted;
	struct loop_timer reload;
};

static void caller_call(struct loop_msg *msg);

static void
finished(struct call *c, enum call_status status)
{
	struct caller *r = c->sink_arg;
	struct stress *s = r->stress;
	const struct call_content *b = c->contents;

	if (status == CALL_OK && b != NULL && str_equal(b->data, S("one")))
		(void)atomic_fetch_add(&s->answers[0], 1);
	else if (status == CALL_OK && b != NULL && str_equal(b->data, S("two")))
		(void)atomic_fetch_add(&s->answers[1], 1);
	else
		(void)atomic_fetch_add(&s->wrong, 1);
	r->done++;
	loop_post(r->loop, &r->next);
}

static void
caller_call(struct loop_msg *msg)
{
	static const struct call_sink sink = { .progress = stage_progress,
		.finished = finished };
	struct caller *r = CONTAINER_OF(msg, struct caller, next);
	struct stress *s = r->stress;
	const struct registry_entry *e;
	struct call *c;

	r->idle = atomic_load(&s->stop);
	if (r->idle)
		return;
	e = registry_find(registry_current(s->stage.registry), REGISTRY_TOOL,
	    str_of(r->tool));
	if (e == NULL) {
		(void)atomic_fetch_add(&s->wrong, 1);
		return;
	}
	c = call_create(
	    &r->calls, CALL_TOOL, e->target, str_of(r->tool), NULL, &sink, r);
	CHECK(c != NULL);
	call_start(c);
}

static int
reactor_begin(struct loop_reactor *reactor, void *arg, struct err *err)
{
	struct stress *s = arg;
	struct caller *r = &s->callers[reactor->index];

	(void)err;
	r->stress = s;
	r->loop = reactor->loop;
	r->tool = reactor->index % 2 == 0 ? "version" : "quick";
	call_reactor_init(&r->calls, reactor->loop, s->stage.pool);
	r->next.run = caller_call;
	loop_post(r->loop, &r->next);
	return 0;
}

static void
reactor_end(struct loop_reactor *reactor, void *arg)
{
	struct stress *s = arg;
	struct caller *r = &s->callers[reactor->index];

	if (r->calls.running_len == 0)
		call_reactor_finish(&r->calls);
}

static size_t
count_files(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

static size_t
count_mappings(void)
{
	struct buf maps;
	size_t n = 0;

	buf_init(&maps);
	stage_read("/proc/self/maps", &maps);
	for (size_t i = 0; i < maps.len; i++)
		n += maps.ptr[i] == '\n';
	buf_finish(&maps);
	return n;
}

static void
reload(void *arg)
{
	struct stress *s = arg;
	struct stage *st = &s->stage;
	bool two = s->reloads % 2 == 0;
	enum stage_how how = s->reloads % 4 < 2 ? STAGE_RENAME : STAGE_OVER;

	if (s->reloads == s->wanted) {
		loop_stop(st->loop);
		return;
	}
	stage_put_module(
	    st, two ? "answer_two" : "answer_one", "sample.so", how);
	stage_put_module(st, two ? "quick_two" : "quick_one", "quick.so", how);
	(void)plugin_manager_reload(st->manager);
}

/* Of the reload. */
static void
reloaded(void *arg, unsigned batch, bool did)
{
	struct stress *s = arg;
	struct stage *st = &s->stage;

	(void)batch;
	if (!did || st->changes.replaced != 2)
		(void)atomic_fetch_add(&s->wrong, 1);
	s->reloads++;
	loop_timer_set(st->loop, &s->reload, loop_now(st->loop));
}

static void
run_some(struct stress *s, unsigned wanted)
{
	s->wanted = wanted;
	plugin_manager_on_end(s->stage.manager, reloaded, s);
	loop_timer_set(s->stage.loop, &s->reload, clock_now_ns());
	stage_run(&s->stage);
}

static unsigned
reloads_wanted(void)
{
	const char *text = getenv("TOOLPOST_STRESS_RELOADS");
	uint64_t n = 60;

	if (text != NULL && str_to_u64(str_of(text), &n) < 0)
		n = 60;
	return n < RELOADS_MAX ? (unsigned)n : RELOADS_MAX;
}

START_TEST(no_call_fails_while_its_plugin_is_replaced)
{
	static const struct plugin_override consent[] = {
		{ .name = STR("sample"), .may_close = true },
		{ .name = STR("quick"), .may_close = true }
	};
	static struct stress s; /* large */
	size_t files, mappings;
	struct err err;

	stage_init(&s.stage);
	stage_put_module(&s.stage, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s.stage, "sample.yaml", SAMPLE("1.0.0"));
	stage_put_module(&s.stage, "quick_one", "quick.so", STAGE_OVER);
	stage_put_text(&s.stage, "quick.yaml",
	    "plugin: quick\nversion: 1.0.0\nmodule: quick.so\ntools:\n"
	    "  - {name: quick, description: d}\n");
	stage_start_with(&s.stage, consent, 2, 0);
	ck_assert_uint_eq(s.stage.changes.added, 2);
	loop_timer_init(&s.reload, reload, &s);
	ck_assert_int_eq(loop_reactors_start(&s.reactors, REACTORS,
			     reactor_begin, reactor_end, &s, &err),
	    0);
	/* Its power: without the acknowledgement a sanitizer must complain. */
	if (getenv("TOOLPOST_STRESS_SKIP_ACK") == NULL)
		registry_readers_set(
		    s.stage.registry, &s.reactors, s.stage.loop);
	run_some(&s, 20);
	files = count_files("/proc/self/fd");
	mappings = count_mappings();
	run_some(&s, 20 + reloads_wanted());
	(void)printf("%u reloads of two plugins, %lu + %lu calls, %lu wrong\n",
	    s.reloads, atomic_load(&s.answers[0]), atomic_load(&s.answers[1]),
	    atomic_load(&s.wrong));
	ck_assert_uint_eq(atomic_load(&s.wrong), 0);
	ck_assert_uint_gt(atomic_load(&s.answers[0]), 0);
	ck_assert_uint_gt(atomic_load(&s.answers[1]), 0);
	ck_assert_uint_eq(count_files("/proc/self/fd"), files);
	ck_assert_uint_le(count_mappings(), mappings + 64);
	atomic_store(&s.stop, true);
	stage_turn(&s.stage);
	plugin_manager_stop(s.stage.manager, clock_now_ns() + STAGE_WAIT_NS,
	    stage_stopped, &s.stage);
	stage_run(&s.stage);
	/* Workers first: one may still be waking a reactor. */
	loop_pool_destroy(s.stage.pool);
	s.stage.pool = NULL;
	loop_reactors_stop(&s.reactors);
	registry_readers_set(s.stage.registry, NULL, NULL);
	ck_assert(!stage_log_count(&s.stage, "plugin still busy"));
	ck_assert_uint_eq(
	    stage_log_count(&s.stage, "plugin closed"), 2 * (s.reloads + 1));
	stage_finish(&s.stage);
}
END_TEST

STAGE_MAIN("plugin/stress", no_call_fails_while_its_plugin_is_replaced)
