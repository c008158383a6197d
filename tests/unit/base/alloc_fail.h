/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations that fail on demand: include this before the .c under test, and
 * that file's malloc, calloc, realloc and strdup become these. */
#ifndef UNIT_BASE_ALLOC_FAIL_H
#define UNIT_BASE_ALLOC_FAIL_H

#include <stdlib.h>
#include <string.h>

/* The how many-th allocation from now fails, and all later; 0: none. */
static int alloc_fail_at;

static int
alloc_fails(void)
{
	if (alloc_fail_at == 0)
		return 0;
	if (alloc_fail_at == 1)
		return 1;
	alloc_fail_at--;
	return 0;
}

static inline void *
alloc_fail_malloc(size_t size)
{
	return alloc_fails() ? NULL : malloc(size);
}

static inline void *
alloc_fail_calloc(size_t n, size_t size)
{
	return alloc_fails() ? NULL : calloc(n, size);
}

static inline void *
alloc_fail_realloc(void *old, size_t size)
{
	return alloc_fails() ? NULL : realloc(old, size);
}

static inline char *
alloc_fail_strdup(const char *s)
{
	return alloc_fails() ? NULL : strdup(s);
}

#undef strdup
#define malloc alloc_fail_malloc
#define calloc alloc_fail_calloc
#define realloc alloc_fail_realloc
#define strdup alloc_fail_strdup

#endif
