/* SPDX-License-Identifier: Apache-2.0 */
/* GnuTLS, loaded when it is first needed: with what it brings it is a third of
 * an idle server's memory, and most servers never seal anything. */
#ifndef CRYPTO_LIBRARY_H
#define CRYPTO_LIBRARY_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

struct crypto_library {
	__typeof__(&gnutls_aead_cipher_init) aead_init;
	__typeof__(&gnutls_aead_cipher_encrypt) aead_encrypt;
	__typeof__(&gnutls_aead_cipher_decrypt) aead_decrypt;
	__typeof__(&gnutls_aead_cipher_deinit) aead_deinit;
};

/* [any] NULL: it is not installed, or lacks a function. */
const struct crypto_library *crypto_library(void);

#endif
