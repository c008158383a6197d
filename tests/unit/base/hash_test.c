/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash against the vectors of its paper, and random bytes. */
#include "base/hash.c"

#include "unit/unit.h"

static void
count_up(unsigned char *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)i;
}

/* Appendix A of "SipHash: a fast short-input PRF", and the first of the
 * authors' test vectors. */
START_TEST(siphash_2_4_has_the_published_value)
{
	unsigned char key[16], in[15];

	count_up(key, sizeof key);
	count_up(in, sizeof in);
	ck_assert(siphash(key, in, 15, 2, 4) == UINT64_C(0xa129ca6149be45e5));
	ck_assert(siphash(key, in, 0, 2, 4) == UINT64_C(0x726fdb47dd0e0e31));
}
END_TEST

START_TEST(siphash_1_3_has_the_known_value)
{
	unsigned char key[16], in[1] = { 0 };

	count_up(key, sizeof key);
	ck_assert(siphash(key, in, 0, 1, 3) == UINT64_C(0xabac0158050fc4dc));
}
END_TEST

START_TEST(equal_bytes_hash_equal)
{
	char a[] = "some bytes", b[] = "some bytes";

	ck_assert(hash_bytes(str_of(a)) == hash_bytes(str_of(b)));
	ck_assert(hash_bytes(S("a")) != hash_bytes(S("b")));
	ck_assert(hash_bytes(STR_NONE) == hash_bytes(S("")));
}
END_TEST

START_TEST(each_length_and_byte_counts)
{
	unsigned char in[64];
	uint64_t seen[65];

	count_up(in, sizeof in);
	for (size_t len = 0; len <= sizeof in; len++) {
		seen[len] = hash_bytes((struct str){ (char *)in, len });
		for (size_t i = 0; i < len; i++)
			ck_assert(seen[i] != seen[len]);
	}
}
END_TEST

START_TEST(random_hex_is_hex)
{
	char a[65], b[65];

	memset(a, 'z', sizeof a);
	random_hex(a, 32);
	random_hex(b, 32);
	ck_assert_uint_eq(strlen(a), 64);
	ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 64);
	ck_assert_str_ne(a, b);
	random_hex(a, 0);
	ck_assert_str_eq(a, "");
}
END_TEST

/* Each digit at each place within 4096 draws, or a byte is lost somewhere. */
START_TEST(random_hex_uses_every_place)
{
	unsigned seen[16] = { 0 };
	char s[17];

	for (int draw = 0; draw < 4096; draw++) {
		random_hex(s, 8);
		for (size_t i = 0; i < 16; i++) {
			const char *digits = "0123456789abcdef";
			size_t at = (size_t)(strchr(digits, s[i]) - digits);

			seen[i] |= 1u << at;
		}
	}
	for (size_t i = 0; i < 16; i++)
		ck_assert_uint_eq(seen[i], 0xFFFF);
}
END_TEST

UNIT_MAIN("base/hash", siphash_2_4_has_the_published_value,
    siphash_1_3_has_the_known_value, equal_bytes_hash_equal,
    each_length_and_byte_counts, random_hex_is_hex, random_hex_uses_every_place)
