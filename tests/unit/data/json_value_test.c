/* SPDX-License-Identifier: Apache-2.0 */
/* json_value.c and json_number.c. */
#include "data/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "unit/unit.h"

static struct json_doc one, two;

static const struct json_node *
parse(struct json_doc *d, const char *text)
{
	ck_assert_msg(
	    json_parse(d, str_of(text), JSON_PROTOCOL) == 0, "%s", text);
	return d->nodes;
}

static bool
same(const char *a, const char *b)
{
	const struct json_node *x = parse(&one, a), *y = parse(&two, b);
	bool answer = json_same(x, y);

	ck_assert(json_same(y, x) == answer);
	if (answer)
		ck_assert_uint_eq(json_hash(x), json_hash(y));
	return answer;
}

static int
i64(const char *text, int64_t *out)
{
	return json_i64(parse(&one, text), out);
}

/* Seen under a sanitizer: a schema had a list where it wants members. */
START_TEST(an_array_has_no_members)
{
	JSON_EACH_MEMBER (k, v, parse(&one, "[1]"))
		ck_abort_msg("a member of an array: %p", (const void *)v);
	JSON_EACH_MEMBER (k, v, parse(&one, "\"x\""))
		ck_abort_msg("a member of a string: %p", (const void *)v);
}
END_TEST

START_TEST(null_reads_as_absent)
{
	struct str empty = json_str(NULL);
	int64_t n;
	double d;

	ck_assert_int_eq(json_type(NULL), JSON_NULL);
	ck_assert_ptr_null(json_get(NULL, S("a")));
	ck_assert_ptr_null(json_at(NULL, 0));
	ck_assert_uint_eq(json_count(NULL), 0);
	ck_assert_uint_eq(empty.len, 0);
	ck_assert_ptr_nonnull(empty.ptr);
	ck_assert_uint_eq(json_raw(NULL).len, 0);
	ck_assert_int_eq(json_i64(NULL, &n), ERR_SYNTAX);
	ck_assert_int_eq(json_double(NULL, &d), ERR_SYNTAX);
	ck_assert(json_same(NULL, NULL));
	JSON_EACH_MEMBER (k, v, NULL)
		ck_abort_msg("a member of nothing: %p", (const void *)v);
	JSON_EACH_ELEMENT (v, NULL)
		ck_abort_msg("an element of nothing");
}
END_TEST

START_TEST(walking_skips_what_is_nested)
{
	const struct json_node *n =
	    parse(&one, "{\"a\":[1,2,{\"z\":[]}],\"b\":{},\"c\":3}");
	char keys[8] = "";
	size_t len = 0;

	JSON_EACH_MEMBER (k, v, n)
		keys[len++] = json_str(k).ptr[0];
	ck_assert_str_eq(keys, "abc");
	len = 0;
	JSON_EACH_ELEMENT (v, json_get(n, S("a")))
		len++;
	ck_assert_uint_eq(len, 3);
	JSON_EACH_ELEMENT (v, json_get(n, S("b")))
		ck_abort_msg("an element of an empty object");
	JSON_EACH_ELEMENT (v, json_get(n, S("c")))
		ck_abort_msg("an element of a number");
	ck_assert_ptr_null(json_at(json_get(n, S("a")), 3));
	ck_assert_int_eq(
	    json_type(json_at(json_get(n, S("a")), 2)), JSON_OBJECT);
	ck_assert_ptr_null(json_get(json_get(n, S("a")), S("z")));
	json_doc_finish(&one);
}
END_TEST

START_TEST(integers_are_exact)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = { { "0", 0 }, { "-0", 0 }, { "5.0", 5 }, { "1e3", 1000 },
		{ "-0.0e99999999999999999999", 0 }, { "1200e-2", 12 },
		{ "0.00012e5", 12 }, { "9007199254740993", 9007199254740993 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
		{ "9223372036854775.807e3", INT64_MAX },
		{ "1E+18", 1000000000000000000 } };
	static const char *const limit[] = { "9223372036854775808",
		"-9223372036854775809", "1e19", "10000000000000000999",
		"1e99999999999999999999999", "18446744073709551617" };
	static const char *const syntax[] = { "1.5", "1e-1", "0.1",
		"1e-99999999999999999999999", "\"5\"", "true", "[1]",
		"1.000000000000000005" };
	int64_t n = 77;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_msg(i64(good[i].text, &n) == 0, "%s", good[i].text);
		ck_assert_int_eq(n, good[i].value);
	}
	n = 77;
	for (size_t i = 0; i < sizeof limit / sizeof limit[0]; i++)
		ck_assert_msg(i64(limit[i], &n) == ERR_LIMIT, "%s", limit[i]);
	for (size_t i = 0; i < sizeof syntax / sizeof syntax[0]; i++)
		ck_assert_msg(
		    i64(syntax[i], &n) == ERR_SYNTAX, "%s", syntax[i]);
	ck_assert_int_eq(n, 77);
	json_doc_finish(&one);
}
END_TEST

START_TEST(the_integer_mark_is_lexical)
{
	ck_assert_int_eq(parse(&one, "-12")->integer, 1);
	ck_assert_int_eq(parse(&one, "12.0")->integer, 0);
	ck_assert_int_eq(parse(&one, "1e2")->integer, 0);
	json_doc_finish(&one);
}
END_TEST

START_TEST(doubles_are_those_of_strtod)
{
	static const char *const texts[] = { "0", "-0", "0.1", "1e22", "1e23",
		"123456789012345678", "2.2250738585072014e-308", "5e-324",
		"1e-400", "1.7976931348623157e308", "9007199254740993",
		"0.30000000000000004", "-1.5E+10", "1e-22", "3.14159265358979",
		"0.000000000000000000000000000001" };
	double d;

	/* Some locale with a comma, where there is one. */
	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
		(void)setlocale(LC_NUMERIC, "fr_FR.UTF-8");
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct json_node *n = parse(&one, texts[i]);
		double want;

		ck_assert_int_eq(json_double(n, &d), 0);
		(void)setlocale(LC_NUMERIC, "C");
		want = strtod(texts[i], NULL);
		ck_assert_msg(memcmp(&d, &want, sizeof d) == 0, "%s", texts[i]);
	}
	ck_assert_int_eq(json_double(parse(&one, "1e309"), &d), ERR_LIMIT);
	ck_assert_int_eq(
	    json_double(parse(&one, "-1e99999999999999999"), &d), ERR_LIMIT);
	ck_assert_int_eq(json_double(parse(&one, "\"1\""), &d), ERR_SYNTAX);
	json_doc_finish(&one);
}
END_TEST

START_TEST(numbers_are_the_same_by_value)
{
	ck_assert(same("1", "1.0"));
	ck_assert(same("100", "1e2"));
	ck_assert(same("-0", "0.0e5"));
	ck_assert(same("1.50", "15e-1"));
	ck_assert(!same("9007199254740992", "9007199254740993"));
	ck_assert(!same("1", "-1"));
	ck_assert(!same("1e400", "1e401"));
	ck_assert(same("1e400", "10e399"));
	ck_assert(!same("0.1", "0.10000000000000000000000000001"));
	ck_assert(same("1e10000000000000000000000000000000",
	    "0.01e10000000000000000000000000000002"));
	ck_assert(!same("1e10000000000000000000000000000000",
	    "1e-10000000000000000000000000000000"));
	ck_assert(same("1e0000000000000000000000000000000002", "100"));
	ck_assert(!same("1e99999999999999999999999", "1e99999999999999999998"));
	json_doc_finish(&one);
	json_doc_finish(&two);
}
END_TEST

START_TEST(numbers_have_an_exact_order)
{
	static const char *const order[] = { "-1e9999999999999999999999",
		"-1e10", "-2", "-1.5", "-1e-99999999999999999999", "0",
		"1e-99999999999999999999", "1e-5", "0.1",
		"0.100000000000000000000000001", "1", "9007199254740992",
		"9007199254740993", "1e16", "1e400", "11e399",
		"1e9999999999999999999999" };
	size_t n = sizeof order / sizeof order[0];

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int c = json_number_compare(
			    parse(&one, order[i]), parse(&two, order[j]));
			int want = (i > j) - (i < j);

			ck_assert_msg((c > 0) - (c < 0) == want, "%s and %s",
			    order[i], order[j]);
		}
	}
	json_doc_finish(&one);
	json_doc_finish(&two);
}
END_TEST

START_TEST(sameness_ignores_order_and_spelling)
{
	ck_assert(same("{\"a\":1,\"b\":[2,{}]}", "{\"b\":[2.0,{}],\"a\":1}"));
	ck_assert(same("\"\\u0061\"", "\"a\""));
	ck_assert(same("{\"\\u0061\":1}", "{\"a\":1}"));
	ck_assert(!same("[1,2]", "[2,1]"));
	ck_assert(!same("[1]", "[1,1]"));
	ck_assert(!same("{\"a\":1}", "{\"a\":1,\"b\":1}"));
	ck_assert(!same("{\"a\":1}", "{\"b\":1}"));
	ck_assert(!same("{\"a\":1}", "{\"a\":2}"));
	ck_assert(!same("1", "\"1\""));
	ck_assert(!same("true", "1"));
	ck_assert(!same("false", "null"));
	ck_assert(!same("[]", "{}"));
	ck_assert(same("null", "null"));
	ck_assert(!json_same(NULL, parse(&one, "null")));
	json_doc_finish(&one);
	json_doc_finish(&two);
}
END_TEST

START_TEST(large_objects_in_reverse_are_the_same)
{
	const int n = 60000;
	struct buf a, b;

	buf_init(&a);
	buf_init(&b);
	for (int i = 0; i < n; i++) {
		buf_printf(&a, "%c\"k%d\":%d", i == 0 ? '{' : ',', i, i);
		buf_printf(&b, "%c\"k%d\":%d.0", i == 0 ? '{' : ',', n - 1 - i,
		    n - 1 - i);
	}
	buf_cstr(&a, "}");
	buf_cstr(&b, "}");
	ck_assert_int_eq(json_parse(&one, buf_view(&a), JSON_PROTOCOL), 0);
	ck_assert_int_eq(json_parse(&two, buf_view(&b), JSON_PROTOCOL), 0);
	ck_assert(json_same(one.nodes, two.nodes));
	ck_assert_uint_eq(json_hash(one.nodes), json_hash(two.nodes));
	b.ptr[b.len - 4] = '7';
	ck_assert_int_eq(json_parse(&two, buf_view(&b), JSON_PROTOCOL), 0);
	ck_assert(!json_same(one.nodes, two.nodes));
	buf_finish(&a);
	buf_finish(&b);
	json_doc_finish(&one);
	json_doc_finish(&two);
}
END_TEST

UNIT_MAIN("data/json_value", null_reads_as_absent, an_array_has_no_members,
    walking_skips_what_is_nested, integers_are_exact,
    the_integer_mark_is_lexical, doubles_are_those_of_strtod,
    numbers_are_the_same_by_value, numbers_have_an_exact_order,
    sameness_ignores_order_and_spelling, large_objects_in_reverse_are_the_same)
