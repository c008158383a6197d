/* SPDX-License-Identifier: Apache-2.0 */
/* Entries added, replaced and dropped under calls, and their plugin replaced
 * beside: an entry's argument is freed by gone(), so that a call that reaches
 * it too late is seen by a sanitizer. */
#include <stdatomic.h>

#include "unit/plugin/stage.h"

#include "loop/reactor.h"

#define REACTORS 3
#define CHANGES_WANTED 400

struct caller {
	struct stress *stress;
	struct loop *loop;
	struct call_reactor calls;
	struct loop_msg next;
	unsigned turn;
	const char *name;
	bool changes; /* this one commits */
};

struct stress {
	struct stage stage;
	struct loop_reactors reactors;
	struct caller callers[REACTORS];
	atomic_ulong answers, missed, wrong, changes;
	atomic_bool stop;
	unsigned reloads;
	struct loop_timer reload;
};

#define ABOUT ",\"about\":{\"description\":\"d\"}}"
static const char *const changes[] = {
	"{\"changes\":[{\"put\":\"gh_a\"" ABOUT ",{\"put\":\"gh_quick\"" ABOUT
	"]}",
	"{\"changes\":[{\"put\":\"gh_a\"" ABOUT ",{\"drop\":\"gh_quick\"}]}",
	"{\"changes\":[{\"drop\":\"gh_a\"},{\"put\":\"gh_quick\"" ABOUT "]}",
	"{\"changes\":[{\"drop\":\"gh_quick\"}]}",
};

static void
finished(struct call *c, enum call_status status)
{
	struct caller *r = c->sink_arg;
	struct stress *s = r->stress;
	const struct call_content *b = c->contents;

	if (status != CALL_OK || b == NULL)
		(void)atomic_fetch_add(&s->wrong, 1);
	else if (r->changes)
		(void)atomic_fetch_add(&s->changes, 1);
	else if (str_starts(b->data, str_of(r->name)))
		(void)atomic_fetch_add(&s->answers, 1);
	else
		(void)atomic_fetch_add(&s->wrong, 1);
	loop_post(r->loop, &r->next);
}

static void
caller_call(struct loop_msg *msg)
{
	static const struct call_sink sink = { .progress = stage_progress,
		.finished = finished };
	static const char *const names[] = { "gh_a", "gh_quick" };
	struct caller *r = CONTAINER_OF(msg, struct caller, next);
	struct stress *s = r->stress;
	const struct registry_entry *e;
	struct json_doc doc;
	struct call *c;

	if (atomic_load(&s->stop))
		return;
	r->turn++;
	r->name = r->changes ? "dyn_change" : names[r->turn % 2];
	e = registry_find(registry_current(s->stage.registry), REGISTRY_TOOL,
	    str_of(r->name));
	if (e == NULL) {
		(void)atomic_fetch_add(r->changes ? &s->wrong : &s->missed, 1);
		loop_post(r->loop, &r->next);
		return;
	}
	json_doc_init(&doc);
	CHECK(
	    json_parse(&doc, str_of(changes[r->turn % 4]), JSON_PROTOCOL) == 0);
	c = call_create(&r->calls, CALL_TOOL, e->target, str_of(r->name),
	    &doc.nodes[0], &sink, r);
	CHECK(c != NULL);
	call_start(c);
	json_doc_finish(&doc);
}

static int
reactor_begin(struct loop_reactor *reactor, void *arg, struct err *err)
{
	struct stress *s = arg;
	struct caller *r = &s->callers[reactor->index];

	(void)err;
	r->stress = s;
	r->loop = reactor->loop;
	r->changes = reactor->index == 0;
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

static void
reload(void *arg)
{
	struct stress *s = arg;
	struct stage *st = &s->stage;

	if (atomic_load(&s->changes) >= CHANGES_WANTED && s->reloads >= 10) {
		loop_stop(st->loop);
		return;
	}
	stage_put_module(st,
	    s->reloads % 2 == 0 ? "dynamic_two" : "dynamic_one", "dyn.so",
	    STAGE_RENAME);
	(void)plugin_manager_reload(st->manager);
}

static void
reloaded(void *arg, unsigned batch, bool did)
{
	struct stress *s = arg;
	struct stage *st = &s->stage;

	(void)batch;
	(void)did;
	s->reloads++;
	loop_timer_set(st->loop, &s->reload, loop_now(st->loop) + NS_PER_MS);
}

START_TEST(no_call_reaches_an_entry_that_is_gone)
{
	static const struct plugin_override consent = { .name = STR("dyn"),
		.may_close = true };
	static struct stress s; /* large */
	struct err err;

	stage_init(&s.stage);
	stage_put_module(&s.stage, "dynamic_one", "dyn.so", STAGE_OVER);
	stage_put_text(&s.stage, "dyn.yaml",
	    "plugin: dyn\nversion: 1.0.0\nmodule: dyn.so\n"
	    "dynamic: {prefix: gh_, max: 4, kinds: [tool]}\ntools:\n"
	    "  - {name: dyn_change, description: d, inputSchema: "
	    "{type: object}}\n"
	    "  - {name: dyn_counts, description: d}\n"
	    "  - {name: dyn_release, description: d}\n");
	stage_start_with(&s.stage, &consent, 1, 0);
	ck_assert_uint_eq(s.stage.changes.added, 1);
	loop_timer_init(&s.reload, reload, &s);
	plugin_manager_on_end(s.stage.manager, reloaded, &s);
	ck_assert_int_eq(loop_reactors_start(&s.reactors, REACTORS,
			     reactor_begin, reactor_end, &s, &err),
	    0);
	/* Its power: without the acknowledgement a sanitizer must complain. */
	if (getenv("TOOLPOST_STRESS_SKIP_ACK") == NULL)
		registry_readers_set(
		    s.stage.registry, &s.reactors, s.stage.loop);
	loop_timer_set(s.stage.loop, &s.reload, clock_now_ns());
	stage_run(&s.stage);
	(void)printf("%lu commits, %u reloads, %lu calls, %lu missed, %lu "
		     "wrong\n",
	    atomic_load(&s.changes), s.reloads, atomic_load(&s.answers),
	    atomic_load(&s.missed), atomic_load(&s.wrong));
	ck_assert_uint_eq(atomic_load(&s.wrong), 0);
	ck_assert_uint_gt(atomic_load(&s.answers), 0);
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
	ck_assert_uint_eq(stage_log_count(&s.stage, "unload with 0 live"),
	    stage_log_count(&s.stage, "plugin warm"));
	stage_finish(&s.stage);
}
END_TEST

STAGE_MAIN("plugin/dynamic_stress", no_call_reaches_an_entry_that_is_gone)
