/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a struct cli, by the tables. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/cli_priv.h"
#include "data/settings.h"

#define NAMES_MAX 64 /* flags, or verbs, that can be near */

void
cli_init(struct cli *c)
{
	memset(c, 0, sizeof *c);
	arena_init(&c->arena, 0);
	c->timeout = 60 * NS_PER_S;
	c->log_format = -1;
	c->protocol = -1;
	c->probe = -1;
	c->bench.mode = -1;
}

void
cli_finish(struct cli *c)
{
	arena_finish(&c->arena);
}

const struct cli_verb *
cli_verb_find(const char *first, const char *second)
{
	const struct cli_verb *v;

	for (v = cli_verbs; v->name != NULL; v++) {
		size_t n = strlen(first);

		if (strcmp(v->name, first) == 0)
			return v;
		if (second != NULL && strncmp(v->name, first, n) == 0
		    && v->name[n] == ' '
		    && strcmp(v->name + n + 1, second) == 0)
			return v;
	}
	return NULL;
}

/* Whether verbs of two words begin with this one. */
static bool
is_group(const char *word)
{
	const struct cli_verb *v;
	size_t n = strlen(word);

	for (v = cli_verbs; v->name != NULL; v++)
		if (strncmp(v->name, word, n) == 0 && v->name[n] == ' ')
			return true;
	return false;
}

int
cli_verb_unknown(const char *word, const char *second, struct err *err)
{
	const char *names[NAMES_MAX], *near;
	const struct cli_verb *v;
	bool group = is_group(word);
	size_t n = 0, skip = group ? strlen(word) + 1 : 0;

	if (group && second == NULL)
		return err_set(err, ERR_PARAMS,
		    "\"%s\" wants a second word: see \"toolpost help\"", word);
	for (v = cli_verbs; v->name != NULL && n < NAMES_MAX; v++)
		if (!v->hidden
		    && (!group || strncmp(v->name, word, skip - 1) == 0))
			names[n++] = v->name + skip;
	near = str_nearest(str_of(group ? second : word), names, n);
	if (near != NULL)
		return err_set(err, ERR_PARAMS,
		    "unknown verb \"%s%s%s\" (did you mean \"%s%s%s\"?)", word,
		    group ? " " : "", group ? second : "", group ? word : "",
		    group ? " " : "", near);
	return err_set(err, ERR_PARAMS,
	    "unknown verb \"%s%s%s\": see \"toolpost help\"", word,
	    group ? " " : "", group ? second : "");
}

static const struct cli_flag *
flag_in(const struct cli_flag *flags, struct str name, char letter)
{
	for (; flags->name != NULL; flags++)
		if (letter != 0 ? flags->letter == letter
				: str_equal(str_of(flags->name), name))
			return flags;
	return NULL;
}

static const struct cli_flag *
flag_find(const struct cli *c, struct str name, char letter)
{
	const struct cli_flag *f = flag_in(cli_flags, name, letter);

	if (f == NULL && c->verb != NULL)
		f = flag_in(c->verb->flags, name, letter);
	return f;
}

static int
flag_unknown(const struct cli *c, struct str name, struct err *err)
{
	const char *names[NAMES_MAX], *near;
	const struct cli_flag *f;
	size_t n = 0;

	for (f = cli_flags; f->name != NULL && n < NAMES_MAX; f++)
		names[n++] = f->name;
	if (c->verb != NULL)
		for (f = c->verb->flags; f->name != NULL && n < NAMES_MAX; f++)
			names[n++] = f->name;
	near = str_nearest(name, names, n);
	if (near != NULL)
		return err_set(err, ERR_PARAMS,
		    "unknown flag \"--%.*s\" (did you mean \"--%s\"?)",
		    STR_FMT(name), near);
	return err_set(err, ERR_PARAMS,
	    "unknown flag \"--%.*s\": see \"toolpost help%s%s\"", STR_FMT(name),
	    c->verb != NULL ? " " : "", c->verb != NULL ? c->verb->name : "");
}

static int
choice_take(
    const struct cli_flag *f, struct str text, int *out, struct err *err)
{
	struct buf all;
	size_t i;

	for (i = 0; f->choices[i] != NULL; i++)
		if (str_equal(str_of(f->choices[i]), text)) {
			*out = (int)i;
			return 0;
		}
	buf_init(&all);
	for (i = 0; f->choices[i] != NULL; i++)
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", f->choices[i]);
	(void)err_set(err, ERR_PARAMS, "--%s: \"%.*s\" is none of %.*s",
	    f->name, STR_FMT(text), STR_FMT(buf_view(&all)));
	buf_finish(&all);
	return ERR_PARAMS;
}

static int
scalar_take(
    struct cli *c, const struct cli_flag *f, struct str text, struct err *err)
{
	const struct settings_item item = {
		.key = f->name,
		.type =
		    f->type == CLI_FLAG_TIME ? SETTINGS_DURATION : SETTINGS_INT,
		.offset = f->offset,
		.min = 1,
		.max = f->type == CLI_FLAG_TIME ? 24 * 3600 * NS_PER_S
		    : f->type == CLI_FLAG_LARGE ? INT32_MAX
						: UINT16_MAX,
	};
	struct err why;

	if (settings_scalar(&item, text, c, &c->arena, &why) < 0)
		return err_set(err, ERR_PARAMS, "--%s: %s", f->name, why.text);
	return 0;
}

/* argc bounds every list, so that each is allocated once. */
static int
list_take(struct cli *c, struct cli_strs *list, const char *text, int argc)
{
	if (list->items == NULL)
		list->items =
		    arena_alloc(&c->arena, (size_t)argc * sizeof *list->items);
	if (list->items == NULL)
		return ERR_NOMEM;
	CHECK(list->len < (size_t)argc);
	list->items[list->len++] = text;
	return 0;
}

static int
value_take(struct cli *c, const struct cli_flag *f, const char *text, int argc,
    struct err *err)
{
	char *at = (char *)c + f->offset;

	switch (f->type) {
	case CLI_FLAG_STR:
		*(const char **)(void *)at = text;
		return 0;
	case CLI_FLAG_STRS:
		return list_take(c, (struct cli_strs *)(void *)at, text, argc);
	case CLI_FLAG_CHOICE:
		return choice_take(f, str_of(text), (int *)(void *)at, err);
	case CLI_FLAG_TIME:
	case CLI_FLAG_NUMBER:
	case CLI_FLAG_LARGE:
		return scalar_take(c, f, str_of(text), err);
	default:
		UNREACHABLE();
	}
}

static void
switch_take(struct cli *c, const struct cli_flag *f)
{
	char *at = (char *)c + f->offset;

	if (f->type == CLI_FLAG_COUNT)
		++*(unsigned *)(void *)at;
	else
		*(bool *)(void *)at = true;
}

static bool
wants_value(const struct cli_flag *f)
{
	return f->type != CLI_FLAG_SWITCH && f->type != CLI_FLAG_COUNT;
}

/* "--name", "--name=value", "--name value"; *i moves past what is used. */
static int
long_take(struct cli *c, int argc, char **argv, int *i, struct err *err)
{
	struct str text = str_of(argv[*i] + 2);
	size_t eq = str_find(text, '=');
	struct str name = str_sub(text, 0, eq);
	const struct cli_flag *f = flag_find(c, name, 0);

	if (f == NULL)
		return flag_unknown(c, name, err);
	if (!wants_value(f)) {
		if (eq < text.len)
			return err_set(
			    err, ERR_PARAMS, "--%s takes no value", f->name);
		switch_take(c, f);
		return 0;
	}
	if (eq < text.len)
		return value_take(c, f, text.ptr + eq + 1, argc, err);
	if (*i + 1 >= argc)
		return err_set(err, ERR_PARAMS, "--%s wants a value: %s",
		    f->name, f->value);
	return value_take(c, f, argv[++*i], argc, err);
}

/* "-v", "-vv", "-qh"; no letter takes a value. */
static int
short_take(struct cli *c, const char *word, struct err *err)
{
	const struct cli_flag *f;
	const char *p;

	for (p = word + 1; *p != '\0'; p++) {
		f = flag_find(c, STR_NONE, *p);
		if (f == NULL)
			return err_set(err, ERR_PARAMS,
			    "unknown flag \"-%c\": see \"toolpost help%s%s\"",
			    *p, c->verb != NULL ? " " : "",
			    c->verb != NULL ? c->verb->name : "");
		switch_take(c, f);
	}
	return 0;
}

static int
verb_take(struct cli *c, int argc, char **argv, int *i, struct err *err)
{
	const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
	const char *second = next != NULL && next[0] != '-' ? next : NULL;

	c->verb = cli_verb_find(argv[*i], second);
	if (c->verb == NULL && is_group(argv[*i]) && second == NULL) {
		/* "plugin --help" is a question, not a mistake. */
		if (next != NULL && strcmp(next, "--help") == 0) {
			c->help = true;
			*i = argc;
			return 0;
		}
	}
	if (c->verb == NULL)
		return cli_verb_unknown(argv[*i], second, err);
	if (strchr(c->verb->name, ' ') != NULL)
		++*i;
	return 0;
}

static int
words_check(const struct cli *c, struct err *err)
{
	const struct cli_verb *v = c->verb;

	if (v == NULL || c->help || c->version)
		return 0;
	if (c->words.len < v->words_min)
		return err_set(err, ERR_PARAMS,
		    "something is missing: toolpost %s %s", v->name, v->words);
	if (c->words.len > v->words_max)
		return err_set(err, ERR_PARAMS,
		    "\"%s\" is too much: toolpost %s%s%s",
		    c->words.items[v->words_max], v->name,
		    v->words[0] != '\0' ? " " : "", v->words);
	return 0;
}

int
cli_parse(struct cli *c, int argc, char **argv, struct err *err)
{
	bool flags = true;
	int i, rc = 0;

	for (i = 1; i < argc && rc == 0; i++) {
		const char *word = argv[i];

		if (flags && strcmp(word, "--") == 0)
			flags = false;
		else if (flags && strncmp(word, "--", 2) == 0)
			rc = long_take(c, argc, argv, &i, err);
		else if (flags && word[0] == '-' && word[1] != '\0')
			rc = short_take(c, word, err);
		else if (c->verb == NULL)
			rc = verb_take(c, argc, argv, &i, err);
		else
			rc = list_take(c, &c->words, word, argc);
	}
	if (rc == ERR_NOMEM)
		return err_set(err, rc, "no memory");
	return rc == 0 ? words_check(c, err) : rc;
}
