/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base64url.h"

#include "base/err.h"

void
crypto_base64url_write(struct buf *out, struct str bytes)
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
letter_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int
crypto_base64url_read(struct str text, struct buf *out)
{
	size_t i, k;

	if (text.len % 4 == 1)
		return ERR_SYNTAX;
	for (i = 0; i < text.len; i += 4) {
		size_t n = text.len - i < 4 ? text.len - i : 4;
		uint32_t group = 0;

		for (k = 0; k < 4; k++) {
			int v = k < n ? letter_value(text.ptr[i + k]) : 0;

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
