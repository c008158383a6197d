/* SPDX-License-Identifier: Apache-2.0 */
/* Digests against the vectors of FIPS 180-2. */
#include "unit/unit.h"

#include "base/err.h"
#include "crypto/digest.h"

static void
expect_digest(struct str bytes, const char *hex)
{
	unsigned char digest[CRYPTO_SHA256_LEN];
	char text[2 * CRYPTO_SHA256_LEN + 1];

	ck_assert_int_eq(crypto_sha256(bytes, digest), 0);
	crypto_hex(digest, sizeof digest, text);
	ck_assert_str_eq(text, hex);
}

START_TEST(sha256_answers_the_published_vectors)
{
	expect_digest(S("abc"),
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	expect_digest(STR_NONE,
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	expect_digest(
	    S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
}
END_TEST

START_TEST(unhex_reads_either_case)
{
	unsigned char out[3];

	ck_assert_int_eq(crypto_unhex(S("00aFf9"), out, 3), 0);
	ck_assert_int_eq(out[0], 0);
	ck_assert_int_eq(out[1], 0xaf);
	ck_assert_int_eq(out[2], 0xf9);
}
END_TEST

START_TEST(unhex_refuses_other_lengths_and_characters)
{
	unsigned char out[3];

	ck_assert_int_eq(crypto_unhex(S("00aFf"), out, 3), ERR_SYNTAX);
	ck_assert_int_eq(crypto_unhex(S("00aFf9a"), out, 3), ERR_SYNTAX);
	ck_assert_int_eq(crypto_unhex(S("00aFfg"), out, 3), ERR_SYNTAX);
	ck_assert_int_eq(crypto_unhex(S("00a:f9"), out, 3), ERR_SYNTAX);
	ck_assert_int_eq(crypto_unhex(STR_NONE, out, 3), ERR_SYNTAX);
}
END_TEST

UNIT_MAIN("crypto/digest", sha256_answers_the_published_vectors,
    unhex_reads_either_case, unhex_refuses_other_lengths_and_characters)
