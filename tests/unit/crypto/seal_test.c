/* SPDX-License-Identifier: Apache-2.0 */
/* What is sealed opens with its key and its bound alone (MRTR-08, MRTR-09). */
#include "crypto/seal.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "unit/unit.h"

static const unsigned char key[CRYPTO_SEAL_KEY_LEN] = "0123456789abcdef";
static const char secret[] = "round 2 of \0 many";

static struct str
secret_bytes(void)
{
	return (struct str){ secret, sizeof secret - 1 };
}

static struct crypto_seal *
seal_make(void)
{
	struct crypto_seal *s = crypto_seal_create(key, NULL);

	ck_assert_ptr_nonnull(s);
	return s;
}

static int
opens(struct crypto_seal *s, struct str text, struct str bound)
{
	struct buf out;
	int rc;

	buf_init(&out);
	rc = crypto_seal_open(s, text, bound, &out);
	if (rc != 0)
		ck_assert_uint_eq(out.len, 0);
	buf_finish(&out);
	return rc;
}

START_TEST(what_was_closed_opens)
{
	struct crypto_seal *s = seal_make();
	struct buf text, out;
	size_t len;

	buf_init(&text);
	buf_init(&out);
	for (len = 0; len <= sizeof secret - 1; len++) {
		buf_clear(&text);
		buf_clear(&out);
		ck_assert_int_eq(
		    crypto_seal_close(
			s, (struct str){ secret, len }, S("b"), &text),
		    0);
		ck_assert_int_eq(
		    crypto_seal_open(s, buf_view(&text), S("b"), &out), 0);
		ck_assert(
		    str_equal(buf_view(&out), (struct str){ secret, len }));
	}
	buf_finish(&text);
	buf_finish(&out);
	crypto_seal_destroy(s);
}
END_TEST

START_TEST(the_same_bytes_never_look_the_same)
{
	struct crypto_seal *s = seal_make();
	struct buf one, two;

	buf_init(&one);
	buf_init(&two);
	ck_assert_int_eq(
	    crypto_seal_close(s, secret_bytes(), STR_NONE, &one), 0);
	ck_assert_int_eq(
	    crypto_seal_close(s, secret_bytes(), STR_NONE, &two), 0);
	ck_assert_uint_eq(one.len, two.len);
	ck_assert(!str_equal(buf_view(&one), buf_view(&two)));
	buf_finish(&one);
	buf_finish(&two);
	crypto_seal_destroy(s);
}
END_TEST

/* MRTR-08: every letter changed to every other, each end cut, anything added */
START_TEST(text_that_was_touched_does_not_open)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				      "opqrstuvwxyz0123456789-_=+/. \n";
	struct crypto_seal *s = seal_make();
	struct buf text;
	size_t i, k;

	buf_init(&text);
	ck_assert_int_eq(
	    crypto_seal_close(s, secret_bytes(), S("b"), &text), 0);
	for (i = 0; i < text.len; i++) {
		char was = text.ptr[i];

		for (k = 0; k < sizeof letters; k++) {
			if (letters[k] == was)
				continue;
			text.ptr[i] = letters[k];
			ck_assert_int_eq(
			    opens(s, buf_view(&text), S("b")), ERR_DENIED);
		}
		text.ptr[i] = was;
		ck_assert_int_eq(
		    opens(s, str_sub(buf_view(&text), 0, i), S("b")),
		    ERR_DENIED);
		ck_assert_int_eq(
		    opens(s, str_sub(buf_view(&text), i + 1, text.len), S("b")),
		    ERR_DENIED);
	}
	ck_assert_int_eq(opens(s, buf_view(&text), S("b")), 0);
	buf_cstr(&text, "-TAMPERED");
	for (i = text.len - 8; i <= text.len; i++)
		ck_assert_int_eq(
		    opens(s, str_sub(buf_view(&text), 0, i), S("b")),
		    ERR_DENIED);
	buf_finish(&text);
	crypto_seal_destroy(s);
}
END_TEST

START_TEST(another_bound_or_key_does_not_open)
{
	unsigned char other[CRYPTO_SEAL_KEY_LEN];
	struct crypto_seal *s = seal_make(), *t, *again = seal_make();
	struct crypto_seal *random = crypto_seal_create_random(NULL);
	struct buf text;
	size_t i;

	buf_init(&text);
	ck_assert_int_eq(
	    crypto_seal_close(s, secret_bytes(), S("bound"), &text), 0);
	ck_assert_int_eq(opens(s, buf_view(&text), S("bounD")), ERR_DENIED);
	ck_assert_int_eq(opens(s, buf_view(&text), S("boun")), ERR_DENIED);
	ck_assert_int_eq(opens(s, buf_view(&text), S("bound ")), ERR_DENIED);
	ck_assert_int_eq(opens(s, buf_view(&text), STR_NONE), ERR_DENIED);
	ck_assert_int_eq(
	    opens(random, buf_view(&text), S("bound")), ERR_DENIED);
	ck_assert_int_eq(opens(again, buf_view(&text), S("bound")), 0);
	for (i = 0; i < sizeof other; i++) {
		memcpy(other, key, sizeof other);
		other[i] ^= 1;
		t = crypto_seal_create(other, NULL);
		ck_assert_ptr_nonnull(t);
		ck_assert_int_eq(
		    opens(t, buf_view(&text), S("bound")), ERR_DENIED);
		crypto_seal_destroy(t);
	}
	buf_finish(&text);
	crypto_seal_destroy(again);
	crypto_seal_destroy(random);
	crypto_seal_destroy(s);
}
END_TEST

START_TEST(too_much_is_refused)
{
	struct crypto_seal *s = seal_make();
	struct str much = { secret, CRYPTO_SEAL_BYTES_MAX + 1 };
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(crypto_seal_close(s, much, STR_NONE, &out), ERR_LIMIT);
	ck_assert_int_eq(opens(s, STR_NONE, STR_NONE), ERR_DENIED);
	buf_finish(&out);
	crypto_seal_destroy(s);
}
END_TEST

#define HEX_ONE \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_TWO \
	"ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define URL_ONE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

START_TEST(the_first_key_closes_and_all_of_them_open)
{
	struct crypto_seal *one, *two, *both, *url;
	struct buf old, new;

	one = crypto_seal_create_text(S(HEX_ONE), NULL);
	url = crypto_seal_create_text(S("# ours\n\n " URL_ONE "\n"), NULL);
	two = crypto_seal_create_text(S(HEX_TWO "\n"), NULL);
	both = crypto_seal_create_text(S(HEX_TWO "\n" HEX_ONE), NULL);
	ck_assert(one != NULL && two != NULL && both != NULL && url != NULL);
	ck_assert_uint_eq(crypto_seal_keys(both), 2);
	buf_init(&old);
	buf_init(&new);
	ck_assert_int_eq(
	    crypto_seal_close(one, secret_bytes(), S("b"), &old), 0);
	ck_assert_int_eq(
	    crypto_seal_close(both, secret_bytes(), S("b"), &new), 0);
	ck_assert_int_eq(opens(url, buf_view(&old), S("b")), 0);
	ck_assert_int_eq(opens(both, buf_view(&old), S("b")), 0);
	ck_assert_int_eq(opens(both, buf_view(&old), S("c")), ERR_DENIED);
	ck_assert_int_eq(opens(two, buf_view(&new), S("b")), 0);
	ck_assert_int_eq(opens(one, buf_view(&new), S("b")), ERR_DENIED);
	crypto_seal_renew(one, both); /* rotation */
	ck_assert_int_eq(opens(one, buf_view(&new), S("b")), 0);
	ck_assert_int_eq(opens(one, buf_view(&old), S("b")), 0);
	crypto_seal_renew(one, two); /* the old key is gone */
	ck_assert_int_eq(opens(one, buf_view(&old), S("b")), ERR_DENIED);
	ck_assert_int_eq(opens(one, buf_view(&new), S("b")), 0);
	buf_finish(&old);
	buf_finish(&new);
	crypto_seal_destroy(url);
	crypto_seal_destroy(one);
}
END_TEST

START_TEST(text_that_is_no_keys_is_refused_by_line)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "", "no key" },
		{ "# nothing\n\n", "no key" },
		{ "\n" HEX_ONE "0", "line 2: not a key" },
		{ HEX_ONE "\nsecret", "line 2: not a key" },
		{ URL_ONE "=", "line 1: not a key" },
		{ "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "line 1" },
		{ "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d"
		  "1e1f",
		    "line 1: not a key" },
		{ HEX_ONE "\n" URL_ONE, "line 2: a key for the second time" },
	};
	struct buf many;
	struct err err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert_ptr_null(
		    crypto_seal_create_text(str_of(cases[i].text), &err));
		ck_assert_int_eq(err.code, ERR_CONFIG);
		ck_assert_msg(
		    strstr(err.text, cases[i].says) != NULL, "%s", err.text);
		ck_assert_ptr_null(strstr(err.text, "secret"));
	}
	buf_init(&many);
	for (i = 0; i <= CRYPTO_SEAL_KEYS_MAX; i++)
		buf_printf(&many, "%02zx%s\n", i, &HEX_ONE[2]);
	ck_assert_ptr_null(crypto_seal_create_text(buf_view(&many), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "line 9: more than 8"));
	buf_finish(&many);
}
END_TEST

UNIT_MAIN("crypto/seal", the_first_key_closes_and_all_of_them_open,
    text_that_is_no_keys_is_refused_by_line, what_was_closed_opens,
    the_same_bytes_never_look_the_same, text_that_was_touched_does_not_open,
    another_bound_or_key_does_not_open, too_much_is_refused)
