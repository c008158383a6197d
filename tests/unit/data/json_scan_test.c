/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "unit/unit.h"

static struct json_doc doc;

static enum json_fault
parse(struct str text)
{
	(void)json_parse(&doc, text, JSON_PROTOCOL);
	return doc.fault;
}

static enum json_fault
fault_of(const char *text)
{
	/* At its exact size, so that a sanitizer sees a read behind it. */
	size_t len = strlen(text);
	char *copy = malloc(len == 0 ? 1 : len);
	enum json_fault fault;

	memcpy(copy, text, len);
	fault = parse((struct str){ copy, len });
	free(copy);
	return fault;
}

static void
repeat(struct buf *b, const char *s, size_t n)
{
	while (n-- > 0)
		buf_cstr(b, s);
}

START_TEST(a_message_becomes_flat_nodes)
{
	struct str text =
	    STR(" {\"id\":7,\"a\":[1,[],{}],\"s\":\"x\\ny\",\"n\":null} ");
	const struct json_node *a, *s;

	ck_assert_int_eq(parse(text), JSON_OK);
	ck_assert_uint_eq(doc.len, 12);
	ck_assert_uint_eq(doc.nodes[0].span, 12);
	ck_assert_uint_eq(doc.nodes[0].count, 4);
	ck_assert_uint_eq(doc.nodes[0].raw_len, text.len - 2);
	a = json_get(doc.nodes, S("a"));
	ck_assert_uint_eq(a->count, 3);
	ck_assert_uint_eq(a->span, 4);
	ck_assert(str_equal(json_raw(a), S("[1,[],{}]")));
	s = json_get(doc.nodes, S("s"));
	ck_assert(str_equal(json_str(s), S("x\ny")));
	ck_assert(str_equal(json_raw(s), S("\"x\\ny\"")));
	ck_assert_ptr_nonnull(json_get(doc.nodes, S("n")));
	/* Strings without escapes are the text itself. */
	ck_assert_ptr_eq(doc.nodes[1].text, text.ptr + 3);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(white_space_alone_or_behind_is_seen)
{
	ck_assert_int_eq(fault_of(""), JSON_SYNTAX);
	ck_assert_int_eq(fault_of(" \t\r\n"), JSON_SYNTAX);
	ck_assert_int_eq(fault_of("1 \t\r\n"), JSON_OK);
	ck_assert_int_eq(fault_of("1 2"), JSON_SYNTAX);
	ck_assert_uint_eq(doc.fault_at, 2);
	ck_assert_uint_eq(doc.len, 0);
	ck_assert_int_eq(fault_of("\xef\xbb\xbf{}"), JSON_SYNTAX);
	ck_assert_int_eq(fault_of("1\f"), JSON_SYNTAX);
	ck_assert_int_eq(parse(STR_NONE), JSON_SYNTAX);
	ck_assert_int_eq(parse(S("1\0")), JSON_SYNTAX);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(every_cut_of_a_message_is_refused)
{
	static const char text[] = "{\"a\":[1.5e+3,true,false,null,"
				   "\"\\ud83d\\ude00\xc3\xa9\"],\"b\":{}}";

	for (size_t i = 0; i < sizeof text - 1; i++) {
		char cut[sizeof text];

		memcpy(cut, text, i);
		cut[i] = '\0';
		ck_assert_int_ne(fault_of(cut), JSON_OK);
	}
	ck_assert_int_eq(fault_of(text), JSON_OK);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(escapes_are_decoded_once)
{
	struct str s;

	ck_assert_int_eq(parse(S("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\","
				 "\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\","
				 "\"a\\u0000b\",\"plain\"]")),
	    JSON_OK);
	s = json_str(json_at(doc.nodes, 0));
	ck_assert(str_equal(s, S("\"\\/\b\f\n\r\t")));
	s = json_str(json_at(doc.nodes, 1));
	ck_assert(str_equal(s, S("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
	s = json_str(json_at(doc.nodes, 2));
	ck_assert(str_equal(s, S("a\0b")));
	json_doc_finish(&doc);
}
END_TEST

START_TEST(decoded_text_does_not_move)
{
	struct buf text;
	size_t n = 0;

	buf_init(&text);
	buf_cstr(&text, "[\"\\n\"");
	repeat(&text, ",\"0123456789\\u00e90123456789\"", 20000);
	buf_char(&text, ']');
	ck_assert_int_eq(parse(buf_view(&text)), JSON_OK);
	JSON_EACH_ELEMENT (v, doc.nodes) {
		if (n++ > 0)
			ck_assert(str_equal(json_str(v),
			    S("0123456789\xc3\xa9"
			      "0123456789")));
	}
	ck_assert_uint_eq(n, 20001);
	buf_finish(&text);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(utf8_is_strict)
{
	static const char *const bad[] = { "\"\x80\"", "\"\xc0\xaf\"",
		"\"\xc1\x81\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"",
		"\"\xf0\x80\x80\xaf\"", "\"\xf4\x90\x80\x80\"",
		"\"\xf5\x80\x80\x80\"", "\"\xff\"", "\"\xe2\x82\"",
		"\"\xe2\x82", "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800\\u0041\"", "\"\\ud800x\"", "{\"\xe2\x28\xa1\":1}",
		"\"12345678\x80\"", "\"1234567\xc3\"" };
	static const char *const good[] = { "\"\xc2\x80\"", "\"\xe0\xa0\x80\"",
		"\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"", "\"\xf0\x90\x80\x80\"",
		"\"\xf4\x8f\xbf\xbf\"", "\"\xef\xbf\xbf\"", "\"\x7f\"" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(fault_of(bad[i]) == JSON_UTF8, "bad %zu", i);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(fault_of(good[i]) == JSON_OK, "good %zu", i);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(controls_in_strings_are_refused)
{
	for (int c = 0; c < 0x20; c++) {
		char text[] = "\"123456789?123456789\"";

		text[10] = (char)c;
		ck_assert_int_eq(
		    parse((struct str){ text, sizeof text - 1 }), JSON_SYNTAX);
		ck_assert_uint_eq(doc.fault_at, 10);
	}
	json_doc_finish(&doc);
}
END_TEST

START_TEST(keys_are_compared_byte_for_byte)
{
	/* U+017F is a long s that some folding turns into "s". */
	struct str text = STR("{\"Method\":1,\"method\":2,\"METHOD\":3,"
			      "\"param\xc5\xbf\":4,\"params\":5}");

	ck_assert_int_eq(parse(text), JSON_OK);
	ck_assert(
	    str_equal(json_raw(json_get(doc.nodes, S("method"))), S("2")));
	ck_assert(
	    str_equal(json_raw(json_get(doc.nodes, S("params"))), S("5")));
	ck_assert_ptr_null(json_get(doc.nodes, S("MethoD")));
	json_doc_finish(&doc);
}
END_TEST

START_TEST(escaped_keys_are_the_same_key)
{
	ck_assert_int_eq(
	    fault_of("{\"id\":1,\"\\u0069d\":2}"), JSON_DUPLICATE_KEY);
	ck_assert_uint_eq(doc.fault_at, 8);
	ck_assert_int_eq(fault_of("{\"\\u0069d\":1}"), JSON_OK);
	ck_assert_int_eq(parse(S("{\"\\u0069d\":1}")), JSON_OK);
	ck_assert_ptr_nonnull(json_get(doc.nodes, S("id")));
	ck_assert_int_eq(fault_of("{\"\":1,\"\":2}"), JSON_DUPLICATE_KEY);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(nul_in_a_key_is_refused)
{
	ck_assert_int_eq(fault_of("{\"a\\u0000\":1}"), JSON_NUL_KEY);
	ck_assert_int_eq(fault_of("{\"a\":[{\"\\u0000\":1}]}"), JSON_NUL_KEY);
	ck_assert_int_eq(fault_of("{\"a\":\"\\u0000\"}"), JSON_OK);
	ck_assert_int_eq(
	    json_parse(&doc, S("{\"a\\u0000\":1,\"a\":2}"), JSON_GRAMMAR), 0);
	ck_assert(str_equal(json_raw(json_get(doc.nodes, S("a"))), S("2")));
	json_doc_finish(&doc);
}
END_TEST

START_TEST(duplicates_are_found_at_any_depth)
{
	for (size_t depth = 1; depth <= 8; depth++) {
		struct buf b;

		buf_init(&b);
		repeat(&b, "{\"x\":1,\"k\":", depth - 1);
		buf_cstr(&b, "{\"a\":{\"a\":1},\"b\":[{\"a\":1},2],\"a\":3}");
		repeat(&b, "}", depth - 1);
		ck_assert_int_eq(parse(buf_view(&b)), JSON_DUPLICATE_KEY);
		buf_finish(&b);
	}
	/* The same key in another object is no duplicate. */
	ck_assert_int_eq(
	    fault_of("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}"), JSON_OK);
	json_doc_finish(&doc);
}
END_TEST

static void
many_members(struct buf *b, size_t n)
{
	buf_char(b, '{');
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s\"key%zu\":%zu", i > 0 ? "," : "", i, i);
}

START_TEST(large_objects_find_duplicates_by_table)
{
	static const size_t sizes[] = { 15, 16, 17, 18, 40, 200, 60000 };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t n = sizes[i], len;
		size_t again[3] = { 0, n / 2, n - 1 };
		struct buf b;

		buf_init(&b);
		many_members(&b, n);
		len = b.len;
		buf_char(&b, '}');
		ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
		ck_assert_uint_eq(doc.nodes[0].count, n);
		for (int j = 0; j < 3; j++) {
			b.len = len;
			buf_printf(&b, ",\"key%zu\":0}", again[j]);
			ck_assert_int_eq(
			    parse(buf_view(&b)), JSON_DUPLICATE_KEY);
			ck_assert_uint_eq(doc.fault_at, len + 1);
		}
		buf_finish(&b);
	}
	json_doc_finish(&doc);
}
END_TEST

START_TEST(large_objects_inside_each_other_stay_apart)
{
	struct buf b;

	buf_init(&b);
	many_members(&b, 40);
	buf_cstr(&b, ",\"in\":");
	many_members(&b, 40);
	buf_cstr(&b, ",\"in\":");
	many_members(&b, 40);
	buf_cstr(&b, "}},\"out\":1");
	ck_assert_int_eq(parse(buf_view(&b)), JSON_SYNTAX);
	buf_char(&b, '}');
	ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
	b.len--;
	buf_cstr(&b, ",\"in\":1}");
	ck_assert_int_eq(parse(buf_view(&b)), JSON_DUPLICATE_KEY);
	buf_finish(&b);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(depth_has_a_bound)
{
	struct buf b;

	for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1;
	     depth++) {
		enum json_fault want =
		    depth == JSON_DEPTH_MAX ? JSON_OK : JSON_DEPTH;

		buf_init(&b);
		repeat(&b, "[", depth);
		repeat(&b, "]", depth);
		ck_assert_int_eq(parse(buf_view(&b)), want);
		buf_clear(&b);
		repeat(&b, "{\"a\":", depth);
		buf_char(&b, '1');
		repeat(&b, "}", depth);
		ck_assert_int_eq(parse(buf_view(&b)), want);
		buf_finish(&b);
	}
	ck_assert_int_eq(json_parse(&doc, S("[1]"), JSON_GRAMMAR), 0);
	json_doc_finish(&doc);
}
END_TEST

/* A million brackets, in a process with a stack of 256 KiB. */
START_TEST(depth_costs_no_stack)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit limit = { 256 * 1024, 256 * 1024 };
		struct buf b;

		if (setrlimit(RLIMIT_STACK, &limit) != 0)
			_exit(2);
		buf_init(&b);
		repeat(&b, "[", 1000000);
		_exit(parse(buf_view(&b)) == JSON_DEPTH ? 0 : 3);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(values_have_a_bound)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, "[0");
	repeat(&b, ",0", JSON_VALUES_MAX - 2);
	buf_char(&b, ']');
	ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
	ck_assert_uint_eq(json_count(doc.nodes), JSON_VALUES_MAX - 1);
	b.len--;
	buf_cstr(&b, ",0]");
	ck_assert_int_eq(
	    json_parse(&doc, buf_view(&b), JSON_PROTOCOL), ERR_LIMIT);
	ck_assert_int_eq(doc.fault, JSON_TOO_MANY_VALUES);
	buf_finish(&b);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(members_have_a_bound)
{
	struct buf b;

	buf_init(&b);
	many_members(&b, JSON_MEMBERS_MAX);
	buf_char(&b, '}');
	ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
	b.len--;
	buf_cstr(&b, ",\"one\":1}");
	ck_assert_int_eq(parse(buf_view(&b)), JSON_TOO_MANY_MEMBERS);
	buf_finish(&b);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(keys_and_numbers_have_a_bound)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, "{\"");
	repeat(&b, "k", JSON_KEY_MAX - 1);
	buf_cstr(&b, "\\u006b\":1}"); /* the length is that after decoding */
	ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
	b.len -= 4;
	buf_cstr(&b, "k\":1}");
	ck_assert_int_eq(parse(buf_view(&b)), JSON_KEY_TOO_LONG);
	buf_clear(&b);
	repeat(&b, "1", JSON_NUMBER_MAX);
	ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
	buf_char(&b, '1');
	ck_assert_int_eq(parse(buf_view(&b)), JSON_NUMBER_TOO_LONG);
	buf_finish(&b);
	json_doc_finish(&doc);
}
END_TEST

START_TEST(memory_is_kept_up_to_a_bound)
{
	struct json_node *nodes;
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, "[\"\\n\"");
	repeat(&b, ",\"\\n\"", 100000);
	buf_char(&b, ']');
	ck_assert_int_eq(parse(buf_view(&b)), JSON_OK);
	ck_assert_uint_gt(doc.cap, 100000);
	ck_assert_int_eq(fault_of("[1]"), JSON_OK);
	ck_assert_uint_le(doc.cap, 4096);
	ck_assert_uint_le(doc.decoded.cap, 65536);
	nodes = doc.nodes;
	ck_assert_int_eq(fault_of("[1,2]"), JSON_OK);
	ck_assert_ptr_eq(nodes, doc.nodes);
	buf_finish(&b);
	json_doc_finish(&doc);
	ck_assert_ptr_null(doc.nodes);
}
END_TEST

START_TEST(faults_have_codes)
{
	ck_assert_int_eq(json_parse(&doc, S("["), JSON_GRAMMAR), ERR_SYNTAX);
	ck_assert_int_eq(
	    json_parse(&doc, S("\"\xff\""), JSON_GRAMMAR), ERR_SYNTAX);
	ck_assert_int_eq(
	    json_parse(&doc, S("{\"a\":1,\"a\":1}"), JSON_PROTOCOL), ERR_LIMIT);
	ck_assert_int_eq(
	    json_parse(&doc, S("{\"a\":1,\"a\":1}"), JSON_GRAMMAR), 0);
	json_doc_finish(&doc);
}
END_TEST

UNIT_MAIN("data/json_scan", a_message_becomes_flat_nodes,
    white_space_alone_or_behind_is_seen, every_cut_of_a_message_is_refused,
    escapes_are_decoded_once, decoded_text_does_not_move, utf8_is_strict,
    controls_in_strings_are_refused, keys_are_compared_byte_for_byte,
    escaped_keys_are_the_same_key, nul_in_a_key_is_refused,
    duplicates_are_found_at_any_depth, large_objects_find_duplicates_by_table,
    large_objects_inside_each_other_stay_apart, depth_has_a_bound,
    depth_costs_no_stack, values_have_a_bound, members_have_a_bound,
    keys_and_numbers_have_a_bound, memory_is_kept_up_to_a_bound,
    faults_have_codes)
