/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts. */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

#include "unit/unit.h"

START_TEST(set_returns_the_code)
{
	struct err err;

	ck_assert_int_eq(err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
	ck_assert_int_eq(err_set(&err, ERR_LIMIT, "%d of %d", 3, 2), ERR_LIMIT);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	ck_assert_str_eq(err.text, "3 of 2");
}
END_TEST

START_TEST(errno_text_stands_behind)
{
	struct err err;

	ck_assert_int_eq(
	    err_set_errno(&err, ERR_IO, ENOENT, "%s", "/a"), ERR_IO);
	ck_assert_str_eq(err.text, "/a: No such file or directory");
	ck_assert_int_eq(err_set_errno(NULL, ERR_IO, ENOENT, "a"), ERR_IO);
}
END_TEST

START_TEST(the_text_may_be_wrapped_in_place)
{
	struct err err;

	err_set(&err, ERR_IO, "inner");
	err_set(&err, ERR_IO, "outer: %s", err.text);
	ck_assert_str_eq(err.text, "outer: inner");
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
	char word[3 * ERR_TEXT_MAX + 1];
	struct err err;

	for (size_t i = 0; i < ERR_TEXT_MAX; i++)
		memcpy(word + 3 * i, "\xe2\x82\xac", 3);
	word[sizeof word - 1] = '\0';
	for (int shift = 0; shift < 3; shift++) {
		err_set(&err, ERR_LIMIT, "%.*s%s", shift, "aa", word);
		ck_assert_uint_ge(strlen(err.text), ERR_TEXT_MAX - 4);
		ck_assert(str_is_utf8(str_of(err.text)));
	}
	err_set_errno(&err, ERR_IO, EIO, "%s", word);
	ck_assert_uint_lt(strlen(err.text), ERR_TEXT_MAX);
}
END_TEST

START_TEST(each_code_has_a_name)
{
	for (int code = ERR_INTERNAL; code <= 0; code++)
		ck_assert_str_ne(err_name(code), "unknown error");
	ck_assert_str_eq(err_name(ERR_NOTFOUND), "not found");
	ck_assert_str_eq(err_name(ERR_INTERNAL), "internal error");
	ck_assert_str_eq(err_name(1), "unknown error");
	ck_assert_str_eq(err_name(ERR_INTERNAL - 1), "unknown error");
}
END_TEST

UNIT_MAIN("base/err", set_returns_the_code, errno_text_stands_behind,
    the_text_may_be_wrapped_in_place, long_text_is_cut_between_characters,
    each_code_has_a_name)
