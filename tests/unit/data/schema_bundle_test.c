/* SPDX-License-Identifier: Apache-2.0 */
/* Several documents become one that says the same: judged by what both accept,
 * and by how the references read. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "data/schema.h"

#include "unit/unit.h"

static const struct schema_document plain[] = {
	{ STR("t:/w/common/place.json"),
	    STR("{\"$defs\":{\"street name\":{\"type\":\"string\",\"minLength\":"
		"2},\"list\":{\"type\":\"array\",\"items\":{\"$ref\":"
		"\"#/$defs/street%20name\"}}},"
		"\"anyOf\":[{\"$ref\":\"../a.json\"},{\"$ref\":"
		"\"#/$defs/list\"}]}") },
	{ STR("t:/w/a.json"),
	    STR("{\"$id\":\"https://x.example/a.json\",\"type\":\"object\","
		"\"properties\":{\"again\":{\"$ref\":\"#\"}},"
		"\"additionalProperties\":false}") },
};

static const struct schema_document named[] = {
	{ STR("t:/w/tree.json"),
	    STR("{\"$anchor\":\"tree\",\"$dynamicAnchor\":\"node\",\"type\":"
		"\"object\",\"properties\":{\"leaf\":true,\"kids\":{\"items\":"
		"{\"$dynamicRef\":\"#node\"}}}}") },
};

static struct schema *
compile(const char *json, const struct schema_document *documents, size_t len)
{
	struct schema_options o = { .base_uri = S("t:/w/"),
		.documents = documents,
		.documents_len = len };
	struct err err = { 0, "" };
	struct schema *s = schema_compile(str_of(json), &o, NULL, &err);

	ck_assert_msg(s != NULL, "%s", err.text);
	return s;
}

static bool
accepts(const struct schema *s, const char *json)
{
	struct json_doc doc;
	bool valid;

	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, str_of(json), JSON_PROTOCOL), 0);
	valid = schema_validate(s, doc.nodes, NULL);
	json_doc_finish(&doc);
	return valid;
}

/* Bundles, compiles that alone, and puts both before each value: "+.." must be
 * accepted, "-.." must not.  The text must hold want. */
static void
same(const char *json, const struct schema_document *documents, size_t len,
    const char *want, const char *const *values)
{
	struct schema *s = compile(json, documents, len), *alone;
	struct err err = { 0, "" };
	struct buf text;

	buf_init(&text);
	ck_assert_int_eq(schema_bundle(s, &text, NULL, &err), 0);
	alone = schema_compile(buf_view(&text), NULL, NULL, &err);
	ck_assert_msg(
	    alone != NULL, "%s: %.*s", err.text, STR_FMT(buf_view(&text)));
	buf_char(&text, '\0');
	ck_assert_msg(strstr(text.ptr, want) != NULL, "%s", text.ptr);
	for (; *values != NULL; values++) {
		bool valid = **values == '+';

		ck_assert_msg(accepts(s, *values + 1) == valid, "%s", *values);
		ck_assert_msg(accepts(alone, *values + 1) == valid, "%s by %s",
		    *values, text.ptr);
	}
	buf_finish(&text);
	schema_destroy(alone);
	schema_destroy(s);
}

START_TEST(a_schema_that_stands_alone_is_not_touched)
{
	static const char json[] =
	    "{ \"$id\": \"x\",\"properties\":{\"$ref\":{\"$ref\":\"#/$defs/a\"},"
	    "\"m\":{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}},"
	    "\n\"$defs\":{\"a\":{\"const\":{\"$ref\":\"#/nowhere\"}}}}";

	same(json, NULL, 0, json,
	    (const char *const[]){ "+{\"m\":{\"type\":\"string\"}}",
		"-{\"m\":{\"type\":\"strin\"}}", NULL });
}
END_TEST

START_TEST(references_become_pointers)
{
	static const char *const values[] = { "+{\"a\":\"xy\"}",
		"-{\"a\":\"x\"}", "+{\"b\":{\"again\":{}}}",
		"-{\"b\":{\"again\":{\"b\":1}}}", "+{\"c\":[\"xy\"]}",
		"-{\"c\":[\"x\"]}", NULL };

	same("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":"
	     "\"common/place.json#/$defs/street%20name\"},\"b\":{\"$ref\":"
	     "\"a.json\"},\"c\":{\"$ref\":"
	     "\"common/place.json\"}},"
	     "\"$defs\":{\"place\":{\"const\":1}}}",
	    plain, 2, "\"#/$defs/place_2/$defs/street%20name\"", values);
}
END_TEST

START_TEST(names_inside_keep_their_documents_apart)
{
	same("{\"properties\":{\"a\":{\"$ref\":\"tree.json#tree\"},"
	     "\"b\":{\"$anchor\":\"tree\",\"type\":\"null\"},"
	     "\"c\":{\"$ref\":\"#tree\"}}}",
	    named, 1, "{\"$id\":\"t:/w/tree.json\",\"$anchor\":\"tree\"",
	    (const char *const[]){ "+{\"a\":{\"kids\":[{\"kids\":[]}]}}",
		"-{\"a\":{\"kids\":[{\"kids\":[1]}]}}", "+{\"c\":null}",
		"-{\"c\":{}}", NULL });
	/* The tree of the caller is stricter at each level. */
	same("{\"$id\":\"strict\",\"$dynamicAnchor\":\"node\",\"$ref\":"
	     "\"tree.json\",\"unevaluatedProperties\":false}",
	    named, 1, "{\"$id\":\"t:/w/strict\"",
	    (const char *const[]){ "+{\"kids\":[{\"leaf\":1}]}",
		"-{\"kids\":[{\"laef\":1}]}", NULL });
}
END_TEST

START_TEST(draft_07_uses_its_own_word)
{
	static const struct schema_document d[] = {
		{ STR("t:/w/a.json"),
		    STR("{\"$ref\":\"#/definitions/x\",\"definitions\":{\"x\":"
			"{\"items\":[{\"type\":\"null\"},{\"$ref\":\"b.json\"}]}}}") },
		{ STR("t:/w/b.json"),
		    STR("{\"$schema\":\"http://json-schema.org/draft-07/schema\","
			"\"enum\":[1,{\"$ref\":\"a.json\"}]}") }
	};

	same("{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
	     "\"properties\":{\"a\":{\"$ref\":\"a.json\"}}}",
	    d, 2, "{\"$ref\":\"#/definitions/a\"}",
	    (const char *const[]){ "+{\"a\":[null,1]}",
		"+{\"a\":[null,{\"$ref\":\"a.json\"}]}", "-{\"a\":[null,2]}",
		"-{\"a\":[1]}", NULL });
}
END_TEST

START_TEST(documents_may_refer_to_each_other_in_a_ring)
{
	static const struct schema_document d[] = {
		{ STR("t:/w/a.json"),
		    STR("{\"properties\":{\"b\":{\"$ref\":\"b.json\"}},"
			"\"type\":\"object\"}") },
		{ STR("t:/w/b.json"),
		    STR("{\"properties\":{\"a\":{\"$ref\":\"a.json\"},"
			"\"top\":{\"$ref\":\"main\"}},\"type\":\"object\"}") }
	};

	same("{\"$id\":\"main\",\"properties\":{\"a\":{\"$ref\":\"a.json\"}},"
	     "\"required\":[\"a\"]}",
	    d, 2, "\"top\":{\"$ref\":\"#\"}",
	    (const char *const[]){ "+{\"a\":{\"b\":{\"a\":{\"b\":{}}}}}",
		"-{\"a\":{\"b\":{\"a\":{\"b\":1}}}}",
		"+{\"a\":{\"b\":{\"top\":{\"a\":{}}}}}",
		"-{\"a\":{\"b\":{\"top\":{}}}}", NULL });
}
END_TEST

START_TEST(a_document_of_another_dialect_is_refused_where_it_is_named)
{
	static const struct schema_document d[] = {
		{ STR("t:/w/a.json"),
		    STR("{\"properties\":{\"b\":{\"$ref\":\"b.json\"}}}") },
		{ STR("t:/w/b.json"),
		    STR("{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
			"\"type\":\"object\"}") }
	};
	struct schema *s = compile("{\"items\":{\"$ref\":\"a.json\"}}", d, 2);
	struct err err = { 0, "" };
	struct buf text, pointer;

	buf_init(&text);
	buf_init(&pointer);
	ck_assert_int_eq(
	    schema_bundle(s, &text, &pointer, &err), ERR_UNSUPPORTED);
	ck_assert(
	    str_equal(buf_view(&pointer), S("t:/w/a.json#/properties/b/$ref")));
	ck_assert_ptr_nonnull(strstr(err.text, "of another dialect"));
	ck_assert_uint_eq(text.len, 0);
	buf_finish(&pointer);
	buf_finish(&text);
	schema_destroy(s);
}
END_TEST

UNIT_MAIN("data/schema_bundle", a_schema_that_stands_alone_is_not_touched,
    references_become_pointers, names_inside_keep_their_documents_apart,
    draft_07_uses_its_own_word, documents_may_refer_to_each_other_in_a_ring,
    a_document_of_another_dialect_is_refused_where_it_is_named)
