/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of a manifest that refer to each other and to files beside it: what
 * clients are sent, what is refused where, and what counts as a change. */
#include <sys/stat.h>

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/schema.h"
#include "plugin/manifest.h"
#include "plugin/seen.h"

#include "unit/unit.h"

#define HEAD \
	"plugin: weather\n" \
	"version: 1.0.0\n" \
	"module: weather.so\n"
/* 8 lines to the properties of the first tool. */
#define TOOL \
	"tools:\n" \
	"- name: forecast\n" \
	"  description: Tells the weather\n" \
	"  inputSchema:\n" \
	"    type: object\n" \
	"    properties:\n"

static char folder[64];
static struct plugin_seen seen;

static const char *
at(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	struct err err = { 0, "" };

	ck_assert_msg(file_replace(at(name), str_of(text), 0600, &err) == 0,
	    "%s", err.text);
}

static void
setup(void)
{
	(void)snprintf(
	    folder, sizeof folder, "%s", "/tmp/toolpost-documents-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(mkdir(at("common"), 0700), 0);
	plugin_seen_init(&seen);
}

static void
teardown(void)
{
	static const char *const names[] = { "weather.yaml", "common/a.json",
		"common/b.yaml", "common", "c.json", "link", "big.json" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		(void)remove(at(names[i]));
	ck_assert_int_eq(rmdir(folder), 0);
	plugin_seen_finish(&seen);
}

static struct plugin_manifest *
load(const char *text, struct buf *said)
{
	struct plugin_manifest *m;
	struct diags diags;

	put("weather.yaml", text);
	plugin_seen_finish(&seen);
	diags_init(&diags);
	m = plugin_manifest_load(at("weather.yaml"), &seen, &diags);
	buf_clear(said);
	diags_print(&diags, said);
	buf_char(said, '\0');
	diags_finish(&diags);
	return m;
}

/* Loads, and wants this inputSchema sent. */
static void
sends(const char *text, const char *want)
{
	struct plugin_manifest *m;
	struct buf said;

	buf_init(&said);
	m = load(text, &said);
	ck_assert_msg(m != NULL, "%s", said.ptr);
	ck_assert_msg(str_equal(m->entries[0].entry.input_schema, str_of(want)),
	    "%.*s", STR_FMT(m->entries[0].entry.input_schema));
	plugin_manifest_destroy(m);
	buf_finish(&said);
}

/* Refused with this finding, which begins behind the folder's name. */
static void
refuses(const char *text, const char *want)
{
	struct plugin_manifest *m;
	struct buf said;

	buf_init(&said);
	m = load(text, &said);
	ck_assert_ptr_null(m);
	ck_assert_msg(strstr(said.ptr, want) != NULL, "%s", said.ptr);
	buf_finish(&said);
}

START_TEST(a_schema_is_named_once_and_used_often)
{
	setup();
	sends(HEAD "schemas:\n"
		   "  day: {type: integer, maximum: 7}\n"
		   "  days: {items: {$ref: day}}\n" TOOL
		   "      a: {$ref: days}\n"
		   "      b: {$ref: day}\n",
	    "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":"
	    "\"#/$defs/days\"},\"b\":{\"$ref\":\"#/$defs/day\"}},\"$defs\":"
	    "{\"day\":{\"type\":\"integer\",\"maximum\":7},\"days\":"
	    "{\"items\":{\"$ref\":\"#/$defs/day\"}}}}");
	teardown();
}
END_TEST

START_TEST(files_beside_the_manifest_are_put_in)
{
	setup();
	put("common/a.json",
	    "{\n  \"$defs\": { \"x y\": {\"$ref\": \"b.yaml\"} }\n}\n");
	put("common/b.yaml", "type: string\npattern: \"^ \\\" \"\n");
	sends(HEAD TOOL "      a: {$ref: common/a.json#/$defs/x%20y}\n",
	    "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":"
	    "\"#/$defs/a/$defs/x%20y\"}},\"$defs\":{\"b\":{\"type\":\"string\","
	    "\"pattern\":\"^ \\\" \"},\"a\":{\"$defs\":{\"x y\":{\"$ref\":"
	    "\"#/$defs/b\"}}}}}");
	ck_assert_uint_eq(seen.len, 2);
	teardown();
}
END_TEST

START_TEST(an_id_is_a_name_too)
{
	setup();
	put("common/a.json",
	    "{\"$id\":\"https://x.example/s/a.json\",\"items\":{\"$ref\":"
	    "\"b.yaml\"}}");
	put("common/b.yaml", "type: 'null'\n");
	sends(HEAD
	    "schemas:\n"
	    "  day: {$id: \"https://x.example/day\", type: integer}\n" TOOL
	    "      a: {$ref: \"https://x.example/day\"}\n"
	    "      b: {$ref: day}\n"
	    "      c: {$ref: common/a.json}\n"
	    "      d: {$ref: common/b.yaml}\n",
	    "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":"
	    "\"#/$defs/day\"},\"b\":{\"$ref\":\"#/$defs/day\"},\"c\":{\"$ref\":"
	    "\"#/$defs/a\"},\"d\":{\"$ref\":\"#/$defs/b\"}},\"$defs\":{\"b\":"
	    "{\"type\":\"null\"},\"a\":{\"items\":{\"$ref\":\"#/$defs/b\"}},"
	    "\"day\":{\"type\":\"integer\"}}}");
	teardown();
}
END_TEST

START_TEST(faults_are_told_where_they_are)
{
	setup();
	refuses(HEAD TOOL "      a: {$ref: dya}\n",
	    "weather.yaml:10:17: error: tools[0].inputSchema.properties.a.$ref:"
	    " cannot resolve \"dya\": there is no \"dya\" under schemas");
	refuses(HEAD "schemas: {day: {}}\n" TOOL "      a: {$ref: dya}\n",
	    "(hint: did you mean \"day\"?)");
	refuses(HEAD "schemas: {day: {type: strin}}\n" TOOL
		     "      a: {$ref: day}\n",
	    "weather.yaml:4:23: error: schemas.day.type: \"strin\" is not a "
	    "JSON Schema type (hint: did you mean \"string\"?)\n");
	refuses(HEAD "schemas: {da.y: {}}\n" TOOL "      a: {}\n",
	    "weather.yaml:4:11: error: schemas: \"da.y\" is not a name");
	refuses(HEAD "schemas: [1]\n", "schemas: expected a map");
	refuses(HEAD "schemas: {a: true}\n",
	    "schemas.a: expected a JSON Schema as a map");
	put("common/a.json",
	    "{\n \"a\": {\"type\": \"strin\"},\n"
	    " \"$defs\": {\"b\": {\"minimum\": \"1\"}}}");
	refuses(HEAD TOOL "      a: {$ref: \"common/a.json#/$defs/b\"}\n",
	    "common/a.json:3:29: error: /$defs/b/minimum: must be a number\n");
	put("common/a.json", "{\n \"a\": {]}");
	refuses(HEAD TOOL "      a: {$ref: common/a.json}\n",
	    "common/a.json:2:8: error: not valid JSON");
	/* Circles are refused, across documents too. */
	refuses(HEAD
	    "schemas:\n  a: {$ref: b}\n  b: {allOf: [{$ref: a}]}\n" TOOL
	    "      a: {$ref: a}\n",
	    "a loop: it refers to itself without going down into the value");
	put("common/b.yaml", "a: [\n");
	refuses(HEAD TOOL "      a: {$ref: common/b.yaml}\n", "common/b.yaml:");
	put("common/a.json", "{\"description\": \"a\\u200bb\"}");
	refuses(HEAD TOOL "      a: {$ref: common/a.json}\n",
	    "common/a.json:1:17: error: the invisible character U+200B");
	put("common/a.json",
	    "{\"properties\":{\"x-mcp-header\":{},\"b\":"
	    "{\"x-mcp-header\":\"B\"}}}");
	refuses(HEAD TOOL "      a: {$ref: common/a.json}\n",
	    "common/a.json:1:54: error: x-mcp-header: not possible");
	teardown();
}
END_TEST

START_TEST(nothing_outside_the_folder_is_read)
{
	setup();
	put("common/a.json", "true");
	ck_assert_int_eq(symlink("common/a.json", at("link")), 0);
	refuses(HEAD TOOL "      a: {$ref: ../other/a.json}\n",
	    "only files in the folder of the manifest, and below");
	refuses(HEAD TOOL "      a: {$ref: \"common/%2e%2e/%2e%2e/a.json\"}\n",
	    "not a path");
	refuses(
	    HEAD TOOL "      a: {$ref: \"common%2Fa.json\"}\n", "not a path");
	refuses(
	    HEAD TOOL "      a: {$ref: \"common/a.json%00\"}\n", "not a path");
	refuses(
	    HEAD TOOL "      a: {$ref: \"a.json?x=.json\"}\n", "not a path");
	refuses(HEAD TOOL "      a: {$ref: \"file:///etc/passwd\"}\n",
	    "nothing is fetched");
	refuses(HEAD TOOL "      a: {$ref: \"https://127.0.0.1/a.json\"}\n",
	    "nothing is fetched");
	refuses(HEAD TOOL "      a: {$ref: none.json}\n",
	    "none.json: No such file or directory");
	ck_assert_int_eq(remove(at("link")), 0);
	ck_assert_int_eq(symlink("common", at("link")), 0);
	refuses(HEAD TOOL "      a: {$ref: link/a.json}\n", "a symbolic link");
	ck_assert_int_eq(remove(at("link")), 0);
	ck_assert_int_eq(symlink("common/a.json", at("c.json")), 0);
	refuses(HEAD TOOL "      a: {$ref: c.json}\n", "a symbolic link");
	ck_assert_int_eq(chmod(at("common/a.json"), 0666), 0);
	refuses(HEAD TOOL "      a: {$ref: common/a.json}\n",
	    "others may write it");
	teardown();
}
END_TEST

START_TEST(files_have_bounds)
{
	struct buf text;

	setup();
	buf_init(&text);
	buf_cstr(&text, "{\"description\":\"");
	while (text.len < 256 * 1024)
		BUF_LIT(&text, "0123456789");
	BUF_LIT(&text, "\"}");
	buf_char(&text, '\0');
	put("big.json", text.ptr);
	refuses(HEAD TOOL "      a: {$ref: big.json}\n",
	    "larger than 262144 bytes");
	/* Just small enough alone, too large when put in. */
	text.len = 256 * 1024 - 3;
	BUF_LIT(&text, "\"}");
	buf_char(&text, '\0');
	put("big.json", text.ptr);
	refuses(HEAD TOOL "      a: {$ref: big.json}\n",
	    "bytes with all it refers to, at most 262144 are sent to clients");
	buf_clear(&text);
	buf_cstr(&text, HEAD TOOL);
	for (int i = 0; i <= PLUGIN_SCHEMA_FILES_MAX; i++)
		buf_printf(&text, "      p%d: {$ref: n%d.json}\n", i, i);
	buf_char(&text, '\0');
	for (int i = 0; i < PLUGIN_SCHEMA_FILES_MAX; i++) {
		char name[32];

		(void)snprintf(name, sizeof name, "n%d.json", i);
		put(name, "{}");
	}
	refuses(text.ptr, "more than 64 files are referred to");
	ck_assert_uint_eq(seen.len, PLUGIN_SCHEMA_FILES_MAX);
	for (size_t i = 0; i < seen.len; i++)
		(void)remove(seen.files[i].path);
	buf_finish(&text);
	teardown();
}
END_TEST

START_TEST(a_file_that_changes_is_noticed)
{
	static const char text[] = HEAD TOOL "      a: {$ref: c.json}\n";
	unsigned char digest[CRYPTO_SHA256_LEN];
	struct plugin_manifest *m;
	struct buf said;

	setup();
	buf_init(&said);
	/* A missing one is waited for. */
	ck_assert_ptr_null(load(text, &said));
	ck_assert(!plugin_seen_changed(&seen));
	put("c.json", "{\"type\":\"string\"}");
	ck_assert(plugin_seen_changed(&seen));
	m = load(text, &said);
	ck_assert_msg(m != NULL, "%s", said.ptr);
	memcpy(digest, m->digest, sizeof digest);
	plugin_manifest_destroy(m);
	ck_assert(!plugin_seen_changed(&seen));
	put("c.json", "{\"type\":\"number\"}");
	ck_assert(plugin_seen_changed(&seen));
	m = load(text, &said);
	ck_assert_msg(m != NULL, "%s", said.ptr);
	ck_assert_int_ne(memcmp(digest, m->digest, sizeof digest), 0);
	plugin_manifest_destroy(m);
	buf_finish(&said);
	teardown();
}
END_TEST

static bool
takes(const struct schema *s, const char *json)
{
	struct json_doc doc;
	bool valid;

	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, str_of(json), JSON_PROTOCOL), 0);
	valid = schema_validate(s, doc.nodes, NULL);
	json_doc_finish(&doc);
	return valid;
}

START_TEST(format_asserts_where_the_manifest_says_so)
{
	static const char *const heads[] = { HEAD "formatAssertion: true\n",
		HEAD "formatAssertion: false\n", HEAD };
	struct plugin_manifest *m;
	struct buf said, text;

	setup();
	buf_init(&said);
	buf_init(&text);
	put("c.json", "{\"format\":\"ipv4\"}");
	for (size_t i = 0; i < 3; i++) {
		buf_clear(&text);
		buf_cstr(&text, heads[i]);
		buf_cstr(&text,
		    TOOL "      a: {format: date}\n"
			 "      b: {$ref: c.json}\n");
		buf_char(&text, '\0');
		m = load(text.ptr, &said);
		ck_assert_msg(m != NULL, "%s", said.ptr);
		ck_assert(takes(m->entries[0].input,
		    "{\"a\":\"2024-02-29\",\"b\":\"127.0.0.1\"}"));
		ck_assert(takes(m->entries[0].input, "{\"a\":\"2023-02-29\"}")
		    == (i != 0));
		ck_assert(takes(m->entries[0].input, "{\"b\":\"127.1\"}")
		    == (i != 0));
		plugin_manifest_destroy(m);
	}
	buf_finish(&text);
	buf_finish(&said);
	teardown();
}
END_TEST

UNIT_MAIN("plugin/manifest_documents", a_schema_is_named_once_and_used_often,
    files_beside_the_manifest_are_put_in, an_id_is_a_name_too,
    faults_are_told_where_they_are, nothing_outside_the_folder_is_read,
    files_have_bounds, a_file_that_changes_is_noticed,
    format_asserts_where_the_manifest_says_so)
