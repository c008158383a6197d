/* SPDX-License-Identifier: Apache-2.0 */
/* Where the public suites are, and reading their files. */
#ifndef SCHEMA_TESTDATA_H
#define SCHEMA_TESTDATA_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "data/json.h"

/* The folder of a suite that has the file probe; false: none here. */
static inline bool
testdata_find(char *out, size_t size, const char *suite, const char *probe,
    const char *package)
{
	const char *env = getenv("TOOLPOST_TESTDATA");
	const char *const roots[] = { env, "../shared/testdata",
		"../../shared/testdata" };
	char path[4096];

	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
		if (roots[i] == NULL)
			continue;
		(void)snprintf(out, size, "%s/%s", roots[i], suite);
		(void)snprintf(path, sizeof path, "%s/%s", out, probe);
		if (access(path, R_OK) == 0)
			return true;
	}
	if (package == NULL)
		return false;
	(void)snprintf(out, size, "%s", package);
	(void)snprintf(path, sizeof path, "%s/%s", out, probe);
	return access(path, R_OK) == 0;
}

static inline void
testdata_read(struct buf *out, const char *path)
{
	char block[65536];
	FILE *f = fopen(path, "rb");
	size_t n;

	ck_assert_msg(f != NULL, "%s", path);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		buf_append(out, block, n);
	(void)fclose(f);
	ck_assert(!out->failed);
}

#endif
