/* SPDX-License-Identifier: Apache-2.0 */
/* The life of generations, from files to the registry and away again. */
#include <pthread.h>
#include <stdatomic.h>

#include "unit/plugin/stage.h"

#include "plugin/manager_priv.h"

#define COUNTING(more_) \
	"plugin: sample\nversion: 1.0.0\nmodule: sample.so\n" more_ \
	"tools:\n  - {name: count, description: Counts.}\n"

static void
begin(struct stage *s, const char *module)
{
	stage_init(s);
	stage_put_module(s, module, "sample.so", STAGE_OVER);
	stage_put_text(s, "sample.yaml", SAMPLE("1.0.0"));
	stage_start(s);
	ck_assert_uint_eq(s->changes.added, 1);
}

START_TEST(a_plugin_in_the_folder_answers)
{
	struct stage_status status;
	struct stage s;

	begin(&s, "answer_one");
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	status = stage_status(&s, "sample");
	ck_assert_str_eq(status.state, "warm");
	ck_assert_uint_eq(status.tools, 1);
	stage_finish(&s);
}
END_TEST

START_TEST(a_module_that_is_renamed_over_is_replaced)
{
	struct stage s;

	begin(&s, "answer_one");
	stage_watch(&s);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_put_module(&s, "answer_two", "sample.so", STAGE_RENAME);
	stage_wait(&s, 1);
	ck_assert_uint_eq(s.changes.replaced, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "two");
	ck_assert(stage_log_has(&s, "plugin draining"));
	stage_finish(&s);
}
END_TEST

START_TEST(a_module_that_is_copied_over_is_replaced)
{
	struct stage s;

	begin(&s, "answer_one");
	stage_watch(&s);
	for (int i = 0; i < 6; i++) {
		stage_put_module(&s, i % 2 == 0 ? "answer_two" : "answer_one",
		    "sample.so", STAGE_OVER);
		stage_wait(&s, 1);
		ck_assert_str_eq(stage_call(&s, "version", "{}"),
		    i % 2 == 0 ? "two" : "one");
	}
	stage_finish(&s);
}
END_TEST

START_TEST(a_manifest_and_its_module_are_one_change)
{
	struct stage s;

	begin(&s, "answer_one");
	stage_watch(&s);
	stage_put_text(&s, "sample.yaml", SAMPLE("2.0.0"));
	stage_put_module(&s, "version_two", "sample.so", STAGE_RENAME);
	stage_wait(&s, 1);
	ck_assert_uint_eq(s.changes.replaced, 1);
	ck_assert_uint_eq(s.changes.refused, 0);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "two");
	stage_finish(&s);
}
END_TEST

START_TEST(a_manifest_that_goes_away_takes_its_entries_with_it)
{
	char path[256];
	struct stage s;

	begin(&s, "answer_one");
	stage_watch(&s);
	(void)snprintf(path, sizeof path, "%s/sample.yaml", s.plugins);
	ck_assert_int_eq(unlink(path), 0);
	stage_wait(&s, 1);
	ck_assert_uint_eq(s.changes.removed, 1);
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "version"));
	ck_assert(!stage_status(&s, "sample").found);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_wait(&s, 1);
	ck_assert_uint_eq(s.changes.added, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_finish(&s);
}
END_TEST

START_TEST(a_plugin_in_a_folder_of_its_own_is_seen)
{
	char path[256];
	struct stage s;

	stage_init(&s);
	stage_start(&s);
	stage_watch(&s);
	(void)snprintf(path, sizeof path, "%s/sample", s.plugins);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	stage_put_module(&s, "answer_one", "sample/sample.so", STAGE_OVER);
	stage_put(
	    &s, "sample/sample.yaml", str_of(SAMPLE("1.0.0")), STAGE_OVER);
	stage_wait(&s, 1);
	ck_assert_uint_eq(s.changes.added, 1);
	stage_put_module(&s, "answer_two", "sample/sample.so", STAGE_OVER);
	stage_wait(&s, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "two");
	stage_finish(&s);
}
END_TEST

START_TEST(a_broken_replacement_leaves_the_old_one_serving)
{
	static const struct {
		const char *module;
		const char *reason;
	} broken[] = {
		{ "unresolved", "undefined symbol missing_function" },
		{ "abi_major", "was built for ABI 2.1, this host offers 1.0" },
		{ "exec_stack", "wants an executable stack" },
		{ "constructor_exit", "the rehearsal " },
		{ "constructor_crash", "ended the rehearsal " },
		{ "other_name", "plugin: \"sample\" here, \"smaple\" in" },
	};
	struct stage s;

	begin(&s, "answer_one");
	stage_watch(&s);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		stage_put_module(
		    &s, broken[i].module, "sample.so", STAGE_RENAME);
		stage_wait(&s, 1);
		ck_assert_uint_eq(s.changes.refused, 1);
		stage_expect_error(&s, "sample", broken[i].reason);
		stage_expect_error(&s, "sample", "/sample.yaml:");
		ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	}
	ck_assert_uint_eq(
	    stage_log_count(&s, "plugin refused"), ARRAY_LEN(broken));
	stage_put_text(&s, "sample.yaml", "plugin: sample\nversion: [\n");
	stage_wait(&s, 1);
	stage_expect_error(&s, "sample", "/sample.yaml:3:1: error:");
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_put_module(&s, "answer_two", "sample.so", STAGE_RENAME);
	stage_wait(&s, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "two");
	ck_assert_str_eq(stage_status(&s, "sample").error, "");
	stage_finish(&s);
}
END_TEST

START_TEST(a_truncated_replacement_leaves_the_old_one_serving)
{
	char path[4096];
	struct buf bytes;
	struct stage s;

	begin(&s, "answer_one");
	buf_init(&bytes);
	stage_module(path, "answer_two");
	stage_read(path, &bytes);
	for (size_t len = 0; len < bytes.len; len += bytes.len / 40) {
		stage_put(&s, "sample.so", str_sub(buf_view(&bytes), 0, len),
		    STAGE_RENAME);
		plugin_manager_reload(s.manager);
		ck_assert_uint_eq(s.changes.refused, 1);
		ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	}
	buf_finish(&bytes);
	stage_finish(&s);
}
END_TEST

/* As if the file system had given the new bytes the old stamps. */
static void
forget_stamps(struct stage *s, bool young)
{
	LIST_EACH (node, &s->manager->slots) {
		struct plugin_slot *slot =
		    LIST_OBJ(node, struct plugin_slot, node);

		plugin_file_id_look(&slot->module_id, slot->module_path);
		plugin_file_id_look(&slot->manifest_id, slot->path);
		slot->racy = young;
	}
}

START_TEST(a_change_within_one_tick_of_the_clock_is_seen)
{
	struct stage s;

	begin(&s, "answer_one");
	LIST_EACH (node, &s.manager->slots)
		ck_assert(LIST_OBJ(node, struct plugin_slot, node)->racy);
	stage_put_module(&s, "answer_two", "sample.so", STAGE_OVER);
	/* Its power: with stamps that are believed nothing is seen. */
	forget_stamps(&s, false);
	plugin_manager_reload(s.manager);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	forget_stamps(&s, true);
	ck_assert(plugin_manager_is_due(s.manager));
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.replaced, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "two");
	stage_finish(&s);
}
END_TEST

START_TEST(a_young_file_that_stays_the_same_is_not_due)
{
	struct stage_status before;
	struct stage s;

	begin(&s, "answer_one");
	before = stage_status(&s, "sample");
	forget_stamps(&s, true);
	ck_assert(!plugin_manager_is_due(s.manager));
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(
	    stage_status(&s, "sample").generation, before.generation);
	stage_finish(&s);
}
END_TEST

START_TEST(the_same_bytes_again_change_nothing)
{
	struct stage_status before;
	struct stage s;

	begin(&s, "answer_one");
	before = stage_status(&s, "sample");
	stage_put_module(&s, "answer_one", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(
	    stage_status(&s, "sample").generation, before.generation);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(stage_log_count(&s, "plugin warm"), 1);
	stage_finish(&s);
}
END_TEST

START_TEST(another_plugin_is_not_touched_by_a_reload)
{
	struct stage_status before;
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_module(&s, "every_call", "every.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_put_module(&s, "another", "another.so", STAGE_OVER);
	stage_put_text(&s, "another.yaml",
	    "plugin: another\nversion: 1.0.0\nmodule: another.so\ntools:\n"
	    "  - {name: version, description: d}\n");
	stage_start(&s);
	/* In the order of names, so "another" has it. */
	ck_assert_uint_eq(s.changes.added, 1);
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_expect_error(&s, "sample",
	    "sample.yaml:6:11: error: tools[0].name: \"version\" is taken by "
	    "plugin another, ");
	stage_expect_error(&s, "sample", "/another.yaml:5:12");
	before = stage_status(&s, "another");
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(
	    stage_status(&s, "another").generation, before.generation);
	stage_finish(&s);
}
END_TEST

START_TEST(a_name_that_is_given_up_is_free_in_the_same_batch)
{
	char path[256];
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "answer_two", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_put_module(&s, "another", "another.so", STAGE_OVER);
	stage_put_text(&s, "another.yaml",
	    "plugin: another\nversion: 1.0.0\nmodule: another.so\ntools:\n"
	    "  - {name: version, description: d}\n");
	stage_start(&s);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	(void)snprintf(path, sizeof path, "%s/another.yaml", s.plugins);
	ck_assert_int_eq(unlink(path), 0);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.removed, 1);
	ck_assert_uint_eq(s.changes.added, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "two");
	stage_finish(&s);
}
END_TEST

START_TEST(a_second_manifest_of_a_name_is_reported)
{
	char path[256];
	struct stage s;

	stage_init(&s);
	(void)snprintf(path, sizeof path, "%s/sample", s.plugins);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_put(&s, "sample/sample.yaml", S("plugin: sample\n"), STAGE_OVER);
	stage_start(&s);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(stage_log_count(&s, "plugin manifest ignored"), 1);
	ck_assert_ptr_nonnull(stage_find(&s, REGISTRY_TOOL, "version"));
	stage_finish(&s);
}
END_TEST

START_TEST(a_call_in_flight_keeps_its_generation)
{
	struct registry_set *set;
	struct stage s;

	begin(&s, "answer_one");
	set = stage_find(&s, REGISTRY_TOOL, "version")->set;
	registry_set_ref(set); /* as a call that outlives its turn does */
	stage_put_module(&s, "answer_two", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	stage_turn(&s);
	ck_assert_uint_eq(stage_log_count(&s, "plugin unloaded"), 0);
	registry_set_unref(set);
	ck_assert_uint_eq(stage_log_count(&s, "plugin unloaded"), 0);
	stage_turn(&s);
	ck_assert_uint_eq(stage_log_count(&s, "plugin unloaded"), 1);
	ck_assert_uint_eq(stage_log_count(&s, "plugin closed"), 1);
	stage_finish(&s);
}
END_TEST

START_TEST(stop_names_what_is_still_busy)
{
	struct registry_set *set;
	struct stage s;

	begin(&s, "answer_one");
	set = stage_find(&s, REGISTRY_TOOL, "version")->set;
	registry_set_ref(set);
	plugin_manager_stop(
	    s.manager, clock_now_ns() + 20 * NS_PER_MS, stage_stopped, &s);
	stage_run(&s);
	ck_assert(stage_log_has(&s, "plugin still busy"));
	registry_set_unref(set);
	stage_turn(&s);
	stage_finish(&s);
}
END_TEST

START_TEST(state_is_handed_over)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "state_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", COUNTING(""));
	stage_start(&s);
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "1 fresh");
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "2 fresh");
	stage_put_text(&s, "sample.yaml", COUNTING("title: Again\n"));
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.replaced, 1);
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "3 taken");
	/* Another format: begins without, since state is optional. */
	stage_put_module(&s, "state_two", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "1 fresh");
	ck_assert(stage_log_has(&s, "plugin state dropped"));
	stage_finish(&s);
}
END_TEST

START_TEST(state_that_is_required_is_taken_over_or_refused)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "state_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", COUNTING("state: required\n"));
	stage_start(&s);
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "1 fresh");
	stage_put_module(&s, "state_two", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	stage_expect_error(&s, "sample", "does not take over the state");
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "2 fresh");
	stage_finish(&s);
}
END_TEST

START_TEST(a_load_that_fails_leaves_the_old_one_serving)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "state_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", COUNTING(""));
	stage_start(&s);
	stage_put_module(&s, "load_fails", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	stage_expect_error(&s, "sample", "load() failed with status -1");
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "1 fresh");
	stage_put_module(&s, "save_fails", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "2 taken");
	stage_put_text(&s, "sample.yaml", COUNTING("title: Again\n"));
	plugin_manager_reload(s.manager);
	ck_assert(stage_log_has(&s, "plugin state not saved"));
	ck_assert_str_eq(stage_call(&s, "count", "{}"), "1 fresh");
	stage_finish(&s);
}
END_TEST

START_TEST(too_many_resident_generations_are_refused)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_start_with(&s, NULL, 0, 2);
	for (int i = 0; i < 3; i++) {
		stage_put_module(&s, i % 2 == 0 ? "answer_two" : "answer_one",
		    "sample.so", STAGE_RENAME);
		plugin_manager_reload(s.manager);
		stage_turn(&s);
	}
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_expect_error(
	    &s, "sample", "plugins.max_resident_generations is 2");
	ck_assert_uint_eq(stage_status(&s, "sample").resident, 2);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_finish(&s);
}
END_TEST

struct told {
	struct stage *s;
	char uri[64];
};

static void
changed(void *arg, struct str uri)
{
	struct told *t = arg;

	(void)snprintf(t->uri, sizeof t->uri, "%.*s", STR_FMT(uri));
	loop_stop(t->s->loop);
}

START_TEST(what_a_plugin_says_from_its_thread_arrives)
{
	uint64_t before;
	struct stage s;
	struct told told = { .s = &s };

	stage_init(&s);
	stage_start(&s);
	before = registry_current(s.registry)->list_version[REGISTRY_TOOL];
	stage_put_module(&s, "changes", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    SAMPLE("1.0.0") "resources:\n"
			    "  - {uri: \"sample://value\", name: value}\n");
	plugin_manager_on_changed(s.manager, changed, &told);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.added, 1);
	if (told.uri[0] == '\0')
		stage_run(&s);
	ck_assert_str_eq(told.uri, "sample://value");
	ck_assert_uint_gt(
	    registry_current(s.registry)->list_version[REGISTRY_TOOL], before);
	stage_finish(&s);
}
END_TEST

START_TEST(every_function_of_the_host_answers_a_plugin)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "every_call", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    "plugin: sample\nversion: 1.0.0\nmodule: sample.so\ntools:\n"
	    "  - name: every\n    description: d\n"
	    "    inputSchema: {type: object}\n");
	stage_start(&s);
	ck_assert_str_eq(stage_call(&s, "every",
			     "{\"list\": [7,1.5,true], \"word\": \"abc\"}"),
	    "all right");
	ck_assert_int_eq(s.status, CALL_OK);
	ck_assert_uint_eq(stage_log_count(&s, "plugin change dropped"), 1);
	stage_finish(&s);
}
END_TEST

START_TEST(every_way_to_end_a_call_is_understood)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "answers", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    "plugin: sample\nversion: 1.0.0\nmodule: sample.so\n"
	    "limits: {result: 64KiB}\ntools:\n"
	    "  - {name: answer, description: d, inputSchema: {type: object}}"
	    "\n");
	stage_start(&s);
	ck_assert_str_eq(
	    stage_call(&s, "answer", "{\"how\": \"later\"}"), "later");
	ck_assert_int_eq(s.status, CALL_OK);
	(void)stage_call(&s, "answer", "{\"how\": \"unknown\"}");
	ck_assert_int_eq(s.status, CALL_EFAIL);
	(void)stage_call(&s, "answer", "{\"how\": \"fail\"}");
	ck_assert_int_eq(s.status, CALL_EFAIL);
	ck_assert_str_eq(s.message, "it broke");
	(void)stage_call(&s, "answer", "{\"how\": \"x\"}");
	ck_assert_str_eq(
	    s.message, "the tool failed with a message that is not UTF-8");
	(void)stage_call(&s, "answer", "{\"how\": \"big\"}");
	ck_assert_int_eq(s.status, CALL_ENOMEM);
	(void)stage_call(&s, "answer", "{}");
	ck_assert_int_eq(s.status, CALL_EPARAMS);
	stage_finish(&s);
}
END_TEST

START_TEST(a_handler_that_asks_is_run_again_with_the_answers)
{
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "answers", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    "plugin: sample\nversion: 1.0.0\nmodule: sample.so\ntools:\n"
	    "  - {name: answer, description: d, inputSchema: {type: object}}"
	    "\n");
	stage_start(&s);
	(void)stage_call(&s, "answer", "{\"how\": \"ask\"}");
	ck_assert_int_eq(s.status, CALL_INPUT);
	ck_assert_str_eq(s.asked,
	    "who elicitation/create {\"message\":\"Who?\","
	    "\"requestedSchema\":{\"type\":\"object\","
	    "\"properties\":{}}}");
	s.answers = "{\"who\": \"Ada\"}"; /* MRTR-13: no result */
	(void)stage_call(&s, "answer", "{\"how\": \"ask\"}");
	ck_assert_int_eq(s.status, CALL_INPUT);
	s.answers = "{\"who\": {\"name\": \"Ada\"}}";
	ck_assert_str_eq(stage_call(&s, "answer", "{\"how\": \"ask\"}"), "Ada");
	stage_finish(&s);
}
END_TEST

START_TEST(a_call_that_waits_is_stopped_by_its_hook)
{
	struct call *call;
	struct stage s;

	stage_init(&s);
	stage_put_module(&s, "answers", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    "plugin: sample\nversion: 1.0.0\nmodule: sample.so\ntools:\n"
	    "  - {name: answer, description: d, inputSchema: {type: object}}"
	    "\n");
	stage_start(&s);
	stage_begin(&s, "answer", "{\"how\": \"wait\"}");
	call = s.call;
	call_cancel(call);
	ck_assert(s.answered);
	ck_assert_int_eq(s.status, CALL_ECANCELLED);
	stage_turn(&s);
	stage_finish(&s);
}
END_TEST

static const struct yaml_node *
config_of(struct arena *arena, const char *text)
{
	struct diags diags;
	const struct yaml_node *n;

	diags_init(&diags);
	n = yaml_parse(arena, str_of(text), "conf.yaml", &diags);
	ck_assert_ptr_nonnull(n);
	diags_finish(&diags);
	return n;
}

START_TEST(the_operators_configuration_is_checked)
{
	struct plugin_override o = { .name = STR("sample") };
	struct arena arena;
	struct stage s;

	arena_init(&arena, 0);
	o.config = config_of(&arena, "unit: hidden\n");
	stage_init(&s);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml",
	    SAMPLE(
		"1.0.0") "configSchema:\n"
			 "  type: object\n"
			 "  properties: {unit: {enum: [metric, imperial]}}\n");
	stage_start_with(&s, &o, 1, 0);
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_expect_error(
	    &s, "sample", "plugins.sample.config/unit: refused by \"enum\"");
	ck_assert_ptr_null(strstr(stage_status(&s, "sample").error, "hidden"));
	o.config = config_of(&arena, "unit: metric\n");
	ck_assert_int_eq(plugin_manager_override(s.manager, &o, 1), 0);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.added, 1);
	o.disabled = true;
	ck_assert_int_eq(plugin_manager_override(s.manager, &o, 1), 0);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(s.changes.removed, 1);
	ck_assert_ptr_null(stage_find(&s, REGISTRY_TOOL, "version"));
	stage_finish(&s);
	arena_finish(&arena);
}
END_TEST

struct toucher {
	char path[256];
	atomic_bool stop;
};

static void *
touch(void *arg)
{
	struct toucher *t = arg;
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };

	while (!atomic_load(&t->stop)) {
		times[1].tv_nsec = (times[1].tv_nsec + 1) % 1000000000;
		(void)utimensat(AT_FDCWD, t->path, times, 0);
	}
	return NULL;
}

START_TEST(a_module_that_changes_meanwhile_is_tried_again)
{
	struct toucher t = { .stop = false };
	pthread_t thread;
	struct buf big;
	struct stage s;

	stage_init(&s);
	buf_init(&big);
	ck_assert_int_eq(buf_reserve(&big, (size_t)32 << 20), 0);
	memset(big.ptr, 'x', (size_t)32 << 20);
	big.len = (size_t)32 << 20;
	stage_put(&s, "sample.so", buf_view(&big), STAGE_OVER);
	buf_finish(&big);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	(void)snprintf(t.path, sizeof t.path, "%s/sample.so", s.plugins);
	ck_assert_int_eq(pthread_create(&thread, NULL, touch, &t), 0);
	stage_start(&s);
	/* On a busy machine the other thread may miss a whole copy. */
	for (int i = 0;
	     i < 200 && strcmp(stage_status(&s, "sample").state, "seen") != 0;
	     i++)
		plugin_manager_reload(s.manager);
	ck_assert_str_eq(stage_status(&s, "sample").state, "seen");
	atomic_store(&t.stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(s.changes.refused, 1);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_RENAME);
	stage_wait(&s, 1); /* nothing watches: it is the retry */
	ck_assert_uint_eq(s.changes.added, 1);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_finish(&s);
}
END_TEST

START_TEST(a_manager_needs_absolute_paths)
{
	struct plugin_manager_options o = { .run_dir = STR("run"),
		.rehearse_exe = STR("/bin/true") };
	struct registry *registry;
	struct loop *loop;
	struct err err;

	loop = loop_create(&err);
	registry = registry_create(stage_describe, &err);
	ck_assert_ptr_null(plugin_manager_create(loop, registry, &o, &err));
	ck_assert_int_eq(err.code, ERR_PARAMS);
	o.run_dir = S("/proc/nowhere");
	ck_assert_ptr_null(plugin_manager_create(loop, registry, &o, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/proc/nowhere"));
	registry_destroy(registry);
	loop_destroy(loop);
}
END_TEST

START_TEST(copies_that_a_dead_process_left_are_removed)
{
	char path[256];
	struct stage s;

	stage_init(&s);
	ck_assert_int_eq(mkdir(s.run, 0700), 0);
	(void)snprintf(path, sizeof path, "%s/gen", s.run);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof path, "%s/gen/sample.1.so", s.run);
	stage_write(path, S("old"), 0);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_start(&s);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_finish(&s);
}
END_TEST

STAGE_MAIN("plugin/reload", a_plugin_in_the_folder_answers,
    a_module_that_is_renamed_over_is_replaced,
    a_module_that_is_copied_over_is_replaced,
    a_manifest_and_its_module_are_one_change,
    a_manifest_that_goes_away_takes_its_entries_with_it,
    a_plugin_in_a_folder_of_its_own_is_seen,
    a_broken_replacement_leaves_the_old_one_serving,
    a_truncated_replacement_leaves_the_old_one_serving,
    a_change_within_one_tick_of_the_clock_is_seen,
    a_young_file_that_stays_the_same_is_not_due,
    the_same_bytes_again_change_nothing,
    another_plugin_is_not_touched_by_a_reload,
    a_name_that_is_given_up_is_free_in_the_same_batch,
    a_second_manifest_of_a_name_is_reported,
    a_call_in_flight_keeps_its_generation, stop_names_what_is_still_busy,
    state_is_handed_over, state_that_is_required_is_taken_over_or_refused,
    a_load_that_fails_leaves_the_old_one_serving,
    too_many_resident_generations_are_refused,
    what_a_plugin_says_from_its_thread_arrives,
    every_function_of_the_host_answers_a_plugin,
    every_way_to_end_a_call_is_understood,
    a_handler_that_asks_is_run_again_with_the_answers,
    a_call_that_waits_is_stopped_by_its_hook,
    the_operators_configuration_is_checked,
    a_module_that_changes_meanwhile_is_tried_again,
    a_manager_needs_absolute_paths, copies_that_a_dead_process_left_are_removed)
