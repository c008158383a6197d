/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json_canonical.h"

#include "base/check.h"
#include "unit/unit.h"

static void
expect(const char *text, const char *want)
{
	struct json_doc doc;
	struct buf out;

	json_doc_init(&doc);
	buf_init(&out);
	ck_assert_int_eq(json_parse(&doc, str_of(text), JSON_PROTOCOL), 0);
	ck_assert_int_eq(json_write_canonical(&out, doc.nodes), 0);
	ck_assert_msg(str_equal(buf_view(&out), str_of(want)), "%.*s",
	    STR_FMT(buf_view(&out)));
	buf_finish(&out);
	json_doc_finish(&doc);
}

START_TEST(order_space_and_escapes_do_not_matter)
{
	expect(" { \"b\" : [ 1 , 2.50, [] ] , \"a\":{\"z\":null,\"\":true} } ",
	    "{\"a\":{\"\":true,\"z\":null},\"b\":[1,2.50,[]]}");
	expect("{\"\\u0061b\":\"\\u00e4\\/\",\"aa\":\"\\u000a\"}",
	    "{\"aa\":\"\\n\",\"ab\":\"\xc3\xa4/\"}");
	expect("{}", "{}");
	expect("-0.0e1", "-0.0e1");
	expect("false", "false");
}
END_TEST

START_TEST(nothing_is_null)
{
	struct buf out;

	buf_init(&out);
	ck_assert_int_eq(json_write_canonical(&out, NULL), 0);
	ck_assert(str_equal(buf_view(&out), S("null")));
	buf_finish(&out);
}
END_TEST

UNIT_MAIN("data/json_canonical", order_space_and_escapes_do_not_matter,
    nothing_is_null)
