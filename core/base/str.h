/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed bytes with a length: the one string type of core.  A struct str
 * never owns; it dies with what it was taken from.  All functions [any]. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
struct str str_of(const char *cstr);
bool str_equal(struct str a, struct str b);
/* ASCII only; header names and schemes. */
bool str_equal_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Byte order; <0, 0, >0. */
int str_compare(struct str a, struct str b);
/* Index of the byte, or s.len. */
size_t str_find(struct str s, char c);
/* The part from..to, clamped to the string. */
struct str str_sub(struct str s, size_t from, size_t to);
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
