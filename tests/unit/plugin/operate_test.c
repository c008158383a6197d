/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator is told of plugins, and does by hand. */
#include "unit/plugin/stage.h"

#include "plugin/facts.h"
#include "plugin/manager_priv.h"

#define NARROWER(version_) \
	"plugin: sample\nversion: " version_ "\nabi: 1\n" \
	"module: sample.so\ngrants: {read: [/srv], threads: 2}\n" \
	"tools:\n  - name: version\n    description: Says which one.\n" \
	"    limits: {timeout: 4s}\n"

static void
changes_take(void *arg, struct str json)
{
	struct buf *b = arg;

	buf_str(b, json);
	buf_char(b, '\n');
}

static void
begin(struct stage *s, struct buf *told)
{
	stage_init(s);
	stage_put_module(s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(s, "sample.yaml", SAMPLE("1.0.0"));
	stage_start(s);
	buf_init(told);
	plugin_manager_on_change(s->manager, changes_take, told);
}

static void
has(const struct buf *b, const char *text)
{
	struct buf copy;

	buf_init(&copy);
	buf_str(&copy, buf_view(b));
	buf_char(&copy, '\0');
	ck_assert_msg(
	    strstr(copy.ptr, text) != NULL, "no %s in\n%s", text, copy.ptr);
	buf_finish(&copy);
}

/* Both are JSON, whatever else. */
static void
is_json(const struct buf *b)
{
	struct json_doc doc;

	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, buf_view(b), JSON_PROTOCOL), 0);
	json_doc_finish(&doc);
}

static void
one(struct stage *s, const struct plugin_census *census, struct buf *out)
{
	buf_clear(out);
	ck_assert_int_eq(
	    plugin_facts_one(s->manager, S("sample"), census, out), 0);
	is_json(out);
}

START_TEST(a_change_is_told_with_what_is_different)
{
	struct stage s;
	struct buf told;

	begin(&s, &told);
	stage_put_module(&s, "version_two", "sample.so", STAGE_RENAME);
	stage_put_text(&s, "sample.yaml", NARROWER("2.0.0"));
	plugin_manager_reload(s.manager);
	is_json(&told);
	has(&told, "\"change\":\"replaced\"");
	has(&told,
	    "{\"what\":\"version\",\"was\":\"1.0.0\",\"now\":\"2.0.0\"}");
	has(&told, "{\"what\":\"module\"}");
	has(&told, "\"was\":\"memory 512MiB\",\"now\":\"read /srv, threads 2");
	has(&told, "{\"what\":\"timeoutMs\",\"was\":0,\"now\":4000}");
	buf_clear(&told);
	plugin_manager_reload(s.manager);
	ck_assert_uint_eq(told.len, 0);
	stage_put_text(&s, "sample.yaml", SAMPLE("3.0.0"));
	plugin_manager_reload(s.manager);
	is_json(&told);
	has(&told, "\"change\":\"refused\"");
	has(&told, "\"version\":\"2.0.0\"");
	has(&told, "3.0.0");
	buf_finish(&told);
	stage_finish(&s);
}
END_TEST

START_TEST(a_plugin_that_goes_is_told)
{
	struct stage s;
	struct buf told;
	char path[256];

	begin(&s, &told);
	(void)snprintf(path, sizeof path, "%s/sample.yaml", s.plugins);
	ck_assert_int_eq(unlink(path), 0);
	plugin_manager_reload(s.manager);
	is_json(&told);
	has(&told, "\"change\":\"removed\"");
	has(&told,
	    "{\"change\":\"removed\",\"kind\":\"tool\",\"name\":\"version\"}");
	buf_finish(&told);
	stage_finish(&s);
}
END_TEST

START_TEST(what_was_refused_is_tried_again_by_hand)
{
	struct stage s;
	struct buf told;
	struct err err;

	begin(&s, &told);
	ck_assert_int_eq(
	    plugin_manager_enable(s.manager, S("nobody"), &s.batch, &err),
	    ERR_NOTFOUND);
	ck_assert_int_eq(
	    plugin_manager_enable(s.manager, S("sample"), &s.batch, &err),
	    ERR_EXISTS);
	stage_put_text(&s, "sample.yaml", SAMPLE("3.0.0"));
	plugin_manager_reload(s.manager);
	ck_assert_int_eq(
	    plugin_manager_enable(s.manager, S("sample"), &s.batch, &err),
	    ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "3.0.0"));
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	stage_put_text(&s, "sample.yaml", NARROWER("1.0.0"));
	ck_assert_int_eq(
	    plugin_manager_enable(s.manager, S("sample"), &s.batch, &err), 0);
	ck_assert_str_eq(stage_call(&s, "version", "{}"), "one");
	buf_finish(&told);
	stage_finish(&s);
}
END_TEST

START_TEST(a_name_that_is_disabled_says_so)
{
	const struct plugin_override off = { .name = STR("sample"),
		.disabled = true };
	struct stage s;
	struct err err;

	stage_init(&s);
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	stage_start_with(&s, &off, 1, 0);
	ck_assert_int_eq(
	    plugin_manager_enable(s.manager, S("sample"), &s.batch, &err),
	    ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.text, "plugins.sample.enabled: true"));
	stage_finish(&s);
}
END_TEST

START_TEST(calls_are_counted_by_how_they_end)
{
	struct stage s;
	struct buf told, facts;

	begin(&s, &told);
	buf_init(&facts);
	(void)stage_call(&s, "version", "{}");
	(void)stage_call(&s, "version", "{}");
	one(&s, NULL, &facts);
	has(&facts, "\"calls\":{\"inflight\":0,\"ok\":2,\"error\":0");
	has(&facts, "\"state\":\"warm\"");
	/* The next generation goes on from there. */
	stage_put_module(&s, "answer_two", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	(void)stage_call(&s, "version", "{}");
	one(&s, NULL, &facts);
	has(&facts, "\"ok\":3");
	has(&facts, "\"reloads\":{\"ok\":1,\"rejected\":0}");
	ck_assert_int_eq(plugin_facts_one(s.manager, S("nobody"), NULL, &facts),
	    ERR_NOTFOUND);
	buf_finish(&facts);
	buf_finish(&told);
	stage_finish(&s);
}
END_TEST

START_TEST(an_old_generation_says_why_it_is_there)
{
	struct plugin_census census, all;
	struct registry_set *set;
	struct stage s;
	struct buf told, facts;

	begin(&s, &told);
	buf_init(&facts);
	plugin_census_init(&census);
	plugin_census_init(&all);
	set = stage_find(&s, REGISTRY_TOOL, "version")->set;
	registry_set_ref(set); /* as a call that outlives its turn does */
	stage_begin(&s, "version", "{}"); /* in the pool */
	plugin_census_take(&census, &s.reactor);
	plugin_census_add(&all, &census);
	plugin_census_add(&all, &census);
	ck_assert_uint_eq(all.len, 1);
	ck_assert_uint_eq(all.items[0].calls, 2);
	ck_assert_str_eq(all.items[0].oldest, "version");
	stage_run(&s);
	stage_put_module(&s, "answer_two", "sample.so", STAGE_RENAME);
	plugin_manager_reload(s.manager);
	stage_turn(&s);
	ck_assert_uint_eq(
	    plugin_facts_draining(s.manager, STR_NONE, &all, &facts), 1);
	is_json(&facts);
	has(&facts, "\"reason\":\"2 calls are in it\"");
	has(&facts, "\"oldest\":{\"entry\":\"version\"");
	buf_clear(&facts);
	ck_assert_uint_eq(
	    plugin_facts_draining(s.manager, S("other"), &all, &facts), 0);
	ck_assert_uint_eq(plugin_facts_draining_since(s.manager, 0), 1);
	ck_assert_uint_eq(plugin_facts_draining_since(s.manager, INT64_MAX), 0);
	one(&s, NULL, &facts);
	has(&facts, "still held");
	registry_set_unref(set);
	stage_turn(&s);
	ck_assert_uint_eq(plugin_facts_draining_since(s.manager, 0), 0);
	plugin_census_finish(&census);
	plugin_census_finish(&all);
	buf_finish(&facts);
	buf_finish(&told);
	stage_finish(&s);
}
END_TEST

static void
word_take(void *arg, struct str line)
{
	buf_printf(arg, "%.*s\n", STR_FMT(line));
}

START_TEST(grants_are_said_in_words)
{
	struct str read[] = { STR("/srv"), STR("config:roots") };
	struct str write[] = { STR("/var/x") };
	struct str network[] = { STR("unix"), STR("a.example:*"),
		STR("[::1]:80") };
	struct plugin_grants g;
	struct buf out;

	plugin_grants_init(&g);
	buf_init(&out);
	plugin_grants_words(&g, true, word_take, &out);
	has(&out, "no files\nno network\nat most 512 MiB of memory\n");
	buf_clear(&out);
	g.read = (struct settings_strs){ read, 2 };
	g.write = (struct settings_strs){ write, 1 };
	g.network = (struct settings_strs){ network, 3 };
	g.threads = 2;
	g.exec = true;
	g.cpu_ns = 60 * NS_PER_S;
	plugin_grants_words(&g, true, word_take, &out);
	has(&out, "reads /srv and what is below\n");
	has(&out, "reads what \"roots\" of its configuration names\n");
	has(&out, "reads and changes /var/x and what is below\n");
	has(&out, "every Unix socket");
	has(&out, "connects to every port, for a.example");
	has(&out, "connects to port 80, for [::1]");
	has(&out, "starts programs (weak");
	has(&out, "starts threads (it asks for 2)");
	has(&out, "at most 60 s of processor time");
	buf_clear(&out);
	plugin_grants_words(&g, false, word_take, &out);
	has(&out, "it runs in the server's process");
	buf_finish(&out);
}
END_TEST

STAGE_MAIN("plugin/operate", a_change_is_told_with_what_is_different,
    a_plugin_that_goes_is_told, what_was_refused_is_tried_again_by_hand,
    a_name_that_is_disabled_says_so, calls_are_counted_by_how_they_end,
    an_old_generation_says_why_it_is_there, grants_are_said_in_words)
