/* SPDX-License-Identifier: Apache-2.0 */
/* The private copy of one shared object: what is checked, rehearsed and
 * mapped is never the operator's file, which may change under us. */
#ifndef PLUGIN_COPY_H
#define PLUGIN_COPY_H

#include <sys/stat.h>
#include <sys/types.h>

#include <stdbool.h>
#include <time.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/digest.h"

/* Which content of a file: differs when the file was changed. */
struct plugin_file_id {
	dev_t dev;
	ino_t ino;
	off_t size; /* negative: no such file */
	struct timespec changed;
	struct timespec modified;
};

struct plugin_copy {
	char *path; /* owned */
	struct str bytes; /* mapped, read-only */
	unsigned char sha256[CRYPTO_SHA256_LEN];
	struct plugin_file_id id; /* of the source */
};

/* [any] */
void plugin_file_id_of(struct plugin_file_id *id, const struct stat *st);
/* [any] A missing or unreadable file has an id too. */
void plugin_file_id_look(struct plugin_file_id *id, const char *path);
bool plugin_file_id_equal(
    const struct plugin_file_id *a, const struct plugin_file_id *b);

/* [any] Was it changed less than a second ago?  Then another change may leave
 * the same stamps behind. */
bool plugin_file_id_is_young(const struct plugin_file_id *id);
/* [any] False: it cannot be read. */
bool plugin_file_digest(
    const char *path, unsigned char sha256[static CRYPTO_SHA256_LEN]);

/* [control] Copies source, checked as base/file.h says, to dir/NAME.N.so,
 * which must not exist.  ERR_AGAIN: the source changed meanwhile. */
int plugin_copy_make(struct plugin_copy *c, const char *source, const char *dir,
    struct str name, unsigned number, struct err *err);
/* Somebody else unlinks it now. */
void plugin_copy_keep(struct plugin_copy *c);
/* [control] Other users may read the copy of that path, and pass its folder;
 * those above it stay closed.  What cannot be changed shows when a runner
 * starts. */
void plugin_copy_share(const char *path);
/* Unmaps and unlinks; what was opened from it stays. */
void plugin_copy_finish(struct plugin_copy *c);

#endif
