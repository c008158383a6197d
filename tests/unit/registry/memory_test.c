/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing while memory runs out at the n-th allocation: what was there is
 * served, nothing is lost, and the next try does it. */
#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/data/alloc.h"
#include "unit/unit.h"

#define ENTRIES 150 /* more than a page */

struct sets {
	struct registry_set one, two;
	struct registry_entry entries[2][ENTRIES];
	struct arena arena;
	int ended;
};

static void
released(struct registry_set *s)
{
	(void)s;
}

static void
describe(const struct registry_entry *e, unsigned dialect, struct buf *out)
{
	(void)dialect;
	BUF_LIT(out, "{\"name\":");
	buf_json(out, e->name);
	buf_char(out, '}');
}

static void
set_init(struct sets *all, struct registry_set *s, unsigned which)
{
	char key[32];

	ref_init(&s->ref);
	s->plugin = S("plugin");
	s->entries = all->entries[which];
	s->len = ENTRIES;
	s->released = released;
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct registry_entry *e = &s->entries[i];

		(void)snprintf(
		    key, sizeof key, "tool_%u_%u", i < 100 ? 0 : which, i);
		e->set = s;
		e->key = e->name = arena_dup(&all->arena, str_of(key));
	}
}

START_TEST(a_publish_without_memory_leaves_what_was_there)
{
	static struct sets all; /* large */
	struct registry *r;
	struct err err;
	long n = 0;
	int rc;

	arena_init(&all.arena, 0);
	r = registry_create(describe, &err);
	ck_assert_ptr_nonnull(r);
	set_init(&all, &all.one, 0);
	set_init(&all, &all.two, 1);
	ck_assert_int_eq(registry_describe(r, &all.one, &all.arena), 0);
	ck_assert_int_eq(registry_describe(r, &all.two, &all.arena), 0);
	ck_assert_int_eq(registry_put(r, &all.one, &err), 0);
	ck_assert_int_eq(registry_publish(r, &err), 0);
	for (rc = ERR_NOMEM; rc < 0; n++) {
		alloc_left = n;
		rc = registry_put(r, &all.two, &err);
		alloc_left = -1;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
		if (rc < 0)
			ck_assert_str_eq(err.text, "out of memory");
	}
	for (rc = ERR_NOMEM, n = 0; rc < 0; n++) {
		const struct registry_snapshot *s = registry_current(r);

		ck_assert_ptr_nonnull(
		    registry_find(s, REGISTRY_TOOL, S("tool_0_120")));
		ck_assert_ptr_null(
		    registry_find(s, REGISTRY_TOOL, S("tool_1_120")));
		alloc_left = n;
		rc = registry_publish(r, &err);
		alloc_left = -1;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
		if (rc < 0)
			ck_assert_str_eq(err.text, "out of memory");
	}
	ck_assert_ptr_nonnull(
	    registry_find(registry_current(r), REGISTRY_TOOL, S("tool_1_120")));
	ck_assert_uint_eq(registry_current(r)->number, 2);
	ck_assert_msg(!ALLOC_WORKS || n > 5, "%ld", n);
	registry_destroy(r);
	arena_finish(&all.arena);
}
END_TEST

START_TEST(a_watch_without_memory_does_not_count)
{
	struct registry_watches *w = registry_watches_create();
	int rc = ERR_NOMEM;
	long n;

	ck_assert_ptr_nonnull(w);
	for (n = 0; rc < 0; n++) {
		alloc_left = n;
		rc = registry_watches_add(w, S("a://b"));
		alloc_left = -1;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
	}
	registry_watches_remove(w, S("a://b"));
	ck_assert_msg(!ALLOC_WORKS || n > 2, "%ld", n);
	registry_watches_unref(w);
}
END_TEST

UNIT_MAIN("registry/memory", a_publish_without_memory_leaves_what_was_there,
    a_watch_without_memory_does_not_count)
