/* SPDX-License-Identifier: Apache-2.0 */
/* T-11, SCH-06: schemas and values made to cost much.  Each ends at a bound
 * that says its name.  Work is counted in steps by the engine, so that nothing
 * here looks at a clock; the printed times are for people. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "data/schema.h"
#include "data/schema_run.h"

#include "unit/unit.h"

#define STEPS "too much work to check"
#define DEPTH "nested too deep to check"
#define PATTERN "a regular expression costs too much"

static double
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Validates and wants: a report that begins so, or "valid". */
static void
expect(const char *title, struct str schema, struct str json, const char *want)
{
	struct schema_report report;
	struct err err = { 0 };
	struct json_doc doc;
	struct schema *s = schema_compile(schema, NULL, NULL, &err);
	struct buf out;
	double start;

	ck_assert_msg(s != NULL, "%s: %s", title, err.text);
	buf_init(&out);
	json_doc_init(&doc);
	schema_report_init(&report);
	ck_assert_int_eq(json_parse(&doc, json, JSON_GRAMMAR), 0);
	start = now_ms();
	if (schema_validate(s, doc.nodes, &report))
		buf_cstr(&out, "valid");
	else
		schema_report_print(&report, &out);
	printf("%-40s %8.2f ms\n", title, now_ms() - start);
	if (strcmp(want, "valid") != 0)
		ck_assert_msg(report.exhausted, "%s: %.*s", title,
		    STR_FMT(buf_view(&out)));
	buf_char(&out, '\0');
	ck_assert_msg(strstr(out.ptr, want) != NULL, "%s: %s", title, out.ptr);
	schema_report_finish(&report);
	json_doc_finish(&doc);
	buf_finish(&out);
	schema_destroy(s);
}

static void
refuse(struct str schema, const char *want)
{
	struct err err = { 0 };

	ck_assert(schema_compile(schema, NULL, NULL, &err) == NULL);
	ck_assert_msg(strstr(err.text, want) != NULL, "%s", err.text);
}

static void
repeat(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_cstr(b, text);
}

/* "(a+)+$" and its family on a long row of a's. */
START_TEST(regular_expressions_that_explode_are_stopped)
{
	static const char *const bombs[] = { "^(a+)+$", "(a|aa)+$", "^(a|a?)+$",
		"(.*a){20}", "^(([a-z])+.)+[A-Z]([a-z])+$", "^((a*)*)*$",
		"^(?=(a+)+$)", "(x+x+)+$|(a+a+)+$" };
	struct buf schema, json;

	buf_init(&schema);
	buf_init(&json);
	buf_char(&json, '"');
	repeat(&json, "a", 5000);
	buf_cstr(&json, "!\"");
	for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
		buf_clear(&schema);
		buf_printf(&schema, "{\"pattern\":\"%s\"}", bombs[i]);
		expect(bombs[i], buf_view(&schema), buf_view(&json), PATTERN);
	}
	buf_finish(&schema);
	buf_finish(&json);
}
END_TEST

START_TEST(bombs_in_many_short_strings_share_one_budget)
{
	struct buf json;

	buf_init(&json);
	buf_cstr(&json, "[1");
	repeat(&json, ",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"", 20000);
	buf_char(&json, ']');
	expect("short strings, anchored",
	    S("{\"items\":{\"not\":{\"type\":\"string\",\"pattern\":"
	      "\"^(a+)+$\"}}}"),
	    buf_view(&json), PATTERN);
	expect("short strings, not anchored",
	    S("{\"items\":{\"not\":{\"type\":\"string\",\"pattern\":"
	      "\"(a|b|aa)+$\"}}}"),
	    buf_view(&json), PATTERN);
	expect("names",
	    S("{\"items\":{\"not\":{\"type\":\"string\","
	      "\"pattern\":\"(a|aa)+$\"}}}"),
	    buf_view(&json), PATTERN);
	buf_finish(&json);
}
END_TEST

START_TEST(a_pattern_on_a_megabyte_that_is_cheap_is_matched)
{
	struct buf json;

	buf_init(&json);
	buf_char(&json, '"');
	repeat(&json, "some words of text, ", 50000);
	buf_char(&json, '"');
	expect("not blank", S("{\"pattern\":\"\\\\S\"}"), buf_view(&json),
	    "valid");
	expect("anchored class", S("{\"pattern\":\"^[a-z ,]*$\"}"),
	    buf_view(&json), "valid");
	buf_finish(&json);
}
END_TEST

/* 2^30 ways, if nobody counted. */
START_TEST(nested_alternatives_end_at_the_steps)
{
	static const char *const keywords[] = { "anyOf", "oneOf" };
	struct buf schema;

	buf_init(&schema);
	for (size_t k = 0; k < 2; k++) {
		buf_clear(&schema);
		buf_cstr(&schema, "{\"$defs\":{\"a30\":{\"type\":\"null\"}");
		for (int i = 29; i >= 0; i--)
			buf_printf(&schema,
			    ",\"a%d\":{\"%s\":[{\"$ref\":\"#/$defs/a%d\"},"
			    "{\"$ref\":\"#/$defs/a%d\"}]}",
			    i, keywords[k], i + 1, i + 1);
		buf_cstr(&schema, "},\"$ref\":\"#/$defs/a0\"}");
		expect(keywords[k], buf_view(&schema), S("1"), STEPS);
	}
	buf_finish(&schema);
}
END_TEST

START_TEST(recursion_ends_at_the_depth)
{
	struct buf json, schema;

	buf_init(&json);
	buf_init(&schema);
	repeat(&json, "[", 100);
	repeat(&json, "]", 100);
	expect("array in array", S("{\"items\":{\"$ref\":\"#\"}}"),
	    buf_view(&json), DEPTH);
	expect("dynamic",
	    S("{\"$dynamicAnchor\":\"n\",\"items\":{\"$dynamicRef\":\"#n\"}}"),
	    buf_view(&json), DEPTH);
	/* A loop that only the way there closes. */
	expect("loop by $dynamicRef",
	    S("{\"$dynamicAnchor\":\"n\",\"$dynamicRef\":\"#n\"}"), S("1"),
	    DEPTH);
	expect("loop in a condition",
	    S("{\"if\":true,\"then\":{\"$ref\":\"#\"}}"), S("1"), DEPTH);
	buf_cstr(&schema, "{\"$defs\":{\"a200\":{\"type\":\"null\"}");
	for (int i = 199; i >= 0; i--)
		buf_printf(&schema,
		    ",\"a%d\":{\"minimum\":0,\"allOf\":"
		    "[{\"$ref\":\"#/$defs/a%d\"}]}",
		    i, i + 1);
	buf_cstr(&schema, "},\"$ref\":\"#/$defs/a0\"}");
	expect("a chain of 200", buf_view(&schema), S("1"), DEPTH);
	buf_finish(&json);
	buf_finish(&schema);
}
END_TEST

START_TEST(ten_megabytes_take_linear_work)
{
	struct buf json;

	buf_init(&json);
	buf_cstr(&json, "[0");
	while (json.len < (size_t)10 << 20)
		buf_printf(&json, ",{\"n\":%zu,\"text\":\"some more text\"}",
		    json.len);
	buf_char(&json, ']');
	expect("10 MB, items",
	    S("{\"items\":{\"properties\":{\"n\":{\"type\":\"integer\","
	      "\"minimum\":0},\"text\":{\"maxLength\":100,\"pattern\":"
	      "\"^some\"}}}}"),
	    buf_view(&json), "valid");
	expect("10 MB, uniqueItems", S("{\"uniqueItems\":true}"),
	    buf_view(&json), "valid");
	expect("10 MB, unevaluatedItems",
	    S("{\"anyOf\":[{\"contains\":{\"type\":\"object\"}},"
	      "{\"items\":{\"type\":\"null\"}}],\"unevaluatedItems\":"
	      "{\"type\":\"number\"}}"),
	    buf_view(&json), "valid");
	buf_finish(&json);
}
END_TEST

START_TEST(equal_elements_are_found_without_comparing_all_pairs)
{
	struct buf json;

	buf_init(&json);
	buf_cstr(&json, "[0");
	for (int i = 1; i < 200000; i++)
		buf_printf(&json, ",%d", i);
	buf_char(&json, ']');
	expect("200,000 numbers", S("{\"uniqueItems\":true}"), buf_view(&json),
	    "valid");
	/* Two objects with the same members in opposite order. */
	buf_clear(&json);
	buf_cstr(&json, "[{\"k\":1");
	for (int i = 0; i < 60000; i++)
		buf_printf(&json, ",\"%d\":1", i);
	buf_cstr(&json, "},{\"k\":1");
	for (int i = 59999; i >= 0; i--)
		buf_printf(&json, ",\"%d\":1", i);
	buf_cstr(&json, "},1,2,3,4,5,6,7,8]");
	expect("members in opposite order", S("{\"uniqueItems\":true}"),
	    buf_view(&json), STEPS);
	buf_finish(&json);
}
END_TEST

START_TEST(marks_of_unevaluated_cost_a_bit_a_value)
{
	struct buf json, schema;

	buf_init(&json);
	buf_init(&schema);
	buf_cstr(&json, "[0");
	repeat(&json, ",0", 500000);
	buf_char(&json, ']');
	buf_cstr(&schema,
	    "{\"unevaluatedItems\":false,\"items\":true,"
	    "\"anyOf\":[true");
	repeat(&schema, ",{\"maxItems\":1000000}", 9000);
	buf_cstr(&schema, "]}");
	expect("9,000 alternatives over 500,000", buf_view(&schema),
	    buf_view(&json), "valid");
	buf_finish(&json);
	buf_finish(&schema);
}
END_TEST

START_TEST(schemas_have_bounds_too)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, "{\"allOf\":[true");
	repeat(&b, ",true", SCHEMA_SUBSCHEMAS_MAX);
	buf_cstr(&b, "]}");
	refuse(buf_view(&b), "more than 10000 subschemas");
	buf_clear(&b);
	repeat(&b, "{\"not\":", 10000);
	buf_cstr(&b, "true");
	repeat(&b, "}", 10000);
	refuse(buf_view(&b), "not JSON");
	buf_clear(&b);
	buf_cstr(&b, "{\"pattern\":\"");
	repeat(&b, "a", 5000);
	buf_cstr(&b, "\"}");
	refuse(buf_view(&b), "longer than 4096 bytes");
	/* A chain of 9,000 references: no recursion to find the loop. */
	buf_clear(&b);
	buf_cstr(&b, "{\"$ref\":\"#/$defs/a0\",\"$defs\":{\"z\":{}");
	for (int i = 0; i < 9000; i++)
		buf_printf(&b, ",\"a%d\":{\"$ref\":\"#/$defs/a%d\"}", i,
		    i == 8999 ? 0 : i + 1);
	buf_cstr(&b, "}}");
	refuse(buf_view(&b), "a loop");
	buf_finish(&b);
}
END_TEST

/* Ten thousand levels never become nodes; as many as do end at the depth. */
START_TEST(ten_thousand_levels_are_refused_before_any_schema)
{
	static const char *const shapes[][2] = { { "[", "]" },
		{ "{\"a\":", "}" } };
	struct json_doc doc;
	struct buf json;

	buf_init(&json);
	json_doc_init(&doc);
	for (size_t i = 0; i < 2; i++) {
		buf_clear(&json);
		repeat(&json, shapes[i][0], 10000);
		buf_cstr(&json, "1");
		repeat(&json, shapes[i][1], 10000);
		ck_assert_int_eq(
		    json_parse(&doc, buf_view(&json), JSON_PROTOCOL),
		    ERR_SYNTAX);
		ck_assert_int_eq(doc.fault, JSON_DEPTH);
		ck_assert_uint_le(doc.cap, 512);
	}
	json_doc_finish(&doc);
	buf_finish(&json);
}
END_TEST

/* Steps that the verdict takes, by either engine. */
static uint64_t
steps_of(const char *schema, struct str json, bool fully)
{
	const uint64_t budget = UINT64_C(1) << 40;
	struct schema *s = schema_compile(str_of(schema), NULL, NULL, NULL);
	const struct schema_path top = { NULL, NULL, 0, 0 };
	struct schema_measure measure = { 0, 0 };
	struct schema_scope scope;
	struct json_doc doc;
	struct schema_run r;

	ck_assert_ptr_nonnull(s);
	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, json, JSON_PROTOCOL), 0);
	scope = (struct schema_scope){ NULL, s->root->resource };
	r = (struct schema_run){ .schema = s,
		.steps = budget,
		.measure = fully ? &measure : NULL,
		.scope = &scope };
	ck_assert(schema_apply(&r, s->root, doc.nodes, NULL, &top));
	ck_assert_int_eq(r.stop, STOP_NONE);
	json_doc_finish(&doc);
	schema_destroy(s);
	return budget - r.steps;
}

START_TEST(work_grows_with_the_value_and_no_faster)
{
	static const char *const schemas[] = {
		"{\"items\":{\"properties\":{\"n\":{\"minimum\":0},\"t\":"
		"{\"maxLength\":99}},\"required\":[\"n\"]}}",
		"{\"uniqueItems\":true}",
		"{\"items\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":"
		"\"object\"}]},\"unevaluatedItems\":false}",
		"{\"contains\":{\"type\":\"null\"},\"minContains\":0}",
		"{\"items\":{\"properties\":{\"t\":{\"pattern\":\"^some\"}}}}",
		"{\"items\":{\"propertyNames\":{\"enum\":[\"n\",\"t\"]}}}",
	};
	struct buf json;

	buf_init(&json);
	for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
		uint64_t steps[2][2] = { { 0 } };

		for (unsigned size = 0; size < 2; size++) {
			buf_clear(&json);
			buf_char(&json, '[');
			for (unsigned k = 0; k < 2000u << size; k++)
				buf_printf(&json,
				    "%s{\"n\":%u,\"t\":\"some text\"}",
				    k > 0 ? "," : "", k);
			buf_char(&json, ']');
			for (unsigned fully = 0; fully < 2; fully++)
				steps[size][fully] = steps_of(
				    schemas[i], buf_view(&json), fully == 1);
			ck_assert_msg(
			    steps[size][0] <= steps[size][1], "%s", schemas[i]);
		}
		for (unsigned fully = 0; fully < 2; fully++)
			ck_assert_msg(steps[1][fully]
				<= 2 * steps[0][fully] + steps[0][fully] / 50,
			    "%s: %llu, %llu", schemas[i],
			    (unsigned long long)steps[0][fully],
			    (unsigned long long)steps[1][fully]);
	}
	buf_finish(&json);
}
END_TEST

START_TEST(nothing_is_fetched)
{
	refuse(S("{\"$ref\":\"http://localhost:1234/integer.json\"}"),
	    "nothing is fetched");
	refuse(S("{\"$schema\":\"http://localhost:1234/meta.json\"}"),
	    "unsupported dialect");
	refuse(S("{\"$ref\":\"file:///etc/passwd\"}"), "nothing is fetched");
}
END_TEST

START_TEST(explanations_stay_small)
{
	struct buf json;

	buf_init(&json);
	buf_cstr(&json, "{\"a\":1");
	for (int i = 0; i < 50000; i++)
		buf_printf(&json, ",\"%0100d\":\"x\"", i);
	buf_char(&json, '}');
	{
		struct schema_report report;
		struct json_doc doc;
		struct schema *s = schema_compile(
		    S("{\"additionalProperties\":false,\"required\":[\"b\"]}"),
		    NULL, NULL, NULL);

		json_doc_init(&doc);
		schema_report_init(&report);
		ck_assert_int_eq(
		    json_parse(&doc, buf_view(&json), JSON_GRAMMAR), 0);
		ck_assert(!schema_validate(s, doc.nodes, &report));
		ck_assert_uint_eq(report.len, SCHEMA_FAULTS_MAX);
		ck_assert(report.more);
		ck_assert(!report.exhausted);
		ck_assert_uint_lt(report.text.len, 4096);
		schema_report_finish(&report);
		json_doc_finish(&doc);
		schema_destroy(s);
	}
	buf_finish(&json);
}
END_TEST

UNIT_MAIN("data/schema_hostile", regular_expressions_that_explode_are_stopped,
    bombs_in_many_short_strings_share_one_budget,
    a_pattern_on_a_megabyte_that_is_cheap_is_matched,
    nested_alternatives_end_at_the_steps, recursion_ends_at_the_depth,
    ten_megabytes_take_linear_work,
    equal_elements_are_found_without_comparing_all_pairs,
    marks_of_unevaluated_cost_a_bit_a_value, schemas_have_bounds_too,
    ten_thousand_levels_are_refused_before_any_schema,
    work_grows_with_the_value_and_no_faster, nothing_is_fetched,
    explanations_stay_small)
