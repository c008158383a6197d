/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of a plugin in a runner, as frames: the other side is this test, and
 * the generation is one that has its code here. */
#include "plugin/desk.h"

#include <limits.h>
#include <poll.h>

#include "unit/plugin/stage.h"

#define MANIFEST \
	"plugin: dyn\nversion: 1.0.0\nmodule: dyn.so\n" \
	"dynamic: {prefix: gh_, max: 3, kinds: [tool, resource, prompt]}\n" \
	"tools:\n" \
	"  - {name: dyn_change, description: d, inputSchema: {type: object}}\n" \
	"  - {name: dyn_counts, description: d}\n" \
	"  - {name: dyn_release, description: d}\n"

struct play {
	struct stage s;
	struct plugin_runner *runner;
	struct runner_life life;
	struct runner_desk *desk;
	int fd; /* the runner's end */
	char *space;
};

static void
begin(struct play *p)
{
	const struct registry_entry *e;
	struct plugin_generation *g;
	int pair[2];

	memset(p, 0, sizeof *p);
	stage_init(&p->s);
	stage_put_module(&p->s, "dynamic_one", "dyn.so", STAGE_OVER);
	stage_put_text(&p->s, "dyn.yaml", MANIFEST);
	stage_start_with(&p->s, NULL, 0, 0);
	ck_assert_uint_eq(p->s.changes.added, 1);
	e = stage_find(&p->s, REGISTRY_TOOL, "dyn_change");
	ck_assert_ptr_nonnull(e);
	g = CONTAINER_OF(e->set, struct plugin_generation, set);
	p->runner = calloc(1, sizeof *p->runner);
	p->space = malloc(WIRE_SPACE);
	ck_assert(p->runner != NULL && p->space != NULL);
	p->runner->control = p->s.loop;
	ref_init(&p->life.ref);
	p->life.runner = p->runner;
	p->life.control = -1;
	ck_assert_int_eq(wire_pair(pair), 0);
	p->desk = runner_desk_open(&p->life, g, pair[0]);
	ck_assert_ptr_nonnull(p->desk);
	p->fd = pair[1];
}

static void
finish(struct play *p, bool orderly)
{
	struct stage *s = &p->s;

	runner_desk_close(p->desk, orderly);
	(void)close(p->fd);
	plugin_manager_stop(
	    s->manager, clock_now_ns() + STAGE_WAIT_NS, stage_stopped, s);
	stage_run(s);
	plugin_manager_destroy(s->manager);
	s->manager = NULL;
	call_reactor_finish(&s->reactor);
	loop_pool_destroy(s->pool);
	registry_destroy(s->registry);
	loop_destroy(s->loop);
	log_open(-1, LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	(void)close(s->log_fd);
	stage_remove_all(s->root);
	free(p->runner);
	free(p->space);
}

static void
send_frame(struct play *p, struct buf *b)
{
	size_t at = 0;

	wire_end(b, 0);
	ck_assert_int_eq(wire_send(p->fd, b, &at), 0);
	buf_finish(b);
}

/* The status of the answer; INT_MIN: there comes none any more. */
static int
answer(struct play *p, uint64_t id)
{
	struct pollfd poll_for = { p->fd, POLLIN, 0 };
	struct wire_frame f;
	struct wire_in in;
	int status, n;

	ck_assert_int_eq(poll(&poll_for, 1, 60000), 1);
	n = wire_receive_one(p->fd, p->space, &f);
	if (n < 0)
		return INT_MIN;
	ck_assert_int_eq(n, 1);
	ck_assert_uint_eq(f.kind, WIRE_BATCH_ANSWER);
	ck_assert_uint_eq(f.id, id);
	in = wire_in_of(f.body);
	status = (int)wire_get_u32(&in);
	(void)wire_get_u64(&in);
	ck_assert(wire_get_end(&in));
	wire_frame_finish(&f);
	return status;
}

static void
op_begin(struct buf *b, uint64_t id, enum wire_batch op)
{
	buf_init(b);
	(void)wire_begin(b, WIRE_BATCH, id);
	wire_put_u32(b, op);
}

static int
ask(struct play *p, uint64_t id, enum wire_batch op)
{
	struct buf b;

	op_begin(&b, id, op);
	send_frame(p, &b);
	return answer(p, id);
}

static int
put(struct play *p, uint64_t id, const char *name, bool has_call, bool has_size)
{
	struct buf b;

	op_begin(&b, id, WIRE_BATCH_PUT);
	wire_put_u32(&b, has_size);
	wire_put_u32(&b, TP_KIND_TOOL);
	wire_put_u32(&b, has_call);
	wire_put_u32(&b, 0);
	wire_put_u32(&b, 0);
	wire_put_u32(&b, 7);
	wire_put_str(&b, str_of(name));
	wire_put_str(&b, S("{\"description\":\"d\"}"));
	send_frame(p, &b);
	return answer(p, id);
}

static int
drop(struct play *p, uint64_t id, const char *name)
{
	struct buf b;

	op_begin(&b, id, WIRE_BATCH_DROP);
	wire_put_u32(&b, TP_KIND_TOOL);
	wire_put_str(&b, str_of(name));
	send_frame(p, &b);
	return answer(p, id);
}

START_TEST(a_batch_has_the_answers_of_the_host)
{
	struct play p;

	begin(&p);
	ck_assert_int_eq(ask(&p, 1, WIRE_BATCH_BEGIN), TP_OK);
	ck_assert_int_eq(put(&p, 1, "gh_a", true, true), TP_OK);
	ck_assert_int_eq(put(&p, 1, "gh_a", true, true), TP_EPARAMS);
	ck_assert_int_eq(put(&p, 1, "other", true, true), TP_EPARAMS);
	ck_assert_int_eq(put(&p, 1, "gh_b", false, true), TP_EPARAMS);
	ck_assert_int_eq(put(&p, 1, "gh_b", true, false), TP_EPARAMS);
	ck_assert_int_eq(drop(&p, 1, "gh_c"), TP_ENOTFOUND);
	ck_assert_int_eq(ask(&p, 1, WIRE_BATCH_COMMIT), TP_OK);
	stage_turn(&p.s);
	ck_assert_ptr_nonnull(stage_find(&p.s, REGISTRY_TOOL, "gh_a"));
	ck_assert_int_eq(ask(&p, 2, WIRE_BATCH_BEGIN), TP_OK);
	ck_assert_int_eq(drop(&p, 2, "gh_a"), TP_OK);
	ck_assert_int_eq(ask(&p, 2, WIRE_BATCH_COMMIT), TP_OK);
	stage_turn(&p.s);
	ck_assert_ptr_null(stage_find(&p.s, REGISTRY_TOOL, "gh_a"));
	finish(&p, true);
}
END_TEST

START_TEST(an_abandoned_batch_and_one_left_open_change_nothing)
{
	struct play p;

	begin(&p);
	ck_assert_int_eq(ask(&p, 1, WIRE_BATCH_BEGIN), TP_OK);
	ck_assert_int_eq(ask(&p, 2, WIRE_BATCH_BEGIN), TP_OK);
	ck_assert_int_eq(put(&p, 1, "gh_a", true, true), TP_OK);
	ck_assert_int_eq(put(&p, 2, "gh_b", true, true), TP_OK);
	ck_assert_int_eq(ask(&p, 1, WIRE_BATCH_ABANDON), TP_OK);
	runner_desk_close(p.desk, true);
	p.desk = NULL;
	stage_turn(&p.s);
	ck_assert_ptr_null(stage_find(&p.s, REGISTRY_TOOL, "gh_a"));
	ck_assert_ptr_null(stage_find(&p.s, REGISTRY_TOOL, "gh_b"));
	ck_assert_uint_eq(stage_log_count(&p.s, "plugin left a batch open"), 1);
	finish(&p, false);
}
END_TEST

START_TEST(more_batches_than_may_be_open_are_refused)
{
	struct play p;

	begin(&p);
	for (uint64_t i = 1; i <= PLUGIN_BATCHES_MAX; i++)
		ck_assert_int_eq(ask(&p, i, WIRE_BATCH_BEGIN), TP_OK);
	ck_assert_int_eq(ask(&p, 1000, WIRE_BATCH_BEGIN), TP_EBUSY);
	/* It has not begun: there is nothing to commit. */
	ck_assert_int_eq(ask(&p, 1000, WIRE_BATCH_COMMIT), INT_MIN);
	finish(&p, false);
}
END_TEST

/* What no runner of ours sends ends the desk, and its runner. */
START_TEST(frames_that_break_the_rules_end_it)
{
	for (int kind = 0; kind < 5; kind++) {
		struct play p;
		struct buf b;

		begin(&p);
		ck_assert_int_eq(ask(&p, 1, WIRE_BATCH_BEGIN), TP_OK);
		switch (kind) {
		case 0: /* no operation */
			op_begin(&b, 1, (enum wire_batch)99);
			break;
		case 1: /* begun twice */
			op_begin(&b, 1, WIRE_BATCH_BEGIN);
			break;
		case 2: /* a batch that is not open */
			op_begin(&b, 2, WIRE_BATCH_COMMIT);
			break;
		case 3: /* another kind of frame */
			buf_init(&b);
			(void)wire_begin(&b, WIRE_RESULT, 1);
			break;
		default: /* a field too few */
			op_begin(&b, 1, WIRE_BATCH_PUT);
			wire_put_u32(&b, 1);
			break;
		}
		send_frame(&p, &b);
		ck_assert_int_eq(answer(&p, 1), INT_MIN);
		finish(&p, false);
	}
}
END_TEST

STAGE_MAIN("plugin/desk", a_batch_has_the_answers_of_the_host,
    an_abandoned_batch_and_one_left_open_change_nothing,
    more_batches_than_may_be_open_are_refused,
    frames_that_break_the_rules_end_it)
