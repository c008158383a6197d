/* SPDX-License-Identifier: Apache-2.0 */
/* tp.dynamic/1: entries that come and go while their plugin serves. */
#include "unit/plugin/stage.h"

#define GRANT \
	"dynamic: {prefix: gh_, max: 8, kinds: [tool, resource, prompt]}\n"
#define MANIFEST(grant_) \
	"plugin: dyn\nversion: 1.0.0\nmodule: dyn.so\n" grant_ "tools:\n" \
	"  - {name: dyn_change, description: d, inputSchema: {type: object}}\n" \
	"  - {name: dyn_counts, description: d}\n" \
	"  - {name: dyn_release, description: d}\n"
#define PUT(name_) "{\"put\":\"" name_ "\",\"about\":{\"description\":\"d\"}}"
#define CHANGES(list_) "{\"changes\":[" list_ "]}"

static const struct plugin_override consent = { .name = STR("dyn"),
	.may_close = true };

static void
begin_with(struct stage *s, const char *manifest)
{
	stage_init(s);
	stage_put_module(s, "dynamic_one", "dyn.so", STAGE_OVER);
	stage_put_text(s, "dyn.yaml", manifest);
	stage_start_with(s, &consent, 1, 0);
	ck_assert_uint_eq(s->changes.added, 1);
}

static void
begin(struct stage *s)
{
	begin_with(s, MANIFEST(GRANT));
}

static void
expect_change(struct stage *s, const char *changes, const char *answer)
{
	ck_assert_str_eq(stage_call(s, "dyn_change", changes), answer);
	stage_turn(s); /* what it posted is done */
}

static uint64_t
version(struct stage *s, enum registry_kind kind)
{
	return registry_current(s->registry)->list_version[kind];
}

static void
finish(struct stage *s)
{
	plugin_manager_stop(
	    s->manager, clock_now_ns() + STAGE_WAIT_NS, stage_stopped, s);
	stage_run(s);
	ck_assert_uint_eq(stage_log_count(s, "unload with 0 live"),
	    stage_log_count(s, "plugin unloaded"));
	plugin_manager_destroy(s->manager);
	s->manager = NULL;
	call_reactor_finish(&s->reactor);
	loop_pool_destroy(s->pool);
	registry_destroy(s->registry);
	loop_destroy(s->loop);
	log_open(-1, LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	(void)close(s->log_fd);
	stage_remove_all(s->root);
}

START_TEST(what_is_put_can_be_called)
{
	struct stage s;

	begin(&s);
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "gh_a"));
	expect_change(&s, CHANGES(PUT("gh_a") "," PUT("gh_b")), "0 0 = 0");
	ck_assert_str_eq(stage_call(&s, "gh_a", "{}"), "gh_a of one");
	ck_assert_str_eq(stage_call(&s, "gh_b", "{}"), "gh_b of one");
	ck_assert_uint_eq(stage_status(&s, "dyn").tools, 5);
	finish(&s);
}
END_TEST

START_TEST(a_batch_is_one_snapshot_and_one_new_version_of_each_list)
{
	struct stage s;
	uint64_t number, tools, prompts, resources;

	begin(&s);
	number = registry_current(s.registry)->number;
	tools = version(&s, REGISTRY_TOOL);
	prompts = version(&s, REGISTRY_PROMPT);
	resources = version(&s, REGISTRY_RESOURCE);
	expect_change(&s,
	    CHANGES(PUT("gh_a") "," PUT(
		"gh_b") ","
			"{\"put\":\"gh_p\",\"kind\":3,\"about\":{\"arguments\":"
			"[{\"name\":\"x\",\"complete\":true}]}}"),
	    "0 0 0 = 0");
	ck_assert_uint_eq(registry_current(s.registry)->number, number + 1);
	ck_assert_uint_eq(version(&s, REGISTRY_TOOL), tools + 1);
	ck_assert_uint_eq(version(&s, REGISTRY_PROMPT), prompts + 1);
	ck_assert_uint_eq(version(&s, REGISTRY_RESOURCE), resources);
	ck_assert_ptr_nonnull(
	    stage_find(&s, REGISTRY_PROMPT, "gh_p")->completer);
	finish(&s);
}
END_TEST

START_TEST(resources_and_templates_have_the_scheme_of_the_prefix)
{
	struct stage s;

	begin(&s);
	expect_change(&s,
	    CHANGES("{\"put\":\"gh://issues\",\"kind\":2,"
		    "\"about\":{\"name\":\"Issues\",\"size\":3}},"
		    "{\"put\":\"gh://issues/{n}\",\"kind\":2,"
		    "\"about\":{\"name\":\"Issue\","
		    "\"uriTemplate\":\"gh://issues/{n}\"}}"),
	    "0 0 = 0");
	ck_assert_ptr_nonnull(stage_find(&s, REGISTRY_RESOURCE, "gh://issues"));
	ck_assert_ptr_nonnull(
	    stage_find(&s, REGISTRY_TEMPLATE, "gh://issues/{n}"));
	expect_change(
	    &s, CHANGES("{\"drop\":\"gh://issues/{n}\",\"kind\":2}"), "0 = 0");
	ck_assert_ptr_null(
	    stage_find(&s, REGISTRY_TEMPLATE, "gh://issues/{n}"));
	finish(&s);
}
END_TEST

START_TEST(a_dropped_entry_gives_its_argument_back)
{
	struct stage s;

	begin(&s);
	expect_change(&s, CHANGES(PUT("gh_a") "," PUT("gh_b")), "0 0 = 0");
	expect_change(&s, CHANGES("{\"drop\":\"gh_a\"}"), "0 = 0");
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "gh_a"));
	ck_assert_str_eq(stage_call(&s, "dyn_counts", "{}"), "live 1 gone 1");
	finish(&s);
}
END_TEST

START_TEST(a_replaced_entry_gives_its_argument_back)
{
	struct stage s;

	begin(&s);
	expect_change(&s, CHANGES(PUT("gh_a")), "0 = 0");
	expect_change(&s, CHANGES(PUT("gh_a")), "0 = 0");
	expect_change(
	    &s, CHANGES("{\"drop\":\"gh_a\"}," PUT("gh_a")), "0 0 = 0");
	ck_assert_str_eq(stage_call(&s, "dyn_counts", "{}"), "live 1 gone 2");
	ck_assert_str_eq(stage_call(&s, "gh_a", "{}"), "gh_a of one");
	finish(&s);
}
END_TEST

static void
first_finished(struct call *c, enum call_status status)
{
	char *out = c->sink_arg;

	(void)snprintf(out, 64, "%d %.*s", (int)status,
	    STR_FMT(c->contents != NULL ? c->contents->data : STR_NONE));
}

START_TEST(a_call_in_flight_keeps_its_entry)
{
	static const struct call_sink sink = { .progress = stage_progress,
		.finished = first_finished };
	const struct registry_entry *e;
	char answer[64] = "";
	struct stage s;
	struct call *c;

	begin(&s);
	expect_change(&s, CHANGES(PUT("gh_hold")), "0 = 0");
	e = stage_find(&s, REGISTRY_TOOL, "gh_hold");
	c = call_create(&s.reactor, CALL_TOOL, e->target, S("gh_hold"), NULL,
	    &sink, answer);
	call_start(c);
	/* A worker has it when the next call of the pool is answered. */
	while (strcmp(stage_call(&s, "dyn_counts", "{}"),
		   "live 1 gone 0, holds a call")
	    != 0)
		continue;
	expect_change(&s, CHANGES("{\"drop\":\"gh_hold\"}"), "0 = 0");
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "gh_hold"));
	ck_assert_str_eq(
	    stage_call(&s, "dyn_counts", "{}"), "live 1 gone 0, holds a call");
	while (strcmp(stage_call(&s, "dyn_release", "{}"), "released") != 0)
		stage_turn(&s);
	while (answer[0] == '\0')
		stage_turn(&s);
	ck_assert_str_eq(answer, "0 held by one");
	while (strcmp(stage_call(&s, "dyn_counts", "{}"), "live 0 gone 1") != 0)
		stage_turn(&s);
	finish(&s);
}
END_TEST

START_TEST(a_reload_carries_the_list_and_nobody_sees_it_empty)
{
	uint64_t number, tools;
	struct stage s;

	begin(&s);
	expect_change(&s, CHANGES(PUT("gh_a") "," PUT("gh_b")), "0 0 = 0");
	number = registry_current(s.registry)->number;
	stage_put_module(&s, "dynamic_two", "dyn.so", STAGE_RENAME);
	tools = version(&s, REGISTRY_TOOL);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.replaced, 1);
	/* One snapshot, with the entries in it. */
	ck_assert_uint_eq(registry_current(s.registry)->number, number + 1);
	/* The stage describes an entry by its name alone. */
	ck_assert_uint_eq(version(&s, REGISTRY_TOOL), tools);
	ck_assert_str_eq(stage_call(&s, "gh_a", "{}"), "gh_a of two");
	stage_turn(&s);
	ck_assert_uint_eq(stage_log_count(&s, "unload with 0 live"), 1);
	finish(&s);
}
END_TEST

START_TEST(entries_leave_with_their_plugin)
{
	char path[256];
	struct stage s;

	begin(&s);
	expect_change(&s, CHANGES(PUT("gh_a")), "0 = 0");
	(void)snprintf(path, sizeof path, "%s/dyn.yaml", s.plugins);
	ck_assert_int_eq(unlink(path), 0);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.removed, 1);
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "gh_a"));
	stage_turn(&s);
	ck_assert_uint_eq(stage_log_count(&s, "unload with 0 live"), 1);
	/* The name is free. */
	stage_put_text(&s, "dyn.yaml", MANIFEST(GRANT));
	plugin_manager_reload(s.manager);
	expect_change(&s, CHANGES(PUT("gh_a")), "0 = 0");
	finish(&s);
}
END_TEST

START_TEST(a_refused_replacement_leaves_the_entries)
{
	struct stage s;

	begin(&s);
	expect_change(&s, CHANGES(PUT("gh_a")), "0 = 0");
	/* What the old one saved does not fit this grant: load() fails. */
	stage_put_text(&s, "dyn.yaml",
	    MANIFEST("dynamic: {prefix: lab_, kinds: [tool]}\n"));
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_expect_error(&s, "dyn", "load() failed with status -3");
	ck_assert_str_eq(stage_call(&s, "gh_a", "{}"), "gh_a of one");
	expect_change(&s, CHANGES(PUT("gh_b")), "0 = 0");
	ck_assert_str_eq(stage_call(&s, "gh_b", "{}"), "gh_b of one");
	finish(&s);
}
END_TEST

START_TEST(without_a_grant_there_is_no_table)
{
	struct stage s;

	begin_with(&s, MANIFEST(""));
	ck_assert_str_eq(
	    stage_call(&s, "dyn_change", CHANGES(PUT("gh_a"))), "not granted");
	finish(&s);
}
END_TEST

static const struct {
	const char *changes;
	const char *answer;
	const char *log;
} refused[] = {
	{ CHANGES(PUT("lab_a")), "-3 = 0",
	    "does not begin with dynamic.prefix" },
	{ CHANGES(PUT("gh_")), "-3 = 0", "does not begin with" },
	{ CHANGES("{\"put\":\"lab://a\",\"kind\":2,\"about\":{}}"), "-3 = 0",
	    "the URI does not begin with the scheme" },
	{ CHANGES("{\"put\":\"gh_a\",\"kind\":7,\"about\":{}}"), "-3 = 0",
	    "no such kind" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{}}"), "-3 = 0",
	    "a tool needs a description" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":[]}"), "-3 = 0",
	    "about: must be a JSON object" },
	{ CHANGES("{\"put\":\"gh_a b\",\"about\":{\"description\":\"d\"}}"),
	    "-3 = 0", "\\\"gh_a b\\\" is not a name" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{\"description\":\"d\","
		  "\"descripton\":1}}"),
	    "-3 = 0", "about/descripton: about: unknown key" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{\"description\":\"d\","
		  "\"inputSchema\":{\"type\":\"object\",\"properties\":"
		  "{\"x\":{\"type\":\"strin\"}}}}}"),
	    "-3 = 0",
	    "about/inputSchema/properties/x/type: about.inputSchema." },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{\"description\":\"d\","
		  "\"inputSchema\":{\"type\":\"string\"}}}"),
	    "-3 = 0", "about.inputSchema.type: must be" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{\"description\":"
		  "\"a\\u202eb\"}}"),
	    "-3 = 0", "about/description: description: the invisible" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{\"name\":\"gh_b\","
		  "\"description\":\"d\"}}"),
	    "-3 = 0", "is not the entry's name" },
	{ CHANGES("{\"put\":\"gh_a\",\"about\":{\"description\":\"d\","
		  "\"icons\":[{\"src\":\"file:///x\"}]}}"),
	    "-3 = 0", "about/icons/0/src: about.icons[0].src: only https" },
	{ CHANGES(PUT("gh_a") "," PUT("gh_a") ",{\"drop\":\"gh_a\"}"),
	    "0 -3 -3 = 0", "used twice in this batch" },
	{ CHANGES("{\"drop\":\"gh_none\"}"), "-4 = 0", "there is no entry" },
	{ CHANGES("{\"drop\":\"dyn_change\"}"), "-4 = 0", "there is no entry" },
	{ CHANGES(PUT("gh_1") "," PUT("gh_2") "," PUT("gh_3") "," PUT("gh_4") "," PUT(
	      "gh_5") "," PUT("gh_6") "," PUT("gh_7") "," PUT("gh_8") "," PUT("gh_9")),
	    "0 0 0 0 0 0 0 0 -7 = -7", "more entries than dynamic.max" },
};

START_TEST(what_is_refused_has_its_reason_in_the_log)
{
	struct stage s;

	begin(&s);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		uint64_t number = registry_current(s.registry)->number;
		bool last = i + 1 == ARRAY_LEN(refused);

		/* The last one is full: one is there already. */
		if (last)
			expect_change(&s, CHANGES(PUT("gh_full")), "0 = 0");
		number = registry_current(s.registry)->number;
		ck_assert_msg(
		    strcmp(stage_call(&s, "dyn_change", refused[i].changes),
			refused[i].answer)
			== 0,
		    "%zu: %s", i, s.answer);
		stage_turn(&s);
		ck_assert_msg(
		    stage_log_has(&s, refused[i].log), "%s", refused[i].log);
		if (last)
			ck_assert_uint_eq(
			    registry_current(s.registry)->number, number);
	}
	finish(&s);
}
END_TEST

START_TEST(a_name_of_another_plugin_or_of_the_manifest_is_taken)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "dynamic_one", "dyn.so", STAGE_OVER);
	stage_put_text(&s, "dyn.yaml",
	    MANIFEST("dynamic: {prefix: dyn_, kinds: [tool]}\n"));
	stage_start_with(&s, &consent, 1, 0);
	expect_change(
	    &s, CHANGES(PUT("dyn_counts") "," PUT("dyn_a")), "0 0 = -3");
	ck_assert(stage_log_has(&s, "the manifest has an entry of this name"));
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "dyn_a"));
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_put_text(&s, "dyn.yaml",
	    MANIFEST("dynamic: {prefix: ver, kinds: [tool]}\n"));
	/* What was remembered does not fit the new prefix: begin anew. */
	expect_change(&s, CHANGES("{\"drop\":\"dyn_a\"}"), "-4 = 0");
	finish(&s);
}
END_TEST

START_TEST(a_name_that_was_added_is_taken_for_others)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "dynamic_one", "dyn.so", STAGE_OVER);
	stage_put_text(&s, "dyn.yaml",
	    MANIFEST("dynamic: {prefix: ver, kinds: [tool]}\n"));
	stage_start_with(&s, &consent, 1, 0);
	expect_change(&s, CHANGES(PUT("version")), "0 = 0");
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_expect_error(&s, "sample",
	    "\"version\" is taken by plugin dyn, added while it runs");
	expect_change(&s, CHANGES("{\"drop\":\"version\"}"), "0 = 0");
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.added, 1);
	expect_change(&s, CHANGES(PUT("version")), "0 = -3");
	ck_assert(stage_log_has(&s, "the name is taken by plugin sample"));
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	plugin_manager_stop(
	    s.manager, clock_now_ns() + STAGE_WAIT_NS, stage_stopped, &s);
	stage_run(&s);
	stage_finish(&s);
}
END_TEST

START_TEST(an_abandoned_batch_does_nothing)
{
	struct stage s;

	begin(&s);
	expect_change(&s, "{\"changes\":[],\"abandon\":true}", "abandoned");
	expect_change(&s, CHANGES(""), "= 0");
	finish(&s);
}
END_TEST

STAGE_MAIN("plugin/dynamic", what_is_put_can_be_called,
    a_batch_is_one_snapshot_and_one_new_version_of_each_list,
    resources_and_templates_have_the_scheme_of_the_prefix,
    a_dropped_entry_gives_its_argument_back,
    a_replaced_entry_gives_its_argument_back, a_call_in_flight_keeps_its_entry,
    a_reload_carries_the_list_and_nobody_sees_it_empty,
    entries_leave_with_their_plugin, a_refused_replacement_leaves_the_entries,
    without_a_grant_there_is_no_table,
    what_is_refused_has_its_reason_in_the_log,
    a_name_of_another_plugin_or_of_the_manifest_is_taken,
    a_name_that_was_added_is_taken_for_others, an_abandoned_batch_does_nothing)
