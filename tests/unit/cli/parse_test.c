/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/cli_priv.h"

static struct cli c;
static struct err err;

#define PARSE(...) parse((const char *const[]){ "toolpost", __VA_ARGS__, NULL })

static int
parse(const char *const *words)
{
	static char copies[32][256];
	static char *argv[33];
	int argc = 0;

	for (; words[argc] != NULL; argc++) {
		(void)snprintf(
		    copies[argc], sizeof copies[argc], "%s", words[argc]);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	cli_init(&c);
	err.text[0] = '\0';
	return cli_parse(&c, argc, argv, &err);
}

START_TEST(a_verb_and_its_words_are_told_from_flags)
{
	ck_assert_int_eq(
	    PARSE("--json", "call", "hello", "-v", "name=Ada", "--url", "u"),
	    0);
	ck_assert_str_eq(c.verb->name, "call");
	ck_assert_uint_eq(c.words.len, 2);
	ck_assert_str_eq(c.words.items[1], "name=Ada");
	ck_assert(c.json && c.verbose == 1);
	ck_assert_str_eq(c.url, "u");
	cli_finish(&c);
}
END_TEST

START_TEST(a_verb_may_have_two_words)
{
	ck_assert_int_eq(PARSE("plugin", "new", "weather"), 0);
	ck_assert_str_eq(c.verb->name, "plugin new");
	ck_assert_uint_eq(c.words.len, 1);
	cli_finish(&c);
}
END_TEST

START_TEST(a_flag_may_be_repeated_and_joined)
{
	ck_assert_int_eq(PARSE("serve", "--listen=a", "--listen", "b",
			     "--plugins=p", "--log=json", "--reactors", "3"),
	    0);
	ck_assert_uint_eq(c.listen.len, 2);
	ck_assert_str_eq(c.listen.items[0], "a");
	ck_assert_str_eq(c.listen.items[1], "b");
	ck_assert_str_eq(c.plugins.items[0], "p");
	ck_assert_int_eq(c.log_format, 1);
	ck_assert_int_eq(c.reactors, 3);
	cli_finish(&c);
}
END_TEST

START_TEST(short_flags_may_be_grouped)
{
	ck_assert_int_eq(PARSE("list", "-vvl"), 0);
	ck_assert_uint_eq(c.verbose, 2);
	ck_assert(c.full);
	cli_finish(&c);
}
END_TEST

START_TEST(two_dashes_end_the_flags)
{
	ck_assert_int_eq(
	    PARSE("plugin", "build", ".", "--", "-lcurl", "--x"), 0);
	ck_assert_uint_eq(c.words.len, 3);
	ck_assert_str_eq(c.words.items[1], "-lcurl");
	ck_assert_str_eq(c.words.items[2], "--x");
	cli_finish(&c);
}
END_TEST

START_TEST(a_single_dash_is_a_value)
{
	ck_assert_int_eq(PARSE("call", "echo", "--args", "-"), 0);
	ck_assert_str_eq(c.args, "-");
	cli_finish(&c);
}
END_TEST

START_TEST(nothing_given_means_the_defaults)
{
	ck_assert_int_eq(PARSE("list"), 0);
	ck_assert_int_eq(c.timeout, 60 * NS_PER_S);
	ck_assert_int_eq(c.log_format, -1);
	ck_assert_int_eq(c.protocol, -1);
	ck_assert_ptr_null(c.url);
	cli_finish(&c);
}
END_TEST

START_TEST(times_have_a_unit)
{
	ck_assert_int_eq(PARSE("list", "--timeout", "250ms"), 0);
	ck_assert_int_eq(c.timeout, 250 * NS_PER_MS);
	cli_finish(&c);
	ck_assert_int_eq(PARSE("list", "--timeout", "soon"), ERR_PARAMS);
	ck_assert_ptr_nonnull(strstr(err.text, "--timeout"));
	cli_finish(&c);
}
END_TEST

START_TEST(revisions_are_in_the_order_of_the_protocol)
{
	ck_assert_int_eq(PARSE("call", "x", "--protocol", "2025-06-18"), 0);
	ck_assert_int_eq(c.protocol, 2);
	cli_finish(&c);
	ck_assert_int_eq(PARSE("call", "x", "--protocol", "2027"), ERR_PARAMS);
	ck_assert_ptr_nonnull(strstr(err.text, "2026-07-28"));
	cli_finish(&c);
}
END_TEST

static const struct {
	const char *words[3];
	const char *says;
} refused[] = {
	{ { "serv" }, "did you mean \"serve\"" },
	{ { "zzzzzz" }, "unknown verb \"zzzzzz\": see" },
	{ { "plugin", "nwe" }, "did you mean \"plugin new\"" },
	{ { "plugin" }, "second word" },
	{ { "list", "--jsno" }, "did you mean \"--json\"" },
	{ { "list", "--listen" }, "unknown flag \"--listen\"" },
	{ { "list", "--zzzzzzz" }, "see \"toolpost help list\"" },
	{ { "list", "-z" }, "unknown flag \"-z\"" },
	{ { "list", "--url" }, "--url wants a value" },
	{ { "list", "--json=1" }, "--json takes no value" },
	{ { "list", "tools", "x" }, "\"x\" is too much" },
	{ { "plugin", "new" }, "something is missing" },
	{ { "serve", "--log", "xml" }, "none of text, json" },
	{ { "serve", "--reactors", "0" }, "--reactors" },
	{ { "serve", "now" }, "\"now\" is too much" },
};

START_TEST(mistakes_are_named_with_the_nearest_word)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(refused); i++) {
		const char *const *w = refused[i].words;

		ck_assert_int_eq(PARSE(w[0], w[1], w[2]), ERR_PARAMS);
		ck_assert_msg(strstr(err.text, refused[i].says) != NULL,
		    "\"%s\" lacks \"%s\"", err.text, refused[i].says);
		ck_assert_ptr_null(strchr(err.text, '\n'));
		cli_finish(&c);
	}
}
END_TEST

START_TEST(help_needs_no_words)
{
	ck_assert_int_eq(PARSE("plugin", "new", "--help"), 0);
	ck_assert(c.help);
	cli_finish(&c);
	ck_assert_int_eq(PARSE("plugin", "--help"), 0);
	ck_assert(c.help);
	ck_assert_ptr_null(c.verb);
	cli_finish(&c);
}
END_TEST

/* The longest line, and how many. */
static void
fits_a_screen(const struct buf *text, size_t lines_max)
{
	struct str rest = buf_view(text), line;
	size_t lines = 0;

	while (rest.len > 0) {
		line = str_split(rest, '\n', &rest);
		ck_assert_msg(line.len <= 100, "too long: %.*s", STR_FMT(line));
		lines++;
	}
	ck_assert_uint_le(lines, lines_max);
}

START_TEST(every_help_fits_a_screen_and_ends_with_examples)
{
	const struct cli_verb *v;
	struct buf out;

	buf_init(&out);
	cli_help_all(&out);
	fits_a_screen(&out, 24);
	for (v = cli_verbs; v->name != NULL; v++) {
		if (v->hidden)
			continue;
		buf_clear(&out);
		cli_help_verb(v, &out);
		/* The load generator has more flags than a screen lines. */
		fits_a_screen(&out, strcmp(v->name, "bench") == 0 ? 34 : 24);
		ck_assert_ptr_nonnull(v->examples[2]);
		ck_assert(str_ends(str_sub(buf_view(&out), 0, out.len - 1),
		    str_of(v->examples[2])));
	}
	buf_clear(&out);
	cli_help_short(&out, "here");
	fits_a_screen(&out, 10);
	buf_finish(&out);
}
END_TEST

START_TEST(text_of_others_cannot_drive_a_terminal)
{
	struct buf out;

	buf_init(&out);
	cli_text(&out, S("a\033[31m\tb\r\n"), true);
	ck_assert(str_equal(buf_view(&out), S("a\\x1b[31m\tb\\r\n")));
	buf_clear(&out);
	cli_text(&out, S("a\033[31m"), false);
	ck_assert(str_equal(buf_view(&out), S("a\033[31m")));
	buf_clear(&out);
	cli_line(&out, S("a\nb"));
	ck_assert(str_equal(buf_view(&out), S("a\\nb")));
	buf_finish(&out);
}
END_TEST

UNIT_MAIN("cli/parse", a_verb_and_its_words_are_told_from_flags,
    a_verb_may_have_two_words, a_flag_may_be_repeated_and_joined,
    short_flags_may_be_grouped, two_dashes_end_the_flags,
    a_single_dash_is_a_value, nothing_given_means_the_defaults,
    times_have_a_unit, revisions_are_in_the_order_of_the_protocol,
    mistakes_are_named_with_the_nearest_word, help_needs_no_words,
    every_help_fits_a_screen_and_ends_with_examples,
    text_of_others_cannot_drive_a_terminal)
