/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of ECMA-262 (u flag), translated for PCRE2.  What ECMA
 * does not know is refused, which also keeps out recursion, call-outs and
 * verbs.  \d, \w and \b are ASCII, \s is Unicode white space, "$" is the very
 * end.  Two things differ: a lookbehind must have a fixed length, and \S inside
 * a class takes the white space that is not ASCII.
 *
 * The cost of a match is metered: every pattern is compiled with automatic
 * call-outs, which count items tried and bytes passed, and end the match when
 * the steps of the validation run out.  Anchored patterns also have a plain
 * form for short texts, where a small match limit is bound enough. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "data/schema_priv.h"
#include "data/uri.h"

#define PLAIN_TEXT_MAX 64 /* bytes matched without a meter */
#define UNITS_PER_STEP 4 /* a call-out is cheaper than a step */
#define MATCH_HEAP_KIB 8192
#define MATCH_DEPTH_MAX 100000
#define MATCH_SPACE 24576 /* PCRE2 wants 20 KiB for its frames */

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

#define LOOKBEHIND "a lookbehind of variable length is not supported"

struct translation {
	struct str in;
	size_t at; /* behind what is being read */
	struct buf *out;
	struct err *err;
	bool in_class;
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
		buf_cstr(t->out, t->in_class ? SPACES : "[" SPACES "]");
		return 0;
	case 'S':
		/* Inside a class the Unicode spaces stay in. */
		buf_cstr(t->out, t->in_class ? "\\S" : "[^" SPACES "]");
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
		t->in_class = false;
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
		buf_char(t->out, '[');
		if (next_byte(t, 0) == '^') {
			t->at++;
			buf_char(t->out, '^');
		}
		return 0;
	case '.':
		BUF_LIT(t->out, "[^\\n\\r\\x{2028}\\x{2029}]");
		return 0;
	default:
		buf_char(t->out, (char)c);
		return 0;
	}
}

static int
translate(struct str source, struct buf *out, struct err *err)
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

static pcre2_code *
compile_code(struct str text, uint32_t options, pcre2_compile_context *context,
    struct err *err)
{
	PCRE2_SIZE at = 0;
	pcre2_code *code;
	PCRE2_UCHAR why[160];
	int number = 0;

	code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len,
	    options | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C
		| PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF,
	    &number, &at, context);
	if (code != NULL)
		return code;
	if (pcre2_get_error_message(number, why, sizeof why) < 0)
		why[0] = '\0';
	(void)err_set(err, ERR_SYNTAX, "%s",
	    number == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH
		? LOOKBEHIND
		: (const char *)why);
	return NULL;
}

int
schema_pattern_compile(
    struct schema_pattern *p, struct str source, struct err *err)
{
	pcre2_compile_context *context = NULL;
	uint32_t options = 0;
	struct buf text;
	int rc;

	p->plain = NULL;
	p->metered = NULL;
	buf_init(&text);
	rc = translate(source, &text, err);
	if (rc < 0)
		goto out;
	rc = ERR_NOMEM;
	buf_char(&text, '\0'); /* never a NULL pattern */
	context = pcre2_compile_context_create(NULL);
	if (context == NULL || text.failed) {
		(void)err_set(err, rc, "out of memory");
		goto out;
	}
	pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
	pcre2_set_compile_extra_options(
	    context, PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
	rc = ERR_SYNTAX;
	text.len--;
	p->metered =
	    compile_code(buf_view(&text), PCRE2_AUTO_CALLOUT, context, err);
	if (p->metered == NULL)
		goto out;
	rc = 0;
	(void)pcre2_pattern_info(p->metered, PCRE2_INFO_ALLOPTIONS, &options);
	if ((options & PCRE2_ANCHORED) != 0)
		p->plain = compile_code(buf_view(&text), 0, context, err);
out:
	pcre2_compile_context_free(context);
	buf_finish(&text);
	return rc;
}

void
schema_pattern_finish(struct schema_pattern *p)
{
	pcre2_code_free(p->plain);
	pcre2_code_free(p->metered);
	p->plain = NULL;
	p->metered = NULL;
}

bool
schema_pattern_is_valid(struct str source)
{
	struct schema_pattern p;
	struct err err = { 0 };
	int rc = schema_pattern_compile(&p, source, &err);

	schema_pattern_finish(&p);
	/* ECMA-262 has it, PCRE2 has not: right, though not to be run. */
	return rc == 0 || strstr(err.text, LOOKBEHIND) != NULL;
}

/* Memory for one match, on the stack: PCRE2 allocates through it, so that a
 * match of ordinary size never reaches malloc(). */
struct space {
	size_t used;
	_Alignas(16) char bytes[MATCH_SPACE];
};

static void *
space_alloc(PCRE2_SIZE len, void *arg)
{
	struct space *s = arg;
	char *p = s->bytes + s->used;

	len = (len + 15) & ~(PCRE2_SIZE)15;
	if (len > MATCH_SPACE - s->used)
		return malloc(len);
	s->used += len;
	return p;
}

static void
space_free(void *p, void *arg)
{
	struct space *s = arg;

	if ((uintptr_t)p < (uintptr_t)s->bytes
	    || (uintptr_t)p >= (uintptr_t)s->bytes + MATCH_SPACE)
		free(p);
}

struct meter {
	uint64_t left;
	size_t position;
};

static int
meter_callout(pcre2_callout_block *block, void *arg)
{
	struct meter *m = arg;
	size_t at = block->current_position;
	size_t moved = at > m->position ? at - m->position : m->position - at;
	uint64_t cost = 1 + moved / 16;

	m->position = at;
	if (cost > m->left) {
		m->left = 0;
		return PCRE2_ERROR_CALLOUT;
	}
	m->left -= cost;
	return 0;
}

static enum schema_match
run_code(const pcre2_code *code, struct str text, uint32_t match_limit,
    struct meter *meter)
{
	struct space space;
	pcre2_general_context *general;
	pcre2_match_context *context;
	pcre2_match_data *data = NULL;
	int rc = PCRE2_ERROR_NOMEMORY;

	space.used = 0;
	general = pcre2_general_context_create(space_alloc, space_free, &space);
	context = general == NULL ? NULL : pcre2_match_context_create(general);
	if (context != NULL)
		data = pcre2_match_data_create(1, general);
	if (data != NULL) {
		pcre2_set_match_limit(context, match_limit);
		pcre2_set_depth_limit(context, MATCH_DEPTH_MAX);
		pcre2_set_heap_limit(context, MATCH_HEAP_KIB);
		if (meter != NULL)
			pcre2_set_callout(context, meter_callout, meter);
		rc = pcre2_match(
		    code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, data, context);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	pcre2_general_context_free(general);
	if (rc >= 0)
		return MATCH_YES;
	switch (rc) {
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_CALLOUT:
		return MATCH_COST;
	case PCRE2_ERROR_NOMEMORY:
		return MATCH_NOMEM;
	default:
		return MATCH_NO;
	}
}

enum schema_match
schema_pattern_match(
    const struct schema_pattern *p, struct str text, uint64_t *steps)
{
	struct meter meter = { 0 };
	enum schema_match found;
	uint64_t units;

	if (text.ptr == NULL)
		text = S("");
	if (p->plain != NULL && text.len <= PLAIN_TEXT_MAX) {
		uint64_t cost = 1 + text.len / 16;

		if (cost > *steps)
			return MATCH_COST;
		*steps -= cost;
		found =
		    run_code(p->plain, text, 64 + 8 * (uint32_t)text.len, NULL);
		if (found != MATCH_COST)
			return found;
	}
	units = *steps > UINT32_MAX ? UINT32_MAX : *steps * UNITS_PER_STEP;
	meter.left = units;
	found = run_code(p->metered, text, UINT32_MAX, &meter);
	*steps -= (units - meter.left) / UNITS_PER_STEP;
	if (*steps > 0)
		*steps -= 1;
	return found;
}
