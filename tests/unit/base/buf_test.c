/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes, also when memory ends. */
#include "unit/base/alloc_fail.h"

#include "base/buf.c"

#include "unit/unit.h"

static void
expect(const struct buf *b, struct str want)
{
	ck_assert_msg(
	    str_equal(buf_view(b), want), "got \"%.*s\"", STR_FMT(buf_view(b)));
}

START_TEST(append_grows_by_doubling)
{
	struct buf b;
	size_t growths = 0, cap = 0;

	buf_init(&b);
	for (unsigned i = 0; i < 100000; i++) {
		buf_char(&b, (char)('a' + i % 26));
		growths += b.cap != cap;
		cap = b.cap;
	}
	ck_assert_uint_eq(b.len, 100000);
	ck_assert_uint_le(growths, 16);
	ck_assert_int_eq(b.ptr[99999], 'a' + 99999 % 26);
	buf_finish(&b);
	ck_assert_ptr_null(b.ptr);
	buf_finish(&b);
}
END_TEST

START_TEST(numbers_and_text)
{
	struct buf b;

	buf_init(&b);
	buf_u64(&b, UINT64_MAX);
	buf_char(&b, ' ');
	buf_i64(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_i64(&b, 0);
	BUF_LIT(&b, "|");
	buf_cstr(&b, "c");
	buf_cstr(&b, NULL);
	buf_str(&b, STR_NONE);
	buf_printf(&b, "%s-%03d", "x", 7);
	expect(&b, S("18446744073709551615 -9223372036854775808 0|cx-007"));
	buf_finish(&b);
}
END_TEST

START_TEST(printf_of_any_length)
{
	char word[5001];
	struct buf b;

	memset(word, 'w', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	buf_init(&b);
	for (int i = 0; i < 3; i++)
		buf_printf(&b, "%s", word);
	ck_assert_uint_eq(b.len, 15000);
	buf_finish(&b);
}
END_TEST

START_TEST(base64_of_rfc_4648)
{
	static const struct {
		struct str in, out;
	} cases[] = { { STR(""), STR("") }, { STR("f"), STR("Zg==") },
		{ STR("fo"), STR("Zm8=") }, { STR("foo"), STR("Zm9v") },
		{ STR("foob"), STR("Zm9vYg==") },
		{ STR("fooba"), STR("Zm9vYmE=") },
		{ STR("foobar"), STR("Zm9vYmFy") },
		{ STR("\xff\xfe\xfd\0"), STR("//79AA==") },
		{ STR("\xfb\xef\xbe"), STR("++++") } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;

		buf_init(&b);
		buf_base64(&b, cases[i].in);
		expect(&b, cases[i].out);
		buf_finish(&b);
	}
}
END_TEST

START_TEST(base64_too_long_to_count)
{
	struct buf b;

	buf_init(&b);
	buf_base64(&b, (struct str){ "", SIZE_MAX });
	ck_assert(b.failed);
	buf_finish(&b);
}
END_TEST

START_TEST(json_strings_are_escaped)
{
	struct buf b;

	buf_init(&b);
	buf_json(&b, S("a\"\\\n\x01\xff\xc3\xa9\0"));
	expect(&b, S("\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\\u0000\""));
	buf_finish(&b);
}
END_TEST

START_TEST(consume_drops_the_front)
{
	struct buf b;

	buf_init(&b);
	buf_consume(&b, 0);
	BUF_LIT(&b, "abcdef");
	buf_consume(&b, 2);
	expect(&b, S("cdef"));
	buf_consume(&b, 4);
	expect(&b, S(""));
	buf_finish(&b);
}
END_TEST

START_TEST(shrink_gives_memory_back)
{
	struct buf b;

	buf_init(&b);
	ck_assert_int_eq(buf_reserve(&b, 10000), 0);
	buf_shrink(&b, 100);
	ck_assert_uint_eq(b.cap, 100);
	BUF_LIT(&b, "still works");
	buf_shrink(&b, 1000);
	ck_assert_uint_eq(b.cap, 100);
	alloc_fail_at = 1;
	buf_shrink(&b, 50);
	alloc_fail_at = 0;
	ck_assert_uint_eq(b.cap, 100);
	ck_assert(!b.failed);
	buf_shrink(&b, 0);
	ck_assert_ptr_null(b.ptr);
}
END_TEST

START_TEST(take_moves_and_terminates)
{
	struct buf b;
	char *s;

	buf_init(&b);
	BUF_LIT(&b, "mine");
	s = buf_take(&b);
	ck_assert_str_eq(s, "mine");
	ck_assert_ptr_null(b.ptr);
	ck_assert_uint_eq(b.len + b.cap, 0);
	free(s);
	s = buf_take(&b);
	ck_assert_str_eq(s, "");
	free(s);
}
END_TEST

/* Some of everything; true when the result is whole. */
static bool
write_all_kinds(struct buf *b)
{
	buf_cstr(b, "0123456789012345678901234567890123456789012345678901234");
	buf_printf(b, "%060d", 1);
	buf_base64(b, S("0123456789012345678901234567890123456789012345678"));
	for (int i = 0; i < 300; i++)
		buf_char(b, 'x');
	buf_json(b, S("\"\""));
	buf_u64(b, 12);
	return !b->failed;
}

START_TEST(failed_growth_is_sticky)
{
	bool whole = false;

	for (int nth = 1; !whole; nth++) {
		struct buf b;

		ck_assert_int_lt(nth, 100);
		buf_init(&b);
		alloc_fail_at = nth;
		whole = write_all_kinds(&b);
		if (!whole) {
			size_t len = b.len;

			alloc_fail_at = 0;
			BUF_LIT(&b, "more");
			ck_assert_uint_eq(b.len, len);
			ck_assert_int_eq(buf_reserve(&b, 1), ERR_NOMEM);
			ck_assert_ptr_null(buf_take(&b));
		}
		alloc_fail_at = 0;
		buf_finish(&b);
	}
}
END_TEST

START_TEST(clear_ends_the_failure)
{
	struct buf b;

	buf_init(&b);
	ck_assert_int_eq(buf_reserve(&b, SIZE_MAX - 10), ERR_NOMEM);
	ck_assert(b.failed);
	buf_clear(&b);
	BUF_LIT(&b, "again");
	expect(&b, S("again"));
	buf_finish(&b);
}
END_TEST

UNIT_MAIN("base/buf", append_grows_by_doubling, numbers_and_text,
    printf_of_any_length, base64_of_rfc_4648, base64_too_long_to_count,
    json_strings_are_escaped, consume_drops_the_front, shrink_gives_memory_back,
    take_moves_and_terminates, failed_growth_is_sticky, clear_ends_the_failure)
