/* SPDX-License-Identifier: Apache-2.0 */
/* Views of bytes. */
#include "base/str.h"

#include "base/check.h"
#include "base/err.h"

#include "unit/unit.h"

START_TEST(null_is_an_empty_string)
{
	ck_assert_uint_eq(str_of(NULL).len, 0);
	ck_assert(str_equal(str_of(NULL), STR_NONE));
	ck_assert_int_eq(str_compare(STR_NONE, S("")), 0);
	ck_assert_uint_eq(str_find(STR_NONE, 'a'), 0);
	ck_assert_uint_eq(str_sub(STR_NONE, 0, 3).len, 0);
}
END_TEST

START_TEST(comparing_is_by_bytes_and_length)
{
	ck_assert(str_equal(S("ab"), S("ab")));
	ck_assert(!str_equal(S("ab"), S("abc")));
	ck_assert(!str_equal(S("ab"), S("aB")));
	ck_assert(str_equal(S("a\0b"), S("a\0b")));
	ck_assert(!str_equal(S("a\0b"), S("a\0c")));
	ck_assert_int_lt(str_compare(S("a"), S("ab")), 0);
	ck_assert_int_gt(str_compare(S("b"), S("ab")), 0);
	ck_assert_int_gt(str_compare(S("\xff"), S("a")), 0);
}
END_TEST

START_TEST(nocase_is_ascii_only)
{
	ck_assert(str_equal_nocase(S("Content-TYPE"), S("content-type")));
	ck_assert(!str_equal_nocase(S("[a"), S("{a")));
	ck_assert(!str_equal_nocase(S("\xc3\x84"), S("\xc3\xa4")));
	ck_assert(!str_equal_nocase(S("a"), S("ab")));
}
END_TEST

START_TEST(starts_and_ends)
{
	ck_assert(str_starts(S("tools/call"), S("tools/")));
	ck_assert(str_starts(S("a"), S("")));
	ck_assert(!str_starts(S("a"), S("ab")));
	ck_assert(str_ends(S("a.yaml"), S(".yaml")));
	ck_assert(!str_ends(S("yaml"), S(".yaml")));
}
END_TEST

START_TEST(sub_is_clamped)
{
	ck_assert(str_equal(str_sub(S("hello"), 1, 3), S("el")));
	ck_assert(str_equal(str_sub(S("hello"), 3, 99), S("lo")));
	ck_assert(str_equal(str_sub(S("hello"), 4, 2), S("")));
	ck_assert(str_equal(str_sub(S("hello"), 99, 99), S("")));
}
END_TEST

START_TEST(trim_takes_blanks_only)
{
	ck_assert(str_equal(str_trim(S(" \t a b\t ")), S("a b")));
	ck_assert(str_equal(str_trim(S(" \t ")), S("")));
	ck_assert(str_equal(str_trim(S("\na\r")), S("\na\r")));
}
END_TEST

START_TEST(split_at_the_first)
{
	struct str rest, head;

	head = str_split(S("a=b=c"), '=', &rest);
	ck_assert(str_equal(head, S("a")));
	ck_assert(str_equal(rest, S("b=c")));
	head = str_split(S("abc"), '=', &rest);
	ck_assert(str_equal(head, S("abc")));
	ck_assert_uint_eq(rest.len, 0);
	head = str_split(S("="), '=', &rest);
	ck_assert_uint_eq(head.len + rest.len, 0);
}
END_TEST

START_TEST(numbers_are_whole_and_bounded)
{
	uint64_t u = 7;
	int64_t i = 7;

	ck_assert_int_eq(str_to_u64(S("18446744073709551615"), &u), 0);
	ck_assert(u == UINT64_MAX);
	ck_assert_int_eq(str_to_u64(S("18446744073709551616"), &u), ERR_LIMIT);
	ck_assert_int_eq(
	    str_to_u64(S("99999999999999999999x"), &u), ERR_SYNTAX);
	ck_assert_int_eq(str_to_u64(S(""), &u), ERR_SYNTAX);
	ck_assert_int_eq(str_to_u64(S("+1"), &u), ERR_SYNTAX);
	ck_assert_int_eq(str_to_u64(S("-1"), &u), ERR_SYNTAX);
	ck_assert_int_eq(str_to_u64(S(" 1"), &u), ERR_SYNTAX);
	ck_assert_int_eq(str_to_u64(S("1\0"), &u), ERR_SYNTAX);
	ck_assert_int_eq(str_to_i64(S("-9223372036854775808"), &i), 0);
	ck_assert(i == INT64_MIN);
	ck_assert_int_eq(str_to_i64(S("9223372036854775807"), &i), 0);
	ck_assert(i == INT64_MAX);
	ck_assert_int_eq(str_to_i64(S("-9223372036854775809"), &i), ERR_LIMIT);
	ck_assert_int_eq(str_to_i64(S("9223372036854775808"), &i), ERR_LIMIT);
	ck_assert_int_eq(str_to_i64(S("-0"), &i), 0);
	ck_assert(i == 0);
	ck_assert_int_eq(str_to_i64(S("-"), &i), ERR_SYNTAX);
	ck_assert_int_eq(str_to_i64(S("--1"), &i), ERR_SYNTAX);
}
END_TEST

START_TEST(utf8_edges_are_accepted)
{
	static const struct str good[] = { STR(""), STR("a\0b"), STR("\x7f"),
		STR("\xc2\x80"), STR("\xdf\xbf"), STR("\xe0\xa0\x80"),
		STR("\xed\x9f\xbf"), STR("\xee\x80\x80"), STR("\xef\xbf\xbf"),
		STR("\xf0\x90\x80\x80"), STR("\xf4\x8f\xbf\xbf") };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ck_assert_msg(str_is_utf8(good[i]), "good %zu", i);
	ck_assert_uint_eq(str_utf8_len(S("\xe2\x82\xac+")), 3);
}
END_TEST

START_TEST(malformed_utf8_is_refused)
{
	static const struct str bad[] = { STR("\x80"), STR("\xbf"),
		STR("\xc0\x80"), STR("\xc1\xbf"), STR("\xc2"), STR("\xc2\x41"),
		STR("\xe0\x80\x80"), STR("\xe0\x9f\xbf"), STR("\xe2\x82"),
		STR("\xe2\x28\xa1"), STR("\xed\xa0\x80"), STR("\xed\xbf\xbf"),
		STR("\xf0\x80\x80\x80"), STR("\xf0\x8f\xbf\xbf"),
		STR("\xf4\x90\x80\x80"), STR("\xf5\x80\x80\x80"), STR("\xff"),
		STR("\xfe"), STR("abc\xf0\x9f\x98") };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!str_is_utf8(bad[i]), "bad %zu", i);
	ck_assert_uint_eq(str_utf8_len(S("\xed\xa0\x80")), 0);
	ck_assert_uint_eq(str_utf8_len(S("")), 0);
}
END_TEST

START_TEST(nearest_finds_two_changes_and_no_more)
{
	static const char *const names[] = { "description", "title", "name",
		"limits", "uri" };
	size_t n = ARRAY_LEN(names);

	ck_assert_str_eq(str_nearest(S("descripton"), names, n), "description");
	ck_assert_str_eq(
	    str_nearest(S("decsription"), names, n), "description");
	ck_assert_str_eq(str_nearest(S("titel"), names, n), "title");
	ck_assert_str_eq(str_nearest(S("limi"), names, n), "limits");
	ck_assert_ptr_null(str_nearest(S("limitless"), names, n));
	ck_assert_ptr_null(str_nearest(S("zzz"), names, n));
	/* Two of three letters changed is another word. */
	ck_assert_ptr_null(str_nearest(S("url"), names, 4));
	ck_assert_str_eq(str_nearest(S("url"), names, n), "uri");
	ck_assert_ptr_null(str_nearest(S(""), names, n));
}
END_TEST

START_TEST(nearest_takes_the_closest)
{
	static const char *const names[] = { "abcdef", "abcdxy", "abcdez" };
	char longer[100];

	ck_assert_str_eq(str_nearest(S("abcdey"), names, 3), "abcdef");
	ck_assert_str_eq(str_nearest(S("abcdez"), names, 3), "abcdez");
	for (size_t i = 0; i < sizeof longer; i++)
		longer[i] = 'a';
	ck_assert_ptr_null(
	    str_nearest((struct str){ longer, sizeof longer }, names, 3));
}
END_TEST

UNIT_MAIN("base/str", null_is_an_empty_string, comparing_is_by_bytes_and_length,
    nocase_is_ascii_only, starts_and_ends, sub_is_clamped,
    trim_takes_blanks_only, split_at_the_first, numbers_are_whole_and_bounded,
    utf8_edges_are_accepted, malformed_utf8_is_refused,
    nearest_finds_two_changes_and_no_more, nearest_takes_the_closest)
