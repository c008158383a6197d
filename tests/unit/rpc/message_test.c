/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/message.h"

#include "unit/unit.h"

struct read {
	struct json_doc doc;
	struct rpc_message m;
};

static void
read_text(struct read *r, const char *text)
{
	json_doc_init(&r->doc);
	ck_assert_int_eq(json_parse(&r->doc, str_of(text), JSON_PROTOCOL), 0);
	rpc_message_read(r->doc.nodes, &r->m);
}

struct kind_case {
	const char *text;
	enum rpc_kind kind;
	const char *id; /* raw; NULL: none */
};

/* MSG-01, MSG-02, MSG-14, ERR-05 */
static const struct kind_case kinds[] = {
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", RPC_REQUEST, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"m\",\"params\":{}}",
	    RPC_REQUEST, "\"1\"" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"m\"}",
	    RPC_REQUEST, "9007199254740993" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":-0,\"method\":\"m\"}", RPC_REQUEST,
	    "-0" },
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", RPC_NOTIFICATION, NULL },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", RPC_RESPONSE, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", RPC_RESPONSE, "1" },
	{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"m\"}", RPC_INVALID, "1" },
	{ "{\"id\":1,\"method\":\"m\"}", RPC_INVALID, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}", RPC_INVALID,
	    NULL },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"m\"}", RPC_INVALID,
	    NULL },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1e2,\"method\":\"m\"}", RPC_INVALID,
	    NULL },
	{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"m\"}", RPC_INVALID,
	    NULL },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":[]}",
	    RPC_INVALID, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", RPC_INVALID, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", RPC_INVALID, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"result\":1}",
	    RPC_INVALID, "1" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"Method\":\"m\"}", RPC_INVALID, "1" },
	{ "[]", RPC_INVALID, NULL },
	{ "7", RPC_INVALID, NULL },
};

START_TEST(messages_are_told_apart)
{
	size_t i;

	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct read r;

		read_text(&r, kinds[i].text);
		ck_assert_msg(r.m.kind == kinds[i].kind, "%s", kinds[i].text);
		ck_assert_msg((r.m.kind == RPC_INVALID) == (r.m.fault != NULL),
		    "%s", kinds[i].text);
		if (kinds[i].id == NULL)
			ck_assert_msg(r.m.id == NULL, "%s", kinds[i].text);
		else
			ck_assert_msg(
			    str_equal(json_raw(r.m.id), str_of(kinds[i].id)),
			    "%s", kinds[i].text);
		json_doc_finish(&r.doc);
	}
}
END_TEST

START_TEST(ids_compare_by_type_and_value) /* MSG-03 */
{
	struct read r;

	read_text(&r, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"m\"}");
	ck_assert(rpc_id_equal(S("\"a\""), r.m.id));
	ck_assert(rpc_id_equal(S("\"\\u0061\""), r.m.id));
	ck_assert(!rpc_id_equal(S("\"b\""), r.m.id));
	ck_assert(!rpc_id_equal(S(""), r.m.id));
	json_doc_finish(&r.doc);
	read_text(&r, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}");
	ck_assert(rpc_id_equal(S("1"), r.m.id));
	ck_assert(!rpc_id_equal(S("\"1\""), r.m.id));
	json_doc_finish(&r.doc);
}
END_TEST

START_TEST(an_id_that_is_too_long_is_refused)
{
	struct buf text;
	struct read r;
	int i;

	buf_init(&text);
	BUF_LIT(&text, "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"");
	for (i = 0; i < RPC_ID_MAX; i++)
		buf_char(&text, 'x');
	BUF_LIT(&text, "\"}");
	buf_char(&text, '\0');
	read_text(&r, text.ptr);
	ck_assert_int_eq(r.m.kind, RPC_INVALID);
	json_doc_finish(&r.doc);
	buf_finish(&text);
}
END_TEST

START_TEST(errors_leave_the_id_out_when_there_is_none) /* MSG-05 */
{
	struct buf out;

	buf_init(&out);
	rpc_write_error(
	    &out, STR_NONE, RPC_PARSE_ERROR, S("no \"x\""), STR_NONE);
	ck_assert(str_equal(buf_view(&out),
	    S("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,"
	      "\"message\":\"no \\\"x\\\"\"}}")));
	buf_clear(&out);
	rpc_write_error(
	    &out, S("7"), RPC_INVALID_PARAMS, S("m"), S("{\"a\":1}"));
	ck_assert(str_equal(buf_view(&out),
	    S("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32602,"
	      "\"message\":\"m\",\"data\":{\"a\":1}}}")));
	buf_finish(&out);
}
END_TEST

UNIT_MAIN("rpc/message", messages_are_told_apart, ids_compare_by_type_and_value,
    an_id_that_is_too_long_is_refused,
    errors_leave_the_id_out_when_there_is_none)
