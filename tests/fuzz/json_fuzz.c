/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON: both modes, every node through every accessor, written
 * out and read again as the same value. */
#include "data/json.h"

#include <stdlib.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
visit(const struct json_node *n)
{
	int64_t whole;
	double d;

	CHECK(json_raw(n).len > 0);
	CHECK(json_end(n) >= json_first(n));
	if (json_i64(n, &whole) == 0)
		CHECK(json_double(n, &d) == 0);
	CHECK(str_is_utf8(json_str(n)));
	CHECK(json_at(n, json_count(n)) == NULL);
}

/* By way of the decoded values, not of the raw text. */
static void
write_node(const struct json_node *n, struct buf *out)
{
	size_t i = 0;

	visit(n);
	switch (json_type(n)) {
	case JSON_STRING:
		CHECK(json_write_str(out, json_str(n)) == 0);
		break;
	case JSON_ARRAY:
		buf_char(out, '[');
		JSON_EACH_ELEMENT (v, n) {
			if (i++ > 0)
				buf_char(out, ',');
			write_node(v, out);
		}
		CHECK(i == json_count(n));
		buf_char(out, ']');
		break;
	case JSON_OBJECT:
		buf_char(out, '{');
		JSON_EACH_MEMBER (k, v, n) {
			if (i++ > 0)
				buf_char(out, ',');
			CHECK(json_write_str(out, json_str(k)) == 0);
			buf_char(out, ':');
			CHECK(json_get(n, json_str(k)) != NULL);
			write_node(v, out);
		}
		CHECK(i == json_count(n));
		buf_char(out, '}');
		break;
	default:
		buf_str(out, json_raw(n));
	}
}

static void
check_round_trip(const struct json_node *n, enum json_mode mode)
{
	struct json_doc again;
	struct buf out;

	json_doc_init(&again);
	buf_init(&out);
	write_node(n, &out);
	CHECK(json_parse(&again, buf_view(&out), mode) == 0);
	CHECK(again.nodes[0].span == n->span);
	if (mode == JSON_PROTOCOL) {
		CHECK(json_same(n, again.nodes));
		CHECK(json_hash(n) == json_hash(again.nodes));
	}
	buf_finish(&out);
	json_doc_finish(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct json_doc doc;
	struct buf sentence;

	json_doc_init(&doc);
	buf_init(&sentence);
	for (int mode = JSON_GRAMMAR; mode <= JSON_PROTOCOL; mode++) {
		int rc = json_parse(&doc, text, (enum json_mode)mode);

		CHECK((rc == 0) == (doc.fault == JSON_OK));
		CHECK(doc.fault_at <= size);
		json_fault_text(&doc, text, &sentence);
		if (rc == 0)
			check_round_trip(doc.nodes, (enum json_mode)mode);
	}
	buf_finish(&sentence);
	json_doc_finish(&doc);
	return 0;
}
