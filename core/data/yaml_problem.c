/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's complaints, put as a position, a sentence and what to do. */
#include "data/yaml_priv.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
	const char *problem; /* how libyaml's text begins */
	const char *message;
	const char *hint;
} known[] = {
	{ "mapping values are not allowed",
	  "a second \": \" on one line",
	  "quote the value, or put the key on a line of its own" },
	{ "did not find expected key",
	  "expected a key here",
	  "check the indentation, and quote values that begin with \" or '" },
	{ "did not find expected '-' indicator",
	  "expected \"- \" here",
	  "the items of a list begin in the same column" },
	{ "could not find expected ':'",
	  "expected \": \" after the key above",
	  "a key and its value are written \"key: value\"" },
	{ "block sequence entries are not allowed",
	  "a list cannot begin here",
	  "put \"- \" on a line of its own" },
	{ "did not find expected ',' or ']'",
	  "expected \",\" or \"]\"", "a list in [ ] is not closed" },
	{ "did not find expected ',' or '}'",
	  "expected \",\" or \"}\"", "a map in { } is not closed" },
	{ "found unexpected end of stream",
	  "the file ends inside a quoted value",
	  "add the closing quote" },
	{ "found unexpected document indicator",
	  "\"---\" or \"...\" inside a quoted value",
	  "add the closing quote" },
	{ "found unknown escape character",
	  "unknown escape in double quotes",
	  "write a backslash as \\\\, or use single quotes" },
	{ "found a tab character",
	  "a tab cannot indent", "use spaces" },
	{ "found undefined tag handle", "tags are not accepted",
	  "remove it: the key says what type its value has" },
	{ "found unknown directive name", "directives are not accepted",
	  "remove the % line" },
	{ "control characters are not allowed",
	  "control character in the file", NULL },
};
/* clang-format on */

/* Line and column of a byte offset, for complaints about bytes. */
static struct diag_at
offset_at(struct str text, size_t offset)
{
	struct diag_at at = { 1, 1 };

	for (size_t i = 0; i < offset && i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\n') {
			at.line++;
			at.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

static void
describe_token(struct yaml_problem *out, struct str text, size_t offset)
{
	char c = offset < text.len ? text.ptr[offset] : '\0';

	if (c == '\t') {
		(void)snprintf(
		    out->message, sizeof out->message, "a tab cannot indent");
		out->hint = "use spaces";
		return;
	}
	(void)snprintf(out->message, sizeof out->message,
	    "a value cannot begin with \"%c\"", c > 0x20 && c < 0x7f ? c : '?');
	out->hint = "put it in quotes";
}

static size_t
mark_offset(struct str text, yaml_mark_t mark)
{
	size_t i = 0;

	/* libyaml's index counts characters, not bytes. */
	for (size_t chars = 0; i < text.len; i++) {
		if (((unsigned char)text.ptr[i] & 0xc0) == 0x80)
			continue;
		if (chars++ == mark.index)
			break;
	}
	return i;
}

static void
describe(struct yaml_problem *out, const yaml_parser_t *parser, struct str text)
{
	const char *problem = parser->problem == NULL ? "" : parser->problem;

	if (strncmp(problem, "found character that cannot start", 33) == 0) {
		describe_token(
		    out, text, mark_offset(text, parser->problem_mark));
		return;
	}
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strncmp(problem, known[i].problem, strlen(known[i].problem))
		    != 0)
			continue;
		(void)snprintf(
		    out->message, sizeof out->message, "%s", known[i].message);
		out->hint = known[i].hint;
		return;
	}
	if (parser->context != NULL)
		(void)snprintf(out->message, sizeof out->message,
		    "not valid YAML: %s, %s that begins at %zu:%zu", problem,
		    parser->context, parser->context_mark.line + 1,
		    parser->context_mark.column + 1);
	else
		(void)snprintf(out->message, sizeof out->message,
		    "not valid YAML: %s", problem);
}

void
yaml_problem_of(
    const yaml_parser_t *parser, struct str text, struct yaml_problem *out)
{
	out->code = YAML_CODE_SYNTAX;
	out->hint = NULL;
	out->at = (struct diag_at){ (unsigned)parser->problem_mark.line + 1,
		(unsigned)parser->problem_mark.column + 1 };
	switch (parser->error) {
	case YAML_MEMORY_ERROR:
		out->code = YAML_CODE_NOMEM;
		out->at = (struct diag_at){ 0, 0 };
		(void)snprintf(
		    out->message, sizeof out->message, "out of memory");
		break;
	case YAML_READER_ERROR:
		out->at = offset_at(text, parser->problem_offset);
		describe(out, parser, text);
		if (strstr(out->message, "UTF-8") != NULL)
			(void)snprintf(out->message, sizeof out->message,
			    "not valid UTF-8");
		break;
	default:
		describe(out, parser, text);
	}
}
