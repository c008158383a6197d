/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include "data/json_diff.h"

static bool
tell(void *arg, struct str pointer, const struct json_node *was,
    const struct json_node *now)
{
	struct buf *out = arg;

	buf_printf(out, "%.*s %.*s %.*s;", STR_FMT(pointer),
	    STR_FMT(was != NULL ? json_raw(was) : S("-")),
	    STR_FMT(now != NULL ? json_raw(now) : S("-")));
	return out->len < 60;
}

static void
differ(const char *was, const char *now, const char *wanted)
{
	struct json_doc a, b;
	struct buf out;

	json_doc_init(&a);
	json_doc_init(&b);
	buf_init(&out);
	ck_assert_int_eq(json_parse(&a, str_of(was), JSON_GRAMMAR), 0);
	ck_assert_int_eq(json_parse(&b, str_of(now), JSON_GRAMMAR), 0);
	ck_assert_int_eq(json_diff(a.nodes, b.nodes, tell, &out), 0);
	buf_char(&out, '\0');
	ck_assert_str_eq(out.ptr, wanted);
	buf_finish(&out);
	json_doc_finish(&a);
	json_doc_finish(&b);
}

START_TEST(what_is_the_same_is_not_told)
{
	differ("{\"a\":1,\"b\":[1,2]}", "{\"b\":[1.0,2],\"a\":1e0}", "");
}
END_TEST

START_TEST(a_place_is_a_pointer)
{
	differ("{\"a\":{\"b/c~d\":1}}", "{\"a\":{\"b/c~d\":2}}",
	    "/a/b~1c~0d 1 2;");
	differ("{\"a\":[1,2,3]}", "{\"a\":[1,5]}", "/a/1 2 5;/a/2 3 -;");
	differ("{\"a\":1}", "{\"b\":1}", "/a 1 -;/b - 1;");
	differ("[]", "{}", " [] {};");
	differ("{\"\":null}", "{\"\":false}", "/ null false;");
}
END_TEST

START_TEST(enough_is_enough)
{
	differ("[1,2,3,4,5,6,7,8,9,10,11,12]", "[0,0,0,0,0,0,0,0,0,0,0,0]",
	    "/0 1 0;/1 2 0;/2 3 0;/3 4 0;/4 5 0;/5 6 0;/6 7 0;/7 8 0;"
	    "/8 9 0;");
}
END_TEST

START_TEST(one_side_may_be_missing)
{
	struct json_doc a;
	struct buf out;

	json_doc_init(&a);
	buf_init(&out);
	ck_assert_int_eq(json_parse(&a, S("{\"x\":1}"), JSON_GRAMMAR), 0);
	ck_assert_int_eq(json_diff(NULL, a.nodes, tell, &out), 0);
	ck_assert_int_eq(json_diff(NULL, NULL, tell, &out), 0);
	buf_char(&out, '\0');
	ck_assert_str_eq(out.ptr, " - {\"x\":1};");
	buf_finish(&out);
	json_doc_finish(&a);
}
END_TEST

UNIT_MAIN("data/json_diff", what_is_the_same_is_not_told, a_place_is_a_pointer,
    enough_is_enough, one_side_may_be_missing)
