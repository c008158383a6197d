/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the seal: from a file, so that nodes and restarts share what
 * clients carry, or made for this run. */
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/seal.h"
#include "server/server_priv.h"

static struct crypto_seal *
file_keys(const char *path, struct err *err)
{
	struct crypto_seal *seal = NULL;
	struct buf text;
	struct err why;

	buf_init(&text);
	if (file_read_secret(&text, path, CRYPTO_SEAL_TEXT_MAX, err) < 0) {
		err->code = ERR_CONFIG;
	} else {
		seal = crypto_seal_create_text(buf_view(&text), &why);
		if (seal == NULL)
			(void)err_set(err, why.code,
			    "%s: %s (hint: openssl rand -hex 32 makes one)",
			    path, why.text);
	}
	if (text.ptr != NULL)
		explicit_bzero(text.ptr, text.cap);
	buf_finish(&text);
	return seal;
}

struct crypto_seal *
server_seal_create(const struct server_config *c, struct err *err)
{
	struct str path = c->identity.state_keys;

	if (path.len == 0)
		return crypto_seal_create_random(err);
	return file_keys(path.ptr, err); /* of an arena: ends with a NUL */
}

void
server_seal_reload(struct server *s)
{
	struct str path = s->config.identity.state_keys;
	struct crypto_seal *keys;
	struct err err;

	if (path.len == 0)
		return;
	keys = file_keys(path.ptr, &err);
	if (keys == NULL) {
		LOG_WARN(
		    "state keys stay as they were", F_CSTR("why", err.text));
		return;
	}
	crypto_seal_renew(s->seal, keys);
	LOG_INFO("state keys read", F_STR("file", path),
	    F_INT("keys", crypto_seal_keys(s->seal)));
}
