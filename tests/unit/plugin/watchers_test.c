/* SPDX-License-Identifier: Apache-2.0 */
/* tp.watch/1: the first subscriber of a resource and the last. */
#include <pthread.h>

#include "unit/plugin/stage.h"

#define MANIFEST \
	"plugin: watches\nversion: 1.0.0\nmodule: watches.so\nresources:\n" \
	"  - {uri: \"watch://value\", name: value}\n" \
	"  - {uriTemplate: \"watch://item/{n}\", name: item}\n"
#define THREADS 4
#define ROUNDS 2000

static const struct plugin_override consent = { .name = STR("watches"),
	.may_close = true };

static void
begin(struct stage *s)
{
	stage_init(s);
	stage_put_module(s, "watches_one", "watches.so", STAGE_OVER);
	stage_put_text(s, "watches.yaml", MANIFEST);
	stage_start_with(s, &consent, 1, 0);
	ck_assert_uint_eq(s->changes.added, 1);
}

static void
add(struct stage *s, const char *uri)
{
	ck_assert_int_eq(
	    registry_watches_add(registry_watches(s->registry), str_of(uri)),
	    0);
}

static void
drop(struct stage *s, const char *uri)
{
	registry_watches_remove(registry_watches(s->registry), str_of(uri));
}

static void
expect(struct stage *s, const char *line, size_t times)
{
	char text[256];

	stage_turn(s);
	(void)snprintf(text, sizeof text, "%s\"", line);
	ck_assert_msg(stage_log_count(s, text) == times, "%s: %zu, not %zu",
	    line, stage_log_count(s, text), times);
}

START_TEST(only_the_first_and_the_last_are_told)
{
	struct stage s;

	begin(&s);
	add(&s, "watch://value");
	expect(&s, "one watches watch://value", 1);
	add(&s, "watch://value");
	drop(&s, "watch://value");
	expect(&s, "one watches watch://value", 1);
	expect(&s, "one leaves watch://value", 0);
	drop(&s, "watch://value");
	expect(&s, "one leaves watch://value", 1);
	add(&s, "watch://value");
	expect(&s, "one watches watch://value", 2);
	drop(&s, "watch://value");
	stage_finish(&s);
}
END_TEST

START_TEST(a_subscriber_that_goes_at_once_is_told_to_nobody)
{
	struct stage s;

	begin(&s);
	add(&s, "watch://value");
	drop(&s, "watch://value");
	expect(&s, "one watches watch://value", 0);
	add(&s, "watch://value");
	expect(&s, "one watches watch://value", 1);
	drop(&s, "watch://value");
	add(&s, "watch://value");
	expect(&s, "one watches watch://value", 1);
	expect(&s, "one leaves watch://value", 0);
	drop(&s, "watch://value");
	stage_finish(&s);
}
END_TEST

START_TEST(a_uri_of_a_template_is_told_too)
{
	struct stage s;

	begin(&s);
	add(&s, "watch://item/7");
	add(&s, "watch://nowhere");
	add(&s, "watch://item/fail");
	expect(&s, "one watches watch://item/7", 1);
	expect(&s, "one watches watch://nowhere", 0);
	ck_assert(stage_log_has(&s, "plugin does not watch"));
	drop(&s, "watch://item/7");
	drop(&s, "watch://nowhere");
	drop(&s, "watch://item/fail");
	expect(&s, "one leaves watch://item/7", 1);
	stage_finish(&s);
}
END_TEST

START_TEST(a_new_generation_is_told_before_it_is_published)
{
	struct stage s;
	struct buf log;
	char path[128];

	begin(&s);
	add(&s, "watch://value");
	add(&s, "watch://item/1");
	expect(&s, "one watches watch://value", 1);
	stage_put_module(&s, "watches_two", "watches.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.replaced, 1);
	expect(&s, "two watches watch://value", 1);
	expect(&s, "two watches watch://item/1", 1);
	expect(&s, "one leaves watch://value", 0);
	buf_init(&log);
	(void)snprintf(path, sizeof path, "%s/log", s.root);
	stage_read(path, &log);
	buf_char(&log, '\0');
	ck_assert(strstr(log.ptr, "two watches watch://value")
	    < strstr(log.ptr, "plugin draining"));
	buf_finish(&log);
	drop(&s, "watch://value");
	expect(&s, "two leaves watch://value", 1);
	drop(&s, "watch://item/1");
	stage_finish(&s);
}
END_TEST

START_TEST(a_plugin_that_comes_later_is_told_of_what_is_watched)
{
	char path[256];
	struct stage s;

	stage_init(&s);
	stage_start_with(&s, &consent, 1, 0);
	add(&s, "watch://value");
	stage_turn(&s);
	stage_put_module(&s, "watches_one", "watches.so", STAGE_OVER);
	stage_put_text(&s, "watches.yaml", MANIFEST);
	plugin_manager_reload(s.manager);
	expect(&s, "one watches watch://value", 1);
	(void)snprintf(path, sizeof path, "%s/watches.yaml", s.plugins);
	ck_assert_int_eq(unlink(path), 0);
	plugin_manager_reload(s.manager);
	expect(&s, "one leaves watch://value", 0);
	stage_put_text(&s, "watches.yaml", MANIFEST);
	plugin_manager_reload(s.manager);
	expect(&s, "one watches watch://value", 2);
	drop(&s, "watch://value");
	stage_finish(&s);
}
END_TEST

START_TEST(a_table_without_both_functions_is_refused)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "watches_half", "watches.so", STAGE_OVER);
	stage_put_text(&s, "watches.yaml", MANIFEST);
	stage_start_with(&s, &consent, 1, 0);
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_expect_error(
	    &s, "watches", "its tp.watch/1 has not both functions");
	stage_finish(&s);
}
END_TEST

static void *
come_and_go(void *arg)
{
	struct registry_watches *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK(registry_watches_add(w, S("watch://value")) == 0);
		CHECK(registry_watches_add(w, S("watch://item/1")) == 0);
		registry_watches_remove(w, S("watch://value"));
		registry_watches_remove(w, S("watch://item/1"));
	}
	registry_watches_unref(w);
	return NULL;
}

START_TEST(many_threads_end_where_they_began)
{
	pthread_t threads[THREADS];
	struct stage s;

	begin(&s);
	for (int i = 0; i < THREADS; i++) {
		registry_watches_ref(registry_watches(s.registry));
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
				     registry_watches(s.registry)),
		    0);
	}
	for (int i = 0; i < 100; i++)
		stage_turn(&s);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	stage_turn(&s);
	ck_assert_uint_eq(stage_log_count(&s, "one watches watch://value\""),
	    stage_log_count(&s, "one leaves watch://value\""));
	ck_assert(list_is_empty(
	    registry_watches_known(registry_watches(s.registry))));
	stage_finish(&s);
}
END_TEST

STAGE_MAIN("plugin/watchers", only_the_first_and_the_last_are_told,
    a_subscriber_that_goes_at_once_is_told_to_nobody,
    a_uri_of_a_template_is_told_too,
    a_new_generation_is_told_before_it_is_published,
    a_plugin_that_comes_later_is_told_of_what_is_watched,
    a_table_without_both_functions_is_refused,
    many_threads_end_where_they_began)
