/* SPDX-License-Identifier: Apache-2.0 */
/* Findings and their two printed forms. */
#include "unit/base/alloc_fail.h"

#include "base/diag.c"

#include "unit/unit.h"

static struct diags diags;

static void
expect(void (*print)(const struct diags *, struct buf *), const char *want)
{
	struct buf out;
	char *text;

	buf_init(&out);
	print(&diags, &out);
	text = buf_take(&out);
	ck_assert_str_eq(text, want);
	free(text);
}

START_TEST(printed_for_editors)
{
	diags_init(&diags);
	ck_assert_int_eq(
	    diags_add(&diags, DIAG_ERROR, "TP1203", "weather.yaml",
		(struct diag_at){ 34, 5 }, "did you mean \"description\"?",
		"tools[0]: unknown key \"%s\"", "descripton"),
	    ERR_CONFIG);
	ck_assert_int_eq(diags_add(&diags, DIAG_WARNING, "TP1301", "a.yaml",
			     (struct diag_at){ 3, 0 }, NULL, "no effect"),
	    0);
	ck_assert_int_eq(diags_add(&diags, DIAG_NOTE, "TP1302", "a.yaml",
			     (struct diag_at){ 0, 0 }, NULL, "seen"),
	    0);
	ck_assert(diags_has_errors(&diags));
	expect(diags_print,
	    "weather.yaml:34:5: error: tools[0]: unknown key \"descripton\" "
	    "(hint: did you mean \"description\"?)\n"
	    "a.yaml:3: warning: no effect\n"
	    "a.yaml: note: seen\n");
	diags_finish(&diags);
	ck_assert(!diags_has_errors(&diags));
}
END_TEST

START_TEST(printed_as_json)
{
	diags_init(&diags);
	expect(diags_print_json, "[]");
	diags_add(&diags, DIAG_ERROR, "TP1", "a \"b\"",
	    (struct diag_at){ 1, 2 }, "h", "m\n");
	diags_add(&diags, DIAG_NOTE, "TP2", NULL, (struct diag_at){ 0, 0 },
	    NULL, "n");
	expect(diags_print_json,
	    "[{\"file\":\"a \\\"b\\\"\",\"line\":1,\"column\":2,"
	    "\"severity\":\"error\",\"code\":\"TP1\",\"message\":\"m\\n\","
	    "\"hint\":\"h\"},{\"file\":\"\",\"line\":0,\"column\":0,"
	    "\"severity\":\"note\",\"code\":\"TP2\",\"message\":\"n\","
	    "\"hint\":null}]");
	diags_finish(&diags);
}
END_TEST

START_TEST(a_finding_is_one_line)
{
	diags_init(&diags);
	diags_add(&diags, DIAG_ERROR, "TP1", "a", (struct diag_at){ 1, 1 },
	    "x\x1b", "a\nb");
	expect(diags_print, "a:1:1: error: a\\nb (hint: x\\x1b)\n");
	diags_finish(&diags);
}
END_TEST

START_TEST(more_than_twenty_are_counted)
{
	struct buf out;

	diags_init(&diags);
	for (unsigned i = 0; i < DIAG_MAX + 5; i++)
		diags_add(&diags, DIAG_ERROR, "TP1", "a",
		    (struct diag_at){ i + 1, 1 }, NULL, "m");
	ck_assert_uint_eq(diags.len, DIAG_MAX);
	ck_assert_uint_eq(diags.errors, DIAG_MAX + 5);
	buf_init(&out);
	diags_print(&diags, &out);
	ck_assert(str_ends(buf_view(&out), S(": m\n5 more not shown\n")));
	buf_finish(&out);
	diags_finish(&diags);
}
END_TEST

START_TEST(without_memory_errors_still_count)
{
	for (int nth = 1; nth <= 3; nth++) {
		diags_init(&diags);
		alloc_fail_at = nth;
		ck_assert_int_eq(diags_add(&diags, DIAG_ERROR, "TP1", "a",
				     (struct diag_at){ 1, 1 }, "h", "m"),
		    ERR_CONFIG);
		alloc_fail_at = 0;
		ck_assert(diags_has_errors(&diags));
		ck_assert_uint_eq(diags.len, 0);
		expect(diags_print, "1 more not shown\n");
		diags_finish(&diags);
	}
}
END_TEST

UNIT_MAIN("base/diag", printed_for_editors, printed_as_json,
    a_finding_is_one_line, more_than_twenty_are_counted,
    without_memory_errors_still_count)
