/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: what is found, listed, published and let go. */
#include "registry/registry.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "registry/uri_template.h"
#include "unit/unit.h"

/* A set whose entries share one arena; counts its end. */
struct test_set {
	struct registry_set base; /* first */
	struct arena arena;
	int *ended;
};

static void
set_released(struct registry_set *s)
{
	struct test_set *t = (struct test_set *)s;
	size_t i;

	(*t->ended)++;
	for (i = 0; i < s->len; i++)
		uri_template_destroy(
		    (struct uri_template *)(uintptr_t)s->entries[i]
			.uri_template);
	arena_finish(&t->arena);
	free(t);
}

static struct registry_set *
set_make(const char *plugin, size_t n, int *ended)
{
	struct test_set *t = calloc(1, sizeof *t);

	ck_assert_ptr_nonnull(t);
	arena_init(&t->arena, 0);
	ref_init(&t->base.ref);
	t->ended = ended;
	t->base.plugin = arena_dup(&t->arena, str_of(plugin));
	t->base.released = set_released;
	t->base.entries =
	    arena_zalloc(&t->arena, (n + 1) * sizeof *t->base.entries);
	return &t->base;
}

static struct registry_entry *
entry_add(struct registry_set *s, enum registry_kind kind, const char *key)
{
	struct registry_entry *e = &s->entries[s->len++];

	e->set = s;
	e->kind = kind;
	e->key = arena_dup(&((struct test_set *)s)->arena, str_of(key));
	e->name = e->key;
	if (kind == REGISTRY_TEMPLATE)
		e->uri_template = uri_template_compile(e->key, NULL);
	return e;
}

static void
describe(const struct registry_entry *e, unsigned dialect, struct buf *out)
{
	/* the oldest dialect shows no prompts */
	if (dialect == 0 && e->kind == REGISTRY_PROMPT)
		return;
	buf_printf(out, "{\"name\":\"%.*s\"}", STR_FMT(e->key));
}

static struct registry *
registry_make(void)
{
	struct err err;
	struct registry *r = registry_create(describe, &err);

	ck_assert_ptr_nonnull(r);
	return r;
}

static void
put(struct registry *r, struct registry_set *s)
{
	struct err err;

	ck_assert_int_eq(
	    registry_describe(r, s, &((struct test_set *)s)->arena), 0);
	ck_assert_int_eq(registry_put(r, s, &err), 0);
}

static void
publish(struct registry *r)
{
	struct err err;

	ck_assert_int_eq(registry_publish(r, &err), 0);
}

START_TEST(find_returns_what_was_published_and_null_after_drop)
{
	struct registry *r = registry_make();
	struct registry_set *s;
	int ended = 0;

	s = set_make("p", 1, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "echo");
	put(r, s);
	ck_assert_ptr_null(
	    registry_find(registry_current(r), REGISTRY_TOOL, S("echo")));
	publish(r);
	ck_assert_ptr_eq(
	    registry_find(registry_current(r), REGISTRY_TOOL, S("echo")),
	    &s->entries[0]);
	ck_assert_ptr_null(
	    registry_find(registry_current(r), REGISTRY_PROMPT, S("echo")));
	ck_assert_int_eq(registry_drop(r, S("p")), 0);
	ck_assert_int_eq(registry_drop(r, S("p")), ERR_NOTFOUND);
	ck_assert_int_eq(ended, 0); /* the snapshot still has it */
	publish(r);
	ck_assert_int_eq(ended, 1);
	ck_assert_ptr_null(
	    registry_find(registry_current(r), REGISTRY_TOOL, S("echo")));
	registry_destroy(r);
}
END_TEST

START_TEST(a_held_set_outlives_its_snapshot)
{
	struct registry *r = registry_make();
	struct registry_set *s;
	int ended = 0;

	s = set_make("p", 1, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "echo");
	put(r, s);
	publish(r);
	registry_set_ref(s); /* a call in flight */
	put(r, set_make("p", 0, &ended));
	publish(r);
	ck_assert_int_eq(ended, 0);
	registry_set_unref(s);
	ck_assert_int_eq(ended, 1);
	registry_destroy(r);
	ck_assert_int_eq(ended, 2);
}
END_TEST

START_TEST(a_key_of_another_plugin_is_refused_and_nothing_changes)
{
	struct registry *r = registry_make();
	struct registry_set *a, *b;
	struct err err;
	int ended = 0;

	a = set_make("a", 1, &ended);
	(void)entry_add(a, REGISTRY_TOOL, "echo");
	put(r, a);
	b = set_make("b", 2, &ended);
	(void)entry_add(b, REGISTRY_TOOL, "other");
	(void)entry_add(b, REGISTRY_TOOL, "echo");
	ck_assert_int_eq(registry_put(r, b, &err), ERR_EXISTS);
	ck_assert_ptr_nonnull(
	    strstr(err.text, "\"echo\" is taken by plugin a"));
	registry_set_unref(b);
	ck_assert_int_eq(ended, 1);
	publish(r);
	ck_assert_ptr_null(
	    registry_find(registry_current(r), REGISTRY_TOOL, S("other")));
	registry_destroy(r);
}
END_TEST

START_TEST(lists_are_in_order_of_plugin_then_manifest)
{
	struct registry *r = registry_make();
	struct registry_set *s;
	int ended = 0;

	s = set_make("zoo", 2, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "b");
	(void)entry_add(s, REGISTRY_TOOL, "a");
	put(r, s);
	s = set_make("ant", 1, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "z");
	put(r, s);
	publish(r);
	ck_assert(str_equal(
	    registry_page(registry_current(r), REGISTRY_TOOL, 4, STR_NONE)
		->items,
	    S("{\"name\":\"z\"},{\"name\":\"b\"},{\"name\":\"a\"}")));
	registry_destroy(r);
}
END_TEST

START_TEST(versions_grow_only_where_a_list_changed)
{
	struct registry *r = registry_make();
	const struct registry_snapshot *now;
	uint64_t tools, prompts, number;
	struct registry_set *s;
	struct err err;
	int ended = 0;

	s = set_make("p", 1, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "echo");
	put(r, s);
	publish(r);
	now = registry_current(r);
	tools = now->list_version[REGISTRY_TOOL];
	prompts = now->list_version[REGISTRY_PROMPT];
	number = now->number;
	ck_assert_int_eq(registry_publish(r, &err), 0); /* nothing to do */
	ck_assert_uint_eq(registry_current(r)->number, number);
	s = set_make("p", 1, &ended); /* a new generation, the same list */
	(void)entry_add(s, REGISTRY_TOOL, "echo");
	put(r, s);
	publish(r);
	now = registry_current(r);
	ck_assert_uint_eq(now->number, number + 1);
	ck_assert_uint_eq(now->list_version[REGISTRY_TOOL], tools);
	registry_touch(r, REGISTRY_TOOL);
	publish(r);
	now = registry_current(r);
	ck_assert_uint_eq(now->list_version[REGISTRY_TOOL], tools + 1);
	ck_assert_uint_eq(now->list_version[REGISTRY_PROMPT], prompts);
	registry_destroy(r);
}
END_TEST

/* PAGE-01 to PAGE-05 */
START_TEST(pages_join_to_the_whole_list_and_foreign_cursors_are_refused)
{
	enum { N = 2 * REGISTRY_PAGE + 50 };
	struct registry *r = registry_make();
	const struct registry_snapshot *now;
	const struct registry_page *page;
	struct registry_set *s;
	struct str cursor = STR_NONE;
	size_t pages = 0, items = 0, i;
	char name[32], old[64], bad[64];
	int ended = 0;

	s = set_make("p", N, &ended);
	for (i = 0; i < N; i++) {
		(void)snprintf(name, sizeof name, "tool%zu", i);
		(void)entry_add(s, REGISTRY_TOOL, name);
	}
	put(r, s);
	publish(r);
	now = registry_current(r);
	do {
		page = registry_page(now, REGISTRY_TOOL, 4, cursor);
		ck_assert_ptr_nonnull(page);
		pages++;
		for (i = 0; i < page->items.len; i++)
			items += page->items.ptr[i] == '{';
		cursor = page->next;
	} while (cursor.len > 0);
	ck_assert_uint_eq(pages, 3);
	ck_assert_uint_eq(items, N);
	cursor = registry_page(now, REGISTRY_TOOL, 4, STR_NONE)->next;
	(void)snprintf(old, sizeof old, "%.*s", STR_FMT(cursor));
	for (i = 0; i < cursor.len; i++) { /* every byte matters */
		(void)snprintf(bad, sizeof bad, "%s", old);
		bad[i] = bad[i] == '0' ? '1' : '0';
		ck_assert_ptr_null(
		    registry_page(now, REGISTRY_TOOL, 4, str_of(bad)));
	}
	ck_assert_ptr_null(registry_page(now, REGISTRY_TOOL, 4, S("")));
	ck_assert_ptr_null(registry_page(now, REGISTRY_PROMPT, 4, str_of(old)));
	/* another list now: the old cursor would yield garbage */
	s = set_make("a", 1, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "first");
	put(r, s);
	publish(r);
	ck_assert_ptr_null(
	    registry_page(registry_current(r), REGISTRY_TOOL, 4, str_of(old)));
	registry_destroy(r);
}
END_TEST

START_TEST(an_entry_a_dialect_does_not_show_is_left_out_there_alone)
{
	struct registry *r = registry_make();
	struct registry_set *s;
	int ended = 0;

	s = set_make("p", 1, &ended);
	(void)entry_add(s, REGISTRY_PROMPT, "ask");
	put(r, s);
	publish(r);
	ck_assert_uint_eq(
	    registry_page(registry_current(r), REGISTRY_PROMPT, 0, STR_NONE)
		->items.len,
	    0);
	ck_assert_uint_gt(
	    registry_page(registry_current(r), REGISTRY_PROMPT, 1, STR_NONE)
		->items.len,
	    0);
	registry_destroy(r);
}
END_TEST

/* RSRC-12 */
START_TEST(a_uri_is_a_resource_first_and_then_a_template)
{
	struct registry *r = registry_make();
	const struct registry_snapshot *now;
	const struct json_node *variables;
	const struct registry_entry *e;
	struct registry_set *s;
	struct arena arena;
	int ended = 0;

	arena_init(&arena, 0);
	s = set_make("p", 2, &ended);
	(void)entry_add(s, REGISTRY_TEMPLATE, "test://t/{id}/data");
	(void)entry_add(s, REGISTRY_RESOURCE, "test://t/0/data");
	put(r, s);
	publish(r);
	now = registry_current(r);
	e = registry_find_uri(now, S("test://t/0/data"), &arena, &variables);
	ck_assert_ptr_eq(e, &s->entries[1]);
	ck_assert_ptr_null(variables);
	e = registry_find_uri(
	    now, S("test://t/a%20b/data"), &arena, &variables);
	ck_assert_ptr_eq(e, &s->entries[0]);
	ck_assert(str_equal(json_str(json_get(variables, S("id"))), S("a b")));
	ck_assert_ptr_null(
	    registry_find_uri(now, S("test://t/data"), &arena, &variables));
	arena_finish(&arena);
	registry_destroy(r);
}
END_TEST

struct turn {
	struct loop *home;
	int each;
};

static void
count_turn(struct loop_reactor *reactor, void *arg)
{
	(void)reactor;
	__atomic_fetch_add(&((struct turn *)arg)->each, 1, __ATOMIC_SEQ_CST);
}

START_TEST(the_old_snapshot_goes_when_every_reactor_has_passed_a_turn)
{
	struct registry *r = registry_make();
	struct loop_reactors rs;
	struct registry_set *s;
	struct turn turn;
	struct err err;
	int ended = 0;

	turn.each = 0;
	turn.home = loop_create(&err);
	ck_assert_int_eq(
	    loop_reactors_start(&rs, 3, NULL, NULL, NULL, &err), 0);
	registry_readers_set(r, &rs, turn.home);
	registry_on_publish(r, count_turn, &turn);
	s = set_make("p", 1, &ended);
	(void)entry_add(s, REGISTRY_TOOL, "echo");
	put(r, s);
	publish(r);
	ck_assert_int_eq(registry_drop(r, S("p")), 0);
	publish(r);
	while (ended == 0)
		loop_turn(turn.home);
	ck_assert_int_eq(turn.each, 6);
	registry_readers_set(r, NULL, NULL);
	loop_reactors_stop(&rs);
	loop_destroy(turn.home);
	registry_destroy(r);
}
END_TEST

UNIT_MAIN("registry/registry",
    find_returns_what_was_published_and_null_after_drop,
    a_held_set_outlives_its_snapshot,
    a_key_of_another_plugin_is_refused_and_nothing_changes,
    lists_are_in_order_of_plugin_then_manifest,
    versions_grow_only_where_a_list_changed,
    pages_join_to_the_whole_list_and_foreign_cursors_are_refused,
    an_entry_a_dialect_does_not_show_is_left_out_there_alone,
    a_uri_is_a_resource_first_and_then_a_template,
    the_old_snapshot_goes_when_every_reactor_has_passed_a_turn)
