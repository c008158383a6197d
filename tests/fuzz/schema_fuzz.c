/* SPDX-License-Identifier: Apache-2.0 */
/* A schema in the first line, a value in the rest: whatever they are, the
 * engine ends, and says the same with a report as without. */
#include "data/schema.h"

#include "base/check.h"
#include "schema_fully.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema_document documents[] = {
	{ STR("x:a"),
	    STR("{\"$dynamicAnchor\":\"n\",\"$anchor\":\"m\","
		"\"items\":{\"$dynamicRef\":\"#n\"}}") },
	{ STR("x:b"),
	    STR("{\"$schema\":\"http://json-schema.org/draft-07/"
		"schema#\",\"items\":[{\"$ref\":\"x:a\"}]}") },
};

static void
check_report(const struct schema_report *r)
{
	struct buf out;

	buf_init(&out);
	CHECK(r->len <= SCHEMA_FAULTS_MAX);
	CHECK(r->len > 0 || r->more);
	for (size_t i = 0; i < r->len; i++) {
		CHECK(r->faults[i].keyword != NULL);
		CHECK(r->faults[i].message.len > 0);
		CHECK(r->faults[i].pointer.len == 0
		    || r->faults[i].pointer.ptr[0] == '/');
		CHECK(str_is_utf8(r->faults[i].message));
	}
	schema_report_print(r, &out);
	CHECK(out.len > 0);
	buf_finish(&out);
}

static void
validate(const struct schema *s, struct str json)
{
	struct schema_report report;
	struct json_doc doc;
	bool valid;

	json_doc_init(&doc);
	schema_report_init(&report);
	if (json_parse(&doc, json, JSON_PROTOCOL) == 0) {
		valid = schema_valid_twice(s, doc.nodes);
		CHECK(schema_validate(s, doc.nodes, &report) == valid);
		if (!valid)
			check_report(&report);
	}
	schema_report_finish(&report);
	json_doc_finish(&doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str json,
	    schema = str_split(
		(struct str){ (const char *)data, size }, '\n', &json);
	const struct schema_options options = { .assert_format = size % 2 == 0,
		.documents = documents,
		.documents_len = ARRAY_LEN(documents) };
	struct err err = { 0 };
	struct buf pointer;
	struct schema *s;

	buf_init(&pointer);
	s = schema_compile(schema, &options, &pointer, &err);
	CHECK(s != NULL || (err.code < 0 && err.text[0] != '\0'));
	if (s != NULL)
		validate(s, json);
	schema_destroy(s);
	buf_finish(&pointer);
	return 0;
}
