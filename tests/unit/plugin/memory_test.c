/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at the n-th allocation of a reload, or of a batch of
 * entries: the old state serves, somebody is told, nothing stays behind. */
#include <malloc.h>

#include <toolpost/plugin.h>

#include "unit/plugin/stage.h"

#include "plugin/manager_priv.h"
#include "unit/data/alloc.h"

#define LEFT_MAX 16384 /* bytes that a whole sweep may leave: caches */

static size_t
in_use(void)
{
#if ALLOC_WORKS
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

static struct plugin_slot *
slot_first(struct stage *s)
{
	return LIST_OBJ(s->manager->slots.next, struct plugin_slot, node);
}

static long sweep_at; /* the allocation that fails */
static bool sweep_done; /* there was none of that number */

static void
sweep_stop(void)
{
	sweep_done = alloc_left >= 0 || !ALLOC_WORKS;
	alloc_left = -1;
}

static void
reload_now(void *arg)
{
	struct stage *s = arg;
	unsigned batch;

	alloc_left = sweep_at;
	batch = plugin_manager_reload(s->manager);
	if (batch > 0)
		return;
	sweep_stop();
	loop_stop(s->loop);
}

static void
reload_over(void *arg, unsigned batch, bool did)
{
	struct stage *s = arg;

	(void)batch;
	(void)did;
	sweep_stop();
	loop_stop(s->loop);
}

/* Waits where it stands, or goes on by itself on the loop. */
static void
reload(struct stage *s, bool on_loop)
{
	struct loop_timer soon;

	if (!on_loop) {
		alloc_left = sweep_at;
		(void)plugin_manager_reload(s->manager);
		sweep_stop();
		return;
	}
	plugin_manager_on_end(s->manager, reload_over, s);
	loop_timer_init(&soon, reload_now, s);
	loop_timer_set(s->loop, &soon, clock_now_ns());
	stage_run(s);
	plugin_manager_on_end(s->manager, NULL, NULL);
}

/* A replacement for each allocation that can fail in one. */
static long
reload_sweep(struct stage *s, bool on_loop)
{
	long n = 0;

	for (bool done = false; !done; n++) {
		const char *next = n % 2 == 0 ? "two" : "one";

		stage_put_module(s, n % 2 == 0 ? "answer_two" : "answer_one",
		    "sample.so", STAGE_RENAME);
		sweep_at = n;
		reload(s, on_loop);
		done = sweep_done;
		stage_turn(s);
		(void)stage_call(s, "version", "{}");
		ck_assert_msg(strcmp(s->answer, "one") == 0
			|| strcmp(s->answer, "two") == 0,
		    "%ld: %s", n, s->answer);
		if (s->changes.refused > 0)
			ck_assert_str_ne(stage_status(s, "sample").error, "");
		/* With memory what was refused, or not published, is so. */
		plugin_manager_reload(s->manager);
		stage_turn(s);
		ck_assert_msg(strcmp(stage_call(s, "version", "{}"), next) == 0,
		    "%ld: %s", n, s->answer);
		ck_assert_str_eq(stage_status(s, "sample").error, "");
	}
	if (n % 2 == 1) { /* as it began */
		stage_put_module(s, "answer_one", "sample.so", STAGE_RENAME);
		plugin_manager_reload(s->manager);
		stage_turn(s);
	}
	return n;
}

static void
reload_twice(bool on_loop)
{
	struct stage s;
	size_t used;
	long n;

	stage_init(&s);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_start(&s);
	ck_assert_uint_eq(s.changes.added, 1);
	n = reload_sweep(&s, on_loop);
	ck_assert_msg(!ALLOC_WORKS || n > 50, "%ld", n);
	used = in_use();
	n = reload_sweep(&s, on_loop);
	(void)printf("%ld allocations, %ld bytes more after them\n", n,
	    (long)in_use() - (long)used);
	ck_assert_msg(in_use() <= used + LEFT_MAX, "%zu bytes more after %ld",
	    in_use() - used, n);
	stage_finish(&s);
}

START_TEST(a_reload_without_memory_leaves_the_old_one)
{
	reload_twice(false);
}
END_TEST

START_TEST(so_does_one_that_goes_on_on_the_loop)
{
	reload_twice(true);
}
END_TEST

static int
nothing(struct tp_call *c, void *arg)
{
	(void)c;
	(void)arg;
	return TP_OK;
}

static void
count_gone(void *arg)
{
	unsigned *count = arg;

	(*count)++;
}

/* Puts two entries; how many of them the host has taken. */
static unsigned
batch(struct plugin_generation *g, unsigned *gone, int *rc)
{
	const struct tp_dynamic *d = &plugin_dynamic_table;
	struct tp_dynamic_entry e = { .size = sizeof e,
		.kind = TP_KIND_TOOL,
		.about = tp_cstr("{\"description\":\"d\",\"inputSchema\":"
				 "{\"type\":\"object\"}}"),
		.call = nothing,
		.arg = gone,
		.gone = count_gone };
	struct tp_batch *b = d->begin(&g->handle);
	unsigned taken = 0;

	*rc = TP_ENOMEM;
	if (b == NULL)
		return 0;
	e.name = tp_cstr("gh_a");
	*rc = d->put(b, &e);
	taken += *rc == TP_OK ? 1 : 0;
	e.name = tp_cstr("gh_b");
	if (*rc == TP_OK)
		*rc = d->put(b, &e);
	taken += taken == 1 && *rc == TP_OK ? 1 : 0;
	if (*rc == TP_OK)
		*rc = d->commit(b);
	else
		d->abandon(b);
	return taken;
}

static void
batch_sweep(struct stage *s, struct plugin_generation *g)
{
	const struct tp_dynamic *d = &plugin_dynamic_table;
	unsigned gone = 0, taken = 0;
	int rc = TP_ENOMEM;
	struct tp_batch *b;

	for (long n = 0; rc != TP_OK; n++) {
		alloc_left = n;
		taken += batch(g, &gone, &rc);
		alloc_left = -1;
		/* A check that had no memory has refused. */
		ck_assert_msg(rc == TP_OK || rc == TP_ENOMEM
			|| (rc == TP_EPARAMS
			    && stage_log_count(s, "out of memory") > 0),
		    "%ld: %d", n, rc);
		/* All or nothing, and what was nothing has been given back. */
		ck_assert_uint_eq(gone, rc == TP_OK ? taken - 2 : taken);
		ck_assert_uint_eq(g->dynamic_len, rc == TP_OK ? 2 : 0);
	}
	stage_turn(s);
	ck_assert_ptr_nonnull(stage_find(s, REGISTRY_TOOL, "gh_a"));
	b = d->begin(&g->handle);
	ck_assert_int_eq(d->drop(b, TP_KIND_TOOL, tp_cstr("gh_a")), TP_OK);
	ck_assert_int_eq(d->drop(b, TP_KIND_TOOL, tp_cstr("gh_b")), TP_OK);
	ck_assert_int_eq(d->commit(b), TP_OK);
	while (gone != taken)
		stage_turn(s);
	ck_assert_ptr_null(stage_find(s, REGISTRY_TOOL, "gh_a"));
}

START_TEST(a_batch_without_memory_changes_nothing)
{
	struct stage s;
	size_t used;

	stage_init(&s);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    SAMPLE("1.0.0") "dynamic: {prefix: gh_, kinds: [tool]}\n");
	stage_start(&s);
	ck_assert_uint_eq(s.changes.added, 1);
	batch_sweep(&s, slot_first(&s)->current);
	used = in_use();
	batch_sweep(&s, slot_first(&s)->current);
	ck_assert_msg(
	    in_use() <= used + LEFT_MAX, "%zu bytes more", in_use() - used);
	stage_finish(&s);
}
END_TEST

STAGE_MAIN("plugin/memory", a_reload_without_memory_leaves_the_old_one,
    so_does_one_that_goes_on_on_the_loop,
    a_batch_without_memory_changes_nothing)
