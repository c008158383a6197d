/* SPDX-License-Identifier: Apache-2.0 */
/* URI templates against the public uritemplate-test suite, both ways, and the
 * readings that the header promises. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/uri_template.h"
#include "unit/data/schema_testdata.h"

static const char *const suite_files[] = { "spec-examples.json",
	"spec-examples-by-section.json", "extended-tests.json",
	"negative-tests.json" };

static char suite[2048];

static struct {
	size_t passed;
	size_t failed;
	size_t matched;
	size_t unmatched;
} score;

static void
wrong(struct str template, const char *what, struct str got)
{
	score.failed++;
	printf("%.*s: %s: %.*s\n", STR_FMT(template), what, STR_FMT(got));
}

static bool
is_expected(const struct json_node *expected, struct str got)
{
	if (expected->type == JSON_STRING)
		return str_equal(json_str(expected), got);
	JSON_EACH_ELEMENT (v, expected)
		if (str_equal(json_str(v), got))
			return true;
	return false;
}

/* What was matched, as variables to expand again. */
static void
write_values(const struct uri_match *m, struct buf *out)
{
	buf_char(out, '{');
	for (size_t i = 0; i < m->len; i++) {
		const struct uri_match_value *v = &m->values[i];
		bool again = i > 0 && v->list
		    && str_equal(m->values[i - 1].name, v->name);

		if (again) {
			out->len--; /* the bracket */
			buf_char(out, ',');
		} else {
			if (i > 0)
				buf_char(out, ',');
			ck_assert_int_eq(json_write_str(out, v->name), 0);
			buf_char(out, ':');
			if (v->list)
				buf_char(out, '[');
		}
		ck_assert_int_eq(json_write_str(out, v->value), 0);
		if (v->list)
			buf_char(out, ']');
	}
	buf_char(out, '}');
}

/* True when every variable of the template is a string, or exploded and an
 * array: others lose their shape in a URI.  Triplets that reserved expansion
 * lets through are decoded once more, and prefixes lose the rest. */
static bool
keeps_shape(const struct uri_template *t, const struct json_node *variables)
{
	struct str text = uri_template_text(t);

	if (str_find(text, ':') < text.len || str_find(text, '+') < text.len
	    || str_find(text, '#') < text.len)
		return false;
	for (size_t i = 0; i < uri_template_variables(t); i++) {
		const struct json_node *n =
		    json_get(variables, uri_template_variable(t, i));

		if (json_type(n) == JSON_OBJECT
		    || (json_type(n) == JSON_ARRAY
			&& str_find(text, '*') == text.len))
			return false;
	}
	return true;
}

static void
match_back(const struct uri_template *t, const struct json_node *variables,
    struct str uri)
{
	struct uri_match m;
	struct json_doc doc;
	struct arena arena;
	struct buf json, again;

	if (!keeps_shape(t, variables))
		return;
	arena_init(&arena, 0);
	if (uri_template_match(t, uri, &arena, &m) != 0) {
		score.unmatched++;
		arena_finish(&arena);
		return;
	}
	score.matched++;
	buf_init(&json);
	buf_init(&again);
	json_doc_init(&doc);
	write_values(&m, &json);
	ck_assert_int_eq(json_parse(&doc, buf_view(&json), JSON_GRAMMAR), 0);
	ck_assert_int_eq(uri_template_expand(t, doc.nodes, &again, NULL), 0);
	if (!str_equal(buf_view(&again), uri) && str_find(uri, ',') == uri.len)
		wrong(uri_template_text(t), "matched and expanded again",
		    buf_view(&again));
	json_doc_finish(&doc);
	buf_finish(&again);
	buf_finish(&json);
	arena_finish(&arena);
}

static void
run_case(struct str template, const struct json_node *expected,
    const struct json_node *variables)
{
	struct err err = { 0 };
	struct uri_template *t = uri_template_compile(template, &err);
	struct buf out;
	int rc = ERR_SYNTAX;

	buf_init(&out);
	if (t != NULL)
		rc = uri_template_expand(t, variables, &out, &err);
	if (expected->type == JSON_FALSE) {
		if (rc == 0)
			wrong(
			    template, "must be refused, gave", buf_view(&out));
		else
			score.passed++;
	} else if (rc < 0) {
		wrong(template, "refused", str_of(err.text));
	} else if (!is_expected(expected, buf_view(&out))) {
		wrong(template, "expands to", buf_view(&out));
	} else {
		score.passed++;
		match_back(t, variables, buf_view(&out));
	}
	buf_finish(&out);
	uri_template_destroy(t);
}

static void
run_file(const char *name)
{
	struct json_doc doc;
	struct buf text;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s", suite, name);
	buf_init(&text);
	json_doc_init(&doc);
	testdata_read(&text, path);
	ck_assert_int_eq(json_parse(&doc, buf_view(&text), JSON_GRAMMAR), 0);
	JSON_EACH_MEMBER (title, group, doc.nodes) {
		const struct json_node *cases = json_get(group, S("testcases"));

		JSON_EACH_ELEMENT (one, cases)
			run_case(json_str(json_at(one, 0)), json_at(one, 1),
			    json_get(group, S("variables")));
	}
	json_doc_finish(&doc);
	buf_finish(&text);
}

/* T-10 */
START_TEST(public_suite_expands_and_matches_back)
{
	if (!testdata_find(suite, sizeof suite, "uritemplate-test",
		"spec-examples.json", NULL)) {
		puts("SKIP registry/uri_template: uritemplate-test not found");
		return;
	}
	for (size_t i = 0; i < sizeof suite_files / sizeof suite_files[0]; i++)
		run_file(suite_files[i]);
	printf("uritemplate-test: %zu of %zu; matched back %zu, no match %zu\n",
	    score.passed, score.passed + score.failed, score.matched,
	    score.unmatched);
	ck_assert_uint_eq(score.failed, 0);
	ck_assert_uint_ge(score.passed, 270);
	ck_assert_uint_ge(score.matched, 60);
}
END_TEST

/* The values as "name=value;name=value", "-" when nothing matches. */
static const char *
match_text(const char *template, const char *uri)
{
	static char text[1024];
	struct uri_template *t = uri_template_compile(str_of(template), NULL);
	struct uri_match m;
	struct arena arena;
	size_t n = 0;
	int rc;

	ck_assert_msg(t != NULL, "%s", template);
	arena_init(&arena, 0);
	rc = uri_template_match(t, str_of(uri), &arena, &m);
	(void)snprintf(text, sizeof text, "%s", rc == 0 ? "" : "-");
	for (size_t i = 0; rc == 0 && i < m.len; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s=%.*s",
		    i > 0 ? ";" : "", STR_FMT(m.values[i].name),
		    STR_FMT(m.values[i].value));
	arena_finish(&arena);
	uri_template_destroy(t);
	return text;
}

static const struct {
	const char *template;
	const char *uri;
	const char *values;
} readings[] = {
	{ "weather://{city}/today", "weather://Oslo/today", "city=Oslo" },
	{ "weather://{city}/today", "weather://S%C3%A3o%20Paulo/today",
	    "city=S\xc3\xa3o Paulo" },
	{ "weather://{city}/today", "weather:///today", "-" },
	{ "weather://{city}/today", "weather://a/b/today", "-" },
	{ "weather://{city}/today", "weather://a/todayx", "-" },
	{ "weather://{city}/today", "weather://a/toda", "-" },
	{ "db:///{table}/{id}", "db:///users/7", "table=users;id=7" },
	{ "doc://{+path}", "doc://a/b/c.txt", "path=a/b/c.txt" },
	{ "doc://{+path}", "doc://", "-" },
	{ "x:{+dir}/{name}", "x:a/b/c", "dir=a/b;name=c" },
	{ "x:{+dir}/{name}", "x:c", "-" },
	{ "x:{a}-{b}", "x:x-y-z", "a=x-y;b=z" },
	{ "x:{a}{b}", "x:123", "a=12;b=3" },
	{ "x:{a}.{b}", "x:file.tar.gz", "a=file.tar;b=gz" },
	{ "x:{a}", "x:1,2", "a=1,2" },
	{ "x:{a,b}", "x:1,2", "a=1;b=2" },
	{ "x:{a,b}", "x:1", "a=1" },
	{ "x:{a,b}", "x:1,2,3", "-" },
	{ "x:{/a,b}", "x:/1/2", "a=1;b=2" },
	{ "x:{/a,b}", "x:/1", "a=1" },
	{ "x:{/a,b}", "x:", "" },
	{ "x:{/a}/b", "x:/b", "" },
	{ "x:{/a}/b", "x:/c/b", "a=c" },
	{ "x:{/a*}", "x:/1/2/3", "a=1;a=2;a=3" },
	{ "x:y{.a}", "x:y.txt", "a=txt" },
	{ "x:y{.a,b}", "x:y.tar.gz", "a=tar;b=gz" },
	{ "x:y{#a}", "x:y#z?", "a=z?" },
	{ "x:y{;a,b}", "x:y;a=1;b", "a=1;b=" },
	{ "x:y{?a,b}", "x:y?a=1&b=2", "a=1;b=2" },
	{ "x:y{?a,b}", "x:y?b=2&a=1", "b=2;a=1" },
	{ "x:y{?a,b}", "x:y?b=2", "b=2" },
	{ "x:y{?a,b}", "x:y", "" },
	{ "x:y{?a,b}", "x:y?c=2", "-" },
	{ "x:y{?a,b}", "x:y?a=1&a=2", "-" },
	{ "x:y{?a}", "x:y?a=10:30/7", "a=10:30/7" },
	{ "x:y{?a*}", "x:y?a=1&a=2", "a=1;a=2" },
	{ "x:y{?a}{&b}", "x:y?a=1&b=2", "a=1;b=2" },
	{ "x:y?k=1{&b}", "x:y?k=1&b=2", "b=2" },
	{ "x:{a}/{a}", "x:1/1", "a=1" },
	{ "x:{a}/{a}", "x:1/2", "-" },
	{ "x:{a:1}/{a}", "x:f/foo", "a=foo" },
	{ "x:{a:1}/{a}", "x:g/foo", "-" },
	{ "x:{a:1}/{a}", "x:fo/foo", "-" },
	{ "x:{a}", "x:%zz", "-" },
	{ "x:{a}", "x:%00", "-" },
	{ "x:{a}", "x:%ff", "-" },
	{ "x:{a}", "x:%4", "-" },
	{ "x:{a}", "x:a b", "-" },
	{ "x:\xc3\xa9/{a}", "x:%C3%A9/1", "a=1" },
	{ "x:fixed", "x:fixed", "" },
	{ "x:fixed", "x:other", "-" },
	{ "", "", "" },
};

START_TEST(matching_reads_as_the_header_says)
{
	for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
		const char *got =
		    match_text(readings[i].template, readings[i].uri);

		ck_assert_msg(strcmp(got, readings[i].values) == 0,
		    "%s on %s gives \"%s\", not \"%s\"", readings[i].template,
		    readings[i].uri, got, readings[i].values);
	}
}
END_TEST

/* Steps to match a template with a URI of len bytes after "x:". */
static size_t
steps(const char *template, size_t len, const char *unit, const char *tail)
{
	struct uri_template *t = uri_template_compile(str_of(template), NULL);
	struct uri_match m;
	struct arena arena;
	struct buf uri;

	ck_assert(t != NULL);
	arena_init(&arena, 0);
	buf_init(&uri);
	buf_cstr(&uri, "x:");
	while (uri.len < len)
		buf_cstr(&uri, unit);
	buf_cstr(&uri, tail);
	(void)uri_template_match(t, buf_view(&uri), &arena, &m);
	buf_finish(&uri);
	arena_finish(&arena);
	uri_template_destroy(t);
	return m.steps;
}

/* T-10, CVE-2026-0621: doubling the URI doubles the work. */
START_TEST(work_grows_linearly_with_the_uri)
{
	static const struct {
		const char *template;
		const char *unit;
		const char *tail;
	} cases[] = {
		{ "x:{/id*}", "/a", "\"" },
		{ "x:{+a}", "a/", "" },
		{ "x:{+a}/{b}", "a/", "\"" },
		{ "x:{a}{b}{c}{d}{e}{f}", "a", "/" },
		{ "x:{a}-{b}-{c}-{d}-{e}", "-", "/" },
		{ "x:{+a}{+b}{+c}{+d}{+e}{+f}", "/", "\"" },
		{ "x:{+a}aaaaaaaaaab{+b}aaaaaaaaaac", "a", "" },
		{ "x:{?a,b,c*}", "&c=1", "" },
		{ "x:y{?a*}", "a", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t one = steps(
		    cases[i].template, 16000, cases[i].unit, cases[i].tail);
		size_t two = steps(
		    cases[i].template, 32000, cases[i].unit, cases[i].tail);
		size_t four = steps(
		    cases[i].template, 64000, cases[i].unit, cases[i].tail);

		ck_assert_msg(
		    two <= one * 21 / 10 + 10 && four <= two * 21 / 10 + 10,
		    "%s: %zu, %zu, %zu", cases[i].template, one, two, four);
		/* Elements x bytes, and the bytes of literals. */
		ck_assert_msg(four <= (size_t)64010 * 40, "%s: %zu",
		    cases[i].template, four);
	}
}
END_TEST

START_TEST(bounds_have_their_own_messages)
{
	struct uri_match m;
	struct arena arena;
	struct err err = { 0 };
	struct uri_template *t;
	struct buf text;

	buf_init(&text);
	arena_init(&arena, 0);
	for (int i = 0; i < URI_TEMPLATE_MAX + 1; i++)
		buf_char(&text, 'a');
	ck_assert(uri_template_compile(buf_view(&text), &err) == NULL);
	ck_assert(strstr(err.text, "4096 bytes") != NULL);
	buf_clear(&text);
	for (int i = 0; i < 70; i++)
		buf_cstr(&text, "{a}");
	ck_assert(uri_template_compile(buf_view(&text), &err) == NULL);
	ck_assert(strstr(err.text, "63 parts") != NULL);
	buf_clear(&text);
	buf_cstr(&text, "{a");
	for (int i = 0; i < 70; i++)
		buf_cstr(&text, ",b");
	buf_cstr(&text, "}");
	ck_assert(uri_template_compile(buf_view(&text), &err) == NULL);
	ck_assert(strstr(err.text, "64 variables") != NULL);
	t = uri_template_compile(S("x:{+a}"), &err);
	buf_clear(&text);
	buf_cstr(&text, "x:");
	while (text.len <= URI_TEMPLATE_URI_MAX)
		buf_char(&text, 'a');
	ck_assert_int_eq(
	    uri_template_match(t, buf_view(&text), &arena, &m), ERR_LIMIT);
	uri_template_destroy(t);
	arena_finish(&arena);
	buf_finish(&text);
}
END_TEST

START_TEST(variables_and_prefix_are_listed)
{
	struct uri_template *t =
	    uri_template_compile(S("db:///{t}/x{?a,t,b*}"), NULL);

	ck_assert_uint_eq(uri_template_variables(t), 3);
	ck_assert(str_equal(uri_template_variable(t, 0), S("t")));
	ck_assert(str_equal(uri_template_variable(t, 1), S("a")));
	ck_assert(str_equal(uri_template_variable(t, 2), S("b")));
	ck_assert(str_equal(uri_template_variable(t, 3), S("")));
	ck_assert(str_equal(uri_template_prefix(t), S("db:///")));
	uri_template_destroy(t);
}
END_TEST

static void
expand_one(const char *template, const char *json, int rc, const char *want)
{
	struct uri_template *t = uri_template_compile(str_of(template), NULL);
	struct json_doc doc;
	struct buf out;

	buf_init(&out);
	json_doc_init(&doc);
	ck_assert_int_eq(json_parse(&doc, str_of(json), JSON_GRAMMAR), 0);
	ck_assert_int_eq(uri_template_expand(t, doc.nodes, &out, NULL), rc);
	if (rc == 0)
		ck_assert_msg(str_equal(buf_view(&out), str_of(want)), "%.*s",
		    STR_FMT(buf_view(&out)));
	json_doc_finish(&doc);
	buf_finish(&out);
	uri_template_destroy(t);
}

START_TEST(values_of_every_type_expand_or_are_refused)
{
	expand_one(
	    "{a,b,c}", "{\"a\":true,\"b\":null,\"c\":1.50}", 0, "true,1.50");
	expand_one("{?a*}", "{\"a\":[null,\"x\",false]}", 0, "?a=x&a=false");
	expand_one("{a}", "{\"a\":[[1]]}", ERR_PARAMS, "");
	expand_one("{a}", "{\"a\":{\"b\":{}}}", ERR_PARAMS, "");
	expand_one("{a:2}", "{\"a\":[1]}", ERR_PARAMS, "");
}
END_TEST

#include "unit/unit.h"

UNIT_MAIN("registry/uri_template", public_suite_expands_and_matches_back,
    matching_reads_as_the_header_says, work_grows_linearly_with_the_uri,
    bounds_have_their_own_messages, variables_and_prefix_are_listed,
    values_of_every_type_expand_or_are_refused)
