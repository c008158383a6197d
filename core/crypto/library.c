/* SPDX-License-Identifier: Apache-2.0 */
/* Loads GnuTLS once and keeps it. */
#include "crypto/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"

/* The one whose headers this is compiled with: 3.x since 2014. */
#define SONAME "libgnutls.so.30"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct crypto_library library;
static bool loaded;

static bool
function_get(void *handle, const char *name, void *function)
{
	void *found = dlsym(handle, name);

	/* POSIX promises what C does not: they have one shape. */
	memcpy(function, &found, sizeof found);
	return found != NULL;
}

static void
load(void)
{
	void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

	loaded = handle != NULL
	    && function_get(
		handle, "gnutls_aead_cipher_init", &library.aead_init)
	    && function_get(
		handle, "gnutls_aead_cipher_encrypt", &library.aead_encrypt)
	    && function_get(
		handle, "gnutls_aead_cipher_decrypt", &library.aead_decrypt)
	    && function_get(
		handle, "gnutls_aead_cipher_deinit", &library.aead_deinit);
	if (!loaded)
		LOG_ERROR("nothing can be sealed: GnuTLS cannot be loaded",
		    F_STR("library", S(SONAME)));
}

const struct crypto_library *
crypto_library(void)
{
	CHECK(pthread_once(&once, load) == 0);
	return loaded ? &library : NULL;
}
