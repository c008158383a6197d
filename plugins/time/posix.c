/* SPDX-License-Identifier: Apache-2.0 */
/* The last line of a zone file: a POSIX TZ string such as
 * CET-1CEST,M3.5.0,M10.5.0/3, with the extensions of RFC 8536 3.3.1. */
#include <string.h>

#include "zone.h"

#define DAY 86400

struct reader {
	const char *at;
	const char *end;
};

static int
take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return 0;
	r->at++;
	return 1;
}

static int
number(struct reader *r, int max, int *out)
{
	const char *from = r->at;
	int n = 0;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
		n = n * 10 + (*r->at++ - '0');
		if (n > max)
			return -1;
	}
	*out = n;
	return r->at > from ? 0 : -1;
}

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
parse_name(struct reader *r, char *out)
{
	const char *from = r->at;
	size_t len;

	if (take(r, '<')) {
		from = r->at;
		while (r->at < r->end && *r->at != '>')
			r->at++;
		len = (size_t)(r->at - from);
		if (!take(r, '>'))
			return -1;
	} else {
		while (r->at < r->end && is_letter(*r->at))
			r->at++;
		len = (size_t)(r->at - from);
	}
	if (len == 0 || len > ZONE_ABBREVIATION_MAX)
		return -1;
	memcpy(out, from, len);
	out[len] = '\0';
	return 0;
}

/* [+-]h[h[h]][:mm[:ss]] in seconds */
static int
parse_time(struct reader *r, int *out)
{
	int sign = take(r, '-') ? -1 : 1;
	int h, m = 0, s = 0;

	if (sign > 0)
		(void)take(r, '+');
	if (number(r, 167, &h) < 0)
		return -1;
	if (take(r, ':') && number(r, 59, &m) < 0)
		return -1;
	if (take(r, ':') && number(r, 59, &s) < 0)
		return -1;
	*out = sign * (h * 3600 + m * 60 + s);
	return 0;
}

static int
parse_date(struct reader *r, struct posix_date *d)
{
	d->time = 7200;
	if (take(r, 'M')) {
		d->form = 'M';
		if (number(r, 12, &d->month) < 0 || d->month < 1
		    || !take(r, '.') || number(r, 5, &d->week) < 0
		    || d->week < 1 || !take(r, '.')
		    || number(r, 6, &d->day) < 0)
			return -1;
	} else if (take(r, 'J')) {
		d->form = 'J';
		if (number(r, 365, &d->day) < 0 || d->day < 1)
			return -1;
	} else {
		d->form = 'N';
		if (number(r, 365, &d->day) < 0)
			return -1;
	}
	return take(r, '/') ? parse_time(r, &d->time) : 0;
}

int
rule_parse(const char *s, size_t len, struct posix_rule *rule)
{
	struct reader r = { s, s + len };
	int west;

	memset(rule, 0, sizeof *rule);
	if (parse_name(&r, rule->std.name) < 0 || parse_time(&r, &west) < 0)
		return -1;
	rule->std.offset = -west;
	if (r.at == r.end)
		return 0;
	rule->has_dst = 1;
	if (parse_name(&r, rule->dst.name) < 0)
		return -1;
	rule->dst.offset = rule->std.offset + 3600;
	if (r.at < r.end && *r.at != ',') {
		if (parse_time(&r, &west) < 0)
			return -1;
		rule->dst.offset = -west;
	}
	if (!take(&r, ',') || parse_date(&r, &rule->start) < 0 || !take(&r, ',')
	    || parse_date(&r, &rule->end) < 0)
		return -1;
	return r.at == r.end ? 0 : -1;
}

/* The n-th such weekday of the month; the fifth is the last one. */
static int64_t
month_day(const struct posix_date *d, int64_t year)
{
	int64_t first = civil_days(year, d->month, 1);
	int64_t next = d->month == 12 ? civil_days(year + 1, 1, 1)
				      : civil_days(year, d->month + 1, 1);
	int64_t day = first + (d->day - civil_weekday(first * DAY) + 7) % 7
	    + 7 * (int64_t)(d->week - 1);

	return day < next ? day : day - 7;
}

/* On the wall, before the change. */
static int64_t
date_in_year(const struct posix_date *d, int64_t year)
{
	int64_t day = civil_days(year, 1, 1);

	if (d->form == 'M')
		day = month_day(d, year);
	else if (d->form == 'N')
		day += d->day;
	else
		day += d->day - 1 + (d->day > 59 && civil_leap(year));
	return day * DAY + d->time;
}

/* The latest change up to t decides.  A change may lie outside its year, by
 * its time of up to a week: the neighbours are looked at too.  Of two at one
 * moment the later year's counts: daylight saving all year is written so. */
void
posix_lookup(const struct posix_rule *r, int64_t t, struct zone_offset *out)
{
	const struct posix_side *side = &r->std;
	int64_t latest = INT64_MIN;
	int64_t year = civil_of(t + r->std.offset).year;
	int64_t y;

	out->dst = 0;
	for (y = year - 1; r->has_dst && y <= year + 1; y++) {
		int64_t start = date_in_year(&r->start, y) - r->std.offset;
		int64_t end = date_in_year(&r->end, y) - r->dst.offset;

		if (start <= t && start >= latest) {
			latest = start;
			side = &r->dst;
			out->dst = 1;
		}
		if (end <= t && end >= latest) {
			latest = end;
			side = &r->std;
			out->dst = 0;
		}
	}
	memcpy(out->name, side->name, sizeof out->name);
	out->offset = side->offset;
}
