/* SPDX-License-Identifier: Apache-2.0 */
/* What lists say of an entry in each revision (TOOL-05, TOOL-08, RSRC-02,
 * RSRC-17, PROM-02, META-12; the downgrade rules of the version matrix). */
#include "mcp/mcp.h"

#include "unit/unit.h"

static void
says(const struct registry_entry *e, enum mcp_revision r, const char *text)
{
	struct buf out;

	buf_init(&out);
	mcp_describe(e, (unsigned)r, &out);
	ck_assert(!out.failed);
	buf_char(&out, '\0');
	ck_assert_str_eq(out.ptr, text);
	buf_finish(&out);
}

#define INPUT "{\"type\":\"object\"}"
#define ICONS "[{\"src\":\"data:,x\"}]"

START_TEST(a_tool_gains_members_with_the_revisions)
{
	static const struct registry_entry e = {
		.kind = REGISTRY_TOOL,
		.name = STR("t"),
		.title = STR("Title"),
		.description = STR("What \"it\" does"),
		.input_schema = STR(INPUT),
		.output_schema = STR(INPUT),
		.output_is_object = true,
		.annotations = STR("{\"readOnlyHint\":true}"),
		.icons = STR(ICONS),
		.meta = STR("{\"a/b\":1}"),
	};
#define DESCRIPTION "\"description\":\"What \\\"it\\\" does\""

	says(&e, MCP_2024_11_05,
	    "{\"name\":\"t\"," DESCRIPTION ",\"inputSchema\":" INPUT "}");
	says(&e, MCP_2025_03_26,
	    "{\"name\":\"t\"," DESCRIPTION ",\"inputSchema\":" INPUT
	    ",\"annotations\":{\"readOnlyHint\":true}}");
	says(&e, MCP_2025_06_18,
	    "{\"name\":\"t\",\"title\":\"Title\"," DESCRIPTION
	    ",\"inputSchema\":" INPUT ",\"outputSchema\":" INPUT
	    ",\"annotations\":{\"readOnlyHint\":true},\"_meta\":{\"a/b\":1}}");
	says(&e, MCP_2025_11_25,
	    "{\"name\":\"t\",\"title\":\"Title\"," DESCRIPTION
	    ",\"inputSchema\":" INPUT ",\"outputSchema\":" INPUT
	    ",\"annotations\":{\"readOnlyHint\":true},\"icons\":" ICONS
	    ",\"_meta\":{\"a/b\":1}}");
	says(&e, MCP_2026_07_28,
	    "{\"name\":\"t\",\"title\":\"Title\"," DESCRIPTION
	    ",\"inputSchema\":" INPUT ",\"outputSchema\":" INPUT
	    ",\"annotations\":{\"readOnlyHint\":true},\"icons\":" ICONS
	    ",\"_meta\":{\"a/b\":1}}");
}
END_TEST

START_TEST(an_output_schema_that_is_no_object_is_for_the_newest_alone)
{
	static const struct registry_entry e = {
		.kind = REGISTRY_TOOL,
		.name = STR("t"),
		.input_schema = STR(INPUT),
		.output_schema = STR("{\"type\":\"array\"}"),
	};

	says(&e, MCP_2025_11_25, "{\"name\":\"t\",\"inputSchema\":" INPUT "}");
	says(&e, MCP_2026_07_28,
	    "{\"name\":\"t\",\"inputSchema\":" INPUT
	    ",\"outputSchema\":{\"type\":\"array\"}}");
}
END_TEST

START_TEST(a_title_stands_in_for_a_description_where_titles_are_unknown)
{
	static const struct registry_entry e = {
		.kind = REGISTRY_TOOL,
		.name = STR("t"),
		.title = STR("Title"),
		.input_schema = STR(INPUT),
	};

	says(&e, MCP_2025_03_26,
	    "{\"name\":\"t\",\"description\":\"Title\",\"inputSchema\":" INPUT
	    "}");
}
END_TEST

START_TEST(resources_lose_lastModified_before_2025_06_18)
{
	static const struct registry_entry e = {
		.kind = REGISTRY_RESOURCE,
		.name = STR("r"),
		.key = STR("test://r"),
		.mime = STR("text/plain"),
		.size = 12,
		.annotations = STR("{\"priority\":0.5,\"lastModified\":"
				   "\"2026-01-01T00:00:00Z\",\"audience\":"
				   "[\"user\"]}"),
	};

	says(&e, MCP_2025_03_26,
	    "{\"name\":\"r\",\"uri\":\"test://r\",\"mimeType\":\"text/plain\","
	    "\"size\":12,\"annotations\":{\"priority\":0.5,"
	    "\"audience\":[\"user\"]}}");
	says(&e, MCP_2025_06_18,
	    "{\"name\":\"r\",\"uri\":\"test://r\",\"mimeType\":\"text/plain\","
	    "\"size\":12,\"annotations\":{\"priority\":0.5,\"lastModified\":"
	    "\"2026-01-01T00:00:00Z\",\"audience\":[\"user\"]}}");
}
END_TEST

START_TEST(templates_have_no_size_and_their_own_key)
{
	static const struct registry_entry e = {
		.kind = REGISTRY_TEMPLATE,
		.name = STR("r"),
		.key = STR("test://{id}"),
		.size = 12,
	};

	says(&e, MCP_2026_07_28,
	    "{\"name\":\"r\",\"uriTemplate\":\"test://{id}\"}");
}
END_TEST

START_TEST(prompt_arguments_have_titles_from_2025_06_18_on)
{
	static const struct registry_argument arguments[] = {
		{ STR("a"), STR("A"), STR("first"), true, true },
		{ STR("b"), STR(""), STR(""), false, false },
	};
	static const struct registry_entry e = {
		.kind = REGISTRY_PROMPT,
		.name = STR("p"),
		.arguments = arguments,
		.arguments_len = 2,
	};

	says(&e, MCP_2024_11_05,
	    "{\"name\":\"p\",\"arguments\":[{\"name\":\"a\",\"description\":"
	    "\"first\",\"required\":true},{\"name\":\"b\"}]}");
	says(&e, MCP_2025_06_18,
	    "{\"name\":\"p\",\"arguments\":[{\"name\":\"a\",\"title\":\"A\","
	    "\"description\":\"first\",\"required\":true},{\"name\":\"b\"}]}");
}
END_TEST

UNIT_MAIN("mcp/describe", a_tool_gains_members_with_the_revisions,
    an_output_schema_that_is_no_object_is_for_the_newest_alone,
    a_title_stands_in_for_a_description_where_titles_are_unknown,
    resources_lose_lastModified_before_2025_06_18,
    templates_have_no_size_and_their_own_key,
    prompt_arguments_have_titles_from_2025_06_18_on)
