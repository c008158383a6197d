/* SPDX-License-Identifier: Apache-2.0 */
/* The published schema of manifests (sdk/schema) against the loader: one
 * manifest that uses every key, and thousands made of it by one change each.
 * What the schema refuses, the loader refuses; what the loader refuses for a
 * reason that a schema can say, the schema refuses.  Why two descriptions and
 * a test rather than one: docs/decisions/manifest-schema.md. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "data/schema.h"
#include "data/yaml.h"
#include "plugin/codes.h"
#include "plugin/manifest.h"

#include "unit/unit.h"

#define SCHEMA_PATH "sdk/schema/manifest.schema.json"
#define FILE_NAME "every.yaml"
#define SHOWN 20

/* Scalars are quoted where YAML's flow style needs it. */
static const char every_key[] =
    "plugin: every\n"
    "version: 1.4\n"
    "abi: 1\n"
    "module: every.so\n"
    "sha256: "
    "\"0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789\"\n"
    "title: Every\n"
    "description: \"Every key there is.\"\n"
    "license: Apache-2.0\n"
    "homepage: \"https://example.com/every\"\n"
    "isolation: process\n"
    "runners: 1\n"
    "spare: 0\n"
    "rehearse: load\n"
    "reload: exclusive\n"
    "state: required\n"
    "quarantine: error\n"
    "release: true\n"
    "limits: {timeout: 10s, concurrency: 4, queue: 0, result: 1MiB,\n"
    "  rate: 100/s, burst: 10, retry: safe, breaker: {failures: 5, percent: 50,\n"
    "  calls: 20, window: 10s, probe: 1s, close: 3}}\n"
    "configSchema: {type: object}\n"
    "formatAssertion: true\n"
    "schemas: {place: {type: object}}\n"
    "dynamic: {prefix: ev_, max: 10, kinds: [tool, resource, prompt]}\n"
    "grants: {read: [/srv, \"config:root\"], write: [/var/tmp],\n"
    "  network: [unix, \"api.example:443\"], threads: 2, memory: 256MiB,\n"
    "  cpu: 10s, exec: true}\n"
    "tools:\n"
    "- name: one\n"
    "  title: One\n"
    "  description: \"It does one thing.\"\n"
    "  icons:\n"
    "  - {src: \"https://example.com/i.png\", mimeType: image/png,\n"
    "     sizes: [48x48, any], theme: dark}\n"
    "  _meta: {com.example/a: 1}\n"
    "  limits: {timeout: 500ms, concurrency: 1, queue: 0, result: 1024,\n"
    "    rate: 30/m, burst: 2, retry: never}\n"
    "  input: {single_use: true}\n"
    "  annotations: {title: One, readOnlyHint: true, destructiveHint: false,\n"
    "    idempotentHint: true, openWorldHint: false}\n"
    "  inputSchema: {type: object}\n"
    "  outputSchema: {type: object}\n"
    "  task: {support: optional, by: handler, ttl: 5m, poll: 1s,\n"
    "    message: \"Begun.\"}\n"
    "resources:\n"
    "- name: Stations\n"
    "  uri: \"every://stations\"\n"
    "  title: Stations\n"
    "  description: All\n"
    "  icons: [{src: \"data:image/png,x\"}]\n"
    "  _meta: {}\n"
    "  limits: {timeout: 1s}\n"
    "  input: {single_use: false}\n"
    "  mimeType: text/plain\n"
    "  annotations: {audience: [user, assistant], priority: 0.5,\n"
    "    lastModified: \"2026-07-28T10:00:00Z\"}\n"
    "  size: 10\n"
    "  listed: false\n"
    "  cache: {ttl: 5m, scope: public}\n"
    "- name: Station\n"
    "  uriTemplate: \"every://station/{id}\"\n"
    "  complete: [id]\n"
    "prompts:\n"
    "- name: plan\n"
    "  title: Plan\n"
    "  description: Plans\n"
    "  icons: []\n"
    "  _meta: {}\n"
    "  limits: {queue: 0}\n"
    "  arguments:\n"
    "  - {name: city, title: City, description: Which, required: true,\n"
    "     complete: true}\n";

/* What takes the place of each value in turn, as YAML. */
static const char *const values[] = { "", "word", "\"two words\"",
	"\"line\\nline\"", "5", "\"5\"", "-1", "1.5", "0", "true", "\"true\"",
	"10s", "0s", "64KiB", "[]", "[word]", "[{}]", "{}", "{word: 5}",
	"{name: x}", "{type: object}", "{type: array}", "https://x.example/y",
	"\"ftp://x.example/y\"", "a/b", "process", "\">=1.0\"", "\".so\"",
	"2026-01-01", "8193 of a", "65 of a", "257 of a" };

/* Reasons that no schema can give, or that this one leaves to the loader. */
static const char *const beyond[] = {
	TP_DUPLICATE, /* names across lists */
	TP_LIMIT, /* one limit against another */
	TP_RUNNERS, /* several against a state, and entries at run time */
	TP_SCHEMA, /* schemas in the manifest: two dialects */
	TP_TEMPLATE, /* RFC 6570 */
	TP_CHARACTER, /* invisible ones, anywhere */
	TP_ABI, /* what this host offers */
};

static struct {
	struct schema *schema;
	size_t tried;
	size_t refused; /* by both */
	size_t loader_only;
	size_t disagreed;
} world;

static void
put_scalar(struct buf *out, const struct yaml_node *n)
{
	if (n->plain)
		buf_str(out, n->text);
	else
		ck_assert_int_eq(json_write_str(out, n->text), 0);
}

enum change { REPLACE, DROP, ADD };

/* The manifest in flow style with one change at the place target. */
static void
put(struct buf *out, const struct yaml_node *n, const struct yaml_node *target,
    enum change change, const char *with)
{
	bool first = true;

	if (n == target && change == REPLACE) {
		buf_cstr(out, with);
		return;
	}
	if (n->type == YAML_SCALAR) {
		put_scalar(out, n);
		return;
	}
	buf_char(out, n->type == YAML_MAP ? '{' : '[');
	for (const struct yaml_node *child = n->first; child != NULL;
	     child = child->next) {
		if (child == target && change == DROP)
			continue;
		if (!first)
			BUF_LIT(out, ", ");
		first = false;
		if (n->type == YAML_MAP) {
			ck_assert_int_eq(json_write_str(out, child->key), 0);
			BUF_LIT(out, ": ");
		}
		put(out, child, target, change, with);
	}
	if (n == target && change == ADD)
		buf_printf(out, "%sunheardOf: 1", first ? "" : ", ");
	buf_char(out, n->type == YAML_MAP ? '}' : ']');
}

static bool
is_beyond(const char *code)
{
	for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
		if (strcmp(beyond[i], code) == 0)
			return true;
	return false;
}

/* The file's name, and quotes, are not in what a schema sees. */
static bool
is_beyond_text(const char *message)
{
	return strstr(message, "name of this file") != NULL
	    || strstr(message, "quoted text") != NULL;
}

/* The first error that a schema could have told; NULL: none. */
static const struct diag *
expressible(const struct diags *diags)
{
	for (size_t i = 0; i < diags->len; i++)
		if (diags->items[i].severity == DIAG_ERROR
		    && !is_beyond(diags->items[i].code)
		    && !is_beyond_text(diags->items[i].message))
			return &diags->items[i];
	return NULL;
}

static bool
schema_accepts(struct str text, struct buf *why)
{
	struct schema_report report;
	struct diags diags;
	struct arena arena;
	struct json_doc doc;
	struct buf json;
	const struct yaml_node *root;
	bool valid;

	arena_init(&arena, 0);
	diags_init(&diags);
	buf_init(&json);
	json_doc_init(&doc);
	schema_report_init(&report);
	root = yaml_parse(&arena, text, FILE_NAME, &diags);
	ck_assert_msg(root != NULL, "%.*s", STR_FMT(text));
	ck_assert_int_eq(yaml_to_json(root, &json), 0);
	ck_assert_int_eq(json_parse(&doc, buf_view(&json), JSON_PROTOCOL), 0);
	valid = schema_validate(world.schema, doc.nodes, &report);
	if (!valid)
		schema_report_print(&report, why);
	schema_report_finish(&report);
	json_doc_finish(&doc);
	buf_finish(&json);
	diags_finish(&diags);
	arena_finish(&arena);
	return valid;
}

static void
compare(struct str text)
{
	struct plugin_manifest *m;
	const struct diag *reason;
	struct diags diags;
	struct buf why;
	bool accepted;

	buf_init(&why);
	diags_init(&diags);
	m = plugin_manifest_parse(text, FILE_NAME, &diags);
	accepted = schema_accepts(text, &why);
	reason = expressible(&diags);
	if (accepted != (m != NULL) && (!accepted || reason != NULL)
	    && world.disagreed++ < SHOWN)
		printf("%s: %.*s\n  %.*s\n",
		    accepted ? "only the loader refuses"
			     : "only the schema refuses",
		    STR_FMT(
			accepted ? str_of(reason->message) : buf_view(&why)),
		    STR_FMT(text));
	world.tried++;
	world.refused += m == NULL && !accepted;
	world.loader_only += m == NULL && accepted;
	plugin_manifest_destroy(m);
	diags_finish(&diags);
	buf_finish(&why);
}

static void
compare_change(const struct yaml_node *root, const struct yaml_node *target,
    enum change change, const char *with)
{
	struct buf text, value;
	unsigned len;

	buf_init(&text);
	buf_init(&value);
	if (with != NULL && sscanf(with, "%u of a", &len) == 1
	    && strstr(with, " of a") != NULL)
		while (value.len < len)
			buf_char(&value, 'a');
	else
		buf_cstr(&value, with != NULL ? with : "");
	buf_char(&value, '\0');
	put(&text, root, target, change, value.ptr);
	compare(buf_view(&text));
	buf_finish(&value);
	buf_finish(&text);
}

/* Inside the author's own schemas and _meta anything goes. */
static bool
is_foreign(const struct yaml_node *n)
{
	return str_ends(n->key, S("Schema")) || str_equal(n->key, S("schemas"))
	    || str_equal(n->key, S("_meta"));
}

static void
change_each(const struct yaml_node *root, const struct yaml_node *n)
{
	for (const struct yaml_node *child = n->first; child != NULL;
	     child = child->next) {
		/* Nothing at all can only stand behind a key. */
		for (size_t i = n->type == YAML_MAP ? 0 : 1;
		     i < sizeof values / sizeof values[0]; i++)
			compare_change(root, child, REPLACE, values[i]);
		compare_change(root, child, DROP, NULL);
		if (is_foreign(child))
			continue;
		if (child->type == YAML_MAP)
			compare_change(root, child, ADD, NULL);
		change_each(root, child);
	}
}

/* A key that the manifest above lacks would be compared by nothing. */
static void
check_keys_used(const struct json_node *schema)
{
	char key[80];

	JSON_EACH_MEMBER (k, v, json_get(schema, S("properties"))) {
		(void)snprintf(key, sizeof key, "%.*s:", STR_FMT(json_str(k)));
		ck_assert_msg(strstr(every_key, key) != NULL,
		    "%s is in the schema alone", key);
		check_keys_used(v);
	}
	JSON_EACH_MEMBER (k, v, json_get(schema, S("$defs"))) {
		(void)k;
		check_keys_used(v);
	}
}

/* Not the trusted way: a checkout may be writable by its group. */
static void
schema_read(struct buf *text)
{
	char part[4096];
	size_t n;
	FILE *f = fopen(SCHEMA_PATH, "r");

	ck_assert_ptr_nonnull(f);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_append(text, part, n);
	ck_assert_int_eq(fclose(f), 0);
}

static void
world_begin(void)
{
	struct err err = { 0, "" };
	struct json_doc doc;
	struct buf text;

	buf_init(&text);
	json_doc_init(&doc);
	schema_read(&text);
	world.schema = schema_compile(buf_view(&text), NULL, NULL, &err);
	ck_assert_msg(world.schema != NULL, "%s", err.text);
	ck_assert_int_eq(json_parse(&doc, buf_view(&text), JSON_PROTOCOL), 0);
	check_keys_used(doc.nodes);
	json_doc_finish(&doc);
	buf_finish(&text);
}

START_TEST(schema_and_loader_agree)
{
	struct arena arena;
	struct diags diags;
	const struct yaml_node *root;

	world_begin();
	arena_init(&arena, 0);
	diags_init(&diags);
	compare(str_of(every_key));
	ck_assert_uint_eq(world.refused + world.loader_only, 0);
	root = yaml_parse(&arena, str_of(every_key), FILE_NAME, &diags);
	compare_change(root, root, ADD, NULL);
	change_each(root, root);
	printf("%zu manifests: %zu refused by both, %zu by the loader alone\n",
	    world.tried, world.refused, world.loader_only);
	ck_assert_uint_eq(world.disagreed, 0);
	/* A run in which little is refused would prove little. */
	ck_assert_uint_gt(world.refused, 1000);
	schema_destroy(world.schema);
	diags_finish(&diags);
	arena_finish(&arena);
}
END_TEST

UNIT_MAIN("plugin/manifest_schema", schema_and_loader_agree)
