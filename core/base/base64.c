/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

void
base64url_write(struct buf *out, struct str bytes)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	size_t i, k;

	for (i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t group = 0;

		for (k = 0; k < 3; k++)
			group = group << 8
			    | (k < n ? (unsigned char)bytes.ptr[i + k] : 0u);
		for (k = 0; k <= n; k++)
			buf_char(out, letters[group >> (18 - 6 * k) & 63]);
	}
}

static int
letter_value(char c, char last, char last_but_one)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last_but_one)
		return 62;
	return c == last ? 63 : -1;
}

/* Text without padding. */
static int
read_letters(struct str text, char last_but_one, char last, struct buf *out)
{
	size_t i, k;

	if (text.len % 4 == 1)
		return ERR_SYNTAX;
	for (i = 0; i < text.len; i += 4) {
		size_t n = text.len - i < 4 ? text.len - i : 4;
		uint32_t group = 0;

		for (k = 0; k < 4; k++) {
			int v = k < n
			    ? letter_value(text.ptr[i + k], last, last_but_one)
			    : 0;

			if (v < 0)
				return ERR_SYNTAX;
			group = group << 6 | (uint32_t)v;
		}
		if ((n == 3 && (group & 0xff) != 0)
		    || (n == 2 && (group & 0xffff) != 0))
			return ERR_SYNTAX;
		for (k = 0; k + 1 < n; k++)
			buf_char(out, (char)(group >> (16 - 8 * k) & 0xff));
	}
	return out->failed ? ERR_NOMEM : 0;
}

int
base64_read(struct str text, struct buf *out)
{
	size_t pad = 0;

	if (text.len % 4 != 0)
		return ERR_SYNTAX;
	if (text.len > 0 && text.ptr[text.len - 1] == '=')
		pad = text.ptr[text.len - 2] == '=' ? 2 : 1;
	return read_letters(str_sub(text, 0, text.len - pad), '+', '/', out);
}

int
base64url_read(struct str text, struct buf *out)
{
	return read_letters(text, '-', '_', out);
}
