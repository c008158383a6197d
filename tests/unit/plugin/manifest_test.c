/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: what a good one becomes, and what is said of each bad one, with
 * its exact place. */
#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "plugin/manifest.h"

/* Lines 1 to 3; the text of a case begins in line 4. */
#define HEAD "plugin: weather\nversion: 1.4.0\nmodule: weather.so\n"
/* Lines 4 to 6; the rest of the tool begins in line 7, column 5. */
#define TOOL "tools:\n  - name: forecast\n    description: d\n"
/* Line 7, and the schema begins in line 8, column 7. */
#define SCHEMA TOOL "    inputSchema:\n      type: object\n"
#define PROPERTY SCHEMA "      properties:\n        a: "

struct bad {
	const char *text;
	const char *said; /* without "weather.yaml:" */
};

static struct plugin_manifest *
parse(const char *text, struct buf *said)
{
	struct plugin_manifest *m;
	struct diags diags;

	diags_init(&diags);
	m = plugin_manifest_parse(str_of(text), "weather.yaml", &diags);
	ck_assert_int_eq(m == NULL, diags_has_errors(&diags));
	diags_print(&diags, said);
	buf_char(said, '\0');
	diags_finish(&diags);
	return m;
}

static void
expect(const struct bad *bad, size_t len)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < len; i++) {
		struct plugin_manifest *m;
		struct buf said;
		const char *got;

		buf_init(&said);
		m = parse(bad[i].text, &said);
		got = said.ptr;
		if (strncmp(got, "weather.yaml:", 13) == 0)
			got += 13;
		if (m != NULL || strcmp(got, bad[i].said) != 0) {
			wrong++;
			(void)fprintf(stderr,
			    "case %zu\nwanted %s\ngot    %s\n", i, bad[i].said,
			    got);
		}
		plugin_manifest_destroy(m);
		buf_finish(&said);
	}
	ck_assert_uint_eq(wrong, 0);
}

static struct plugin_manifest *
good(const char *text)
{
	struct plugin_manifest *m;
	struct buf said;

	buf_init(&said);
	m = parse(text, &said);
	ck_assert_msg(m != NULL, "%s", said.ptr);
	ck_assert_msg(said.ptr[0] == '\0', "%s", said.ptr);
	buf_finish(&said);
	return m;
}

static bool
is(struct str s, const char *text)
{
	return str_equal(s, str_of(text));
}

/* clang-format off */
static const char whole[] =
"# a comment\n"
"plugin: weather\n"
"version: 1.4.0\n"
"abi: \">=1.0\"\n"
"module: weather.so\n"
"sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
"title: Weather\n"
"description: |\n"
"  Forecasts of the\n"
"  national service.\n"
"license: Apache-2.0\n"
"homepage: https://example.com/weather\n"
"isolation: process\n"
"rehearse: open\n"
"reload: overlap\n"
"state: required\n"
"quarantine: error\n"
"limits:\n"
"  timeout: 10s\n"
"  concurrency: 16\n"
"  queue: 32\n"
"  result: 1MiB\n"
"configSchema:\n"
"  type: object\n"
"  properties: {units: {enum: [metric, imperial]}}\n"
"tools:\n"
"  - name: weather_forecast\n"
"    title: Forecast\n"
"    description: Forecast for a place.\n"
"    icons:\n"
"      - {src: \"https://example.com/i.png\", mimeType: image/png, sizes: [48x48, any], theme: dark}\n"
"      - {src: \"data:image/png;base64,AAAA\"}\n"
"    annotations: {title: 7, readOnlyHint: true, openWorldHint: false}\n"
"    _meta: {com.example/key: 1, plain: [yes, 2]}\n"
"    limits: {timeout: 4s, concurrency: 2}\n"
"    inputSchema:\n"
"      type: object\n"
"      required: [place]\n"
"      properties:\n"
"        place: {type: string, minLength: 1}\n"
"        where:\n"
"          type: object\n"
"          properties:\n"
"            region: {type: string, x-mcp-header: Region}\n"
"        days: {type: integer, minimum: 1, maximum: 7, x-mcp-header: Days}\n"
"        x-mcp-header: {type: boolean, x-mcp-header: Odd}\n"
"      default: {x-mcp-header: nothing}\n"
"    outputSchema: {type: object, required: [days]}\n"
"  - {name: ping, description: Answers., outputSchema: {type: array}}\n"
"resources:\n"
"  - {uri: \"weather://stations\", name: stations, mimeType: application/json,\n"
"     size: 100, annotations: {audience: [user], priority: 0.3, lastModified: 2025-01-12T15:00:58Z}}\n"
"  - uriTemplate: weather://{city}/today\n"
"    name: today\n"
"    cache: {ttl: 60s, scope: public}\n"
"prompts:\n"
"  - name: plan_trip\n"
"    description: A packing list.\n"
"    arguments: [{name: place, title: Place, description: Where to, required: true}, {name: days}]\n";
/* clang-format on */

START_TEST(a_whole_manifest_is_read)
{
	struct plugin_manifest *m = good(whole);

	ck_assert(is(m->name, "weather"));
	ck_assert(is(m->version, "1.4.0"));
	ck_assert(is(m->title, "Weather"));
	ck_assert(is(m->description, "Forecasts of the\nnational service.\n"));
	ck_assert(is(m->homepage, "https://example.com/weather"));
	ck_assert(m->pinned && m->sha256[0] == 0xba);
	ck_assert(m->state_required);
	ck_assert(m->stays);
	ck_assert_int_eq(m->limits.timeout_ns, 10 * NS_PER_S);
	ck_assert_int_eq(m->limits.concurrency, 16);
	ck_assert_int_eq(m->limits.queue, 32);
	ck_assert_int_eq(m->limits.result_max, 1 << 20);
	ck_assert_ptr_nonnull(m->config_schema);
	ck_assert_uint_eq(m->entries_len, 5);
	plugin_manifest_destroy(m);
}
END_TEST

START_TEST(a_tool_has_all_that_was_written)
{
	struct plugin_manifest *m = good(whole);
	const struct plugin_manifest_entry *t = &m->entries[0];

	ck_assert_int_eq(t->entry.kind, REGISTRY_TOOL);
	ck_assert(is(t->entry.key, "weather_forecast"));
	ck_assert(is(t->entry.annotations,
	    "{\"title\":\"7\",\"readOnlyHint\":true,"
	    "\"openWorldHint\":false}"));
	ck_assert(
	    is(t->entry.meta, "{\"com.example/key\":1,\"plain\":[\"yes\",2]}"));
	ck_assert(is(t->entry.icons,
	    "[{\"src\":\"https://example.com/i.png\",\"mimeType\":"
	    "\"image/png\",\"sizes\":[\"48x48\",\"any\"],\"theme\":\"dark\"},"
	    "{\"src\":\"data:image/png;base64,AAAA\"}]"));
	ck_assert_int_eq(t->limits.timeout_ns, 4 * NS_PER_S);
	ck_assert_int_eq(t->limits.concurrency, 2);
	ck_assert_int_eq(t->limits.queue, 32);
	ck_assert_ptr_nonnull(t->input);
	ck_assert_ptr_nonnull(t->output);
	ck_assert(t->entry.output_is_object);
	ck_assert_uint_eq(t->at.line, 27);
	ck_assert_uint_eq(t->at.column, 11);
	t = &m->entries[1];
	ck_assert(is(t->entry.input_schema,
	    "{\"type\":\"object\",\"additionalProperties\":false}"));
	ck_assert(!t->entry.output_is_object);
	plugin_manifest_destroy(m);
}
END_TEST

START_TEST(mirrored_arguments_are_found)
{
	/* XHD-01, XHD-04, AMB-09 */
	struct plugin_manifest *m = good(whole);
	const struct registry_entry *e = &m->entries[0].entry;

	ck_assert_uint_eq(e->mirrors_len, 3);
	ck_assert(is(e->mirrors[0].header, "Mcp-Param-Region"));
	ck_assert_uint_eq(e->mirrors[0].path_len, 2);
	ck_assert(is(e->mirrors[0].path[0], "where"));
	ck_assert(is(e->mirrors[0].path[1], "region"));
	ck_assert_int_eq(e->mirrors[0].type, REGISTRY_MIRROR_STRING);
	ck_assert(is(e->mirrors[1].header, "Mcp-Param-Days"));
	ck_assert_int_eq(e->mirrors[1].type, REGISTRY_MIRROR_INTEGER);
	ck_assert(is(e->mirrors[2].path[0], "x-mcp-header"));
	ck_assert_int_eq(e->mirrors[2].type, REGISTRY_MIRROR_BOOLEAN);
	plugin_manifest_destroy(m);
}
END_TEST

START_TEST(resources_and_prompts_have_all_that_was_written)
{
	struct plugin_manifest *m = good(whole);
	const struct registry_entry *e = &m->entries[2].entry;

	ck_assert_int_eq(e->kind, REGISTRY_RESOURCE);
	ck_assert(is(e->key, "weather://stations"));
	ck_assert(is(e->mime, "application/json"));
	ck_assert_int_eq(e->size, 100);
	ck_assert_int_eq(e->cache_ttl_ms, -1);
	ck_assert(is(e->annotations,
	    "{\"audience\":[\"user\"],\"priority\":0.3,"
	    "\"lastModified\":\"2025-01-12T15:00:58Z\"}"));
	e = &m->entries[3].entry;
	ck_assert_int_eq(e->kind, REGISTRY_TEMPLATE);
	ck_assert(is(e->key, "weather://{city}/today"));
	ck_assert_ptr_nonnull(m->entries[3].uri_template);
	ck_assert_int_eq(e->cache_ttl_ms, 60000);
	ck_assert(e->cache_public);
	ck_assert_int_eq(e->size, -1);
	e = &m->entries[4].entry;
	ck_assert_int_eq(e->kind, REGISTRY_PROMPT);
	ck_assert_uint_eq(e->arguments_len, 2);
	ck_assert(is(e->arguments[0].title, "Place"));
	ck_assert(e->arguments[0].required);
	ck_assert(!e->arguments[1].required);
	plugin_manifest_destroy(m);
}
END_TEST

/* clang-format off */
static const struct bad about[] = {
#include "unit/plugin/manifest_about.inc"
};
static const struct bad entries[] = {
#include "unit/plugin/manifest_entries.inc"
};
static const struct bad schemas[] = {
#include "unit/plugin/manifest_schemas.inc"
};
/* clang-format on */

START_TEST(errors_about_the_plugin_say_where_and_what)
{
	expect(about, sizeof about / sizeof about[0]);
}
END_TEST

START_TEST(errors_in_entries_say_where_and_what)
{
	/* TOOL-04, AMB-10, TOOL-05, META-01, META-02, META-12, META-13,
	 * RSRC-17, RSRC-18, PROM-02 */
	expect(entries, sizeof entries / sizeof entries[0]);
}
END_TEST

START_TEST(errors_in_schemas_say_where_and_what)
{
	/* TOOL-06, SCH-02, SCH-03, SCH-05, XHD-02, XHD-03, XHD-04, XHD-05 */
	expect(schemas, sizeof schemas / sizeof schemas[0]);
}
END_TEST

START_TEST(all_errors_of_a_file_are_said)
{
	struct buf said;

	buf_init(&said);
	ck_assert_ptr_null(parse(
	    "plugin: Weather\nversion: \"\"\nmodule: ../weather.so\nabi: 9\n"
	    "tools:\n  - {name: a b}\n",
	    &said));
	ck_assert_ptr_nonnull(strstr(said.ptr, "weather.yaml:1:9: "));
	ck_assert_ptr_nonnull(strstr(said.ptr, "weather.yaml:2:10: "));
	ck_assert_ptr_nonnull(strstr(said.ptr, "weather.yaml:3:9: "));
	ck_assert_ptr_nonnull(strstr(said.ptr, "weather.yaml:4:6: "));
	ck_assert_ptr_nonnull(strstr(said.ptr, "tools[0].name: \"a b\""));
	ck_assert_ptr_nonnull(strstr(said.ptr, "tools[0]: a tool needs"));
	buf_finish(&said);
}
END_TEST

START_TEST(a_secret_in_a_field_is_a_warning)
{
	/* XHD-11 */
	struct plugin_manifest *m;
	struct buf said;

	buf_init(&said);
	m = parse(HEAD SCHEMA
	    "      properties:\n"
	    "        api_key: {type: string, x-mcp-header: Key}\n",
	    &said);
	ck_assert_ptr_nonnull(m);
	ck_assert_str_eq(said.ptr,
	    "weather.yaml:10:47: warning: tools[0].inputSchema.properties."
	    "api_key.x-mcp-header: \"api_key\" looks like a secret (hint: "
	    "fields are logged by proxies on the way)\n");
	plugin_manifest_destroy(m);
	buf_finish(&said);
}
END_TEST

START_TEST(an_entry_says_whether_it_may_be_repeated)
{
	struct plugin_manifest *m =
	    good(HEAD "limits: {retry: safe}\n"
		      "tools:\n"
		      "  - {name: read, description: Reads.}\n"
		      "  - {name: write, description: Writes.,\n"
		      "     limits: {retry: never}}\n");

	ck_assert_int_eq(m->limits.retry, PLUGIN_RETRY_SAFE);
	ck_assert_int_eq(m->entries[0].limits.retry, PLUGIN_RETRY_SAFE);
	ck_assert_int_eq(m->entries[1].limits.retry, PLUGIN_RETRY_NEVER);
	plugin_manifest_destroy(m);
}
END_TEST

/* Annotations of one tool whose calls may be repeated. */
static const struct {
	const char *hints;
	const char *warning; /* "": none */
} repeated[] = {
	{ "{readOnlyHint: false}", "" },
	{ "{idempotentHint: true, destructiveHint: true}", "" },
	{ "{readOnlyHint: true, idempotentHint: false}", "" },
	{ "{idempotentHint: false}",
	    "weather.yaml:6:50: warning: tools[0].annotations: "
	    "idempotentHint: false, but its limits say retry: safe (hint: a "
	    "call whose runner died would run twice: retry: never, or "
	    "idempotentHint: true)\n" },
	{ "{destructiveHint: true}",
	    "weather.yaml:6:50: warning: tools[0].annotations: "
	    "destructiveHint: true, but its limits say retry: safe (hint: a "
	    "call whose runner died would run twice: retry: never, or "
	    "idempotentHint: true)\n" },
};

START_TEST(a_tool_that_changes_things_is_not_for_repeating)
{
	for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
		struct plugin_manifest *m;
		struct buf said;
		char text[512];

		buf_init(&said);
		(void)snprintf(text, sizeof text,
		    HEAD
		    "limits: {retry: safe}\n"
		    "tools:\n"
		    "  - {name: set, description: Sets., annotations: %s}\n",
		    repeated[i].hints); /* it fits */
		m = parse(text, &said);
		ck_assert_ptr_nonnull(m);
		ck_assert_str_eq(said.ptr, repeated[i].warning);
		plugin_manifest_destroy(m);
		buf_finish(&said);
	}
}
END_TEST

START_TEST(a_plugin_that_offers_nothing_is_a_warning)
{
	struct plugin_manifest *m;
	struct buf said;

	buf_init(&said);
	m = parse(HEAD, &said);
	ck_assert_ptr_nonnull(m);
	ck_assert_ptr_nonnull(strstr(said.ptr, "warning: this plugin offers"));
	plugin_manifest_destroy(m);
	buf_finish(&said);
}
END_TEST

START_TEST(a_missing_file_is_said_without_a_position)
{
	struct diags diags;
	struct buf said;

	diags_init(&diags);
	buf_init(&said);
	ck_assert_ptr_null(
	    plugin_manifest_load("/nonexistent/weather.yaml", NULL, &diags));
	diags_print(&diags, &said);
	buf_char(&said, '\0');
	ck_assert_str_eq(said.ptr,
	    "/nonexistent/weather.yaml: error: No such file or directory\n");
	buf_finish(&said);
	diags_finish(&diags);
}
END_TEST

START_TEST(a_manifest_with_many_entries_is_read)
{
	struct plugin_manifest *m;
	struct buf text;

	buf_init(&text);
	buf_cstr(&text, HEAD "tools:\n");
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "  - {name: tool_%d, description: d}\n", i);
	buf_char(&text, '\0');
	m = good(text.ptr);
	ck_assert_uint_eq(m->entries_len, 2000);
	plugin_manifest_destroy(m);
	buf_finish(&text);
}
END_TEST

UNIT_MAIN("plugin/manifest", a_whole_manifest_is_read,
    a_tool_has_all_that_was_written, mirrored_arguments_are_found,
    resources_and_prompts_have_all_that_was_written,
    errors_about_the_plugin_say_where_and_what,
    errors_in_entries_say_where_and_what, errors_in_schemas_say_where_and_what,
    all_errors_of_a_file_are_said, a_secret_in_a_field_is_a_warning,
    an_entry_says_whether_it_may_be_repeated,
    a_tool_that_changes_things_is_not_for_repeating,
    a_plugin_that_offers_nothing_is_a_warning,
    a_missing_file_is_said_without_a_position,
    a_manifest_with_many_entries_is_read)
