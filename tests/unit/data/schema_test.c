/* SPDX-License-Identifier: Apache-2.0 */
/* What people and models read when a schema or a value is wrong, and exact
 * numbers.  Conformance is proven by schema_suite_test.c. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "data/schema.h"

#include "unit/unit.h"

/* The report on json, "valid", or the compile error behind "!". */
static const char *
verdict_with(
    const char *schema, const char *json, const struct schema_options *options)
{
	static char text[8192];
	struct schema_report report;
	struct err err = { 0 };
	struct json_doc doc;
	struct schema *s = schema_compile(str_of(schema), options, NULL, &err);
	struct buf out;

	if (s == NULL) {
		(void)snprintf(text, sizeof text, "!%s", err.text);
		return text;
	}
	buf_init(&out);
	json_doc_init(&doc);
	schema_report_init(&report);
	ck_assert_int_eq(json_parse(&doc, str_of(json), JSON_GRAMMAR), 0);
	if (schema_validate(s, doc.nodes, &report))
		buf_cstr(&out, "valid");
	else
		schema_report_print(&report, &out);
	(void)snprintf(text, sizeof text, "%.*s", STR_FMT(buf_view(&out)));
	schema_report_finish(&report);
	json_doc_finish(&doc);
	buf_finish(&out);
	schema_destroy(s);
	return text;
}

static const char *
verdict(const char *schema, const char *json)
{
	return verdict_with(schema, json, NULL);
}

#define WEATHER \
	"{\"type\":\"object\",\"required\":[\"place\"]," \
	"\"additionalProperties\":false,\"properties\":{" \
	"\"place\":{\"type\":\"string\",\"minLength\":1}," \
	"\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":7}," \
	"\"units\":{\"enum\":[\"metric\",\"imperial\"]}}}"

static const struct {
	const char *schema;
	const char *json;
	const char *report;
} reports[] = {
	{ WEATHER, "{\"place\":\"Oslo\",\"days\":3}", "valid" },
	{ WEATHER, "{\"place\":\"Oslo\",\"days\":9}",
	    "/days: must be <= 7 (maximum), found 9" },
	{ WEATHER, "{\"plcae\":\"Oslo\"}",
	    "/plcae: unknown property (additionalProperties), did you mean "
	    "\"place\"?\n/: missing required property \"place\" (required)" },
	{ WEATHER, "{}", "/: missing required property \"place\" (required)" },
	{ WEATHER, "{\"place\":\"\",\"units\":\"metrc\"}",
	    "/place: must have at least 1 character (minLength), found 0\n"
	    "/units: must be one of \"metric\", \"imperial\" (enum), found "
	    "\"metrc\", did you mean \"metric\"?" },
	{ WEATHER, "{\"place\":\"x\",\"days\":\"3\"}",
	    "/days: must be integer (type), found \"3\"" },
	{ WEATHER, "[1]", "/: must be object (type), found an array of 1" },
	{ "{\"type\":[\"string\",\"null\",\"integer\"]}", "1.5",
	    "/: must be integer, null or string (type), found 1.5" },
	{ "{\"required\":[\"place\"]}", "{\"plaec\":1}",
	    "/: missing required property \"place\" (required), found "
	    "\"plaec\"" },
	{ "{\"items\":{\"type\":\"number\"}}", "[1,\"a\",2,null]",
	    "/1: must be number (type), found \"a\"\n"
	    "/3: must be number (type), found null" },
	{ "{\"properties\":{\"a/b\":{\"properties\":{\"~\":false}}}}",
	    "{\"a/b\":{\"~\":1}}",
	    "/a~1b/~0: is not allowed (false), found 1" },
	{ "{\"const\":{\"a\":1}}", "2",
	    "/: must be {\"a\":1} (const), found 2" },
	{ "{\"multipleOf\":0.01}", "0.015",
	    "/: must be a multiple of 0.01 (multipleOf), found 0.015" },
	{ "{\"pattern\":\"^a+$\"}", "\"ab\"",
	    "/: must match ^a+$ (pattern), found \"ab\"" },
	{ "{\"maxItems\":2}", "[1,2,3]",
	    "/: must have at most 2 elements (maxItems), found 3" },
	{ "{\"minProperties\":1}", "{}",
	    "/: must have at least 1 member (minProperties), found 0" },
	{ "{\"uniqueItems\":true}", "[1,2,1.0]",
	    "/: elements 0 and 2 are equal (uniqueItems)" },
	{ "{\"contains\":{\"const\":1}}", "[2]",
	    "/: must contain at least 1 matching element (contains), found 0" },
	{ "{\"contains\":true,\"maxContains\":1}", "[2,3]",
	    "/: must contain at most 1 matching element (maxContains)" },
	{ "{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}",
	    "/ab: is not an allowed name (propertyNames)" },
	{ "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
	    "/: missing required property \"b\" (dependentRequired)" },
	{ "{\"not\":{\"type\":\"string\"}}", "\"x\"",
	    "/: matches what it must not (not), found \"x\"" },
	{ "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "5",
	    "/: must be null or string (anyOf), found 5" },
	{ "{\"anyOf\":[{\"properties\":{\"a\":{\"maximum\":1}},"
	  "\"required\":[\"a\"]},{\"type\":\"string\"}]}",
	    "{\"a\":2}",
	    "/: matches none of the 2 alternatives (anyOf), nearest is number "
	    "1:\n/a: must be <= 1 (maximum), found 2" },
	{ "{\"oneOf\":[{\"minimum\":1},{\"maximum\":9}]}", "5",
	    "/: matches the alternatives number 1 and 2 of 2, must match "
	    "exactly one (oneOf)" },
	{ "{\"unevaluatedProperties\":false,\"properties\":{\"a\":true}}",
	    "{\"a\":1,\"b\":2}",
	    "/b: unknown property (unevaluatedProperties)" },
	{ "{\"unevaluatedItems\":false,\"prefixItems\":[true]}", "[1,2]",
	    "/1: unexpected element (unevaluatedItems)" },
	{ "false", "1", "/: is not allowed (false), found 1" },
	{ "{\"additionalProperties\":false}", "{\"a\\nb\":1}",
	    "/a\\u000ab: unknown property (additionalProperties)" },
};

START_TEST(reports_say_where_what_and_what_was_meant)
{
	for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++)
		ck_assert_str_eq(verdict(reports[i].schema, reports[i].json),
		    reports[i].report);
}
END_TEST

static const struct {
	const char *schema;
	const char *error;
} errors[] = {
	{ "{", "!/: not JSON: " },
	{ "3", "!/: must be a schema: an object or a boolean" },
	{ "{\"properties\":{\"days\":{\"type\":\"objct\"}}}",
	    "!/properties/days/type: \"objct\" is not a JSON Schema type, did "
	    "you mean \"object\"?" },
	{ "{\"type\":[]}", "!/type: must name a type" },
	{ "{\"properties\":{\"a\":3}}",
	    "!/properties/a: must be a schema: an object or a boolean" },
	{ "{\"properties\":[]}", "!/properties: must be an object of schemas" },
	{ "{\"items\":[{}]}",
	    "!/items: must be a schema: an object or a boolean (for one schema "
	    "an element use prefixItems)" },
	{ "{\"minimum\":\"1\"}", "!/minimum: must be a number" },
	{ "{\"maxLength\":-1}",
	    "!/maxLength: must be a whole number, 0 or above" },
	{ "{\"maxLength\":1.5}",
	    "!/maxLength: must be a whole number, 0 or above" },
	{ "{\"multipleOf\":0}", "!/multipleOf: must be above 0" },
	{ "{\"required\":\"a\"}",
	    "!/required: must be an array of property names" },
	{ "{\"required\":[\"a\",\"a\"]}", "!/required/1: is named twice" },
	{ "{\"enum\":1}", "!/enum: must be an array of values" },
	{ "{\"anyOf\":[]}",
	    "!/anyOf: must be an array of schemas, one at least" },
	{ "{\"pattern\":\"(\"}", "!/pattern: wrong regular expression: " },
	{ "{\"pattern\":\"(?R)\"}",
	    "!/pattern: wrong regular expression: group that ECMA-262 does not "
	    "know at byte 1 of the regular expression" },
	{ "{\"patternProperties\":{\"[\":{}}}",
	    "!/patternProperties/[: wrong regular expression: " },
	{ "{\"$ref\":\"#/$defs/x\"}",
	    "!/$ref: cannot resolve \"#/$defs/x\": no such place" },
	{ "{\"$ref\":\"http://localhost:1234/x.json\"}",
	    "!/$ref: cannot resolve \"http://localhost:1234/x.json\": no "
	    "document \"http://localhost:1234/x.json\" was given, and nothing "
	    "is fetched" },
	{ "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
	    "!/$schema: unsupported dialect "
	    "\"http://json-schema.org/draft-04/schema#\": draft 2020-12 and "
	    "draft-07 are known" },
	{ "{\"$ref\":\"#\"}",
	    "!/: a loop: it refers to itself without going down into the "
	    "value" },
	{ "{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":"
	  "{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#\"}]}}}",
	    "!/: a loop: " },
	{ "{\"$defs\":{\"a\":{\"$id\":\"x:y\"},\"b\":{\"$id\":\"x:y\"}}}",
	    "!/$defs/b/$id: \"x:y\" is the name of another schema already" },
	{ "{\"title\":1}", "!/title: must be a string" },
	{ "{\"a\":1,\"a\":2}", "!/: not JSON: " },
};

START_TEST(a_wrong_schema_is_refused_with_a_pointer)
{
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		const char *got = verdict(errors[i].schema, "null");

		ck_assert_msg(
		    strncmp(got, errors[i].error, strlen(errors[i].error)) == 0,
		    "%s gives %s", errors[i].schema, got);
	}
}
END_TEST

START_TEST(the_pointer_is_given_apart_from_the_message)
{
	struct buf pointer;
	struct err err = { 0 };

	buf_init(&pointer);
	ck_assert(
	    schema_compile(S("{\"items\":{\"type\":1}}"), NULL, &pointer, &err)
	    == NULL);
	ck_assert(str_equal(buf_view(&pointer), S("/items/type")));
	buf_finish(&pointer);
}
END_TEST

START_TEST(documents_refer_to_one_another_and_name_themselves_in_errors)
{
	const struct schema_document documents[] = {
		{ STR("file:///m/a.json"),
		    STR("{\"$ref\":\"b.json#/$defs/n\"}") },
		{ STR("file:///m/b.json"),
		    STR("{\"$defs\":{\"n\":{\"type\":\"number\"}}}") },
		{ STR("file:///m/c.json"), STR("{\"type\":\"x\"}") },
	};
	const struct schema_options options = { .base_uri =
						    STR("file:///m/main.json"),
		.documents = documents,
		.documents_len = 3 };

	ck_assert_str_eq(
	    verdict_with("{\"$ref\":\"a.json\"}", "1", &options), "valid");
	ck_assert_str_eq(
	    verdict_with("{\"$ref\":\"a.json\"}", "\"\"", &options),
	    "/: must be number (type), found \"\"");
	ck_assert_str_eq(verdict_with("{\"$ref\":\"c.json\"}", "1", &options),
	    "!file:///m/c.json#/type: \"x\" is not a JSON Schema type");
}
END_TEST

static const struct {
	const char *schema;
	const char *json;
	bool valid;
} numbers[] = {
	{ "{\"maximum\":9007199254740992}", "9007199254740993", false },
	{ "{\"maximum\":9007199254740993}", "9007199254740993", true },
	{ "{\"minimum\":9007199254740993}", "9007199254740992", false },
	{ "{\"maximum\":18446744073709551615}", "18446744073709551616", false },
	{ "{\"maximum\":1e400}", "1e399", true },
	{ "{\"maximum\":1e400}", "1.1e400", false },
	{ "{\"minimum\":-1e-400}", "-1.1e-400", false },
	{ "{\"exclusiveMaximum\":0.1}", "0.1000", false },
	{ "{\"exclusiveMinimum\":-0}", "0", false },
	{ "{\"multipleOf\":0.1}", "0.3", true },
	{ "{\"multipleOf\":0.1}", "0.35", false },
	{ "{\"multipleOf\":0.01}", "19.99", true },
	{ "{\"multipleOf\":0.0001}", "0.0075", true },
	{ "{\"multipleOf\":1e-8}", "12391239123", true },
	{ "{\"multipleOf\":3}", "9007199254740993", true },
	{ "{\"multipleOf\":3}", "9007199254740994", false },
	{ "{\"multipleOf\":2.5}", "1e1000", true },
	{ "{\"multipleOf\":7}", "1e1000", false },
	{ "{\"multipleOf\":7}", "7e1000", true },
	{ "{\"multipleOf\":123456789012345678901}", "370370367037037036703",
	    true },
	{ "{\"multipleOf\":123456789012345678901}", "370370367037037036704",
	    false },
	{ "{\"multipleOf\":12345678901234567890125e-3}",
	    "24691357802469135780250e-3", true },
	{ "{\"multipleOf\":10}", "5", false },
	{ "{\"multipleOf\":10}", "-50", true },
	{ "{\"type\":\"integer\"}", "1e3", true },
	{ "{\"type\":\"integer\"}", "1.50e1", true },
	{ "{\"type\":\"integer\"}", "1.5", false },
	{ "{\"type\":\"integer\"}", "1e-1", false },
	{ "{\"type\":\"integer\"}", "10e-1", true },
	{ "{\"const\":1}", "1.0", true },
	{ "{\"const\":9007199254740993}", "9007199254740992", false },
	{ "{\"enum\":[0.1e1]}", "1", true },
	{ "{\"enum\":[\"\",1,null,\"ab\",[\"x\"],\"abcd\",\"abcdefgh\"]}",
	    "\"\"", true },
	{ "{\"enum\":[\"\",1,null,\"ab\",[\"x\"],\"abcd\",\"abcdefgh\"]}",
	    "[\"x\"]", true },
	{ "{\"enum\":[\"\",1,null,\"ab\",[\"x\"],\"abcd\",\"abcdefgh\"]}",
	    "\"abcdefgi\"", false },
	{ "{\"enum\":[\"\",1,null]}", "\"1\"", false },
	{ "{\"maxLength\":2.0}", "\"abc\"", false },
	{ "{\"uniqueItems\":true}", "[1,1e0]", false },
	{ "{\"uniqueItems\":true}",
	    "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,1.90e1]",
	    false },
	{ "{\"uniqueItems\":true}",
	    "[{\"a\":1,\"b\":2},1,2,3,4,5,6,7,8,9,{\"b\":2,\"a\":1}]", false },
	{ "{\"uniqueItems\":true}",
	    "[{\"a\":1,\"b\":2},1,2,3,4,5,6,7,8,9,{\"b\":1,\"a\":2}]", true },
};

START_TEST(numbers_are_exact)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		const char *got = verdict(numbers[i].schema, numbers[i].json);

		ck_assert_msg((strcmp(got, "valid") == 0) == numbers[i].valid,
		    "%s on %s: %s", numbers[i].schema, numbers[i].json, got);
	}
}
END_TEST

START_TEST(many_required_and_properties_are_found)
{
	struct buf schema, json;

	buf_init(&schema);
	buf_init(&json);
	buf_cstr(&schema, "{\"required\":[");
	for (int i = 0; i < 100; i++)
		buf_printf(&schema, "%s\"p%d\"", i > 0 ? "," : "", i);
	buf_cstr(&schema, "],\"properties\":{");
	for (int i = 0; i < 100; i++)
		buf_printf(&schema, "%s\"p%d\":{\"const\":%d}",
		    i > 0 ? "," : "", i, i);
	buf_append(&schema, "}}", 3);
	buf_cstr(&json, "{");
	for (int i = 99; i >= 0; i--)
		buf_printf(&json, "\"p%d\":%d%s", i, i, i > 0 ? "," : "");
	buf_append(&json, "}", 2);
	ck_assert_str_eq(verdict(schema.ptr, json.ptr), "valid");
	ck_assert_str_eq(verdict(schema.ptr, "{\"p1\":2}"),
	    "/p1: must be 1 (const), found 2\n"
	    "/: missing required property \"p0\" (required)\n"
	    "/: missing required property \"p2\" (required)\n"
	    "/: missing required property \"p3\" (required)\n"
	    "/: missing required property \"p4\" (required)\n"
	    "/: missing required property \"p5\" (required)\n"
	    "/: missing required property \"p6\" (required)\n"
	    "/: missing required property \"p7\" (required)\n"
	    "/: missing required property \"p8\" (required)\n"
	    "/: missing required property \"p9\" (required)\n"
	    "and more");
	buf_finish(&schema);
	buf_finish(&json);
}
END_TEST

START_TEST(formats_assert_only_when_asked)
{
	const struct schema_options asked = { .assert_format = true };

	ck_assert_str_eq(verdict("{\"format\":\"ipv4\"}", "\"x\""), "valid");
	ck_assert_str_eq(verdict_with("{\"format\":\"ipv4\"}", "\"x\"", &asked),
	    "/: must have the format ipv4 (format), found \"x\"");
	ck_assert_str_eq(
	    verdict_with("{\"format\":\"of-mine\"}", "\"x\"", &asked), "valid");
}
END_TEST

/* Names of every length that differ in one place only. */
START_TEST(names_are_told_apart_at_each_byte)
{
	char name[101], schema[512], json[512];

	for (size_t len = 1; len <= 100; len++) {
		for (size_t at = 0; at < len; at++) {
			memset(name, 'a', len);
			name[len] = '\0';
			(void)snprintf(schema, sizeof schema,
			    "{\"properties\":{\"%s\":true},"
			    "\"additionalProperties\":{\"enum\":[\"%s\"]}}",
			    name, name);
			(void)snprintf(
			    json, sizeof json, "{\"%s\":\"b\"}", name);
			ck_assert_str_eq(verdict(schema, json), "valid");
			name[at] = 'b';
			(void)snprintf(
			    json, sizeof json, "{\"%s\":\"%s\"}", name, name);
			ck_assert_str_ne(verdict(schema, json), "valid");
		}
	}
}
END_TEST

/* ECMA-262, where PCRE2 reads a pattern otherwise. */
static const struct {
	const char *pattern;
	const char *text;
	bool matches;
} patterns[] = {
	/* \d, \w and \b are ASCII, and so are their opposites. */
	{ "^\\\\d$", "\\u0660", false },
	{ "^\\\\D$", "\\u0660", true },
	{ "^[\\\\d]$", "\\u0660", false },
	{ "^\\\\W$", "\\u00e9", true },
	{ "^[^\\\\w]$", "\\u00e9", true },
	{ "\\\\bx", "\\u00e9x", true },
	{ "\\\\Bx", "\\u00e9x", false },
	/* \s is the white space of Unicode, \S all else, in classes too. */
	{ "^\\\\s+$", "\\u2003\\u2028\\u3000\\ufeff\\t\\u000b", true },
	{ "^\\\\s$", "\\u0085", false },
	{ "^\\\\s$", "\\u180e", false },
	{ "^\\\\S$", "\\u00a0", false },
	{ "^[\\\\S]$", "\\u00a0", false },
	{ "^[\\\\S]$", "\\u00e9", true },
	{ "^[^\\\\S]$", "\\u00a0", true },
	{ "^[^\\\\S]$", "x", false },
	{ "^[\\\\S\\\\n]$", "\\u00a0", false },
	{ "^[\\\\S\\\\n]+$", "a\\nb", true },
	{ "^[^\\\\S\\\\n]$", "\\n", false },
	{ "^[^\\\\S\\\\n]$", "\\u00a0", true },
	{ "^[\\\\s\\\\S]+$", "a\\u00a0\\n", true },
	{ "[^\\\\s\\\\S]", "a\\u00a0\\n", false },
	{ "^(a)[\\\\S](b)\\\\2$", "axbb", true },
	/* The ends are the ends of the text, whatever lines there are. */
	{ "^b", "a\\nb", false },
	{ "a$", "a\\r\\n", false },
	/* Names and properties. */
	{ "^(?<year>[0-9]{4})-(?<m>..)$", "2024-02", true },
	{ "^\\\\p{Lu}\\\\P{Lu}$", "\\u00c9\\u00e9", true },
	{ "^\\\\p{gc=Decimal_Number}$", "\\u0660", true },
	{ "^[\\\\p{L}\\\\p{N}]+$", "a\\u0660", true },
	{ "^\\\\p{Alphabetic}$", "\\u00e9", true },
	/* A character is a code point, not a unit of UTF-16. */
	{ "^.$", "\\ud83d\\ude00", true },
	{ "^[\\ud83d\\ude00-\\ud83d\\ude05]$", "\\ud83d\\ude03", true },
	/* A group that took no part matches as nothing. */
	{ "^(?:(a)|b)\\\\1$", "b", true },
	{ "^(?<=a|bc)x?$", "", false },
	{ "(?<=a|bc)x$", "bcx", true },
	/* Words of PCRE2 that are none here. */
	{ "^[[:alpha:]]$", "a]", true },
	{ "^[[:alpha:]]$", ":]", true },
	{ "^a\\\\$$", "a$", true },
	{ "^\\\\cJ$", "\\n", true },
	{ "^\\\\0$", "\\u0000", true },
	{ "^\\\\s$", "\\u00a0", true },
	{ "^[\\\\s]$", "\\ufeff", true },
	{ "^\\\\w$", "\\u00e9", false },
	{ "^a$", "a\\n", false },
	{ "^.$", "\\u2028", false },
	{ "^.$", "\\n", false },
	{ "^\\\\u0061\\\\x62\\\\u{63}$", "abc", true },
	{ "^\\\\ud83d\\\\ude00$", "\\ud83d\\ude00", true },
	{ "^\\\\p{Letter}\\\\p{Lu}\\\\p{Script=Greek}$", "aB\\u03b1", true },
	{ "^[[a]$", "[", true },
	{ "^[^]$", "x", true },
	{ "[]", "x", false },
	{ "^\\\\v$", "\\u000b", true },
	{ "^a{,2}$", "a{,2}", true },
	{ "^a{2}$", "aa", true },
	{ "^(?<n>a)\\\\k<n>$", "aa", true },
	{ "^(a)\\\\1$", "aa", true },
	{ "^\\\\-\\\\/\\\\_$", "-/_", true },
	{ "^(?=a)a(?!b)(?<=a)(?<!b)$", "a", true },
	{ "^a+?$", "aaa", true },
	{ "", "", true },
	{ "b", "abc", true },
};

/* What ECMA-262 does not know, or PCRE2 cannot do: said when the schema is
 * loaded. */
static const char *const refused_patterns[][2] = {
	{ "(?>a)", "group that ECMA-262 does not know" },
	{ "(?i)a", "group that ECMA-262 does not know" },
	{ "(?R)", "group that ECMA-262 does not know" },
	{ "(?#x)", "group that ECMA-262 does not know" },
	{ "(*COMMIT)", "nothing to repeat" },
	{ "(?C1)", "group that ECMA-262 does not know" },
	{ "a++", "nothing to repeat" },
	{ "\\\\A", "escape that ECMA-262 does not know" },
	{ "\\\\Z", "escape that ECMA-262 does not know" },
	{ "\\\\h", "escape that ECMA-262 does not know" },
	{ "\\\\Q", "escape that ECMA-262 does not know" },
	{ "\\\\G", "escape that ECMA-262 does not know" },
	{ "\\\\01", "octal escape" },
	{ "[\\\\1]", "back reference in a class" },
	{ "\\\\u12", "without four digits" },
	{ "\\\\u{110000}", "wrong" },
	{ "\\\\p{Nonsense}", "unknown property" },
	{ "(?<n>a)(?<n>b)", "same name" },
	{ "(?<=a+)b", "a lookbehind of variable length is not supported" },
	{ "(?<!a*)b", "a lookbehind of variable length is not supported" },
	{ "(", "missing closing parenthesis" },
	{ "[b-a]", "range out of order" },
};

START_TEST(patterns_that_are_none_are_refused)
{
	char schema[512];

	for (size_t i = 0;
	     i < sizeof refused_patterns / sizeof *refused_patterns; i++) {
		const char *got;

		(void)snprintf(schema, sizeof schema, "{\"pattern\":\"%s\"}",
		    refused_patterns[i][0]);
		got = verdict(schema, "\"\"");
		ck_assert_msg(strstr(got, refused_patterns[i][1]) != NULL,
		    "%s: %s", schema, got);
	}
}
END_TEST

START_TEST(patterns_are_read_by_ecma_262)
{
	char schema[512], json[512];

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		const char *got;

		(void)snprintf(schema, sizeof schema, "{\"pattern\":\"%s\"}",
		    patterns[i].pattern);
		(void)snprintf(json, sizeof json, "\"%s\"", patterns[i].text);
		got = verdict(schema, json);
		ck_assert_msg((strcmp(got, "valid") == 0) == patterns[i].matches
			&& got[0] != '!',
		    "%s on %s: %s", patterns[i].pattern, patterns[i].text, got);
	}
}
END_TEST

UNIT_MAIN("data/schema", reports_say_where_what_and_what_was_meant,
    a_wrong_schema_is_refused_with_a_pointer,
    the_pointer_is_given_apart_from_the_message,
    documents_refer_to_one_another_and_name_themselves_in_errors,
    numbers_are_exact, many_required_and_properties_are_found,
    formats_assert_only_when_asked, names_are_told_apart_at_each_byte,
    patterns_are_read_by_ecma_262, patterns_that_are_none_are_refused)
