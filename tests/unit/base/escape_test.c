/* SPDX-License-Identifier: Apache-2.0 */
/* Harmless forms. */
#include "base/escape.h"

#include <string.h>

#include "base/check.h"

#include "unit/unit.h"

static void
expect(struct str in, enum escape_style style, const char *want)
{
	char got[256];
	size_t len = 0;

	while (in.len > 0) {
		size_t n = escape_next(&in, style, got + len);

		ck_assert_uint_gt(n, 0);
		ck_assert_uint_le(n, ESCAPE_UNIT_MAX);
		len += n;
	}
	got[len] = '\0';
	ck_assert_str_eq(got, want);
}

START_TEST(plain_text_stays)
{
	expect(S("Hello, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!"), ESCAPE_JSON,
	    "Hello, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!");
	expect(S("say \"a\\b\""), ESCAPE_PLAIN, "say \"a\\b\"");
	expect(S("say \"a\\b\""), ESCAPE_QUOTED, "say \\\"a\\\\b\\\"");
	expect(S("say \"a\\b\""), ESCAPE_JSON, "say \\\"a\\\\b\\\"");
}
END_TEST

START_TEST(controls_are_named)
{
	expect(S("a\r\n\tb\x1b[2J\0\x7f"), ESCAPE_PLAIN,
	    "a\\r\\n\\tb\\x1b[2J\\x00\\x7f");
	expect(S("a\r\n\tb\x1b[2J\0\x7f"), ESCAPE_JSON,
	    "a\\r\\n\\tb\\u001b[2J\\u0000\\u007f");
}
END_TEST

START_TEST(wide_controls_are_named)
{
	/* NEL, CSI, line separator, override, isolate, byte order mark */
	expect(S("\xc2\x85\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6"
		 "\xef\xbb\xbf"),
	    ESCAPE_QUOTED, "\\u0085\\u009b\\u2028\\u202e\\u2066\\ufeff");
}
END_TEST

START_TEST(malformed_bytes_are_shown_one_by_one)
{
	expect(S("\xff\xc0\x80z\xe2\x82"), ESCAPE_QUOTED,
	    "\\xff\\xc0\\x80z\\xe2\\x82");
	expect(S("\xff\xe2\x82"), ESCAPE_JSON,
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

UNIT_MAIN("base/escape", plain_text_stays, controls_are_named,
    wide_controls_are_named, malformed_bytes_are_shown_one_by_one)
