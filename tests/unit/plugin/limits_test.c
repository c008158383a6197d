/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's limits: read, merged, compared, and what holds then. */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "data/yaml.h"
#include "plugin/limits.h"
#include "plugin/manifest.h"

static struct arena arena;
static struct diags diags;
static struct plugin_limits_anew *anew;

static void
setup(void)
{
	arena_init(&arena, 1024 * 1024);
	diags_init(&diags);
	anew = NULL;
}

static void
forget(void)
{
	diags_finish(&diags);
	arena_finish(&arena);
}

/* One more file: what is under plugins.weather. */
static int
take(const char *text, const char *file)
{
	const struct yaml_node *root =
	    yaml_parse(&arena, str_of(text), file, &diags);

	ck_assert_ptr_nonnull(root);
	return plugin_limits_read(yaml_get(root, S("limits")),
	    yaml_get(root, S("tools")), "plugins.weather", &anew, &arena, file,
	    &diags);
}

static void
expect_found(const char *wanted)
{
	struct buf said;

	buf_init(&said);
	diags_print(&diags, &said);
	buf_char(&said, '\0');
	ck_assert_str_eq(said.ptr, wanted);
	buf_finish(&said);
}

static struct plugin_manifest *
manifest(const char *more)
{
	struct plugin_manifest *m;
	char text[1024];

	(void)snprintf(text, sizeof text,
	    "plugin: weather\nversion: 1.4.0\nmodule: weather.so\n%s"
	    "tools:\n"
	    "  - {name: plain, description: P.}\n"
	    "  - {name: own, description: O., limits: {timeout: 4s,\n"
	    "     concurrency: 3, queue: 8, rate: 5/s, retry: never}}\n",
	    more); /* it fits */
	m = plugin_manifest_parse(str_of(text), "weather.yaml", &diags);
	ck_assert_ptr_nonnull(m);
	return m;
}

START_TEST(the_operator_sets_a_limit_in_place_of_the_manifest)
{
	struct plugin_manifest *m;

	setup();
	m = manifest("limits: {timeout: 10s, rate: 50/s, queue: 20}\n");
	ck_assert_int_eq(
	    take("limits: {timeout: 20s, rate: 10/s}\n", "a.yaml"), 0);
	ck_assert_int_eq(plugin_limits_apply(m, anew, &diags), 0);
	ck_assert_int_eq(m->limits.timeout_ns, 20 * NS_PER_S);
	ck_assert_int_eq(m->limits.rate_ns, NS_PER_S / 10);
	ck_assert_int_eq(m->limits.queue, 20);
	ck_assert_int_eq(m->declared.timeout_ns, 10 * NS_PER_S);
	/* One entry has no word of its own, the other one has. */
	ck_assert_int_eq(m->entries[0].limits.timeout_ns, 20 * NS_PER_S);
	ck_assert_int_eq(m->entries[1].limits.timeout_ns, 4 * NS_PER_S);
	ck_assert_int_eq(m->entries[0].limits.rate_ns, 0);
	ck_assert_int_eq(m->entries[1].limits.rate_ns, NS_PER_S / 5);
	expect_found("");
	plugin_manifest_destroy(m);
	forget();
}
END_TEST

START_TEST(what_an_entry_says_holds_inside_that)
{
	struct plugin_manifest *m;

	setup();
	m = manifest("limits: {timeout: 10s}\n");
	ck_assert_int_eq(
	    take("limits: {timeout: 2s, concurrency: 8, queue: 4,\n"
		 "  retry: safe, result: 1KiB}\n",
		"a.yaml"),
	    0);
	ck_assert_int_eq(plugin_limits_apply(m, anew, &diags), 0);
	ck_assert_int_eq(m->entries[0].limits.timeout_ns, 2 * NS_PER_S);
	ck_assert_int_eq(m->entries[1].limits.timeout_ns, 2 * NS_PER_S);
	ck_assert_int_eq(m->entries[0].limits.concurrency, 8);
	ck_assert_int_eq(m->entries[1].limits.concurrency, 3);
	ck_assert_int_eq(m->entries[1].limits.queue, 4);
	ck_assert_int_eq(m->entries[1].limits.result_max, 1024);
	ck_assert_int_eq(m->entries[0].limits.retry, PLUGIN_RETRY_SAFE);
	ck_assert_int_eq(m->entries[1].limits.retry, PLUGIN_RETRY_NEVER);
	plugin_manifest_destroy(m);
	forget();
}
END_TEST

START_TEST(the_word_on_a_tool_counts_as_it_is)
{
	struct plugin_manifest *m;

	setup();
	m = manifest("limits: {timeout: 10s}\n");
	ck_assert_int_eq(
	    take("limits: {timeout: 2s}\n"
		 "tools: {own: {limits: {timeout: 1m, rate: 1/m}}}\n",
		"a.yaml"),
	    0);
	ck_assert_int_eq(plugin_limits_apply(m, anew, &diags), 0);
	ck_assert_int_eq(m->entries[0].limits.timeout_ns, 2 * NS_PER_S);
	ck_assert_int_eq(m->entries[1].limits.timeout_ns, 60 * NS_PER_S);
	ck_assert_int_eq(m->entries[1].limits.rate_ns, 60 * NS_PER_S);
	ck_assert_int_eq(m->entries[1].limits.concurrency, 3);
	plugin_manifest_destroy(m);
	forget();
}
END_TEST

START_TEST(later_files_count_key_by_key)
{
	setup();
	ck_assert_int_eq(take("limits: {timeout: 2s, queue: 1}\n"
			      "tools: {own: {limits: {queue: 2}}}\n",
			     "a.yaml"),
	    0);
	ck_assert_int_eq(take("limits: {queue: 5}\n"
			      "tools: {own: {limits: {timeout: 1s}}}\n",
			     "b.yaml"),
	    0);
	ck_assert_int_eq(anew->limits.timeout_ns, 2 * NS_PER_S);
	ck_assert_int_eq(anew->limits.queue, 5);
	ck_assert(str_equal(anew->at[PLUGIN_LIMIT_TIMEOUT].file, S("a.yaml")));
	ck_assert(str_equal(anew->at[PLUGIN_LIMIT_QUEUE].file, S("b.yaml")));
	ck_assert_uint_eq(anew->at[PLUGIN_LIMIT_QUEUE].at.line, 1);
	ck_assert_uint_eq(anew->at[PLUGIN_LIMIT_QUEUE].at.column, 17);
	ck_assert_uint_eq(anew->tools_len, 1);
	ck_assert_int_eq(anew->tools->anew.limits.queue, 2);
	ck_assert_int_eq(anew->tools->anew.limits.timeout_ns, NS_PER_S);
	forget();
}
END_TEST

START_TEST(a_breaker_is_set_as_a_whole)
{
	struct plugin_manifest *m;

	setup();
	m = manifest("limits: {breaker: {failures: 9, probe: 2s}}\n");
	ck_assert_int_eq(
	    take("limits: {breaker: {failures: 2}}\n", "a.yaml"), 0);
	ck_assert_int_eq(plugin_limits_apply(m, anew, &diags), 0);
	ck_assert_int_eq(m->breaker.failures, 2);
	ck_assert_int_eq(m->breaker.probe_ns, call_breaker_default.probe_ns);
	ck_assert_int_eq(m->declared_breaker.failures, 9);
	plugin_manifest_destroy(m);
	forget();
}
END_TEST

START_TEST(errors_say_where_and_what)
{
	setup();
	ck_assert_int_eq(
	    take("limits: {timeout: soon}\n", "a.yaml"), ERR_CONFIG);
	ck_assert_int_eq(take("limits: {tiemout: 1s}\n", "b.yaml"), ERR_CONFIG);
	ck_assert_int_eq(
	    take("limits: {memory: 1GiB}\n", "c.yaml"), ERR_CONFIG);
	ck_assert_int_eq(take("limits: {breaker: 5}\n", "d.yaml"), ERR_CONFIG);
	ck_assert_int_eq(take("tools: [own]\n", "e.yaml"), ERR_CONFIG);
	ck_assert_int_eq(
	    take("tools: {own: {limits: {breaker: off}}}\n", "f.yaml"),
	    ERR_CONFIG);
	ck_assert_int_eq(
	    take("tools: {own: {scope: x}}\n", "g.yaml"), ERR_CONFIG);
	expect_found(
	    "a.yaml:1:19: error: plugins.weather.limits.timeout: expected a "
	    "time like 500ms, 10s or 5m, from 1ms to 24h, not \"soon\"\n"
	    "b.yaml:1:10: error: plugins.weather.limits: unknown key "
	    "\"tiemout\" (hint: did you mean \"timeout\"?)\n"
	    "c.yaml:1:10: error: plugins.weather.limits.memory: not available "
	    "yet (hint: write it under grants)\n"
	    "d.yaml:1:19: error: plugins.weather.limits.breaker: expected "
	    "off, or a map of numbers (hint: for example {failures: 5, probe: "
	    "1s})\n"
	    "e.yaml:1:8: error: plugins.weather.tools: expected a map of "
	    "tools (hint: write tools: {NAME: {limits: {..}}})\n"
	    "f.yaml:1:24: error: plugins.weather.tools.own.limits.breaker: it "
	    "is one of the whole plugin (hint: write it under limits of the "
	    "plugin)\n"
	    "g.yaml:1:15: error: plugins.weather.tools.own: unknown key "
	    "\"scope\" (hint: known here: limits)\n");
	forget();
}
END_TEST

START_TEST(what_means_nothing_is_a_warning)
{
	struct plugin_manifest *m;

	setup();
	m = manifest("");
	ck_assert_int_eq(
	    take("limits:\n  burst: 3\ntools: {gone: {limits: {queue: 1}}}\n",
		"a.yaml"),
	    0);
	ck_assert_int_eq(plugin_limits_apply(m, anew, &diags), 0);
	expect_found(
	    "a.yaml:2:10: warning: plugins.weather.limits.burst: without a "
	    "rate it means nothing (hint: write a rate beside it)\n"
	    "a.yaml:3:9: warning: plugins.weather.tools.gone: the plugin has "
	    "no such tool (hint: see its manifest)\n");
	plugin_manifest_destroy(m);
	forget();
}
END_TEST

/* Pairs that are equal or not, wherever they were said. */
static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "limits: {queue: 1}\n", "limits:\n  queue: 1\n", true },
	{ "limits: {queue: 1}\n", "limits: {queue: 2}\n", false },
	{ "limits: {queue: 1}\n", "limits: {queue: 1, burst: 1}\n", false },
	{ "limits: {queue: 1}\n", "{}\n", false },
	{ "limits: {retry: safe}\n", "limits: {retry: never}\n", false },
	{ "limits: {breaker: off}\n", "limits: {breaker: {close: 1}}\n",
	    false },
	{ "limits: {breaker: {close: 1}}\n", "limits: {breaker: {close: 1}}\n",
	    true },
	{ "tools: {a: {limits: {queue: 1}}, b: {limits: {queue: 2}}}\n",
	    "tools: {b: {limits: {queue: 2}}, a: {limits: {queue: 1}}}\n",
	    true },
	{ "tools: {a: {limits: {queue: 1}}}\n",
	    "tools: {a: {limits: {queue: 2}}}\n", false },
	{ "tools: {a: {limits: {queue: 1}}}\n", "{}\n", false },
};

START_TEST(only_values_are_compared)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct plugin_limits_anew *first, *copy;

		setup();
		ck_assert_int_eq(take(pairs[i].a, "a.yaml"), 0);
		first = anew;
		copy = plugin_limits_copy(first, &arena);
		ck_assert_ptr_nonnull(copy);
		ck_assert(plugin_limits_equal(first, copy, true));
		anew = NULL;
		ck_assert_int_eq(take(pairs[i].b, "b.yaml"), 0);
		ck_assert_msg(
		    plugin_limits_equal(first, anew, false) == pairs[i].equal,
		    "%zu", i);
		ck_assert(
		    plugin_limits_equal(anew, first, false) == pairs[i].equal);
		forget();
	}
}
END_TEST

static void
said_add(void *arg, const struct plugin_limit_said *said)
{
	struct buf *out = arg;

	buf_printf(out, "%.*s %s=%.*s (%.*s) %.*s:%u:%u\n", STR_FMT(said->tool),
	    said->key, STR_FMT(said->value), STR_FMT(said->manifest),
	    STR_FMT(said->at->file), said->at->at.line, said->at->at.column);
}

START_TEST(each_value_is_told_with_its_place_and_the_manifests)
{
	struct plugin_manifest *m;
	struct buf text;

	setup();
	buf_init(&text);
	m = manifest("limits: {rate: 50/s, breaker: off}\n");
	ck_assert_int_eq(
	    take("limits:\n  rate: 10/s\n  timeout: 3s\n  result: 2MiB\n"
		 "  breaker: {failures: 7}\n"
		 "tools: {own: {limits: {queue: 0, retry: safe}}}\n",
		"a.yaml"),
	    0);
	ck_assert_int_eq(plugin_limits_apply(m, anew, &diags), 0);
	plugin_limits_each(m, said_add, &text);
	buf_char(&text, '\0');
	ck_assert_str_eq(text.ptr,
	    " timeout=3s () a.yaml:3:12\n"
	    " result=2MiB () a.yaml:4:11\n"
	    " rate=10/s (50/s) a.yaml:2:9\n"
	    " breaker=failures: 7, percent: 50, calls: 20, window: 10s, "
	    "probe: 1s, close: 3 (off) a.yaml:5:12\n"
	    "own queue=0 (8) a.yaml:6:31\n"
	    "own retry=safe (never) a.yaml:6:41\n");
	buf_finish(&text);
	plugin_manifest_destroy(m);
	forget();
}
END_TEST

UNIT_MAIN("plugin/limits", the_operator_sets_a_limit_in_place_of_the_manifest,
    what_an_entry_says_holds_inside_that, the_word_on_a_tool_counts_as_it_is,
    later_files_count_key_by_key, a_breaker_is_set_as_a_whole,
    errors_say_where_and_what, what_means_nothing_is_a_warning,
    only_values_are_compared,
    each_value_is_told_with_its_place_and_the_manifests)
