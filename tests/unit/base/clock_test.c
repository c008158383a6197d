/* SPDX-License-Identifier: Apache-2.0 */
/* Dates against the C library, and the test clock. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit/unit.h"

START_TEST(formats_are_those_of_the_header)
{
	int64_t ns = INT64_C(1785232800) * NS_PER_S + 123456789;
	char out[32];

	clock_format_rfc3339(ns, out);
	ck_assert_str_eq(out, "2026-07-28T10:00:00.123456Z");
	clock_format_http(ns, out);
	ck_assert_str_eq(out, "Tue, 28 Jul 2026 10:00:00 GMT");
}
END_TEST

START_TEST(the_example_of_rfc_9110)
{
	char out[32];

	clock_format_http(INT64_C(784111777) * NS_PER_S, out);
	ck_assert_str_eq(out, "Sun, 06 Nov 1994 08:49:37 GMT");
}
END_TEST

START_TEST(before_1970_too)
{
	char out[32];

	clock_format_rfc3339(-1, out);
	ck_assert_str_eq(out, "1969-12-31T23:59:59.999999Z");
	clock_format_rfc3339(INT64_MIN, out);
	ck_assert_str_eq(out, "1677-09-21T00:12:43.145224Z");
	clock_format_rfc3339(INT64_MAX, out);
	ck_assert_str_eq(out, "2262-04-11T23:47:16.854775Z");
}
END_TEST

START_TEST(every_day_of_four_centuries)
{
	char got[32], want[64];

	/* 1900-01-01 to 2262, with an odd second of the day. */
	for (int64_t day = -25567; day < 106000; day++) {
		time_t t = (time_t)(day * 86400 + 45296);
		struct tm tm;

		ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
		(void)strftime(want, sizeof want, "%a, %d %b %Y %T GMT", &tm);
		clock_format_http((int64_t)t * NS_PER_S, got);
		if (strcmp(got, want) != 0)
			ck_abort_msg("%s is not %s", got, want);
	}
}
END_TEST

START_TEST(monotonic_does_not_go_back)
{
	int64_t last = clock_now_ns();

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_now_ns();

		ck_assert_int_ge(now, last);
		last = now;
	}
	/* 2025 has passed. */
	ck_assert_int_gt(clock_wall_ns(), INT64_C(1735689600) * NS_PER_S);
}
END_TEST

START_TEST(the_test_clock_stands_still)
{
	clock_test_set(5);
	ck_assert_int_eq(clock_now_ns(), 5);
	clock_test_advance(30 * NS_PER_MS);
	ck_assert_int_eq(clock_now_ns(), 30000005);
	clock_test_set(-1);
	ck_assert_int_ne(clock_now_ns(), 30000005);
}
END_TEST

UNIT_MAIN("base/clock", formats_are_those_of_the_header,
    the_example_of_rfc_9110, before_1970_too, every_day_of_four_centuries,
    monotonic_does_not_go_back, the_test_clock_stands_still)
