/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes in JSON strings to UTF-8. */
#include "data/json_priv.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits at *p. */
static enum json_fault
decode_hex4(const char **p, const char *end, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++, (*p)++) {
		int digit = *p < end ? hex_digit(**p) : -1;

		if (digit < 0)
			return JSON_SYNTAX;
		*out = *out << 4 | (uint32_t)digit;
	}
	return JSON_OK;
}

static void
put_utf8(struct buf *out, uint32_t c)
{
	char *p = out->ptr + out->len;

	if (c < 0x80) {
		p[0] = (char)c;
		out->len += 1;
	} else if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 0x3f));
		out->len += 2;
	} else if (c < 0x10000) {
		p[0] = (char)(0xe0 | c >> 12);
		p[1] = (char)(0x80 | (c >> 6 & 0x3f));
		p[2] = (char)(0x80 | (c & 0x3f));
		out->len += 3;
	} else {
		p[0] = (char)(0xf0 | c >> 18);
		p[1] = (char)(0x80 | (c >> 12 & 0x3f));
		p[2] = (char)(0x80 | (c >> 6 & 0x3f));
		p[3] = (char)(0x80 | (c & 0x3f));
		out->len += 4;
	}
}

/* *p is behind "\\u"; half of a surrogate pair is a fault at its backslash. */
static enum json_fault
decode_unicode(const char **p, const char *end, struct buf *out)
{
	const char *escape = *p - 2;
	uint32_t c, low = 0;
	enum json_fault fault = decode_hex4(p, end, &c);

	if (fault != JSON_OK)
		return fault;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (end - *p >= 2 && (*p)[0] == '\\' && (*p)[1] == 'u') {
			*p += 2;
			fault = decode_hex4(p, end, &low);
		}
		if (fault != JSON_OK)
			return fault;
		if (low >= 0xdc00 && low <= 0xdfff)
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	if (c >= 0xd800 && c <= 0xdfff) {
		*p = escape;
		return JSON_UTF8;
	}
	put_utf8(out, c);
	return JSON_OK;
}

enum json_fault
json_escape_decode(const char **p, const char *end, struct buf *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *at;

	(*p)++;
	if (*p == end)
		return JSON_SYNTAX;
	if (**p == 'u') {
		(*p)++;
		return decode_unicode(p, end, out);
	}
	at = memchr(names, **p, sizeof names - 1);
	if (at == NULL)
		return JSON_SYNTAX;
	(*p)++;
	put_utf8(out, (unsigned char)values[at - names]);
	return JSON_OK;
}
