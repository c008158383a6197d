/* SPDX-License-Identifier: Apache-2.0 */
/* What one check of a tool's arguments costs.  Prints; asserts only that the
 * verdicts are right. */
#include <check.h>
#include <stdio.h>
#include <time.h>

#include "data/schema.h"

#include "unit/unit.h"

#define ROUNDS 200000

static const struct {
	const char *title;
	const char *schema;
	const char *json;
} cases[] = {
	{ "weather: 3 properties",
	    "{\"type\":\"object\",\"required\":[\"place\"],"
	    "\"additionalProperties\":false,\"properties\":{"
	    "\"place\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},"
	    "\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":7},"
	    "\"units\":{\"enum\":[\"metric\",\"imperial\"]}}}",
	    "{\"place\":\"Oslo\",\"days\":3,\"units\":\"metric\"}" },
	{ "issue: 8 properties, an array, an anyOf",
	    "{\"type\":\"object\",\"required\":[\"owner\",\"repo\",\"title\"],"
	    "\"properties\":{\"owner\":{\"type\":\"string\"},"
	    "\"repo\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
	    "\"body\":{\"type\":\"string\"},\"labels\":{\"type\":\"array\","
	    "\"items\":{\"type\":\"string\"},\"maxItems\":20},"
	    "\"milestone\":{\"anyOf\":[{\"type\":\"integer\"},"
	    "{\"type\":\"null\"}]},\"draft\":{\"type\":\"boolean\"},"
	    "\"priority\":{\"type\":\"number\",\"minimum\":0,"
	    "\"maximum\":1}}}",
	    "{\"owner\":\"octo\",\"repo\":\"hello\",\"title\":\"It breaks\","
	    "\"body\":\"When I do this, that happens.\",\"labels\":[\"bug\","
	    "\"ui\"],\"milestone\":null,\"draft\":false,\"priority\":0.5}" },
	{ "path: a pattern",
	    "{\"type\":\"object\",\"required\":[\"path\"],\"properties\":{"
	    "\"path\":{\"type\":\"string\",\"pattern\":\"^/[a-z0-9/._-]+$\"}}}",
	    "{\"path\":\"/srv/data/report.txt\"}" },
	{ "composed: allOf, unevaluatedProperties",
	    "{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"properties\":"
	    "{\"b\":{\"type\":\"integer\"}}}],\"unevaluatedProperties\":false,"
	    "\"$defs\":{\"a\":{\"properties\":{\"a\":"
	    "{\"type\":\"string\"}}}}}",
	    "{\"a\":\"x\",\"b\":2}" },
};

static double
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

START_TEST(typical_arguments)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = { 0 };
		double start = now_ns(), compiled;
		struct schema *s =
		    schema_compile(str_of(cases[i].schema), NULL, NULL, &err);
		struct json_doc doc;
		size_t good = 0;

		compiled = now_ns() - start;
		ck_assert_msg(s != NULL, "%s", err.text);
		json_doc_init(&doc);
		ck_assert_int_eq(
		    json_parse(&doc, str_of(cases[i].json), JSON_PROTOCOL), 0);
		start = now_ns();
		for (size_t n = 0; n < ROUNDS; n++)
			good += schema_validate(s, doc.nodes, NULL);
		printf("%-42s %6.0f ns (compiled in %.0f us)\n", cases[i].title,
		    (now_ns() - start) / ROUNDS, compiled / 1e3);
		ck_assert_uint_eq(good, ROUNDS);
		json_doc_finish(&doc);
		schema_destroy(s);
	}
}
END_TEST

UNIT_MAIN("data/schema_speed", typical_arguments)
