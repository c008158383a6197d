/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks and the two ways to print a date.  Dates are computed here:
 * gmtime_r takes the C library's time zone lock, which a forked child may
 * find held for ever. */
#define _GNU_SOURCE
#include "base/clock.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define S_PER_DAY 86400

/* Relaxed: tests set it before they look. */
static _Atomic int64_t test_now_ns = -1;

struct civil {
	int year;
	unsigned month; /* from 1 */
	unsigned day; /* from 1 */
	unsigned week_day; /* from Sunday, 0 */
	unsigned second; /* of the day */
	unsigned ns;
};

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	CHECK(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t
clock_now_ns(void)
{
	int64_t now = atomic_load_explicit(&test_now_ns, memory_order_relaxed);

	return now >= 0 ? now : read_clock(CLOCK_MONOTONIC);
}

int64_t
clock_coarse_ns(void)
{
	int64_t now = atomic_load_explicit(&test_now_ns, memory_order_relaxed);

	return now >= 0 ? now : read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t
clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

void
clock_test_set(int64_t ns)
{
	atomic_store_explicit(&test_now_ns, ns, memory_order_relaxed);
}

void
clock_test_advance(int64_t ns)
{
	CHECK(atomic_load_explicit(&test_now_ns, memory_order_relaxed) >= 0);
	atomic_fetch_add_explicit(&test_now_ns, ns, memory_order_relaxed);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

/* Days since 1970 to a date of the Gregorian calendar.  Years begin in March
 * here, so that the leap day is the last of its year. */
static void
date_from_days(struct civil *c, int64_t days)
{
	int64_t era = floor_div(days + 719468, 146097);
	unsigned doe = (unsigned)(days + 719468 - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned month = (5 * doy + 2) / 153;

	c->day = doy - (153 * month + 2) / 5 + 1;
	c->month = month < 10 ? month + 3 : month - 9;
	c->year = (int)(yoe + era * 400) + (c->month <= 2 ? 1 : 0);
	c->week_day = (unsigned)(days + 4 - floor_div(days + 4, 7) * 7);
}

static struct civil
civil_from_ns(int64_t wall_ns)
{
	int64_t seconds = floor_div(wall_ns, NS_PER_S);
	int64_t days = floor_div(seconds, S_PER_DAY);
	struct civil c = { 0 };

	/* Not by seconds * NS_PER_S, which the first second overflows. */
	c.ns = (unsigned)((wall_ns % NS_PER_S + NS_PER_S) % NS_PER_S);
	c.second = (unsigned)(seconds - days * S_PER_DAY);
	date_from_days(&c, days);
	return c;
}

/* Writes the last 'digits' digits of n; returns the place behind them. */
static char *
put_number(char *out, unsigned n, unsigned digits, char after)
{
	for (unsigned i = digits; i-- > 0; n /= 10)
		out[i] = (char)('0' + n % 10);
	out[digits] = after;
	return out + digits + 1;
}

static char *
put_time(char *out, unsigned second, char after)
{
	out = put_number(out, second / 3600, 2, ':');
	out = put_number(out, second / 60 % 60, 2, ':');
	return put_number(out, second % 60, 2, after);
}

void
clock_format_rfc3339(int64_t wall_ns, char *out)
{
	struct civil c = civil_from_ns(wall_ns);

	out = put_number(out, (unsigned)c.year, 4, '-');
	out = put_number(out, c.month, 2, '-');
	out = put_number(out, c.day, 2, 'T');
	out = put_time(out, c.second, '.');
	out = put_number(out, c.ns / 1000, 6, 'Z');
	*out = '\0';
}

void
clock_format_http(int64_t wall_ns, char *out)
{
	static const char days[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";
	static const char months[] = "Jan Feb Mar Apr May Jun "
				     "Jul Aug Sep Oct Nov Dec ";
	struct civil c = civil_from_ns(wall_ns);

	memcpy(out, days + (size_t)c.week_day * 5, 5);
	out = put_number(out + 5, c.day, 2, ' ');
	memcpy(out, months + (size_t)(c.month - 1) * 4, 4);
	out = put_number(out + 4, (unsigned)c.year, 4, ' ');
	out = put_time(out, c.second, ' ');
	memcpy(out, "GMT", 4);
}
