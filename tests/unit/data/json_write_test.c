/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "unit/unit.h"

static struct buf out;

static bool
wrote(const char *want)
{
	bool equal = str_equal(buf_view(&out), str_of(want));

	if (!equal)
		fprintf(stderr, "got %.*s\n", STR_FMT(buf_view(&out)));
	buf_finish(&out);
	return equal;
}

START_TEST(strings_are_escaped)
{
	ck_assert_int_eq(
	    json_write_str(&out, S("a\"b\\c\n\r\t\x01\x1f\0/\xc3\xa9")), 0);
	ck_assert(
	    wrote("\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\\u0000/\xc3\xa9\""));
	ck_assert_int_eq(json_write_str(&out, S("")), 0);
	ck_assert(wrote("\"\""));
	ck_assert_int_eq(json_write_str(&out, STR_NONE), 0);
	ck_assert(wrote("\"\""));
}
END_TEST

START_TEST(what_is_not_utf8_is_never_repaired)
{
	buf_cstr(&out, "x");
	ck_assert_int_eq(json_write_str(&out, S("a\xff")), ERR_SYNTAX);
	ck_assert_int_eq(json_write_str(&out, S("\xed\xa0\x80")), ERR_SYNTAX);
	ck_assert(wrote("x"));
}
END_TEST

START_TEST(doubles_read_back_the_same)
{
	static const double values[] = { 0.1, 1.0 / 3, 1e22, 1e23, 5e-324,
		DBL_MIN, DBL_MAX, 123456.789, -2.5e-10, 9007199254740993.0,
		0.30000000000000004, 1e-7, 100, -0.0 };
	struct json_doc doc;

	json_doc_init(&doc);
	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
		(void)setlocale(LC_NUMERIC, "fr_FR.UTF-8");
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		double d;

		buf_clear(&out);
		ck_assert_int_eq(json_write_double(&out, values[i]), 0);
		ck_assert_int_eq(
		    json_parse(&doc, buf_view(&out), JSON_GRAMMAR), 0);
		ck_assert_int_eq(json_double(doc.nodes, &d), 0);
		ck_assert(memcmp(&d, &values[i], sizeof d) == 0);
	}
	(void)setlocale(LC_NUMERIC, "C");
	buf_finish(&out);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(doubles_are_short)
{
	ck_assert_int_eq(json_write_double(&out, 0.1), 0);
	ck_assert(wrote("0.1"));
	ck_assert_int_eq(json_write_double(&out, 5e-324), 0);
	ck_assert(wrote("5e-324"));
	ck_assert_int_eq(json_write_double(&out, -3), 0);
	ck_assert(wrote("-3"));
	ck_assert_int_eq(json_write_double(&out, 0), 0);
	ck_assert(wrote("0"));
}
END_TEST

START_TEST(nan_and_infinity_are_refused)
{
	ck_assert_int_eq(json_write_double(&out, (double)NAN), ERR_PARAMS);
	ck_assert_int_eq(
	    json_write_double(&out, -(double)INFINITY), ERR_PARAMS);
	ck_assert(wrote(""));
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	const char *want;
} faults[] = {
	{ "{\"id\":1,   \"id\":2}", "duplicate key \"id\" at byte 11" },
	{ "{\"id\":1,\"\\u0069d\":2}", "duplicate key \"\\u0069d\" at byte 8" },
	{ "{\"a\\u0000\":1}", "key with U+0000 \"a\\u0000\" at byte 1" },
	{ "[1,", "JSON ends too early, at byte 3" },
	{ "[1;]", "not valid JSON: unexpected ';' at byte 2" },
	{ "[1\x01]", "not valid JSON: unexpected byte 0x01 at byte 2" },
	{ "\"\xff\"",
	  "not valid UTF-8, or half of a surrogate pair at byte 1" },
	{ "1", "no fault" },
};
/* clang-format on */

START_TEST(faults_are_sentences)
{
	struct json_doc doc;

	json_doc_init(&doc);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct str text = str_of(faults[i].text);

		(void)json_parse(&doc, text, JSON_PROTOCOL);
		json_fault_text(&doc, text, &out);
		ck_assert(wrote(faults[i].want));
	}
	for (int fault = JSON_DEPTH; fault <= JSON_NOMEM; fault++) {
		doc.fault = (enum json_fault)fault;
		doc.fault_at = 0;
		json_fault_text(&doc, S("1"), &out);
		ck_assert_uint_gt(out.len, 10);
		buf_finish(&out);
	}
	json_doc_finish(&doc);
}
END_TEST

UNIT_MAIN("data/json_write", strings_are_escaped,
    what_is_not_utf8_is_never_repaired, doubles_read_back_the_same,
    doubles_are_short, nan_and_infinity_are_refused, faults_are_sentences)
