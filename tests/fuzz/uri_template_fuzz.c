/* SPDX-License-Identifier: Apache-2.0 */
/* A template, a URI and variables, a line each: matching is linear, what it
 * finds is text, and what was expanded is accepted as URI syntax. */
#include "registry/uri_template.h"

#include "base/check.h"
#include "data/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
match(const struct uri_template *t, struct str uri)
{
	struct uri_match m;
	struct arena arena;
	size_t width = uri_template_text(t).len * 4 + 8;

	arena_init(&arena, 0);
	if (uri_template_match(t, uri, &arena, &m) == 0)
		for (size_t i = 0; i < m.len; i++) {
			CHECK(m.values[i].name.len > 0);
			CHECK(str_is_utf8(m.values[i].value));
		}
	CHECK(m.steps <= (uri.len + 2) * width);
	arena_finish(&arena);
}

static void
expand(const struct uri_template *t, struct str json)
{
	struct json_doc doc;
	struct buf out;

	json_doc_init(&doc);
	buf_init(&out);
	if (json_parse(&doc, json, JSON_PROTOCOL) == 0
	    && uri_template_expand(t, doc.nodes, &out, NULL) == 0) {
		CHECK(out.len <= URI_TEMPLATE_URI_MAX);
		for (size_t i = 0; i < out.len; i++) {
			unsigned char c = (unsigned char)out.ptr[i];

			CHECK(c == '%' || uri_is_unreserved(c)
			    || uri_is_reserved(c));
		}
		match(t, buf_view(&out));
	}
	buf_finish(&out);
	json_doc_finish(&doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest, json,
	    template = str_split(
		(struct str){ (const char *)data, size }, '\n', &rest);
	struct str uri = str_split(rest, '\n', &json);
	struct uri_template *t = uri_template_compile(template, NULL);
	struct buf out;

	buf_init(&out);
	CHECK(uri_resolve(template, uri, &out) == 0);
	if (uri_is_valid(uri))
		CHECK(uri_scheme(uri).len > 0 && uri_is_reference(uri));
	buf_finish(&out);
	if (t == NULL)
		return 0;
	(void)uri_template_variables(t);
	match(t, uri);
	expand(t, json);
	uri_template_destroy(t);
	return 0;
}
