/* SPDX-License-Identifier: Apache-2.0 */
#include "data/settings.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

struct limits {
	int64_t body;
	int64_t idle;
	int64_t connections;
};

struct config {
	struct str name;
	struct str listen;
	bool watch;
	int mode;
	struct settings_strs scopes;
	struct limits limits;
	const struct yaml_node *schema;
	int64_t shift;
};

/* clang-format off */
static const char *const modes[] = { "process", "none", NULL };

static const struct settings_item limit_items[] = {
	{ .key = "body", .type = SETTINGS_SIZE, .offset = offsetof(struct limits, body),
	  .min = 1024, .max = 64 << 20, .fallback = "4MiB", .help = "Largest body." },
	{ .key = "idle", .type = SETTINGS_DURATION, .offset = offsetof(struct limits, idle),
	  .min = 100 * NS_PER_MS, .max = 3600 * NS_PER_S, .fallback = "90s" },
	{ .key = "connections", .type = SETTINGS_INT,
	  .offset = offsetof(struct limits, connections), .fallback = "100" },
	{ .key = NULL },
};

static const struct settings_item items[] = {
	{ .key = "name", .type = SETTINGS_STR, .offset = offsetof(struct config, name),
	  .required = true, .help = "a short word for the plugin" },
	{ .key = "listen", .type = SETTINGS_STR, .offset = offsetof(struct config, listen),
	  .fallback = "127.0.0.1:7423" },
	{ .key = "watch", .type = SETTINGS_BOOL, .offset = offsetof(struct config, watch),
	  .fallback = "true" },
	{ .key = "mode", .type = SETTINGS_ENUM, .offset = offsetof(struct config, mode),
	  .names = modes, .fallback = "none" },
	{ .key = "scopes", .type = SETTINGS_STRS, .offset = offsetof(struct config, scopes),
	  .fallback = "read, write" },
	{ .key = "limits", .type = SETTINGS_MAP, .offset = offsetof(struct config, limits),
	  .items = limit_items },
	{ .key = "schema", .type = SETTINGS_NODE, .offset = offsetof(struct config, schema) },
	{ .key = "shift", .type = SETTINGS_INT, .offset = offsetof(struct config, shift),
	  .min = -10, .max = 10 },
	{ .key = NULL },
};
/* clang-format on */

static struct arena arena;
static struct diags diags;
static struct buf out;
static struct config config;

static void
finish(void)
{
	arena_finish(&arena);
	diags_finish(&diags);
	buf_finish(&out);
}

static const char *
findings(const char *text)
{
	struct yaml_node *map;
	int rc;

	diags_finish(&diags);
	map = yaml_parse(&arena, str_of(text), "f.yaml", &diags);
	ck_assert_ptr_nonnull(map);
	rc = settings_read(items, map, "", &config, &arena, "f.yaml", &diags);
	ck_assert_int_eq(rc, diags_has_errors(&diags) ? ERR_CONFIG : 0);
	buf_clear(&out);
	diags_print(&diags, &out);
	buf_char(&out, '\0');
	return out.ptr;
}

START_TEST(values_are_read_by_type)
{
	ck_assert_str_eq(findings("name: weather\n"
				  "listen: \"[::1]:80\"\n"
				  "watch: false\n"
				  "mode: process\n"
				  "scopes: [a, 'b c']\n"
				  "limits: {body: 64KiB, idle: 500ms,"
				  " connections: 7}\n"
				  "schema: {type: object}\n"
				  "shift: -3\n"),
	    "");
	ck_assert(str_equal(config.name, S("weather")));
	ck_assert_str_eq(config.listen.ptr, "[::1]:80");
	ck_assert(!config.watch);
	ck_assert_int_eq(config.mode, 0);
	ck_assert_uint_eq(config.scopes.len, 2);
	ck_assert(str_equal(config.scopes.items[1], S("b c")));
	ck_assert_int_eq(config.limits.body, 65536);
	ck_assert_int_eq(config.limits.idle, 500 * NS_PER_MS);
	ck_assert_int_eq(config.limits.connections, 7);
	ck_assert_int_eq(config.schema->type, YAML_MAP);
	ck_assert_int_eq(config.shift, -3);
	finish();
}
END_TEST

START_TEST(absent_values_have_defaults)
{
	memset(&config, 0x55, sizeof config);
	ck_assert_str_eq(findings("name: x\nlimits:\n  # body: 1KiB\n"), "");
	ck_assert(str_equal(config.listen, S("127.0.0.1:7423")));
	ck_assert(config.watch);
	ck_assert_int_eq(config.mode, 1);
	ck_assert_uint_eq(config.scopes.len, 2);
	ck_assert(str_equal(config.scopes.items[1], S("write")));
	ck_assert_int_eq(config.limits.body, 4 << 20);
	ck_assert_int_eq(config.limits.idle, 90 * NS_PER_S);
	ck_assert_ptr_null(config.schema);
	ck_assert_int_eq(config.shift, 0);
	finish();
}
END_TEST

START_TEST(a_later_file_replaces_only_what_it_gives)
{
	struct yaml_node *map;

	ck_assert_str_eq(
	    findings("name: x\nlimits: {body: 1KiB, idle: 1s}\n"), "");
	map = yaml_parse(
	    &arena, S("limits: {idle: 2m}\nscopes: []\n"), "g.yaml", &diags);
	ck_assert_int_eq(
	    settings_merge(items, map, "", &config, &arena, "g.yaml", &diags),
	    0);
	ck_assert(str_equal(config.name, S("x")));
	ck_assert_int_eq(config.limits.body, 1024);
	ck_assert_int_eq(config.limits.idle, 120 * NS_PER_S);
	ck_assert_uint_eq(config.scopes.len, 0);
	finish();
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	const char *want;
} refused[] = {
	{ "listen: x\n",
	  "f.yaml:1:1: error: the key \"name\" is missing (hint: a short word for the plugin)\n" },
	{ "name: x\nlisten: y\nlimit: {}\n",
	  "f.yaml:3:1: error: unknown key \"limit\" (hint: did you mean \"limits\"?)\n" },
	{ "name: x\nlimits:\n  idel: 1s\n",
	  "f.yaml:3:3: error: limits: unknown key \"idel\" (hint: did you mean \"idle\"?)\n" },
	{ "name: x\nlimits:\n  zzzzzz: 1s\n",
	  "f.yaml:3:3: error: limits: unknown key \"zzzzzz\" (hint: known here: body, idle, connections)\n" },
	{ "name: x\nName: y\n",
	  "f.yaml:2:1: error: unknown key \"Name\" (hint: did you mean \"name\"?)\n" },
	{ "name: [x]\n", "f.yaml:1:7: error: name: expected text, not a list\n" },
	{ "name: x\nwatch: no\n",
	  "f.yaml:2:8: error: watch: expected true or false, not \"no\"\n" },
	{ "name: x\nwatch: \"true\"\n",
	  "f.yaml:2:8: error: watch: quoted text, where a value is expected (hint: remove the quotes)\n" },
	{ "name: x\nmode: proces\n",
	  "f.yaml:2:7: error: mode: expected process or none, not \"proces\" (hint: did you mean \"process\"?)\n" },
	{ "name: x\nmode:\n",
	  "f.yaml:2:6: error: mode: expected process or none, but nothing is given\n" },
	{ "name: x\nlimits: {body: 512}\n",
	  "f.yaml:2:16: error: limits.body: 512 is out of range: expected a size like 64KiB or 1MiB, from 1KiB to 64MiB\n" },
	{ "name: x\nlimits: {body: 1GiB}\n",
	  "f.yaml:2:16: error: limits.body: 1GiB is out of range: expected a size like 64KiB or 1MiB, from 1KiB to 64MiB\n" },
	{ "name: x\nlimits: {body: 1kb}\n",
	  "f.yaml:2:16: error: limits.body: expected a size like 64KiB or 1MiB, from 1KiB to 64MiB, not \"1kb\"\n" },
	{ "name: x\nlimits: {idle: 99ms}\n",
	  "f.yaml:2:16: error: limits.idle: 99ms is out of range: expected a time like 500ms, 10s or 5m, from 100ms to 1h\n" },
	{ "name: x\nlimits: {idle: 1e3s}\n",
	  "f.yaml:2:16: error: limits.idle: expected a time like 500ms, 10s or 5m, from 100ms to 1h, not \"1e3s\"\n" },
	{ "name: x\nlimits: {idle: 9223372036854775807h}\n",
	  "f.yaml:2:16: error: limits.idle: 9223372036854775807h is out of range: expected a time like 500ms, 10s or 5m, from 100ms to 1h\n" },
	{ "name: x\nlimits: {connections: -1}\n",
	  "f.yaml:2:23: error: limits.connections: -1 is out of range: expected a whole number from 0 up\n" },
	{ "name: x\nlimits: {connections: 1.5}\n",
	  "f.yaml:2:23: error: limits.connections: expected a whole number from 0 up, not \"1.5\"\n" },
	{ "name: x\nshift: 11\n",
	  "f.yaml:2:8: error: shift: 11 is out of range: expected a whole number from -10 to 10\n" },
	{ "name: x\nscopes: a\n",
	  "f.yaml:2:9: error: scopes: expected a list of text, not a single value (hint: write it as [a, b])\n" },
	{ "name: x\nscopes: [a, [b]]\n",
	  "f.yaml:2:13: error: scopes[1]: expected text, not a list\n" },
	{ "name: x\nlimits: 5\n",
	  "f.yaml:2:9: error: limits: expected a map of \"key: value\", not a single value\n" },
	{ "- name\n", "f.yaml:1:1: error: expected a map of \"key: value\"\n" },
	{ "nam: x\nwatch: 1\n",
	  "f.yaml:1:1: error: unknown key \"nam\" (hint: did you mean \"name\"?)\n"
	  "f.yaml:2:8: error: watch: expected true or false, not \"1\"\n"
	  "f.yaml:1:1: error: the key \"name\" is missing (hint: a short word for the plugin)\n" },
};
/* clang-format on */

START_TEST(refusals_say_where_what_and_what_is_allowed)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		ck_assert_str_eq(findings(refused[i].text), refused[i].want);
	finish();
}
END_TEST

START_TEST(a_prefix_leads_the_path)
{
	struct yaml_node *map =
	    yaml_parse(&arena, S("nme: 1\nwatch: 2\n"), "f.yaml", &diags);

	ck_assert_int_eq(settings_read(items, map, "tools[0]", &config, &arena,
			     "f.yaml", &diags),
	    ERR_CONFIG);
	ck_assert_str_eq(
	    diags.items[0].message, "tools[0]: unknown key \"nme\"");
	ck_assert_str_eq(diags.items[1].message,
	    "tools[0].watch: expected true or false, not \"2\"");
	finish();
}
END_TEST

START_TEST(settings_are_printed_as_they_are_written)
{
	ck_assert_str_eq(findings("name: 'a b'\nschema: {x: [1]}\n"
				  "scopes: [http://x:1, 'y,']\n"),
	    "");
	buf_clear(&out);
	settings_print(items, &config, "p", &out);
	ck_assert(str_equal(buf_view(&out),
	    S("p.name: \"a b\"\n"
	      "p.listen: 127.0.0.1:7423\n"
	      "p.watch: true\n"
	      "p.mode: none\n"
	      "p.scopes: [http://x:1, \"y,\"]\n"
	      "p.limits.body: 4MiB\n"
	      "p.limits.idle: 90s\n"
	      "p.limits.connections: 100\n"
	      "p.schema: {\"x\":[1]}\n"
	      "p.shift: 0\n")));
	finish();
}
END_TEST

START_TEST(no_map_means_defaults)
{
	ck_assert_int_eq(
	    settings_read(items, NULL, "", &config, &arena, "f.yaml", &diags),
	    ERR_CONFIG); /* name is required */
	ck_assert_int_eq(
	    settings_merge(items, NULL, "", &config, &arena, "f.yaml", &diags),
	    0);
	ck_assert_int_eq(settings_defaults(items, &config, &arena), 0);
	ck_assert_int_eq(config.limits.connections, 100);
	finish();
}
END_TEST

START_TEST(one_scalar_fills_its_place)
{
	struct err err;

	ck_assert_int_eq(
	    settings_scalar(&items[4], S(" a ,b, "), &config, &arena, &err), 0);
	ck_assert_uint_eq(config.scopes.len, 3);
	ck_assert(str_equal(config.scopes.items[0], S("a")));
	ck_assert_int_eq(
	    settings_scalar(&items[2], S("maybe"), &config, &arena, &err),
	    ERR_CONFIG);
	ck_assert_str_eq(err.text, "expected true or false, not \"maybe\"");
	ck_assert_int_eq(
	    settings_scalar(&items[6], S("x"), &config, &arena, NULL),
	    ERR_CONFIG);
	finish();
}
END_TEST

/* clang-format off */
#define LONG(key_) { .key = key_ "_0123456789012345678901234567890123456789" }
static const struct settings_item many[] = {
	{ .key = "hidden", .type = SETTINGS_NODE, .refused = true },
	LONG("aa"), LONG("bb"), LONG("cc"), LONG("dd"), LONG("ee"), LONG("ff"),
	LONG("gg"), LONG("hh"), LONG("ii"), LONG("jj"), LONG("kk"), LONG("ll"),
	{ .key = NULL },
};
/* clang-format on */

/* What is refused anyway is not offered, and no name is cut. */
START_TEST(many_known_keys_end_with_a_whole_one)
{
	struct yaml_node *map =
	    yaml_parse(&arena, S("zzz: 1\n"), "f.yaml", &diags);
	const char *hint;
	size_t len;

	ck_assert_int_eq(
	    settings_read(many, map, "", &config, &arena, "f.yaml", &diags),
	    ERR_CONFIG);
	hint = diags.items[0].hint;
	len = strlen(hint);
	ck_assert_ptr_null(strstr(hint, "hidden"));
	ck_assert_ptr_nonnull(strstr(hint, "known here: aa_0123"));
	ck_assert_str_eq(hint + len - 8, "6789, ..");
	ck_assert_uint_gt(len, 400);
	finish();
}
END_TEST

START_TEST(reading_survives_each_failed_allocation)
{
	struct yaml_node *map;
	struct arena target;
	long n = 0;
	int rc;

	map = yaml_parse(
	    &arena, S("name: x\nscopes: [a, b]\nwatch: 1\n"), "f.yaml", &diags);
	do {
		arena_init(&target, 0);
		diags_finish(&diags);
		alloc_left = n++;
		rc = settings_read(
		    items, map, "", &config, &target, "f.yaml", &diags);
		alloc_left = -1;
		ck_assert(rc == ERR_NOMEM || rc == ERR_CONFIG);
		arena_finish(&target);
	} while (n < 12);
	ck_assert_int_eq(rc, ERR_CONFIG);
	finish();
}
END_TEST

UNIT_MAIN("data/settings", values_are_read_by_type, absent_values_have_defaults,
    a_later_file_replaces_only_what_it_gives,
    refusals_say_where_what_and_what_is_allowed,
    many_known_keys_end_with_a_whole_one, a_prefix_leads_the_path,
    settings_are_printed_as_they_are_written, no_map_means_defaults,
    one_scalar_fills_its_place, reading_survives_each_failed_allocation)
