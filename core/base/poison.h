/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is kept for reuse: the address sanitizer is told that nobody may
 * touch it meanwhile.  Nothing at all in other builds. */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stddef.h>

#ifdef __has_feature
#define POISON_FEATURE __has_feature(address_sanitizer)
#else
#define POISON_FEATURE 0
#endif

#if defined(__SANITIZE_ADDRESS__) || POISON_FEATURE
#include <sanitizer/asan_interface.h>

static inline void
memory_poison(void *p, size_t len)
{
	__asan_poison_memory_region(p, len);
}

static inline void
memory_unpoison(void *p, size_t len)
{
	__asan_unpoison_memory_region(p, len);
}
#else
static inline void
memory_poison(void *p, size_t len)
{
	(void)p;
	(void)len;
}

static inline void
memory_unpoison(void *p, size_t len)
{
	(void)p;
	(void)len;
}
#endif

#endif
