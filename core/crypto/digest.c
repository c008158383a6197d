/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by GnuTLS. */
#include "crypto/digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/err.h"

int
crypto_sha256(struct str bytes, unsigned char out[CRYPTO_SHA256_LEN])
{
	int rc;

	rc = gnutls_hash_fast(GNUTLS_DIG_SHA256,
	    bytes.ptr != NULL ? bytes.ptr : "", bytes.len, out);
	return rc < 0 ? ERR_INTERNAL : 0;
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
