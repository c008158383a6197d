/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/hash.h"
#include "crypto/digest.h"
#include "crypto/library.h"

#define SEAL_MAGIC 0x5345414cu
#define NAME_LEN 4
#define NONCE_LEN 12

/* head: version, name, nonce */
#define NAME_AT 1
#define NONCE_AT (NAME_AT + NAME_LEN)

static_assert(NONCE_AT + NONCE_LEN == CRYPTO_SEAL_HEAD_LEN, "head");

struct seal_key {
	unsigned char key[CRYPTO_SEAL_KEY_LEN];
	unsigned char name[NAME_LEN]; /* tells keys apart, and nothing else */
};

struct seal_keys {
	struct seal_key items[CRYPTO_SEAL_KEYS_MAX];
	size_t len;
};

struct crypto_seal {
	uint32_t magic;
	pthread_mutex_t lock; /* leaf; guards the keys */
	struct seal_keys keys; /* at least one */
};

static int
key_set(struct seal_key *k, const unsigned char key[CRYPTO_SEAL_KEY_LEN],
    struct err *err)
{
	unsigned char digest[CRYPTO_SHA256_LEN];

	if (crypto_sha256(
		(struct str){ (const char *)key, CRYPTO_SEAL_KEY_LEN }, digest)
	    < 0)
		return err_set(err, ERR_INTERNAL, "SHA-256 is not available");
	memcpy(k->key, key, sizeof k->key);
	memcpy(k->name, digest, sizeof k->name);
	return 0;
}

static struct crypto_seal *
seal_create(const struct seal_keys *keys, struct err *err)
{
	struct crypto_seal *s = calloc(1, sizeof *s);

	if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		free(s);
		return NULL;
	}
	OBJ_INIT(s, SEAL_MAGIC);
	s->keys = *keys;
	return s;
}

struct crypto_seal *
crypto_seal_create(
    const unsigned char key[CRYPTO_SEAL_KEY_LEN], struct err *err)
{
	struct seal_keys keys = { .len = 1 };
	struct crypto_seal *s = NULL;

	if (key_set(&keys.items[0], key, err) == 0)
		s = seal_create(&keys, err);
	explicit_bzero(&keys, sizeof keys);
	return s;
}

struct crypto_seal *
crypto_seal_create_random(struct err *err)
{
	unsigned char key[CRYPTO_SEAL_KEY_LEN];
	struct crypto_seal *s;

	random_bytes(key, sizeof key);
	s = crypto_seal_create(key, err);
	explicit_bzero(key, sizeof key);
	return s;
}

static int
key_read(struct str line, unsigned char key[CRYPTO_SEAL_KEY_LEN])
{
	struct buf bytes;
	int rc;

	if (line.len == (size_t)2 * CRYPTO_SEAL_KEY_LEN)
		return crypto_unhex(line, key, CRYPTO_SEAL_KEY_LEN);
	if (line.len != (CRYPTO_SEAL_KEY_LEN * 4 + 2) / 3)
		return ERR_SYNTAX;
	buf_init(&bytes);
	rc = buf_reserve(&bytes, line.len);
	if (rc == 0)
		rc = base64url_read(line, &bytes);
	if (rc == 0)
		memcpy(key, bytes.ptr, CRYPTO_SEAL_KEY_LEN);
	if (bytes.ptr != NULL)
		explicit_bzero(bytes.ptr, bytes.cap);
	buf_finish(&bytes);
	return rc;
}

/* One line of the text; number is for the message. */
static int
line_take(
    struct seal_keys *keys, struct str line, unsigned number, struct err *err)
{
	struct seal_key *k = &keys->items[keys->len];
	unsigned char key[CRYPTO_SEAL_KEY_LEN];
	size_t i;
	int rc;

	if (keys->len == CRYPTO_SEAL_KEYS_MAX)
		return err_set(err, ERR_CONFIG,
		    "line %u: more than %d keys (remove the oldest)", number,
		    CRYPTO_SEAL_KEYS_MAX);
	rc = key_read(line, key);
	if (rc == ERR_NOMEM)
		return err_set(err, rc, "out of memory");
	if (rc < 0)
		return err_set(err, ERR_CONFIG,
		    "line %u: not a key (32 random bytes, written as 64 "
		    "hexadecimal digits or 43 letters of base64url)",
		    number);
	rc = key_set(k, key, err);
	explicit_bzero(key, sizeof key);
	for (i = 0; rc == 0 && i < keys->len; i++)
		if (memcmp(keys->items[i].key, k->key, sizeof k->key) == 0)
			rc = err_set(err, ERR_CONFIG,
			    "line %u: a key for the second time", number);
	keys->len += rc == 0;
	return rc;
}

struct crypto_seal *
crypto_seal_create_text(struct str text, struct err *err)
{
	struct seal_keys keys = { .len = 0 };
	struct crypto_seal *s = NULL;
	unsigned number = 0;
	int rc = 0;

	while (text.len > 0 && rc == 0) {
		struct str line = str_trim(str_split(text, '\n', &text));

		number++;
		if (line.len > 0 && line.ptr[0] != '#')
			rc = line_take(&keys, line, number, err);
	}
	if (rc == 0 && keys.len == 0)
		rc = err_set(err, ERR_CONFIG, "no key (one a line)");
	if (rc == 0)
		s = seal_create(&keys, err);
	explicit_bzero(&keys, sizeof keys);
	return s;
}

void
crypto_seal_renew(struct crypto_seal *s, struct crypto_seal *keys)
{
	OBJ_CHECK(s, SEAL_MAGIC);
	OBJ_CHECK(keys, SEAL_MAGIC);
	CHECK(pthread_mutex_lock(&s->lock) == 0);
	s->keys = keys->keys;
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
	crypto_seal_destroy(keys);
}

size_t
crypto_seal_keys(struct crypto_seal *s)
{
	size_t n;

	OBJ_CHECK(s, SEAL_MAGIC);
	CHECK(pthread_mutex_lock(&s->lock) == 0);
	n = s->keys.len;
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
	return n;
}

void
crypto_seal_destroy(struct crypto_seal *s)
{
	if (s == NULL)
		return;
	OBJ_CHECK(s, SEAL_MAGIC);
	explicit_bzero(&s->keys, sizeof s->keys);
	(void)pthread_mutex_destroy(&s->lock); /* nobody holds it */
	OBJ_WIPE(s);
	free(s);
}

/* A copy of key i, which the caller wipes; false: there are no more. */
static bool
key_copy(struct crypto_seal *s, size_t i, struct seal_key *out)
{
	bool there;

	CHECK(pthread_mutex_lock(&s->lock) == 0);
	there = i < s->keys.len;
	if (there)
		*out = s->keys.items[i];
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
	return there;
}

/* A handle of its own for each use: they are not to be shared by threads. */
static int
cipher_open(struct seal_key *k, gnutls_aead_cipher_hd_t *cipher)
{
	gnutls_datum_t datum = { k->key, sizeof k->key };
	const struct crypto_library *library = crypto_library();

	return library == NULL
		|| library->aead_init(cipher, GNUTLS_CIPHER_AES_256_GCM, &datum)
		    < 0
	    ? ERR_INTERNAL
	    : 0;
}

/* What is authenticated beside the bytes: the head, and what they belong to. */
static void
bound_write(struct buf *b, const char *head, struct str bound)
{
	buf_append(b, head, NONCE_AT);
	buf_str(b, bound);
}

int
crypto_seal_close(
    struct crypto_seal *s, struct str bytes, struct str bound, struct buf *out)
{
	gnutls_aead_cipher_hd_t cipher;
	struct buf blob, beside;
	struct seal_key key;
	size_t len = bytes.len + CRYPTO_SEAL_TAG_LEN;
	int rc;

	OBJ_CHECK(s, SEAL_MAGIC);
	if (bytes.len > CRYPTO_SEAL_BYTES_MAX)
		return ERR_LIMIT;
	(void)key_copy(s, 0, &key); /* there is one at least */
	buf_init(&blob);
	buf_init(&beside);
	buf_char(&blob, CRYPTO_SEAL_VERSION);
	buf_append(&blob, key.name, sizeof key.name);
	rc = buf_reserve(&blob, NONCE_LEN + len);
	if (rc < 0)
		goto out;
	/* 96 random bits: 2^32 of them are far from meeting (SP 800-38D). */
	random_bytes(blob.ptr + blob.len, NONCE_LEN);
	blob.len += NONCE_LEN;
	bound_write(&beside, blob.ptr, bound);
	rc = beside.failed ? ERR_NOMEM : cipher_open(&key, &cipher);
	if (rc < 0)
		goto out;
	rc = crypto_library()->aead_encrypt(cipher, blob.ptr + NONCE_AT,
	    NONCE_LEN, beside.ptr, beside.len, CRYPTO_SEAL_TAG_LEN,
	    bytes.ptr != NULL ? bytes.ptr : "", bytes.len, blob.ptr + blob.len,
	    &len);
	crypto_library()->aead_deinit(cipher);
	rc = rc < 0 ? ERR_INTERNAL : 0;
	if (rc == 0) {
		blob.len += len;
		base64url_write(out, buf_view(&blob));
		rc = out->failed ? ERR_NOMEM : 0;
	}
out:
	explicit_bzero(&key, sizeof key);
	buf_finish(&beside);
	buf_finish(&blob);
	return rc;
}

/* The bytes of a blob that has the right shape and key, behind out. */
static int
blob_open(
    struct seal_key *k, struct str blob, struct str bound, struct buf *out)
{
	gnutls_aead_cipher_hd_t cipher;
	struct buf beside;
	size_t sealed = blob.len - CRYPTO_SEAL_HEAD_LEN, len = sealed;
	int rc;

	rc = buf_reserve(out, sealed);
	if (rc < 0)
		return rc;
	buf_init(&beside);
	bound_write(&beside, blob.ptr, bound);
	rc = beside.failed ? ERR_NOMEM : cipher_open(k, &cipher);
	if (rc == 0) {
		rc = crypto_library()->aead_decrypt(cipher, blob.ptr + NONCE_AT,
		    NONCE_LEN, beside.ptr, beside.len, CRYPTO_SEAL_TAG_LEN,
		    blob.ptr + CRYPTO_SEAL_HEAD_LEN, sealed,
		    out->ptr + out->len, &len);
		crypto_library()->aead_deinit(cipher);
		rc = rc < 0 ? ERR_DENIED : 0;
	}
	if (rc == 0)
		out->len += len;
	buf_finish(&beside);
	return rc;
}

/* By the name in the blob; two keys with one name are both tried. */
static int
keys_try(
    struct crypto_seal *s, struct str blob, struct str bound, struct buf *out)
{
	struct seal_key key;
	int rc = ERR_DENIED;
	size_t i;

	for (i = 0; rc == ERR_DENIED && key_copy(s, i, &key); i++)
		if (memcmp(blob.ptr + NAME_AT, key.name, NAME_LEN) == 0)
			rc = blob_open(&key, blob, bound, out);
	explicit_bzero(&key, sizeof key);
	return rc;
}

int
crypto_seal_open(
    struct crypto_seal *s, struct str text, struct str bound, struct buf *out)
{
	struct buf blob;
	int rc;

	OBJ_CHECK(s, SEAL_MAGIC);
	if (text.len / 4 * 3 > CRYPTO_SEAL_BYTES_MAX + CRYPTO_SEAL_HEAD_LEN
		+ CRYPTO_SEAL_TAG_LEN)
		return ERR_DENIED;
	buf_init(&blob);
	rc = base64url_read(text, &blob);
	if (rc == ERR_SYNTAX
	    || (rc == 0
		&& (blob.len < CRYPTO_SEAL_HEAD_LEN + CRYPTO_SEAL_TAG_LEN
		    || blob.ptr[0] != CRYPTO_SEAL_VERSION)))
		rc = ERR_DENIED;
	if (rc == 0)
		rc = keys_try(s, buf_view(&blob), bound, out);
	buf_finish(&blob);
	return rc;
}
