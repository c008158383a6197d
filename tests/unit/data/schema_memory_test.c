/* SPDX-License-Identifier: Apache-2.0 */
/* A check that succeeds needs no memory; every allocation that fails is an
 * error and not a leak or a crash. */
#include "data/schema.h"

#include "unit/data/alloc.h"
#include "unit/unit.h"

static const char rich[] =
    "{\"$id\":\"x:r\",\"type\":\"object\",\"required\":[\"a\",\"b\"],"
    "\"properties\":{\"a\":{\"$ref\":\"#/$defs/t\"},"
    "\"b\":{\"type\":\"array\",\"items\":{\"type\":\"number\","
    "\"multipleOf\":0.01},\"uniqueItems\":true,\"contains\":{\"const\":1}},"
    "\"c1\":{},\"c2\":{},\"c3\":{},\"c4\":{},\"c5\":{},\"c6\":{},\"c7\":{}},"
    "\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},"
    "\"anyOf\":[{\"required\":[\"z\"]},{\"$anchor\":\"q\"}],"
    "\"if\":{\"minProperties\":1},\"then\":{\"maxProperties\":9},"
    "\"unevaluatedProperties\":false,\"$defs\":{\"t\":{\"type\":\"string\","
    "\"pattern\":\"^[a-z]+(-[a-z]+)*$\",\"format\":\"date\"}}}";

static const char good[] =
    "{\"a\":\"some-words-that-go-on-and-on-until-the-meter-runs-for-them-"
    "all-and-on\",\"b\":[1,2.5,3,4,5,6,7,8,9,10,11,12],\"x-y\":\"z\"}";

START_TEST(a_valid_value_needs_no_memory)
{
	struct schema *s = schema_compile(str_of(rich), NULL, NULL, NULL);
	struct json_doc doc;
	bool valid;

	ck_assert(s != NULL);
	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, str_of(good), JSON_PROTOCOL), 0);
	alloc_left = 0;
	valid = schema_validate(s, doc.nodes, NULL);
	/* Still waiting for the first allocation to fail. */
	ck_assert_int_eq(alloc_left, 0);
	alloc_left = -1;
	ck_assert(valid);
	json_doc_finish(&doc);
	schema_destroy(s);
}
END_TEST

START_TEST(compiling_survives_each_failed_allocation)
{
	struct schema_options options = { .assert_format = true };
	struct schema *s;
	long n = 0;

	do {
		struct err err = { 0 };

		alloc_left = n++;
		s = schema_compile(str_of(rich), &options, NULL, &err);
		alloc_left = -1;
		ck_assert(s != NULL || err.text[0] != '\0');
	} while (s == NULL);
	ck_assert_int_ge(n, ALLOC_WORKS ? 10 : 1);
	schema_destroy(s);
}
END_TEST

START_TEST(a_report_without_memory_keeps_the_verdict)
{
	struct schema *s = schema_compile(str_of(rich), NULL, NULL, NULL);
	struct schema_report report;
	struct json_doc doc;
	struct buf out;
	bool valid;

	json_doc_init(&doc);
	buf_init(&out);
	ck_assert_int_eq(
	    json_parse(&doc, S("{\"a\":1,\"q\":2}"), JSON_PROTOCOL), 0);
	for (long n = 0; n < 6; n++) {
		schema_report_init(&report);
		alloc_left = n;
		valid = schema_validate(s, doc.nodes, &report);
		alloc_left = -1;
		ck_assert(!valid);
		ck_assert(report.len > 0 || report.more);
		buf_clear(&out);
		schema_report_print(&report, &out);
		ck_assert_uint_gt(out.len, 0);
		schema_report_finish(&report);
	}
	buf_finish(&out);
	json_doc_finish(&doc);
	schema_destroy(s);
}
END_TEST

UNIT_MAIN("data/schema_memory", a_valid_value_needs_no_memory,
    compiling_survives_each_failed_allocation,
    a_report_without_memory_keeps_the_verdict)
