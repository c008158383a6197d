/* SPDX-License-Identifier: Apache-2.0 */
/* The intrusive list and the count. */
#include "base/list.h"

#include "base/ref.h"

#include "unit/unit.h"

struct item {
	int n;
	struct list node;
};

START_TEST(push_keeps_the_order)
{
	struct item items[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };
	struct list l;
	int next = 0;

	list_init(&l);
	ck_assert(list_is_empty(&l));
	for (int i = 0; i < 3; i++)
		list_push(&l, &items[i].node);
	LIST_EACH (it, &l)
		ck_assert_int_eq(LIST_OBJ(it, struct item, node)->n, next++);
	ck_assert_int_eq(next, 3);
}
END_TEST

START_TEST(drop_while_walking)
{
	struct item items[4];
	struct list l;
	int left = 0;

	list_init(&l);
	for (int i = 0; i < 4; i++) {
		items[i].n = i;
		list_push(&l, &items[i].node);
	}
	LIST_EACH_SAFE (it, &l)
		if (LIST_OBJ(it, struct item, node)->n % 2 == 0)
			list_drop(it);
	LIST_EACH (it, &l)
		left += LIST_OBJ(it, struct item, node)->n;
	ck_assert_int_eq(left, 1 + 3);
	list_drop(&items[0].node);
	LIST_EACH_SAFE (it, &l)
		list_drop(it);
	ck_assert(list_is_empty(&l));
}
END_TEST

START_TEST(the_last_reference_is_told)
{
	struct ref r;

	ref_init(&r);
	ref_take(&r);
	ck_assert(!ref_drop(&r));
	ck_assert(ref_drop(&r));
}
END_TEST

UNIT_MAIN("base/list", push_keeps_the_order, drop_while_walking,
    the_last_reference_is_told)
