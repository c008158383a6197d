/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by Nettle, which GnuTLS takes them from too: every plugin's bytes are
 * hashed at the start, and all of GnuTLS would be loaded for it. */
#include "crypto/digest.h"

#include <nettle/sha2.h>

#include "base/err.h"

int
crypto_sha256(struct str bytes, unsigned char out[CRYPTO_SHA256_LEN])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	if (bytes.len > 0)
		sha256_update(
		    &ctx, bytes.len, (const unsigned char *)bytes.ptr);
	sha256_digest(&ctx, CRYPTO_SHA256_LEN, out);
	return 0;
}

void
crypto_hex(const unsigned char *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
crypto_unhex(struct str hex, unsigned char *out, size_t len)
{
	if (hex.len != 2 * len)
		return ERR_SYNTAX;
	for (size_t i = 0; i < len; i++) {
		int high = digit_value(hex.ptr[2 * i]);
		int low = digit_value(hex.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}
