/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions that stay on in production, and type tags for objects that pass
 * through a void pointer.  What a peer can send must never reach a CHECK. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define THREAD_LOCAL _Thread_local

/* [any] Reports the place and the panic scope, then abort(). */
_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(cond_) \
	((cond_) ? (void)0 : check_failed(__FILE__, __LINE__, #cond_))
#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

/* An object begins with 'uint32_t magic'. */
#define OBJ_INIT(obj_, magic_) ((void)((obj_)->magic = (magic_)))
#define OBJ_CHECK(obj_, magic_) CHECK((obj_)->magic == (magic_))
/* Wiped at the end, so that a late use is seen. */
#define OBJ_WIPE(obj_) ((void)((obj_)->magic = 0))
#define OBJ_CAST(ptr_, type_, magic_) \
	((type_ *)check_magic((ptr_), (magic_), __FILE__, __LINE__))

void *check_magic(void *obj, uint32_t magic, const char *file, int line);

#define CONTAINER_OF(ptr_, type_, member_) \
	((type_ *)(void *)((char *)(ptr_)-offsetof(type_, member_)))
#define ARRAY_LEN(a_) (sizeof(a_) / sizeof((a_)[0]))

#endif
