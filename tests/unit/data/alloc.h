/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the n-th allocation of a test program fail, libraries included.  Under
 * a sanitizer, which owns malloc, ALLOC_WORKS is 0 and nothing ever fails. */
#ifndef TEST_DATA_ALLOC_H
#define TEST_DATA_ALLOC_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOC_WORKS 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOC_WORKS 0
#endif
#ifndef ALLOC_WORKS
#define ALLOC_WORKS 1
#endif

static long alloc_left = -1; /* until the failing one; negative: never */

#if ALLOC_WORKS
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t len);
void *__libc_realloc(void *ptr, size_t len);
__attribute__((visibility("default"))) void *malloc(size_t len);
__attribute__((visibility("default"))) void *calloc(size_t n, size_t len);
__attribute__((visibility("default"))) void *realloc(void *ptr, size_t len);

static int
alloc_fails(void)
{
	return alloc_left >= 0 && alloc_left-- == 0;
}

void *
malloc(size_t len)
{
	return alloc_fails() ? NULL : __libc_malloc(len);
}

void *
calloc(size_t n, size_t len)
{
	return alloc_fails() ? NULL : __libc_calloc(n, len);
}

void *
realloc(void *ptr, size_t len)
{
	return alloc_fails() ? NULL : __libc_realloc(ptr, len);
}
#endif

#endif
