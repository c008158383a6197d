/* SPDX-License-Identifier: Apache-2.0 */
/* Help, from the tables. */
#include <string.h>

#include "cli/cli_priv.h"

#define COLUMN 20 /* where explanations begin */

static void
pad(struct buf *out, size_t from)
{
	size_t used = out->len - from;

	do
		buf_char(out, ' ');
	while (++used < COLUMN);
}

static void
flag_line(struct buf *out, const struct cli_flag *f)
{
	size_t from = out->len;

	BUF_LIT(out, "  ");
	if (f->letter != 0)
		buf_printf(out, "-%c, ", f->letter);
	buf_printf(out, "--%s%s%s", f->name, f->value != NULL ? " " : "",
	    f->value != NULL ? f->value : "");
	pad(out, from);
	buf_printf(out, "%s\n", f->help);
}

void
cli_help_verb(const struct cli_verb *v, struct buf *out)
{
	const struct cli_flag *f;
	size_t i;

	buf_printf(out, "usage: toolpost %s%s%s%s\n%s\n", v->name,
	    v->flags[0].name != NULL ? " [flags]" : "",
	    v->words[0] != '\0' ? " " : "", v->words, v->help);
	if (v->more != NULL)
		buf_printf(out, "%s", v->more);
	if (v->flags[0].name != NULL)
		buf_char(out, '\n');
	for (f = v->flags; f->name != NULL; f++)
		flag_line(out, f);
	BUF_LIT(out, "\nevery verb:");
	for (f = cli_flags; f->name != NULL; f++)
		buf_printf(out, " --%s", f->name);
	BUF_LIT(out, "\n\nexamples:\n");
	for (i = 0; i < 3 && v->examples[i] != NULL; i++)
		buf_printf(out, "  %s\n", v->examples[i]);
}

/* Verbs of two words share the line of their first: "plugin new|build|..". */
static bool
group_line(const struct cli_verb *v, struct buf *out)
{
	const char *space = strchr(v->name, ' ');
	size_t n, from = out->len, more = 0;

	if (space == NULL)
		return false;
	n = (size_t)(space - v->name) + 1;
	if (v > cli_verbs && strncmp(v[-1].name, v->name, n) == 0)
		return true; /* it is there */
	buf_printf(out, "  %.*sVERB", (int)n, v->name);
	pad(out, from);
	for (; v->name != NULL && strncmp(v->name, space + 1 - n, n) == 0; v++)
		buf_printf(out, "%s%s", more++ > 0 ? ", " : "", v->name + n);
	buf_char(out, '\n');
	return true;
}

void
cli_help_all(struct buf *out)
{
	const struct cli_verb *v;
	const struct cli_flag *f;

	BUF_LIT(
	    out, "usage: toolpost VERB [flags] [words]; toolpost help VERB\n");
	for (v = cli_verbs; v->name != NULL; v++) {
		size_t from = out->len;

		if (v->hidden || v->run == cli_help) /* said above */
			continue;
		if (group_line(v, out))
			continue;
		buf_printf(out, "  %s", v->name);
		pad(out, from);
		buf_printf(out, "%s\n", v->help);
	}
	for (f = cli_flags; f->name != NULL; f++)
		flag_line(out, f);
	BUF_LIT(out,
	    "\n  toolpost serve --plugins ./plugins\n"
	    "  toolpost call hello name=Ada\n"
	    "  toolpost help call\n");
}

void
cli_help_short(struct buf *out, const char *where)
{
	buf_printf(out,
	    "toolpost " TOOLPOST_VERSION ": a server host for MCP tools\n\n"
	    "  server    serve, stdio, status, reload\n"
	    "  client    call, list\n"
	    "  files     check, schema check, schema validate\n"
	    "  plugin    new, build, list, inspect, enable, reload\n"
	    "  about     version, help\n\n"
	    "%s\n"
	    "more: toolpost help, toolpost help VERB\n",
	    where);
}
