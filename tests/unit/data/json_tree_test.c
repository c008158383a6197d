/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json_tree.h"

#include "base/err.h"
#include "unit/unit.h"

static struct buf out;

static bool
prints(const struct cJSON *t, const char *want)
{
	bool equal;

	buf_clear(&out);
	ck_assert_int_eq(json_tree_print(t, &out), 0);
	equal = str_equal(buf_view(&out), str_of(want));
	buf_finish(&out);
	return equal;
}

START_TEST(trees_are_built_and_printed)
{
	struct cJSON *t = json_tree_object(), *list = json_tree_array();

	ck_assert_int_eq(json_tree_add(list, json_tree_bool(true)), 0);
	ck_assert_int_eq(json_tree_add(list, json_tree_null()), 0);
	ck_assert_int_eq(json_tree_add(list, json_tree_str(S("x\"\0y"))), 0);
	ck_assert_int_eq(json_tree_set(t, S("list"), list), 0);
	ck_assert_int_eq(
	    json_tree_set(t, S("big"), json_tree_raw(S("9007199254740993"))),
	    0);
	ck_assert(prints(t,
	    "{\"list\":[true,null,\"x\\\"\\u0000y\"],"
	    "\"big\":9007199254740993}"));
	json_tree_destroy(t);
}
END_TEST

START_TEST(keys_keep_their_case_and_are_replaced)
{
	struct cJSON *t = json_tree_object();

	ck_assert_int_eq(json_tree_set(t, S("a"), json_tree_raw(S("1"))), 0);
	ck_assert_int_eq(json_tree_set(t, S("A"), json_tree_raw(S("2"))), 0);
	ck_assert_int_eq(json_tree_set(t, S("a"), json_tree_raw(S("3"))), 0);
	ck_assert(prints(t, "{\"a\":3,\"A\":2}"));
	ck_assert_ptr_nonnull(json_tree_get(t, S("A")));
	ck_assert_ptr_null(json_tree_get(t, S("aa")));
	ck_assert_ptr_null(json_tree_get(NULL, S("a")));
	json_tree_destroy(t);
}
END_TEST

START_TEST(wrong_use_is_an_error)
{
	struct cJSON *t = json_tree_object();

	ck_assert_int_eq(json_tree_set(t, S("a"), NULL), ERR_NOMEM);
	ck_assert_int_eq(json_tree_add(t, json_tree_null()), ERR_PARAMS);
	ck_assert_int_eq(json_tree_add(t, NULL), ERR_NOMEM);
	ck_assert_int_eq(
	    json_tree_set(t, S("a\0b"), json_tree_null()), ERR_SYNTAX);
	ck_assert_int_eq(
	    json_tree_set(t, S("\xff"), json_tree_null()), ERR_SYNTAX);
	ck_assert_ptr_null(json_tree_str(S("\xff")));
	ck_assert_ptr_null(json_tree_of(NULL));
	ck_assert(prints(t, "{}"));
	json_tree_destroy(t);
	json_tree_destroy(NULL);
}
END_TEST

START_TEST(parsed_nodes_keep_their_text)
{
	struct str text = STR("{\"n\":1.50e+400,\"s\":\"\\u0000\\u00e9\","
			      "\"a\":[9007199254740993,{}],\"e\":[]}");
	struct json_doc doc;
	struct cJSON *t;

	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, text, JSON_PROTOCOL), 0);
	t = json_tree_of(doc.nodes);
	json_doc_finish(&doc);
	ck_assert(prints(t, text.ptr));
	json_tree_destroy(t);
}
END_TEST

START_TEST(raw_text_is_printed_compact)
{
	struct cJSON *t =
	    json_tree_raw(S("{ \"a b\" : [ 1 ,\n\t\"x \\\" y\" ] }"));

	ck_assert(prints(t, "{\"a b\":[1,\"x \\\" y\"]}"));
	json_tree_destroy(t);
}
END_TEST

START_TEST(people_get_two_spaces)
{
	struct cJSON *t = json_tree_object();

	ck_assert_int_eq(
	    json_tree_set(t, S("a"), json_tree_raw(S("[1,{\"b\":[]}]"))), 0);
	ck_assert_int_eq(json_tree_set(t, S("c"), json_tree_str(S("d"))), 0);
	ck_assert_int_eq(json_tree_print_pretty(t, &out), 0);
	ck_assert(str_equal(buf_view(&out),
	    S("{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n"
	      "  \"c\": \"d\"\n}")));
	buf_finish(&out);
	json_tree_destroy(t);
}
END_TEST

UNIT_MAIN("data/json_tree", trees_are_built_and_printed,
    keys_keep_their_case_and_are_replaced, wrong_use_is_an_error,
    parsed_nodes_keep_their_text, raw_text_is_printed_compact,
    people_get_two_spaces)
