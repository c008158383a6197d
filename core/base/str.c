/* SPDX-License-Identifier: Apache-2.0 */
/* Views of bytes: comparing, cutting, numbers, UTF-8, "did you mean". */
#include "base/str.h"

#include <string.h>

#include "base/err.h"

#define NEAREST_WORD_MAX 64

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
str_equal_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len
	    && str_equal(str_sub(s, 0, prefix.len), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len
	    && str_equal(str_sub(s, s.len - suffix.len, s.len), suffix);
}

int
str_compare(struct str a, struct str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

	if (order != 0 || a.len == b.len)
		return order;
	return a.len < b.len ? -1 : 1;
}

size_t
str_find(struct str s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.ptr);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str
str_split(struct str s, char c, struct str *rest)
{
	size_t at = str_find(s, c);

	*rest = str_sub(s, at == s.len ? at : at + 1, s.len);
	return str_sub(s, 0, at);
}

int
str_to_u64(struct str s, uint64_t *out)
{
	uint64_t n = 0;
	bool over = false;

	if (s.len == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit > 9)
			return ERR_SYNTAX;
		/* Go on: "99999999999999999999x" is a syntax error. */
		if (n > (UINT64_MAX - digit) / 10)
			over = true;
		n = n * 10 + digit;
	}
	if (over)
		return ERR_LIMIT;
	*out = n;
	return 0;
}

int
str_to_i64(struct str s, int64_t *out)
{
	bool minus = s.len > 0 && s.ptr[0] == '-';
	uint64_t n;
	int rc;

	rc = str_to_u64(minus ? str_sub(s, 1, s.len) : s, &n);
	if (rc < 0)
		return rc;
	if (n > (uint64_t)INT64_MAX + (minus ? 1 : 0))
		return ERR_LIMIT;
	if (!minus)
		*out = (int64_t)n;
	else
		*out = n == 0 ? 0 : -(int64_t)(n - 1) - 1;
	return 0;
}

static bool
is_tail(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

size_t
str_utf8_len(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t len;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (s.len < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (!is_tail(p[i]))
			return 0;
	if (p[0] == 0xE0 && p[1] < 0xA0)
		return 0; /* overlong */
	if (p[0] == 0xED && p[1] > 0x9F)
		return 0; /* surrogates */
	if (p[0] == 0xF0 && p[1] < 0x90)
		return 0; /* overlong */
	if (p[0] == 0xF4 && p[1] > 0x8F)
		return 0; /* above U+10FFFF */
	return len;
}

bool
str_is_utf8(struct str s)
{
	size_t at = 0;

	while (at < s.len) {
		size_t len = 1;
		uint64_t word;

		/* Most text is ASCII. */
		if (s.len - at >= sizeof word) {
			memcpy(&word, s.ptr + at, sizeof word);
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof word;
				continue;
			}
		}
		if ((unsigned char)s.ptr[at] >= 0x80)
			len = str_utf8_len(str_sub(s, at, s.len));
		if (len == 0)
			return false;
		at += len;
	}
	return true;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, changes and swaps of neighbours; both words have at
 * most NEAREST_WORD_MAX bytes. */
static unsigned
distance(struct str a, struct str b)
{
	unsigned rows[3][NEAREST_WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.len; j++)
		before[j] = last[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = a.ptr[i - 1] == b.ptr[j - 1];

			row[j] = least(least(last[j], row[j - 1]) + 1,
			    last[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2]
			    && a.ptr[i - 2] == b.ptr[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[b.len];
}

const char *
str_nearest(struct str word, const char *const *names, size_t n)
{
	/* Two changes make any word of three letters out of another. */
	unsigned best = word.len < 4 ? 2 : 3;
	const char *near = NULL;

	if (word.len > NEAREST_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(names[i]);
		unsigned away;

		if (name.len > NEAREST_WORD_MAX || name.len > word.len + 2
		    || word.len > name.len + 2)
			continue;
		away = distance(word, name);
		if (away < best) {
			best = away;
			near = names[i];
		}
	}
	return near;
}
