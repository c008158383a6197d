/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation fails once: an error comes back, and the next try works. */
#include "data/json.h"
#include "data/json_tree.h"

#include "base/err.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

static struct buf text;

static void
make_text(void)
{
	buf_cstr(&text, "{\"s\":\"\\n\"");
	for (int i = 0; i < 300; i++)
		buf_printf(&text, ",\"k%d\":[%d,\"\\u00e9\"]", i, i);
	buf_char(&text, '}');
}

START_TEST(parsing_survives_each_failed_allocation)
{
	struct json_doc doc;
	long n = 0;
	int rc;

	make_text();
	json_doc_init(&doc);
	do {
		json_doc_finish(&doc);
		alloc_left = n++;
		rc = json_parse(&doc, buf_view(&text), JSON_PROTOCOL);
		alloc_left = -1;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
		if (rc != 0) {
			ck_assert_int_eq(doc.fault, JSON_NOMEM);
			ck_assert_uint_eq(doc.len, 0);
			rc = json_parse(&doc, buf_view(&text), JSON_PROTOCOL);
			ck_assert_int_eq(rc, 0);
			rc = ERR_NOMEM;
		}
	} while (rc != 0);
	ck_assert_int_ge(n, ALLOC_WORKS ? 8 : 1);
	json_doc_finish(&doc);
	buf_finish(&text);
}
END_TEST

START_TEST(sameness_needs_no_memory)
{
	struct buf other;
	struct json_doc a, b;

	make_text();
	buf_init(&other);
	buf_cstr(&other, "{");
	for (int i = 299; i >= 0; i--)
		buf_printf(&other, "\"k%d\":[%d,\"\xc3\xa9\"],", i, i);
	buf_cstr(&other, "\"s\":\"\\u000a\"}");
	json_doc_init(&a);
	json_doc_init(&b);
	ck_assert_int_eq(json_parse(&a, buf_view(&text), JSON_PROTOCOL), 0);
	ck_assert_int_eq(json_parse(&b, buf_view(&other), JSON_PROTOCOL), 0);
	alloc_left = 0;
	ck_assert(json_same(a.nodes, b.nodes));
	alloc_left = -1;
	json_doc_finish(&a);
	json_doc_finish(&b);
	buf_finish(&other);
	buf_finish(&text);
}
END_TEST

static int
build_and_print(struct json_doc *doc, struct buf *out)
{
	struct cJSON *t = json_tree_of(doc->nodes);
	int rc;

	if (t == NULL)
		return ERR_NOMEM;
	rc = json_tree_set(t, S("new"), json_tree_str(S("value")));
	if (rc == 0)
		rc = json_tree_set(t, S("s"), json_tree_bool(false));
	if (rc == 0)
		rc = json_tree_print_pretty(t, out);
	json_tree_destroy(t);
	return rc;
}

START_TEST(trees_survive_each_failed_allocation)
{
	struct json_doc doc;
	struct buf out;
	long n = 0;
	int rc;

	json_doc_init(&doc);
	ck_assert_int_eq(
	    json_parse(
		&doc, S("{\"s\":\"x\",\"a\":[1,{\"b\":[]}]}"), JSON_PROTOCOL),
	    0);
	do {
		buf_init(&out);
		alloc_left = n++;
		rc = build_and_print(&doc, &out);
		alloc_left = -1;
		ck_assert(rc == 0 || rc == ERR_NOMEM);
		buf_finish(&out);
	} while (rc != 0);
	ck_assert_int_ge(n, ALLOC_WORKS ? 20 : 1);
	json_doc_finish(&doc);
}
END_TEST

UNIT_MAIN("data/json (memory)", parsing_survives_each_failed_allocation,
    sameness_needs_no_memory, trees_survive_each_failed_allocation)
