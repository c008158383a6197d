/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed bytes with a length: the one string type of core.  A struct str
 * never owns; it dies with what it was taken from.  All functions [any]. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr; /* not NUL-terminated */
	size_t len;
};

/* A string literal as a struct str, usable in initialisers. */
#define STR(lit_) \
	{ \
		"" lit_, sizeof(lit_) - 1 \
	}
/* The same as an expression. */
#define S(lit_) ((struct str)STR(lit_))
#define STR_NONE ((struct str){ NULL, 0 })
/* For "%.*s". */
#define STR_FMT(s_) (int)(s_).len, (s_).ptr

/* NULL gives an empty string. */
static inline struct str
str_of(const char *cstr)
{
	if (cstr == NULL)
		return S("");
	return (struct str){ cstr, strlen(cstr) };
}

static inline uint64_t
str_word_differs(const char *a, const char *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x ^ y;
}

/* Short words, where a call of memcmp() costs more than the comparing: some
 * loads, the last of which may overlap those before. */
static inline bool
str_same_bytes(const char *a, const char *b, size_t len)
{
	uint32_t v, w;
	size_t i;

	if (len >= 8) {
		for (i = 0; i + 16 <= len; i += 16)
			if ((str_word_differs(a + i, b + i)
				| str_word_differs(a + i + 8, b + i + 8))
			    != 0)
				return false;
		if (i + 8 <= len && str_word_differs(a + i, b + i) != 0)
			return false;
		return str_word_differs(a + len - 8, b + len - 8) == 0;
	}
	if (len >= 4) {
		memcpy(&v, a, 4);
		memcpy(&w, b, 4);
		if (v != w)
			return false;
		memcpy(&v, a + len - 4, 4);
		memcpy(&w, b + len - 4, 4);
		return v == w;
	}
	while (len > 0 && a[len - 1] == b[len - 1])
		len--;
	return len == 0;
}

/* A length that the compiler knows becomes a few loads. */
static inline bool
str_equal(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	/* memcmp must not see NULL, even for no bytes. */
	if (__builtin_constant_p(b.len))
		return b.len == 0 || memcmp(a.ptr, b.ptr, b.len) == 0;
	return str_same_bytes(a.ptr, b.ptr, b.len);
}

/* ASCII only; header names and schemes. */
bool str_equal_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Byte order; <0, 0, >0. */
int str_compare(struct str a, struct str b);
/* Index of the byte, or s.len. */
size_t str_find(struct str s, char c);
/* The part from..to, clamped to the string. */
static inline struct str
str_sub(struct str s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	if (s.ptr == NULL)
		return STR_NONE;
	return (struct str){ s.ptr + from, to - from };
}

/* Without leading and trailing SP and HTAB (RFC 9110 OWS). */
struct str str_trim(struct str s);
/* Splits at the first c: head before it, *rest after it (empty if none). */
struct str str_split(struct str s, char c, struct str *rest);
/* Decimal digits only, whole string, no sign for u64; ERR_SYNTAX, ERR_LIMIT. */
int str_to_u64(struct str s, uint64_t *out);
int str_to_i64(struct str s, int64_t *out);
/* Strict UTF-8: no overlong forms, no surrogates, at most U+10FFFF. */
bool str_is_utf8(struct str s);
/* Bytes of the character at the front, by the same rules; 0: malformed. */
size_t str_utf8_len(struct str s);
/* Edit distance at most 2 away (1 for words under four letters; a swap counts
 * once), for "did you mean"; NULL when none is near. */
const char *str_nearest(struct str word, const char *const *names, size_t n);

#endif
