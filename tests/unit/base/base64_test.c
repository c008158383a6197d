/* SPDX-License-Identifier: Apache-2.0 */
/* Both alphabets of RFC 4648, read strictly. */
#include "base/base64.h"

#include "base/check.h"
#include "unit/unit.h"

/* bytes, standard, for URLs */
static const char *const good[][3] = { { "", "", "" }, { "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" }, { "\xff\xfe\xfd", "//79", "__79" },
	{ "\xfb\xf0", "+/A=", "-_A" } };

START_TEST(what_a_writer_gives_is_read)
{
	struct buf out;
	size_t i;

	buf_init(&out);
	for (i = 0; i < ARRAY_LEN(good); i++) {
		buf_clear(&out);
		buf_base64(&out, str_of(good[i][0]));
		ck_assert(str_equal(buf_view(&out), str_of(good[i][1])));
		buf_clear(&out);
		base64url_write(&out, str_of(good[i][0]));
		ck_assert(str_equal(buf_view(&out), str_of(good[i][2])));
		buf_clear(&out);
		ck_assert_int_eq(base64_read(str_of(good[i][1]), &out), 0);
		ck_assert(str_equal(buf_view(&out), str_of(good[i][0])));
		buf_clear(&out);
		ck_assert_int_eq(base64url_read(str_of(good[i][2]), &out), 0);
		ck_assert(str_equal(buf_view(&out), str_of(good[i][0])));
	}
	buf_finish(&out);
}
END_TEST

START_TEST(nothing_else_is_read)
{
	static const char *const url[] = { "Z", "Zm9vY", "Zg==", "Zh", "Zm9",
		"Zm+v", "Zm/v", "Zm v", "Zm9v\n", "Zm9v=", "\xc3\xa4Zm" };
	static const char *const standard[] = { "Zg",
		"Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Zm v",
		"Zm9v\n", "=Zm8", "Zg==Zg==", "Z=g=" };
	struct buf out;
	size_t i;

	buf_init(&out);
	for (i = 0; i < ARRAY_LEN(url); i++)
		ck_assert_msg(
		    base64url_read(str_of(url[i]), &out) == ERR_SYNTAX, "%s",
		    url[i]);
	for (i = 0; i < ARRAY_LEN(standard); i++)
		ck_assert_msg(
		    base64_read(str_of(standard[i]), &out) == ERR_SYNTAX, "%s",
		    standard[i]);
	buf_finish(&out);
}
END_TEST

UNIT_MAIN("base/base64", what_a_writer_gives_is_read, nothing_else_is_read)
