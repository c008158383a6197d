/* SPDX-License-Identifier: Apache-2.0 */
/* The pages say what the tables say: every verb, flag and setting. */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/file.h"
#include "cli/cli_priv.h"
#include "server/config.h"

#define GUIDE "docs/guide/configuration.md"
#define PAGE_VERBS "docs/man/toolpost.1"
#define PAGE_SETTINGS "docs/man/toolpost.yaml.5"

static struct buf page;
static const char *page_name;

/* Tests run in the project's folder. */
static void
open_page(const char *path)
{
	FILE *f = fopen(path, "r");
	char part[4096];
	size_t n;

	ck_assert_msg(f != NULL, "%s cannot be read", path);
	buf_init(&page);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_append(&page, part, n);
	(void)fclose(f);
	buf_char(&page, '\0');
	page_name = path;
}

static void
expect(const struct buf *text)
{
	struct buf copy;
	char *wanted;

	buf_init(&copy);
	buf_str(&copy, buf_view(text));
	wanted = buf_take(&copy);
	ck_assert_ptr_nonnull(wanted);
	ck_assert_msg(strstr(page.ptr, wanted) != NULL, "%s lacks:\n%s",
	    page_name, wanted);
	free(wanted);
}

static const char *
type_name(enum settings_type type)
{
	static const char *const names[] = { "text", "true, false", "number",
		"size", "duration", "rate", "word", "list", "map", "map" };

	return names[type];
}

/* | `limits.body` | size | `4MiB` | Largest request body; .. | */
static void
guide_row(const struct settings_item *i, const char *prefix, struct buf *out)
{
	size_t k;

	buf_printf(out, "| `%s%s` | ", prefix, i->key);
	if (i->type == SETTINGS_ENUM)
		for (k = 0; i->names[k] != NULL; k++)
			buf_printf(out, "%s%s", k > 0 ? ", " : "", i->names[k]);
	else
		buf_cstr(out, type_name(i->type));
	if (i->fallback != NULL)
		buf_printf(out, " | `%s` |", i->fallback);
	else
		BUF_LIT(out, " | |");
	buf_printf(out, " %s |\n", i->help);
}

/* .It Ic limits.body : Ar size Pq Li 4MiB */
static void
man_item(const struct settings_item *i, const char *prefix, struct buf *out)
{
	buf_printf(out, ".It Ic %s%s", prefix, i->key);
	if (i->fallback != NULL)
		buf_printf(out, " Pq Li %s", i->fallback);
	buf_printf(out, "\n%s\n", i->help);
}

static void
expect_settings(const struct settings_item *items, const char *prefix,
    void (*line)(const struct settings_item *, const char *, struct buf *))
{
	const struct settings_item *i;
	char inner[128];
	struct buf text;

	for (i = items; i->key != NULL; i++) {
		if (i->type == SETTINGS_MAP) {
			(void)snprintf(
			    inner, sizeof inner, "%s%s.", prefix, i->key);
			expect_settings(i->items, inner, line);
			continue;
		}
		if (i->type == SETTINGS_NODE)
			continue;
		buf_init(&text);
		line(i, prefix, &text);
		if (getenv("TOOLPOST_DOCS_PRINT") != NULL)
			printf("%.*s", STR_FMT(buf_view(&text)));
		else
			expect(&text);
		buf_finish(&text);
	}
}

START_TEST(the_guide_has_every_setting_with_its_default)
{
	open_page(GUIDE);
	expect_settings(server_settings, "", guide_row);
	expect_settings(server_plugin_settings, "plugins.", guide_row);
	buf_finish(&page);
}
END_TEST

START_TEST(the_manual_has_every_setting_with_its_default)
{
	open_page(PAGE_SETTINGS);
	expect_settings(server_settings, "", man_item);
	expect_settings(server_plugin_settings, "plugins.", man_item);
	buf_finish(&page);
}
END_TEST

static void
man_flags(const struct cli_flag *flags)
{
	struct buf text;

	for (; flags->name != NULL; flags++) {
		buf_init(&text);
		BUF_LIT(&text, ".It ");
		if (flags->letter != 0)
			buf_printf(&text, "Fl %c , ", flags->letter);
		buf_printf(&text, "Fl -%s", flags->name);
		if (flags->value != NULL)
			buf_printf(&text, " Ar %s", flags->value);
		buf_char(&text, '\n');
		if (getenv("TOOLPOST_DOCS_PRINT") != NULL)
			printf(
			    "%.*s%s\n", STR_FMT(buf_view(&text)), flags->help);
		else
			expect(&text);
		buf_finish(&text);
	}
}

START_TEST(the_manual_has_every_verb_and_flag)
{
	const struct cli_verb *v;
	struct buf text;

	open_page(PAGE_VERBS);
	man_flags(cli_flags);
	for (v = cli_verbs; v->name != NULL; v++) {
		if (v->hidden)
			continue;
		buf_init(&text);
		buf_printf(&text, ".Ss %s\n%s\n", v->name, v->help);
		if (getenv("TOOLPOST_DOCS_PRINT") != NULL)
			printf("%.*s", STR_FMT(buf_view(&text)));
		else
			expect(&text);
		buf_finish(&text);
		man_flags(v->flags);
	}
	buf_finish(&page);
}
END_TEST

UNIT_MAIN("cli/docs", the_guide_has_every_setting_with_its_default,
    the_manual_has_every_setting_with_its_default,
    the_manual_has_every_verb_and_flag)
