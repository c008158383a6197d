/* SPDX-License-Identifier: Apache-2.0 */
/* One character at a time, so that callers can stop at a bound. */
#include "base/escape.h"

#include <string.h>

#include "base/check.h"

static uint32_t
code_point(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c = len == 1 ? p[0] : p[0] & (0xFFu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3F);
	return c;
}

/* What could start a new line, drive a terminal or turn text around. */
static bool
is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F)
	    || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069)
	    || c == 0x200E || c == 0x200F || c == 0xFEFF;
}

static size_t
write_hex(char *out, char kind, uint32_t value, unsigned digits)
{
	*out++ = '\\';
	*out++ = kind;
	for (unsigned i = digits; i-- > 0;)
		*out++ = "0123456789abcdef"[value >> (4 * i) & 15];
	return 2 + digits;
}

static size_t
write_pair(char *out, char c)
{
	out[0] = '\\';
	out[1] = c;
	return 2;
}

static size_t
write_unsafe(char *out, uint32_t c, enum escape_style style)
{
	switch (c) {
	case '\n':
		return write_pair(out, 'n');
	case '\r':
		return write_pair(out, 'r');
	case '\t':
		return write_pair(out, 't');
	default:
		break;
	}
	if (style != ESCAPE_JSON && c < 0x80)
		return write_hex(out, 'x', c, 2);
	return write_hex(out, 'u', c, 4);
}

size_t
escape_next(struct str *s, enum escape_style style, char *out)
{
	size_t len = str_utf8_len(*s);
	const char *at = s->ptr;
	uint32_t c;

	CHECK(s->len > 0);
	s->ptr += len == 0 ? 1 : len;
	s->len -= len == 0 ? 1 : len;
	if (len == 0 && style == ESCAPE_JSON) {
		memcpy(out, "\xEF\xBF\xBD", 3);
		return 3;
	}
	if (len == 0)
		return write_hex(out, 'x', (unsigned char)*at, 2);
	c = code_point(at, len);
	if (is_unsafe(c))
		return write_unsafe(out, c, style);
	if (style != ESCAPE_PLAIN && (c == '"' || c == '\\'))
		return write_pair(out, (char)c);
	memcpy(out, at, len);
	return len;
}
