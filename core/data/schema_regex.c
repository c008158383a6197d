/* SPDX-License-Identifier: Apache-2.0 */
/* ECMA-262 regular expressions with the u flag, written anew for PCRE2: what it
 * reads otherwise is spelt out, what only it knows is refused. */
#include <string.h>

#include "data/schema_priv.h"
#include "data/uri.h"

#define SPACES \
	"\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
	"\\x{205f}\\x{3000}\\x{feff}\\s"

/* General categories that ECMA-262 knows by more names than PCRE2 does. */
static const char *const categories[][2] = {
	{ "Cased_Letter", "L&" },
	{ "LC", "L&" },
	{ "Close_Punctuation", "Pe" },
	{ "Connector_Punctuation", "Pc" },
	{ "Control", "Cc" },
	{ "cntrl", "Cc" },
	{ "Currency_Symbol", "Sc" },
	{ "Dash_Punctuation", "Pd" },
	{ "Decimal_Number", "Nd" },
	{ "digit", "Nd" },
	{ "Enclosing_Mark", "Me" },
	{ "Final_Punctuation", "Pf" },
	{ "Format", "Cf" },
	{ "Initial_Punctuation", "Pi" },
	{ "Letter", "L" },
	{ "Letter_Number", "Nl" },
	{ "Line_Separator", "Zl" },
	{ "Lowercase_Letter", "Ll" },
	{ "Mark", "M" },
	{ "Combining_Mark", "M" },
	{ "Math_Symbol", "Sm" },
	{ "Modifier_Letter", "Lm" },
	{ "Modifier_Symbol", "Sk" },
	{ "Nonspacing_Mark", "Mn" },
	{ "Number", "N" },
	{ "Open_Punctuation", "Ps" },
	{ "Other", "C" },
	{ "Other_Letter", "Lo" },
	{ "Other_Number", "No" },
	{ "Other_Punctuation", "Po" },
	{ "Other_Symbol", "So" },
	{ "Paragraph_Separator", "Zp" },
	{ "Private_Use", "Co" },
	{ "Punctuation", "P" },
	{ "punct", "P" },
	{ "Separator", "Z" },
	{ "Space_Separator", "Zs" },
	{ "Spacing_Mark", "Mc" },
	{ "Surrogate", "Cs" },
	{ "Symbol", "S" },
	{ "Titlecase_Letter", "Lt" },
	{ "Unassigned", "Cn" },
	{ "Uppercase_Letter", "Lu" },
};

struct translation {
	struct str in;
	size_t at; /* behind what is being read */
	struct buf *out;
	struct err *err;
	bool in_class;
	bool negated; /* the class */
	bool spaces; /* \s is in the class, */
	bool no_spaces; /* and \S */
	size_t class_at; /* where it begins in out */
};

static int
next_byte(const struct translation *t, size_t ahead)
{
	return t->at + ahead < t->in.len
	    ? (unsigned char)t->in.ptr[t->at + ahead]
	    : -1;
}

static int
refuse(struct translation *t, const char *what)
{
	return err_set(t->err, ERR_SYNTAX,
	    "%s at byte %zu of the regular expression", what, t->at);
}

/* Reads exactly n hexadecimal digits; -1 when there are not. */
static long
read_hex(struct translation *t, size_t n)
{
	long value = 0;

	for (size_t i = 0; i < n; i++) {
		int digit = next_byte(t, i) < 0
		    ? -1
		    : uri_hex((unsigned char)next_byte(t, i));

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	t->at += n;
	return value;
}

static int
escape_code_point(struct translation *t)
{
	long value = 0, low;

	if (next_byte(t, 0) == '{') {
		size_t digits =
		    str_find(str_sub(t->in, t->at + 1, t->in.len), '}');

		t->at++;
		if (digits < 1 || digits > 6)
			return refuse(t, "wrong \\u{..}");
		value = read_hex(t, digits);
		if (value < 0 || value > 0x10ffff || next_byte(t, 0) != '}')
			return refuse(t, "wrong \\u{..}");
		t->at++;
	} else {
		value = read_hex(t, 4);
		if (value < 0)
			return refuse(t, "\\u without four digits");
		if (value >= 0xd800 && value < 0xdc00 && next_byte(t, 0) == '\\'
		    && next_byte(t, 1) == 'u') {
			size_t back = t->at;

			t->at += 2;
			low = read_hex(t, 4);
			if (low >= 0xdc00 && low < 0xe000)
				value = 0x10000 + ((value - 0xd800) << 10)
				    + (low - 0xdc00);
			else
				t->at = back;
		}
	}
	buf_printf(t->out, "\\x{%lx}", value);
	return 0;
}

static int
escape_property(struct translation *t, char letter)
{
	struct str name, value;
	size_t end;

	if (next_byte(t, 0) != '{')
		return refuse(t, "\\p without a name");
	t->at++;
	end = str_find(str_sub(t->in, t->at, t->in.len), '}');
	name = str_sub(t->in, t->at, t->at + end);
	if (t->at + end >= t->in.len || name.len == 0)
		return refuse(t, "\\p without a name");
	for (size_t i = 0; i < name.len; i++)
		if (!uri_is_unreserved((unsigned char)name.ptr[i])
		    && name.ptr[i] != '=')
			return refuse(t, "wrong name in \\p");
	t->at += end + 1;
	buf_printf(t->out, "\\%c{", letter);
	name = str_split(name, '=', &value);
	if (str_equal(name, S("Script")) || str_equal(name, S("sc"))) {
		BUF_LIT(t->out, "sc:");
		name = value;
	} else if (str_equal(name, S("Script_Extensions"))
	    || str_equal(name, S("scx"))) {
		BUF_LIT(t->out, "scx:");
		name = value;
	} else if (str_equal(name, S("General_Category"))
	    || str_equal(name, S("gc"))) {
		name = value;
	} else if (value.len > 0) {
		return refuse(t, "wrong name in \\p");
	}
	for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
		if (str_equal(name, str_of(categories[i][0])))
			name = str_of(categories[i][1]);
	buf_str(t->out, name);
	buf_char(t->out, '}');
	return 0;
}

static int
escape_digits(struct translation *t, int c)
{
	unsigned value = (unsigned)(c - '0');
	int digit = next_byte(t, 0);

	if (c == '0') {
		if (digit >= '0' && digit <= '9')
			return refuse(t, "octal escape");
		BUF_LIT(t->out, "\\x00");
		return 0;
	}
	if (t->in_class)
		return refuse(t, "back reference in a class");
	while (digit >= '0' && digit <= '9' && value < 10000) {
		value = value * 10 + (unsigned)(digit - '0');
		t->at++;
		digit = next_byte(t, 0);
	}
	buf_printf(t->out, "\\g{%u}", value);
	return 0;
}

static int
escape_letter(struct translation *t, int c)
{
	long value;

	switch (c) {
	case 's':
		t->spaces = t->spaces || t->in_class;
		buf_cstr(t->out, t->in_class ? SPACES : "[" SPACES "]");
		return 0;
	case 'S':
		/* In a class it is written when that ends. */
		if (!t->in_class)
			BUF_LIT(t->out, "[^" SPACES "]");
		t->no_spaces = t->no_spaces || t->in_class;
		return 0;
	case 'v':
		BUF_LIT(t->out, "\\x0b");
		return 0;
	case 'x':
		value = read_hex(t, 2);
		if (value < 0)
			return refuse(t, "\\x without two digits");
		buf_printf(t->out, "\\x{%lx}", value);
		return 0;
	case 'u':
		return escape_code_point(t);
	case 'p':
	case 'P':
		return escape_property(t, (char)c);
	case 'c':
		c = next_byte(t, 0);
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return refuse(t, "\\c without a letter");
		t->at++;
		buf_printf(t->out, "\\x{%x}", (unsigned)c % 32);
		return 0;
	case 'k':
		if (t->in_class || next_byte(t, 0) != '<')
			return refuse(t, "\\k without a name");
		BUF_LIT(t->out, "\\k");
		return 0;
	default:
		break;
	}
	if (strchr("dDwWfnrtb", c) == NULL && (c != 'B' || t->in_class))
		return refuse(t, "escape that ECMA-262 does not know");
	buf_printf(t->out, "\\%c", c);
	return 0;
}

static int
translate_escape(struct translation *t)
{
	int c = next_byte(t, 0);

	if (c < 0)
		return refuse(t, "\\ at the end");
	t->at++;
	if (c >= '0' && c <= '9')
		return escape_digits(t, c);
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return escape_letter(t, c);
	/* Any sign may be escaped: more than the u flag allows, but what
	 * people write. */
	if (c > ' ' && c < 0x7f)
		buf_char(t->out, '\\');
	buf_char(t->out, (char)c);
	return 0;
}

static int
translate_group(struct translation *t)
{
	struct str rest = str_sub(t->in, t->at, t->in.len);

	if (str_starts(rest, S("*")))
		return refuse(t, "nothing to repeat");
	if (str_starts(rest, S("?")) && !str_starts(rest, S("?:"))
	    && !str_starts(rest, S("?=")) && !str_starts(rest, S("?!"))
	    && !str_starts(rest, S("?<")))
		return refuse(t, "group that ECMA-262 does not know");
	buf_char(t->out, '(');
	if (rest.len > 1 && rest.ptr[0] == '?') {
		buf_append(t->out, rest.ptr, 2);
		t->at += 2;
	}
	return 0;
}

/* The length of "{n,m}" behind the brace, or 0 when it is only a brace. */
static size_t
quantifier_len(const struct translation *t)
{
	size_t i = 0;

	while (next_byte(t, i) >= '0' && next_byte(t, i) <= '9')
		i++;
	if (i == 0)
		return 0;
	if (next_byte(t, i) == ',') {
		i++;
		while (next_byte(t, i) >= '0' && next_byte(t, i) <= '9')
			i++;
	}
	return next_byte(t, i) == '}' ? i + 1 : 0;
}

static int
translate_quantifier(struct translation *t, int c)
{
	size_t len = c == '{' ? quantifier_len(t) : 0;

	if (c == '{' && len == 0) {
		BUF_LIT(t->out, "\\{");
		return 0;
	}
	buf_char(t->out, (char)c);
	buf_append(t->out, t->in.ptr + t->at, len);
	t->at += len;
	if (next_byte(t, 0) == '+')
		return refuse(t, "nothing to repeat");
	if (next_byte(t, 0) == '?') {
		buf_char(t->out, '?');
		t->at++;
		if (next_byte(t, 0) == '?' || next_byte(t, 0) == '+')
			return refuse(t, "nothing to repeat");
	}
	return 0;
}

/* PCRE2 knows \S in a class only as what is no ASCII space, and there are no
 * classes within classes: "[\Sx]" becomes an alternative, "[^\Sx]" the spaces
 * that the rest has not. */
static int
close_class(struct translation *t)
{
	struct str rest = str_sub(buf_view(t->out), t->class_at, t->out->len);
	struct buf copy;

	t->in_class = false;
	if (!t->no_spaces) {
		buf_char(t->out, ']');
		return 0;
	}
	if (t->spaces) { /* everything */
		t->out->len = t->class_at - (t->negated ? 2 : 1);
		buf_cstr(t->out, t->negated ? "[]" : "[^]");
		return 0;
	}
	buf_init(&copy);
	buf_str(&copy, rest);
	t->out->len = t->class_at - (t->negated ? 2 : 1);
	if (rest.len == 0)
		buf_cstr(t->out, t->negated ? "[" SPACES "]" : "[^" SPACES "]");
	else if (t->negated)
		buf_printf(t->out, "(?:(?![%.*s])[" SPACES "])",
		    STR_FMT(buf_view(&copy)));
	else
		buf_printf(t->out, "(?:[^" SPACES "]|[%.*s])",
		    STR_FMT(buf_view(&copy)));
	t->out->failed = t->out->failed || copy.failed;
	buf_finish(&copy);
	return 0;
}

static int
translate_class_byte(struct translation *t, int c)
{
	if (c == '\\')
		return translate_escape(t);
	if (c == '[') {
		BUF_LIT(t->out, "\\["); /* no [:names:] in ECMA-262 */
		return 0;
	}
	if (c == ']')
		return close_class(t);
	buf_char(t->out, (char)c);
	return 0;
}

static int
translate_byte(struct translation *t, int c)
{
	switch (c) {
	case '\\':
		return translate_escape(t);
	case '(':
		return translate_group(t);
	case '*':
	case '+':
	case '?':
	case '{':
		return translate_quantifier(t, c);
	case '[':
		t->in_class = true;
		t->spaces = t->no_spaces = false;
		buf_char(t->out, '[');
		t->negated = next_byte(t, 0) == '^';
		if (t->negated) {
			t->at++;
			buf_char(t->out, '^');
		}
		t->class_at = t->out->len;
		return 0;
	case '.':
		BUF_LIT(t->out, "[^\\n\\r\\x{2028}\\x{2029}]");
		return 0;
	default:
		buf_char(t->out, (char)c);
		return 0;
	}
}

int
schema_regex_translate(struct str source, struct buf *out, struct err *err)
{
	struct translation t = { .in = source, .out = out, .err = err };
	int rc = 0;

	if (source.len > SCHEMA_PATTERN_MAX)
		return err_set(err, ERR_LIMIT,
		    "regular expression longer than %d bytes",
		    SCHEMA_PATTERN_MAX);
	while (rc == 0 && t.at < source.len) {
		int c = next_byte(&t, 0);

		t.at++;
		rc = t.in_class ? translate_class_byte(&t, c)
				: translate_byte(&t, c);
	}
	if (rc == 0 && out->failed)
		return err_set(err, ERR_NOMEM, "out of memory");
	return rc;
}
