/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/hash.h"
#include "crypto/digest.h"

#define SEAL_MAGIC 0x5345414cu
#define NAME_LEN 4
#define NONCE_LEN 12

/* head: version, name, nonce */
#define NAME_AT 1
#define NONCE_AT (NAME_AT + NAME_LEN)

static_assert(NONCE_AT + NONCE_LEN == CRYPTO_SEAL_HEAD_LEN, "head");

struct crypto_seal {
	uint32_t magic;
	unsigned char key[CRYPTO_SEAL_KEY_LEN];
	unsigned char name[NAME_LEN]; /* tells keys apart, and nothing else */
};

struct crypto_seal *
crypto_seal_create(
    const unsigned char key[CRYPTO_SEAL_KEY_LEN], struct err *err)
{
	unsigned char digest[CRYPTO_SHA256_LEN];
	struct crypto_seal *s = calloc(1, sizeof *s);

	if (s == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	OBJ_INIT(s, SEAL_MAGIC);
	memcpy(s->key, key, sizeof s->key);
	if (crypto_sha256(
		(struct str){ (const char *)key, sizeof s->key }, digest)
	    < 0) {
		(void)err_set(err, ERR_INTERNAL, "SHA-256 is not available");
		crypto_seal_destroy(s);
		return NULL;
	}
	memcpy(s->name, digest, sizeof s->name);
	return s;
}

struct crypto_seal *
crypto_seal_create_random(struct err *err)
{
	unsigned char key[CRYPTO_SEAL_KEY_LEN];
	struct crypto_seal *s;

	random_bytes(key, sizeof key);
	s = crypto_seal_create(key, err);
	gnutls_memset(key, 0, sizeof key);
	return s;
}

void
crypto_seal_destroy(struct crypto_seal *s)
{
	if (s == NULL)
		return;
	OBJ_CHECK(s, SEAL_MAGIC);
	gnutls_memset(s->key, 0, sizeof s->key);
	OBJ_WIPE(s);
	free(s);
}

/* A handle of its own for each use: they are not to be shared by threads. */
static int
cipher_open(const struct crypto_seal *s, gnutls_aead_cipher_hd_t *cipher)
{
	unsigned char key[CRYPTO_SEAL_KEY_LEN];
	gnutls_datum_t datum = { key, sizeof key };
	int rc;

	memcpy(key, s->key, sizeof key);
	rc = gnutls_aead_cipher_init(cipher, GNUTLS_CIPHER_AES_256_GCM, &datum);
	gnutls_memset(key, 0, sizeof key);
	return rc < 0 ? ERR_INTERNAL : 0;
}

/* What is authenticated beside the bytes: the head, and what they belong to. */
static void
bound_write(struct buf *b, const char *head, struct str bound)
{
	buf_append(b, head, NONCE_AT);
	buf_str(b, bound);
}

int
crypto_seal_close(const struct crypto_seal *s, struct str bytes,
    struct str bound, struct buf *out)
{
	gnutls_aead_cipher_hd_t cipher;
	struct buf blob, beside;
	size_t len = bytes.len + CRYPTO_SEAL_TAG_LEN;
	int rc;

	OBJ_CHECK(s, SEAL_MAGIC);
	if (bytes.len > CRYPTO_SEAL_BYTES_MAX)
		return ERR_LIMIT;
	buf_init(&blob);
	buf_init(&beside);
	buf_char(&blob, CRYPTO_SEAL_VERSION);
	buf_append(&blob, s->name, sizeof s->name);
	rc = buf_reserve(&blob, NONCE_LEN + len);
	if (rc < 0)
		goto out;
	/* 96 random bits: 2^32 of them are far from meeting (SP 800-38D). */
	random_bytes(blob.ptr + blob.len, NONCE_LEN);
	blob.len += NONCE_LEN;
	bound_write(&beside, blob.ptr, bound);
	rc = beside.failed ? ERR_NOMEM : cipher_open(s, &cipher);
	if (rc < 0)
		goto out;
	rc = gnutls_aead_cipher_encrypt(cipher, blob.ptr + NONCE_AT, NONCE_LEN,
	    beside.ptr, beside.len, CRYPTO_SEAL_TAG_LEN,
	    bytes.ptr != NULL ? bytes.ptr : "", bytes.len, blob.ptr + blob.len,
	    &len);
	gnutls_aead_cipher_deinit(cipher);
	rc = rc < 0 ? ERR_INTERNAL : 0;
	if (rc == 0) {
		blob.len += len;
		base64url_write(out, buf_view(&blob));
		rc = out->failed ? ERR_NOMEM : 0;
	}
out:
	buf_finish(&beside);
	buf_finish(&blob);
	return rc;
}

/* The bytes of a blob that has the right shape and key, behind out. */
static int
blob_open(const struct crypto_seal *s, struct str blob, struct str bound,
    struct buf *out)
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
	rc = beside.failed ? ERR_NOMEM : cipher_open(s, &cipher);
	if (rc == 0) {
		rc = gnutls_aead_cipher_decrypt(cipher, blob.ptr + NONCE_AT,
		    NONCE_LEN, beside.ptr, beside.len, CRYPTO_SEAL_TAG_LEN,
		    blob.ptr + CRYPTO_SEAL_HEAD_LEN, sealed,
		    out->ptr + out->len, &len);
		gnutls_aead_cipher_deinit(cipher);
		rc = rc < 0 ? ERR_DENIED : 0;
	}
	if (rc == 0)
		out->len += len;
	buf_finish(&beside);
	return rc;
}

int
crypto_seal_open(const struct crypto_seal *s, struct str text, struct str bound,
    struct buf *out)
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
		    || blob.ptr[0] != CRYPTO_SEAL_VERSION
		    || memcmp(blob.ptr + NAME_AT, s->name, NAME_LEN) != 0)))
		rc = ERR_DENIED;
	if (rc == 0)
		rc = blob_open(s, buf_view(&blob), bound, out);
	buf_finish(&blob);
	return rc;
}
