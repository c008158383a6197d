/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner against JSONTestSuite: what must be taken, what must be refused,
 * and our pinned answers where the RFC leaves it open. */
#include "data/json.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "unit/unit.h"

#define TEXT_MAX ((size_t)1 << 20)

static char folder[512];

static bool
find_suite(const char *root)
{
	DIR *d;

	if (root == NULL)
		return false;
	(void)snprintf(folder, sizeof folder, "%s/JSONTestSuite", root);
	d = opendir(folder);
	if (d != NULL)
		(void)closedir(d);
	return d != NULL;
}

/* Before main: a suite that is not there skips the whole program. */
__attribute__((constructor)) static void
need_suite(void)
{
	if (find_suite(getenv("TOOLPOST_TESTDATA"))
	    || find_suite("../shared/testdata"))
		return;
	puts("SKIP JSONTestSuite");
	exit(77);
}

/* On the heap at its exact size, so that a sanitizer sees one byte more. */
static struct str
load(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = malloc(TEXT_MAX), *exact;
	size_t len;

	ck_assert_ptr_nonnull(f);
	len = fread(text, 1, TEXT_MAX, f);
	fclose(f);
	exact = malloc(len + 1);
	memcpy(exact, text, len);
	exact = realloc(exact, len == 0 ? 1 : len);
	free(text);
	return (struct str){ exact, len };
}

struct tally {
	int accepted;
	int refused;
	char odd[8][80]; /* names of the refused */
};

static void
run(const char *sub, const char *prefix, enum json_mode mode, struct tally *t)
{
	struct json_doc doc;
	struct dirent *e;
	char path[1024];
	DIR *d;

	memset(t, 0, sizeof *t);
	json_doc_init(&doc);
	(void)snprintf(path, sizeof path, "%s/%s", folder, sub);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		struct str text;
		int rc;

		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		(void)snprintf(
		    path, sizeof path, "%s/%s/%s", folder, sub, e->d_name);
		text = load(path);
		rc = json_parse(&doc, text, mode);
		free((void *)(uintptr_t)text.ptr);
		if (rc == 0) {
			t->accepted++;
			continue;
		}
		if (t->refused < 8)
			(void)snprintf(t->odd[t->refused], sizeof t->odd[0],
			    "%.79s", e->d_name);
		t->refused++;
	}
	(void)closedir(d);
	json_doc_finish(&doc);
}

START_TEST(grammar_takes_all_95)
{
	struct tally t;

	run("test_parsing", "y_", JSON_GRAMMAR, &t);
	ck_assert_int_eq(t.accepted, 95);
	ck_assert_int_eq(t.refused, 0);
}
END_TEST

START_TEST(grammar_refuses_all_188)
{
	struct tally t;

	run("test_parsing", "n_", JSON_GRAMMAR, &t);
	ck_assert_int_eq(t.accepted, 0);
	ck_assert_int_eq(t.refused, 188);
	run("test_parsing", "n_", JSON_PROTOCOL, &t);
	ck_assert_int_eq(t.refused, 188);
}
END_TEST

START_TEST(open_cases_are_pinned)
{
	struct tally t;

	run("test_parsing", "i_number_", JSON_GRAMMAR, &t);
	ck_assert_int_eq(t.accepted, 10);
	ck_assert_int_eq(t.refused, 0);
	run("test_parsing", "i_", JSON_GRAMMAR, &t);
	ck_assert_int_eq(t.accepted, 10);
	ck_assert_int_eq(t.refused, 25);
}
END_TEST

START_TEST(protocol_refuses_exactly_three_more)
{
	static const char *const names[] = { "y_object_duplicated_key.json",
		"y_object_duplicated_key_and_value.json",
		"y_object_escaped_null_in_key.json" };
	struct tally t;

	run("test_parsing", "y_", JSON_PROTOCOL, &t);
	ck_assert_int_eq(t.refused, 3);
	for (int i = 0; i < 3; i++) {
		bool found = false;

		for (int j = 0; j < 3; j++)
			found = found || strcmp(names[i], t.odd[j]) == 0;
		ck_assert_msg(found, "%s", names[i]);
	}
}
END_TEST

/* clang-format off */
static const struct {
	const char *name;
	enum json_fault grammar, protocol;
	const char *raw; /* the first element, exactly */
} transforms[] = {
	{ "number_-9223372036854775808", JSON_OK, JSON_OK, "-9223372036854775808" },
	{ "number_-9223372036854775809", JSON_OK, JSON_OK, "-9223372036854775809" },
	{ "number_1.0", JSON_OK, JSON_OK, "1.0" },
	{ "number_1.000000000000000005", JSON_OK, JSON_OK, "1.000000000000000005" },
	{ "number_1000000000000000", JSON_OK, JSON_OK, "1000000000000000" },
	{ "number_10000000000000000999", JSON_OK, JSON_OK, "10000000000000000999" },
	{ "number_1e-999", JSON_OK, JSON_OK, "1E-999" },
	{ "number_1e6", JSON_OK, JSON_OK, "1E6" },
	{ "number_9223372036854775807", JSON_OK, JSON_OK, "9223372036854775807" },
	{ "number_9223372036854775808", JSON_OK, JSON_OK, "9223372036854775808" },
	{ "object_key_nfc_nfd", JSON_OK, JSON_OK, NULL },
	{ "object_key_nfd_nfc", JSON_OK, JSON_OK, NULL },
	{ "object_same_key_different_values", JSON_OK, JSON_DUPLICATE_KEY, NULL },
	{ "object_same_key_same_value", JSON_OK, JSON_DUPLICATE_KEY, NULL },
	{ "object_same_key_unclear_values", JSON_OK, JSON_DUPLICATE_KEY, NULL },
	{ "string_1_escaped_invalid_codepoint", JSON_UTF8, JSON_UTF8, NULL },
	{ "string_1_invalid_codepoint", JSON_UTF8, JSON_UTF8, NULL },
	{ "string_2_escaped_invalid_codepoints", JSON_UTF8, JSON_UTF8, NULL },
	{ "string_2_invalid_codepoints", JSON_UTF8, JSON_UTF8, NULL },
	{ "string_3_escaped_invalid_codepoints", JSON_UTF8, JSON_UTF8, NULL },
	{ "string_3_invalid_codepoints", JSON_UTF8, JSON_UTF8, NULL },
	{ "string_with_escaped_NULL", JSON_OK, JSON_OK, "\"A\\u0000B\"" },
};
/* clang-format on */

START_TEST(transforms_are_pinned)
{
	struct json_doc doc;
	char path[1024];

	json_doc_init(&doc);
	for (size_t i = 0; i < sizeof transforms / sizeof transforms[0]; i++) {
		struct str text;

		(void)snprintf(path, sizeof path, "%s/test_transform/%s.json",
		    folder, transforms[i].name);
		text = load(path);
		(void)json_parse(&doc, text, JSON_PROTOCOL);
		ck_assert_msg(doc.fault == transforms[i].protocol, "%s",
		    transforms[i].name);
		(void)json_parse(&doc, text, JSON_GRAMMAR);
		ck_assert_msg(doc.fault == transforms[i].grammar, "%s",
		    transforms[i].name);
		if (transforms[i].raw != NULL)
			ck_assert_msg(str_equal(json_raw(json_at(doc.nodes, 0)),
					  str_of(transforms[i].raw)),
			    "%s", transforms[i].name);
		free((void *)(uintptr_t)text.ptr);
	}
	json_doc_finish(&doc);
}
END_TEST

UNIT_MAIN("data/json (JSONTestSuite)", grammar_takes_all_95,
    grammar_refuses_all_188, open_cases_are_pinned,
    protocol_refuses_exactly_three_more, transforms_are_pinned)
