/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of the Gregorian calendar, also for the time before it. */
#include <stdio.h>

#include "zone.h"

#define DAY 86400

int
civil_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Years begin in March here, so that the leap day is the last one. */
int64_t
civil_days(int64_t year, int month, int day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year
	    - 719468;
}

int64_t
civil_seconds(const struct civil *c)
{
	return civil_days(c->year, c->month, c->day) * DAY + c->hour * 3600
	    + c->minute * 60 + c->second;
}

static int64_t
floor_days(int64_t seconds)
{
	return (seconds >= 0 ? seconds : seconds - (DAY - 1)) / DAY;
}

struct civil
civil_of(int64_t seconds)
{
	struct civil c;
	int64_t days = floor_days(seconds) + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;
	int rest = (int)(seconds - floor_days(seconds) * DAY);

	c.day = (int)(of_year - (153 * month + 2) / 5 + 1);
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = year + era * 400 + (c.month <= 2);
	c.hour = rest / 3600;
	c.minute = rest / 60 % 60;
	c.second = rest % 60;
	return c;
}

int
civil_weekday(int64_t seconds)
{
	int64_t day = (floor_days(seconds) + 4) % 7; /* 1970: a Thursday */

	return (int)(day < 0 ? day + 7 : day);
}

struct reader {
	const char *at;
	const char *end;
};

/* Exactly so many digits, at most max. */
static int
digits(struct reader *r, int count, int max, int *out)
{
	int n = 0;

	for (; count > 0; count--, r->at++) {
		if (r->at == r->end || *r->at < '0' || *r->at > '9')
			return -1;
		n = n * 10 + (*r->at - '0');
	}
	*out = n;
	return n <= max ? 0 : -1;
}

static int
take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return 0;
	r->at++;
	return 1;
}

static int
parse_date(struct reader *r, struct civil *c)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int year;

	if (digits(r, 4, 9999, &year) < 0 || !take(r, '-')
	    || digits(r, 2, 12, &c->month) < 0 || !take(r, '-')
	    || digits(r, 2, 31, &c->day) < 0)
		return -1;
	c->year = year;
	if (year < 1 || c->month < 1 || c->day < 1)
		return -1;
	if (c->day > lengths[c->month - 1]
	    && !(c->month == 2 && c->day == 29 && civil_leap(year)))
		return -1;
	return 0;
}

/* Parts of a second are read and dropped. */
static int
parse_clock(struct reader *r, struct civil *c)
{
	int part;

	if (digits(r, 2, 23, &c->hour) < 0 || !take(r, ':')
	    || digits(r, 2, 59, &c->minute) < 0)
		return -1;
	c->second = 0;
	if (!take(r, ':'))
		return 0;
	if (digits(r, 2, 59, &c->second) < 0)
		return -1;
	if (!take(r, '.'))
		return 0;
	if (digits(r, 1, 9, &part) < 0)
		return -1;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return 0;
}

static int
parse_offset(struct reader *r, struct civil_text *out)
{
	int sign, hours, minutes;

	if (r->at == r->end)
		return 0;
	out->has_offset = 1;
	if (take(r, 'Z') || take(r, 'z'))
		return 0;
	sign = take(r, '-') ? -1 : 1;
	if (sign > 0 && !take(r, '+'))
		return -1;
	if (digits(r, 2, 23, &hours) < 0 || !take(r, ':')
	    || digits(r, 2, 59, &minutes) < 0)
		return -1;
	out->offset = sign * (hours * 3600 + minutes * 60);
	return 0;
}

int
civil_parse(const char *s, size_t len, struct civil_text *out)
{
	struct reader r = { s, s + len };

	*out = (struct civil_text){ .at = { 1970, 1, 1, 0, 0, 0 } };
	if (len > 2 && s[2] != ':') {
		if (parse_date(&r, &out->at) < 0
		    || (!take(&r, 'T') && !take(&r, 't') && !take(&r, ' ')))
			return -1;
		out->has_date = 1;
	}
	if (parse_clock(&r, &out->at) < 0)
		return -1;
	/* An hour of today has no offset: today is the zone's. */
	if (out->has_date && parse_offset(&r, out) < 0)
		return -1;
	return r.at == r.end ? 0 : -1;
}

void
civil_print_offset(char *out, size_t room, int offset)
{
	int size = offset < 0 ? -offset : offset;
	char sign = offset < 0 ? '-' : '+';

	if (size % 60 != 0)
		(void)snprintf(out, room, "%c%02d:%02d:%02d", sign, size / 3600,
		    size / 60 % 60, size % 60);
	else
		(void)snprintf(out, room, "%c%02d:%02d", sign, size / 3600,
		    size / 60 % 60);
}

void
civil_print(char *out, size_t room, int64_t local, int offset)
{
	struct civil c = civil_of(local);
	char east[16];

	civil_print_offset(east, sizeof east, offset);
	(void)snprintf(out, room, "%04lld-%02d-%02dT%02d:%02d:%02d%s",
	    (long long)c.year, c.month, c.day, c.hour, c.minute, c.second,
	    east);
}
