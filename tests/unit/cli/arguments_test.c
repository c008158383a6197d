/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <string.h>

#include "base/check.h"
#include "cli/arguments.h"

static const struct str schema_text =
    STR("{\"type\":\"object\",\"properties\":{"
	"\"name\":{\"type\":\"string\",\"x-mcp-header\":\"Name\"},"
	"\"n\":{\"type\":\"integer\",\"x-mcp-header\":\"N\"},"
	"\"x\":{\"type\":[\"number\",\"null\"]},"
	"\"on\":{\"type\":\"boolean\"},"
	"\"list\":{\"type\":\"array\"},"
	"\"either\":{\"type\":[\"integer\",\"string\"]},"
	"\"any\":{},"
	"\"deep\":{\"type\":\"object\",\"properties\":{"
	"\"city\":{\"type\":\"string\",\"x-mcp-header\":\"City\"}}}}}");

static struct json_doc schema;
static struct err err;
static struct buf out;

static void
setup(void)
{
	json_doc_init(&schema);
	ck_assert_int_eq(json_parse(&schema, schema_text, JSON_PROTOCOL), 0);
	buf_init(&out);
	err.text[0] = '\0';
}

static void
teardown(void)
{
	buf_finish(&out);
	json_doc_finish(&schema);
}

static int
arguments(struct str base, const char *a, const char *b)
{
	const char *items[2] = { a, b };
	struct cli_strs words = { items, a == NULL ? 0 : b == NULL ? 1 : 2 };

	buf_clear(&out);
	return cli_arguments(&words, base, schema.nodes, &out, &err);
}

static const struct {
	const char *word;
	const char *json;
} typed[] = {
	{ "name=Ada", "{\"name\":\"Ada\"}" },
	{ "name=12", "{\"name\":\"12\"}" },
	{ "name=", "{\"name\":\"\"}" },
	{ "name=a=b", "{\"name\":\"a=b\"}" },
	{ "n=12", "{\"n\":12}" },
	{ "n=9007199254740993", "{\"n\":9007199254740993}" },
	{ "n=twelve", "{\"n\":\"twelve\"}" },
	{ "x=1.50", "{\"x\":1.50}" },
	{ "x=null", "{\"x\":null}" },
	{ "on=true", "{\"on\":true}" },
	{ "on=1", "{\"on\":\"1\"}" },
	{ "list=[1, \"a\"]", "{\"list\":[1,\"a\"]}" },
	{ "list={}", "{\"list\":\"{}\"}" },
	{ "either=12", "{\"either\":\"12\"}" },
	{ "any=12", "{\"any\":\"12\"}" },
	{ "other=12", "{\"other\":\"12\"}" },
	{ "any:=12", "{\"any\":12}" },
	{ "any:={\"a\":[]}", "{\"any\":{\"a\":[]}}" },
};

START_TEST(values_take_the_type_of_the_schema)
{
	size_t i;

	setup();
	for (i = 0; i < ARRAY_LEN(typed); i++) {
		ck_assert_int_eq(arguments(STR_NONE, typed[i].word, NULL), 0);
		ck_assert_msg(str_equal(buf_view(&out), str_of(typed[i].json)),
		    "%s: %.*s", typed[i].word, STR_FMT(buf_view(&out)));
	}
	teardown();
}
END_TEST

START_TEST(words_go_over_the_base)
{
	setup();
	ck_assert_int_eq(
	    arguments(S("{\"n\":1,\"any\":[2]}"), "n=3", "name=x"), 0);
	ck_assert(str_equal(
	    buf_view(&out), S("{\"n\":3,\"any\":[2],\"name\":\"x\"}")));
	ck_assert_int_eq(arguments(STR_NONE, NULL, NULL), 0);
	ck_assert(str_equal(buf_view(&out), S("{}")));
	teardown();
}
END_TEST

static const struct {
	const char *base;
	const char *word;
	const char *says;
} refused[] = {
	{ "", "Ada", "\"Ada\" is no argument" },
	{ "", "=Ada", "is no argument" },
	{ "", "any:=", "any: not JSON" },
	{ "", "any:={\"a\":1,\"a\":2}", "duplicate" },
	{ "", "name=\xff", "not UTF-8" },
	{ "[]", "n=1", "--args: not an object" },
	{ "{", "n=1", "--args: not JSON" },
};

START_TEST(mistakes_are_one_line)
{
	size_t i;

	setup();
	for (i = 0; i < ARRAY_LEN(refused); i++) {
		ck_assert_int_lt(
		    arguments(str_of(refused[i].base), refused[i].word, NULL),
		    0);
		ck_assert_msg(strstr(err.text, refused[i].says) != NULL,
		    "\"%s\" lacks \"%s\"", err.text, refused[i].says);
	}
	teardown();
}
END_TEST

/* XHD-06, XHD-07, XHD-08 */
START_TEST(annotated_arguments_are_repeated_in_fields)
{
	struct http_header h[4];
	struct arena arena;
	struct json_doc args;

	setup();
	arena_init(&arena, 0);
	json_doc_init(&args);
	ck_assert_int_eq(json_parse(&args,
			     S("{\"n\":42,\"name\":null,\"on\":true,"
			       "\"deep\":{\"city\":\"K\\u00f6ln\"}}"),
			     JSON_PROTOCOL),
	    0);
	ck_assert_uint_eq(
	    cli_param_headers(schema.nodes, args.nodes, &arena, h, 4), 2);
	ck_assert_str_eq(h[0].name, "Mcp-Param-N");
	ck_assert(str_equal(h[0].value, S("42")));
	ck_assert_str_eq(h[1].name, "Mcp-Param-City");
	ck_assert(str_equal(h[1].value, S("K\xc3\xb6ln")));
	ck_assert_uint_eq(
	    cli_param_headers(schema.nodes, args.nodes, &arena, h, 1), 1);
	json_doc_finish(&args);
	arena_finish(&arena);
	teardown();
}
END_TEST

UNIT_MAIN("cli/arguments", values_take_the_type_of_the_schema,
    words_go_over_the_base, mistakes_are_one_line,
    annotated_arguments_are_repeated_in_fields)
