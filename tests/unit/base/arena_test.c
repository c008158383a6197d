/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends at once. */
#include "unit/base/alloc_fail.h"

#include "base/arena.c"

#include "unit/unit.h"

START_TEST(nothing_is_taken_before_the_first_use)
{
	struct arena a;

	arena_init(&a, 0);
	ck_assert_uint_eq(a.total, 0);
	arena_reset(&a);
	arena_finish(&a);
	ck_assert_ptr_null(a.head);
}
END_TEST

START_TEST(blocks_are_aligned_and_apart)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 15, 16, 17, 100, 4000, 5000,
		9000, 100000 };
	unsigned char *at[12 * 20];
	struct arena a;
	size_t n = 0;

	arena_init(&a, 0);
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 12; i++, n++) {
			at[n] = arena_alloc(&a, sizes[i]);
			ck_assert_ptr_nonnull(at[n]);
			ck_assert_uint_eq((uintptr_t)at[n] % ARENA_ALIGN, 0);
			memset(at[n], (int)n, sizes[i]);
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sizes[i % 12]; j++)
			ck_assert_uint_eq(at[i][j], i & 0xFF);
	arena_finish(&a);
}
END_TEST

START_TEST(zalloc_is_zero_also_after_reset)
{
	struct arena a;
	char *p;

	arena_init(&a, 0);
	memset(arena_alloc(&a, 1000), 'x', 1000);
	arena_reset(&a);
	p = arena_zalloc(&a, 1000);
	for (size_t i = 0; i < 1000; i++)
		ck_assert_int_eq(p[i], 0);
	arena_finish(&a);
}
END_TEST

START_TEST(dup_terminates)
{
	struct arena a;
	struct str s;

	arena_init(&a, 0);
	s = arena_dup(&a, S("a\0b"));
	ck_assert_uint_eq(s.len, 3);
	ck_assert_int_eq(s.ptr[3], '\0');
	s = arena_dup(&a, STR_NONE);
	ck_assert_ptr_nonnull(s.ptr);
	ck_assert_str_eq(s.ptr, "");
	arena_finish(&a);
}
END_TEST

START_TEST(reset_keeps_one_ordinary_chunk)
{
	struct arena a;

	arena_init(&a, 0);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
	ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
	arena_reset(&a);
	ck_assert_uint_eq(a.total, CHUNK_SIZE);
	alloc_fail_at = 1;
	ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
	alloc_fail_at = 0;
	arena_finish(&a);

	ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
	arena_reset(&a);
	ck_assert_uint_eq(a.total, 0);
	arena_finish(&a);
}
END_TEST

START_TEST(a_small_one_grows_to_ordinary_chunks)
{
	struct arena a;
	size_t i;

	arena_init_small(&a, 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_uint_eq(a.total, 512);
	ck_assert_ptr_nonnull(arena_alloc(&a, 3000)); /* half of 8192 */
	ck_assert_uint_eq(a.total, 512 + CHUNK_SIZE);
	for (i = 0; i < 10; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 4000));
	ck_assert_uint_eq(a.total, 512 + 6 * CHUNK_SIZE);
	arena_finish(&a);

	arena_init_small(&a, 1000);
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_ptr_nonnull(arena_alloc(&a, 400));
	ck_assert_ptr_null(arena_alloc(&a, 400));
	ck_assert_uint_le(a.total, 1000);
	arena_finish(&a);
}
END_TEST

START_TEST(the_limit_is_sticky_until_reset)
{
	struct arena a;

	arena_init(&a, 20000);
	ck_assert_ptr_nonnull(arena_alloc(&a, 10000));
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_uint_le(a.total, 20000);
	ck_assert_ptr_null(arena_alloc(&a, 10000));
	ck_assert(a.failed);
	ck_assert_ptr_null(arena_alloc(&a, 1));
	ck_assert_ptr_null(arena_zalloc(&a, 1));
	ck_assert_ptr_null(arena_dup(&a, S("x")).ptr);
	arena_reset(&a);
	ck_assert(!a.failed);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1));
	arena_finish(&a);
}
END_TEST

START_TEST(a_limit_below_a_chunk_serves_small_blocks)
{
	struct arena a;

	arena_init(&a, 1000);
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_ptr_null(arena_alloc(&a, 1000));
	ck_assert_uint_le(a.total, 1000);
	arena_finish(&a);
}
END_TEST

START_TEST(absurd_sizes_fail)
{
	struct arena a;

	arena_init(&a, 0);
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	arena_reset(&a);
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));
	arena_reset(&a);
	ck_assert_ptr_null(arena_dup(&a, (struct str){ "", SIZE_MAX }).ptr);
	arena_finish(&a);
}
END_TEST

START_TEST(each_failing_allocation_is_reported)
{
	static const size_t sizes[] = { 10, 5000, 8000, 4000, 100000 };

	for (int nth = 1; nth <= 5; nth++) {
		struct arena a;
		bool whole = true;

		arena_init(&a, 0);
		alloc_fail_at = nth;
		for (size_t i = 0; i < 5; i++)
			whole = arena_alloc(&a, sizes[i]) != NULL && whole;
		alloc_fail_at = 0;
		ck_assert_int_eq(whole, !a.failed);
		ck_assert_int_eq(whole, nth > 4);
		arena_finish(&a);
	}
}
END_TEST

UNIT_MAIN("base/arena", nothing_is_taken_before_the_first_use,
    blocks_are_aligned_and_apart, zalloc_is_zero_also_after_reset,
    dup_terminates, reset_keeps_one_ordinary_chunk,
    a_small_one_grows_to_ordinary_chunks, the_limit_is_sticky_until_reset,
    a_limit_below_a_chunk_serves_small_blocks, absurd_sizes_fail,
    each_failing_allocation_is_reported)
