/* SPDX-License-Identifier: Apache-2.0 */
/* The formats that can be asserted, each by the grammar of its document.  The
 * internationalised ones (idn-*, iri*) stay annotations. */
#include <string.h>

#include "base/check.h"
#include "data/schema_priv.h"
#include "data/uri.h"

#define HOSTNAME_MAX 253
#define LABEL_MAX 63

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Exactly n digits at *s, taken off; -1 when there are not. */
static int
take_digits(struct str *s, size_t n)
{
	int value = 0;

	if (s->len < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s->ptr[i]))
			return -1;
		value = value * 10 + (s->ptr[i] - '0');
	}
	*s = str_sub(*s, n, s->len);
	return value;
}

static bool
take_char(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = str_sub(*s, 1, s->len);
	return true;
}

/* RFC 3339 full-date. */
static bool
take_date(struct str *s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int year, month, day, last;

	year = take_digits(s, 4);
	if (year < 0 || !take_char(s, '-'))
		return false;
	month = take_digits(s, 2);
	if (month < 1 || month > 12 || !take_char(s, '-'))
		return false;
	day = take_digits(s, 2);
	last = days[month - 1];
	if (month == 2
	    && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
		last = 29;
	return day >= 1 && day <= last;
}

/* "Z" or "+hh:mm", as minutes east of UTC. */
static bool
take_offset(struct str *s, int *minutes)
{
	int sign, hour, minute;

	*minutes = 0;
	if (take_char(s, 'Z') || take_char(s, 'z'))
		return true;
	sign = take_char(s, '+') ? 1 : take_char(s, '-') ? -1 : 0;
	if (sign == 0)
		return false;
	hour = take_digits(s, 2);
	if (hour < 0 || hour > 23 || !take_char(s, ':'))
		return false;
	minute = take_digits(s, 2);
	*minutes = sign * (hour * 60 + minute);
	return minute >= 0 && minute <= 59;
}

/* RFC 3339 full-time; a leap second only at the end of a UTC day. */
static bool
take_time(struct str *s)
{
	int hour, minute, second, offset;

	hour = take_digits(s, 2);
	if (hour < 0 || hour > 23 || !take_char(s, ':'))
		return false;
	minute = take_digits(s, 2);
	if (minute < 0 || minute > 59 || !take_char(s, ':'))
		return false;
	second = take_digits(s, 2);
	if (second < 0 || second > 60)
		return false;
	if (take_char(s, '.')) {
		if (take_digits(s, 1) < 0)
			return false;
		while (take_digits(s, 1) >= 0)
			continue;
	}
	if (!take_offset(s, &offset))
		return false;
	if (second < 60)
		return true;
	minute += hour * 60 - offset;
	return (minute + 2 * 24 * 60) % (24 * 60) == 23 * 60 + 59;
}

static bool
is_date(struct str s)
{
	return take_date(&s) && s.len == 0;
}

static bool
is_time(struct str s)
{
	return take_time(&s) && s.len == 0;
}

static bool
is_date_time(struct str s)
{
	return take_date(&s) && (take_char(&s, 'T') || take_char(&s, 't'))
	    && take_time(&s) && s.len == 0;
}

/* "1Y2M3D" and the like: units in order, none left out between two. */
static bool
take_units(struct str *s, const char *units)
{
	const char *next = units;
	size_t taken = 0;

	while (s->len > 0 && is_digit(s->ptr[0])) {
		const char *unit;

		while (take_digits(s, 1) >= 0)
			continue;
		unit = s->len == 0 || s->ptr[0] == '\0'
		    ? NULL
		    : strchr(next, s->ptr[0]);
		if (unit == NULL || (taken > 0 && unit != next))
			return false;
		next = unit + 1;
		taken++;
		*s = str_sub(*s, 1, s->len);
	}
	return taken > 0;
}

/* RFC 3339 appendix A. */
static bool
is_duration(struct str s)
{
	struct str weeks;

	if (!take_char(&s, 'P'))
		return false;
	weeks = s;
	if (take_units(&weeks, "W"))
		return weeks.len == 0;
	if (s.len > 0 && s.ptr[0] != 'T' && !take_units(&s, "YMD"))
		return false;
	if (take_char(&s, 'T'))
		return take_units(&s, "HMS") && s.len == 0;
	return weeks.len > 0 && s.len == 0;
}

static bool
is_uuid(struct str s)
{
	if (s.len != 36)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.ptr[i] != '-'
			 : uri_hex((unsigned char)s.ptr[i]) < 0)
			return false;
	}
	return true;
}

static void
put_code_point(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_char(out, (char)c);
		return;
	}
	if (c >= 0x10000) {
		buf_char(out, (char)(0xf0 | c >> 18));
		buf_char(out, (char)(0x80 | (c >> 12 & 63)));
	} else if (c >= 0x800) {
		buf_char(out, (char)(0xe0 | c >> 12));
	} else {
		buf_char(out, (char)(0xc0 | c >> 6));
	}
	if (c >= 0x800)
		buf_char(out, (char)(0x80 | (c >> 6 & 63)));
	buf_char(out, (char)(0x80 | (c & 63)));
}

/* One generalised variable-length integer, added to *i. */
static bool
punycode_integer(struct str s, size_t *at, uint32_t bias, uint32_t *i)
{
	uint32_t weight = 1;

	for (uint32_t k = 36;; k += 36) {
		uint32_t digit, t;
		char c;

		if (*at >= s.len)
			return false;
		c = s.ptr[(*at)++];
		digit = is_digit(c) ? (uint32_t)(c - '0') + 26
				    : (uint32_t)((c | 0x20) - 'a');
		if (digit > 35 || digit > (UINT32_MAX - *i) / weight)
			return false;
		*i += digit * weight;
		t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
		if (digit < t)
			return true;
		if (weight > UINT32_MAX / (36 - t))
			return false;
		weight *= 36 - t;
	}
}

/* RFC 3492 6.2; the code points as UTF-8. */
static bool
punycode_decode(struct str s, struct buf *out)
{
	uint32_t points[LABEL_MAX + 1], n = 128, i = 0, bias = 72;
	size_t len = 0, at = s.len;

	while (at > 0 && s.ptr[at - 1] != '-')
		at--;
	for (size_t k = 0; k + 1 < at; k++)
		points[len++] = (unsigned char)s.ptr[k];
	while (at < s.len) {
		uint32_t before = i, delta;

		if (!punycode_integer(s, &at, bias, &i))
			return false;
		if (len >= LABEL_MAX)
			return false;
		delta = before == 0 ? i / 700 : (i - before) / 2;
		delta += delta / (uint32_t)(len + 1);
		for (bias = 0; delta > 455; bias += 36)
			delta /= 35;
		bias += 36 * delta / (delta + 38);
		n += i / (uint32_t)(len + 1);
		i %= (uint32_t)(len + 1);
		if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
			return false;
		memmove(points + i + 1, points + i, (len - i) * sizeof *points);
		points[i++] = n;
		len++;
	}
	for (size_t k = 0; k < len; k++)
		put_code_point(out, points[k]);
	return !out->failed;
}

/* RFC 5892: what a label may hold, with the rules of its appendix A. */
#define VIRAMAS \
	"\\u094d\\u09cd\\u0a4d\\u0acd\\u0b4d\\u0bcd\\u0c4d\\u0ccd\\u0d3b" \
	"\\u0d3c\\u0d4d\\u0dca\\u0e3a\\u0eba\\u0f84\\u1039\\u103a\\u1714" \
	"\\u1734\\u17d2\\u1a60\\u1b44\\u1baa\\u1bab\\u1bf2\\u1bf3\\u2d7f" \
	"\\ua806\\ua8c4\\ua953\\ua9c0\\uaaf6\\uabed"
#define DIGITS_A "[\\u0660-\\u0669]"
#define DIGITS_B "[\\u06f0-\\u06f9]"
#define ULABEL \
	"^(?!\\p{M})(?!..--)(?!-)(?!.*" DIGITS_A ".*" DIGITS_B \
	")(?!.*" DIGITS_B ".*" DIGITS_A \
	")(?:(?!.*\\u30fb)|(?=.*[\\p{sc=Hiragana}" \
	"\\p{sc=Katakana}\\p{sc=Han}]))(?:" \
	"(?![\\u0640\\u07fa\\u302e\\u302f\\u3031-\\u3035\\u303b])" \
	"[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}\\u06fd\\u06fe\\u0f0b" \
	"\\u3007-]|(?<=l)\\u00b7(?=l)|\\u0375(?=\\p{sc=Greek})|" \
	"(?<=\\p{sc=Hebrew})[\\u05f3\\u05f4]|\\u30fb|(?<=[" VIRAMAS "])" \
	"[\\u200c\\u200d]|(?<=\\p{sc=Arabic})\\u200c(?=\\p{sc=Arabic}))+$"
#define ULABEL_STEPS 100000 /* of the match; far more than 63 bytes need */

static bool
is_a_label(struct str s)
{
	struct schema_pattern p;
	uint64_t steps = ULABEL_STEPS;
	char lower[LABEL_MAX] = { 0 };
	struct buf text;
	bool ok;

	for (size_t i = 0; i < s.len; i++)
		lower[i] =
		    (char)(is_letter(s.ptr[i]) ? s.ptr[i] | 0x20 : s.ptr[i]);
	buf_init(&text);
	ok = punycode_decode((struct str){ lower + 4, s.len - 4 }, &text);
	if (ok) {
		ok = schema_pattern_compile(&p, S(ULABEL), NULL) == 0
		    && schema_pattern_match(&p, buf_view(&text), &steps)
			== MATCH_YES;
		schema_pattern_finish(&p);
	}
	buf_finish(&text);
	return ok;
}

static bool
has_ace_prefix(struct str s)
{
	return s.len >= 4 && str_equal_nocase(str_sub(s, 0, 4), S("xn--"));
}

/* RFC 1123 2.1, and RFC 5890 for labels that begin with "xn--". */
static bool
is_label(struct str s)
{
	if (s.len < 1 || s.len > LABEL_MAX || s.ptr[0] == '-'
	    || s.ptr[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter(s.ptr[i]) && !is_digit(s.ptr[i])
		    && s.ptr[i] != '-')
			return false;
	return !has_ace_prefix(s) || is_a_label(s);
}

static bool
is_hostname(struct str s)
{
	if (s.len > HOSTNAME_MAX)
		return false;
	for (;;) {
		size_t end = str_find(s, '.');

		if (!is_label(str_sub(s, 0, end)))
			return false;
		if (end == s.len)
			return true;
		s = str_sub(s, end + 1, s.len);
	}
}

/* Labels in Punycode cost a pattern each. */
static uint64_t
hostname_cost(struct str s)
{
	uint64_t cost = s.len / 32;

	for (size_t i = 0; s.len <= HOSTNAME_MAX && i < s.len; i++)
		if ((i == 0 || s.ptr[i - 1] == '.')
		    && has_ace_prefix(str_sub(s, i, s.len)))
			cost += 2000;
	return cost;
}

static bool
is_quoted_string(struct str s)
{
	for (size_t i = 1; i + 1 < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '\\' && i + 2 < s.len)
			c = (unsigned char)s.ptr[++i];
		else if (c == '"' || c == '\\')
			return false;
		if (c < ' ' || c > '~')
			return false;
	}
	return s.len >= 2 && s.ptr[s.len - 1] == '"';
}

static bool
is_dot_atom(struct str s)
{
	bool dot = true;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '.') {
			if (dot)
				return false;
			dot = true;
			continue;
		}
		dot = false;
		if (!is_letter(c) && !is_digit(c)
		    && (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL))
			return false;
	}
	return !dot;
}

/* RFC 5321 4.1.2. */
static bool
is_email(struct str s)
{
	size_t at = s.len;
	struct str local, domain;

	while (at > 0 && s.ptr[at - 1] != '@')
		at--;
	if (at == 0)
		return false;
	local = str_sub(s, 0, at - 1);
	domain = str_sub(s, at, s.len);
	if (local.len > 0 && local.ptr[0] == '"' ? !is_quoted_string(local)
						 : !is_dot_atom(local))
		return false;
	if (domain.len > 2 && domain.ptr[0] == '['
	    && domain.ptr[domain.len - 1] == ']') {
		domain = str_sub(domain, 1, domain.len - 1);
		if (str_starts(domain, S("IPv6:")))
			return uri_is_ipv6(str_sub(domain, 5, domain.len));
		return uri_is_ipv4(domain);
	}
	return is_hostname(domain);
}

/* RFC 6901 3. */
static bool
is_json_pointer(struct str s)
{
	if (s.len > 0 && s.ptr[0] != '/')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '~'
		    && (i + 1 == s.len
			|| (s.ptr[i + 1] != '0' && s.ptr[i + 1] != '1')))
			return false;
	return true;
}

static bool
is_relative_json_pointer(struct str s)
{
	bool zero = s.len > 0 && s.ptr[0] == '0';
	size_t digits = 0;

	while (take_digits(&s, 1) >= 0)
		digits++;
	if (digits == 0 || (zero && digits > 1))
		return false;
	return str_equal(s, S("#")) || is_json_pointer(s);
}

/* One varspec of RFC 6570 2.3, taken off. */
static bool
take_varspec(struct str *s)
{
	bool dot = true;

	for (; s->len > 0; *s = str_sub(*s, 1, s->len)) {
		char c = s->ptr[0];

		if (c == '.' && dot)
			return false;
		if (c == '%') {
			if (s->len < 3 || uri_hex((unsigned char)s->ptr[1]) < 0
			    || uri_hex((unsigned char)s->ptr[2]) < 0)
				return false;
			*s = str_sub(*s, 2, s->len);
		} else if (c != '.' && c != '_' && !is_letter(c)
		    && !is_digit(c)) {
			break;
		}
		dot = c == '.';
	}
	if (dot)
		return false;
	if (take_char(s, '*'))
		return true;
	if (!take_char(s, ':'))
		return true;
	if (s->len == 0 || s->ptr[0] == '0' || take_digits(s, 1) < 0)
		return false;
	for (int more = 0; more < 3 && take_digits(s, 1) >= 0; more++)
		continue;
	return true;
}

static bool
take_expression(struct str *s)
{
	if (s->len > 0 && s->ptr[0] != '\0' && strchr("+#./;?&", s->ptr[0]))
		*s = str_sub(*s, 1, s->len);
	do {
		if (!take_varspec(s))
			return false;
	} while (take_char(s, ','));
	return take_char(s, '}');
}

static bool
is_uri_template(struct str s)
{
	while (s.len > 0) {
		unsigned char c = (unsigned char)s.ptr[0];

		if (c <= ' ' || c == 0x7f || strchr("\"<>\\^`|}", c) != NULL)
			return false;
		if (c == '%'
		    && (s.len < 3 || uri_hex((unsigned char)s.ptr[1]) < 0
			|| uri_hex((unsigned char)s.ptr[2]) < 0))
			return false;
		s = str_sub(s, 1, s.len);
		if (c == '{' && !take_expression(&s))
			return false;
	}
	return true;
}

/* It is compiled. */
static uint64_t
regex_cost(struct str s)
{
	return 200 + s.len * 4;
}

static const struct schema_format formats[] = {
	{ "date-time", is_date_time, NULL },
	{ "date", is_date, NULL },
	{ "time", is_time, NULL },
	{ "duration", is_duration, NULL },
	{ "email", is_email, hostname_cost },
	{ "hostname", is_hostname, hostname_cost },
	{ "ipv4", uri_is_ipv4, NULL },
	{ "ipv6", uri_is_ipv6, NULL },
	{ "uri", uri_is_valid, NULL },
	{ "uri-reference", uri_is_reference, NULL },
	{ "uri-template", is_uri_template, NULL },
	{ "json-pointer", is_json_pointer, NULL },
	{ "relative-json-pointer", is_relative_json_pointer, NULL },
	{ "regex", schema_pattern_is_valid, regex_cost },
	{ "uuid", is_uuid, NULL },
};

const struct schema_format *
schema_format_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (str_equal(name, str_of(formats[i].name)))
			return &formats[i];
	return NULL;
}
