/* SPDX-License-Identifier: Apache-2.0 */
/* Mirrored fields: HTM-05 to HTM-07, XHD-06 to XHD-10. */
#include <string.h>

#include "mcp/mcp_priv.h"
#include "unit/unit.h"

struct decode_case {
	const char *value;
	const char *text; /* NULL: refused */
};

static const struct decode_case decodes[] = {
	{ "echo", "echo" },
	{ "", "" },
	{ "a\tb", "a\tb" },
	{ "=?base64?SGVsbG8=?=", "Hello" },
	{ "=?base64?"
	  "?=",
	    "" },
	{ "=?base64?S8O2bG4=?=", "K\xc3\xb6ln" },
	/* without both markers, or spelt otherwise: literals */
	{ "=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?=" },
	{ "=?base64?SGVsbG8=", "=?base64?SGVsbG8=" },
	{ "SGVsbG8=?=", "SGVsbG8=?=" },
	{ "SGVsbG8=", "SGVsbG8=" },
	/* bad base64: HTM-06 */
	{ "=?base64?SGVsbG8?=", NULL },
	{ "=?base64?SGVs!!!bG8=?=", NULL },
	{ "=?base64?SGVsbG9=?=", NULL }, /* bits left over */
	{ "=?base64?=AAA?=", NULL },
	{ "=?base64?A===?=", NULL },
	{ "=?base64?/w==?=", NULL }, /* not UTF-8 */
	/* HTM-07 */
	{ "K\xc3\xb6ln", NULL },
	{ "a\x01z", NULL },
	{ "a\x7fz", NULL },
};

START_TEST(the_sentinel_form_is_decoded_strictly)
{
	size_t i;

	for (i = 0; i < sizeof decodes / sizeof decodes[0]; i++) {
		struct buf out;
		int rc;

		buf_init(&out);
		rc = mcp_header_decode(str_of(decodes[i].value), &out);
		ck_assert_msg((rc == 0) == (decodes[i].text != NULL), "%s",
		    decodes[i].value);
		if (rc == 0)
			ck_assert_msg(
			    str_equal(buf_view(&out), str_of(decodes[i].text)),
			    "%s", decodes[i].value);
		buf_finish(&out);
	}
}
END_TEST

static bool
field(void *arg, struct str name, struct str *value)
{
	const char *text = arg;

	ck_assert(str_equal(name, S("Mcp-Param-X")));
	*value = str_of(text);
	return text != NULL;
}

struct mirror_case {
	enum registry_mirror_type type;
	const char *args;
	const char *header; /* NULL: absent */
	bool fits;
};

static const struct mirror_case mirrors[] = {
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":\"eu\"}}", "eu", true },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":\"eu\"}}", "us", false },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":\"eu\"}}", NULL, false },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":\"eu\"}}", "EU", false },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":\"Hello\"}}",
	    "=?base64?SGVsbG8=?=", true },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":\"Hello\"}}",
	    "=?base64?SGVsbG8?=", false },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{}}", NULL, true },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":null}}", NULL, true },
	{ REGISTRY_MIRROR_STRING, "{\"o\":{\"x\":null}}", "null", false },
	{ REGISTRY_MIRROR_STRING, "{}", "eu", false },
	{ REGISTRY_MIRROR_INTEGER, "{\"o\":{\"x\":42}}", "42", true },
	{ REGISTRY_MIRROR_INTEGER, "{\"o\":{\"x\":42}}", "42.0", true },
	{ REGISTRY_MIRROR_INTEGER, "{\"o\":{\"x\":42}}", "43", false },
	{ REGISTRY_MIRROR_INTEGER, "{\"o\":{\"x\":42}}", "\"42\"", false },
	{ REGISTRY_MIRROR_BOOLEAN, "{\"o\":{\"x\":true}}", "true", true },
	{ REGISTRY_MIRROR_BOOLEAN, "{\"o\":{\"x\":true}}", "1", false },
};

START_TEST(mirrors_repeat_the_argument_at_their_path)
{
	static struct str path[] = { STR("o"), STR("x") };
	struct registry_mirror mirror = {
		.header = STR("Mcp-Param-X"), .path = path, .path_len = 2
	};
	struct registry_entry e = { .mirrors = &mirror, .mirrors_len = 1 };
	struct mcp_headers headers = { .field = field };
	size_t i;

	for (i = 0; i < sizeof mirrors / sizeof mirrors[0]; i++) {
		struct json_doc doc;
		struct err err;

		json_doc_init(&doc);
		ck_assert_int_eq(
		    json_parse(&doc, str_of(mirrors[i].args), JSON_PROTOCOL),
		    0);
		mirror.type = mirrors[i].type;
		headers.arg = (void *)(uintptr_t)mirrors[i].header;
		ck_assert_msg(
		    (mcp_mirrors_check(&e, doc.nodes, &headers, &err) == 0)
			== mirrors[i].fits,
		    "%s with %s", mirrors[i].args,
		    mirrors[i].header != NULL ? mirrors[i].header : "none");
		json_doc_finish(&doc);
	}
}
END_TEST

START_TEST(revisions_are_dates_and_later_ones_are_modern) /* ERA-05 */
{
	ck_assert_int_eq(mcp_revision_find(S("2025-03-26")), MCP_2025_03_26);
	ck_assert_int_eq(mcp_revision_find(S("2025-03-27")), -1);
	ck_assert(mcp_version_is_modern(S("2026-07-28")));
	ck_assert(mcp_version_is_modern(S("2099-01-01")));
	ck_assert(!mcp_version_is_modern(S("2025-11-25")));
	ck_assert(!mcp_version_is_modern(S("v999.0.0")));
	ck_assert(!mcp_version_is_modern(S("9999-aa-bb")));
	ck_assert(!mcp_version_is_modern(S("")));
}
END_TEST

UNIT_MAIN("mcp/header", the_sentinel_form_is_decoded_strictly,
    mirrors_repeat_the_argument_at_their_path,
    revisions_are_dates_and_later_ones_are_modern)
